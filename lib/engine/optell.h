/*
 * optell - the operations that speak to people: page and tell.  Both are events that
 * others carry out: pages by the routes and ladders, messages by notify.
 */
#ifndef OPTELL_H
#define OPTELL_H

#include "engine/act.h"
#include "engine/given.h"

/* An operation that is being done. */
struct op {
    struct work *work;
    const struct moved *moved;
    const Manual__Op *op;
    struct view *view;
};

/* optell_page - ask for a page: who, by which ladder, and what his answer fires. */
int optell_page(const struct op *o, struct err *err);

/* optell_tell - ask for a message that needs no answer. */
int optell_tell(const struct op *o, struct err *err);

/* optell_phone - the number that a case has of its caller, sealed; NULL: none. */
const Wire__Value *optell_phone(const struct kase *kase);

#endif
