#include "aid/house.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

enum {
    ARGS_MAX = 32,
    LOOK_MS = 20,
    START_WAIT_MS = 60000,
    ARENA_SIZE = 32 << 20,
    DAY_S = 86400,
    ZONE_S = 8 * 3600
};

int64_t house_now_ms(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static const char *program(void) {
    static char path[PATH_MAX];
    const char *bin = getenv("BIN");

    (void)snprintf(path, sizeof path, "%s/shouwen", bin ? bin : "build/bin");
    return path;
}

int house_run(const struct house *house, const char *const *args) {
    const char *argv[ARGS_MAX] = {program(), "--dir", house->dir};
    char said[PATH_MAX + 8];
    size_t count = 3;

    for (size_t i = 0; args[i]; i++) {
        CHECK(count + 1 < ARGS_MAX);
        argv[count++] = args[i];
    }
    (void)snprintf(said, sizeof said, "%s.said", house->dir);
    pid_t child = fork();
    if (child == 0) {
        int out = open(said, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
        (void)dup2(out, STDOUT_FILENO);
        (void)dup2(out, STDERR_FILENO);
        (void)execv(program(), (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int status = 0;
    (void)waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void must(const struct house *house, const char *const *args) {
    if (house_run(house, args) == 0) {
        return;
    }
    char command[PATH_MAX + 64];
    (void)fprintf(stderr, "# shouwen %s %s failed:\n", args[0], args[1] ? args[1] : "");
    (void)snprintf(command, sizeof command, "tail -n 12 %s.said >&2", house->dir);
    (void)!system(command);
    exit(1);
}

void house_open(struct house *house) {
    struct err err = {0};

    house->cli = (struct cli){.dir = house->dir, .english = true};
    house->cli.arena = arena_new(ARENA_SIZE);
    house->session = session_new(&house->cli, &err);
    CHECK_OK(house->session == NULL, err);
    /* The links and the system's token live in the same arena as the answers: made first,
     * so that answers can be given back. */
    struct bytes token = {0};
    for (size_t i = 0; instance_services[i]; i++) {
        CHECK_OK(session_client(house->session, instance_services[i], &err) == NULL, err);
    }
    CHECK_OK(session_token(house->session, NULL, &token, &err), err);
}

/* What a failed CHECK leaves behind, a running house among it, is ended by exit(). */
static struct house *current;
static pid_t maker;

static void end_current(void) {
    if (current && getpid() == maker) {
        house_end(current);
    }
}

void house_new(struct house *house, const char *parameters) {
    char template[] = "/tmp/shouwen_XXXXXX";

    CHECK(!current && atexit(end_current) == 0);
    current = house;
    maker = getpid();

    *house = (struct house){0};
    CHECK(mkdtemp(template));
    (void)snprintf(house->dir, sizeof house->dir, "%s/run", template);
    must(house, (const char *const[]){"up", parameters ? "--parameters" : NULL, parameters, NULL});
    must(house, (const char *const[]){"import", "deploy/demo/staff.csv", "deploy/demo/units.csv",
                                      "deploy/demo/persons.csv", "deploy/demo/roster.csv", NULL});
    house_open(house);
    CHECK(house_ready(house, START_WAIT_MS));
}

void house_duty(struct house *house) {
    static const char *const staff[] = {"S402", "S403"};
    char path[PATH_MAX + 16];
    time_t today = time(NULL) + ZONE_S;

    (void)snprintf(path, sizeof path, "%s/roster.csv", house->dir);
    FILE *file = fopen(path, "we");
    CHECK(file);
    (void)fprintf(file, "date,post,shift,start,end,staff,order\n");
    for (int day = -1; day < 2; day++) {
        char from[16];
        char to[16];
        struct tm parts;
        time_t start = today + (time_t)day * DAY_S;
        time_t end = start + DAY_S;
        (void)strftime(from, sizeof from, "%Y-%m-%d", gmtime_r(&start, &parts));
        (void)strftime(to, sizeof to, "%Y-%m-%d", gmtime_r(&end, &parts));
        for (int i = 0; i < 2; i++) {
            (void)fprintf(file, "%s,engineering,day,%sT00:00:00+08:00,%sT00:00:00+08:00,%s,%d\n",
                          from, from, to, staff[i], i + 1);
        }
    }
    CHECK(fclose(file) == 0);
    must(house, (const char *const[]){"import", path, NULL});
    CHECK(house_ready(house, START_WAIT_MS));
}

void house_end(struct house *house) {
    char command[PATH_MAX + 64];

    current = NULL;
    session_free(house->session);
    if (house->cli.arena) {
        arena_free(house->cli.arena);
    }
    (void)house_run(house, (const char *const[]){"down", NULL});
    if (!getenv("KEEP")) {
        (void)snprintf(command, sizeof command, "rm -rf %.*s",
                       (int)(strrchr(house->dir, '/') - house->dir), house->dir);
        (void)!system(command);
    }
}

static pid_t *child_of(struct house *house, const char *service) {
    size_t i = 0;

    while (instance_services[i] && strcmp(instance_services[i], service) != 0) {
        i++;
    }
    CHECK(instance_services[i] && i < HOUSE_SERVICES_MAX);
    return &house->children[i];
}

void house_kill(struct house *house, const char *service) {
    pid_t *child = child_of(house, service);
    struct err err = {0};

    if (*child > 0) { /* ours, and waited for by nobody else: the pid is its own */
        (void)kill(*child, SIGKILL);
        (void)waitpid(*child, NULL, 0);
        *child = 0;
    }
    (void)instance_stop(session_instance(house->session), service, SIGKILL, START_WAIT_MS, &err);
}

void house_stop(struct house *house, const char *service) {
    struct err err = {0};

    CHECK_OK(instance_stop(session_instance(house->session), service, SIGTERM, START_WAIT_MS, &err),
             err);
}

pid_t house_start(struct house *house, const char *service) {
    pid_t *child = child_of(house, service);
    const char *bin = getenv("BIN");
    char path[PATH_MAX];
    char config[PATH_MAX + 64];
    char log[PATH_MAX + 64];

    (void)snprintf(path, sizeof path, "%s/shouwen-%s", bin ? bin : "build/bin", service);
    (void)snprintf(config, sizeof config, "%s/%s.yaml", house->dir, service);
    (void)snprintf(log, sizeof log, "%s/%s.log", house->dir, service);
    if (*child > 0) {
        (void)waitpid(*child, NULL, WNOHANG);
    }
    *child = fork();
    CHECK(*child >= 0);
    if (*child == 0) {
        int out = open(log, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
        (void)dup2(out, STDERR_FILENO);
        (void)execl(path, path, "--config", config, (char *)NULL);
        _exit(127);
    }
    return *child;
}

static bool caught_up(struct house *house, const char *service, bool say) {
    struct err err = {0};
    char line[ERR_TEXT_MAX];
    size_t used = arena_used(house->cli.arena);
    const Core__HealthReply *health = session_health(house->session, service, 1000, &err);
    bool is_bus = strcmp(service, "bus") == 0;
    bool ready = health && health->ready
                 && (is_bus
                     || (health->normal_relayed == health->normal_head
                         && health->urgent_relayed == health->urgent_head));

    if (say && !ready && !health) {
        (void)printf("# %s: %s\n", service, err_line(&err, line));
    } else if (say && !ready) {
        (void)printf("# %s: ready %d (%s), relayed %llu of %llu, urgent %llu of %llu\n", service,
                     health->ready, health->why, (unsigned long long)health->normal_relayed,
                     (unsigned long long)health->normal_head,
                     (unsigned long long)health->urgent_relayed,
                     (unsigned long long)health->urgent_head);
    }
    arena_rewind(house->cli.arena, used);
    return ready;
}

static bool all_caught_up(void *arg) {
    struct house *house = arg;

    for (size_t i = 0; instance_services[i]; i++) {
        if (!caught_up(house, instance_services[i], false)) {
            return false;
        }
    }
    return true;
}

bool house_ready(struct house *house, int64_t wait_ms) {
    bool ready = house_wait(all_caught_up, house, wait_ms);

    for (size_t i = 0; !ready && instance_services[i]; i++) {
        (void)caught_up(house, instance_services[i], true);
    }
    return ready;
}

bool house_wait(bool (*done)(void *arg), void *arg, int64_t wait_ms) {
    int64_t until = house_now_ms() + wait_ms;

    while (!done(arg)) {
        if (house_now_ms() > until) {
            return false;
        }
        (void)poll(NULL, 0, LOOK_MS);
    }
    return true;
}

static struct client *link_to(struct house *house, const char *service, size_t in_flight,
                              bool once) {
    struct instance *instance = session_instance(house->session);
    struct client_config config = {.locale = "en", .in_flight = in_flight, .once = once};
    struct err err = {0};

    config.endpoint = instance_endpoint(instance, service, house->cli.arena);
    CHECK_OK(instance_keys(instance, service, &config.keys, config.server_key, &err), err);
    struct client *client = client_new(&config, &err);
    CHECK_OK(client == NULL, err);
    return client;
}

struct client *house_client(struct house *house, const char *service, size_t in_flight) {
    return link_to(house, service, in_flight, false);
}

struct client *house_client_once(struct house *house, const char *service, size_t in_flight) {
    return link_to(house, service, in_flight, true);
}
