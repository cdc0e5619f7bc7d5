/* What breaks: processes, disks, links, clocks, channels, and what operators do to stores. */
#include <string.h>

#include <sqlite3.h>

#include "base/text.h"
#include "core/core.h"
#include "harness.h"
#include "shouwen/core/v1/core.pb-c.h"
#include "sim/disk.h"
#include "sim/town.h"

enum { HOUR_MS = 3600 * 1000, CHANNEL_FIRST = 6, FAIL_WITHIN = 40, RELAY_WITHIN_S = 30 };
static const int64_t year_ms = INT64_C(365) * 24 * HOUR_MS;

static const char *any_service(struct town *town) {
    return town_services[town_chance(town, TOWN_SERVICES)];
}

static bool is_up(const struct town *town, const char *service) {
    return rehearsal_core(town->world, service) != NULL;
}

static void start(struct town *town, const char *service) {
    struct err err = {0};

    if (!is_up(town, service)) {
        /* It may fail again on its disk; then it stays down until it is started anew. */
        const int rc = rehearsal_start(town->world, service, &err);
        if (rc) {
            disk_kill(town_path(town, service));
        }
        town->down[town_number(service)] = rc != 0;
        if (rc == 0) { /* on the disk as it is now */
            CHECK_OK(
                rehearsal_disk_full(town->world, service, town->full[town_number(service)], &err),
                err);
        }
    }
}

static void down(struct town *town, const char *service) {
    struct err err = {0};

    if (is_up(town, service)) {
        CHECK_OK(rehearsal_kill(town->world, service, &err), err);
    }
    town->down[town_number(service)] = true;
}

/* ---- each fault ---- */

static void weather(struct town *town) {
    const struct rehearsal_weather bad = {.lost = town_chance(town, 300),
                                          .repeated = town_chance(town, 300),
                                          .late = town_chance(town, 500),
                                          .late_ms = 1 + town_chance(town, 4000)};
    const struct rehearsal_weather fair = {0};

    rehearsal_weather(town->world, town_chance(town, 3) ? &bad : &fair);
}

static void cut(struct town *town) {
    const char *service = town_services[1 + town_chance(town, TOWN_SERVICES - 1)];
    const size_t number = town_number(service);
    struct err err = {0};

    if (town->cut[number]) {
        struct err ignored = {0};
        (void)rehearsal_mend(town->world, service, "bus", &ignored);
        (void)rehearsal_mend(town->world, "bus", service, &ignored);
        town->cut[number] = false;
        return;
    }
    switch (town_chance(town, 3)) {
    case 0:
        CHECK_OK(rehearsal_cut(town->world, service, "bus", &err), err);
        break;
    case 1:
        CHECK_OK(rehearsal_cut_way(town->world, service, "bus", &err), err);
        break;
    default:
        CHECK_OK(rehearsal_cut_way(town->world, "bus", service, &err), err);
        break;
    }
    town->cut[number] = true;
}

static void kill_process(struct town *town) {
    const char *service = any_service(town);

    disk_kill(town_path(town, service));
    down(town, service);
}

static void power_cut(struct town *town) {
    const char *service = any_service(town);

    disk_cut(town_path(town, service), town_random, town);
    down(town, service);
}

/* The whole machine. */
static void power_cut_all(struct town *town) {
    for (size_t i = 0; i < TOWN_SERVICES; i++) {
        disk_cut(town_path(town, town_services[i]), town_random, town);
        down(town, town_services[i]);
    }
}

static void stop_in_order(struct town *town) {
    const char *service = any_service(town);
    struct err err = {0};

    if (is_up(town, service)) {
        CHECK_OK(rehearsal_stop(town->world, service, &err), err);
        town->down[town_number(service)] = true;
    }
}

static void disk_full(struct town *town) {
    const char *service = any_service(town);
    const size_t number = town_number(service);
    struct err err = {0};

    town->full[number] = !town->full[number];
    if (is_up(town, service)) {
        CHECK_OK(rehearsal_disk_full(town->world, service, town->full[number], &err), err);
    }
}

static void io_error(struct town *town) {
    static const enum disk_error kinds[] = {DISK_WRITE_FAILS, DISK_SYNC_FAILS, DISK_READ_FAILS};

    disk_fail(town_path(town, any_service(town)), kinds[town_chance(town, 3)],
              town_chance(town, FAIL_WITHIN));
}

static void clock_jump(struct town *town) {
    static const int64_t jumps[] = {HOUR_MS, -HOUR_MS, 0, 0, 60 * 1000, -60 * 1000};
    const uint32_t which = town_chance(town, 6);
    struct err err = {0};
    const int64_t by = which == 2 ? year_ms : which == 3 ? -year_ms : jumps[which];

    CHECK_OK(rehearsal_clock_jump(town->world, by, &err), err);
}

static const char *const whom[] = {"", "S402", "S403", "residents"};
enum { WHOM = sizeof whom / sizeof whom[0] };

static void channel(struct town *town) {
    static const enum rehearsal_channel does[] = {CHANNEL_WORKS, CHANNEL_FAILS, CHANNEL_HANGS,
                                                  CHANNEL_UNKNOWN};
    struct err err = {0};

    CHECK_OK(rehearsal_channel(town->world, "", whom[town_chance(town, WHOM)],
                               town_chance(town, CHANNEL_FIRST), does[town_chance(town, 4)], &err),
             err);
}

/* ---- operators ---- */

static const Core__HealthReply *health(struct town *town, const char *service) {
    static const char *const roles[] = {"system"};
    const struct rehearsal_caller caller = {
        .staff = "system", .estate = "E01", .roles = roles, .role_count = 1, .local = true};
    const struct rehearsal_request request = {
        .caller = &caller, .service = service, .method = "shouwen.core.v1.Core/Health"};
    Wire__Reply *reply = NULL;
    struct err err = {0};

    CHECK_OK(rehearsal_ask(town->world, &request, &reply, town->scratch, &err), err);
    ProtobufCAllocator allocator = arena_protobuf(town->scratch);
    return reply->code == WIRE__CODE__OK
               ? core__health_reply__unpack(&allocator, reply->payload.len, reply->payload.data)
               : NULL;
}

static const char *backup_path(struct town *town, const char *service) {
    return arena_text(town->scratch, "backup-%s/%s.db", town->folder, service);
}

/* What store_backup makes: the store between two transactions, marked as a copy. */
static void back_up(struct town *town, const char *service) {
    sqlite3 *copy = NULL;

    disk_drop(backup_path(town, service));
    disk_copy(town_path(town, service), backup_path(town, service));
    CHECK(sqlite3_open(backup_path(town, service), &copy) == SQLITE_OK);
    CHECK(sqlite3_exec(copy,
                       "INSERT INTO meta(key, value) VALUES('restored', 1)"
                       " ON CONFLICT(key) DO UPDATE SET value = 1; PRAGMA wal_checkpoint(TRUNCATE)",
                       NULL, NULL, NULL)
          == SQLITE_OK);
    CHECK(sqlite3_close(copy) == SQLITE_OK);
    town->copied[town_number(service)] = true;
}

static void backup(struct town *town) {
    const char *service = any_service(town);

    if (is_up(town, service) && !town->full[town_number(service)]) {
        back_up(town, service);
    }
}

/* An operator restores only what the bus has the rest of: else it is lost, and he is told. */
static bool bus_has_all(struct town *town, const char *service) {
    const Core__HealthReply *said = is_up(town, service) && is_up(town, "bus")
                                        ? health(town, service)
                                        : NULL;

    return said && said->ready && said->normal_head == said->normal_relayed
           && said->urgent_head == said->urgent_relayed;
}

static void restore(struct town *town) {
    const char *service = any_service(town);

    if (!town->copied[town_number(service)] || text_eq(service, "bus")
        || !bus_has_all(town, service)) {
        return;
    }
    disk_kill(town_path(town, service));
    down(town, service);
    disk_drop(town_path(town, service));
    disk_copy(backup_path(town, service), town_path(town, service));
    start(town, service);
}

/* The bus's store is gone; everybody sends again.  Not while somebody needs what was in it. */
static void lose_bus(struct town *town) {
    for (size_t i = 1; i < TOWN_SERVICES; i++) {
        if (!bus_has_all(town, town_services[i])) {
            return;
        }
    }
    disk_kill(town_path(town, "bus"));
    down(town, "bus");
    disk_drop(town_path(town, "bus"));
    town->copied[town_number("bus")] = false;
    start(town, "bus");
}

static bool all_is_with_bus(struct town *town) {
    for (size_t i = 1; i < TOWN_SERVICES; i++) {
        if (town->full[i] || !bus_has_all(town, town_services[i])) {
            return false;
        }
    }
    return !town->full[0];
}

/* The machine is gone; all stores are put back from a backup of all.  People go on while it is
 * made, and the bus, which comes last, has what they did meanwhile: nothing is lost. */
static void lose_all(struct town *town) {
    if (!all_is_with_bus(town)) {
        return;
    }
    for (size_t i = 1; i < TOWN_SERVICES; i++) {
        back_up(town, town_services[i]);
        town_act(town);
        town_advance(town, 1 + town_chance(town, 2000));
    }
    for (int i = 0; i < RELAY_WITHIN_S && !all_is_with_bus(town); i++) {
        town_advance(town, 1000);
    }
    if (!all_is_with_bus(town)) {
        return;
    }
    back_up(town, town_services[0]);
    for (size_t i = 0; i < TOWN_SERVICES; i++) {
        disk_kill(town_path(town, town_services[i]));
        down(town, town_services[i]);
        disk_drop(town_path(town, town_services[i]));
        disk_copy(backup_path(town, town_services[i]), town_path(town, town_services[i]));
    }
    for (size_t i = TOWN_SERVICES; i > 0; i--) {
        start(town, town_services[i - 1]);
    }
}

static void start_one(struct town *town) {
    for (size_t i = 0; i < TOWN_SERVICES; i++) {
        if (town->down[i] && town_chance(town, 2)) {
            start(town, town_services[i]);
        }
    }
}

static const struct {
    const char *name;
    void (*happens)(struct town *town);
    uint32_t weight;
} faults[] = {
    {"weather", weather, 4},
    {"cut", cut, 4},
    {"kill", kill_process, 4},
    {"power cut", power_cut, 4},
    {"power cut of all", power_cut_all, 1},
    {"stop", stop_in_order, 2},
    {"disk full", disk_full, 3},
    {"i/o error", io_error, 3},
    {"clock jump", clock_jump, 2},
    {"channel", channel, 4},
    {"backup", backup, 3},
    {"restore", restore, 3},
    {"lost bus", lose_bus, 1},
    {"lost machine", lose_all, 2},
    {"start", start_one, 30},
};
enum { FAULTS = sizeof faults / sizeof faults[0] };

const char *faults_name(size_t kind) {
    return kind < FAULTS ? faults[kind].name : NULL;
}

void faults_one(struct town *town) {
    uint32_t all = 0;

    arena_reset(town->scratch);
    for (size_t i = 0; i < FAULTS; i++) {
        all += faults[i].weight;
    }
    uint32_t drawn = town_chance(town, all);
    size_t kind = 0;
    while (drawn >= faults[kind].weight) {
        drawn -= faults[kind++].weight;
    }
    if (getenv("VERBOSE")) {
        (void)printf("# %lld %s\n", (long long)rehearsal_now(town->world), faults[kind].name);
        (void)fflush(stdout);
    }
    faults[kind].happens(town);
    town->faults++;
    town->by_fault[kind]++;
}

void faults_end(struct town *town) {
    const struct rehearsal_weather fair = {0};
    struct err err = {0};

    arena_reset(town->scratch);
    disk_heal();
    rehearsal_weather(town->world, &fair);
    for (size_t i = 0; i < TOWN_SERVICES; i++) {
        const char *service = town_services[i];
        struct err ignored = {0};
        if (town->cut[i]) {
            (void)rehearsal_mend(town->world, service, "bus", &ignored);
            (void)rehearsal_mend(town->world, "bus", service, &ignored);
            town->cut[i] = false;
        }
        town->full[i] = false;
        if (is_up(town, service)) {
            CHECK_OK(rehearsal_disk_full(town->world, service, false, &err), err);
        }
    }
    for (size_t i = 0; i < WHOM; i++) {
        CHECK_OK(rehearsal_channel(town->world, "", whom[i], 0, CHANNEL_WORKS, &err), err);
    }
    for (size_t i = 0; i < TOWN_SERVICES; i++) {
        start(town, town_services[i]);
        CHECK(is_up(town, town_services[i]));
    }
}
