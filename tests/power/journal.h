/*
 * journal - everything that was done to the stores of the house, in order, and between it what
 * left the services: a reply, a call, a job.
 *
 * One journal at a time is written; the house is driven in this thread (sim/town.h), on the
 * simulated disk (sim/disk.h).
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "shouwen/wire/v1/wire.pb-c.h"
#include "sim/disk.h"

enum { JOURNAL_ID_SIZE = 16, JOURNAL_PARTS = 3 };

/* The files of a store. */
enum part { PART_DB, PART_WAL, PART_ROLLBACK };
extern const char *const journal_suffix[JOURNAL_PARTS];

enum entry_kind { ENTRY_DISK, ENTRY_LEFT };

struct entry {
    enum entry_kind kind;
    uint8_t store; /* its number: town_services */
    /* ENTRY_DISK */
    uint8_t part;
    enum disk_act act;
    size_t at, size;
    uint8_t *data;
    bool folder; /* a sync, also of the folder: its names are on the disk */
    /* ENTRY_LEFT: what must be there from now on */
    uint8_t id[JOURNAL_ID_SIZE]; /* of a request that is remembered; else all 0 */
    uint64_t position;           /* of the last event */
    uint32_t events;             /* that the request has made */
};

struct journal {
    char folder[64];
    struct entry *entries;
    size_t count, room;
    bool unsynced_names[16][JOURNAL_PARTS]; /* the next sync of this file syncs the folder */
    size_t acknowledged, left;              /* requests that are remembered; all that left */
};

/* journal_is_of_request - the event was made by a request (cause.request), not by an event. */
bool journal_is_of_request(const Wire__Event *event);

/* journal_begin - write down what happens in this folder.  journal_end - no longer. */
void journal_begin(struct journal *journal, const char *folder);
void journal_end(struct journal *journal);
void journal_free(struct journal *journal);

/* journal_has_id - this entry says that a request was acknowledged that is remembered. */
bool journal_has_id(const struct entry *entry);

#endif
