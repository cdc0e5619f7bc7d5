/*
 * causes - by which acts comes what no person may do himself: a visit rated well closes the
 * repair it asked about; the third call about a matter raises it.
 */
#ifndef CAUSES_H
#define CAUSES_H

#include "lives.h"

struct cause {
    struct life *life; /* whose act it is */
    struct way *way;
    const Manual__Step *step;
    const Manual__Op *op;
};

/* causes_find - one that this case, its parent or a child of it can do; false: none. */
bool causes_find(const struct way *way, struct life *life, struct cause *cause);

/* causes_hopeless - only its parent could, and that has none, or one that has ended. */
bool causes_hopeless(const struct way *way, const struct life *life);

/* causes_opening - what opens cases of this procedure, in this service. */
bool causes_opening(const Manual__Procedure *procedure, const char *service, struct cause *cause);

/* causes_by_contact - is it the n-th contact that does it? */
bool causes_by_contact(const struct way *way);

/* What must have happened how often, on how many days, before a condition holds. */
struct needed {
    const char *event;
    int64_t left, days;
};
bool causes_needed(const struct way *way, struct needed *needed);

void causes_start(const struct manual *manual);

#endif
