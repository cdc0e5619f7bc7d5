#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/speak.h"

static const char plain_rule[] = "plain";

static void record(struct err *err, enum err_code code, const char *rule, const char *fmt,
                   va_list args) __attribute__((format(printf, 4, 0)));

/* Bytes of UTF-8: a character begins with one above 0x7F and goes on with these. */
static const unsigned char continues = 0x80, continues_mask = 0xC0;

/* What did not fit was cut off; never in the middle of a character. */
static void fit(char *text, size_t size, int length) {
    size_t end = size - 1;

    if (length < 0 || (size_t)length < size) {
        return;
    }
    while (end > 0 && ((unsigned char)text[end - 1] & continues_mask) == continues) {
        end--;
    }
    text[end > 0 && ((unsigned char)text[end - 1] & continues) ? end - 1 : size - 1] = '\0';
}

static void record(struct err *err, enum err_code code, const char *rule, const char *fmt,
                   va_list args) {
    assert(err);
    assert(code != ERR_NONE);
    assert(strlen(rule) < sizeof err->rule);
    err->code = code;
    (void)snprintf(err->rule, sizeof err->rule, "%s", rule);
    fit(err->args, sizeof err->args, vsnprintf(err->args, sizeof err->args, fmt, args));
}

int err_set(struct err *err, enum err_code code, const char *rule, const char *fmt, ...) {
    va_list args;

    va_start(args, fmt);
    record(err, code, rule, fmt, args);
    va_end(args);
    return -1;
}

int err_plain(struct err *err, enum err_code code, const char *fmt, ...) {
    va_list args;

    va_start(args, fmt);
    record(err, code, plain_rule, speak(fmt), args);
    va_end(args);
    return -1;
}

int err_wrap(struct err *err, const char *fmt, ...) {
    char cause[ERR_TEXT_MAX];
    va_list args;

    assert(err);
    assert(err->code != ERR_NONE);
    if (strcmp(err->rule, plain_rule) != 0) {
        return -1;
    }
    memcpy(cause, err->args, sizeof cause);
    va_start(args, fmt);
    int length = vsnprintf(err->args, sizeof err->args, speak(fmt), args);
    va_end(args);
    if (length >= 0 && (size_t)length + 2 < sizeof err->args) {
        /* What does not fit is cut off the end: the context matters most. */
        char *end = err->args + length;
        size_t room = sizeof err->args - (size_t)length;
        fit(end, room, snprintf(end, room, ": %s", cause));
    }
    return -1;
}

const char *err_name(enum err_code code) {
    static const char *const names[] = {
        [ERR_NONE] = "ok",
        [ERR_CANCELLED] = "cancelled",
        [ERR_UNKNOWN] = "unknown",
        [ERR_INVALID] = "invalid_argument",
        [ERR_DEADLINE] = "deadline_exceeded",
        [ERR_NOT_FOUND] = "not_found",
        [ERR_EXISTS] = "already_exists",
        [ERR_DENIED] = "permission_denied",
        [ERR_EXHAUSTED] = "resource_exhausted",
        [ERR_PRECONDITION] = "failed_precondition",
        [ERR_ABORTED] = "aborted",
        [ERR_RANGE] = "out_of_range",
        [ERR_UNIMPLEMENTED] = "unimplemented",
        [ERR_INTERNAL] = "internal",
        [ERR_UNAVAILABLE] = "unavailable",
        [ERR_DATA_LOSS] = "data_loss",
        [ERR_UNAUTHENTICATED] = "unauthenticated",
    };

    return (size_t)code < sizeof names / sizeof names[0] ? names[code] : "unknown";
}

const char *err_line(const struct err *err, char *line) {
    int length = strcmp(err->rule, plain_rule) == 0
                     ? snprintf(line, ERR_TEXT_MAX, "%s", err->args)
                     : snprintf(line, ERR_TEXT_MAX, "%s %s", err->rule, err->args);

    for (int i = 0; i < length && line[i]; i++) {
        if (line[i] == '\n') {
            line[i] = ' ';
        }
    }
    return line;
}
