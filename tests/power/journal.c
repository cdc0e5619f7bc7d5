#include "power/journal.h"

#include <string.h>

#include <sqlite3.h>

#include "core/core.h"
#include "harness.h"
#include "sim/town.h"
#include "store/query.h"

enum { ROOM = 4096, EVENTS_ARENA = 16 << 20 };

const char *const journal_suffix[JOURNAL_PARTS] = {".db", ".db-wal", ".db-journal"};

static struct journal *writing; /* the one that is being written */

static struct entry *add(struct journal *journal, enum entry_kind kind, size_t store) {
    if (journal->count == journal->room) {
        journal->room = journal->room ? 2 * journal->room : ROOM;
        journal->entries = realloc(journal->entries, journal->room * sizeof *journal->entries);
        CHECK(journal->entries);
    }
    struct entry *entry = &journal->entries[journal->count++];
    *entry = (struct entry){.kind = kind, .store = (uint8_t)store};
    return entry;
}

/* "folder/ticketing.db-wal"; false: no file of a store in this folder. */
static bool name_of(const struct journal *journal, const char *path, size_t *store, size_t *part) {
    const size_t length = strlen(journal->folder);

    if (strncmp(path, journal->folder, length) != 0 || path[length] != '/') {
        return false;
    }
    const char *name = path + length + 1;
    for (*store = 0; town_services[*store]; ++*store) {
        const size_t size = strlen(town_services[*store]);
        if (strncmp(name, town_services[*store], size) != 0) {
            continue;
        }
        for (*part = 0; *part < JOURNAL_PARTS; ++*part) {
            if (strcmp(name + size, journal_suffix[*part]) == 0) {
                return true;
            }
        }
    }
    return false;
}

/*
 * SQLite syncs the folder with the first sync of each log or rollback journal that it opens, and
 * after removing one when it asks for it (os_unix.c: UNIXFILE_DIRSYNC, unixDelete).
 */
static bool syncs_folder(struct journal *journal, size_t store, size_t part,
                         const struct disk_op *op) {
    bool *waiting = &journal->unsynced_names[store][part];

    switch (op->act) {
    case DISK_OPENED:
        *waiting = (op->flags & SQLITE_OPEN_CREATE) != 0 && part != PART_DB;
        return false;
    case DISK_SYNCED: {
        const bool folder = *waiting;
        *waiting = false;
        return folder;
    }
    case DISK_REMOVED:
        return op->flags != 0;
    case DISK_WROTE:
    case DISK_SHORTENED:
    case DISK_PUT:
        break;
    }
    return false;
}

static void watch(void *arg, const struct disk_op *op) {
    struct journal *journal = arg;
    size_t store = 0, part = 0;

    if (!name_of(journal, op->path, &store, &part)) {
        return;
    }
    struct entry *entry = add(journal, ENTRY_DISK, store);
    entry->part = (uint8_t)part;
    entry->act = op->act;
    entry->at = op->at;
    entry->size = op->size;
    entry->folder = syncs_folder(journal, store, part, op);
    if (op->data && op->size > 0) {
        entry->data = malloc(op->size);
        CHECK(entry->data);
        memcpy(entry->data, op->data, op->size);
    }
}

void journal_begin(struct journal *journal, const char *folder) {
    memset(journal, 0, sizeof *journal);
    (void)snprintf(journal->folder, sizeof journal->folder, "%s", folder);
    writing = journal;
    disk_watch(watch, journal);
}

void journal_end(struct journal *journal) {
    CHECK(writing == journal);
    writing = NULL;
    disk_watch(NULL, NULL);
}

void journal_free(struct journal *journal) {
    for (size_t i = 0; i < journal->count; i++) {
        free(journal->entries[i].data);
    }
    free(journal->entries);
    memset(journal, 0, sizeof *journal);
}

/* ---- what leaves a service ---- */

bool journal_has_id(const struct entry *entry) {
    static const uint8_t none[JOURNAL_ID_SIZE];

    return entry->kind == ENTRY_LEFT && memcmp(entry->id, none, sizeof none) != 0;
}

static uint64_t last_position(struct store *store) {
    struct err err = {0};
    struct query q = QUERY(store, "SELECT coalesce(max(position), 0) FROM event");

    CHECK_OK(query_step(&q, &err) != 1, err);
    const uint64_t position = (uint64_t)query_i64(&q, 0);
    query_end(&q);
    return position;
}

static bool is_remembered(struct store *store, const uint8_t *id) {
    struct err err = {0};
    struct query q = QUERY(store, "SELECT 1 FROM request WHERE id = ?1");

    query_bind_blob(&q, 1, id, JOURNAL_ID_SIZE);
    const int found = query_step(&q, &err);
    CHECK_OK(found < 0, err);
    query_end(&q);
    return found == 1;
}

bool journal_is_of_request(const Wire__Event *event) {
    return event->cause && event->cause->request.len == JOURNAL_ID_SIZE
           && !event->cause->subscription[0];
}

/* How many events the request has made: they are among the last ones. */
static uint32_t events_of(struct store *store, const uint8_t *id) {
    struct arena *arena = arena_new(EVENTS_ARENA);
    ProtobufCAllocator allocator = arena_protobuf(arena);
    struct err err = {0};
    struct query q = QUERY(store, "SELECT body FROM event ORDER BY position DESC LIMIT 256");
    uint32_t count = 0;
    int more = 0;

    while ((more = query_step(&q, &err)) == 1) {
        size_t size = 0;
        const uint8_t *body = query_blob(&q, 0, arena, &size);
        const Wire__Event *event = wire__event__unpack(&allocator, size, body);
        CHECK(event);
        count += journal_is_of_request(event)
                 && memcmp(event->cause->request.data, id, JOURNAL_ID_SIZE) == 0;
    }
    CHECK_OK(more < 0, err);
    arena_free(arena);
    return count;
}

/* A reply that says OK to a request that changes something: the store remembers it. */
static void note_reply(struct store *store, struct bytes frame, struct entry *entry) {
    Wire__Reply *reply = wire__reply__unpack(NULL, frame.size, frame.data);

    CHECK(reply);
    if (reply->code == WIRE__CODE__OK && reply->id.len == JOURNAL_ID_SIZE
        && is_remembered(store, reply->id.data)) {
        memcpy(entry->id, reply->id.data, JOURNAL_ID_SIZE);
        entry->events = events_of(store, reply->id.data);
        writing->acknowledged++;
    }
    wire__reply__free_unpacked(reply, NULL);
}

/* In place of core_next (power.mk: --wrap), through which all that a host carries away must go. */
const struct out *__real_core_next(struct core *core);
const struct out *__wrap_core_next(struct core *core);

const struct out *__wrap_core_next(struct core *core) {
    const struct out *out = __real_core_next(core);

    if (out && writing) {
        struct entry *entry = add(writing, ENTRY_LEFT, town_number(core_def(core)->name));
        writing->left++;
        entry->position = last_position(core_store(core));
        if (out->kind == OUT_REPLY) {
            note_reply(core_store(core), out->frame, entry);
        }
    }
    return out;
}
