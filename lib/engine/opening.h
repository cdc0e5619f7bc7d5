/*
 * opening - a case begins: by an employee, a customer, another procedure or a timer.
 */
#ifndef OPENING_H
#define OPENING_H

#include "engine/act.h"
#include "engine/given.h"

enum { OPENING_OFFERS_MAX = 16 };

/* What is known of a case that is about to be opened. */
struct opening {
    struct kase *kase; /* prepared, without a number */
    struct given given;
    struct asker asker;
    const char *word;
    const char *parent;
    int64_t at_ms;
    bool late;
    bool registered; /* where an employee begins who gives all that is needed */
    const char *matter;
};

/* What opens it. */
struct opening_wish {
    const char *procedure;
    const char *unit;
    const char *parent;
    Wire__Value *const *fields;
    size_t field_count;
    struct asker asker;
    int64_t event_ms; /* 0: now */
    bool checked;     /* from outside: unknown fields and missing ones are refused */
};

/* opening_prepare - decide, and change nothing. */
int opening_prepare(struct work *work, const struct opening_wish *wish, struct opening *opening,
                    struct err *err);

/* opening_commit - number it and put its event; then what follows. */
int opening_commit(struct work *work, struct opening *opening, struct err *err);

/* opening_caller - put a caller's name, phone, identity and channel where the form has them. */
struct opening_caller {
    const char *name, *phone, *identity, *channel;
};
void opening_add_caller(const struct manual *manual, const Manual__Procedure *procedure,
                        const struct opening_caller *caller, struct values *fields);

#endif
