#include "bench/loads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "shouwen/cases/v1/cases.pb-c.h"

enum { FIELDS_MAX = 8, WINDOW = 64, ARENA = 64 << 10 };

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
