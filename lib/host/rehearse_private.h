/* What the parts of the runner share: one rehearsal while it is played. */
#ifndef REHEARSE_PRIVATE_H
#define REHEARSE_PRIVATE_H

#include "host/rehearse.h"
#include "manual/manual.h"
#include "manual/yaml.h"
#include "shouwen/cases/v1/cases.pb-c.h"

struct json_t;

enum {
    REHEARSE_NAMES_MAX = 1024,
    REHEARSE_TEXT_MAX = 2048, /* bytes of a text with its $names put in */
    REHEARSE_STAFF_MAX = 1024,
    REHEARSE_CASES_MAX = 200 * 1000,
    REHEARSE_NEAR_MS = 1000, /* "within 1 s" */
};

/* An event that happened, from whichever store. */
struct seen {
    const char *service;
    const Wire__Event *event;
};

/* A case that some event opened: where it lives, what it is. */
struct known_case {
    const char *case_no;
    const char *procedure;
    const char *parent;
    const char *service;
};

struct member {
    const char *no, *name, *dept;
    const char **roles;
    size_t role_count;
};

/* What a step's `save` kept. */
struct saved {
    const char *name;
    const char *case_no;
    const char *contact_no;
    struct json_t *reply; /* plain; or NULL */
    const struct node *step;
};

/* A request as it was sent: for `again`. */
struct request {
    struct rehearsal_caller caller;
    const char *service, *method;
    struct bytes payload;
    uint8_t id[CORE_ID_SIZE];
};

/* What an action came to. */
struct outcome {
    bool asked; /* there was a request, and this is what was said to it */
    Wire__Reply *reply;
    ProtobufCMessage *message; /* of an OK reply */
    struct json_t *plain;      /* the same, plain */
    struct request request;
    const char *case_no; /* that it was about, or opened */
    const char *contact_no;
};

struct rehearse {
    const struct rehearse_options *options;
    const struct rehearse_stage *stage;
    const char *file;
    struct arena *arena;   /* as long as the rehearsal */
    struct arena *scratch; /* as long as a step */
    struct rehearse_result *result;
    const struct manual *manual;
    int offset_min;
    const char *estate;

    int64_t now_ms; /* of the step */
    const struct node *step;
    const struct node *changed; /* `again: … changed:` lies over the step's keys */
    const struct node *again;   /* the step that says so */
    size_t loop_i;              /* {i} */
    const char *loop_unit;      /* {unit} */
    bool broken;                /* no use going on */

    struct seen *events;
    size_t event_count, event_room;
    size_t turn_start;  /* what was there before this step's action */
    size_t event_start; /* what was there before the first step does not count */
    uint64_t positions[REHEARSAL_SERVICES_MAX];

    struct known_case *cases;
    size_t case_count;
    struct member staff[REHEARSE_STAFF_MAX];
    size_t staff_count;
    struct saved saved[REHEARSE_NAMES_MAX];
    struct request requests[REHEARSE_NAMES_MAX];
    size_t saved_count;
    uint64_t outside_seq; /* events put on the bus from outside */
};

/* ---- rehearse.c ---- */

/* rehearse_fail - "file:line: …", counted.  Always -1. */
int rehearse_fail(struct rehearse *r, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* rehearse_log - write the events of the cases there, as options->log says. */
int rehearse_log(const struct rehearse *r, const char *path, struct err *err);

/* rehearse_gather - read the events that are new in every store. */
int rehearse_gather(struct rehearse *r, struct err *err);

/* rehearse_ask - through the stage; the payload is packed here. */
int rehearse_ask(struct rehearse *r, const struct rehearsal_caller *caller, const char *service,
                 const char *method, const ProtobufCMessage *payload, struct outcome *outcome,
                 struct err *err);

/* rehearse_near - how far apart two times may be that are the same. */
int64_t rehearse_near(const struct rehearse *r);

/* ---- rehearse_check.c: before anything is played ---- */

void rehearse_check(struct rehearse *r, const struct node *file);

/* ---- rehearse_text.c: names, times, who ---- */

/* rehearse_text - a scalar with {i}, {unit} and $names put in; NULL, reported, if it is none. */
const char *rehearse_text(struct rehearse *r, const struct node *node);

/* rehearse_get - a key of the step, `changed` first. */
const struct node *rehearse_get(const struct rehearse *r, const char *key);

/* rehearse_key - the text of a key of a map; `none` if it is not there. */
const char *rehearse_key(struct rehearse *r, const struct node *map, const char *key,
                         const char *none);

/* rehearse_time - of day (the next one from `from_ms`), "MM-DD HH:MM", RFC 3339, "+5m". */
bool rehearse_time(const struct rehearse *r, const char *text, int64_t from_ms, int64_t *ms);

/* rehearse_is_time - does `ms` fit this text?  A time of day fits on any day around `near_ms`. */
bool rehearse_is_time(const struct rehearse *r, const char *text, int64_t ms, int64_t near_ms);
const char *rehearse_show_time(const struct rehearse *r, int64_t ms);

/* rehearse_span - "3s", "15m", "2h", "1d", also "1h30m"; false if it is not. */
bool rehearse_span(const char *text, int64_t *ms);

const struct member *rehearse_member(const struct rehearse *r, const char *name_or_no);
const char *rehearse_staff_no(const struct rehearse *r, const char *name_or_no);
const char *rehearse_staff_name(const struct rehearse *r, const char *no);

/* rehearse_caller - who `as` is.  -1: reported. */
int rehearse_caller(struct rehearse *r, const struct node *as, struct rehearsal_caller *caller);
/* rehearse_reader - one who may read everything. */
struct rehearsal_caller rehearse_reader(struct rehearse *r);

/* ---- rehearse_case.c: cases ---- */

const struct known_case *rehearse_case(const struct rehearse *r, const char *case_no);
const char *rehearse_owner(struct rehearse *r, const char *procedure);

/* rehearse_related - of `$x.procedure[n]`: the n-th (0: newest) child or an ancestor. */
const char *rehearse_related(const struct rehearse *r, const char *case_no, const char *procedure,
                             size_t n);

/* rehearse_load - the case as its service has it now; NULL, reported. */
const Cases__Case *rehearse_load(struct rehearse *r, const char *case_no, int line);

/* rehearse_value - one value of a case by the name rehearsals give it; NULL: none there. */
const Wire__Value *rehearse_value(struct rehearse *r, const Cases__Case *found, const char *key);

/* ---- rehearse_value.c: values ---- */

/* rehearse_fields - the YAML map → values, typed by the form of a procedure.  -1: reported. */
int rehearse_fields(struct rehearse *r, const struct node *map, const char *procedure,
                    Wire__Value ***list, size_t *count);

/* rehearse_same - does a value fit what is written?  `shown` gets how the value reads. */
bool rehearse_same(struct rehearse *r, const struct node *want, const Wire__Value *value,
                   const char *procedure, const char **shown);
bool rehearse_same_json(struct rehearse *r, const struct node *want, struct json_t *value,
                        const char **shown);

/* ---- rehearse_act.c ---- */

/* rehearse_act - do what the step says.  -1: reported. */
int rehearse_act(struct rehearse *r, struct outcome *outcome);
int rehearse_again(struct rehearse *r, const struct node *name, struct outcome *outcome);
int rehearse_fault(struct rehearse *r, const struct node *fault);
int rehearse_event(struct rehearse *r, const struct node *topic, struct outcome *outcome);
int rehearse_import(struct rehearse *r, const struct node *file, struct outcome *outcome);
int rehearse_import_path(struct rehearse *r, const char *path, int line);

/* ---- rehearse_expect.c ---- */

void rehearse_expect(struct rehearse *r, const struct node *list, const struct outcome *outcome);
/* One expectation of a kind: true, or false after reporting it. */
typedef bool rehearse_expect_fn(struct rehearse *r, const struct node *want,
                                const struct outcome *outcome);
/* rehearse_pages.c */
rehearse_expect_fn rehearse_paged, rehearse_not_paged, rehearse_page, rehearse_told,
    rehearse_not_told;
/* rehearse_lists.c */
rehearse_expect_fn rehearse_list, rehearse_kpi, rehearse_distinct, rehearse_event_was,
    rehearse_audit, rehearse_form;

/* ---- rehearse_world.c ---- */

/* rehearse_open_stage - the manual for the words, and the stage that the options name. */
int rehearse_open_stage(struct rehearse *r, struct err *err);

/* rehearse_open_world - a world with the manual in force and the data in it, set as r's
 * stage; `folder` gets where its stores are. */
struct rehearsal *rehearse_open_world(struct rehearse *r, const struct node *file, char *folder,
                                      size_t size, struct err *err);
void rehearse_close_world(struct rehearse *r, struct rehearsal *world, const char *folder);

/* ---- rehearse_explain.c ---- */

void rehearse_explain(struct rehearse *r, size_t from);

#endif
