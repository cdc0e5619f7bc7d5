#include "host/link.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <zmq.h>

#include "base/speak.h"
#include "core/core.h"

enum {
    /* In the draft part of the 4.3.4 header, but in Debian's library. */
    OPTION_ZAP_ENFORCE_DOMAIN = 93,
    HANDSHAKE_MS = 3000,
    HEARTBEAT_MS = 1000,
    HEARTBEAT_TIMEOUT_MS = 3000,
    RECONNECT_MS = 100,
    RECONNECT_MAX_MS = 5000,
    CURVE_OVERHEAD = 64, /* what encryption adds to a frame, and some */
    RECEIVE_MAX = 512,   /* messages waiting per peer */
    SEND_MAX = 4096,
    BACKLOG = 128,
    MODE_PRIVATE = 0177,
    SELF_TEST_MS = 5000,
    EVENT_SIZE = 6,
};

void *link_context(void) {
    return zmq_ctx_new();
}

void link_context_free(void *context) {
    (void)zmq_ctx_term(context);
}

bool link_version(int *major, int *minor, int *patch) {
    zmq_version(major, minor, patch);
    return zmq_has("curve") == 1;
}

static bool set_int(void *socket, int option, int value) {
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

/* What both ends share. */
static bool set_common(void *socket, const struct keys *keys, size_t frame_max) {
    int64_t largest = (int64_t)frame_max + CURVE_OVERHEAD;

    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest) == 0
           && zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key, KEYS_SIZE) == 0
           && zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key, KEYS_SIZE) == 0
           && set_int(socket, ZMQ_LINGER, 0) && set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS)
           && set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS)
           && set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
           && set_int(socket, ZMQ_HEARTBEAT_TTL, HEARTBEAT_TIMEOUT_MS)
           && set_int(socket, ZMQ_RCVHWM, RECEIVE_MAX) && set_int(socket, ZMQ_SNDHWM, SEND_MAX)
           && set_int(socket, ZMQ_IPV6, 1);
}

static bool fits_socket_path(const char *endpoint) {
    return strncmp(endpoint, "ipc://", strlen("ipc://")) != 0
           || strlen(endpoint + strlen("ipc://")) < sizeof((struct sockaddr_un *)0)->sun_path;
}

void *link_listen(void *context, const char *endpoint, const struct keys *keys, size_t frame_max,
                  struct err *err) {
    void *socket = zmq_socket(context, ZMQ_ROUTER);

    if (!fits_socket_path(endpoint)) {
        (void)err_plain(err, ERR_INVALID, "%s: longer than a socket's path may be", endpoint);
        goto fail;
    }
    if (!socket || !set_common(socket, keys, frame_max) || !set_int(socket, ZMQ_CURVE_SERVER, 1)
        || zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, LINK_DOMAIN, strlen(LINK_DOMAIN))
        || !set_int(socket, OPTION_ZAP_ENFORCE_DOMAIN, 1)
        || !set_int(socket, ZMQ_ROUTER_MANDATORY, 1) || !set_int(socket, ZMQ_BACKLOG, BACKLOG)) {
        (void)err_plain(err, ERR_UNAVAILABLE, "this libzmq cannot guard its sockets: %s",
                        speak(zmq_strerror(zmq_errno())));
        goto fail;
    }
    mode_t before = umask(MODE_PRIVATE);
    int rc = zmq_bind(socket, endpoint);
    (void)umask(before);
    if (rc) {
        (void)err_plain(err, ERR_UNAVAILABLE, "cannot listen on %s: %s", endpoint,
                        speak(zmq_strerror(zmq_errno())));
        goto fail;
    }
    return socket;

fail:
    if (socket) {
        (void)zmq_close(socket);
    }
    return NULL;
}

/* A DEALER, not yet connected. */
static void *dealer(void *context, const struct keys *keys, const uint8_t server_key[KEYS_SIZE],
                    struct err *err) {
    void *socket = zmq_socket(context, ZMQ_DEALER);

    if (socket && set_common(socket, keys, CORE_BULK_FRAME_MAX)
        && zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, KEYS_SIZE) == 0
        && set_int(socket, ZMQ_IMMEDIATE, 1) && set_int(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS)
        && set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS)) {
        return socket;
    }
    (void)err_plain(err, ERR_UNAVAILABLE, "no socket: %s", speak(zmq_strerror(zmq_errno())));
    if (socket) {
        (void)zmq_close(socket);
    }
    return NULL;
}

static void *watch_of(void *context, void *socket, const char *name, struct err *err) {
    char endpoint[ALLOW_NAME_MAX + 32];
    int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED
                 | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

    (void)snprintf(endpoint, sizeof endpoint, "inproc://shouwen.watch.%s", name);
    void *watch = zmq_socket(context, ZMQ_PAIR);
    if (watch && zmq_socket_monitor(socket, endpoint, events) == 0 && set_int(watch, ZMQ_LINGER, 0)
        && zmq_connect(watch, endpoint) == 0) {
        return watch;
    }
    (void)err_plain(err, ERR_UNAVAILABLE, "cannot watch %s: %s", name,
                    speak(zmq_strerror(zmq_errno())));
    if (watch) {
        (void)zmq_close(watch);
    }
    return NULL;
}

void link_close(void *socket, void *watch) {
    if (socket) {
        (void)zmq_socket_monitor(socket, NULL, 0);
    }
    if (watch) {
        (void)zmq_close(watch);
    }
    if (socket) {
        (void)zmq_close(socket);
    }
}

void *link_connect(void *context, const char *endpoint, const struct keys *keys,
                   const uint8_t server_key[KEYS_SIZE], const char *name, void **watch,
                   struct err *err) {
    void *socket = dealer(context, keys, server_key, err);

    *watch = socket ? watch_of(context, socket, name, err) : NULL;
    if (*watch && fits_socket_path(endpoint) && zmq_connect(socket, endpoint) == 0) {
        return socket;
    }
    if (*watch) {
        (void)err_plain(err, ERR_INVALID, "cannot connect to %s: %s", endpoint,
                        speak(zmq_strerror(zmq_errno())));
    }
    link_close(socket, *watch);
    *watch = NULL;
    return NULL;
}

enum link_event link_heard(void *watch) {
    uint8_t event[EVENT_SIZE] = {0};
    char address[1];
    uint16_t what = 0;

    if (zmq_recv(watch, event, sizeof event, ZMQ_DONTWAIT) < 0) {
        return LINK_NONE;
    }
    (void)zmq_recv(watch, address, sizeof address, 0);
    memcpy(&what, event, sizeof what);
    return what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED     ? LINK_UP
           : what == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ? LINK_REFUSED
                                                     : LINK_DOWN;
}

int link_self_test(void *context, const char *endpoint, const struct keys *keys, struct err *err) {
    struct keys stranger;
    enum link_event heard = LINK_NONE;

    keys_new(&stranger);
    void *watch = NULL;
    void *socket = link_connect(context, endpoint, &stranger, keys->public_key, "self-test", &watch,
                                err);
    if (!socket) {
        return err_wrap(err, "self-test");
    }
    zmq_pollitem_t item = {watch, 0, ZMQ_POLLIN, 0};
    if (zmq_poll(&item, 1, SELF_TEST_MS) > 0) {
        heard = link_heard(watch);
    }
    int status = heard == LINK_REFUSED
                     ? 0
                     : err_plain(err, ERR_INTERNAL, "self-test: a strange key was %s on %s",
                                 heard == LINK_UP ? speak("let in") : speak("not refused"),
                                 endpoint);
    link_close(socket, watch);
    return status;
}
