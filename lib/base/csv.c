#include "base/csv.h"

#include <stdbool.h>
#include <string.h>

static const char mark[] = "\xEF\xBB\xBF"; /* of UTF-8 */

struct csv csv_open(struct bytes data) {
    struct csv csv = {.data = data, .line = 1};

    if (data.size >= sizeof mark - 1 && memcmp(data.data, mark, sizeof mark - 1) == 0) {
        csv.at = sizeof mark - 1;
    }
    return csv;
}

static bool at_end(const struct csv *csv) {
    return csv->at == csv->data.size;
}

/* The byte at the reader, or -1 at the end. */
static int peek(const struct csv *csv) {
    return at_end(csv) ? -1 : csv->data.data[csv->at];
}

static bool at_line_end(const struct csv *csv) {
    int c = peek(csv);

    return c == '\n' || c == '\r';
}

/* Past one byte or one line end, which is "\n", "\r\n" or "\r". */
static void pass(struct csv *csv) {
    bool line_end = at_line_end(csv);
    bool carriage = peek(csv) == '\r';

    csv->at++;
    if (carriage && peek(csv) == '\n') {
        csv->at++;
    }
    csv->line += line_end;
}

static void pass_line(struct csv *csv) {
    while (!at_end(csv) && !at_line_end(csv)) {
        csv->at++;
    }
    if (!at_end(csv)) {
        pass(csv);
    }
}

/* The text between quotes, "" for one of them.  Its mistake, or NULL. */
static const char *read_quoted(struct csv *csv, uint8_t *text, size_t *size) {
    pass(csv);
    for (;;) {
        int c = peek(csv);
        if (c < 0) {
            return "csv_open";
        }
        if (c == '"') {
            csv->at++;
            if (peek(csv) != '"') {
                break;
            }
        }
        if (*size == CSV_FIELD_MAX) {
            return "csv_long";
        }
        text[(*size)++] = c == '\r' ? '\n' : csv->data.data[csv->at];
        pass(csv);
    }
    return peek(csv) < 0 || peek(csv) == ',' || at_line_end(csv) ? NULL : "csv_quote";
}

static const char *read_plain(struct csv *csv, uint8_t *text, size_t *size) {
    for (; peek(csv) >= 0 && peek(csv) != ',' && !at_line_end(csv); csv->at++) {
        if (peek(csv) == '"') {
            return "csv_quote";
        }
        if (*size == CSV_FIELD_MAX) {
            return "csv_long";
        }
        text[(*size)++] = csv->data.data[csv->at];
    }
    return NULL;
}

static const char *read_fields(struct csv *csv, struct csv_row *row, struct arena *arena) {
    uint8_t text[CSV_FIELD_MAX];

    for (;;) {
        size_t size = 0;
        const char *mistake = peek(csv) == '"' ? read_quoted(csv, text, &size)
                                               : read_plain(csv, text, &size);
        if (!mistake && row->count == CSV_FIELDS_MAX) {
            mistake = "csv_fields";
        }
        if (mistake) {
            return mistake;
        }
        row->fields[row->count++] = (struct bytes){arena_copy(arena, text, size), size};
        if (peek(csv) != ',') {
            return NULL;
        }
        csv->at++;
    }
}

int csv_next(struct csv *csv, struct csv_row *row, struct arena *arena) {
    while (at_line_end(csv)) {
        pass(csv);
    }
    *row = (struct csv_row){.line = csv->line};
    if (at_end(csv)) {
        return 0;
    }
    struct csv start = *csv;
    row->mistake = read_fields(csv, row, arena);
    if (row->mistake) {
        /* Behind the line where the row began: a quote that was forgotten there
         * must not hide the rows after it. */
        *csv = start;
        row->count = 0;
        pass_line(csv);
    } else if (!at_end(csv)) {
        pass(csv);
    }
    return 1;
}
