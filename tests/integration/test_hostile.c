/*
 * Whoever can reach a port may send it anything: very many streams that are no caller's,
 * right keys with frames that are wrong, services that ask what is not theirs, and all
 * descriptors used up.  Honest callers are answered all the while, no memory is kept, and
 * afterwards the stores are whole and the services end in order.
 *
 *   SEED=n sends the same kinds, lengths and places again; STREAMS=n so many streams.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include <zmq.h>

#include "aid/desk.h"
#include "aid/house.h"
#include "aid/ledger.h"
#include "aid/streams.h"
#include "aid/whole.h"
#include "base/text.h"
#include "harness.h"
#include "host/client.h"
#include "host/link.h"
#include "host/settings.h"
#include "shouwen/bus/v1/bus.pb-c.h"
#include "shouwen/cases/v1/cases.pb-c.h"
#include "shouwen/notify/v1/notify.pb-c.h"

#ifdef __SANITIZE_ADDRESS__ /* fewer: each costs several times as much; freed memory is kept */
enum { STREAMS = 4000, WARM_UP = 1000, MEMORY_IS_TOLD = 0 };
#else
enum { STREAMS = 60000, WARM_UP = 20000, MEMORY_IS_TOLD = 1 };
#endif

enum {
    WAIT_MS = 30000,
    LATENCY_MAX_MS = 5000,
    STORM_MS = 300000, /* more than it takes anywhere */
    FILL_MS = 3000,
    CONTROL_MS = 3000,
    GROWTH_MAX_KB = 1024,
    SETTLE_MS = 15000,
    PAUSE_MS = 5,
    AT_ONCE = 80,        /* below the backlog: nobody waits for a connection */
    AT_ONCE_FIRST = 240, /* more than ever after, also when the machine stalls */
    LEVEL_KB = 64,
    WARM_UPS_MIN = 2,
    WARM_UPS = 3,
    WRITE_EVERY = 50, /* honest calls: one of these opens a case */
    TARGETS = 2,
    FRAMES = 4000,
    FRAME_SIZE = 1024,
    NOISE_MAX = 512,
    FEW_DESCRIPTORS = 80,
    CROWD = 200,
    CROWD_MS = 4500, /* more than the time that a stranger is given for his handshake */
    PATH = PATH_MAX + 32,
};

static const char demo[] = "deploy/demo/parameters.yaml";
static const char *const targets[TARGETS] = {"ticketing", "bus"};
static struct house house;
static uint64_t seed;

static size_t streams_wanted(void) {
    const char *wanted = getenv("STREAMS");
    return wanted ? strtoul(wanted, NULL, 10) : STREAMS;
}

/* ---- the services ---- */

static int port_of(const char *service) {
    struct settings settings = {.service = NULL};
    struct err err = {0};
    char path[PATH];

    (void)snprintf(path, sizeof path, "%s/%s.yaml", house.dir, service);
    CHECK_OK(settings_load(path, &settings, house.cli.arena, &err), err);
    const char *colon = strrchr(settings.listen, ':');
    CHECK(colon);
    return (int)strtol(colon + 1, NULL, 10);
}

static const char *tcp_of(const char *service) {
    return arena_text(house.cli.arena, "tcp://127.0.0.1:%d", port_of(service));
}

/* What belongs to nobody else: files it has mapped come and go. */
static long memory_kb(const char *service) {
    char path[64];
    char line[128];
    long kb = -1;
    pid_t pid = instance_pid(session_instance(house.session), service);

    CHECK(pid > 0);
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    CHECK(file);
    while (kb < 0 && fgets(line, sizeof line, file)) {
        (void)sscanf(line, "RssAnon: %ld", &kb);
    }
    CHECK(fclose(file) == 0 && kb > 0);
    return kb;
}

static void keys_of(const char *name, struct keys *keys) {
    struct err err = {0};

    CHECK_OK(keys_read(arena_text(house.cli.arena, "%s/keys/%s.key", house.dir, name), keys, &err),
             err);
}

static void server_key_of(const char *service, uint8_t key[KEYS_SIZE]) {
    struct keys mine;
    struct err err = {0};

    CHECK_OK(instance_keys(session_instance(house.session), service, &mine, key, &err), err);
}

/* ---- honest callers ---- */

struct honest {
    struct desk_case known;
    size_t calls;
    int64_t worst_ms, slow; /* slow: those over a second */
};

/* One call; what is not answered, or wrongly, fails the test in the desk's own checks. */
static void honest_call(struct honest *honest) {
    int64_t start_ms = house_now_ms();
    struct err err = {0};
    size_t used = arena_used(house.cli.arena);

    if (honest->calls % WRITE_EVERY == 0) {
        honest->known = desk_open(&house, "honest", "13800000000");
    } else if (honest->calls % 2) {
        CHECK(desk_state(&house, honest->known.no)[0]);
    } else {
        CHECK_OK(session_health(house.session, "bus", WAIT_MS, &err) == NULL, err);
    }
    arena_rewind(house.cli.arena, used);
    honest->calls++;
    int64_t took_ms = house_now_ms() - start_ms;
    honest->slow += took_ms > 1000;
    honest->worst_ms = took_ms > honest->worst_ms ? took_ms : honest->worst_ms;
}

static void honest_said(const struct honest *honest, const char *when) {
    (void)printf("# %zu honest calls %s, all answered; the longest took %lld ms\n", honest->calls,
                 when, (long long)honest->worst_ms);
    CHECK(honest->calls > 0 && honest->worst_ms <= LATENCY_MAX_MS);
}

/* ---- afterwards ---- */

static bool has_said(const char *service, const char *text) {
    char command[PATH + 128];

    (void)snprintf(command, sizeof command, "tail -n 20 %s/%s.log | grep -q '%s'", house.dir,
                   service, text);
    return system(command) == 0;
}

static void store_is_whole(const char *service) {
    char path[PATH];
    char why[256];

    (void)snprintf(path, sizeof path, "%s/%s.db", house.dir, service);
    if (!whole_store(path, why, sizeof why)) {
        (void)fprintf(stderr, "# %s: %s\n", service, why);
        CHECK(!"a store is not whole");
    }
}

/* The same processes as before still serve; their chains and files are whole; they end. */
static void all_is_well(const pid_t before[TARGETS]) {
    for (size_t i = 0; i < TARGETS; i++) {
        CHECK(instance_pid(session_instance(house.session), targets[i]) == before[i]);
    }
    CHECK(house_ready(&house, WAIT_MS));
    struct desk_case leak = desk_open(&house, "after all", "13800000000");
    CHECK(desk_waits_reported(&house, leak.no, "repair.open", WAIT_MS));
    for (size_t i = 0; instance_services[i]; i++) {
        CHECK(events_intact(&house, instance_services[i]));
    }
    for (size_t i = 0; instance_services[i]; i++) {
        house_stop(&house, instance_services[i]);
        CHECK(has_said(instance_services[i], "msg=\"*stopped"));
        store_is_whole(instance_services[i]);
    }
    house_end(&house);
}

static void note_pids(pid_t pids[TARGETS]) {
    for (size_t i = 0; i < TARGETS; i++) {
        pids[i] = instance_pid(session_instance(house.session), targets[i]);
        CHECK(pids[i] > 0);
    }
}

/* ---- streams ---- */

/* A process of strangers for each target; honest calls until both have ended. */
static void storm(size_t count, size_t at_once, uint64_t number, struct stream_counts *counts,
                  struct honest *honest) {
    pid_t crowds[TARGETS];
    size_t running = TARGETS;
    int64_t until_ms = house_now_ms() + STORM_MS;

    for (size_t i = 0; i < TARGETS; i++) {
        struct stream_orders orders = {
            .port = port_of(targets[i]), .count = count / TARGETS, .at_once = at_once};
        orders.seed = seed * 1000 + number * TARGETS + i;
        keys_of("cli", &orders.known);
        server_key_of(targets[i], orders.server);
        (void)fflush(NULL);
        crowds[i] = fork();
        CHECK(crowds[i] >= 0);
        if (crowds[i] == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            streams_run(&orders, &counts[i]);
            _exit(0);
        }
    }
    while (running > 0) {
        CHECK(house_now_ms() < until_ms);
        honest_call(honest);
        (void)poll(NULL, 0, PAUSE_MS);
        for (size_t i = 0; i < TARGETS; i++) {
            int status = 0;
            if (crowds[i] > 0 && waitpid(crowds[i], &status, WNOHANG) == crowds[i]) {
                CHECK(status == 0);
                crowds[i] = 0;
                running--;
            }
        }
    }
}

static void say_counts(const struct stream_counts *counts) {
    for (int kind = 0; kind < STREAM_KINDS; kind++) {
        size_t begun = 0;
        size_t hung_up = 0;
        for (size_t i = 0; i < TARGETS; i++) {
            begun += counts[i].begun[kind];
            hung_up += counts[i].hung_up[kind];
        }
        (void)printf("#   %-13s %6zu, hung up on %6zu\n", stream_names[kind], begun, hung_up);
        CHECK(begun > 0);
    }
}

static long growth_kb(const long before[TARGETS], long growth[TARGETS]) {
    long worst = 0;

    for (size_t i = 0; i < TARGETS; i++) {
        growth[i] = memory_kb(targets[i]) - before[i];
        worst = growth[i] > worst ? growth[i] : worst;
    }
    return worst;
}

static void remember(long memory[TARGETS]) {
    for (size_t i = 0; i < TARGETS; i++) {
        memory[i] = memory_kb(targets[i]);
    }
}

/* A store's cache grows with the first work to some MiB, and no further. */
static void fill_caches(void) {
    struct ledger *ledger = ledger_new(&house, 0);

    ledger_drive(ledger, house_now_ms() + FILL_MS, true);
    ledger_drive(ledger, house_now_ms() + WAIT_MS, false);
    CHECK(house_ready(&house, WAIT_MS));
    ledger_check(ledger);
    ledger_free(ledger);
}

/* Until memory stays where it is: caches are full, and the allocator has its pieces. */
static size_t warm_up(struct stream_counts *counts, struct honest *honest) {
    long before[TARGETS];
    long growth[TARGETS];
    size_t round = 0;

    fill_caches();
    do {
        remember(before);
        storm(WARM_UP, round == 0 ? AT_ONCE_FIRST : AT_ONCE, round, counts, honest);
        round++;
    } while (round < WARM_UPS_MIN || (round < WARM_UPS && growth_kb(before, growth) > LEVEL_KB));
    return round * WARM_UP;
}

static void a_hundred_thousand_strangers_cost_no_memory_and_hold_up_nobody(void) {
    const size_t shared = TARGETS * sizeof(struct stream_counts);
    struct stream_counts *counts = mmap(NULL, shared, PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct honest honest = {.calls = 0};
    const size_t wanted = streams_wanted();
    pid_t pids[TARGETS];
    long before[TARGETS];
    long growth[TARGETS];

    CHECK(counts != MAP_FAILED);
    house_new(&house, NULL); /* where nothing is due within the hour, memory is the strangers' */
    note_pids(pids);
    const size_t first = warm_up(counts, &honest);

    remember(before);
    for (int64_t until_ms = house_now_ms() + CONTROL_MS; house_now_ms() < until_ms;) {
        honest_call(&honest);
        (void)poll(NULL, 0, PAUSE_MS);
    }
    (void)growth_kb(before, growth);
    (void)printf("# %d s of honest calls alone: ticketing %+ld KiB, bus %+ld KiB\n",
                 CONTROL_MS / 1000, growth[0], growth[1]);

    memset(counts, 0, shared);
    remember(before);
    int64_t start_ms = house_now_ms();
    storm(wanted, AT_ONCE, WARM_UPS, counts, &honest);
    int64_t took_ms = house_now_ms() - start_ms;
    /* What the last of them had may still be on its way back. */
    for (int64_t until_ms = house_now_ms() + SETTLE_MS; growth_kb(before, growth) >= GROWTH_MAX_KB
                                                        && MEMORY_IS_TOLD
                                                        && house_now_ms() < until_ms;) {
        honest_call(&honest);
    }
    (void)printf("# after %zu streams %zu more in %lld ms: ticketing %+ld KiB, bus %+ld KiB\n",
                 first, wanted, (long long)took_ms, growth[0], growth[1]);
    say_counts(counts);
    honest_said(&honest, "meanwhile");
    for (size_t i = 0; i < TARGETS; i++) {
        CHECK(!MEMORY_IS_TOLD || growth[i] < GROWTH_MAX_KB);
        CHECK(counts[i].strangers_in == 0);
        /* Those who did it right came in: so the others did wrong what they meant to. */
        CHECK(counts[i].welcomed > 0 && counts[i].shook_hands > 0);
        CHECK(counts[i].hung_up[STREAM_HALF_OPEN] > 0 && counts[i].hung_up[STREAM_DRIBBLE] > 0);
    }
    CHECK(munmap(counts, shared) == 0);
    all_is_well(pids);
}

/* ---- right keys, wrong frames ---- */

static uint64_t rng;

static uint32_t chance(uint32_t below) {
    rng ^= rng << 13U;
    rng ^= rng >> 7U;
    rng ^= rng << 17U;
    return (uint32_t)(rng >> 32U) % below;
}

/* A request as it should be, for `frame`. */
static size_t right_frame(bool open, struct bytes token, uint8_t frame[FRAME_SIZE]) {
    Cases__OpenCaseRequest opening = CASES__OPEN_CASE_REQUEST__INIT;
    Cases__FireEventRequest firing = CASES__FIRE_EVENT_REQUEST__INIT;
    Wire__Request request = WIRE__REQUEST__INIT;
    uint8_t payload[FRAME_SIZE];
    uint8_t id[CLIENT_ID_SIZE];
    uint8_t random[10];

    for (size_t i = 0; i < sizeof random; i++) {
        random[i] = (uint8_t)chance(256);
    }
    text_uuid7(id, (int64_t)time(NULL) * 1000, random);
    opening.procedure = "repair";
    opening.unit = "2-1-501";
    opening.channel = "call";
    firing.case_no = "R000001";
    firing.event = "dispatch";
    request.method = open ? "shouwen.ticketing.v1.Ticketing/OpenCase"
                          : "shouwen.ticketing.v1.Ticketing/FireEvent";
    request.id = (ProtobufCBinaryData){sizeof id, id};
    request.token = (ProtobufCBinaryData){token.size, (uint8_t *)(uintptr_t)token.data};
    request.timeout_ms = WAIT_MS;
    request.locale = "en";
    request.payload.data = payload;
    request.payload.len = open ? cases__open_case_request__pack(&opening, payload)
                               : cases__fire_event_request__pack(&firing, payload);
    CHECK(wire__request__get_packed_size(&request) <= FRAME_SIZE);
    return wire__request__pack(&request, frame);
}

/* Random bytes, a right request that ends too soon, or one with some of its bytes changed. */
static size_t wrong_frame(struct bytes token, uint8_t frame[FRAME_SIZE]) {
    uint32_t how = chance(3);

    if (how == 0) {
        size_t size = chance(NOISE_MAX);
        for (size_t i = 0; i < size; i++) {
            frame[i] = (uint8_t)chance(256);
        }
        return size;
    }
    size_t size = right_frame(chance(2), token, frame);
    if (how == 1) {
        return chance((uint32_t)size);
    }
    for (uint32_t i = 1 + chance(6); i > 0; i--) {
        frame[chance((uint32_t)size)] ^= (uint8_t)(1U << chance(8));
    }
    return size;
}

struct answers {
    size_t all, fine;
};

static void take_answers(void *socket, struct answers *answers) {
    static uint8_t data[64 * 1024];
    int size = 0;

    while ((size = zmq_recv(socket, data, sizeof data, ZMQ_DONTWAIT)) >= 0) {
        Wire__Reply *reply = wire__reply__unpack(NULL, (size_t)size, data);
        CHECK(reply);
        answers->all++;
        answers->fine += reply->code == WIRE__CODE__OK;
        wire__reply__free_unpacked(reply, NULL);
    }
}

/* Over the port, where what is for operators only is refused. */
static void send_wrong_frames(const char *service, const char *key, struct honest *honest) {
    struct answers answers = {0};
    struct bytes token = {0};
    struct keys keys;
    uint8_t server[KEYS_SIZE];
    uint8_t frame[FRAME_SIZE];
    void *context = link_context();
    void *watch = NULL;
    struct err err = {0};
    const int wait = WAIT_MS;

    keys_of(key, &keys);
    server_key_of(service, server);
    CHECK_OK(session_token(house.session, "王丽", &token, &err), err);
    void *socket = link_connect(context, tcp_of(service), &keys, server, "wrong", &watch, &err);
    CHECK_OK(socket == NULL, err);
    CHECK(zmq_setsockopt(socket, ZMQ_SNDTIMEO, &wait, sizeof wait) == 0);
    for (int i = 0; i < FRAMES; i++) {
        /* Now and then in several parts: that is no message either. */
        int more = chance(8) == 0 && i + 1 < FRAMES ? ZMQ_SNDMORE : 0;
        size_t size = wrong_frame(token, frame);
        CHECK(zmq_send(socket, frame, size, more) >= 0);
        take_answers(socket, &answers);
        if (i % 100 == 0) {
            honest_call(honest);
        }
    }
    for (int64_t until_ms = house_now_ms() + WAIT_MS;
         answers.all < FRAMES / 4 && house_now_ms() < until_ms;) {
        take_answers(socket, &answers);
        honest_call(honest);
    }
    (void)printf("# %s's key at %s: %d wrong frames, %zu answers, %zu of them fine\n", key, service,
                 FRAMES, answers.all, answers.fine);
    /* A changed byte may leave a request as good as before; others cannot. */
    CHECK(answers.all >= FRAMES / 4 && answers.fine * 4 < answers.all);
    link_close(socket, watch);
    link_context_free(context);
}

static Wire__Code ask_with(const char *key, const char *service, const char *method,
                           const ProtobufCMessage *message, const char *rule) {
    struct client_config config = {.locale = "en", .once = true};
    uint8_t packed[FRAME_SIZE];
    struct client_answer answer = {.reply = NULL};
    struct client_request request = {.method = method, .timeout_ms = WAIT_MS};
    struct err err = {0};

    CHECK(protobuf_c_message_get_packed_size(message) <= sizeof packed);
    request.payload = (struct bytes){packed, protobuf_c_message_pack(message, packed)};
    config.endpoint = tcp_of(service);
    keys_of(key, &config.keys);
    server_key_of(service, config.server_key);
    struct client *client = client_new(&config, &err);
    CHECK_OK(client == NULL, err);
    (void)client_call(client, &request, &answer, &err);
    CHECK(answer.reply);
    Wire__Code code = answer.code;
    CHECK_TEXT(answer.reply->rule, rule);
    client_free(client);
    return code;
}

/* What ticketing has told the bus, asked for by somebody else: it must not be changed by him. */
static void appends_for_another_are_refused(void) {
    struct err err = {0};
    const char append[] = "shouwen.bus.v1.Bus/Append";
    const Core__HealthReply *health = session_health(house.session, "ticketing", WAIT_MS, &err);
    Bus__AppendRequest request = BUS__APPEND_REQUEST__INIT;
    ProtobufCBinaryData rubbish = {7, (uint8_t[]){"rubbish"}};

    CHECK_OK(health == NULL, err);
    request.source = health->source;
    request.epoch = health->epoch + 1;
    request.first_seq = health->normal_head + 1;
    request.n_events = 1;
    request.events = &rubbish;
    request.service = "ticketing";
    CHECK(ask_with("patrol", "bus", append, &request.base, "bus_not_yours")
          == WIRE__CODE__PERMISSION_DENIED);
    request.service = "patrol";
    CHECK(ask_with("patrol", "bus", append, &request.base, "bus_not_yours")
          == WIRE__CODE__PERMISSION_DENIED);
    request.lane = (Wire__Lane)7;
    CHECK(ask_with("patrol", "bus", append, &request.base, "bus_lane_wrong")
          == WIRE__CODE__INVALID_ARGUMENT);
    request.source.len = 3;
    CHECK(ask_with("patrol", "bus", append, &request.base, "bus_source_wrong")
          == WIRE__CODE__INVALID_ARGUMENT);
}

static void what_is_no_question_is_refused(void) {
    Bus__PullRequest pull = BUS__PULL_REQUEST__INIT;
    Notify__HandOverRequest hand = NOTIFY__HAND_OVER_REQUEST__INIT;
    Cases__ListCasesRequest list = CASES__LIST_CASES_REQUEST__INIT;
    ProtobufCBinaryData rubbish = {7, (uint8_t[]){"rubbish"}};

    pull.subscription = "patrol/all";
    pull.lane = (Wire__Lane)7;
    CHECK(ask_with("patrol", "bus", "shouwen.bus.v1.Bus/Pull", &pull.base, "bus_lane_wrong")
          == WIRE__CODE__INVALID_ARGUMENT);
    hand.n_events = 1;
    hand.events = &rubbish;
    CHECK(ask_with("patrol", "notify", "shouwen.notify.v1.Notify/HandOver", &hand.base,
                   "hand_over_wrong")
          == WIRE__CODE__INVALID_ARGUMENT);
    CHECK(ask_with("patrol", "ticketing", "shouwen.ticketing.v1.Ticketing/ListCases", &list.base,
                   "link_may_not")
          == WIRE__CODE__PERMISSION_DENIED);
}

static void right_keys_with_wrong_frames_and_wrong_questions_change_nothing(void) {
    struct honest honest = {.calls = 0};
    pid_t pids[TARGETS];

    house_new(&house, demo);
    note_pids(pids);
    rng = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    send_wrong_frames("ticketing", "cli", &honest);
    send_wrong_frames("bus", "cli", &honest);
    send_wrong_frames("bus", "patrol", &honest);
    send_wrong_frames("ticketing", "patrol", &honest);
    appends_for_another_are_refused();
    what_is_no_question_is_refused();
    honest_said(&honest, "meanwhile");
    all_is_well(pids);
}

/* ---- no descriptors left ---- */

struct mob {
    int fd[CROWD];
    bool greeted[CROWD]; /* so the service has accepted it */
    size_t turned_out;
};

static size_t mob_greeted(const struct mob *mob) {
    size_t count = 0;

    for (size_t i = 0; i < CROWD; i++) {
        count += mob->greeted[i];
    }
    return count;
}

/* Whoever is thrown out comes again at once. */
static void mob_press(struct mob *mob, int port) {
    for (size_t i = 0; i < CROWD; i++) {
        uint8_t data[64];
        ssize_t size = mob->fd[i] < 0 ? 0 : recv(mob->fd[i], data, sizeof data, 0);
        if (size > 0) {
            mob->greeted[i] = true;
        } else if (size == 0 || errno != EAGAIN) {
            mob->turned_out += mob->fd[i] >= 0;
            if (mob->fd[i] >= 0) {
                stream_close(mob->fd[i]);
            }
            mob->fd[i] = stream_open(port);
            mob->greeted[i] = false;
        }
    }
}

static void mob_leave(struct mob *mob) {
    for (size_t i = 0; i < CROWD; i++) {
        stream_close(mob->fd[i]);
        mob->fd[i] = -1;
    }
}

static void limit_descriptors(pid_t pid, rlim_t count) {
    struct rlimit limit;

    CHECK(prlimit(pid, RLIMIT_NOFILE, NULL, &limit) == 0);
    limit.rlim_cur = count;
    CHECK(prlimit(pid, RLIMIT_NOFILE, &limit, NULL) == 0);
}

static void new_callers_are_served(const char *service) {
    struct client *client = house_client(&house, service, 1);
    struct client_request request = {.method = "shouwen.core.v1.Core/Health",
                                     .timeout_ms = WAIT_MS};
    struct err err = {0};

    CHECK_OK(client_call(client, &request, NULL, &err), err);
    client_free(client);
}

static void a_service_without_descriptors_serves_those_it_has(void) {
    struct honest honest = {.calls = 0};
    pid_t pids[TARGETS];

    house_new(&house, demo);
    note_pids(pids);
    for (size_t i = 0; i < TARGETS; i++) {
        struct mob mob = {.turned_out = 0};
        int port = port_of(targets[i]);
        memset(mob.fd, -1, sizeof mob.fd);
        limit_descriptors(pids[i], FEW_DESCRIPTORS);
        for (int64_t until_ms = house_now_ms() + CROWD_MS; house_now_ms() < until_ms;) {
            mob_press(&mob, port);
            honest_call(&honest);
        }
        mob_press(&mob, port);
        (void)printf("# %s with %d descriptors: %zu of %d let in, %zu thrown out meanwhile\n",
                     targets[i], FEW_DESCRIPTORS, mob_greeted(&mob), CROWD, mob.turned_out);
        /* It has run out of them: they wait at the door while others are inside. */
        CHECK(mob.turned_out > 0 && mob_greeted(&mob) <= FEW_DESCRIPTORS);
        CHECK(kill(pids[i], SIGHUP) == 0); /* a list that it cannot open stays as it was */
        honest_call(&honest);
        mob_leave(&mob);
        new_callers_are_served(targets[i]);
        honest_call(&honest);
    }
    honest_said(&honest, "meanwhile");
    all_is_well(pids);
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(a_hundred_thousand_strangers_cost_no_memory_and_hold_up_nobody),
        TEST(right_keys_with_wrong_frames_and_wrong_questions_change_nothing),
        TEST(a_service_without_descriptors_serves_those_it_has),
    };
    const char *wanted = getenv("SEED");

    seed = wanted ? strtoull(wanted, NULL, 10) : (uint64_t)time(NULL);
    (void)printf("# SEED=%llu\n", (unsigned long long)seed);
    return RUN_TESTS(tests, argc, argv);
}
