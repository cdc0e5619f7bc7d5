/*
 * given - what comes with an act: typed by the form, completed by what is needed and by
 * what the step sets.
 */
#ifndef GIVEN_H
#define GIVEN_H

#include "engine/view.h"

/* What an act brings and changes. */
struct given {
    struct values fields;           /* to be kept by the case */
    struct values loose;            /* columns of a row, not kept by themselves */
    int64_t round, contacts, trips; /* -1: unchanged */
    bool names_owner;               /* the first-contact owner was given */
};

/* What may come besides fields: columns of the rows that these operations write. */
struct given_ops {
    Manual__Op *const *list;
    size_t count;
    const char *const *needs; /* fields of the case, although a row has columns of their names */
    size_t need_count;
};

void given_init(struct given *given, struct arena *arena);

/* given_take - type what was written.  `checked`: an unknown key is refused. */
int given_take(struct work *work, struct kase *kase, Wire__Value *const *fields, size_t count,
               const struct given_ops *ops, bool checked, struct given *given, struct err *err);

/* given_missing - keys of `needs` that are not there, ";"-separated; "" if all are.  What
 * the case has already counts when `old_counts`, but arguments must come with each act. */
const char *given_missing(struct view *view, const struct given *given, const char *const *needs,
                          size_t count, bool old_counts);

/* given_names - the same keys as people call them: "维修人、照片". */
const char *given_names(struct view *view, const char *keys);

/* given_set - carry out `set`. */
int given_set(struct view *view, Manual__Set *const *sets, size_t count, struct given *given,
              struct err *err);

/* given_with - the `with` of an operation: values for a child, a row or an event, seen
 * from this case.  `target`: whose fields they become, or NULL. */
int given_with(struct view *view, Manual__Set *const *sets, size_t count, struct values *out,
               struct err *err);

/* given_row - the row that a ROW operation adds, put among the fields. */
int given_row(struct view *view, const Manual__Op *op, struct given *given, struct err *err);

/* given_put - add a value, or replace the one of its key. */
void given_put(struct values *values, const Wire__Value *value);
void given_put_text(struct values *values, const char *key, const char *text);

#endif
