/* Names, times and people as rehearsals write them. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/speak.h"
#include "base/text.h"
#include "core/event.h"
#include "host/rehearse_private.h"

enum {
    NAME_MAX_LEN = 80,
    MINUTE_MS = 60 * 1000,
    ROLES_MAX = TOKEN_ROLES_MAX,
    TEN = 10,
    HOUR_MAX = 23,
    MINUTE_MAX = 59,
    MONTH_MAX = 12,
    DAY_MAX = 31,
};

static const int64_t hour_ms = INT64_C(3600000);
static const int64_t day_ms = INT64_C(86400000);

/* ---- text ---- */

static const struct saved *saved_named(const struct rehearse *r, const char *name, size_t length) {
    for (size_t i = r->saved_count; i > 0; i--) {
        const struct saved *saved = &r->saved[i - 1];
        if (strlen(saved->name) == length && strncmp(saved->name, name, length) == 0) {
            return saved;
        }
    }
    return NULL;
}

static size_t word_length(const char *text) {
    size_t length = 0;

    while (isalnum((unsigned char)text[length]) || text[length] == '_') {
        length++;
    }
    return length;
}

static const char *plain_text(struct rehearse *r, json_t *value) {
    if (json_is_string(value)) {
        return arena_text(r->arena, "%s", json_string_value(value));
    }
    if (json_is_integer(value)) {
        return arena_text(r->arena, "%lld", (long long)json_integer_value(value));
    }
    return json_is_boolean(value) ? (json_is_true(value) ? "true" : "false") : NULL;
}

static const char *value_text_of(struct rehearse *r, const Wire__Value *value) {
    switch (value->kind_case) {
    case WIRE__VALUE__KIND_TEXT:
        return value->text;
    case WIRE__VALUE__KIND_INTEGER:
        return arena_text(r->arena, "%lld", (long long)value->integer);
    case WIRE__VALUE__KIND_FLAG:
        return value->flag ? "true" : "false";
    case WIRE__VALUE__KIND_MS:
        return text_time(value->ms, r->offset_min, r->arena);
    case WIRE__VALUE__KIND_SEALED:
    case WIRE__VALUE__KIND_ROWS:
    case WIRE__VALUE__KIND__NOT_SET:
    case _WIRE__VALUE__KIND__CASE_IS_INT_SIZE:
        break;
    }
    return NULL;
}

/* `$x.word`: the contact, a child, a value of the reply, or a value of the case. */
static const char *part_of(struct rehearse *r, const struct saved *saved, const char *word,
                           size_t n, int line) {
    bool is_contact = strcmp(word, "contact") == 0 && saved->contact_no;

    if (is_contact) {
        return saved->contact_no;
    }
    if (manual_procedure(r->manual, word)) {
        const char *related = saved->case_no ? rehearse_related(r, saved->case_no, word, n) : NULL;
        if (!related) {
            (void)rehearse_fail(r, line, "$%s has no %s%s", saved->name, word,
                                n ? speak(" of that number") : "");
        }
        return related;
    }
    json_t *in_reply = json_object_get(saved->reply, word);
    const char *text = plain_text(r, in_reply);
    if (text || !saved->case_no) {
        if (!text) {
            (void)rehearse_fail(r, line, "$%s has no %s", saved->name, word);
        }
        return text;
    }
    const Cases__Case *found = rehearse_load(r, saved->case_no, line);
    const Wire__Value *value = found ? rehearse_value(r, found, word) : NULL;
    text = value ? value_text_of(r, value) : NULL;
    if (found && !text) {
        (void)rehearse_fail(r, line, "$%s (%s) has no %s", saved->name, saved->case_no, word);
    }
    return text;
}

/* `.word` or `.word[n]` at `*at`; 0 if there is none. */
static size_t next_word(const char **at, char *word, size_t size, size_t *n) {
    size_t length = (*at)[0] == '.' ? word_length(*at + 1) : 0;

    *n = 0;
    if (length == 0 || length >= size) {
        return 0;
    }
    (void)snprintf(word, size, "%.*s", (int)length, *at + 1);
    *at += length + 1;
    if ((*at)[0] == '[' && isdigit((unsigned char)(*at)[1])) {
        char *end = NULL;
        *n = strtoul(*at + 1, &end, 10);
        *at = end + (*end == ']');
    }
    return length;
}

/* One $name at `text`; *used tells how much of it the name is.  $x.repair.return_visit
 * goes on from case to case. */
static const char *resolve(struct rehearse *r, const char *text, size_t *used, int line) {
    size_t length = word_length(text + 1);
    const struct saved *saved = saved_named(r, text + 1, length);
    const char *at = text + 1 + length;
    char word[NAME_MAX_LEN];
    size_t n = 0;

    if (!saved) {
        (void)rehearse_fail(r, line, "nothing was saved as $%.*s", (int)length, text + 1);
        return NULL;
    }
    struct saved now = *saved;
    const char *found = now.case_no ? now.case_no : now.contact_no;
    while (next_word(&at, word, sizeof word, &n) > 0) {
        found = part_of(r, &now, word, n, line);
        if (!found) {
            return NULL;
        }
        now.case_no = found;
        now.contact_no = NULL;
        now.reply = NULL;
    }
    if (!found) {
        (void)rehearse_fail(r, line, "$%s names no case or record", saved->name);
    }
    *used = (size_t)(at - text);
    return found;
}

static bool append(struct rehearse *r, int line, char *made, size_t *size, const char *text,
                   size_t length) {
    if (*size + length + 1 > REHEARSE_TEXT_MAX) {
        (void)rehearse_fail(r, line, "this text is longer than %d bytes", REHEARSE_TEXT_MAX);
        return false;
    }
    memcpy(made + *size, text, length);
    *size += length;
    made[*size] = '\0';
    return true;
}

/* {i} and {unit} first, so that they may stand in a name. */
static bool put_loop(struct rehearse *r, const struct node *node, char *made) {
    size_t size = 0;

    made[0] = '\0';
    for (const char *at = node->text; *at;) {
        char number[24];
        const char *put = NULL;
        size_t used = 1;
        if (strncmp(at, "{i}", 3) == 0 && r->loop_i > 0) {
            (void)snprintf(number, sizeof number, "%zu", r->loop_i);
            put = number;
            used = 3;
        } else if (strncmp(at, "{unit}", 6) == 0 && r->loop_unit) {
            put = r->loop_unit;
            used = 6;
        }
        if (!append(r, node->line, made, &size, put ? put : at, put ? strlen(put) : 1)) {
            return false;
        }
        at += used;
    }
    return true;
}

const char *rehearse_text(struct rehearse *r, const struct node *node) {
    char plain[REHEARSE_TEXT_MAX];
    char made[REHEARSE_TEXT_MAX];
    size_t size = 0;

    if (!node || node->kind != NODE_TEXT) {
        (void)rehearse_fail(r, node ? node->line : 0, "a text is wanted here");
        return NULL;
    }
    if (!put_loop(r, node, plain)) {
        return NULL;
    }
    for (const char *at = plain; *at;) {
        const char *put = NULL;
        size_t used = 1;
        if (at[0] == '$' && word_length(at + 1) > 0 && !isdigit((unsigned char)at[1])) {
            put = resolve(r, at, &used, node->line);
            if (!put) {
                return NULL;
            }
        }
        if (!append(r, node->line, made, &size, put ? put : at, put ? strlen(put) : 1)) {
            return NULL;
        }
        at += used;
    }
    return arena_copy(r->arena, made, size);
}

const struct node *rehearse_get(const struct rehearse *r, const char *key) {
    const struct node *over = yaml_get(r->changed, key);

    return over ? over : yaml_get(r->step, key);
}

const char *rehearse_key(struct rehearse *r, const struct node *map, const char *key,
                         const char *none) {
    const struct node *node = yaml_get(map, key);

    return node ? rehearse_text(r, node) : none;
}

/* ---- times ---- */

bool rehearse_span(const char *text, int64_t *ms) {
    int64_t total = 0;

    if (!*text) {
        return false;
    }
    while (*text) {
        char *end = NULL;
        if (!isdigit((unsigned char)*text)) {
            return false;
        }
        int64_t number = strtoll(text, &end, 10);
        int64_t unit = *end == 's'   ? 1000
                       : *end == 'm' ? MINUTE_MS
                       : *end == 'h' ? hour_ms
                       : *end == 'd' ? day_ms
                                     : 0;
        const int64_t most = 100000;
        if (unit == 0 || number > most) {
            return false;
        }
        total += number * unit;
        text = end + 1;
    }
    *ms = total;
    return true;
}

/* Two digits at `*text`, no more than `most`; then it stands behind them. */
static bool two_digits(const char **text, int most, int *number) {
    const char *at = *text;

    if (!isdigit((unsigned char)at[0]) || !isdigit((unsigned char)at[1])
        || isdigit((unsigned char)at[2])) {
        return false;
    }
    *number = (at[0] - '0') * TEN + (at[1] - '0');
    *text = at + 2;
    return *number <= most;
}

/* "22:14" or "22:14:30" and nothing behind: milliseconds of the day. */
static bool time_of_day(const char *text, int64_t *ms) {
    int hour = 0;
    int minute = 0;
    int second = 0;

    if (!two_digits(&text, HOUR_MAX, &hour) || *text++ != ':'
        || !two_digits(&text, MINUTE_MAX, &minute)) {
        return false;
    }
    if (*text == ':') {
        text++;
        if (!two_digits(&text, MINUTE_MAX, &second)) {
            return false;
        }
    }
    *ms = hour * hour_ms + (int64_t)minute * MINUTE_MS + (int64_t)second * 1000;
    return *text == '\0';
}

static int64_t day_start(const struct rehearse *r, int64_t day) {
    return day * day_ms - (int64_t)r->offset_min * MINUTE_MS;
}

bool rehearse_time(const struct rehearse *r, const char *text, int64_t from_ms, int64_t *ms) {
    int64_t part = 0;
    int month = 0;
    int mday = 0;

    if (text[0] == '+') {
        if (!rehearse_span(text + 1, &part)) {
            return false;
        }
        *ms = from_ms + part;
        return true;
    }
    if (text_time_read(text, ms)) {
        return true;
    }
    int64_t day = text_day(from_ms, r->offset_min);
    if (time_of_day(text, &part)) {
        *ms = day_start(r, day) + part;
        *ms += *ms < from_ms ? day_ms : 0;
        return true;
    }
    if (!two_digits(&text, MONTH_MAX, &month) || *text++ != '-'
        || !two_digits(&text, DAY_MAX, &mday) || month == 0 || mday == 0) {
        return false;
    }
    text += strspn(text, " T");
    if (*text && !time_of_day(text, &part)) {
        return false;
    }
    int year = 0;
    int now_month = 0;
    int unused = 0;
    const int half_year = 6;
    text_day_parts(day, &year, &now_month, &unused, &unused);
    year += month + half_year < now_month ? 1 : 0; /* "01-05" said in December */
    *ms = day_start(r, text_day_of(year, month, mday)) + part;
    return true;
}

int64_t rehearse_near(const struct rehearse *r) {
    return r->stage && r->stage->near_ms > 0 ? r->stage->near_ms : REHEARSE_NEAR_MS;
}

bool rehearse_is_time(const struct rehearse *r, const char *text, int64_t ms, int64_t near_ms) {
    int64_t part = 0;
    int64_t want = 0;

    if (time_of_day(text, &part)) {
        int64_t day = text_day(ms, r->offset_min);
        int64_t apart = ms - near_ms;
        want = day_start(r, day) + part;
        if (apart < -day_ms || apart > day_ms) {
            return false; /* a time of day means one within a day */
        }
    } else if (!rehearse_time(r, text, near_ms, &want)) {
        return false;
    }
    return ms - want <= rehearse_near(r) && want - ms <= rehearse_near(r);
}

const char *rehearse_show_time(const struct rehearse *r, int64_t ms) {
    const size_t seconds = sizeof "2025-07-11T22:14:00" - 1;
    const size_t year = sizeof "2025-" - 1;
    char *text = text_time(ms, r->offset_min, r->scratch);

    text[seconds] = '\0';
    text[year + sizeof "07-11" - 1] = ' ';
    return text + year;
}

/* ---- who ---- */

const struct member *rehearse_member(const struct rehearse *r, const char *name_or_no) {
    for (size_t i = r->staff_count; i > 0; i--) {
        const struct member *member = &r->staff[i - 1];
        if (strcmp(member->no, name_or_no) == 0 || strcmp(member->name, name_or_no) == 0) {
            return member;
        }
    }
    return NULL;
}

const char *rehearse_staff_no(const struct rehearse *r, const char *name_or_no) {
    const struct member *member = rehearse_member(r, name_or_no);

    return member ? member->no : name_or_no;
}

const char *rehearse_staff_name(const struct rehearse *r, const char *no) {
    const struct member *member = rehearse_member(r, no);

    return member ? member->name : no;
}

/* The role of a household's member is what he is there (owner, tenant, …), where the
 * manual has such a role. */
static const char *household_role(const struct rehearse *r, const char *unit) {
    for (size_t i = 0; i < r->event_count; i++) {
        const Wire__Event *event = r->events[i].event;
        const char *identity = value_text(event->fields, event->n_fields, "identity");
        if (strcmp(event->topic, "person.changed") == 0 && manual_role(r->manual, identity)
            && strcmp(value_text(event->fields, event->n_fields, "unit"), unit) == 0) {
            return identity;
        }
    }
    return NULL;
}

static int as_somebody(struct rehearse *r, const struct node *as, struct rehearsal_caller *caller) {
    const struct node *unit = yaml_get(as, "resident");
    const struct node *outsider = yaml_get(as, "outsider");
    const char *text = unit || outsider ? rehearse_text(r, unit ? unit : outsider) : NULL;

    if (!text) {
        return unit || outsider ? -1
                                : rehearse_fail(r, as->line,
                                                "`as` is a staff name, system, {outsider: NAME} or "
                                                "{resident: UNIT}");
    }
    const char *role = unit ? household_role(r, text) : NULL;
    const char **roles = arena_alloc(r->arena, sizeof(*roles));
    roles[0] = role;
    caller->staff = arena_text(r->arena, "%s:%s", unit ? "customer" : "outsider", text);
    caller->roles = roles;
    caller->role_count = role ? 1 : 0;
    return 0;
}

/* In the language of the refusal that the step expects, so that it holds whatever the
 * timeline is read in; else in that of the timeline. */
static const char *asked_in(const struct rehearse *r) {
    enum { HAN_FIRST = 0xE4, HAN_LAST = 0xE9 }; /* how the common characters begin in UTF-8 */
    const struct node *expect = yaml_get(r->changed ? r->again : r->step, "expect");

    for (const struct node *one = expect ? expect->first : NULL; one; one = one->next) {
        const struct node *says = yaml_get(one, "says");
        for (const char *c = says && says->kind == NODE_TEXT ? says->text : NULL; c; c++) {
            unsigned char byte = (unsigned char)*c;
            if (byte == 0) {
                return "en";
            }
            if (byte >= HAN_FIRST && byte <= HAN_LAST) {
                return "zh";
            }
        }
    }
    return r->options->locale;
}

int rehearse_caller(struct rehearse *r, const struct node *as, struct rehearsal_caller *caller) {
    static const char *const system_roles[] = {"system"};

    *caller = (struct rehearsal_caller){
        .estate = r->estate, .locale = asked_in(r), .generation = 1};
    if (!as) {
        return rehearse_fail(r, r->step->line, "this step needs `as: NAME`");
    }
    if (as->kind == NODE_MAP) {
        return as_somebody(r, as, caller);
    }
    const char *name = rehearse_text(r, as);
    if (!name) {
        return -1;
    }
    if (strcmp(name, "system") == 0) {
        caller->staff = "system";
        caller->roles = system_roles;
        caller->role_count = 1;
        return 0;
    }
    const struct member *member = rehearse_member(r, name);
    if (!member) {
        return rehearse_fail(r, as->line, "there is no employee %s", name);
    }
    caller->staff = member->no;
    caller->roles = member->roles;
    caller->role_count = member->role_count;
    return 0;
}

/* Reads everything: with every role there is. */
struct rehearsal_caller rehearse_reader(struct rehearse *r) {
    const Manual__Roles *roles = r->manual ? manual_roles(r->manual) : NULL;
    struct rehearsal_caller reader = {
        .staff = "system", .estate = r->estate, .generation = 1, .locale = "zh"};
    size_t count = roles ? roles->n_role : 0;
    const char **list = arena_alloc(r->scratch, (ROLES_MAX + 1) * sizeof(*list));

    for (; reader.role_count < count && reader.role_count < ROLES_MAX; reader.role_count++) {
        list[reader.role_count] = roles->role[reader.role_count]->key;
    }
    reader.roles = list;
    return reader;
}
