/*
 * manual - the department's manual in force, as lookups over manual.proto.
 *
 * Each service keeps the files of every revision in its table `manual` (packed
 * manual.File), put there by its subscription to "manual.published".  A revision
 * is in force when all its files are there.  A running case keeps the revision
 * it was opened under, so several may be loaded at once.  What is returned lives
 * as long as the manual; it is never changed.
 */
#ifndef MANUAL_H
#define MANUAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "shouwen/manual/v1/manual.pb-c.h"

struct manual;

/* manual_new - from packed manual.File messages.  NULL with err set if one is damaged. */
struct manual *manual_new(uint32_t revision, const struct bytes *files, size_t count,
                          struct err *err);
void manual_free(struct manual *manual);
uint32_t manual_revision(const struct manual *manual);

/* All NULL when there is none. */
const Manual__Procedure *manual_procedure(const struct manual *manual, const char *key);
const Manual__Form *manual_form(const struct manual *manual, const char *code);
const Manual__Field *manual_field(const struct manual *manual, const char *form, const char *key);
const Manual__Role *manual_role(const struct manual *manual, const char *key);
const Manual__Ladder *manual_ladder(const struct manual *manual, const char *key);
const Manual__Calendar *manual_calendar(const struct manual *manual);
const Manual__Routes *manual_routes(const struct manual *manual);
const Manual__Roles *manual_roles(const struct manual *manual);
const Manual__Rounds *manual_rounds(const struct manual *manual);
const Manual__Kpis *manual_kpis(const struct manual *manual);
const Manual__Lists *manual_lists(const struct manual *manual);
const Manual__Ladders *manual_ladders(const struct manual *manual);
size_t manual_procedures(const struct manual *manual, const Manual__Procedure *const **list);

const Manual__State *manual_state(const Manual__Procedure *procedure, const char *key);

/*
 * manual_number - the value of a parameter for a class (NULL: the only one):
 * milliseconds, cents, working days or a plain number.  The class "default" stands
 * for those not named.  False: no such parameter, or no value for the class.
 */
bool manual_number(const struct manual *manual, const char *key, const char *class_key,
                   int64_t *number);

/* manual_number_at - the n-th number (from 0) of a list parameter: "30, 60". */
bool manual_number_at(const struct manual *manual, const char *key, const char *class_key, size_t n,
                      int64_t *number);

/* manual_unit - of a parameter: "ms", "wd", "cents" or "".  NULL: no such parameter. */
const char *manual_unit(const struct manual *manual, const char *key);

/* manual_param_text - its text ("08:00"); NULL if none. */
const char *manual_param_text(const struct manual *manual, const char *key, const char *class_key);

/*
 * manual_text - the sentence of a key with its arguments ("name=value\n…") put
 * in, in "zh" or "en".  Unknown key: the key and the arguments as they are.
 */
const char *manual_text(const struct manual *manual, const char *key, const char *args,
                        const char *locale, struct arena *arena);

/* manual_permits - may a role do this act?  Deny by default. */
bool manual_permits(const struct manual *manual, const char *act, const char *const *roles,
                    size_t count);

/* manual_head_of - role that heads a department or the people of a role; NULL: nobody. */
const char *manual_head_of(const struct manual *manual, const char *dept_or_role);

#endif
