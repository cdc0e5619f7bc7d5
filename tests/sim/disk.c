#include "sim/disk.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

enum { FILES_MAX = 256, PATH_SIZE = 256, SECTOR = 512, GROW = 64 << 10, SHM_REGIONS = 64 };

/* A write that has not been synced: where, how much; what was there before is in `old`. */
struct pending {
    size_t at, size;
    uint8_t *old;    /* of the bytes below the length that the file had */
    size_t old_size; /* the file's length before it */
};

struct content {
    char path[PATH_SIZE];
    uint8_t *data;
    size_t size, room;
    struct pending *pending;
    size_t pending_count, pending_room;
    unsigned life; /* handles of an earlier one are dead */
    size_t handles;
};

struct handle {
    sqlite3_file base;
    struct content *content;
    unsigned life;
    void *shm[SHM_REGIONS]; /* of this connection alone: the next one reads the log again */
    bool temporary;
};

static struct content *files[FILES_MAX];
static size_t file_count;
static sqlite3_vfs layer;
static sqlite3_vfs *below;
static bool lying;
static uint64_t syncs;
static disk_watcher *watcher;
static void *watcher_arg;

static struct {
    bool armed;
    char prefix[PATH_SIZE];
    enum disk_error what;
    uint32_t left;
} failing;
static disk_fails *judge;

static bool is_under(const struct content *content, const char *prefix) {
    return strncmp(content->path, prefix, strlen(prefix)) == 0;
}

static struct content *find(const char *path) {
    for (size_t i = 0; i < file_count; i++) {
        if (strcmp(files[i]->path, path) == 0) {
            return files[i];
        }
    }
    return NULL;
}

static void forget_pending(struct content *content) {
    for (size_t i = 0; i < content->pending_count; i++) {
        free(content->pending[i].old);
    }
    content->pending_count = 0;
}

static struct content *make(const char *path) {
    assert(file_count < FILES_MAX && strlen(path) < PATH_SIZE);
    struct content *content = calloc(1, sizeof *content);
    assert(content);
    (void)snprintf(content->path, sizeof content->path, "%s", path);
    files[file_count++] = content;
    return content;
}

static void resize(struct content *content, size_t size) {
    if (size > content->room) {
        content->room = size + size / 2 + GROW;
        content->data = realloc(content->data, content->room);
        assert(content->data);
    }
    if (size > content->size) {
        memset(content->data + content->size, 0, size - content->size);
    }
    content->size = size;
}

/* What will be overwritten is kept, until the next sync. */
static void keep(struct content *content, size_t at, size_t size) {
    if (content->pending_count == content->pending_room) {
        content->pending_room = content->pending_room ? 2 * content->pending_room : 64;
        content->pending = realloc(content->pending,
                                   content->pending_room * sizeof *content->pending);
        assert(content->pending);
    }
    struct pending *pending = &content->pending[content->pending_count++];
    *pending = (struct pending){.at = at, .size = size, .old_size = content->size};
    const size_t there = at < content->size ? content->size - at : 0;
    const size_t kept = there < size ? there : size;
    pending->old = malloc(size + 1);
    assert(pending->old);
    memset(pending->old, 0, size);
    if (kept > 0) {
        memcpy(pending->old, content->data + at, kept);
    }
}

static void tell(const struct content *content, struct disk_op op) {
    if (watcher && content->path[0]) {
        op.path = content->path;
        watcher(watcher_arg, &op);
    }
}

void disk_watch(disk_watcher *watch, void *arg) {
    watcher = watch;
    watcher_arg = arg;
}

/* ---- failures ---- */

static bool fails(const struct content *content, enum disk_error what) {
    if (judge && judge(what, content->path)) {
        return true;
    }
    if (!failing.armed || failing.what != what || !is_under(content, failing.prefix)) {
        return false;
    }
    if (failing.left > 0) {
        failing.left--;
        return false;
    }
    failing.armed = false;
    return true;
}

void disk_fail(const char *prefix, enum disk_error what, uint32_t n) {
    failing.armed = true;
    failing.what = what;
    failing.left = n;
    (void)snprintf(failing.prefix, sizeof failing.prefix, "%s", prefix);
}

void disk_heal(void) {
    failing.armed = false;
}

void disk_judge(disk_fails *asked) {
    judge = asked;
}

void disk_lie(bool lies) {
    lying = lies;
}

/* ---- one open file ---- */

static struct handle *handle_of(sqlite3_file *file) {
    return (struct handle *)file;
}

static bool dead(const struct handle *handle) {
    return handle->life != handle->content->life;
}

static void free_content(struct content *content) {
    forget_pending(content);
    free(content->pending);
    free(content->data);
    free(content);
}

static int x_close(sqlite3_file *file) {
    struct handle *handle = handle_of(file);
    struct content *content = handle->content;

    for (size_t i = 0; i < SHM_REGIONS; i++) {
        free(handle->shm[i]);
    }
    if (--content->handles == 0 && !content->path[0]) {
        free_content(content); /* it has had no name, or has none any more */
    }
    return SQLITE_OK;
}

static int x_read(sqlite3_file *file, void *data, int size, sqlite3_int64 at) {
    const struct handle *handle = handle_of(file);
    const struct content *content = handle->content;
    const size_t from = (size_t)at;
    const size_t there = from < content->size ? content->size - from : 0;

    if (dead(handle) || fails(content, DISK_READ_FAILS)) {
        return SQLITE_IOERR_READ;
    }
    if (there >= (size_t)size) {
        memcpy(data, content->data + from, (size_t)size);
        return SQLITE_OK;
    }
    memset(data, 0, (size_t)size);
    if (there > 0) {
        memcpy(data, content->data + from, there);
    }
    return SQLITE_IOERR_SHORT_READ;
}

static int x_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 at) {
    const struct handle *handle = handle_of(file);
    struct content *content = handle->content;
    const size_t from = (size_t)at;
    const size_t count = (size_t)size;

    if (dead(handle)) {
        return SQLITE_OK; /* nobody is there any more */
    }
    if (fails(content, DISK_WRITE_FAILS)) {
        return SQLITE_IOERR_WRITE;
    }
    if (!handle->temporary) {
        keep(content, from, count);
    }
    if (from + count > content->size) {
        resize(content, from + count);
    }
    memcpy(content->data + from, data, count);
    tell(content, (struct disk_op){.act = DISK_WROTE, .at = from, .size = count, .data = data});
    return SQLITE_OK;
}

static int x_truncate(sqlite3_file *file, sqlite3_int64 size) {
    const struct handle *handle = handle_of(file);
    struct content *content = handle->content;

    if (dead(handle)) {
        return SQLITE_OK;
    }
    if (fails(content, DISK_TRUNCATE_FAILS)) {
        return SQLITE_IOERR_TRUNCATE;
    }
    if ((size_t)size < content->size && !handle->temporary) {
        keep(content, (size_t)size, 0); /* a length, no bytes */
    }
    resize(content, (size_t)size);
    tell(content, (struct disk_op){.act = DISK_SHORTENED, .at = (size_t)size});
    return SQLITE_OK;
}

static int x_sync(sqlite3_file *file, int flags) {
    const struct handle *handle = handle_of(file);

    (void)flags;
    if (dead(handle)) {
        return SQLITE_OK;
    }
    if (fails(handle->content, DISK_SYNC_FAILS)) {
        return SQLITE_IOERR_FSYNC;
    }
    syncs++;
    tell(handle->content, (struct disk_op){.act = DISK_SYNCED});
    if (!lying) {
        forget_pending(handle->content);
    }
    return SQLITE_OK;
}

static int x_size(sqlite3_file *file, sqlite3_int64 *size) {
    *size = (sqlite3_int64)handle_of(file)->content->size;
    return SQLITE_OK;
}

/* A store has one connection: there is nobody to lock out. */
static int x_lock(sqlite3_file *file, int lock) {
    (void)file, (void)lock;
    return SQLITE_OK;
}

static int x_reserved(sqlite3_file *file, int *reserved) {
    (void)file;
    *reserved = 0;
    return SQLITE_OK;
}

static int x_control(sqlite3_file *file, int op, void *arg) {
    (void)file, (void)op, (void)arg;
    return SQLITE_NOTFOUND;
}

static int x_sector(sqlite3_file *file) {
    (void)file;
    return SECTOR;
}

static int x_device(sqlite3_file *file) {
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int x_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **map) {
    struct handle *handle = handle_of(file);

    assert(region < SHM_REGIONS);
    if (!handle->shm[region] && extend) {
        handle->shm[region] = calloc(1, (size_t)size);
        assert(handle->shm[region]);
    }
    *map = handle->shm[region];
    return SQLITE_OK;
}

static int x_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    (void)file, (void)offset, (void)count, (void)flags;
    return SQLITE_OK;
}

static void x_shm_barrier(sqlite3_file *file) {
    (void)file;
}

static int x_shm_unmap(sqlite3_file *file, int remove) {
    struct handle *handle = handle_of(file);

    (void)remove;
    for (size_t i = 0; i < SHM_REGIONS; i++) {
        free(handle->shm[i]);
        handle->shm[i] = NULL;
    }
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_size,
    .xLock = x_lock,
    .xUnlock = x_lock,
    .xCheckReservedLock = x_reserved,
    .xFileControl = x_control,
    .xSectorSize = x_sector,
    .xDeviceCharacteristics = x_device,
    .xShmMap = x_shm_map,
    .xShmLock = x_shm_lock,
    .xShmBarrier = x_shm_barrier,
    .xShmUnmap = x_shm_unmap,
};

/* ---- the file system ---- */

static int x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *given) {
    struct handle *handle = handle_of(file);

    (void)vfs;
    memset(handle, 0, sizeof *handle);
    if (judge && judge(DISK_OPEN_FAILS, name ? name : "")) {
        return SQLITE_CANTOPEN;
    }
    if (name) {
        handle->content = find(name);
        if (!handle->content && !(flags & SQLITE_OPEN_CREATE)) {
            return SQLITE_CANTOPEN;
        }
        handle->content = handle->content ? handle->content : make(name);
    } else {
        handle->temporary = true;
        handle->content = calloc(1, sizeof *handle->content);
        assert(handle->content);
    }
    handle->life = handle->content->life;
    handle->content->handles++;
    file->pMethods = &methods;
    tell(handle->content, (struct disk_op){.act = DISK_OPENED, .flags = flags});
    if (given) {
        *given = flags;
    }
    return SQLITE_OK;
}

static void drop_file(size_t i) {
    struct content *content = files[i];

    files[i] = files[--file_count];
    if (content->handles == 0) {
        free_content(content);
        return;
    }
    /* Dead handles may still look at it: it stays, without a name and without bytes. */
    forget_pending(content);
    free(content->data);
    content->data = NULL;
    content->size = 0;
    content->room = 0;
    content->life++;
    content->path[0] = '\0';
}

/* A name that was removed or made is on the disk at once: SQLite syncs the folder itself, and WAL
 * mode neither removes nor makes a file between two commits. */
static int x_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    (void)vfs;
    for (size_t i = 0; i < file_count; i++) {
        if (strcmp(files[i]->path, name) == 0) {
            tell(files[i], (struct disk_op){.act = DISK_REMOVED, .flags = sync});
            drop_file(i);
            return SQLITE_OK;
        }
    }
    return SQLITE_IOERR_DELETE_NOENT;
}

static int x_access(sqlite3_vfs *vfs, const char *name, int flags, int *is) {
    (void)vfs, (void)flags;
    *is = find(name) != NULL;
    return SQLITE_OK;
}

static int x_full_path(sqlite3_vfs *vfs, const char *name, int size, char *full) {
    (void)vfs;
    (void)snprintf(full, (size_t)size, "%s", name);
    return SQLITE_OK;
}

void disk_install(void) {
    if (below) {
        return;
    }
    below = sqlite3_vfs_find(NULL);
    assert(below);
    layer = *below;
    layer.zName = "simulated";
    layer.szOsFile = (int)sizeof(struct handle);
    layer.pNext = NULL;
    layer.xOpen = x_open;
    layer.xDelete = x_delete;
    layer.xAccess = x_access;
    layer.xFullPathname = x_full_path;
    int rc = sqlite3_vfs_register(&layer, 1);
    assert(rc == SQLITE_OK);
    (void)rc;
}

void disk_remove(const char *path) {
    for (size_t i = 0; i < file_count; i++) {
        if (strcmp(files[i]->path, path) == 0) {
            drop_file(i);
            return;
        }
    }
}

void disk_drop(const char *prefix) {
    for (size_t i = file_count; i > 0; i--) {
        if (is_under(files[i - 1], prefix)) {
            drop_file(i - 1);
        }
    }
}

void disk_put(const char *path, const void *data, size_t size) {
    struct content *content = find(path);

    content = content ? content : make(path);
    forget_pending(content);
    content->life++;
    resize(content, size);
    if (size > 0) {
        memcpy(content->data, data, size);
    }
    tell(content, (struct disk_op){.act = DISK_PUT, .size = size, .data = content->data});
}

const uint8_t *disk_look(const char *path, size_t *size) {
    const struct content *content = find(path);

    *size = content ? content->size : 0;
    return content ? content->data : NULL;
}

void disk_copy(const char *from, const char *to) {
    const size_t count = file_count;

    for (size_t i = 0; i < count; i++) {
        char path[PATH_SIZE];
        if (is_under(files[i], from)) {
            (void)snprintf(path, sizeof path, "%s%s", to, files[i]->path + strlen(from));
            disk_put(path, files[i]->data, files[i]->size);
        }
    }
}

void disk_kill(const char *prefix) {
    for (size_t i = 0; i < file_count; i++) {
        files[i]->life += is_under(files[i], prefix);
    }
}

/*
 * Every sector shows what it was after some write since the last sync, or at that sync: undone
 * from the newest write to the oldest until one is kept.  The length is one of those that the
 * file has had since.  One cut in four loses all, one in four nothing.
 */
static void lose(struct content *content, disk_random *random, void *arg) {
    enum { LOSE_ALL, LOSE_NOTHING, WAYS = 4 };
    const uint32_t how = random(arg, WAYS);
    const size_t sectors = content->room / SECTOR + 1;
    bool *kept = calloc(sectors, sizeof *kept);
    size_t size = content->size;

    assert(kept);
    for (size_t i = content->pending_count; i > 0 && how != LOSE_NOTHING; i--) {
        const struct pending *pending = &content->pending[i - 1];
        const size_t end = pending->at + pending->size;
        for (size_t at = pending->at; at < end;) {
            const size_t sector = at / SECTOR;
            const size_t next = (sector + 1) * SECTOR;
            const size_t part = (next < end ? next : end) - at;
            kept[sector] = kept[sector] || (how != LOSE_ALL && random(arg, 2));
            if (!kept[sector]) {
                memcpy(content->data + at, pending->old + (at - pending->at), part);
            }
            at += part;
        }
        size = how == LOSE_ALL || random(arg, 2) ? pending->old_size : size;
    }
    free(kept);
    if (size > content->size) {
        resize(content, size);
    }
    content->size = size;
    forget_pending(content);
}

void disk_cut(const char *prefix, disk_random *random, void *arg) {
    disk_kill(prefix);
    for (size_t i = 0; i < file_count; i++) {
        if (is_under(files[i], prefix)) {
            lose(files[i], random, arg);
            tell(files[i],
                 (struct disk_op){.act = DISK_PUT, .size = files[i]->size, .data = files[i]->data});
        }
    }
}

size_t disk_bytes(const char *prefix) {
    size_t bytes = 0;

    for (size_t i = 0; i < file_count; i++) {
        bytes += is_under(files[i], prefix) ? files[i]->size : 0;
    }
    return bytes;
}

uint64_t disk_hash(const char *prefix) {
    uint64_t all = 0;

    for (size_t i = 0; i < file_count; i++) {
        uint64_t hash = UINT64_C(14695981039346656037);
        if (!is_under(files[i], prefix)) {
            continue;
        }
        for (const char *c = files[i]->path + strlen(prefix); *c; c++) {
            hash = (hash ^ (uint8_t)*c) * UINT64_C(1099511628211);
        }
        for (size_t b = 0; b < files[i]->size; b++) {
            hash = (hash ^ files[i]->data[b]) * UINT64_C(1099511628211);
        }
        all += hash; /* whatever order they stand in */
    }
    return all;
}

uint64_t disk_syncs(void) {
    return syncs;
}
