/* Cases: which there are, where they live, and what they hold now. */
#include <string.h>

#include "base/text.h"
#include "core/event.h"
#include "host/methods.h"
#include "host/rehearse_private.h"

const struct known_case *rehearse_case(const struct rehearse *r, const char *case_no) {
    for (size_t i = r->case_count; i > 0; i--) {
        if (strcmp(r->cases[i - 1].case_no, case_no) == 0) {
            return &r->cases[i - 1];
        }
    }
    return NULL;
}

const char *rehearse_owner(struct rehearse *r, const char *procedure) {
    const Manual__Procedure *found = manual_procedure(r->manual, procedure);

    return found ? found->owner : NULL;
}

/* Is this case below the other? */
static bool is_child(const struct known_case *child, const char *of) {
    return strcmp(child->parent, of) == 0;
}

const char *rehearse_related(const struct rehearse *r, const char *case_no, const char *procedure,
                             size_t n) {
    size_t place = 0;
    const char *newest = NULL;

    for (size_t i = 0; i < r->case_count; i++) {
        const struct known_case *other = &r->cases[i];
        if (strcmp(other->procedure, procedure) != 0 || !is_child(other, case_no)) {
            continue;
        }
        newest = other->case_no;
        if (++place == n) {
            return newest;
        }
    }
    if (newest) {
        return n == 0 ? newest : NULL;
    }
    const enum { GENERATIONS_MAX = 8 } most = GENERATIONS_MAX;
    const struct known_case *at = rehearse_case(r, case_no);
    for (int i = 0; at && i < (int)most; i++) {
        at = at->parent[0] ? rehearse_case(r, at->parent) : NULL;
        if (at && strcmp(at->procedure, procedure) == 0) {
            return at->case_no;
        }
    }
    return NULL;
}

const Cases__Case *rehearse_load(struct rehearse *r, const char *case_no, int line) {
    const struct known_case *known = rehearse_case(r, case_no);
    Cases__GetCaseRequest request = CASES__GET_CASE_REQUEST__INIT;
    struct rehearsal_caller reader = rehearse_reader(r);
    struct outcome outcome = {0};
    struct err err = {0};

    if (!known) {
        (void)rehearse_fail(r, line, "there is no case %s", case_no);
        return NULL;
    }
    request.case_no = case_no;
    if (rehearse_ask(r, &reader, known->service, "GetCase", &request.base, &outcome, &err)) {
        (void)rehearse_fail(r, line, "%s cannot be read: %s", case_no, err.args);
        return NULL;
    }
    if (outcome.reply->code != WIRE__CODE__OK) {
        (void)rehearse_fail(r, line, "%s cannot be read: %s", case_no, outcome.reply->message);
        return NULL;
    }
    const Cases__GetCaseReply *reply = (const Cases__GetCaseReply *)outcome.message;
    return reply ? reply->case_ : NULL;
}

static const Wire__Value *made_text(struct rehearse *r, const char *text) {
    Wire__Value *value = ARENA_NEW(r->scratch, Wire__Value);

    wire__value__init(value);
    value->kind_case = WIRE__VALUE__KIND_TEXT;
    value->text = text ? text : "";
    return value;
}

static const Wire__Value *made_number(struct rehearse *r, int64_t number) {
    Wire__Value *value = ARENA_NEW(r->scratch, Wire__Value);

    wire__value__init(value);
    value->kind_case = WIRE__VALUE__KIND_INTEGER;
    value->integer = number;
    return value;
}

static const Wire__Value *made_time(struct rehearse *r, int64_t ms) {
    Wire__Value *value = ARENA_NEW(r->scratch, Wire__Value);

    wire__value__init(value);
    value->kind_case = WIRE__VALUE__KIND_MS;
    value->ms = ms;
    return ms ? value : NULL;
}

static const Wire__Value *made_flag(struct rehearse *r, bool flag) {
    Wire__Value *value = ARENA_NEW(r->scratch, Wire__Value);

    wire__value__init(value);
    value->kind_case = WIRE__VALUE__KIND_FLAG;
    value->flag = flag;
    return value;
}

static const char *joined(struct rehearse *r, const char *const *list, size_t count) {
    const char *text = "";

    for (size_t i = 0; i < count; i++) {
        text = arena_text(r->scratch, "%s%s%s", text, i ? ";" : "", list[i]);
    }
    return text;
}

static bool has_flag(const Cases__Case *found, const char *key) {
    for (size_t i = 0; i < found->n_flags; i++) {
        if (strcmp(found->flags[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_mark(struct rehearse *r, const Cases__Case *found, const char *key) {
    const Manual__Procedure *procedure = manual_procedure(r->manual, found->procedure);

    for (size_t i = 0; procedure && i < procedure->n_flags; i++) {
        if (strcmp(procedure->flags[i], key) == 0) {
            return true;
        }
    }
    return has_flag(found, key);
}

/* What every case has, by the names of identifiers.md 0.2. */
static const Wire__Value *of_every_case(struct rehearse *r, const Cases__Case *found,
                                        const char *key) {
    const struct {
        const char *key, *text;
    } texts[] = {
        {"case_no", found->case_no},     {"number", found->case_no},
        {"procedure", found->procedure}, {"state", found->state},
        {"unit", found->unit},           {"parent", found->parent},
        {"handler", found->handler},     {"first_contact_owner", found->first_contact_owner},
        {"assignee", found->handler},    {"dept", found->dept},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(texts[i].key, key) == 0) {
            return made_text(r, texts[i].text);
        }
    }
    const struct {
        const char *key;
        int64_t number;
    } numbers[] = {
        {"contacts", found->contacts},
        {"trips", found->trips},
        {"round", found->round},
        {"revision", found->revision},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(numbers[i].key, key) == 0) {
            return made_number(r, numbers[i].number);
        }
    }
    const struct {
        const char *key;
        int64_t ms;
    } times[] = {
        {"event_at", found->event_ms},
        {"opened_at", found->event_ms},
        {"entered_at", found->entered_ms},
        {"closed_at", found->closed_ms},
    };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        if (strcmp(times[i].key, key) == 0) {
            return made_time(r, times[i].ms);
        }
    }
    return NULL;
}

const Wire__Value *rehearse_value(struct rehearse *r, const Cases__Case *found, const char *key) {
    const Wire__Value *value = value_find(found->fields, found->n_fields, key);
    const Wire__Value *own = of_every_case(r, found, key);

    /* `contacts` is also a list of some forms: the count stands before the rows. */
    if (own && (!value || value->kind_case == WIRE__VALUE__KIND_ROWS)) {
        return own;
    }
    if (value) {
        return value;
    }
    if (strcmp(key, "late_entry") == 0) {
        return made_flag(r, found->late_entry || has_flag(found, key));
    }
    if (strcmp(key, "flags") == 0) {
        return made_text(r, joined(r, found->flags, found->n_flags));
    }
    if (strcmp(key, "children") == 0) {
        return made_number(r, (int64_t)found->n_children);
    }
    return is_mark(r, found, key) ? made_flag(r, has_flag(found, key)) : NULL;
}
