/* Values as rehearsals write them: into requests, and compared with what came. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/json.h"
#include "base/text.h"
#include "host/rehearse_private.h"

enum { LIST_TEXT_MAX = 4096, CENTS = 100, WEEK_DAYS = 7 };

static const int64_t week_ms = INT64_C(7) * 24 * 3600 * 1000;

/* What is known about a field or a column before its value is read. */
struct kind {
    bool known;
    Manual__Type type;
    const Manual__Field *field; /* of a list: its columns */
};

static struct kind kind_of(struct rehearse *r, const char *procedure, const char *key) {
    const Manual__Procedure *found = procedure && r->manual ? manual_procedure(r->manual, procedure)
                                                            : NULL;
    const Manual__Field *field = found ? manual_field(r->manual, found->form, key) : NULL;

    for (size_t i = 0; found && !field && i < found->n_arguments; i++) {
        if (strcmp(found->arguments[i]->key, key) == 0) {
            field = found->arguments[i];
        }
    }
    for (size_t i = 0; found && !field && i < found->n_flags; i++) {
        if (strcmp(found->flags[i], key) == 0) {
            return (struct kind){.known = true, .type = MANUAL__TYPE__BOOL};
        }
    }
    return field ? (struct kind){true, field->type, field} : (struct kind){0};
}

static struct kind kind_of_column(const struct kind *list, const char *key) {
    for (size_t i = 0; list->field && i < list->field->n_columns; i++) {
        if (strcmp(list->field->columns[i]->key, key) == 0) {
            return (struct kind){true, list->field->columns[i]->type, NULL};
        }
    }
    return (struct kind){0};
}

static bool whole(const char *text, int64_t *number) {
    char *end = NULL;

    errno = 0;
    *number = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0;
}

/* A point in time: of today when only the time of day is said. */
static bool point(const struct rehearse *r, const char *text, int64_t *ms) {
    const int64_t day = week_ms / WEEK_DAYS;
    int64_t found = 0;

    if (!rehearse_time(r, text, r->now_ms, &found)) {
        return false;
    }
    bool only_time = text[0] != '+' && strchr(text, ':') && !strchr(text, '-');
    if (only_time && text_day(found, r->offset_min) != text_day(r->now_ms, r->offset_min)) {
        found -= day;
    }
    *ms = found;
    return true;
}

static void set_text(Wire__Cell *cell, const char *text) {
    cell->kind_case = WIRE__CELL__KIND_TEXT;
    cell->text = text;
}

/* A scalar, by the field's type; of an unknown field by how it is written. */
static int scalar(struct rehearse *r, const struct node *node, const struct kind *kind,
                  Wire__Cell *cell) {
    const char *text = rehearse_text(r, node);
    bool truth = text && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0);
    int64_t number = 0;

    if (!text) {
        return -1;
    }
    if (kind->known && kind->type == MANUAL__TYPE__DT) {
        if (!point(r, text, &cell->ms)) {
            set_text(cell, text); /* the service shall refuse it */
            return 0;
        }
        cell->kind_case = WIRE__CELL__KIND_MS;
    } else if (kind->known && kind->type == MANUAL__TYPE__DATE && !strchr(text, ':')
               && strlen(text) == sizeof "07-11" - 1
               && rehearse_time(r, text, r->now_ms, &number)) {
        char *date = text_time(number, r->offset_min, r->arena);
        date[sizeof "2025-07-11" - 1] = '\0';
        set_text(cell, date);
    } else if (truth && (kind->known ? kind->type == MANUAL__TYPE__BOOL : !node->quoted)) {
        cell->kind_case = WIRE__CELL__KIND_FLAG;
        cell->flag = text[0] == 't';
    } else if ((kind->known ? kind->type == MANUAL__TYPE__INT || kind->type == MANUAL__TYPE__PHOTO
                                  || kind->type == MANUAL__TYPE__RATING5
                            : !node->quoted)
               && whole(text, &number)) {
        cell->kind_case = WIRE__CELL__KIND_INTEGER;
        cell->integer = number;
    } else if (!kind->known && text_time_read(text, &number)) {
        cell->kind_case = WIRE__CELL__KIND_MS;
        cell->ms = number;
    } else {
        set_text(cell, text);
    }
    return 0;
}

static Wire__Row *row_of(struct rehearse *r, const struct node *map, const struct kind *list) {
    Wire__Row *row = ARENA_NEW(r->arena, Wire__Row);

    wire__row__init(row);
    row->cell = arena_alloc(r->arena, (map->count + 1) * sizeof(Wire__Cell *));
    for (const struct node *node = map->first; node; node = node->next) {
        struct kind kind = kind_of_column(list, node->key);
        Wire__Cell *cell = ARENA_NEW(r->arena, Wire__Cell);
        wire__cell__init(cell);
        cell->key = node->key;
        if (scalar(r, node, &kind, cell)) {
            return NULL;
        }
        row->cell[row->n_cell++] = cell;
    }
    return row;
}

/* [door, roof] of a check: a row of ticks. */
static Wire__Row *ticks_of(struct rehearse *r, const struct node *list) {
    Wire__Row *row = ARENA_NEW(r->arena, Wire__Row);

    wire__row__init(row);
    row->cell = arena_alloc(r->arena, (list->count + 1) * sizeof(Wire__Cell *));
    for (const struct node *node = list->first; node; node = node->next) {
        Wire__Cell *cell = ARENA_NEW(r->arena, Wire__Cell);
        wire__cell__init(cell);
        cell->key = rehearse_text(r, node);
        cell->kind_case = WIRE__CELL__KIND_FLAG;
        cell->flag = true;
        if (!cell->key) {
            return NULL;
        }
        row->cell[row->n_cell++] = cell;
    }
    return row;
}

static int rows(struct rehearse *r, const struct node *node, const struct kind *kind,
                Wire__Value *value) {
    Wire__Rows *list = ARENA_NEW(r->arena, Wire__Rows);
    bool one = node->kind == NODE_MAP;

    wire__rows__init(list);
    list->row = arena_alloc(r->arena, (node->count + 1) * sizeof(Wire__Row *));
    value->kind_case = WIRE__VALUE__KIND_ROWS;
    value->rows = list;
    if (!one && node->first && node->first->kind == NODE_TEXT) {
        list->row[list->n_row++] = ticks_of(r, node);
        return list->row[0] ? 0 : -1;
    }
    for (const struct node *row = one ? node : node->first; row; row = one ? NULL : row->next) {
        if (row->kind != NODE_MAP) {
            return rehearse_fail(r, row->line, "a row is a map of columns");
        }
        list->row[list->n_row] = row_of(r, row, kind);
        if (!list->row[list->n_row++]) {
            return -1;
        }
    }
    return 0;
}

static int texts(struct rehearse *r, const struct node *list, Wire__Value *value) {
    const char *joined = "";

    for (const struct node *node = list->first; node; node = node->next) {
        const char *text = rehearse_text(r, node);
        if (!text) {
            return -1;
        }
        joined = arena_text(r->arena, "%s%s%s", joined, *joined ? ";" : "", text);
    }
    value->kind_case = WIRE__VALUE__KIND_TEXT;
    value->text = joined;
    return 0;
}

static void from_cell(const Wire__Cell *cell, Wire__Value *value) {
    if (cell->kind_case == WIRE__CELL__KIND_TEXT) {
        value->kind_case = WIRE__VALUE__KIND_TEXT;
        value->text = cell->text;
    } else if (cell->kind_case == WIRE__CELL__KIND_INTEGER) {
        value->kind_case = WIRE__VALUE__KIND_INTEGER;
        value->integer = cell->integer;
    } else if (cell->kind_case == WIRE__CELL__KIND_FLAG) {
        value->kind_case = WIRE__VALUE__KIND_FLAG;
        value->flag = cell->flag;
    } else if (cell->kind_case == WIRE__CELL__KIND_MS) {
        value->kind_case = WIRE__VALUE__KIND_MS;
        value->ms = cell->ms;
    }
}

static int one_field(struct rehearse *r, const struct node *node, const char *procedure,
                     Wire__Value *value) {
    struct kind kind = kind_of(r, procedure, node->key);
    bool ticks = kind.known && kind.type == MANUAL__TYPE__CHECK;

    wire__value__init(value);
    value->key = node->key;
    if (node->kind == NODE_MAP || (node->kind == NODE_LIST && ticks)
        || (node->kind == NODE_LIST && node->first && node->first->kind == NODE_MAP)) {
        return rows(r, node, &kind, value);
    }
    if (node->kind == NODE_LIST) {
        return texts(r, node, value);
    }
    Wire__Cell cell = WIRE__CELL__INIT;
    if (scalar(r, node, &kind, &cell)) {
        return -1;
    }
    from_cell(&cell, value);
    return 0;
}

int rehearse_fields(struct rehearse *r, const struct node *map, const char *procedure,
                    Wire__Value ***list, size_t *count) {
    *count = 0;
    *list = arena_alloc(r->arena, ((map ? map->count : 0) + 1) * sizeof(Wire__Value *));
    if (map && map->kind != NODE_MAP) {
        return rehearse_fail(r, map->line, "`%s` is a map of values", map->key ? map->key : "with");
    }
    for (const struct node *node = map ? map->first : NULL; node; node = node->next) {
        (*list)[*count] = ARENA_NEW(r->arena, Wire__Value);
        if (one_field(r, node, procedure, (*list)[*count])) {
            return -1;
        }
        ++*count;
    }
    return 0;
}

/* ---- compared ---- */

/* "a;b" has all of the words of a list, whatever their order and whatever else. */
static bool has_words(struct rehearse *r, const struct node *list, const char *text) {
    for (const struct node *node = list->first; node; node = node->next) {
        const char *word = rehearse_text(r, node);
        const char *number = word ? rehearse_staff_no(r, word) : "";
        bool found = false;
        for (const char *at = text; word && *at && !found;) {
            size_t length = strcspn(at, ";");
            found = (strlen(word) == length && strncmp(at, word, length) == 0)
                    || (strlen(number) == length && strncmp(at, number, length) == 0);
            at += length + (at[length] == ';');
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static bool same_text(struct rehearse *r, const char *want, const char *is) {
    return strcmp(want, is) == 0 || strcmp(rehearse_staff_no(r, want), is) == 0;
}

static bool same_number(const struct kind *kind, const char *want, int64_t is) {
    char *end = NULL;
    double number = strtod(want, &end);

    if (end == want || *end) {
        return false;
    }
    if (kind->known && kind->type == MANUAL__TYPE__MONEY) {
        number *= CENTS;
    }
    const double half = 0.5;
    return number - (double)is < half && (double)is - number < half
           && (int64_t)(number < 0 ? number - half : number + half) == is;
}

static bool same_cell(struct rehearse *r, const char *want, const Wire__Cell *cell,
                      const struct kind *kind) {
    switch (cell->kind_case) {
    case WIRE__CELL__KIND_TEXT:
        return same_text(r, want, cell->text);
    case WIRE__CELL__KIND_INTEGER:
        return same_number(kind, want, cell->integer);
    case WIRE__CELL__KIND_FLAG:
        return strcmp(want, cell->flag ? "true" : "false") == 0;
    case WIRE__CELL__KIND_MS:
        return rehearse_is_time(r, want, cell->ms, cell->ms);
    case WIRE__CELL__KIND_SEALED:
        return want[0] != '\0'; /* it is there; nobody reads it */
    case WIRE__CELL__KIND__NOT_SET:
    case _WIRE__CELL__KIND__CASE_IS_INT_SIZE:
        break;
    }
    return want[0] == '\0';
}

static bool row_has(struct rehearse *r, const struct node *want, const Wire__Row *row,
                    const struct kind *list) {
    for (const struct node *node = want->first; node; node = node->next) {
        struct kind kind = kind_of_column(list, node->key);
        const char *text = rehearse_text(r, node);
        bool found = false;
        for (size_t i = 0; text && i < row->n_cell && !found; i++) {
            found = strcmp(row->cell[i]->key, node->key) == 0
                    && same_cell(r, text, row->cell[i], &kind);
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* Rows: a number of them; a map that one of them fits; a list of such maps, in any order;
 * or words that are ticked. */
static bool same_rows(struct rehearse *r, const struct node *want, const Wire__Rows *rows,
                      const struct kind *kind) {
    int64_t count = 0;

    if (want->kind == NODE_TEXT) {
        const char *text = rehearse_text(r, want);
        return text && whole(text, &count) && count == (int64_t)(rows ? rows->n_row : 0);
    }
    bool one = want->kind == NODE_MAP;
    for (const struct node *node = one ? want : want->first; node; node = one ? NULL : node->next) {
        bool found = false;
        for (size_t i = 0; rows && i < rows->n_row && !found; i++) {
            if (node->kind == NODE_MAP) {
                found = row_has(r, node, rows->row[i], kind);
            }
            for (size_t k = 0; node->kind == NODE_TEXT && k < rows->row[i]->n_cell; k++) {
                const char *tick = rehearse_text(r, node);
                found = found || (tick && strcmp(rows->row[i]->cell[k]->key, tick) == 0);
            }
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static const char *show(struct rehearse *r, const Wire__Value *value) {
    json_t *plain = json_values_one(value, r->offset_min, r->scratch);
    char *text = json_dumps(plain, JSON_ENCODE_ANY | JSON_COMPACT);
    const char *shown = arena_text(r->arena, "%.400s", text ? text : "?");

    if (value->kind_case == WIRE__VALUE__KIND_TEXT) {
        const char *name = rehearse_staff_name(r, value->text);
        shown = strcmp(name, value->text) == 0 ? arena_text(r->arena, "%.400s", value->text)
                                               : arena_text(r->arena, "%s (%s)", name, value->text);
    }
    free(text);
    json_decref(plain);
    return shown;
}

static bool same_value(struct rehearse *r, const struct node *want, const Wire__Value *value,
                       const struct kind *kind) {
    if (value->kind_case == WIRE__VALUE__KIND_ROWS) {
        return same_rows(r, want, value->rows, kind);
    }
    if (want->kind == NODE_LIST) {
        return value->kind_case == WIRE__VALUE__KIND_TEXT && has_words(r, want, value->text);
    }
    const char *text = want->kind == NODE_TEXT ? rehearse_text(r, want) : NULL;
    if (!text) {
        return false;
    }
    Wire__Cell cell = WIRE__CELL__INIT;
    switch (value->kind_case) {
    case WIRE__VALUE__KIND_TEXT:
        set_text(&cell, value->text);
        break;
    case WIRE__VALUE__KIND_INTEGER:
        cell.kind_case = WIRE__CELL__KIND_INTEGER;
        cell.integer = value->integer;
        break;
    case WIRE__VALUE__KIND_FLAG:
        cell.kind_case = WIRE__CELL__KIND_FLAG;
        cell.flag = value->flag;
        break;
    case WIRE__VALUE__KIND_MS:
        cell.kind_case = WIRE__CELL__KIND_MS;
        cell.ms = value->ms;
        break;
    case WIRE__VALUE__KIND_SEALED:
        cell.kind_case = WIRE__CELL__KIND_SEALED;
        break;
    case WIRE__VALUE__KIND_ROWS:
    case WIRE__VALUE__KIND__NOT_SET:
    case _WIRE__VALUE__KIND__CASE_IS_INT_SIZE:
        break;
    }
    return same_cell(r, text, &cell, kind);
}

bool rehearse_same(struct rehearse *r, const struct node *want, const Wire__Value *value,
                   const char *procedure, const char **shown) {
    struct kind kind = kind_of(r, procedure, want->key ? want->key : "");

    if (!value) {
        *shown = "nothing";
        return want->kind == NODE_TEXT && want->text[0] == '\0';
    }
    *shown = show(r, value);
    return same_value(r, want, value, &kind);
}

static bool same_scalar(struct rehearse *r, const char *want, json_t *value) {
    int64_t ms = 0;
    int64_t number = 0;

    if (json_is_boolean(value)) {
        return strcmp(want, json_is_true(value) ? "true" : "false") == 0;
    }
    if (json_is_integer(value)) {
        return whole(want, &number) && number == json_integer_value(value);
    }
    if (!json_is_string(value)) {
        return false;
    }
    const char *is = json_string_value(value);
    return same_text(r, want, is) || (text_time_read(is, &ms) && rehearse_is_time(r, want, ms, ms));
}

bool rehearse_same_json(struct rehearse *r, const struct node *want, struct json_t *value,
                        const char **shown) {
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

    *shown = text ? arena_text(r->arena, "%.400s", text) : "nothing";
    free(text);
    if (want->kind == NODE_TEXT) {
        const char *wanted = rehearse_text(r, want);
        return wanted && (value ? same_scalar(r, wanted, value) : wanted[0] == '\0');
    }
    for (const struct node *node = want->first; node; node = node->next) {
        bool found = false;
        const char *wanted = node->kind == NODE_TEXT ? rehearse_text(r, node) : NULL;
        if (want->kind == NODE_MAP) {
            found = wanted && same_scalar(r, wanted, json_object_get(value, node->key));
        }
        for (size_t i = 0; want->kind == NODE_LIST && i < json_array_size(value); i++) {
            found = found || (wanted && same_scalar(r, wanted, json_array_get(value, i)));
        }
        if (!found) {
            return false;
        }
    }
    return true;
}
