#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_MAX_BYTES = 512 };

static const char *service_name = "?";

void log_init(const char *service) {
    service_name = service;
}

static void line(const char *level, const char *msg, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

static void line(const char *level, const char *msg, const char *fmt, va_list args) {
    char rest[LINE_MAX_BYTES];

    (void)vsnprintf(rest, sizeof rest, fmt, args);
    /* What came off the wire must not be able to forge a line. */
    for (char *c = rest; *c; c++) {
        if ((unsigned char)*c < ' ') {
            *c = '?';
        }
    }
    /* One write per line, so that lines of several services never mix. */
    (void)fprintf(stderr, "level=%s svc=%s msg=\"%s\" %s\n", level, service_name, msg, rest);
}

void log_info(const char *msg, const char *fmt, ...) {
    va_list args;

    va_start(args, fmt);
    line("info", msg, fmt, args);
    va_end(args);
}

void log_error(const char *msg, const char *fmt, ...) {
    va_list args;

    va_start(args, fmt);
    line("error", msg, fmt, args);
    va_end(args);
}
