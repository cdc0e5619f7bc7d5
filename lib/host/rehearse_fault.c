/* `fault:` of a step. */
#include <stdlib.h>
#include <string.h>

#include "host/rehearse_private.h"

static int two(struct rehearse *r, const struct node *list, const char **a, const char **b) {
    if (list->kind != NODE_LIST || list->count != 2) {
        return rehearse_fail(r, list->line, "`%s` takes two ends: [A, B]", list->key);
    }
    *a = rehearse_text(r, list->first);
    *b = rehearse_text(r, list->last);
    return *a && *b ? 0 : -1;
}

static int channel_fault(struct rehearse *r, const struct node *fault, struct err *err) {
    static const struct {
        const char *word;
        enum rehearsal_channel does;
    } words[] = {
        {"fail", CHANNEL_FAILS},
        {"hang", CHANNEL_HANGS},
        {"unknown", CHANNEL_UNKNOWN},
        {"work", CHANNEL_WORKS},
    };
    const char *channel = rehearse_key(r, fault, "channel", "");
    const char *to = rehearse_key(r, fault, "to", "");
    const char *first = rehearse_key(r, fault, "first", "0");
    const char *does = rehearse_key(r, fault, "does", "fail");

    if (!channel || !to || !first || !does) {
        return -1;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, does) == 0) {
            return rehearsal_channel(r->stage->world, strcmp(channel, "any") == 0 ? "" : channel,
                                     rehearse_staff_no(r, to), strtoul(first, NULL, 10),
                                     words[i].does, err);
        }
    }
    return err_plain(err, ERR_INVALID, "a channel may fail, hang, or end unknown; or work again");
}

static int clock_jump(struct rehearse *r, const char *text, struct err *err) {
    int64_t ms = 0;
    bool back = text[0] == '-';

    if (!rehearse_span(text + (back || text[0] == '+'), &ms)) {
        return err_plain(err, ERR_INVALID, "\"%s\" is no span of time (-1h, 30m)", text);
    }
    return rehearsal_clock_jump(r->stage->world, back ? -ms : ms, err);
}

static int play(struct rehearse *r, const struct node *fault, const struct node *what,
                struct err *err) {
    struct rehearsal *world = r->stage->world;
    const char *a = NULL;
    const char *b = NULL;

    if (strcmp(what->key, "cut") == 0 || strcmp(what->key, "mend") == 0) {
        if (two(r, what, &a, &b)) {
            return -1;
        }
        return what->key[0] == 'c' ? rehearsal_cut(world, a, b, err)
                                   : rehearsal_mend(world, a, b, err);
    }
    const char *text = rehearse_text(r, what);
    if (!text) {
        return -1;
    }
    if (strcmp(what->key, "kill") == 0) {
        return rehearsal_kill(world, text, err);
    }
    if (strcmp(what->key, "stop") == 0) {
        return rehearsal_stop(world, text, err);
    }
    if (strcmp(what->key, "start") == 0) {
        return rehearsal_start(world, text, err);
    }
    if (strcmp(what->key, "disk_full") == 0 || strcmp(what->key, "disk_free") == 0) {
        return rehearsal_disk_full(world, text, strcmp(what->key, "disk_full") == 0, err);
    }
    if (strcmp(what->key, "clock_jump") == 0) {
        return clock_jump(r, text, err);
    }
    return channel_fault(r, fault, err);
}

int rehearse_fault(struct rehearse *r, const struct node *fault) {
    static const char *const kinds[] = {"kill",      "stop",      "start",      "cut",    "mend",
                                        "disk_full", "disk_free", "clock_jump", "channel"};
    struct err err = {0};

    if (!r->stage->world) {
        return rehearse_fail(r, fault->line, "faults cannot be played against live processes");
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct node *what = yaml_get(fault, kinds[i]);
        if (what) {
            if (play(r, fault, what, &err) == 0) {
                return 0;
            }
            return err.args[0] ? rehearse_fail(r, what->line, "%s", err.args) : -1;
        }
    }
    return rehearse_fail(r, fault->line, "no fault of this kind");
}
