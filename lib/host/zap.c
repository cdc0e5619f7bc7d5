#include "host/zap.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>
#include <zmq.h>

#include "base/log.h"
#include "base/speak.h"
#include "host/link.h"
#include "host/system.h"

enum {
    FRAMES = 7, /* version, id, domain, address, routing id, mechanism, key (rfc 27) */
    FRAME_MAX = 255,
    POLL_FOREVER = -1,
    SAY_US = 1000000, /* one line in so long, whoever may come */
};

enum frame { VERSION, REQUEST_ID, DOMAIN_NAME, ADDRESS, ROUTING_ID, MECHANISM, CREDENTIAL };

struct zap {
    void *requests; /* REP: one answer per question, in order */
    void *stop;     /* PAIR: our end; anything sent ends the thread */
    void *stopped;  /* the thread's end */
    pthread_t thread;
    pthread_mutex_t mutex; /* around allow */
    struct allow allow;
    int64_t told_us; /* the thread's: when a refusal was logged last, and how many were not */
    uint64_t untold;
};

struct question {
    size_t count;
    size_t size[FRAMES];
    char data[FRAMES][FRAME_MAX + 1];
};

/* One question; frames that are too many or too long make it a wrong one. */
static bool receive(void *socket, struct question *question) {
    int more = 1;
    size_t more_size = sizeof more;
    bool fits = true;

    memset(question, 0, sizeof *question);
    while (more) {
        char frame[FRAME_MAX + 1];
        int size = zmq_recv(socket, frame, FRAME_MAX, 0);
        if (size < 0) {
            return false;
        }
        if (question->count == FRAMES || size > FRAME_MAX) {
            fits = false;
        } else {
            memcpy(question->data[question->count], frame, (size_t)size);
            question->size[question->count] = (size_t)size;
            question->count++;
        }
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_size)) {
            return false;
        }
    }
    return fits && question->count == FRAMES;
}

static void answer(void *socket, const struct question *question, const char *user) {
    const char *code = user ? "200" : "400";
    const char *text = user ? "OK" : "not on the list";

    (void)zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
    (void)zmq_send(socket, question->data[REQUEST_ID], question->size[REQUEST_ID], ZMQ_SNDMORE);
    (void)zmq_send(socket, code, strlen(code), ZMQ_SNDMORE);
    (void)zmq_send(socket, text, strlen(text), ZMQ_SNDMORE);
    (void)zmq_send(socket, user ? user : "", user ? strlen(user) : 0, ZMQ_SNDMORE);
    (void)zmq_send(socket, "", 0, 0);
}

static bool let_in(struct zap *zap, const struct question *question, char key[KEYS_HEX + 1]) {
    if (strcmp(question->data[VERSION], "1.0") != 0
        || strcmp(question->data[DOMAIN_NAME], LINK_DOMAIN) != 0
        || strcmp(question->data[MECHANISM], "CURVE") != 0
        || question->size[CREDENTIAL] != KEYS_SIZE) {
        return false;
    }
    (void)sodium_bin2hex(key, KEYS_HEX + 1, (const unsigned char *)question->data[CREDENTIAL],
                         KEYS_SIZE);
    (void)pthread_mutex_lock(&zap->mutex);
    bool known = allow_find(&zap->allow, key) != NULL;
    (void)pthread_mutex_unlock(&zap->mutex);
    return known;
}

/* A stranger that tries again and again must not fill the disk with our log. */
static void tell_refused(struct zap *zap, const char *from) {
    int64_t now_us = system_mono_us();

    if (zap->told_us > 0 && now_us - zap->told_us < SAY_US) {
        zap->untold++;
        return;
    }
    log_warn("key refused", "from=%s untold=%llu", from, (unsigned long long)zap->untold);
    zap->told_us = now_us;
    zap->untold = 0;
}

static void *run(void *arg) {
    struct zap *zap = arg;
    struct question question;
    zmq_pollitem_t items[] = {{zap->requests, 0, ZMQ_POLLIN, 0}, {zap->stopped, 0, ZMQ_POLLIN, 0}};

    while (zmq_poll(items, 2, POLL_FOREVER) >= 0 || zmq_errno() == EINTR) {
        if (items[1].revents) {
            break;
        }
        if (items[0].revents) {
            char key[KEYS_HEX + 1];
            bool whole = receive(zap->requests, &question);
            bool known = whole && let_in(zap, &question, key);
            answer(zap->requests, &question, known ? key : NULL);
            if (!known) {
                tell_refused(zap, question.data[ADDRESS]);
            }
        }
    }
    (void)zmq_close(zap->requests);
    (void)zmq_close(zap->stopped);
    return NULL;
}

struct zap *zap_new(void *context, const struct allow *allow, struct err *err) {
    int none = 0;
    struct zap *zap = calloc(1, sizeof *zap);

    if (!zap) {
        (void)err_plain(err, ERR_UNAVAILABLE, "out of memory");
        return NULL;
    }
    zap->allow = *allow;
    (void)pthread_mutex_init(&zap->mutex, NULL);
    zap->requests = zmq_socket(context, ZMQ_REP);
    zap->stop = zmq_socket(context, ZMQ_PAIR);
    zap->stopped = zmq_socket(context, ZMQ_PAIR);
    if (!zap->requests || !zap->stop || !zap->stopped
        || zmq_setsockopt(zap->requests, ZMQ_LINGER, &none, sizeof none)
        || zmq_bind(zap->requests, "inproc://zeromq.zap.01")
        || zmq_bind(zap->stopped, "inproc://shouwen.zap.stop")
        || zmq_connect(zap->stop, "inproc://shouwen.zap.stop")
        || pthread_create(&zap->thread, NULL, run, zap)) {
        (void)err_plain(err, ERR_UNAVAILABLE, "no doorkeeper: %s",
                        speak(zmq_strerror(zmq_errno())));
        /* Start-up failed: the process ends, and its sockets with it. */
        free(zap);
        return NULL;
    }
    return zap;
}

void zap_set(struct zap *zap, const struct allow *allow) {
    (void)pthread_mutex_lock(&zap->mutex);
    zap->allow = *allow;
    (void)pthread_mutex_unlock(&zap->mutex);
}

void zap_free(struct zap *zap) {
    if (!zap) {
        return;
    }
    (void)zmq_send(zap->stop, "", 0, 0);
    (void)pthread_join(zap->thread, NULL);
    (void)zmq_close(zap->stop);
    (void)pthread_mutex_destroy(&zap->mutex);
    free(zap);
}
