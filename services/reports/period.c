#include "services/reports/period.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
    WEEK = 7,
    THURSDAY = 4,
    MONTHS = 12,
    MONTH_DAYS = 31,
    YEAR_MIN = 1970,
    YEAR_MAX = 2999,
    YEARS = 10000, /* of four digits */
};

static struct period named(char level, int64_t first, int64_t end) {
    struct period period = {.level = level, .first = first, .end = end};

    return period;
}

static struct period day_period(int64_t day) {
    struct period period = named('D', day, day + 1);
    int year = 0, month = 0, mday = 0, weekday = 0;

    text_day_parts(day, &year, &month, &mday, &weekday);
    (void)snprintf(period.name, sizeof period.name, "%04d-%02d-%02d", year % YEARS, month % 100,
                   mday % 100);
    return period;
}

/* ISO 8601: a week begins on Monday and belongs to the year of its Thursday. */
static struct period week_period(int64_t day) {
    int year = 0, month = 0, mday = 0, weekday = 0;

    text_day_parts(day, &year, &month, &mday, &weekday);
    int64_t monday = day - (weekday + WEEK - 1) % WEEK;
    struct period period = named('W', monday, monday + WEEK);
    text_day_parts(monday + THURSDAY - 1, &year, &month, &mday, &weekday);
    int64_t number = (monday + THURSDAY - 1 - text_day_of(year, 1, 1)) / WEEK + 1;
    (void)snprintf(period.name, sizeof period.name, "%04d-W%02d", year % YEARS,
                   (int)(number % 100));
    return period;
}

static struct period month_period(int64_t day) {
    int year = 0, month = 0, mday = 0, weekday = 0;

    text_day_parts(day, &year, &month, &mday, &weekday);
    struct period period = named('M', text_day_of(year, month, 1),
                                 month == MONTHS ? text_day_of(year + 1, 1, 1)
                                                 : text_day_of(year, month + 1, 1));
    (void)snprintf(period.name, sizeof period.name, "%04d-%02d", year % YEARS, month % 100);
    return period;
}

static struct period year_period(int64_t day) {
    int year = 0, month = 0, mday = 0, weekday = 0;

    text_day_parts(day, &year, &month, &mday, &weekday);
    struct period period = named('Y', text_day_of(year, 1, 1), text_day_of(year + 1, 1, 1));
    (void)snprintf(period.name, sizeof period.name, "%04d", year % YEARS);
    return period;
}

struct period period_of(char level, int64_t day) {
    switch (level) {
    case 'D':
        return day_period(day);
    case 'W':
        return week_period(day);
    case 'M':
        return month_period(day);
    default:
        return year_period(day);
    }
}

struct period period_next(const struct period *period) {
    return period_of(period->level, period->end);
}

/* `count` digits; -1 if there are not so many. */
static int digits(const char *text, int count) {
    int number = 0;

    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

/* The day that a text of this shape begins with; its name must come out the same. */
bool period_read(const char *text, struct period *period) {
    size_t size = strlen(text);
    int year = size >= 4 ? digits(text, 4) : -1;
    int month = 1, mday = 1;

    if (year < YEAR_MIN || year > YEAR_MAX) {
        return false;
    }
    if (size == strlen("2025-W28") && text[5] == 'W') {
        int number = digits(text + 6, 2);
        /* 4 January is always in week 1. */
        *period = period_of('W', text_day_of(year, 1, THURSDAY) + (int64_t)(number - 1) * WEEK);
        return number > 0 && strcmp(period->name, text) == 0;
    }
    if (size >= strlen("2025-07")) {
        month = digits(text + 5, 2);
    }
    if (size == strlen("2025-07-11")) {
        mday = digits(text + 8, 2);
    }
    if (month < 1 || month > MONTHS || mday < 1 || mday > MONTH_DAYS) {
        return false;
    }
    char level = '\0';
    if (size == strlen("2025")) {
        level = 'Y';
    } else if (size == strlen("2025-07")) {
        level = 'M';
    } else if (size == strlen("2025-07-11")) {
        level = 'D';
    }
    *period = period_of(level, text_day_of(year, month, mday));
    return level != '\0' && strcmp(period->name, text) == 0;
}
