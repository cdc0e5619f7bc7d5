/* What steps do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/json.h"
#include "base/text.h"
#include "engine/form.h"
#include "host/import.h"
#include "host/methods.h"
#include "host/rehearse_private.h"
#include "shouwen/bus/v1/bus.pb-c.h"
#include "shouwen/notify/v1/notify.pb-c.h"

enum { PATH_MAX_BYTES = 800 };

/* Texts of the contract are never NULL. */
static const char *text_or_none(const char *text) {
    return text ? text : "";
}

static int send(struct rehearse *r, const char *service, const char *method,
                const ProtobufCMessage *request, struct outcome *outcome) {
    struct rehearsal_caller caller;
    struct err err = {0};

    if (rehearse_caller(r, rehearse_get(r, "as"), &caller)) {
        return -1;
    }
    if (rehearse_ask(r, &caller, service, method, request, outcome, &err)) {
        r->broken = true;
        return rehearse_fail(r, r->step->line, "%s", err.args);
    }
    return 0;
}

/* The text of a step's key; *bad is set (and reported) when it cannot be made. */
static const char *key_of(struct rehearse *r, const char *key, bool *bad) {
    const struct node *node = rehearse_get(r, key);
    const char *text = node ? rehearse_text(r, node) : "";

    *bad = *bad || !text;
    return text_or_none(text);
}

static int event_time(struct rehearse *r, int64_t *ms) {
    const struct node *given = rehearse_get(r, "event_at");
    /* Whoever had no network says when it began; his entries are of then. */
    const struct node *node = given ? given : rehearse_get(r, "offline_since");
    const int64_t day_ms = INT64_C(86400000);

    *ms = 0;
    if (!node) {
        return 0;
    }
    const char *text = rehearse_text(r, node);
    if (!text) {
        return -1;
    }
    bool back = text[0] == '-' && rehearse_span(text + 1, ms);
    if (back) {
        *ms = r->now_ms - *ms;
        return 0;
    }
    if (!rehearse_time(r, text, r->now_ms, ms)) {
        return rehearse_fail(r, node->line, "\"%s\" is no time", text);
    }
    /* Late entry is about the past: a time of day is the last such one. */
    if (*ms > r->now_ms && !strchr(text, '-')) {
        *ms -= day_ms;
    }
    return 0;
}

static int caller_of(struct rehearse *r, Cases__Caller *caller, Cases__Caller **used) {
    const struct node *node = rehearse_get(r, "caller");

    *used = NULL;
    if (!node) {
        return 0;
    }
    const char *name = rehearse_key(r, node, "name", "");
    const char *phone = rehearse_key(r, node, "phone", "");
    const char *identity = rehearse_key(r, node, "identity", "");
    if (!name || !phone || !identity) {
        return -1;
    }
    cases__caller__init(caller);
    caller->name = name;
    caller->phone = phone;
    caller->identity = identity;
    *used = caller;
    return 0;
}

/* `fields`, with those of `changed` over them. */
static int fields_of(struct rehearse *r, const char *procedure, Wire__Value ***list,
                     size_t *count) {
    const struct node *base = yaml_get(r->step, "fields");
    const struct node *over = yaml_get(r->changed, "fields");
    Wire__Value **more = NULL;
    size_t more_count = 0;

    if (rehearse_fields(r, base, procedure, list, count)) {
        return -1;
    }
    if (!over) {
        return 0;
    }
    if (rehearse_fields(r, over, procedure, &more, &more_count)) {
        return -1;
    }
    Wire__Value **all = arena_alloc(r->arena, (*count + more_count + 1) * sizeof(*all));
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (!yaml_get(over, (*list)[i]->key)) {
            all[kept++] = (*list)[i];
        }
    }
    for (size_t i = 0; i < more_count; i++) {
        all[kept++] = more[i];
    }
    *list = all;
    *count = kept;
    return 0;
}

static const char *resident_of(struct rehearse *r) {
    const struct node *resident = yaml_get(rehearse_get(r, "as"), "resident");

    return resident ? text_or_none(rehearse_text(r, resident)) : "";
}

/* ---- cases ---- */

static int act_open(struct rehearse *r, const struct node *node, struct outcome *outcome) {
    Cases__OpenCaseRequest request = CASES__OPEN_CASE_REQUEST__INIT;
    Cases__Caller caller;
    const char *procedure = rehearse_text(r, node);
    const char *service = procedure ? rehearse_owner(r, procedure) : NULL;
    bool bad = false;

    if (!service) {
        return procedure ? rehearse_fail(r, node->line, "the manual has no procedure %s", procedure)
                         : -1;
    }
    request.procedure = procedure;
    request.unit = key_of(r, "unit", &bad);
    request.channel = key_of(r, "channel", &bad);
    request.parent = key_of(r, "parent", &bad);
    request.new_matter = strcmp(key_of(r, "new_matter", &bad), "true") == 0;
    request.resident = resident_of(r);
    if (bad || caller_of(r, &caller, &request.caller) || event_time(r, &request.event_ms)
        || fields_of(r, procedure, &request.fields, &request.n_fields)
        || send(r, service, "OpenCase", &request.base, outcome)) {
        return -1;
    }
    const Cases__OpenCaseReply *reply = (const Cases__OpenCaseReply *)outcome->message;
    if (reply) {
        outcome->case_no = reply->case_no[0] ? reply->case_no : NULL;
        outcome->contact_no = reply->contact_no[0] ? reply->contact_no : NULL;
    }
    return 0;
}

/* ---- forms ---- */

/* The procedure that files a form, and the service to ask: any that keeps cases, when none
 * does, for it says so. */
static const Manual__Procedure *filing(const struct rehearse *r, const char *form,
                                       const char **service) {
    const Manual__Procedure *const *list = NULL;
    size_t count = manual_procedures(r->manual, &list);

    for (size_t i = 0; i < count; i++) {
        *service = list[i]->owner;
        if (list[i]->files && strcmp(list[i]->form, form) == 0) {
            return list[i];
        }
    }
    return NULL;
}

static int rows_of(struct rehearse *r, const char *procedure, Cases__RecordFormRequest *request) {
    const struct node *list = rehearse_get(r, "rows");

    request->rows = arena_alloc(r->arena, ((list ? list->count : 0) + 1) * sizeof(Wire__Row *));
    for (const struct node *node = list ? list->first : NULL; node; node = node->next) {
        Wire__Row *row = ARENA_NEW(r->arena, Wire__Row);
        Wire__Value **values = NULL;
        wire__row__init(row);
        if (rehearse_fields(r, node, procedure, &values, &row->n_cell)) {
            return -1;
        }
        row->cell = arena_alloc(r->arena, (row->n_cell + 1) * sizeof(Wire__Cell *));
        for (size_t i = 0; i < row->n_cell; i++) {
            row->cell[i] = form_cell(values[i], r->arena);
        }
        request->rows[request->n_rows++] = row;
    }
    return 0;
}

static int act_record(struct rehearse *r, const struct node *node, struct outcome *outcome) {
    Cases__RecordFormRequest request = CASES__RECORD_FORM_REQUEST__INIT;
    const char *form = rehearse_text(r, node);
    const char *service = "";
    const Manual__Procedure *procedure = form ? filing(r, form, &service) : NULL;
    bool bad = false;

    if (!form) {
        return -1;
    }
    if (rehearse_get(r, "case")) {
        return rehearse_fail(r, node->line, "rows of a case come by its own steps: use `fire`");
    }
    request.form = form;
    request.unit = key_of(r, "unit", &bad);
    const char *key = procedure ? procedure->key : "";
    if (bad || event_time(r, &request.event_ms)
        || fields_of(r, key, &request.fields, &request.n_fields) || rows_of(r, key, &request)
        || send(r, service, "RecordForm", &request.base, outcome)) {
        return -1;
    }
    const Cases__RecordFormReply *reply = (const Cases__RecordFormReply *)outcome->message;
    if (reply && reply->n_cases > 0) {
        outcome->case_no = reply->cases[reply->n_cases - 1]->case_no;
    }
    return 0;
}

static const struct known_case *case_of(struct rehearse *r, const struct node *node) {
    const char *case_no = node ? rehearse_text(r, node) : NULL;
    const struct known_case *known = case_no ? rehearse_case(r, case_no) : NULL;

    if (!node) {
        (void)rehearse_fail(r, r->step->line, "this step needs `case: $name`");
    } else if (case_no && !known) {
        (void)rehearse_fail(r, node->line, "there is no case %s", case_no);
    }
    return known;
}

static int act_fire(struct rehearse *r, const struct node *node, struct outcome *outcome) {
    Cases__FireEventRequest request = CASES__FIRE_EVENT_REQUEST__INIT;
    const struct known_case *known = case_of(r, rehearse_get(r, "case"));
    const char *event = rehearse_text(r, node);

    if (!known || !event) {
        return -1;
    }
    request.case_no = known->case_no;
    request.event = event;
    request.resident = resident_of(r);
    outcome->case_no = known->case_no;
    return event_time(r, &request.event_ms)
                   || fields_of(r, known->procedure, &request.fields, &request.n_fields)
                   || send(r, known->service, "FireEvent", &request.base, outcome)
               ? -1
               : 0;
}

static int act_link(struct rehearse *r, const struct node *node, struct outcome *outcome) {
    Cases__LinkContactRequest request = CASES__LINK_CONTACT_REQUEST__INIT;
    const struct known_case *known = case_of(r, node);
    Cases__Caller caller;
    bool bad = false;

    if (!known) {
        return -1;
    }
    request.case_no = known->case_no;
    request.channel = key_of(r, "channel", &bad);
    outcome->case_no = known->case_no;
    return bad || caller_of(r, &caller, &request.caller) || event_time(r, &request.event_ms)
                   || fields_of(r, known->procedure, &request.fields, &request.n_fields)
                   || send(r, known->service, "LinkContact", &request.base, outcome)
               ? -1
               : 0;
}

static bool fits(struct rehearse *r, const struct node *where, const struct known_case *known) {
    const char *shown = NULL;
    const Cases__Case *found = where ? rehearse_load(r, known->case_no, where->line) : NULL;

    for (const struct node *node = where ? where->first : NULL; node; node = node->next) {
        if (!found
            || !rehearse_same(r, node, rehearse_value(r, found, node->key), known->procedure,
                              &shown)) {
            return false;
        }
    }
    return true;
}

static int act_find(struct rehearse *r, const struct node *node, struct outcome *outcome) {
    const char *procedure = rehearse_text(r, node);

    if (!procedure) {
        return -1;
    }
    if (!rehearse_owner(r, procedure)) {
        return rehearse_fail(r, node->line, "the manual has no procedure %s", procedure);
    }
    for (size_t i = r->case_count; i > 0; i--) {
        const struct known_case *known = &r->cases[i - 1];
        if (strcmp(known->procedure, procedure) == 0 && fits(r, rehearse_get(r, "where"), known)) {
            outcome->case_no = known->case_no;
            return 0;
        }
    }
    return rehearse_fail(r, node->line, "there is no such %s", procedure);
}

/* ---- pages ---- */

static int act_ack(struct rehearse *r, const struct node *node, struct outcome *outcome) {
    Notify__AcknowledgeRequest request = NOTIFY__ACKNOWLEDGE_REQUEST__INIT;
    const struct known_case *known = case_of(r, node);
    bool bad = false;

    if (!known) {
        return -1;
    }
    request.case_no = known->case_no;
    request.channel = key_of(r, "channel", &bad);
    outcome->case_no = known->case_no;
    return bad || send(r, "notify", "Acknowledge", &request.base, outcome) ? -1 : 0;
}

static int act_reject(struct rehearse *r, const struct node *node, struct outcome *outcome) {
    Notify__RejectRequest request = NOTIFY__REJECT_REQUEST__INIT;
    const struct known_case *known = case_of(r, node);
    bool bad = false;

    if (!known) {
        return -1;
    }
    request.case_no = known->case_no;
    request.reason = key_of(r, "reason", &bad);
    outcome->case_no = known->case_no;
    return bad || send(r, "notify", "Reject", &request.base, outcome) ? -1 : 0;
}

/* ---- any rpc ---- */

/* YAML → JSON; a map of plain values may stand for a list of values (json.h). */
static json_t *tree_of(struct rehearse *r, const struct node *node, int depth) {
    const enum { DEEP = JSON_DEPTH_MAX * 2 } deep = DEEP;
    const char *text = node->kind == NODE_TEXT ? rehearse_text(r, node) : "";
    char *end = NULL;

    if (!text || depth > (int)deep) {
        return NULL;
    }
    if (node->kind == NODE_TEXT) {
        long long number = strtoll(text, &end, 10);
        if (!node->quoted && *text && *end == '\0') {
            return json_integer(number);
        }
        if (!node->quoted && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
            return json_boolean(text[0] == 't');
        }
        return json_string(text);
    }
    json_t *made = node->kind == NODE_MAP ? json_object() : json_array();
    for (const struct node *child = node->first; child; child = child->next) {
        json_t *value = tree_of(r, child, depth + 1);
        if (!value) {
            json_decref(made);
            return NULL;
        }
        if (node->kind == NODE_MAP) {
            (void)json_object_set_new(made, child->key, value);
        } else {
            (void)json_array_append_new(made, value);
        }
    }
    return made;
}

static int act_call(struct rehearse *r, const struct node *node, struct outcome *outcome) {
    const char *name = rehearse_text(r, node);
    const struct node *with = rehearse_get(r, "with");
    struct methods_found found;
    struct err err = {0};

    if (!name) {
        return -1;
    }
    if (methods_find(name, &found, r->arena, &err)) {
        return rehearse_fail(r, node->line, "there is no method %s (%s)", name, err.args);
    }
    json_t *tree = with ? tree_of(r, with, 0) : json_object();
    if (!tree) {
        return -1;
    }
    const ProtobufCMessage *request = json_read_tree(found.method->input, tree, r->arena, &err);
    json_decref(tree);
    if (!request) {
        return rehearse_fail(r, with ? with->line : node->line, "%s: %s", err.rule, err.args);
    }
    const char *service = found.service;
    const struct node *at = rehearse_get(r, "service"); /* of the methods that all have */
    if (at) {
        service = rehearse_text(r, at);
    }
    return service ? send(r, service, found.full, request, outcome) : -1;
}

int rehearse_again(struct rehearse *r, const struct node *name, struct outcome *outcome) {
    const char *text = rehearse_text(r, name);
    struct err err = {0};

    for (size_t i = r->saved_count; text && i > 0; i--) {
        struct saved *saved = &r->saved[i - 1];
        const struct request *before = &r->requests[i - 1];
        if (strcmp(saved->name, text + (text[0] == '$')) != 0) {
            continue;
        }
        if (!before->method) {
            return rehearse_fail(r, name->line, "step %s sent no request", text);
        }
        outcome->request = *before;
        const struct node *step = r->step;
        const struct node *changed = yaml_get(step, "changed");
        if (!changed) {
            return rehearse_ask(r, &before->caller, before->service, before->method, NULL, outcome,
                                &err)
                       ? rehearse_fail(r, name->line, "%s", err.args)
                       : 0;
        }
        r->step = saved->step;
        r->changed = changed;
        r->again = step;
        int rc = rehearse_act(r, outcome);
        r->step = step;
        r->changed = NULL;
        return rc;
    }
    return text ? rehearse_fail(r, name->line, "no step was saved as %s", text) : -1;
}

/* ---- from outside ---- */

int rehearse_event(struct rehearse *r, const struct node *topic, struct outcome *outcome) {
    static uint8_t outside[CORE_ID_SIZE] = "outside-the-hous"; /* 16 bytes: a source id */
    Wire__Event event = WIRE__EVENT__INIT;
    Bus__AppendRequest request = BUS__APPEND_REQUEST__INIT;
    struct rehearsal_caller peer = {.peer = "outside"};
    struct err err = {0};
    ProtobufCBinaryData packed = {0};

    event.topic = text_or_none(rehearse_text(r, topic));
    if (rehearse_fields(r, rehearse_get(r, "with"), NULL, &event.fields, &event.n_fields)) {
        return -1;
    }
    event.source = (ProtobufCBinaryData){CORE_ID_SIZE, outside};
    event.seq = ++r->outside_seq;
    event.position = event.seq;
    event.epoch = 1;
    event.event_ms = r->now_ms;
    event.entered_ms = r->now_ms;
    event.actor = "outside";
    event.service = "outside";
    packed.len = wire__event__get_packed_size(&event);
    packed.data = arena_alloc(r->arena, packed.len + 1);
    (void)wire__event__pack(&event, packed.data);
    request.source = event.source;
    request.service = event.service;
    request.epoch = 1;
    request.first_seq = event.seq;
    request.n_events = 1;
    request.events = &packed;
    if (rehearse_ask(r, &peer, "bus", "Append", &request.base, outcome, &err)) {
        return rehearse_fail(r, topic->line, "%s", err.args);
    }
    return 0;
}

static ProtobufCMessage *import_ask(void *arg, const char *service, const char *method,
                                    const ProtobufCMessage *request,
                                    const ProtobufCMessageDescriptor *reply_type,
                                    struct arena *arena, struct err *err) {
    static const char *const roles[] = {"system"};
    struct rehearse *r = arg;
    struct rehearsal_caller local = {.staff = "system",
                                     .estate = r->estate,
                                     .roles = roles,
                                     .role_count = 1,
                                     .generation = 1,
                                     .local = true};
    struct outcome outcome = {0};

    (void)arena;
    (void)reply_type;
    if (rehearse_ask(r, &local, service, method, request, &outcome, err)) {
        return NULL;
    }
    if (outcome.reply->code != WIRE__CODE__OK) {
        (void)err_plain(err, ERR_INVALID, "%s", outcome.reply->message);
        return NULL;
    }
    return outcome.message;
}

static int import_wait(void *arg, struct err *err) {
    const struct rehearse *r = arg;

    return r->stage->settle(r->stage->arg, err)
           || r->stage->advance(r->stage->arg, r->stage->now(r->stage->arg) + 1, err);
}

int rehearse_import_path(struct rehearse *r, const char *path, int line) {
    const struct import_link link = {r, import_ask, import_wait};
    struct import_result result;
    struct err err = {0};

    if (import_path(&link, path, false, &result, r->arena, &err)) {
        return rehearse_fail(r, line, "%s", err.args);
    }
    if (result.bad > 0) {
        const Registry__BadRow *first = result.bad_count > 0 ? result.bad_rows[0] : NULL;
        return rehearse_fail(r, line, "%s: %zu bad rows, the first in line %u: %s", path,
                             result.bad, first ? first->line : 0,
                             first && first->n_mistakes ? first->mistakes[0]->message : "");
    }
    return 0;
}

int rehearse_import(struct rehearse *r, const struct node *file, struct outcome *outcome) {
    char path[PATH_MAX_BYTES];
    const char *name = rehearse_text(r, file);
    const char *slash = strrchr(r->file, '/');

    (void)outcome;
    if (!name) {
        return -1;
    }
    /* Beside the rehearsal, unless the path is whole. */
    int folder = name[0] == '/' || !slash ? 0 : (int)(slash - r->file + 1);
    (void)snprintf(path, sizeof path, "%.*s%s", folder, r->file, name);
    return rehearse_import_path(r, path, file->line);
}

/* ---- which of them ---- */

int rehearse_act(struct rehearse *r, struct outcome *outcome) {
    static const struct {
        const char *key;
        int (*act)(struct rehearse *r, const struct node *node, struct outcome *outcome);
    } acts[] = {
        {"open", act_open},          {"fire", act_fire},        {"link", act_link},
        {"find", act_find},          {"ack", act_ack},          {"reject", act_reject},
        {"call", act_call},          {"again", rehearse_again}, {"event", rehearse_event},
        {"import", rehearse_import}, {"record", act_record},
    };

    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        const struct node *node = yaml_get(r->step, acts[i].key);
        if (node) {
            return acts[i].act(r, node, outcome);
        }
    }
    const struct node *fault = yaml_get(r->step, "fault");
    return fault ? rehearse_fault(r, fault) : 0;
}
