#include "engine/given.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/form.h"

enum { KEY_MAX = 64 };

static const char assignee[] = "assignee";

void given_init(struct given *given, struct arena *arena) {
    *given = (struct given){.fields = {.arena = arena},
                            .loose = {.arena = arena},
                            .round = -1,
                            .contacts = -1,
                            .trips = -1};
}

void given_put(struct values *values, const Wire__Value *value) {
    for (size_t i = 0; i < values->count; i++) {
        if (text_eq(values->list[i]->key, value->key)) {
            *values->list[i] = *value;
            return;
        }
    }
    values_add(values, value);
}

void given_put_text(struct values *values, const char *key, const char *text) {
    Wire__Value value = WIRE__VALUE__INIT;

    value.key = key;
    value.kind_case = WIRE__VALUE__KIND_TEXT;
    value.text = text;
    given_put(values, &value);
}

/* ---- typing ---- */

/* A relation that no form field holds: the case keeps it under its own name. */
static bool own_field(const struct kase *kase, const char *key, Manual__Field *field) {
    bool own = text_eq(key, KASE_OWNER) || text_eq(key, KASE_HANDLER) || text_eq(key, KASE_DEPT);
    const bool person = !text_eq(key, KASE_DEPT) && !text_eq(key, "caller");

    for (size_t i = 0; !own && i < kase->procedure->n_people; i++) {
        own = text_eq(kase->procedure->people[i]->name, key);
    }
    manual__field__init(field);
    field->key = key;
    field->type = person ? MANUAL__TYPE__STAFF : MANUAL__TYPE__TEXT;
    field->many = person;
    return own;
}

static const Manual__Column *row_column(const struct kase *kase, const struct given_ops *ops,
                                        const char *key) {
    for (size_t i = 0; i < ops->count; i++) {
        const Manual__Field *list = ops->list[i]->kind == MANUAL__OP__KIND__ROW ? manual_field(
                                        kase->manual, kase->procedure->form, ops->list[i]->target)
                                                                                : NULL;
        for (size_t c = 0; list && c < list->n_columns; c++) {
            if (text_eq(list->columns[c]->key, key)) {
                return list->columns[c];
            }
        }
    }
    return NULL;
}

/* Does the act ask for it as a field of the case?  "a|b": one of them. */
static bool needed(const struct given_ops *ops, const char *key) {
    const size_t length = strlen(key);

    for (size_t i = 0; i < ops->need_count; i++) {
        for (const char *at = ops->needs[i]; *at;) {
            const size_t size = strcspn(at, "|");
            if (size == length && memcmp(at, key, length) == 0) {
                return true;
            }
            at += size + (at[size] == '|');
        }
    }
    return false;
}

static int take_one(struct work *work, struct kase *kase, const Wire__Value *in,
                    const struct given_ops *ops, bool checked, struct given *given,
                    struct err *err) {
    const char *key = text_eq(in->key, assignee) ? kase_field_of(kase->procedure, KASE_HANDLER)
                                                 : kase_field_of(kase->procedure, in->key);
    const Manual__Field *field = kase_form_field(kase, key);
    /* What a row has a column for is the row's: another household's phone is not the caller's. */
    const Manual__Column *column = needed(ops, key) ? NULL : row_column(kase, ops, key);
    Manual__Field own;
    Wire__Value typed;

    if (column) {
        if (form_column(work, column, in, &typed, err)) {
            return -1;
        }
        given_put(&given->loose, &typed);
        return 0;
    }
    if (field && field->calculated && checked) {
        return err_set(err, ERR_INVALID, "field_calculated", "field=%s", key);
    }
    if (!field && text_eq(key, KASE_UNIT)) {
        manual__field__init(&own);
        own.key = key;
        own.type = MANUAL__TYPE__UNIT;
        field = &own;
    } else if (!field && own_field(kase, key, &own)) {
        field = &own;
    }
    if (field) {
        if (form_typed(work, field, in, &typed, err)) {
            return -1;
        }
        typed.key = arena_text(work->call->arena, "%s", key);
        given->names_owner = given->names_owner || text_eq(key, KASE_OWNER);
        given_put(&given->fields, &typed);
        return 0;
    }
    if (checked) {
        return err_set(err, ERR_INVALID, "field_unknown", "field=%.60s\nprocedure=%s", in->key,
                       kase->row.procedure);
    }
    typed = *in;
    given_put(&given->fields, &typed);
    return 0;
}

/* A handler brings his department along, and is found under one name in every procedure. */
static int complete_handler(struct work *work, struct kase *kase, struct given *given,
                            struct err *err) {
    const char *field = kase_field_of(kase->procedure, KASE_HANDLER);
    const char *dept = kase_field_of(kase->procedure, KASE_DEPT);
    const Wire__Value *who = value_find(given->fields.list, given->fields.count, field);
    struct staff staff;

    if (!who || who->kind_case != WIRE__VALUE__KIND_TEXT) {
        if (who) {
            Wire__Value cleared = WIRE__VALUE__INIT;
            cleared.key = KASE_HANDLER;
            given_put(&given->fields, &cleared);
        }
        return 0;
    }
    const char *number = who->text;
    if (!text_eq(field, KASE_HANDLER)) {
        given_put_text(&given->fields, KASE_HANDLER, number);
    }
    if (value_find(given->fields.list, given->fields.count, dept)) {
        return 0;
    }
    int found = work_staff(work, number, &staff, err);
    if (found == 1 && *staff.dept) {
        given_put_text(&given->fields, dept, staff.dept);
    }
    return found < 0 ? -1 : 0;
}

int given_take(struct work *work, struct kase *kase, Wire__Value *const *fields, size_t count,
               const struct given_ops *ops, bool checked, struct given *given, struct err *err) {
    for (size_t i = 0; i < count; i++) {
        if (!*fields[i]->key || strlen(fields[i]->key) > KEY_MAX) {
            return err_set(err, ERR_INVALID, "field_unknown", "field=%.60s\nprocedure=%s",
                           fields[i]->key, kase->row.procedure);
        }
        if (take_one(work, kase, fields[i], ops, checked, given, err)) {
            return -1;
        }
    }
    return complete_handler(work, kase, given, err);
}

/* ---- what is needed ---- */

static bool is_argument(const struct kase *kase, const char *key) {
    for (size_t i = 0; i < kase->procedure->n_arguments; i++) {
        if (text_eq(kase->procedure->arguments[i]->key, key)) {
            return true;
        }
    }
    return false;
}

static bool has_value(const Wire__Value *value) {
    if (!value || value->kind_case == WIRE__VALUE__KIND__NOT_SET) {
        return false;
    }
    if (value->kind_case == WIRE__VALUE__KIND_ROWS) {
        return value->rows && value->rows->n_row > 0;
    }
    return value->kind_case != WIRE__VALUE__KIND_TEXT || *value->text != '\0';
}

static bool is_there(struct view *view, const struct given *given, const char *need,
                     bool old_counts) {
    const bool person = text_eq(need, assignee);
    const char *key = kase_field_of(view->kase->procedure, person ? KASE_HANDLER : need);

    if (has_value(value_find(given->fields.list, given->fields.count, key))
        || has_value(value_find(given->loose.list, given->loose.count, key))) {
        return true;
    }
    if (text_eq(key, KASE_UNIT)) {
        return *view->kase->row.unit != '\0';
    }
    return old_counts && !person && !is_argument(view->kase, key)
           && has_value(kase_get(view->kase, key));
}

/* "a|b": one of them. */
static bool one_is_there(struct view *view, const struct given *given, const char *need,
                         bool old_counts) {
    while (*need) {
        size_t length = strcspn(need, "|");
        const char *one = arena_copy(view->work->call->arena, need, length);
        if (is_there(view, given, one, old_counts)) {
            return true;
        }
        need += length + (need[length] == '|');
    }
    return false;
}

const char *given_missing(struct view *view, const struct given *given, const char *const *needs,
                          size_t count, bool old_counts) {
    const char *missing = "";

    for (size_t i = 0; i < count; i++) {
        if (!one_is_there(view, given, needs[i], old_counts)) {
            missing = arena_text(view->work->call->arena, "%s%s%s", missing, *missing ? ";" : "",
                                 needs[i]);
        }
    }
    return missing;
}

const char *given_names(struct view *view, const char *keys) {
    struct arena *arena = view->work->call->arena;
    const char *names = "";

    while (*keys) {
        size_t length = strcspn(keys, ";|");
        const char *key = arena_copy(arena, keys, length);
        const Manual__Field *field = kase_form_field(
            view->kase,
            kase_field_of(view->kase->procedure, text_eq(key, assignee) ? KASE_HANDLER : key));
        const char *between = keys[length] == '|' ? " / " : keys[length] ? "、" : "";
        names = arena_text(arena, "%s%s%s", names,
                           work_name(view->work, field ? field->name : NULL, key), between);
        keys += length + (keys[length] != '\0');
    }
    return names;
}

/* ---- set ---- */

static int64_t *own_number(struct given *given, const char *key) {
    if (text_eq(key, "round")) {
        return &given->round;
    }
    if (text_eq(key, "contacts")) {
        return &given->contacts;
    }
    return text_eq(key, "trips") ? &given->trips : NULL;
}

static int64_t number_now(const struct kase *kase, const char *key) {
    return text_eq(key, "round")      ? kase->row.round
           : text_eq(key, "contacts") ? kase->row.contacts
                                      : kase->row.trips;
}

/* One place up the order of an enumeration, not past its end; or a number more. */
static bool moved_up(struct view *view, const Manual__Field *field, const Manual__Set *set,
                     Wire__Value *out) {
    const Wire__Value *now = view_value(view, set->field);

    if (!field || field->type != MANUAL__TYPE__ENUM) {
        out->kind_case = WIRE__VALUE__KIND_INTEGER;
        out->integer = set->up
                       + (now && now->kind_case == WIRE__VALUE__KIND_INTEGER ? now->integer : 0);
        return true;
    }
    for (int64_t i = 0; now && i < (int64_t)field->n_choices; i++) {
        if (text_eq(field->choices[i]->key,
                    now->kind_case == WIRE__VALUE__KIND_TEXT ? now->text : "")) {
            int64_t place = i + set->up;
            place = place < 0 ? 0 : place;
            place = place >= (int64_t)field->n_choices ? (int64_t)field->n_choices - 1 : place;
            out->kind_case = WIRE__VALUE__KIND_TEXT;
            out->text = field->choices[place]->key;
            return true;
        }
    }
    return false;
}

/* The first who has a post now: "" nobody. */
static int on_duty(struct view *view, const char *post, const char **staff, struct err *err) {
    struct duty_row row;
    const char *slash = strchr(post, '/');
    const char *name = slash ? arena_copy(view->work->call->arena, post, (size_t)(slash - post))
                             : post;
    int found = directory_post(view->work->call, name, view->at_ms, 1, &row, err);

    *staff = found == 1 ? row.staff : "";
    return found < 0 ? -1 : 0;
}

static void text_out(Wire__Value *out, const char *text) {
    if (*text) {
        out->kind_case = WIRE__VALUE__KIND_TEXT;
        out->text = text;
    }
}

static int referred(struct view *view, const Manual__Field *field, const char *reference,
                    Wire__Value *out, struct err *err) {
    static const char duty[] = "on_duty";
    const char *name = reference + (*reference == '$');
    const char *staff = "";

    if (text_eq(name, "now")) {
        out->kind_case = WIRE__VALUE__KIND_MS;
        out->ms = view->at_ms;
    } else if (text_eq(name, "actor")) {
        text_out(out, view->actor ? view->actor : "");
    } else if (text_eq(name, "parent")) {
        text_out(out, view->kase->row.parent);
    } else if (text_eq(name, "number") || text_eq(name, "case")) {
        text_out(out, view->kase->row.case_no);
    } else if (text_starts(name, duty)) {
        const char *post = name[strlen(duty)] ? name + strlen(duty) + 1 : field ? field->post : "";
        if (on_duty(view, post, &staff, err)) {
            return -1;
        }
        text_out(out, staff);
    } else {
        const char *key = out->key;
        const Wire__Value *value = view_value(view, text_eq(name, assignee) ? KASE_HANDLER : name);
        if (value) {
            *out = *value;
            out->key = key;
        }
    }
    return 0;
}

/* 1: a value.  0: nothing to set.  -1: err set. */
static int set_value(struct view *view, const Manual__Set *set, const char *key,
                     const Manual__Field *field, Wire__Value *out, struct err *err) {
    wire__value__init(out);
    out->key = key;
    if (set->clear) {
        return 1;
    }
    if (set->up != 0) {
        return moved_up(view, field, set, out);
    }
    if (*set->reference) {
        return referred(view, field, set->reference, out, err)
                   ? -1
                   : out->kind_case != WIRE__VALUE__KIND__NOT_SET;
    }
    out->kind_case = WIRE__VALUE__KIND_TEXT;
    out->text = set->literal;
    return 1;
}

/* The manual's literals are text; what the field keeps may be another kind. */
static int type_it(struct work *work, const Manual__Field *field, bool flag, Wire__Value *value,
                   struct err *err) {
    Wire__Value typed;
    Manual__Field mark = MANUAL__FIELD__INIT;

    if (value->kind_case == WIRE__VALUE__KIND__NOT_SET || (!field && !flag)) {
        return 0;
    }
    if (flag) {
        mark.key = value->key;
        mark.type = MANUAL__TYPE__BOOL;
        field = &mark;
    }
    if (form_typed(work, field, value, &typed, err)) {
        return -1;
    }
    typed.key = value->key;
    *value = typed;
    return 0;
}

static bool is_mark(const Manual__Field *field, bool flag) {
    return flag || (field && field->type == MANUAL__TYPE__BOOL);
}

/* A yes/no that is set by something else says whether it is there: `repeat: $earlier`. */
static void mark_by(Wire__Value *value) {
    if (value->kind_case != WIRE__VALUE__KIND_FLAG) {
        value->kind_case = WIRE__VALUE__KIND_FLAG;
        value->flag = true;
    }
}

int given_set(struct view *view, Manual__Set *const *sets, size_t count, struct given *given,
              struct err *err) {
    assert(given);
    for (size_t i = 0; i < count; i++) {
        const char *name = text_eq(sets[i]->field, assignee) ? KASE_HANDLER : sets[i]->field;
        int64_t *number = own_number(given, name);
        Wire__Value value;
        if (number) {
            *number = sets[i]->up ? number_now(view->kase, name) + sets[i]->up
                                  : strtoll(sets[i]->literal, NULL, 10);
            continue;
        }
        const char *key = kase_field_of(view->kase->procedure, name);
        const Manual__Field *field = kase_form_field(view->kase, key);
        int some = set_value(view, sets[i], key, field, &value, err);
        const bool flag = kase_is_flag(view->kase, key);
        if (some == 1 && *sets[i]->reference && is_mark(field, flag)) {
            mark_by(&value);
        }
        if (some < 0 || (some == 1 && type_it(view->work, field, flag, &value, err))) {
            return -1;
        }
        if (some == 1) {
            given->names_owner = given->names_owner || text_eq(key, KASE_OWNER);
            given_put(&given->fields, &value);
        }
    }
    return complete_handler(view->work, view->kase, given, err);
}

int given_with(struct view *view, Manual__Set *const *sets, size_t count, struct values *out,
               struct err *err) {
    for (size_t i = 0; i < count; i++) {
        Wire__Value value;
        int some = set_value(view, sets[i], sets[i]->field, NULL, &value, err);
        if (some < 0) {
            return -1;
        }
        if (some == 1 && value.kind_case != WIRE__VALUE__KIND__NOT_SET) {
            given_put(out, &value);
        }
    }
    return 0;
}

/* ---- rows ---- */

/* A column's value: from `with`, from the event's field of its name, or what is clear
 * from the act: when, and by whom. */
static int column_value(struct view *view, const Manual__Column *column, const struct values *with,
                        const struct given *given, Wire__Value *out, struct err *err) {
    const Wire__Value *value = value_find(with->list, with->count, column->key);
    Wire__Value own = WIRE__VALUE__INIT;

    if (!value) {
        value = value_find(given->loose.list, given->loose.count, column->key);
    }
    if (!value) {
        value = value_find(given->fields.list, given->fields.count, column->key);
    }
    own.key = column->key;
    if (!value && text_eq(column->key, "at")) {
        own.kind_case = WIRE__VALUE__KIND_MS;
        own.ms = view->at_ms;
        value = &own;
    } else if (!value && (text_eq(column->key, "by") || text_eq(column->key, "person"))
               && view->actor && *view->actor) {
        own.kind_case = WIRE__VALUE__KIND_TEXT;
        own.text = view->actor;
        *out = own;
        return 0;
    }
    wire__value__init(out);
    return value ? form_column(view->work, column, value, out, err) : 0;
}

int given_row(struct view *view, const Manual__Op *op, struct given *given, struct err *err) {
    struct arena *arena = view->work->call->arena;
    const Manual__Field *list = manual_field(view->kase->manual, view->kase->procedure->form,
                                             op->target);
    struct values with = {.arena = arena};
    Wire__Rows *rows = ARENA_NEW(arena, Wire__Rows);
    Wire__Row *row = ARENA_NEW(arena, Wire__Row);
    Wire__Value value = WIRE__VALUE__INIT;

    if (!list || given_with(view, op->with, op->n_with, &with, err)) {
        return list ? -1 : 0;
    }
    wire__rows__init(rows);
    wire__row__init(row);
    row->cell = arena_alloc(arena, (list->n_columns + 1) * sizeof(Wire__Cell *));
    for (size_t c = 0; c < list->n_columns; c++) {
        Wire__Value cell;
        if (column_value(view, list->columns[c], &with, given, &cell, err)) {
            return -1;
        }
        if (cell.kind_case != WIRE__VALUE__KIND__NOT_SET) {
            cell.key = list->columns[c]->key;
            row->cell[row->n_cell++] = form_cell(&cell, arena);
        }
    }
    rows->n_row = 1;
    rows->row = arena_alloc(arena, sizeof(Wire__Row *));
    rows->row[0] = row;
    value.key = op->target;
    value.kind_case = WIRE__VALUE__KIND_ROWS;
    value.rows = rows;
    if (!value_find(given->fields.list, given->fields.count, op->target)) {
        given_put(&given->fields, &value);
    }
    return 0;
}
