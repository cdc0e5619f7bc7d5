/*
 * rehearse - scenario files, played on a stage of cardboard: it knows two people, a unit and a
 * case, says yes or no in turn, and ends a play that goes on for too long.
 */
#include "host/rehearse.h"

#include "base/text.h"
#include "cli/services.h"
#include "core/event.h"
#include "fuzz.h"
#include "shouwen/cases/v1/cases.pb-c.h"

enum { TURNS_MAX = 300, EVENTS = 4, REFUSED = 11 };

struct stage {
    int64_t now_ms;
    int turns;
};

static int turn(struct stage *stage, struct err *err) {
    return ++stage->turns < TURNS_MAX ? 0 : err_plain(err, ERR_DEADLINE, "the stage is closed");
}

static int64_t now(void *arg) {
    return ((struct stage *)arg)->now_ms;
}

static int advance(void *arg, int64_t to_ms, struct err *err) {
    struct stage *stage = arg;

    FUZZ_CHECK(to_ms >= stage->now_ms);
    stage->now_ms = to_ms;
    return turn(stage, err);
}

static int settle(void *arg, struct err *err) {
    return turn(arg, err);
}

static int begin(void *arg, int64_t start_ms, struct err *err) {
    (void)err;
    ((struct stage *)arg)->now_ms = start_ms;
    return 0;
}

/* ---- what it says ---- */

static void add_rows(struct values *fields, const struct stage *stage) {
    Wire__Value value = WIRE__VALUE__INIT;
    struct arena *arena = fields->arena;
    Wire__Rows *rows = ARENA_NEW(arena, Wire__Rows);
    Wire__Row *row = ARENA_NEW(arena, Wire__Row);
    static const char *const keys[] = {"name", "qty", "told", "at", "price"};

    wire__rows__init(rows);
    wire__row__init(row);
    rows->row = arena_alloc(arena, sizeof(*rows->row));
    rows->row[rows->n_row++] = row;
    row->cell = arena_alloc(arena, sizeof keys);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        Wire__Cell *cell = ARENA_NEW(arena, Wire__Cell);
        wire__cell__init(cell);
        cell->key = keys[i];
        cell->kind_case = (Wire__Cell__KindCase)(WIRE__CELL__KIND_TEXT + i);
        row->cell[row->n_cell++] = cell;
    }
    row->cell[0]->text = "Pipe";
    row->cell[1]->integer = 2;
    row->cell[3]->ms = stage->now_ms;
    value.key = "materials";
    value.kind_case = WIRE__VALUE__KIND_ROWS;
    value.rows = rows;
    values_add(fields, &value);
}

static Cases__Case *a_case(const struct stage *stage, struct arena *arena) {
    Cases__Case *kase = ARENA_NEW(arena, Cases__Case);
    Cases__CaseClock *clock = ARENA_NEW(arena, Cases__CaseClock);
    struct values fields = {.arena = arena};

    cases__case__init(kase);
    cases__case_clock__init(clock);
    kase->case_no = "E01-KF011-20250711-0001";
    kase->procedure = "repair";
    kase->state = "registered";
    kase->unit = "2-1-501";
    kase->first_contact_owner = "S101";
    clock->name = "dispatch";
    clock->result = "running";
    clock->started_ms = stage->now_ms;
    clock->due_ms = stage->now_ms + 120000;
    kase->clocks = arena_alloc(arena, sizeof(*kase->clocks));
    kase->clocks[0] = clock;
    kase->n_clocks = 1;
    values_add_text(&fields, "urgency", "E1");
    values_add_text(&fields, "content", "Burst pipe");
    values_add_i64(&fields, "photos", 2);
    values_add_flag(&fields, "rework", true);
    values_add_ms(&fields, "slot_from", stage->now_ms);
    values_add_text(&fields, "tags", "c;S101");
    add_rows(&fields, stage);
    kase->fields = fields.list;
    kase->n_fields = fields.count;
    return kase;
}

static struct bytes said_to(const struct stage *stage, const char *method, struct arena *arena) {
    if (strstr(method, "/OpenCase")) {
        Cases__OpenCaseReply reply = CASES__OPEN_CASE_REPLY__INIT;
        reply.case_no = "E01-KF011-20250711-0001";
        reply.contact_no = "E01-KF001-20250711-0001";
        reply.case_ = a_case(stage, arena);
        return fuzz_packed(&reply.base, arena);
    }
    if (strstr(method, "/GetCase") || strstr(method, "/FireEvent")
        || strstr(method, "/LinkContact")) {
        Cases__GetCaseReply reply = CASES__GET_CASE_REPLY__INIT; /* all three begin with it */
        reply.case_ = a_case(stage, arena);
        return fuzz_packed(&reply.base, arena);
    }
    if (strstr(method, "/ListCases")) {
        Cases__ListCasesReply reply = CASES__LIST_CASES_REPLY__INIT;
        Cases__Case *kase = a_case(stage, arena);
        reply.cases = &kase;
        reply.n_cases = reply.total = 1;
        return fuzz_packed(&reply.base, arena);
    }
    return (struct bytes){0};
}

static int ask(void *arg, const struct rehearsal_request *request, uint8_t *id_used,
               Wire__Reply **reply, struct arena *arena, struct err *err) {
    struct stage *stage = arg;

    FUZZ_CHECK(request->caller && request->service && request->method);
    memset(id_used, stage->turns, CORE_ID_SIZE);
    *reply = ARENA_NEW(arena, Wire__Reply);
    wire__reply__init(*reply);
    if (stage->turns % REFUSED == REFUSED - 1) {
        (*reply)->code = WIRE__CODE__PERMISSION_DENIED;
        (*reply)->rule = "not_permitted";
        (*reply)->message = "You may not do this.";
    } else {
        struct bytes payload = said_to(stage, request->method, arena);
        (*reply)->payload = (ProtobufCBinaryData){payload.size, (uint8_t *)(uintptr_t)payload.data};
    }
    return turn(stage, err);
}

/* ---- what has happened ---- */

static struct bytes event_of(const char *service, uint64_t position, struct arena *arena) {
    static const char *const topics[] = {"staff.changed", "staff.changed", "unit.changed",
                                         "repair.open"};
    Wire__Event event = WIRE__EVENT__INIT;
    struct values fields = {.arena = arena};

    event.topic = topics[position % EVENTS];
    event.service = service;
    event.seq = event.position = position + 1;
    event.case_no = position == 3 ? "E01-KF011-20250711-0001" : "";
    event.actor = "S101";
    values_add_text(&fields, "staff", position == 0 ? "S101" : "S402");
    values_add_text(&fields, "name", position == 0 ? "王丽" : "周涛");
    values_add_text(&fields, "roles", position == 0 ? "desk;keyk" : "eng");
    values_add_text(&fields, "dept", "cs");
    values_add_text(&fields, "unit", "2-1-501");
    values_add_text(&fields, "building", "2");
    event.fields = fields.list;
    event.n_fields = fields.count;
    return fuzz_packed(&event.base, arena);
}

static int events(void *arg, const char *service, uint64_t after, size_t max, struct arena *arena,
                  struct bytes *list, struct err *err) {
    int count = 0;

    (void)arg;
    (void)err;
    for (uint64_t at = after; text_eq(service, "ticketing") && at < EVENTS && count < (int)max;
         at++) {
        list[count++] = event_of(service, at, arena);
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct stage stage = {0};
    const struct rehearse_stage functions = {.arg = &stage,
                                             .now = now,
                                             .advance = advance,
                                             .settle = settle,
                                             .ask = ask,
                                             .events = events,
                                             .begin = begin};
    struct rehearse_result result;
    char *said = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&said, &length);

    FUZZ_CHECK(out);
    const struct rehearse_options options = {.services = services_all,
                                             .manual = "manual",
                                             .demo = "deploy/demo",
                                             .locale = "en",
                                             .explain = size % 2,
                                             .seed = 1,
                                             .out = out,
                                             .stage = &functions};
    rehearse_file(&options, fuzz_path((struct bytes){data, size}), &result);
    FUZZ_CHECK(fclose(out) == 0);
    /* What does not hold is said, with its place. */
    FUZZ_CHECK(result.failures == 0 || strstr(said, "/proc/self/fd/"));
    FUZZ_CHECK(result.played || result.failures > 0);
    free(said);
    return 0;
}
