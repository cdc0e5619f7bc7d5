/*
 * fail - what can fail in a run, counted; and the n-th of it fails.
 *
 * Only what services do is counted: SQLite's allocations and the operations on the disk while a
 * core is made, steps or is freed (the linker leads those calls through here), and the messages
 * that they send.  Whoever looks at a store from outside is never disturbed.
 */
#ifndef FAIL_H
#define FAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rehearsal;

enum fail_kind {
    FAIL_ALLOC,
    FAIL_WRITE,
    FAIL_SYNC,
    FAIL_READ,
    FAIL_OPEN,
    FAIL_TRUNCATE,
    FAIL_SEND,   /* a message between services */
    FAIL_ANSWER, /* to somebody outside */
    FAIL_KINDS,
};
extern const char *const fail_names[FAIL_KINDS];

/* fail_install - before anything of SQLite is used. */
void fail_install(void);
/* fail_watch - the run begins: all is counted from here, the messages of this world too;
 * its stores are in this folder. */
void fail_watch(struct rehearsal *world, const char *folder);

/* fail_count - how often so far. */
uint64_t fail_count(enum fail_kind kind);

/* fail_at - the n-th of a kind fails, counted from the beginning of the run; once, or it and all
 * after it until fail_heal. */
void fail_at(enum fail_kind kind, uint64_t n, bool from_then_on);
void fail_heal(void);

uint64_t fail_hits(void);     /* so many have failed */
uint64_t fail_idle_max(void); /* the longest row of steps at one instant that came to nothing */

#endif
