#include "host/clock.h"

#include <sys/timex.h>
#include <time.h>

enum {
    MS_PER_S = 1000,
    NS_PER_MS = 1000000,
    STEADY_MS = 1000, /* more than this off since the last look is a jump */
    SLOWER = 200,     /* one part in so many, while the wall clock is behind */
};

static int64_t read_ms(clockid_t id) {
    struct timespec ts = {0, 0};

    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * MS_PER_S + ts.tv_nsec / NS_PER_MS;
}

struct clock_reading clock_read(void) {
    struct timex timex = {.modes = 0};
    int state = adjtimex(&timex);

    return (struct clock_reading){
        .wall_ms = read_ms(CLOCK_REALTIME),
        .boot_ms = read_ms(CLOCK_BOOTTIME),
        .synchronised = state >= 0 && state != TIME_ERROR && !(timex.status & STA_UNSYNC),
    };
}

void clock_init(struct clock *clock, int64_t last_ms, const struct clock_reading *reading) {
    int64_t start = reading->wall_ms > last_ms ? reading->wall_ms : last_ms;

    *clock = (struct clock){start, start, reading->boot_ms, 0};
}

int64_t clock_at(struct clock *clock, const struct clock_reading *reading) {
    int64_t passed = reading->boot_ms - clock->base_boot;
    int64_t steady = clock->base_ms + passed;
    int64_t ahead = steady - reading->wall_ms;

    if (passed < 0) {
        passed = 0; /* cannot be; but time must not go back whatever comes */
        steady = clock->base_ms;
    }
    if (ahead < -STEADY_MS) {
        /* The wall clock jumped forward: believe it when it is synchronised. */
        if (reading->synchronised) {
            clock->jumps++;
            clock->base_ms = reading->wall_ms;
            clock->base_boot = reading->boot_ms;
            steady = reading->wall_ms;
        }
    } else if (ahead <= 0) {
        /* Runs steadily, perhaps a little faster than BOOTTIME: follow. */
        clock->base_ms = reading->wall_ms;
        clock->base_boot = reading->boot_ms;
        steady = reading->wall_ms;
    } else {
        /* It is behind us.  Give up a little of what passed, in whole parts, so that
         * looking often does not round the slowing away. */
        int64_t parts = passed / SLOWER;
        if (parts > 0) {
            int64_t give = parts < ahead ? parts : ahead;
            clock->base_ms += parts * SLOWER - give;
            clock->base_boot += parts * SLOWER;
            steady -= give;
        }
    }
    if (steady > clock->now_ms) {
        clock->now_ms = steady;
    }
    return clock->now_ms;
}

int64_t clock_now(struct clock *clock) {
    struct clock_reading reading = clock_read();

    return clock_at(clock, &reading);
}
