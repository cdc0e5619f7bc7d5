#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LINE_MAX_BYTES = 1024, TIME_MAX_BYTES = 40, MS = 1000, NS_PER_MS = 1000000 };

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

static const char *service_name = "?";
static enum log_level lowest = LOG_INFO;
static bool with_time;

void log_init(const char *service) {
    service_name = service;
}

void log_set(enum log_level level, bool time) {
    lowest = level;
    with_time = time;
}

bool log_level_named(const char *name, enum log_level *level) {
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(level_names[i], name) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* "time=2025-07-11T14:14:00.123Z ", or nothing. */
static void stamp(char text[TIME_MAX_BYTES]) {
    struct timespec now;
    struct tm parts;

    text[0] = '\0';
    if (with_time && clock_gettime(CLOCK_REALTIME, &now) == 0 && gmtime_r(&now.tv_sec, &parts)) {
        char date[TIME_MAX_BYTES / 2];
        (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M", &parts);
        (void)snprintf(text, TIME_MAX_BYTES, "time=%s:%02d.%03dZ ", date, parts.tm_sec,
                       (int)(now.tv_nsec / NS_PER_MS % MS));
    }
}

static void line(enum log_level level, const char *msg, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

static void line(enum log_level level, const char *msg, const char *fmt, va_list args) {
    char rest[LINE_MAX_BYTES];
    char time[TIME_MAX_BYTES];

    if (level < lowest) {
        return;
    }
    stamp(time);
    (void)vsnprintf(rest, sizeof rest, fmt, args);
    /* What came off the wire must not be able to forge a line. */
    for (char *c = rest; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == '\x7f') {
            *c = '?';
        }
    }
    /* One write per line, so that lines of several services never mix. */
    (void)fprintf(stderr, "%slevel=%s svc=%s msg=\"%s\" %s\n", time, level_names[level],
                  service_name, msg, rest);
}

void log_debug(const char *msg, const char *fmt, ...) {
    va_list args;

    va_start(args, fmt);
    line(LOG_DEBUG, msg, fmt, args);
    va_end(args);
}

void log_info(const char *msg, const char *fmt, ...) {
    va_list args;

    va_start(args, fmt);
    line(LOG_INFO, msg, fmt, args);
    va_end(args);
}

void log_warn(const char *msg, const char *fmt, ...) {
    va_list args;

    va_start(args, fmt);
    line(LOG_WARN, msg, fmt, args);
    va_end(args);
}

void log_error(const char *msg, const char *fmt, ...) {
    va_list args;

    va_start(args, fmt);
    line(LOG_ERROR, msg, fmt, args);
    va_end(args);
}
