#include "mutate.h"

#include <string.h>

enum { CHANGES_MAX = 6, PIECE_MAX = 64 };

struct mutate mutate_seed(uint64_t seed) {
    return (struct mutate){seed * UINT64_C(2862933555777941757) + 3037000493};
}

/* 0 … below - 1; 0 of nothing. */
static size_t chance(struct mutate *mutate, size_t below) {
    mutate->state ^= mutate->state >> 12;
    mutate->state ^= mutate->state << 25;
    mutate->state ^= mutate->state >> 27;
    return below ? (size_t)((mutate->state * UINT64_C(2685821657736338717)) >> 33) % below : 0;
}

static size_t insert(uint8_t *out, size_t size, size_t at, const uint8_t *piece, size_t length) {
    if (size + length > MUTATE_SIZE_MAX) {
        return size;
    }
    memmove(out + at + length, out + at, size - at);
    memcpy(out + at, piece, length);
    return size + length;
}

static size_t take_out(struct mutate *mutate, uint8_t *out, size_t size) {
    size_t at = chance(mutate, size);
    size_t length = 1 + chance(mutate, size - at < PIECE_MAX ? size - at : PIECE_MAX);

    length = length > size - at ? size - at : length;
    memmove(out + at, out + at + length, size - at - length);
    return size - length;
}

/* Of any file of the corpus, this one too. */
static size_t splice(struct mutate *mutate, const struct bytes *files, size_t count, uint8_t *out,
                     size_t size) {
    const struct bytes *other = &files[chance(mutate, count)];
    uint8_t piece[PIECE_MAX * 4];
    size_t from = chance(mutate, other->size);
    size_t length = chance(mutate, sizeof piece);

    length = length > other->size - from ? other->size - from : length;
    memcpy(piece, length > 0 ? other->data + from : piece, length);
    return insert(out, size, chance(mutate, size + 1), piece, length);
}

/* As binary numbers, as varints and as text. */
static size_t number(struct mutate *mutate, uint8_t *out, size_t size) {
    static const uint64_t edges[] = {0,
                                     1,
                                     0x7F,
                                     0x80,
                                     0xFF,
                                     0x7FFF,
                                     0x10000,
                                     0x7FFFFFFF,
                                     0x80000000,
                                     0xFFFFFFFF,
                                     UINT64_MAX,
                                     INT64_MAX,
                                     (uint64_t)INT64_MAX + 1};
    static const char *const texts[] = {"0",   "-1", "9223372036854775807", "-9223372036854775808",
                                        "1e9", "24", "4294967296",          "0.0000001"};
    uint64_t edge = edges[chance(mutate, sizeof edges / sizeof edges[0])];
    const char *text = texts[chance(mutate, sizeof texts / sizeof texts[0])];
    const size_t at = chance(mutate, size + 1);
    uint8_t piece[10];
    size_t length = 0;

    switch (chance(mutate, 3)) {
    case 0:
        return insert(out, size, at, (const uint8_t *)text, strlen(text));
    case 1:
        do {
            piece[length++] = (uint8_t)((edge & 0x7F) | (edge > 0x7F ? 0x80 : 0));
            edge >>= 7;
        } while (edge > 0);
        return insert(out, size, at, piece, length);
    default:
        length = (size_t)1 << chance(mutate, 4);
        memcpy(piece, &edge, length);
        memcpy(out + at, piece, length > size - at ? size - at : length);
        return size;
    }
}

static size_t change(struct mutate *mutate, const struct bytes *files, size_t count, uint8_t *out,
                     size_t size) {
    static const char signs[] = "\0\n\r\t \"'{}[]:,;&*!-#|>%@`$\x7F\x80\xC0\xFF";
    uint8_t piece[PIECE_MAX];
    size_t from = 0;

    switch (size == 0 ? 2 : chance(mutate, 8)) {
    case 0:
        out[chance(mutate, size)] ^= (uint8_t)(1U << chance(mutate, 8));
        return size;
    case 1:
        out[chance(mutate, size)] = (uint8_t)chance(mutate, 256);
        return size;
    case 2:
        piece[0] = (uint8_t)signs[chance(mutate, sizeof signs - 1)];
        return insert(out, size, chance(mutate, size + 1), piece, 1);
    case 3:
        return take_out(mutate, out, size);
    case 4: /* once more what stands there */
        from = chance(mutate, size);
        memcpy(piece, out + from, size - from < PIECE_MAX ? size - from : PIECE_MAX);
        return insert(out, size, chance(mutate, size + 1), piece,
                      chance(mutate, size - from < PIECE_MAX ? size - from : PIECE_MAX) + 1);
    case 5:
        return splice(mutate, files, count, out, size);
    case 6:
        return number(mutate, out, size);
    default: /* cut off */
        return chance(mutate, 4) == 0 ? chance(mutate, size) : size;
    }
}

size_t mutate_one(struct mutate *mutate, const struct bytes *files, size_t count, uint8_t *out) {
    const struct bytes *file = &files[chance(mutate, count)];
    size_t size = file->size;
    const size_t changes = 1 + chance(mutate, CHANGES_MAX);

    memcpy(out, file->data, size);
    for (size_t i = 0; i < changes; i++) {
        size = change(mutate, files, count, out, size);
    }
    return size;
}
