/*
 * One group: what waits, together in one transaction, each thing in its own savepoint;
 * one commit; only then what was said leaves.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/private.h"

/* A worker's answer comes only once: it is kept, and taken again in a while. */
static void keep_result(const struct core *core, struct item *item) {
    item->park = true;
    item->park_on[0] = '\0';
    item->park_until_ms = core->now_ms + DISK_WAIT_MS;
}

/* One thing that answers nobody: its failure is logged; what it did is undone. */
static void run_quiet(struct core *core, struct item *item) {
    const struct link_memory links = links_memory(core);
    struct head before = core->head;
    struct err err = {0};
    char line[ERR_TEXT_MAX];
    int rc = 0;

    if (item->input->kind == INPUT_REPLY) { /* nothing else moves a cursor */
        intake_mark(core, UNDO_ITEM);
    }
    if (store_savepoint(core->store, 0, &err) == 0) {
        switch (item->input->kind) {
        case INPUT_REPLY:
            /* The cursors in the same savepoint: they stand or fall with their effects. */
            rc = links_reply(core, item->input, &err) || intake_flush(core, &err) ? -1 : 0;
            break;
        case INPUT_JOB:
            rc = job_done(core, item->input, &err);
            break;
        case INPUT_TIMER:
            rc = timer_run(core, item->input->id, &err);
            break;
        case INPUT_REQUEST:
        default:
            assert(0);
        }
        if (rc == 0 && store_release(core->store, 0, &err) == 0) {
            item->answered = true;
            return;
        }
    }
    store_rollback_to(core->store, 0);
    core_undo_memory(core, &before);
    links_undo(core, &links);
    if (store_in_txn(core->store)) {
        if (item->input->kind == INPUT_REPLY) {
            intake_undo(core, UNDO_ITEM);
            links_lost(core, item->input->peer, LINK_RETRY_MS); /* not after its timeout */
        } else if (item->input->kind == INPUT_TIMER) {
            core->disk_wait_ms = core->now_ms + DISK_WAIT_MS; /* it is still there */
        } else {
            keep_result(core, item);
        }
        log_error("not carried out", "kind=%d id=%lld why=\"%s\"", (int)item->input->kind,
                  (long long)item->input->id, err_line(&err, line));
        item->answered = true;
    }
}

static void run_item(struct core *core, struct item *item) {
    if (item->input->kind == INPUT_REQUEST) {
        dispatch_run(core, item);
    } else {
        run_quiet(core, item);
    }
}

static bool group_is_full(const struct core *core) {
    return arena_used(core->arena) > GROUP_ARENA_MAX || core->reply_bytes > GROUP_REPLIES_MAX
           || (core->config.group_over && core->config.group_over(core->config.arg));
}

static void end_job(struct core *core, int64_t id) {
    for (size_t i = 0; i < core->running_count; i++) {
        if (core->running[i].id == id) {
            core->jobs_running[core->running[i].urgent]--;
            core->waits_moved = true;
            core->running[i] = core->running[--core->running_count];
            return;
        }
    }
}

/* Commit; false when the transaction is gone: nothing of it happened.  `changes`: of the store
 * before it. */
static bool commit_group(struct core *core, int64_t changes, struct err *err) {
    size_t outs = core->out_count;
    size_t running = core->running_count;

    if (intake_flush(core, err) == 0
        && (core->restored || core->fenced || core->now_ms < core->disk_wait_ms
            || job_start(core, err) == 0)
        && store_commit(core->store, err) == 0) {
        core->committed = core->head;
        core->disk_doubt = core->disk_doubt && store_changes(core->store) == changes;
        return true;
    }
    core->out_count = outs;
    while (core->running_count > running) {
        end_job(core, core->running[core->running_count - 1].id);
    }
    store_rollback(core->store);
    return false;
}

/* The store is as it was before the group: so is everything that was kept beside it.  An
 * answer of a peer is then awaited again, so that it counts when it runs again.  `notes`: what
 * had been told before it, by those that ran alone and are on the disk. */
static void lose_group(struct core *core, const struct link_memory *links, size_t notes) {
    store_rollback(core->store);
    core_undo_memory(core, &core->committed);
    links_undo(core, links);
    core->note_count = notes;
    core->next_timer_ms = INT64_MIN; /* looked at again */
    core->waits_moved = true;
    intake_undo(core, UNDO_GROUP);
}

/* It could not be carried out even alone.  Who asked is told so; a peer is asked again; a
 * worker's answer is kept, for it comes only once; timers wait for the disk. */
static void put_off(struct core *core, struct item *item) {
    struct err why = {0};

    core->disk_wait_ms = core->now_ms + DISK_WAIT_MS;
    core->disk_doubt = true;
    switch (item->input->kind) {
    case INPUT_REQUEST:
        (void)err_set(&why, ERR_EXHAUSTED, "disk_full", "why=");
        dispatch_refuse(core, item, &why);
        break;
    case INPUT_REPLY:
        links_lost(core, item->input->peer, LINK_RETRY_MS);
        links_wait(core, core->disk_wait_ms);
        break;
    case INPUT_JOB:
        keep_result(core, item);
        break;
    case INPUT_TIMER:
    default:
        break; /* its row is still there */
    }
}

static void run_item_alone(struct core *core, struct item *item, struct err *err) {
    const struct link_memory links = links_memory(core);
    const int64_t changes = store_changes(core->store);
    const size_t notes = core->note_count;

    item->answered = false;
    item->park = false;
    intake_mark(core, UNDO_GROUP);
    if (store_begin(core->store, err)) {
        put_off(core, item);
        dispatch_refuse(core, item, err);
        return;
    }
    run_item(core, item);
    if (!store_in_txn(core->store) || !commit_group(core, changes, err)) {
        lose_group(core, &links, notes);
        put_off(core, item);
    }
}

/* ---- timers ---- */

static bool timers_wait(const struct core *core) {
    return core->restored || core->fenced || core->now_ms < core->disk_wait_ms;
}

static void run_timer(struct core *core, int64_t id, bool alone) {
    struct input input = {.kind = INPUT_TIMER, .id = id};
    struct item item = {.input = &input};
    struct err err = {0};

    core->fired++;
    if (alone) {
        run_item_alone(core, &item, &err);
    } else {
        run_item(core, &item);
    }
}

/*
 * What is due before now goes before the next thing of a group, also what the thing before it
 * has made due (a clock that starts past its limit): so a group of 256 tells the same as 256
 * groups of one.  Between two things at most TIMERS_A_GROUP, that a backlog of timers does not
 * keep everybody waiting.  `including`: those due at this very instant too; at the end of a
 * group that has left nothing waiting, for what comes at the limit is in time.  Work in slices,
 * which sets its timer for now, has one slice in a group so.
 */
static void fire(struct core *core, bool including, bool alone) {
    int64_t ids[TIMERS_A_GROUP];

    while (!timers_wait(core) && core->fired < TIMERS_A_GROUP) {
        size_t count = timer_due(core, including, ids, TIMERS_A_GROUP - core->fired);
        for (size_t i = 0; i < count; i++) {
            run_timer(core, ids[i], alone);
            if (store_io_failed(core->store)
                || (!alone && (!store_in_txn(core->store) || group_is_full(core)))) {
                return;
            }
        }
        if (count == 0 || including) {
            return;
        }
    }
}

/* A full disk inside a savepoint undoes the whole group.  Each then runs alone,
 * urgent first (they already stand in that order); what still fails is told so. */
static int run_alone(struct core *core, bool timers, struct err *err) {
    for (size_t i = 0; i < core->item_count && !store_io_failed(core->store); i++) {
        if (timers) {
            fire(core, false, true);
        }
        run_item_alone(core, &core->items[i], err);
        core->fired = 0;
    }
    if (timers && core->queued == 0) {
        fire(core, true, true);
    }
    if (core->item_count == 0) {
        core->disk_wait_ms = core->now_ms + DISK_WAIT_MS; /* jobs could not be begun */
    }
    return store_io_failed(core->store) ? -1 : 0;
}

/* What did not fit goes back to wait. */
static void leave_rest(struct core *core, size_t ran) {
    for (size_t i = core->item_count; i > ran; i--) {
        struct input *input = core->items[i - 1].input;
        memmove(core->queue + 1, core->queue, core->queued * sizeof *core->queue);
        core->queue[0] = input;
        input->passed_ms = input->passed_ms ? input->passed_ms : core->now_ms;
        core->queued++;
        core->queue_bytes += input->size;
    }
    core->item_count = ran;
}

/* 0: done.  1: spoiled, and undone.  -1: an I/O error. */
static int run_group(struct core *core, bool timers, struct err *err) {
    const struct link_memory links = links_memory(core);
    const int64_t changes = store_changes(core->store);
    size_t ran = 0;

    intake_mark(core, UNDO_GROUP);
    if (store_begin(core->store, err)) {
        core->bare = false;
        return store_io_failed(core->store) ? -1 : run_alone(core, timers, err);
    }
    while (ran < core->item_count) {
        const size_t before = core->fired;
        if (timers) {
            fire(core, false, false);
        }
        if (!store_in_txn(core->store)) {
            break;
        }
        if (core->fired > before && group_is_full(core)) {
            core->fired = TIMERS_A_GROUP; /* the thing itself begins the next group */
            break;
        }
        run_item(core, &core->items[ran++]);
        core->fired = 0;
        if (core->spoiled || group_is_full(core)) {
            break;
        }
    }
    core->bare = false;
    if (store_io_failed(core->store)) {
        return -1;
    }
    if (core->spoiled) {
        lose_group(core, &links, 0);
        return store_io_failed(core->store) ? -1 : 1;
    }
    leave_rest(core, ran);
    if (timers && core->queued == 0 && store_in_txn(core->store)) {
        fire(core, true, false);
    }
    if (!store_in_txn(core->store) || !commit_group(core, changes, err)) {
        lose_group(core, &links, 0);
        return store_io_failed(core->store) ? -1 : run_alone(core, timers, err);
    }
    return 0;
}

/* As a rule no request needs a savepoint; when one did, all of them have one, and so they have
 * for a while: who refuses late again and again must not make everybody's work twice. */
static int run_together(struct core *core, bool timers, struct err *err) {
    core->bare = core->careful == 0;
    core->careful -= core->careful > 0;
    int rc = run_group(core, timers, err);
    if (rc != 1) {
        return rc;
    }
    core->careful = CAREFUL_GROUPS;
    core->spoiled = false;
    core->reply_bytes = 0;
    core->fired = 0;
    for (size_t i = 0; i < core->item_count; i++) {
        core->items[i].answered = false;
        core->items[i].park = false;
    }
    return run_group(core, timers, err);
}

static void park(struct core *core, struct item *item) {
    if (core->parked_count >= PARKED_MAX && item->input->kind == INPUT_REQUEST) {
        struct err err = {0};
        (void)err_set(&err, ERR_EXHAUSTED, "queue_full", "why=parked");
        dispatch_refuse(core, item, &err);
        return;
    }
    assert(core->parked_count < PARKED_ROOM);
    struct parked *parked = &core->parked[core->parked_count++];
    *parked = (struct parked){.input = item->input, .until_ms = item->park_until_ms};
    parked->input->park_mark = item->park_mark;
    memcpy(parked->on, item->park_on, sizeof parked->on);
    item->input = NULL;
}

/* After the commit: replies leave, the parked wait, what was told wakes them. */
static void finish_group(struct core *core) {
    for (size_t i = 0; i < core->item_count; i++) {
        struct item *item = &core->items[i];
        if (item->input->kind == INPUT_JOB && !item->park) {
            end_job(core, item->input->id);
        }
        if (item->park) {
            park(core, item);
        }
        if (item->reply.data) {
            struct out out = {.kind = OUT_REPLY,
                              .route = item->input ? item->input->from.route : 0};
            uint8_t *copy = arena_copy(core->out_arena, item->reply.data, item->reply.size);
            out.frame = (struct bytes){copy, item->reply.size};
            core_out(core, &out);
        }
        core_input_free(item->input);
    }
    core->group_ms = core->item_count > 0 ? core->now_ms : core->group_ms;
    core->item_count = 0;
    for (size_t i = 0; i < core->parked_count; i++) {
        for (size_t n = 0; n < core->note_count; n++) {
            core->parked[i].woken |= strcmp(core->parked[i].on, core->notes[n]) == 0;
        }
    }
    core->note_count = 0;
}

static void add_item(struct core *core, struct input *input) {
    assert(core->item_count < ITEMS_MAX);
    core->items[core->item_count++] = (struct item){.input = input};
}

/* In which round of a group: urgent requests, wherever they stand; then, when not all
 * have room, what is no request; then the others as they came. */
enum { ROUNDS = 3 };

static int round_of(const struct input *input, bool all_fit) {
    if (input->kind == INPUT_REQUEST) {
        return input->urgent ? 0 : ROUNDS - 1;
    }
    return all_fit ? ROUNDS - 1 : 1;
}

/* Who has been passed over for too long is told so.  A peer never is: it would ask again. */
static bool refuse_late(struct core *core, const struct input *input) {
    return input->kind == INPUT_REQUEST && !input->urgent && !input->from.peer
           && input->passed_ms != 0 && core->now_ms - input->passed_ms > QUEUE_WAIT_MS
           && core_refuse_full(core, &input->from, (struct bytes){input->data, input->size});
}

/* Those for whom there was no room go on waiting, or have waited long enough. */
static void pass_over(struct core *core) {
    size_t kept = 0;

    for (size_t i = 0; i < core->queued; i++) {
        struct input *input = core->queue[i];
        if (input && refuse_late(core, input)) {
            core->queue_bytes -= input->size;
            core_input_free(input);
        } else if (input) {
            input->passed_ms = input->passed_ms ? input->passed_ms : core->now_ms;
            core->queue[kept++] = input;
        }
    }
    core->queued = kept;
}

static void add_requests(struct core *core) {
    const size_t room = ITEMS_MAX - core->item_count;
    const size_t max = core->config.group_max ? core->config.group_max : CORE_GROUP_MAX;
    size_t left = max < room ? max : room;
    const bool all_fit = core->queued <= left;

    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < core->queued && left > 0; i++) {
            struct input *input = core->queue[i];
            if (input && round_of(input, all_fit) == round) {
                add_item(core, input);
                core->queue_bytes -= input->size;
                core->queue[i] = NULL;
                left--;
            }
        }
    }
    pass_over(core);
}

/* The answer with an event that found no memory has a group of its own.  False: none waits. */
static bool add_alone(struct core *core) {
    for (size_t i = 0; links_alone(core) && i < core->queued; i++) {
        struct input *input = core->queue[i];
        if (input->kind == INPUT_REPLY) {
            add_item(core, input);
            core->queue_bytes -= input->size;
            core->queued--;
            memmove(core->queue + i, core->queue + i + 1, (core->queued - i) * sizeof *core->queue);
            return true;
        }
    }
    return false;
}

static void wake_parked(struct core *core) {
    size_t kept = 0;

    for (size_t i = 0; i < core->parked_count; i++) {
        struct parked *parked = &core->parked[i];
        bool expired = core->now_ms >= parked->until_ms;
        if ((expired || parked->woken) && core->item_count < CORE_GROUP_MAX) {
            parked->input->expired = expired;
            add_item(core, parked->input);
        } else {
            core->parked[kept++] = *parked;
        }
    }
    core->parked_count = kept;
}

bool group_woken(const struct core *core) {
    for (size_t i = 0; i < core->parked_count; i++) {
        if (core->parked[i].woken || core->parked[i].until_ms <= core->now_ms) {
            return true;
        }
    }
    return false;
}

/* Of a burst of writes each would have a commit of its own, on a disk that is quick: after one
 * they wait a moment for each other, and go at once with anything else. */
bool group_paced(const struct core *core) {
    bool paced = core->config.gather_ms > 0 && !core->stopping && core->queued > 0
                 && core->queued < PACED && core->now_ms < core->group_ms + PACE_MS;

    for (size_t i = 0; paced && i < core->queued; i++) {
        paced = core->queue[i]->paced;
    }
    return paced;
}

int group_run(struct core *core, bool with_input, struct err *err) {
    const bool due = with_input && !timers_wait(core) && core->next_timer_ms <= core->now_ms;
    const bool job_due = core->next_job_ms <= core->now_ms;

    arena_reset(core->arena);
    core->reply_bytes = 0;
    core->note_count = 0;
    if (!with_input || !add_alone(core)) {
        wake_parked(core);
        if (with_input && (core->item_count > 0 || due || job_due || !group_paced(core))) {
            add_requests(core);
        }
    }
    if (core->item_count == 0) {
        core->fired = 0;
        if (!due && !job_due) {
            return timer_next(core, err);
        }
    }
    if (run_together(core, with_input, err)) {
        return -1;
    }
    finish_group(core);
    return timer_next(core, err);
}
