#include "aid/streams.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "aid/curve.h"
#include "aid/house.h"
#include "harness.h"

enum {
    HELD_PART = 5, /* one of so many waits to be thrown out */
    PATIENCE_MS = 25,
    PATIENCE_HELD_MS = 60000, /* the service is not as patient as that */
    DRIBBLE_MS = 40,
    NOISE_MAX = 600,
    FRAMES_MAX = 5,
    PART_MAX = 200,
    OUT_MAX = CURVE_OUT_MAX * FRAMES_MAX,
    IN_MAX = 1024,
    HUGE_HEAD = 9,
};

/* So many of a hundred; handshakes cost both sides the most. */
static const unsigned shares[STREAM_KINDS] = {
    [STREAM_NOTHING] = 12,      [STREAM_NOISE] = 16,        [STREAM_SIGNATURE] = 14,
    [STREAM_GREETING_CUT] = 12, [STREAM_GREETING_BAD] = 14, [STREAM_FRAME_HUGE] = 12,
    [STREAM_HELLO_BAD] = 8,     [STREAM_HELLO_CUT] = 3,     [STREAM_INITIATE_BAD] = 3,
    [STREAM_INITIATE_CUT] = 1,  [STREAM_STRANGER] = 3,      [STREAM_FRAMES_BAD] = 2,
};

const char *const stream_names[STREAM_KINDS] = {
    [STREAM_NOTHING] = "nothing",           [STREAM_NOISE] = "noise",
    [STREAM_SIGNATURE] = "signature",       [STREAM_GREETING_CUT] = "greeting cut",
    [STREAM_GREETING_BAD] = "greeting bad", [STREAM_FRAME_HUGE] = "frame huge",
    [STREAM_HELLO_BAD] = "hello bad",       [STREAM_HELLO_CUT] = "hello cut",
    [STREAM_INITIATE_BAD] = "initiate bad", [STREAM_INITIATE_CUT] = "initiate cut",
    [STREAM_STRANGER] = "stranger",         [STREAM_FRAMES_BAD] = "frames bad",
    [STREAM_HALF_OPEN] = "half open",       [STREAM_DRIBBLE] = "dribble",
};

struct stream {
    int fd; /* -1: free */
    enum stream_kind kind;
    int64_t until_ms; /* then it goes by itself */
    int64_t next_ms;  /* dribble: the next byte */
    int said;         /* so many of its turns it has had */
    struct curve curve;
    uint8_t out[OUT_MAX];
    size_t size, sent;
    uint8_t in[IN_MAX];
    size_t got;
};

struct crowd {
    const struct stream_orders *orders;
    struct stream_counts *counts;
    struct keys stranger;
    uint64_t rng;
    size_t held;
    struct stream streams[STREAMS_AT_ONCE_MAX];
};

static uint32_t chance(struct crowd *crowd, uint32_t below) {
    crowd->rng ^= crowd->rng << 13U;
    crowd->rng ^= crowd->rng >> 7U;
    crowd->rng ^= crowd->rng << 17U;
    return (uint32_t)(crowd->rng >> 32U) % below;
}

static void noise(struct crowd *crowd, uint8_t *out, size_t size) {
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)chance(crowd, 256);
    }
}

static void damage(struct crowd *crowd, uint8_t *out, size_t size) {
    for (uint32_t i = 1 + chance(crowd, 4); i > 0; i--) {
        out[chance(crowd, (uint32_t)size)] ^= (uint8_t)(1 + chance(crowd, 255));
    }
}

/* ---- connections ---- */

int stream_open(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    int rc = connect(fd, (const struct sockaddr *)&address, sizeof address);
    CHECK(rc == 0 || errno == EINPROGRESS);
    return fd;
}

void stream_close(int fd) {
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    CHECK(close(fd) == 0);
}

/* ---- what they say ---- */

static bool shakes_hands(enum stream_kind kind) {
    return kind == STREAM_INITIATE_BAD || kind == STREAM_INITIATE_CUT || kind == STREAM_STRANGER
           || kind == STREAM_FRAMES_BAD;
}

static bool is_held(enum stream_kind kind) {
    return kind == STREAM_HALF_OPEN || kind == STREAM_DRIBBLE;
}

/* A frame or a command that says how long it is, and is not as long as that. */
static size_t huge_frame(struct crowd *crowd, uint8_t *out) {
    static const uint8_t flags[] = {2, 3, 6, 0x80 | 2, 0xFF};

    out[0] = flags[chance(crowd, sizeof flags)];
    noise(crowd, out + 1, HUGE_HEAD - 1);
    out[1] = chance(crowd, 2) ? out[1] & 0x7FU : 0;
    noise(crowd, out + HUGE_HEAD, NOISE_MAX);
    return HUGE_HEAD + chance(crowd, NOISE_MAX);
}

static size_t first_words(struct crowd *crowd, struct stream *stream) {
    uint8_t *out = stream->out;
    size_t size = 0;

    if (stream->kind == STREAM_NOTHING || stream->kind == STREAM_HALF_OPEN) {
        return 0;
    }
    if (stream->kind == STREAM_NOISE) {
        noise(crowd, out, NOISE_MAX);
        return 1 + chance(crowd, NOISE_MAX);
    }
    size = curve_greeting(out);
    switch ((int)stream->kind) {
    case STREAM_SIGNATURE:
        noise(crowd, out + CURVE_SIGNATURE, NOISE_MAX);
        return CURVE_SIGNATURE + chance(crowd, NOISE_MAX);
    case STREAM_GREETING_CUT:
        return chance(crowd, CURVE_GREETING);
    case STREAM_GREETING_BAD:
        size += curve_hello(&stream->curve, out + size);
        damage(crowd, out, CURVE_GREETING);
        return size;
    case STREAM_FRAME_HUGE:
        return size + huge_frame(crowd, out + size);
    case STREAM_HELLO_BAD: {
        size_t hello = curve_hello(&stream->curve, out + size);
        if (chance(crowd, 2)) { /* a HELLO by its head, or something of its size */
            noise(crowd, out + size + 8, hello - 8);
        } else {
            damage(crowd, out + size, hello);
        }
        return size + hello;
    }
    case STREAM_HELLO_CUT:
        return size + chance(crowd, (uint32_t)curve_hello(&stream->curve, out + size));
    case STREAM_DRIBBLE:
        return size;
    default:
        return size + curve_hello(&stream->curve, out + size);
    }
}

static size_t initiate(struct crowd *crowd, struct stream *stream) {
    size_t size = curve_initiate(&stream->curve, stream->out);

    if (stream->kind == STREAM_INITIATE_BAD) {
        damage(crowd, stream->out, size);
    } else if (stream->kind == STREAM_INITIATE_CUT) {
        size = chance(crowd, (uint32_t)size);
    }
    return size;
}

/* Of somebody who is let in: well closed and of no meaning, ill closed, or no frame at all. */
static size_t bad_frames(struct crowd *crowd, struct stream *stream) {
    uint8_t *out = stream->out;
    size_t size = 0;

    for (uint32_t i = 1 + chance(crowd, FRAMES_MAX - 1); i > 0; i--) {
        uint8_t part[PART_MAX];
        noise(crowd, part, sizeof part);
        struct bytes body = {part, chance(crowd, PART_MAX)};
        uint8_t flags = chance(crowd, 2) ? (uint8_t)chance(crowd, 256) : (uint8_t)chance(crowd, 2);
        size_t one = curve_message(&stream->curve, flags, body, out + size);
        switch (chance(crowd, 6)) {
        case 0:
            damage(crowd, out + size, one);
            break;
        case 1:
            one = chance(crowd, (uint32_t)one);
            break;
        case 2:
            noise(crowd, out + size, one);
            break;
        case 3:
            stream->curve.nonce -= 1 + chance(crowd, 3); /* a number that was there before */
            break;
        default:
            break;
        }
        size += one;
    }
    return size + (chance(crowd, 4) == 0 ? huge_frame(crowd, out + size) : 0);
}

/* ---- one stream ---- */

static enum stream_kind kind_of_next(struct crowd *crowd) {
    if (crowd->held < crowd->orders->at_once / HELD_PART) {
        crowd->held++;
        return chance(crowd, 2) ? STREAM_HALF_OPEN : STREAM_DRIBBLE;
    }
    unsigned left = chance(crowd, 100);
    for (int kind = 0; kind < STREAM_KINDS; kind++) {
        if (left < shares[kind]) {
            return (enum stream_kind)kind;
        }
        left -= shares[kind];
    }
    return STREAM_NOISE;
}

static void begin(struct crowd *crowd, struct stream *stream, int64_t now_ms) {
    stream->kind = kind_of_next(crowd);
    stream->fd = stream_open(crowd->orders->port);
    stream->until_ms = now_ms + (is_held(stream->kind) ? PATIENCE_HELD_MS : PATIENCE_MS);
    stream->next_ms = 0;
    stream->sent = stream->got = 0;
    stream->said = 1;
    curve_init(&stream->curve,
               stream->kind == STREAM_FRAMES_BAD ? &crowd->orders->known : &crowd->stranger,
               crowd->orders->server);
    stream->size = first_words(crowd, stream);
    crowd->counts->begun[stream->kind]++;
}

static void end(struct crowd *crowd, struct stream *stream, bool hung_up) {
    stream_close(stream->fd);
    stream->fd = -1;
    crowd->held -= is_held(stream->kind);
    crowd->counts->hung_up[stream->kind] += hung_up;
}

/* After the service's WELCOME, and after its READY, it is the other's turn again. */
static void hear(struct crowd *crowd, struct stream *stream, int64_t now_ms) {
    const size_t welcomed = CURVE_GREETING + CURVE_WELCOME;

    if (!shakes_hands(stream->kind)) {
        stream->got = 0;
        return;
    }
    if (stream->said == 1 && stream->got >= welcomed) {
        CHECK(curve_welcome(&stream->curve, stream->in + CURVE_GREETING));
        crowd->counts->welcomed++;
        stream->size = initiate(crowd, stream);
    } else if (stream->said == 2 && stream->got > welcomed + 8
               && memcmp(stream->in + welcomed + 2, "\5READY", 6) == 0) {
        crowd->counts->shook_hands += stream->kind == STREAM_FRAMES_BAD;
        crowd->counts->strangers_in += stream->kind != STREAM_FRAMES_BAD;
        stream->size = bad_frames(crowd, stream);
    } else {
        return;
    }
    stream->said++;
    stream->sent = 0;
    stream->until_ms = now_ms + PATIENCE_MS;
}

/* False: the service has hung up. */
static bool take(struct crowd *crowd, struct stream *stream, int64_t now_ms) {
    uint8_t rest[IN_MAX];
    bool full = stream->got == IN_MAX;
    ssize_t size = full ? recv(stream->fd, rest, sizeof rest, 0)
                        : recv(stream->fd, stream->in + stream->got, IN_MAX - stream->got, 0);

    if (size <= 0) {
        return size < 0 && errno == EAGAIN;
    }
    stream->got += full ? 0 : (size_t)size;
    hear(crowd, stream, now_ms);
    return true;
}

static bool say(struct stream *stream, int64_t now_ms) {
    bool slowly = stream->kind == STREAM_DRIBBLE;
    size_t left = stream->size - stream->sent;

    if (left == 0 || now_ms < stream->next_ms) {
        return true;
    }
    ssize_t size = send(stream->fd, stream->out + stream->sent, slowly ? 1 : left, MSG_NOSIGNAL);
    if (size < 0) {
        return errno == EAGAIN;
    }
    stream->sent += (size_t)size;
    stream->next_ms = slowly ? now_ms + DRIBBLE_MS : 0;
    return true;
}

static bool has_said_all(const struct stream *stream) {
    bool cut = stream->kind == STREAM_NOTHING || stream->kind == STREAM_GREETING_CUT
               || stream->kind == STREAM_HELLO_CUT;

    return cut && stream->sent == stream->size;
}

static void turn(struct crowd *crowd, struct stream *stream, short events, int64_t now_ms) {
    bool there = true;

    if (events & (POLLOUT | POLLIN)) {
        there = say(stream, now_ms);
    }
    if (there && (events & (POLLIN | POLLHUP | POLLERR))) {
        there = take(crowd, stream, now_ms);
    }
    if (!there || now_ms >= stream->until_ms || (events && has_said_all(stream))) {
        end(crowd, stream, !there);
    }
}

void streams_run(const struct stream_orders *orders, struct stream_counts *counts) {
    static struct crowd crowd;
    const size_t at_once = orders->at_once;
    size_t begun = 0;
    size_t open = 0;

    CHECK(at_once <= STREAMS_AT_ONCE_MAX);
    crowd = (struct crowd){.orders = orders, .counts = counts, .rng = orders->seed | 1U};
    keys_new(&crowd.stranger);
    for (size_t i = 0; i < at_once; i++) {
        crowd.streams[i].fd = -1;
    }
    do {
        struct pollfd items[STREAMS_AT_ONCE_MAX];
        int64_t now_ms = house_now_ms();
        for (size_t i = 0; i < at_once; i++) {
            struct stream *stream = &crowd.streams[i];
            if (stream->fd < 0 && begun < orders->count) {
                begin(&crowd, stream, now_ms);
                begun++;
            }
            bool speaks = stream->sent < stream->size && now_ms >= stream->next_ms;
            items[i] = (struct pollfd){stream->fd, (short)(POLLIN | (speaks ? POLLOUT : 0)), 0};
        }
        CHECK(poll(items, at_once, 2) >= 0);
        now_ms = house_now_ms();
        open = 0;
        for (size_t i = 0; i < at_once; i++) {
            struct stream *stream = &crowd.streams[i];
            if (stream->fd >= 0) {
                turn(&crowd, stream, items[i].revents, now_ms);
            }
            open += stream->fd >= 0;
        }
    } while (open > 0 || begun < orders->count);
}
