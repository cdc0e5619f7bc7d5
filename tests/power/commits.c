/*
 * What the commits of a store have made of it, read from its log as it was written: the frames
 * of the write-ahead log and where a transaction ends (sqlite.org/fileformat2.html, section 4).
 * A store that is opened after a power cut must be the one after some commit, byte for byte:
 * nothing of a transaction may be there without the rest of it.
 */
#include <string.h>

#include <sqlite3.h>

#include "harness.h"
#include "power/player.h"

enum { LOG_HEADER = 32, FRAME_HEADER = 24, DATABASE_SIZE_AT = 28, LANES = 4 };

static uint32_t big_endian(const uint8_t *data) {
    return (uint32_t)data[0] << 24U | (uint32_t)data[1] << 16U | (uint32_t)data[2] << 8U | data[3];
}

static uint64_t sum_of_page(uint32_t number, const uint8_t *data) {
    uint64_t lanes[LANES] = {number, 1, 2, 3};
    uint64_t sum = 0;

    for (size_t at = 0; at < PLAYER_PAGE; at += sizeof lanes) {
        uint64_t words[LANES];
        memcpy(words, data + at, sizeof words);
        for (size_t i = 0; i < LANES; i++) {
            lanes[i] = (lanes[i] ^ words[i]) * UINT64_C(0x9E3779B97F4A7C15);
            lanes[i] ^= lanes[i] >> 29U;
        }
    }
    for (size_t i = 0; i < LANES; i++) {
        sum = (sum ^ lanes[i]) * UINT64_C(0xBF58476D1CE4E5B9);
        sum ^= sum >> 31U;
    }
    return sum;
}

uint64_t commits_sum(const uint8_t *data, size_t size) {
    const size_t pages = size >= PLAYER_PAGE ? big_endian(data + DATABASE_SIZE_AT) : 0;
    uint64_t sum = pages;

    for (size_t i = 0; i < pages && (i + 1) * PLAYER_PAGE <= size; i++) {
        sum += sum_of_page((uint32_t)i + 1, data + i * PLAYER_PAGE);
    }
    return sum;
}

static void set_page(struct commits *commits, uint32_t page, uint64_t sum) {
    commits->pages = player_grown(commits->pages, page, &commits->room, sizeof *commits->pages);
    for (; commits->used <= page; commits->used++) {
        commits->pages[commits->used] = 0;
    }
    commits->pages[page] = sum;
}

static void add(struct commits *commits, size_t entry, uint32_t pages) {
    uint64_t sum = pages;

    for (uint32_t i = 1; i <= pages; i++) {
        sum += commits->pages[i];
    }
    commits->list = player_grown(commits->list, commits->count, &commits->list_room,
                                 sizeof *commits->list);
    commits->list[commits->count++] = (struct commit){entry, sum};
}

/* What SQLite makes of a file of the store as it is now. */
static void put_now(struct player *player, size_t store, enum part part) {
    const int now = player->names[store][part].now;
    char path[32];

    (void)snprintf(path, sizeof path, "now%s", journal_suffix[part]);
    if (now < 0) {
        disk_remove(path);
        return;
    }
    player_now(player, (size_t)now);
    disk_put(path, player->scratch, player->scratch_size);
}

static const uint8_t *whole_now(struct player *player, size_t store, size_t *size) {
    sqlite3 *db = NULL;

    for (size_t p = 0; p < JOURNAL_PARTS; p++) {
        put_now(player, store, (enum part)p);
    }
    CHECK(sqlite3_open("now.db", &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) == SQLITE_OK);
    CHECK(sqlite3_close(db) == SQLITE_OK);
    return disk_look("now.db", size);
}

static bool is_commit(const struct player *player, size_t store, uint64_t sum) {
    const struct commits *commits = &player->commits[store];
    const size_t promised = player->promised[store].commits;

    for (size_t i = commits->count; i > 0 && i >= promised; i--) {
        if (commits->list[i - 1].sum == sum) {
            return true;
        }
    }
    return commits->count == 0;
}

/*
 * A log is made, or it is one that a power cut has left: what it begins with is what SQLite finds
 * there.  That must be what some commit had made; if not, it is this reading that is wrong.
 */
static void begin_log(struct player *player, size_t store, size_t entry) {
    struct commits *commits = &player->commits[store];
    size_t size = 0;

    commits->log = player->names[store][PART_WAL].now;
    commits->frame_count = 0;
    commits->header = (struct frame){0};
    commits->used = 0;
    set_page(commits, 0, 0);
    const uint8_t *data = whole_now(player, store, &size);
    for (size_t i = 0; (i + 1) * PLAYER_PAGE <= size; i++) {
        set_page(commits, (uint32_t)i + 1, sum_of_page((uint32_t)i + 1, data + i * PLAYER_PAGE));
    }
    if (size >= PLAYER_PAGE) {
        CHECK(is_commit(player, store, commits_sum(data, size)));
        add(commits, entry, big_endian(data + DATABASE_SIZE_AT));
    }
}

static struct frame *frame_at(struct commits *commits, size_t at) {
    for (size_t i = commits->frame_count; i > 0; i--) {
        if (commits->frames[i - 1].at == at) {
            return &commits->frames[i - 1];
        }
    }
    commits->frames = player_grown(commits->frames, commits->frame_count, &commits->frame_room,
                                   sizeof *commits->frames);
    commits->frames[commits->frame_count] = (struct frame){.at = at};
    return &commits->frames[commits->frame_count++];
}

/* A page follows its header; within a transaction it may be written over in its place. */
static void saw_page(struct commits *commits, const struct entry *write, size_t entry) {
    struct frame *frame = frame_at(commits, write->at - FRAME_HEADER);

    if (commits->header.at == frame->at) {
        *frame = commits->header;
    }
    frame->sum = sum_of_page(frame->page, write->data);
    if (frame->size_after == 0) {
        return;
    }
    const struct frame last = *frame;
    for (size_t i = 0; i < commits->frame_count; i++) {
        if (commits->frames[i].at <= last.at) { /* those behind are of one that was undone */
            set_page(commits, commits->frames[i].page, commits->frames[i].sum);
        }
    }
    commits->frame_count = 0;
    add(commits, entry, last.size_after);
}

/* What follows a frame's header: its page; NULL: the header alone is written anew. */
static const struct entry *page_behind(const struct journal *journal, size_t entry) {
    const struct entry *header = &journal->entries[entry];
    const struct entry *next = entry + 1 < journal->count ? header + 1 : header;
    const bool follows = next->kind == ENTRY_DISK && next->act == DISK_WROTE
                         && next->store == header->store && next->part == header->part
                         && next->at == header->at + FRAME_HEADER && next->size == PLAYER_PAGE;

    return follows ? next : NULL;
}

void commits_saw(struct player *player, size_t entry) {
    const struct entry *write = &player->journal->entries[entry];
    struct commits *commits = &player->commits[write->store];
    const size_t place = write->at >= LOG_HEADER
                             ? (write->at - LOG_HEADER) % (FRAME_HEADER + PLAYER_PAGE)
                             : 1;

    if (commits->log != player->names[write->store][PART_WAL].now) {
        begin_log(player, write->store, entry);
    }
    if (write->size == FRAME_HEADER && place == 0) {
        commits->header = (struct frame){.at = write->at,
                                         .page = big_endian(write->data),
                                         .size_after = big_endian(write->data + 4)};
        /* The place may hold the very page from an earlier life of the log: then the commit is
         * there with its header. */
        const struct entry *page = commits->header.size_after ? page_behind(player->journal, entry)
                                                              : NULL;
        commits->counted_at = page ? page->at : 0;
        if (page) {
            saw_page(commits, page, entry);
        }
    } else if (write->size == PLAYER_PAGE && place == FRAME_HEADER
               && write->at != commits->counted_at) {
        saw_page(commits, write, entry);
    }
}

void commits_free(struct commits *commits) {
    free(commits->pages);
    free(commits->frames);
    free(commits->list);
}
