/*
 * acting - one act in a case: by whom it may be done, with what it needs and with what its
 * conditions ask about.
 */
#ifndef ACTING_H
#define ACTING_H

#include "engine_aid.h"
#include "lives.h"

/* What shall hold, besides the conditions of the step itself. */
struct wish {
    const Manual__Step *step;   /* this one of the way's steps */
    const Manual__Op *op;       /* it is carried out */
    const Manual__Clock *clock; /* it begins */
    const Manual__Step *next;   /* what this act causes, of the same case */
    bool plain;                 /* nothing by chance */
};

void acting_start(struct engine *engine, const struct manual *manual);

/* acting_open - true: it was carried out. */
bool acting_open(struct way *way, const struct wish *wish);

/* acting_without_unit - does the step ask for a case without a unit? */
bool acting_without_unit(const Manual__Step *step);

/* acting_fire - the case afterwards; NULL: refused (engine->reply has why). */
Cases__Case *acting_fire(const Cases__Case *kase, const struct life *life, struct way *way,
                         const struct wish *wish);

/* acting_appoint - somebody is named for a relation of `who` that nobody has, or whose person
 * is kept out; false: there is nobody to name. */
bool acting_appoint(const Cases__Case *kase, const struct life *life, const struct way *way);

#endif
