/*
 * compile_when - conditions, limits and values: what a name means in a procedure, and
 * whether what it is compared with or set to can be so at all.
 */
#include <string.h>

#include "base/speak.h"
#include "manual/compile_parts.h"

/* ---- subjects ---- */

/* What every case has.  No procedure's own word is here. */
static const struct {
    const char *word;
    Manual__Type type;
} case_subjects[] = {
    {"state", MANUAL__TYPE__TEXT},      {"actor", MANUAL__TYPE__TEXT},
    {"round", MANUAL__TYPE__INT},       {"contacts", MANUAL__TYPE__INT},
    {"trips", MANUAL__TYPE__INT},       {"unit", MANUAL__TYPE__UNIT},
    {"opened_at", MANUAL__TYPE__DT},    {"closed_at", MANUAL__TYPE__DT},
    {"late_entry", MANUAL__TYPE__BOOL}, {"opener", MANUAL__TYPE__STAFF},
    {"dept_head", MANUAL__TYPE__STAFF}, {"first_contact_owner", MANUAL__TYPE__STAFF},
};

static bool case_subject(const char *word, Manual__Type *type) {
    for (size_t i = 0; i < sizeof case_subjects / sizeof case_subjects[0]; i++) {
        if (strcmp(case_subjects[i].word, word) == 0) {
            *type = case_subjects[i].type;
            return true;
        }
    }
    return false;
}

const Manual__Field *compile_field_of(const struct part *part, const char *word) {
    static const char *const alias = "assignee";
    const Manual__Field *field = table_get(&part->fields, word);
    const Manual__Relation *relation = table_get(&part->relations,
                                                 strcmp(word, alias) == 0 ? "handler" : word);

    /* "assignee" is the field that holds the handler, unless the form has one of its own. */
    if (relation && (!field || strcmp(word, alias) != 0)) {
        return table_get(&part->fields, relation->field);
    }
    return field;
}

static Manual__Type fact_type(const Manual__Fact *fact) {
    if (fact->found) {
        return MANUAL__TYPE__REF;
    }
    return fact->rows ? MANUAL__TYPE__BOOL : MANUAL__TYPE__INT;
}

struct subject {
    const char *name; /* as the engine asks for it */
    Manual__Type type;
    const Manual__Field *field; /* or NULL */
};

static void unknown_subject(struct compiler *c, struct part *part, const struct node *node,
                            const char *what, const char *word) {
    const struct table *tables[] = {&part->fields, &part->facts, &part->flags, &part->relations};

    compile_mistake_key(c, node, "unknown %s \"%s\" (form %s)%s", what, word, part->p->form,
                        compile_nearest(c, word, tables, sizeof tables / sizeof tables[0]));
}

/* "blamed_person.dept": of whoever stands in that field. */
static bool person_subject(struct compiler *c, struct part *part, const struct node *node,
                           struct subject *subject) {
    static const char *const asked[] = {"dept", "role", NULL};
    const char *dot = strchr(node->key, '.');
    const char *word = arena_text(c->arena, "%.*s", (int)(dot - node->key), node->key);
    const Manual__Field *field = compile_field_of(part, word);

    if (!field) {
        unknown_subject(c, part, node, speak("field"), word);
        return false;
    }
    if (field->type != MANUAL__TYPE__STAFF || !compile_one_of(dot + 1, asked)) {
        compile_mistake_key(c, node, "only a staff field has .dept and .role, not \"%s\"",
                            node->key);
        return false;
    }
    subject->name = arena_text(c->arena, "%s%s", field->key, dot);
    return true;
}

static bool subject_of(struct compiler *c, struct part *part, const struct node *node,
                       const char *const *extra, struct subject *subject) {
    const char *word = node->key;
    const Manual__Fact *fact = table_get(&part->facts, word);

    *subject = (struct subject){word, MANUAL__TYPE__TEXT, NULL};
    if (extra && compile_one_of(word, extra)) {
        return true;
    }
    if (strchr(word, '.')) {
        return person_subject(c, part, node, subject);
    }
    if (fact) {
        subject->type = fact_type(fact);
        return true;
    }
    if (table_entry(&part->flags, word)) {
        subject->type = MANUAL__TYPE__BOOL;
        return true;
    }
    if (case_subject(word, &subject->type)) {
        return true;
    }
    subject->field = compile_field_of(part, word);
    if (subject->field) {
        subject->name = subject->field->key;
        subject->type = subject->field->type;
        return true;
    }
    unknown_subject(c, part, node, speak("field or fact"), word);
    return false;
}

/* ---- values ---- */

static const char *check_choice(struct compiler *c, const struct node *node, const char *text,
                                const Manual__Field *field) {
    struct table *known = ARENA_NEW(c->arena, struct table);

    for (size_t i = 0; i < field->n_choices; i++) {
        if (strcmp(field->choices[i]->key, text) == 0) {
            return text;
        }
        (void)table_put(c, known, field->choices[i]->key, field->choices[i], NULL);
    }
    if (field->n_choices > 0) {
        const struct table *tables[] = {known};
        compile_mistake(c, node, "\"%s\" is no value of \"%s\"%s", text, field->key,
                        compile_nearest(c, text, tables, 1));
    }
    return text;
}

static const char *check_number(struct compiler *c, const struct node *node, const char *text,
                                const Manual__Field *field) {
    const int64_t best_rating = 5, decimals = 1000000;
    int64_t number = 0;
    bool money = field->type == MANUAL__TYPE__MONEY;

    if (field->type == MANUAL__TYPE__DEC) {
        if (!compile_decimal(text, decimals, &number)) {
            compile_mistake(c, node, "wrong type: \"%s\" is a number, not \"%s\"", field->key,
                            text);
        }
        return text;
    }
    if (!compile_decimal(text, money ? 100 : 1, &number)) {
        compile_mistake(c, node, "wrong type: \"%s\" is %s, not \"%s\"", field->key,
                        money ? speak("a sum of money") : speak("a whole number"), text);
    } else if (field->type == MANUAL__TYPE__RATING5 && (number < 0 || number > best_rating)) {
        compile_mistake(c, node, "a rating is 0 to 5, not \"%s\"", text);
    }
    return money ? arena_text(c->arena, "%lld", (long long)number) : text;
}

/* Switch over all types, so that a new type is not forgotten here. */
const char *compile_value(struct compiler *c, const struct node *node, const Manual__Field *field) {
    const char *text = compile_text(c, node);
    const char *wanted = NULL;

    switch (field->type) {
    case MANUAL__TYPE__ENUM:
        return check_choice(c, node, text, field);
    case MANUAL__TYPE__INT:
    case MANUAL__TYPE__DEC:
    case MANUAL__TYPE__MONEY:
    case MANUAL__TYPE__RATING5:
        return check_number(c, node, text, field);
    case MANUAL__TYPE__BOOL:
        wanted = strcmp(text, "true") == 0 || strcmp(text, "false") == 0 ? NULL
                                                                         : speak("true or false");
        break;
    case MANUAL__TYPE__DATE:
        wanted = compile_date(text) ? NULL : speak("a day like 2025-07-01");
        break;
    case MANUAL__TYPE__TIME:
        wanted = compile_time_of_day(text) ? NULL : speak("a time of day like \"08:00\"");
        break;
    case MANUAL__TYPE__DT:
        wanted = speak("a time: $now or a field");
        break;
    case MANUAL__TYPE__STAFF:
    case MANUAL__TYPE__PERSON:
    case MANUAL__TYPE__SIGN:
        wanted = speak("a person: $actor or a field");
        break;
    case MANUAL__TYPE__LIST:
    case MANUAL__TYPE__CHECK:
        wanted = speak("a list: it grows by `row`");
        break;
    case MANUAL__TYPE__TEXT:
    case MANUAL__TYPE__LONG:
    case MANUAL__TYPE__PHONE:
    case MANUAL__TYPE__IDNO:
    case MANUAL__TYPE__UNIT:
    case MANUAL__TYPE__BUILDING:
    case MANUAL__TYPE__AREA:
    case MANUAL__TYPE__PLATE:
    case MANUAL__TYPE__DEPT:
    case MANUAL__TYPE__FILE:
    case MANUAL__TYPE__PHOTO:
    case MANUAL__TYPE__REF:
    case _MANUAL__TYPE_IS_INT_SIZE:
        break;
    }
    if (wanted && *text) {
        compile_mistake(c, node, "wrong type: \"%s\" is %s, not \"%s\"", field->key, wanted, text);
    }
    return text;
}

/* ---- limits ---- */

bool compile_param_known(struct compiler *c, const struct node *node, const char *key) {
    if (table_get(&c->parameters, key)) {
        return true;
    }
    compile_unknown(c, node, "parameter", key, &c->parameters);
    return false;
}

static bool field_has_classes(const Manual__Field *field, const Manual__Parameter *parameter) {
    for (size_t i = 0; i < parameter->n_value; i++) {
        const char *class_key = parameter->value[i]->class_;
        bool found = !*class_key || strcmp(class_key, "default") == 0;
        for (size_t f = 0; !found && f < field->n_choices; f++) {
            found = strcmp(field->choices[f]->key, class_key) == 0;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static bool has_classes(const Manual__Parameter *parameter) {
    return parameter->n_value > 1 || (parameter->n_value == 1 && *parameter->value[0]->class_);
}

static const char *classes_of(struct compiler *c, const Manual__Parameter *parameter) {
    const char *text = "";

    for (size_t i = 0; i < parameter->n_value; i++) {
        text = arena_text(c->arena, "%s%s%s", text, i ? ", " : "", parameter->value[i]->class_);
    }
    return text;
}

/* The enum field whose value is the class of this parameter. */
static const char *class_field(struct compiler *c, struct part *part, const struct node *node,
                               const Manual__Parameter *parameter) {
    const Manual__Field *found = NULL;

    if (!part || !has_classes(parameter)) {
        return "";
    }
    for (const struct table_entry *entry = part->fields.first; entry; entry = entry->next) {
        const Manual__Field *field = entry->value;
        if (field->type != MANUAL__TYPE__ENUM || !field_has_classes(field, parameter)) {
            continue;
        }
        if (found) {
            compile_mistake(c, node,
                            "the classes of \"%s\" fit \"%s\" and \"%s\": "
                            "say {parameter: %s, by: …}",
                            parameter->key, found->key, field->key, parameter->key);
            return found->key;
        }
        found = field;
    }
    if (!found) {
        compile_mistake(c, node, "the classes of \"%s\" (%s) fit no enum field of form %s",
                        parameter->key, classes_of(c, parameter), part->p->form);
    }
    return found ? found->key : "";
}

static void parameter_limit(struct compiler *c, const struct node *node, const char *key,
                            enum want want, Manual__Limit *limit) {
    const Manual__Parameter *parameter = table_get(&c->parameters, key);

    if (!compile_param_known(c, node, key)) {
        return;
    }
    bool time = strcmp(parameter->unit, "ms") == 0 || strcmp(parameter->unit, "wd") == 0;
    bool number = parameter->n_value > 0 && parameter->value[0]->n_number > 0;
    limit->parameter = parameter->key;
    limit->unit = parameter->unit;
    if (want == WANT_TIME && !time) {
        compile_mistake(c, node, "wrong limit: \"%s\" is no duration", key);
    } else if (want == WANT_NUMBER && (time || !number)) {
        compile_mistake(c, node, "wrong limit: \"%s\" is no number", key);
    }
}

/* A scalar: a term, a number or a parameter. */
static void plain_limit(struct compiler *c, struct part *part, const struct node *node,
                        enum want want, Manual__Limit *limit) {
    const char *text = compile_text(c, node);

    if (want == WANT_NUMBER && compile_decimal(text, 1, &limit->amount)) {
        return;
    }
    if (want == WANT_TIME && compile_term(text, &limit->amount, &limit->unit)) {
        return;
    }
    if (want == WANT_TIME && *text && text[strspn(text, "0123456789.")] == '\0') {
        compile_mistake(c, node, "wrong limit: \"%s\" needs a unit, like 15m, 24h, 3d or 3wd",
                        text);
        return;
    }
    if (*text && strspn(text, "0123456789") > 0) {
        compile_mistake(c, node, "wrong limit: \"%s\" is no %s", text,
                        want == WANT_TIME ? speak("duration like 15m, 24h, 3d or 3wd")
                                          : speak("number"));
        return;
    }
    if (*text) {
        parameter_limit(c, node, text, want, limit);
        const Manual__Parameter *parameter = table_get(&c->parameters, text);
        limit->class_field = parameter ? class_field(c, part, node, parameter) : "";
    }
}

static const char *enum_field(struct compiler *c, struct part *part, const struct node *by,
                              const Manual__Parameter *parameter) {
    const char *word = compile_text(c, by);
    const Manual__Field *field = part ? compile_field_of(part, word) : NULL;

    if (!field) {
        compile_unknown(c, by, "field", word, part ? &part->fields : &c->enums);
        return "";
    }
    if (field->type != MANUAL__TYPE__ENUM) {
        compile_mistake(c, by, "\"%s\" is no enum field", word);
    } else if (parameter && !field_has_classes(field, parameter)) {
        compile_mistake(c, by, "the classes of \"%s\" (%s) are not all values of \"%s\"",
                        parameter->key, classes_of(c, parameter), field->key);
    }
    return field->key;
}

static bool is_time(Manual__Type type) {
    return type == MANUAL__TYPE__DT || type == MANUAL__TYPE__DATE || type == MANUAL__TYPE__TIME;
}

/* {field: slot_from, plus: repair.slot_min} */
static void field_limit(struct compiler *c, struct part *part, const struct node *map,
                        Manual__Limit *limit) {
    const struct node *node = yaml_get(map, "field"), *plus = yaml_get(map, "plus");
    const struct node *minus = yaml_get(map, "minus");
    const char *word = compile_text(c, node);
    const Manual__Field *field = part ? compile_field_of(part, word) : NULL;
    Manual__Type type = field ? field->type : MANUAL__TYPE__TEXT;

    limit->unit = "ms";
    if (plus && minus) {
        compile_mistake(c, map, "wrong limit: either plus or minus");
    }
    if (plus || minus) {
        plain_limit(c, part, plus ? plus : minus, WANT_TIME, limit);
    }
    limit->minus = minus != NULL;
    limit->field = field ? field->key : word;
    if (!field && !case_subject(word, &type)) {
        compile_unknown(c, node, "field", word, &part->fields);
    } else if (!is_time(type)) {
        compile_mistake(c, node, "wrong limit: \"%s\" is no time", word);
    }
}

static Manual__Simple *branch_of(struct compiler *c, const struct node *map, const char *key) {
    Manual__Simple *simple = ARENA_NEW(c->arena, Manual__Simple);
    const struct node *node = yaml_get(map, key);
    const char *text = compile_text(c, node);
    const Manual__Parameter *parameter = table_get(&c->parameters, text);

    bool time = compile_time_of_day(parameter && parameter->n_value > 0 ? parameter->value[0]->text
                                                                        : text);

    manual__simple__init(simple);
    if (!node) {
        compile_mistake(c, map, "wrong limit: `before` needs then and else");
    } else if (time) {
        simple->unit = "next";
        simple->parameter = text;
    } else if (compile_term(text, &simple->amount, &simple->unit)) {
        return simple;
    } else if (!parameter) {
        (void)compile_param_known(c, node, text);
    } else {
        compile_mistake(c, node, "wrong limit: \"%s\" is no time of day", text);
    }
    return simple;
}

/* {before: "16:00", then: eod, else: repair.next_day_by} */
static void before_limit(struct compiler *c, const struct node *map, Manual__Limit *limit) {
    const struct node *node = yaml_get(map, "before");
    const Manual__Parameter *parameter = NULL;

    limit->before = compile_text(c, node);
    if (!compile_time_of_day(limit->before) && compile_param_known(c, node, limit->before)) {
        parameter = table_get(&c->parameters, limit->before);
        if (parameter->n_value == 0 || !compile_time_of_day(parameter->value[0]->text)) {
            compile_mistake(c, node, "wrong limit: \"%s\" is no time of day", limit->before);
        }
    }
    limit->then = branch_of(c, map, "then");
    limit->other = branch_of(c, map, "else");
}

/* Without its `when`. */
static Manual__Limit *limit_of(struct compiler *c, struct part *part, const struct node *node,
                               enum want want) {
    static const char *const keys[] = {"parameter", "by",   "field", "plus", "minus",
                                       "before",    "then", "else",  "when", NULL};
    Manual__Limit *limit = ARENA_NEW(c->arena, Manual__Limit);

    manual__limit__init(limit);
    if (node->kind != NODE_MAP) {
        plain_limit(c, part, node, want, limit);
        return limit;
    }
    (void)compile_keys(c, node, keys);
    const struct node *parameter = yaml_get(node, "parameter"), *by = yaml_get(node, "by");
    if (parameter) {
        const char *key = compile_text(c, parameter);
        parameter_limit(c, parameter, key, want, limit);
        const Manual__Parameter *found = table_get(&c->parameters, key);
        limit->class_field = by      ? enum_field(c, part, by, found)
                             : found ? class_field(c, part, parameter, found)
                                     : "";
    } else if (yaml_get(node, "field") && part) {
        field_limit(c, part, node, limit);
    } else if (yaml_get(node, "before")) {
        before_limit(c, node, limit);
    } else {
        compile_mistake(c, node, "wrong limit: say parameter, field or before");
    }
    return limit;
}

/* ---- conditions ---- */

static const char *term_value(struct compiler *c, struct part *part, const struct node *node,
                              const struct subject *subject) {
    const char *text = compile_text(c, node);

    if (*text == '$') {
        if (strcmp(text, "$actor") != 0) {
            compile_mistake(c, node, "a condition compares with a value or $actor, not with \"%s\"",
                            text);
        } else if (part && subject->type != MANUAL__TYPE__STAFF
                   && subject->type != MANUAL__TYPE__PERSON) {
            compile_mistake(c, node, "wrong type: \"%s\" is no person", subject->name);
        }
        return text;
    }
    if (!part) {
        return text;
    }
    if (strcmp(subject->name, "state") == 0 && !table_get(&part->states, text)) {
        compile_unknown(c, node, "state", text, &part->states);
        return text;
    }
    if (subject->field) {
        return compile_value(c, node, subject->field);
    }
    const char *dot = strchr(subject->name, '.');
    if (dot && strcmp(dot, ".role") == 0 && !table_get(&c->roles, text)) {
        compile_unknown(c, node, "role", text, &c->roles);
        return text;
    }
    Manual__Field typed = MANUAL__FIELD__INIT;
    typed.key = subject->name;
    typed.type = subject->type;
    return compile_value(c, node, &typed);
}

static void term_values(struct compiler *c, struct part *part, const struct node *node,
                        const struct subject *subject, Manual__Term *term) {
    term->one_of = COMPILE_ARRAY(c, const char, compile_count(node));
    for (const struct node *item = compile_first(node); item; item = compile_next(node, item)) {
        term->one_of[term->n_one_of++] = term_value(c, part, item, subject);
    }
    if (term->n_one_of == 0) {
        compile_mistake(c, node, "an empty list never holds");
    }
}

static bool is_number(Manual__Type type) {
    return type == MANUAL__TYPE__INT || type == MANUAL__TYPE__DEC || type == MANUAL__TYPE__MONEY
           || type == MANUAL__TYPE__RATING5 || type == MANUAL__TYPE__LIST;
}

static void term_limits(struct compiler *c, struct part *part, const struct node *node,
                        const struct subject *subject, Manual__Term *term) {
    const struct node *min = yaml_get(node, "min"), *max = yaml_get(node, "max");
    const struct node *within = yaml_get(node, "within"), *beyond = yaml_get(node, "beyond");

    if ((min || max) && part && subject->field && !is_number(subject->type)) {
        compile_mistake(c, min ? min : max, "wrong type: \"%s\" is no number", subject->name);
    }
    if ((within || beyond) && part && !is_time(subject->type)) {
        compile_mistake(c, within ? within : beyond, "wrong type: \"%s\" is no time",
                        subject->name);
    }
    term->min = min ? limit_of(c, part, min, WANT_NUMBER) : NULL;
    term->max = max ? limit_of(c, part, max, WANT_NUMBER) : NULL;
    term->within = within ? limit_of(c, part, within, WANT_TIME) : NULL;
    term->beyond = beyond ? limit_of(c, part, beyond, WANT_TIME) : NULL;
}

static Manual__Term *term_of(struct compiler *c, struct part *part, const struct node *node,
                             const char *const *extra) {
    static const char *const keys[] = {"not",    "min",     "max",    "within",
                                       "beyond", "present", "absent", NULL};
    Manual__Term *term = ARENA_NEW(c->arena, Manual__Term);
    struct subject subject = {node->key, MANUAL__TYPE__TEXT, NULL};

    manual__term__init(term);
    if (part && !subject_of(c, part, node, extra, &subject)) {
        return term;
    }
    struct part *typed = part && !(extra && compile_one_of(node->key, extra)) ? part : NULL;
    term->subject = subject.name;
    if (node->kind != NODE_MAP) {
        term_values(c, typed, node, &subject, term);
        return term;
    }
    if (!compile_keys(c, node, keys) || node->count == 0) {
        compile_mistake(c, node, "nothing is asked of \"%s\"", node->key);
        return term;
    }
    if (yaml_get(node, "not")) {
        term->negate = true;
        term_values(c, typed, yaml_get(node, "not"), &subject, term);
    }
    term_limits(c, typed, node, &subject, term);
    const struct node *present = yaml_get(node, "present"), *absent = yaml_get(node, "absent");
    bool is = compile_flag(c, present), is_not = compile_flag(c, absent);
    term->present = is || (absent && !is_not);
    term->absent = is_not || (present && !is);
    return term;
}

Manual__Any **compile_when(struct compiler *c, struct part *part, const struct node *node,
                           const char *const *extra, size_t *count) {
    Manual__Any **list = COMPILE_ARRAY(c, Manual__Any, compile_count(node));

    *count = 0;
    for (const struct node *item = compile_first(node); item; item = compile_next(node, item)) {
        if (!compile_is_map(c, item)) {
            continue;
        }
        Manual__Any *any = ARENA_NEW(c->arena, Manual__Any);
        manual__any__init(any);
        any->all = COMPILE_ARRAY(c, Manual__Term, item->count);
        for (const struct node *term = item->first; term; term = term->next) {
            any->all[any->n_all++] = term_of(c, part, term, extra);
        }
        list[(*count)++] = any;
    }
    return list;
}

Manual__Limit *compile_limit(struct compiler *c, struct part *part, const struct node *node,
                             enum want want) {
    Manual__Limit *limit = limit_of(c, part, node, want);

    if (part) {
        limit->when = compile_when(c, part, yaml_get(node, "when"), NULL, &limit->n_when);
    }
    return limit;
}
