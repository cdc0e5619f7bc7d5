/* Memory, rebuild of the reports, and the dashboard. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "bench/loads.h"
#include "harness.h"
#include "shouwen/reports/v1/reports.pb-c.h"

enum {
    SETTLE_S = 60,
    DASHBOARDS = 300,
    REBUILT = 20000,     /* contacts of five events each */
    CONTACTS_PER_S = 40, /* 200 events */
    PAUSE_MS = 10,
    ARENA = 64 << 10,
};

void bench_memory(struct house *house) {
    int64_t total = 0;

    (void)poll(NULL, 0, SETTLE_S * 1000);
    for (size_t i = 0; instance_services[i]; i++) {
        char name[64];
        int64_t kib = raw_memory(
            (int)instance_pid(session_instance(house->session), instance_services[i]));
        (void)snprintf(name, sizeof name, "memory_%s", instance_services[i]);
        bench_line(name, (double)kib / 1024, "MB PSS", 0, NULL);
        total += kib;
    }
    bench_line("memory_all", (double)total / 1024, "MB PSS", 0, NULL);
    bench_floor("memory_all", total <= 96 * 1024, "<= 96 MB");
}

static Reports__DashboardReply *dashboard(struct house *house, const char *from, const char *to) {
    Reports__DashboardRequest request = REPORTS__DASHBOARD_REQUEST__INIT;
    struct err err = {0};

    request.from = from;
    request.to = to;
    ProtobufCMessage *reply = session_ask(house->session, "shouwen.reports.v1.Reports/Dashboard",
                                          &request.base, &reports__dashboard_reply__descriptor,
                                          &err);
    CHECK_OK(reply == NULL, err);
    return (Reports__DashboardReply *)reply;
}

static void time_dashboard(struct house *house, const char *name, const char *from,
                           const char *to) {
    struct sample sample = {0};

    for (size_t i = 0; i < DASHBOARDS; i++) {
        size_t used = arena_used(house->cli.arena);
        int64_t start = bench_now_us();
        (void)dashboard(house, from, to);
        sample_add(&sample, bench_now_us() - start);
        arena_rewind(house->cli.arena, used);
    }
    double p99 = (double)sample_at(&sample, 0.99) / 1000;
    bench_line(name, p99, "ms p99", 0, NULL);
    bench_floor(name, p99 <= 50, "<= 50 ms");
    sample_free(&sample);
}

/* The same while events are applied: contacts come at their times whatever the answers do. */
static void time_dashboard_busy(struct house *house) {
    struct client *writer = house_client(house, "ticketing", 1024);
    struct bytes token = load_token(house, "王丽");
    struct arena *arena = arena_new(ARENA);
    struct sample sample = {0};
    struct client_answer answer;
    struct err err = {0};
    size_t written = 0;
    int64_t begun = bench_now_us();

    for (size_t i = 0; i < DASHBOARDS; i++) {
        while ((double)(bench_now_us() - begun) / 1e6 * CONTACTS_PER_S > (double)written) {
            struct client_request write = {.method = load_open, .token = token};
            arena_reset(arena);
            write.payload = load_contact(arena, 500000 + written++);
            CHECK_OK(client_send(writer, &write, NULL, &err), err);
        }
        while (client_next(writer, PAUSE_MS, &answer) == 1) {
            CHECK(answer.code == WIRE__CODE__OK);
        }
        size_t used = arena_used(house->cli.arena);
        int64_t start = bench_now_us();
        (void)dashboard(house, "2017-01-01", "2026-12-31");
        sample_add(&sample, bench_now_us() - start);
        arena_rewind(house->cli.arena, used);
    }
    double p99 = (double)sample_at(&sample, 0.99) / 1000;
    bench_line("dashboard_under_200_events_p50", (double)sample_at(&sample, 0.5) / 1000, "ms", 0,
               NULL);
    bench_line("dashboard_under_200_events_p99", p99, "ms", 0, NULL);
    bench_floor("dashboard_under_200_events_p99", p99 <= 50, "<= 50 ms");
    sample_free(&sample);
    arena_free(arena);
    client_free(writer);
}

void bench_reports(struct house *house) {
    struct err err = {0};
    Reports__RebuildRequest request = REPORTS__REBUILD_REQUEST__INIT;

    load_many(house, load_contact, 600000, REBUILT);
    CHECK(house_ready(house, 120000));
    time_dashboard(house, "dashboard_1_year", "2026-01-01", "2026-12-31");
    time_dashboard(house, "dashboard_10_years", "2017-01-01", "2026-12-31");
    time_dashboard_busy(house);
    int64_t cpu = load_cpu_us(house, "reports");
    int64_t start = bench_now_us();
    CHECK_OK(session_ask(house->session, "shouwen.reports.v1.Reports/Rebuild", &request.base,
                         &reports__rebuild_reply__descriptor, &err)
                 == NULL,
             err);
    for (;;) {
        size_t used = arena_used(house->cli.arena);
        Reports__DashboardReply *reply = dashboard(house, "2026-01-01", "2026-12-31");
        bool done = !reply->progress || !reply->progress->rebuilding;
        double events = reply->progress ? (double)reply->progress->of : 0;
        arena_rewind(house->cli.arena, used);
        if (done) {
            double seconds = (double)(bench_now_us() - start) / 1e6;
            bench_line("reports_rebuild", events / seconds, "events/s", 0, NULL);
            bench_line("reports_rebuild_events", events, "events", 0, NULL);
            bench_line("reports_rebuild_cpu",
                       (double)(load_cpu_us(house, "reports") - cpu) / events, "us", 0, NULL);
            bench_floor("reports_rebuild", events / seconds >= 20000, ">= 20,000 events/s");
            return;
        }
        CHECK(bench_now_us() - start < 120000000);
        (void)poll(NULL, 0, 10);
    }
}
