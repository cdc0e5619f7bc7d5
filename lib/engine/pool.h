/*
 * pool - holds: a key of a pool is held by at most as many as it admits; the rest
 * wait by rank, then by time.
 */
#ifndef POOL_H
#define POOL_H

#include "engine/work.h"

/* A key that a case asks for. */
struct pool_wish {
    const char *pool, *key;
    int64_t rank; /* lower goes first */
    int64_t at_ms;
};

/* pool_hold - take a key for a case, or wait for it.  *granted says which. */
int pool_hold(struct work *work, struct kase *kase, const struct pool_wish *wish, bool *granted,
              struct err *err);

/* pool_release - give it back, or stop waiting.  *next: the case that has it now, or NULL. */
int pool_release(struct work *work, struct kase *kase, const struct pool_wish *wish,
                 const char **next, struct err *err);

/* pool_apply - what hold.taken, hold.waiting and hold.released do to the table. */
int pool_apply(struct call *call, const Wire__Event *event, struct err *err);

#endif
