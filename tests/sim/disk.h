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

enum disk_error {
    DISK_WRITE_FAILS,
    DISK_SYNC_FAILS,
    DISK_READ_FAILS,
    DISK_OPEN_FAILS,
    DISK_TRUNCATE_FAILS,
};

/* disk_fail - the n-th such operation from now on these files (0: the next) fails with an I/O
 * error, once. */
void disk_fail(const char *prefix, enum disk_error what, uint32_t n);
void disk_heal(void); /* no failure is waiting any more */

/* disk_judge - each operation is put to `fails` before it is done; NULL: to nobody any more. */
typedef bool disk_fails(enum disk_error what, const char *path);
void disk_judge(disk_fails *fails);

/* disk_lie - syncing does nothing from now on: what a dishonest disk does (a positive control). */
void disk_lie(bool lies);

/* disk_put - the file is there and holds this, as if synced.  disk_look - what it holds, or NULL.
 */
void disk_put(const char *path, const void *data, size_t size);
void disk_remove(const char *path);
const uint8_t *disk_look(const char *path, size_t *size);

/*
 * disk_watch - `watch` is told of everything that is done to files with a name, in order: what a
 * recording needs to build what any power cut would have left.  NULL: nobody any more.
 */
enum disk_act { DISK_OPENED, DISK_WROTE, DISK_SHORTENED, DISK_SYNCED, DISK_REMOVED, DISK_PUT };
struct disk_op {
    enum disk_act act;
    const char *path;
    size_t at,
        size; /* of what was written or put; `at` is also the new length of a shortened one */
    const void *data; /* of what was written or put */
    int flags; /* DISK_OPENED: SQLite's; DISK_REMOVED: not 0 when the folder is synced, too */
};
typedef void disk_watcher(void *arg, const struct disk_op *op);
void disk_watch(disk_watcher *watch, void *arg);

size_t disk_bytes(const char *prefix);  /* of these files together */
uint64_t disk_hash(const char *prefix); /* of their names and contents */
uint64_t disk_syncs(void);              /* so far */

#endif
