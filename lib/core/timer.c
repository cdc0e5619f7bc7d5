#include "core/timer.h"

#include <string.h>

#include "base/log.h"
#include "core/private.h"
#include "store/query.h"

int timer_set(struct call *call, const char *kind, const char *ref, const char *name, int64_t mark,
              int64_t due_ms, struct err *err) {
    struct query q = QUERY(call->store,
                           "INSERT INTO timer(due_ms, kind, ref, name, mark)"
                           " VALUES(?1, ?2, ?3, ?4, ?5)"
                           " ON CONFLICT(kind, ref, name)"
                           " DO UPDATE SET due_ms = excluded.due_ms, mark = excluded.mark");

    query_bind_i64(&q, 1, due_ms);
    query_bind_text(&q, 2, kind);
    query_bind_text(&q, 3, ref);
    query_bind_text(&q, 4, name);
    query_bind_i64(&q, 5, mark);
    if (due_ms < call->core->next_timer_ms) {
        call->core->next_timer_ms = due_ms;
    }
    call->core->waits_moved = true;
    return query_done(&q, err);
}

int timer_clear(struct call *call, const char *kind, const char *ref, const char *name,
                struct err *err) {
    struct query q = QUERY(call->store,
                           "DELETE FROM timer WHERE kind = ?1 AND ref = ?2 AND name = ?3");

    query_bind_text(&q, 1, kind);
    query_bind_text(&q, 2, ref);
    query_bind_text(&q, 3, name);
    call->core->waits_moved = true;
    return query_done(&q, err);
}

int timer_clear_all(struct call *call, const char *kind, const char *ref, struct err *err) {
    struct query q = QUERY(call->store, "DELETE FROM timer WHERE kind = ?1 AND ref = ?2");

    query_bind_text(&q, 1, kind);
    query_bind_text(&q, 2, ref);
    call->core->waits_moved = true;
    return query_done(&q, err);
}

/* Without memory to look there is nothing to do but to look again in a while. */
static void rest(struct core *core) {
    core->disk_wait_ms = core->now_ms + DISK_WAIT_MS;
    core->next_timer_ms = core->now_ms;
    core->waits_moved = true;
}

/* Those before now, or up to and at it: at the limit is in time, so what was sent at that very
 * instant goes first.  When the earliest is not due, this costs nothing. */
size_t timer_due(struct core *core, bool including, int64_t *ids, size_t max) {
    const int64_t limit = including ? core->now_ms + 1 : core->now_ms;
    struct err err = {0};
    size_t count = 0;
    int more = 0;

    if (core->next_timer_ms >= limit) {
        return 0;
    }
    struct query q = QUERY(core->store, "SELECT id, due_ms FROM timer ORDER BY due_ms, id"
                                        " LIMIT ?1");
    query_bind_i64(&q, 1, (int64_t)max);
    while ((more = query_step(&q, &err)) == 1) {
        core->next_timer_ms = query_i64(&q, 1);
        if (core->next_timer_ms >= limit) {
            break;
        }
        ids[count++] = query_i64(&q, 0);
    }
    query_end(&q);
    if (more == 0 && count < max) {
        core->next_timer_ms = never_ms;
    }
    if (more < 0) {
        rest(core);
    }
    return count;
}

/* A slice is used up: until then no job that is not urgent begins. */
static int64_t slice_until(const struct core *core, int urgent) {
    return !urgent && core->slice_jobs >= SLICE_JOBS ? core->slice_ms + SLICE_MS : 0;
}

static int next_timer(struct core *core, struct err *err) {
    struct query q = QUERY(core->store, "SELECT due_ms FROM timer ORDER BY due_ms, id LIMIT 1");
    int found = query_step(&q, err);

    core->next_timer_ms = found == 1 ? query_i64(&q, 0) : never_ms;
    query_end(&q);
    return found;
}

static int next_job(struct core *core, int urgent, struct err *err) {
    struct query q = QUERY(core->store, "SELECT due_ms FROM job WHERE epoch = 0 AND urgent = ?1"
                                        " ORDER BY due_ms, id LIMIT 1");

    query_bind_i64(&q, 1, urgent);
    int found = query_step(&q, err);
    int64_t due = found == 1 ? query_i64(&q, 0) : never_ms;
    query_end(&q);
    int64_t until = slice_until(core, urgent);
    due = due < until ? until : due;
    core->next_job_ms = due < core->next_job_ms ? due : core->next_job_ms;
    return found;
}

/* The earliest that is left; read again after each group in which one moved. */
int timer_next(struct core *core, struct err *err) {
    if (!core->waits_moved) {
        return 0;
    }
    core->waits_moved = false;
    core->next_job_ms = never_ms;
    int found = next_timer(core, err);
    for (int urgent = 0; found >= 0 && urgent < 2; urgent++) {
        if (core->jobs_running[urgent] < JOBS_MAX) { /* else looked at when one of them ends */
            found = next_job(core, urgent, err);
        }
    }
    if (found < 0) {
        rest(core);
    }
    return store_io_failed(core->store) ? -1 : 0;
}

/* The core's own, beside those of the service. */
static const struct timer_kind own_kinds[] = {
    {FORGET_TIMER, forget_due, false, TIMER_AGAIN_MS},
};

static const struct timer_kind *find_kind(const struct service_def *def, const char *name) {
    if (strcmp(name, own_kinds[0].kind) == 0) {
        return &own_kinds[0];
    }
    for (const struct timer_kind *kind = def->timers; kind && kind->kind; kind++) {
        if (strcmp(kind->kind, name) == 0) {
            return kind;
        }
    }
    return NULL;
}

/* What cannot be handled is put aside with an alarm, not tried for ever. */
static int alarm_refused(struct core *core, const char *what, const struct due *due, bool urgent,
                         const struct err *why, struct err *err) {
    struct call call = core_call(core);
    Wire__Event event = WIRE__EVENT__INIT;
    struct values fields = {.arena = core->arena};
    char line[ERR_TEXT_MAX];

    log_error("refused for good", "what=%s kind=%s ref=%s name=%s why=\"%s\"", what, due->kind,
              due->ref, due->name, err_line(why, line));
    values_add_text(&fields, "subscription", due->kind);
    values_add_text(&fields, "topic", due->name);
    values_add_text(&fields, "why", arena_text(core->arena, "%s", line));
    values_add_flag(&fields, "urgent", urgent);
    event.topic = "dead.letter";
    event.lane = WIRE__LANE__URGENT;
    event.case_no = due->ref;
    event.n_fields = fields.count;
    event.fields = fields.list;
    return event_put(&call, &event, err);
}

static int give_up(struct core *core, const struct due *due, const struct err *why,
                   struct err *err) {
    struct call call = core_call(core);
    const struct timer_kind *kind = find_kind(core->def, due->kind);

    if (alarm_refused(core, "timer", due, kind && kind->urgent, why, err)) {
        return -1;
    }
    return kind && kind->again_ms > 0 ? timer_set(&call, due->kind, due->ref, due->name, due->mark,
                                                  core->now_ms + kind->again_ms, err)
                                      : 0;
}

int timer_run(struct core *core, int64_t id, struct err *err) {
    core->waits_moved = true;
    struct query q = QUERY(core->store, "DELETE FROM timer WHERE id = ?1"
                                        " RETURNING kind, ref, name, mark, due_ms");
    struct due due = {.id = id};

    query_bind_i64(&q, 1, id);
    int found = query_step(&q, err);
    if (found != 1) {
        return found; /* something earlier in the group cleared or moved it */
    }
    due.kind = query_text(&q, 0, core->arena);
    due.ref = query_text(&q, 1, core->arena);
    due.name = query_text(&q, 2, core->arena);
    due.mark = query_i64(&q, 3);
    due.due_ms = query_i64(&q, 4);
    if (query_done(&q, err)) {
        return -1;
    }
    const struct timer_kind *kind = find_kind(core->def, due.kind);
    if (!kind) {
        struct err why = {0};
        (void)err_plain(&why, ERR_INTERNAL, "no such kind of timer");
        return give_up(core, &due, &why, err);
    }
    struct call call = core_call(core);
    struct trial trial;
    struct err why = {0};
    if (core_trial(core, &trial, err)) {
        return -1;
    }
    bool failed = kind->handler(&call, &due, &why) != 0;
    enum trial_end end = core_trial_end(core, &trial, failed, &why);
    if (end == TRIAL_REFUSED) {
        return give_up(core, &due, &why, err);
    }
    *err = why;
    return end == TRIAL_DONE ? 0 : -1; /* its row comes back */
}

/* ---- jobs ---- */

static const struct job_kind *find_job(const struct service_def *def, const char *name) {
    for (const struct job_kind *kind = def->jobs; kind && kind->kind; kind++) {
        if (strcmp(kind->kind, name) == 0) {
            return kind;
        }
    }
    return NULL;
}

int64_t job_put(struct call *call, const char *kind, const char *ref, struct bytes input,
                int64_t due_ms, struct err *err) {
    struct query q = QUERY(call->store, "INSERT INTO job(due_ms, kind, ref, input, urgent, epoch)"
                                        " VALUES(?1, ?2, ?3, ?4, ?5, 0) RETURNING id");
    const struct job_kind *known = find_job(call->core->def, kind);
    int64_t due = due_ms ? due_ms : call->now_ms;

    query_bind_i64(&q, 1, due);
    query_bind_text(&q, 2, kind);
    query_bind_text(&q, 3, ref);
    query_bind_blob(&q, 4, input.data, input.size);
    query_bind_i64(&q, 5, known && known->urgent);
    if (query_step(&q, err) != 1) {
        return -1;
    }
    int64_t id = query_i64(&q, 0);
    if (due < call->core->next_job_ms) {
        call->core->next_job_ms = due;
    }
    call->core->waits_moved = true;
    return query_done(&q, err) ? -1 : id;
}

int job_drop(struct call *call, int64_t id, struct err *err) {
    struct query q = QUERY(call->store, "DELETE FROM job WHERE id = ?1");

    call->core->waits_moved = true;
    query_bind_i64(&q, 1, id);
    return query_done(&q, err);
}

int job_cancel(struct call *call, int64_t id, struct err *err) {
    struct query q = QUERY(call->store, "DELETE FROM job WHERE id = ?1 AND epoch = 0"
                                        " RETURNING id");

    call->core->waits_moved = true;
    query_bind_i64(&q, 1, id);
    int found = query_step(&q, err);
    query_end(&q);
    return found;
}

/* Instead of an epoch: nobody knows whether it ran. */
enum { EPOCH_LOST = -1 };

/* Those that ran when the process ended run again, or are lost; of a copy also those that
 * waited when it was made, for they may have run since. */
int job_restart(struct core *core, bool copy, struct err *err) {
    struct query q;

    for (const struct job_kind *kind = core->def->jobs; kind && kind->kind; kind++) {
        if (!kind->once) {
            continue;
        }
        q = copy ? QUERY(core->store, /* scan: at the start of a copy */
                         "UPDATE job SET epoch = ?1 WHERE kind = ?2")
                 : QUERY(core->store, /* scan: those begun */
                         "UPDATE job SET epoch = ?1 WHERE kind = ?2 AND epoch <> 0");
        query_bind_i64(&q, 1, EPOCH_LOST);
        query_bind_text(&q, 2, kind->kind);
        if (query_done(&q, err)) {
            return -1;
        }
    }
    q = QUERY(core->store, /* scan: an index of those begun */
              "UPDATE job SET epoch = 0 WHERE epoch <> 0 AND epoch > 0");
    return query_done(&q, err);
}

static int give_up_job(struct core *core, const char *kind, const char *ref, bool urgent,
                       const struct err *why, struct err *err) {
    const struct due due = {.kind = kind, .ref = ref, .name = "job"};

    return alarm_refused(core, "job", &due, urgent, why, err);
}

/* Of a kind that this program no longer knows: nobody can carry it out. */
static int drop_unknown(struct core *core, int64_t id, const char *kind, const char *ref,
                        bool urgent, struct err *err) {
    struct call call = core_call(core);
    struct err why = {0};

    (void)err_plain(&why, ERR_INTERNAL, "no such kind of job");
    return job_drop(&call, id, err) ? -1 : give_up_job(core, kind, ref, urgent, &why, err);
}

int job_lost(struct call *call, const char *kind, int64_t after, size_t max, struct lost_job *jobs,
             struct err *err) {
    /* epoch <> 0: by the index of those begun, not past all that wait */
    struct query q = QUERY(call->store, "SELECT id, ref FROM job WHERE kind = ?1 AND epoch = ?2"
                                        " AND epoch <> 0 AND id > ?3 ORDER BY id");
    size_t count = 0;
    int more = 0;

    query_bind_text(&q, 1, kind);
    query_bind_i64(&q, 2, EPOCH_LOST);
    query_bind_i64(&q, 3, after);
    while (count < max && (more = query_step(&q, err)) == 1) {
        jobs[count++] = (struct lost_job){query_i64(&q, 0), query_text(&q, 1, call->arena)};
    }
    query_end(&q);
    return more < 0 ? -1 : (int)count;
}

/* Starts due ones of a class while there is room; they leave after the group's commit. */
static int start_class(struct core *core, int urgent, struct err *err) {
    struct query q = QUERY(core->store, "UPDATE job SET epoch = ?1 WHERE id ="
                                        " (SELECT id FROM job WHERE epoch = 0 AND urgent = ?2"
                                        "  AND due_ms <= ?3 ORDER BY due_ms, id LIMIT 1)"
                                        " RETURNING id, kind, input, ref");

    if (!urgent && core->now_ms >= core->slice_ms + SLICE_MS) {
        core->slice_ms = core->now_ms;
        core->slice_jobs = 0;
    }
    while (core->jobs_running[urgent] < JOBS_MAX && slice_until(core, urgent) <= core->now_ms
           && core->out_count < OUTS_MAX / 2 && arena_used(core->out_arena) < OUT_ARENA_SIZE / 2) {
        query_bind_i64(&q, 1, (int64_t)core->epoch);
        query_bind_i64(&q, 2, urgent);
        query_bind_i64(&q, 3, core->now_ms);
        int found = query_step(&q, err);
        if (found != 1) {
            return found;
        }
        struct out out = {.kind = OUT_JOB, .job = query_i64(&q, 0)};
        const char *kind = query_text(&q, 1, core->arena);
        const char *ref = query_text(&q, 3, core->arena);
        out.kind_of_job = find_job(core->def, kind);
        out.input.data = query_blob(&q, 2, core->out_arena, &out.input.size);
        if (query_done(&q, err)) {
            return -1;
        }
        if (out.kind_of_job) {
            core->running[core->running_count++] = (struct running){out.job, urgent};
            core->jobs_running[urgent]++;
            core->slice_jobs += !urgent;
            core_out(core, &out);
        } else if (drop_unknown(core, out.job, kind, ref, urgent != 0, err)) {
            return -1;
        }
    }
    return 0;
}

int job_start(struct core *core, struct err *err) {
    if (core->next_job_ms > core->now_ms || core->stopping) {
        return 0;
    }
    core->waits_moved = true;
    return start_class(core, 1, err) || start_class(core, 0, err) ? -1 : 0;
}

int job_done(struct core *core, const struct input *input, struct err *err) {
    struct query q = QUERY(core->store, "DELETE FROM job WHERE id = ?1"
                                        " RETURNING kind, ref, input");
    struct job_result result = {.id = input->id, .failed = input->failed, .err = &input->err};

    query_bind_i64(&q, 1, input->id);
    int found = query_step(&q, err);
    if (found != 1) {
        return found;
    }
    const char *name = query_text(&q, 0, core->arena);
    const struct job_kind *kind = find_job(core->def, name);
    result.ref = query_text(&q, 1, core->arena);
    result.input.data = query_blob(&q, 2, core->arena, &result.input.size);
    result.output = (struct bytes){input->data, input->size};
    if (query_done(&q, err)) {
        return -1;
    }
    if (!kind) {
        return 0; /* it was not begun by this program */
    }
    struct call call = core_call(core);
    struct trial trial;
    struct err why = {0};
    if (core_trial(core, &trial, err)) {
        return -1;
    }
    bool failed = kind->done(&call, &result, &why) != 0;
    enum trial_end end = core_trial_end(core, &trial, failed, &why);
    if (end == TRIAL_REFUSED) {
        return give_up_job(core, name, result.ref, kind->urgent, &why, err);
    }
    *err = why;
    return end == TRIAL_DONE ? 0 : -1; /* its row comes back, and the result is kept */
}
