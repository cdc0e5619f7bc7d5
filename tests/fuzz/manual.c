/*
 * manual - the compiler: the first byte names a file of the small manual, and the rest takes its
 * place, or lies over its parameters.
 */
#include "manual/manual.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "manual/compile.h"

enum { OVER = 0x80, PATH_SIZE = 600, MODE_FOLDER = 0700, MODE_FILE = 0600 };

static const char original[] = "tests/manuals/small";
static const char *const folders[] = {"", "/forms", "/procedures", "/texts"};

static struct compiled right; /* without a mistake */
static char copy[64];
static pid_t copied_by;

static void drop(const char *name) {
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof path, "%s/%s", copy, name);
    (void)unlink(path);
}

static void drop_copy(void) {
    char path[PATH_SIZE];

    for (size_t i = 0; i < right.count && copied_by == getpid(); i++) {
        drop(right.names[i]);
    }
    for (size_t i = sizeof folders / sizeof folders[0]; i > 0 && copied_by == getpid(); i--) {
        (void)snprintf(path, sizeof path, "%s%s", copy, folders[i - 1]);
        (void)rmdir(path);
    }
}

static void put(const char *name, struct bytes data) {
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof path, "%s/%s", copy, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, MODE_FILE);
    FUZZ_CHECK(fd >= 0);
    FUZZ_CHECK(data.size == 0 || write(fd, data.data, data.size) == (ssize_t)data.size);
    FUZZ_CHECK(close(fd) == 0);
}

static void make_copy(void) {
    struct arena *arena = arena_new(COMPILE_ARENA_SIZE); /* as long as the process */
    struct err err = {0};
    char path[PATH_SIZE];

    FUZZ_CHECK(compile_dir(original, &right, arena, &err) == 0);
    FUZZ_CHECK(right.mistake_count == 0 && right.count > 0);
    (void)snprintf(copy, sizeof copy, "%s/fuzz.XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    FUZZ_CHECK(mkdtemp(copy));
    copied_by = getpid();
    (void)atexit(drop_copy);
    for (size_t i = 1; i < sizeof folders / sizeof folders[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", copy, folders[i]);
        FUZZ_CHECK(mkdir(path, MODE_FOLDER) == 0);
    }
    for (size_t i = 0; i < right.count; i++) {
        put(right.names[i], right.sources[i]);
    }
}

/* What has no mistake can be taken; what has says each at its place. */
static void check(const struct compiled *compiled) {
    struct err err = {0};

    FUZZ_CHECK(compiled->mistake_count <= COMPILE_MISTAKES_MAX);
    for (size_t i = 0; i < compiled->mistake_count; i++) {
        const struct mistake *mistake = &compiled->mistakes[i];
        FUZZ_CHECK(mistake->file[0] && mistake->text[0] && mistake->line >= 0);
    }
    if (compiled->mistake_count > 0) {
        return;
    }
    struct manual *manual = manual_new(2, compiled->files, compiled->count, &err);
    FUZZ_CHECK(manual);
    manual_free(manual);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct compiled compiled;
    struct arena *arena = fuzz_arena();
    struct bytes rest = {data, size};
    struct err err = {0};

    if (right.count == 0) {
        make_copy();
    }
    const unsigned which = fuzz_byte(&rest);
    if (which & OVER) {
        compiled = right;
        if (compile_override(&compiled, "over.yaml", (const char *)rest.data, rest.size, arena,
                             &err)) {
            fuzz_refused(&err);
            return 0;
        }
        check(&compiled);
        return 0;
    }
    const size_t at = which % right.count;
    if (rest.size > 0) {
        put(right.names[at], rest);
    } else {
        drop(right.names[at]); /* nothing takes its place */
    }
    FUZZ_CHECK(compile_dir(copy, &compiled, arena, &err) == 0);
    check(&compiled);
    put(right.names[at], right.sources[at]);
    return 0;
}
