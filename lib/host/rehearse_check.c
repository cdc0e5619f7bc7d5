/* A rehearsal is read whole before anything is played: unknown keys never pass in silence. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/speak.h"
#include "host/rehearse_private.h"

enum { KEYS_MAX = 24 };

struct keys {
    const char *of;
    const char *keys[KEYS_MAX];
    const char *needs; /* one that must be there, or NULL */
};

static const struct keys file_keys = {
    "a rehearsal",
    {"rehearsal", "covers", "data", "start", "parameters", "steps", "estate", "seed"},
    "steps"};

/* Keys of every step; `run` is none of them but what all have. */
static const char *const step_keys[] = {"at", "as", "save", "expect", "repeat", "for", "note"};

static const struct keys actions[] = {
    {"open", {"unit", "caller", "channel", "fields", "event_at", "parent", "new_matter"}, NULL},
    {"fire", {"case", "fields", "event_at"}, "case"},
    {"link", {"caller", "channel", "fields", "event_at"}, NULL},
    {"record", {"fields", "unit", "event_at", "offline_since", "rows", "case"}, NULL},
    {"find", {"where"}, NULL},
    {"again", {"changed"}, NULL},
    {"ack", {"channel"}, NULL},
    {"reject", {"reason"}, NULL},
    {"call", {"with", "service"}, NULL},
    {"event", {"with"}, NULL},
    {"import", {NULL}, NULL},
    {"fault", {NULL}, NULL},
};

static const struct keys fault_keys = {"a fault",
                                       {"kill", "stop", "start", "cut", "mend", "channel", "to",
                                        "first", "does", "disk_full", "disk_free", "clock_jump"},
                                       NULL};

static const struct keys caller_keys = {"a caller", {"name", "phone", "identity"}, NULL};
static const struct keys for_keys = {"for", {"unit", "building", "area", "take", "steward"}, NULL};

static const struct keys expectations[] = {
    {"reply", {"*"}, NULL},
    {"error", {NULL}, NULL},
    {"says", {NULL}, NULL},
    {"state", {"case", "is"}, "is"},
    {"case", {"case", "has"}, "has"},
    {"clock", {"case", "name", "due", "result", "round", "ended"}, "name"},
    {"paged", {"to", "about", "at", "times", "step", "ladder", "channel", "route"}, NULL},
    {"not_paged", {"to", "about", "at", "step", "ladder", "channel", "route"}, NULL},
    {"page", {"about", "state", "by", "route", "ladder"}, NULL},
    {"told",
     {"unit", "person", "to", "about", "by", "at", "count", "times", "state", "says"},
     NULL},
    {"not_told", {"unit", "person", "to", "about", "by", "at", "state", "says"}, NULL},
    {"form", {"code", "case", "has"}, "code"},
    {"list", {"name", "as", "contains", "lacks", "size"}, "name"},
    {"kpi", {"name", "period", "estate", "numerator", "denominator", "shown", "met"}, "name"},
    {"distinct", {"form", "field"}, "form"},
    {"event", {"topic", "has", "times"}, "topic"},
    {"audit", {"actor", "act", "on"}, NULL},
};

static bool has_key(const struct keys *keys, const char *key) {
    for (size_t i = 0; i < KEYS_MAX && keys->keys[i]; i++) {
        if (strcmp(keys->keys[i], key) == 0 || keys->keys[i][0] == '*') {
            return true;
        }
    }
    return false;
}

static void fail_key(struct rehearse *r, const struct node *node, const struct keys *keys,
                     const char *what) {
    size_t count = 0;

    while (count < KEYS_MAX && keys->keys[count]) {
        count++;
    }
    const char *nearest = json_nearest(node->key, keys->keys, count);
    (void)rehearse_fail(r, node->key_line, "unknown key `%s` in %s%s%s%s", node->key, what,
                        *nearest ? speak(": is it `") : "", nearest, *nearest ? "`?" : "");
}

static void check_map(struct rehearse *r, const struct node *map, const struct keys *keys) {
    if (!map) {
        return;
    }
    if (map->kind != NODE_MAP) {
        if (keys->keys[0]) {
            (void)rehearse_fail(r, map->line, "`%s` is a map: {%s: …}", keys->of, keys->keys[0]);
        }
        return;
    }
    for (const struct node *node = map->first; node; node = node->next) {
        if (!has_key(keys, node->key)) {
            fail_key(r, node, keys, keys->of);
        }
    }
    if (keys->needs && !yaml_get(map, keys->needs)) {
        (void)rehearse_fail(r, map->line, "`%s` needs `%s`", keys->of, keys->needs);
    }
}

static void check_expectation(struct rehearse *r, const struct node *want) {
    const size_t count = sizeof expectations / sizeof expectations[0];
    const char *names[sizeof expectations / sizeof expectations[0]];

    for (size_t i = 0; i < count; i++) {
        names[i] = expectations[i].of;
        if (strcmp(expectations[i].of, want->key) == 0) {
            check_map(r, want, &expectations[i]);
            bool pages = strstr("paged not_paged", want->key) != NULL;
            if (pages && !yaml_get(want, "to") && !yaml_get(want, "about")) {
                (void)rehearse_fail(r, want->line, "`%s` needs `to` or `about`", want->key);
            }
            return;
        }
    }
    const char *nearest = json_nearest(want->key, names, count);
    (void)rehearse_fail(r, want->key_line, "unknown expectation `%s`%s%s%s", want->key,
                        *nearest ? speak(": is it `") : "", nearest, *nearest ? "`?" : "");
}

static void check_expect(struct rehearse *r, const struct node *list) {
    if (!list) {
        return;
    }
    if (list->kind != NODE_LIST) {
        (void)rehearse_fail(r, list->line, "`expect` is a list");
        return;
    }
    for (const struct node *item = list->first; item; item = item->next) {
        if (item->kind != NODE_MAP || item->count == 0) {
            (void)rehearse_fail(r, item->line, "an expectation is a map: - {state: {…}}");
            continue;
        }
        for (const struct node *want = item->first; want; want = want->next) {
            check_expectation(r, want);
        }
    }
}

static const struct keys *action_of(struct rehearse *r, const struct node *step) {
    const struct keys *found = NULL;

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        const struct node *node = yaml_get(step, actions[i].of);
        if (node && found) {
            (void)rehearse_fail(r, node->key_line, "a step does one thing: `%s` or `%s`", found->of,
                                actions[i].of);
        }
        found = node ? &actions[i] : found;
    }
    return found;
}

static bool is_step_key(const char *key) {
    for (size_t i = 0; i < sizeof step_keys / sizeof step_keys[0]; i++) {
        if (strcmp(step_keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

/* The keys of its action and of every step together, for the message. */
static void fail_step_key(struct rehearse *r, const struct node *node, const struct keys *action) {
    const char *names[KEYS_MAX + 32];
    size_t count = 0;

    for (size_t i = 0; i < sizeof step_keys / sizeof step_keys[0]; i++) {
        names[count++] = step_keys[i];
    }
    for (size_t i = 0; i < sizeof actions / sizeof actions[0] && !action; i++) {
        names[count++] = actions[i].of;
    }
    for (size_t i = 0; action && i < KEYS_MAX && action->keys[i]; i++) {
        names[count++] = action->keys[i];
    }
    const char *nearest = json_nearest(node->key, names, count);
    (void)rehearse_fail(r, node->key_line, "unknown key `%s` in a step%s%s%s%s%s", node->key,
                        action ? speak(" that has `") : "", action ? action->of : "",
                        action ? "`" : "", *nearest ? speak(": is it ") : "", nearest);
}

static void check_step(struct rehearse *r, const struct node *step) {
    if (step->kind != NODE_MAP) {
        (void)rehearse_fail(r, step->line, "a step is a map");
        return;
    }
    const struct keys *action = action_of(r, step);
    if (!action && !yaml_get(step, "expect") && !yaml_get(step, "at")) {
        (void)rehearse_fail(r, step->line, "this step does nothing");
    }
    for (const struct node *node = step->first; node; node = node->next) {
        bool known = is_step_key(node->key)
                     || (action
                         && (strcmp(action->of, node->key) == 0 || has_key(action, node->key)));
        for (size_t i = 0; i < sizeof actions / sizeof actions[0] && !known; i++) {
            known = strcmp(actions[i].of, node->key) == 0; /* said above: two actions */
        }
        if (!known) {
            fail_step_key(r, node, action);
        }
    }
    if (action && action->needs && !yaml_get(step, action->needs)) {
        (void)rehearse_fail(r, step->line, "`%s` needs `%s: $name`", action->of, action->needs);
    }
    check_map(r, yaml_get(step, "caller"), &caller_keys);
    check_map(r, yaml_get(step, "for"), &for_keys);
    check_map(r, yaml_get(step, "fault"), &fault_keys);
    check_expect(r, yaml_get(step, "expect"));
}

void rehearse_check(struct rehearse *r, const struct node *file) {
    check_map(r, file, &file_keys);
    const struct node *steps = yaml_get(file, "steps");
    if (steps && steps->kind != NODE_LIST) {
        (void)rehearse_fail(r, steps->line, "`steps` is a list");
        return;
    }
    for (const struct node *step = steps ? steps->first : NULL; step; step = step->next) {
        check_step(r, step);
    }
    const struct node *start = yaml_get(file, "start");
    if (file->kind == NODE_MAP && !start) {
        (void)rehearse_fail(r, file->line, "`start` is missing: a full time");
    }
}
