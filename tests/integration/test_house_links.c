/*
 * Links that are cut, and come and go: the house in a network namespace of its own, whose
 * loopback is taken down while callers go on over the local sockets.
 */
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "aid/desk.h"
#include "aid/house.h"
#include "aid/ledger.h"
#include "aid/receiver.h"
#include "harness.h"

enum {
    CUTS = 3,
    CUT_MS = 3000,
    FLAPS = 12,
    FLAP_MS = 150,
    WAIT_MS = 30000,
    AGAIN_MS = 10000, /* until all is as before */
    URGENT_EVERY = 50,
    MESSAGES = 20000,
};

static struct house house;

/* All links between services lead over it; callers have local sockets. */
static bool loopback(bool up) {
    struct ifreq ask = {.ifr_name = "lo"};
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool fine = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &ask) == 0;

    ask.ifr_flags = (short)(up ? ask.ifr_flags | IFF_UP : ask.ifr_flags & ~IFF_UP);
    fine = fine && ioctl(fd, SIOCSIFFLAGS, &ask) == 0;
    (void)close(fd);
    return fine;
}

static void work(struct ledger *ledger, int64_t for_ms) {
    ledger_drive(ledger, house_now_ms() + for_ms, true);
}

static int64_t ready_again(void) {
    const int64_t start_ms = house_now_ms();

    CHECK(house_ready(&house, WAIT_MS));
    return house_now_ms() - start_ms;
}

static void nothing_is_lost_while_links_are_cut_and_flap(void) {
    int64_t worst_ms = 0;

    if (unshare(CLONE_NEWNET) || !loopback(true)) {
        SKIP("no network namespace of one's own here");
    }
    house_new(&house, "deploy/demo/parameters.yaml");
    struct receiver *receiver = receiver_new(MESSAGES);
    receiver_lead(receiver, &house);
    house_duty(&house);
    struct ledger *ledger = ledger_new(&house, URGENT_EVERY);
    ledger_pace(ledger, 10);
    for (int i = 0; i < CUTS; i++) {
        work(ledger, FLAP_MS);
        CHECK(loopback(false));
        work(ledger, CUT_MS);
        CHECK(loopback(true));
        const int64_t took_ms = ready_again();
        worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
    }
    for (int i = 0; i < FLAPS; i++) {
        CHECK(loopback(false));
        work(ledger, FLAP_MS);
        CHECK(loopback(true));
        work(ledger, FLAP_MS);
    }
    ledger_drive(ledger, house_now_ms() + WAIT_MS, false);
    const int64_t after_flapping_ms = ready_again();
    (void)printf("# %d cuts of %d ms: all as before after %lld ms at most; %d flaps: after %lld "
                 "ms; %zu messages of pages\n",
                 CUTS, CUT_MS, (long long)worst_ms, FLAPS, (long long)after_flapping_ms,
                 receiver_count(receiver));
#ifndef __SANITIZE_ADDRESS__ /* what came meanwhile takes several times as long to work off */
    CHECK(worst_ms <= AGAIN_MS && after_flapping_ms <= AGAIN_MS);
#endif
    ledger_check(ledger);
    struct desk_case leak = desk_open(&house, "after the cuts", "13800000000");
    CHECK_TEXT(desk_fire(&house, "李强", leak.no, "dispatch", "assignee", "S402"), "");
    CHECK(desk_waits_reported(&house, leak.no, "page.sent", WAIT_MS));
    events_check(&house);
    ledger_free(ledger);
    house_end(&house);
    receiver_free(receiver);
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(nothing_is_lost_while_links_are_cut_and_flap),
    };
    return RUN_TESTS(tests, argc, argv);
}
