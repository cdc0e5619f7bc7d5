#include "host/workers.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/speak.h"

enum {
    STACK_SIZE = 1024 * 1024,
    START_WAIT_MS = 1000, /* for those that did start: they have no job */
    LANES = 2,
    NORMAL = 0,
    URGENT = 1,
    MS_PER_S = 1000,
    NS_PER_MS = 1000000
};

struct work {
    struct work *next;
    struct bytes input;
    uint64_t place; /* outside, that it talks to; 0: none */
    struct work_done done;
};

struct queue {
    struct work *first, *last;
    size_t count;
};

struct workers {
    pthread_mutex_t mutex;      /* around all below */
    pthread_cond_t work[LANES]; /* something waits, or the end */
    pthread_cond_t ended;       /* a thread has */
    struct queue waiting[LANES];
    struct queue results;
    size_t threads[LANES];
    uint64_t held[LANES][WORKERS_MAX]; /* by each thread: the place of its job */
    size_t running;                    /* threads */
    bool stop;
    enum { TOLD_NOT, TOLD_SOON, TOLD_NOW } told;
    int fd; /* timerfd: readable when results should be taken */
};

struct thread_arg {
    struct workers *workers;
    int lane;
    size_t number;
};

static void put(struct queue *queue, struct work *work) {
    work->next = NULL;
    if (queue->last) {
        queue->last->next = work;
    } else {
        queue->first = work;
    }
    queue->last = work;
    queue->count++;
}

static struct work *take_after(struct queue *queue, struct work *before) {
    struct work *work = before ? before->next : queue->first;

    if (work) {
        if (before) {
            before->next = work->next;
        } else {
            queue->first = work->next;
        }
        queue->last = work->next ? queue->last : before;
        queue->count--;
    }
    return work;
}

static struct work *take(struct queue *queue) {
    return take_after(queue, NULL);
}

/* Half of the threads talk to this place already; whoever ends there looks again. */
static bool is_full(const struct workers *workers, int lane, uint64_t place) {
    size_t count = 0;

    for (size_t i = 0; place && i < workers->threads[lane]; i++) {
        count += workers->held[lane][i] == place;
    }
    return count > 0 && count >= workers->threads[lane] / 2;
}

/* The first that waits for a place with room. */
static struct work *take_next(struct workers *workers, int lane) {
    struct work *before = NULL;
    struct work *work = workers->waiting[lane].first;

    while (work && is_full(workers, lane, work->place)) {
        before = work;
        work = work->next;
    }
    return work ? take_after(&workers->waiting[lane], before) : NULL;
}

static void work_free(struct work *work) {
    free((void *)(uintptr_t)work->input.data);
    free(work);
}

/* Results are there: for urgent ones the loop wakes at once. */
static void tell(struct workers *workers, bool urgent) {
    struct itimerspec when = {0};

    if (workers->told == TOLD_NOW || (workers->told == TOLD_SOON && !urgent)) {
        return;
    }
    when.it_value.tv_nsec = urgent ? 1 : (int64_t)WORKERS_GATHER_MS * NS_PER_MS;
    (void)timerfd_settime(workers->fd, 0, &when, NULL);
    workers->told = urgent ? TOLD_NOW : TOLD_SOON;
}

static void untell(struct workers *workers) {
    const struct itimerspec never = {0};

    if (workers->told != TOLD_NOT) {
        (void)timerfd_settime(workers->fd, 0, &never, NULL);
        workers->told = TOLD_NOT;
    }
}

static void *run(void *arg) {
    const struct thread_arg me = *(struct thread_arg *)arg;
    struct workers *workers = me.workers;
    uint64_t *held = &workers->held[me.lane][me.number];

    free(arg);
    (void)pthread_mutex_lock(&workers->mutex);
    while (!workers->stop) {
        struct work *work = take_next(workers, me.lane);
        if (!work) {
            (void)pthread_cond_wait(&workers->work[me.lane], &workers->mutex);
            continue;
        }
        *held = work->place;
        (void)pthread_mutex_unlock(&workers->mutex);
        struct work_done *done = &work->done;
        done->failed = done->kind->run(work->input, &done->output, &done->size, &done->err) != 0;
        (void)pthread_mutex_lock(&workers->mutex);
        *held = 0;
        put(&workers->results, work);
        tell(workers, me.lane == URGENT);
    }
    workers->running--;
    (void)pthread_cond_signal(&workers->ended);
    (void)pthread_mutex_unlock(&workers->mutex);
    return NULL;
}

static int start(struct workers *workers, int lane, const pthread_attr_t *attr) {
    pthread_t thread;
    struct thread_arg *arg = malloc(sizeof *arg);

    if (!arg) {
        return -1;
    }
    (void)pthread_mutex_lock(&workers->mutex);
    *arg = (struct thread_arg){workers, lane, workers->threads[lane]};
    bool fine = pthread_create(&thread, attr, run, arg) == 0;
    workers->threads[lane] += fine;
    workers->running += fine;
    (void)pthread_mutex_unlock(&workers->mutex);
    if (!fine) {
        free(arg);
    }
    return fine ? 0 : -1;
}

struct workers *workers_new(size_t normal, size_t urgent, struct err *err) {
    pthread_attr_t attr;
    pthread_condattr_t monotonic;
    struct workers *workers = calloc(1, sizeof *workers);

    assert(normal + urgent <= WORKERS_MAX);
    if (!workers) {
        (void)err_plain(err, ERR_UNAVAILABLE, "out of memory");
        return NULL;
    }
    (void)pthread_mutex_init(&workers->mutex, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&workers->work[NORMAL], NULL);
    (void)pthread_cond_init(&workers->work[URGENT], NULL);
    (void)pthread_cond_init(&workers->ended, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attr, STACK_SIZE);
    workers->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    bool fine = workers->fd >= 0;
    for (size_t i = 0; fine && i < normal + urgent; i++) {
        fine = start(workers, i < normal ? NORMAL : URGENT, &attr) == 0;
    }
    (void)pthread_attr_destroy(&attr);
    if (!fine) {
        (void)err_plain(err, ERR_UNAVAILABLE, "cannot start workers: %s", speak(strerror(errno)));
        if (workers_stop(workers, START_WAIT_MS)) {
            workers_free(workers);
        }
        return NULL;
    }
    return workers;
}

bool workers_put(struct workers *workers, int64_t id, const struct job_kind *kind,
                 struct bytes input) {
    struct work *work = calloc(1, sizeof *work);
    uint8_t *copy = malloc(input.size + 1);
    bool room = false;

    if (work && copy) {
        if (input.size > 0) {
            memcpy(copy, input.data, input.size);
        }
        work->input = (struct bytes){copy, input.size};
        work->done.id = id;
        work->done.kind = kind;
        work->place = kind->place ? kind->place(input) : 0;
        (void)pthread_mutex_lock(&workers->mutex);
        const int lane = kind->urgent ? URGENT : NORMAL;
        room = workers->waiting[lane].count < WORKERS_WAITING_MAX;
        if (room) {
            put(&workers->waiting[lane], work);
            (void)pthread_cond_signal(&workers->work[lane]);
        }
        (void)pthread_mutex_unlock(&workers->mutex);
    }
    if (!room) {
        free(copy);
        free(work);
    }
    return room;
}

int workers_fd(const struct workers *workers) {
    return workers->fd;
}

bool workers_take(struct workers *workers, struct work_done *done) {
    (void)pthread_mutex_lock(&workers->mutex);
    struct work *work = take(&workers->results);
    if (!workers->results.first) {
        untell(workers);
    }
    (void)pthread_mutex_unlock(&workers->mutex);
    if (!work) {
        return false;
    }
    *done = work->done;
    work_free(work);
    return true;
}

size_t workers_waiting(struct workers *workers) {
    (void)pthread_mutex_lock(&workers->mutex);
    size_t count = workers->waiting[NORMAL].count + workers->waiting[URGENT].count;
    (void)pthread_mutex_unlock(&workers->mutex);
    return count;
}

bool workers_stop(struct workers *workers, int64_t wait_ms) {
    struct timespec until = {0, 0};
    int rc = 0;

    if (!workers) {
        return true;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / MS_PER_S;
    until.tv_nsec += wait_ms % MS_PER_S * NS_PER_MS;
    if (until.tv_nsec >= (int64_t)MS_PER_S * NS_PER_MS) {
        until.tv_sec++;
        until.tv_nsec -= (int64_t)MS_PER_S * NS_PER_MS;
    }
    (void)pthread_mutex_lock(&workers->mutex);
    workers->stop = true;
    (void)pthread_cond_broadcast(&workers->work[NORMAL]);
    (void)pthread_cond_broadcast(&workers->work[URGENT]);
    while (workers->running > 0 && rc == 0) {
        rc = pthread_cond_timedwait(&workers->ended, &workers->mutex, &until);
    }
    bool ended = workers->running == 0;
    (void)pthread_mutex_unlock(&workers->mutex);
    return ended;
}

void workers_free(struct workers *workers) {
    if (!workers) {
        return;
    }
    for (int lane = 0; lane < LANES; lane++) {
        for (struct work *work; (work = take(&workers->waiting[lane]));) {
            work_free(work);
        }
    }
    for (struct work *work; (work = take(&workers->results));) {
        free(work->done.output);
        work_free(work);
    }
    (void)close(workers->fd);
    free(workers);
}
