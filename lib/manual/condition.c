#include "manual/condition.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manual/calendar.h"

enum { NUMBER_TEXT = 24 };

static const char *text_of(const Wire__Value *value) {
    return value && value->kind_case == WIRE__VALUE__KIND_TEXT ? value->text : "";
}

static bool is_empty(const Wire__Value *value) {
    if (!value || value->kind_case == WIRE__VALUE__KIND__NOT_SET) {
        return true;
    }
    if (value->kind_case == WIRE__VALUE__KIND_ROWS) {
        return !value->rows || value->rows->n_row == 0;
    }
    return value->kind_case == WIRE__VALUE__KIND_TEXT && !*value->text;
}

/* A number to compare: of rows, how many.  False: it has none. */
static bool number_of(const Wire__Value *value, int64_t *number) {
    if (!value) {
        return false;
    }
    if (value->kind_case == WIRE__VALUE__KIND_INTEGER) {
        *number = value->integer;
    } else if (value->kind_case == WIRE__VALUE__KIND_MS) {
        *number = value->ms;
    } else if (value->kind_case == WIRE__VALUE__KIND_FLAG) {
        *number = value->flag;
    } else if (value->kind_case == WIRE__VALUE__KIND_ROWS) {
        *number = value->rows ? (int64_t)value->rows->n_row : 0;
    } else {
        return false;
    }
    return true;
}

static bool equals(const Wire__Value *value, const char *wanted, const struct subjects *subjects) {
    char number[NUMBER_TEXT];
    const char *is = number;

    if (strcmp(wanted, "$actor") == 0) {
        wanted = subjects->actor;
        if (!wanted || !*wanted) {
            return false;
        }
    }
    if (is_empty(value)) {
        return strcmp(wanted, "false") == 0; /* a mark that was never set is not set */
    }
    int64_t n = 0;
    if (value->kind_case == WIRE__VALUE__KIND_FLAG) {
        is = value->flag ? "true" : "false";
    } else if (number_of(value, &n)) {
        (void)snprintf(number, sizeof number, "%" PRId64, n);
    } else {
        is = text_of(value);
    }
    return strcmp(is, wanted) == 0;
}

static bool is_one_of(const Manual__Term *term, const Wire__Value *value,
                      const struct subjects *subjects) {
    for (size_t i = 0; i < term->n_one_of; i++) {
        if (equals(value, term->one_of[i], subjects)) {
            return true;
        }
    }
    return false;
}

/* The number that a limit stands for.  False: it has none for this case. */
static bool limit_number(const Manual__Limit *limit, const struct subjects *subjects,
                         int64_t *number) {
    if (!*limit->parameter) {
        *number = limit->amount;
        return true;
    }
    const char *class_key = NULL;
    if (*limit->class_field) {
        class_key = text_of(subjects->find(subjects->arg, limit->class_field));
    }
    return subjects->manual && manual_number(subjects->manual, limit->parameter, class_key, number);
}

/* Is `from_ms` at most this limit ago?  At the limit is in time. */
static bool within(const Manual__Limit *limit, int64_t from_ms, const struct subjects *subjects,
                   bool *known) {
    int64_t number = 0;

    *known = limit_number(limit, subjects, &number);
    if (!*known) {
        return false;
    }
    bool days = strcmp(limit->unit, "wd") == 0, eod = strcmp(limit->unit, "eod") == 0;
    if ((days || eod) && subjects->manual) {
        struct calendar calendar = calendar_of(subjects->manual);
        int64_t end = eod ? calendar_eod(&calendar, from_ms)
                          : calendar_add_workdays(&calendar, from_ms, number);
        return subjects->now_ms <= end;
    }
    return subjects->now_ms - from_ms <= number;
}

static bool time_holds(const Manual__Term *term, const Wire__Value *value,
                       const struct subjects *subjects) {
    bool known = true;

    if (!value || value->kind_case != WIRE__VALUE__KIND_MS) {
        return false;
    }
    if (term->within && !within(term->within, value->ms, subjects, &known)) {
        return false;
    }
    if (term->beyond && (within(term->beyond, value->ms, subjects, &known) || !known)) {
        return false;
    }
    return true;
}

static bool range_holds(const Manual__Term *term, const Wire__Value *value,
                        const struct subjects *subjects) {
    int64_t is = 0, limit = 0;

    if (!number_of(value, &is)) {
        /* Choices such as ratings are kept as text: "4" is 4. */
        char *end = NULL;
        is = strtoll(text_of(value), &end, 10);
        if (end == text_of(value) || *end) {
            return false;
        }
    }
    if (term->min && (!limit_number(term->min, subjects, &limit) || is < limit)) {
        return false;
    }
    if (term->max && (!limit_number(term->max, subjects, &limit) || is > limit)) {
        return false;
    }
    return true;
}

bool condition_term(const Manual__Term *term, const struct subjects *subjects) {
    const Wire__Value *value = subjects->find(subjects->arg, term->subject);

    if (term->present && is_empty(value)) {
        return false;
    }
    if (term->absent && !is_empty(value)) {
        return false;
    }
    if (term->n_one_of > 0 && is_one_of(term, value, subjects) == term->negate) {
        return false;
    }
    if ((term->min || term->max) && !range_holds(term, value, subjects)) {
        return false;
    }
    return (!term->within && !term->beyond) || time_holds(term, value, subjects);
}

bool condition_holds(Manual__Any *const *any, size_t count, const struct subjects *subjects) {
    for (size_t i = 0; i < count; i++) {
        bool all = true;
        for (size_t t = 0; all && t < any[i]->n_all; t++) {
            all = condition_term(any[i]->all[t], subjects);
        }
        if (all) {
            return true;
        }
    }
    return count == 0;
}
