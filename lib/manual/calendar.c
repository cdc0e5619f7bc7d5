#include "manual/calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const int64_t minute_ms = 60000;
static const int64_t day_ms = 86400000;

enum {
    YEARS_SHOWN = 10000,
    DAY_TEXT = 16, /* "2025-10-01" and its end */
    MINUTES_AN_HOUR = 60,
    MINUTES_A_DAY = 1440,
    WORKDAYS_MAX = 3660,   /* ten years: no limit is longer */
    OPEN_DEFAULT = 8 * 60, /* only for a manual without desk.open and desk.close */
    CLOSE_DEFAULT = 20 * 60,
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Minutes after midnight of "08:00"; -1 if it is none. */
static int minutes_of(const char *hhmm) {
    const int ten = 10;

    if (!hhmm || strlen(hhmm) != strlen("08:00") || !is_digit(hhmm[0]) || !is_digit(hhmm[1])
        || hhmm[2] != ':' || !is_digit(hhmm[3]) || !is_digit(hhmm[4])) {
        return -1;
    }
    int hour = (hhmm[0] - '0') * ten + (hhmm[1] - '0');
    int minute = (hhmm[3] - '0') * ten + (hhmm[4] - '0');
    int minutes = hour * MINUTES_AN_HOUR + minute;
    return minute >= MINUTES_AN_HOUR || minutes > MINUTES_A_DAY ? -1 : minutes;
}

struct calendar calendar_of(const struct manual *manual) {
    struct calendar calendar = {.days = manual_calendar(manual)};

    calendar.offset_min = calendar.days ? calendar.days->utc_offset_min : 0;
    calendar.open_min = minutes_of(manual_param_text(manual, "desk.open", NULL));
    calendar.close_min = minutes_of(manual_param_text(manual, "desk.close", NULL));
    if (calendar.open_min < 0 || calendar.close_min <= calendar.open_min) {
        calendar.open_min = OPEN_DEFAULT;
        calendar.close_min = CLOSE_DEFAULT;
    }
    return calendar;
}

static int64_t day_of(const struct calendar *calendar, int64_t ms) {
    return text_day(ms, calendar->offset_min);
}

/* The instant of a local minute of a local day. */
static int64_t instant(const struct calendar *calendar, int64_t day, int64_t minute) {
    return day * day_ms + (minute - calendar->offset_min) * minute_ms;
}

/* Milliseconds since local midnight. */
static int64_t of_day(const struct calendar *calendar, int64_t ms) {
    return ms - instant(calendar, day_of(calendar, ms), 0);
}

static int compare_days(const void *key, const void *item) {
    return strcmp(key, *(const char *const *)item);
}

/* The compiler sorts both lists. */
static bool listed(const char *const *days, size_t count, const char *day) {
    return count > 0 && bsearch(day, days, count, sizeof *days, compare_days) != NULL;
}

bool calendar_is_workday(const struct calendar *calendar, int64_t day) {
    int year = 0, month = 0, mday = 0, weekday = 0;
    char text[DAY_TEXT];

    text_day_parts(day, &year, &month, &mday, &weekday);
    (void)snprintf(text, sizeof text, "%04d-%02u-%02u", year % YEARS_SHOWN, (unsigned)month % 100,
                   (unsigned)mday % 100);
    if (calendar->days) {
        if (listed(calendar->days->workday, calendar->days->n_workday, text)) {
            return true;
        }
        if (listed(calendar->days->holiday, calendar->days->n_holiday, text)) {
            return false;
        }
    }
    return weekday != 0 && weekday != 6;
}

bool calendar_desk_open(const struct calendar *calendar, int64_t ms) {
    int64_t now = of_day(calendar, ms);

    return now >= calendar->open_min * minute_ms && now < calendar->close_min * minute_ms;
}

int64_t calendar_desk_opening(const struct calendar *calendar, int64_t ms) {
    int64_t day = day_of(calendar, ms);

    if (calendar_desk_open(calendar, ms)) {
        return ms;
    }
    int64_t today = instant(calendar, day, calendar->open_min);
    return ms < today ? today : instant(calendar, day + 1, calendar->open_min);
}

int64_t calendar_eod(const struct calendar *calendar, int64_t ms) {
    int64_t day = day_of(calendar, ms);
    int64_t today = instant(calendar, day, calendar->close_min);

    return ms <= today ? today : instant(calendar, day + 1, calendar->close_min);
}

int64_t calendar_time_of_day(const struct calendar *calendar, int64_t ms, const char *hhmm,
                             int days) {
    int minutes = minutes_of(hhmm);

    return instant(calendar, day_of(calendar, ms) + days, minutes < 0 ? 0 : minutes);
}

int64_t calendar_add_workdays(const struct calendar *calendar, int64_t ms, int64_t n) {
    int64_t day = day_of(calendar, ms);
    int64_t left = n < 0 ? 0 : n > WORKDAYS_MAX ? WORKDAYS_MAX : n;

    while (left > 0) {
        day++;
        left -= calendar_is_workday(calendar, day);
    }
    return instant(calendar, day, calendar->close_min);
}

int64_t calendar_add_desk(const struct calendar *calendar, int64_t ms, int64_t length_ms) {
    int64_t span = (calendar->close_min - calendar->open_min) * minute_ms;
    int64_t start = calendar_desk_opening(calendar, ms);

    if (length_ms <= 0) {
        return start;
    }
    int64_t today = calendar->close_min * minute_ms - of_day(calendar, start);
    if (length_ms <= today) {
        return start + length_ms;
    }
    /* What ends with a day's closing ends then, not at the next opening. */
    int64_t rest = length_ms - today - 1;
    int64_t day = day_of(calendar, start) + 1 + rest / span;
    return instant(calendar, day, calendar->open_min) + rest % span + 1;
}

/* Open time from day 0 to this instant. */
static int64_t open_until(const struct calendar *calendar, int64_t ms) {
    int64_t span = (calendar->close_min - calendar->open_min) * minute_ms;
    int64_t today = of_day(calendar, ms) - calendar->open_min * minute_ms;

    today = today < 0 ? 0 : today > span ? span : today;
    return day_of(calendar, ms) * span + today;
}

int64_t calendar_desk_between(const struct calendar *calendar, int64_t from_ms, int64_t to_ms) {
    return open_until(calendar, to_ms) - open_until(calendar, from_ms);
}
