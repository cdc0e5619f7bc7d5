/*
 * column - text in columns of a terminal, where a Chinese character takes two places.
 */
#ifndef COLUMN_H
#define COLUMN_H

#include <stddef.h>

#include "base/arena.h"

/* column_width - how many places the text takes. */
size_t column_width(const char *text);

/* column_left, column_right - the text, filled with blanks up to `width` places; in the arena.
 * A longer one stays as it is. */
const char *column_left(const char *text, size_t width, struct arena *arena);
const char *column_right(const char *text, size_t width, struct arena *arena);

#endif
