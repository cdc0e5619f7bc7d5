/*
 * A house at work, with a fault every half minute: a service is killed, or two, or asked to end, or
 * stands still, or the receiver of pages hangs.  Nothing is lost or done twice, and what each
 * service uses stays where it is: memory, descriptors, the log of its store.
 *
 *   MINUTES=n (2); SEED=n: the same faults again.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "aid/house.h"
#include "aid/ledger.h"
#include "aid/receiver.h"
#include "harness.h"
#include "shouwen/cases/v1/cases.pb-c.h"
#include "shouwen/reports/v1/reports.pb-c.h"
#include "soak/gauge.h"

enum {
    MINUTES = 2,
    MINUTE_MS = 60000,
    FIRST_FAULT_MS = 15000,
    FAULT_MS = 30000,
    LOOK_MS = 1000,
    STILL_MS = 4000,
    HANG_MS = 10000,
    PACE_MS = 60, /* of each of three callers: fifty cases a second */
    URGENT_EVERY = 40,
    MESSAGES_MAX = 200000,
    SERVICES = 6,
    DRAIN_MS = 60000,
    GROWN_KIB_MAX = 4096,
    DESCRIPTORS_MORE_MAX = 40, /* when all hang, each worker of notify keeps a connection */
    LOG_BYTES_MAX = 24 << 20,
};

static struct house house;
static struct receiver *receiver;
static struct gauge gauges[SERVICES];
static uint64_t rng;
static size_t faults[5];
static size_t reads, reads_failed;
static const char *standing; /* still; NULL: none */
static int64_t stand_until_ms, hang_until_ms;

static uint32_t chance(uint32_t below) {
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (uint32_t)(rng >> 32) % below;
}

static const char *any_service(void) {
    return instance_services[chance(SERVICES)];
}

/* ---- faults ---- */

static void kill_one(void) {
    const char *service = any_service();

    house_kill(&house, service);
    (void)house_start(&house, service);
}

static void kill_two(void) {
    const uint32_t one = chance(SERVICES);
    const uint32_t other = (one + 1 + chance(SERVICES - 1)) % SERVICES;

    house_kill(&house, instance_services[one]);
    house_kill(&house, instance_services[other]);
    (void)house_start(&house, instance_services[one]);
    (void)house_start(&house, instance_services[other]);
}

static void stop_one(void) {
    const char *service = any_service();

    house_stop(&house, service);
    (void)house_start(&house, service);
}

static void signal_to(const char *service, int number) {
    const pid_t pid = instance_pid(session_instance(house.session), service);

    if (pid > 0) {
        (void)kill(pid, number);
    }
}

static void let_stand(void) {
    standing = any_service();
    stand_until_ms = house_now_ms() + STILL_MS;
    signal_to(standing, SIGSTOP);
}

static void hang(void) {
    receiver_hang(receiver, true);
    hang_until_ms = house_now_ms() + HANG_MS;
}

static void mend(void) {
    if (standing && house_now_ms() >= stand_until_ms) {
        signal_to(standing, SIGCONT);
        standing = NULL;
    }
    if (hang_until_ms && house_now_ms() >= hang_until_ms) {
        receiver_hang(receiver, false);
        hang_until_ms = 0;
    }
}

static const struct {
    const char *name;
    void (*make)(void);
} kinds[] = {{"killed", kill_one},
             {"two killed", kill_two},
             {"ended", stop_one},
             {"stood still", let_stand},
             {"receiver hung", hang}};

static void fault(void) {
    const uint32_t kind = chance(sizeof kinds / sizeof kinds[0]);

    faults[kind]++;
    kinds[kind].make();
}

/* ---- work ---- */

/* What people look at; a service that is down at the moment may say so. */
static void look_around(void) {
    Cases__ListCasesRequest list = CASES__LIST_CASES_REQUEST__INIT;
    Reports__ListKpisRequest kpis = REPORTS__LIST_KPIS_REQUEST__INIT;
    struct err err = {0};
    const size_t used = arena_used(house.cli.arena);
    char period[8];
    const time_t now = time(NULL) + 8 * 3600;
    struct tm parts;

    (void)strftime(period, sizeof period, "%Y-%m", gmtime_r(&now, &parts));
    list.list = "my_cases";
    list.max = 50;
    kpis.period = period;
    house.cli.as = "王丽";
    bool fine = session_ask(house.session, "shouwen.ticketing.v1.Ticketing/ListCases", &list.base,
                            &cases__list_cases_reply__descriptor, &err);
    house.cli.as = "郑平";
    fine = session_ask(house.session, "shouwen.reports.v1.Reports/ListKpis", &kpis.base,
                       &reports__list_kpis_reply__descriptor, &err)
           && fine;
    reads++;
    reads_failed += !fine;
    arena_rewind(house.cli.arena, used);
}

static void say_how_far(int64_t begun_ms, int64_t minutes, const struct ledger *ledger) {
    const int64_t gone = (house_now_ms() - begun_ms) / MINUTE_MS;

    (void)printf("# %lld of %lld minutes, %zu in flight, %lld minutes left\n", (long long)gone,
                 (long long)minutes, ledger_in_flight(ledger), (long long)(minutes - gone));
    gauge_say(gauges);
    (void)fflush(stdout);
}

static void work(struct ledger *ledger, int64_t minutes) {
    enum { SAY_FROM = 5 };
    const int64_t begun_ms = house_now_ms();
    int64_t fault_ms = begun_ms + FIRST_FAULT_MS;
    int64_t said = 0;

    while (house_now_ms() < begun_ms + minutes * MINUTE_MS) {
        ledger_drive(ledger, house_now_ms() + LOOK_MS, true);
        if (house_now_ms() >= fault_ms) {
            fault();
            fault_ms += FAULT_MS;
        }
        mend();
        if (!standing) {
            look_around();
        }
        gauge_look(&house, gauges);
        if (minutes >= SAY_FROM && (house_now_ms() - begun_ms) / MINUTE_MS > said) {
            said++;
            say_how_far(begun_ms, minutes, ledger);
        }
    }
    hang_until_ms = hang_until_ms ? 1 : 0; /* over */
    stand_until_ms = 0;
    mend();
}

static void is_flat(void) {
    gauge_say(gauges);
    for (size_t i = 0; i < SERVICES; i++) {
#ifndef __SANITIZE_ADDRESS__ /* it keeps what is given back */
        CHECK(gauges[i].grown_kib <= GROWN_KIB_MAX);
#endif
        CHECK(gauges[i].more_descriptors <= DESCRIPTORS_MORE_MAX);
        CHECK(gauges[i].worst.log_bytes <= LOG_BYTES_MAX);
    }
}

static void a_house_at_work_stays_as_it_is(void) {
    const char *text = getenv("MINUTES");
    const int64_t minutes = text ? strtoll(text, NULL, 10) : MINUTES;

    house_new(&house, NULL);
    receiver = receiver_new(MESSAGES_MAX);
    receiver_lead(receiver, &house);
    house_duty(&house);
    struct ledger *ledger = ledger_new(&house, URGENT_EVERY);
    ledger_pace(ledger, PACE_MS);
    work(ledger, minutes);
    ledger_drive(ledger, house_now_ms() + DRAIN_MS, false);
    CHECK(house_ready(&house, DRAIN_MS));
    house.cli.as = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        (void)printf("#   %zu times: %s\n", faults[i], kinds[i].name);
    }
    (void)printf("#   %zu looks at lists and figures, %zu of them in vain; %zu messages of pages\n",
                 reads, reads_failed, receiver_count(receiver));
    ledger_check(ledger);
    events_check(&house);
    CHECK(receiver_count(receiver) > 0);
    is_flat();
    ledger_free(ledger);
    house_end(&house);
    receiver_free(receiver);
}

int main(int argc, char **argv) {
    static const struct test tests[] = {TEST(a_house_at_work_stays_as_it_is)};
    const char *seed = getenv("SEED");

    rng = seed ? strtoull(seed, NULL, 10) : 1;
    (void)printf("# SEED=%llu\n", (unsigned long long)rng);
    rng = rng * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return RUN_TESTS(tests, argc, argv);
}
