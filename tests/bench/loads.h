/*
 * loads - what the bench asks of a running house.
 */
#ifndef LOADS_H
#define LOADS_H

#include "aid/house.h"
#include "bench/bench.h"
#include "host/client.h"

/* load_contact - the packed request that opens the n-th contact (a question, by telephone). */
struct bytes load_contact(struct arena *arena, size_t n);

/* load_repair - an urgent repair without a caller, that happened at event_ms (0: now). */
struct bytes load_repair(struct arena *arena, size_t n, int64_t event_ms);

/* load_emergency - somebody is stuck in a lift, since event_ms: the first page leaves at once. */
struct bytes load_emergency(struct arena *arena, size_t n, int64_t event_ms);

/* load_household_repair - a household's repair; load_complaint; load_round - of a steward. */
struct bytes load_household_repair(struct arena *arena, size_t n);
struct bytes load_complaint(struct arena *arena, size_t n);
struct bytes load_round(struct arena *arena, size_t n);

/* load_many - open cases, 64 in flight; `load` packs the n-th. */
extern const char load_open[]; /* the method */
void load_many(struct house *house, struct bytes (*load)(struct arena *arena, size_t n),
               size_t first, size_t n);

/* load_token - of a person by name; kept. */
struct bytes load_token(struct house *house, const char *name);

/* load_start_s - start a service that does not run; seconds until its first answer. */
double load_start_s(struct house *house, const char *service);

/*
 * load_bus - a link to the bus with the key of a service.  load_append - the next n events of a
 * source of our own; `make` fills each: topic, case, fields.  The answer's arg is the source.
 */
struct load_source {
    uint8_t id[16];
    uint64_t seq;
};
typedef void load_event(Wire__Event *event, struct arena *arena);
struct client *load_bus(struct house *house, size_t in_flight);
void load_append(struct client *client, struct arena *arena, struct load_source *source, size_t n,
                 load_event *make);
load_event load_notice; /* what an emergency says to a household (`tell: household`) */

/* load_cpu_us - CPU that a service's process has used. */
int64_t load_cpu_us(const struct house *house, const char *service);

/* load_written_bytes - what it has given to the disk so far, the pages of its store and their log.
 */
int64_t load_written_bytes(const struct house *house, const char *service);

void bench_contacts(struct house *house);
void bench_bus(struct house *house);
void bench_visible(struct house *house);
void bench_breach(struct house *house);
void bench_reads(struct house *house);
void bench_reports(struct house *house);
void bench_start(struct house *house);
void bench_start_large(struct house *house);
void bench_memory(struct house *house);
void bench_notices(struct house *house);
void bench_start_1gb(struct house *house);
void bench_company_hour(struct house *house);
void bench_overload(struct house *house);

#endif
