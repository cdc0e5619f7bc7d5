#include "engine/view.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

enum {
    CHILDREN_MAX = 256,
    LIKE_MAX = 32, /* cases looked at for one like this */
};

/* ---- values made on the spot ---- */

static Wire__Value *fresh(struct view *view, const char *key) {
    Wire__Value *value = ARENA_NEW(view->work->call->arena, Wire__Value);

    wire__value__init(value);
    value->key = key;
    return value;
}

static const Wire__Value *text_value(struct view *view, const char *key, const char *text) {
    Wire__Value *value = fresh(view, key);

    value->kind_case = WIRE__VALUE__KIND_TEXT;
    value->text = text;
    return value;
}

static const Wire__Value *number_value(struct view *view, const char *key, int64_t number) {
    Wire__Value *value = fresh(view, key);

    value->kind_case = WIRE__VALUE__KIND_INTEGER;
    value->integer = number;
    return value;
}

static const Wire__Value *time_value(struct view *view, const char *key, int64_t ms) {
    Wire__Value *value = fresh(view, key);

    if (ms == 0) {
        return NULL;
    }
    value->kind_case = WIRE__VALUE__KIND_MS;
    value->ms = ms;
    return value;
}

static const Wire__Value *flag_value(struct view *view, const char *key, bool flag) {
    Wire__Value *value = fresh(view, key);

    value->kind_case = WIRE__VALUE__KIND_FLAG;
    value->flag = flag;
    return value;
}

/* The case itself.  NULL also when the subject is none of these words. */
static const Wire__Value *own_word(struct view *view, const char *subject, bool *known) {
    const Engine__Stored *row = &view->kase->row;

    *known = true;
    if (text_eq(subject, "state")) {
        return text_value(view, subject, row->state);
    }
    if (text_eq(subject, "actor")) {
        return text_value(view, subject, view->word ? view->word : "");
    }
    if (text_eq(subject, "unit")) {
        return text_value(view, subject, row->unit);
    }
    if (text_eq(subject, "round")) {
        return number_value(view, subject, row->round);
    }
    if (text_eq(subject, "contacts")) {
        return number_value(view, subject, row->contacts);
    }
    if (text_eq(subject, "trips")) {
        return number_value(view, subject, row->trips);
    }
    if (text_eq(subject, "opened_at")) {
        return time_value(view, subject, row->event_ms);
    }
    if (text_eq(subject, "closed_at")) {
        return time_value(view, subject, row->closed_ms);
    }
    if (text_eq(subject, "late_entry")) {
        return flag_value(view, subject, row->late_entry);
    }
    *known = false;
    return NULL;
}

/* ---- facts ---- */

static bool limit_number(struct view *view, const Manual__Limit *limit, int64_t *number) {
    if (!limit) {
        return false;
    }
    if (!*limit->parameter) {
        *number = limit->amount;
        return true;
    }
    const Wire__Value *class_value = *limit->class_field ? view_value(view, limit->class_field)
                                                         : NULL;
    return manual_number(
        view->kase->manual, limit->parameter,
        class_value && class_value->kind_case == WIRE__VALUE__KIND_TEXT ? class_value->text : NULL,
        number);
}

/* The local day of a row's column "at"; a row without one has no day. */
static int64_t row_day(const Wire__Row *row, int offset_min) {
    for (size_t i = 0; i < row->n_cell; i++) {
        if (row->cell[i]->kind_case == WIRE__CELL__KIND_MS) {
            return text_day(row->cell[i]->ms, offset_min);
        }
    }
    return INT64_MIN;
}

static const Wire__Value *rows_fact(struct view *view, const Manual__Fact *fact) {
    const Wire__Value *value = kase_get(view->kase, fact->rows->field);
    const Manual__Calendar *calendar = manual_calendar(view->kase->manual);
    const int offset_min = calendar ? calendar->utc_offset_min : 0;
    int64_t min = 1, days = 0, seen = 0;

    (void)limit_number(view, fact->rows->min, &min);
    (void)limit_number(view, fact->rows->days, &days);
    if (!value || value->kind_case != WIRE__VALUE__KIND_ROWS) {
        return flag_value(view, fact->name, min <= 0);
    }
    const Wire__Rows *rows = value->rows;
    for (size_t i = 0; i < rows->n_row; i++) {
        bool again = false;
        for (size_t j = 0; j < i; j++) {
            again = again || row_day(rows->row[i], offset_min) == row_day(rows->row[j], offset_min);
        }
        seen += !again;
    }
    return flag_value(view, fact->name, (int64_t)rows->n_row >= min && seen >= days);
}

/* Does a child have what the fact asks for?  Its own facts are not asked. */
static bool child_fits(struct view *view, const Manual__ChildrenFact *fact, const char *number) {
    struct kase *child = NULL;

    if (fact->n_where == 0) {
        return true;
    }
    if (work_case(view->work, number, &child, view->err)) {
        view->failed = true;
        return false;
    }
    struct view seen = {.work = view->work,
                        .kase = child,
                        .actor = view->actor,
                        .at_ms = view->at_ms,
                        .err = view->err,
                        .plain = true};
    for (size_t i = 0; i < fact->n_where; i++) {
        Manual__Term *terms[] = {fact->where[i]};
        Manual__Any any = MANUAL__ANY__INIT;
        Manual__Any *list[] = {&any};
        any.n_all = 1;
        any.all = terms;
        if (!view_holds(&seen, list, 1)) {
            return false;
        }
    }
    return true;
}

static const Wire__Value *children_fact(struct view *view, const Manual__Fact *fact) {
    struct child *children = arena_alloc(view->work->call->arena, CHILDREN_MAX * sizeof *children);
    int count = work_children(view->work, view->kase->row.case_no, CHILDREN_MAX, children,
                              view->err);
    int64_t fits = 0;

    view->failed = view->failed || count < 0;
    for (int i = 0; i < count; i++) {
        const struct child *child = &children[i];
        if ((!*fact->children->procedure || text_eq(fact->children->procedure, child->procedure))
            && (!fact->children->open || child->open)
            && (*child->home || child_fits(view, fact->children, child->number))) {
            fits++;
        }
    }
    return number_value(view, fact->name, fits);
}

static const Wire__Value *found_fact(struct view *view, const Manual__Fact *fact) {
    const Manual__CaseFact *like = fact->found;
    const char *numbers[LIKE_MAX];
    const char *matter = view_matter(view, like->procedure, like->same, like->n_same);
    int64_t within = INT64_MAX;

    if (like->n_same > 0 && !*matter) {
        return NULL;
    }
    int count = kase_like(view->work->call, "", like->procedure, view->kase->row.unit, LIKE_MAX,
                          numbers, view->err);
    view->failed = view->failed || count < 0;
    (void)limit_number(view, like->within, &within);
    for (int i = 0; i < count; i++) {
        struct kase *other = NULL;
        if (text_eq(numbers[i], view->kase->row.case_no)) {
            continue;
        }
        if (work_case(view->work, numbers[i], &other, view->err)) {
            view->failed = true;
            return NULL;
        }
        struct view seen = {.work = view->work, .kase = other, .plain = true, .err = view->err};
        int64_t at = other->row.closed_ms ? other->row.closed_ms : other->row.event_ms;
        if (view->at_ms - at <= within
            && text_eq(view_matter(&seen, like->procedure, like->same, like->n_same), matter)) {
            return text_value(view, fact->name, numbers[i]);
        }
    }
    return NULL;
}

static const Wire__Value *fact_value(struct view *view, const Manual__Fact *fact) {
    if (*fact->count) {
        return number_value(view, fact->name, kase_tally(view->kase, fact->count));
    }
    if (fact->rows) {
        return rows_fact(view, fact);
    }
    if (view->plain) {
        return NULL;
    }
    return fact->children ? children_fact(view, fact) : fact->found ? found_fact(view, fact) : NULL;
}

/* ---- all of it ---- */

static const Wire__Value *given(const struct view *view, const char *key) {
    const Wire__Value *value = NULL;

    if (view->over) {
        value = value_find(view->over->list, view->over->count, key);
    }
    if (!value && view->loose) {
        value = value_find(view->loose->list, view->loose->count, key);
    }
    return value;
}

/* "blamed_person.dept", "blamed_person.role": of the employee that a field names. */
static const Wire__Value *of_person(struct view *view, const char *subject, const char *dot) {
    const char *field = arena_copy(view->work->call->arena, subject, (size_t)(dot - subject));
    const char *number = kase_person(view->kase, field);
    const Wire__Value *over = given(view, kase_field_of(view->kase->procedure, field));
    struct staff staff;

    if (over && over->kind_case == WIRE__VALUE__KIND_TEXT) {
        number = over->text;
    }
    int found = *number ? work_staff(view->work, number, &staff, view->err) : 0;
    view->failed = view->failed || found < 0;
    if (found != 1) {
        return NULL;
    }
    const char *role = staff.role_count > 0 ? staff.roles[0] : "";
    return text_value(view, subject, text_eq(dot + 1, "dept") ? staff.dept : role);
}

const Wire__Value *view_value(struct view *view, const char *subject) {
    const Manual__Procedure *procedure = view->kase->procedure;
    bool known = false;
    const Wire__Value *value = own_word(view, subject, &known);

    if (known) {
        return value;
    }
    for (size_t i = 0; i < procedure->n_facts; i++) {
        if (text_eq(procedure->facts[i]->name, subject)) {
            return fact_value(view, procedure->facts[i]);
        }
    }
    const char *dot = strchr(subject, '.');
    if (dot) {
        return of_person(view, subject, dot);
    }
    const char *field = kase_field_of(procedure, subject);
    value = given(view, field);
    if (!value) {
        value = kase_get(view->kase, field);
    }
    if (!value && text_eq(subject, "opener")) {
        value = text_value(view, subject, view->kase->row.opener);
    }
    return value && value->kind_case != WIRE__VALUE__KIND__NOT_SET ? value : NULL;
}

static const Wire__Value *find(void *arg, const char *subject) {
    return view_value(arg, subject);
}

bool view_holds(struct view *view, Manual__Any *const *any, size_t count) {
    const struct subjects subjects = {.find = find,
                                      .arg = view,
                                      .actor = view->actor,
                                      .now_ms = view->at_ms,
                                      .manual = view->kase->manual};

    return condition_holds(any, count, &subjects);
}

/* A separator that no field contains (control characters are refused). */
static const char *join(struct view *view, const char *so_far, const char *more) {
    return arena_text(view->work->call->arena, "%s\x1f%s", so_far, more);
}

const char *view_matter(struct view *view, const char *procedure, const char *const *same,
                        size_t count) {
    const char *matter = procedure;

    for (size_t i = 0; i < count; i++) {
        const Wire__Value *value = view_value(view, same[i]);
        if (!value) {
            return "";
        }
        if (value->kind_case == WIRE__VALUE__KIND_TEXT && *value->text) {
            matter = join(view, matter, value->text);
        } else if (value->kind_case == WIRE__VALUE__KIND_INTEGER) {
            matter = join(view, matter,
                          arena_text(view->work->call->arena, "%" PRId64, value->integer));
        } else {
            return "";
        }
    }
    return count > 0 ? matter : "";
}
