/*
 * player - walks along a journal and knows at each moment what is certainly on the disk, what is
 * not certain, and what must be there because something that rests on it has left the service.
 *
 * Certain is what was written before the file's last sync, under names that a sync of the folder
 * has put there.  Of what was written since then a power cut leaves anything (player_cut).
 */
#ifndef PLAYER_H
#define PLAYER_H

#include "power/journal.h"

enum { PLAYER_STORES = 6, PLAYER_INODES = 256, PLAYER_PAGE = 2048 /* as store.c asks for */ };

struct chance {
    uint64_t state;
};
uint32_t chance(struct chance *chance, uint32_t below);

/* What is behind a name: a name may be given to another one before the folder is synced. */
struct inode {
    uint8_t *data; /* certain */
    size_t size, room;
    size_t *pending; /* entries since the last sync */
    size_t pending_count, pending_room;
};

/* Which states of a database a reader may find: one after each commit (commits.c). */
struct commit {
    size_t entry; /* it is written with this one */
    uint64_t sum;
};
struct frame {
    size_t at;
    uint32_t page, size_after;
    uint64_t sum;
};
struct commits {
    uint64_t *pages; /* the sum of each page, from 1 on */
    size_t room, used;
    int log; /* the inode of the log that was last seen; -1: none */
    struct frame *frames;
    size_t frame_count, frame_room;
    struct frame header; /* the last one written; its page follows */
    size_t counted_at;   /* the page of a commit that was counted with its header */
    struct commit *list;
    size_t count, list_room;
};

struct player {
    const struct journal *journal;
    bool lies;     /* syncing does nothing */
    size_t at;     /* entries before this one have happened */
    size_t inodes; /* used */
    struct inode inode[PLAYER_INODES];
    struct {
        int certain, now; /* inode; -1: none */
    } names[PLAYER_STORES][JOURNAL_PARTS];
    struct commits commits[PLAYER_STORES];
    struct {
        size_t commits;    /* so many had been made when something last left the service */
        uint64_t position; /* of the last event then */
        const uint8_t **ids;
        size_t count, room; /* of the requests that were acknowledged */
    } promised[PLAYER_STORES];
    uint8_t *scratch;
    size_t scratch_size, scratch_room;
};

void player_init(struct player *player, const struct journal *journal, bool lies);
void player_free(struct player *player);

/* player_go - until so many entries have happened. */
void player_go(struct player *player, size_t to);

/* player_uncertain - does a power cut now leave this store in more than one way? */
bool player_uncertain(const struct player *player, size_t store);

/*
 * player_cut - on the simulated disk, under `path` and the suffixes, is what a power cut leaves:
 * of what is not certain nothing, all, any sectors of 512 bytes (many, few), or all up to some
 * write, which is torn in the middle.
 */
enum fate { FATE_NOTHING, FATE_ALL, FATE_SECTORS, FATE_FEW, FATE_MOST, FATE_TORN, FATES };
extern const char *const player_fates[FATES];
void player_cut(struct player *player, size_t store, enum fate fate, struct chance *chance,
                const char *path);

/* player_grown - the list, with room for more than `count` things of this size. */
void *player_grown(void *list, size_t count, size_t *room, size_t size);

/* player_now - all that was written to an inode, in player->scratch. */
void player_now(struct player *player, size_t inode);

/* ---- commits.c ---- */

/* commits_saw - a write to the log of a store. */
void commits_saw(struct player *player, size_t entry);
void commits_free(struct commits *commits);

/* commits_sum - of a database without a log; 0: it is none. */
uint64_t commits_sum(const uint8_t *data, size_t size);

#endif
