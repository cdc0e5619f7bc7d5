/*
 * make nth - the n-th failure: one allocation, write, sync, read, open, truncation or message after
 * the other fails, once, or from then on for a while; what must hold still holds.
 *
 *     make nth                       every n of every kind
 *     make nth STEP=23 SEED=5        every 23rd, of frequent kinds; beginning with the 5th
 *     make nth KIND=alloc            of one kind;  AT=70: of one step of the story (TELL=1)
 *     make nth KIND=alloc N=4711     one of them again  (MODE=once or on: not both)
 *     JOBS=n                         so many at a time (all cores)
 *     VERBOSE=1                      what the services log; TELL=1: the steps
 *
 * The story (story.h) is played once undisturbed; so everybody knows how many operations of each
 * kind there are, and in which step.  A worker plays it too; before each step it leaves off, once
 * for each operation of it, a process that has it fail, mends what broke, and plays to the end.
 */
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#include "harness.h"
#include "nth/fail.h"
#include "nth/story.h"

enum {
    WORKERS_MAX = 16,
    STEPS_MAX = 256,
    MODES = 2,    /* once; from then on */
    ANSWERS = 20, /* lost answers at least, whatever STEP says: they show what is done twice; */
    RARE = 4,     /* of each kind so many at least, whatever STEP says */
    FAULTS_MAX = 64,
    SAID_MAX = 240,
    LOOK_MS = 100,
};

static const char *const modes[MODES] = {"once", "on"};

/* One failure of an operation. */
struct which {
    enum fail_kind kind;
    size_t mode, step;
    uint64_t n;
};

/* What was found: how often, and where first. */
struct fault {
    char said[SAID_MAX];
    uint64_t times;
    struct which first;
};

/* In memory that all processes see. */
struct shared {
    uint64_t before[STEPS_MAX + 1][FAIL_KINDS]; /* so many until this step */
    struct after should;
    uint64_t idle_max;
    struct worker {
        pid_t pid;
        uint64_t done, failed;
        struct fault faults[FAULTS_MAX];
        size_t fault_count;
    } workers[WORKERS_MAX];
};

static struct shared *shared;
static struct story story;
static struct after after;
static uint64_t strides[FAIL_KINDS];
static uint64_t seed;

static uint64_t setting(const char *name, uint64_t none) {
    const char *text = getenv(name);

    return text && *text ? strtoull(text, NULL, 10) : none;
}

static int64_t now_ms(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the measure ---- */

static void measure(void) {
    story_open(&story);
    for (size_t i = 0; i < story_steps(); i++) {
        story_step(&story, i);
        for (size_t kind = 0; kind < FAIL_KINDS; kind++) {
            shared->before[i + 1][kind] = fail_count((enum fail_kind)kind);
        }
    }
    after_look(&story, &shared->should);
    shared->idle_max = fail_idle_max();
    if (setting("TELL", 0)) {
        story_tell();
    }
    (void)fflush(stdout);
    town_close(&story.town);
}

/* A process of ours: it ends with the one that it comes from. */
static pid_t part(void) {
    (void)fflush(NULL);
    const pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    return pid;
}

static bool ended_well(pid_t pid) {
    int status = 0;

    CHECK(waitpid(pid, &status, 0) == pid);
    return status == 0;
}

static void measure_apart(void) {
    const pid_t pid = part();

    if (pid == 0) {
        measure();
        _exit(0);
    }
    CHECK(ended_well(pid));
}

/* ---- one case ---- */

static void play_case(const struct which *which) {
    fail_at(which->kind, which->n, which->mode > 0);
    story_step(&story, which->step);
    fail_heal();
    CHECK(fail_hits() > 0);
    story_mend(&story, which->step);
    for (size_t i = which->step + 1; i < story_steps(); i++) {
        story_step(&story, i);
    }
    after_look(&story, &after);
    after_compare(&story, &after, &shared->should);
}

/* What it said last, without line feeds. */
static void last_line(int file, char said[SAID_MAX]) {
    char text[16384];
    const off_t size = lseek(file, 0, SEEK_END);
    const off_t from = size > (off_t)sizeof text - 1 ? size - (off_t)sizeof text + 1 : 0;
    const ssize_t got = pread(file, text, sizeof text - 1, from);

    text[got > 0 ? got : 0] = '\0';
    char *end = text + strlen(text);
    while (end > text && end[-1] == '\n') {
        *--end = '\0';
    }
    const char *line = strrchr(text, '\n');
    (void)snprintf(said, SAID_MAX, "%s", line ? line + 1 : text);
}

static void note(struct worker *worker, const struct which *which, const char *said) {
    worker->failed++;
    for (size_t i = 0; i < worker->fault_count; i++) {
        if (strcmp(worker->faults[i].said, said) == 0) {
            worker->faults[i].times++;
            return;
        }
    }
    if (worker->fault_count < FAULTS_MAX) {
        struct fault *fault = &worker->faults[worker->fault_count++];
        *fault = (struct fault){.times = 1, .first = *which};
        (void)snprintf(fault->said, sizeof fault->said, "%s", said);
    }
}

static void leave_off(struct worker *worker, const struct which *which) {
    const int said = memfd_create("said", 0);
    char line[SAID_MAX];

    CHECK(said >= 0);
    const pid_t pid = part();
    if (pid == 0) {
        (void)dup2(said, STDERR_FILENO);
        play_case(which);
        _exit(0);
    }
    if (!ended_well(pid)) {
        last_line(said, line);
        note(worker, which, line);
    }
    (void)close(said);
    worker->done++;
}

/* ---- all cases ---- */

static bool is_taken(const struct which *which) {
    const uint64_t stride = strides[which->kind];
    const char *kind = getenv("KIND");

    if ((kind && *kind && strcmp(kind, fail_names[which->kind]) != 0)
        || setting("AT", which->step) != which->step) {
        return false;
    }
    return which->n % stride == (seed + which->mode * (stride / MODES)) % stride;
}

typedef void each_fn(struct worker *worker, const struct which *which);

/* Those of a step that are this worker's; how many there are for all. */
static uint64_t each_case(size_t step, uint64_t before, size_t mine, size_t of, each_fn *each) {
    uint64_t count = before;

    for (size_t kind = 0; kind < FAIL_KINDS; kind++) {
        for (uint64_t n = shared->before[step][kind] + 1; n <= shared->before[step + 1][kind];
             n++) {
            for (size_t mode = 0; mode < MODES; mode++) {
                const struct which which = {(enum fail_kind)kind, mode, step, n};
                if (!is_taken(&which)) {
                    continue;
                }
                if (each && count % of == mine) {
                    each(&shared->workers[mine], &which);
                }
                count++;
            }
        }
    }
    return count;
}

static void walk(size_t mine, size_t of) {
    uint64_t count = 0;

    story_open(&story);
    story.measure = shared->should.asked;
    for (size_t step = 0; step < story_steps(); step++) {
        count = each_case(step, count, mine, of, leave_off);
        story_step(&story, step);
        for (size_t kind = 0; kind < FAIL_KINDS; kind++) {
            CHECK(fail_count((enum fail_kind)kind) == shared->before[step + 1][kind]);
        }
    }
    town_close(&story.town);
}

static uint64_t count_cases(void) {
    uint64_t count = 0;

    for (size_t step = 0; step < story_steps(); step++) {
        count = each_case(step, count, 0, 1, NULL);
    }
    return count;
}

static void set_strides(void) {
    const uint64_t step = setting("STEP", 1);

    CHECK(step > 0);
    for (size_t kind = 0; kind < FAIL_KINDS; kind++) {
        const uint64_t least = kind == FAIL_ANSWER ? ANSWERS : RARE;
        const uint64_t rare = shared->before[story_steps()][kind] / least;
        strides[kind] = step < rare ? step : rare > 0 ? rare : 1;
    }
}

/* ---- the parent ---- */

static void progress(size_t count, uint64_t cases, int64_t begun) {
    uint64_t done = 0, found = 0;

    for (size_t i = 0; i < count; i++) {
        done += shared->workers[i].done;
        found += shared->workers[i].failed;
    }
    const double seconds = (double)(now_ms() - begun) / 1000;
    const double left = done > 0 ? seconds * (double)(cases - done) / (double)done : 0;
    if (isatty(STDERR_FILENO)) {
        (void)fprintf(
            stderr, "\r%" PRIu64 "/%" PRIu64 " failures, %" PRIu64 " found, %.0f s, %.0f s left  ",
            done, cases, found, seconds, left);
    }
}

/* How many of the workers did not come to the end. */
static size_t wait_all(size_t count, uint64_t cases, int64_t begun) {
    size_t broken = 0;

    for (size_t running = count; running > 0;) {
        int status = 0;
        const pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == 0) {
            const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
            (void)nanosleep(&pause, NULL);
            progress(count, cases, begun);
            continue;
        }
        running--;
        broken += status != 0;
    }
    return broken;
}

static void report(size_t count, uint64_t cases, int64_t begun) {
    (void)printf("# %" PRIu64 " failures in %.1f s, of", cases, (double)(now_ms() - begun) / 1000);
    for (size_t kind = 0; kind < FAIL_KINDS; kind++) {
        (void)printf("%s %s %" PRIu64, kind > 0 ? "," : "", fail_names[kind],
                     shared->before[story_steps()][kind]);
    }
    (void)printf("; %zu requests, at most %" PRIu64 " steps in a row came to nothing\n",
                 shared->should.asked_count, shared->idle_max);
    for (size_t i = 0; i < count; i++) {
        const struct worker *worker = &shared->workers[i];
        for (size_t f = 0; f < worker->fault_count; f++) {
            const struct fault *fault = &worker->faults[f];
            (void)printf("%s%s\n#    %" PRIu64 " times; again: make nth KIND=%s N=%" PRIu64
                         " MODE=%s\n",
                         fault->said[0] == '#' ? "" : "# ", fault->said, fault->times,
                         fail_names[fault->first.kind], fault->first.n, modes[fault->first.mode]);
        }
    }
}

static int play_all(void) {
    const int64_t begun = now_ms();
    uint64_t cores = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN), failed = 0, done = 0;
    const size_t count = (size_t)setting("JOBS", cores < WORKERS_MAX ? cores : WORKERS_MAX);

    CHECK(count > 0 && count <= WORKERS_MAX);
    set_strides();
    const uint64_t cases = count_cases();
    for (size_t i = 0; i < count; i++) {
        const pid_t pid = part();
        if (pid == 0) {
            walk(i, count);
            _exit(0);
        }
        shared->workers[i].pid = pid;
    }
    failed = wait_all(count, cases, begun);
    report(count, cases, begun);
    for (size_t i = 0; i < count; i++) {
        failed += shared->workers[i].failed;
        done += shared->workers[i].done - shared->workers[i].failed;
    }
    CHECK(failed > 0 || done == cases);
    (void)printf("%" PRIu64 " passed, %" PRIu64 " failed\n", done, failed);
    return failed > 0;
}

/* ---- one again ---- */

static bool play_one(struct which which) {
    while (which.step < story_steps() && shared->before[which.step + 1][which.kind] < which.n) {
        which.step++;
    }
    if (which.n == 0 || which.step == story_steps()) {
        (void)printf("# there are only %" PRIu64 " of %s: this run is not disturbed\n",
                     shared->before[story_steps()][which.kind], fail_names[which.kind]);
        return true;
    }
    const pid_t pid = part();
    if (pid == 0) {
        story_open(&story);
        story.measure = shared->should.asked;
        for (size_t i = 0; i < which.step; i++) {
            story_step(&story, i);
        }
        play_case(&which);
        _exit(0);
    }
    return ended_well(pid);
}

static int play_named(const char *name) {
    const char *mode = getenv("MODE");
    uint64_t passed = 0, failed = 0;

    for (size_t kind = 0; kind < FAIL_KINDS; kind++) {
        for (size_t m = 0; m < MODES && strcmp(name, fail_names[kind]) == 0; m++) {
            if (mode && *mode && strcmp(mode, modes[m]) != 0) {
                continue;
            }
            const bool well = play_one(
                (struct which){.kind = (enum fail_kind)kind, .mode = m, .n = setting("N", 1)});
            (void)printf("# KIND=%s N=%" PRIu64 " MODE=%s: %s\n", name, setting("N", 1), modes[m],
                         well ? "passed" : "failed");
            passed += well;
            failed += !well;
        }
    }
    (void)printf("%" PRIu64 " passed, %" PRIu64 " failed\n", passed, failed);
    return passed == 0 || failed > 0;
}

int main(void) {
    const char *kind = getenv("KIND");

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    seed = setting("SEED", 1);
    story_prepare();
    CHECK(story_steps() <= STEPS_MAX);
    measure_apart();
    return kind && *kind && setting("N", 0) > 0 ? play_named(kind) : play_all();
}
