/*
 * lives - where each case of a world stands, as its events tell: without asking the service.
 */
#ifndef LIVES_H
#define LIVES_H

#include "coverage.h"

enum { LIVES_MAX = 8192, LIFE_CLOCKS_MAX = 16, LIFE_TEXT = 48 };

struct life {
    char number[LIFE_TEXT], opener[LIFE_TEXT];
    const Manual__Procedure *procedure;
    size_t state, before;
    struct life *parent;
    int64_t contacts;
    uint8_t phases[LIFE_CLOCKS_MAX]; /* of its clocks (enum phase) */
    int64_t ringing;                 /* clocks that fall due again and again */
    bool busy;                       /* somebody has set out with it */
    bool dull;                       /* nothing more to see of it */
};

void lives_start(const struct manual *manual);
void lives_event(const Wire__Event *event);

struct life *lives_all(size_t *count);
struct life *lives_find(const char *number); /* NULL: not of this world */
struct life *lives_child(const struct life *parent, const Manual__Procedure *procedure);
int64_t lives_ringing(void); /* clocks of all cases that fall due again and again */

#endif
