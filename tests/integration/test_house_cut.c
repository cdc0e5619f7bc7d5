/*
 * The house on a disk of its own, an ext4 image, whose file system is cut off at once while
 * callers write: as by a failing disk for those that run, and, when it is mounted again, as by a
 * power cut for what they had written and not synced.  Nothing that was acknowledged is lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "aid/house.h"
#include "aid/ledger.h"
#include "aid/whole.h"
#include "harness.h"

enum {
    CUTS = 5,
    WRITING_MS = 300, /* and up to as much again before a cut */
    WAIT_MS = 60000,
    URGENT_EVERY = 50,
    PATH = PATH_MAX + 64,
    COMMAND = 4 * PATH_MAX,
};

/* What ext4 and xfs understand (fs/ext4/ext4.h): no journal is flushed any more. */
#define SHUT_DOWN _IOR('X', 125, uint32_t)
static const uint32_t without_a_flush = 2;

static struct house house;
static char disk[PATH], image[PATH];
static pid_t ticketing;

static void no_disk(void) {
    (void)umount2(disk, MNT_DETACH);
    (void)unlink(image);
}

static bool mount_image(void) {
    char command[COMMAND];

    (void)snprintf(command, sizeof command, "mount -o loop %s %s 2>&1", image, disk);
    return system(command) == 0;
}

static void start(const char *service) {
    const pid_t pid = house_start(&house, service);

    ticketing = strcmp(service, "ticketing") == 0 ? pid : ticketing;
}

/* All stores onto a disk of their own.  False: not allowed here. */
static bool move_to_disk(void) {
    char command[COMMAND];

    (void)snprintf(disk, sizeof disk, "%s/disk", house.dir);
    (void)snprintf(image, sizeof image, "%s/image", house.dir);
    (void)snprintf(command, sizeof command,
                   "truncate -s 256M %s && mkfs.ext4 -q %s >/dev/null 2>&1", image, image);
    /* Mounted for this test and its services alone. */
    if (mkdir(disk, 0700) || system(command) != 0 || unshare(CLONE_NEWNS)
        || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || !mount_image()) {
        return false;
    }
    CHECK(atexit(no_disk) == 0);
    for (size_t i = 0; instance_services[i]; i++) {
        const char *service = instance_services[i];
        house_stop(&house, service);
        (void)snprintf(command, sizeof command,
                       "cd %s && mv %s.db* disk/ && sync -f disk && sed -i 's,^store: .*,store: "
                       "disk/%s.db,' %s.yaml",
                       house.dir, service, service, service);
        CHECK(system(command) == 0);
        start(service);
    }
    return true;
}

/* Looked at, and left to house_kill to bury. */
static bool has_ended(void *arg) {
    siginfo_t info = {.si_pid = 0};
    (void)arg;

    return waitid(P_PID, (id_t)ticketing, &info, WEXITED | WNOHANG | WNOWAIT) == 0
           && info.si_pid == ticketing;
}

/* Whoever writes finds that out and ends: nobody knows what is on the disk.  Then all are gone. */
static void cut_off(void) {
    const int fd = open(disk, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    CHECK(fd >= 0 && ioctl(fd, SHUT_DOWN, &without_a_flush) == 0);
    (void)close(fd);
    CHECK(house_wait(has_ended, NULL, WAIT_MS));
    for (size_t i = 0; instance_services[i]; i++) {
        house_kill(&house, instance_services[i]);
    }
}

static bool is_unmounted(void *arg) {
    (void)arg;
    return umount2(disk, 0) == 0 || errno == EINVAL;
}

static int64_t start_again(void) {
    const int64_t start_ms = house_now_ms();

    CHECK(house_wait(is_unmounted, NULL, WAIT_MS)); /* the kernel lets go of the killed */
    CHECK(mount_image());
    for (size_t i = 0; instance_services[i]; i++) {
        start(instance_services[i]);
    }
    CHECK(house_ready(&house, WAIT_MS));
    return house_now_ms() - start_ms;
}

static void are_whole(void) {
    events_check(&house);
    for (size_t i = 0; instance_services[i]; i++) {
        char path[PATH + 32];
        char why[256];
        house_stop(&house, instance_services[i]);
        (void)snprintf(path, sizeof path, "%s/%s.db", disk, instance_services[i]);
        if (!whole_store(path, why, sizeof why)) {
            (void)fprintf(stderr, "# %s: %s\n", instance_services[i], why);
            CHECK(!"the store is whole");
        }
        (void)house_start(&house, instance_services[i]);
        CHECK(house_ready(&house, WAIT_MS)); /* the next one reads its keys from registry */
    }
}

static void what_was_acknowledged_outlives_the_disk_being_cut_off(void) {
    int64_t worst_ms = 0;

    house_new(&house, "deploy/demo/parameters.yaml");
    if (!move_to_disk()) {
        SKIP("no file system may be mounted here");
    }
    CHECK(house_ready(&house, WAIT_MS));
    struct ledger *ledger = ledger_new(&house, URGENT_EVERY);
    srand(1);
    for (int i = 0; i < CUTS; i++) {
        ledger_drive(ledger, house_now_ms() + WRITING_MS + rand() % WRITING_MS, true);
        CHECK(ledger_in_flight(ledger) > 0);
        cut_off();
        const int64_t took_ms = start_again();
        worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
    }
    ledger_drive(ledger, house_now_ms() + WAIT_MS, false);
    CHECK(house_ready(&house, WAIT_MS));
    (void)printf("# %d cuts; all ready again after %lld ms at most\n", CUTS, (long long)worst_ms);
    ledger_check(ledger);
    are_whole();
    ledger_free(ledger);
    for (size_t i = 0; instance_services[i]; i++) {
        house_stop(&house, instance_services[i]);
    }
    CHECK(house_wait(is_unmounted, NULL, WAIT_MS));
    house_end(&house);
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(what_was_acknowledged_outlives_the_disk_being_cut_off),
    };
    return RUN_TESTS(tests, argc, argv);
}
