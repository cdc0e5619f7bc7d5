/*
 * client - ask a service from outside: many requests in flight over one CURVE
 * link, each with its own id and deadline, sent again with the SAME id while no
 * answer comes.  For the command line, the desk, tests and benches.
 *
 *     client_send(…);  client_send(…);  …
 *     while (client_next(client, wait_ms, &answer) == 1) { … }
 *
 * or one at a time: client_call, client_ask.  One thread owns a client.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "host/keys.h"
#include "shouwen/wire/v1/wire.pb-c.h"

enum {
    CLIENT_ID_SIZE = 16,
    CLIENT_IN_FLIGHT = 64, /* unless said otherwise */
    CLIENT_IN_FLIGHT_MAX = 8192,
    CLIENT_TIMEOUT_MS = 5000, /* unless said otherwise */
};

struct client;

struct client_config {
    const char *endpoint;
    struct keys keys;
    uint8_t server_key[KEYS_SIZE];
    const char *locale; /* "zh" or "en"; NULL: zh */
    size_t in_flight;   /* 0: CLIENT_IN_FLIGHT */
    void *context;      /* a zmq context to share; NULL: one of its own */
    bool once;          /* each is sent once: "unavailable" is an answer, and so is none */
};

struct client_request {
    const char *method;   /* full name */
    struct bytes token;   /* or empty */
    struct bytes payload; /* packed */
    const uint8_t *id;    /* 16 bytes to repeat an earlier request; NULL: a new one */
    int64_t timeout_ms;   /* 0: CLIENT_TIMEOUT_MS */
    void *arg;            /* comes back with the answer */
    bool urgent;          /* goes before the others, and is never refused for having waited */
};

struct client_answer {
    uint8_t id[CLIENT_ID_SIZE];
    void *arg;
    Wire__Code code;          /* DEADLINE_EXCEEDED when none came: the outcome is unknown */
    const Wire__Reply *reply; /* NULL then; valid until the next client_next or client_call */
    int64_t took_us;          /* since client_send */
    int sends;
};

/* client_new - NULL with err set.  Does not wait for the link. */
struct client *client_new(const struct client_config *config, struct err *err);

/* client_free - what is in flight is forgotten; its outcome is unknown.  NULL is allowed. */
void client_free(struct client *client);

/* client_send - take it and send it when there is a link.  `id` (may be NULL) gets its id.
 * -1 with err set to ERR_EXHAUSTED: too many in flight, or too large. */
int client_send(struct client *client, const struct client_request *request,
                uint8_t id[CLIENT_ID_SIZE], struct err *err);

/* client_next - the next answer, waiting up to wait_ms for it.  1: one.  0: none yet. */
int client_next(struct client *client, int64_t wait_ms, struct client_answer *answer);

size_t client_in_flight(const struct client *client);

/* client_up - is there a link now?  (Known after a client_next.) */
bool client_up(const struct client *client);

/* client_fd - becomes readable when client_next may have something (ZMQ_FD: then call it until 0).
 */
int client_fd(const struct client *client);

/*
 * client_call - send, and wait for this answer (others in flight must not be).
 * 0; or -1 with err set to the reply's code and rule, its sentence in args; the
 * whole reply is in *answer, which may be NULL.
 */
int client_call(struct client *client, const struct client_request *request,
                struct client_answer *answer, struct err *err);

/* client_ask - client_call with messages: the reply of this type in the arena, or NULL. */
ProtobufCMessage *client_ask(struct client *client, const char *method, struct bytes token,
                             const ProtobufCMessage *request,
                             const ProtobufCMessageDescriptor *reply_type, struct arena *arena,
                             struct err *err);

#endif
