/* Durable contacts per second, through the whole path, and reads beside writes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/loads.h"
#include "harness.h"
#include "shouwen/cases/v1/cases.pb-c.h"

enum {
    WARM = 1000,
    CONTACTS = 20000,
    READS = 4000,
    WRITES_PER_S = 200,
    ARENA = 64 << 10,
};

void bench_contacts(struct house *house) {
    struct raw_rows raw = {0};
    char store[PATH_MAX + 32];

    load_many(house, load_contact, 0, WARM);
    int64_t cpu = load_cpu_us(house, "ticketing");
    int64_t start = bench_now_us();
    load_many(house, load_contact, WARM, CONTACTS);
    double seconds = (double)(bench_now_us() - start) / 1e6;
    cpu = load_cpu_us(house, "ticketing") - cpu;
    CHECK(house_ready(house, 60000));
    house_stop(house, "ticketing");
    (void)snprintf(store, sizeof store, "%s/ticketing.db", house->dir);
    CHECK(raw_sqlite(store, house->dir, WARM + CONTACTS, &raw));
    house_start(house, "ticketing");
    CHECK(house_ready(house, 60000));
    double rate = CONTACTS / seconds;
    bench_line("contacts_durable", rate, "/s", rate / raw.per_second, "bare SQLite, same rows");
    bench_line("contacts_raw_sqlite", raw.per_second, "/s", 0, NULL);
    bench_line("contact_rows", raw.rows, "rows", 0, NULL);
    bench_line("contact_bytes", raw.bytes, "bytes", 0, NULL);
    bench_line("contact_cpu", (double)cpu / CONTACTS, "us", 0, NULL);
    bench_floor("contacts_durable", rate >= 2000 && rate / raw.per_second >= 0.3,
                ">= 2,000/s and >= 0.3 of bare SQLite");
}

/* Reads one after the other, while writes come at a fixed rate whatever the answers do. */
void bench_reads(struct house *house) {
    struct client *writer = house_client(house, "ticketing", 1024);
    struct client *reader = house_client(house, "ticketing", 4);
    struct bytes token = load_token(house, "王丽");
    struct arena *arena = arena_new(ARENA);
    struct sample reads = {0};
    struct err err = {0};
    struct client_answer answer;
    size_t written = 0;
    int64_t start = bench_now_us();
    Cases__ListCasesRequest list = CASES__LIST_CASES_REQUEST__INIT;
    uint8_t packed[256];

    list.list = "my_cases";
    list.max = 50;
    size_t size = cases__list_cases_request__pack(&list, packed);
    for (size_t i = 0; i < READS;) {
        while ((double)(bench_now_us() - start) / 1e6 * WRITES_PER_S > (double)written) {
            struct client_request write = {.method = load_open, .token = token};
            arena_reset(arena);
            write.payload = load_contact(arena, 100000 + written++);
            CHECK_OK(client_send(writer, &write, NULL, &err), err);
        }
        if (client_in_flight(reader) == 0) {
            struct client_request read = {.method = "shouwen.ticketing.v1.Ticketing/ListCases",
                                          .token = token,
                                          .payload = {packed, size}};
            CHECK_OK(client_send(reader, &read, NULL, &err), err);
        }
        while (client_next(writer, 0, &answer) == 1) {
            CHECK(answer.code == WIRE__CODE__OK);
        }
        if (client_next(reader, 1, &answer) == 1) {
            CHECK(answer.code == WIRE__CODE__OK);
            sample_add(&reads, answer.took_us);
            i++;
        }
    }
    double p99 = (double)sample_at(&reads, 0.99) / 1000;
    bench_line("lists_under_200_writes_p50", (double)sample_at(&reads, 0.5) / 1000, "ms", 0, NULL);
    bench_line("lists_under_200_writes_p99", p99, "ms", 0, NULL);
    bench_floor("lists_under_200_writes_p99", p99 <= 20, "<= 20 ms");
    sample_free(&reads);
    arena_free(arena);
    client_free(writer);
    client_free(reader);
}
