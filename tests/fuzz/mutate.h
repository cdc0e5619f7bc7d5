/*
 * mutate - bytes like those of a corpus and yet others: bits turned, bytes changed, put in and
 * taken out, pieces of another file, numbers at the edge.  Equal seeds, equal bytes.
 */
#ifndef MUTATE_H
#define MUTATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum { MUTATE_SIZE_MAX = 64 * 1024 };

struct mutate {
    uint64_t state;
};

struct mutate mutate_seed(uint64_t seed);

/* mutate_one - into `out`, which has MUTATE_SIZE_MAX bytes; its size. */
size_t mutate_one(struct mutate *mutate, const struct bytes *files, size_t count, uint8_t *out);

#endif
