#include "bench/loads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "shouwen/bus/v1/bus.pb-c.h"
#include "shouwen/cases/v1/cases.pb-c.h"

enum {
    FIELDS_MAX = 8,
    WINDOW = 64,
    ARENA = 64 << 10,
    EVENT_MAX = 1024,
    START_LOOK_MS = 50,
    START_MAX_US = 20000000
};

const char load_open[] = "shouwen.ticketing.v1.Ticketing/OpenCase";

static struct bytes pack(struct arena *arena, const Cases__OpenCaseRequest *open) {
    size_t size = cases__open_case_request__get_packed_size(open);
    uint8_t *data = arena_alloc(arena, size);

    (void)cases__open_case_request__pack(open, data);
    return (struct bytes){data, size};
}

static void fill(struct arena *arena, Cases__OpenCaseRequest *open, const char *const *pairs) {
    open->fields = arena_alloc(arena, FIELDS_MAX * sizeof(Wire__Value *));
    for (size_t i = 0; pairs[i]; i += 2) {
        Wire__Value *value = ARENA_NEW(arena, Wire__Value);
        wire__value__init(value);
        value->key = pairs[i];
        value->kind_case = WIRE__VALUE__KIND_TEXT;
        value->text = pairs[i + 1];
        open->fields[open->n_fields++] = value;
    }
}

static const char *unit_of(struct arena *arena, size_t n) {
    return arena_text(arena, "%zu-1-%zu01", n % 4 + 1, n / 4 % 18 + 1);
}

struct bytes load_contact(struct arena *arena, size_t n) {
    Cases__OpenCaseRequest open = CASES__OPEN_CASE_REQUEST__INIT;
    const char *content = arena_text(arena, "bench %zu: 暖气什么时候来?", n);
    const char *pairs[] = {"identity",    "owner",  "category", "inquiry",     "content", content,
                           "caller_name", "孙先生", "phone",    "13800000000", NULL};

    open.procedure = "contact";
    open.unit = unit_of(arena, n);
    open.channel = "call";
    open.new_matter = true;
    fill(arena, &open, pairs);
    return pack(arena, &open);
}

struct bytes load_repair(struct arena *arena, size_t n, int64_t event_ms) {
    Cases__OpenCaseRequest open = CASES__OPEN_CASE_REQUEST__INIT;
    const char *content = arena_text(arena, "bench %zu", n);
    const char *pairs[] = {"urgency", "E1",      "trade", "water", "scope",       "common", "place",
                           "楼道",    "content", content, "phone", "13800000000", NULL};

    open.procedure = "repair";
    open.unit = unit_of(arena, n);
    open.channel = "call";
    open.new_matter = true;
    open.event_ms = event_ms;
    fill(arena, &open, pairs);
    return pack(arena, &open);
}

struct bytes load_emergency(struct arena *arena, size_t n, int64_t event_ms) {
    Cases__OpenCaseRequest open = CASES__OPEN_CASE_REQUEST__INIT;
    const char *place = arena_text(arena, "电梯 %zu", n);
    const char *pairs[] = {"kind",     "lift", "place",          place,         "brief", "困人",
                           "reporter", "张三", "reporter_phone", "13800000000", NULL};

    open.procedure = "emergency";
    open.channel = "call";
    open.new_matter = true;
    fill(arena, &open, pairs);
    Wire__Value *at = ARENA_NEW(arena, Wire__Value);
    wire__value__init(at);
    at->key = "happened_at";
    at->kind_case = WIRE__VALUE__KIND_MS;
    at->ms = event_ms;
    open.fields[open.n_fields++] = at;
    return pack(arena, &open);
}

static struct bytes open_of(struct arena *arena, const char *procedure, const char *unit,
                            const char *const *pairs) {
    Cases__OpenCaseRequest open = CASES__OPEN_CASE_REQUEST__INIT;

    open.procedure = procedure;
    open.unit = unit;
    open.channel = "call";
    open.new_matter = true;
    fill(arena, &open, pairs);
    return pack(arena, &open);
}

struct bytes load_household_repair(struct arena *arena, size_t n) {
    const char *content = arena_text(arena, "bench %zu: 厨房水龙头滴水", n);
    const char *pairs[] = {"urgency", "N",           "trade", "water",   "scope",
                           "private", "place",       "厨房",  "content", content,
                           "phone",   "13800000000", NULL};

    return open_of(arena, "repair", unit_of(arena, n), pairs);
}

struct bytes load_complaint(struct arena *arena, size_t n) {
    const char *content = arena_text(arena, "bench %zu: 楼道清洁不及时", n);
    const char *pairs[] = {"category", "environment", "identity", "owner",       "content", content,
                           "demand",   "尽快清洁",    "phone",    "13800000000", NULL};

    return open_of(arena, "complaint", unit_of(arena, n), pairs);
}

struct bytes load_round(struct arena *arena, size_t n) {
    const char *round = arena_text(arena, "%zu", n % 2 + 1);
    const char *pairs[] = {"date", "2026-11-28", "round_no", round, "route",
                           "1",    "steward",    "S201",     NULL};

    return open_of(arena, "round", "", pairs);
}

void load_many(struct house *house, struct bytes (*load)(struct arena *arena, size_t n),
               size_t first, size_t n) {
    struct client *client = house_client(house, "ticketing", WINDOW);
    struct bytes token = load_token(house, "王丽");
    struct arena *arena = arena_new(ARENA);
    struct client_answer answer;
    struct err err = {0};
    size_t sent = 0;
    size_t done = 0;

    while (done < n) {
        while (sent < n && client_in_flight(client) < WINDOW) {
            struct client_request request = {.method = load_open, .token = token};
            arena_reset(arena);
            request.payload = load(arena, first + sent++);
            CHECK_OK(client_send(client, &request, NULL, &err), err);
        }
        while (client_next(client, client_in_flight(client) == WINDOW ? 100 : 0, &answer) == 1) {
            if (answer.code != WIRE__CODE__OK) {
                (void)fprintf(stderr, "refused: %s\n", answer.reply ? answer.reply->message : "");
            }
            CHECK(answer.code == WIRE__CODE__OK);
            done++;
        }
    }
    arena_free(arena);
    client_free(client);
}

struct bytes load_token(struct house *house, const char *name) {
    struct bytes token = {0};
    struct err err = {0};

    CHECK_OK(session_token(house->session, name, &token, &err), err);
    uint8_t *copy = arena_copy(house->cli.arena, token.data, token.size);
    return (struct bytes){copy, token.size};
}

int64_t load_cpu_us(const struct house *house, const char *service) {
    char path[64];
    char line[1024] = "";
    unsigned long long user = 0;
    unsigned long long system = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/stat",
                   (int)instance_pid(session_instance(house->session), service));
    FILE *file = fopen(path, "re");
    if (!file) {
        return 0;
    }
    (void)!fgets(line, sizeof line, file);
    (void)fclose(file);
    const char *rest = strrchr(line, ')');
    if (rest) {
        (void)sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                     &system);
    }
    return (int64_t)((user + system) * 1000000 / (unsigned long long)sysconf(_SC_CLK_TCK));
}

int64_t load_written_bytes(const struct house *house, const char *service) {
    char path[64];
    char line[128];
    long long bytes = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/io",
                   (int)instance_pid(session_instance(house->session), service));
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        (void)sscanf(line, "write_bytes: %lld", &bytes);
    }
    if (file) {
        (void)fclose(file);
    }
    return bytes;
}

double load_start_s(struct house *house, const char *service) {
    const struct client_request health = {.method = "shouwen.core.v1.Core/Health"};
    struct client_answer answer;
    struct err err = {0};
    int64_t start = bench_now_us();
    bool there = false;

    house_start(house, service);
    for (int64_t look_ms = START_LOOK_MS; !there; look_ms += look_ms / 2) { /* a slow machine */
        CHECK(bench_now_us() - start < START_MAX_US);
        size_t used = arena_used(house->cli.arena);
        struct client *client = house_client(house, service, 1); /* an old link waits for long */
        CHECK_OK(client_send(client, &health, NULL, &err), err);
        there = client_next(client, look_ms, &answer) == 1 && answer.code == WIRE__CODE__OK;
        client_free(client);
        arena_rewind(house->cli.arena, used);
    }
    return (double)(bench_now_us() - start) / 1e6;
}

/* ---- as a service speaks to the bus ---- */

struct client *load_bus(struct house *house, size_t in_flight) {
    struct instance *instance = session_instance(house->session);
    struct client_config config = {.locale = "en", .in_flight = in_flight};
    struct keys cli;
    struct err err = {0};
    char path[PATH_MAX + 32];

    (void)snprintf(path, sizeof path, "%s/keys/patrol.key", house->dir);
    config.endpoint = instance_endpoint(instance, "bus", house->cli.arena);
    CHECK_OK(instance_keys(instance, "bus", &cli, config.server_key, &err), err);
    CHECK_OK(keys_read(path, &config.keys, &err), err);
    struct client *client = client_new(&config, &err);
    CHECK_OK(client == NULL, err);
    return client;
}

void load_append(struct client *client, struct arena *arena, struct load_source *source, size_t n,
                 load_event *make) {
    struct client_request request = {.method = "shouwen.bus.v1.Bus/Append", .arg = source};
    Bus__AppendRequest append = BUS__APPEND_REQUEST__INIT;
    struct err err = {0};

    arena_reset(arena);
    append.source = (ProtobufCBinaryData){sizeof source->id, source->id};
    append.service = "patrol";
    append.epoch = 1;
    append.first_seq = source->seq + 1;
    append.events = arena_alloc(arena, n * sizeof *append.events);
    for (size_t i = 0; i < n; i++) {
        Wire__Event event = WIRE__EVENT__INIT;
        event.source = append.source;
        event.seq = event.position = ++source->seq;
        event.epoch = 1;
        event.actor = "system";
        event.service = "patrol";
        make(&event, arena);
        CHECK(wire__event__get_packed_size(&event) <= EVENT_MAX);
        uint8_t *body = arena_alloc(arena, EVENT_MAX);
        append.events[i] = (ProtobufCBinaryData){wire__event__pack(&event, body), body};
        append.n_events++;
    }
    size_t size = bus__append_request__get_packed_size(&append);
    uint8_t *data = arena_alloc(arena, size);
    (void)bus__append_request__pack(&append, data);
    request.payload = (struct bytes){data, size};
    CHECK_OK(client_send(client, &request, NULL, &err), err);
}

static void add_text(Wire__Event *event, struct arena *arena, const char *key, const char *text) {
    Wire__Value *value = ARENA_NEW(arena, Wire__Value);

    wire__value__init(value);
    value->key = key;
    value->kind_case = WIRE__VALUE__KIND_TEXT;
    value->text = text;
    event->fields[event->n_fields++] = value;
}

void load_notice(Wire__Event *event, struct arena *arena) {
    event->topic = "tell.asked";
    event->case_no = "E01-BENCH-20250711-0001";
    event->event_ms = event->entered_ms = 1;
    event->fields = arena_alloc(arena, FIELDS_MAX * sizeof(Wire__Value *));
    add_text(event, arena, "to", "household");
    add_text(event, arena, "unit", unit_of(arena, event->seq));
    add_text(event, arena, "text", "emergency_news");
}
