#include "host/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/speak.h"

enum {
    PROBE_SIZE = 4096,
    PROBES_MAX = 16,
    PROBE_BUDGET_US = 100000, /* a slow disk is slow enough already */
    US_PER_S = 1000000,
    NS_PER_US = 1000,
    US_PER_MS = 1000,
    PATH_MAX_BYTES = 4096,
    PERCENT = 100,
    DECIMAL = 10,
    MODE_OWNER = 0600,
};

int64_t system_mono_us(void) {
    struct timespec ts = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / NS_PER_US;
}

void system_notify(const char *state) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (!path || !*path || strlen(path) >= sizeof address.sun_path) {
        return;
    }
    memcpy(address.sun_path, path, strlen(path));
    if (*path == '@') {
        address.sun_path[0] = '\0'; /* an abstract one */
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
        (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                     size);
        (void)close(fd);
    }
}

int64_t system_watchdog_ms(void) {
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");

    if (!usec || (pid && strtol(pid, NULL, DECIMAL) != (long)getpid())) {
        return 0;
    }
    int64_t ms = strtoll(usec, NULL, DECIMAL) / US_PER_MS;
    return ms > 0 ? ms : 0;
}

static const struct {
    const char *name;
    uint32_t magic;
    bool network;
} filesystems[] = {
    {"nfs", 0x6969, true},          {"cifs", 0xFF534D42, true},  {"smb2", 0xFE534D42, true},
    {"smb", 0x517B, true},          {"9p", 0x01021997, true},    {"ceph", 0x00C36400, true},
    {"afs", 0x5346414F, true},      {"fuse", 0x65735546, false}, {"tmpfs", 0x01021994, false},
    {"overlay", 0x794C7630, false}, {"ext", 0xEF53, false},      {"xfs", 0x58465342, false},
    {"btrfs", 0x9123683E, false},
};

int system_check_folder(const char *folder, const char **kind, struct err *err) {
    struct statfs info;

    *kind = "other";
    if (statfs(folder, &info)) {
        return err_plain(err, ERR_UNAVAILABLE, "%s: %s", folder, speak(strerror(errno)));
    }
    for (size_t i = 0; i < sizeof filesystems / sizeof filesystems[0]; i++) {
        if ((uint32_t)info.f_type == filesystems[i].magic) {
            *kind = filesystems[i].name;
            if (filesystems[i].network) {
                return err_plain(err, ERR_PRECONDITION,
                                 "%s lies on %s, a network filesystem: locks and shared memory do "
                                 "not work there; a store needs a local disk",
                                 folder, filesystems[i].name);
            }
        }
    }
    return 0;
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int system_measure_disk(const char *folder, struct system_disk *disk, struct err *err) {
    char path[PATH_MAX_BYTES];
    int64_t took[PROBES_MAX];
    static const char page[PROBE_SIZE];
    struct statfs info;
    int count = 0;

    memset(disk, 0, sizeof *disk);
    (void)snprintf(path, sizeof path, "%s/.probe.%d", folder, (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, MODE_OWNER);
    if (fd < 0) {
        return err_plain(err, ERR_UNAVAILABLE, "%s: cannot write there: %s", folder,
                         speak(strerror(errno)));
    }
    (void)unlink(path);
    int64_t begin = system_mono_us();
    while (count < PROBES_MAX && system_mono_us() - begin < PROBE_BUDGET_US) {
        int64_t start = system_mono_us();
        if (pwrite(fd, page, sizeof page, (off_t)count * PROBE_SIZE) != PROBE_SIZE
            || fdatasync(fd)) {
            (void)close(fd);
            return err_plain(err, ERR_UNAVAILABLE, "%s: cannot flush: %s", folder,
                             speak(strerror(errno)));
        }
        took[count++] = system_mono_us() - start;
    }
    (void)close(fd);
    qsort(took, (size_t)count, sizeof took[0], by_value);
    disk->p50_us = took[count / 2];
    disk->worst_us = took[count - 1];
    disk->samples = count;
    if (statfs(folder, &info) == 0 && info.f_blocks > 0) {
        disk->free_bytes = (int64_t)info.f_bavail * info.f_bsize;
        disk->free_percent = (int)(info.f_bavail * PERCENT / info.f_blocks);
    }
    return 0;
}

int system_lock(const char *path, struct err *err) {
    char text[32];
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, MODE_OWNER);

    if (fd < 0) {
        return err_plain(err, ERR_UNAVAILABLE, "%s: %s", path, speak(strerror(errno)));
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        (void)close(fd);
        return err_plain(err, ERR_UNAVAILABLE, "%s: it runs already (pid %d)", path,
                         (int)system_locked_by(path));
    }
    int size = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)size, 0) != size) {
        (void)close(fd);
        return err_plain(err, ERR_UNAVAILABLE, "%s: cannot write", path);
    }
    return 0; /* the descriptor stays open: it is the lock */
}

pid_t system_locked_by(const char *path) {
    char text[32] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    pid_t pid = 0;

    if (fd < 0) {
        return 0;
    }
    if (flock(fd, LOCK_SH | LOCK_NB) && read(fd, text, sizeof text - 1) > 0) {
        pid = (pid_t)strtol(text, NULL, DECIMAL);
    }
    (void)close(fd);
    return pid;
}
