/*
 * make power - every store of the house after a power cut at any moment.
 *
 *     make power STATES=20000           so many states, of histories from SEED (1) on, on all cores
 *     make power SEED=4711 STATES=1000  those of one history again
 *     CONTROL=normal|off|lie            a store that does not sync each commit, or nothing; a disk
 *                                       that does not: it must be caught, and then that is well
 *     VERBOSE=1                         say each cut
 *
 * Each history: people use the house, services are restarted, and everything that is done to the
 * stores is recorded (journal.h).  Then the power is cut at random places of the journal; of each
 * cut several of the states that it may leave are built (player.h), opened, and looked at
 * (look.h).  One state in ten is of the journal of the house's beginning, from empty folders.
 */
#include <inttypes.h>
#include <sys/mman.h>
#include <time.h>

#include <sqlite3.h>

#include "base/text.h"
#include "harness.h"
#include "power/look.h"
#include "sim/town.h"

enum {
    WORKERS_MAX = 16,
    OF_HISTORY = 1000,  /* states */
    OF_BEGINNING = 100, /* of them */
    THOROUGH = 16,      /* one in so many */
    ACTS = 100,
    SAY_MAX = 8,
    SAID_SIZE = 200,
    LOOK_MS = 100,
};

enum control { CONTROL_NONE, CONTROL_NORMAL, CONTROL_OFF, CONTROL_LIE };
static const char *const control_names[] = {"none", "normal", "off", "lie"};
static enum control control;
static bool verbose;

/* What a worker says of itself, in memory that the parent sees. */
struct worker {
    pid_t pid;
    uint64_t seed, states; /* of the history it is at */
    uint64_t done, failed, cuts, acknowledged, left, entries;
    uint64_t by_fate[FATES];
    char said[SAID_SIZE]; /* what was found first */
};

static struct journal beginning;

static uint64_t setting(const char *name, uint64_t none) {
    const char *text = getenv(name);

    return text && *text ? strtoull(text, NULL, 10) : none;
}

static int64_t now_ms(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- a history ---- */

static void pragma(struct town *town, const char *service, const char *sql) {
    struct core *core = rehearsal_core(town->world, service);
    int rc = 0;

    CHECK(core);
    struct sqlite3_stmt *any = store_prepare(core_store(core), "SELECT 1", &rc);
    CHECK(any && sqlite3_exec(sqlite3_db_handle(any), sql, NULL, NULL, NULL) == SQLITE_OK);
}

/* In life the log is folded in after thousands of pages; here often enough to be met. */
static void settings(struct town *town, const char *service) {
    pragma(
        town, service,
        arena_text(town->scratch, "PRAGMA wal_autocheckpoint = %u", 20 + town_chance(town, 100)));
    if (control == CONTROL_NORMAL) {
        pragma(town, service, "PRAGMA synchronous = NORMAL");
    } else if (control == CONTROL_OFF) {
        pragma(town, service, "PRAGMA synchronous = OFF");
    }
}

/* In order, killed, or because the power was cut. */
static void restart(struct town *town) {
    const char *service = town_services[town_chance(town, TOWN_SERVICES)];
    struct err err = {0};

    switch (town_chance(town, 3)) {
    case 0:
        CHECK_OK(rehearsal_stop(town->world, service, &err), err);
        break;
    case 1:
        disk_kill(town_path(town, service));
        CHECK_OK(rehearsal_kill(town->world, service, &err), err);
        break;
    default: /* what comes then is written behind what a power cut has left */
        disk_cut(town_path(town, service), town_random, town);
        CHECK_OK(rehearsal_kill(town->world, service, &err), err);
        break;
    }
    CHECK_OK(rehearsal_start(town->world, service, &err), err);
    settings(town, service);
    CHECK_OK(rehearsal_settle(town->world, &err), err);
}

static void play(uint64_t seed, struct journal *journal) {
    static const uint32_t most[] = {1, 200, 3000, 20 * 1000, 90 * 1000};
    static struct town town;
    char folder[sizeof journal->folder];

    (void)snprintf(folder, sizeof folder, "t%" PRIu64, seed);
    journal_begin(journal, folder);
    town_open(&town, seed);
    for (size_t i = 0; town_services[i]; i++) {
        settings(&town, town_services[i]);
    }
    for (uint64_t i = 0; i < setting("ACTS", ACTS); i++) {
        town_act(&town);
        town_advance(&town, town_chance(&town, most[town_chance(&town, 5)]));
        if (control == CONTROL_NONE && town_chance(&town, 10) == 0) {
            restart(&town);
        }
    }
    journal_end(journal);
    town_close(&town);
}

/* ---- its power cuts ---- */

static bool is_caught(const struct worker *worker) {
    return control != CONTROL_NONE && worker->failed > 0;
}

static void look(struct player *player, size_t store, enum fate fate, bool thorough,
                 struct worker *worker) {
    const char *wrong = look_at(player, store, thorough);

    worker->done++;
    worker->by_fate[fate]++;
    if (wrong && worker->failed++ == 0) {
        (void)snprintf(worker->said, sizeof worker->said, "%s, %s left: %s", town_services[store],
                       player_fates[fate], wrong);
    }
    if (verbose || (wrong && control == CONTROL_NONE && worker->failed <= SAY_MAX)) {
        (void)fprintf(stderr, "%s# history %" PRIu64 ", %s, cut at %zu of %zu, %s left: %s%s",
                      isatty(STDERR_FILENO) ? "\n" : "", worker->seed, town_services[store],
                      player->at, player->journal->count, player_fates[fate],
                      wrong ? wrong : "whole", wrong ? "" : "\n");
        if (wrong) {
            (void)fprintf(stderr, "; again: make power SEED=%" PRIu64 " STATES=%" PRIu64 "\n",
                          worker->seed, worker->states);
        }
    }
}

/* The moments are drawn first, and then gone to in their order. */
static int by_place(const void *a, const void *b) {
    const size_t left = *(const size_t *)a, right = *(const size_t *)b;

    return left < right ? -1 : left > right;
}

/* A walk along the journal, with about so many states.  Returns how many it were. */
static size_t walk(const struct journal *journal, struct chance *random, size_t states,
                   struct worker *worker) {
    static size_t places[OF_HISTORY];
    static struct player player;
    const size_t cuts = states / FATES + 1;
    size_t done = 0;

    for (size_t i = 0; i < cuts; i++) {
        places[i] = 1 + (size_t)chance(random, (uint32_t)journal->count);
    }
    qsort(places, cuts, sizeof places[0], by_place);
    player_init(&player, journal, control == CONTROL_LIE);
    for (size_t i = 0; i < cuts; i++) {
        player_go(&player, places[i]);
        const size_t store = journal->entries[places[i] - 1].store;
        const size_t ways = player_uncertain(&player, store) ? FATES : 1;
        worker->cuts++;
        for (size_t fate = 0; fate < ways && done < states && !is_caught(worker); fate++, done++) {
            player_cut(&player, store, (enum fate)fate, random, look_path(store));
            look(&player, store, (enum fate)fate, chance(random, THOROUGH) == 0, worker);
        }
    }
    player_free(&player);
    return done;
}

static void cut(const struct journal *journal, size_t states, struct worker *worker) {
    struct chance random = {worker->seed * UINT64_C(2862933555777941757) + 11};

    CHECK(states <= OF_HISTORY);
    for (size_t done = 0; done < states && !is_caught(worker);) {
        done += walk(journal, &random, states - done, worker);
    }
}

static void work(struct worker *worker, uint64_t first, uint64_t states, uint64_t step,
                 uint64_t which) {
    const uint64_t histories = (states + OF_HISTORY - 1) / OF_HISTORY;

    for (uint64_t i = which; i < histories && !is_caught(worker); i += step) {
        const uint64_t left = states - i * OF_HISTORY;
        const size_t here = left < OF_HISTORY ? (size_t)left : OF_HISTORY;
        const size_t begun = control == CONTROL_NONE ? here * OF_BEGINNING / OF_HISTORY : 0;
        struct journal journal;
        worker->seed = first + i;
        worker->states = here;
        play(first + i, &journal);
        worker->entries += journal.count;
        worker->acknowledged += journal.acknowledged;
        worker->left += journal.left;
        cut(&journal, here - begun, worker);
        journal_free(&journal);
        cut(&beginning, begun, worker);
    }
}

/* ---- the parent ---- */

static struct worker sum(const struct worker *workers, size_t count) {
    struct worker sum = {0};

    for (size_t i = 0; i < count; i++) {
        sum.done += workers[i].done;
        sum.failed += workers[i].failed;
        (void)snprintf(sum.said, sizeof sum.said, "%s",
                       workers[i].failed > 0 ? workers[i].said : sum.said);
        sum.cuts += workers[i].cuts;
        sum.acknowledged += workers[i].acknowledged;
        sum.left += workers[i].left;
        sum.entries += workers[i].entries;
        for (size_t f = 0; f < FATES; f++) {
            sum.by_fate[f] += workers[i].by_fate[f];
        }
    }
    return sum;
}

static void progress(const struct worker *workers, size_t count, uint64_t states, int64_t begun) {
    const struct worker all = sum(workers, count);
    const double seconds = (double)(now_ms() - begun) / 1000;
    const double left = all.done > 0 ? seconds * (double)(states - all.done) / (double)all.done : 0;

    if (isatty(STDERR_FILENO)) {
        (void)fprintf(stderr,
                      "\r%" PRIu64 "/%" PRIu64 " states, %" PRIu64 " found, %.0f s, %.0f s left  ",
                      all.done, states, all.failed, seconds, left);
    }
}

/* How many of the workers did not end as they should. */
static size_t wait_all(const struct worker *workers, size_t count, uint64_t states, int64_t begun) {
    size_t died = 0;

    for (size_t running = count; running > 0;) {
        int status = 0;
        const pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == 0) {
            const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
            (void)nanosleep(&pause, NULL);
            progress(workers, count, states, begun);
            continue;
        }
        running--;
        for (size_t i = 0; i < count; i++) {
            if (workers[i].pid == pid && status != 0) {
                (void)printf("# history %" PRIu64
                             " ended by itself; again: make power SEED=%" PRIu64 " STATES=%" PRIu64
                             "\n",
                             workers[i].seed, workers[i].seed, workers[i].states);
                died++;
            }
        }
    }
    if (isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "\n");
    }
    return died;
}

static void report(const struct worker *all, uint64_t first, int64_t begun) {
    const double seconds = (double)(now_ms() - begun) / 1000;

    (void)printf("# from SEED=%" PRIu64 ": %" PRIu64 " states of %" PRIu64
                 " cuts in %.1f s (%.0f/s); %" PRIu64 " requests acknowledged, and %zu in the "
                 "beginning; %" PRIu64 " messages left, %" PRIu64
                 " writes and syncs recorded\n# left of the unsynced:",
                 first, all->done, all->cuts, seconds, (double)all->done / seconds,
                 all->acknowledged, beginning.acknowledged, all->left, all->entries);
    for (size_t f = 0; f < FATES; f++) {
        (void)printf("%s %s %" PRIu64, f > 0 ? "," : "", player_fates[f], all->by_fate[f]);
    }
    (void)printf("\n");
}

/* A control that is not found is what has failed. */
static int judge(const struct worker *all, size_t died) {
    if (control != CONTROL_NONE) {
        const bool caught = all->failed > 0 && died == 0;
        (void)printf("# %s: %s after %" PRIu64 " states: %s\n%d passed, %d failed\n",
                     control_names[control], caught ? "caught" : "NOT CAUGHT", all->done, all->said,
                     caught, !caught);
        return !caught;
    }
    (void)printf("%" PRIu64 " passed, %" PRIu64 " failed\n", all->done - all->failed,
                 all->failed + died);
    return all->failed + died > 0 || all->done == 0 || all->acknowledged == 0;
}

static void read_control(void) {
    const char *name = getenv("CONTROL");

    for (size_t i = 0; name && *name && i < sizeof control_names / sizeof control_names[0]; i++) {
        control = text_eq(name, control_names[i]) ? (enum control)i : control;
    }
    CHECK(!name || !*name || text_eq(name, control_names[control]));
    verbose = getenv("VERBOSE") != NULL;
}

int main(void) {
    const uint64_t first = setting("SEED", 1), states = setting("STATES", 20000);
    const uint64_t histories = (states + OF_HISTORY - 1) / OF_HISTORY;
    uint64_t cores = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
    cores = cores < WORKERS_MAX ? cores : WORKERS_MAX;
    const size_t count = (size_t)setting("JOBS", histories < cores ? histories : cores);
    struct worker *workers = mmap(NULL, WORKERS_MAX * sizeof *workers, PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(workers != MAP_FAILED && count > 0 && count <= WORKERS_MAX);
    read_control();
    const int64_t begun = now_ms();
    journal_begin(&beginning, "template");
    town_prepare();
    journal_end(&beginning);
    (void)fflush(stdout);
    for (size_t i = 0; i < count; i++) {
        workers[i].pid = fork();
        CHECK(workers[i].pid >= 0);
        if (workers[i].pid == 0) {
            work(&workers[i], first, states, count, i);
            _exit(0);
        }
    }
    const size_t died = wait_all(workers, count, states, begun);
    const struct worker all = sum(workers, count);
    report(&all, first, begun);
    return judge(&all, died);
}
