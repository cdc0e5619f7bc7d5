/* The bus alone: producers with one in flight, and relays in batches. */
#include <stdio.h>
#include <string.h>

#include "bench/loads.h"
#include "harness.h"
#include "shouwen/bus/v1/bus.pb-c.h"

enum {
    PRODUCERS = 20,
    RELAYS = 7,
    BATCH = 64,
    SINGLES = 20000,
    BATCHES = 4000,
    SYNCS = 500,
    BODY = 512,
    ARENA = 1 << 20,
};

struct source {
    uint8_t id[16];
    uint64_t seq;
};

/* As a service speaks to it: with the key of one. */
static struct client *as_service(struct house *house, size_t in_flight) {
    struct instance *instance = session_instance(house->session);
    struct client_config config = {.locale = "en", .in_flight = in_flight};
    struct keys cli;
    struct err err = {0};
    char path[PATH_MAX + 32];

    (void)snprintf(path, sizeof path, "%s/keys/patrol.key", house->dir);
    config.endpoint = instance_endpoint(instance, "bus", house->cli.arena);
    CHECK_OK(instance_keys(instance, "bus", &cli, config.server_key, &err), err);
    CHECK_OK(keys_read(path, &config.keys, &err), err);
    struct client *client = client_new(&config, &err);
    CHECK_OK(client == NULL, err);
    return client;
}

static struct bytes append(struct arena *arena, struct source *source, size_t n) {
    Bus__AppendRequest request = BUS__APPEND_REQUEST__INIT;
    Wire__Event event = WIRE__EVENT__INIT;
    Wire__Value value = WIRE__VALUE__INIT;
    Wire__Value *values[] = {&value};

    value.key = "content";
    value.kind_case = WIRE__VALUE__KIND_TEXT;
    value.text = "a hundred bytes of what happened, so that an event here is about as long as one "
                 "of a case usually is";
    request.source = (ProtobufCBinaryData){16, source->id};
    request.service = "patrol";
    request.epoch = 1;
    request.first_seq = source->seq + 1;
    request.events = arena_alloc(arena, n * sizeof *request.events);
    for (size_t i = 0; i < n; i++) {
        event.source = request.source;
        event.seq = event.position = ++source->seq;
        event.epoch = 1;
        event.topic = "bench.event";
        event.case_no = "E01-BENCH-20250711-0001";
        event.actor = "system";
        event.service = "patrol";
        event.n_fields = 1;
        event.fields = values;
        uint8_t *body = arena_alloc(arena, BODY);
        request.events[i] = (ProtobufCBinaryData){wire__event__pack(&event, body), body};
        request.n_events++;
    }
    size_t size = bus__append_request__get_packed_size(&request);
    uint8_t *data = arena_alloc(arena, size);
    (void)bus__append_request__pack(&request, data);
    return (struct bytes){data, size};
}

static void send_one(struct client *client, struct arena *arena, struct source *source,
                     size_t batch) {
    struct client_request request = {.method = "shouwen.bus.v1.Bus/Append", .arg = source};
    struct err err = {0};

    arena_reset(arena);
    request.payload = append(arena, source, batch);
    CHECK_OK(client_send(client, &request, NULL, &err), err);
}

/* Every source has one request in flight all the time. */
static double run(struct house *house, size_t sources, size_t batch, size_t total,
                  struct sample *sample) {
    static struct source list[PRODUCERS];
    struct client *client = as_service(house, sources);
    struct arena *arena = arena_new(ARENA);
    struct client_answer answer;
    size_t sent = 0;
    size_t done = 0;

    for (size_t i = 0; i < sources; i++) {
        list[i] = (struct source){.id = {(uint8_t)batch, (uint8_t)i, 0xBE}};
    }
    int64_t start = bench_now_us();
    for (; sent < sources; sent++) {
        send_one(client, arena, &list[sent], batch);
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
            send_one(client, arena, answer.arg, batch);
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
