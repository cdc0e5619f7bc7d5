#include "cli/receiver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/column.h"

#include "base/speak.h"

enum {
    REQUEST_MAX = 32 * 1024,
    READ_MS = 2000, /* for a whole request */
    BACKLOG = 64,
    LINE_MAX_BYTES = 1024,
    DECIMAL = 10,
    NAME_WIDTH = 8,
};

static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

/* ---- one request ---- */

/* The body of a whole request, or NULL while some of it is missing. */
static char *body_of(char *request, size_t size) {
    char *end = strstr(request, "\r\n\r\n");
    const char *length = end ? strcasestr(request, "\r\ncontent-length:") : NULL;

    if (!end || !length || length > end) {
        return NULL;
    }
    char *body = end + strlen("\r\n\r\n");
    size_t want = strtoul(length + strlen("\r\ncontent-length:"), NULL, DECIMAL);
    return size - (size_t)(body - request) >= want ? body : NULL;
}

/* Bytes of the request, ended by '\0'; its body, or NULL: too long, too slow, or gone. */
static char *read_request(int fd, char request[REQUEST_MAX + 1]) {
    size_t size = 0;
    char *body = NULL;
    struct pollfd item = {fd, POLLIN, 0};

    request[0] = '\0';
    while (!body && size < REQUEST_MAX && poll(&item, 1, READ_MS) == 1) {
        ssize_t got = read(fd, request + size, REQUEST_MAX - size);
        if (got <= 0) {
            break;
        }
        size += (size_t)got;
        request[size] = '\0';
        if (strstr(request, "\r\nExpect: 100-continue\r\n") && !body_of(request, size)) {
            (void)!write(fd, go_on, sizeof go_on - 1);
        }
        body = body_of(request, size);
    }
    return body;
}

static const char *name_of(const struct receiver *receiver, const char *staff) {
    for (size_t i = 0; i < receiver->name_count; i++) {
        if (strcmp(receiver->staff[i], staff) == 0) {
            return receiver->names[i];
        }
    }
    return staff;
}

/* What arrived, as the phone in his pocket would show it. */
static void show(const struct cli *cli, const struct receiver *receiver, const char *body) {
    json_t *message = json_loads(body, 0, NULL);
    const char *text = json_string_value(
        json_object_get(message, cli->english ? "text_en" : "text"));
    const char *page = json_string_value(json_object_get(message, "page"));
    const char *staff = json_string_value(json_object_get(message, page ? "staff" : "to"));
    char line[LINE_MAX_BYTES];
    size_t used = arena_used(cli->arena);

    if (text && staff) {
        int size = snprintf(line, sizeof line, "%s      %s %s %.800s%s\n",
                            !cli->colour ? ""
                            : page       ? "\033[1;35m"
                                         : "\033[36m",
                            page ? "▶▶" : " ▷",
                            column_left(name_of(receiver, staff), NAME_WIDTH, cli->arena), text,
                            cli->colour ? "\033[0m" : "");
        (void)fwrite(line, 1, size > 0 ? (size_t)size : 0, receiver->out);
        (void)fflush(receiver->out);
    }
    arena_rewind(cli->arena, used);
    json_decref(message);
}

static void serve_one(const struct cli *cli, const struct receiver *receiver, int fd,
                      char *request) {
    static const char fine[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                               "Content-Length: 3\r\nConnection: close\r\n\r\nok\n";
    static const char bad[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const char *body = read_request(fd, request);

    if (body) {
        show(cli, receiver, body);
    }
    if (receiver->hang_ms > 0) {
        (void)poll(NULL, 0, (int)receiver->hang_ms);
    }
    (void)!write(fd, body ? fine : bad, body ? sizeof fine - 1 : sizeof bad - 1);
}

static void serve(const struct cli *cli, const struct receiver *receiver, int listener) {
    static char request[REQUEST_MAX + 1];

    (void)signal(SIGPIPE, SIG_IGN);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0) {
            serve_one(cli, receiver, fd, request);
            (void)close(fd);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

/* ---- start ---- */

static int listen_at(struct receiver *receiver, struct err *err) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)receiver->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one)
        || bind(fd, (struct sockaddr *)&address, size) || listen(fd, BACKLOG)
        || getsockname(fd, (struct sockaddr *)&address, &size)) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return err_plain(err, ERR_UNAVAILABLE, "port %d: %s", receiver->port,
                         speak(strerror(errno)));
    }
    receiver->port = ntohs(address.sin_port);
    return fd;
}

int receiver_start(const struct cli *cli, struct receiver *receiver, pid_t *child,
                   struct err *err) {
    int listener = listen_at(receiver, err);
    pid_t parent = getpid();

    if (listener < 0) {
        return -1;
    }
    (void)fflush(NULL);
    *child = fork();
    if (*child == 0) {
        (void)signal(SIGTERM, SIG_DFL);
        (void)signal(SIGINT, SIG_DFL);
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() == parent) {
            serve(cli, receiver, listener);
        }
        _exit(CLI_OK);
    }
    (void)close(listener);
    return *child > 0 ? 0 : err_plain(err, ERR_UNAVAILABLE, "fork: %s", speak(strerror(errno)));
}

static int run(struct cli *cli, int argc, char **argv) {
    struct receiver receiver = {.out = stdout};
    struct err err = {0};
    int64_t port = 0;
    const int64_t highest = 65535;

    if (!cli_number(&argc, argv, "--port", 0, &port)
        || !cli_number(&argc, argv, "--hang", 0, &receiver.hang_ms) || port < 0 || port > highest
        || cli_unknown(cli, &argc, argv) || argc > 1) {
        return cli_usage(cli, "用法：receiver [--port 端口]", "usage: receiver [--port N]");
    }
    receiver.port = (int)port;
    int listener = listen_at(&receiver, &err);
    if (listener < 0) {
        return cli_fail(cli, &err);
    }
    (void)printf("http://127.0.0.1:%d/\n", receiver.port);
    (void)fflush(stdout);
    serve(cli, &receiver, listener);
    return CLI_OK;
}

const struct command receiver_command = {
    .name = "receiver",
    .arguments = "[--port N] [--hang MS]",
    .zh = "一个小的 HTTP 接收端：显示送到的寻呼（演示和测试用）",
    .en = "a small HTTP receiver that shows the pages it is sent (for demos and tests)",
    .more_zh = "  --hang 毫秒  过这么久才回答",
    .more_en = "  --hang MS  answer only after so long",
    .run = run,
};
