/*
 * Every rehearsal in this folder holds, and played twice it gives the same event log;
 * some are also played with one request in a commit, which changes nothing either.
 */
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/services.h"
#include "host/rehearse.h"

static struct rehearse_options options = {
    .services = services_all,
    .manual = "manual",
    .demo = "deploy/demo",
    .locale = "en",
    .seed = 1,
};

static bool equal_again(const char *file, const struct rehearse_result *first, size_t group_max) {
    struct rehearse_options again = options;
    struct rehearse_result second;

    again.group_max = group_max;
    rehearse_file(&again, file, &second);
    /* Smaller commits leave earlier, so messages may cross that did not; but the same happens. */
    bool same = group_max ? memcmp(first->bag, second.bag, sizeof first->bag) == 0
                          : memcmp(first->log, second.log, sizeof first->log) == 0;
    if (second.events == first->events && same) {
        return true;
    }
    (void)fprintf(stderr, "# %s: %s, the event logs differ (%zu and %zu events)\n", file,
                  group_max ? "played with one request in a commit" : "played twice", first->events,
                  second.events);
    return false;
}

static bool play(const char *file, bool alone) {
    struct rehearse_result result;

    rehearse_file(&options, file, &result);
    return result.played && result.failures == 0 && result.held > 0 && equal_again(file, &result, 0)
           && (!alone || equal_again(file, &result, 1));
}

int main(int argc, char **argv) {
    static const char *const alone[] = {"/02-", "/04-", "/56-"};
    glob_t files;
    int failed = 0;

    if (glob("tests/rehearsals/*.yaml", 0, NULL, &files)) {
        (void)fputs("# run this in the folder that holds tests/\n", stderr);
        return 1;
    }
    log_set(LOG_ERROR, false);
    options.out = stderr;
    (void)printf("1..%zu\n", files.gl_pathc);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        const char *file = files.gl_pathv[i];
        bool one_by_one = false;
        if (argc > 1 && !strstr(file, argv[1])) {
            continue;
        }
        for (size_t k = 0; k < sizeof alone / sizeof alone[0]; k++) {
            one_by_one = one_by_one || strstr(file, alone[k]);
        }
        bool fine = play(file, one_by_one);
        (void)printf("%s %zu %s\n", fine ? "ok" : "not ok", i + 1, file);
        failed += !fine;
    }
    rehearse_drop_templates();
    globfree(&files);
    return failed ? 1 : 0;
}
