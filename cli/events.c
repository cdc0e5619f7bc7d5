#include "cli/events.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { ASK_MS = 3000, LOOK_MS = 300, OFFSET_MIN = 480, LINES_MAX = 4096, LAST = 50, PER_READ = 64 };

static const Core__ListEventsReply *read_some(struct session *session, const char *service,
                                              uint64_t after, uint32_t max, const char *case_no,
                                              struct err *err) {
    Core__ListEventsRequest request = CORE__LIST_EVENTS_REQUEST__INIT;
    struct bytes token;
    uint8_t packed[256];
    struct client_request wire = {.method = "shouwen.core.v1.Core/ListEvents",
                                  .timeout_ms = ASK_MS};
    struct client_answer answer;

    request.after = after;
    request.max = max;
    request.case_no = case_no && strlen(case_no) < sizeof packed / 2 ? case_no : "";
    wire.payload = (struct bytes){packed, core__list_events_request__pack(&request, packed)};
    if (session_token(session, NULL, &token, err)) {
        return NULL;
    }
    wire.token = token;
    if (session_raw(session, service, &wire, &answer, err)) {
        return NULL;
    }
    ProtobufCAllocator allocator = arena_protobuf(session_arena(session));
    return core__list_events_reply__unpack(&allocator, answer.reply->payload.len,
                                           answer.reply->payload.data);
}

int events_from_now(struct session *session, struct events_cursor *cursor) {
    int reached = 0;

    for (int i = 0; instance_services[i]; i++) {
        struct err err = {0};
        const Core__ListEventsReply *reply = instance_pid(session_instance(session),
                                                          instance_services[i])
                                                     > 0
                                                 ? read_some(session, instance_services[i],
                                                             UINT64_MAX >> 1U, 1, NULL, &err)
                                                 : NULL;
        cursor->after[i] = reply ? reply->head : 0;
        reached += reply != NULL;
    }
    return reached;
}

static int by_entry(const void *a, const void *b) {
    const Wire__Event *x = *(Wire__Event *const *)a;
    const Wire__Event *y = *(Wire__Event *const *)b;

    if (x->entered_ms != y->entered_ms) {
        return x->entered_ms < y->entered_ms ? -1 : 1;
    }
    return x->position < y->position ? -1 : x->position > y->position;
}

size_t events_more(struct session *session, struct events_cursor *cursor, const char *case_no,
                   Wire__Event **events, size_t max) {
    size_t count = 0;

    for (int i = 0; instance_services[i]; i++) {
        bool more = instance_pid(session_instance(session), instance_services[i]) > 0;
        while (more && count + PER_READ <= max) {
            struct err err = {0};
            const Core__ListEventsReply *reply = read_some(
                session, instance_services[i], cursor->after[i], PER_READ, case_no, &err);
            more = reply && reply->n_events > 0;
            for (size_t n = 0; more && n < reply->n_events; n++) {
                events[count++] = reply->events[n];
                cursor->after[i] = reply->events[n]->position;
            }
            more = more && reply->n_events == PER_READ;
        }
    }
    qsort(events, count, sizeof(Wire__Event *), by_entry);
    return count;
}

static void print_event(const struct cli *cli, const Wire__Event *event) {
    if (cli->json) {
        (void)printf("%s\n", json_write(&event->base, JSON_PLAIN, OFFSET_MIN, cli->arena));
        return;
    }
    (void)printf("%s %-9s %c %-28s %-18s %-10s", text_time(event->event_ms, OFFSET_MIN, cli->arena),
                 event->service, event->lane == WIRE__LANE__URGENT ? '!' : ' ', event->topic,
                 event->case_no, event->actor);
    for (size_t i = 0; i < event->n_fields; i++) {
        const Wire__Value *value = event->fields[i];
        if (value->kind_case == WIRE__VALUE__KIND_TEXT && strlen(value->text) < LAST) {
            (void)printf(" %s=%s", value->key, value->text);
        } else if (value->kind_case == WIRE__VALUE__KIND_INTEGER) {
            (void)printf(" %s=%lld", value->key, (long long)value->integer);
        }
    }
    (void)printf("\n");
}

static int show(const struct cli *cli, struct session *session, const char *topic,
                const char *case_no, bool follow, int64_t last) {
    static Wire__Event *events[LINES_MAX];
    struct events_cursor cursor = {0};
    size_t used = 0;

    if (follow && !case_no) {
        (void)events_from_now(session, &cursor);
    }
    do {
        used = arena_used(cli->arena);
        size_t count = events_more(session, &cursor, case_no, events, LINES_MAX);
        size_t from = !follow && last > 0 && count > (size_t)last ? count - (size_t)last : 0;
        for (size_t i = from; i < count; i++) {
            if (!topic || text_match(topic, events[i]->topic)) {
                print_event(cli, events[i]);
            }
        }
        (void)fflush(stdout);
        if (follow && count == 0) {
            (void)poll(NULL, 0, LOOK_MS);
        }
        if (follow) {
            arena_rewind(cli->arena, used);
        } else if (count + PER_READ <= LINES_MAX) {
            break;
        }
    } while (!ferror(stdout));
    return CLI_OK;
}

static int run(struct cli *cli, int argc, char **argv) {
    struct err err = {0};
    struct bytes token;
    int64_t last = 0;
    bool follow = cli_flag(&argc, argv, "--follow") || cli_flag(&argc, argv, "-f");
    const char *topic = cli_value(&argc, argv, "--topic");
    const char *case_no = cli_value(&argc, argv, "--case");

    if (!cli_number(&argc, argv, "--last", LAST, &last) || cli_unknown(cli, &argc, argv)
        || argc > 1) {
        return cli_usage(cli, "见 events --help", "see events --help");
    }
    struct session *session = session_new(cli, &err);
    if (!session || session_token(session, NULL, &token, &err)
        || !read_some(session, "registry", 0, 1, NULL, &err)) { /* may we at all? */
        session_free(session);
        return cli_fail(cli, &err);
    }
    int status = show(cli, session, topic, case_no, follow, last);
    session_free(session);
    return status;
}

const struct command events_command = {
    .name = "events",
    .arguments = "[--follow] [--topic PATTERN] [--case NUMBER] [--last N]",
    .zh = "各服务发生的事，按入账先后；--follow 随时显示新的",
    .en = "what happened in all services, in order of entry; --follow: as it happens",
    .more_zh = "  --topic 主题     全名，或 前缀.*      --last N  最后几条（默认 50）",
    .more_en = "  --topic PATTERN  exact, or prefix.*   --last N  so many of them (50)",
    .run = run,
};
