/*
 * Whoever can reach a port may send it anything: very many streams that are no caller's, and
 * so many that no descriptor is left.  Honest callers are answered all the while, no memory
 * is kept, and afterwards the stores are whole and the services end in order.
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

#include "aid/ledger.h"
#include "aid/siege.h"
#include "aid/streams.h"
#include "harness.h"
#include "host/client.h"

#ifdef __SANITIZE_ADDRESS__ /* fewer: each costs several times as much; freed memory is kept */
enum { STREAMS = 4000, WARM_UP = 1000, MEMORY_IS_TOLD = 0 };
#else
enum { STREAMS = 60000, WARM_UP = 20000, MEMORY_IS_TOLD = 1 };
#endif

enum {
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
    FEW_DESCRIPTORS = 80,
    CROWD = 200,
    CROWD_MS = 4500, /* more than the time that a stranger is given for his handshake */
    PATH = PATH_MAX + 32,
};

static struct siege siege;
static uint64_t seed;

static size_t streams_wanted(void) {
    const char *wanted = getenv("STREAMS");
    return wanted ? strtoul(wanted, NULL, 10) : STREAMS;
}

/* ---- memory ---- */

/* What belongs to nobody else: files it has mapped come and go. */
static long memory_kb(const char *service) {
    char path[64];
    char line[128];
    long kb = -1;
    pid_t pid = instance_pid(session_instance(siege.house.session), service);

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

/* ---- streams ---- */

/* A process of strangers for each target; honest calls until both have ended. */
static void storm(size_t count, size_t at_once, uint64_t number, struct stream_counts *counts) {
    pid_t crowds[SIEGE_TARGETS];
    size_t running = SIEGE_TARGETS;
    int64_t until_ms = house_now_ms() + STORM_MS;

    for (size_t i = 0; i < SIEGE_TARGETS; i++) {
        struct stream_orders orders = {.port = siege_port(&siege, siege_targets[i]),
                                       .count = count / SIEGE_TARGETS,
                                       .at_once = at_once};
        orders.seed = seed * 1000 + number * SIEGE_TARGETS + i;
        siege_keys(&siege, "cli", &orders.known);
        siege_server_key(&siege, siege_targets[i], orders.server);
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
        siege_call(&siege);
        (void)poll(NULL, 0, PAUSE_MS);
        for (size_t i = 0; i < SIEGE_TARGETS; i++) {
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
        for (size_t i = 0; i < SIEGE_TARGETS; i++) {
            begun += counts[i].begun[kind];
            hung_up += counts[i].hung_up[kind];
        }
        (void)printf("#   %-13s %6zu, hung up on %6zu\n", stream_names[kind], begun, hung_up);
        CHECK(begun > 0);
    }
}

static long growth_kb(const long before[SIEGE_TARGETS], long growth[SIEGE_TARGETS]) {
    long worst = 0;

    for (size_t i = 0; i < SIEGE_TARGETS; i++) {
        growth[i] = memory_kb(siege_targets[i]) - before[i];
        worst = growth[i] > worst ? growth[i] : worst;
    }
    return worst;
}

static void remember(long memory[SIEGE_TARGETS]) {
    for (size_t i = 0; i < SIEGE_TARGETS; i++) {
        memory[i] = memory_kb(siege_targets[i]);
    }
}

/* A store's cache grows with the first work to some MiB, and no further. */
static void fill_caches(void) {
    struct ledger *ledger = ledger_new(&siege.house, 0);

    ledger_drive(ledger, house_now_ms() + FILL_MS, true);
    ledger_drive(ledger, house_now_ms() + SIEGE_WAIT_MS, false);
    CHECK(house_ready(&siege.house, SIEGE_WAIT_MS));
    ledger_check(ledger);
    ledger_free(ledger);
}

/* Until memory stays where it is: caches are full, and the allocator has its pieces. */
static size_t warm_up(struct stream_counts *counts) {
    long before[SIEGE_TARGETS];
    long growth[SIEGE_TARGETS];
    size_t round = 0;

    fill_caches();
    do {
        remember(before);
        storm(WARM_UP, round == 0 ? AT_ONCE_FIRST : AT_ONCE, round, counts);
        round++;
    } while (round < WARM_UPS_MIN || (round < WARM_UPS && growth_kb(before, growth) > LEVEL_KB));
    return round * WARM_UP;
}

/* Of thousands of refused keys, a line a second at most: strangers do not fill the disk. */
static void refusals_are_told_once_a_second(void) {
    for (size_t i = 0; i < SIEGE_TARGETS; i++) {
        char path[PATH];
        char line[512];
        int64_t count = 0;
        (void)snprintf(path, sizeof path, "%s/%s.log", siege.house.dir, siege_targets[i]);
        FILE *file = fopen(path, "re");
        CHECK(file);
        while (fgets(line, sizeof line, file)) {
            count += strstr(line, "key refused") != NULL;
        }
        CHECK(fclose(file) == 0);
        CHECK(count > 0 && count <= (house_now_ms() - siege.begun_ms) / 1000 + 2);
    }
}

static void a_hundred_thousand_strangers_cost_no_memory_and_hold_up_nobody(void) {
    const size_t shared = SIEGE_TARGETS * sizeof(struct stream_counts);
    struct stream_counts *counts = mmap(NULL, shared, PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const size_t wanted = streams_wanted();
    long before[SIEGE_TARGETS];
    long growth[SIEGE_TARGETS];

    CHECK(counts != MAP_FAILED);
    siege_begin(&siege, NULL); /* where nothing is due within the hour, memory is the strangers' */
    const size_t first = warm_up(counts);

    remember(before);
    for (int64_t until_ms = house_now_ms() + CONTROL_MS; house_now_ms() < until_ms;) {
        siege_call(&siege);
        (void)poll(NULL, 0, PAUSE_MS);
    }
    (void)growth_kb(before, growth);
    (void)printf("# %d s of honest calls alone: ticketing %+ld KiB, bus %+ld KiB\n",
                 CONTROL_MS / 1000, growth[0], growth[1]);

    memset(counts, 0, shared);
    remember(before);
    int64_t start_ms = house_now_ms();
    storm(wanted, AT_ONCE, WARM_UPS, counts);
    int64_t took_ms = house_now_ms() - start_ms;
    /* What the last of them had may still be on its way back. */
    for (int64_t until_ms = house_now_ms() + SETTLE_MS; growth_kb(before, growth) >= GROWTH_MAX_KB
                                                        && MEMORY_IS_TOLD
                                                        && house_now_ms() < until_ms;) {
        siege_call(&siege);
    }
    (void)printf("# after %zu streams %zu more in %lld ms: ticketing %+ld KiB, bus %+ld KiB\n",
                 first, wanted, (long long)took_ms, growth[0], growth[1]);
    say_counts(counts);
    siege_said(&siege);
    for (size_t i = 0; i < SIEGE_TARGETS; i++) {
        CHECK(!MEMORY_IS_TOLD || growth[i] < GROWTH_MAX_KB);
        CHECK(counts[i].strangers_in == 0);
        /* Those who did it right came in: so the others did wrong what they meant to. */
        CHECK(counts[i].welcomed > 0 && counts[i].shook_hands > 0);
        CHECK(counts[i].hung_up[STREAM_HALF_OPEN] > 0 && counts[i].hung_up[STREAM_DRIBBLE] > 0);
    }
    refusals_are_told_once_a_second();
    CHECK(munmap(counts, shared) == 0);
    siege_end(&siege);
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

/* At the same port. */
static void new_callers_are_served(const char *service) {
    struct client_config config = {.endpoint = siege_tcp(&siege, service)};
    struct client_request request = {.method = "shouwen.core.v1.Core/Health",
                                     .timeout_ms = SIEGE_WAIT_MS};
    struct err err = {0};

    siege_keys(&siege, "cli", &config.keys);
    siege_server_key(&siege, service, config.server_key);
    struct client *client = client_new(&config, &err);
    CHECK_OK(client == NULL, err);
    CHECK_OK(client_call(client, &request, NULL, &err), err);
    client_free(client);
}

static void a_service_without_descriptors_serves_those_it_has(void) {
    siege_begin(&siege, "deploy/demo/parameters.yaml");
    for (size_t i = 0; i < SIEGE_TARGETS; i++) {
        struct mob mob = {.turned_out = 0};
        int port = siege_port(&siege, siege_targets[i]);
        memset(mob.fd, -1, sizeof mob.fd);
        limit_descriptors(siege.pids[i], FEW_DESCRIPTORS);
        /* Until those of the beginning have been thrown out, and others have come in. */
        for (int64_t start_ms = house_now_ms();
             house_now_ms() - start_ms < (mob.turned_out > 0 ? CROWD_MS : SIEGE_WAIT_MS);) {
            mob_press(&mob, port);
            siege_call(&siege);
        }
        mob_press(&mob, port);
        (void)printf("# %s with %d descriptors: %zu of %d let in, %zu thrown out meanwhile\n",
                     siege_targets[i], FEW_DESCRIPTORS, mob_greeted(&mob), CROWD, mob.turned_out);
        /* It has run out of them: they wait at the door while others are inside. */
        CHECK(mob.turned_out > 0 && mob_greeted(&mob) <= FEW_DESCRIPTORS);
        CHECK(kill(siege.pids[i], SIGHUP) == 0); /* a list that it cannot open stays as it was */
        siege_call(&siege);
        mob_leave(&mob);
        new_callers_are_served(siege_targets[i]);
        siege_call(&siege);
    }
    siege_said(&siege);
    siege_end(&siege);
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(a_hundred_thousand_strangers_cost_no_memory_and_hold_up_nobody),
        TEST(a_service_without_descriptors_serves_those_it_has),
    };

    seed = siege_seed();
    return RUN_TESTS(tests, argc, argv);
}
