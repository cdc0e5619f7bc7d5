#include "engine/form.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/seal.h"
#include "base/text.h"

enum {
    PHONE_DIGITS_MIN = 3,
    PHONE_MAX = 24,
    CENTS = 100,
    YUAN_DIGITS_MAX = 15, /* far below what cents in 64 bits hold */
    DECIMAL_DIGITS_MAX = 15,
    RATING_MAX = 5,
    DATE_SIZE = 10, /* "2025-07-11" */
    TIME_SIZE = 5,  /* "22:14" */
};

/* One value to be typed: what a field and a column have in common. */
struct slot {
    const char *key;
    Manual__Type type;
    Manual__Choice *const *choices;
    size_t choice_count;
};

static int wrong(const struct slot *slot, const char *wanted, struct err *err) {
    return err_set(err, ERR_INVALID, "field_type", "field=%s\nwanted=%s", slot->key, wanted);
}

static void set_text(Wire__Value *out, const char *text) {
    out->kind_case = WIRE__VALUE__KIND_TEXT;
    out->text = text;
}

static void set_number(Wire__Value *out, int64_t number) {
    out->kind_case = WIRE__VALUE__KIND_INTEGER;
    out->integer = number;
}

static void set_ms(Wire__Value *out, int64_t ms) {
    out->kind_case = WIRE__VALUE__KIND_MS;
    out->ms = ms;
}

static void set_flag(Wire__Value *out, bool flag) {
    out->kind_case = WIRE__VALUE__KIND_FLAG;
    out->flag = flag;
}

static bool is_text(const Wire__Value *in) {
    return in->kind_case == WIRE__VALUE__KIND_TEXT;
}

static bool whole(const Wire__Value *in, int64_t *number) {
    char *end = NULL;

    if (in->kind_case == WIRE__VALUE__KIND_INTEGER) {
        *number = in->integer;
        return true;
    }
    if (!is_text(in) || !*in->text) {
        return false;
    }
    errno = 0;
    *number = strtoll(in->text, &end, 10);
    return errno == 0 && *end == '\0';
}

/* "120", "120.5" or "120.50" yuan. */
static bool cents(const char *text, int64_t *number) {
    static const char digits[] = "0123456789";
    const size_t yuan = strspn(text, digits);
    const size_t rest = text[yuan] == '.' ? strspn(text + yuan + 1, digits) : 0;
    const bool point = text[yuan] == '.';

    if (yuan == 0 || yuan > YUAN_DIGITS_MAX || rest > 2 || point != (rest > 0)
        || text[yuan + point + rest] != '\0') {
        return false;
    }
    *number = strtoll(text, NULL, 10) * CENTS;
    if (rest > 0) {
        const char *part = text + yuan + 1;
        *number += (part[0] - '0') * 10 + (rest > 1 ? part[1] - '0' : 0);
    }
    return true;
}

static bool is_decimal(const char *text) {
    size_t digits = strspn(text, "0123456789");
    const char *rest = text + digits;

    if (digits == 0 || digits > DECIMAL_DIGITS_MAX) {
        return false;
    }
    if (*rest == '.') {
        size_t more = strspn(rest + 1, "0123456789");
        return more > 0 && more <= 6 && rest[1 + more] == '\0';
    }
    return *rest == '\0';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* "00:00" to "23:59". */
static bool is_time(const char *text) {
    return strlen(text) == strlen("00:00") && is_digit(text[0]) && is_digit(text[1])
           && text[2] == ':' && is_digit(text[3]) && is_digit(text[4]) && memcmp(text, "24", 2) < 0
           && text[3] < '6';
}

static int typed_text(const struct slot *slot, const Wire__Value *in, Wire__Value *out,
                      struct err *err) {
    const bool lines = slot->type == MANUAL__TYPE__LONG;
    const size_t max = lines ? FORM_LONG_MAX : FORM_TEXT_MAX;

    if (!is_text(in)) {
        return wrong(slot, "text", err);
    }
    const char *rule = text_check(in->text, strlen(in->text), max, lines);
    if (rule) {
        return err_set(err, ERR_INVALID, rule, "field=%s\nlimit=%zu", slot->key, max);
    }
    set_text(out, in->text);
    return 0;
}

static int typed_moment(struct work *work, const struct slot *slot, const Wire__Value *in,
                        Wire__Value *out, struct err *err) {
    const Manual__Calendar *calendar = manual_calendar(work->manual);
    const int offset_min = calendar ? calendar->utc_offset_min : 0;
    int64_t ms = in->ms;

    if (slot->type == MANUAL__TYPE__DT) {
        if (in->kind_case != WIRE__VALUE__KIND_MS
            && (!is_text(in) || !text_time_read(in->text, &ms))) {
            return wrong(slot, "time", err);
        }
        if (!text_time_fits(ms)) {
            return wrong(slot, "time", err);
        }
        set_ms(out, ms);
        return 0;
    }
    if (slot->type == MANUAL__TYPE__DATE && in->kind_case == WIRE__VALUE__KIND_MS
        && text_time_fits(ms)) {
        char *text = text_time(ms, offset_min, work->call->arena);
        text[DATE_SIZE] = '\0';
        set_text(out, text);
        return 0;
    }
    const bool date = slot->type == MANUAL__TYPE__DATE;
    int64_t day = 0;
    if (!is_text(in) || !(date ? text_date_read(in->text, &day) : is_time(in->text))) {
        return wrong(slot, date ? "date" : "time_of_day", err);
    }
    set_text(out, in->text);
    return 0;
}

static int typed_number(const struct slot *slot, const Wire__Value *in, Wire__Value *out,
                        struct err *err) {
    int64_t number = 0;

    switch ((int)slot->type) {
    case MANUAL__TYPE__MONEY:
        if (in->kind_case == WIRE__VALUE__KIND_INTEGER
                ? in->integer < 0
                : !is_text(in) || !cents(in->text, &number)) {
            return wrong(slot, "money", err);
        }
        set_number(out, in->kind_case == WIRE__VALUE__KIND_INTEGER ? in->integer : number);
        return 0;
    case MANUAL__TYPE__DEC:
        if (in->kind_case == WIRE__VALUE__KIND_INTEGER) {
            set_number(out, in->integer);
            return 0;
        }
        if (!is_text(in) || !is_decimal(in->text)) {
            return wrong(slot, "number", err);
        }
        set_text(out, in->text);
        return 0;
    case MANUAL__TYPE__PHOTO:
        if (!whole(in, &number) || number < 0 || number > FORM_PHOTOS_MAX) {
            return wrong(slot, "photos", err);
        }
        break;
    case MANUAL__TYPE__RATING5:
        if (!whole(in, &number) || number < 0 || number > RATING_MAX) {
            return wrong(slot, "rating", err);
        }
        break;
    default:
        if (!whole(in, &number)) {
            return wrong(slot, "whole_number", err);
        }
        break;
    }
    set_number(out, number);
    return 0;
}

static int typed_flag(const struct slot *slot, const Wire__Value *in, Wire__Value *out,
                      struct err *err) {
    if (in->kind_case == WIRE__VALUE__KIND_FLAG) {
        set_flag(out, in->flag);
        return 0;
    }
    if (is_text(in) && (text_eq(in->text, "true") || text_eq(in->text, "yes"))) {
        set_flag(out, true);
        return 0;
    }
    if (is_text(in) && (text_eq(in->text, "false") || text_eq(in->text, "no"))) {
        set_flag(out, false);
        return 0;
    }
    return wrong(slot, "flag", err);
}

static int typed_sealed(struct work *work, const struct slot *slot, const Wire__Value *in,
                        Wire__Value *out, struct err *err) {
    if (in->kind_case == WIRE__VALUE__KIND_SEALED) {
        out->kind_case = WIRE__VALUE__KIND_SEALED;
        out->sealed = in->sealed;
        return 0;
    }
    if (!is_text(in)) {
        return wrong(slot, "number_text", err);
    }
    const char *allowed = slot->type == MANUAL__TYPE__PHONE ? "0123456789+-() " : "0123456789Xx";
    size_t digits = 0;
    for (const char *c = in->text; *c; c++) {
        digits += *c >= '0' && *c <= '9';
    }
    if (strlen(in->text) > PHONE_MAX || digits < PHONE_DIGITS_MIN
        || in->text[strspn(in->text, allowed)] != '\0') {
        return err_set(err, ERR_INVALID, "phone_wrong", "field=%s", slot->key);
    }
    struct bytes sealed = seal_text(work->call->secrets, FORM_SEAL_CONTEXT, in->text,
                                    work->call->arena);
    out->kind_case = WIRE__VALUE__KIND_SEALED;
    out->sealed.len = sealed.size;
    out->sealed.data = arena_copy(work->call->arena, sealed.data, sealed.size);
    return 0;
}

static int typed_staff(struct work *work, const struct slot *slot, const Wire__Value *in,
                       Wire__Value *out, struct err *err) {
    struct staff staff;

    if (!is_text(in) || !*in->text) {
        return wrong(slot, "staff", err);
    }
    int found = work_staff(work, in->text, &staff, err);
    if (found == 0) {
        found = directory_staff_named(work->call, in->text, &staff, err);
    }
    if (found < 0) {
        return -1;
    }
    if (found == 0) {
        return err_set(err, ERR_NOT_FOUND, "staff_unknown", "staff=%.80s", in->text);
    }
    set_text(out, staff.no);
    return 0;
}

static int typed_unit(struct work *work, const struct slot *slot, const Wire__Value *in,
                      Wire__Value *out, struct err *err) {
    struct unit unit;

    if (!is_text(in)) {
        return wrong(slot, "unit", err);
    }
    int found = *in->text ? directory_unit(work->call, in->text, &unit, err) : 1;
    if (found < 0) {
        return -1;
    }
    if (found == 0) {
        return err_set(err, ERR_NOT_FOUND, "unit_unknown", "unit=%.60s", in->text);
    }
    set_text(out, in->text);
    return 0;
}

static bool is_choice(const struct slot *slot, const char *text) {
    for (size_t i = 0; i < slot->choice_count; i++) {
        if (text_eq(slot->choices[i]->key, text)) {
            return true;
        }
    }
    return slot->choice_count == 0; /* a list that the estate keeps */
}

static int typed_choice(struct work *work, const struct slot *slot, const Wire__Value *in,
                        Wire__Value *out, struct err *err) {
    const char *text = is_text(in) ? in->text : "";

    if (in->kind_case == WIRE__VALUE__KIND_INTEGER) {
        text = arena_text(work->call->arena, "%" PRId64, in->integer);
    }
    if (!*text || strlen(text) > FORM_TEXT_MAX || !is_choice(slot, text)) {
        return err_set(err, ERR_INVALID, "field_choice", "field=%s\nvalue=%.60s", slot->key, text);
    }
    set_text(out, text);
    return 0;
}

/* Signatures and ticks come as one row of cells, or as text. */
static int typed_marks(const struct slot *slot, const Wire__Value *in, Wire__Value *out,
                       struct err *err) {
    if (is_text(in)) {
        return typed_text(slot, in, out, err);
    }
    if (in->kind_case != WIRE__VALUE__KIND_ROWS || !in->rows || in->rows->n_row != 1) {
        return wrong(slot, slot->type == MANUAL__TYPE__SIGN ? "signature" : "ticks", err);
    }
    const Wire__Row *row = in->rows->row[0];
    for (size_t i = 0; i < row->n_cell; i++) {
        if (slot->type == MANUAL__TYPE__CHECK && !is_choice(slot, row->cell[i]->key)) {
            return err_set(err, ERR_INVALID, "field_choice", "field=%s\nvalue=%.60s", slot->key,
                           row->cell[i]->key);
        }
        if (row->cell[i]->kind_case == WIRE__CELL__KIND_TEXT
            && text_check(row->cell[i]->text, strlen(row->cell[i]->text), FORM_TEXT_MAX, false)) {
            return wrong(slot, "text", err);
        }
    }
    out->kind_case = WIRE__VALUE__KIND_ROWS;
    out->rows = in->rows;
    return 0;
}

static int typed_one(struct work *work, const struct slot *slot, const Wire__Value *in,
                     Wire__Value *out, struct err *err) {
    switch ((int)slot->type) {
    case MANUAL__TYPE__DATE:
    case MANUAL__TYPE__TIME:
    case MANUAL__TYPE__DT:
        return typed_moment(work, slot, in, out, err);
    case MANUAL__TYPE__INT:
    case MANUAL__TYPE__DEC:
    case MANUAL__TYPE__MONEY:
    case MANUAL__TYPE__PHOTO:
    case MANUAL__TYPE__RATING5:
        return typed_number(slot, in, out, err);
    case MANUAL__TYPE__PHONE:
    case MANUAL__TYPE__IDNO:
        return typed_sealed(work, slot, in, out, err);
    case MANUAL__TYPE__BOOL:
        return typed_flag(slot, in, out, err);
    case MANUAL__TYPE__STAFF:
        return typed_staff(work, slot, in, out, err);
    case MANUAL__TYPE__UNIT:
        return typed_unit(work, slot, in, out, err);
    case MANUAL__TYPE__ENUM:
        return typed_choice(work, slot, in, out, err);
    case MANUAL__TYPE__CHECK:
    case MANUAL__TYPE__SIGN:
        return typed_marks(slot, in, out, err);
    default:
        return typed_text(slot, in, out, err);
    }
}

/* "a;b;c", each of its own. */
static int typed_many(struct work *work, const struct slot *slot, const Wire__Value *in,
                      Wire__Value *out, struct err *err) {
    const char *rest = is_text(in) ? in->text : "";
    const char *joined = "";
    size_t count = 0;

    if (!is_text(in)) {
        return wrong(slot, "texts", err);
    }
    while (*rest) {
        size_t length = strcspn(rest, ";");
        Wire__Value piece = WIRE__VALUE__INIT, typed = WIRE__VALUE__INIT;
        set_text(&piece, arena_copy(work->call->arena, rest, length));
        rest += length + (rest[length] == ';');
        if (length == 0) {
            continue;
        }
        if (++count > FORM_MANY_MAX || typed_one(work, slot, &piece, &typed, err)) {
            return count > FORM_MANY_MAX ? wrong(slot, "fewer", err) : -1;
        }
        const char *text = typed.kind_case == WIRE__VALUE__KIND_TEXT ? typed.text : piece.text;
        joined = arena_text(work->call->arena, "%s%s%s", joined, *joined ? ";" : "", text);
    }
    set_text(out, joined);
    return 0;
}

Wire__Cell *form_cell(const Wire__Value *value, struct arena *arena) {
    Wire__Cell *cell = ARENA_NEW(arena, Wire__Cell);

    wire__cell__init(cell);
    cell->key = value->key;
    if (value->kind_case == WIRE__VALUE__KIND_TEXT) {
        cell->kind_case = WIRE__CELL__KIND_TEXT;
        cell->text = value->text;
    } else if (value->kind_case == WIRE__VALUE__KIND_INTEGER) {
        cell->kind_case = WIRE__CELL__KIND_INTEGER;
        cell->integer = value->integer;
    } else if (value->kind_case == WIRE__VALUE__KIND_FLAG) {
        cell->kind_case = WIRE__CELL__KIND_FLAG;
        cell->flag = value->flag;
    } else if (value->kind_case == WIRE__VALUE__KIND_MS) {
        cell->kind_case = WIRE__CELL__KIND_MS;
        cell->ms = value->ms;
    } else if (value->kind_case == WIRE__VALUE__KIND_SEALED) {
        cell->kind_case = WIRE__CELL__KIND_SEALED;
        cell->sealed = value->sealed;
    }
    return cell;
}

Wire__Value form_value(const Wire__Cell *cell) {
    Wire__Value value = WIRE__VALUE__INIT;

    value.key = cell->key;
    if (cell->kind_case == WIRE__CELL__KIND_TEXT) {
        value.kind_case = WIRE__VALUE__KIND_TEXT;
        value.text = cell->text;
    } else if (cell->kind_case == WIRE__CELL__KIND_INTEGER) {
        value.kind_case = WIRE__VALUE__KIND_INTEGER;
        value.integer = cell->integer;
    } else if (cell->kind_case == WIRE__CELL__KIND_FLAG) {
        value.kind_case = WIRE__VALUE__KIND_FLAG;
        value.flag = cell->flag;
    } else if (cell->kind_case == WIRE__CELL__KIND_MS) {
        value.kind_case = WIRE__VALUE__KIND_MS;
        value.ms = cell->ms;
    } else if (cell->kind_case == WIRE__CELL__KIND_SEALED) {
        value.kind_case = WIRE__VALUE__KIND_SEALED;
        value.sealed = cell->sealed;
    }
    return value;
}

int form_column(struct work *work, const Manual__Column *column, const Wire__Value *in,
                Wire__Value *out, struct err *err) {
    const struct slot slot = {column->key, column->type, column->choices, column->n_choices};

    wire__value__init(out);
    out->key = column->key;
    return typed_one(work, &slot, in, out, err);
}

static const Manual__Column *find_column(const Manual__Field *field, const char *key) {
    for (size_t i = 0; i < field->n_columns; i++) {
        if (text_eq(field->columns[i]->key, key)) {
            return field->columns[i];
        }
    }
    return NULL;
}

static Wire__Row *typed_row(struct work *work, const Manual__Field *field, const Wire__Row *in,
                            struct err *err) {
    Wire__Row *row = ARENA_NEW(work->call->arena, Wire__Row);

    wire__row__init(row);
    row->n_cell = in->n_cell;
    row->cell = arena_alloc(work->call->arena, in->n_cell * sizeof(Wire__Cell *));
    for (size_t i = 0; i < in->n_cell; i++) {
        const Wire__Value value = form_value(in->cell[i]);
        const Manual__Column *column = find_column(field, in->cell[i]->key);
        Wire__Value typed;
        if (!column) {
            (void)err_set(err, ERR_INVALID, "field_column", "field=%s\ncolumn=%.60s", field->key,
                          in->cell[i]->key);
            return NULL;
        }
        if (form_column(work, column, &value, &typed, err)) {
            return NULL;
        }
        row->cell[i] = form_cell(&typed, work->call->arena);
    }
    return row;
}

static int typed_rows(struct work *work, const Manual__Field *field, const Wire__Value *in,
                      Wire__Value *out, struct err *err) {
    if (in->kind_case != WIRE__VALUE__KIND_ROWS || !in->rows) {
        return err_set(err, ERR_INVALID, "field_type", "field=%s\nwanted=rows", field->key);
    }
    if (in->rows->n_row > KASE_ROWS_MAX) {
        return err_set(err, ERR_INVALID, "rows_many", "field=%s\nmax=%d", field->key,
                       KASE_ROWS_MAX);
    }
    Wire__Rows *rows = ARENA_NEW(work->call->arena, Wire__Rows);
    wire__rows__init(rows);
    rows->n_row = in->rows->n_row;
    rows->row = arena_alloc(work->call->arena, rows->n_row * sizeof(Wire__Row *));
    for (size_t i = 0; i < rows->n_row; i++) {
        rows->row[i] = typed_row(work, field, in->rows->row[i], err);
        if (!rows->row[i]) {
            return -1;
        }
    }
    out->kind_case = WIRE__VALUE__KIND_ROWS;
    out->rows = rows;
    return 0;
}

int form_typed(struct work *work, const Manual__Field *field, const Wire__Value *in,
               Wire__Value *out, struct err *err) {
    const struct slot slot = {field->key, field->type, field->choices, field->n_choices};

    wire__value__init(out);
    out->key = field->key;
    if (in->kind_case == WIRE__VALUE__KIND__NOT_SET) {
        return err_set(err, ERR_INVALID, "field_type", "field=%s\nwanted=value", field->key);
    }
    if (field->type == MANUAL__TYPE__LIST) {
        return typed_rows(work, field, in, out, err);
    }
    return field->many ? typed_many(work, &slot, in, out, err)
                       : typed_one(work, &slot, in, out, err);
}
