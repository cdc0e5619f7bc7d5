/*
 * import - a CSV file on its way: its rows leave in order, each once, whatever the file is.  The
 * first byte says what the services at the other end answer.
 */
#include "host/import.h"

#include "base/csv.h"
#include "fuzz.h"
#include "shouwen/patrol/v1/patrol.pb-c.h"

enum {
    PARTIAL = 1,  /* bits of the first byte */
    BAD_ROWS = 2, /* some rows are called bad */
    KNOWN = 4,    /* registry knows the people whom patrol does not */
    LATE = 8,     /* an import takes its time */
    FAILS = 16,   /* and one request is not answered */
    WAITS_MAX = 4,
    PART_MAX = 256,
};

struct other {
    unsigned does;
    uint32_t asked, waited;
    uint32_t line; /* of the last row that came */
    size_t rows;
};

static ProtobufCMessage *keep(const ProtobufCMessage *message, struct arena *arena) {
    ProtobufCAllocator allocator = arena_protobuf(arena);
    struct bytes packed = fuzz_packed(message, arena);

    return protobuf_c_message_unpack(message->descriptor, &allocator, packed.size, packed.data);
}

static void take_rows(struct other *other, const Registry__ImportRowsRequest *request) {
    FUZZ_CHECK(request->n_rows > 0 && request->n_rows <= PART_MAX);
    for (size_t i = 0; i < request->n_rows; i++) {
        FUZZ_CHECK(request->rows[i]->line > other->line);
        FUZZ_CHECK(!request->rows[i]->mistake[0] || request->rows[i]->n_values == 0);
        other->line = request->rows[i]->line;
    }
    other->rows += request->n_rows;
}

static ProtobufCMessage *progress(struct other *other, struct arena *arena) {
    Registry__GetImportReply reply = REGISTRY__GET_IMPORT_REPLY__INIT;
    Registry__ImportProgress made = REGISTRY__IMPORT_PROGRESS__INIT;
    Registry__BadRow row = REGISTRY__BAD_ROW__INIT, *rows = &row;
    Registry__Mistake mistake = REGISTRY__MISTAKE__INIT, *mistakes = &mistake;

    made.state = other->waited < 2 && (other->does & LATE) ? "checking"
                 : other->does & BAD_ROWS                  ? "refused"
                                                           : "done";
    made.bad = other->does & BAD_ROWS ? 1 : 0;
    mistake.rule = "row_field";
    row.line = other->line;
    row.n_mistakes = 1;
    row.mistakes = &mistakes;
    reply.progress = &made;
    reply.n_bad_rows = made.bad;
    reply.bad_rows = &rows;
    return keep(&reply.base, arena);
}

static ProtobufCMessage *roster(struct other *other, const Patrol__ImportRosterRequest *request,
                                struct arena *arena) {
    Patrol__ImportRosterReply reply = PATROL__IMPORT_ROSTER_REPLY__INIT;
    Patrol__BadDuty bad = PATROL__BAD_DUTY__INIT, *list = &bad;

    FUZZ_CHECK(request->n_duties <= PART_MAX && request->period[0] && request->part > 0);
    other->rows += request->n_duties;
    if ((other->does & BAD_ROWS) && request->n_duties > 0) {
        bad.line = request->duties[0]->line;
        bad.field = "staff";
        bad.rule = "roster_staff";
        reply.n_bad = 1;
        reply.bad = &list;
    }
    return keep(&reply.base, arena);
}

static ProtobufCMessage *ask(void *arg, const char *service, const char *method,
                             const ProtobufCMessage *request,
                             const ProtobufCMessageDescriptor *reply_type, struct arena *arena,
                             struct err *err) {
    struct other *other = arg;

    FUZZ_CHECK(strcmp(service, "registry") == 0 || strcmp(service, "patrol") == 0);
    FUZZ_CHECK(strstr(method, "/"));
    if (++other->asked == 3 && (other->does & FAILS)) {
        (void)err_set(err, ERR_UNAVAILABLE, "link_down", "service=%s", service);
        return NULL;
    }
    if (reply_type == &patrol__import_roster_reply__descriptor) {
        return roster(other, (const Patrol__ImportRosterRequest *)request, arena);
    }
    if (reply_type == &registry__get_import_reply__descriptor) {
        return progress(other, arena);
    }
    if (reply_type == &registry__import_rows_reply__descriptor) {
        take_rows(other, (const Registry__ImportRowsRequest *)request);
    }
    if (reply_type == &registry__get_staff_reply__descriptor && (other->does & KNOWN)) {
        Registry__GetStaffReply reply = REGISTRY__GET_STAFF_REPLY__INIT;
        Registry__Staff staff = REGISTRY__STAFF__INIT;
        reply.staff = &staff;
        return keep(&reply.base, arena);
    }
    ProtobufCMessage *empty = arena_alloc(arena, reply_type->sizeof_message);
    protobuf_c_message_init(reply_type, empty);
    return empty;
}

static int wait(void *arg, struct err *err) {
    struct other *other = arg;

    return ++other->waited < WAITS_MAX ? 0 : err_set(err, ERR_DEADLINE, "link_slow", "waits=%d", 4);
}

/* Rows behind the header. */
static size_t count_rows(struct bytes file, struct arena *arena) {
    struct csv csv = csv_open(file);
    struct csv_row row;
    size_t count = 0;
    const size_t used = arena_used(arena);

    while (csv_next(&csv, &row, arena) == 1) {
        count++;
        arena_rewind(arena, used);
    }
    return count > 0 ? count - 1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena = fuzz_arena();
    struct bytes rest = {data, size};
    struct other other = {.does = fuzz_byte(&rest)};
    const struct import_link link = {&other, ask, wait};
    struct import_result result, again;
    struct err err = {0};

    if (import_file(&link, rest, other.does & PARTIAL, &result, arena, &err)) {
        fuzz_refused(&err);
        return 0;
    }
    FUZZ_CHECK(result.kind && result.bad_count <= IMPORT_BAD_MAX);
    FUZZ_CHECK(result.rows == count_rows(rest, arena));
    other = (struct other){.does = other.does};
    FUZZ_CHECK(import_path(&link, fuzz_path(rest), other.does & PARTIAL, &again, arena, &err) == 0);
    FUZZ_CHECK(again.rows == result.rows && again.bad == result.bad);
    return 0;
}
