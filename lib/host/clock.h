/*
 * clock - what time it is for a service: milliseconds that never go back.
 *
 * The wall clock is followed while it runs steadily, and over a forward jump when
 * the kernel says that it is synchronised.  Otherwise time goes on with
 * CLOCK_BOOTTIME, which counts a suspended machine too.  A backward jump is
 * waited out: time goes on, a two-hundredth slower, until the wall clock has
 * caught up.  So a jump may make an escalation early, never late by more than
 * that.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct clock {
    int64_t now_ms;    /* last one given out */
    int64_t base_ms;   /* our time … */
    int64_t base_boot; /* … at this BOOTTIME, both followed from here */
    int64_t jumps;     /* seen */
};

/* What the machine's clocks say, for clock_at; tests make it up. */
struct clock_reading {
    int64_t wall_ms;
    int64_t boot_ms;
    bool synchronised;
};

struct clock_reading clock_read(void);

/* clock_init - never below `last_ms`, the newest time on the disk. */
void clock_init(struct clock *clock, int64_t last_ms, const struct clock_reading *reading);

/* clock_at - the time, from a reading.  clock_now - from the machine's clocks. */
int64_t clock_at(struct clock *clock, const struct clock_reading *reading);
int64_t clock_now(struct clock *clock);

#endif
