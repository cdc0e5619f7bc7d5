/*
 * recipients - who the people of a rung are at this instant.
 *
 * A rung names words: `assignee`, `backup` (the next one on the assignee's post),
 * `dept_head` (of the assignee's role or department), `asked` (whom the request
 * names), `role:KEY`, `post:POST`, a staff number, or a role or post by itself.
 * Whoever is absent (off shift, on leave, left) or has no channel is replaced by his
 * deputy; if that one is absent too, by nobody.
 */
#ifndef RECIPIENTS_H
#define RECIPIENTS_H

#include "engine/directory.h"
#include "manual/manual.h"
#include "pages.h"

struct recipient {
    const char *staff;
    const char *stands_for; /* whose deputy he is in this; or "" */
    const char *channels;   /* "desk;webhook", in order of preference */
};

struct recipients {
    struct recipient list[PAGES_STAFF_MAX];
    size_t count;
};

/* recipients_find - add the people of these words, each once. */
int recipients_find(struct call *call, const struct manual *manual, const struct page *page,
                    const char *const *words, size_t word_count, struct recipients *found,
                    struct err *err);

/* recipients_named - the same for a ";"-separated list, present or not: for what needs no answer.
 */
int recipients_named(struct call *call, const struct manual *manual, const char *list,
                     struct recipients *found, struct err *err);

#endif
