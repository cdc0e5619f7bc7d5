#include "engine/optell.h"

#include <string.h>

#include "base/text.h"
#include "engine/who.h"

enum {
    HEADS_MAX = 4,
    ARGS_MAX = 2000, /* bytes of the arguments of a message */
};

/* ---- persons ---- */

static bool is_person_field(const struct kase *kase, const char *word) {
    const Manual__Field *field = kase_form_field(kase, word);

    if (text_eq(word, KASE_OWNER) || text_eq(word, KASE_HANDLER)
        || (field && field->type == MANUAL__TYPE__STAFF)) {
        return true;
    }
    for (size_t i = 0; i < kase->procedure->n_people; i++) {
        if (text_eq(kase->procedure->people[i]->name, word)) {
            return true;
        }
    }
    return false;
}

/* Staff numbers of a relation or staff field, the role that heads the people, or the role
 * as it stands.  "": nobody is bound to the case in that part. */
static int whom(const struct op *o, const char **to, struct err *err) {
    const char *target = o->op->target;
    const char *heads[HEADS_MAX];

    if (text_eq(target, "dept_head")) {
        int count = who_heads(o->work, o->moved->kase, HEADS_MAX, heads, err);
        *to = count > 0 ? heads[0] : "";
        return count < 0 ? -1 : 0;
    }
    const bool person = text_eq(target, "assignee") || is_person_field(o->moved->kase, target);
    *to = text_eq(target, "assignee") ? kase_text(o->moved->kase, KASE_HANDLER)
          : person                    ? kase_person(o->moved->kase, target)
                                      : target;
    return 0;
}

/* ---- page and tell ---- */

/* A ladder by its key, or by the parameter that names one for the case's class. */
static const char *ladder_of(const struct op *o, const char *class_key) {
    const struct manual *manual = o->moved->kase->manual;
    const char *text = NULL;

    if (manual_ladder(manual, o->op->ladder)) {
        return o->op->ladder;
    }
    text = manual_param_text(manual, o->op->ladder, *class_key ? class_key : NULL);
    return text ? text : "";
}

int optell_page(const struct op *o, struct err *err) {
    struct kase *kase = o->moved->kase;
    const char *key = "", *to = "";
    const char *class_key = kase_class(kase, &key);
    struct values fields = {.arena = o->work->call->arena};
    const struct news news = {.lane = WIRE__LANE__URGENT,
                              .staff = o->moved->asker->staff,
                              .role = o->moved->word,
                              .event_ms = o->moved->at_ms};

    if (whom(o, &to, err)) {
        return -1;
    }
    if (!*to && who_heads(o->work, kase, 1, &to, err) < 0) {
        return -1; /* nobody named: the head of the department finds somebody */
    }
    if (!*to) {
        return 0;
    }
    values_add_text(&fields, "procedure", kase->row.procedure);
    values_add_text(&fields, "to", to);
    values_add_text(&fields, "assignee", kase_text(kase, KASE_HANDLER));
    values_add_text(&fields, "ladder", ladder_of(o, class_key));
    values_add_text(&fields, "class", class_key);
    values_add_i64(&fields, "round", (int64_t)kase->row.pages + 1);
    values_add_text(&fields, "text", o->op->text);
    values_add_text(&fields, "unit", kase->row.unit);
    values_add_text(&fields, "place", kase_text(kase, "place"));
    values_add_text(&fields, "dept", kase_person(kase, KASE_DEPT));
    values_add_text(&fields, "ack", o->op->ack);
    values_add_text(&fields, "reject", o->op->reject);
    return work_emit(o->work, kase, "page.asked", &news, &fields, err);
}

/* One argument of a text; a sealed one is never among them. */
static const char *argument(const struct op *o, const char *so_far, const Wire__Value *value) {
    struct arena *arena = o->work->call->arena;
    const Manual__Calendar *calendar = manual_calendar(o->moved->kase->manual);
    const char *more = NULL;

    if (strlen(so_far) > ARGS_MAX) {
        return so_far;
    }
    if (value->kind_case == WIRE__VALUE__KIND_TEXT && strlen(value->text) < ARGS_MAX / 2) {
        char *line = arena_copy(arena, value->text, strlen(value->text));
        for (char *c = line; *c; c++) {
            if (*c == '\n') {
                *c = ' '; /* a line is one argument */
            }
        }
        more = line;
    } else if (value->kind_case == WIRE__VALUE__KIND_INTEGER) {
        more = arena_text(arena, "%lld", (long long)value->integer);
    } else if (value->kind_case == WIRE__VALUE__KIND_MS) {
        more = text_time(value->ms, calendar ? calendar->utc_offset_min : 0, arena);
    }
    return more ? arena_text(arena, "%s\n%s=%s", so_far, value->key, more) : so_far;
}

/* What a message may say: the case, its people by name, and what the act brought. */
static int arguments(const struct op *o, const char **args, struct err *err) {
    const struct kase *kase = o->moved->kase;
    const char *people[] = {KASE_HANDLER, KASE_OWNER};
    const struct values *given = &o->moved->given->fields;

    *args = arena_text(o->work->call->arena, "case=%s\nunit=%s", kase->row.case_no, kase->row.unit);
    for (size_t i = 0; i < sizeof people / sizeof people[0]; i++) {
        const char *number = kase_text(kase, people[i]);
        struct staff staff;
        int found = *number ? work_staff(o->work, number, &staff, err) : 0;
        if (found < 0) {
            return -1;
        }
        *args = arena_text(o->work->call->arena, "%s\n%s=%s", *args, people[i],
                           found ? staff.name : "");
    }
    for (size_t i = 0; i < given->count; i++) {
        if (!text_eq(given->list[i]->key, KASE_HANDLER)
            && !text_eq(given->list[i]->key, KASE_OWNER)) {
            *args = argument(o, *args, given->list[i]);
        }
    }
    return 0;
}

/* The number that the case has of its caller, sealed: for who delivers the message. */
const Wire__Value *optell_phone(const struct kase *kase) {
    for (size_t i = 0; i < kase->row.n_fields; i++) {
        const Wire__Value *value = kase->row.fields[i];
        const Manual__Field *field = kase_form_field(kase, value->key);
        if (value->kind_case == WIRE__VALUE__KIND_SEALED && field
            && field->type == MANUAL__TYPE__PHONE) {
            return value;
        }
    }
    return NULL;
}

int optell_tell(const struct op *o, struct err *err) {
    struct kase *kase = o->moved->kase;
    const bool household = text_eq(o->op->target, "reporter")
                           || text_eq(o->op->target, "household");
    const Wire__Value *phone = household ? optell_phone(kase) : NULL;
    const char *to = o->op->target, *args = "";
    struct values fields = {.arena = o->work->call->arena};
    const struct news news = {
        .staff = o->moved->asker->staff, .role = o->moved->word, .event_ms = o->moved->at_ms};

    if ((!household && whom(o, &to, err)) || arguments(o, &args, err)) {
        return -1;
    }
    if (!*to) {
        return 0;
    }
    values_add_text(&fields, "to", to);
    values_add_text(&fields, "unit", kase->row.unit);
    values_add_text(&fields, "text", o->op->text);
    values_add_text(&fields, "args", args);
    values_add_text(&fields, "procedure", kase->row.procedure);
    if (phone) {
        Wire__Value copy = *phone;
        copy.key = "phone";
        values_add(&fields, &copy);
    }
    return work_emit(o->work, kase, "tell.asked", &news, &fields, err);
}
