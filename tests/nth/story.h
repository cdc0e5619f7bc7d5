/*
 * story - an hour of the house, always the same: every method of every service is asked at least
 * once, each service is stopped and killed and started again, and time passes in between.
 *
 * It is played once undisturbed; what each step was answered and what came of it is the measure
 * for the disturbed ones.
 */
#ifndef STORY_H
#define STORY_H

#include "sim/town.h"

enum { STORY_ASKED_MAX = 512, STORY_TEXT = 64 };

/* What an undisturbed request was answered, and what it caused. */
struct story_end {
    int code;
    char rule[STORY_TEXT];
    uint64_t effects; /* of the events that name it as their cause */
};

struct story {
    struct town town;
    int64_t late_ms;                 /* behind the undisturbed one, since something was mended */
    const char *unborn;              /* a service that could not begin for the first time */
    const struct story_end *measure; /* NULL: this one is */
    struct story_end ends[STORY_ASKED_MAX];
};

/* story_prepare - the manual, people and places, and the list of steps. */
void story_prepare(void);
size_t story_steps(void);

void story_open(struct story *story);

/* story_step - the n-th (from 0): somebody asks, or a service ends; then time passes. */
void story_step(struct story *story, size_t n);

/* story_mend - nothing fails any more: who is down is started, what was not answered is asked
 * again, everybody hears what he missed, and the next step begins so much later. */
void story_mend(struct story *story, size_t n);

/* story_tell - one line about each step. */
void story_tell(void);

/* ---- after.c ---- */

/* What a run leaves behind. */
struct after {
    struct story_end asked[STORY_ASKED_MAX];
    size_t asked_count;
    struct after_table {
        char name[STORY_TEXT];
        int64_t rows;
    } tables[256];
    size_t table_count;
};

/* after_look - everything has drained; what is there is whole (sim/checks.c and more). */
void after_look(struct story *story, struct after *after);

/* after_compare - a disturbed run came to the same. */
void after_compare(const struct story *story, const struct after *is, const struct after *should);

#endif
