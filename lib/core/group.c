/*
 * One group: what waits, together in one transaction, each thing in its own savepoint;
 * one commit; only then what was said leaves.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/private.h"

/* One thing that answers nobody: its failure is logged; what it did is undone. */
static void run_quiet(struct core *core, struct item *item) {
    struct head before = core->head;
    struct err err = {0};
    char line[ERR_TEXT_MAX];
    int rc = 0;

    if (store_savepoint(core->store, 0, &err) == 0) {
        switch (item->input->kind) {
        case INPUT_REPLY:
            rc = links_reply(core, item->input, &err);
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
    struct err ignored = {0};
    if (store_in_txn(core->store)) {
        (void)intake_load(core, &ignored);
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
            core->running[i] = core->running[--core->running_count];
            return;
        }
    }
}

/* Commit; false when the transaction is gone: nothing of it happened. */
static bool commit_group(struct core *core, struct err *err) {
    size_t outs = core->out_count;
    size_t running = core->running_count;

    if (intake_flush(core, err) == 0
        && (core->restored || core->fenced || job_start(core, err) == 0)
        && store_commit(core->store, err) == 0) {
        core->committed = core->head;
        return true;
    }
    core->out_count = outs;
    while (core->running_count > running) {
        end_job(core, core->running[core->running_count - 1].id);
    }
    store_rollback(core->store);
    return false;
}

static void lose_group(struct core *core) {
    store_rollback(core->store);
    core_undo_memory(core, &core->committed);
    core->note_count = 0;
    struct err ignored = {0};
    (void)intake_load(core, &ignored);
}

/* A full disk inside a savepoint undoes the whole group.  Each then runs alone,
 * urgent first (they already stand in that order); what still fails is told so. */
static int run_alone(struct core *core, struct err *err) {
    for (size_t i = 0; i < core->item_count; i++) {
        struct item *item = &core->items[i];
        item->answered = false;
        item->park = false;
        if (store_io_failed(core->store)) {
            return -1;
        }
        if (store_begin(core->store, err)) {
            dispatch_refuse(core, item, err);
            continue;
        }
        run_item(core, item);
        if (!store_in_txn(core->store) || !commit_group(core, err)) {
            struct err why = {0};
            (void)err_set(&why, ERR_EXHAUSTED, "disk_full", "why=");
            lose_group(core);
            dispatch_refuse(core, item, &why);
        }
    }
    return store_io_failed(core->store) ? -1 : 0;
}

static int run_together(struct core *core, struct err *err) {
    size_t ran = 0;

    if (store_begin(core->store, err)) {
        return store_io_failed(core->store) ? -1 : run_alone(core, err);
    }
    while (ran < core->item_count && store_in_txn(core->store)) {
        run_item(core, &core->items[ran++]);
        if (group_is_full(core)) {
            break;
        }
    }
    if (store_io_failed(core->store)) {
        return -1;
    }
    /* What did not fit goes back to wait. */
    for (size_t i = core->item_count; i > ran; i--) {
        struct input *input = core->items[i - 1].input;
        if (input->kind == INPUT_TIMER) {
            core_input_free(input);
            continue;
        }
        memmove(core->queue + 1, core->queue, core->queued * sizeof *core->queue);
        core->queue[0] = input;
        core->queued++;
        core->queue_bytes += input->size;
    }
    core->item_count = ran;
    if (!store_in_txn(core->store) || !commit_group(core, err)) {
        lose_group(core);
        return store_io_failed(core->store) ? -1 : run_alone(core, err);
    }
    return 0;
}

static void park(struct core *core, struct item *item) {
    if (core->parked_count == PARKED_MAX) {
        struct err err = {0};
        (void)err_set(&err, ERR_EXHAUSTED, "queue_full", "why=parked");
        dispatch_refuse(core, item, &err);
        return;
    }
    struct parked *parked = &core->parked[core->parked_count++];
    *parked = (struct parked){.input = item->input, .until_ms = item->park_until_ms};
    memcpy(parked->on, item->park_on, sizeof parked->on);
    item->input = NULL;
}

/* After the commit: replies leave, the parked wait, what was told wakes them. */
static void finish_group(struct core *core) {
    for (size_t i = 0; i < core->item_count; i++) {
        struct item *item = &core->items[i];
        if (item->input->kind == INPUT_JOB) {
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

static void add_timers(struct core *core, bool including) {
    int64_t ids[TIMERS_A_GROUP];
    if (core->restored || core->fenced) {
        return;
    }
    size_t count = timer_due(core, core->now_ms, including, ids, TIMERS_A_GROUP);

    for (size_t i = 0; i < count; i++) {
        struct input *input = core_input_new(INPUT_TIMER, NULL, (struct bytes){NULL, 0});
        input->id = ids[i];
        add_item(core, input);
    }
}

/* Decoded first, so that the urgent ones can go before the others. */
static void add_requests(struct core *core) {
    size_t max = core->config.group_max ? core->config.group_max : CORE_GROUP_MAX;
    size_t take = core->queued < max ? core->queued : max;
    size_t first = core->item_count;

    for (int urgent = 1; urgent >= 0; urgent--) {
        for (size_t i = 0; i < take; i++) {
            struct item item = {.input = core->queue[i]};
            if (!item.input) {
                continue;
            }
            if (urgent && item.input->kind == INPUT_REQUEST) {
                dispatch_decode(core, &item);
                if (!item.method || !item.method->urgent) {
                    continue;
                }
            } else if (urgent) {
                continue;
            }
            core->items[core->item_count++] = item;
            core->queue_bytes -= item.input->size;
            core->queue[i] = NULL;
        }
    }
    for (size_t i = first; i < core->item_count; i++) {
        core->items[i].method = NULL; /* decoded again when it runs, with its own room */
    }
    memmove(core->queue, core->queue + take, (core->queued - take) * sizeof *core->queue);
    core->queued -= take;
}

static void wake_parked(struct core *core) {
    size_t kept = 0;

    for (size_t i = 0; i < core->parked_count; i++) {
        struct parked *parked = &core->parked[i];
        bool expired = core->now_ms >= parked->until_ms;
        if ((expired || parked->woken) && core->item_count < ITEMS_MAX - TIMERS_A_GROUP
            && core->item_count < CORE_GROUP_MAX) {
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

int group_run(struct core *core, bool with_input, struct err *err) {
    arena_reset(core->arena);
    core->reply_bytes = 0;
    core->note_count = 0;
    if (with_input) {
        add_timers(core, false);
        wake_parked(core);
        add_requests(core);
        if (core->queued == 0) {
            size_t requests = core->item_count;
            add_timers(core, true);
            if (requests == 0 && core->item_count == 0 && core->next_job_ms > core->now_ms) {
                return timer_next(core, err);
            }
        }
    } else {
        wake_parked(core);
    }
    if (run_together(core, err)) {
        return -1;
    }
    finish_group(core);
    return timer_next(core, err);
}
