/* From a breach to the first byte at the channel's receiver; from a commit to the reports. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aid/receiver.h"
#include "bench/loads.h"
#include "harness.h"
#include "shouwen/cases/v1/cases.pb-c.h"
#include "shouwen/reports/v1/reports.pb-c.h"

enum {
    VISIBLE = 200,
    BREACHES = 1000,
    WAITING = 50000, /* contacts, each with two clocks that run */
    SPREAD_MS = 20000,
    LEAD_MS = 30000,
    ONSITE_MS = 15 * 60 * 1000,
    CASE_SIZE = 48,
    ARRIVALS_MAX = 20000,
    ARENA = 64 << 10,
};

static int64_t wall_us(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static Cases__OpenCaseReply *open_one(struct client *client, struct bytes token,
                                      struct bytes payload) {
    struct client_request request = {.method = load_open, .token = token, .payload = payload};
    struct client_answer answer = {0};
    struct err err = {0};

    CHECK_OK(client_call(client, &request, &answer, &err), err);
    return cases__open_case_reply__unpack(NULL, answer.reply->payload.len,
                                          answer.reply->payload.data);
}

/* Asks again and again until the event of this case is there: the resolution is one call. */
void bench_visible(struct house *house) {
    struct client *ticketing = house_client(house, "ticketing", 4);
    struct client *reports = house_client(house, "reports", 4);
    struct bytes token = load_token(house, "王丽");
    struct bytes reader = load_token(house, "system");
    struct arena *arena = arena_new(ARENA);
    struct sample seen = {0};
    struct err err = {0};

    for (size_t i = 0; i < VISIBLE; i++) {
        arena_reset(arena);
        Cases__OpenCaseReply *opened = open_one(ticketing, token, load_contact(arena, 200000 + i));
        int64_t start = bench_now_us();
        Reports__QueryEventsRequest query = REPORTS__QUERY_EVENTS_REQUEST__INIT;
        query.case_no = opened->case_no;
        query.max = 1;
        for (bool there = false; !there;) {
            size_t used = arena_used(arena);
            Reports__QueryEventsReply *reply = (Reports__QueryEventsReply *)client_ask(
                reports, "shouwen.reports.v1.Reports/QueryEvents", reader, &query.base,
                &reports__query_events_reply__descriptor, arena, &err);
            CHECK_OK(reply == NULL, err);
            there = reply->n_events > 0;
            arena_rewind(arena, used);
            CHECK(bench_now_us() - start < 10000000);
        }
        sample_add(&seen, bench_now_us() - start);
        cases__open_case_reply__free_unpacked(opened, NULL);
    }
    double p99 = (double)sample_at(&seen, 0.99) / 1000;
    bench_line("visible_in_reports_p50", (double)sample_at(&seen, 0.5) / 1000, "ms", 0, NULL);
    bench_line("visible_in_reports_p99", p99, "ms", 0, NULL);
    bench_floor("visible_in_reports_p99", p99 <= 200, "<= 200 ms");
    sample_free(&seen);
    arena_free(arena);
    client_free(ticketing);
    client_free(reports);
}

/* When the first page about this case that is not older came; 0: none. */
static int64_t first_after(struct receiver *receiver, const char *case_no, int64_t after_us) {
    struct received one;

    for (size_t i = 0; receiver_get(receiver, i, &one); i++) {
        if (one.at_us >= after_us && strstr(one.body, case_no)) {
            return one.at_us;
        }
    }
    return 0;
}

/*
 * Among 100,000 timers that wait: urgent repairs that happened so long ago that their
 * arrival is due at random moments soon; nobody arrives.  Measured from the instant that is due.
 */
void bench_breach(struct house *house) {
    static char cases[BREACHES][CASE_SIZE];
    static int64_t due_us[BREACHES];
    load_many(house, load_contact, 400000, WAITING);
    CHECK(house_ready(house, 120000));
    struct client *client = house_client(house, "ticketing", 4);
    struct bytes token = load_token(house, "王丽");
    struct arena *arena = arena_new(ARENA);
    struct sample late = {0};
    struct sample sync = {0};
    struct receiver *receiver = receiver_new(ARRIVALS_MAX);
    size_t missing = 0;

    receiver_lead(receiver, house);
    int64_t base_ms = wall_us() / 1000 + LEAD_MS;
    srand(1);
    for (size_t i = 0; i < BREACHES; i++) {
        int64_t due_ms = base_ms + rand() % SPREAD_MS;
        arena_reset(arena);
        Cases__OpenCaseReply *opened = open_one(client, token,
                                                load_repair(arena, 300000 + i, due_ms - ONSITE_MS));
        (void)snprintf(cases[i], sizeof cases[i], "%s", opened->case_no);
        due_us[i] = due_ms * 1000;
        cases__open_case_reply__free_unpacked(opened, NULL);
    }
    CHECK(wall_us() / 1000 < base_ms);
    while (wall_us() / 1000 < base_ms + SPREAD_MS + 3000) {
        (void)poll(NULL, 0, 50);
    }
    for (size_t i = 0; i < BREACHES; i++) {
        int64_t at = first_after(receiver, cases[i], due_us[i]);
        missing += at == 0;
        if (at) {
            sample_add(&late, at - due_us[i]);
        }
    }
    char store[PATH_MAX + 32];
    (void)snprintf(store, sizeof store, "%s/ticketing.db", house->dir);
    const double timers = raw_count(store, "timer");
    raw_fdatasync(house->dir, 500, &sync);
    double disk = (double)sample_at(&sync, 0.99) / 1000;
    double p99 = (double)sample_at(&late, 0.99) / 1000;
    bench_line("breach_to_first_byte_p50", (double)sample_at(&late, 0.5) / 1000, "ms", 0, NULL);
    bench_line("breach_to_first_byte_p99", p99, "ms", p99 / disk, "fdatasync p99");
    bench_line("breach_pages_missing", (double)missing, "of 1,000", 0, NULL);
    bench_line("breach_timers_waiting", timers, "rows", 0, NULL);
    bench_floor("breach_to_first_byte_p99",
                p99 <= 4 * disk + 20 && missing == 0 && timers >= 100000,
                "<= 4 x fdatasync p99 + 20 ms, none missing, 100,000 timers wait");
    receiver_free(receiver);
    sample_free(&late);
    sample_free(&sync);
    arena_free(arena);
    client_free(client);
}
