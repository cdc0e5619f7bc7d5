/*
 * A disk that is full: one service's store lies on a small one of its own.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "aid/desk.h"
#include "aid/house.h"
#include "aid/ledger.h"
#include "harness.h"

enum {
    WAIT_MS = 30000,
    LOAD_MS = 800,
    PATH = PATH_MAX + 64,
    CHUNK = 64 << 10,
    DISK = 24 << 20, /* of the small disk */
};

static const char demo[] = "deploy/demo/parameters.yaml";
static struct house house;

static void no_small_disk(void) {
    char path[PATH];

    (void)snprintf(path, sizeof path, "%s/small", house.dir);
    (void)umount2(path, MNT_DETACH);
}

/* A disk of its own for one service's store.  False: not allowed here. */
static bool small_disk(const char *service) {
    char path[PATH];
    char size[32];
    char command[PATH * 3];

    (void)snprintf(path, sizeof path, "%s/small", house.dir);
    (void)snprintf(size, sizeof size, "size=%d", DISK);
    /* Mounted for this test and its services alone. */
    if (mkdir(path, 0700) || unshare(CLONE_NEWNS)
        || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)
        || mount("none", path, "tmpfs", 0, size)) {
        return false;
    }
    CHECK(atexit(no_small_disk) == 0);
    house_stop(&house, service);
    (void)snprintf(command, sizeof command,
                   "cd %s && mv %s.db* small/ && sed -i 's,^store: .*,store: small/%s.db,' %s.yaml",
                   house.dir, service, service, service);
    CHECK(system(command) == 0);
    house_start(&house, service);
    return true;
}

/* Fill the disk to the last byte; or empty it again. */
static void fill_disk(bool full) {
    static const char chunk[CHUNK];
    char path[PATH];

    (void)snprintf(path, sizeof path, "%s/small/ballast", house.dir);
    if (!full) {
        CHECK(unlink(path) == 0);
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    for (size_t size = sizeof chunk; size > 0;) {
        ssize_t n = write(fd, chunk, size);
        size = n < 0 ? size / 2 : size;
    }
    (void)close(fd);
}

static void a_full_disk_is_said_and_loses_nothing(void) {
    house_new(&house, demo);
    if (!small_disk("ticketing")) {
        SKIP("no file system may be mounted here");
    }
    CHECK(house_ready(&house, WAIT_MS));
    struct ledger *ledger = ledger_new(&house, 0);
    struct desk_case leak = desk_open(&house, "before", "13800000000");
    pid_t pid = instance_pid(session_instance(house.session), "ticketing");

    ledger_drive(ledger, house_now_ms() + LOAD_MS, true);
    for (int round = 0; round < 2; round++) {
        size_t borne = ledger_borne(ledger);
        fill_disk(true);
        ledger_bear(ledger, "disk_full");
        /* What the WAL has room for is still taken. */
        for (int64_t until = house_now_ms() + WAIT_MS;
             ledger_borne(ledger) == borne && house_now_ms() < until;) {
            ledger_drive(ledger, house_now_ms() + LOAD_MS, true);
        }
        CHECK(ledger_borne(ledger) > borne);
        fill_disk(false);
        ledger_drive(ledger, house_now_ms() + LOAD_MS, true);
        ledger_drive(ledger, house_now_ms() + WAIT_MS, false);
    }
    /* The very same process goes on, and what was refused was done at last, once. */
    CHECK(instance_pid(session_instance(house.session), "ticketing") == pid);
    CHECK(house_ready(&house, WAIT_MS));
    ledger_check(ledger);
    leak = desk_open(&house, "after", "13800000000");
    CHECK_TEXT(desk_fire(&house, "李强", leak.no, "dispatch", "assignee", "S402"), "");
    CHECK(desk_waits_reported(&house, leak.no, "page.asked", WAIT_MS));
    CHECK(events_intact(&house, "ticketing"));
    ledger_free(ledger);
    no_small_disk();
    house_end(&house);
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(a_full_disk_is_said_and_loses_nothing),
    };
    return RUN_TESTS(tests, argc, argv);
}
