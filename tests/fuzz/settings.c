/* settings - a service's own file, as its program reads it. */
#include "host/settings.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "fuzz.h"
#include "host/workers.h"

static void check_values(const struct settings *settings) {
    FUZZ_CHECK(settings->service && settings->listen && settings->local && settings->store);
    FUZZ_CHECK(settings->keys && settings->allow && settings->secrets && settings->pid);
    FUZZ_CHECK(settings->workers >= 1 && settings->workers <= WORKERS_MAX / 2);
    FUZZ_CHECK(settings->urgent_workers >= 1 && settings->urgent_workers <= WORKERS_MAX / 2);
    FUZZ_CHECK(settings->group_max >= 1 && settings->keep_days >= 0);
    FUZZ_CHECK(settings->peers.count <= CONFIG_MAP_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char program[] = "shouwen-bus", option[] = "--config", check[] = "--check-config";
    struct arena *arena = fuzz_arena();
    struct settings settings = {0}, again = {0};
    struct err err = {0};
    char path[64];
    int here = open(".", O_PATH | O_CLOEXEC);

    (void)snprintf(path, sizeof path, "%s", fuzz_path((struct bytes){data, size}));
    char *argv[] = {program, option, path, check, NULL};
    int loaded = settings_load(path, &settings, arena, &err);
    int rc = settings_read("bus", 4, argv, &again, arena, &err);
    /* It enters the file's folder. */
    FUZZ_CHECK(here >= 0 && fchdir(here) == 0 && close(here) == 0);
    log_set(LOG_ERROR + 1, false);
    if (loaded || rc) {
        fuzz_refused(&err);
        FUZZ_CHECK(rc == -1); /* what cannot be loaded cannot be started with either */
        return 0;
    }
    check_values(&settings);
    FUZZ_CHECK(again.check_only && strcmp(again.service, "bus") == 0);
    return 0;
}
