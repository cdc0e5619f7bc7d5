#include "crash/ways.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "aid/whole.h"
#include "base/text.h"
#include "harness.h"

enum {
    RECOVER_MS = 60,
    STOP_MS = 25,
    COPY_MS = 400,
    AGAIN_MAX = 3,
    COPY_WAIT_MS = 120000, /* a copy neither ends nor fails */
    PATH = PATH_MAX + 64,
};

const char *const way_names[WAYS] = {
    [WAY_ONE] = "one",           [WAY_PAIR] = "pair",
    [WAY_ALL] = "all",           [WAY_RECOVERING] = "recovering",
    [WAY_STOPPING] = "stopping", [WAY_COPYING] = "copying",
};

/* Of a hundred turns. */
static const uint32_t shares[WAYS] = {
    [WAY_ONE] = 40,        [WAY_PAIR] = 15,     [WAY_ALL] = 5,
    [WAY_RECOVERING] = 15, [WAY_STOPPING] = 18, [WAY_COPYING] = 7,
};

uint32_t ways_chance(struct ways *ways, uint32_t below) {
    ways->rng ^= ways->rng << 13U;
    ways->rng ^= ways->rng >> 7U;
    ways->rng ^= ways->rng << 17U;
    return (uint32_t)(ways->rng >> 32U) % below;
}

static enum way way_of_turn(struct ways *ways) {
    uint32_t left = ways_chance(ways, 100);

    for (int way = 0; way < WAYS; way++) {
        if (left < shares[way]) {
            return (enum way)way;
        }
        left -= shares[way];
    }
    return WAY_ONE;
}

static const char *any_service(struct ways *ways) {
    uint32_t services = 0;

    while (instance_services[services]) {
        services++;
    }
    return instance_services[ways_chance(ways, services)];
}

/* Every second victim is the one the callers talk to. */
static const char *victim_of(struct ways *ways) {
    return ways_chance(ways, 2) ? "ticketing" : any_service(ways);
}

/* Callers go on for up to so many milliseconds. */
static void go_on(struct ways *ways, uint32_t most_ms) {
    ledger_drive(ways->ledger, house_now_ms() + ways_chance(ways, most_ms), true);
}

static void kill_it(struct ways *ways, struct way_counts *counts, const char *service) {
    house_kill(ways->house, service);
    counts->kills++;
    ways->kills++;
}

/* The blow alone: so that nobody outlives another by the time that his end takes. */
static void strike(struct ways *ways, const char *service) {
    pid_t pid = instance_pid(session_instance(ways->house->session), service);

    if (pid > 0) {
        (void)kill(pid, SIGKILL);
    }
}

/* ---- the ways ---- */

static void kill_pair(struct ways *ways, struct way_counts *counts) {
    const char *one = victim_of(ways);
    const char *other = one;

    while (text_eq(other, one)) {
        other = any_service(ways);
    }
    strike(ways, one);
    strike(ways, other);
    kill_it(ways, counts, one);
    kill_it(ways, counts, other);
    (void)house_start(ways->house, other);
    (void)house_start(ways->house, one);
}

static void kill_all(struct ways *ways, struct way_counts *counts) {
    for (size_t i = 0; instance_services[i]; i++) {
        strike(ways, instance_services[i]);
    }
    for (size_t i = 0; instance_services[i]; i++) {
        kill_it(ways, counts, instance_services[i]);
    }
    for (size_t i = 0; instance_services[i]; i++) {
        (void)house_start(ways->house, instance_services[i]);
    }
}

/* Where its log ends; or whether it has said since then that it serves. */
static long log_end(const struct ways *ways, const char *service, long from, bool *serves) {
    char path[PATH];
    char line[512];

    (void)snprintf(path, sizeof path, "%s/%s.log", ways->house->dir, service);
    FILE *file = fopen(path, "re");
    if (!file) {
        return 0;
    }
    (void)fseek(file, from, serves ? SEEK_SET : SEEK_END);
    while (serves && !*serves && fgets(line, sizeof line, file)) {
        *serves = strstr(line, "msg=serving") || strstr(line, "msg=\"serving\"");
    }
    long end = ftell(file);
    (void)fclose(file);
    return end;
}

static void kill_recovering(struct ways *ways, struct way_counts *counts) {
    const char *victim = victim_of(ways);

    kill_it(ways, counts, victim);
    (void)house_start(ways->house, victim);
    for (uint32_t again = 1 + ways_chance(ways, AGAIN_MAX); again > 0; again--) {
        bool serves = false;
        long from = log_end(ways, victim, 0, NULL);
        go_on(ways, RECOVER_MS);
        (void)log_end(ways, victim, from, &serves);
        counts->caught += !serves;
        kill_it(ways, counts, victim);
        (void)house_start(ways->house, victim);
    }
}

static void kill_stopping(struct ways *ways, struct way_counts *counts) {
    const char *victim = victim_of(ways);
    pid_t pid = instance_pid(session_instance(ways->house->session), victim);

    if (pid > 0) { /* else it has only just been started: the kill is enough */
        (void)kill(pid, SIGTERM);
        go_on(ways, STOP_MS);
        counts->caught += instance_pid(session_instance(ways->house->session), victim) == pid;
    }
    kill_it(ways, counts, victim);
    (void)house_start(ways->house, victim);
}

/* ---- while it is copied ---- */

static pid_t start_copy(const struct ways *ways, const char *folder, const char *said) {
    const char *bin = getenv("BIN");
    char program[PATH];

    (void)snprintf(program, sizeof program, "%s/shouwen", bin ? bin : "build/bin");
    CHECK(mkdir(folder, 0700) == 0);
    (void)fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        int out = open(said, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
        (void)dup2(out, STDOUT_FILENO);
        (void)dup2(out, STDERR_FILENO);
        (void)execl(program, program, "--dir", ways->house->dir, "backup", "--to", folder,
                    (char *)NULL);
        _exit(127);
    }
    return child;
}

/* Every store that was said to be copied is whole.  How many. */
static size_t check_copies(struct ways *ways, const char *said) {
    char line[PATH];
    char why[256];
    size_t count = 0;
    FILE *file = fopen(said, "re");

    CHECK(file);
    while (fgets(line, sizeof line, file)) {
        struct whole_copy copy;
        long long size = 0;
        if (sscanf(line, "%31s %lld %4095s", copy.service, &size, copy.path) != 3
            || !instance_knows(copy.service)) {
            continue;
        }
        count++;
        if (!whole_store(copy.path, why, sizeof why)) {
            (void)fprintf(stderr, "# %s: %s\n", copy.path, why);
            CHECK(!"a copy was said to be whole, and is not");
        }
        if (!text_eq(copy.service, "bus")) {
            ways->last = copy;
        }
    }
    CHECK(fclose(file) == 0);
    return count;
}

/* It ends, well or not, and says how. */
static bool wait_copy(struct ways *ways, pid_t child) {
    int64_t until_ms = house_now_ms() + COPY_WAIT_MS;
    int status = 0;

    while (waitpid(child, &status, WNOHANG) == 0) {
        CHECK(house_now_ms() < until_ms);
        ledger_drive(ways->ledger, house_now_ms() + 20, true);
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) != 127);
    return WEXITSTATUS(status) == 0;
}

static void kill_copying(struct ways *ways, struct way_counts *counts) {
    char folder[PATH];
    char said[PATH];
    char command[PATH * 2];
    size_t services = 0;
    const char *victim = victim_of(ways);

    (void)snprintf(folder, sizeof folder, "%s/../copies-%zu", ways->house->dir, ways->kills);
    (void)snprintf(said, sizeof said, "%s/../copies-%zu.said", ways->house->dir, ways->kills);
    if (ways->last.path[0]) { /* one set of copies is kept */
        (void)snprintf(command, sizeof command, "rm -r %.*s",
                       (int)(strrchr(ways->last.path, '/') - ways->last.path), ways->last.path);
        CHECK(system(command) == 0);
        ways->last.path[0] = '\0';
    }
    pid_t child = start_copy(ways, folder, said);
    go_on(ways, COPY_MS);
    counts->caught += waitid(P_PID, (id_t)child, &(siginfo_t){0}, WEXITED | WNOWAIT | WNOHANG) == 0;
    kill_it(ways, counts, victim);
    (void)house_start(ways->house, victim);
    bool whole = wait_copy(ways, child);
    size_t count = check_copies(ways, said);
    while (instance_services[services]) {
        services++;
    }
    /* What says nothing of a service does not say that all is well. */
    CHECK(whole == (count == services));
    ways->backups_whole += whole;
    ways->backups_broken += !whole;
    ways->copies += count;
}

/* ---- one turn ---- */

void ways_kill(struct ways *ways, const char *only) {
    enum way way = only ? WAY_ONE : way_of_turn(ways);
    struct way_counts *counts = &ways->counts[way];

    counts->turns++;
    counts->in_flight += ledger_in_flight(ways->ledger) > 0;
    switch ((int)way) {
    case WAY_PAIR:
        kill_pair(ways, counts);
        break;
    case WAY_ALL:
        kill_all(ways, counts);
        break;
    case WAY_RECOVERING:
        kill_recovering(ways, counts);
        break;
    case WAY_STOPPING:
        kill_stopping(ways, counts);
        break;
    case WAY_COPYING:
        kill_copying(ways, counts);
        break;
    default: {
        const char *victim = only ? only : victim_of(ways);
        kill_it(ways, counts, victim);
        (void)house_start(ways->house, victim);
    }
    }
}

void ways_say(const struct ways *ways) {
    for (int way = 0; way < WAYS; way++) {
        const struct way_counts *counts = &ways->counts[way];
        (void)printf("#   %-10s %5zu turns, %5zu kills, %5zu turns with requests in flight",
                     way_names[way], counts->turns, counts->kills, counts->in_flight);
        if (way >= WAY_RECOVERING) {
            (void)printf("; %zu in the middle of it", counts->caught);
        }
        (void)printf("\n");
    }
    (void)printf("#   %zu backups were whole, %zu broken and said so; %zu copies looked at\n",
                 ways->backups_whole, ways->backups_broken, ways->copies);
}
