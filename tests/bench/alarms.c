#include "bench/alarms.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/loads.h"
#include "harness.h"
#include "shouwen/cases/v1/cases.pb-c.h"

enum { ALARMS_MAX = 4096, IN_FLIGHT = 512, ARENA = 64 << 10, CASE_SIZE = 48, LOOK_MS = 50 };

static const char key[] = "\"case_no\":\"";

struct alarm {
    int64_t due_us; /* wall clock */
    int64_t at_us;  /* first byte of its first page; 0: none yet */
    char case_no[CASE_SIZE];
};

struct alarms {
    struct receiver *receiver;
    struct client *client;
    struct bytes token;
    struct arena *arena;
    struct alarm list[ALARMS_MAX];
    size_t first, count; /* of the last run */
    size_t seen;         /* messages of the receiver that were looked at */
};

static int64_t wall_us(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct alarms *alarms_new(struct house *house, struct receiver *receiver) {
    struct alarms *alarms = calloc(1, sizeof *alarms);

    CHECK(alarms);
    alarms->receiver = receiver;
    alarms->client = house_client(house, "ticketing", IN_FLIGHT);
    alarms->token = load_token(house, "王丽");
    alarms->arena = arena_new(ARENA);
    return alarms;
}

void alarms_free(struct alarms *alarms) {
    client_free(alarms->client);
    arena_free(alarms->arena);
    free(alarms);
}

static void take_answers(struct alarms *alarms, int64_t wait_ms) {
    struct client_answer answer;

    while (client_next(alarms->client, wait_ms, &answer) == 1) {
        struct alarm *alarm = answer.arg;
        if (answer.code != WIRE__CODE__OK) {
            (void)fprintf(stderr, "refused: %s\n", answer.reply ? answer.reply->message : "");
        }
        CHECK(answer.code == WIRE__CODE__OK);
        Cases__OpenCaseReply *reply = cases__open_case_reply__unpack(
            NULL, answer.reply->payload.len, answer.reply->payload.data);
        CHECK(reply);
        (void)snprintf(alarm->case_no, sizeof alarm->case_no, "%s", reply->case_no);
        cases__open_case_reply__free_unpacked(reply, NULL);
        wait_ms = 0;
    }
}

static void open_one(struct alarms *alarms, int64_t due_us) {
    struct client_request request = {.method = load_open, .token = alarms->token, .urgent = true};
    struct err err = {0};

    CHECK(alarms->count < ALARMS_MAX);
    struct alarm *alarm = &alarms->list[alarms->count];
    *alarm = (struct alarm){.due_us = due_us};
    arena_reset(alarms->arena);
    request.payload = load_emergency(alarms->arena, alarms->count++, due_us / 1000);
    request.arg = alarm;
    CHECK_OK(client_send(alarms->client, &request, NULL, &err), err);
}

void alarms_run(struct alarms *alarms, double per_s, double seconds, void (*beside)(void *arg),
                void *arg) {
    const int64_t start = wall_us();
    const size_t total = (size_t)(per_s * seconds);

    alarms->first = alarms->count;
    while ((double)(wall_us() - start) < seconds * 1e6) {
        size_t n = alarms->count - alarms->first;
        int64_t due_us = start + (int64_t)((double)n / per_s * 1e6);
        if (n < total && wall_us() >= due_us) {
            open_one(alarms, due_us);
            continue;
        }
        if (beside) {
            beside(arg);
        }
        take_answers(alarms, 1);
    }
}

/* Looks at the messages that are new; returns how many still have none. */
static size_t look(struct alarms *alarms) {
    struct received one;
    size_t missing = 0;

    for (; receiver_get(alarms->receiver, alarms->seen, &one); alarms->seen++) {
        const char *at = strstr(one.body, key);
        for (size_t i = alarms->first; at && i < alarms->count; i++) {
            struct alarm *alarm = &alarms->list[i];
            size_t length = strlen(alarm->case_no);
            if (alarm->at_us == 0 && length > 0
                && strncmp(at + sizeof key - 1, alarm->case_no, length) == 0
                && at[sizeof key - 1 + length] == '"') {
                alarm->at_us = one.at_us;
                break;
            }
        }
    }
    for (size_t i = alarms->first; i < alarms->count; i++) {
        missing += alarms->list[i].at_us == 0;
    }
    return missing;
}

size_t alarms_late(struct alarms *alarms, int64_t wait_ms, struct sample *late) {
    const int64_t until = house_now_ms() + wait_ms;

    while (client_in_flight(alarms->client) > 0 && house_now_ms() < until) {
        take_answers(alarms, LOOK_MS);
    }
    size_t missing = look(alarms);
    while (missing > 0 && house_now_ms() < until) {
        (void)poll(NULL, 0, LOOK_MS);
        missing = look(alarms);
    }
    for (size_t i = alarms->first; i < alarms->count; i++) {
        if (alarms->list[i].at_us > 0) {
            sample_add(late, alarms->list[i].at_us - alarms->list[i].due_us);
        }
    }
    return missing;
}
