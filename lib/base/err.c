#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/speak.h"
#include "base/text.h"

enum { CHARACTER_MAX = 4 }; /* bytes of one in UTF-8 */

static const char plain_rule[] = "plain";

static void record(struct err *err, enum err_code code, const char *rule, const char *fmt,
                   va_list args) __attribute__((format(printf, 4, 0)));

/* Bytes of the character that stands here; 0 when it is none, or not whole. */
static size_t character(const char *text) {
    const size_t left = strnlen(text, CHARACTER_MAX);

    for (size_t size = 1; size <= left; size++) {
        const char *broken = text_check(text, size, size, true);
        if (!broken || strcmp(broken, "text_utf8") != 0) {
            return size;
        }
    }
    return 0;
}

/* What did not fit was cut off, and a "%.60s" cuts what it is given at that byte, whatever stands
 * there.  Who gets the error wants UTF-8: so the half that is left of a character goes. */
static void drop_halves(char *text) {
    char *to = text;

    for (const char *from = text; *from;) {
        const size_t size = character(from);
        memmove(to, from, size);
        to += size;
        from += size > 0 ? size : 1;
    }
    *to = '\0';
}

static void record(struct err *err, enum err_code code, const char *rule, const char *fmt,
                   va_list args) {
    assert(err);
    assert(code != ERR_NONE);
    assert(strlen(rule) < sizeof err->rule);
    err->code = code;
    (void)snprintf(err->rule, sizeof err->rule, "%s", rule);
    (void)vsnprintf(err->args, sizeof err->args, fmt, args);
    drop_halves(err->args);
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
        if (snprintf(end, sizeof err->args - (size_t)length, ": %s", cause) < 0) {
            *end = '\0';
        }
    }
    drop_halves(err->args);
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
