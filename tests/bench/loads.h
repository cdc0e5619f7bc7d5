/*
 * loads - what the bench asks of a running house.
 */
#ifndef LOADS_H
#define LOADS_H

#include "aid/house.h"
#include "bench/bench.h"

/* load_contact - the packed request that opens the n-th contact (a question, by telephone). */
struct bytes load_contact(struct arena *arena, size_t n);

/* load_repair - an urgent repair without a caller, that happened at event_ms (0: now). */
struct bytes load_repair(struct arena *arena, size_t n, int64_t event_ms);

/* load_many - open cases, 64 in flight; `load` packs the n-th. */
extern const char load_open[]; /* the method */
void load_many(struct house *house, struct bytes (*load)(struct arena *arena, size_t n),
               size_t first, size_t n);

/* load_token - of a person by name; kept. */
struct bytes load_token(struct house *house, const char *name);

/* load_cpu_us - CPU that a service's process has used. */
int64_t load_cpu_us(const struct house *house, const char *service);

void bench_contacts(struct house *house);
void bench_bus(struct house *house);
void bench_visible(struct house *house);
void bench_breach(struct house *house);
void bench_reads(struct house *house);
void bench_reports(struct house *house);
void bench_start(struct house *house);
void bench_start_large(struct house *house);
void bench_memory(struct house *house);

#endif
