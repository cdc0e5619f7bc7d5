#include "power/player.h"

#include <string.h>

#include "harness.h"
#include "sim/town.h"

enum { SECTOR = 512, GROW = 64 << 10, NONE = -1, EIGHTHS = 8 };

const char *const player_fates[FATES] = {"nothing", "all", "sectors", "few", "most", "torn"};

/* splitmix64 (Steele, Lea, Flood 2014). */
uint32_t chance(struct chance *chance, uint32_t below) {
    uint64_t z = chance->state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30U)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27U)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31U)) >> 32U) % below;
}

void *player_grown(void *list, size_t count, size_t *room, size_t size) {
    while (count >= *room) {
        *room = *room ? 2 * *room : 64;
        list = realloc(list, *room * size);
        CHECK(list);
    }
    return list;
}

/* ---- bytes ---- */

static void resize(uint8_t **data, size_t *size, size_t *room, size_t to) {
    if (to > *room) {
        *room = to + to / 2 + GROW;
        *data = realloc(*data, *room);
        CHECK(*data);
    }
    if (to > *size) {
        memset(*data + *size, 0, to - *size);
    }
    *size = to;
}

static void scratch_resize(struct player *player, size_t to) {
    resize(&player->scratch, &player->scratch_size, &player->scratch_room, to);
}

static void scratch_certain(struct player *player, const struct inode *inode) {
    player->scratch_size = 0;
    scratch_resize(player, inode->size);
    if (inode->size > 0) {
        memcpy(player->scratch, inode->data, inode->size);
    }
}

/* The first `size` bytes of a write. */
static void scratch_write(struct player *player, const struct entry *entry, size_t size) {
    if (entry->at + size > player->scratch_size) {
        scratch_resize(player, entry->at + size);
    }
    memcpy(player->scratch + entry->at, entry->data, size);
}

void player_now(struct player *player, size_t inode) {
    const struct inode *file = &player->inode[inode];

    scratch_certain(player, file);
    for (size_t i = 0; i < file->pending_count; i++) {
        const struct entry *entry = &player->journal->entries[file->pending[i]];
        if (entry->act == DISK_SHORTENED) {
            scratch_resize(player, entry->at);
        } else {
            scratch_write(player, entry, entry->size);
        }
    }
}

/* ---- what happens ---- */

static int new_inode(struct player *player) {
    CHECK(player->inodes < PLAYER_INODES);
    player->inode[player->inodes] = (struct inode){0};
    return (int)player->inodes++;
}

static void sync_inode(struct player *player, struct inode *inode) {
    for (size_t i = 0; i < inode->pending_count; i++) {
        const struct entry *entry = &player->journal->entries[inode->pending[i]];
        const size_t end = entry->at + entry->size;
        if (end > inode->size || entry->act == DISK_SHORTENED) {
            resize(&inode->data, &inode->size, &inode->room, end);
        }
        if (entry->size > 0) {
            memcpy(inode->data + entry->at, entry->data, entry->size);
        }
    }
    inode->pending_count = 0;
}

static void sync_names(struct player *player) {
    for (size_t s = 0; s < PLAYER_STORES; s++) {
        for (size_t p = 0; p < JOURNAL_PARTS; p++) {
            player->names[s][p].certain = player->names[s][p].now;
        }
    }
}

static void wrote(struct player *player, size_t index, struct inode *inode) {
    inode->pending = player_grown(inode->pending, inode->pending_count, &inode->pending_room,
                                  sizeof *inode->pending);
    inode->pending[inode->pending_count++] = index;
    if (player->journal->entries[index].part == PART_WAL) {
        commits_saw(player, index);
    }
}

static void put(struct player *player, const struct entry *entry) {
    const int made = new_inode(player);
    struct inode *inode = &player->inode[made];

    resize(&inode->data, &inode->size, &inode->room, entry->size);
    if (entry->size > 0) {
        memcpy(inode->data, entry->data, entry->size);
    }
    player->names[entry->store][entry->part].now = made;
    player->names[entry->store][entry->part].certain = made;
}

static void happen(struct player *player, size_t index) {
    const struct entry *entry = &player->journal->entries[index];
    int *now = &player->names[entry->store][entry->part].now;

    switch (entry->act) {
    case DISK_OPENED:
        *now = *now == NONE ? new_inode(player) : *now;
        break;
    case DISK_WROTE:
    case DISK_SHORTENED:
        CHECK(*now != NONE);
        wrote(player, index, &player->inode[*now]);
        break;
    case DISK_SYNCED:
        CHECK(*now != NONE);
        if (!player->lies) {
            sync_inode(player, &player->inode[*now]);
        }
        break;
    case DISK_REMOVED:
        *now = NONE;
        break;
    case DISK_PUT:
        put(player, entry);
        break;
    }
    if (entry->folder && !player->lies) {
        sync_names(player);
    }
}

static void promise(struct player *player, const struct entry *entry) {
    const size_t s = entry->store;

    player->promised[s].commits = player->commits[s].count;
    player->promised[s].position = entry->position;
    if (journal_has_id(entry)) {
        player->promised[s].ids = player_grown(player->promised[s].ids, player->promised[s].count,
                                               &player->promised[s].room,
                                               sizeof *player->promised[s].ids);
        player->promised[s].ids[player->promised[s].count++] = entry->id;
    }
}

void player_go(struct player *player, size_t to) {
    for (; player->at < to; player->at++) {
        const struct entry *entry = &player->journal->entries[player->at];
        if (entry->kind == ENTRY_LEFT) {
            promise(player, entry);
        } else {
            happen(player, player->at);
        }
    }
}

void player_init(struct player *player, const struct journal *journal, bool lies) {
    memset(player, 0, sizeof *player);
    player->journal = journal;
    player->lies = lies;
    for (size_t s = 0; s < PLAYER_STORES; s++) {
        player->commits[s].log = NONE;
        for (size_t p = 0; p < JOURNAL_PARTS; p++) {
            player->names[s][p].now = player->names[s][p].certain = NONE;
        }
    }
}

void player_free(struct player *player) {
    for (size_t i = 0; i < player->inodes; i++) {
        free(player->inode[i].data);
        free(player->inode[i].pending);
    }
    for (size_t s = 0; s < PLAYER_STORES; s++) {
        free(player->promised[s].ids);
        commits_free(&player->commits[s]);
    }
    free(player->scratch);
}

/* ---- the power cut ---- */

bool player_uncertain(const struct player *player, size_t store) {
    for (size_t p = 0; p < JOURNAL_PARTS; p++) {
        const int now = player->names[store][p].now;
        if (now != player->names[store][p].certain
            || (now != NONE && player->inode[now].pending_count > 0)) {
            return true;
        }
    }
    return false;
}

/* Which inode the name leads to.  Of several changes of it any may have been the last one. */
static int name_left(const struct player *player, size_t store, size_t part, enum fate fate,
                     struct chance *random) {
    const int certain = player->names[store][part].certain;
    const int now = player->names[store][part].now;

    if (certain == now || fate == FATE_NOTHING) {
        return certain;
    }
    if (fate == FATE_ALL) {
        return now;
    }
    const int any[] = {certain, now, NONE};
    return any[chance(random, certain == NONE || now == NONE ? 2 : 3)];
}

/* Of each sector of each write so many chances in eight; the length is any that it has had. */
static void leave_sectors(struct player *player, const struct inode *inode, uint32_t eighths,
                          struct chance *random) {
    size_t size = inode->size;
    size_t longest = size;

    for (size_t i = 0; i < inode->pending_count; i++) {
        const struct entry *entry = &player->journal->entries[inode->pending[i]];
        const size_t end = entry->at + entry->size;
        longest = end > longest || entry->act == DISK_SHORTENED ? end : longest;
        for (size_t at = entry->at; at < end;) {
            const size_t border = (at / SECTOR + 1) * SECTOR;
            const size_t next = border < end ? border : end;
            if (chance(random, EIGHTHS) < eighths) {
                if (next > player->scratch_size) {
                    scratch_resize(player, next);
                }
                memcpy(player->scratch + at, entry->data + (at - entry->at), next - at);
            }
            at = next;
        }
        size = chance(random, EIGHTHS) < eighths ? longest : size;
    }
    scratch_resize(player, chance(random, 2) ? longest : size);
}

/* All up to the entry `torn`, and of that one some bytes. */
static void leave_torn(struct player *player, const struct inode *inode, size_t torn,
                       struct chance *random) {
    for (size_t i = 0; i < inode->pending_count && inode->pending[i] <= torn; i++) {
        const struct entry *entry = &player->journal->entries[inode->pending[i]];
        if (entry->act == DISK_SHORTENED) {
            scratch_resize(player, entry->at);
        } else if (inode->pending[i] < torn) {
            scratch_write(player, entry, entry->size);
        } else {
            scratch_write(player, entry, chance(random, (uint32_t)entry->size + 1));
        }
    }
}

/* Some write that is not certain, of any file of the store. */
static size_t any_pending(const struct player *player, size_t store, struct chance *random) {
    size_t any = 0, seen = 0;

    for (size_t p = 0; p < JOURNAL_PARTS; p++) {
        const int now = player->names[store][p].now;
        for (size_t i = 0; now != NONE && i < player->inode[now].pending_count; i++) {
            any = chance(random, (uint32_t)++seen) == 0 ? player->inode[now].pending[i] : any;
        }
    }
    return any;
}

static void leave(struct player *player, size_t inode, enum fate fate, size_t torn,
                  struct chance *random) {
    const struct inode *file = &player->inode[inode];
    enum { FEW = 1, HALF = 4, MOST = 7 };

    scratch_certain(player, file);
    switch (fate) {
    case FATE_ALL:
        player_now(player, inode);
        break;
    case FATE_SECTORS:
        leave_sectors(player, file, HALF, random);
        break;
    case FATE_FEW:
        leave_sectors(player, file, FEW, random);
        break;
    case FATE_MOST:
        leave_sectors(player, file, MOST, random);
        break;
    case FATE_TORN:
        leave_torn(player, file, torn, random);
        break;
    case FATE_NOTHING:
    case FATES:
        break;
    }
}

void player_cut(struct player *player, size_t store, enum fate fate, struct chance *random,
                const char *path) {
    const size_t torn = any_pending(player, store, random);

    for (size_t p = 0; p < JOURNAL_PARTS; p++) {
        char name[96];
        const int left = name_left(player, store, p, fate, random);
        (void)snprintf(name, sizeof name, "%s%s", path, journal_suffix[p]);
        if (left == NONE) {
            disk_remove(name);
        } else {
            leave(player, (size_t)left, fate, torn, random);
            disk_put(name, player->scratch, player->scratch_size);
        }
    }
}
