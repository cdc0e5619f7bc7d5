#include "cli/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/link.h"
#include "shouwen/registry/v1/registry.pb-c.h"

enum { CLIENTS_MAX = 8, TOKENS_MAX = 64, IN_FLIGHT = 64, KEPT_SIZE = 1024 * 1024 };

struct session {
    const struct cli *cli;
    struct arena *kept; /* tokens and names: callers may rewind cli->arena */
    struct instance instance;
    void *context;
    struct {
        const char *service;
        struct client *client;
    } clients[CLIENTS_MAX];
    size_t client_count;
    struct {
        const char *asked; /* number or name */
        const char *staff;
        struct bytes token;
    } tokens[TOKENS_MAX];
    size_t token_count;
    const char *staff;
};

struct session *session_new(const struct cli *cli, struct err *err) {
    struct session *session = calloc(1, sizeof *session);

    assert(session);
    session->cli = cli;
    session->kept = arena_new(KEPT_SIZE);
    if (instance_open(&session->instance, cli->dir, err)) {
        arena_free(session->kept);
        free(session);
        return NULL;
    }
    session->context = link_context();
    return session;
}

void session_free(struct session *session) {
    if (!session) {
        return;
    }
    for (size_t i = 0; i < session->client_count; i++) {
        client_free(session->clients[i].client);
    }
    link_context_free(session->context);
    (void)close(session->instance.fd);
    arena_free(session->kept);
    free(session);
}

struct instance *session_instance(struct session *session) {
    return &session->instance;
}

struct arena *session_arena(struct session *session) {
    return session->cli->arena;
}

const char *session_staff(const struct session *session) {
    return session->staff ? session->staff : "";
}

int session_runs(struct session *session, const char *service, struct err *err) {
    return !instance_knows(service) || instance_pid(&session->instance, service)
               ? 0
               : err_set(err, ERR_UNAVAILABLE, "service_stopped", "service=%s", service);
}

struct client *session_client(struct session *session, const char *service, struct err *err) {
    struct client_config config = {
        .locale = session->cli->english ? "en" : "zh",
        .in_flight = IN_FLIGHT,
        .context = session->context,
    };

    if (session_runs(session, service, err)) {
        return NULL;
    }
    for (size_t i = 0; i < session->client_count; i++) {
        if (strcmp(session->clients[i].service, service) == 0) {
            return session->clients[i].client;
        }
    }
    if (!instance_knows(service) || session->client_count == CLIENTS_MAX) {
        (void)err_plain(err, ERR_NOT_FOUND, "no such service here: %s", service);
        return NULL;
    }
    config.endpoint = instance_endpoint(&session->instance, service, session->kept);
    if (instance_keys(&session->instance, service, &config.keys, config.server_key, err)) {
        return NULL;
    }
    struct client *client = client_new(&config, err);
    if (client) {
        session->clients[session->client_count].service = arena_text(session->kept, "%s", service);
        session->clients[session->client_count].client = client;
        session->client_count++;
    }
    return client;
}

static int fetch_token(struct session *session, const char *staff, struct err *err) {
    Registry__IssueTokenRequest request = REGISTRY__ISSUE_TOKEN_REQUEST__INIT;
    struct client *client = session_client(session, "registry", err);

    request.staff = staff;
    const Registry__IssueTokenReply *reply = client ? (const Registry__IssueTokenReply *)client_ask(
                                                 client, "shouwen.registry.v1.Registry/IssueToken",
                                                 (struct bytes){NULL, 0}, &request.base,
                                                 &registry__issue_token_reply__descriptor,
                                                 session->cli->arena, err)
                                                    : NULL;
    if (!reply) {
        return -1;
    }
    if (session->token_count == TOKENS_MAX) {
        session->token_count = 0; /* enough people for one command: begin anew */
    }
    session->tokens[session->token_count].asked = arena_text(session->kept, "%s", staff);
    session->tokens[session->token_count].staff = arena_text(session->kept, "%s", reply->staff);
    session->tokens[session->token_count].token = (struct bytes){
        arena_copy(session->kept, reply->token.data, reply->token.len), reply->token.len};
    session->token_count++;
    return 0;
}

int session_token(struct session *session, const char *staff, struct bytes *token,
                  struct err *err) {
    const char *who = staff ? staff : session->cli->as ? session->cli->as : "system";

    for (int tries = 0; tries < 2; tries++) {
        for (size_t i = 0; i < session->token_count; i++) {
            if (strcmp(session->tokens[i].asked, who) == 0) {
                *token = session->tokens[i].token;
                session->staff = session->tokens[i].staff;
                return 0;
            }
        }
        if (fetch_token(session, who, err)) {
            return -1;
        }
    }
    return err_plain(err, ERR_INTERNAL, "no token");
}

void session_forget(struct session *session) {
    session->token_count = 0;
}

int session_raw(struct session *session, const char *service, const struct client_request *request,
                struct client_answer *answer, struct err *err) {
    struct client *client = session_client(session, service, err);

    return client ? client_call(client, request, answer, err) : -1;
}

/* "ticketing" of "shouwen.ticketing.v1.Ticketing/GetCase". */
static const char *service_of(const char *method, struct arena *arena) {
    const char *from = strchr(method, '.');
    const char *to = from ? strchr(from + 1, '.') : NULL;

    return to ? arena_text(arena, "%.*s", (int)(to - from - 1), from + 1) : "";
}

ProtobufCMessage *session_ask(struct session *session, const char *method,
                              const ProtobufCMessage *request,
                              const ProtobufCMessageDescriptor *reply_type, struct err *err) {
    struct bytes token = {NULL, 0};
    struct client *client = session_client(session, service_of(method, session->cli->arena), err);

    if (!client || session_token(session, NULL, &token, err)) {
        return NULL;
    }
    return client_ask(client, method, token, request, reply_type, session->cli->arena, err);
}

const Core__HealthReply *session_health(struct session *session, const char *service,
                                        int64_t wait_ms, struct err *err) {
    struct client_request request = {.method = "shouwen.core.v1.Core/Health",
                                     .timeout_ms = wait_ms};
    struct client_answer answer;

    if (session_raw(session, service, &request, &answer, err)) {
        return NULL;
    }
    ProtobufCAllocator allocator = arena_protobuf(session->cli->arena);
    const Core__HealthReply *reply = core__health_reply__unpack(
        &allocator, answer.reply->payload.len, answer.reply->payload.data);
    if (!reply) {
        (void)err_plain(err, ERR_INTERNAL, "%s: its health is no message", service);
    }
    return reply;
}
