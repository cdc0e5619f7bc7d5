/*
 * sentence - puts arguments into a sentence: "{name}" becomes the value of the
 * line "name=value" among the arguments.
 */
#ifndef SENTENCE_H
#define SENTENCE_H

#include <stddef.h>

#include "base/arena.h"

/* sentence_fill - a name without a value stays as it is, so that it is seen. */
const char *sentence_fill(const char *pattern, const char *args, struct arena *arena);

/* sentence_next - the next "{name}" from `at` on: its name and length; NULL when none is left. */
const char *sentence_next(const char *at, size_t *length);

#endif
