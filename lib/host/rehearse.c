#include "host/rehearse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <sodium.h>

#include "base/json.h"
#include "base/speak.h"
#include "base/text.h"
#include "core/event.h"
#include "host/methods.h"
#include "host/rehearse_private.h"

enum {
    FILE_MAX = YAML_SIZE_MAX,
    ARENA_SIZE = 512 * 1024 * 1024, /* taken from the system only as it is used */
    SCRATCH_SIZE = 64 * 1024 * 1024,
    EVENTS_AT_ONCE = 256,
    REPEAT_MAX = 100 * 1000,
    UNITS_MAX = 5000,
    MESSAGE_MAX = 4000,
    FOLDER_SIZE = 800,
};

static const double NANOSECONDS = 1e9;

int rehearse_fail(struct rehearse *r, int line, const char *fmt, ...) {
    char text[MESSAGE_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, speak(fmt), args);
    va_end(args);
    (void)fprintf(r->options->out, "%s:%d: %s\n", r->file, line, text);
    r->result->failures++;
    return -1;
}

/* ---- events ---- */

static void know_case(struct rehearse *r, const struct seen *seen) {
    const Wire__Event *event = seen->event;
    const size_t suffix = sizeof ".open" - 1;
    size_t length = strlen(event->topic);

    if (!event->case_no[0] || length <= suffix
        || strcmp(event->topic + length - suffix, ".open") != 0) {
        return;
    }
    if (r->case_count < REHEARSE_CASES_MAX) {
        r->cases[r->case_count++] = (struct known_case){
            .case_no = event->case_no,
            .procedure = arena_text(r->arena, "%.*s", (int)(length - suffix), event->topic),
            .parent = value_text(event->fields, event->n_fields, "parent"),
            .service = seen->service,
        };
    }
}

static void know_staff(struct rehearse *r, const Wire__Event *event) {
    const char *no = value_text(event->fields, event->n_fields, "staff");
    struct member *member = NULL;

    for (size_t i = 0; i < r->staff_count; i++) {
        if (strcmp(r->staff[i].no, no) == 0) {
            member = &r->staff[i];
        }
    }
    if (!member && r->staff_count == REHEARSE_STAFF_MAX) {
        return;
    }
    member = member ? member : &r->staff[r->staff_count++];
    char *roles = arena_text(r->arena, "%s", value_text(event->fields, event->n_fields, "roles"));
    member->no = no;
    member->name = value_text(event->fields, event->n_fields, "name");
    member->dept = value_text(event->fields, event->n_fields, "dept");
    member->roles = arena_alloc(r->arena, (strlen(roles) + 1) * sizeof(*member->roles));
    member->role_count = 0;
    char *rest = NULL;
    for (char *role = strtok_r(roles, ";", &rest); role && member->role_count < TOKEN_ROLES_MAX;
         role = strtok_r(NULL, ";", &rest)) {
        member->roles[member->role_count++] = role;
    }
}

static void take_event(struct rehearse *r, const char *service, const Wire__Event *event) {
    const size_t first = 1024;

    if (r->event_count == r->event_room) {
        r->event_room = r->event_room ? r->event_room * 2 : first;
        struct seen *more = realloc(r->events, r->event_room * sizeof *more);
        if (!more) {
            abort();
        }
        r->events = more;
    }
    r->events[r->event_count] = (struct seen){service, event};
    know_case(r, &r->events[r->event_count++]);
    if (strcmp(event->topic, "staff.changed") == 0) {
        know_staff(r, event);
    }
}

int rehearse_gather(struct rehearse *r, struct err *err) {
    ProtobufCAllocator allocator = arena_protobuf(r->arena);

    for (size_t i = 0; r->options->services[i]; i++) {
        const char *service = r->options->services[i]->name;
        for (int count = EVENTS_AT_ONCE; count == EVENTS_AT_ONCE;) {
            struct bytes events[EVENTS_AT_ONCE];
            count = r->stage->events(r->stage->arg, service, r->positions[i], EVENTS_AT_ONCE,
                                     r->arena, events, err);
            for (int n = 0; n < count; n++) {
                const Wire__Event *event = wire__event__unpack(&allocator, events[n].size,
                                                               events[n].data);
                if (!event) {
                    return err_plain(err, ERR_INTERNAL, "%s has an event that is none", service);
                }
                r->positions[i] = event->position;
                if (strcmp(event->service, service) == 0) { /* not the bus's copies */
                    take_event(r, service, event);
                }
            }
            if (count < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* What happened, whatever else happened at the same instant before it. */
static void add_to_bag(struct rehearse *r, const Wire__Event *event) {
    Wire__Event bare = *event;
    uint64_t hash[4];
    size_t used = arena_used(r->scratch);

    bare.seq = 0;
    bare.position = 0;
    bare.cause = NULL;
    size_t size = wire__event__get_packed_size(&bare);
    uint8_t *data = arena_alloc(r->scratch, size + 1);
    (void)wire__event__pack(&bare, data);
    (void)crypto_generichash((uint8_t *)hash, sizeof hash, data, size, NULL, 0);
    for (size_t i = 0; i < sizeof hash / sizeof hash[0]; i++) {
        r->result->bag[i] += hash[i];
    }
    arena_rewind(r->scratch, used);
}

/* One hash over all stores' events, store by store: what "the same event log" means. */
static void hash_log(struct rehearse *r) {
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, sizeof r->result->log);
    for (size_t i = 0; r->options->services[i]; i++) {
        for (size_t n = 0; n < r->event_count; n++) {
            if (strcmp(r->events[n].service, r->options->services[i]->name) != 0) {
                continue;
            }
            size_t size = wire__event__get_packed_size(r->events[n].event);
            size_t used = arena_used(r->scratch);
            uint8_t *data = arena_alloc(r->scratch, size + 1);
            (void)wire__event__pack(r->events[n].event, data);
            (void)crypto_generichash_update(&state, data, size);
            arena_rewind(r->scratch, used);
            if (n >= r->event_start) {
                add_to_bag(r, r->events[n].event);
            }
        }
    }
    (void)crypto_generichash_final(&state, r->result->log, sizeof r->result->log);
    r->result->events = r->event_count - r->event_start;
}

/* ---- asking ---- */

static const ProtobufCMessageDescriptor *reply_type(const char *method, struct arena *arena) {
    struct methods_found found;
    struct err ignored = {0};

    return methods_find(method, &found, arena, &ignored) ? NULL : found.method->output;
}

/* "GetCase" of a service → its full name; a full one stays. */
static const char *full_name(const char *service, const char *method, struct arena *arena) {
    struct methods_found found;
    struct err ignored = {0};

    if (strchr(method, '.')) {
        return method;
    }
    return methods_find(arena_text(arena, "%s/%s", service, method), &found, arena, &ignored)
               ? method
               : found.full;
}

int rehearse_ask(struct rehearse *r, const struct rehearsal_caller *caller, const char *service,
                 const char *method, const ProtobufCMessage *payload, struct outcome *outcome,
                 struct err *err) {
    struct request *request = &outcome->request;
    const uint8_t *again = request->method ? request->id : NULL;
    struct bytes packed = request->payload;
    uint8_t id[CORE_ID_SIZE];

    if (payload) {
        size_t size = protobuf_c_message_get_packed_size(payload);
        uint8_t *data = arena_alloc(r->arena, size + 1);
        (void)protobuf_c_message_pack(payload, data);
        packed = (struct bytes){data, size};
    }
    method = full_name(service, method, r->arena);
    if (again) {
        memcpy(id, again, sizeof id);
    }
    *request = (struct request){
        .caller = *caller, .service = service, .method = method, .payload = packed};
    const struct rehearsal_request asked = {caller, service, method, packed, again ? id : NULL};
    if (r->stage->ask(r->stage->arg, &asked, request->id, &outcome->reply, r->arena, err)) {
        return -1;
    }
    outcome->asked = true;
    const ProtobufCMessageDescriptor *type = reply_type(method, r->arena);
    if (outcome->reply->code == WIRE__CODE__OK && type) {
        ProtobufCAllocator allocator = arena_protobuf(r->arena);
        outcome->message = protobuf_c_message_unpack(type, &allocator, outcome->reply->payload.len,
                                                     outcome->reply->payload.data);
        if (!outcome->message) {
            return err_plain(err, ERR_INTERNAL, "%s answered with no message", service);
        }
    }
    return 0;
}

/* ---- steps ---- */

static void save(struct rehearse *r, const struct node *step, struct outcome *outcome) {
    const struct node *node = yaml_get(step, "save");
    const char *name = node ? rehearse_text(r, node) : NULL;

    if (!name) {
        return;
    }
    if (r->saved_count == REHEARSE_NAMES_MAX) {
        (void)rehearse_fail(r, node->line, "more than %d names", REHEARSE_NAMES_MAX);
        return;
    }
    r->requests[r->saved_count] = outcome->request;
    r->saved[r->saved_count++] = (struct saved){
        .name = name,
        .case_no = outcome->case_no ? arena_text(r->arena, "%s", outcome->case_no) : NULL,
        .contact_no = outcome->contact_no ? arena_text(r->arena, "%s", outcome->contact_no) : NULL,
        .reply = json_incref(outcome->plain),
        .step = step,
    };
}

/* One turn of one step.  False: no use going on. */
static bool turn(struct rehearse *r, const struct node *step) {
    struct outcome outcome = {0};
    struct err err = {0};
    size_t from = r->event_count;

    r->step = step;
    r->turn_start = from;
    arena_reset(r->scratch);
    int rc = rehearse_act(r, &outcome);
    if (r->broken || r->stage->settle(r->stage->arg, &err) || rehearse_gather(r, &err)) {
        if (!r->broken) {
            (void)rehearse_fail(r, step->line, "%s", err.args);
        }
        return false;
    }
    if (r->options->explain) {
        rehearse_explain(r, from);
    }
    if (outcome.message) {
        outcome.plain = json_write_tree(outcome.message, JSON_PLAIN, r->offset_min, r->scratch);
    }
    save(r, step, &outcome);
    if (rc == 0) {
        rehearse_expect(r, yaml_get(step, "expect"), &outcome);
    }
    json_decref(outcome.plain);
    return !r->broken;
}

static size_t repeats(struct rehearse *r, const struct node *step) {
    const char *text = rehearse_key(r, step, "repeat", "1");
    size_t count = text ? strtoul(text, NULL, 10) : 0;

    if (count == 0 || count > REPEAT_MAX) {
        (void)rehearse_fail(r, step->line, "`repeat` is a number from 1 to %d", REPEAT_MAX);
        return 0;
    }
    return count;
}

/* Units that `for` means, from their events. */
static size_t units_of(struct rehearse *r, const struct node *filter, const char **units,
                       size_t max) {
    static const char *const keys[][2] = {
        {"unit", "status"}, {"building", "building"}, {"area", "area"}, {"steward", "steward"}};
    size_t count = 0;

    for (size_t i = 0; i < r->event_count && count < max; i++) {
        const Wire__Event *event = r->events[i].event;
        bool fits = strcmp(event->topic, "unit.changed") == 0;
        for (size_t k = 0; fits && k < sizeof keys / sizeof keys[0]; k++) {
            const char *want = rehearse_key(r, filter, keys[k][0], NULL);
            fits = !want
                   || strcmp(rehearse_staff_no(r, want),
                             value_text(event->fields, event->n_fields, keys[k][1]))
                          == 0;
        }
        if (fits) {
            units[count++] = value_text(event->fields, event->n_fields, "unit");
        }
    }
    return count;
}

static bool play_for(struct rehearse *r, const struct node *step, const struct node *filter) {
    const char **units = arena_alloc(r->arena, UNITS_MAX * sizeof(*units));
    const char *take = rehearse_key(r, filter, "take", "");
    size_t most = take && take[0] ? strtoul(take, NULL, 10) : UNITS_MAX;
    size_t count = units_of(r, filter, units, most < UNITS_MAX ? most : UNITS_MAX);

    if (count == 0 || (take && take[0] && count < most)) {
        (void)rehearse_fail(r, filter->line, "there are only %zu such units", count);
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        r->loop_unit = units[i];
        r->loop_i = i + 1;
        if (!turn(r, step)) {
            return false;
        }
    }
    r->loop_unit = NULL;
    r->loop_i = 0;
    return true;
}

static bool move_to(struct rehearse *r, const struct node *step) {
    const struct node *at = yaml_get(step, "at");
    const int line = at ? at->line : step->line;
    const char *text = at ? rehearse_text(r, at) : "+0s";
    int64_t to_ms = 0;
    struct err err = {0};
    size_t from = r->event_count;

    if (!text) {
        return false;
    }
    if (!rehearse_time(r, text, r->now_ms, &to_ms)) {
        (void)rehearse_fail(r, line, "\"%s\" is no time", text);
        return false;
    }
    if (to_ms < r->now_ms) {
        (void)rehearse_fail(r, line, "%s is before the step before (%s)", text,
                            rehearse_show_time(r, r->now_ms));
        return false;
    }
    /* On a stage where time really passes the timeline is shown as it does. */
    do {
        const int64_t slice_ms = r->stage->slice_ms;
        int64_t left_ms = to_ms - r->now_ms;
        int64_t next_ms = slice_ms > 0 && slice_ms < left_ms ? r->now_ms + slice_ms : to_ms;
        if (r->stage->advance(r->stage->arg, next_ms, &err) || rehearse_gather(r, &err)) {
            (void)rehearse_fail(r, line, "%s", err.args);
            return false;
        }
        r->now_ms = next_ms;
        if (r->options->explain) {
            rehearse_explain(r, from);
        }
        from = r->event_count;
    } while (r->now_ms < to_ms);
    return true;
}

static bool play_step(struct rehearse *r, const struct node *step) {
    arena_reset(r->scratch);
    r->step = step;
    if (!move_to(r, step)) {
        return false;
    }
    const struct node *filter = yaml_get(step, "for");
    if (filter) {
        return play_for(r, step, filter);
    }
    size_t count = repeats(r, step);
    for (size_t i = 0; i < count; i++) {
        r->loop_i = yaml_get(step, "repeat") ? i + 1 : 0;
        if (!turn(r, step)) {
            return false;
        }
    }
    r->loop_i = 0;
    return true;
}

/* ---- the whole ---- */

static struct node *read_plan(struct rehearse *r) {
    FILE *in = fopen(r->file, "rbe");
    struct yaml_fault fault = {0};

    if (!in) {
        (void)rehearse_fail(r, 0, "%s", speak(strerror(errno)));
        return NULL;
    }
    char *text = arena_alloc(r->arena, FILE_MAX + 2);
    size_t size = fread(text, 1, FILE_MAX + 1, in);
    (void)fclose(in);
    struct node *file = yaml_read(text, size, r->arena, &fault);
    if (!file) {
        (void)rehearse_fail(r, fault.line, "%s", fault.text);
    } else if (file->kind != NODE_MAP) {
        (void)rehearse_fail(r, file->line, "a rehearsal is a map");
        return NULL;
    }
    return file;
}

static bool start_time(struct rehearse *r, const struct node *file) {
    const struct node *start = yaml_get(file, "start");

    if (!start || start->kind != NODE_TEXT || !text_time_read(start->text, &r->now_ms)) {
        (void)rehearse_fail(r, start ? start->line : 1,
                            "`start` is a full time: 2025-07-11T22:00:00+08:00");
        return false;
    }
    return true;
}

static void play(struct rehearse *r) {
    char folder[FOLDER_SIZE] = "";
    struct err err = {0};
    struct node *file = read_plan(r);

    if (!file) {
        return;
    }
    rehearse_check(r, file);
    if (r->result->failures > 0 || !start_time(r, file)) {
        return;
    }
    const struct node *estate = yaml_get(file, "estate");
    r->estate = estate && estate->kind == NODE_TEXT ? estate->text : "E01";
    struct rehearsal *world = r->options->stage
                                  ? NULL
                                  : rehearse_open_world(r, file, folder, sizeof folder, &err);
    if (!world && (!r->options->stage || rehearse_open_stage(r, &err))) {
        (void)rehearse_fail(r, file->line, "%s%s%s", err.args,
                            strcmp(err.rule, "plain") == 0 ? "" : " ",
                            strcmp(err.rule, "plain") == 0 ? "" : err.rule);
        rehearse_close_world(r, NULL, folder);
        return;
    }
    /* What the world began with does not count: "since the start". */
    memset(r->positions, 0, sizeof r->positions);
    r->event_count = 0;
    r->case_count = 0;
    if (r->stage->settle(r->stage->arg, &err) || rehearse_gather(r, &err)) {
        (void)rehearse_fail(r, file->line, "%s", err.args);
    }
    r->event_start = r->event_count;
    const struct node *steps = yaml_get(file, "steps");
    const struct node *step = steps->first;
    while (step && play_step(r, step)) {
        step = step->next;
    }
    r->result->played = step == NULL;
    hash_log(r);
    if (r->options->log && rehearse_log(r, r->options->log, &err)) {
        (void)rehearse_fail(r, file->line, "%s", err.args);
    }
    rehearse_close_world(r, world, folder);
}

void rehearse_file(const struct rehearse_options *options, const char *file,
                   struct rehearse_result *result) {
    struct rehearse *r = calloc(1, sizeof *r);
    struct timespec before;
    struct timespec after;

    if (!r) {
        abort();
    }
    *result = (struct rehearse_result){0};
    (void)clock_gettime(CLOCK_MONOTONIC, &before);
    r->options = options;
    r->file = file;
    r->result = result;
    r->arena = arena_new(ARENA_SIZE);
    r->scratch = arena_new(SCRATCH_SIZE);
    r->cases = malloc(REHEARSE_CASES_MAX * sizeof *r->cases);
    if (!r->cases) {
        abort();
    }
    play(r);
    for (size_t i = 0; i < r->saved_count; i++) {
        json_decref(r->saved[i].reply);
    }
    free(r->cases);
    free(r->events);
    arena_free(r->scratch);
    arena_free(r->arena);
    free(r);
    (void)clock_gettime(CLOCK_MONOTONIC, &after);
    result->seconds = (double)(after.tv_sec - before.tv_sec)
                      + (double)(after.tv_nsec - before.tv_nsec) / NANOSECONDS;
}
