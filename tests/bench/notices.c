/* A city-wide notice: how fast it leaves, and whether emergencies wait behind it. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "bench/alarms.h"
#include "bench/loads.h"
#include "bench/sink.h"
#include "harness.h"

enum {
    RECIPIENTS = 1500000,
    TOLD = 20000, /* of them by events; the others are copies of these in the stopped store */
    SOURCES = 4,
    BATCH = 64,
    ALARMS_PER_S = 10,
    QUIET_S = 15,
    BUSY_S = 20,
    WAIT_MS = 20000,
    ARRIVALS = 20000,
    RAW_POSTS = 20000,
    RAW_BYTES = 300, /* about as long as a notice */
    ARENA = 1 << 20,
};

static const double floor_rate = 830;
static const double floor_later_ms = 20;

/* ---- queueing ---- */

static void tell_all(struct house *house) {
    static struct load_source sources[SOURCES];
    struct client *client = load_bus(house, SOURCES);
    struct arena *arena = arena_new(ARENA);
    struct client_answer answer;
    size_t sent = 0;
    size_t done = 0;

    for (; sent < SOURCES; sent++) {
        sources[sent] = (struct load_source){.id = {(uint8_t)sent, 0xA7}};
        load_append(client, arena, &sources[sent], BATCH, load_notice);
    }
    while (done * BATCH < TOLD) {
        if (client_next(client, 100, &answer) != 1) {
            continue;
        }
        CHECK(answer.code == WIRE__CODE__OK);
        done++;
        if (sent * BATCH < TOLD) {
            load_append(client, arena, answer.arg, BATCH, load_notice);
            sent++;
        }
    }
    arena_free(arena);
    client_free(client);
}

/* Copies of what waits, until so many wait: rows as notify writes them, each with its job.  They
 * are due one after the other as their numbers go, as if they had come so. */
static const char multiply_sql[] =
    "CREATE TEMP TABLE model AS SELECT t.*, j.due_ms, j.kind, j.input FROM job j"
    " JOIN told t ON t.id = CAST(j.ref AS INTEGER) WHERE j.kind = 'tell' AND j.epoch = 0"
    "  AND t.state = 'sending';"
    "CREATE TEMP TABLE n(step, jobs, tolds, seqs, due);"
    "INSERT INTO n SELECT count(*), (SELECT max(id) FROM job), (SELECT max(id) FROM told),"
    " max(cause_seq), max(due_ms) FROM model;"
    "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k, n"
    "  WHERE i < %d / n.step)"
    " INSERT INTO told(id, cause_source, cause_lane, cause_seq, case_no, unit, person, channel,"
    "  text, state, tries, why, asked_ms, sent_ms, job)"
    " SELECT id + i * tolds, cause_source, cause_lane, cause_seq + i * seqs, case_no, unit,"
    "  person, channel, text, state, tries, why, asked_ms, sent_ms, job + i * jobs"
    " FROM k, n CROSS JOIN model;"
    "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k, n"
    "  WHERE i < %d / n.step)"
    " INSERT INTO job(id, due_ms, kind, ref, input, urgent, epoch)"
    " SELECT job + i * jobs, due, kind, CAST(id + i * tolds AS TEXT), input, 0, 0"
    " FROM k, n CROSS JOIN model";

static double queue(struct house *house, struct sink *sink) {
    char store[PATH_MAX + 32];
    char sql[sizeof multiply_sql + 32];

    (void)snprintf(store, sizeof store, "%s/notify.db", house->dir);
    sink_hold(sink, true); /* what leaves now is not measured */
    int64_t start = bench_now_us();
    tell_all(house);
    while (raw_count(store, "told") < TOLD) {
        CHECK(bench_now_us() - start < 60000000);
        (void)poll(NULL, 0, 20);
    }
    bench_line("notices_taken", TOLD * 1e6 / (double)(bench_now_us() - start), "/s", 0, NULL);
    house_stop(house, "notify");
    (void)snprintf(sql, sizeof sql, multiply_sql, RECIPIENTS, RECIPIENTS);
    CHECK(raw_fill(store, sql));
    double waiting = raw_count(store, "job");
    sink_hold(sink, false);
    return waiting;
}

/* ---- leaving ---- */

static double alarms_p99(struct alarms *alarms, double seconds, const char *name, size_t *missing) {
    struct sample late = {0};
    char line[64];

    alarms_run(alarms, ALARMS_PER_S, seconds, NULL, NULL);
    *missing += alarms_late(alarms, WAIT_MS, &late);
    double p99 = (double)sample_at(&late, 0.99) / 1000;
    (void)snprintf(line, sizeof line, "pages_%s_p50", name);
    bench_line(line, (double)sample_at(&late, 0.5) / 1000, "ms", 0, NULL);
    (void)snprintf(line, sizeof line, "pages_%s_p99", name);
    bench_line(line, p99, "ms", 0, NULL);
    sample_free(&late);
    return p99;
}

void bench_notices(struct house *house) {
    struct receiver *receiver = receiver_new(ARRIVALS);
    struct sink *sink = sink_new();
    struct alarms *alarms = alarms_new(house, receiver);
    size_t missing = 0;

    receiver_lead(receiver, house);
    sink_lead(sink, house, "sms");
    sink_lead(sink, house, "app");
    double raw = sink_raw(sink, RAW_POSTS, RAW_BYTES);
    double quiet = alarms_p99(alarms, QUIET_S, "quiet", &missing);
    double waiting = queue(house, sink);
    bench_line("notices_waiting", waiting, "jobs", 0, NULL);
    bench_line("notices_start", load_start_s(house, "notify") * 1000, "ms", 0, NULL);
    size_t count = sink_count(sink);
    size_t connections = sink_connections(sink);
    int64_t cpu = load_cpu_us(house, "notify");
    int64_t start = bench_now_us();
    double busy = alarms_p99(alarms, BUSY_S, "among_notices", &missing);
    double seconds = (double)(bench_now_us() - start) / 1e6;
    double left = (double)(sink_count(sink) - count);
    cpu = load_cpu_us(house, "notify") - cpu;
    bench_line("notices_leave", left / seconds, "/s", left / seconds / raw, "raw POSTs, kept");
    bench_line("notices_raw_posts", raw, "/s", 0, NULL);
    bench_line("notice_cpu", (double)cpu / left, "us", 0, NULL);
    bench_line("notice_connections", (double)(sink_connections(sink) - connections), "opened", 0,
               NULL);
    bench_line("pages_later_by_p99", busy - quiet, "ms", 0, NULL);
    bench_floor("notices_leave", left / seconds >= floor_rate && waiting >= RECIPIENTS,
                ">= 830/s while 1.5 million wait");
    bench_floor("pages_later_by_p99", busy - quiet <= floor_later_ms && missing == 0,
                "<= 20 ms, none missing");
    alarms_free(alarms);
    sink_free(sink);
    receiver_free(receiver);
}
