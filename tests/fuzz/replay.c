/*
 * replay - drives the targets without libFuzzer: each file of a target's corpus, then so many
 * mutations of them, the same for the same SEED.  A target runs in a process of its own, so that
 * one that crashes ends only itself, and says on which bytes.
 *
 *     build/fuzz                        all targets, as TAP
 *     build/fuzz json                   one; RUNS=100000 SEED=7
 *     build/fuzz json FILE...           these files and nothing else, in this process
 */
#include <dirent.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "fuzz.h"
#include "house.h"
#include "mutate.h"

enum { FILES_MAX = 256, PATH_SIZE = 400, CPU_SECONDS = 900, PARALLEL = 2, SERVICES_FROM = 13 };

typedef int target_fn(const uint8_t *data, size_t size);

target_fn target_condition, target_config, target_csv, target_frame, target_import, target_json,
    target_keys, target_manual, target_rehearse, target_seal, target_settings, target_text,
    target_token, target_bus, target_notify, target_patrol, target_registry, target_reports,
    target_ticketing;

/* So many mutations that each takes some two seconds at most; the services come last. */
static const struct target {
    const char *name;
    target_fn *run;
    unsigned runs;
} targets[] = {
    {"condition", target_condition, 20000},
    {"config", target_config, 10000},
    {"csv", target_csv, 20000},
    {"frame", target_frame, 40000},
    {"import", target_import, 4000},
    {"json", target_json, 15000},
    {"keys", target_keys, 8000},
    {"manual", target_manual, 1000},
    {"rehearse", target_rehearse, 400},
    {"seal", target_seal, 10000},
    {"settings", target_settings, 5000},
    {"text", target_text, 20000},
    {"token", target_token, 4000},
    {"bus", target_bus, 200},
    {"notify", target_notify, 200},
    {"patrol", target_patrol, 200},
    {"registry", target_registry, 200},
    {"reports", target_reports, 200},
    {"ticketing", target_ticketing, 200},
};

static const size_t target_count = sizeof targets / sizeof targets[0];

/* What a child is at; its parent reads it when the child has crashed. */
struct progress {
    uint64_t input;
    size_t size;
    uint8_t data[MUTATE_SIZE_MAX];
};

struct corpus {
    struct bytes files[FILES_MAX];
    size_t count;
};

static uint64_t number_from(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);

    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static struct bytes read_file(const char *path) {
    FILE *in = fopen(path, "rbe");
    uint8_t *data = calloc(1, MUTATE_SIZE_MAX);

    if (!in || !data) {
        (void)fprintf(stderr, "# %s cannot be read\n", path);
        exit(1);
    }
    size_t size = fread(data, 1, MUTATE_SIZE_MAX, in);
    (void)fclose(in);
    return (struct bytes){data, size};
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_corpus(const char *target, struct corpus *corpus) {
    char path[PATH_SIZE];
    struct dirent **names = NULL;

    (void)snprintf(path, sizeof path, "tests/fuzz/corpus/%s", target);
    int count = scandir(path, &names, NULL, by_name);
    corpus->count = 0;
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.' && corpus->count < FILES_MAX) {
            (void)snprintf(path, sizeof path, "tests/fuzz/corpus/%s/%.200s", target,
                           names[i]->d_name);
            corpus->files[corpus->count++] = read_file(path);
        }
        free(names[i]);
    }
    free(names);
}

static void run_one(const struct target *target, struct progress *progress, const uint8_t *data,
                    size_t size) {
    progress->size = size;
    memcpy(progress->data, data, size);
    /* In memory of just this size: a byte behind it is nobody's. */
    uint8_t *exact = malloc(size > 0 ? size : 1);
    FUZZ_CHECK(exact);
    memcpy(exact, data, size);
    (void)target->run(exact, size);
    free(exact);
    progress->input++;
}

static int run_all(const struct target *target, struct progress *progress, unsigned runs,
                   uint64_t seed) {
    static struct corpus corpus;
    static uint8_t made[MUTATE_SIZE_MAX];
    struct rlimit limit = {CPU_SECONDS, CPU_SECONDS};
    struct mutate mutate = mutate_seed(seed);

    (void)setrlimit(RLIMIT_CPU, &limit); /* a loop without an end is a finding too */
    read_corpus(target->name, &corpus);
    for (size_t i = 0; i < corpus.count; i++) {
        run_one(target, progress, corpus.files[i].data, corpus.files[i].size);
    }
    for (unsigned i = 0; i < runs && corpus.count > 0; i++) {
        size_t size = mutate_one(&mutate, corpus.files, corpus.count, made);
        run_one(target, progress, made, size);
    }
    return corpus.count > 0 ? 0 : 1;
}

static void keep(const struct target *target, const struct progress *progress, uint64_t seed) {
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof path, "/tmp/fuzz-%s-%llu", target->name,
                   (unsigned long long)progress->input);
    FILE *out = fopen(path, "wbe");
    if (out) {
        (void)fwrite(progress->data, 1, progress->size, out);
        (void)fclose(out);
    }
    (void)fprintf(stderr, "# input %llu of SEED=%llu ended it; its %zu bytes are in %s\n",
                  (unsigned long long)progress->input, (unsigned long long)seed, progress->size,
                  path);
}

struct child {
    pid_t pid;
    struct progress *progress;
};

static struct child start(const struct target *target, unsigned runs, uint64_t seed) {
    struct progress *progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED) {
        abort();
    }
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        exit(run_all(target, progress, runs, seed));
    }
    return (struct child){pid, progress};
}

static int finish(size_t number, const struct child *child, uint64_t seed) {
    const struct target *target = &targets[number];
    int status = 0;

    (void)waitpid(child->pid, &status, 0);
    if (status != 0) {
        keep(target, child->progress, seed);
    }
    (void)printf("%s %zu %s: %llu inputs\n", status == 0 ? "ok" : "not ok", number + 1,
                 target->name, (unsigned long long)child->progress->input);
    (void)munmap(child->progress, sizeof *child->progress);
    return status != 0;
}

/* Fewer where each takes several times as long. */
static unsigned runs_of(const struct target *target) {
    const unsigned less = (unsigned)number_from("LESS", 1);

    return (unsigned)number_from("RUNS", target->runs / (less > 0 ? less : 1));
}

static int run_files(const struct target *target, char **paths, int count) {
    static struct progress progress;

    for (int i = 0; i < count; i++) {
        struct bytes file = read_file(paths[i]);
        (void)fprintf(stderr, "# %s\n", paths[i]);
        run_one(target, &progress, file.data, file.size);
    }
    return 0;
}

int main(int argc, char **argv) {
    const uint64_t seed = number_from("SEED", 1);
    struct child running[sizeof targets / sizeof targets[0]] = {{0, NULL}};
    size_t started = 0;
    int failed = 0;

    log_set(LOG_ERROR + 1, false);
    (void)printf("# SEED=%llu\n1..%zu\n", (unsigned long long)seed, target_count);
    for (size_t i = 0; i < target_count; i++) {
        if (argc > 2 && strcmp(argv[1], targets[i].name) == 0) {
            return run_files(&targets[i], argv + 2, argc - 2);
        }
    }
    for (size_t i = 0; i < target_count; i++) {
        for (; started < target_count && started < i + PARALLEL; started++) {
            if (argc > 1 && strcmp(argv[1], targets[started].name) != 0) {
                continue;
            }
            if (started >= SERVICES_FROM) {
                house_prepare(); /* once, here: the children find it */
            }
            running[started] = start(&targets[started], runs_of(&targets[started]), seed);
        }
        failed += running[i].progress ? finish(i, &running[i], seed) : 0;
    }
    return failed ? 1 : 0;
}
