/*
 * More contacts than the house can carry out, whatever it answers: 50, 100, 150 and 300 % of what
 * it does with 64 in flight.  Nobody asks again here; a request that is refused or has no answer
 * in time is over.  Emergencies are opened all the while, as urgent requests.
 */
#include <stdio.h>

#include "bench/alarms.h"
#include "bench/loads.h"
#include "harness.h"

enum {
    WARM = 1000,
    CONTACTS = 15000,
    PHASES = 4,
    PHASE_S = 8,
    IN_FLIGHT = 8192,
    AT_ONCE = 32, /* sent without a look at the answers */
    DEADLINE_MS = 2000,
    ARRIVALS = 20000,
    CALM_MS = 100, /* a contact that takes no longer is answered as on any day */
    CALM_MAX_MS = 10000,
    DRAIN_MS = 60000,
    ARENA = 64 << 10,
};

static const int percents[PHASES] = {50, 100, 150, 300};
static const double alarms_per_s = 5;

struct flood {
    struct client *client;
    struct bytes token;
    struct arena *arena;
    double per_s;
    size_t n; /* of the contact, over all phases */
    int64_t begun_us;
    size_t sent, done, refused, late;
};

static void send_one(struct flood *flood) {
    struct client_request request = {
        .method = load_open, .token = flood->token, .timeout_ms = DEADLINE_MS};
    struct err err = {0};

    arena_reset(flood->arena);
    request.payload = load_contact(flood->arena, flood->n++);
    CHECK_OK(client_send(flood->client, &request, NULL, &err), err);
    flood->sent++;
}

static void take_answers(struct flood *flood) {
    struct client_answer answer;

    while (client_next(flood->client, 0, &answer) == 1) {
        flood->done += answer.code == WIRE__CODE__OK;
        flood->refused += answer.code == WIRE__CODE__RESOURCE_EXHAUSTED;
        flood->late += answer.code == WIRE__CODE__DEADLINE_EXCEEDED;
    }
}

static void turn(void *arg) {
    struct flood *flood = arg;

    flood->begun_us = flood->begun_us ? flood->begun_us : bench_now_us();
    for (int i = 0; i < AT_ONCE; i++) {
        double due = (double)(bench_now_us() - flood->begun_us) / 1e6 * flood->per_s;
        if ((double)flood->sent >= due || client_in_flight(flood->client) == IN_FLIGHT) {
            break;
        }
        send_one(flood);
    }
    take_answers(flood);
}

/* Goodput of a phase. */
static double phase(struct alarms *alarms, struct flood *flood, int percent, double capacity) {
    char name[64];
    struct sample late = {0};

    *flood = (struct flood){.client = flood->client,
                            .token = flood->token,
                            .arena = flood->arena,
                            .n = flood->n,
                            .per_s = capacity * percent / 100};
    alarms_run(alarms, alarms_per_s, PHASE_S, turn, flood);
    const double seconds = (double)(bench_now_us() - flood->begun_us) / 1e6;
    const double good = (double)flood->done / seconds;
    (void)snprintf(name, sizeof name, "overload_%d_offered", percent);
    bench_line(name, (double)flood->sent / seconds, "/s", (double)flood->sent / seconds / capacity,
               "what it does with 64 in flight");
    (void)snprintf(name, sizeof name, "overload_%d_goodput", percent);
    bench_line(name, good, "/s", 0, NULL);
    (void)snprintf(name, sizeof name, "overload_%d_refused", percent);
    bench_line(name, (double)flood->refused / seconds, "/s", 0, NULL);
    size_t missing = alarms_late(alarms, DRAIN_MS, &late);
    const double p99 = (double)sample_at(&late, 0.99) / 1000;
    (void)snprintf(name, sizeof name, "overload_%d_pages_p99", percent);
    bench_line(name, p99, "ms", 0, NULL);
    bench_floor(name, p99 <= 500 && missing == 0, "<= 500 ms, none missing");
    sample_free(&late);
    return good;
}

/* How long until a contact is answered as on any day. */
static double calm_s(struct house *house, struct flood *flood) {
    struct client *client = house_client(house, "ticketing", 1);
    const int64_t start = bench_now_us();
    struct client_answer answer = {0};

    do {
        struct client_request request = {.method = load_open, .token = flood->token};
        struct err err = {0};
        CHECK(bench_now_us() - start < (int64_t)DRAIN_MS * 1000);
        arena_reset(flood->arena);
        request.payload = load_contact(flood->arena, flood->n++);
        (void)client_call(client, &request, &answer, &err);
    } while (answer.code != WIRE__CODE__OK || answer.took_us > (int64_t)CALM_MS * 1000);
    client_free(client);
    CHECK(house_ready(house, DRAIN_MS)); /* the reports too */
    return (double)(bench_now_us() - start) / 1e6;
}

static void drain(struct flood *flood) {
    const int64_t until_ms = house_now_ms() + DRAIN_MS;
    struct client_answer answer;

    while (client_in_flight(flood->client) > 0) {
        CHECK(house_now_ms() < until_ms);
        (void)client_next(flood->client, CALM_MS, &answer);
    }
}

void bench_overload(struct house *house) {
    struct receiver *receiver = receiver_new(ARRIVALS);
    struct alarms *alarms = alarms_new(house, receiver);
    struct flood flood = {.client = house_client_once(house, "ticketing", IN_FLIGHT),
                          .token = load_token(house, "王丽"),
                          .arena = arena_new(ARENA)};
    double peak = 0;
    double last = 0;
    double calm = 0;

    receiver_lead(receiver, house);
    load_many(house, load_contact, 0, WARM);
    const int64_t start = bench_now_us();
    load_many(house, load_contact, WARM, CONTACTS);
    const double capacity = CONTACTS / ((double)(bench_now_us() - start) / 1e6);
    bench_line("overload_capacity", capacity, "/s", 0, NULL);
    flood.n = WARM + CONTACTS;
    for (size_t i = 0; i < PHASES; i++) {
        CHECK(house_ready(house, DRAIN_MS)); /* what the phase before has left is done */
        last = phase(alarms, &flood, percents[i], capacity);
        peak = last > peak ? last : peak;
        calm = calm_s(house, &flood);
        drain(&flood);
    }
    bench_line("overload_300_calm_after", calm, "s", 0, NULL);
    bench_floor("overload_300_calm_after", calm * 1000 <= CALM_MAX_MS, "<= 10 s");
    bench_line("overload_300_of_peak", last, "/s", last / peak, "the peak of all four");
    bench_floor("overload_300_of_peak", last >= 0.8 * peak, ">= 0.8 of the peak");
    client_free(flood.client);
    arena_free(flood.arena);
    alarms_free(alarms);
    receiver_free(receiver);
}
