/*
 * kase - one case in memory, and its row.  ("case" is a word of C.)
 *
 * A request loads the cases it concerns once, changes them only by applying events
 * (fold.h), and at its end each changed one is written once.
 */
#ifndef KASE_H
#define KASE_H

#include "core/core.h"
#include "core/event.h"
#include "manual/manual.h"
#include "shouwen/engine/v1/engine.pb-c.h"

enum {
    KASE_BODY_MAX = 40 * 1024, /* bytes of a packed case */
    KASE_CLOCKS_MAX = 64,      /* rounds of clocks that a case keeps; the oldest ended go */
    KASE_ROWS_MAX = 256,       /* rows of a list field */
};

/* Relations that every case has, whatever its form. */
#define KASE_OWNER "first_contact_owner"
#define KASE_HANDLER "handler"
#define KASE_DEPT "dept"

/* The unit is the case's own, whatever its form. */
#define KASE_UNIT "unit"

struct kase {
    Engine__Stored row; /* arrays grow in the arena */
    struct arena *arena;
    bool dirty;
    /* Of its revision; NULL until kase_manual. */
    const struct manual *manual;
    const Manual__Procedure *procedure;
    const Manual__Form *form;
};

/* kase_load - 1: there; 0: no such case here; -1: err set. */
int kase_load(struct call *call, const char *number, struct kase *kase, struct err *err);

/* kase_manual - find the manual under which it runs. */
int kase_manual(struct call *call, struct kase *kase, struct err *err);

/* kase_save - write its row. */
int kase_save(struct call *call, const struct kase *kase, struct err *err);

/* kase_number - the next case number of a procedure's series. */
int kase_number(struct call *call, const struct manual *manual, const Manual__Procedure *procedure,
                const char *estate, const char **number, struct err *err);

/* kase_number_taken - after a restore: numbers up to this one are given away. */
int kase_number_taken(struct call *call, const char *number, struct err *err);

/* kase_estate - the estate of this store's numbers when nobody says which. */
int kase_estate(struct call *call, const char **estate, struct err *err);

/* ---- fields ---- */

const Wire__Value *kase_get(const struct kase *kase, const char *key); /* NULL: none */
const char *kase_text(const struct kase *kase, const char *key);       /* "" if none */

/* kase_put - set a field; rows are added to those that are there; a value without a
 * kind clears the field.  Not copied. */
void kase_put(struct kase *kase, const Wire__Value *value);

/* kase_field_of - the field that holds a relation of the procedure: of a name that is
 * no relation, the name itself. */
const char *kase_field_of(const Manual__Procedure *procedure, const char *relation);

/* kase_person - the staff number(s, ";"-separated) of a relation or staff field; "". */
const char *kase_person(const struct kase *kase, const char *relation);

/* kase_form_field - the form's field or the procedure's argument; NULL: neither. */
const Manual__Field *kase_form_field(const struct kase *kase, const char *key);

/* kase_flag - is this one of the procedure's marks? */
bool kase_is_flag(const struct kase *kase, const char *key);

/* kase_ended - is this an end state? */
bool kase_ended(const struct kase *kase);

uint32_t kase_tally(const struct kase *kase, const char *event);
void kase_count(struct kase *kase, const char *event);

/* kase_clock - the newest round of a clock; NULL: never started. */
Engine__Running *kase_clock(const struct kase *kase, const char *name);
Engine__Running *kase_clock_add(struct kase *kase, const char *name);

/* kase_class - the value by which limits and ladders of its procedure differ (urgency, grade), and
 * the field's key; "" when nothing differs. */
const char *kase_class(const struct kase *kase, const char **key);

/* list_has - is `one` in "a;b;c"? */
bool kase_list_has(const char *list, const char *one);

/* kase_children - numbers of its children, oldest first; homes[i] is '' for those here. */
struct child {
    const char *number, *home, *procedure, *state;
    bool open;
};
int kase_children(struct call *call, const char *number, size_t max, struct child *children,
                  struct err *err);

/* kase_child_elsewhere - a child that another service keeps: a row with another home. */
int kase_child_elsewhere(struct call *call, const struct child *child, const char *parent,
                         const char *unit, int64_t event_ms, struct err *err);

/* kase_same_matter - open cases of this matter, newest first. */
int kase_same_matter(struct call *call, const char *matter, size_t max, const char **numbers,
                     struct err *err);

/* kase_like - numbers of the other cases of a matter, or (matter "") of a procedure and unit,
 * newest first, ended ones too. */
int kase_like(struct call *call, const char *matter, const char *procedure, const char *unit,
              size_t max, const char **numbers, struct err *err);

extern const struct migration cases_schema[];

#endif
