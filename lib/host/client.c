#include "host/client.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>
#include <zmq.h>

#include "base/text.h"
#include "core/core.h"
#include "host/link.h"
#include "host/system.h"

enum {
    US_PER_MS = 1000,
    MS_PER_S = 1000,
    NS_PER_MS = 1000000,
    AGAIN_FIRST_US = 250000,
    AGAIN_MAX_US = 2000000,
    BUSY_US = 100000, /* after "unavailable" */
    LOOK_US = 10000,  /* deadlines are looked at as often as this */
    RANDOM_SIZE = 10,
    REPLY_ARENA = 4 * 1024 * 1024,
    NOBODY = -1,
};

/* One request in flight. */
struct slot {
    bool used;
    bool sent; /* at least once */
    int next;  /* in its bucket, or in the list of free ones */
    uint8_t id[CLIENT_ID_SIZE];
    uint8_t *frame;
    size_t size;
    void *arg;
    int64_t start_us, deadline_us, again_us, pause_us;
    int sends;
};

struct client {
    void *context;
    bool own_context;
    void *socket;
    void *watch;
    bool up;
    bool once;
    const char *locale;
    struct slot *slots;
    int *buckets; /* by the last bytes of the id */
    int slot_count;
    int free_first;
    size_t in_flight;
    int64_t look_us;     /* next time to look at deadlines */
    int look_from;       /* several may be over: one at a time */
    struct arena *arena; /* of the answer given out */
};

/* ---- the table ---- */

static int *bucket(struct client *client, const uint8_t id[CLIENT_ID_SIZE]) {
    uint32_t hash = 0;

    memcpy(&hash, id + CLIENT_ID_SIZE - sizeof hash, sizeof hash);
    return &client->buckets[hash % (uint32_t)client->slot_count];
}

static struct slot *find(struct client *client, const uint8_t *id) {
    for (int i = *bucket(client, id); i != NOBODY; i = client->slots[i].next) {
        if (memcmp(client->slots[i].id, id, CLIENT_ID_SIZE) == 0) {
            return &client->slots[i];
        }
    }
    return NULL;
}

static struct slot *take(struct client *client, const uint8_t *id) {
    int i = client->free_first;

    if (i == NOBODY) {
        return NULL;
    }
    struct slot *slot = &client->slots[i];
    int *first = bucket(client, id);
    client->free_first = slot->next;
    memset(slot, 0, sizeof *slot);
    memcpy(slot->id, id, CLIENT_ID_SIZE);
    slot->used = true;
    slot->next = *first;
    *first = i;
    client->in_flight++;
    return slot;
}

static void give_back(struct client *client, struct slot *slot) {
    int i = (int)(slot - client->slots);
    int *link = bucket(client, slot->id);

    while (*link != i) {
        assert(*link != NOBODY);
        link = &client->slots[*link].next;
    }
    *link = slot->next;
    free(slot->frame);
    slot->frame = NULL;
    slot->used = false;
    slot->next = client->free_first;
    client->free_first = i;
    client->in_flight--;
}

/* ---- life ---- */

struct client *client_new(const struct client_config *config, struct err *err) {
    size_t room = config->in_flight ? config->in_flight : CLIENT_IN_FLIGHT;
    struct client *client = calloc(1, sizeof *client);
    char name[KEYS_HEX + 1];
    uint8_t random[RANDOM_SIZE];

    assert(room <= CLIENT_IN_FLIGHT_MAX);
    if (!client || sodium_init() < 0) {
        free(client);
        (void)err_plain(err, ERR_UNAVAILABLE, "out of memory");
        return NULL;
    }
    client->slots = calloc(room, sizeof *client->slots);
    client->buckets = calloc(room, sizeof *client->buckets);
    assert(client->slots && client->buckets);
    client->slot_count = (int)room;
    for (int i = 0; i < client->slot_count; i++) {
        client->buckets[i] = NOBODY;
        client->slots[i].next = i + 1 < client->slot_count ? i + 1 : NOBODY;
    }
    client->once = config->once;
    client->locale = config->locale;
    client->arena = arena_new(REPLY_ARENA);
    client->own_context = !config->context;
    client->context = config->context ? config->context : zmq_ctx_new();
    randombytes_buf(random, sizeof random);
    (void)sodium_bin2hex(name, sizeof name, random, sizeof random);
    client->socket = link_connect(client->context, config->endpoint, &config->keys,
                                  config->server_key, name, &client->watch, err);
    if (!client->socket) {
        client_free(client);
        return NULL;
    }
    return client;
}

void client_free(struct client *client) {
    if (!client) {
        return;
    }
    for (int i = 0; i < client->slot_count; i++) {
        free(client->slots[i].frame);
    }
    link_close(client->socket, client->watch);
    if (client->own_context) {
        (void)zmq_ctx_term(client->context);
    }
    arena_free(client->arena);
    free(client->slots);
    free(client->buckets);
    free(client);
}

/* ---- sending ---- */

static void send_slot(struct client *client, struct slot *slot, int64_t now_us) {
    if (zmq_send(client->socket, slot->frame, slot->size, ZMQ_DONTWAIT) >= 0) {
        slot->sends++;
        slot->sent = true;
    }
    /* Without a link nothing was sent; when there is one, all are sent again. */
    slot->pause_us = slot->pause_us == 0                 ? AGAIN_FIRST_US
                     : slot->pause_us < AGAIN_MAX_US / 2 ? slot->pause_us * 2
                                                         : AGAIN_MAX_US;
    slot->again_us = now_us + slot->pause_us;
}

static void new_id(uint8_t id[CLIENT_ID_SIZE]) {
    uint8_t random[RANDOM_SIZE];
    struct timespec now = {0, 0};

    randombytes_buf(random, sizeof random);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    text_uuid7(id, (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS, random);
}

/* bytes fields want a mutable pointer, and packing does not change it. */
static ProtobufCBinaryData view(struct bytes bytes) {
    return (ProtobufCBinaryData){bytes.size, (uint8_t *)(uintptr_t)bytes.data};
}

int client_send(struct client *client, const struct client_request *request,
                uint8_t id[CLIENT_ID_SIZE], struct err *err) {
    Wire__Request wire = WIRE__REQUEST__INIT;
    uint8_t own[CLIENT_ID_SIZE];
    int64_t timeout = request->timeout_ms > 0 ? request->timeout_ms : CLIENT_TIMEOUT_MS;

    if (request->id) {
        memcpy(own, request->id, sizeof own);
    } else {
        new_id(own);
    }
    wire.id = view((struct bytes){own, sizeof own});
    wire.method = request->method;
    wire.token = view(request->token);
    wire.payload = view(request->payload);
    wire.timeout_ms = (uint32_t)timeout;
    wire.locale = client->locale ? client->locale : "";
    wire.urgent = request->urgent;
    size_t size = wire__request__get_packed_size(&wire);
    if (size > CORE_BULK_FRAME_MAX) {
        return err_plain(err, ERR_EXHAUSTED, "%zu bytes are too much for one request", size);
    }
    if (find(client, own)) {
        return err_plain(err, ERR_EXISTS, "this request is in flight already");
    }
    struct slot *slot = take(client, own);
    if (!slot) {
        return err_plain(err, ERR_EXHAUSTED, "too many requests in flight");
    }
    slot->frame = malloc(size);
    assert(slot->frame);
    slot->size = wire__request__pack(&wire, slot->frame);
    slot->arg = request->arg;
    slot->start_us = system_mono_us();
    slot->deadline_us = slot->start_us + timeout * US_PER_MS;
    send_slot(client, slot, slot->start_us);
    if (id) {
        memcpy(id, own, sizeof own);
    }
    return 0;
}

/* ---- answers ---- */

static void answered(struct client *client, struct slot *slot, const Wire__Reply *reply,
                     struct client_answer *answer) {
    *answer = (struct client_answer){
        .arg = slot->arg,
        .code = reply ? reply->code : WIRE__CODE__DEADLINE_EXCEEDED,
        .reply = reply,
        .took_us = system_mono_us() - slot->start_us,
        .sends = slot->sends,
    };
    memcpy(answer->id, slot->id, sizeof answer->id);
    give_back(client, slot);
}

/* Try the same again? */
static bool is_for_now(const struct client *client, const struct slot *slot, Wire__Code code,
                       int64_t now_us) {
    return !client->once
           && (code == WIRE__CODE__UNAVAILABLE || code == WIRE__CODE__RESOURCE_EXHAUSTED)
           && now_us + BUSY_US < slot->deadline_us;
}

/* One reply off the socket.  1: an answer.  0: there is none.  -1: not one of ours. */
static int receive(struct client *client, struct client_answer *answer) {
    zmq_msg_t message;
    int got = -1;

    (void)zmq_msg_init(&message);
    if (zmq_msg_recv(&message, client->socket, ZMQ_DONTWAIT) < 0) {
        (void)zmq_msg_close(&message);
        return 0;
    }
    arena_reset(client->arena);
    ProtobufCAllocator allocator = arena_protobuf(client->arena);
    const Wire__Reply *reply = wire__reply__unpack(&allocator, zmq_msg_size(&message),
                                                   zmq_msg_data(&message));
    struct slot *slot = reply && reply->id.len == CLIENT_ID_SIZE ? find(client, reply->id.data)
                                                                 : NULL;
    if (slot) {
        int64_t now = system_mono_us();
        if (is_for_now(client, slot, reply->code, now)) {
            slot->again_us = now + BUSY_US;
            client->look_us = 0;
        } else {
            answered(client, slot, reply, answer);
            got = 1;
        }
    }
    (void)zmq_msg_close(&message);
    return got;
}

/* Send again what waits too long; end what is over.  true: one is over. */
static bool look_at_deadlines(struct client *client, struct client_answer *answer) {
    int64_t now = system_mono_us();

    if (now < client->look_us && client->look_from == 0) {
        return false;
    }
    for (int i = client->look_from; i < client->slot_count; i++) {
        struct slot *slot = &client->slots[i];
        if (!slot->used) {
            continue;
        }
        if (now >= slot->deadline_us) {
            client->look_from = i + 1 < client->slot_count ? i + 1 : 0;
            answered(client, slot, NULL, answer);
            return true;
        }
        if (now >= slot->again_us && !(client->once && slot->sent)) {
            send_slot(client, slot, now);
        }
    }
    client->look_from = 0;
    client->look_us = now + LOOK_US;
    return false;
}

static void hear(struct client *client) {
    bool was_up = client->up;

    for (enum link_event event; (event = link_heard(client->watch)) != LINK_NONE;) {
        client->up = event == LINK_UP;
        was_up = was_up && client->up;
    }
    if (client->up && !was_up) {
        /* A new link: what was asked over the old one is unknown. */
        int64_t now = system_mono_us();
        for (int i = 0; i < client->slot_count; i++) {
            if (client->slots[i].used) {
                client->slots[i].pause_us = 0;
                send_slot(client, &client->slots[i], now);
            }
        }
    }
}

int client_next(struct client *client, int64_t wait_ms, struct client_answer *answer) {
    zmq_pollitem_t items[] = {{client->socket, 0, ZMQ_POLLIN, 0},
                              {client->watch, 0, ZMQ_POLLIN, 0}};
    int64_t until_us = system_mono_us() + wait_ms * US_PER_MS;

    for (;;) {
        int got = 0;
        hear(client);
        while ((got = receive(client, answer)) < 0) {
        }
        if (got > 0 || look_at_deadlines(client, answer)) {
            return 1;
        }
        int64_t left_us = until_us - system_mono_us();
        if (left_us <= 0) {
            return 0;
        }
        int64_t sleep_us = left_us < LOOK_US || client->in_flight == 0 ? left_us : LOOK_US;
        (void)zmq_poll(items, 2, (long)((sleep_us + US_PER_MS - 1) / US_PER_MS));
    }
}

size_t client_in_flight(const struct client *client) {
    return client->in_flight;
}

bool client_up(const struct client *client) {
    return client->up;
}

int client_fd(const struct client *client) {
    int fd = -1;
    size_t size = sizeof fd;

    return zmq_getsockopt(client->socket, ZMQ_FD, &fd, &size) == 0 ? fd : -1;
}

int client_call(struct client *client, const struct client_request *request,
                struct client_answer *answer, struct err *err) {
    struct client_answer own = {.reply = NULL};
    struct client_answer *out = answer ? answer : &own;
    uint8_t id[CLIENT_ID_SIZE];
    int64_t timeout = request->timeout_ms > 0 ? request->timeout_ms : CLIENT_TIMEOUT_MS;

    if (client_send(client, request, id, err)) {
        return -1;
    }
    do {
        /* The request's own deadline ends this; the second is only for rounding. */
        if (client_next(client, timeout + MS_PER_S, out) == 0) {
            return err_set(err, ERR_DEADLINE, "no_answer", "method=%s", request->method);
        }
    } while (memcmp(out->id, id, sizeof id) != 0);
    if (!out->reply) {
        return err_set(err, ERR_DEADLINE, "no_answer", "method=%s", request->method);
    }
    if (out->code != WIRE__CODE__OK) {
        const char *rule = *out->reply->rule ? out->reply->rule : "refused";
        return err_set(err, (enum err_code)out->code,
                       strlen(rule) < ERR_RULE_MAX ? rule : "refused", "%s", out->reply->message);
    }
    return 0;
}

ProtobufCMessage *client_ask(struct client *client, const char *method, struct bytes token,
                             const ProtobufCMessage *request,
                             const ProtobufCMessageDescriptor *reply_type, struct arena *arena,
                             struct err *err) {
    struct client_answer answer = {.reply = NULL};
    size_t size = protobuf_c_message_get_packed_size(request);
    uint8_t *packed = arena_alloc(arena, size + 1);

    (void)protobuf_c_message_pack(request, packed);
    struct client_request wire = {.method = method, .token = token, .payload = {packed, size}};
    if (client_call(client, &wire, &answer, err) || !answer.reply) {
        return NULL;
    }
    ProtobufCAllocator allocator = arena_protobuf(arena);
    ProtobufCMessage *reply = protobuf_c_message_unpack(
        reply_type, &allocator, answer.reply->payload.len, answer.reply->payload.data);
    if (!reply) {
        (void)err_plain(err, ERR_INTERNAL, "the reply of %s is no %s", method, reply_type->name);
    }
    return reply;
}
