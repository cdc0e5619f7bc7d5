#include "soak/gauge.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cli/instance.h"

static int64_t memory_kib(pid_t pid) {
    char path[64];
    char line[128];
    long long kib = -1;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "RssAnon: %lld", &kib) == 1) {
            break;
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return kib;
}

static int64_t descriptors(pid_t pid) {
    char path[64];
    int64_t count = -2; /* ".", ".." */

    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    if (!dir) {
        return -1;
    }
    while (readdir(dir)) {
        count++;
    }
    (void)closedir(dir);
    return count;
}

static int64_t log_bytes(const struct house *house, const char *service) {
    char path[PATH_MAX + 64];
    struct stat about;

    (void)snprintf(path, sizeof path, "%s/%s.db-wal", house->dir, service);
    return stat(path, &about) == 0 ? (int64_t)about.st_size : 0;
}

static void most(int64_t *most_so_far, int64_t now) {
    *most_so_far = now > *most_so_far ? now : *most_so_far;
}

/* The first seconds of a life are its beginning; then it is compared with their most. */
static void compare(struct gauge *gauge) {
    const struct gauge_reading *now = &gauge->last;

    most(&gauge->worst.memory_kib, now->memory_kib);
    most(&gauge->worst.descriptors, now->descriptors);
    most(&gauge->worst.log_bytes, now->log_bytes);
    gauge->settled = house_now_ms() - gauge->since_ms >= GAUGE_SETTLE_MS;
    if (!gauge->settled) {
        most(&gauge->first.memory_kib, now->memory_kib);
        most(&gauge->first.descriptors, now->descriptors);
        return;
    }
    most(&gauge->grown_kib, now->memory_kib - gauge->first.memory_kib);
    most(&gauge->more_descriptors, now->descriptors - gauge->first.descriptors);
}

void gauge_look(struct house *house, struct gauge *gauges) {
    for (size_t i = 0; instance_services[i]; i++) {
        struct gauge *gauge = &gauges[i];
        const char *service = instance_services[i];
        const pid_t pid = instance_pid(session_instance(house->session), service);
        if (pid <= 0) {
            continue;
        }
        if (pid != gauge->pid) {
            gauge->pid = pid;
            gauge->since_ms = house_now_ms();
            gauge->first = (struct gauge_reading){0};
        }
        gauge->last = (struct gauge_reading){
            .memory_kib = memory_kib(pid),
            .descriptors = descriptors(pid),
            .log_bytes = log_bytes(house, service),
        };
        if (gauge->last.memory_kib >= 0) { /* it has ended meanwhile */
            compare(gauge);
        }
    }
}

void gauge_say(const struct gauge *gauges) {
    for (size_t i = 0; instance_services[i]; i++) {
        const struct gauge *gauge = &gauges[i];
        (void)printf("#   %-9s memory %5.1f MiB, most %5.1f, grown by %4.1f; %2d descriptors, "
                     "more by %d; log at most %4.1f MiB\n",
                     instance_services[i], (double)gauge->last.memory_kib / 1024,
                     (double)gauge->worst.memory_kib / 1024, (double)gauge->grown_kib / 1024,
                     (int)gauge->last.descriptors, (int)gauge->more_descriptors,
                     (double)gauge->worst.log_bytes / 1048576);
    }
}
