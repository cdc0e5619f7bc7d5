/* What must have come of a step: the reply, and what a case is now. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "base/speak.h"
#include "base/text.h"
#include "host/rehearse_private.h"

/* ---- the reply ---- */

static const char *code_name(Wire__Code code) {
    return err_name((enum err_code)code);
}

static bool expect_error(struct rehearse *r, const struct node *want,
                         const struct outcome *outcome) {
    const char *code = rehearse_text(r, want);

    if (!code) {
        return false;
    }
    if (!outcome->asked) {
        (void)rehearse_fail(r, want->line, "this step asks nobody, so nothing can be refused");
        return false;
    }
    if (outcome->reply->code == WIRE__CODE__OK) {
        (void)rehearse_fail(r, want->line, "expected error %s; it was carried out", code);
        return false;
    }
    if (strcasecmp(code, code_name(outcome->reply->code)) != 0) {
        (void)rehearse_fail(r, want->line, "expected error %s; was %s: %s (%s)", code,
                            code_name(outcome->reply->code), outcome->reply->message,
                            outcome->reply->rule);
        return false;
    }
    /* And it changed nothing: no event has this request for its cause. */
    for (size_t i = r->turn_start; i < r->event_count; i++) {
        const Wire__Cause *cause = r->events[i].event->cause;
        if (cause && cause->request.len == CORE_ID_SIZE
            && memcmp(cause->request.data, outcome->request.id, CORE_ID_SIZE) == 0) {
            (void)rehearse_fail(r, want->line, "it was refused, and yet there is its event %s",
                                r->events[i].event->topic);
            return false;
        }
    }
    return true;
}

static bool expect_says(struct rehearse *r, const struct node *want,
                        const struct outcome *outcome) {
    const char *text = rehearse_text(r, want);

    if (!text) {
        return false;
    }
    if (!outcome->asked || !strstr(outcome->reply->message, text)) {
        (void)rehearse_fail(r, want->line, "expected a message with \"%s\"; was \"%s\"", text,
                            outcome->asked ? outcome->reply->message : "");
        return false;
    }
    return true;
}

static const Cases__Case *case_in(const struct outcome *outcome) {
    const ProtobufCMessage *message = outcome->message;
    const ProtobufCFieldDescriptor *field = message
                                                ? protobuf_c_message_descriptor_get_field_by_name(
                                                    message->descriptor, "case")
                                                : NULL;
    const Cases__Case *found = NULL;

    if (field && field->type == PROTOBUF_C_TYPE_MESSAGE
        && field->descriptor == &cases__case__descriptor) {
        memcpy(&found, (const uint8_t *)message + field->offset, sizeof(found));
    }
    return found;
}

/* `missing: [phone]`: each stands in the details of the refusal. */
static bool has_missing(struct rehearse *r, const struct node *want,
                        const struct outcome *outcome) {
    bool one = want->kind == NODE_TEXT;

    for (const struct node *node = one ? want : want->first; node; node = one ? NULL : node->next) {
        const char *text = rehearse_text(r, node);
        bool found = false;
        for (size_t i = 0; text && i < outcome->reply->n_details; i++) {
            found = found || strstr(outcome->reply->details[i]->text, text);
        }
        const Cases__Case *kase = case_in(outcome);
        const Wire__Value *value = kase && text ? rehearse_value(r, kase, "missing") : NULL;
        if (value && value->kind_case == WIRE__VALUE__KIND_TEXT) {
            found = found || strstr(value->text, text);
        }
        if (!found) {
            (void)rehearse_fail(r, node->line, "expected %s to be missing; the reply is %s %s",
                                text ? text : "?", code_name(outcome->reply->code),
                                outcome->reply->message);
            return false;
        }
        if (one) {
            break;
        }
    }
    return true;
}

static json_t *find_in(json_t *plain, const char *key) {
    const char *name = NULL;
    json_t *value = NULL;

    json_object_foreach(plain, name, value) {
        /* caseNo is case_no */
        const char *a = name;
        const char *b = key;
        while (*a && *b) {
            b += *b == '_';
            if (strncasecmp(a, b, 1) != 0) {
                break;
            }
            a++;
            b++;
        }
        if (!*a && !*b) {
            return value;
        }
    }
    return NULL;
}

static bool reply_has(struct rehearse *r, const struct node *want, const struct outcome *outcome) {
    const char *shown = NULL;

    if (strcmp(want->key, "missing") == 0) {
        return has_missing(r, want, outcome);
    }
    json_t *value = find_in(outcome->plain, want->key);
    const Cases__Case *kase = case_in(outcome);
    bool fits = false;
    const Wire__Value *own = kase && !value ? rehearse_value(r, kase, want->key) : NULL;
    if (own) {
        fits = rehearse_same(r, want, own, kase->procedure, &shown);
    } else {
        fits = rehearse_same_json(r, want, value, &shown);
    }
    if (!fits) {
        (void)rehearse_fail(r, want->line, "expected %s %s in the reply; was %s", want->key,
                            want->kind == NODE_TEXT ? want->text : speak("as listed"), shown);
    }
    return fits;
}

static bool expect_reply(struct rehearse *r, const struct node *want,
                         const struct outcome *outcome) {
    if (!outcome->asked) {
        (void)rehearse_fail(r, want->line, "this step asks nobody, so there is no reply");
        return false;
    }
    for (const struct node *node = want->first; node; node = node->next) {
        if (!reply_has(r, node, outcome)) {
            return false;
        }
    }
    return true;
}

/* ---- a case ---- */

static const Cases__Case *case_named(struct rehearse *r, const struct node *want,
                                     const struct outcome *outcome) {
    const struct node *node = yaml_get(want, "case");
    const char *case_no = node ? rehearse_text(r, node) : outcome->case_no;

    if (!case_no) {
        if (!node) {
            (void)rehearse_fail(r, want->line, "`%s` needs `case: $name`", want->key);
        }
        return NULL;
    }
    return rehearse_load(r, case_no, want->line);
}

static bool expect_state(struct rehearse *r, const struct node *want,
                         const struct outcome *outcome) {
    const Cases__Case *found = case_named(r, want, outcome);
    const char *state = found ? rehearse_key(r, want, "is", "") : NULL;

    if (!state) {
        return false;
    }
    if (strcmp(found->state, state) != 0) {
        (void)rehearse_fail(r, want->line, "expected %s to be %s; is %s", found->case_no, state,
                            found->state);
        return false;
    }
    return true;
}

static bool expect_case(struct rehearse *r, const struct node *want,
                        const struct outcome *outcome) {
    const Cases__Case *found = case_named(r, want, outcome);
    const struct node *has = yaml_get(want, "has");
    bool all = found != NULL;

    for (const struct node *node = has ? has->first : NULL; found && node; node = node->next) {
        const char *shown = NULL;
        const Wire__Value *value = rehearse_value(r, found, node->key);
        if (!rehearse_same(r, node, value, found->procedure, &shown)) {
            (void)rehearse_fail(r, node->line, "expected %s of %s to be %s; is %s", node->key,
                                found->case_no,
                                node->kind == NODE_TEXT ? node->text : speak("as listed"), shown);
            all = false;
        }
    }
    return all;
}

/* ---- a clock ---- */

static const Cases__CaseClock *clock_named(const Cases__Case *found, const char *name,
                                           uint32_t round) {
    const Cases__CaseClock *newest = NULL;

    for (size_t i = 0; i < found->n_clocks; i++) {
        const Cases__CaseClock *clock = found->clocks[i];
        bool later = !newest || clock->round >= newest->round;
        if (strcmp(clock->name, name) == 0 && (round ? clock->round == round : later)) {
            newest = clock;
        }
    }
    return newest;
}

static bool expect_clock(struct rehearse *r, const struct node *want,
                         const struct outcome *outcome) {
    const Cases__Case *found = case_named(r, want, outcome);
    const char *name = rehearse_key(r, want, "name", "");
    const char *due = rehearse_key(r, want, "due", "");
    const char *result = rehearse_key(r, want, "result", "");
    const char *round = rehearse_key(r, want, "round", "0");
    const char *ended = rehearse_key(r, want, "ended", "");

    if (!found || !name || !due || !result || !round || !ended) {
        return false;
    }
    const Cases__CaseClock *clock = clock_named(found, name, (uint32_t)strtoul(round, NULL, 10));
    if (!clock) {
        (void)rehearse_fail(r, want->line, "expected a clock %s%s%s of %s; it never started", name,
                            round[0] == '0' ? "" : speak(" of round "),
                            round[0] == '0' ? "" : round, found->case_no);
        return false;
    }
    /* A time of day is the first such one after the start. */
    int64_t due_ms = 0;
    bool bad_due = due[0]
                   && (!rehearse_time(r, due, clock->started_ms, &due_ms)
                       || llabs((long long)(due_ms - clock->due_ms)) > rehearse_near(r));
    bool bad_ended = ended[0] && !rehearse_is_time(r, ended, clock->ended_ms, clock->ended_ms);
    bool bad_result = result[0] && strcmp(result, clock->result) != 0;
    if (bad_due || bad_result || bad_ended) {
        (void)rehearse_fail(r, want->line,
                            "expected clock %s of %s%s%s%s%s; is due %s, %s (round %u, started %s)",
                            name, found->case_no, due[0] ? speak(" due ") : "", due,
                            result[0] ? " " : "", result, rehearse_show_time(r, clock->due_ms),
                            clock->result, clock->round, rehearse_show_time(r, clock->started_ms));
        return false;
    }
    return true;
}

/* ---- all of them ---- */

static const struct {
    const char *key;
    rehearse_expect_fn *holds;
} expectations[] = {
    {"reply", expect_reply},         {"error", expect_error},
    {"says", expect_says},           {"state", expect_state},
    {"case", expect_case},           {"clock", expect_clock},
    {"paged", rehearse_paged},       {"not_paged", rehearse_not_paged},
    {"page", rehearse_page},         {"told", rehearse_told},
    {"not_told", rehearse_not_told}, {"form", rehearse_form},
    {"list", rehearse_list},         {"kpi", rehearse_kpi},
    {"distinct", rehearse_distinct}, {"event", rehearse_event_was},
    {"audit", rehearse_audit},
};

static void one(struct rehearse *r, const struct node *want, const struct outcome *outcome) {
    for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++) {
        if (strcmp(expectations[i].key, want->key) == 0) {
            size_t failures = r->result->failures;
            bool held = expectations[i].holds(r, want, outcome);
            r->result->held += held && r->result->failures == failures;
            if (!held && r->result->failures == failures) {
                (void)rehearse_fail(r, want->line, "expectation `%s` does not hold", want->key);
            }
            return;
        }
    }
    (void)rehearse_fail(r, want->key_line, "unknown expectation `%s`", want->key);
}

void rehearse_expect(struct rehearse *r, const struct node *list, const struct outcome *outcome) {
    bool refusal_expected = false;

    for (const struct node *item = list ? list->first : NULL; item; item = item->next) {
        refusal_expected = refusal_expected || yaml_get(item, "error");
        const struct node *reply = yaml_get(item, "reply");
        refusal_expected = refusal_expected || yaml_get(reply, "missing");
    }
    if (outcome->asked && outcome->reply->code != WIRE__CODE__OK && !refusal_expected) {
        (void)rehearse_fail(r, r->step->line, "refused with %s: %s (%s)",
                            code_name(outcome->reply->code), outcome->reply->message,
                            outcome->reply->rule);
    }
    for (const struct node *item = list ? list->first : NULL; item; item = item->next) {
        for (const struct node *want = item->first; want; want = want->next) {
            one(r, want, outcome);
        }
    }
}
