/* The bus alone: producers with one in flight, and relays in batches. */
#include <stdio.h>

#include "bench/loads.h"
#include "harness.h"

enum {
    PRODUCERS = 20,
    RELAYS = 7,
    BATCH = 64,
    SINGLES = 20000,
    BATCHES = 4000,
    SYNCS = 500,
    ARENA = 1 << 20,
};

static void make(Wire__Event *event, struct arena *arena) {
    Wire__Value *value = ARENA_NEW(arena, Wire__Value);

    wire__value__init(value);
    value->key = "content";
    value->kind_case = WIRE__VALUE__KIND_TEXT;
    value->text = "a hundred bytes of what happened, so that an event here is about as long as one "
                  "of a case usually is";
    event->topic = "bench.event";
    event->case_no = "E01-BENCH-20250711-0001";
    event->n_fields = 1;
    event->fields = arena_copy(arena, &value, sizeof(Wire__Value *));
}

/* Every source has one request in flight all the time. */
static double run(struct house *house, size_t sources, size_t batch, size_t total,
                  struct sample *sample) {
    static struct load_source list[PRODUCERS];
    struct client *client = load_bus(house, sources);
    struct arena *arena = arena_new(ARENA);
    struct client_answer answer;
    size_t sent = 0;
    size_t done = 0;

    for (size_t i = 0; i < sources; i++) {
        list[i] = (struct load_source){.id = {(uint8_t)batch, (uint8_t)i, 0xBE}};
    }
    int64_t start = bench_now_us();
    for (; sent < sources; sent++) {
        load_append(client, arena, &list[sent], batch, make);
    }
    while (done < total) {
        if (client_next(client, 100, &answer) != 1) {
            continue;
        }
        if (answer.code != WIRE__CODE__OK) {
            (void)fprintf(stderr, "refused: %d %s\n", (int)answer.code,
                          answer.reply ? answer.reply->message : "");
        }
        CHECK(answer.code == WIRE__CODE__OK);
        sample_add(sample, answer.took_us);
        done++;
        if (sent < total) {
            load_append(client, arena, answer.arg, batch, make);
            sent++;
        }
    }
    double seconds = (double)(bench_now_us() - start) / 1e6;
    arena_free(arena);
    client_free(client);
    return (double)(total * batch) / seconds;
}

void bench_bus(struct house *house) {
    struct sample sync = {0};
    struct sample single = {0};
    struct sample relay = {0};

    raw_fdatasync(house->dir, SYNCS, &sync);
    double rate = run(house, PRODUCERS, 1, SINGLES, &single);
    double disk = (double)sample_at(&sync, 0.5) / 1000;
    double p50 = (double)sample_at(&single, 0.5) / 1000;
    bench_line("fdatasync_p50", disk, "ms", 0, NULL);
    bench_line("fdatasync_p99", (double)sample_at(&sync, 0.99) / 1000, "ms", 0, NULL);
    bench_line("bus_append_20x1_p50", p50, "ms", p50 / disk, "fdatasync p50");
    bench_line("bus_append_20x1", rate, "/s", 0, NULL);
    bench_floor("bus_append_20x1_p50", p50 <= 3 * disk + 1, "<= 3 x fdatasync p50 + 1 ms");
    int64_t cpu = load_cpu_us(house, "bus");
    rate = run(house, RELAYS, BATCH, BATCHES, &relay);
    cpu = load_cpu_us(house, "bus") - cpu;
    bench_line("bus_relays_7x64", rate, "events/s", 0, NULL);
    bench_line("bus_relays_cpu", (double)cpu / (BATCHES * BATCH), "us an event", 0, NULL);
    bench_floor("bus_relays_7x64", rate >= 40000, ">= 40,000 events/s");
    sample_free(&sync);
    sample_free(&single);
    sample_free(&relay);
}
