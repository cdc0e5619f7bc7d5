/*
 * fuzz - what the targets share.  A target is one file with LLVMFuzzerTestOneInput: it gives
 * foreign bytes to one parser and checks what must hold whatever they are.  libFuzzer drives it
 * (`make fuzz`), or replay.c (`make test`), where its name is target_<file>.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that does not hold ends the process, as a crash does. */
#define FUZZ_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            (void)fprintf(stderr, "# %s:%d: not so: %s\n", __FILE__, __LINE__, #cond);             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* fuzz_arena - an empty one, the same each time. */
struct arena *fuzz_arena(void);

/* fuzz_path - where a file with these bytes can be read, until the next call; only its owner can.
 */
const char *fuzz_path(struct bytes data);

/* fuzz_refused - an error that was set has a code, a rule and UTF-8. */
void fuzz_refused(const struct err *err);

/* fuzz_is_text - UTF-8, whatever else. */
bool fuzz_is_text(const char *text);

/* fuzz_packed - the bytes of a message, in the arena. */
struct bytes fuzz_packed(const ProtobufCMessage *message, struct arena *arena);
bool fuzz_same(struct bytes a, struct bytes b);

/* fuzz_byte, fuzz_take - from the front of what is left; 0 and nothing at its end. */
uint8_t fuzz_byte(struct bytes *rest);
struct bytes fuzz_take(struct bytes *rest, size_t size);
/* fuzz_text - up to the next byte 0, or all; a copy that ends. */
const char *fuzz_text(struct bytes *rest, struct arena *arena);

#endif
