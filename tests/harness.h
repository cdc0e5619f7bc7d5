/*
 * harness - the whole test framework.
 *
 * A test is a function; a test program is one file with a table of them.  Each
 * runs in a process of its own, so that one failed CHECK ends only that test and
 * says where.  Output is TAP.  `program NAME` runs one test, in this process
 * (for a debugger).
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct test {
    const char *name;
    void (*run)(void);
};

#define TEST(fn)                                                                                   \
    { #fn, fn }

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            (void)fprintf(stderr, "# %s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__,       \
                          #cond);                                                                  \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* CHECK_TEXT - two strings are equal; shows both if not. */
#define CHECK_TEXT(is, should)                                                                     \
    do {                                                                                           \
        const char *is_ = (is), *should_ = (should);                                               \
        if (!is_ || strcmp(is_, should_) != 0) {                                                   \
            (void)fprintf(stderr, "# %s:%d: %s: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__,   \
                          __func__, #is, is_ ? is_ : "(null)", should_);                           \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* CHECK_OK - a call that takes err must succeed; shows the error if not. */
#define CHECK_OK(call, err)                                                                        \
    do {                                                                                           \
        if (call) {                                                                                \
            (void)fprintf(stderr, "# %s:%d: %s: %s: %s: %s\n", __FILE__, __LINE__, __func__,       \
                          #call, (err).rule, (err).args);                                          \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* SKIP - this machine does not allow what the test needs; says why. */
enum { TEST_SKIPPED = 77 };
#define SKIP(why)                                                                                  \
    do {                                                                                           \
        (void)fprintf(stderr, "# %s: skipped: %s\n", __func__, (why));                             \
        exit(TEST_SKIPPED);                                                                        \
    } while (0)

static inline int run_tests(const struct test *tests, size_t count, int argc, char **argv) {
    int failed = 0;

    (void)printf("1..%zu\n", count);
    for (size_t i = 0; i < count; i++) {
        if (argc > 1) {
            if (strcmp(argv[1], tests[i].name) == 0) {
                tests[i].run();
            }
            continue;
        }
        (void)fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            tests[i].run();
            exit(0);
        }
        int status = 0;
        (void)waitpid(child, &status, 0);
        bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == TEST_SKIPPED;
        (void)printf("%s %zu %s%s\n", status == 0 || skipped ? "ok" : "not ok", i + 1,
                     tests[i].name, skipped ? " # SKIP" : "");
        failed += status != 0 && !skipped;
    }
    return failed ? 1 : 0;
}

#define RUN_TESTS(tests, argc, argv)                                                               \
    run_tests((tests), sizeof(tests) / sizeof((tests)[0]), argc, argv)

#endif
