/* Jobs run on threads of their own; urgent ones never behind the others. */
#include "harness.h"

#include <poll.h>
#include <pthread.h>

#include "host/system.h"
#include "host/workers.h"

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static int echo(struct bytes input, uint8_t **output, size_t *size, struct err *err) {
    (void)err;
    *output = malloc(input.size + 1);
    CHECK(*output);
    memcpy(*output, input.data, input.size);
    *size = input.size;
    return 0;
}

static int fail(struct bytes input, uint8_t **output, size_t *size, struct err *err) {
    (void)input;
    (void)output;
    (void)size;
    return err_plain(err, ERR_UNAVAILABLE, "nobody at home");
}

static int hang(struct bytes input, uint8_t **output, size_t *size, struct err *err) {
    (void)input;
    (void)output;
    (void)size;
    (void)err;
    (void)pthread_mutex_lock(&gate);
    (void)pthread_mutex_unlock(&gate);
    return 0;
}

static const struct job_kind echo_kind = {"echo", echo, NULL, false, false, NULL};
static const struct job_kind fail_kind = {"fail", fail, NULL, false, false, NULL};
static const struct job_kind hang_kind = {"hang", hang, NULL, false, false, NULL};
static const struct job_kind urgent_kind = {"urgent", echo, NULL, true, false, NULL};
static uint64_t place_in(struct bytes input) {
    return input.data[0];
}

static const struct job_kind place_kind = {"place", hang, NULL, true, false, place_in};
static struct err err;

static struct work_done wait_one(struct workers *workers) {
    struct pollfd fd = {workers_fd(workers), POLLIN, 0};
    struct work_done done;

    while (!workers_take(workers, &done)) {
        CHECK(poll(&fd, 1, 5000) == 1);
    }
    return done;
}

static void a_job_gives_bytes_for_bytes_or_its_error(void) {
    struct workers *workers = workers_new(1, 0, &err);

    CHECK(workers);
    CHECK(workers_put(workers, 7, &echo_kind, (struct bytes){(const uint8_t *)"hallo", 5}));
    struct work_done done = wait_one(workers);
    CHECK(done.id == 7 && !done.failed && done.size == 5 && !memcmp(done.output, "hallo", 5));
    free(done.output);
    CHECK(workers_put(workers, 8, &fail_kind, (struct bytes){NULL, 0}));
    done = wait_one(workers);
    CHECK(done.id == 8 && done.failed);
    CHECK_TEXT(done.err.args, "nobody at home");
    CHECK(workers_stop(workers, 5000));
    workers_free(workers);
}

static void an_urgent_job_passes_hanging_ones(void) {
    struct workers *workers = workers_new(2, 1, &err);

    (void)pthread_mutex_lock(&gate);
    for (int i = 0; i < 10; i++) {
        CHECK(workers_put(workers, i, &hang_kind, (struct bytes){NULL, 0}));
    }
    CHECK(workers_put(workers, 99, &urgent_kind, (struct bytes){(const uint8_t *)"!", 1}));
    struct work_done done = wait_one(workers);
    CHECK(done.id == 99);
    free(done.output);
    (void)pthread_mutex_unlock(&gate);
    for (int i = 0; i < 10; i++) {
        (void)wait_one(workers);
    }
    CHECK(workers_stop(workers, 5000));
    workers_free(workers);
}

static void a_place_that_hangs_holds_half_of_them(void) {
    struct workers *workers = workers_new(0, 4, &err);
    struct work_done done;

    (void)pthread_mutex_lock(&gate);
    for (int i = 0; i < 6; i++) {
        CHECK(workers_put(workers, i, &place_kind, (struct bytes){(const uint8_t *)"a", 1}));
    }
    while (workers_waiting(workers) > 4) {
        (void)sched_yield();
    }
    for (int i = 0; i < 5; i++) { /* behind them, and not held up */
        CHECK(workers_put(workers, 100 + i, &urgent_kind, (struct bytes){(const uint8_t *)"!", 1}));
    }
    for (int i = 0; i < 5; i++) {
        done = wait_one(workers);
        CHECK(done.id >= 100);
        free(done.output);
    }
    CHECK(workers_put(workers, 7, &place_kind, (struct bytes){(const uint8_t *)"b", 1}));
    while (workers_waiting(workers) > 4) {
        (void)sched_yield();
    }
    (void)pthread_mutex_unlock(&gate);
    for (int i = 0; i < 7; i++) { /* none is forgotten */
        (void)wait_one(workers);
    }
    CHECK(workers_waiting(workers) == 0);
    CHECK(workers_stop(workers, 5000));
    workers_free(workers);
}

static void too_many_are_refused(void) {
    struct workers *workers = workers_new(1, 0, &err);
    int taken = 0;

    (void)pthread_mutex_lock(&gate);
    while (taken < 2 * WORKERS_WAITING_MAX
           && workers_put(workers, taken, &hang_kind, (struct bytes){NULL, 0})) {
        taken++;
    }
    CHECK(taken >= WORKERS_WAITING_MAX && taken <= WORKERS_WAITING_MAX + 1);
    (void)pthread_mutex_unlock(&gate);
    CHECK(workers_stop(workers, 5000));
    workers_free(workers); /* those that wait are forgotten */
}

static void what_is_done_at_the_end_can_be_taken(void) {
    struct workers *workers = workers_new(1, 0, &err);
    struct work_done done;

    CHECK(workers_put(workers, 7, &echo_kind, (struct bytes){(const uint8_t *)"hallo", 5}));
    while (workers_waiting(workers) > 0) {
        (void)sched_yield();
    }
    CHECK(workers_stop(workers, 5000));
    CHECK(workers_take(workers, &done) && done.id == 7);
    free(done.output);
    CHECK(!workers_take(workers, &done));
    workers_free(workers);
}

/* Results of jobs that are not urgent are told of together. */
static void results_gather_and_an_urgent_one_does_not_wait(void) {
    enum { JOBS = 3 };
    struct workers *workers = workers_new(1, 1, &err);
    struct pollfd fd = {workers_fd(workers), POLLIN, 0};
    struct work_done done;

    CHECK(poll(&fd, 1, 0) == 0);
    const int64_t start_us = system_mono_us();
    for (int i = 0; i < JOBS; i++) {
        CHECK(workers_put(workers, i, &echo_kind, (struct bytes){(const uint8_t *)"n", 1}));
    }
    CHECK(poll(&fd, 1, 5000) == 1);
    CHECK(system_mono_us() - start_us >= (int64_t)WORKERS_GATHER_MS * 1000); /* not before */
    for (int i = 0; i < JOBS; i++) {
        done = wait_one(workers);
        free(done.output);
    }
    CHECK(poll(&fd, 1, 2 * WORKERS_GATHER_MS) == 0); /* all are taken: it is quiet again */
    CHECK(workers_put(workers, 9, &urgent_kind, (struct bytes){(const uint8_t *)"u", 1}));
    CHECK(poll(&fd, 1, 5000) == 1);
    CHECK(workers_take(workers, &done) && done.id == 9);
    free(done.output);
    CHECK(workers_stop(workers, 5000));
    workers_free(workers);
}

static void the_end_does_not_wait_for_one_that_hangs(void) {
    struct workers *workers = workers_new(1, 0, &err);

    (void)pthread_mutex_lock(&gate);
    CHECK(workers_put(workers, 1, &hang_kind, (struct bytes){NULL, 0}));
    while (workers_waiting(workers) > 0) {
        (void)sched_yield();
    }
    CHECK(!workers_stop(workers, 10));
    (void)pthread_mutex_unlock(&gate);
    CHECK(workers_stop(workers, 5000));
    workers_free(workers);
}

static const struct test tests[] = {
    TEST(a_job_gives_bytes_for_bytes_or_its_error),
    TEST(an_urgent_job_passes_hanging_ones),
    TEST(a_place_that_hangs_holds_half_of_them),
    TEST(too_many_are_refused),
    TEST(what_is_done_at_the_end_can_be_taken),
    TEST(results_gather_and_an_urgent_one_does_not_wait),
    TEST(the_end_does_not_wait_for_one_that_hangs),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
