#include "cli/column.h"

#include <stdint.h>

/* First and last of each range of characters that take two places. */
static const uint32_t wide[][2] = {
    {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
    {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD},
};

enum { CONTINUES = 0x80, CONTINUES_MASK = 0xC0, BITS_MASK = 0x3F, BITS = 6 };
enum { COMBINING_FIRST = 0x300, COMBINING_LAST = 0x36F };

static size_t places(uint32_t character) {
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        if (character >= wide[i][0] && character <= wide[i][1]) {
            return 2;
        }
    }
    return character >= COMBINING_FIRST && character <= COMBINING_LAST ? 0 : 1;
}

size_t column_width(const char *text) {
    static const uint8_t first_bits[] = {0x7F, 0x7F, 0x1F, 0x0F, 0x07};
    size_t width = 0;

    for (const uint8_t *at = (const uint8_t *)text; *at;) {
        const size_t size = *at < 0xC0 ? 1 : *at < 0xE0 ? 2 : *at < 0xF0 ? 3 : 4;
        uint32_t character = *at & first_bits[size];
        at++;
        for (size_t i = 1; i < size && (*at & CONTINUES_MASK) == CONTINUES; i++) {
            character = character << BITS | (*at++ & BITS_MASK);
        }
        width += places(character);
    }
    return width;
}

const char *column_left(const char *text, size_t width, struct arena *arena) {
    size_t is = column_width(text);

    return arena_text(arena, "%s%*s", text, (int)(is < width ? width - is : 0), "");
}

const char *column_right(const char *text, size_t width, struct arena *arena) {
    size_t is = column_width(text);

    return arena_text(arena, "%*s%s", (int)(is < width ? width - is : 0), "", text);
}
