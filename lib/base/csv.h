/*
 * csv - comma-separated values as RFC 4180 has them, row by row.
 *
 * Takes a byte order mark, LF, CRLF or CR at the end of a line, quotes, quoted
 * line ends, and empty lines (which are no rows).  What is wrong with a row is
 * said by its line, and reading goes on behind it, so that one pass finds every
 * bad row.  Bytes are passed on as they are: whether they are text is checked
 * where they are used.  Time and memory are bounded by the size of the file.
 */
#ifndef CSV_H
#define CSV_H

#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"

enum {
    CSV_FIELDS_MAX = 32,
    CSV_FIELD_MAX = 4096, /* bytes of one field */
};

struct csv {
    struct bytes data;
    size_t at;
    int line; /* of the byte at `at`, from 1 */
};

struct csv_row {
    int line; /* where it begins */
    const char
        *mistake; /* NULL; or the rule that it breaks: csv_quote, csv_open, csv_fields, csv_long */
    size_t count;
    struct bytes fields[CSV_FIELDS_MAX]; /* in the arena, each with a '\0' behind it */
};

/* csv_open - read from the beginning; the data must outlive the reader. */
struct csv csv_open(struct bytes data);

/*
 * csv_next - 1: a row, good or with a mistake.  0: the end.
 *   csv_quote   a quote inside a field that does not begin with one, or text behind the closing one
 *   csv_open    a quote that is never closed; reading goes on at the line after it
 *   csv_fields  more than CSV_FIELDS_MAX fields
 *   csv_long    a field of more than CSV_FIELD_MAX bytes
 */
int csv_next(struct csv *csv, struct csv_row *row, struct arena *arena);

#endif
