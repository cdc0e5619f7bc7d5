/*
 * The wall clock of the house is set, back and forth, by an hour and by a year, while callers go
 * on: libfaketime stands between the services and the kernel.  Time goes on for them, nothing is
 * lost, and a page leaves when it is due.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "aid/desk.h"
#include "aid/house.h"
#include "aid/ledger.h"
#include "aid/receiver.h"
#include "harness.h"

enum { WAIT_MS = 30000, WORK_MS = 1500, AGAIN_MS = 10000, URGENT_EVERY = 50, MESSAGES = 20000 };

static struct house house;
static char told[] = "/tmp/test_house_clock_XXXXXX";

/* What libfaketime adds to the wall clock of those that were started under it. */
static void set_clock(const char *offset) {
    FILE *file = fopen(told, "we");

    CHECK(file && fputs(offset, file) >= 0 && fclose(file) == 0);
}

/* Where Debian keeps it: /usr/lib/<machine>/faketime/libfaketime.so.1. */
static bool find_library(char *path, size_t size) {
    DIR *dir = opendir("/usr/lib");
    bool found = false;

    for (struct dirent *entry; !found && dir && (entry = readdir(dir));) {
        struct stat about;
        const int length = snprintf(path, size, "/usr/lib/%s/faketime/libfaketime.so.1",
                                    entry->d_name);
        found = length > 0 && (size_t)length < size && stat(path, &about) == 0;
    }
    if (dir) {
        (void)closedir(dir);
    }
    return found;
}

static void nothing_is_lost_when_the_wall_clock_is_set(void) {
    static const char *const offsets[] = {"+3600", "+0",  "-3600", "+0",   "+1y",
                                          "+0",    "-1y", "+0",    "+90s", "-90s"};
    char library[PATH_MAX];
    int64_t worst_ms = 0;

#ifdef __SANITIZE_ADDRESS__
    SKIP("the sanitizers want to be the first library");
#endif
    if (!find_library(library, sizeof library)) {
        SKIP("libfaketime is not there (package faketime)");
    }
    CHECK(close(mkstemp(told)) == 0);
    set_clock("+0");
    CHECK(setenv("LD_PRELOAD", library, 1) == 0 && setenv("FAKETIME_TIMESTAMP_FILE", told, 1) == 0
          && setenv("FAKETIME_CACHE_DURATION", "1", 1) == 0
          && setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1", 1) == 0
          && setenv("DONT_FAKE_MONOTONIC", "1", 1) == 0);
    house_new(&house, "deploy/demo/parameters.yaml");
    struct receiver *receiver = receiver_new(MESSAGES);
    receiver_lead(receiver, &house);
    house_duty(&house);
    struct ledger *ledger = ledger_new(&house, URGENT_EVERY);
    ledger_pace(ledger, 10);
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        ledger_drive(ledger, house_now_ms() + WORK_MS, true);
        set_clock(offsets[i]);
        ledger_drive(ledger, house_now_ms() + WORK_MS, true);
        const int64_t start_ms = house_now_ms();
        CHECK(house_ready(&house, WAIT_MS));
        const int64_t took_ms = house_now_ms() - start_ms;
        worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
    }
    ledger_drive(ledger, house_now_ms() + WAIT_MS, false);
    (void)printf("# the clock was set %zu times; all as before after %lld ms at most; %zu messages "
                 "of pages\n",
                 sizeof offsets / sizeof offsets[0], (long long)worst_ms, receiver_count(receiver));
    CHECK(worst_ms <= AGAIN_MS);
    ledger_check(ledger);
    struct desk_case leak = desk_open(&house, "after the clock", "13800000000");
    CHECK_TEXT(desk_fire(&house, "李强", leak.no, "dispatch", "assignee", "S402"), "");
    CHECK(desk_waits_reported(&house, leak.no, "page.sent", WAIT_MS));
    events_check(&house);
    ledger_free(ledger);
    house_end(&house);
    receiver_free(receiver);
    (void)unlink(told);
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(nothing_is_lost_when_the_wall_clock_is_set),
    };
    return RUN_TESTS(tests, argc, argv);
}
