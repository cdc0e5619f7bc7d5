#include "services/reports/known.h"

#include <string.h>

#include "base/text.h"
#include "core/event.h"
#include "store/query.h"

/* The fields that stand first in an event of a case, in this order: what comes after
 * them are the form's, which may have the same names. */
static const char *const open_head[] = {"procedure", "state",  "unit",      "parent",    "opener",
                                        "estate",    "matter", "counts_as", "late_entry"};
static const char *const step_head[] = {"from", "state", "round", "contacts", "trips", "ended"};

enum { OPEN_HEAD = 9, STEP_HEAD = 6 };

/* ---- in the store ---- */

static int unpack(struct call *call, struct query *q, int column, struct known *known,
                  struct err *err) {
    ProtobufCAllocator allocator = arena_protobuf(call->arena);
    size_t size = 0;
    const uint8_t *body = query_blob(q, column, call->arena, &size);
    const Reports__Known *row = reports__known__unpack(&allocator, size, body);

    if (!row) {
        return err_plain(err, ERR_EXHAUSTED, "what is known of %s does not fit", known->case_no);
    }
    known->row = *row;
    return 0;
}

int known_load(struct call *call, const char *case_no, struct known *known, struct err *err) {
    struct query q = QUERY(call->store, "SELECT body FROM known WHERE case_no = ?1");

    known->case_no = case_no;
    reports__known__init(&known->row);
    query_bind_text(&q, 1, case_no);
    int found = query_step(&q, err);
    if (found == 1 && unpack(call, &q, 0, known, err)) {
        found = -1;
    }
    query_end(&q);
    return found;
}

int known_save(struct call *call, const struct known *known, struct err *err) {
    const size_t used = arena_used(call->arena);
    const size_t size = reports__known__get_packed_size(&known->row);
    uint8_t *body = arena_alloc(call->arena, size + 1);

    (void)reports__known__pack(&known->row, body);
    struct query q = QUERY(call->store,
                           "INSERT INTO known(case_no, procedure, unit, parent, opened_ms, body)"
                           " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(case_no) DO UPDATE SET"
                           " procedure = excluded.procedure, unit = excluded.unit,"
                           " parent = excluded.parent, opened_ms = excluded.opened_ms,"
                           " body = excluded.body");
    query_bind_text(&q, 1, known->case_no);
    query_bind_text(&q, 2, known->row.procedure);
    query_bind_text(&q, 3, known->row.unit);
    query_bind_text(&q, 4, known->row.parent);
    query_bind_i64(&q, 5, known->row.opened_ms);
    query_bind_blob(&q, 6, body, size);
    int rc = query_done(&q, err);
    arena_rewind(call->arena, used);
    return rc;
}

static int read_list(struct call *call, struct query *q, size_t max, struct known *list,
                     struct err *err) {
    size_t count = 0;
    int more = 0;

    while (count < max && (more = query_step(q, err)) == 1) {
        list[count].case_no = query_text(q, 0, call->arena);
        if (unpack(call, q, 1, &list[count], err)) {
            query_end(q);
            return -1;
        }
        count++;
    }
    query_end(q);
    return more < 0 ? -1 : (int)count;
}

int known_children(struct call *call, const char *case_no, size_t max, struct known *list,
                   struct err *err) {
    struct query q = QUERY(call->store, /* scan: sorts the children of a case */
                           "SELECT case_no, body FROM known WHERE parent = ?1"
                           " AND parent <> '' ORDER BY case_no LIMIT ?2");

    query_bind_text(&q, 1, case_no);
    query_bind_i64(&q, 2, (int64_t)max);
    return read_list(call, &q, max, list, err);
}

int known_like(struct call *call, const char *procedure, const struct known *known, size_t max,
               struct known *list, struct err *err) {
    struct query q = QUERY(call->store,
                           "SELECT case_no, body FROM known WHERE procedure = ?1 AND unit = ?2"
                           " AND unit <> '' AND case_no <> ?3 AND opened_ms <= ?4"
                           " ORDER BY opened_ms DESC, case_no DESC LIMIT ?5");

    query_bind_text(&q, 1, procedure);
    query_bind_text(&q, 2, known->row.unit);
    query_bind_text(&q, 3, known->case_no);
    query_bind_i64(&q, 4, known->row.opened_ms);
    query_bind_i64(&q, 5, (int64_t)max);
    return read_list(call, &q, max, list, err);
}

int known_later(struct call *call, const char *procedure, const struct known *known, size_t max,
                struct known *list, struct err *err) {
    struct query q = QUERY(call->store,
                           "SELECT case_no, body FROM known WHERE procedure = ?1 AND unit = ?2"
                           " AND unit <> '' AND case_no <> ?3 AND opened_ms >= ?4"
                           " ORDER BY opened_ms, case_no LIMIT ?5");

    query_bind_text(&q, 1, procedure);
    query_bind_text(&q, 2, known->row.unit);
    query_bind_text(&q, 3, known->case_no);
    query_bind_i64(&q, 4, known->row.opened_ms);
    query_bind_i64(&q, 5, (int64_t)max);
    return read_list(call, &q, max, list, err);
}

/* ---- fields ---- */

const Wire__Value *known_field(const struct known *known, const char *key) {
    return value_find(known->row.fields, known->row.n_fields, key);
}

/* What conditions can ask about: no rows, no ciphertext, of long texts the beginning. */
static Wire__Value *kept(const Wire__Value *value, struct arena *arena) {
    Wire__Value *copy = ARENA_NEW(arena, Wire__Value);

    *copy = *value;
    if (value->kind_case == WIRE__VALUE__KIND_TEXT && strlen(value->text) > KNOWN_TEXT_MAX) {
        copy->text = arena_copy(arena, value->text, KNOWN_TEXT_MAX);
    } else if (value->kind_case == WIRE__VALUE__KIND_SEALED
               || value->kind_case == WIRE__VALUE__KIND_ROWS) {
        copy->kind_case = WIRE__VALUE__KIND_FLAG;
        copy->flag = true;
    }
    return copy;
}

/* Fields are kept in the order of their keys; one without a value is cleared. */
static void put_field(Reports__Known *row, const Wire__Value *value, struct arena *arena) {
    size_t place = 0;

    while (place < row->n_fields && strcmp(row->fields[place]->key, value->key) < 0) {
        place++;
    }
    bool there = place < row->n_fields && text_eq(row->fields[place]->key, value->key);
    if (value->kind_case == WIRE__VALUE__KIND__NOT_SET) {
        if (there) {
            memmove(&row->fields[place], &row->fields[place + 1],
                    (row->n_fields - place - 1) * sizeof *row->fields);
            row->n_fields--;
        }
        return;
    }
    if (!there) {
        Wire__Value **fields = arena_alloc(arena, (row->n_fields + 1) * sizeof *fields);
        for (size_t i = 0; i < row->n_fields; i++) {
            fields[i < place ? i : i + 1] = row->fields[i];
        }
        row->fields = fields;
        row->n_fields++;
    }
    row->fields[place] = kept(value, arena);
}

/* How many fields of the event are its head. */
static size_t skip_head(const Wire__Event *event, const char *const *head, size_t count) {
    size_t skipped = 0;

    for (size_t i = 0; i < count && skipped < event->n_fields; i++) {
        skipped += text_eq(event->fields[skipped]->key, head[i]);
    }
    return skipped;
}

static void put_fields(Reports__Known *row, const Wire__Event *event, size_t from,
                       struct arena *arena) {
    for (size_t i = from; i < event->n_fields; i++) {
        put_field(row, event->fields[i], arena);
    }
}

uint32_t known_tally(const struct known *known, const char *event) {
    for (size_t i = 0; i < known->row.n_tallies; i++) {
        if (text_eq(known->row.tallies[i]->event, event)) {
            return known->row.tallies[i]->count;
        }
    }
    return 0;
}

static void count_event(Reports__Known *row, const char *event, struct arena *arena) {
    size_t place = 0;

    while (place < row->n_tallies && strcmp(row->tallies[place]->event, event) < 0) {
        place++;
    }
    if (place == row->n_tallies || !text_eq(row->tallies[place]->event, event)) {
        Reports__Tally **tallies = arena_alloc(arena, (row->n_tallies + 1) * sizeof *tallies);
        for (size_t i = 0; i < row->n_tallies; i++) {
            tallies[i < place ? i : i + 1] = row->tallies[i];
        }
        tallies[place] = ARENA_NEW(arena, Reports__Tally);
        reports__tally__init(tallies[place]);
        tallies[place]->event = event;
        row->tallies = tallies;
        row->n_tallies++;
    }
    row->tallies[place]->count++;
}

/* ---- events ---- */

/* The estate is the beginning of a case number. */
static const char *estate_of(const char *case_no, struct arena *arena) {
    return arena_copy(arena, case_no, strcspn(case_no, "-"));
}

static void apply_open(struct known *known, const Wire__Event *event, struct arena *arena) {
    Reports__Known *row = &known->row;
    size_t head = skip_head(event, open_head, OPEN_HEAD);
    const char *counts_as = value_text(event->fields, head, "counts_as");

    row->procedure = value_text(event->fields, head, "procedure");
    row->state = value_text(event->fields, head, "state");
    row->unit = value_text(event->fields, head, "unit");
    row->parent = value_text(event->fields, head, "parent");
    row->estate = estate_of(event->case_no, arena);
    row->opened_ms = event->event_ms;
    row->round = 1;
    row->contacts = 1;
    row->trips = 1;
    row->late_entry = value_flag(event->fields, head, "late_entry");
    if (*counts_as) {
        count_event(row, counts_as, arena);
    }
    put_fields(row, event, head, arena);
}

static void apply_step(struct known *known, const Wire__Event *event, const char *name,
                       struct arena *arena) {
    Reports__Known *row = &known->row;
    size_t head = skip_head(event, step_head, STEP_HEAD);
    uint32_t round = (uint32_t)value_i64(event->fields, head, "round", row->round);

    row->state = value_text(event->fields, head, "state");
    if (round != row->round) {
        row->round = round;
        row->n_tallies = 0;
    }
    row->contacts = (uint32_t)value_i64(event->fields, head, "contacts", row->contacts);
    row->trips = (uint32_t)value_i64(event->fields, head, "trips", row->trips);
    if (!value_flag(event->fields, head, "ended")) {
        row->closed_ms = 0;
    } else if (row->closed_ms == 0) {
        row->closed_ms = event->event_ms;
    }
    count_event(row, name, arena);
    put_fields(row, event, head, arena);
}

static bool first_fields_are(const Wire__Event *event, const char *first, const char *second) {
    return event->n_fields >= 2 && text_eq(event->fields[0]->key, first)
           && text_eq(event->fields[1]->key, second);
}

bool known_apply(struct known *known, const Wire__Event *event, struct arena *arena) {
    const char *dot = strchr(event->topic, '.');

    if (!*event->case_no || !dot) {
        return false;
    }
    if (text_eq(dot, ".open") && first_fields_are(event, "procedure", "state")) {
        apply_open(known, event, arena);
        return true;
    }
    if (first_fields_are(event, "from", "state")) {
        apply_step(known, event, dot + 1, arena);
        return true;
    }
    return false;
}

/* ---- clocks ---- */

static int put_clock(struct call *call, const char *case_no, const struct known_clock *clock,
                     struct err *err) {
    struct query q = QUERY(call->store,
                           "INSERT OR REPLACE INTO known_clock(case_no, clock, round, due_ms,"
                           " ended_ms, met, late, mark) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");

    query_bind_text(&q, 1, case_no);
    query_bind_text(&q, 2, clock->clock);
    query_bind_i64(&q, 3, clock->round);
    query_bind_i64(&q, 4, clock->due_ms);
    query_bind_i64(&q, 5, clock->ended_ms);
    query_bind_i64(&q, 6, clock->met);
    query_bind_i64(&q, 7, clock->late);
    query_bind_i64(&q, 8, clock->mark);
    return query_done(&q, err);
}

static int find_clock(struct call *call, const char *case_no, struct known_clock *clock,
                      struct err *err) {
    struct query q = QUERY(call->store, "SELECT due_ms, ended_ms, met, late, mark FROM known_clock"
                                        " WHERE case_no = ?1 AND clock = ?2 AND round = ?3");

    query_bind_text(&q, 1, case_no);
    query_bind_text(&q, 2, clock->clock);
    query_bind_i64(&q, 3, clock->round);
    int found = query_step(&q, err);
    if (found == 1) {
        clock->due_ms = query_i64(&q, 0);
        clock->ended_ms = query_i64(&q, 1);
        clock->met = query_i64(&q, 2) != 0;
        clock->late = query_i64(&q, 3) != 0;
        clock->mark = query_i64(&q, 4);
    }
    query_end(&q);
    return found;
}

int known_clock_apply(struct call *call, const Wire__Event *event, struct err *err) {
    enum { DUE_MARK = 100 };
    const char *name = strchr(event->topic, '.');
    struct known_clock clock = {
        .clock = value_text(event->fields, event->n_fields, "clock"),
        .round = value_i64(event->fields, event->n_fields, "round", 1),
    };

    if (!*event->case_no || !text_starts(event->topic, "clock.") || !*clock.clock) {
        return 0;
    }
    if (find_clock(call, event->case_no, &clock, err) < 0) {
        return -1;
    }
    clock.due_ms = value_i64(event->fields, event->n_fields, "due", clock.due_ms);
    if (text_eq(name, ".met") || text_eq(name, ".stopped")) {
        clock.ended_ms = value_i64(event->fields, event->n_fields, "ended", event->event_ms);
        clock.met = text_eq(name, ".met");
        clock.late = value_flag(event->fields, event->n_fields, "late");
    } else if (text_eq(name, ".started") || text_eq(name, ".moved")) {
        clock.ended_ms = 0;
        clock.met = false;
        clock.late = false;
        clock.mark = 0;
    } else {
        clock.mark = value_i64(event->fields, event->n_fields, "mark", clock.mark);
        clock.late = clock.late || clock.mark >= DUE_MARK;
    }
    return put_clock(call, event->case_no, &clock, err) ? -1 : 1;
}

int known_clocks(struct call *call, const char *case_no, const char *clock, size_t max,
                 struct known_clock *list, struct err *err) {
    struct query q = QUERY(call->store, "SELECT clock, round, due_ms, ended_ms, met, late, mark"
                                        " FROM known_clock WHERE case_no = ?1 AND clock = ?2"
                                        " ORDER BY round LIMIT ?3");
    size_t count = 0;
    int more = 0;

    query_bind_text(&q, 1, case_no);
    query_bind_text(&q, 2, clock);
    query_bind_i64(&q, 3, (int64_t)max);
    while (count < max && (more = query_step(&q, err)) == 1) {
        list[count++] = (struct known_clock){
            .clock = query_text(&q, 0, call->arena),
            .round = query_i64(&q, 1),
            .due_ms = query_i64(&q, 2),
            .ended_ms = query_i64(&q, 3),
            .met = query_i64(&q, 4) != 0,
            .late = query_i64(&q, 5) != 0,
            .mark = query_i64(&q, 6),
        };
    }
    query_end(&q);
    return more < 0 ? -1 : (int)count;
}
