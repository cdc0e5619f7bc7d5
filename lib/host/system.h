/*
 * system - the machine around a service: systemd's notifications, the folder the
 * store lies in, the lock that says a service runs.
 */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* system_notify - "READY=1", "WATCHDOG=1", "STOPPING=1" to $NOTIFY_SOCKET, if there is one. */
void system_notify(const char *state);

/* system_watchdog_ms - how often systemd wants to hear from us; 0: never. */
int64_t system_watchdog_ms(void);

/* system_check_folder - refuses a folder on a network filesystem; *kind says what it is. */
int system_check_folder(const char *folder, const char **kind, struct err *err);

/* What a flush of 4 KiB costs here. */
struct system_disk {
    int64_t p50_us;
    int64_t worst_us;
    int samples;
    int64_t free_bytes;
    int free_percent;
};
int system_measure_disk(const char *folder, struct system_disk *disk, struct err *err);

/* system_lock - take the pid file for as long as this process lives, and write the pid
 * into it.  -1: another one has it. */
int system_lock(const char *path, struct err *err);

/* system_locked_by - the pid of who has it; 0: nobody. */
pid_t system_locked_by(const char *path);

int64_t system_mono_us(void);

#endif
