#include "engine/kase.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/revision.h"
#include "manual/calendar.h"
#include "store/query.h"

enum { SERIES_MAX = 24 };

#define ESTATE_UNKNOWN "E01" /* a store that never saw an actor's estate */

/* ---- the row ---- */

static int unpack(struct call *call, struct bytes body, struct kase *kase, struct err *err) {
    ProtobufCAllocator allocator = arena_protobuf(call->arena);
    Engine__Stored *row = engine__stored__unpack(&allocator, body.size, body.data);

    if (!row) {
        return err_plain(err, ERR_INTERNAL, "a case's row cannot be read");
    }
    *kase = (struct kase){.row = *row, .arena = call->arena};
    return 0;
}

int kase_load(struct call *call, const char *number, struct kase *kase, struct err *err) {
    struct query q = QUERY(call->store, "SELECT body FROM cases WHERE number = ?1 AND home = ''");

    query_bind_text(&q, 1, number);
    int found = query_step(&q, err);
    if (found != 1) {
        return found;
    }
    struct bytes body = {0};
    body.data = query_blob(&q, 0, call->arena, &body.size);
    query_end(&q);
    return unpack(call, body, kase, err) ? -1 : 1;
}

int kase_manual(struct call *call, struct kase *kase, struct err *err) {
    if (kase->manual) {
        return 0;
    }
    kase->manual = revision_of(call, kase->row.revision, err);
    if (!kase->manual) {
        return -1;
    }
    kase->procedure = manual_procedure(kase->manual, kase->row.procedure);
    if (!kase->procedure) {
        return err_plain(err, ERR_INTERNAL, "%s: revision %u has no procedure %s",
                         kase->row.case_no, kase->row.revision, kase->row.procedure);
    }
    kase->form = manual_form(kase->manual, kase->procedure->form);
    return 0;
}

/* How many clocks are past their limit, and the earliest limit that still runs. */
static int64_t overdue(const struct kase *kase, int64_t *due_ms) {
    int64_t count = 0;

    *due_ms = 0;
    for (size_t i = 0; i < kase->row.n_clocks; i++) {
        const Engine__Running *clock = kase->row.clocks[i];
        if (clock->ended_ms != 0) {
            continue;
        }
        count += clock->mark >= 100;
        if (clock->held_ms == 0 && (*due_ms == 0 || clock->due_ms < *due_ms)) {
            *due_ms = clock->due_ms;
        }
    }
    return count;
}

int kase_save(struct call *call, const struct kase *kase, struct err *err) {
    const Engine__Stored *row = &kase->row;
    const size_t size = engine__stored__get_packed_size(row);
    int64_t due_ms = 0;
    const int64_t late = overdue(kase, &due_ms);

    if (size > KASE_BODY_MAX) {
        return err_set(err, ERR_EXHAUSTED, "case_too_large", "case=%s", row->case_no);
    }
    uint8_t *body = arena_alloc(call->arena, size);
    (void)engine__stored__pack(row, body);
    struct query q = QUERY(
        call->store,
        "INSERT INTO cases(number, home, procedure, state, unit, parent, owner, handler, matter,"
        " open, overdue, due_ms, event_ms, closed_ms, body)"
        " VALUES(?1, '', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
        " ON CONFLICT(number) DO UPDATE SET state = excluded.state, unit = excluded.unit,"
        " owner = excluded.owner, handler = excluded.handler, matter = excluded.matter,"
        " open = excluded.open, overdue = excluded.overdue, due_ms = excluded.due_ms,"
        " closed_ms = excluded.closed_ms, body = excluded.body");
    int at = 0;
    query_bind_text(&q, ++at, row->case_no);
    query_bind_text(&q, ++at, row->procedure);
    query_bind_text(&q, ++at, row->state);
    query_bind_text(&q, ++at, row->unit);
    query_bind_text(&q, ++at, row->parent);
    query_bind_text(&q, ++at, kase_text(kase, KASE_OWNER));
    query_bind_text(&q, ++at, kase_text(kase, KASE_HANDLER));
    query_bind_text(&q, ++at, row->matter);
    query_bind_i64(&q, ++at, row->closed_ms == 0);
    query_bind_i64(&q, ++at, late);
    query_bind_i64(&q, ++at, due_ms);
    query_bind_i64(&q, ++at, row->event_ms);
    query_bind_i64(&q, ++at, row->closed_ms);
    query_bind_blob(&q, ++at, body, size);
    return query_done(&q, err);
}

/* ---- numbers ---- */

/* The series of a form; a procedure without one counts under its own key in capitals. */
static void series_of(const struct manual *manual, const Manual__Procedure *procedure,
                      char series[SERIES_MAX]) {
    const Manual__Form *form = manual_form(manual, procedure->form);
    size_t length = 0;

    if (form && *form->series) {
        (void)snprintf(series, SERIES_MAX, "%s", form->series);
        return;
    }
    for (const char *c = procedure->key; *c && length < SERIES_MAX - 1; c++) {
        if (*c >= 'a' && *c <= 'z') {
            series[length++] = (char)(*c - 'a' + 'A');
        } else if (*c >= '0' && *c <= '9') {
            series[length++] = *c;
        }
    }
    series[length] = '\0';
}

struct serial {
    const char *series, *estate;
    int64_t day;
};

/* The next of a series.  Two plain statements: one with RETURNING costs several times as much. */
static int next_serial(struct call *call, const struct serial *serial, int64_t *last,
                       struct err *err) {
    struct query q = QUERY(call->store, "SELECT last FROM series WHERE series = ?1"
                                        " AND estate = ?2 AND day = ?3");

    query_bind_text(&q, 1, serial->series);
    query_bind_text(&q, 2, serial->estate);
    query_bind_i64(&q, 3, serial->day);
    int found = query_step(&q, err);
    *last = found == 1 ? query_i64(&q, 0) + 1 : 1;
    query_end(&q);
    if (found < 0) {
        return -1;
    }
    q = found == 1 ? QUERY(call->store, "UPDATE series SET last = ?4 WHERE series = ?1"
                                        " AND estate = ?2 AND day = ?3")
                   : QUERY(call->store, "INSERT INTO series(series, estate, day, last)"
                                        " VALUES(?1, ?2, ?3, ?4)");
    query_bind_text(&q, 1, serial->series);
    query_bind_text(&q, 2, serial->estate);
    query_bind_i64(&q, 3, serial->day);
    query_bind_i64(&q, 4, *last);
    return query_done(&q, err);
}

int kase_number(struct call *call, const struct manual *manual, const Manual__Procedure *procedure,
                const char *estate, const char **number, struct err *err) {
    const struct calendar calendar = calendar_of(manual);
    char series[SERIES_MAX];
    int year = 0, month = 0, mday = 0, weekday = 0;

    series_of(manual, procedure, series);
    text_day_parts(text_day(call->now_ms, calendar.offset_min), &year, &month, &mday, &weekday);
    const int64_t day = (int64_t)year * 10000 + month * 100 + mday;
    int64_t last = 0;
    if (next_serial(call, &(struct serial){series, estate, day}, &last, err)) {
        return -1;
    }
    *number = arena_text(call->arena, "%s-%s-%08" PRId64 "-%04" PRId64, estate, series, day, last);
    return 0;
}

int kase_number_taken(struct call *call, const char *number, struct err *err) {
    char *copy = arena_copy(call->arena, number, strlen(number));
    char *parts[4] = {copy};

    for (size_t i = 1; i < 4; i++) {
        char *dash = strchr(parts[i - 1], '-');
        if (!dash) {
            return err_plain(err, ERR_INTERNAL, "%s is no case number", number);
        }
        *dash = '\0';
        parts[i] = dash + 1;
    }
    struct query q = QUERY(call->store, "INSERT INTO series(series, estate, day, last)"
                                        " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(series, estate, day)"
                                        " DO UPDATE SET last = max(last, excluded.last)");
    query_bind_text(&q, 1, parts[1]);
    query_bind_text(&q, 2, parts[0]);
    query_bind_i64(&q, 3, strtoll(parts[2], NULL, 10));
    query_bind_i64(&q, 4, strtoll(parts[3], NULL, 10));
    return query_done(&q, err);
}

int kase_estate(struct call *call, const char **estate, struct err *err) {
    struct query q = QUERY(call->store, "SELECT estate FROM series LIMIT 1");
    int found = query_step(&q, err);

    *estate = found == 1 ? query_text(&q, 0, call->arena) : ESTATE_UNKNOWN;
    query_end(&q);
    return found < 0 ? -1 : 0;
}

/* ---- fields ---- */

const Wire__Value *kase_get(const struct kase *kase, const char *key) {
    return value_find(kase->row.fields, kase->row.n_fields, key);
}

const char *kase_text(const struct kase *kase, const char *key) {
    const Wire__Value *value = kase_get(kase, key);

    return value && value->kind_case == WIRE__VALUE__KIND_TEXT ? value->text : "";
}

/* Both lists of rows as one. */
static const Wire__Value *join_rows(struct arena *arena, const Wire__Value *before,
                                    const Wire__Value *added) {
    const size_t old = before->rows->n_row, more = added->rows->n_row;
    Wire__Rows *rows = arena_alloc(arena, sizeof *rows);
    Wire__Value *value = arena_alloc(arena, sizeof *value);

    wire__rows__init(rows);
    rows->n_row = old + more;
    rows->row = arena_alloc(arena, (old + more) * sizeof(Wire__Row *));
    if (old > 0) {
        memcpy(rows->row, before->rows->row, old * sizeof(Wire__Row *));
    }
    if (more > 0) {
        memcpy(rows->row + old, added->rows->row, more * sizeof(Wire__Row *));
    }
    *value = *added;
    value->rows = rows;
    return value;
}

static size_t place_of(const struct kase *kase, const char *key) {
    size_t i = 0;

    while (i < kase->row.n_fields && !text_eq(kase->row.fields[i]->key, key)) {
        i++;
    }
    return i;
}

void kase_put(struct kase *kase, const Wire__Value *value) {
    Engine__Stored *row = &kase->row;
    const size_t place = place_of(kase, value->key);
    const bool there = place < row->n_fields;

    kase->dirty = true;
    if (value->kind_case == WIRE__VALUE__KIND_TEXT && text_eq(value->key, KASE_UNIT)) {
        row->unit = value->text; /* the case's own, not one of its form */
        return;
    }
    if (value->kind_case == WIRE__VALUE__KIND__NOT_SET) {
        if (there) {
            memmove(row->fields + place, row->fields + place + 1,
                    (row->n_fields - place - 1) * sizeof(Wire__Value *));
            row->n_fields--;
        }
        return;
    }
    if (there && value->kind_case == WIRE__VALUE__KIND_ROWS
        && row->fields[place]->kind_case == WIRE__VALUE__KIND_ROWS) {
        value = join_rows(kase->arena, row->fields[place], value);
    }
    Wire__Value *copy = arena_copy(kase->arena, value, sizeof *value);
    if (there) {
        row->fields[place] = copy;
        return;
    }
    Wire__Value **list = arena_alloc(kase->arena, (row->n_fields + 1) * sizeof(Wire__Value *));
    if (row->n_fields > 0) {
        memcpy(list, row->fields, row->n_fields * sizeof(Wire__Value *));
    }
    list[row->n_fields++] = copy;
    row->fields = list;
}

const char *kase_field_of(const Manual__Procedure *procedure, const char *relation) {
    for (size_t i = 0; i < procedure->n_people; i++) {
        if (text_eq(procedure->people[i]->name, relation) && !procedure->people[i]->own
            && *procedure->people[i]->field) {
            return procedure->people[i]->field;
        }
    }
    return relation;
}

const char *kase_person(const struct kase *kase, const char *relation) {
    if (text_eq(relation, "opener") && !kase_get(kase, "opener")) {
        return kase->row.opener;
    }
    return kase_text(kase, kase_field_of(kase->procedure, relation));
}

const Manual__Field *kase_form_field(const struct kase *kase, const char *key) {
    const Manual__Field *field = manual_field(kase->manual, kase->procedure->form, key);

    for (size_t i = 0; !field && i < kase->procedure->n_arguments; i++) {
        if (text_eq(kase->procedure->arguments[i]->key, key)) {
            field = kase->procedure->arguments[i];
        }
    }
    return field;
}

bool kase_is_flag(const struct kase *kase, const char *key) {
    for (size_t i = 0; i < kase->procedure->n_flags; i++) {
        if (text_eq(kase->procedure->flags[i], key)) {
            return true;
        }
    }
    return false;
}

bool kase_ended(const struct kase *kase) {
    const Manual__State *state = manual_state(kase->procedure, kase->row.state);

    return state && state->end;
}

/* ---- tallies and clocks ---- */

uint32_t kase_tally(const struct kase *kase, const char *event) {
    for (size_t i = 0; i < kase->row.n_tallies; i++) {
        if (text_eq(kase->row.tallies[i]->event, event)) {
            return kase->row.tallies[i]->times;
        }
    }
    return 0;
}

void kase_count(struct kase *kase, const char *event) {
    Engine__Stored *row = &kase->row;

    kase->dirty = true;
    for (size_t i = 0; i < row->n_tallies; i++) {
        if (text_eq(row->tallies[i]->event, event)) {
            row->tallies[i]->times++;
            return;
        }
    }
    Engine__Tally *tally = arena_alloc(kase->arena, sizeof *tally);
    engine__tally__init(tally);
    tally->event = event;
    tally->times = 1;
    Engine__Tally **list = arena_alloc(kase->arena, (row->n_tallies + 1) * sizeof(Engine__Tally *));
    if (row->n_tallies > 0) {
        memcpy(list, row->tallies, row->n_tallies * sizeof(Engine__Tally *));
    }
    list[row->n_tallies++] = tally;
    row->tallies = list;
}

Engine__Running *kase_clock(const struct kase *kase, const char *name) {
    for (size_t i = kase->row.n_clocks; i > 0; i--) {
        if (text_eq(kase->row.clocks[i - 1]->name, name)) {
            return kase->row.clocks[i - 1];
        }
    }
    return NULL;
}

/* Room for one more: the oldest ended one goes when there are too many. */
static void forget_one_clock(Engine__Stored *row) {
    size_t place = 0;

    while (place < row->n_clocks && row->clocks[place]->ended_ms == 0) {
        place++;
    }
    assert(place < row->n_clocks); /* more running clocks than a procedure can have */
    memmove(row->clocks + place, row->clocks + place + 1,
            (row->n_clocks - place - 1) * sizeof(Engine__Running *));
    row->n_clocks--;
}

Engine__Running *kase_clock_add(struct kase *kase, const char *name) {
    Engine__Stored *row = &kase->row;
    Engine__Running *clock = arena_alloc(kase->arena, sizeof *clock);

    engine__running__init(clock);
    clock->name = name;
    if (row->n_clocks >= KASE_CLOCKS_MAX) {
        forget_one_clock(row);
    }
    Engine__Running **list = arena_alloc(kase->arena,
                                         (row->n_clocks + 1) * sizeof(Engine__Running *));
    if (row->n_clocks > 0) {
        memcpy(list, row->clocks, row->n_clocks * sizeof(Engine__Running *));
    }
    list[row->n_clocks++] = clock;
    row->clocks = list;
    kase->dirty = true;
    return clock;
}

const char *kase_class(const struct kase *kase, const char **key) {
    const Manual__Procedure *procedure = kase->procedure;

    for (size_t c = 0; c < procedure->n_clocks; c++) {
        for (size_t l = 0; l < procedure->clocks[c]->n_limit; l++) {
            *key = procedure->clocks[c]->limit[l]->class_field;
            if (**key) {
                return kase_text(kase, *key);
            }
        }
    }
    *key = "";
    return "";
}

bool kase_list_has(const char *list, const char *one) {
    const size_t size = strlen(one);

    while (size > 0 && *list) {
        size_t length = strcspn(list, ";");
        if (length == size && memcmp(list, one, size) == 0) {
            return true;
        }
        list += length + (list[length] == ';');
    }
    return false;
}

/* ---- others ---- */

int kase_children(struct call *call, const char *number, size_t max, struct child *children,
                  struct err *err) {
    struct query q = QUERY(call->store, "SELECT number, home, procedure, state, open FROM cases"
                                        " WHERE parent = ?1 AND parent <> '' ORDER BY id LIMIT ?2");
    int count = 0;
    int more = 0;

    query_bind_text(&q, 1, number);
    query_bind_i64(&q, 2, (int64_t)max);
    while ((more = query_step(&q, err)) == 1) {
        children[count].number = query_text(&q, 0, call->arena);
        children[count].home = query_text(&q, 1, call->arena);
        children[count].procedure = query_text(&q, 2, call->arena);
        children[count].state = query_text(&q, 3, call->arena);
        children[count].open = query_i64(&q, 4) == 1;
        count++;
    }
    return more < 0 ? -1 : count;
}

int kase_child_elsewhere(struct call *call, const struct child *child, const char *parent,
                         const char *unit, int64_t event_ms, struct err *err) {
    struct query q = QUERY(
        call->store,
        "INSERT INTO cases(number, home, procedure, state, unit, parent, owner, handler, matter,"
        " open, overdue, due_ms, event_ms, closed_ms, body)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, '', '', '', ?7, 0, 0, ?8, iif(?7, 0, ?8), x'')"
        " ON CONFLICT(number) DO UPDATE SET state = excluded.state, open = excluded.open,"
        " closed_ms = excluded.closed_ms");

    query_bind_text(&q, 1, child->number);
    query_bind_text(&q, 2, child->home);
    query_bind_text(&q, 3, child->procedure);
    query_bind_text(&q, 4, child->state);
    query_bind_text(&q, 5, unit);
    query_bind_text(&q, 6, parent);
    query_bind_i64(&q, 7, child->open);
    query_bind_i64(&q, 8, event_ms);
    return query_done(&q, err);
}

int kase_same_matter(struct call *call, const char *matter, size_t max, const char **numbers,
                     struct err *err) {
    struct query q = QUERY(call->store, "SELECT number FROM cases WHERE matter = ?1"
                                        " AND matter <> '' AND open = 1 ORDER BY id DESC LIMIT ?2");
    int count = 0;
    int more = 0;

    query_bind_text(&q, 1, matter);
    query_bind_i64(&q, 2, (int64_t)max);
    while ((more = query_step(&q, err)) == 1) {
        numbers[count++] = query_text(&q, 0, call->arena);
    }
    return more < 0 ? -1 : count;
}

int kase_like(struct call *call, const char *matter, const char *procedure, const char *unit,
              size_t max, const char **numbers, struct err *err) {
    struct query q = *matter ? QUERY(call->store,
                                     "SELECT number FROM cases WHERE matter = ?1 AND matter <> ''"
                                     " AND home = '' ORDER BY id DESC LIMIT ?4")
                             : QUERY(call->store,
                                     "SELECT number FROM cases WHERE procedure = ?2 AND unit = ?3"
                                     " AND unit <> '' AND home = '' ORDER BY id DESC LIMIT ?4");
    int count = 0;
    int more = 0;

    if (*matter) {
        query_bind_text(&q, 1, matter);
    } else {
        query_bind_text(&q, 2, procedure);
        query_bind_text(&q, 3, unit);
    }
    query_bind_i64(&q, 4, (int64_t)max);
    while ((more = query_step(&q, err)) == 1) {
        numbers[count++] = query_text(&q, 0, call->arena);
    }
    return more < 0 ? -1 : count;
}
