/*
 * disk - a simulated disk under SQLite: files in memory that know what has been synced.
 *
 * A process that is killed leaves its files as they are; its open handles are dead, and what they
 * still do is forgotten.  A power cut leaves of each file what was synced, and of what was
 * written since then any part: every 512-byte sector of every write may be there or not
 * (powersafe overwrite: a sector that was not written to does not change), and the length may be
 * any that the file has had since.  That is what SQLite's own crash tests assume of a disk
 * (sqlite.org/atomiccommit.html, sections 2 and 9).
 *
 * Everything is decided by the random numbers that the caller hands in: equal calls, equal disks.
 * One thread.
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* disk_install - every store that is opened from here on is on this disk. */
void disk_install(void);

/* disk_drop - the files whose path begins so are gone, with the handles on them. */
void disk_drop(const char *prefix);

/* disk_copy - the files whose path begins with `from` are there under `to`, as if synced. */
void disk_copy(const char *from, const char *to);

/* disk_kill - the handles on these files are dead; the files stay as they are. */
void disk_kill(const char *prefix);

typedef uint32_t disk_random(void *arg, uint32_t below);

/* disk_cut - disk_kill, and the power fails: what was not synced may be lost, in any part. */
void disk_cut(const char *prefix, disk_random *random, void *arg);

enum disk_error { DISK_WRITE_FAILS, DISK_SYNC_FAILS, DISK_READ_FAILS };

/* disk_fail - the n-th such operation from now on these files (0: the next) fails with an I/O
 * error, once. */
void disk_fail(const char *prefix, enum disk_error what, uint32_t n);
void disk_heal(void); /* no failure is waiting any more */

/* disk_lie - syncing does nothing from now on: what a dishonest disk does (a positive control). */
void disk_lie(bool lies);

size_t disk_bytes(const char *prefix);  /* of these files together */
uint64_t disk_hash(const char *prefix); /* of their names and contents */
uint64_t disk_syncs(void);              /* so far */

#endif
