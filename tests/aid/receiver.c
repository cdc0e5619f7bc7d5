#include "aid/receiver.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "shouwen/notify/v1/notify.pb-c.h"

enum { LOOK_MS = 20, WAITING_MAX = 512, HELD_MAX = 256, REQUEST_MAX = 16384, PATIENCE_S = 5 };

struct receiver {
    pthread_t thread;
    pthread_mutex_t lock;
    int listener;
    int port;
    bool stopping;
    bool hang;
    size_t count, room;
    struct received *list;
    int held[HELD_MAX];
    size_t held_count;
};

static int64_t wall_us(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A whole request; its body, or NULL if none came. */
static const char *read_request(int fd, char buffer[REQUEST_MAX + 1], int64_t *first_us) {
    struct timeval patience = {.tv_sec = PATIENCE_S};
    size_t size = 0;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while (size < REQUEST_MAX) {
        ssize_t n = recv(fd, buffer + size, REQUEST_MAX - size, 0);
        if (n <= 0) {
            return NULL;
        }
        *first_us = *first_us ? *first_us : wall_us();
        size += (size_t)n;
        buffer[size] = '\0';
        const char *end = strstr(buffer, "\r\n\r\n");
        const char *length = strcasestr(buffer, "content-length:");
        if (end && length && size >= (size_t)(end + 4 - buffer) + strtoul(length + 15, NULL, 10)) {
            return end + 4;
        }
    }
    return NULL;
}

static void take(struct receiver *receiver, int fd) {
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    char buffer[REQUEST_MAX + 1];
    int64_t first_us = 0;
    const char *body = read_request(fd, buffer, &first_us);

    (void)pthread_mutex_lock(&receiver->lock);
    bool hang = receiver->hang && receiver->held_count < HELD_MAX;
    if (body && receiver->count < receiver->room) {
        struct received *one = &receiver->list[receiver->count++];
        one->at_us = first_us;
        one->answered = !hang;
        (void)snprintf(one->body, sizeof one->body, "%s", body);
    }
    if (body && hang) {
        receiver->held[receiver->held_count++] = fd;
        fd = -1;
    }
    (void)pthread_mutex_unlock(&receiver->lock);
    if (fd >= 0) {
        if (body) {
            (void)!send(fd, ok, sizeof ok - 1, MSG_NOSIGNAL);
        }
        (void)close(fd);
    }
}

static bool stopping(struct receiver *receiver) {
    (void)pthread_mutex_lock(&receiver->lock);
    bool stop = receiver->stopping;
    (void)pthread_mutex_unlock(&receiver->lock);
    return stop;
}

static void *receive(void *arg) {
    struct receiver *receiver = arg;

    while (!stopping(receiver)) {
        struct pollfd waiting = {.fd = receiver->listener, .events = POLLIN};
        if (poll(&waiting, 1, LOOK_MS) == 1) {
            int fd = accept4(receiver->listener, NULL, NULL, SOCK_CLOEXEC);
            if (fd >= 0) {
                take(receiver, fd);
            }
        }
    }
    return NULL;
}

struct receiver *receiver_new(size_t room) {
    struct sockaddr_in here = {.sin_family = AF_INET};
    socklen_t size = sizeof here;
    struct receiver *receiver = calloc(1, sizeof *receiver);

    CHECK(receiver);
    receiver->room = room;
    receiver->list = calloc(room, sizeof *receiver->list);
    CHECK(receiver->list);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&here, sizeof here) == 0);
    CHECK(listen(listener, WAITING_MAX) == 0
          && getsockname(listener, (struct sockaddr *)&here, &size) == 0);
    receiver->listener = listener;
    receiver->port = ntohs(here.sin_port);
    CHECK(pthread_mutex_init(&receiver->lock, NULL) == 0);
    CHECK(pthread_create(&receiver->thread, NULL, receive, receiver) == 0);
    return receiver;
}

void receiver_free(struct receiver *receiver) {
    (void)pthread_mutex_lock(&receiver->lock);
    receiver->stopping = true;
    (void)pthread_mutex_unlock(&receiver->lock);
    (void)pthread_join(receiver->thread, NULL);
    receiver_hang(receiver, false);
    (void)close(receiver->listener);
    (void)pthread_mutex_destroy(&receiver->lock);
    free(receiver->list);
    free(receiver);
}

void receiver_lead(struct receiver *receiver, struct house *house) {
    receiver_lead_one(receiver, house, "*");
}

void receiver_lead_one(struct receiver *receiver, struct house *house, const char *staff) {
    Notify__PutChannelRequest put = NOTIFY__PUT_CHANNEL_REQUEST__INIT;
    struct err err = {0};

    put.staff = staff;
    put.channel = "webhook";
    put.address = arena_text(house->cli.arena, "http://127.0.0.1:%d/page", receiver->port);
    put.private_ = true;
    CHECK_OK(session_ask(house->session, "shouwen.notify.v1.Notify/PutChannel", &put.base,
                         &notify__put_channel_reply__descriptor, &err)
                 == NULL,
             err);
}

void receiver_hang(struct receiver *receiver, bool hang) {
    (void)pthread_mutex_lock(&receiver->lock);
    receiver->hang = hang;
    while (!hang && receiver->held_count > 0) {
        (void)close(receiver->held[--receiver->held_count]);
    }
    (void)pthread_mutex_unlock(&receiver->lock);
}

size_t receiver_count(struct receiver *receiver) {
    (void)pthread_mutex_lock(&receiver->lock);
    size_t count = receiver->count;
    (void)pthread_mutex_unlock(&receiver->lock);
    return count;
}

bool receiver_get(struct receiver *receiver, size_t n, struct received *out) {
    (void)pthread_mutex_lock(&receiver->lock);
    bool there = n < receiver->count;
    if (there) {
        *out = receiver->list[n];
    }
    (void)pthread_mutex_unlock(&receiver->lock);
    return there;
}

size_t receiver_find(struct receiver *receiver, const char *one, const char *other) {
    size_t found = 0;

    (void)pthread_mutex_lock(&receiver->lock);
    for (size_t i = 0; i < receiver->count; i++) {
        const char *body = receiver->list[i].body;
        found += (!one || strstr(body, one)) && (!other || strstr(body, other));
    }
    (void)pthread_mutex_unlock(&receiver->lock);
    return found;
}
