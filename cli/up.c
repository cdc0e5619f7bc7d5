#include "cli/up.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <jansson.h>

#include "base/speak.h"
#include "cli/column.h"
#include "cli/publish.h"
#include "host/system.h"

enum {
    START_WAIT_MS = 30000,
    LOOK_MS = 50,
    HEALTH_MS = 400,
    STOP_WAIT_MS = 10000,
    SERVICES_MAX = 16,
    US_PER_MS = 1000,
    STATUS_COLUMNS = 8,
    NAME_WIDTH = 10,
    PID_WIDTH = 8,
    STATE_WIDTH = 6,
    COUNT_WIDTH = 10,
};

/* ---- waiting ---- */

static void pause_ms(int ms) {
    (void)poll(NULL, 0, ms);
}

int up_wait(struct session *session, const char *service, bool ready, struct err *err) {
    int64_t until = system_mono_us() + (int64_t)START_WAIT_MS * US_PER_MS;
    char why[ERR_TEXT_MAX];
    bool ran = false;

    (void)snprintf(why, sizeof why, "%s", speak("no answer"));
    while (system_mono_us() < until) {
        struct err none = {0};
        bool runs = instance_pid(session_instance(session), service) > 0;
        const Core__HealthReply *health = runs ? session_health(session, service, HEALTH_MS, &none)
                                               : NULL;
        if (health && (health->ready || !ready)) {
            return 0;
        }
        if (health) {
            (void)snprintf(why, sizeof why, "%s", speak(health->why));
        }
        (void)waitpid(-1, NULL, WNOHANG);
        if (ran && !runs) {
            break; /* it ended again */
        }
        ran = ran || runs;
        pause_ms(LOOK_MS);
    }
    return err_plain(err, ERR_UNAVAILABLE, "%s: not ready: %s (see %s/%s.log)", service, why,
                     session_instance(session)->dir, service);
}

/* A process that ends before it has its pid file refused to start. */
static int check_child(const struct cli *cli, struct session *session, const char *service,
                       pid_t child, struct err *err) {
    struct instance *instance = session_instance(session);

    for (int64_t until = system_mono_us() + (int64_t)START_WAIT_MS * US_PER_MS;
         system_mono_us() < until; pause_ms(LOOK_MS / 10)) {
        int status = 0;
        if (waitpid(child, &status, WNOHANG) == child) {
            return err_plain(err, ERR_UNAVAILABLE, "%s did not start: %s", service,
                             instance_last_words(instance, service, cli->arena));
        }
        if (instance_pid(instance, service) > 0) {
            return 0;
        }
    }
    return err_plain(err, ERR_DEADLINE, "%s: no sign of life", service);
}

/* ---- up ---- */

static bool wanted(const struct up_wish *wish, const char *service) {
    bool named = wish->service_count == 0;

    for (int i = 0; i < wish->service_count; i++) {
        named = named || strcmp(wish->services[i], service) == 0;
    }
    return named;
}

static int start_missing(const struct cli *cli, struct session *session, const struct up_wish *wish,
                         struct err *err) {
    struct instance *instance = session_instance(session);
    pid_t children[SERVICES_MAX] = {0};

    for (int i = 0; instance_services[i]; i++) {
        if (wanted(wish, instance_services[i]) && instance_pid(instance, instance_services[i]) == 0
            && instance_start(instance, instance_services[i], NULL, &children[i], err)) {
            return -1;
        }
    }
    for (int i = 0; instance_services[i]; i++) {
        if (children[i] > 0 && check_child(cli, session, instance_services[i], children[i], err)) {
            return -1;
        }
    }
    return 0;
}

struct session *up_all(const struct cli *cli, const struct up_wish *wish, struct err *err) {
    struct instance instance = {.fd = -1};
    struct err none = {0};
    bool published = false;

    if (instance_open(&instance, cli->dir, &none)
        && instance_make(&instance, cli->dir, wish->port_base, err)) {
        return NULL;
    }
    struct session *session = session_new(cli, err);
    if (!session) {
        return NULL;
    }
    if (start_missing(cli, session, wish, err)) {
        goto fail;
    }
    if (wanted(wish, "registry")
        && (up_wait(session, "registry", false, err)
            || publish_if_none(cli, session, wish->manual, wish->parameters, &published, err))) {
        goto fail;
    }
    session_forget(session);
    for (int i = 0; instance_services[i]; i++) {
        /* Some alone may have to wait for the others' manual and events. */
        if (wanted(wish, instance_services[i])
            && up_wait(session, instance_services[i], wish->service_count == 0, err)) {
            goto fail;
        }
    }
    return session;

fail:
    session_free(session);
    return NULL;
}

/* ---- status ---- */

static json_t *state_of(struct session *session, const char *service, bool *ready) {
    struct err err = {0};
    pid_t pid = instance_pid(session_instance(session), service);
    const Core__HealthReply *health = pid > 0
                                          ? session_health(session, service, 2 * HEALTH_MS, &err)
                                          : NULL;
    json_t *state = json_object();

    *ready = health && health->ready;
    (void)json_object_set_new(state, "service", json_string(service));
    (void)json_object_set_new(state, "pid", json_integer(pid));
    (void)json_object_set_new(state, "ready", json_boolean(*ready));
    (void)json_object_set_new(state, "why",
                              json_string(pid == 0      ? "stopped"
                                          : !health     ? "no answer"
                                          : health->why ? health->why
                                                        : ""));
    if (health) {
        uint64_t lag = health->normal_head - health->normal_relayed + health->urgent_head
                       - health->urgent_relayed;
        uint64_t events = health->normal_head + health->urgent_head;
        bool bus = strcmp(service, "bus") == 0; /* it relays to nobody */
        (void)json_object_set_new(state, "epoch", json_integer((json_int_t)health->epoch));
        (void)json_object_set_new(state, "events", json_integer((json_int_t)events));
        (void)json_object_set_new(state, "unrelayed", json_integer(bus ? 0 : (json_int_t)lag));
        (void)json_object_set_new(state, "timers", json_integer((json_int_t)health->timers));
        (void)json_object_set_new(state, "jobs", json_integer((json_int_t)health->jobs));
        (void)json_object_set_new(state, "dead", json_integer((json_int_t)health->dead));
    }
    return state;
}

/* One line of the table; the words are those of its header, or of one service. */
static void print_columns(const struct cli *cli, const char *const words[STATUS_COLUMNS],
                          const char *colour, const char *why) {
    (void)printf("%s %s  %s%s%s", column_left(words[0], NAME_WIDTH, cli->arena),
                 column_right(words[1], PID_WIDTH, cli->arena), colour,
                 column_left(words[2], STATE_WIDTH, cli->arena), *colour ? "\033[0m" : "");
    for (size_t i = 3; i < STATUS_COLUMNS; i++) {
        (void)printf(" %s", column_right(words[i], COUNT_WIDTH, cli->arena));
    }
    (void)printf("%s%s\n", *why ? "  " : "", why);
}

static const char *number_of(const struct cli *cli, const json_t *state, const char *key) {
    return arena_text(cli->arena, "%lld", json_integer_value(json_object_get(state, key)));
}

static void print_state(const struct cli *cli, const json_t *state) {
    const char *why = json_string_value(json_object_get(state, "why"));
    bool ready = json_is_true(json_object_get(state, "ready"));
    const char *const words[STATUS_COLUMNS] = {
        json_string_value(json_object_get(state, "service")),
        number_of(cli, state, "pid"),
        ready ? cli_say(cli, "就绪", "ready") : cli_say(cli, "未就绪", "not"),
        number_of(cli, state, "events"),
        number_of(cli, state, "unrelayed"),
        number_of(cli, state, "timers"),
        number_of(cli, state, "jobs"),
        number_of(cli, state, "dead"),
    };

    print_columns(cli, words,
                  !cli->colour ? ""
                  : ready      ? "\033[32m"
                               : "\033[31m",
                  why ? speak(why) : "");
}

static int show_status(const struct cli *cli, struct session *session) {
    static const char *const header_zh[STATUS_COLUMNS] = {"服务", "进程号", "状态", "事件",
                                                          "待传", "定时",   "作业", "死信"};
    static const char *const header_en[STATUS_COLUMNS] = {"service",   "pid",    "state", "events",
                                                          "unrelayed", "timers", "jobs",  "dead"};
    bool all = true;
    json_t *list = json_array();

    if (!cli->json) {
        print_columns(cli, cli->english ? header_en : header_zh, "", "");
    }
    for (int i = 0; instance_services[i]; i++) {
        bool ready = false;
        json_t *state = state_of(session, instance_services[i], &ready);
        all = all && ready;
        if (!cli->json) {
            print_state(cli, state);
        }
        (void)json_array_append_new(list, state);
    }
    if (cli->json) {
        char *text = json_dumps(list, JSON_COMPACT);
        (void)printf("%s\n", text ? text : "[]");
        free(text);
    }
    json_decref(list);
    return all ? CLI_OK : CLI_FAILED;
}

static int run_status(struct cli *cli, int argc, char **argv) {
    struct err err = {0};

    if (cli_unknown(cli, &argc, argv) || argc > 1) {
        return cli_usage(cli, "status 不要参数", "status takes no arguments");
    }
    struct session *session = session_new(cli, &err);
    if (!session) {
        return cli_fail(cli, &err);
    }
    int status = show_status(cli, session);
    session_free(session);
    return status;
}

static int run_up(struct cli *cli, int argc, char **argv) {
    struct err err = {0};
    struct up_wish wish = {0};
    int64_t base = 0;
    const int64_t highest = 65000;

    wish.manual = cli_value(&argc, argv, "--manual");
    wish.parameters = cli_value(&argc, argv, "--parameters");
    if (!cli_number(&argc, argv, "--port-base", 0, &base) || base < 0 || base > highest) {
        return cli_usage(cli, "--port-base 要端口号", "--port-base takes a port number");
    }
    if (cli_unknown(cli, &argc, argv)) {
        return CLI_USAGE;
    }
    if (instance_wrong(cli, argc - 1, argv + 1)) {
        return CLI_USAGE;
    }
    wish.services = argv + 1;
    wish.service_count = argc - 1;
    wish.port_base = (int)base;
    struct session *session = up_all(cli, &wish, &err);
    if (!session) {
        return cli_fail(cli, &err);
    }
    int status = show_status(cli, session);
    session_free(session);
    /* Some alone need not be ready: they may have to wait for the others. */
    return wish.service_count > 0 ? CLI_OK : status;
}

/* ---- down ---- */

int up_stop_all(struct instance *instance, struct err *err) {
    int status = 0;

    for (int last = 0; last <= 1; last++) {
        for (int i = 0; instance_services[i]; i++) {
            bool is_bus = strcmp(instance_services[i], "bus") == 0;
            if (is_bus == (last == 1)
                && instance_stop(instance, instance_services[i], SIGTERM, STOP_WAIT_MS, err)) {
                status = -1;
            }
        }
    }
    return status;
}

static int run_down(struct cli *cli, int argc, char **argv) {
    struct err err = {0};
    struct instance instance;
    int status = 0;

    if (cli_unknown(cli, &argc, argv) || instance_wrong(cli, argc - 1, argv + 1)) {
        return CLI_USAGE;
    }
    if (instance_open(&instance, cli->dir, &err)) {
        return cli_fail(cli, &err);
    }
    for (int i = 1; i < argc && status == 0; i++) {
        status = instance_stop(&instance, argv[i], SIGTERM, STOP_WAIT_MS, &err);
    }
    if (argc == 1) {
        status = up_stop_all(&instance, &err);
    }
    return status ? cli_fail(cli, &err) : CLI_OK;
}

const struct command up_command = {
    .name = "up",
    .arguments = "[--port-base N] [--manual DIR] [--parameters FILE] [SERVICE…]",
    .zh = "建立实例（如尚无），启动各服务（或所列的），发布手册，等到就绪",
    .en = "make the instance if there is none, start its services (or those named)",
    .more_zh = "  --port-base 端口   第一个端口（默认：找空闲的）\n"
               "  --manual 目录      第一次发布的手册（默认：程序自带的 manual/）\n"
               "  --parameters 文件  盖在手册上的参数",
    .more_en = "  --port-base N      first port (otherwise: free ones)\n"
               "  --manual DIR       what is published first (otherwise: manual/ of this program)\n"
               "  --parameters FILE  parameters put over the manual's",
    .run = run_up,
};

const struct command down_command = {
    .name = "down",
    .arguments = "[SERVICE…]",
    .zh = "停止各服务（或所列的）；已受理的都在盘上",
    .en = "stop the services, or those named; what was accepted is on the disk",
    .run = run_down,
};

const struct command status_command = {
    .name = "status",
    .arguments = "",
    .zh = "每个服务：是否就绪、事件、积压、死信",
    .en = "each service: ready or not, events, what waits, dead letters",
    .more_zh = "全部就绪时退出码为 0，否则为 1。",
    .more_en = "Exits with 0 when all are ready, else with 1.",
    .run = run_status,
};
