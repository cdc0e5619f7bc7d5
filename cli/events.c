#include "cli/events.h"

#include <assert.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/publish.h"
#include "cli/topics.h"

enum {
    ASK_MS = 3000,
    LOOK_MS = 300,
    OFFSET_MIN = 480,
    LINES_MAX = 4096,
    LAST = 50,
    LAST_MAX = 10000,
    PER_READ = 64,
};

/* What is asked for. */
struct wish {
    const char *topic;   /* pattern; NULL: all */
    const char *case_no; /* NULL: all */
    int64_t last;
};

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
            /* A reply may be full by bytes before it is by number: only an empty one is the end. */
        }
    }
    qsort(events, count, sizeof(Wire__Event *), by_entry);
    return count;
}

static const char *one_line(const struct cli *cli, const char *text) {
    char *line = arena_copy(cli->arena, text, strlen(text));

    for (char *at = strchr(line, '\n'); at; at = strchr(at, '\n')) {
        *at = ' ';
    }
    return line;
}

static void print_event(const struct cli *cli, const Wire__Event *event) {
    if (cli->json) {
        (void)printf("%s\n", json_write(&event->base, JSON_PLAIN, OFFSET_MIN, cli->arena));
        return;
    }
    (void)printf("%s %-9s %c %-24s %-23s %-8s", text_time(event->event_ms, OFFSET_MIN, cli->arena),
                 event->service, event->lane == WIRE__LANE__URGENT ? '!' : ' ', event->topic,
                 event->case_no, event->actor);
    for (size_t i = 0; i < event->n_fields; i++) {
        const Wire__Value *value = event->fields[i];
        if (value->kind_case == WIRE__VALUE__KIND_TEXT && strlen(value->text) < LAST) {
            (void)printf(" %s=%s", value->key, one_line(cli, value->text));
        } else if (value->kind_case == WIRE__VALUE__KIND_INTEGER) {
            (void)printf(" %s=%lld", value->key, (long long)value->integer);
        }
    }
    (void)printf("\n");
}

/* ---- the last ones ---- */

/* Newest last; packed, because a look at all events of a house is larger than the arena. */
struct kept {
    int64_t entered_ms;
    uint64_t position;
    uint8_t *data;
    size_t size;
};

static bool is_after(const struct kept *kept, const Wire__Event *event) {
    return kept->entered_ms != event->entered_ms ? kept->entered_ms > event->entered_ms
                                                 : kept->position > event->position;
}

static void keep(struct kept *list, size_t *count, size_t most, const Wire__Event *event) {
    size_t at = *count;

    while (at > 0 && is_after(&list[at - 1], event)) {
        at--;
    }
    if (*count == most && at == 0) {
        return; /* older than all that are kept */
    }
    struct kept fresh = {.entered_ms = event->entered_ms, .position = event->position};
    fresh.size = wire__event__get_packed_size(event);
    fresh.data = malloc(fresh.size + 1);
    assert(fresh.data);
    (void)wire__event__pack(event, fresh.data);
    if (*count == most) {
        free(list[0].data);
        memmove(list, list + 1, (at - 1) * sizeof *list);
        list[at - 1] = fresh;
        return;
    }
    memmove(list + at + 1, list + at, (*count - at) * sizeof *list);
    list[at] = fresh;
    (*count)++;
}

static size_t print_kept(const struct cli *cli, struct kept *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t used = arena_used(cli->arena);
        ProtobufCAllocator allocator = arena_protobuf(cli->arena);
        const Wire__Event *event = wire__event__unpack(&allocator, list[i].size, list[i].data);
        if (event) {
            print_event(cli, event);
        }
        arena_rewind(cli->arena, used);
        free(list[i].data);
    }
    return count;
}

static bool wanted(const struct wish *wish, const Wire__Event *event) {
    return !wish->topic || text_match(wish->topic, event->topic);
}

/* How many were there. */
static size_t show_last(const struct cli *cli, struct session *session, const struct wish *wish) {
    static Wire__Event *events[LINES_MAX];
    struct kept *list = calloc((size_t)wish->last + 1, sizeof *list);
    struct events_cursor cursor = {0};
    size_t count = 0;
    size_t batch = 0;

    assert(list);
    do {
        size_t used = arena_used(cli->arena);
        batch = events_more(session, &cursor, wish->case_no, events, LINES_MAX);
        for (size_t i = 0; i < batch; i++) {
            if (wanted(wish, events[i])) {
                keep(list, &count, (size_t)wish->last, events[i]);
            }
        }
        arena_rewind(cli->arena, used);
    } while (batch + PER_READ > LINES_MAX);
    count = print_kept(cli, list, count);
    free(list);
    return count;
}

static int follow(const struct cli *cli, struct session *session, const struct wish *wish) {
    static Wire__Event *events[LINES_MAX];
    struct events_cursor cursor = {0};

    if (!wish->case_no) {
        (void)events_from_now(session, &cursor);
    }
    while (!ferror(stdout)) {
        size_t used = arena_used(cli->arena);
        size_t count = events_more(session, &cursor, wish->case_no, events, LINES_MAX);
        for (size_t i = 0; i < count; i++) {
            if (wanted(wish, events[i])) {
                print_event(cli, events[i]);
            }
        }
        (void)fflush(stdout);
        arena_rewind(cli->arena, used);
        if (count == 0) {
            (void)poll(NULL, 0, LOOK_MS);
        }
    }
    return CLI_OK;
}

/* ---- the command ---- */

static int no_such_topic(const struct cli *cli, const char *topic, const char *const *topics,
                         size_t count) {
    const char *nearest = json_nearest(topic, topics, count);

    (void)fprintf(stderr, "shouwen: ");
    (void)fprintf(stderr, cli_say(cli, "没有“%s”这个主题", "there is no topic %s"), topic);
    if (*nearest) {
        (void)fprintf(stderr, cli_say(cli, "；是不是 %s？", "; did you mean %s?"), nearest);
    }
    (void)fprintf(stderr, "%s\n",
                  cli_say(cli, "（全部主题：events --topics）", " (all topics: events --topics)"));
    return CLI_USAGE;
}

static int check_topic(const struct cli *cli, const char *topic, const char *dir) {
    const char **topics = arena_alloc(cli->arena, TOPICS_MAX * sizeof(*topics));
    size_t count = topics_all(cli, dir ? dir : publish_folder(cli, "manual"), topics);

    for (size_t i = 0; i < count; i++) {
        if (text_match(topic, topics[i])) {
            return CLI_OK;
        }
    }
    return no_such_topic(cli, topic, topics, count);
}

static int list_topics(const struct cli *cli, const char *dir) {
    const char **topics = arena_alloc(cli->arena, TOPICS_MAX * sizeof(*topics));
    size_t count = topics_all(cli, dir ? dir : publish_folder(cli, "manual"), topics);

    for (size_t i = 0; i < count; i++) {
        (void)printf("%s\n", topics[i]);
    }
    return CLI_OK;
}

static int run(struct cli *cli, int argc, char **argv) {
    struct err err = {0};
    struct bytes token;
    struct wish wish = {0};
    bool follows = cli_flag(&argc, argv, "--follow") || cli_flag(&argc, argv, "-f");
    bool lists = cli_flag(&argc, argv, "--topics");
    const char *dir = cli_value(&argc, argv, "--manual");
    bool fine = cli_number(&argc, argv, "--last", LAST, &wish.last) && wish.last > 0
                && wish.last <= LAST_MAX;

    wish.topic = cli_value(&argc, argv, "--topic");
    wish.case_no = cli_value(&argc, argv, "--case");
    if (cli_unknown(cli, &argc, argv) || argc > 1) {
        return cli_usage(cli, "events 只要选项，见 events --help",
                         "events takes only options; see events --help");
    }
    if (!fine) {
        return cli_usage(cli, "--last 要 1 到 10000 的数", "--last takes a number from 1 to 10000");
    }
    if (lists) {
        return list_topics(cli, dir);
    }
    if (wish.topic && check_topic(cli, wish.topic, dir)) {
        return CLI_USAGE;
    }
    struct session *session = session_new(cli, &err);
    if (!session || session_runs(session, "registry", &err)
        || session_token(session, NULL, &token, &err)
        || !read_some(session, "registry", 0, 1, NULL, &err)) { /* may we at all? */
        session_free(session);
        return cli_fail(cli, &err);
    }
    if (follows) {
        (void)follow(cli, session, &wish);
    } else if (show_last(cli, session, &wish) == 0) {
        (void)fprintf(stderr, "shouwen: %s\n",
                      cli_say(cli, "没有符合的事件", "there are no such events"));
    }
    session_free(session);
    return CLI_OK;
}

const struct command events_command = {
    .name = "events",
    .arguments = "[--follow] [--topic PATTERN] [--case NUMBER] [--last N] [--topics]",
    .zh = "各服务发生的事，按入账先后；--follow 随时显示新的",
    .en = "what happened in all services, in order of entry; --follow: as it happens",
    .more_zh =
        "  --topic 主题  全名，或 前缀.*        --last 条数  最后几条（默认 50）\n"
        "  --topics      列出全部主题           --manual 目录  主题按这份手册（默认：自带的）\n"
        "  例：shouwen events --topic 'page.*' --last 10",
    .more_en = "  --topic PATTERN  exact, or prefix.*   --last N  so many of them (50)\n"
               "  --topics         list all topics      --manual DIR  the manual that makes them\n"
               "  e.g. shouwen events --topic 'page.*' --last 10",
    .run = run,
};
