/*
 * The world in one process: time moves only when told to, messages arrive, what breaks
 * breaks as it would, and equal seeds give equal events.
 */
#include "harness.h"

#include <dirent.h>

#include <sodium.h>

#include "core/event.h"
#include "core/timer.h"
#include "host/rehearsal.h"
#include "services/bus/bus.h"
#include "shouwen/ticketing/v1/ticketing.pb-c.h"
#include "store/query.h"

enum {
    ARENA_SIZE = 4 * 1024 * 1024,
    MINUTE = 60 * 1000,
    SECOND = 1000,
    EVENTS_MAX = 200,
};

static const int64_t start_ms = INT64_C(1752242400000); /* 2025-07-11 22:00 in Beijing */

/* ---- two small services: `teller` tells on request and by the minute, `hearer` hears ---- */

static int put(struct call *call, const char *topic, const char *text, struct err *err) {
    struct values values = {.arena = call->arena};
    Wire__Event event = WIRE__EVENT__INIT;

    values_add_text(&values, "text", text);
    event.topic = topic;
    event.fields = values.list;
    event.n_fields = values.count;
    return event_put(call, &event, err);
}

static int tell(struct call *call, struct err *err) {
    const Cases__OpenCaseRequest *request = call->request;
    Cases__OpenCaseReply *reply = ARENA_NEW(call->arena, Cases__OpenCaseReply);

    cases__open_case_reply__init(reply);
    reply->case_no = request->procedure;
    call->reply = &reply->base;
    if (strcmp(request->procedure, "page") == 0) {
        Notify__Send send = NOTIFY__SEND__INIT;
        send.staff = request->unit;
        send.channel = request->channel;
        send.page = request->parent;
        send.unit = request->resident;
        size_t size = notify__send__get_packed_size(&send);
        uint8_t *data = arena_alloc(call->arena, size + 1);
        (void)notify__send__pack(&send, data);
        return job_put(call, "page", "", (struct bytes){data, size}, 0, err) < 0 ? -1 : 0;
    }
    if (strcmp(request->procedure, "timer") == 0) {
        return timer_set(call, "tick", "t", "", 0, call->now_ms + MINUTE, err);
    }
    return put(call, "teller.told", request->procedure, err);
}

static int not_here(struct call *call, struct err *err) {
    (void)call;
    return err_set(err, ERR_UNIMPLEMENTED, "method_unknown", "method=");
}

static int tick(struct call *call, const struct due *due, struct err *err) {
    (void)due;
    return put(call, "teller.tick", "", err)
           || timer_set(call, "tick", "t", "", 0, call->now_ms + MINUTE, err);
}

static int work(struct bytes input, uint8_t **output, size_t *size, struct err *err) {
    (void)input;
    (void)output;
    (void)size;
    return err_plain(err, ERR_INTERNAL, "a channel's job is not run in a rehearsal");
}

static int paged(struct call *call, const struct job_result *result, struct err *err) {
    static const char *const names[] = {"accepted", "refused", "failed", "unknown"};
    ProtobufCAllocator allocator = arena_protobuf(call->arena);
    const Notify__SendResult *said = notify__send_result__unpack(&allocator, result->output.size,
                                                                 result->output.data);

    return put(call, "teller.paged", said ? names[said->outcome] : "nothing", err);
}

static int hear(struct call *call, struct err *err) {
    return put(call, "hearer.heard", value_text(call->event->fields, call->event->n_fields, "text"),
               err);
}

static const struct method teller_methods[] = {
    {"OpenCase", METHOD_WRITE, GUARD_LOCAL, NULL, tell, false},
    {"FireEvent", METHOD_WRITE, GUARD_LOCAL, NULL, not_here, false},
    {"LinkContact", METHOD_WRITE, GUARD_LOCAL, NULL, not_here, false},
    {"RecordForm", METHOD_WRITE, GUARD_LOCAL, NULL, not_here, false},
    {"GetCase", METHOD_READ, GUARD_LOCAL, NULL, not_here, false},
    {"ListCases", METHOD_READ, GUARD_LOCAL, NULL, not_here, false},
    {0},
};
static const struct timer_kind teller_timers[] = {{"tick", tick, false, 0}, {0}};
static const struct job_kind teller_jobs[] = {{"page", work, paged, true, false, NULL}, {0}};
static const struct subscription hearer_subscriptions[] = {
    {"told", "teller.*", WIRE__LANE__NORMAL, hear},
    {0},
};
static const struct service_def teller_def = {
    .name = "teller",
    .api = &ticketing__ticketing__descriptor,
    .methods = teller_methods,
    .timers = teller_timers,
    .jobs = teller_jobs,
};
static const struct service_def hearer_def = {
    .name = "hearer",
    .subscriptions = hearer_subscriptions,
};
static const struct service_def *const defs[] = {&bus_def, &teller_def, &hearer_def, NULL};

/* ---- the fixture ---- */

struct fixture {
    struct rehearsal *world;
    struct arena *arena;
    struct err err;
    char folder[64];
};

static struct fixture setup(void) {
    struct fixture f = {.arena = arena_new(ARENA_SIZE), .folder = "/tmp/world.XXXXXX"};

    CHECK(mkdtemp(f.folder));
    const struct rehearsal_config config = {
        .services = defs, .folder = f.folder, .seed = 7, .start_ms = start_ms};
    f.world = rehearsal_new(&config, &f.err);
    CHECK_OK(!f.world, f.err);
    CHECK_OK(rehearsal_settle(f.world, &f.err), f.err);
    return f;
}

static void teardown(struct fixture *f) {
    char command[128];

    rehearsal_free(f->world);
    arena_free(f->arena);
    (void)snprintf(command, sizeof command, "rm -rf %s", f->folder);
    CHECK(system(command) == 0);
}

static Wire__Code ask_with(struct fixture *f, const Cases__OpenCaseRequest *request,
                           const uint8_t *id) {
    const struct rehearsal_caller local = {.local = true};
    uint8_t data[512];
    size_t size = cases__open_case_request__pack(request, data);
    Wire__Reply *reply = NULL;

    const struct rehearsal_request asked = {&local, "teller",
                                            "shouwen.ticketing.v1.Ticketing/OpenCase",
                                            (struct bytes){data, size}, id};
    CHECK_OK(rehearsal_ask(f->world, &asked, &reply, f->arena, &f->err), f->err);
    return reply->code;
}

static Wire__Code ask(struct fixture *f, const char *what) {
    Cases__OpenCaseRequest request = CASES__OPEN_CASE_REQUEST__INIT;

    request.procedure = what;
    return ask_with(f, &request, NULL);
}

static void advance(struct fixture *f, int64_t by_ms) {
    CHECK_OK(rehearsal_advance(f->world, rehearsal_now(f->world) + by_ms, &f->err), f->err);
    CHECK_OK(rehearsal_settle(f->world, &f->err), f->err);
}

/* How often a topic (with this text, or any) stands in a store; the last one's time. */
static int count(struct fixture *f, const char *service, const char *topic, const char *text,
                 int64_t *last_ms) {
    struct bytes events[EVENTS_MAX];
    ProtobufCAllocator allocator = arena_protobuf(f->arena);
    int found = 0;
    int all = rehearsal_events(f->world, service, 0, EVENTS_MAX, f->arena, events, &f->err);

    CHECK_OK(all < 0, f->err);
    for (int i = 0; i < all; i++) {
        const Wire__Event *event = wire__event__unpack(&allocator, events[i].size, events[i].data);
        if (strcmp(event->topic, topic) == 0
            && (!text || strcmp(value_text(event->fields, event->n_fields, "text"), text) == 0)) {
            found++;
            if (last_ms) {
                *last_ms = event->event_ms;
            }
        }
    }
    return found;
}

/* ---- tests ---- */

static void what_one_tells_the_other_hears_at_the_same_instant(void) {
    struct fixture f = setup();

    CHECK(ask(&f, "hello") == WIRE__CODE__OK);
    CHECK(count(&f, "teller", "teller.told", "hello", NULL) == 1);
    CHECK(count(&f, "hearer", "hearer.heard", "hello", NULL) == 0); /* not yet delivered */
    CHECK_OK(rehearsal_settle(f.world, &f.err), f.err);
    CHECK(count(&f, "hearer", "hearer.heard", "hello", NULL) == 1);
    CHECK(rehearsal_now(f.world) == start_ms);
    teardown(&f);
}

static void time_moves_only_when_told_and_each_timer_fires_at_its_own(void) {
    struct fixture f = setup();
    int64_t last_ms = 0;

    CHECK(ask(&f, "timer") == WIRE__CODE__OK);
    CHECK_OK(rehearsal_settle(f.world, &f.err), f.err);
    CHECK_OK(rehearsal_advance(f.world, start_ms + 3 * MINUTE, &f.err), f.err);
    /* Before the third minute: two have fired, the third is due at this very instant. */
    CHECK(count(&f, "teller", "teller.tick", NULL, &last_ms) == 2);
    CHECK(last_ms == start_ms + 2 * MINUTE);
    CHECK_OK(rehearsal_settle(f.world, &f.err), f.err);
    CHECK(count(&f, "teller", "teller.tick", NULL, &last_ms) == 3);
    CHECK(last_ms == start_ms + 3 * MINUTE);
    CHECK(count(&f, "hearer", "hearer.heard", NULL, NULL) == 3);
    teardown(&f);
}

static void a_request_comes_before_what_is_due_at_the_same_instant(void) {
    struct fixture f = setup();
    struct bytes events[EVENTS_MAX];

    CHECK(ask(&f, "timer") == WIRE__CODE__OK);
    CHECK_OK(rehearsal_advance(f.world, start_ms + MINUTE, &f.err), f.err);
    CHECK(ask(&f, "in time") == WIRE__CODE__OK);
    CHECK_OK(rehearsal_settle(f.world, &f.err), f.err);
    CHECK(rehearsal_events(f.world, "teller", 0, EVENTS_MAX, f.arena, events, &f.err) == 2);
    ProtobufCAllocator allocator = arena_protobuf(f.arena);
    const Wire__Event *first = wire__event__unpack(&allocator, events[0].size, events[0].data);
    CHECK_TEXT(first->topic, "teller.told");
    teardown(&f);
}

static void the_same_request_again_is_carried_out_once(void) {
    struct fixture f = setup();
    Cases__OpenCaseRequest request = CASES__OPEN_CASE_REQUEST__INIT;
    uint8_t id[CORE_ID_SIZE];

    request.procedure = "once";
    CHECK(ask_with(&f, &request, NULL) == WIRE__CODE__OK);
    memcpy(id, rehearsal_id(f.world), sizeof id);
    CHECK(ask_with(&f, &request, id) == WIRE__CODE__OK);
    CHECK(count(&f, "teller", "teller.told", "once", NULL) == 1);
    CHECK(ask(&f, "once") == WIRE__CODE__OK); /* with a new id */
    CHECK(count(&f, "teller", "teller.told", "once", NULL) == 2);
    request.procedure = "other";
    CHECK(ask_with(&f, &request, id) == WIRE__CODE__INVALID_ARGUMENT);
    teardown(&f);
}

static void a_killed_service_keeps_what_it_answered_and_goes_on_from_its_disk(void) {
    struct fixture f = setup();

    CHECK(ask(&f, "before") == WIRE__CODE__OK);
    CHECK_OK(rehearsal_kill(f.world, "teller", &f.err), f.err);
    CHECK(rehearsal_core(f.world, "teller") == NULL);
    CHECK(ask(&f, "while it is down") == WIRE__CODE__UNAVAILABLE);
    advance(&f, MINUTE);
    CHECK(count(&f, "hearer", "hearer.heard", NULL, NULL) == 0);
    CHECK_OK(rehearsal_start(f.world, "teller", &f.err), f.err);
    advance(&f, MINUTE);
    CHECK(count(&f, "hearer", "hearer.heard", "before", NULL) == 1);
    CHECK(count(&f, "teller", "teller.told", NULL, NULL) == 1);
    CHECK(ask(&f, "after") == WIRE__CODE__OK);
    CHECK_OK(rehearsal_settle(f.world, &f.err), f.err);
    CHECK(count(&f, "hearer", "hearer.heard", "after", NULL) == 1);
    teardown(&f);
}

static void a_bus_that_is_down_loses_nothing_and_doubles_nothing(void) {
    struct fixture f = setup();

    CHECK(ask(&f, "one") == WIRE__CODE__OK);
    CHECK_OK(rehearsal_settle(f.world, &f.err), f.err);
    CHECK_OK(rehearsal_kill(f.world, "bus", &f.err), f.err);
    CHECK(ask(&f, "two") == WIRE__CODE__OK);
    advance(&f, 10 * MINUTE);
    CHECK(count(&f, "hearer", "hearer.heard", NULL, NULL) == 1);
    CHECK_OK(rehearsal_start(f.world, "bus", &f.err), f.err);
    advance(&f, SECOND);
    CHECK(count(&f, "hearer", "hearer.heard", "one", NULL) == 1);
    CHECK(count(&f, "hearer", "hearer.heard", "two", NULL) == 1);
    teardown(&f);
}

static void a_cut_link_holds_back_and_a_mended_one_delivers(void) {
    struct fixture f = setup();

    CHECK_OK(rehearsal_cut(f.world, "hearer", "bus", &f.err), f.err);
    CHECK(ask(&f, "held") == WIRE__CODE__OK);
    advance(&f, 5 * MINUTE);
    CHECK(count(&f, "hearer", "hearer.heard", NULL, NULL) == 0);
    CHECK_OK(rehearsal_mend(f.world, "bus", "hearer", &f.err), f.err);
    advance(&f, SECOND);
    CHECK(count(&f, "hearer", "hearer.heard", "held", NULL) == 1);

    CHECK_OK(rehearsal_cut(f.world, "caller", "teller", &f.err), f.err);
    CHECK(ask(&f, "lost") == WIRE__CODE__UNAVAILABLE);
    CHECK(count(&f, "teller", "teller.told", "lost", NULL) == 0);
    CHECK_OK(rehearsal_mend(f.world, "caller", "teller", &f.err), f.err);
    CHECK(ask(&f, "found") == WIRE__CODE__OK);
    teardown(&f);
}

static void faults_that_cannot_be_are_refused(void) {
    struct fixture f = setup();

    CHECK(rehearsal_kill(f.world, "nobody", &f.err));
    CHECK_TEXT(f.err.args, "there is no service nobody");
    CHECK(rehearsal_start(f.world, "teller", &f.err));
    CHECK_TEXT(f.err.args, "teller runs already");
    CHECK_OK(rehearsal_stop(f.world, "teller", &f.err), f.err);
    CHECK(rehearsal_kill(f.world, "teller", &f.err));
    CHECK_TEXT(f.err.args, "teller is down already");
    CHECK(rehearsal_cut(f.world, "teller", "nobody", &f.err));
    CHECK(rehearsal_mend(f.world, "teller", "bus", &f.err));
    CHECK_OK(rehearsal_cut(f.world, "teller", "bus", &f.err), f.err);
    CHECK(rehearsal_cut(f.world, "bus", "teller", &f.err));
    teardown(&f);
}

static void page(struct fixture *f, const char *staff, const char *channel, const char *reference,
                 const char *unit) {
    Cases__OpenCaseRequest request = CASES__OPEN_CASE_REQUEST__INIT;

    request.procedure = "page";
    request.unit = staff;
    request.channel = channel;
    request.parent = reference;
    request.resident = unit;
    CHECK(ask_with(f, &request, NULL) == WIRE__CODE__OK);
    CHECK_OK(rehearsal_settle(f->world, &f->err), f->err);
}

static void channels_do_what_the_script_says(void) {
    struct fixture f = setup();
    const struct rehearsal_send *sends = NULL;
    int64_t last_ms = 0;

    page(&f, "S402", "webhook", "P1", "");
    CHECK(count(&f, "teller", "teller.paged", "accepted", NULL) == 1);
    CHECK(rehearsal_sends(f.world, &sends) == 1);
    CHECK_TEXT(sends[0].send->staff, "S402");
    CHECK(sends[0].at_ms == start_ms);

    CHECK_OK(rehearsal_channel(f.world, "webhook", "S402", 1, CHANNEL_FAILS, &f.err), f.err);
    page(&f, "S403", "webhook", "P2", ""); /* somebody else */
    page(&f, "S402", "sms", "P2", "");     /* something else */
    CHECK(count(&f, "teller", "teller.paged", "failed", NULL) == 0);
    page(&f, "S402", "webhook", "P3", "");
    CHECK(count(&f, "teller", "teller.paged", "failed", NULL) == 1);
    page(&f, "S402", "webhook", "P4", ""); /* only the first one */
    CHECK(count(&f, "teller", "teller.paged", "failed", NULL) == 1);

    CHECK_OK(rehearsal_channel(f.world, "", "residents", 0, CHANNEL_UNKNOWN, &f.err), f.err);
    page(&f, "S402", "webhook", "P5", "2-1-501"); /* a page to staff about a unit */
    CHECK(count(&f, "teller", "teller.paged", "unknown", NULL) == 0);
    page(&f, "P00001", "sms", "", "2-1-501");
    CHECK(count(&f, "teller", "teller.paged", "unknown", NULL) == 1);
    CHECK_OK(rehearsal_channel(f.world, "", "residents", 0, CHANNEL_WORKS, &f.err), f.err);

    CHECK_OK(rehearsal_channel(f.world, "webhook", "", 0, CHANNEL_HANGS, &f.err), f.err);
    page(&f, "S402", "webhook", "P6", "");
    CHECK(count(&f, "teller", "teller.paged", "unknown", NULL) == 1); /* no outcome yet */
    advance(&f, MINUTE);
    CHECK(count(&f, "teller", "teller.paged", "unknown", &last_ms) == 2);
    CHECK(last_ms == start_ms + 15 * SECOND);
    teardown(&f);
}

static void a_full_disk_refuses_and_loses_nothing(void) {
    struct fixture f = setup();

    CHECK(ask(&f, "before") == WIRE__CODE__OK);
    CHECK_OK(rehearsal_disk_full(f.world, "teller", true, &f.err), f.err);
    CHECK(ask(&f, "while it is full") == WIRE__CODE__RESOURCE_EXHAUSTED);
    CHECK(ask(&f, "still full") == WIRE__CODE__RESOURCE_EXHAUSTED);
    CHECK(count(&f, "teller", "teller.told", NULL, NULL) == 1);
    CHECK_OK(rehearsal_disk_full(f.world, "teller", false, &f.err), f.err);
    CHECK(ask(&f, "after") == WIRE__CODE__OK);
    CHECK(count(&f, "teller", "teller.told", NULL, NULL) == 2);
    CHECK_OK(rehearsal_settle(f.world, &f.err), f.err);
    CHECK(count(&f, "hearer", "hearer.heard", NULL, NULL) == 2);
    teardown(&f);
}

static void a_clock_that_jumps_back_makes_no_service_go_back(void) {
    struct fixture f = setup();
    int64_t last_ms = 0;

    CHECK(ask(&f, "timer") == WIRE__CODE__OK);
    advance(&f, MINUTE);
    CHECK_OK(rehearsal_clock_jump(f.world, -3600 * SECOND, &f.err), f.err);
    advance(&f, 10 * MINUTE);
    int ticks = count(&f, "teller", "teller.tick", NULL, &last_ms);
    CHECK(ticks >= 10 && ticks <= 11);
    CHECK(last_ms > start_ms + 9 * MINUTE && last_ms <= start_ms + 11 * MINUTE);
    teardown(&f);
}

/* All stores' events as one hash. */
static void play(uint8_t hash[32]) {
    struct fixture f = setup();
    struct bytes events[EVENTS_MAX];
    crypto_generichash_state state;

    CHECK(ask(&f, "timer") == WIRE__CODE__OK);
    CHECK(ask(&f, "one") == WIRE__CODE__OK);
    CHECK_OK(rehearsal_kill(f.world, "bus", &f.err), f.err);
    advance(&f, 3 * MINUTE);
    CHECK(ask(&f, "two") == WIRE__CODE__OK);
    CHECK_OK(rehearsal_start(f.world, "bus", &f.err), f.err);
    advance(&f, 3 * MINUTE);
    (void)crypto_generichash_init(&state, NULL, 0, 32);
    for (size_t i = 0; defs[i]; i++) {
        int all = rehearsal_events(f.world, defs[i]->name, 0, EVENTS_MAX, f.arena, events, &f.err);
        CHECK(i == 0 || all > 0);
        for (int n = 0; n < all; n++) {
            (void)crypto_generichash_update(&state, events[n].data, events[n].size);
        }
    }
    (void)crypto_generichash_final(&state, hash, 32);
    teardown(&f);
}

static void equal_seeds_give_equal_events(void) {
    uint8_t first[32];
    uint8_t second[32];

    play(first);
    play(second);
    CHECK(memcmp(first, second, sizeof first) == 0);
}

static const struct test tests[] = {
    TEST(what_one_tells_the_other_hears_at_the_same_instant),
    TEST(time_moves_only_when_told_and_each_timer_fires_at_its_own),
    TEST(a_request_comes_before_what_is_due_at_the_same_instant),
    TEST(the_same_request_again_is_carried_out_once),
    TEST(a_killed_service_keeps_what_it_answered_and_goes_on_from_its_disk),
    TEST(a_bus_that_is_down_loses_nothing_and_doubles_nothing),
    TEST(a_cut_link_holds_back_and_a_mended_one_delivers),
    TEST(faults_that_cannot_be_are_refused),
    TEST(channels_do_what_the_script_says),
    TEST(a_full_disk_refuses_and_loses_nothing),
    TEST(a_clock_that_jumps_back_makes_no_service_go_back),
    TEST(equal_seeds_give_equal_events),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
