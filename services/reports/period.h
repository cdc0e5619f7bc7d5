/*
 * period - days, weeks, months and years as people write them: "2025-07-11",
 * "2025-W28", "2025-07", "2025".
 */
#ifndef REPORTS_PERIOD_H
#define REPORTS_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

enum { PERIOD_SIZE = 16, PERIOD_LEVELS = 4 };

struct period {
    char level; /* D, W, M or Y */
    char name[PERIOD_SIZE];
    int64_t first; /* day */
    int64_t end;   /* the day after the last */
};

/* period_read - false if it is none of the four. */
bool period_read(const char *text, struct period *period);

/* period_of - the period of a level in which a day lies. */
struct period period_of(char level, int64_t day);

/* period_next - the one after it. */
struct period period_next(const struct period *period);

#endif
