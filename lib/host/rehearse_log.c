/*
 * The events of the cases as text, so that two plays can be laid beside each other: virtual
 * or live, one day or another.  What depends on when and where it was played is left out: times,
 * the day in a case's number, what is sealed, keys of rows, how often a store was started, the
 * order in which different stores wrote.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "host/rehearse_private.h"

enum { DAY_DIGITS = 8, TIME_SIZE = 40 };

/* "E01-KF011-20250711-0001" → "E01-KF011-*-0001", wherever it stands; of lines "name=value", the
 * arguments of a text, those that are times without them; one line. */
static void put_text(FILE *out, const char *text) {
    while (*text) {
        int64_t ms = 0;
        size_t line = strcspn(text, "\n");
        char value[TIME_SIZE];
        (void)snprintf(value, sizeof value, "%.*s", (int)(line < TIME_SIZE ? line : TIME_SIZE),
                       text);
        if (text_time_read(value, &ms)) {
            (void)fputc('*', out);
            text += line;
            continue;
        }
        if (*text == '\n') {
            (void)fputs("; ", out);
            text++;
            continue;
        }
        size_t digits = 0;
        while (digits <= DAY_DIGITS && isdigit((unsigned char)text[digits])) {
            digits++;
        }
        if (digits == DAY_DIGITS && text[digits] == '-') {
            (void)fputc('*', out);
            text += digits;
        } else {
            size_t length = digits > 0 ? digits : 1;
            (void)fwrite(text, 1, length, out);
            text += length;
        }
    }
}

static bool counts_starts(const char *key) {
    static const char epoch[] = "epoch";
    const size_t length = strlen(key);

    return length >= sizeof epoch - 1 && text_eq(key + length - (sizeof epoch - 1), epoch);
}

static void put_value(FILE *out, const Wire__Value *value) {
    if (counts_starts(value->key)) {
        return;
    }
    switch (value->kind_case) {
    case WIRE__VALUE__KIND_TEXT:
        (void)fprintf(out, " %s=", value->key);
        put_text(out, value->text);
        break;
    case WIRE__VALUE__KIND_INTEGER:
        (void)fprintf(out, " %s=%lld", value->key, (long long)value->integer);
        break;
    case WIRE__VALUE__KIND_FLAG:
        (void)fprintf(out, " %s=%s", value->key, value->flag ? "true" : "false");
        break;
    case WIRE__VALUE__KIND_MS:
    case WIRE__VALUE__KIND_SEALED:
    case WIRE__VALUE__KIND_ROWS:
    case WIRE__VALUE__KIND__NOT_SET:
    default:
        (void)fprintf(out, " %s", value->key);
        break;
    }
}

static void put_case(const struct rehearse *r, FILE *out, const char *service,
                     const char *case_no) {
    for (size_t n = r->event_start; n < r->event_count; n++) {
        const Wire__Event *event = r->events[n].event;
        if (!text_eq(r->events[n].service, service) || !text_eq(event->case_no, case_no)) {
            continue;
        }
        (void)fprintf(out, "%s ", service);
        put_text(out, case_no);
        (void)fprintf(out, " %s %s/%s", event->topic, event->actor, event->role);
        for (size_t i = 0; i < event->n_fields; i++) {
            put_value(out, event->fields[i]);
        }
        (void)fputc('\n', out);
    }
}

int rehearse_log(const struct rehearse *r, const char *path, struct err *err) {
    FILE *out = fopen(path, "we");

    if (!out) {
        return err_plain(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
    }
    for (size_t i = 0; r->options->services[i]; i++) {
        for (size_t c = 0; c < r->case_count; c++) {
            put_case(r, out, r->options->services[i]->name, r->cases[c].case_no);
        }
    }
    return fclose(out) ? err_plain(err, ERR_UNAVAILABLE, "%s: cannot write", path) : 0;
}
