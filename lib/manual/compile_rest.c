/*
 * compile_rest - parameters, roles, the calendar and the rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/speak.h"
#include "base/text.h"
#include "manual/compile_parts.h"

enum { HOLIDAYS_MAX = 2000, OFFSET_MAX_MIN = 14 * 60 };

static const int64_t cents = 100;

/* ---- parameters ---- */

/* The unit that the key's last word says: how many ms one of it is; 0: none. */
static int64_t unit_of(const char *key, const char **unit) {
    static const struct {
        const char *end;
        const char *unit;
        int64_t ms;
    } units[] = {{"_work_d", "wd", 1},  {"_wd", "wd", 1},       {"_min", "ms", 60000},
                 {"_h", "ms", 3600000}, {"_d", "ms", 86400000}, {"_s", "ms", 1000}};
    size_t length = strlen(key);

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t end = strlen(units[i].end);
        if (length > end && strcmp(key + length - end, units[i].end) == 0) {
            *unit = units[i].unit;
            return units[i].ms;
        }
    }
    *unit = "";
    return 0;
}

/* One number of a parameter.  False: it is text. */
static bool number_of(struct compiler *c, const struct node *node, Manual__Parameter *parameter,
                      int64_t *number) {
    static const char yen[] = "¥";
    const char *text = compile_text(c, node), *unit = NULL, *key_unit = NULL;
    int64_t scale = unit_of(parameter->key, &key_unit);

    if (strncmp(text, yen, strlen(yen)) == 0) {
        parameter->unit = "cents";
        if (!compile_decimal(text + strlen(yen), cents, number)) {
            compile_mistake(c, node, "\"%s\" is no sum of money", text);
        }
        return true;
    }
    if (compile_decimal(text, scale ? scale : 1, number)) {
        parameter->unit = key_unit;
        return true;
    }
    if (compile_term(text, number, &unit) && strcmp(unit, "eod") != 0) {
        if (*key_unit && strcmp(unit, key_unit) != 0) {
            compile_mistake(c, node, "\"%s\" counts %s, but \"%s\" counts %s", parameter->key,
                            strcmp(key_unit, "wd") == 0 ? speak("working days") : speak("time"),
                            text, strcmp(unit, "wd") == 0 ? speak("working days") : speak("time"));
        }
        parameter->unit = unit;
        return true;
    }
    if (scale != 0 && !compile_time_of_day(text)) {
        compile_mistake(c, node, "\"%s\" is no number of \"%s\"", text, parameter->key);
    }
    return false;
}

static Manual__ClassValue *value_of(struct compiler *c, const struct node *node,
                                    const char *class_key, Manual__Parameter *parameter) {
    Manual__ClassValue *value = ARENA_NEW(c->arena, Manual__ClassValue);
    char *joined = NULL;

    manual__class_value__init(value);
    value->class_ = class_key;
    value->number = arena_alloc(c->arena, (compile_count(node) + 1) * sizeof(int64_t));
    for (const struct node *item = compile_first(node); item; item = compile_next(node, item)) {
        int64_t number = 0;
        if (number_of(c, item, parameter, &number)) {
            value->number[value->n_number++] = number;
        } else {
            const char *text = compile_text(c, item);
            joined = joined ? arena_text(c->arena, "%s;%s", joined, text)
                            : arena_text(c->arena, "%s", text);
        }
    }
    if (joined && value->n_number > 0) {
        compile_mistake(c, node, "\"%s\" mixes numbers and words", parameter->key);
    }
    value->text = joined ? joined : "";
    return value;
}

/* repair.ack_min, satisfied_from: words of small letters with dots between. */
static void check_key(struct compiler *c, const struct node *node) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";
    const char *key = node->key;

    if (key[0] < 'a' || key[0] > 'z' || key[strspn(key, letters)] != '\0') {
        compile_mistake_key(c, node, "\"%s\" is no key: small letters, digits, _ and .", key);
    }
}

Manual__Parameter *compile_parameter(struct compiler *c, const struct node *node) {
    Manual__Parameter *parameter = ARENA_NEW(c->arena, Manual__Parameter);

    manual__parameter__init(parameter);
    check_key(c, node);
    parameter->key = node->key;
    if (node->kind != NODE_MAP) {
        parameter->value = COMPILE_ARRAY(c, Manual__ClassValue, 1);
        parameter->value[parameter->n_value++] = value_of(c, node, "", parameter);
        return parameter;
    }
    parameter->value = COMPILE_ARRAY(c, Manual__ClassValue, node->count);
    for (const struct node *item = node->first; item; item = item->next) {
        if (item->kind == NODE_MAP) {
            compile_mistake(c, item, "a class has one value or a list, no map");
            continue;
        }
        parameter->value[parameter->n_value++] = value_of(c, item, item->key, parameter);
    }
    if (node->count == 0) {
        compile_mistake(c, node, "\"%s\" has no value", node->key);
    }
    return parameter;
}

void compile_parameters(struct compiler *c, struct source *source) {
    c->file = source->name;
    if (!compile_is_map(c, source->root)) {
        return;
    }
    Manual__Parameters *parameters = ARENA_NEW(c->arena, Manual__Parameters);
    manual__parameters__init(parameters);
    parameters->parameter = COMPILE_ARRAY(c, Manual__Parameter, source->root->count);
    for (struct node *node = source->root->first; node; node = node->next) {
        Manual__Parameter *parameter = compile_parameter(c, node);
        parameters->parameter[parameters->n_parameter++] = parameter;
        (void)table_put(c, &c->parameters, node->key, parameter, node);
    }
    source->file->parameters = parameters;
}

/* ---- roles ---- */

static Manual__Role *role_of(struct compiler *c, const struct node *node) {
    static const char *const keys[] = {"zh", "en", "scope", "post", "also", NULL};
    static const char *const scopes[] = {"estate", "area", "own", "shift", "all", "customer", NULL};
    Manual__Role *role = ARENA_NEW(c->arena, Manual__Role);

    manual__role__init(role);
    role->key = node->key;
    (void)compile_word(c, node, node->key);
    if (!compile_keys(c, node, keys)) {
        return role;
    }
    role->name = compile_name(c, node);
    role->scope = compile_text(c, yaml_get(node, "scope"));
    role->post = compile_text(c, yaml_get(node, "post"));
    if (!compile_one_of(role->scope, scopes)) {
        compile_mistake_key(c, node, "role \"%s\": unknown scope \"%s\"%s", role->key, role->scope,
                            compile_nearest_word(c, role->scope, scopes));
    }
    role->also = compile_texts(c, yaml_get(node, "also"), &role->n_also);
    for (size_t i = 0; i < role->n_also; i++) {
        if (table_put(c, &c->roles, role->also[i], role, node)) {
            compile_mistake(c, yaml_get(node, "also"), "\"%s\" is a role already", role->also[i]);
        }
    }
    return role;
}

static void check_role(struct compiler *c, const struct node *node, const char *role) {
    if (*role && strcmp(role, "staff") != 0 && !table_get(&c->roles, role)) {
        compile_unknown(c, node, "role", role, &c->roles);
    }
}

static void permissions_of(struct compiler *c, const struct node *map, Manual__Roles *roles) {
    if (!map || !compile_is_map(c, map)) {
        return;
    }
    roles->permission = COMPILE_ARRAY(c, Manual__Permission, map->count);
    for (const struct node *node = map->first; node; node = node->next) {
        Manual__Permission *permission = ARENA_NEW(c->arena, Manual__Permission);
        manual__permission__init(permission);
        permission->act = node->key;
        check_key(c, node);
        permission->role = compile_texts(c, node, &permission->n_role);
        for (const struct node *item = compile_first(node); item; item = compile_next(node, item)) {
            check_role(c, item, compile_text(c, item));
        }
        roles->permission[roles->n_permission++] = permission;
    }
}

static void heads_of(struct compiler *c, const struct node *map, Manual__Roles *roles) {
    if (!map || !compile_is_map(c, map)) {
        return;
    }
    roles->head = COMPILE_ARRAY(c, Manual__Head, map->count);
    for (const struct node *node = map->first; node; node = node->next) {
        Manual__Head *head = ARENA_NEW(c->arena, Manual__Head);
        manual__head__init(head);
        head->dept = node->key;
        head->role = compile_text(c, node);
        check_role(c, node, head->role);
        roles->head[roles->n_head++] = head;
    }
}

void compile_roles(struct compiler *c, struct source *source) {
    static const char *const keys[] = {"roles", "permissions", "heads", NULL};
    const struct node *map = yaml_get(source->root, "roles");

    c->file = source->name;
    if (!compile_keys(c, source->root, keys)) {
        return;
    }
    if (!map || !compile_is_map(c, map)) {
        compile_mistake(c, source->root, "there are no roles");
        return;
    }
    Manual__Roles *roles = ARENA_NEW(c->arena, Manual__Roles);
    manual__roles__init(roles);
    roles->role = COMPILE_ARRAY(c, Manual__Role, map->count);
    for (const struct node *node = map->first; node; node = node->next) {
        Manual__Role *role = role_of(c, node);
        roles->role[roles->n_role++] = role;
        if (table_put(c, &c->roles, node->key, role, node)) {
            compile_mistake_key(c, node, "\"%s\" is a role already", node->key);
        }
    }
    permissions_of(c, yaml_get(source->root, "permissions"), roles);
    heads_of(c, yaml_get(source->root, "heads"), roles);
    source->file->roles = roles;
}

/* ---- calendar ---- */

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "2025-01-28..2025-02-04", or one day. */
static void add_days(struct compiler *c, const struct node *node, const char **list,
                     size_t *count) {
    enum { DATE_SIZE = 10, RANGE_SIZE = 2 * DATE_SIZE + 2 };
    const char *text = compile_text(c, node);
    const char *first = arena_text(c->arena, "%.*s", DATE_SIZE, text), *last = first;

    if (strlen(text) == RANGE_SIZE && strncmp(text + DATE_SIZE, "..", 2) == 0) {
        last = text + DATE_SIZE + 2;
    } else if (strlen(text) != DATE_SIZE) {
        first = "";
    }
    int64_t begin = 0, end = 0;
    if (!text_date_read(first, &begin) || !text_date_read(last, &end) || begin > end) {
        compile_mistake(c, node, "\"%s\" is no day (2025-10-01) or range of days", text);
        return;
    }
    for (int64_t day = begin; day <= end; day++) {
        int year = 0, month = 0, mday = 0, weekday = 0;
        if (*count == HOLIDAYS_MAX) {
            compile_mistake(c, node, "more than %d days", HOLIDAYS_MAX);
            return;
        }
        text_day_parts(day, &year, &month, &mday, &weekday);
        list[(*count)++] = arena_text(c->arena, "%04d-%02d-%02d", year, month, mday);
    }
}

static const char **days_of(struct compiler *c, const struct node *node, size_t *count) {
    const char **list = COMPILE_ARRAY(c, const char, HOLIDAYS_MAX);

    *count = 0;
    for (const struct node *item = compile_first(node); item; item = compile_next(node, item)) {
        add_days(c, item, list, count);
    }
    if (*count > 1) {
        qsort(list, *count, sizeof *list, compare_texts);
    }
    return list;
}

/* "+08:00" in minutes. */
static int32_t offset_of(struct compiler *c, const struct node *root) {
    const struct node *node = yaml_get(root, "offset");
    const char *text = compile_text(c, node);

    if (!node || (*text != '+' && *text != '-') || !compile_time_of_day(text + 1)) {
        compile_mistake(c, node ? node : root,
                        "the estate's offset from UTC must be like \"+08:00\"");
        return 0;
    }
    int hours = (text[1] - '0') * 10 + (text[2] - '0');
    int minutes = hours * 60 + (text[4] - '0') * 10 + (text[5] - '0');
    if (minutes > OFFSET_MAX_MIN) {
        compile_mistake(c, node, "no place is %s from UTC", text);
    }
    return *text == '-' ? -minutes : minutes;
}

void compile_calendar(struct compiler *c, struct source *source) {
    static const char *const keys[] = {"offset", "holidays", "workdays", NULL};
    Manual__Calendar *calendar = ARENA_NEW(c->arena, Manual__Calendar);

    c->file = source->name;
    if (!compile_keys(c, source->root, keys)) {
        return;
    }
    manual__calendar__init(calendar);
    calendar->utc_offset_min = offset_of(c, source->root);
    calendar->holiday = days_of(c, yaml_get(source->root, "holidays"), &calendar->n_holiday);
    calendar->workday = days_of(c, yaml_get(source->root, "workdays"), &calendar->n_workday);
    for (size_t i = 0; i < calendar->n_workday; i++) {
        if (calendar->n_holiday > 0
            && bsearch(&calendar->workday[i], calendar->holiday, calendar->n_holiday,
                       sizeof *calendar->holiday, compare_texts)) {
            compile_mistake(c, yaml_get(source->root, "workdays"),
                            "%s is a holiday and a make-up workday", calendar->workday[i]);
        }
    }
    source->file->calendar = calendar;
}
