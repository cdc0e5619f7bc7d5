/*
 * The peak hour of a company of 4,000 estates (6 million households), ten times as dense, for 120
 * seconds of it.  Its figures in a second, times ten:
 *
 *     contacts       7.5   75   of which 52 are answered at once,
 *     repairs        2.1   21   are repairs from the call to `done` (50,000 a day, 15 % in the
 * hour), complaints     0.1    1   and complaints return visits  1.9   20   opened by the repairs
 * that are done urgent pages   0.25   2.5 12 % of the repairs; every repair pages its technician
 * too patrol rows   80    800   32 rounds of 25 points notices       62    620   1.5 million a day,
 * 15 % in the hour
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aid/ledger.h"
#include "bench/alarms.h"
#include "bench/flow.h"
#include "bench/sink.h"
#include "harness.h"

enum {
    HOUR_S = 120,
    FLOWS = 4,
    IDS_MAX = 200000,
    NOTICES_PER_S = 620,
    NOTICE_BATCH = 31,
    NOTICES_IN_FLIGHT = 64,
    ARRIVALS = 60000,
    POINTS = 25,
    STEP_MS = 1000,
    POINT_MS = 100,
    FINISH_MS = 30000,
    SYNCS = 500,
    ARENA = 1 << 20,
};

static const double pages_per_s = 2.5;

static const struct flow_step contact_steps[] = {
    {"answer_now", "王丽", {"answer", "十一月十五日开始供暖。"}, 0}, {0}};
static const struct flow_step repair_steps[] = {
    {"dispatch", "李强", {"assignee", "S402"}, 0},
    {"ack", "周涛", {0}, 0},
    {"arrive", "周涛", {0}, 0},
    {"start", "周涛", {0}, 0},
    {"done", "周涛", {"result", "fixed", "photos", "1"}, 0},
    {0}};
static const struct flow_step no_steps[] = {{0}};
static const struct flow_step round_steps[] = {
    {"start", "刘洋", {0}, 0},
    {"record", "刘洋", {"checkpoint", "1号楼1单元"}, POINTS},
    {"finish", "刘洋", {0}, 0},
    {0}};

static const struct flow_kind kinds[FLOWS] = {
    {"ticketing", 53, load_contact, "王丽", STEP_MS, contact_steps},
    {"ticketing", 21, load_household_repair, "王丽", STEP_MS, repair_steps},
    {"ticketing", 1, load_complaint, "张敏", STEP_MS, no_steps},
    {"patrol", 32, load_round, "孙红", POINT_MS, round_steps},
};

struct company {
    struct flow *flows[FLOWS];
    struct client *bus;
    struct arena *arena;
    struct load_source notices;
    size_t told, confirmed;
    int64_t begun_us;
    bool begin;
};

/* ---- the hour ---- */

static void tell_more(struct company *company) {
    struct client_answer answer;
    double seconds = (double)(bench_now_us() - company->begun_us) / 1e6;

    while (company->begin && seconds * NOTICES_PER_S > (double)(company->told + NOTICE_BATCH)
           && client_in_flight(company->bus) < NOTICES_IN_FLIGHT) {
        load_append(company->bus, company->arena, &company->notices, NOTICE_BATCH, load_notice);
        company->told += NOTICE_BATCH;
    }
    while (client_next(company->bus, 0, &answer) == 1) {
        CHECK(answer.code == WIRE__CODE__OK);
        company->confirmed += NOTICE_BATCH;
    }
}

static void turn(void *arg) {
    struct company *company = arg;

    company->begun_us = company->begun_us ? company->begun_us : bench_now_us();
    for (size_t i = 0; i < FLOWS; i++) {
        flow_turn(company->flows[i], company->begin);
    }
    tell_more(company);
}

static bool unfinished(const struct company *company) {
    size_t left = company->told - company->confirmed;

    for (size_t i = 0; i < FLOWS; i++) {
        left += flow_unfinished(company->flows[i]);
    }
    return left > 0;
}

/* What has begun is brought to its end. */
static void finish(struct company *company) {
    int64_t until_ms = house_now_ms() + FINISH_MS;

    company->begin = false;
    while (unfinished(company)) {
        CHECK(house_now_ms() < until_ms);
        turn(company);
        (void)poll(NULL, 0, 1);
    }
}

/* ---- was anything lost? ---- */

struct search {
    struct flow_ids *ids; /* sorted */
    bool *found;
};

static int by_id(const void *a, const void *b) {
    return memcmp(a, b, CLIENT_ID_SIZE);
}

static void look(void *arg, const Wire__Event *event) {
    struct search *search = arg;

    if (!event->cause || event->cause->request.len != CLIENT_ID_SIZE) {
        return;
    }
    uint8_t(*at)[CLIENT_ID_SIZE] = bsearch(event->cause->request.data, search->ids->list,
                                           search->ids->count, CLIENT_ID_SIZE, by_id);
    if (at) {
        search->found[at - search->ids->list] = true;
    }
}

/* Acknowledged, and among no service's events; or said, and not in the reports' journal. */
static size_t lost(struct house *house, struct flow_ids *ids) {
    static const char *const services[] = {"ticketing", "patrol"};
    struct search search = {ids, calloc(ids->count, sizeof(bool))};
    size_t missing = 0;

    CHECK(search.found);
    qsort(ids->list, ids->count, CLIENT_ID_SIZE, by_id);
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        (void)events_each(house, services[i], look, &search);
    }
    for (size_t i = 0; i < ids->count; i++) {
        missing += !search.found[i];
    }
    free(search.found);
    return missing;
}

static double count_in(const struct house *house, const char *service, const char *table) {
    char store[PATH_MAX + 32];

    (void)snprintf(store, sizeof store, "%s/%s.db", house->dir, service);
    return raw_count(store, table);
}

/* ---- what came of it ---- */

/* What each service has used so far. */
struct used {
    int64_t cpu_us[INSTANCE_NAME_MAX];
    int64_t written_bytes[INSTANCE_NAME_MAX];
};

static void look_at_use(struct house *house, struct used *used) {
    for (size_t i = 0; instance_services[i]; i++) {
        used->cpu_us[i] = load_cpu_us(house, instance_services[i]);
        used->written_bytes[i] = load_written_bytes(house, instance_services[i]);
    }
}

static void say_use(const struct used *before, const struct used *after) {
    char name[64];
    double cpu = 0;
    double written = 0;

    for (size_t i = 0; instance_services[i]; i++) {
        double cores = (double)(after->cpu_us[i] - before->cpu_us[i]) / 1e6 / HOUR_S;
        double mb = (double)(after->written_bytes[i] - before->written_bytes[i]) / 1e6 / HOUR_S;
        (void)snprintf(name, sizeof name, "hour_cpu_%s", instance_services[i]);
        bench_line(name, cores * 100, "% of a core", 0, NULL);
        (void)snprintf(name, sizeof name, "hour_disk_%s", instance_services[i]);
        bench_line(name, mb, "MB/s", 0, NULL);
        cpu += cores;
        written += mb;
    }
    bench_line("hour_cpu_all", cpu * 100, "% of a core", 0, NULL);
    bench_line("hour_disk_all", written, "MB/s", 0, NULL);
}

static void say_pages(struct house *house, struct alarms *alarms) {
    struct sample late = {0};
    struct sample sync = {0};
    size_t missing = alarms_late(alarms, FINISH_MS, &late);

    raw_fdatasync(house->dir, SYNCS, &sync);
    double disk = (double)sample_at(&sync, 0.99) / 1000;
    double worst = (double)sample_at(&late, 1) / 1000;
    double p99 = (double)sample_at(&late, 0.99) / 1000;
    bench_line("hour_pages_p50", (double)sample_at(&late, 0.5) / 1000, "ms", 0, NULL);
    bench_line("hour_pages_p99", p99, "ms", p99 / disk, "fdatasync p99");
    bench_line("hour_pages_worst", worst, "ms", 0, NULL);
    bench_line("hour_pages_missing", (double)missing, "pages", 0, NULL);
    bench_floor("hour_pages_p99", p99 <= 4 * disk + 20 && missing == 0,
                "<= 4 x fdatasync p99 + 20 ms, none missing");
    sample_free(&late);
    sample_free(&sync);
}

static void say_lost(struct house *house, const struct company *company, struct flow_ids *ids,
                     struct sink *sink) {
    struct sample took = {0};
    size_t asked = 0;

    for (size_t i = 0; i < FLOWS; i++) {
        asked += flow_asked(company->flows[i]);
        flow_took(company->flows[i], &took);
    }
    CHECK(house_ready(house, FINISH_MS));
    double events = count_in(house, "ticketing", "event") + count_in(house, "patrol", "event");
    double journal = count_in(house, "reports", "journal");
    size_t gone = lost(house, ids) + (asked - ids->count);
    size_t told = company->told - (size_t)count_in(house, "notify", "told");
    bench_line("hour_requests", (double)asked / HOUR_S, "/s", 0, NULL);
    bench_line("hour_events", events / HOUR_S, "/s", 0, NULL);
    bench_line("hour_answers_p99", (double)sample_at(&took, 0.99) / 1000, "ms", 0, NULL);
    bench_line("hour_notices", (double)sink_count(sink) / HOUR_S, "/s", 0, NULL);
    bench_line("hour_lost", (double)gone, "of all", 0, NULL);
    bench_floor("hour_lost", gone == 0 && journal >= events, "0 lost, all events in the reports");
    bench_floor("hour_notices", (int64_t)told <= 0 && sink_count(sink) >= company->told,
                "every notice has left");
    sample_free(&took);
}

void bench_company_hour(struct house *house) {
    struct flow_ids ids = {.list = calloc(IDS_MAX, CLIENT_ID_SIZE), .room = IDS_MAX};
    struct company company = {.notices = {.id = {0x40}}, .begin = true};
    struct receiver *receiver = receiver_new(ARRIVALS);
    struct sink *sink = sink_new();
    struct alarms *alarms = alarms_new(house, receiver);
    struct used before, after;

    CHECK(ids.list);
    receiver_lead(receiver, house);
    sink_lead(sink, house, "sms");
    sink_lead(sink, house, "app");
    for (size_t i = 0; i < FLOWS; i++) {
        company.flows[i] = flow_new(house, &kinds[i], &ids);
    }
    company.bus = load_bus(house, NOTICES_IN_FLIGHT);
    company.arena = arena_new(ARENA);
    look_at_use(house, &before);
    alarms_run(alarms, pages_per_s, HOUR_S, turn, &company);
    look_at_use(house, &after);
    say_use(&before, &after);
    finish(&company);
    say_pages(house, alarms);
    say_lost(house, &company, &ids, sink);
    for (size_t i = 0; i < FLOWS; i++) {
        flow_free(company.flows[i]);
    }
    client_free(company.bus);
    arena_free(company.arena);
    alarms_free(alarms);
    sink_free(sink);
    receiver_free(receiver);
    free(ids.list);
}
