/*
 * text - what may come in as text, and times as people write them.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/*
 * text_check - valid UTF-8 (no surrogates, no overlong forms), no control
 * characters (but \n where `lines`), at most `max` bytes.  NULL if fine, else
 * the rule that it breaks: "text_utf8", "text_control", "text_long".
 */
const char *text_check(const char *text, size_t size, size_t max, bool lines);

/* text_head - at most `max` bytes of it, never the half of a character. */
char *text_head(const char *text, size_t max, struct arena *arena);

/* text_eq, text_starts - short forms of strcmp and strncmp. */
bool text_eq(const char *a, const char *b);
bool text_starts(const char *text, const char *prefix);

/* text_match - `pattern` is exact, "prefix.*", or "*". */
bool text_match(const char *pattern, const char *topic);

/* text_uuid7 - 16 bytes from a time and 10 random bytes; text_uuid7_ms reads the time. */
void text_uuid7(uint8_t id[16], int64_t now_ms, const uint8_t random[10]);
int64_t text_uuid7_ms(const uint8_t id[16]);

/* text_hex - lower case; text_unhex: false if it is not hex of this size. */
char *text_hex(const void *data, size_t size, struct arena *arena);
bool text_unhex(const char *text, void *data, size_t size);

/* ---- time: UTC milliseconds inside, the estate's offset at the edges ---- */

/* text_time - "2025-07-11T22:14:00+08:00"; with milliseconds only when there are any. */
char *text_time(int64_t ms, int offset_min, struct arena *arena);

/* text_time_fits - is it in the years 0001 to 9998?  What comes in as a number may be any: only
 * such a time can be written, read again, and added to. */
bool text_time_fits(int64_t ms);

/* text_time_read - RFC 3339; false if it is not.  */
bool text_time_read(const char *text, int64_t *ms);

/* text_date_read - "2025-07-11" to days since 1970-01-01; false if there is no such day. */
bool text_date_read(const char *text, int64_t *day);

/* Days since 1970-01-01 of a local day, and its parts. */
int64_t text_day(int64_t ms, int offset_min);
void text_day_parts(int64_t day, int *year, int *month, int *mday, int *weekday /* 0 = Sunday */);
int64_t text_day_of(int year, int month, int mday);

#endif
