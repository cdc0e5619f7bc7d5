#include "aid/siege.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "aid/ledger.h"
#include "aid/whole.h"
#include "harness.h"
#include "host/settings.h"

enum {
    LATENCY_MAX_MS = 5000,
    WRITE_EVERY = 50, /* honest calls: one of these opens a case */
    PATH = PATH_MAX + 32,
};

const char *const siege_targets[SIEGE_TARGETS] = {"ticketing", "bus"};

uint64_t siege_seed(void) {
    const char *wanted = getenv("SEED");
    uint64_t seed = wanted ? strtoull(wanted, NULL, 10) : (uint64_t)time(NULL);

    (void)printf("# SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* ---- who is where ---- */

int siege_port(struct siege *siege, const char *service) {
    struct settings settings = {.service = NULL};
    struct err err = {0};
    char path[PATH];

    (void)snprintf(path, sizeof path, "%s/%s.yaml", siege->house.dir, service);
    CHECK_OK(settings_load(path, &settings, siege->house.cli.arena, &err), err);
    const char *colon = strrchr(settings.listen, ':');
    CHECK(colon);
    return (int)strtol(colon + 1, NULL, 10);
}

const char *siege_tcp(struct siege *siege, const char *service) {
    return arena_text(siege->house.cli.arena, "tcp://127.0.0.1:%d", siege_port(siege, service));
}

void siege_keys(struct siege *siege, const char *name, struct keys *keys) {
    struct err err = {0};

    CHECK_OK(keys_read(arena_text(siege->house.cli.arena, "%s/keys/%s.key", siege->house.dir, name),
                       keys, &err),
             err);
}

void siege_server_key(struct siege *siege, const char *service, uint8_t key[KEYS_SIZE]) {
    struct keys mine;
    struct err err = {0};

    CHECK_OK(instance_keys(session_instance(siege->house.session), service, &mine, key, &err), err);
}

/* ---- honest callers ---- */

void siege_call(struct siege *siege) {
    struct house *house = &siege->house;
    int64_t start_ms = house_now_ms();
    struct err err = {0};
    size_t used = arena_used(house->cli.arena);

    if (siege->calls % WRITE_EVERY == 0) {
        siege->known = desk_open(house, "honest", "13800000000");
    } else if (siege->calls % 2) {
        CHECK(desk_state(house, siege->known.no)[0]);
    } else {
        CHECK_OK(session_health(house->session, "bus", SIEGE_WAIT_MS, &err) == NULL, err);
    }
    arena_rewind(house->cli.arena, used);
    siege->calls++;
    int64_t took_ms = house_now_ms() - start_ms;
    siege->worst_ms = took_ms > siege->worst_ms ? took_ms : siege->worst_ms;
}

void siege_said(const struct siege *siege) {
    (void)printf("# %zu honest calls meanwhile, all answered; the longest took %lld ms\n",
                 siege->calls, (long long)siege->worst_ms);
    CHECK(siege->calls > 0 && siege->worst_ms <= LATENCY_MAX_MS);
}

/* ---- before and after ---- */

static pid_t pid_of(struct siege *siege, const char *service) {
    return instance_pid(session_instance(siege->house.session), service);
}

void siege_begin(struct siege *siege, const char *parameters) {
    *siege = (struct siege){.begun_ms = house_now_ms()};
    house_new(&siege->house, parameters);
    for (size_t i = 0; i < SIEGE_TARGETS; i++) {
        siege->pids[i] = pid_of(siege, siege_targets[i]);
        CHECK(siege->pids[i] > 0);
    }
}

static bool has_said(const struct siege *siege, const char *service, const char *text) {
    char command[PATH + 128];

    (void)snprintf(command, sizeof command, "tail -n 20 %s/%s.log | grep -q '%s'", siege->house.dir,
                   service, text);
    return system(command) == 0;
}

static void store_is_whole(const struct siege *siege, const char *service) {
    char path[PATH];
    char why[256];

    (void)snprintf(path, sizeof path, "%s/%s.db", siege->house.dir, service);
    if (!whole_store(path, why, sizeof why)) {
        (void)fprintf(stderr, "# %s: %s\n", service, why);
        CHECK(!"a store is not whole");
    }
}

void siege_end(struct siege *siege) {
    struct house *house = &siege->house;

    for (size_t i = 0; i < SIEGE_TARGETS; i++) {
        CHECK(pid_of(siege, siege_targets[i]) == siege->pids[i]);
    }
    CHECK(house_ready(house, SIEGE_WAIT_MS));
    struct desk_case leak = desk_open(house, "after all", "13800000000");
    CHECK(desk_waits_reported(house, leak.no, "repair.open", SIEGE_WAIT_MS));
    for (size_t i = 0; instance_services[i]; i++) {
        CHECK(events_intact(house, instance_services[i]));
    }
    for (size_t i = 0; instance_services[i]; i++) {
        house_stop(house, instance_services[i]);
        CHECK(has_said(siege, instance_services[i], "msg=\"*stopped"));
        store_is_whole(siege, instance_services[i]);
    }
    house_end(house);
}
