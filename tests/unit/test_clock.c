/* Time never goes back, follows what can be believed, and is never late by much. */
#include "harness.h"

#include "host/clock.h"

enum { HOUR = 3600000, DAY = 24 * HOUR, START = 1000000 };

static struct clock_reading at(int64_t wall, int64_t boot, bool synchronised) {
    return (struct clock_reading){wall, boot, synchronised};
}

static struct clock begin(int64_t last) {
    struct clock clock;
    struct clock_reading reading = at(START, 0, true);

    clock_init(&clock, last, &reading);
    return clock;
}

static int64_t look(struct clock *clock, int64_t wall, int64_t boot, bool synchronised) {
    struct clock_reading reading = at(wall, boot, synchronised);

    return clock_at(clock, &reading);
}

static void it_follows_a_steady_wall_clock(void) {
    struct clock clock = begin(0);

    CHECK(look(&clock, START, 0, true) == START);
    CHECK(look(&clock, START + 5000, 5000, true) == START + 5000);
    /* ntpd lets it run a little faster. */
    CHECK(look(&clock, START + 10010, 10000, false) == START + 10010);
}

static void it_starts_at_the_last_time_on_the_disk(void) {
    struct clock clock = begin(START + HOUR);

    CHECK(look(&clock, START, 0, true) == START + HOUR);
    CHECK(look(&clock, START + 1000, 1000, true) >= START + HOUR + 995);
}

static void a_forward_jump_is_believed_only_when_synchronised(void) {
    struct clock clock = begin(0);

    CHECK(look(&clock, START + 10 * DAY, 1000, false) == START + 1000);
    CHECK(look(&clock, START + 10 * DAY + 1000, 2000, true) == START + 10 * DAY + 1000);
    CHECK(look(&clock, START + 10 * DAY + 2000, 3000, false) == START + 10 * DAY + 2000);
}

static void a_backward_jump_never_turns_time_back_and_makes_nothing_late_by_a_second(void) {
    struct clock clock = begin(0);
    int64_t last = look(&clock, START, 0, true);

    for (int64_t s = 1; s <= 180; s++) {
        int64_t now = look(&clock, START - HOUR + s * 1000, s * 1000, true);
        CHECK(now >= last);
        last = now;
    }
    CHECK(START + 180 * 1000 - last <= 1000);
}

static void a_backward_jump_is_waited_out(void) {
    struct clock clock = begin(0);
    int64_t boot = 0;

    /* An hour, given back a two-hundredth at a time: eight and a half days. */
    for (; boot < 9 * (int64_t)DAY; boot += 777) {
        (void)look(&clock, START - HOUR + boot, boot, true);
    }
    CHECK(look(&clock, START - HOUR + boot, boot, true) == START - HOUR + boot);
}

static void looking_often_does_not_hide_the_slowing(void) {
    struct clock clock = begin(0);

    for (int64_t ms = 1; ms <= 100000; ms++) {
        (void)look(&clock, START - HOUR + ms, ms, true);
    }
    CHECK(look(&clock, START - HOUR + 100000, 100000, true) == START + 100000 - 500);
}

static void a_suspended_machine_counts(void) {
    struct clock clock = begin(0);

    CHECK(look(&clock, START + HOUR, HOUR, false) == START + HOUR);
}

static const struct test tests[] = {
    TEST(it_follows_a_steady_wall_clock),
    TEST(it_starts_at_the_last_time_on_the_disk),
    TEST(a_forward_jump_is_believed_only_when_synchronised),
    TEST(a_backward_jump_never_turns_time_back_and_makes_nothing_late_by_a_second),
    TEST(a_backward_jump_is_waited_out),
    TEST(looking_often_does_not_hide_the_slowing),
    TEST(a_suspended_machine_counts),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
