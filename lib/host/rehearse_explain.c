/* The timeline: what happened, in the words of the manual. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/event.h"
#include "host/rehearse_private.h"

static const double minute_ms = 60000;

/* News that nobody who reads a story wants: the house's own bookkeeping. */
static bool is_noise(const char *topic) {
    static const char *const quiet[] = {
        "manual.*",   "staff.changed", "unit.*",         "person.changed",
        "roster.*",   "page.opened",   "page.stepped",   "page.asked",
        "tell.asked", "case.*",        "clock.started",  "clock.moved",
        "core.*",     "token.*",       "page.requested", "page.ended"};

    for (size_t i = 0; i < sizeof quiet / sizeof quiet[0]; i++) {
        if (text_match(quiet[i], topic)) {
            return true;
        }
    }
    return false;
}

static const char *field(const Wire__Event *event, const char *key) {
    return value_text(event->fields, event->n_fields, key);
}

static const char *word(struct rehearse *r, const char *key) {
    const char *text = manual_text(r->manual, key, "", r->options->locale, r->scratch);

    if (strcmp(text, key) != 0) {
        return text;
    }
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

/* "event.repair.dispatch", or the common event's name. */
static const char *event_word(struct rehearse *r, const char *topic) {
    const char *key = arena_text(r->scratch, "event.%s", topic);
    const char *text = manual_text(r->manual, key, "", r->options->locale, r->scratch);
    const char *dot = strchr(topic, '.');

    if (strcmp(text, key) != 0 || !dot) {
        return text;
    }
    return word(r, arena_text(r->scratch, "event._common%s", dot));
}

static const char *page_line(struct rehearse *r, const Wire__Event *event) {
    bool zh = strcmp(r->options->locale, "zh") == 0;
    const char *to = rehearse_staff_name(r, field(event, "to"));
    long long step = (long long)value_i64(event->fields, event->n_fields, "step", 0);

    if (strcmp(event->topic, "page.sent") == 0 || strcmp(event->topic, "page.failed") == 0) {
        bool failed = strcmp(event->topic, "page.failed") == 0;
        return arena_text(r->scratch,
                          zh ? "→ 寻呼 %s%s（阶梯 %s 第 %lld 级，规则 %s，经 %s）%s"
                             : "→ page %s%s (ladder %s step %lld, rule %s, by %s) %s",
                          to, failed ? (zh ? " 失败" : " failed") : "", field(event, "ladder"),
                          step, field(event, "route"), field(event, "channel"),
                          field(event, "page"));
    }
    if (strcmp(event->topic, "page.acknowledged") == 0) {
        return arena_text(r->scratch, zh ? "✓ %s 应答 %s" : "✓ %s acknowledges %s",
                          rehearse_staff_name(r, event->actor), field(event, "page"));
    }
    if (strcmp(event->topic, "page.withdrawn") == 0) {
        return arena_text(r->scratch, zh ? "寻呼撤回 %s" : "page withdrawn %s",
                          field(event, "page"));
    }
    if (strcmp(event->topic, "page.rejected") == 0) {
        return arena_text(r->scratch, zh ? "✗ %s 拒绝 %s" : "✗ %s rejects %s",
                          rehearse_staff_name(r, event->actor), field(event, "page"));
    }
    if (strcmp(event->topic, "page.exhausted") == 0) {
        return arena_text(r->scratch, zh ? "无人应答 %s" : "nobody answered %s",
                          field(event, "page"));
    }
    return arena_text(r->scratch, "%s %s %s", event->topic, field(event, "page"), to);
}

/* What became of a limit: kept, or missed by how much, or how near it is. */
static const char *clock_word(struct rehearse *r, const Wire__Event *event) {
    static const struct {
        const char *topic, *zh, *en;
    } words[] = {
        {"clock.met", "按时完成", "kept"},        {"clock.stopped", "停止", "stopped"},
        {"clock.warned", "将到", "is near"},      {"clock.due", "已到，未完成", "is over"},
        {"clock.over", "已超过", "is long over"},
    };
    bool zh = strcmp(r->options->locale, "zh") == 0;
    int64_t late_ms = value_i64(event->fields, event->n_fields, "ended", 0)
                      - value_i64(event->fields, event->n_fields, "due", 0);

    if (value_flag(event->fields, event->n_fields, "late")) {
        return arena_text(r->scratch, zh ? "超时 %.1f 分钟" : "missed by %.1f min",
                          (double)late_ms / minute_ms);
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].topic, event->topic) == 0) {
            return zh ? words[i].zh : words[i].en;
        }
    }
    return event->topic;
}

static const char *clock_line(struct rehearse *r, const Wire__Event *event) {
    const char *procedure = field(event, "procedure");
    const char *clock = field(event, "clock");
    const char *name = word(r, arena_text(r->scratch, "clock.%s.%s", procedure, clock));
    int64_t due = value_i64(event->fields, event->n_fields, "due", 0);

    return arena_text(r->scratch,
                      strcmp(r->options->locale, "zh") == 0 ? "⏱ %s：%s（%s）" : "⏱ %s: %s (%s)",
                      name, clock_word(r, event), due ? rehearse_show_time(r, due) : "");
}

/* What was said, in the language of the timeline; it was sent in the department's. */
static const char *told_words(struct rehearse *r, const Wire__Event *event) {
    const char *key = field(event, "tell");
    const char *full = text_starts(key, "tell.") ? key : arena_text(r->scratch, "tell.%s", key);
    const char *text = manual_text(r->manual, full, field(event, "args"), r->options->locale,
                                   r->scratch);

    return !*key || text_starts(text, full) ? field(event, "text") : text;
}

static const char *told_line(struct rehearse *r, const Wire__Event *event) {
    const char *unit = field(event, "unit");
    const char *who = unit[0] ? unit : rehearse_staff_name(r, field(event, "person"));

    return arena_text(r->scratch, "✉ %s (%s): %.200s", who, field(event, "channel"),
                      told_words(r, event));
}

static const char *case_line(struct rehearse *r, const Wire__Event *event) {
    const struct known_case *known = rehearse_case(r, event->case_no);
    const char *procedure = known ? known->procedure : "";
    const char *state = field(event, "state");

    const char *actor = rehearse_staff_name(r, event->actor);
    bool zh = strcmp(r->options->locale, "zh") == 0;

    return arena_text(r->scratch, zh ? "%s：%s%s%s" : "%s: %s%s%s",
                      zh && strcmp(actor, "system") == 0 ? "系统" : actor,
                      strcmp(strrchr(event->topic, '.'), ".open") == 0
                          ? word(r, arena_text(r->scratch, "procedure.%s", procedure))
                          : event_word(r, event->topic),
                      state[0] ? " → " : "",
                      state[0] ? word(r, arena_text(r->scratch, "state.%s.%s", procedure, state))
                               : "");
}

static const char *line_of(struct rehearse *r, const Wire__Event *event) {
    if (text_starts(event->topic, "page.")) {
        return page_line(r, event);
    }
    if (text_starts(event->topic, "clock.")) {
        return clock_line(r, event);
    }
    if (text_starts(event->topic, "told.")) {
        return told_line(r, event);
    }
    if (event->case_no[0] && strchr(event->topic, '.')) {
        return case_line(r, event);
    }
    return event->topic;
}

/* By the time of entry; at one instant in the order in which they were read. */
static int by_time(const void *a, const void *b) {
    const struct seen *left = a;
    const struct seen *right = b;

    if (left->event->entered_ms != right->event->entered_ms) {
        return left->event->entered_ms < right->event->entered_ms ? -1 : 1;
    }
    return 0;
}

static void sort(struct seen *list, size_t count) {
    /* Stable, and the lists are short: those of one step. */
    for (size_t i = 1; i < count; i++) {
        struct seen one = list[i];
        size_t k = i;
        for (; k > 0 && by_time(&list[k - 1], &one) > 0; k--) {
            list[k] = list[k - 1];
        }
        list[k] = one;
    }
}

void rehearse_explain(struct rehearse *r, size_t from) {
    size_t count = r->event_count - from;
    struct seen *list = arena_alloc(r->scratch, (count + 1) * sizeof *list);

    if (count > 0) {
        memcpy(list, r->events + from, count * sizeof *list);
    }
    sort(list, count);
    for (size_t i = 0; i < count; i++) {
        const Wire__Event *event = list[i].event;
        size_t used = arena_used(r->scratch);
        if (!is_noise(event->topic)) {
            (void)fprintf(r->options->out, "%s  %-24s %s\n", rehearse_show_time(r, event->event_ms),
                          event->case_no, line_of(r, event));
        }
        arena_rewind(r->scratch, used);
    }
}
