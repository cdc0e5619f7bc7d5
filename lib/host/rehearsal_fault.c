/* What breaks on order, and the channels that never see a network. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/rehearsal_private.h"

enum { HANG_MS = 15 * 1000 /* a worker gives up on a channel after this */ };

/* Everybody notices that this one's links broke, and will ask again. */
static void tell_lost(struct rehearsal *world, const char *peer) {
    for (size_t i = 0; i < world->part_count; i++) {
        struct part_of_world *part = &world->parts[i];
        if (part->core && strcmp(part->def->name, peer) != 0) {
            core_link(part->core, peer, false);
            part->input = true;
        }
    }
}

/* What it had just said is still in its own buffers, and ends with it. */
static void drop_letters(struct rehearsal *world, const struct part_of_world *part) {
    size_t kept = 0;

    for (size_t i = 0; i < world->letter_count; i++) {
        struct letter letter = world->letters[i];
        if (letter.from == part || letter.to == part) {
            free(letter.data);
        } else {
            world->letters[kept++] = letter;
        }
    }
    world->letter_count = kept;
}

static struct part_of_world *running(struct rehearsal *world, const char *service,
                                     struct err *err) {
    struct part_of_world *part = rehearsal_must(world, service, err);

    if (part && !part->core) {
        (void)err_plain(err, ERR_PRECONDITION, "%s is down already", service);
        return NULL;
    }
    return part;
}

int rehearsal_kill(struct rehearsal *world, const char *service, struct err *err) {
    struct part_of_world *part = running(world, service, err);

    if (!part) {
        return -1;
    }
    if (world->grave_count == GRAVES_MAX) {
        return err_plain(err, ERR_EXHAUSTED, "more than %d kills", GRAVES_MAX);
    }
    world->graves[world->grave_count++] = part->core;
    part->core = NULL;
    part->life++;
    drop_letters(world, part);
    tell_lost(world, service);
    return 0;
}

int rehearsal_stop(struct rehearsal *world, const char *service, struct err *err) {
    struct part_of_world *part = running(world, service, err);

    if (!part) {
        return -1;
    }
    core_free(part->core);
    part->core = NULL;
    part->life++;
    drop_letters(world, part);
    tell_lost(world, service);
    return 0;
}

int rehearsal_start(struct rehearsal *world, const char *service, struct err *err) {
    struct part_of_world *part = rehearsal_must(world, service, err);

    if (!part) {
        return -1;
    }
    if (part->core) {
        return err_plain(err, ERR_PRECONDITION, "%s runs already", service);
    }
    if (rehearsal_open(world, part, err)) {
        return -1;
    }
    tell_lost(world, service);
    return 0;
}

static int check_end(struct rehearsal *world, const char *end, struct err *err) {
    return strcmp(end, "caller") == 0 || rehearsal_must(world, end, err) ? 0 : -1;
}

static int cut(struct rehearsal *world, const char *a, const char *b, bool one_way,
               struct err *err) {
    if (check_end(world, a, err) || check_end(world, b, err)) {
        return -1;
    }
    if (rehearsal_is_cut(world, a, b)) {
        return err_plain(err, ERR_PRECONDITION, "the link of %s and %s is cut already", a, b);
    }
    if (world->cut_count == REHEARSAL_FAULTS_MAX) {
        return err_plain(err, ERR_EXHAUSTED, "more than %d cuts", REHEARSAL_FAULTS_MAX);
    }
    struct cut *made = &world->cuts[world->cut_count++];
    made->one_way = one_way;
    (void)snprintf(made->a, sizeof made->a, "%s", a);
    (void)snprintf(made->b, sizeof made->b, "%s", b);
    return 0;
}

int rehearsal_cut(struct rehearsal *world, const char *a, const char *b, struct err *err) {
    return cut(world, a, b, false, err);
}

int rehearsal_cut_way(struct rehearsal *world, const char *from, const char *to, struct err *err) {
    return cut(world, from, to, true, err);
}

void rehearsal_weather(struct rehearsal *world, const struct rehearsal_weather *weather) {
    world->weather = *weather;
}

void rehearsal_lose(struct rehearsal *world, rehearsal_loses *lose, void *arg) {
    world->lose = lose;
    world->lose_arg = arg;
}

/* splitmix64 over how often it was asked (Steele, Lea, Flood 2014). */
uint32_t rehearsal_chance(struct rehearsal *world, uint32_t below) {
    enum { FIRST = 30, SECOND = 27, LAST = 31, UPPER = 32 };
    uint64_t z = world->seed + ++world->drawn * UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> FIRST)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> SECOND)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> LAST)) >> UPPER) % below;
}

void rehearsal_mortal(struct rehearsal *world, void (*died)(void *arg, const char *service),
                      void *arg) {
    world->mortal = true;
    world->died = died;
    world->died_arg = arg;
}

int rehearsal_mend(struct rehearsal *world, const char *a, const char *b, struct err *err) {
    size_t kept = 0;

    if (!rehearsal_is_cut(world, a, b)) {
        return err_plain(err, ERR_PRECONDITION, "the link of %s and %s is not cut", a, b);
    }
    for (size_t i = 0; i < world->cut_count; i++) {
        struct cut cut = world->cuts[i];
        bool this_one = (strcmp(cut.a, a) == 0 && strcmp(cut.b, b) == 0)
                        || (strcmp(cut.a, b) == 0 && strcmp(cut.b, a) == 0);
        if (!this_one) {
            world->cuts[kept++] = cut;
        }
    }
    world->cut_count = kept;
    const char *const ends[2] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        struct part_of_world *part = rehearsal_part(world, ends[i]);
        if (part && part->core && rehearsal_part(world, ends[1 - i])) {
            core_link(part->core, ends[1 - i], true); /* connected anew */
            part->input = true;
        }
    }
    return 0;
}

int rehearsal_disk_full(struct rehearsal *world, const char *service, bool full, struct err *err) {
    struct part_of_world *part = running(world, service, err);

    if (!part) {
        return -1;
    }
    part->full = full;
    return 0;
}

int rehearsal_clock_jump(struct rehearsal *world, int64_t by_ms, struct err *err) {
    (void)err;
    if (!world->jumped) {
        struct clock_reading reading = rehearsal_reading(world);
        for (size_t i = 0; i < world->part_count; i++) {
            clock_init(&world->parts[i].clock, world->now_ms, &reading);
        }
    }
    world->jumped = true;
    world->jumped_ms += by_ms;
    return 0;
}

/* ---- channels ---- */

int rehearsal_channel(struct rehearsal *world, const char *channel, const char *to, size_t first,
                      enum rehearsal_channel does, struct err *err) {
    size_t kept = 0;

    /* The later order about the same channel and person takes the place of the earlier. */
    for (size_t i = 0; i < world->fault_count; i++) {
        if (strcmp(world->faults[i].channel, channel) != 0
            || strcmp(world->faults[i].to, to) != 0) {
            world->faults[kept++] = world->faults[i];
        }
    }
    world->fault_count = kept;
    if (does == CHANNEL_WORKS) {
        return 0;
    }
    if (world->fault_count == REHEARSAL_FAULTS_MAX) {
        return err_plain(err, ERR_EXHAUSTED, "more than %d channel faults", REHEARSAL_FAULTS_MAX);
    }
    struct channel_fault *fault = &world->faults[world->fault_count++];
    (void)snprintf(fault->channel, sizeof fault->channel, "%s", channel);
    (void)snprintf(fault->to, sizeof fault->to, "%s", to);
    fault->left = first;
    fault->counted = first > 0;
    fault->does = does;
    return 0;
}

static bool meets(const struct channel_fault *fault, const Notify__Send *send) {
    bool resident = send->page[0] == '\0' && send->unit[0] != '\0';

    if ((fault->counted && fault->left == 0)
        || (fault->channel[0] && strcmp(fault->channel, send->channel) != 0)) {
        return false;
    }
    return fault->to[0] == '\0' || strcmp(fault->to, send->staff) == 0
           || (resident && strcmp(fault->to, "residents") == 0);
}

static enum rehearsal_channel fate(struct rehearsal *world, const Notify__Send *send) {
    for (size_t i = 0; i < world->fault_count; i++) {
        struct channel_fault *fault = &world->faults[i];
        if (meets(fault, send)) {
            fault->left -= fault->counted;
            return fault->does;
        }
    }
    return CHANNEL_WORKS;
}

static void keep_send(struct rehearsal *world, Notify__Send *send, Notify__Outcome outcome) {
    if (world->send_count == world->send_room) {
        const size_t first = 64;
        world->send_room = world->send_room ? world->send_room * 2 : first;
        struct rehearsal_send *more = realloc(world->sends,
                                              world->send_room * sizeof *world->sends);
        assert(more);
        world->sends = more;
    }
    world->sends[world->send_count++] = (struct rehearsal_send){world->now_ms, send, outcome};
}

static void play_channel(struct rehearsal *world, struct job_now *job, Notify__Send *send) {
    Notify__SendResult result = NOTIFY__SEND_RESULT__INIT;

    switch (fate(world, send)) {
    case CHANNEL_WORKS:
        result.outcome = NOTIFY__OUTCOME__ACCEPTED;
        result.reference = "rehearsal";
        break;
    case CHANNEL_FAILS:
        result.outcome = NOTIFY__OUTCOME__FAILED;
        result.why = "rehearsal: fails";
        break;
    case CHANNEL_HANGS:
        result.outcome = NOTIFY__OUTCOME__UNKNOWN;
        result.why = "rehearsal: no answer";
        job->due_ms += HANG_MS;
        break;
    case CHANNEL_UNKNOWN:
        result.outcome = NOTIFY__OUTCOME__UNKNOWN;
        result.why = "rehearsal: outcome unknown";
        break;
    }
    job->size = notify__send_result__get_packed_size(&result);
    job->output = malloc(job->size + 1);
    assert(job->output);
    (void)notify__send_result__pack(&result, job->output);
    keep_send(world, send, result.outcome);
}

/* Work that goes out of the house; every other kind is carried out as it is. */
static bool is_channel(const char *kind) {
    return strcmp(kind, "page") == 0 || strcmp(kind, "tell") == 0;
}

void rehearsal_job(struct rehearsal *world, struct part_of_world *part, const struct out *out,
                   struct job_now *job) {
    *job = (struct job_now){
        .part = part, .life = part->life, .id = out->job, .due_ms = world->now_ms};
    if (is_channel(out->kind_of_job->kind)) {
        Notify__Send *send = notify__send__unpack(NULL, out->input.size, out->input.data);
        if (send) {
            play_channel(world, job, send);
            return;
        }
    }
    job->failed = out->kind_of_job->run(out->input, &job->output, &job->size, &job->err) != 0;
}
