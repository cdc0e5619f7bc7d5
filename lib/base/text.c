#include "base/text.h"

#include <assert.h>
#include <string.h>

/* ---- what may come in ---- */

enum {
    DELETE = 0x7F,
    CONTINUES_MASK = 0xC0, /* of a byte in the middle of a character: 10xxxxxx */
    CONTINUES = 0x80,
    PAYLOAD_BITS = 6,
    PAYLOAD_MASK = 0x3F,
    C1_FIRST = 0x80, /* control characters above ASCII */
    C1_LAST = 0x9F,
    SURROGATE_FIRST = 0xD800,
    SURROGATE_LAST = 0xDFFF,
    UNICODE_LAST = 0x10FFFF,
};

/* Bytes of the character that begins with this byte, and the smallest code
 * point that may be written so.  0 for a byte that begins none. */
static size_t length_of(unsigned char first, uint32_t *smallest) {
    static const struct {
        unsigned char mask, is;
        uint32_t smallest;
    } forms[] = {{0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if ((first & forms[i].mask) == forms[i].is) {
            *smallest = forms[i].smallest;
            return i + 1;
        }
    }
    return 0;
}

/* The next character; its bytes, or 0 if it is none. */
static size_t decode(const unsigned char *at, size_t left, uint32_t *code) {
    uint32_t smallest = 0;
    size_t length = length_of(*at, &smallest);

    if (length == 0 || length > left) {
        return 0;
    }
    uint32_t value = length == 1 ? *at : *at & ((1U << (7 - length)) - 1);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & CONTINUES_MASK) != CONTINUES) {
            return 0;
        }
        value = value << PAYLOAD_BITS | (at[i] & PAYLOAD_MASK);
    }
    if (value < smallest || value > UNICODE_LAST
        || (value >= SURROGATE_FIRST && value <= SURROGATE_LAST)) {
        return 0;
    }
    *code = value;
    return length;
}

const char *text_check(const char *text, size_t size, size_t max, bool lines) {
    if (size > max) {
        return "text_long";
    }
    for (size_t i = 0; i < size;) {
        uint32_t code = 0;
        size_t length = decode((const unsigned char *)text + i, size - i, &code);
        if (length == 0) {
            return "text_utf8";
        }
        if ((code < ' ' && !(lines && code == '\n')) || code == DELETE
            || (code >= C1_FIRST && code <= C1_LAST)) {
            return "text_control";
        }
        i += length;
    }
    return NULL;
}

char *text_head(const char *text, size_t max, struct arena *arena) {
    enum { MARK = 0xC0, GOES_ON = 0x80 }; /* bytes of a character after its first */
    size_t length = strlen(text);

    if (length > max) {
        length = max;
        while (length > 0 && ((unsigned char)text[length] & MARK) == GOES_ON) {
            length--;
        }
    }
    return arena_copy(arena, text, length);
}

bool text_eq(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

bool text_starts(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_match(const char *pattern, const char *topic) {
    size_t size = strlen(pattern);

    if (text_eq(pattern, "*")) {
        return true;
    }
    if (size >= 2 && text_eq(pattern + size - 2, ".*")) {
        return strncmp(topic, pattern, size - 1) == 0 && topic[size - 1];
    }
    return text_eq(pattern, topic);
}

/* ---- ids ---- */

enum {
    UUID_SIZE = 16,
    UUID_TIME_SIZE = 6,
    UUID_VERSION_AT = 6,
    UUID_VARIANT_AT = 8,
    UUID_VERSION = 0x70,
    UUID_VERSION_REST = 0x0F,
    UUID_VARIANT = 0x80,
    UUID_VARIANT_REST = 0x3F,
    NIBBLE = 0x0F,
};

void text_uuid7(uint8_t id[16], int64_t now_ms, const uint8_t random[10]) {
    assert(now_ms >= 0);
    for (int i = 0; i < UUID_TIME_SIZE; i++) {
        id[i] = (uint8_t)((uint64_t)now_ms >> (8 * (UUID_TIME_SIZE - 1 - i)));
    }
    memcpy(id + UUID_TIME_SIZE, random, UUID_SIZE - UUID_TIME_SIZE);
    id[UUID_VERSION_AT] = (uint8_t)(UUID_VERSION | (id[UUID_VERSION_AT] & UUID_VERSION_REST));
    id[UUID_VARIANT_AT] = (uint8_t)(UUID_VARIANT | (id[UUID_VARIANT_AT] & UUID_VARIANT_REST));
}

int64_t text_uuid7_ms(const uint8_t id[16]) {
    int64_t ms = 0;

    for (int i = 0; i < UUID_TIME_SIZE; i++) {
        ms = ms << 8 | id[i];
    }
    return ms;
}

char *text_hex(const void *data, size_t size, struct arena *arena) {
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;
    char *text = arena_alloc(arena, size * 2 + 1);

    for (size_t i = 0; i < size; i++) {
        text[i * 2] = digits[bytes[i] >> 4];
        text[i * 2 + 1] = digits[bytes[i] & NIBBLE];
    }
    return text;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool text_unhex(const char *text, void *data, size_t size) {
    uint8_t *bytes = data;

    if (strlen(text) != size * 2) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text[i * 2]);
        int low = hex_digit(text[i * 2 + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* ---- time ---- */

enum {
    MS = 1000,
    MINUTE_S = 60,
    HOUR_S = 3600,
    DAY_S = 86400,
    DAY_MS = DAY_S * MS,
    HOUR_MIN = 60,
    WEEK_DAYS = 7,
    EPOCH_WEEKDAY = 4, /* 1970-01-01 was a Thursday */
    YEAR_MAX = 9999,
    FRACTION_MAX = 9,
    DAYS_MAX = 31,
    HOUR_MAX = 23,
    MINUTE_MAX = 59,
    SECOND_MAX = 59, /* no leap seconds: nothing of ours counts them */
    /* The calendar repeats every 400 years; counted from 1 March of a year 0,
     * so that the leap day is the last of its year. */
    ERA_YEARS = 400,
    ERA_DAYS = 146097,
    EPOCH_DAY = 719468, /* 1970-01-01 in days since 0000-03-01 */
    YEAR_DAYS = 365,
    FOUR_YEARS_DAYS = 1460,
    CENTURY_DAYS = 36524,
    MONTHS = 12,
    MARCH = 3,
    /* Five months from March take 153 days, whichever five. */
    FIVE_MONTHS = 5,
    FIVE_MONTHS_DAYS = 153,
};

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

/* Milliseconds since that day began in UTC, in the east or west of it; *day is the one in UTC. */
static int64_t in_day_of(int64_t ms, int offset_min, int64_t *day) {
    *day = floor_div(ms, DAY_MS);
    /* Never by adding to `ms`: it is somebody's number, and may be the largest. */
    return (ms % DAY_MS + DAY_MS) % DAY_MS + (int64_t)offset_min * MINUTE_S * MS;
}

int64_t text_day(int64_t ms, int offset_min) {
    int64_t day = 0;
    const int64_t in_day = in_day_of(ms, offset_min, &day);

    return day + floor_div(in_day, DAY_MS);
}

bool text_time_fits(int64_t ms) {
    const int64_t first = text_day_of(1, 1, 1), end = text_day_of(YEAR_MAX, 1, 1);
    const int64_t day = text_day(ms, 0);

    return day >= first && day < end;
}

void text_day_parts(int64_t day, int *year, int *month, int *mday, int *weekday) {
    int64_t since = day + EPOCH_DAY;
    int64_t era = floor_div(since, ERA_DAYS);
    int64_t in_era = since - era * ERA_DAYS;
    int64_t year_of_era = (in_era - in_era / FOUR_YEARS_DAYS + in_era / CENTURY_DAYS
                           - in_era / (ERA_DAYS - 1))
                          / YEAR_DAYS;
    int64_t in_year = in_era - (YEAR_DAYS * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t from_march = (FIVE_MONTHS * in_year + 2) / FIVE_MONTHS_DAYS;
    bool new_year = from_march >= MONTHS - MARCH + 1;

    *mday = (int)(in_year - (FIVE_MONTHS_DAYS * from_march + 2) / FIVE_MONTHS + 1);
    *month = (int)(from_march + MARCH - (new_year ? MONTHS : 0));
    *year = (int)(year_of_era + era * ERA_YEARS + new_year);
    *weekday = (int)(((day + EPOCH_WEEKDAY) % WEEK_DAYS + WEEK_DAYS) % WEEK_DAYS);
}

int64_t text_day_of(int year, int month, int mday) {
    int64_t years = (int64_t)year - (month < MARCH);
    int64_t era = floor_div(years, ERA_YEARS);
    int64_t year_of_era = years - era * ERA_YEARS;
    int64_t from_march = month + (month < MARCH ? MONTHS - MARCH : -MARCH);
    int64_t in_year = (FIVE_MONTHS_DAYS * from_march + 2) / FIVE_MONTHS + mday - 1;
    int64_t in_era = year_of_era * YEAR_DAYS + year_of_era / 4 - year_of_era / 100 + in_year;

    return era * ERA_DAYS + in_era - EPOCH_DAY;
}

char *text_time(int64_t ms, int offset_min, struct arena *arena) {
    int64_t day = 0;
    int64_t in_day = in_day_of(ms, offset_min, &day);
    day += floor_div(in_day, DAY_MS);
    in_day -= floor_div(in_day, DAY_MS) * DAY_MS;
    int seconds = (int)(in_day / MS);
    int fraction = (int)(in_day % MS);
    int year = 0, month = 0, mday = 0, weekday = 0;

    text_day_parts(day, &year, &month, &mday, &weekday);
    char *text = arena_text(arena, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, mday,
                            seconds / HOUR_S, seconds / MINUTE_S % HOUR_MIN, seconds % MINUTE_S);
    if (fraction > 0) {
        text = arena_text(arena, "%s.%03d", text, fraction);
    }
    if (offset_min == 0) {
        return arena_text(arena, "%sZ", text);
    }
    int minutes = offset_min < 0 ? -offset_min : offset_min;
    return arena_text(arena, "%s%c%02d:%02d", text, offset_min < 0 ? '-' : '+', minutes / HOUR_MIN,
                      minutes % HOUR_MIN);
}

/* `count` digits, of at most `max`; moves *at behind them. */
static bool number(const char **at, int count, int max, int *value) {
    *value = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        *value = *value * 10 + (**at - '0');
    }
    return *value <= max;
}

static bool sign(const char **at, const char *allowed) {
    bool found = **at && strchr(allowed, **at);

    *at += found;
    return found;
}

static bool read_day(const char **at, int64_t *day) {
    int year = 0, month = 0, mday = 0;

    if (!number(at, 4, YEAR_MAX, &year) || !sign(at, "-") || !number(at, 2, MONTHS, &month)
        || !sign(at, "-") || !number(at, 2, DAYS_MAX, &mday) || month < 1 || mday < 1) {
        return false;
    }
    *day = text_day_of(year, month, mday);
    int64_t next = month == MONTHS ? text_day_of(year + 1, 1, 1) : text_day_of(year, month + 1, 1);
    return *day < next;
}

/* ".123456", as milliseconds; finer digits are dropped. */
static bool read_fraction(const char **at, int *ms) {
    int digits = 0;
    int worth = MS / 10;

    *ms = 0;
    if (!sign(at, ".")) {
        return true;
    }
    for (; **at >= '0' && **at <= '9'; (*at)++, digits++, worth /= 10) {
        *ms += (**at - '0') * worth;
    }
    return digits > 0 && digits <= FRACTION_MAX;
}

static bool read_offset(const char **at, int *minutes) {
    int hour = 0, minute = 0;
    bool west = **at == '-';

    *minutes = 0;
    if (sign(at, "Zz")) {
        return true;
    }
    if (!sign(at, "+-") || !number(at, 2, HOUR_MAX, &hour) || !sign(at, ":")
        || !number(at, 2, MINUTE_MAX, &minute)) {
        return false;
    }
    *minutes = (hour * HOUR_MIN + minute) * (west ? -1 : 1);
    return true;
}

bool text_time_read(const char *text, int64_t *ms) {
    const char *at = text;
    int64_t day = 0;
    int hour = 0, minute = 0, second = 0, fraction = 0, offset_min = 0;

    if (!read_day(&at, &day) || !sign(&at, "Tt") || !number(&at, 2, HOUR_MAX, &hour)
        || !sign(&at, ":") || !number(&at, 2, MINUTE_MAX, &minute) || !sign(&at, ":")
        || !number(&at, 2, SECOND_MAX, &second) || !read_fraction(&at, &fraction)
        || !read_offset(&at, &offset_min) || *at) {
        return false;
    }
    int64_t seconds = day * DAY_S + hour * HOUR_S + (minute - offset_min) * MINUTE_S + second;
    *ms = seconds * MS + fraction;
    return true;
}

bool text_date_read(const char *text, int64_t *day) {
    const char *at = text;

    return read_day(&at, day) && *at == '\0';
}
