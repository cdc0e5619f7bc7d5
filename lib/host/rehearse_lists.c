/* Work lists, figures, forms, and what stands in the event log. */
#include <stdlib.h>
#include <string.h>

#include "base/speak.h"
#include "base/text.h"
#include "core/event.h"
#include "host/methods.h"
#include "host/rehearse_private.h"
#include "shouwen/reports/v1/reports.pb-c.h"

enum { LISTED_MAX = 2000, SHOWN_MAX = 12 };

/* ---- lists ---- */

struct listed {
    const char *numbers[LISTED_MAX];
    size_t count;
    const char *refusal; /* of the last service that has no such list */
    bool any;            /* a service that has it */
};

/* One service's part of a list, page by page. */
static int list_from(struct rehearse *r, const struct rehearsal_caller *caller, const char *service,
                     const char *name, struct listed *listed, struct err *err) {
    Cases__ListCasesRequest request = CASES__LIST_CASES_REQUEST__INIT;

    request.list = name;
    request.max = 100;
    for (bool more = true; more;) {
        struct outcome outcome = {0};
        if (rehearse_ask(r, caller, service, "ListCases", &request.base, &outcome, err)) {
            return -1;
        }
        if (outcome.reply->code != WIRE__CODE__OK) {
            listed->refusal = outcome.reply->message;
            return 0;
        }
        listed->any = true;
        const Cases__ListCasesReply *reply = (const Cases__ListCasesReply *)outcome.message;
        more = false;
        for (size_t i = 0; reply && i < reply->n_cases && listed->count < LISTED_MAX; i++) {
            request.after = arena_text(r->arena, "%s", reply->cases[i]->case_no);
            listed->numbers[listed->count++] = request.after;
            more = i + 1 == request.max;
        }
    }
    return 0;
}

static bool is_played(const struct rehearse *r, const char *service) {
    for (size_t i = 0; r->options->services[i]; i++) {
        if (strcmp(r->options->services[i]->name, service) == 0) {
            return true;
        }
    }
    return false;
}

/* Every service of the contract that lists cases. */
static int list_all(struct rehearse *r, const struct rehearsal_caller *caller, const char *name,
                    struct listed *listed, struct err *err) {
    struct methods_walk walk = {0};
    struct methods_found found;

    while (methods_next(&walk, &found, r->scratch)) {
        if (strcmp(found.method->name, "ListCases") == 0 && is_played(r, found.service)
            && list_from(r, caller, found.service, name, listed, err)) {
            return -1;
        }
    }
    return 0;
}

static bool is_listed(const struct listed *listed, const char *case_no) {
    for (size_t i = 0; i < listed->count; i++) {
        if (strcmp(listed->numbers[i], case_no) == 0) {
            return true;
        }
    }
    return false;
}

static const char *listed_shown(struct rehearse *r, const struct listed *listed) {
    const char *text = "";

    for (size_t i = 0; i < listed->count && i < SHOWN_MAX; i++) {
        text = arena_text(r->scratch, "%s%s%s", text, i ? ", " : "", listed->numbers[i]);
    }
    return listed->count == 0 ? "nothing" : text;
}

static bool each_is(struct rehearse *r, const struct node *list, const struct listed *listed,
                    bool there, const char *name) {
    for (const struct node *node = list ? list->first : NULL; node; node = node->next) {
        const char *case_no = rehearse_text(r, node);
        if (!case_no) {
            return false;
        }
        if (is_listed(listed, case_no) != there) {
            (void)rehearse_fail(r, node->line, "expected %s%s on list %s; it has %s", case_no,
                                there ? "" : speak(" not"), name, listed_shown(r, listed));
            return false;
        }
    }
    return true;
}

bool rehearse_list(struct rehearse *r, const struct node *want, const struct outcome *outcome) {
    const char *name = rehearse_key(r, want, "name", "");
    const char *size = rehearse_key(r, want, "size", "");
    const struct node *as = yaml_get(want, "as");
    struct listed *listed = arena_alloc(r->arena, sizeof *listed);
    struct rehearsal_caller caller;
    struct err err = {0};

    (void)outcome;
    if (!name || !size || rehearse_caller(r, as ? as : rehearse_get(r, "as"), &caller)) {
        return false;
    }
    if (list_all(r, &caller, name, listed, &err)) {
        (void)rehearse_fail(r, want->line, "list %s cannot be read: %s", name, err.args);
        return false;
    }
    if (!listed->any) {
        (void)rehearse_fail(r, want->line, "list %s cannot be read: %s", name,
                            listed->refusal ? listed->refusal : speak("no service lists cases"));
        return false;
    }
    if (size[0] && strtoul(size, NULL, 10) != listed->count) {
        (void)rehearse_fail(r, want->line, "expected %s on list %s; there are %zu: %s", size, name,
                            listed->count, listed_shown(r, listed));
        return false;
    }
    return each_is(r, yaml_get(want, "contains"), listed, true, name)
           && each_is(r, yaml_get(want, "lacks"), listed, false, name);
}

/* ---- figures ---- */

bool rehearse_kpi(struct rehearse *r, const struct node *want, const struct outcome *outcome) {
    Reports__GetKpiRequest request = REPORTS__GET_KPI_REQUEST__INIT;
    const char *name = rehearse_key(r, want, "name", "");
    const char *period = rehearse_key(r, want, "period", "");
    const char *estate = rehearse_key(r, want, "estate", "");
    const char *numerator = rehearse_key(r, want, "numerator", "");
    const char *denominator = rehearse_key(r, want, "denominator", "");
    const char *shown = rehearse_key(r, want, "shown", "");
    const char *met = rehearse_key(r, want, "met", "");
    struct rehearsal_caller reader = rehearse_reader(r);
    struct outcome got = {0};
    struct err err = {0};

    (void)outcome;
    if (!name || !period || !estate || !numerator || !denominator || !shown || !met) {
        return false;
    }
    request.name = name;
    request.period = period;
    request.estate = estate;
    if (rehearse_ask(r, &reader, "reports", "GetKpi", &request.base, &got, &err)
        || got.reply->code != WIRE__CODE__OK) {
        (void)rehearse_fail(r, want->line, "figure %s cannot be read: %s", name,
                            got.reply ? got.reply->message : err.args);
        return false;
    }
    const Reports__GetKpiReply *reply = (const Reports__GetKpiReply *)got.message;
    const Reports__Figure *figure = reply ? reply->figure : NULL;
    if (!figure) {
        (void)rehearse_fail(r, want->line, "there is no figure %s", name);
        return false;
    }
    bool fits = (!numerator[0] || strtoll(numerator, NULL, 10) == figure->numerator)
                && (!denominator[0] || strtoll(denominator, NULL, 10) == figure->denominator)
                && (!shown[0] || strcmp(shown, figure->shown) == 0)
                && (!met[0] || strcmp(met, figure->met ? "true" : "false") == 0);
    if (!fits) {
        (void)rehearse_fail(
            r, want->line, "expected %s of %s: %s/%s %s%s%s; is %lld/%lld, shown \"%s\", %s", name,
            period, numerator[0] ? numerator : "*", denominator[0] ? denominator : "*", shown,
            met[0] ? speak(" met: ") : "", met, (long long)figure->numerator,
            (long long)figure->denominator, figure->shown,
            figure->met ? speak("met") : speak("not met"));
    }
    return fits;
}

/* ---- forms ---- */

static bool on_form(struct rehearse *r, const struct known_case *known, const char *code) {
    const Manual__Procedure *procedure = manual_procedure(r->manual, known->procedure);

    return procedure && strcmp(procedure->form, code) == 0;
}

/* `form` of one case; without a case, of the newest one on this form that fits. */
bool rehearse_form(struct rehearse *r, const struct node *want, const struct outcome *outcome) {
    const char *code = rehearse_key(r, want, "code", "");
    const struct node *node = yaml_get(want, "case");
    const struct node *has = yaml_get(want, "has");
    const char *case_no = node ? rehearse_text(r, node) : NULL;
    const char *why = speak("there is none on this form");

    (void)outcome;
    if (!code || (node && !case_no)) {
        return false;
    }
    for (size_t i = r->case_count; i > 0; i--) {
        const struct known_case *known = &r->cases[i - 1];
        if (!on_form(r, known, code) || (case_no && strcmp(case_no, known->case_no) != 0)) {
            continue;
        }
        const Cases__Case *found = rehearse_load(r, known->case_no, want->line);
        bool all = found != NULL;
        for (const struct node *key = has ? has->first : NULL; all && key; key = key->next) {
            const char *shown = NULL;
            all = rehearse_same(r, key, rehearse_value(r, found, key->key), known->procedure,
                                &shown);
            if (!all) {
                why = arena_text(r->scratch, speak("%s of %s is %s"), key->key, known->case_no,
                                 shown);
            }
        }
        if (all) {
            return true;
        }
        if (case_no) {
            break;
        }
    }
    (void)rehearse_fail(r, want->line, "expected form %s%s%s as written; %s", code,
                        case_no ? speak(" of ") : "", case_no ? case_no : "", why);
    return false;
}

/* ---- no two are equal ---- */

bool rehearse_distinct(struct rehearse *r, const struct node *want, const struct outcome *outcome) {
    const char *code = rehearse_key(r, want, "form", "");
    const char *key = rehearse_key(r, want, "field", "number");
    const Wire__Value **seen = arena_alloc(r->arena, (r->case_count + 1) * sizeof(*seen));
    size_t count = 0;

    (void)outcome;
    if (!code || !key) {
        return false;
    }
    for (size_t i = 0; i < r->case_count; i++) {
        const struct known_case *known = &r->cases[i];
        const Cases__Case *found = on_form(r, known, code)
                                       ? rehearse_load(r, known->case_no, want->line)
                                       : NULL;
        const Wire__Value *value = found ? rehearse_value(r, found, key) : NULL;
        if (!value) {
            continue;
        }
        for (size_t k = 0; k < count; k++) {
            if (seen[k]->kind_case == value->kind_case && value->kind_case == WIRE__VALUE__KIND_TEXT
                && strcmp(seen[k]->text, value->text) == 0) {
                (void)rehearse_fail(r, want->line, "expected distinct %s of form %s; %s is twice",
                                    key, code, value->text);
                return false;
            }
        }
        Wire__Value *copy = arena_copy(r->arena, value, sizeof *value);
        if (value->kind_case == WIRE__VALUE__KIND_TEXT) {
            copy->text = arena_text(r->arena, "%s", value->text);
        }
        seen[count++] = copy;
    }
    if (count == 0) {
        (void)rehearse_fail(r, want->line, "there is no form %s with a %s", code, key);
        return false;
    }
    return true;
}

/* ---- events ---- */

static const Wire__Value *event_value(struct rehearse *r, const Wire__Event *event, const char *key,
                                      Wire__Value *own) {
    const Wire__Value *value = value_find(event->fields, event->n_fields, key);

    (void)r;
    if (value) {
        return value;
    }
    wire__value__init(own);
    own->kind_case = WIRE__VALUE__KIND_TEXT;
    if (strcmp(key, "case") == 0 || strcmp(key, "case_no") == 0) {
        own->text = event->case_no;
    } else if (strcmp(key, "actor") == 0) {
        own->text = event->actor;
    } else if (strcmp(key, "role") == 0) {
        own->text = event->role;
    } else if (strcmp(key, "at") == 0) {
        own->kind_case = WIRE__VALUE__KIND_MS;
        own->ms = event->event_ms;
    } else {
        return NULL;
    }
    return own;
}

static const char *procedure_of(const struct rehearse *r, const Wire__Event *event) {
    const struct known_case *known = event->case_no[0] ? rehearse_case(r, event->case_no) : NULL;

    return known ? known->procedure : NULL;
}

bool rehearse_event_was(struct rehearse *r, const struct node *want,
                        const struct outcome *outcome) {
    const char *topic = rehearse_key(r, want, "topic", "");
    const char *times = rehearse_key(r, want, "times", "");
    const struct node *has = yaml_get(want, "has");
    const char *nearest = speak("none of this topic");
    unsigned long count = 0;

    (void)outcome;
    if (!topic || !times) {
        return false;
    }
    for (size_t i = r->event_start; i < r->event_count; i++) {
        const Wire__Event *event = r->events[i].event;
        bool fits = text_match(topic, event->topic);
        for (const struct node *node = fits && has ? has->first : NULL; fits && node;
             node = node->next) {
            Wire__Value own;
            const char *shown = NULL;
            const Wire__Value *value = event_value(r, event, node->key, &own);
            fits = rehearse_same(r, node, value, procedure_of(r, event), &shown);
            if (!fits) {
                nearest = arena_text(r->scratch, speak("one with %s %s"), node->key, shown);
            }
        }
        count += fits;
    }
    if (times[0] ? count == strtoul(times, NULL, 10) : count > 0) {
        return true;
    }
    (void)rehearse_fail(r, want->line, "expected event %s%s%s%s; there were %lu%s%s%s", topic,
                        has ? speak(" as written") : "", times[0] ? speak(" times ") : "", times,
                        count, count ? "" : " (", count ? "" : nearest, count ? "" : ")");
    return false;
}

/* The event log is the audit trail. */
static bool is_about(struct rehearse *r, const Wire__Event *event, const char *on) {
    if (strcmp(event->case_no, on) == 0) {
        return true;
    }
    for (size_t i = 0; i < event->n_fields; i++) {
        const Wire__Value *value = event->fields[i];
        if (value->kind_case == WIRE__VALUE__KIND_TEXT
            && (strcmp(value->text, on) == 0
                || strcmp(value->text, rehearse_staff_no(r, on)) == 0)) {
            return true;
        }
    }
    return false;
}

static bool is_act(const char *topic, const char *act) {
    const char *dot = strrchr(topic, '.');

    return strcmp(topic, act) == 0 || (dot && strcmp(dot + 1, act) == 0);
}

bool rehearse_audit(struct rehearse *r, const struct node *want, const struct outcome *outcome) {
    const char *actor = rehearse_key(r, want, "actor", "");
    const char *act = rehearse_key(r, want, "act", "");
    const char *on = rehearse_key(r, want, "on", "");

    (void)outcome;
    if (!actor || !act || !on) {
        return false;
    }
    for (size_t i = r->event_start; i < r->event_count; i++) {
        const Wire__Event *event = r->events[i].event;
        if ((!actor[0] || strcmp(event->actor, rehearse_staff_no(r, actor)) == 0)
            && (!act[0] || is_act(event->topic, act)) && (!on[0] || is_about(r, event, on))) {
            return true;
        }
    }
    (void)rehearse_fail(r, want->line, "expected in the audit log: %s %s %s; it is not there",
                        actor, act, on);
    return false;
}
