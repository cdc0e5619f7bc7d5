/* A list of named values as one plain object, for people who type it. */
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "base/json.h"
#include "base/speak.h"
#include "base/text.h"

enum {
    VALUES_MAX = 256,     /* values in one object, rows in one value, cells in one row */
    LIST_TEXT_MAX = 4096, /* bytes of a joined list of texts */
};

static int fail(struct err *err, const char *key, const char *wanted) {
    return err_set(err, ERR_INVALID, "json_type", "path=%.*s\nwanted=%s", JSON_PATH_MAX, key,
                   speak(wanted));
}

/* What comes in decides how much this takes, so it may end (unlike arena_alloc). */
static void *take(struct arena *arena, size_t size, struct err *err) {
    ProtobufCAllocator allocator = arena_protobuf(arena);
    void *data = allocator.alloc(allocator.allocator_data, size);

    if (!data) {
        (void)err_set(err, ERR_EXHAUSTED, "json_large", "max=%d", JSON_SIZE_MAX);
    }
    return data;
}

static char *copy_of(struct arena *arena, const char *text, struct err *err) {
    char *copy = take(arena, strlen(text) + 1, err);

    if (copy) {
        memcpy(copy, text, strlen(text) + 1);
    }
    return copy;
}

/* Text; or a time, when it is a whole one and nothing else. */
static bool is_time(const char *text, int64_t *ms) {
    const size_t date = sizeof "2025-07-11T" - 1;

    return strlen(text) > date && text[date - 1] == 'T' && text_time_read(text, ms);
}

static int read_cell(const char *key, json_t *from, Wire__Cell *cell, struct arena *arena,
                     struct err *err) {
    wire__cell__init(cell);
    char *name = copy_of(arena, key, err);
    if (!name) {
        return -1;
    }
    cell->key = name;
    if (json_is_boolean(from)) {
        cell->kind_case = WIRE__CELL__KIND_FLAG;
        cell->flag = json_is_true(from);
    } else if (json_is_integer(from)) {
        cell->kind_case = WIRE__CELL__KIND_INTEGER;
        cell->integer = json_integer_value(from);
    } else if (json_is_string(from)) {
        const char *text = json_string_value(from);
        if (is_time(text, &cell->ms)) {
            cell->kind_case = WIRE__CELL__KIND_MS;
            return 0;
        }
        cell->kind_case = WIRE__CELL__KIND_TEXT;
        char *copy = copy_of(arena, text, err);
        if (!copy) {
            return -1;
        }
        cell->text = copy;
    } else {
        return fail(err, key, "text, a whole number, true or false");
    }
    return 0;
}

static int read_row(const char *key, json_t *from, Wire__Row **made, struct arena *arena,
                    struct err *err) {
    size_t count = json_object_size(from);
    const char *name = NULL;
    json_t *value = NULL;

    if (!json_is_object(from) || count > VALUES_MAX) {
        return fail(err, key, "rows");
    }
    Wire__Row *row = take(arena, sizeof *row, err);
    Wire__Cell **cells = row ? take(arena, (count + 1) * sizeof(Wire__Cell *), err) : NULL;
    if (!cells) {
        return -1;
    }
    wire__row__init(row);
    row->cell = cells;
    json_object_foreach(from, name, value) {
        if (json_is_null(value)) {
            continue;
        }
        Wire__Cell *cell = take(arena, sizeof *cell, err);
        if (!cell || read_cell(name, value, cell, arena, err)) {
            return -1;
        }
        row->cell[row->n_cell++] = cell;
    }
    *made = row;
    return 0;
}

static int read_rows(const char *key, json_t *from, Wire__Value *value, struct arena *arena,
                     struct err *err) {
    size_t count = json_is_object(from) ? 1 : json_array_size(from);

    if (count > VALUES_MAX) {
        return fail(err, key, "at most 256 rows");
    }
    Wire__Rows *rows = take(arena, sizeof *rows, err);
    Wire__Row **list = rows ? take(arena, (count + 1) * sizeof(Wire__Row *), err) : NULL;
    if (!list) {
        return -1;
    }
    wire__rows__init(rows);
    rows->row = list;
    for (; rows->n_row < count; rows->n_row++) {
        json_t *row = json_is_object(from) ? from : json_array_get(from, rows->n_row);
        if (read_row(key, row, &rows->row[rows->n_row], arena, err)) {
            return -1;
        }
    }
    value->kind_case = WIRE__VALUE__KIND_ROWS;
    value->rows = rows;
    return 0;
}

/* ["a", "b"] → "a;b", as lists of keys stand in values. */
static int read_texts(const char *key, json_t *from, Wire__Value *value, struct arena *arena,
                      struct err *err) {
    char joined[LIST_TEXT_MAX] = "";
    size_t used = 0;

    for (size_t i = 0; i < json_array_size(from); i++) {
        const char *text = json_string_value(json_array_get(from, i));
        if (!text) {
            return fail(err, key, "a list of texts");
        }
        if (used + strlen(text) + 2 > sizeof joined) {
            return fail(err, key, "a shorter list");
        }
        if (used > 0) {
            joined[used++] = ';';
        }
        memcpy(joined + used, text, strlen(text) + 1);
        used += strlen(text);
    }
    value->kind_case = WIRE__VALUE__KIND_TEXT;
    char *copy = copy_of(arena, joined, err);
    if (!copy) {
        return -1;
    }
    value->text = copy;
    return 0;
}

static int read_sealed(const char *key, const char *text, Wire__Value *value, struct arena *arena,
                       struct err *err) {
    size_t size = strlen(text);
    uint8_t *room = take(arena, size + 1, err);

    if (!room) {
        return -1;
    }
    value->kind_case = WIRE__VALUE__KIND_SEALED;
    value->sealed.data = room;
    if (sodium_base642bin(room, size + 1, text, size, NULL, &value->sealed.len, NULL,
                          sodium_base64_VARIANT_ORIGINAL)) {
        return fail(err, key, "base64");
    }
    return 0;
}

static int read_value(const char *key, json_t *from, Wire__Value *value, struct arena *arena,
                      struct err *err) {
    json_t *sealed = json_object_size(from) == 1 ? json_object_get(from, "sealed") : NULL;

    wire__value__init(value);
    char *name = copy_of(arena, key, err);
    if (!name) {
        return -1;
    }
    value->key = name;
    if (json_is_string(sealed)) {
        return read_sealed(key, json_string_value(sealed), value, arena, err);
    }
    if (json_is_array(from) && json_is_string(json_array_get(from, 0))) {
        return read_texts(key, from, value, arena, err);
    }
    if (json_is_array(from) || json_is_object(from)) {
        return read_rows(key, from, value, arena, err);
    }
    Wire__Cell cell;
    if (read_cell(key, from, &cell, arena, err)) {
        return -1;
    }
    switch (cell.kind_case) {
    case WIRE__CELL__KIND_TEXT:
        value->kind_case = WIRE__VALUE__KIND_TEXT;
        value->text = cell.text;
        break;
    case WIRE__CELL__KIND_INTEGER:
        value->kind_case = WIRE__VALUE__KIND_INTEGER;
        value->integer = cell.integer;
        break;
    case WIRE__CELL__KIND_FLAG:
        value->kind_case = WIRE__VALUE__KIND_FLAG;
        value->flag = cell.flag;
        break;
    case WIRE__CELL__KIND_MS:
        value->kind_case = WIRE__VALUE__KIND_MS;
        value->ms = cell.ms;
        break;
    case WIRE__CELL__KIND_SEALED:
    case WIRE__CELL__KIND__NOT_SET:
    case _WIRE__CELL__KIND__CASE_IS_INT_SIZE:
        break;
    }
    return 0;
}

int json_values(struct json_t *object, Wire__Value ***list, struct arena *arena, struct err *err) {
    size_t room = json_object_size(object);
    const char *key = NULL;
    json_t *from = NULL;
    int count = 0;

    if (!json_is_object(object) || room > VALUES_MAX) {
        return fail(err, "", "at most 256 values");
    }
    Wire__Value **values = take(arena, (room + 1) * sizeof(*values), err);
    if (!values) {
        return -1;
    }
    json_object_foreach(object, key, from) {
        if (json_is_null(from)) {
            continue;
        }
        values[count] = take(arena, sizeof **values, err);
        if (!values[count] || read_value(key, from, values[count], arena, err)) {
            return -1;
        }
        count++;
    }
    *list = values;
    return count;
}

/* ---- and back ---- */

static json_t *sealed_plain(const ProtobufCBinaryData *data, struct arena *arena) {
    size_t size = sodium_base64_encoded_len(data->len, sodium_base64_VARIANT_ORIGINAL);
    char *text = arena_alloc(arena, size);

    sodium_bin2base64(text, size, data->data, data->len, sodium_base64_VARIANT_ORIGINAL);
    return json_pack("{s:s}", "sealed", text);
}

static json_t *text_plain(const char *text) {
    json_t *made = json_string(text);

    return made ? made : json_string("(no UTF-8)");
}

static json_t *cell_plain(const Wire__Cell *cell, int offset_min, struct arena *arena) {
    switch (cell->kind_case) {
    case WIRE__CELL__KIND_TEXT:
        return text_plain(cell->text);
    case WIRE__CELL__KIND_INTEGER:
        return json_integer(cell->integer);
    case WIRE__CELL__KIND_FLAG:
        return json_boolean(cell->flag);
    case WIRE__CELL__KIND_MS:
        return json_string(text_time(cell->ms, offset_min, arena));
    case WIRE__CELL__KIND_SEALED:
        return sealed_plain(&cell->sealed, arena);
    case WIRE__CELL__KIND__NOT_SET:
    case _WIRE__CELL__KIND__CASE_IS_INT_SIZE:
        break;
    }
    return json_null();
}

static json_t *rows_plain(const Wire__Rows *rows, int offset_min, struct arena *arena) {
    json_t *list = json_array();

    for (size_t i = 0; rows && i < rows->n_row; i++) {
        json_t *row = json_object();
        for (size_t k = 0; k < rows->row[i]->n_cell; k++) {
            const Wire__Cell *cell = rows->row[i]->cell[k];
            (void)json_object_set_new(row, cell->key, cell_plain(cell, offset_min, arena));
        }
        (void)json_array_append_new(list, row);
    }
    return list;
}

struct json_t *json_values_one(const Wire__Value *value, int offset_min, struct arena *arena) {
    switch (value->kind_case) {
    case WIRE__VALUE__KIND_TEXT:
        return text_plain(value->text);
    case WIRE__VALUE__KIND_INTEGER:
        return json_integer(value->integer);
    case WIRE__VALUE__KIND_FLAG:
        return json_boolean(value->flag);
    case WIRE__VALUE__KIND_MS:
        return json_string(text_time(value->ms, offset_min, arena));
    case WIRE__VALUE__KIND_SEALED:
        return sealed_plain(&value->sealed, arena);
    case WIRE__VALUE__KIND_ROWS:
        return rows_plain(value->rows, offset_min, arena);
    case WIRE__VALUE__KIND__NOT_SET:
    case _WIRE__VALUE__KIND__CASE_IS_INT_SIZE:
        break;
    }
    return json_null();
}

struct json_t *json_values_plain(Wire__Value *const *list, size_t count, int offset_min,
                                 struct arena *arena) {
    json_t *object = json_object();

    for (size_t i = 0; i < count; i++) {
        (void)json_object_set_new(object, list[i]->key,
                                  json_values_one(list[i], offset_min, arena));
    }
    return object;
}
