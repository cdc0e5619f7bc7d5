#include "bench/sink.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/bench.h"
#include "harness.h"
#include "shouwen/notify/v1/notify.pb-c.h"

enum {
    LOOK_MS = 20,
    WAITING_MAX = 512,
    READY_MAX = 64,
    DESCRIPTORS_MAX = 1024,
    REQUEST_MAX = 16384,
    LENGTH_NAME = 15, /* "content-length:" */
};

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

struct line { /* what has come of the next request */
    size_t size;
    char data[REQUEST_MAX + 1];
};

struct sink {
    pthread_t thread;
    int listener, epoll, port;
    atomic_bool stop, hold;
    atomic_size_t count, connections;
    struct line *lines[DESCRIPTORS_MAX];
};

/* The length of the first whole request in it; 0: it is not all there. */
static size_t whole(const struct line *line) {
    const char *end = strstr(line->data, "\r\n\r\n");
    const char *length = end ? strcasestr(line->data, "content-length:") : NULL;

    if (!length) {
        return 0;
    }
    size_t size = (size_t)(end + 4 - line->data) + strtoul(length + LENGTH_NAME, NULL, 10);
    return size <= line->size ? size : 0;
}

static void answer(struct sink *sink, int fd, struct line *line) {
    for (size_t size; (size = whole(line)) > 0;) {
        memmove(line->data, line->data + size, line->size + 1 - size);
        line->size -= size;
        (void)!send(fd, ok, sizeof ok - 1, MSG_NOSIGNAL);
        (void)atomic_fetch_add(&sink->count, 1);
    }
}

static void take(struct sink *sink, int fd) {
    struct line *line = sink->lines[fd];
    ssize_t n = recv(fd, line->data + line->size, REQUEST_MAX - line->size, MSG_DONTWAIT);

    if (n <= 0) {
        free(line);
        sink->lines[fd] = NULL;
        /* Not by closing: a process that is being started may have the connection open still. */
        (void)epoll_ctl(sink->epoll, EPOLL_CTL_DEL, fd, NULL);
        (void)close(fd);
        return;
    }
    line->size += (size_t)n;
    line->data[line->size] = '\0';
    answer(sink, fd, line);
}

static void welcome(struct sink *sink) {
    int fd = accept4(sink->listener, NULL, NULL, SOCK_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (fd < 0) {
        return;
    }
    CHECK(fd < DESCRIPTORS_MAX);
    sink->lines[fd] = calloc(1, sizeof *sink->lines[fd]);
    CHECK(sink->lines[fd] && epoll_ctl(sink->epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    (void)atomic_fetch_add(&sink->connections, 1);
}

static void *serve(void *arg) {
    struct sink *sink = arg;
    struct epoll_event ready[READY_MAX];

    while (!atomic_load(&sink->stop)) {
        if (atomic_load(&sink->hold)) {
            (void)usleep(LOOK_MS * 1000);
            continue;
        }
        int n = epoll_wait(sink->epoll, ready, READY_MAX, LOOK_MS);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.fd == sink->listener) {
                welcome(sink);
            } else {
                take(sink, ready[i].data.fd);
            }
        }
    }
    return NULL;
}

struct sink *sink_new(void) {
    struct sockaddr_in here = {.sin_family = AF_INET};
    socklen_t size = sizeof here;
    struct sink *sink = calloc(1, sizeof *sink);

    CHECK(sink);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sink->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(sink->listener >= 0 && bind(sink->listener, (struct sockaddr *)&here, sizeof here) == 0);
    CHECK(listen(sink->listener, WAITING_MAX) == 0
          && getsockname(sink->listener, (struct sockaddr *)&here, &size) == 0);
    sink->port = ntohs(here.sin_port);
    sink->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = sink->listener};
    CHECK(sink->epoll >= 0 && epoll_ctl(sink->epoll, EPOLL_CTL_ADD, sink->listener, &event) == 0);
    CHECK(pthread_create(&sink->thread, NULL, serve, sink) == 0);
    return sink;
}

void sink_free(struct sink *sink) {
    atomic_store(&sink->stop, true);
    (void)pthread_join(sink->thread, NULL);
    for (int fd = 0; fd < DESCRIPTORS_MAX; fd++) {
        if (sink->lines[fd]) {
            free(sink->lines[fd]);
            (void)close(fd);
        }
    }
    (void)close(sink->epoll);
    (void)close(sink->listener);
    free(sink);
}

void sink_lead(struct sink *sink, struct house *house, const char *channel) {
    Notify__PutChannelRequest put = NOTIFY__PUT_CHANNEL_REQUEST__INIT;
    struct err err = {0};

    put.staff = "*";
    put.channel = channel;
    put.address = arena_text(house->cli.arena, "http://127.0.0.1:%d/notice", sink->port);
    put.private_ = true;
    CHECK_OK(session_ask(house->session, "shouwen.notify.v1.Notify/PutChannel", &put.base,
                         &notify__put_channel_reply__descriptor, &err)
                 == NULL,
             err);
}

void sink_hold(struct sink *sink, bool hold) {
    atomic_store(&sink->hold, hold);
}

size_t sink_count(struct sink *sink) {
    return atomic_load(&sink->count);
}

size_t sink_connections(struct sink *sink) {
    return atomic_load(&sink->connections);
}

double sink_raw(struct sink *sink, size_t n, size_t size) {
    char request[REQUEST_MAX];
    char reply[sizeof ok];
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((uint16_t)sink->port)};
    int length = snprintf(request, sizeof request,
                          "POST /raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n",
                          size);

    CHECK((size_t)length + size < sizeof request);
    memset(request + length, 'x', size);
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&there, sizeof there) == 0);
    int64_t start = bench_now_us();
    for (size_t i = 0; i < n; i++) {
        size_t whole_size = (size_t)length + size;
        CHECK(send(fd, request, whole_size, MSG_NOSIGNAL) == (ssize_t)whole_size);
        CHECK(recv(fd, reply, sizeof ok - 1, MSG_WAITALL) == sizeof ok - 1);
    }
    double seconds = (double)(bench_now_us() - start) / 1e6;
    (void)close(fd);
    return (double)n / seconds;
}
