/*
 * The live host over real sockets, with a toy service of this file: who gets in,
 * what is refused, what survives.  The service runs in a process of its own; the
 * client waits for it by asking again, so nothing here sleeps.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <sodium.h>
#include <zmq.h>

#include "base/arena.h"
#include "base/text.h"
#include "core/event.h"
#include "core/timer.h"
#include "host/client.h"
#include "host/link.h"
#include "host/live.h"
#include "shouwen/core/v1/core.pb-c.h"
#include "shouwen/ticketing/v1/ticketing.pb-c.h"
#include "store/query.h"

enum { WAIT_MS = 10000, SOON_MS = 700, PATH_SIZE = 128, FLOOD = 1000, IN_FLIGHT = 400 };

#define OPEN "shouwen.ticketing.v1.Ticketing/OpenCase"
#define COUNT "shouwen.ticketing.v1.Ticketing/GetCase"
#define SHOUT "shouwen.ticketing.v1.Ticketing/LinkContact"
#define REFUSE "shouwen.ticketing.v1.Ticketing/ListCases"
#define WAIT "shouwen.ticketing.v1.Ticketing/FireEvent"
#define HEALTH "shouwen.core.v1.Core/Health"
#define BACKUP "shouwen.core.v1.Core/Backup"

/* ---- the toy ---- */

static int toy_open(struct call *call, struct err *err) {
    const Cases__OpenCaseRequest *request = call->request;
    Wire__Event event = WIRE__EVENT__INIT;

    event.topic = "toy.opened";
    event.case_no = request->unit;
    return event_put(call, &event, err);
}

static int toy_count(struct call *call, struct err *err) {
    Cases__GetCaseReply *reply = ARENA_NEW(call->arena, Cases__GetCaseReply);
    Cases__Case *found = ARENA_NEW(call->arena, Cases__Case);
    struct query q = QUERY(call->store, "SELECT count(*), count(DISTINCT case_no) FROM event");

    cases__get_case_reply__init(reply);
    cases__case__init(found);
    if (query_step(&q, err) < 0) {
        return -1;
    }
    found->contacts = (uint32_t)query_i64(&q, 0);
    found->trips = (uint32_t)query_i64(&q, 1);
    query_end(&q);
    reply->case_ = found;
    call->reply = &reply->base;
    return 0;
}

static int toy_refuse(struct call *call, struct err *err) {
    (void)call;
    return err_set(err, ERR_NOT_FOUND, "toy_nothing", "what=%s", "lists");
}

static int toy_shout(struct call *call, struct err *err) {
    return job_put(call, "shout", "ref", (struct bytes){(const uint8_t *)"hey", 3}, 0, err) < 0 ? -1
                                                                                                : 0;
}

static int toy_wait(struct call *call, struct err *err) {
    (void)err;
    if (!call->expired) {
        call->park_on = "shouted";
        call->park_until_ms = call->now_ms + WAIT_MS;
    }
    return 0;
}

static int shout_run(struct bytes input, uint8_t **output, size_t *size, struct err *err) {
    (void)err;
    *output = malloc(input.size);
    CHECK(*output);
    for (size_t i = 0; i < input.size; i++) {
        (*output)[i] = (uint8_t)(input.data[i] - 'a' + 'A');
    }
    *size = input.size;
    return 0;
}

static int shout_done(struct call *call, const struct job_result *result, struct err *err) {
    Wire__Event event = WIRE__EVENT__INIT;

    CHECK(!result->failed && result->output.size == 3 && !memcmp(result->output.data, "HEY", 3));
    event.topic = "toy.shouted";
    return event_put(call, &event, err);
}

static const struct method methods[] = {
    {"OpenCase", METHOD_WRITE, GUARD_OPEN, NULL, toy_open, false},
    {"FireEvent", METHOD_READ, GUARD_OPEN, NULL, toy_wait, false},
    {"LinkContact", METHOD_WRITE, GUARD_OPEN, NULL, toy_shout, false},
    {"RecordForm", METHOD_WRITE, GUARD_OPEN, NULL, toy_refuse, false},
    {"GetCase", METHOD_READ, GUARD_OPEN, NULL, toy_count, false},
    {"ListCases", METHOD_READ, GUARD_OPEN, NULL, toy_refuse, false},
    {0},
};
static const struct job_kind jobs[] = {{"shout", shout_run, shout_done, false, false, NULL}, {0}};
static const struct service_def toy = {
    .name = "ticketing",
    .api = &ticketing__ticketing__descriptor,
    .methods = methods,
    .jobs = jobs,
};

/* ---- its place ---- */

static char dir[] = "/tmp/test_live.XXXXXX";
static char tcp[64];
static char config[PATH_SIZE];
static int port;
static struct keys server, mine, narrow, stranger;
static struct err err;

static const char *in_dir(const char *name) {
    static char path[PATH_SIZE];

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(in_dir(name), "w");

    CHECK(file);
    CHECK(fputs(text, file) >= 0);
    CHECK(fclose(file) == 0);
}

static void write_allow(bool with_mine) {
    char text[1024];

    (void)snprintf(
        text, sizeof text, "%s service:ticketing *\n%s %s tool:cli *\n%s tool:narrow %s\n",
        server.public_hex, with_mine ? "" : "#", mine.public_hex, narrow.public_hex, HEALTH);
    write_file("allow", text);
}

/* A port that nobody uses just now. */
static int free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    CHECK(close(fd) == 0);
    return ntohs(address.sin_port);
}

/* Each test has a folder and a port of its own, gone when it ends. */
static void clean_up(void) {
    char command[PATH_SIZE];

    (void)snprintf(command, sizeof command, "rm -rf %s", dir);
    (void)!system(command);
}

static void set_up(void) {
    struct secrets secrets;
    char text[1024];

    CHECK(mkdtemp(dir));
    CHECK(atexit(clean_up) == 0);
    CHECK_OK(keys_make(in_dir("key"), &server, &err), err);
    keys_new(&mine);
    keys_new(&narrow);
    keys_new(&stranger);
    secrets_from_seed(&secrets, 1);
    CHECK_OK(keys_secrets_write(in_dir("secrets"), &secrets, true, &err), err);
    write_allow(true);
    port = free_port();
    (void)snprintf(tcp, sizeof tcp, "tcp://127.0.0.1:%d", port);
    (void)snprintf(text, sizeof text,
                   "service: ticketing\nlisten: %s\nlocal: ipc://sock\nstore: store.db\n"
                   "keys: key\nallow: allow\nsecrets: secrets\npid: pid\n",
                   tcp);
    write_file("config.yaml", text);
    (void)snprintf(config, sizeof config, "%s", in_dir("config.yaml"));
}

static pid_t start_with(const char *extra) {
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        char program[] = "shouwen-ticketing";
        char option[] = "--config";
        char more[64];
        char *argv[] = {program, option, config, more, NULL};
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)snprintf(more, sizeof more, "%s", extra ? extra : "");
        if (!getenv("LOUD") && !freopen("/dev/null", "w", stderr)) {
            _exit(3);
        }
        _exit(live_main(&toy, extra ? 4 : 3, argv));
    }
    return pid;
}

static pid_t start(void) {
    return start_with(NULL);
}

static int end_of(pid_t pid) {
    int status = 0;

    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int stop(pid_t pid, int signal) {
    CHECK(kill(pid, signal) == 0);
    return end_of(pid);
}

static struct client *client_at(const char *endpoint, const struct keys *keys, size_t in_flight) {
    struct client_config settings = {
        .endpoint = endpoint, .keys = *keys, .locale = "en", .in_flight = in_flight};

    memcpy(settings.server_key, server.public_key, KEYS_SIZE);
    struct client *client = client_new(&settings, &err);
    CHECK(client);
    return client;
}

static Wire__Code ask(struct client *client, const char *method, const ProtobufCMessage *request,
                      struct client_answer *answer) {
    uint8_t packed[1024];
    struct client_request wire = {.method = method, .timeout_ms = WAIT_MS};

    wire.payload = (struct bytes){packed, request ? protobuf_c_message_pack(request, packed) : 0};
    err = (struct err){0};
    (void)client_call(client, &wire, answer, &err);
    return (Wire__Code)err.code;
}

static void wait_for_it(struct client *client) {
    CHECK_OK(ask(client, HEALTH, NULL, NULL) != WIRE__CODE__OK, err);
}

static Cases__Case count(struct client *client) {
    struct arena *arena = arena_new(64 * 1024);
    Cases__GetCaseRequest request = CASES__GET_CASE_REQUEST__INIT;
    Cases__GetCaseReply *reply = (Cases__GetCaseReply *)client_ask(
        client, COUNT, (struct bytes){NULL, 0}, &request.base, &cases__get_case_reply__descriptor,
        arena, &err);

    CHECK(reply && reply->case_);
    Cases__Case result = *reply->case_;
    arena_free(arena);
    return result;
}

/* ---- tests ---- */

static void a_request_is_answered_and_a_repeat_has_one_effect(void) {
    set_up();
    pid_t pid = start();
    struct client *client = client_at(tcp, &mine, 0);
    Cases__OpenCaseRequest open = CASES__OPEN_CASE_REQUEST__INIT;
    uint8_t packed[256];
    struct client_answer answer;

    open.unit = "1-1-101";
    struct client_request request = {.method = OPEN, .timeout_ms = WAIT_MS};
    request.payload = (struct bytes){packed, cases__open_case_request__pack(&open, packed)};
    CHECK_OK(client_call(client, &request, &answer, &err), err);
    request.id = answer.id;
    uint8_t id[CLIENT_ID_SIZE];
    memcpy(id, answer.id, sizeof id);
    request.id = id;
    CHECK_OK(client_call(client, &request, &answer, &err), err);
    CHECK(count(client).contacts == 1);
    open.unit = "1-1-102"; /* the same id, other content */
    request.payload.size = cases__open_case_request__pack(&open, packed);
    CHECK(client_call(client, &request, &answer, &err) == -1);
    CHECK(err.code == ERR_INVALID);
    CHECK(count(client).contacts == 1);
    client_free(client);
    CHECK(stop(pid, SIGTERM) == 0);
}

static void refusals_come_back_with_code_and_rule(void) {
    set_up();
    pid_t pid = start();
    struct client *client = client_at(tcp, &mine, 0);
    struct client_answer answer;

    CHECK(ask(client, REFUSE, NULL, &answer) == WIRE__CODE__NOT_FOUND);
    CHECK_TEXT(answer.reply->rule, "toy_nothing");
    CHECK(ask(client, "shouwen.ticketing.v1.Ticketing/Dance", NULL, &answer)
          == WIRE__CODE__UNIMPLEMENTED);
    CHECK(ask(client, "", NULL, &answer) == WIRE__CODE__UNIMPLEMENTED || err.code == ERR_INVALID);
    client_free(client);
    CHECK(stop(pid, SIGTERM) == 0);
}

static void a_foreign_key_gets_no_link_and_no_answer(void) {
    set_up();
    pid_t pid = start();
    struct client *friend = client_at(tcp, &mine, 0);
    struct client *foreign = client_at(tcp, &stranger, 0);
    struct client_request request = {.method = HEALTH, .timeout_ms = SOON_MS};

    wait_for_it(friend);
    CHECK(client_call(foreign, &request, NULL, &err) == -1);
    CHECK(err.code == ERR_DEADLINE);
    CHECK(!client_up(foreign));
    wait_for_it(friend);
    client_free(foreign);
    client_free(friend);
    CHECK(stop(pid, SIGTERM) == 0);
}

static void a_key_calls_only_its_methods(void) {
    set_up();
    pid_t pid = start();
    struct client *client = client_at(tcp, &narrow, 0);
    struct client_answer answer;

    wait_for_it(client);
    CHECK(ask(client, COUNT, NULL, &answer) == WIRE__CODE__PERMISSION_DENIED);
    CHECK_TEXT(answer.reply->rule, "link_may_not");
    client_free(client);
    CHECK(stop(pid, SIGTERM) == 0);
}

static void a_key_taken_off_the_list_is_refused_on_its_live_link(void) {
    set_up();
    pid_t pid = start();
    struct client *client = client_at(tcp, &mine, 0);
    struct client_answer answer;
    Wire__Code code = WIRE__CODE__OK;

    wait_for_it(client);
    write_allow(false);
    CHECK(kill(pid, SIGHUP) == 0);
    for (int i = 0; i < 1000 && code == WIRE__CODE__OK; i++) {
        code = ask(client, HEALTH, NULL, &answer); /* until the signal has arrived */
    }
    CHECK(code == WIRE__CODE__PERMISSION_DENIED);
    CHECK_TEXT(answer.reply->rule, "link_unknown");
    write_allow(true);
    client_free(client);
    CHECK(stop(pid, SIGTERM) == 0);
}

static void bytes_that_are_no_message_change_nothing(void) {
    set_up();
    pid_t pid = start();
    struct client *client = client_at(tcp, &mine, 0);
    void *context = zmq_ctx_new();
    void *watch = NULL;
    void *raw = link_connect(context, tcp, &mine, server.public_key, "raw", &watch, &err);
    unsigned char noise[512];
    int wait = WAIT_MS;

    wait_for_it(client);
    CHECK(zmq_setsockopt(raw, ZMQ_SNDTIMEO, &wait, sizeof wait) == 0);
    for (int i = 0; i < 200; i++) {
        randombytes_buf(noise, sizeof noise);
        CHECK(zmq_send(raw, noise, (size_t)i, 0) >= 0);
    }
    CHECK(zmq_send(raw, noise, 10, ZMQ_SNDMORE) >= 0);
    CHECK(zmq_send(raw, noise, 10, ZMQ_SNDMORE) >= 0);
    CHECK(zmq_send(raw, noise, 10, 0) >= 0);
    wait_for_it(client);
    CHECK(count(client).contacts == 0);
    link_close(raw, watch);
    CHECK(zmq_ctx_term(context) == 0);
    client_free(client);
    CHECK(stop(pid, SIGTERM) == 0);
}

static void a_caller_that_names_itself_is_not_heard(void) {
    set_up();
    pid_t pid = start();
    struct client *client = client_at(tcp, &mine, 0);
    void *context = zmq_ctx_new();
    void *raw = zmq_socket(context, ZMQ_DEALER);
    char reply[64];
    int wait = SOON_MS;

    wait_for_it(client);
    CHECK(zmq_setsockopt(raw, ZMQ_ROUTING_ID, "me", 2) == 0);
    CHECK(zmq_setsockopt(raw, ZMQ_RCVTIMEO, &wait, sizeof wait) == 0);
    CHECK(zmq_setsockopt(raw, ZMQ_LINGER, &(int){0}, sizeof(int)) == 0);
    CHECK(zmq_setsockopt(raw, ZMQ_CURVE_SERVERKEY, server.public_key, KEYS_SIZE) == 0);
    CHECK(zmq_setsockopt(raw, ZMQ_CURVE_PUBLICKEY, mine.public_key, KEYS_SIZE) == 0);
    CHECK(zmq_setsockopt(raw, ZMQ_CURVE_SECRETKEY, mine.secret_key, KEYS_SIZE) == 0);
    CHECK(zmq_connect(raw, tcp) == 0);
    Wire__Request request = WIRE__REQUEST__INIT;
    uint8_t packed[256] = {0};
    uint8_t id[CLIENT_ID_SIZE];
    text_uuid7(id, (int64_t)time(NULL) * 1000, packed);
    request.id = (ProtobufCBinaryData){sizeof id, id};
    request.method = OPEN;
    CHECK(zmq_send(raw, packed, wire__request__pack(&request, packed), 0) > 0);
    CHECK(zmq_recv(raw, reply, sizeof reply, 0) == -1);
    CHECK(count(client).contacts == 0);
    CHECK(zmq_close(raw) == 0);
    CHECK(zmq_ctx_term(context) == 0);
    client_free(client);
    CHECK(stop(pid, SIGTERM) == 0);
}

static void a_stream_of_noise_on_the_port_hurts_nobody(void) {
    set_up();
    pid_t pid = start();
    struct client *client = client_at(tcp, &mine, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    wait_for_it(client);
    (void)signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 50; i++) {
        unsigned char noise[300];
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
        randombytes_buf(noise, sizeof noise);
        if (i % 2) {
            memcpy(noise, "\xff\0\0\0\0\0\0\0\1\x7f\3", 11); /* a ZMTP greeting, then noise */
        }
        (void)!write(fd, noise, sizeof noise);
        CHECK(close(fd) == 0);
    }
    wait_for_it(client);
    client_free(client);
    CHECK(stop(pid, SIGTERM) == 0);
}

static void a_frame_that_is_too_long_is_not_taken(void) {
    set_up();
    pid_t pid = start();
    struct client *client = client_at(tcp, &mine, 0);
    static uint8_t large[200 * 1024];
    struct client_request request = {.method = OPEN, .timeout_ms = SOON_MS};

    wait_for_it(client);
    request.payload = (struct bytes){large, CORE_FRAME_MAX - 30}; /* a little over, with the rest */
    CHECK(client_call(client, &request, NULL, &err) == -1);
    CHECK(err.code == ERR_EXHAUSTED || err.code == ERR_INVALID || err.code == ERR_DEADLINE);
    request.payload.size = sizeof large;
    CHECK(client_call(client, &request, NULL, &err) == -1);
    CHECK(err.code == ERR_DEADLINE);
    wait_for_it(client);
    CHECK(count(client).contacts == 0);
    client_free(client);
    CHECK(stop(pid, SIGTERM) == 0);
}

/* Sends FLOOD requests with IN_FLIGHT of them at once; how many were answered well. */
static int flood(struct client *client, int64_t timeout_ms, int from, pid_t kill_at_half) {
    int sent = 0;
    int fine = 0;
    int over = 0;

    while (over < FLOOD) {
        while (sent < FLOOD && client_in_flight(client) < IN_FLIGHT) {
            Cases__OpenCaseRequest open = CASES__OPEN_CASE_REQUEST__INIT;
            uint8_t packed[64];
            char unit[16];
            (void)snprintf(unit, sizeof unit, "u%d", from + sent);
            open.unit = unit;
            struct client_request request = {.method = OPEN, .timeout_ms = timeout_ms};
            request.payload = (struct bytes){packed, cases__open_case_request__pack(&open, packed)};
            CHECK_OK(client_send(client, &request, NULL, &err), err);
            sent++;
        }
        struct client_answer answer;
        CHECK(client_next(client, WAIT_MS, &answer) == 1);
        over++;
        fine += answer.code == WIRE__CODE__OK;
        if (kill_at_half > 0 && over == FLOOD / 2) {
            CHECK(stop(kill_at_half, SIGKILL) == -SIGKILL);
            (void)start();
        }
    }
    return fine;
}

static void many_in_flight_are_all_answered(void) {
    set_up();
    pid_t pid = start();
    struct client *client = client_at(tcp, &mine, IN_FLIGHT);

    CHECK(flood(client, 2 * WAIT_MS, 0, 0) == FLOOD);
    CHECK(count(client).contacts == FLOOD);
    client_free(client);
    CHECK(stop(pid, SIGTERM) == 0);
}

static void a_kill_loses_nothing_answered_and_doubles_nothing_repeated(void) {
    set_up();
    pid_t pid = start();
    struct client *client = client_at(tcp, &mine, IN_FLIGHT);

    CHECK(flood(client, 3 * WAIT_MS, 0, pid) == FLOOD);
    Cases__Case counted = count(client);
    CHECK(counted.contacts == FLOOD && counted.trips == FLOOD);
    client_free(client);
}

static void a_job_is_carried_out_and_its_result_taken(void) {
    set_up();
    pid_t pid = start();
    struct client *client = client_at(tcp, &mine, 0);
    uint32_t seen = 0;

    CHECK_OK(ask(client, SHOUT, NULL, NULL) != WIRE__CODE__OK, err);
    for (int i = 0; i < 10000 && seen == 0; i++) {
        seen = count(client).contacts;
    }
    CHECK(seen == 1);
    client_free(client);
    CHECK(stop(pid, SIGTERM) == 0);
}

static void a_parked_request_does_not_stop_the_others_nor_the_end(void) {
    set_up();
    pid_t pid = start();
    struct client *client = client_at(tcp, &mine, 0);
    struct client *other = client_at(tcp, &mine, 0);
    struct client_request request = {.method = WAIT, .timeout_ms = WAIT_MS};

    wait_for_it(client);
    CHECK_OK(client_send(client, &request, NULL, &err), err);
    wait_for_it(other);
    CHECK(count(other).contacts == 0);
    client_free(client);
    client_free(other);
    CHECK(stop(pid, SIGTERM) == 0);
}

static void the_local_socket_is_private_and_known_as_local(void) {
    set_up();
    pid_t pid = start();
    char ipc[PATH_SIZE + 8];
    struct stat info;
    Core__BackupRequest backup = CORE__BACKUP_REQUEST__INIT;
    char path[PATH_SIZE];
    struct client_answer answer;

    (void)snprintf(ipc, sizeof ipc, "ipc://%s", in_dir("sock"));
    (void)snprintf(path, sizeof path, "%s", in_dir("copy.db"));
    struct client *far = client_at(tcp, &mine, 0);
    struct client *near = client_at(ipc, &mine, 0);
    wait_for_it(near);
    CHECK(stat(in_dir("sock"), &info) == 0 && (info.st_mode & 0777U) == 0600);
    backup.path = path;
    CHECK(ask(far, BACKUP, &backup.base, &answer) == WIRE__CODE__PERMISSION_DENIED);
    CHECK_OK(ask(near, BACKUP, &backup.base, &answer) != WIRE__CODE__OK, err);
    CHECK(stat(path, &info) == 0 && info.st_size > 0);
    client_free(far);
    client_free(near);
    CHECK(stop(pid, SIGTERM) == 0);
}

static void a_second_process_on_the_same_store_does_not_start(void) {
    set_up();
    pid_t pid = start();
    struct client *client = client_at(tcp, &mine, 0);

    wait_for_it(client);
    CHECK(end_of(start()) == 1);
    wait_for_it(client);
    client_free(client);
    CHECK(stop(pid, SIGTERM) == 0);
    pid = start(); /* and after its end it does */
    client = client_at(tcp, &mine, 0);
    wait_for_it(client);
    client_free(client);
    CHECK(stop(pid, SIGINT) == 0);
}

static void a_wrong_configuration_does_not_start(void) {
    set_up();
    CHECK(end_of(start_with("--check-config")) == 0);
    CHECK(end_of(start_with("--dance")) == 2);
    CHECK(chmod(in_dir("key"), 0644) == 0);
    CHECK(end_of(start()) == 1);
    CHECK(chmod(in_dir("key"), 0600) == 0);
    FILE *file = fopen(config, "a");
    CHECK(file && fputs("lisen: x\n", file) >= 0 && fclose(file) == 0);
    CHECK(end_of(start()) == 2);
}

static void systemd_hears_of_the_start_and_the_end(void) {
    set_up();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    char text[64];

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.90s", in_dir("notify"));
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(setenv("NOTIFY_SOCKET", address.sun_path, 1) == 0);
    CHECK(setenv("WATCHDOG_USEC", "200000", 1) == 0);
    pid_t pid = start();
    struct pollfd item = {fd, POLLIN, 0};
    CHECK(poll(&item, 1, WAIT_MS) == 1);
    ssize_t size = read(fd, text, sizeof text - 1);
    CHECK(size > 0);
    text[size] = '\0';
    CHECK_TEXT(text, "READY=1");
    CHECK(poll(&item, 1, WAIT_MS) == 1);
    size = read(fd, text, sizeof text - 1);
    text[size > 0 ? size : 0] = '\0';
    CHECK_TEXT(text, "WATCHDOG=1");
    CHECK(stop(pid, SIGTERM) == 0);
    while (strcmp(text, "STOPPING=1") != 0) {
        size = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
        CHECK(size > 0);
        text[size] = '\0';
    }
}

static const struct test tests[] = {
    TEST(a_request_is_answered_and_a_repeat_has_one_effect),
    TEST(refusals_come_back_with_code_and_rule),
    TEST(a_foreign_key_gets_no_link_and_no_answer),
    TEST(a_key_calls_only_its_methods),
    TEST(a_key_taken_off_the_list_is_refused_on_its_live_link),
    TEST(bytes_that_are_no_message_change_nothing),
    TEST(a_caller_that_names_itself_is_not_heard),
    TEST(a_stream_of_noise_on_the_port_hurts_nobody),
    TEST(a_frame_that_is_too_long_is_not_taken),
    TEST(many_in_flight_are_all_answered),
    TEST(a_kill_loses_nothing_answered_and_doubles_nothing_repeated),
    TEST(a_job_is_carried_out_and_its_result_taken),
    TEST(a_parked_request_does_not_stop_the_others_nor_the_end),
    TEST(the_local_socket_is_private_and_known_as_local),
    TEST(a_second_process_on_the_same_store_does_not_start),
    TEST(a_wrong_configuration_does_not_start),
    TEST(systemd_hears_of_the_start_and_the_end),
};

int main(int argc, char **argv) {
    CHECK(sodium_init() >= 0);
    return RUN_TESTS(tests, argc, argv);
}
