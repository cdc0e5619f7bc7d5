/*
 * workers - a bounded number of threads that carry out jobs, bytes → bytes, away
 * from the loop.  Urgent kinds have threads of their own: a page never waits
 * behind a report, and of a lane's threads half at most talk to one place outside, so
 * that one that hangs does not keep the others waiting.  All calls are the loop's; a descriptor
 * says when a result is there: of an urgent job at once, of the others when some have gathered,
 * at most WORKERS_GATHER_MS later, for each waking costs the loop a commit.
 */
#ifndef WORKERS_H
#define WORKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "core/core.h"

enum { WORKERS_MAX = 32, WORKERS_WAITING_MAX = 8192, WORKERS_GATHER_MS = 5 };

struct workers;

struct work_done {
    int64_t id;
    const struct job_kind *kind;
    bool failed;
    uint8_t *output; /* free it */
    size_t size;
    struct err err;
};

/* workers_new - NULL with err set. */
struct workers *workers_new(size_t normal, size_t urgent, struct err *err);

/* workers_put - the input is copied.  False: too many wait. */
bool workers_put(struct workers *workers, int64_t id, const struct job_kind *kind,
                 struct bytes input);

int workers_fd(const struct workers *workers);

/* workers_take - the next result; false: none. */
bool workers_take(struct workers *workers, struct work_done *done);

size_t workers_waiting(struct workers *workers);

/*
 * workers_stop - start no more jobs, and wait for the running ones.  False: some still run
 * after `wait_ms`; then the memory is theirs, and the process should end without workers_free.
 * Results that have come can be taken as before; all other jobs run again at the next start.
 */
bool workers_stop(struct workers *workers, int64_t wait_ms);

/* workers_free - after a workers_stop that was true.  NULL is allowed. */
void workers_free(struct workers *workers);

#endif
