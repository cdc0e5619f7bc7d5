/*
 * reports_aid - a reports service in this process, a bus that says what it is told to,
 * and a history of events to say.
 */
#ifndef REPORTS_AID_H
#define REPORTS_AID_H

#include "base/seal.h"
#include "core/core.h"
#include "harness.h"
#include "shouwen/reports/v1/reports.pb-c.h"

enum { AID_EVENTS_MAX = 8192, AID_SOURCES = 4 };

/* What happened, in the order it happened; each source counts its own. */
struct history {
    struct arena *arena;
    size_t count;
    struct {
        struct bytes event;
        int source;
        Wire__Lane lane;
    } said[AID_EVENTS_MAX];
    uint64_t seq[AID_SOURCES][2];
    uint64_t position[AID_SOURCES];
};

enum { TICKETING, REGISTRY, PATROL, OLD_REPORTS };

struct history *history_new(void);
/* history_say - an event: its fields as JSON with ' for ", its time as RFC 3339. */
void history_say(struct history *history, int source, const char *topic, const char *case_no,
                 const char *when, const char *fields);
/* history_say_late - entered later than it happened. */
void history_say_late(struct history *history, int source, const char *topic, const char *case_no,
                      const char *when, const char *entered, const char *fields);
/* history_publish - the manual of the tests; `kpis` NULL: its own. */
void history_publish(struct history *history, int revision, const char *kpis);

struct world {
    struct core *core;
    struct secrets secrets;
    struct arena *arena;
    int64_t now_ms;
    const char *path;
    size_t group_max;
    size_t chunk; /* events of one reply */
    struct bytes *lanes[2];
    size_t counts[2];
    struct {
        bool waiting;
        uint8_t id[CORE_ID_SIZE];
        uint64_t after;
    } pulls[2];
    uint32_t requests;
    uint64_t seed;
};

/* world_new - at a time; `group_max` 0: as large as they come. */
struct world *world_new(const char *when, size_t group_max, size_t chunk);
struct world *world_at(const char *path, const char *when);
void world_free(struct world *world);

/* world_hear - these events of the history come, in this order. */
void world_hear(struct world *world, const struct history *history, size_t from, size_t to);

/* world_hear_mixed - all of it, sources and lanes mixed by a seed; each lane in its order. */
void world_hear_mixed(struct world *world, const struct history *history, uint64_t seed);

/* world_run - until nothing is due. */
void world_run(struct world *world);

/* world_until - the time passes, and what falls due happens. */
void world_until(struct world *world, const char *when);

/* world_ask - by somebody who may; the reply must be OK. */
void *world_ask(struct world *world, const char *method, const ProtobufCMessage *payload);

/* world_refused - its code and rule. */
const char *world_refused(struct world *world, const char *method, const ProtobufCMessage *payload,
                          const char *role, Wire__Code code);

const Reports__Figure *world_kpi(struct world *world, const char *name, const char *period);

/* world_dump - every row of every projection, as text. */
const char *world_dump(struct world *world);

/* world_said - how many events of its own this service has put on a topic. */
int world_said(struct world *world, const char *topic);

/* CHECK_KPI - a figure is num/den. */
#define CHECK_KPI(world, name, period, num, den)                                                   \
    do {                                                                                           \
        const Reports__Figure *figure_ = world_kpi(world, name, period);                           \
        if (figure_->numerator != (num) || figure_->denominator != (den)) {                        \
            (void)fprintf(stderr, "# %s:%d: %s of %s is %lld/%lld\n", __FILE__, __LINE__, name,    \
                          period, (long long)figure_->numerator, (long long)figure_->denominator); \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#endif
