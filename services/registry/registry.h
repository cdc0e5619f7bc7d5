/*
 * registry - who and what there is, who holds what, and the manual's revisions.
 *
 * The files of this folder, each with its own table group:
 *   registry.c          the tables of methods, subscriptions and timers
 *   registry_entry.c    units, persons, staff as they come in: checked, told, applied
 *   registry_check.c    what a field may be
 *   registry_apply.c    what an event does to the tables
 *   registry_staff.c registry_unit.c registry_person.c   their methods
 *   registry_search.c   the one box
 *   registry_import.c   files brought in
 *   registry_account.c  tokens
 *   registry_hold.c     who holds what
 *   registry_publish.c  the manual's revisions
 */
#ifndef REGISTRY_H
#define REGISTRY_H

#include "core/core.h"
#include "engine/revision.h"
#include "shouwen/registry/v1/registry.pb-c.h"

extern const struct service_def registry_def;
extern const struct migration registry_schema[];

enum {
    REGISTRY_LIST_MAX = 100,
    REGISTRY_HOUSEHOLD_MAX = 64,
    REGISTRY_HITS_MAX = 50,
    REGISTRY_REASON_MAX = 200,
    REGISTRY_PHONES_MAX = 3,
    REGISTRY_PLATES_MAX = 4,
    REGISTRY_WORDS_MAX = 16, /* roles, channels */
};

/*
 * registry_may - may the actor do this act?  By the manual in force; the system
 * (its token comes from the local socket only) always, so that the first manual
 * can be published and a house be set up.  Who may is then asked for what his request
 * must not leave empty (core/needs.h).
 */
int registry_may(struct call *call, const char *act, struct err *err);

/* registry_page - `asked` rows, at least 1; 0 asked: `most`. */
uint32_t registry_page(uint32_t asked, uint32_t most);

/* registry_split - "a;b;c" as a list in the arena; empty parts are left out. */
const char **registry_split(const char *text, size_t max, size_t *count, struct arena *arena);

/* registry_join - the other way. */
char *registry_join(const char *const *list, size_t count, struct arena *arena);

/* registry_needs - a text of the request that must be there, of at most `max` bytes. */
int registry_needs(const char *field, const char *text, size_t max, struct err *err);

/* ---- rows as messages ---- */

/* 1: found.  0: none.  -1: err set. */
int registry_staff_find(struct call *call, const char *staff, Registry__Staff *message,
                        struct err *err);
int registry_staff_named(struct call *call, const char *name, Registry__Staff *message,
                         struct err *err); /* also -1 with failed_precondition: two have it */
int registry_unit_find(struct call *call, const char *unit, Registry__Unit *message,
                       struct err *err);
int registry_person_find(struct call *call, const char *person, Registry__Person *message,
                         struct err *err);

/* registry_phones - those of a person or employee, in clear; how many, or -1. */
int registry_phones(struct call *call, const char *kind, const char *owner,
                    const char *phones[REGISTRY_PHONES_MAX], struct err *err);

/* registry_masked_phones - the same, masked. */
int registry_masked_phones(struct call *call, const char *kind, const char *owner,
                           const char *phones[REGISTRY_PHONES_MAX], struct err *err);

/* registry_context - of sealed values: "person:P00001:phone". */
char *registry_context(const char *kind, const char *owner, const char *what, struct arena *arena);

/* registry_holds - what a holder (or, without one, a unit) holds, at most REGISTRY_LIST_MAX. */
int registry_holds(struct call *call, const char *holder, const char *unit, Registry__Hold ***holds,
                   size_t *count, struct err *err);

/* ---- handlers ---- */

handler_fn registry_put_estate, registry_list_estates, registry_put_unit, registry_get_unit,
    registry_list_units, registry_list_buildings;
handler_fn registry_put_person, registry_get_person, registry_unmask, registry_search;
handler_fn registry_put_staff, registry_get_staff, registry_list_staff, registry_set_leave,
    registry_mark_left;
handler_fn registry_start_import, registry_import_rows, registry_finish_import, registry_get_import;
due_fn registry_import_due;
handler_fn registry_issue_token, registry_revoke_token;
handler_fn registry_list_holds, registry_on_hold_taken, registry_on_hold_released;
handler_fn registry_publish_manual, registry_get_manual;

#endif
