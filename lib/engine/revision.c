#include "engine/revision.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/event.h"
#include "store/query.h"

enum { FILES_MAX = 256 };

void revision_init(struct revisions *revisions) {
    memset(revisions, 0, sizeof *revisions);
    revisions->stale = true;
}

void revision_release(struct revisions *revisions) {
    for (size_t i = 0; i < REVISIONS_LOADED_MAX; i++) {
        manual_free(revisions->loaded[i]);
    }
}

void revision_forget(struct revisions *revisions) {
    /* A loaded revision is never wrong, as its files never change; which one is in
     * force may have been undone. */
    revisions->stale = true;
}

void *revision_state_new(void) {
    struct revisions *revisions = malloc(sizeof *revisions);

    assert(revisions);
    revision_init(revisions);
    return revisions;
}

void revision_state_free(void *state) {
    if (state) {
        revision_release(state);
        free(state);
    }
}

void revision_state_reset(void *state) {
    revision_forget(state);
}

static const char *text_of(void *arg, const char *key, const char *args, const char *locale,
                           struct arena *arena) {
    const struct revisions *revisions = arg;

    return manual_text(revisions->current, key, args, locale, arena);
}

static bool permits(void *arg, const struct actor *actor, const char *act) {
    const struct revisions *revisions = arg;

    return manual_permits(revisions->current, act, actor->roles, actor->role_count);
}

/* The place for one more: a free one, or that of the longest unused. */
static size_t place_for_one(struct revisions *revisions) {
    size_t place = 0;

    for (size_t i = 0; i < REVISIONS_LOADED_MAX; i++) {
        if (!revisions->loaded[i]) {
            return i;
        }
        bool keep = revisions->loaded[place] == revisions->current;
        if (keep
            || (revisions->loaded[i] != revisions->current
                && revisions->used[i] < revisions->used[place])) {
            place = i;
        }
    }
    manual_free(revisions->loaded[place]);
    revisions->loaded[place] = NULL;
    return place;
}

static const struct manual *load(struct call *call, uint32_t revision, struct err *err) {
    struct revisions *revisions = core_state(call->core);
    const size_t used = arena_used(call->arena);
    struct bytes *files = arena_alloc(call->arena, FILES_MAX * sizeof *files);
    size_t count = 0;
    int more = 0;
    struct query q = QUERY(call->store, "SELECT compiled FROM manual WHERE revision = ?1"
                                        " ORDER BY name");

    query_bind_i64(&q, 1, revision);
    while (count < FILES_MAX && (more = query_step(&q, err)) == 1) {
        files[count].data = query_blob(&q, 0, call->arena, &files[count].size);
        count++;
    }
    query_end(&q);
    if (more < 0) {
        return NULL;
    }
    if (count == 0) {
        (void)err_set(err, ERR_UNAVAILABLE, "no_manual", "revision=%u", revision);
        return NULL;
    }
    struct manual *manual = manual_new(revision, files, count, err);
    arena_rewind(call->arena, used);
    if (!manual) {
        return NULL;
    }
    size_t place = place_for_one(revisions);
    revisions->loaded[place] = manual;
    revisions->used[place] = ++revisions->uses;
    return manual;
}

const struct manual *revision_of(struct call *call, uint32_t revision, struct err *err) {
    struct revisions *revisions = core_state(call->core);

    for (size_t i = 0; i < REVISIONS_LOADED_MAX; i++) {
        if (revisions->loaded[i] && manual_revision(revisions->loaded[i]) == revision) {
            revisions->used[i] = ++revisions->uses;
            return revisions->loaded[i];
        }
    }
    return load(call, revision, err);
}

/* The highest revision of which all files are here; 0: none.  -1: err set. */
static int64_t in_force(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "SELECT revision FROM manual GROUP BY revision"
                                        " HAVING count(*) >= max(files)"
                                        " ORDER BY revision DESC LIMIT 1");
    int found = query_step(&q, err);
    int64_t revision = found == 1 ? query_i64(&q, 0) : 0;

    query_end(&q);
    return found < 0 ? -1 : revision;
}

/* Makes the store's newest complete revision the current one.  0, also when there is none. */
static int settle(struct call *call, struct err *err) {
    struct revisions *revisions = core_state(call->core);
    int64_t revision = in_force(call, err);

    if (revision < 0) {
        return -1;
    }
    const struct manual *manual = NULL;
    if (revision > 0) {
        manual = revision_of(call, (uint32_t)revision, err);
        if (!manual) {
            return -1;
        }
    }
    revisions->current = manual;
    revisions->stale = false;
    if (manual) {
        core_set_text(call->core, text_of, revisions);
        core_set_permit(call->core, permits, revisions);
        core_set_ready(call->core, true);
    }
    return 0;
}

const struct manual *revision_current(struct call *call, struct err *err) {
    struct revisions *revisions = core_state(call->core);

    if (revisions->stale && settle(call, err)) {
        return NULL;
    }
    if (!revisions->current) {
        (void)err_set(err, ERR_UNAVAILABLE, "no_manual", "revision=0");
    }
    return revisions->current;
}

int revision_on_published(struct call *call, struct err *err) {
    const Wire__Event *event = call->event;
    const Wire__Value *compiled = value_find(event->fields, event->n_fields, "compiled");
    int64_t revision = value_i64(event->fields, event->n_fields, "revision", 0);
    int64_t files = value_i64(event->fields, event->n_fields, "count", 0);

    if (revision <= 0 || revision > UINT32_MAX || files <= 0 || files > FILES_MAX || !compiled
        || compiled->kind_case != WIRE__VALUE__KIND_SEALED) {
        return err_plain(err, ERR_INVALID, "manual.published without its file");
    }
    struct query q = QUERY(call->store,
                           "INSERT INTO manual(revision, name, files, compiled, source)"
                           " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING");
    query_bind_i64(&q, 1, revision);
    query_bind_text(&q, 2, value_text(event->fields, event->n_fields, "name"));
    query_bind_i64(&q, 3, files);
    query_bind_blob(&q, 4, compiled->sealed.data, compiled->sealed.len);
    query_bind_text(&q, 5, value_text(event->fields, event->n_fields, "text"));
    if (query_done(&q, err)) {
        return -1;
    }
    return settle(call, err);
}

int revision_start(struct call *call, struct err *err) {
    return settle(call, err);
}
