/*
 * view - what a condition sees of a case: its fields with those just given laid over,
 * its relations, marks and facts, and a few words about the case itself.
 */
#ifndef VIEW_H
#define VIEW_H

#include "engine/work.h"
#include "manual/condition.h"

struct view {
    struct work *work;
    struct kase *kase;
    const struct values *over;  /* values that are about to be set; or NULL */
    const struct values *loose; /* arguments that no field keeps; or NULL */
    const char *word;           /* the word of `who` that let him in */
    const char *actor;          /* staff number */
    int64_t at_ms;
    struct err *err; /* a fact that could not be read */
    bool failed;
    bool plain; /* a child seen by its parent: no facts of its own */
};

bool view_holds(struct view *view, Manual__Any *const *any, size_t count);

/* view_value - the value of a subject; NULL: none. */
const Wire__Value *view_value(struct view *view, const char *subject);

/* view_matter - what makes it the same matter as others: "" when a field of `same` is empty. */
const char *view_matter(struct view *view, const char *procedure, const char *const *same,
                        size_t count);

#endif
