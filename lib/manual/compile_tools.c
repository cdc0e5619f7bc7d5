/*
 * compile_tools - tables, mistakes with the nearest right name, and scalars.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/speak.h"
#include "base/text.h"
#include "manual/compile_parts.h"

enum {
    WORD_MAX = 48,         /* longer words are not compared */
    CANDIDATES_MAX = 4000, /* bounded work for a manual that is nothing but mistakes */
    MISTAKE_TEXT = 400,
};

/* ---- tables ---- */

static size_t bucket_of(const char *key) {
    const uint32_t prime = 16777619U, start = 2166136261U; /* FNV-1a */
    uint32_t hash = start;

    for (const char *at = key; *at; at++) {
        hash = (hash ^ (uint8_t)*at) * prime;
    }
    return hash % TABLE_BUCKETS;
}

const struct table_entry *table_entry(const struct table *table, const char *key) {
    struct table_entry *entry = table->buckets[bucket_of(key)];

    while (entry && strcmp(entry->key, key) != 0) {
        entry = entry->same_bucket;
    }
    return entry;
}

void *table_get(const struct table *table, const char *key) {
    const struct table_entry *entry = table_entry(table, key);

    return entry ? entry->value : NULL;
}

const struct table_entry *table_put(struct compiler *c, struct table *table, const char *key,
                                    void *value, const struct node *node) {
    const struct table_entry *before = table_entry(table, key);
    size_t bucket = bucket_of(key);

    if (before) {
        return before;
    }
    struct table_entry *entry = ARENA_NEW(c->arena, struct table_entry);
    *entry = (struct table_entry){key, value, node, c->file, NULL, table->buckets[bucket]};
    table->buckets[bucket] = entry;
    if (table->last) {
        table->last->next = entry;
    } else {
        table->first = entry;
    }
    table->last = entry;
    table->count++;
    return NULL;
}

/* ---- mistakes ---- */

static void mistake(struct compiler *c, int line, int column, const char *text) {
    struct compiled *out = c->out;

    for (size_t i = 0; i < out->mistake_count; i++) {
        const struct mistake *other = &out->mistakes[i];
        if (other->line == line && other->column == column && strcmp(other->text, text) == 0
            && strcmp(other->file, c->file) == 0) {
            return; /* a common step is read once for each procedure */
        }
    }
    if (out->mistake_count < COMPILE_MISTAKES_MAX) {
        out->mistakes[out->mistake_count++] = (struct mistake){c->file, line, column,
                                                               arena_text(c->arena, "%s", text)};
    }
}

void compile_mistake(struct compiler *c, const struct node *at, const char *fmt, ...) {
    char text[MISTAKE_TEXT];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, speak(fmt), args);
    va_end(args);
    mistake(c, at ? at->line : 1, at ? at->column : 1, text);
}

void compile_mistake_key(struct compiler *c, const struct node *at, const char *fmt, ...) {
    char text[MISTAKE_TEXT];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, speak(fmt), args);
    va_end(args);
    mistake(c, at->key ? at->key_line : at->line, at->key ? at->key_column : at->column, text);
}

/* How many letters must be changed, added, dropped or swapped with the next. */
static size_t distance(const char *a, const char *b) {
    size_t rows[3][WORD_MAX + 1];
    size_t length = strlen(b);

    for (size_t j = 0; j <= length; j++) {
        rows[0][j] = j;
    }
    size_t *above2 = rows[2], *above = rows[0], *row = rows[1];
    for (size_t i = 1; a[i - 1]; i++) {
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]
                && above2[j - 2] + 1 < best) {
                best = above2[j - 2] + 1;
            }
            row[j] = best;
        }
        size_t *free_row = above2;
        above2 = above;
        above = row;
        row = free_row;
    }
    return above[length];
}

struct nearest {
    const char *word;
    const char *found;
    size_t best;
};

static void consider(struct nearest *nearest, const char *candidate) {
    size_t length = strlen(nearest->word), other = strlen(candidate);

    if (other > WORD_MAX || length > WORD_MAX || other > length + nearest->best
        || length > other + nearest->best) {
        return;
    }
    size_t is = distance(nearest->word, candidate);
    if (is < nearest->best) {
        nearest->best = is;
        nearest->found = candidate;
    }
}

/* A third of the letters may differ, but never all of a short word. */
static struct nearest nearest_start(const char *word) {
    size_t length = strlen(word);

    return (struct nearest){word, NULL, length < 4 ? 2 : length / 3 + 2};
}

static const char *nearest_end(struct compiler *c, const struct nearest *nearest) {
    return nearest->found ? arena_text(c->arena, speak("; did you mean \"%s\"?"), nearest->found)
                          : "";
}

const char *compile_nearest(struct compiler *c, const char *word, const struct table *const *tables,
                            size_t count) {
    struct nearest nearest = nearest_start(word);
    size_t seen = 0;

    for (size_t i = 0; i < count && c->out->mistake_count < COMPILE_MISTAKES_MAX; i++) {
        for (const struct table_entry *entry = tables[i]->first; entry && seen < CANDIDATES_MAX;
             entry = entry->next) {
            consider(&nearest, entry->key);
            seen++;
        }
    }
    return nearest_end(c, &nearest);
}

const char *compile_nearest_word(struct compiler *c, const char *word, const char *const *words) {
    struct nearest nearest = nearest_start(word);

    for (size_t i = 0; words[i]; i++) {
        consider(&nearest, words[i]);
    }
    return nearest_end(c, &nearest);
}

void compile_unknown(struct compiler *c, const struct node *at, const char *what, const char *word,
                     const struct table *table) {
    compile_mistake(c, at, "unknown %s \"%s\"%s", speak(what), word,
                    compile_nearest(c, word, &table, 1));
}

/* ---- scalars and lists ---- */

bool compile_one_of(const char *word, const char *const *words) {
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

bool compile_is_map(struct compiler *c, const struct node *node) {
    if (node->kind != NODE_MAP) {
        compile_mistake(c, node, "here must be a map: key: value");
        return false;
    }
    return true;
}

bool compile_keys(struct compiler *c, const struct node *map, const char *const *words) {
    if (!compile_is_map(c, map)) {
        return false;
    }
    for (const struct node *node = map->first; node; node = node->next) {
        if (!compile_one_of(node->key, words)) {
            compile_mistake_key(c, node, "unknown key \"%s\" here%s", node->key,
                                compile_nearest_word(c, node->key, words));
        }
    }
    return true;
}

const char *compile_text(struct compiler *c, const struct node *node) {
    if (!node) {
        return "";
    }
    if (node->kind != NODE_TEXT) {
        compile_mistake(c, node, "here must be one value, not a %s",
                        node->kind == NODE_LIST ? speak("list") : speak("map"));
        return "";
    }
    if (!*node->text) {
        compile_mistake(c, node, "a value is missing here");
    }
    return node->text;
}

bool compile_flag(struct compiler *c, const struct node *node) {
    const char *text = compile_text(c, node);

    if (node && *text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
        compile_mistake(c, node, "\"%s\" is neither true nor false", text);
    }
    return strcmp(text, "true") == 0;
}

int64_t compile_int(struct compiler *c, const struct node *node) {
    const char *text = compile_text(c, node);
    int64_t number = 0;

    if (node && *text && !compile_decimal(text, 1, &number)) {
        compile_mistake(c, node, "\"%s\" is no whole number", text);
    }
    return number;
}

bool compile_word(struct compiler *c, const struct node *node, const char *word) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

    if (word[0] >= 'a' && word[0] <= 'z' && word[strspn(word, letters)] == '\0') {
        return true;
    }
    if (*word) {
        compile_mistake_key(c, node, "\"%s\" is no key: small letters, digits and _", word);
    }
    return false;
}

Manual__Name *compile_name(struct compiler *c, const struct node *map) {
    static const char *const languages[] = {"zh", "en"};
    Manual__Name *name = ARENA_NEW(c->arena, Manual__Name);

    manual__name__init(name);
    for (size_t i = 0; i < 2; i++) {
        const struct node *node = yaml_get(map, languages[i]);
        if (!node) {
            compile_mistake_key(c, map, "missing translation: \"%s\" has no %s",
                                map->key ? map->key : speak("this"), languages[i]);
        }
    }
    name->zh = compile_text(c, yaml_get(map, "zh"));
    name->en = compile_text(c, yaml_get(map, "en"));
    return name;
}

const struct node *compile_first(const struct node *node) {
    return node && node->kind == NODE_LIST ? node->first : node;
}

const struct node *compile_next(const struct node *list, const struct node *item) {
    return list->kind == NODE_LIST ? item->next : NULL;
}

size_t compile_count(const struct node *node) {
    return !node ? 0 : node->kind == NODE_LIST ? node->count : 1;
}

const char **compile_texts(struct compiler *c, const struct node *node, size_t *count) {
    const char **list = COMPILE_ARRAY(c, const char, compile_count(node));

    *count = 0;
    for (const struct node *item = compile_first(node); item; item = compile_next(node, item)) {
        const char *text = compile_text(c, item);
        if (*text) {
            list[(*count)++] = text;
        }
    }
    return list;
}

bool compile_decimal(const char *text, int64_t scale, int64_t *number) {
    const int64_t most = INT64_C(1000000000000);
    bool negative = *text == '-';
    int64_t whole = 0, step = scale, digits = 0;
    bool point = false;

    for (const char *at = text + negative; *at; at++) {
        if (*at == '.' && !point) {
            point = true;
            continue;
        }
        if (*at == ',' && !point && digits > 0) {
            continue; /* 2,000 */
        }
        if (*at < '0' || *at > '9' || whole > most) {
            return false;
        }
        digits++;
        if (point) {
            if (step % 10 != 0 && *at != '0') {
                /* 0.25 h is 15 min; what is finer than the scale is a slip. */
                return false;
            }
            step /= 10;
            whole += (*at - '0') * step;
        } else {
            whole = whole * 10 + (*at - '0') * scale;
        }
    }
    *number = negative ? -whole : whole;
    return digits > 0;
}

bool compile_term(const char *text, int64_t *amount, const char **unit) {
    static const struct {
        const char *word;
        int64_t ms;
    } units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000}, {"min", 60000},
                 {"h", 3600000}, {"d", 86400000}, {"wd", 0}};
    enum { NUMBER_MAX = 16 };
    char number[NUMBER_MAX];

    if (strcmp(text, "eod") == 0) {
        *amount = 0;
        *unit = "eod";
        return true;
    }
    size_t length = strspn(text, "0123456789.");
    if (length == 0 || length >= NUMBER_MAX) {
        return false;
    }
    memcpy(number, text, length);
    number[length] = '\0';
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text + length, units[i].word) == 0) {
            *unit = units[i].ms ? "ms" : "wd";
            return compile_decimal(number, units[i].ms ? units[i].ms : 1, amount);
        }
    }
    return false;
}

/* The number that `size` digits make; -1 if one is no digit. */
static int digits(const char *text, size_t size) {
    const int ten = 10;
    int number = 0;

    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        number = number * ten + (text[i] - '0');
    }
    return number;
}

bool compile_time_of_day(const char *text) {
    enum { MINUTES_AN_HOUR = 60, HOURS_A_DAY = 24 };

    if (strlen(text) != strlen("08:00") || text[2] != ':') {
        return false;
    }
    int hour = digits(text, 2), minute = digits(text + 3, 2);
    return hour >= 0 && minute >= 0 && minute < MINUTES_AN_HOUR
           && hour * MINUTES_AN_HOUR + minute <= HOURS_A_DAY * MINUTES_AN_HOUR;
}

bool compile_date(const char *text) {
    int64_t day = 0;

    return text_date_read(text, &day);
}
