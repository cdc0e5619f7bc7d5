/*
 * Pages and messages.  What was handed to a channel stands in the events of notify
 * (page.sent, page.failed, told.sent, told.failed), whatever world they come from.
 */
#include <stdlib.h>
#include <string.h>

#include "base/speak.h"
#include "base/text.h"
#include "core/event.h"
#include "host/rehearse_private.h"
#include "shouwen/notify/v1/notify.pb-c.h"

enum { SHOWN_MAX = 8 /* of what was there instead */ };

/* An expectation about messages, with its texts made. */
struct wanted {
    const char *to, *about, *at, *step, *ladder, *channel, *route, *by, *unit, *person, *state,
        *says;
    int64_t times; /* -1: at least one */
    bool bad;
};

static const char *key_of(struct rehearse *r, const struct node *want, const char *key,
                          struct wanted *wanted) {
    const char *text = rehearse_key(r, want, key, NULL);

    wanted->bad = wanted->bad || (!text && yaml_get(want, key));
    return text;
}

static struct wanted wanted_of(struct rehearse *r, const struct node *want) {
    struct wanted w = {.times = -1};
    const char *times = key_of(r, want, "times", &w);

    times = times ? times : key_of(r, want, "count", &w);
    w.times = times ? strtoll(times, NULL, 10) : -1;
    w.to = key_of(r, want, "to", &w);
    w.about = key_of(r, want, "about", &w);
    w.at = key_of(r, want, "at", &w);
    w.step = key_of(r, want, "step", &w);
    w.ladder = key_of(r, want, "ladder", &w);
    w.channel = key_of(r, want, "channel", &w);
    w.route = key_of(r, want, "route", &w);
    w.by = key_of(r, want, "by", &w);
    w.unit = key_of(r, want, "unit", &w);
    w.person = key_of(r, want, "person", &w);
    w.state = key_of(r, want, "state", &w);
    w.says = key_of(r, want, "says", &w);
    return w;
}

static const char *field(const Wire__Event *event, const char *key) {
    return value_text(event->fields, event->n_fields, key);
}

static bool is_text(const char *want, const char *is) {
    return !want || strcmp(want, is) == 0;
}

static bool is_staff(const struct rehearse *r, const char *want, const char *is) {
    return !want || strcmp(rehearse_staff_no(r, want), is) == 0 || strcmp(want, is) == 0;
}

static bool is_number(const char *want, int64_t is) {
    return !want || strtoll(want, NULL, 10) == is;
}

static int64_t number(const Wire__Event *event, const char *key) {
    return value_i64(event->fields, event->n_fields, key, 0);
}

/* The same person, step and try over a second channel is the same page to him. */
static bool same_page(const Wire__Event *a, const Wire__Event *b) {
    return strcmp(field(a, "page"), field(b, "page")) == 0
           && strcmp(field(a, "to"), field(b, "to")) == 0 && number(a, "step") == number(b, "step")
           && number(a, "times") == number(b, "times");
}

static bool page_fits(const struct rehearse *r, const struct wanted *w, const Wire__Event *event,
                      bool with_time) {
    return is_text(w->about, event->case_no) && is_staff(r, w->to, field(event, "to"))
           && is_text(w->channel, field(event, "channel"))
           && is_text(w->ladder, field(event, "ladder")) && is_text(w->route, field(event, "route"))
           && is_number(w->step, number(event, "step"))
           && (!w->at || !with_time || rehearse_is_time(r, w->at, event->event_ms, r->now_ms));
}

static bool is_page(const Wire__Event *event) {
    return strcmp(event->topic, "page.sent") == 0 || strcmp(event->topic, "page.failed") == 0;
}

static int64_t count_pages(const struct rehearse *r, const struct wanted *w) {
    const Wire__Event *kept[512];
    const size_t most = sizeof kept / sizeof kept[0];
    size_t count = 0;
    int64_t beyond = 0;

    for (size_t i = r->event_start; i < r->event_count; i++) {
        const Wire__Event *event = r->events[i].event;
        bool again = false;
        if (!is_page(event) || !page_fits(r, w, event, true)) {
            continue;
        }
        for (size_t k = 0; k < count && !again && !w->channel; k++) {
            again = same_page(kept[k], event);
        }
        if (!again && count < most) {
            kept[count++] = event;
        } else if (!again) {
            beyond++;
        }
    }
    return (int64_t)count + beyond;
}

/* What pages there were about it: for the one who reads the failure. */
static const char *pages_there(struct rehearse *r, const struct wanted *w) {
    const char *text = "";
    int shown = 0;

    for (size_t i = r->event_start; i < r->event_count; i++) {
        const Wire__Event *event = r->events[i].event;
        bool near = w->about ? is_text(w->about, event->case_no)
                             : is_staff(r, w->to, field(event, "to"));
        if (!is_page(event) || !near) {
            continue;
        }
        if (shown++ < SHOWN_MAX) {
            text = arena_text(r->scratch, speak("%s%s%s at %s (%s, step %lld, %s, %s)"), text,
                              *text ? ", " : "", rehearse_staff_name(r, field(event, "to")),
                              rehearse_show_time(r, event->event_ms), field(event, "ladder"),
                              (long long)number(event, "step"), field(event, "channel"),
                              event->topic);
        }
    }
    if (shown > SHOWN_MAX) {
        text = arena_text(r->scratch, speak("%s and %d more"), text, shown - SHOWN_MAX);
    }
    return *text ? text : speak("none");
}

static const char *described(struct rehearse *r, const struct wanted *w) {
    return arena_text(r->scratch, "%s%s%s%s%s%s%s%s%s%s%s%s%s%s", w->to ? speak(" to ") : "",
                      w->to ? w->to : "", w->about ? speak(" about ") : "",
                      w->about ? w->about : "", w->at ? speak(" at ") : "", w->at ? w->at : "",
                      w->step ? speak(", step ") : "", w->step ? w->step : "",
                      w->ladder ? speak(", ladder ") : "", w->ladder ? w->ladder : "",
                      w->channel ? speak(", by ") : "", w->channel ? w->channel : "",
                      w->route ? speak(", route ") : "", w->route ? w->route : "");
}

bool rehearse_paged(struct rehearse *r, const struct node *want, const struct outcome *outcome) {
    struct wanted w = wanted_of(r, want);

    (void)outcome;
    if (w.bad) {
        return false;
    }
    int64_t count = count_pages(r, &w);
    if (w.times < 0 ? count > 0 : count == w.times) {
        return true;
    }
    if (w.times < 0) {
        (void)rehearse_fail(r, want->line, "expected a page%s; there were: %s", described(r, &w),
                            pages_there(r, &w));
    } else {
        (void)rehearse_fail(r, want->line, "expected %lld pages%s; there were %lld: %s",
                            (long long)w.times, described(r, &w), (long long)count,
                            pages_there(r, &w));
    }
    return false;
}

bool rehearse_not_paged(struct rehearse *r, const struct node *want,
                        const struct outcome *outcome) {
    struct wanted w = wanted_of(r, want);

    (void)outcome;
    if (w.bad) {
        return false;
    }
    if (count_pages(r, &w) > 0) {
        (void)rehearse_fail(r, want->line, "expected no page%s; there were: %s", described(r, &w),
                            pages_there(r, &w));
        return false;
    }
    return true;
}

bool rehearse_page(struct rehearse *r, const struct node *want, const struct outcome *outcome) {
    Notify__ListPagesRequest request = NOTIFY__LIST_PAGES_REQUEST__INIT;
    struct wanted w = wanted_of(r, want);
    struct rehearsal_caller reader = rehearse_reader(r);
    struct outcome list = {0};
    struct err err = {0};

    if (w.bad) {
        return false;
    }
    request.case_no = w.about ? w.about : outcome->case_no ? outcome->case_no : "";
    if (rehearse_ask(r, &reader, "notify", "ListPages", &request.base, &list, &err)
        || list.reply->code != WIRE__CODE__OK) {
        (void)rehearse_fail(r, want->line, "pages cannot be read: %s",
                            list.reply ? list.reply->message : err.args);
        return false;
    }
    const Notify__ListPagesReply *reply = (const Notify__ListPagesReply *)list.message;
    const char *there = "";
    for (size_t i = 0; reply && i < reply->n_pages; i++) {
        const Notify__Page *page = reply->pages[i];
        if (is_text(w.state, page->state) && is_staff(r, w.by, page->ended_by)
            && is_text(w.route, page->route) && is_text(w.ladder, page->ladder)) {
            return true;
        }
        there = arena_text(r->scratch, "%s%s%s %s (%s)%s%s", there, *there ? ", " : "", page->page,
                           page->state, page->ladder, page->ended_by[0] ? speak(" by ") : "",
                           page->ended_by[0] ? rehearse_staff_name(r, page->ended_by) : "");
    }
    (void)rehearse_fail(r, want->line, "expected a page about %s%s%s%s%s; there were: %s",
                        request.case_no, w.state ? " " : "", w.state ? w.state : "",
                        w.by ? speak(" by ") : "", w.by ? w.by : "",
                        *there ? there : speak("none"));
    return false;
}

/* ---- told ---- */

static bool is_told(const Wire__Event *event) {
    return strcmp(event->topic, "told.sent") == 0 || strcmp(event->topic, "told.failed") == 0;
}

static bool state_fits(const struct wanted *w, const Wire__Event *event) {
    bool sent = strcmp(event->topic, "told.sent") == 0;

    if (!w->state) {
        return true;
    }
    return strcmp(w->state, "failed") == 0 ? !sent : sent;
}

static bool told_fits(const struct rehearse *r, const struct wanted *w, const Wire__Event *event) {
    const char *person = field(event, "person");

    return is_text(w->about, event->case_no) && is_text(w->unit, field(event, "unit"))
           && is_staff(r, w->person ? w->person : w->to, person) && state_fits(w, event)
           && is_text(w->by ? w->by : w->channel, field(event, "channel"))
           && (!w->says || strstr(field(event, "text"), w->says))
           && (!w->at || rehearse_is_time(r, w->at, event->event_ms, r->now_ms));
}

static int64_t count_told(struct rehearse *r, const struct wanted *w, const char **there) {
    int64_t count = 0;
    int shown = 0;

    *there = "";
    for (size_t i = r->event_start; i < r->event_count; i++) {
        const Wire__Event *event = r->events[i].event;
        if (!is_told(event)) {
            continue;
        }
        count += told_fits(r, w, event);
        if (is_text(w->about, event->case_no) && shown++ < SHOWN_MAX) {
            *there = arena_text(
                r->scratch, speak("%s%s%s%s at %s by %s (%s)"), *there, **there ? ", " : "",
                field(event, "unit"), rehearse_staff_name(r, field(event, "person")),
                rehearse_show_time(r, event->event_ms), field(event, "channel"), event->topic);
        }
    }
    return count;
}

static const char *told_described(struct rehearse *r, const struct wanted *w) {
    const char *person = w->person ? w->person : w->to;

    return arena_text(r->scratch, "%s%s%s%s%s%s%s%s%s%s", w->unit ? speak(" to ") : "",
                      w->unit ? w->unit : "", person ? speak(" to ") : "", person ? person : "",
                      w->about ? speak(" about ") : "", w->about ? w->about : "",
                      w->at ? speak(" at ") : "", w->at ? w->at : "", w->by ? speak(", by ") : "",
                      w->by ? w->by : "");
}

bool rehearse_told(struct rehearse *r, const struct node *want, const struct outcome *outcome) {
    struct wanted w = wanted_of(r, want);
    const char *there = "";

    (void)outcome;
    if (w.bad) {
        return false;
    }
    int64_t count = count_told(r, &w, &there);
    if (w.times < 0 ? count > 0 : count == w.times) {
        return true;
    }
    (void)rehearse_fail(
        r, want->line,
        w.times == 1 || w.times < 0 ? "expected %s%lld message%s; there were %lld: %s"
                                    : "expected %s%lld messages%s; there were %lld: %s",
        w.times < 0 ? speak("at least ") : "", (long long)(w.times < 0 ? 1 : w.times),
        told_described(r, &w), (long long)count, *there ? there : speak("none"));
    return false;
}

bool rehearse_not_told(struct rehearse *r, const struct node *want, const struct outcome *outcome) {
    struct wanted w = wanted_of(r, want);
    const char *there = "";

    (void)outcome;
    if (w.bad) {
        return false;
    }
    if (count_told(r, &w, &there) > 0) {
        (void)rehearse_fail(r, want->line, "expected no message%s; there were: %s",
                            told_described(r, &w), there);
        return false;
    }
    return true;
}
