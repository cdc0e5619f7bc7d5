#include "nth/fail.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "core/core.h"
#include "harness.h"
#include "host/rehearsal.h"
#include "sim/disk.h"

enum {
    IDLE_MAX = 200,   /* steps of one service in a row that came to nothing, time standing still */
    STEPS_MAX = 5000, /* of one service at one instant, whatever came of them */
    CORES_MAX = 16,
};

const char *const fail_names[FAIL_KINDS] = {"alloc", "write",    "sync", "read",
                                            "open",  "truncate", "send", "answer"};

static uint64_t counts[FAIL_KINDS];
static struct {
    bool armed, from_then_on;
    enum fail_kind kind;
    uint64_t n;
} order;
static uint64_t hits;
static size_t inside; /* a core */
static bool careless; /* SQLite says that a failure here does no harm */
static const char *folder = "";
static bool copying;  /* a store is read for a copy, and not written to: that may fail */
static uint64_t hard; /* failures of the disk that SQLite did not expect to be harmless */

static bool fails(enum fail_kind kind) {
    const uint64_t n = ++counts[kind];

    if (!order.armed || order.kind != kind || n < order.n) {
        return false;
    }
    order.armed = order.from_then_on;
    hits++;
    return true;
}

uint64_t fail_count(enum fail_kind kind) {
    return counts[kind];
}

void fail_at(enum fail_kind kind, uint64_t n, bool from_then_on) {
    order.armed = true;
    order.kind = kind;
    order.n = n;
    order.from_then_on = from_then_on;
}

void fail_heal(void) {
    order.armed = false;
}

uint64_t fail_hits(void) {
    return hits;
}

/* ---- memory ---- */

static sqlite3_mem_methods real;

static void *take(int size) {
    return inside > 0 && fails(FAIL_ALLOC) ? NULL : real.xMalloc(size);
}

static void *again(void *memory, int size) {
    return inside > 0 && fails(FAIL_ALLOC) ? NULL : real.xRealloc(memory, size);
}

static void careless_begins(void) {
    careless = true;
}

static void careless_ends(void) {
    careless = false;
}

/* ---- the disk and the links ---- */

static bool disk_operation(enum disk_error what, const char *path) {
    static const enum fail_kind kinds[] = {
        [DISK_WRITE_FAILS] = FAIL_WRITE,       [DISK_SYNC_FAILS] = FAIL_SYNC,
        [DISK_READ_FAILS] = FAIL_READ,         [DISK_OPEN_FAILS] = FAIL_OPEN,
        [DISK_TRUNCATE_FAILS] = FAIL_TRUNCATE,
    };

    if (inside == 0 || !fails(kinds[what])) {
        return false;
    }
    /* What cannot be opened is no doubt about what is on the disk; a copy is no store. */
    hard += !careless && !copying && what != DISK_OPEN_FAILS
            && strncmp(path, folder, strlen(folder)) == 0;
    return true;
}

static bool message(void *arg, bool outside) {
    (void)arg;
    return fails(outside ? FAIL_ANSWER : FAIL_SEND);
}

void fail_install(void) {
    sqlite3_mem_methods ours;

    CHECK(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real) == SQLITE_OK);
    ours = real;
    ours.xMalloc = take;
    ours.xRealloc = again;
    CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) == SQLITE_OK);
    CHECK(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK); /* as store.c */
    CHECK(sqlite3_test_control(SQLITE_TESTCTRL_BENIGN_MALLOC_HOOKS, careless_begins, careless_ends)
          == SQLITE_OK);
    disk_install();
    disk_judge(disk_operation);
}

void fail_watch(struct rehearsal *world, const char *of) {
    folder = of;
    rehearsal_lose(world, message, NULL);
    memset(counts, 0, sizeof counts);
}

/* ---- the cores ---- */

/* What each does at one instant: a service that turns in vain keeps a processor busy in life. */
static struct pace {
    const struct core *core;
    int64_t now_ms, changes;
    size_t steps, idle;
} paces[CORES_MAX];
static size_t idle_max;

uint64_t fail_idle_max(void) {
    return idle_max;
}

static struct pace *pace_of(const struct core *core) {
    for (size_t i = 0; i < CORES_MAX; i++) {
        if (paces[i].core == core || !paces[i].core) {
            paces[i].core = core;
            return &paces[i];
        }
    }
    memset(paces, 0, sizeof paces); /* of earlier lives */
    paces[0].core = core;
    return &paces[0];
}

static void look_at_pace(struct core *core, int64_t now_ms) {
    struct pace *pace = pace_of(core);
    const int64_t changes = store_changes(core_store(core));

    if (now_ms != pace->now_ms) {
        pace->now_ms = now_ms;
        pace->steps = 0;
        pace->idle = 0;
    }
    pace->idle = changes != pace->changes ? 0 : pace->idle + 1;
    pace->changes = changes;
    pace->steps++;
    idle_max = pace->idle > idle_max ? pace->idle : idle_max;
    if (pace->idle >= IDLE_MAX || pace->steps >= STEPS_MAX) {
        (void)fprintf(stderr, "# %s turns on the spot\n", core_def(core)->name);
    }
    CHECK(pace->idle < IDLE_MAX && pace->steps < STEPS_MAX);
}

struct core *__real_core_new(const struct service_def *def, const struct core_config *config,
                             struct err *err);
int __real_core_step(struct core *core, int64_t now_ms, struct err *err);
const struct out *__real_core_next(struct core *core);
void __real_core_free(struct core *core);
struct core *__wrap_core_new(const struct service_def *def, const struct core_config *config,
                             struct err *err);
int __wrap_core_step(struct core *core, int64_t now_ms, struct err *err);
const struct out *__wrap_core_next(struct core *core);
int __real_store_backup(struct store *store, const char *path, struct err *err);
int __wrap_store_backup(struct store *store, const char *path, struct err *err);
void __wrap_core_free(struct core *core);

struct core *__wrap_core_new(const struct service_def *def, const struct core_config *config,
                             struct err *err) {
    const uint64_t before = hard;

    inside++;
    struct core *core = __real_core_new(def, config, err);
    inside--;
    CHECK(!core || hard == before); /* it began although it cannot know what is on the disk */
    return core;
}

int __wrap_store_backup(struct store *store, const char *path, struct err *err) {
    copying = true;
    const int rc = __real_store_backup(store, path, err);
    copying = false;
    return rc;
}

int __wrap_core_step(struct core *core, int64_t now_ms, struct err *err) {
    const uint64_t before = hard;

    inside++;
    const int rc = __real_core_step(core, now_ms, err);
    inside--;
    CHECK(rc != 0 || hard == before); /* a failure of the disk ends the process */
    if (rc == 0) {
        look_at_pace(core, now_ms);
    }
    return rc;
}

const struct out *__wrap_core_next(struct core *core) {
    const struct out *out = __real_core_next(core);

    if (out) {
        pace_of(core)->idle = 0;
    }
    return out;
}

void __wrap_core_free(struct core *core) {
    inside++;
    __real_core_free(core);
    inside--;
}
