#include "host/live.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <sodium.h>
#include <zmq.h>

#include "base/log.h"
#include "base/speak.h"
#include "host/clock.h"
#include "host/frame.h"
#include "host/keys.h"
#include "host/link.h"
#include "host/settings.h"
#include "host/system.h"
#include "host/workers.h"
#include "host/zap.h"

enum {
    EXIT_USAGE = 2,
    PEERS_MAX = 4,
    ROUTE_SIZE = 5, /* a zero byte and four that libzmq made */
    GROUP_BYTES_MAX = 1 << 20,
    GROUP_US = 2000,
    GATHER_MS = 5,
    PATIENT_NICE = 5,
    REPLIES_A_ROUND = 64, /* from one peer */
    LOCAL_A_ROUND = 32,
    SLEEP_MS = 1000, /* at most: the clock is looked at, systemd hears from us */
    REFUSAL_ARENA = 512 * 1024,
    START_ARENA = 1 << 20,
    JOBS_WAIT_MS = 2000,
    CHECKPOINT_PAGES = 2000, /* in the log of the store, 4 MB: some milliseconds of work */
    LAST_STEPS = 64,         /* of whatever waits at the end */
    FLUSH_MS = 500,
    DISK_HONEST_US = 20,
    STATUS_MAX = 96,
    MODE_PRIVATE = 077,
};

static const uint64_t local_bit = 1ULL << 32;

struct peer {
    const char *name;
    void *socket; /* DEALER */
    void *watch;
    bool up;
};

struct counts {
    uint64_t taken, refused, malformed, replies_lost, calls_lost;
};

struct live {
    const struct service_def *def;
    struct settings settings;
    struct keys keys;
    struct secrets secrets;
    struct allow *allow;
    struct core *core;
    struct clock clock;
    struct workers *workers;
    void *context;
    struct zap *zap;
    void *tcp;   /* ROUTER */
    void *local; /* ROUTER */
    struct peer peers[PEERS_MAX];
    size_t peer_count;
    int signals;   /* signalfd */
    int clock_set; /* timerfd: readable when somebody sets the wall clock */
    int64_t step_started_us;
    int64_t watchdog_ms;
    int64_t watchdog_last_us;
    struct arena *refusals; /* one refusal */
    struct arena *start;    /* settings */
    struct counts counts;
    bool stop;
};

/* ---- replies ---- */

static void send_reply(struct live *live, uint64_t route, struct bytes frame) {
    uint8_t id[ROUTE_SIZE] = {0};
    uint32_t number = (uint32_t)route;
    void *socket = route & local_bit ? live->local : live->tcp;

    memcpy(id + 1, &number, sizeof number);
    if (zmq_send(socket, id, sizeof id, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0
        || zmq_send(socket, frame.data, frame.size, ZMQ_DONTWAIT) < 0) {
        /* He has gone, or does not read; he will ask again with the same id. */
        live->counts.replies_lost++;
    }
}

static void refuse(struct live *live, uint64_t route, const struct frame *frame, Wire__Code code,
                   const char *rule) {
    bool english = frame->locale.size == 2 && memcmp(frame->locale.data, "en", 2) == 0;

    live->counts.refused++;
    arena_reset(live->refusals);
    const char *text = core_text(live->core, rule, "", english ? "en" : "zh", live->refusals);
    send_reply(live, route, frame_reply(frame, code, rule, text, NULL, live->refusals));
}

/* ---- requests ---- */

/* One message of a ROUTER: who asked, and what.  1: one.  0: none.  -1: no message of ours. */
static int receive(void *socket, uint64_t *route, zmq_msg_t *body) {
    uint8_t id[ROUTE_SIZE + 1];
    uint32_t number = 0;
    int size = zmq_recv(socket, id, sizeof id, ZMQ_DONTWAIT);

    if (size < 0) {
        return 0;
    }
    /* A caller may name itself, but then replies could go astray: not here. */
    bool ours = size == ROUTE_SIZE && id[0] == 0;
    if (zmq_msg_recv(body, socket, ZMQ_DONTWAIT) < 0) {
        return -1;
    }
    while (zmq_msg_more(body)) {
        ours = false;
        if (zmq_msg_recv(body, socket, ZMQ_DONTWAIT) < 0) {
            return -1;
        }
    }
    memcpy(&number, id + 1, sizeof number);
    *route = number;
    return ours ? 1 : -1;
}

static void take_request(struct live *live, uint64_t route, zmq_msg_t *body) {
    struct frame frame;
    struct bytes data = {zmq_msg_data(body), zmq_msg_size(body)};
    const char *key = zmq_msg_gets(body, "User-Id");
    const struct allowed *who = key && strlen(key) == KEYS_HEX ? allow_find(live->allow, key)
                                                               : NULL;
    bool whole = frame_scan(data, &frame);

    live->counts.taken++;
    if (!whole) {
        memset(&frame, 0, sizeof frame); /* the core says what is wrong with it */
    }
    if (!who) {
        refuse(live, route, &frame, WIRE__CODE__PERMISSION_DENIED, "link_unknown");
        return;
    }
    if (whole && !allow_method(who, frame.method)) {
        refuse(live, route, &frame, WIRE__CODE__PERMISSION_DENIED, "link_may_not");
        return;
    }
    struct origin origin = {
        .route = route,
        .peer = who->service ? who->name : NULL,
        .local = (route & local_bit) != 0,
    };
    (void)core_push_request(live->core, &origin, data);
}

/* Up to `max` of a socket.  Returns the bytes taken. */
static size_t drain_requests(struct live *live, void *socket, uint64_t bit, int max) {
    size_t bytes = 0;
    bool more = true;

    for (int i = 0; more && i < max && bytes < GROUP_BYTES_MAX; i++) {
        zmq_msg_t body;
        uint64_t route = 0;
        (void)zmq_msg_init(&body);
        int got = receive(socket, &route, &body);
        if (got > 0) {
            bytes += zmq_msg_size(&body);
            take_request(live, route | bit, &body);
        } else if (got < 0) {
            live->counts.malformed++;
        } else {
            more = false;
        }
        (void)zmq_msg_close(&body);
    }
    return bytes;
}

static void drain_peer(struct live *live, struct peer *peer) {
    bool more = true;

    for (int i = 0; more && i < REPLIES_A_ROUND; i++) {
        zmq_msg_t body;
        (void)zmq_msg_init(&body);
        more = zmq_msg_recv(&body, peer->socket, ZMQ_DONTWAIT) >= 0;
        if (more && !zmq_msg_more(&body)) {
            struct bytes data = {zmq_msg_data(&body), zmq_msg_size(&body)};
            core_push_reply(live->core, peer->name, data);
        }
        (void)zmq_msg_close(&body);
    }
    for (enum link_event event; (event = link_heard(peer->watch)) != LINK_NONE;) {
        bool up = event == LINK_UP;
        if (event == LINK_REFUSED) {
            log_error("peer refuses our key", "peer=%s", peer->name);
        } else if (up != peer->up) {
            peer->up = up;
            log_info(up ? "linked" : "link lost", "peer=%s", peer->name);
            /* What was asked of the old connection is asked again: now, not after a timeout. */
            core_link(live->core, peer->name, up);
        }
    }
}

static void drain_jobs(struct live *live) {
    struct work_done done;

    while (live->workers && workers_take(live->workers, &done)) {
        struct bytes output = {done.output, done.size};
        core_push_job(live->core, done.id, done.failed, output, &done.err);
        free(done.output);
    }
}

/* ---- what the core says ---- */

static void send_call(struct live *live, const struct out *out) {
    for (size_t i = 0; i < live->peer_count; i++) {
        struct peer *peer = &live->peers[i];
        if (strcmp(peer->name, out->peer) == 0) {
            if (zmq_send(peer->socket, out->frame.data, out->frame.size, ZMQ_DONTWAIT) < 0) {
                live->counts.calls_lost++; /* the core asks again */
            }
            return;
        }
    }
    live->counts.calls_lost++;
}

static void start_job(struct live *live, const struct out *out) {
    struct err err = {0};

    if (!live->workers || !workers_put(live->workers, out->job, out->kind_of_job, out->input)) {
        (void)err_plain(&err, ERR_EXHAUSTED, "too many jobs wait");
        core_push_job(live->core, out->job, true, (struct bytes){NULL, 0}, &err);
    }
}

static void carry_away(struct live *live) {
    for (const struct out *out; (out = core_next(live->core));) {
        switch (out->kind) {
        case OUT_REPLY:
            send_reply(live, out->route, out->frame);
            break;
        case OUT_CALL:
            send_call(live, out);
            break;
        case OUT_JOB:
            start_job(live, out);
            break;
        default:
            assert(0);
        }
    }
}

/* ---- the loop ---- */

static bool group_over(void *arg) {
    const struct live *live = arg;

    return system_mono_us() - live->step_started_us >= GROUP_US;
}

/* At once: nothing more may be said or written. */
static _Noreturn void end(const char *why) {
    log_error("the store failed; what was not answered is unknown", "why=\"%s\"", why);
    _exit(EXIT_FAILURE);
}

/* Nobody's answer waits for it: all have left. */
static void keep_log_short(struct live *live) {
    struct store *store = core_store(live->core);

    if (store_log_pages(store) >= CHECKPOINT_PAGES) {
        store_checkpoint(store, false);
    }
    if (store_io_failed(store)) {
        end("checkpoint");
    }
}

static void step(struct live *live) {
    struct err err = {0};
    char line[ERR_TEXT_MAX];

    live->step_started_us = system_mono_us();
    if (core_step(live->core, clock_now(&live->clock), &err)) {
        end(err_line(&err, line));
    }
    carry_away(live);
    keep_log_short(live);
}

static void reload_allow(struct live *live) {
    struct err err = {0};
    char line[ERR_TEXT_MAX];

    if (allow_read(live->settings.allow, live->allow, &err)) {
        log_error("allow list stays as it was", "why=\"%s\"", err_line(&err, line));
        return;
    }
    zap_set(live->zap, live->allow);
    log_info("allow list read", "keys=%zu", live->allow->count);
}

static void take_signals(struct live *live) {
    struct signalfd_siginfo info;

    while (read(live->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            reload_allow(live);
        } else {
            log_info("stopping", "signal=%u", info.ssi_signo);
            live->stop = true;
        }
    }
}

/* Sleeping has no part in a jump: the timer ends when the wall clock is set. */
static void arm_clock_set(struct live *live) {
    struct itimerspec far = {.it_value = {.tv_sec = INT32_MAX}};

    (void)timerfd_settime(live->clock_set, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL);
}

static void take_clock_set(struct live *live) {
    uint64_t count = 0;

    if (read(live->clock_set, &count, sizeof count) < 0 && errno == ECANCELED) {
        log_warn("the wall clock was set", "now_ms=%lld", (long long)clock_now(&live->clock));
    }
    arm_clock_set(live);
}

static void tell_watchdog(struct live *live) {
    int64_t now = system_mono_us();
    const int64_t us_per_half_ms = 500;

    if (live->watchdog_ms > 0
        && now - live->watchdog_last_us >= live->watchdog_ms * us_per_half_ms) {
        live->watchdog_last_us = now;
        system_notify("WATCHDOG=1");
    }
}

static long sleep_ms(struct live *live) {
    int64_t wait = core_wake(live->core) - clock_now(&live->clock);

    return wait < 0 ? 0 : wait > SLEEP_MS ? SLEEP_MS : (long)wait;
}

static void loop(struct live *live) {
    zmq_pollitem_t items[2 * PEERS_MAX + 5] = {
        {live->local, 0, ZMQ_POLLIN, 0},
        {live->tcp, 0, ZMQ_POLLIN, 0},
        {NULL, live->signals, ZMQ_POLLIN, 0},
        {NULL, live->clock_set, ZMQ_POLLIN, 0},
    };
    int count = 4;

    for (size_t i = 0; i < live->peer_count; i++) {
        items[count++] = (zmq_pollitem_t){live->peers[i].socket, 0, ZMQ_POLLIN, 0};
        items[count++] = (zmq_pollitem_t){live->peers[i].watch, 0, ZMQ_POLLIN, 0};
    }
    if (live->workers) {
        items[count++] = (zmq_pollitem_t){NULL, workers_fd(live->workers), ZMQ_POLLIN, 0};
    }
    while (!live->stop) {
        if (zmq_poll(items, count, sleep_ms(live)) < 0 && zmq_errno() != EINTR) {
            log_error("cannot wait", "why=\"%s\"", speak(zmq_strerror(zmq_errno())));
            _exit(EXIT_FAILURE);
        }
        if (items[2].revents) {
            take_signals(live);
        }
        if (items[3].revents) {
            take_clock_set(live);
        }
        drain_jobs(live);
        for (size_t i = 0; i < live->peer_count; i++) {
            drain_peer(live, &live->peers[i]);
        }
        (void)drain_requests(live, live->local, local_bit, LOCAL_A_ROUND);
        (void)drain_requests(live, live->tcp, 0, (int)live->settings.group_max);
        step(live);
        tell_watchdog(live);
    }
}

/* ---- start and end ---- */

static int open_signals(struct live *live, struct err *err) {
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)signal(SIGPIPE, SIG_IGN);
    /* Before the first thread, so that all of them leave signals to the loop. */
    if (pthread_sigmask(SIG_BLOCK, &set, NULL)) {
        return err_plain(err, ERR_UNAVAILABLE, "cannot block signals");
    }
    live->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    live->clock_set = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (live->signals < 0 || live->clock_set < 0) {
        return err_plain(err, ERR_UNAVAILABLE, "no signalfd or timerfd: %s",
                         speak(strerror(errno)));
    }
    arm_clock_set(live);
    return 0;
}

static int check_disk(const struct settings *settings, struct err *err) {
    char folder[4096] = ".";
    const char *slash = strrchr(settings->store, '/');
    const char *kind = NULL;
    struct system_disk disk;

    if (slash) {
        (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - settings->store + 1),
                       settings->store);
    }
    if (system_check_folder(folder, &kind, err) || system_measure_disk(folder, &disk, err)) {
        return -1;
    }
    log_info("disk", "kind=%s flush_p50_us=%lld flush_worst_us=%lld free_percent=%d", kind,
             (long long)disk.p50_us, (long long)disk.worst_us, disk.free_percent);
    if (disk.p50_us < DISK_HONEST_US) {
        log_warn("flushes are too quick to be true: a power cut may lose what was answered",
                 "kind=%s", kind);
    }
    return 0;
}

static int open_core(struct live *live, struct err *err) {
    struct clock_reading reading = clock_read();
    struct core_config config = {
        .path = live->settings.store,
        .secrets = &live->secrets,
        .group_max = (size_t)live->settings.group_max,
        .gather_ms = GATHER_MS,
        .group_over = group_over,
        .arg = live,
        .accept_loss = live->settings.accept_loss,
        .keep_days = live->settings.keep_days,
    };

    randombytes_buf(&config.seed, sizeof config.seed);
    config.now_ms = reading.wall_ms;
    live->core = core_new(live->def, &config, err);
    if (!live->core) {
        return -1;
    }
    clock_init(&live->clock, core_now(live->core), &reading);
    return 0;
}

static int open_workers(struct live *live, struct err *err) {
    bool normal = false;
    bool urgent = false;

    for (const struct job_kind *kind = live->def->jobs; kind && kind->kind; kind++) {
        normal |= !kind->urgent;
        urgent |= kind->urgent;
    }
    if (!normal && !urgent) {
        return 0;
    }
    live->workers = workers_new(normal ? (size_t)live->settings.workers : 0,
                                urgent ? (size_t)live->settings.urgent_workers : 0, err);
    return live->workers ? 0 : -1;
}

static int open_peer(struct live *live, const char *name, const char *endpoint, struct err *err) {
    struct peer *peer = &live->peers[live->peer_count];
    const struct allowed *server = allow_service(live->allow, name);
    uint8_t key[KEYS_SIZE];

    if (live->peer_count == PEERS_MAX) {
        return err_plain(err, ERR_INVALID, "peers: more than %d", PEERS_MAX);
    }
    if (!server) {
        return err_plain(err, ERR_INVALID, "%s: no key of service:%s", live->settings.allow, name);
    }
    (void)sodium_hex2bin(key, sizeof key, server->key, KEYS_HEX, NULL, NULL, NULL);
    peer->name = name;
    peer->socket = link_connect(live->context, endpoint, &live->keys, key, name, &peer->watch, err);
    if (!peer->socket) {
        return -1;
    }
    live->peer_count++;
    return 0;
}

static int open_links(struct live *live, struct err *err) {
    const size_t frame_max = live->def->is_bus ? CORE_BULK_FRAME_MAX : CORE_FRAME_MAX;
    const struct settings *settings = &live->settings;

    live->context = zmq_ctx_new();
    live->zap = zap_new(live->context, live->allow, err);
    if (!live->zap) {
        return -1;
    }
    live->local = link_listen(live->context, settings->local, &live->keys, frame_max, err);
    if (!live->local) {
        return -1;
    }
    if (settings->self_test && link_self_test(live->context, settings->local, &live->keys, err)) {
        return -1;
    }
    live->tcp = link_listen(live->context, settings->listen, &live->keys, frame_max, err);
    if (!live->tcp) {
        return -1;
    }
    for (size_t i = 0; i < settings->peers.count; i++) {
        if (open_peer(live, settings->peers.names[i], settings->peers.values[i], err)) {
            return -1;
        }
    }
    return 0;
}

/* Everything that can refuse the start, in the order of what it costs. */
static int start(struct live *live, struct err *err) {
    const struct settings *settings = &live->settings;

    live->allow = calloc(1, sizeof *live->allow);
    live->refusals = arena_new(REFUSAL_ARENA);
    if (!live->allow || sodium_init() < 0) {
        return err_plain(err, ERR_UNAVAILABLE, "out of memory");
    }
    (void)umask(MODE_PRIVATE);
    (void)prctl(PR_SET_DUMPABLE, 0); /* keys are in this memory */
    if (keys_read(settings->keys, &live->keys, err)
        || keys_secrets_read(settings->secrets, &live->secrets, err)
        || allow_read(settings->allow, live->allow, err)) {
        return -1;
    }
    if (settings->check_only) {
        return 0;
    }
    if (live->def->patient) {
        (void)setpriority(PRIO_PROCESS, 0, PATIENT_NICE); /* pages go first */
    }
    if (system_lock(settings->pid, err) || open_signals(live, err) || check_disk(settings, err)
        || open_core(live, err) || open_workers(live, err) || open_links(live, err)) {
        return -1;
    }
    live->watchdog_ms = system_watchdog_ms();
    return 0;
}

/* Everything taken is finished and answered; then the sockets have a moment to send. */
static void finish(struct live *live) {
    int linger = FLUSH_MS;

    system_notify("STOPPING=1");
    core_stop(live->core);
    step(live);
    bool idle = workers_stop(live->workers, JOBS_WAIT_MS);
    drain_jobs(live); /* what they have done is written down: nobody does it again */
    int steps = 0;
    do {
        step(live);
    } while (core_wake(live->core) <= core_now(live->core) && ++steps < LAST_STEPS);
    (void)zmq_setsockopt(live->tcp, ZMQ_LINGER, &linger, sizeof linger);
    (void)zmq_setsockopt(live->local, ZMQ_LINGER, &linger, sizeof linger);
    core_free(live->core);
    live->core = NULL;
    for (size_t i = 0; i < live->peer_count; i++) {
        link_close(live->peers[i].socket, live->peers[i].watch);
    }
    (void)zmq_close(live->tcp);
    (void)zmq_close(live->local);
    zap_free(live->zap);
    (void)zmq_ctx_term(live->context);
    log_info(
        "stopped", "requests=%llu refused=%llu malformed=%llu replies_lost=%llu calls_lost=%llu",
        (unsigned long long)live->counts.taken, (unsigned long long)live->counts.refused,
        (unsigned long long)live->counts.malformed, (unsigned long long)live->counts.replies_lost,
        (unsigned long long)live->counts.calls_lost);
    if (idle) {
        workers_free(live->workers);
    } else {
        log_warn("jobs were still running; they run again", "waited_ms=%d", JOBS_WAIT_MS);
        _exit(EXIT_SUCCESS); /* their threads still use this memory */
    }
    (void)close(live->signals);
    (void)close(live->clock_set);
    free(live->allow);
    arena_free(live->refusals);
    sodium_memzero(&live->secrets, sizeof live->secrets);
    sodium_memzero(&live->keys, sizeof live->keys);
}

int live_main(const struct service_def *def, int argc, char **argv) {
    struct err err = {0};
    char line[ERR_TEXT_MAX];
    static struct live live; /* large, and there is one */

    log_init(def->name);
    live.def = def;
    live.start = arena_new(START_ARENA);
    int rc = settings_read(def->name, argc, argv, &live.settings, live.start, &err);
    if (rc > 0) {
        return EXIT_SUCCESS;
    }
    if (rc < 0) {
        log_error("cannot start", "why=\"%s\"", err_line(&err, line));
        return EXIT_USAGE;
    }
    if (start(&live, &err)) {
        log_error("cannot start", "why=\"%s\"", err_line(&err, line));
        /* Sockets and threads may be half made; the process's end undoes them all. */
        _exit(EXIT_FAILURE);
    }
    if (live.settings.check_only) {
        return EXIT_SUCCESS;
    }
    log_info("serving", "listen=%s epoch=%llu", live.settings.listen,
             (unsigned long long)core_epoch(live.core));
    step(&live); /* what is due already, and the first calls to peers */
    system_notify("READY=1");
    loop(&live);
    finish(&live);
    arena_free(live.start);
    return EXIT_SUCCESS;
}
