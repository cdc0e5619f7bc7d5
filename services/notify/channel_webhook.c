#include "channel_webhook.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>
#include <sodium.h>

#include "shouwen/notify/v1/notify.pb-c.h"

enum {
    REPLY_MAX = 64 * 1024,
    REFERENCE_MAX = 64,
    HEADER_MAX = 200,
    WHY_MAX = 120,
    HTTP_OK = 200,
    HTTP_REDIRECT = 300,
    HTTP_BAD = 400,
    HTTP_TOO_MANY = 429,
    HTTP_SERVER = 500,
    IPV4_BYTES = 4,
    IPV6_BYTES = 16,
    IDLE_S = 2, /* so long a connection is kept: shorter than receivers keep it */
    KEPT_MAX = 4,
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

/*
 * Each worker keeps its connections: one handle for addresses of our own network and one for
 * all others, so that a connection which was let in for the one is never used for the other.
 */
enum { HANDLES = 2 };
struct handles {
    CURL *curl[HANDLES];
};
static pthread_key_t handles_key;

static void free_handles(void *arg) {
    struct handles *handles = arg;

    for (size_t i = 0; i < HANDLES; i++) {
        curl_easy_cleanup(handles->curl[i]);
    }
    free(handles);
}

static void start_curl(void) {
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    (void)pthread_key_create(&handles_key, free_handles);
}

/* As new, but for what is connected; NULL: no memory. */
static CURL *handle_for(bool private) {
    struct handles *handles = pthread_getspecific(handles_key);

    if (!handles) {
        handles = calloc(1, sizeof *handles);
        if (!handles || pthread_setspecific(handles_key, handles)) {
            free(handles);
            return NULL;
        }
    }
    CURL **curl = &handles->curl[private ? 1 : 0];
    if (*curl) {
        curl_easy_reset(*curl);
    } else {
        *curl = curl_easy_init();
    }
    return *curl;
}

/* ---- addresses that a message must not be sent to by mistake ---- */

/* The first `bits` of an address of our own. */
struct network {
    uint8_t start[IPV6_BYTES];
    unsigned bits;
};

static const struct network own_v4[] = {
    {{0}, 8},        {{10}, 8},        {{127}, 8},      {{169, 254}, 16},
    {{172, 16}, 12}, {{192, 168}, 16}, {{100, 64}, 10}, {{224}, 3},
};
static const struct network own_v6[] = {
    {{0}, 96},
    {{0xFC}, 7},
    {{0xFE, 0x80}, 9},
    {{0xFF}, 8},
};
static const struct network mapped_v4 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, 96};

static bool is_in(const struct network *network, const uint8_t *address) {
    unsigned bytes = network->bits / CHAR_BIT;
    unsigned rest = network->bits % CHAR_BIT;
    unsigned mask = UCHAR_MAX << (CHAR_BIT - rest) & UCHAR_MAX;

    return memcmp(network->start, address, bytes) == 0
           && (rest == 0 || (address[bytes] & mask) == (network->start[bytes] & mask));
}

static bool is_own(const struct network *networks, size_t count, const uint8_t *address) {
    for (size_t i = 0; i < count; i++) {
        if (is_in(&networks[i], address)) {
            return true;
        }
    }
    return false;
}

static bool private_v4(const uint8_t *address) {
    return is_own(own_v4, sizeof own_v4 / sizeof own_v4[0], address);
}

static bool private_v6(const uint8_t *address) {
    if (is_in(&mapped_v4, address)) {
        return private_v4(address + IPV6_BYTES - IPV4_BYTES);
    }
    return is_own(own_v6, sizeof own_v6 / sizeof own_v6[0], address);
}

static bool is_private(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return private_v4((const uint8_t *)&v4.sin_addr);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        return private_v6(v6.sin6_addr.s6_addr);
    }
    return true;
}

/* Looked at after the name was resolved, so that no name can lead astray. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
    const Notify__Send *send = arg;

    (void)purpose;
    if (!send->private_ && is_private(&address->addr)) {
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- one message ---- */

struct answer {
    size_t size;
    char reference[REFERENCE_MAX];
};

/* The first line of the answer is the channel's own reference; the rest is not wanted. */
static size_t take_reply(char *data, size_t one, size_t count, void *arg) {
    struct answer *answer = arg;
    size_t size = one * count;

    for (size_t i = 0; i < size && answer->size + i + 1 < sizeof answer->reference; i++) {
        answer->reference[answer->size + i] = data[i];
        if (data[i] <= ' ' || data[i] > '~') {
            answer->reference[answer->size + i] = ' ';
        }
    }
    answer->size += size;
    return answer->size > REPLY_MAX ? 0 : size;
}

static bool add_header(struct curl_slist **list, const char *name, const char *value) {
    char line[HEADER_MAX];

    (void)snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer) {
        *list = longer;
    }
    return longer != NULL;
}

/*
 * The body, once.  It is not given as a whole, for then curl would send it again by itself when
 * a kept connection breaks; what has left and was not answered is unknown.
 */
struct body {
    const Notify__Send *send;
    size_t given;
};

static size_t give_body(char *data, size_t one, size_t count, void *arg) {
    struct body *body = arg;
    size_t left = body->send->body.len - body->given;
    size_t size = left < one * count ? left : one * count;

    memcpy(data, body->send->body.data + body->given, size);
    body->given += size;
    return size;
}

static void set_options(CURL *curl, Notify__Send *send, struct curl_slist *headers,
                        struct body *body, struct answer *answer) {
    (void)curl_easy_setopt(curl, CURLOPT_URL, send->address);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body);
    (void)curl_easy_setopt(curl, CURLOPT_READDATA, body);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)send->body.len);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CHANNEL_WEBHOOK_CONNECT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)CHANNEL_WEBHOOK_TIMEOUT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 10L);
    (void)curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, (long)IDLE_S);
    (void)curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, (long)KEPT_MAX);
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, send->private_ ? "https,http" : "https");
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    (void)curl_easy_setopt(curl, CURLOPT_MAXFILESIZE, (long)REPLY_MAX);
    (void)curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    (void)curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, send);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_reply);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
}

static Notify__Outcome by_status(long status) {
    if (status >= HTTP_OK && status < HTTP_REDIRECT) {
        return NOTIFY__OUTCOME__ACCEPTED;
    }
    if (status >= HTTP_BAD && status < HTTP_SERVER && status != HTTP_TOO_MANY) {
        return NOTIFY__OUTCOME__REFUSED;
    }
    return NOTIFY__OUTCOME__FAILED;
}

/* Did the body begin to leave?  Then nobody knows whether it arrived. */
static Notify__Outcome by_error(const struct body *body) {
    return body->given > 0 ? NOTIFY__OUTCOME__UNKNOWN : NOTIFY__OUTCOME__FAILED;
}

static Notify__Outcome post(Notify__Send *send, struct answer *answer, char why[WHY_MAX]) {
    CURL *curl = handle_for(send->private_);
    struct curl_slist *headers = NULL;
    struct body body = {.send = send};
    Notify__Outcome outcome = NOTIFY__OUTCOME__FAILED;

    if (!curl || !add_header(&headers, "Content-Type", "application/json; charset=utf-8")
        || !add_header(&headers, "Idempotency-Key", send->key)
        || !add_header(&headers, "X-Shouwen-Signature", send->signature)
        || !add_header(&headers, "Expect", "")) {
        (void)snprintf(why, WHY_MAX, "no_memory");
        goto done;
    }
    set_options(curl, send, headers, &body, answer);
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        outcome = by_error(&body);
        (void)snprintf(why, WHY_MAX, "%s", curl_easy_strerror(code));
        goto done;
    }
    long status = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    outcome = by_status(status);
    if (outcome != NOTIFY__OUTCOME__ACCEPTED) {
        (void)snprintf(why, WHY_MAX, "http_%ld", status);
    }

done:
    curl_slist_free_all(headers);
    return outcome;
}

static int give(Notify__Outcome outcome, const char *reference, const char *why, uint8_t **output,
                size_t *size, struct err *err) {
    Notify__SendResult result = NOTIFY__SEND_RESULT__INIT;

    result.outcome = outcome;
    result.reference = reference;
    result.why = why;
    *size = notify__send_result__get_packed_size(&result);
    *output = malloc(*size + 1);
    if (!*output) {
        return err_plain(err, ERR_EXHAUSTED, "no memory");
    }
    (void)notify__send_result__pack(&result, *output);
    return 0;
}

uint64_t channel_webhook_place(struct bytes input) {
    Notify__Send *send = notify__send__unpack(NULL, input.size, input.data);
    const char *address = send && send->address ? send->address : "";
    const char *host = strstr(address, "://");
    size_t length = host ? (size_t)(host - address) + strcspn(host + 3, "/?#") + 3 : 0;
    uint64_t place = 0;

    if (length > 0) {
        (void)crypto_generichash((uint8_t *)&place, sizeof place, (const uint8_t *)address, length,
                                 NULL, 0);
    }
    notify__send__free_unpacked(send, NULL);
    return place;
}

int channel_webhook_run(struct bytes input, uint8_t **output, size_t *size, struct err *err) {
    Notify__Send *send = notify__send__unpack(NULL, input.size, input.data);
    struct answer answer = {0};
    char why[WHY_MAX] = "";

    if (!send) {
        return err_plain(err, ERR_INTERNAL, "not a message to send");
    }
    (void)pthread_once(&curl_once, start_curl);
    Notify__Outcome outcome = NOTIFY__OUTCOME__REFUSED;
    if (send->address && *send->address) {
        outcome = post(send, &answer, why);
    } else {
        (void)snprintf(why, sizeof why, "no_address");
    }
    answer.reference[sizeof answer.reference - 1] = '\0';
    notify__send__free_unpacked(send, NULL);
    return give(outcome, answer.reference, why, output, size, err);
}
