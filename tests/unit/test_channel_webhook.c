/* One message over HTTP, to receivers of every kind, on this machine. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "harness.h"
#include "services/notify/channel_webhook.h"
#include "shouwen/notify/v1/notify.pb-c.h"

enum { TEXT_MAX = 8192, AGAIN_MS = 300 };

/* A receiver for one connection: takes the request whole, answers, closes. */
struct receiver {
    int socket;
    int port;
    const char *answer; /* "": closes without a word */
    char heard[TEXT_MAX];
    pthread_t thread;
};

static void *receive(void *arg) {
    struct receiver *receiver = arg;
    int peer = accept(receiver->socket, NULL, NULL);
    size_t used = 0;

    while (used < sizeof receiver->heard - 1 && !strstr(receiver->heard, "END")) {
        ssize_t got = recv(peer, receiver->heard + used, sizeof receiver->heard - 1 - used, 0);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
        receiver->heard[used] = '\0';
    }
    (void)send(peer, receiver->answer, strlen(receiver->answer), MSG_NOSIGNAL);
    (void)close(peer);
    return NULL;
}

static struct receiver *listen_with(const char *answer) {
    struct receiver *receiver = calloc(1, sizeof *receiver);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;

    CHECK(receiver);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    receiver->answer = answer;
    receiver->socket = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(receiver->socket, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(receiver->socket, 1) == 0);
    CHECK(getsockname(receiver->socket, (struct sockaddr *)&address, &size) == 0);
    receiver->port = ntohs(address.sin_port);
    CHECK(pthread_create(&receiver->thread, NULL, receive, receiver) == 0);
    return receiver;
}

static void done(struct receiver *receiver) {
    CHECK(pthread_join(receiver->thread, NULL) == 0);
    (void)close(receiver->socket);
    free(receiver);
}

static Notify__SendResult *post(const char *address, bool private) {
    static const char body[] = "{\"page\":\"P000001\",\"end\":\"END\"}";
    Notify__Send send = NOTIFY__SEND__INIT;
    uint8_t input[TEXT_MAX];
    struct err err = {0};
    uint8_t *output = NULL;
    size_t size = 0;

    send.staff = "S402";
    send.channel = "webhook";
    send.address = address;
    send.private_ = private;
    send.key = "P000001-0-S402";
    send.signature = "abcdef";
    send.body = (ProtobufCBinaryData){sizeof body - 1, (uint8_t *)(uintptr_t)body};
    const struct bytes packed = {input, notify__send__pack(&send, input)};
    CHECK_OK(channel_webhook_run(packed, &output, &size, &err), err);
    Notify__SendResult *result = notify__send_result__unpack(NULL, size, output);
    CHECK(result);
    free(output);
    return result;
}

static Notify__SendResult *post_to(const struct receiver *receiver, bool private) {
    char address[64];

    (void)snprintf(address, sizeof address, "http://127.0.0.1:%d/page", receiver->port);
    return post(address, private);
}

static Notify__Outcome answered(const char *answer) {
    struct receiver *receiver = listen_with(answer);
    Notify__SendResult *result = post_to(receiver, true);
    Notify__Outcome outcome = result->outcome;

    notify__send_result__free_unpacked(result, NULL);
    done(receiver);
    return outcome;
}

static void a_message_carries_key_and_signature(void) {
    struct receiver *receiver = listen_with("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nM-77");
    Notify__SendResult *result = post_to(receiver, true);

    CHECK(result->outcome == NOTIFY__OUTCOME__ACCEPTED);
    CHECK_TEXT(result->reference, "M-77");
    CHECK(pthread_join(receiver->thread, NULL) == 0);
    CHECK(strstr(receiver->heard, "POST /page HTTP/1.1"));
    CHECK(strstr(receiver->heard, "Idempotency-Key: P000001-0-S402\r\n"));
    CHECK(strstr(receiver->heard, "X-Shouwen-Signature: abcdef\r\n"));
    CHECK(strstr(receiver->heard, "\"page\":\"P000001\""));
    (void)close(receiver->socket);
    free(receiver);
    notify__send_result__free_unpacked(result, NULL);
}

static void the_answer_says_what_came_of_it(void) {
    CHECK(answered("HTTP/1.1 204 No\r\n\r\n") == NOTIFY__OUTCOME__ACCEPTED);
    CHECK(answered("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n") == NOTIFY__OUTCOME__REFUSED);
    CHECK(answered("HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n") == NOTIFY__OUTCOME__FAILED);
    CHECK(answered("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n") == NOTIFY__OUTCOME__FAILED);
    CHECK(answered("HTTP/1.1 302 No\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
          == NOTIFY__OUTCOME__FAILED);               /* not followed */
    CHECK(answered("") == NOTIFY__OUTCOME__UNKNOWN); /* the body had left */
    CHECK(answered("garbage\r\n\r\n") == NOTIFY__OUTCOME__UNKNOWN);
}

/* Takes two messages over one connection: answers the first, and the second if it is to. */
struct keeper {
    int socket;
    int port;
    bool answers_second;
    bool came_again; /* by another connection */
    pthread_t thread;
};

static void hear_one(int peer) {
    char heard[TEXT_MAX] = "";
    size_t used = 0;

    while (used < sizeof heard - 1 && !strstr(heard, "END")) {
        ssize_t got = recv(peer, heard + used, sizeof heard - 1 - used, 0);
        CHECK(got > 0);
        used += (size_t)got;
        heard[used] = '\0';
    }
}

static void *keep(void *arg) {
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    struct keeper *keeper = arg;
    int peer = accept(keeper->socket, NULL, NULL);

    hear_one(peer);
    (void)send(peer, ok, sizeof ok - 1, MSG_NOSIGNAL);
    hear_one(peer);
    if (keeper->answers_second) {
        (void)send(peer, ok, sizeof ok - 1, MSG_NOSIGNAL);
    }
    (void)close(peer);
    struct pollfd more = {.fd = keeper->socket, .events = POLLIN};
    if (poll(&more, 1, AGAIN_MS) == 1) { /* curl connects before it finds that it may not */
        char byte = 0;
        peer = accept(keeper->socket, NULL, NULL);
        keeper->came_again = recv(peer, &byte, 1, 0) == 1;
        (void)close(peer);
    }
    return NULL;
}

static Notify__Outcome second_of_two(bool answered_too) {
    struct receiver *plain = listen_with("");
    struct keeper keeper = {plain->socket, plain->port, answered_too, false, 0};
    char address[64];

    (void)pthread_cancel(plain->thread); /* its socket is wanted, not its manners */
    CHECK(pthread_join(plain->thread, NULL) == 0);
    CHECK(pthread_create(&keeper.thread, NULL, keep, &keeper) == 0);
    (void)snprintf(address, sizeof address, "http://127.0.0.1:%d/page", keeper.port);
    Notify__SendResult *first = post(address, true);
    CHECK(first->outcome == NOTIFY__OUTCOME__ACCEPTED);
    Notify__SendResult *second = post(address, true);
    Notify__Outcome outcome = second->outcome;
    CHECK(pthread_join(keeper.thread, NULL) == 0);
    CHECK(!keeper.came_again);
    notify__send_result__free_unpacked(first, NULL);
    notify__send_result__free_unpacked(second, NULL);
    (void)close(keeper.socket);
    free(plain);
    return outcome;
}

static void a_connection_serves_for_the_next_message(void) {
    CHECK(second_of_two(true) == NOTIFY__OUTCOME__ACCEPTED);
}

/* curl would send it again over a new connection, and nobody would count it. */
static void what_a_kept_connection_lost_is_unknown(void) {
    CHECK(second_of_two(false) == NOTIFY__OUTCOME__UNKNOWN);
}

static void nobody_there_has_not_arrived(void) {
    struct receiver *receiver = listen_with("");
    char address[64];

    (void)snprintf(address, sizeof address, "http://127.0.0.1:%d/", receiver->port);
    notify__send_result__free_unpacked(post_to(receiver, true), NULL);
    done(receiver);
    Notify__SendResult *result = post(address, true); /* the port is closed now */
    CHECK(result->outcome == NOTIFY__OUTCOME__FAILED);
    CHECK(result->why[0]);
    notify__send_result__free_unpacked(result, NULL);
}

static void without_an_address_it_is_refused(void) {
    Notify__SendResult *result = post("", false);

    CHECK(result->outcome == NOTIFY__OUTCOME__REFUSED);
    CHECK_TEXT(result->why, "no_address");
    notify__send_result__free_unpacked(result, NULL);
}

static void our_own_network_must_be_meant(void) {
    static const char *const astray[] = {
        "https://127.0.0.1:1/",         "https://10.0.0.1/",
        "https://192.168.1.1/",         "https://[::1]:1/",
        "https://[::ffff:10.0.0.1]:1/", "https://169.254.169.254/",
        "http://127.0.0.1:1/",          "file:///etc/hostname",
    };

    for (size_t i = 0; i < sizeof astray / sizeof astray[0]; i++) {
        Notify__SendResult *result = post(astray[i], false);
        CHECK(result->outcome == NOTIFY__OUTCOME__FAILED);
        notify__send_result__free_unpacked(result, NULL);
    }
}

static void what_is_no_message_is_an_error(void) {
    const uint8_t junk[] = {0xFF, 0xFF, 0xFF};
    struct err err = {0};
    uint8_t *output = NULL;
    size_t size = 0;

    CHECK(channel_webhook_run((struct bytes){junk, sizeof junk}, &output, &size, &err) == -1);
    CHECK(err.code == ERR_INTERNAL);
}

static uint64_t place(const char *address) {
    Notify__Send send = NOTIFY__SEND__INIT;
    uint8_t input[TEXT_MAX];

    send.address = address;
    return channel_webhook_place((struct bytes){input, notify__send__pack(&send, input)});
}

static void a_place_is_a_host_and_its_port(void) {
    CHECK(place("https://a.example/page") == place("https://a.example/other?x=1"));
    CHECK(place("https://a.example/page") != place("https://b.example/page"));
    CHECK(place("https://a.example:1/") != place("https://a.example:2/"));
    CHECK(place("https://a.example") != 0);
    CHECK(place("") == 0);
    CHECK(channel_webhook_place((struct bytes){(const uint8_t *)"\xff", 1}) == 0);
}

static const struct test tests[] = {
    TEST(a_message_carries_key_and_signature),
    TEST(the_answer_says_what_came_of_it),
    TEST(a_connection_serves_for_the_next_message),
    TEST(what_a_kept_connection_lost_is_unknown),
    TEST(nobody_there_has_not_arrived),
    TEST(without_an_address_it_is_refused),
    TEST(our_own_network_must_be_meant),
    TEST(what_is_no_message_is_an_error),
    TEST(a_place_is_a_host_and_its_port),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
