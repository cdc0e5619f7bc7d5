#include "store/diskfull.h"

#include <assert.h>
#include <string.h>

#include <sqlite3.h>

/* A file of ours, with SQLite's own behind it in the same memory. */
struct file {
    sqlite3_file base;
    sqlite3_file *real;
};

static _Thread_local bool is_full;
static sqlite3_vfs layer;
static sqlite3_vfs *below;

static sqlite3_file *real_of(sqlite3_file *file) {
    return ((struct file *)file)->real;
}

static int x_close(sqlite3_file *file) {
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int x_read(sqlite3_file *file, void *data, int size, sqlite3_int64 at) {
    return real_of(file)->pMethods->xRead(real_of(file), data, size, at);
}

static int x_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 at) {
    return is_full ? SQLITE_FULL : real_of(file)->pMethods->xWrite(real_of(file), data, size, at);
}

static int x_truncate(sqlite3_file *file, sqlite3_int64 size) {
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int x_sync(sqlite3_file *file, int flags) {
    return real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int x_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int x_lock(sqlite3_file *file, int lock) {
    return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int x_unlock(sqlite3_file *file, int lock) {
    return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int x_reserved(sqlite3_file *file, int *reserved) {
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), reserved);
}

static int x_control(sqlite3_file *file, int op, void *arg) {
    return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int x_sector(sqlite3_file *file) {
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int x_device(sqlite3_file *file) {
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int x_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **map) {
    return real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, map);
}

static int x_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void x_shm_barrier(sqlite3_file *file) {
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int x_shm_unmap(sqlite3_file *file, int remove) {
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* without memory-mapped reading, which stores do not use */
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_reserved,
    .xFileControl = x_control,
    .xSectorSize = x_sector,
    .xDeviceCharacteristics = x_device,
    .xShmMap = x_shm_map,
    .xShmLock = x_shm_lock,
    .xShmBarrier = x_shm_barrier,
    .xShmUnmap = x_shm_unmap,
};

static int x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *given) {
    struct file *ours = (struct file *)file;

    (void)vfs;
    ours->real = (sqlite3_file *)(ours + 1);
    int rc = below->xOpen(below, name, ours->real, flags, given);
    /* Without methods SQLite does not close it. */
    file->pMethods = ours->real->pMethods ? &methods : NULL;
    return rc;
}

void diskfull_install(void) {
    if (below) {
        return;
    }
    below = sqlite3_vfs_find(NULL);
    assert(below);
    layer = *below;
    layer.zName = "diskfull";
    layer.szOsFile = (int)sizeof(struct file) + below->szOsFile;
    layer.pNext = NULL;
    layer.xOpen = x_open;
    int rc = sqlite3_vfs_register(&layer, 1);
    assert(rc == SQLITE_OK);
    (void)rc;
}

void diskfull_set(bool full) {
    is_full = full;
}
