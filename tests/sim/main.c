/*
 * make sim - the house under every fault that a simulated machine can have.
 *
 *     make sim SEEDS=1000            so many histories, from SEED (1) on, on all cores
 *     make sim SEED=4711 SEEDS=1     one of them again
 *     ACTS=n                         acts of each (80);  TWICE=0: not each one twice
 *     VERBOSE=1                      say each fault, and what the services log
 *     LIE=1                          the disk does not sync: it must be caught
 *
 * Each history: people use the house while processes, disks, links, clocks and channels break;
 * then all is mended, and what must hold is looked at (checks.c).  Each is played twice and
 * must come out the same.  A failure says its seed.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <time.h>

#include "harness.h"
#include "sim/disk.h"
#include "sim/town.h"

enum { WORKERS_MAX = 16, ACTS = 80, LOOK_MS = 500, KINDS_MAX = 32 };

/* What a worker says of itself, in memory that the parent sees. */
struct worker {
    pid_t pid;
    uint64_t seed; /* that it plays, or has failed in */
    uint64_t done, failed, events, acknowledged, unknown, pages, syncs;
    uint64_t by_fault[KINDS_MAX];
};

static uint64_t setting(const char *name, uint64_t none) {
    const char *text = getenv(name);

    return text && *text ? strtoull(text, NULL, 10) : none;
}

static int64_t now_ms(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pass_time(struct town *town) {
    static const int64_t most[] = {1, 1, 200, 2000, 3000, 20 * 1000, 90 * 1000};

    town_advance(town, town_chance(town, (uint32_t)most[town_chance(town, 7)]));
}

static uint64_t play(uint64_t seed, uint64_t acts, struct worker *worker) {
    static struct town town;

    town_open(&town, seed);
    for (uint64_t i = 0; i < acts; i++) {
        if (town_chance(&town, 4) == 0) {
            faults_one(&town);
        }
        town_act(&town);
        pass_time(&town);
        checks_always(&town);
    }
    faults_end(&town);
    town_finish(&town);
    checks_end(&town);
    if (worker) {
        worker->events += town.events;
        worker->acknowledged += town.acknowledged;
        worker->unknown += town.unknown;
        worker->pages += town.pages;
        for (size_t i = 0; i < KINDS_MAX; i++) {
            worker->by_fault[i] += town.by_fault[i];
        }
    }
    const uint64_t trace = town.trace;
    town_close(&town);
    return trace;
}

static void work(struct worker *worker, uint64_t first, uint64_t count, uint64_t step) {
    const uint64_t acts = setting("ACTS", ACTS);
    const bool twice = setting("TWICE", 1) != 0;

    for (uint64_t seed = first; seed < first + count; seed += step) {
        worker->seed = seed;
        const uint64_t once = play(seed, acts, worker);
        if (twice) {
            CHECK(play(seed, acts, NULL) == once); /* equal seeds, equal histories */
        }
        worker->done++;
    }
}

/* ---- the parent ---- */

struct sums {
    uint64_t done, events, acknowledged, unknown, pages;
    uint64_t by_fault[KINDS_MAX];
};

static struct sums add(const struct worker *workers, size_t count) {
    struct sums sums = {0};

    for (size_t i = 0; i < count; i++) {
        sums.done += workers[i].done;
        sums.events += workers[i].events;
        sums.acknowledged += workers[i].acknowledged;
        sums.unknown += workers[i].unknown;
        sums.pages += workers[i].pages;
        for (size_t k = 0; k < KINDS_MAX; k++) {
            sums.by_fault[k] += workers[i].by_fault[k];
        }
    }
    return sums;
}

static void progress(const struct worker *workers, size_t count, uint64_t seeds, int64_t begun) {
    const struct sums sums = add(workers, count);
    const double seconds = (double)(now_ms() - begun) / 1000;
    const double left = sums.done > 0 ? seconds * (double)(seeds - sums.done) / (double)sums.done
                                      : 0;

    if (isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "\r%" PRIu64 "/%" PRIu64 " histories, %.0f s, %.0f s left  ",
                      sums.done, seeds, seconds, left);
    }
}

/* How many of the workers ended badly; who they were is said. */
static size_t wait_all(struct worker *workers, size_t count, uint64_t seeds, int64_t begun) {
    size_t failed = 0;

    for (size_t running = count; running > 0;) {
        int status = 0;
        const pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == 0) {
            const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L / 5};
            (void)nanosleep(&pause, NULL);
            progress(workers, count, seeds, begun);
            continue;
        }
        running--;
        for (size_t i = 0; i < count; i++) {
            if (workers[i].pid == pid && status != 0) {
                (void)printf("# history %" PRIu64 " failed; again: make sim SEED=%" PRIu64
                             " SEEDS=1\n",
                             workers[i].seed, workers[i].seed);
                failed++;
            }
        }
    }
    return failed;
}

static void report(const struct worker *workers, size_t count, int64_t begun) {
    const struct sums sums = add(workers, count);
    const double seconds = (double)(now_ms() - begun) / 1000;

    (void)printf("# %" PRIu64 " histories in %.1f s; %" PRIu64 " events (%.0f/s), %" PRIu64
                 " requests acknowledged, %" PRIu64 " times unknown and asked again, %" PRIu64
                 " pages asked for\n# faults:",
                 sums.done, seconds, sums.events, (double)sums.events / seconds, sums.acknowledged,
                 sums.unknown, sums.pages);
    for (size_t i = 0; faults_name(i); i++) {
        (void)printf("%s %s %" PRIu64, i > 0 ? "," : "", faults_name(i), sums.by_fault[i]);
    }
    (void)printf("\n");
}

int main(void) {
    const uint64_t first = setting("SEED", 1), seeds = setting("SEEDS", 100);
    uint64_t cores = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
    cores = cores < WORKERS_MAX ? cores : WORKERS_MAX;
    const size_t count = (size_t)setting("JOBS", seeds < cores ? seeds : cores);
    struct worker *workers = mmap(NULL, WORKERS_MAX * sizeof *workers, PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(workers != MAP_FAILED && count > 0 && count <= WORKERS_MAX);
    const int64_t begun = now_ms();
    town_prepare();
    (void)fflush(stdout);
    for (size_t i = 0; i < count; i++) {
        const pid_t pid = fork();
        if (pid == 0) {
            work(&workers[i], first + i, seeds - i, count);
            _exit(0);
        }
        workers[i].pid = pid;
    }
    const size_t failed = wait_all(workers, count, seeds, begun);
    report(workers, count, begun);
    (void)printf("%" PRIu64 " passed, %zu failed\n", add(workers, count).done, failed);
    return failed > 0;
}
