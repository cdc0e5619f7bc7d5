/*
 * calendar - the three clocks (domain.md 3.0.1): cal runs always, desk while the
 * desk is open, work on working days (weekends and public holidays out, make-up
 * workdays in).  UTC milliseconds in and out.
 */
#ifndef CALENDAR_H
#define CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#include "manual/manual.h"

/* Of the estate, from the manual: offset, desk.open and desk.close, days. */
struct calendar {
    int offset_min;
    int open_min; /* minutes after midnight */
    int close_min;
    const Manual__Calendar *days;
};

struct calendar calendar_of(const struct manual *manual);

bool calendar_is_workday(const struct calendar *calendar, int64_t day);
bool calendar_desk_open(const struct calendar *calendar, int64_t ms); /* open ≤ t < close */

/* calendar_desk_opening - the same instant when the desk is open, else the next opening. */
int64_t calendar_desk_opening(const struct calendar *calendar, int64_t ms);

/* calendar_eod - desk closing of this day, or of the next if it is past. */
int64_t calendar_eod(const struct calendar *calendar, int64_t ms);

/* calendar_time_of_day - "HH:MM" on the local day of `ms`, plus days. */
int64_t calendar_time_of_day(const struct calendar *calendar, int64_t ms, const char *hhmm,
                             int days);

/* calendar_add_workdays - desk closing of the n-th working day after `ms`. */
int64_t calendar_add_workdays(const struct calendar *calendar, int64_t ms, int64_t n);

/* calendar_add_desk - `length_ms` of open desk time after `ms`. */
int64_t calendar_add_desk(const struct calendar *calendar, int64_t ms, int64_t length_ms);

/* calendar_desk_between - open desk time between two instants. */
int64_t calendar_desk_between(const struct calendar *calendar, int64_t from_ms, int64_t to_ms);

#endif
