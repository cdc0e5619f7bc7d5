/*
 * who - may he?  Words of `who`: staff customer child system paged, dept_head, a
 * relation of the case, or a role — by his token, or by the post he has on the roster.
 */
#ifndef WHO_H
#define WHO_H

#include "engine/work.h"

struct who_list {
    const char *const *who;
    size_t who_count;
    const char *const *not_who; /* "not doer": also the doer of the parent */
    size_t not_count;
};

/* who_lets_in - 1: *word is the first that lets him in.  0: nobody.  -1: err set. */
int who_lets_in(struct work *work, const struct kase *kase, const struct who_list *list,
                const struct asker *asker, int64_t at_ms, const char **word, struct err *err);

/* who_is_staff - an employee on his own word. */
bool who_is_staff(const struct asker *asker);

/* who_actor - his staff number; "" when it is no employee. */
const char *who_actor(const struct asker *asker);

/* who_heads - the roles that head the people of a case, at most `max`.  How many, or -1. */
int who_heads(struct work *work, const struct kase *kase, size_t max, const char **roles,
              struct err *err);

#endif
