/*
 * compile_parts - what the files of the compiler share.  Nobody else includes it.
 *
 * First everything that has a name is collected in tables (texts, enums, forms,
 * parameters, roles, ladders, then each procedure's states, events and fields);
 * only then are steps, clocks, routes and figures translated, so that each name is
 * resolved, or reported with its nearest right one, at the place where it stands.
 */
#ifndef COMPILE_PARTS_H
#define COMPILE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manual/compile.h"
#include "manual/yaml.h"
#include "shouwen/manual/v1/manual.pb-c.h"

enum {
    TABLE_BUCKETS = 256,
    COMPILE_BYTES_MAX = 2 * 1024 * 1024, /* of all files together */
    COMPILE_STEPS_MAX = 400,             /* of one procedure, the common ones included */
};

/* ---- tables: name → thing, in the order they were put ---- */

struct table_entry {
    const char *key;
    void *value;
    const struct node *node; /* where it was declared */
    const char *file;
    struct table_entry *next, *same_bucket;
};

struct table {
    struct table_entry *buckets[TABLE_BUCKETS];
    struct table_entry *first, *last;
    size_t count;
};

struct source {
    const char *name;
    struct bytes bytes;
    struct node *root;
    Manual__File *file;
};

struct compiler {
    struct compiled *out;
    struct arena *arena;
    const char *file;  /* the one being read: mistakes are its */
    const char *about; /* a procedure, while a common step is merged into it; or NULL */
    struct source sources[COMPILE_FILES_MAX];
    size_t source_count;
    struct table texts, enums, forms, parameters, roles, ladders, procedures;
    const struct node *common; /* procedures/_common.yaml */
};

/* A procedure while it is compiled. */
struct part {
    const char *key;
    struct source *source;
    Manual__Procedure *p;
    Manual__Form *form;
    struct table fields; /* of the form, arguments, and own relations: Manual__Field */
    struct table states; /* Manual__State; those with a name in texts */
    struct table named;  /* events with a name in texts: Manual__Name */
    struct table events; /* events with a step */
    struct table groups; /* const struct node: the list */
    struct table facts;  /* Manual__Fact */
    struct table flags;
    struct table relations; /* Manual__Relation */
    const struct node *step_nodes[COMPILE_STEPS_MAX];
    const char *step_files[COMPILE_STEPS_MAX];
};

void *table_get(const struct table *table, const char *key);
const struct table_entry *table_entry(const struct table *table, const char *key);
/* table_put - the entry that stood there before, else NULL. */
const struct table_entry *table_put(struct compiler *c, struct table *table, const char *key,
                                    void *value, const struct node *node);

/* ---- mistakes (compile_tools.c) ---- */

void compile_mistake(struct compiler *c, const struct node *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* At the key of a map's child, not at its value. */
void compile_mistake_key(struct compiler *c, const struct node *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* compile_nearest - "; did you mean "x"?" or "". */
const char *compile_nearest(struct compiler *c, const char *word, const struct table *const *tables,
                            size_t count);
const char *compile_nearest_word(struct compiler *c, const char *word, const char *const *words);
/* compile_unknown - mistake: unknown `what` "word", with the nearest of one table. */
void compile_unknown(struct compiler *c, const struct node *at, const char *what, const char *word,
                     const struct table *table);

/* ---- scalars and lists (compile_tools.c) ---- */

/* compile_keys - every key of the map is one of `words` (ends with NULL). */
bool compile_keys(struct compiler *c, const struct node *map, const char *const *words);
bool compile_is_map(struct compiler *c, const struct node *node);
/* compile_text - the scalar; "" with a mistake if it is none.  NULL node: "". */
const char *compile_text(struct compiler *c, const struct node *node);
bool compile_flag(struct compiler *c, const struct node *node);
int64_t compile_int(struct compiler *c, const struct node *node);
/* compile_word - is it snake_case? */
bool compile_word(struct compiler *c, const struct node *node, const char *word);
/* compile_name - zh and en of a map, both needed. */
Manual__Name *compile_name(struct compiler *c, const struct node *map);
/* compile_each - walks a list, or one scalar or map as a list of one: first, then
 * each `compile_next`. */
const struct node *compile_first(const struct node *node);
const struct node *compile_next(const struct node *list, const struct node *item);
size_t compile_count(const struct node *node);
/* compile_texts - a list of scalars. */
const char **compile_texts(struct compiler *c, const struct node *node, size_t *count);
/* compile_term - "15m" "3wd" "eod": amount and unit ("ms", "wd", "eod"); false: none. */
bool compile_term(const char *text, int64_t *amount, const char **unit);
/* compile_decimal - "0.25" × scale, exactly; false: no number, or too fine. */
bool compile_decimal(const char *text, int64_t scale, int64_t *number);
bool compile_time_of_day(const char *text);
bool compile_date(const char *text);
bool compile_one_of(const char *word, const char *const *words);

/* ---- the parts ---- */

void compile_forms(struct compiler *c);
/* compile_fields - a map of fields into a form or into arguments. */
Manual__Field **compile_fields(struct compiler *c, const struct node *map, size_t *count);
Manual__Form *compile_form(struct compiler *c, const struct node *root, const char *code);

void compile_parameters(struct compiler *c, struct source *source);
Manual__Parameter *compile_parameter(struct compiler *c, const struct node *node);

void compile_texts_file(struct compiler *c, struct source *source);
/* compile_text_put - one text under its full key. */
void compile_text_section(struct compiler *c, const struct node *section, const char *prefix,
                          Manual__Texts *texts, size_t capacity);
const Manual__Name *compile_text_name(struct compiler *c, const char *key);

void compile_roles(struct compiler *c, struct source *source);
void compile_ladders(struct compiler *c, struct source *source);
void compile_routes(struct compiler *c, struct source *source);
void compile_calendar(struct compiler *c, struct source *source);
void compile_rounds(struct compiler *c, struct source *source);
void compile_kpis(struct compiler *c, struct source *source);
void compile_lists(struct compiler *c, struct source *source);

void compile_procedures(struct compiler *c); /* their names, states, fields */
/* compile_take_events - the names of all its events, before anything is checked. */
void compile_take_events(struct compiler *c, struct part *part);
void compile_steps(struct compiler *c, struct part *part);
void compile_start(struct compiler *c, struct part *part);
Manual__Op **compile_ops(struct compiler *c, struct part *part, const struct node *list,
                         size_t *count);
const char **compile_who(struct compiler *c, struct part *part, const struct node *list,
                         size_t *count, const char ***not_who, size_t *not_count);
const char **compile_needs(struct compiler *c, struct part *part, const struct node *list,
                           size_t *count);
void compile_clocks(struct compiler *c, struct part *part);
void compile_facts(struct compiler *c, struct part *part);
void compile_check_graph(struct compiler *c, struct part *part);

/* ---- conditions, limits, values (compile_when.c) ---- */

enum want { WANT_NUMBER, WANT_TIME };

/* `part` NULL: no procedure; then any subject is taken as it stands (routes). */
Manual__Any **compile_when(struct compiler *c, struct part *part, const struct node *node,
                           const char *const *extra, size_t *count);
/* The same for a map that holds other keys too: only `when` of it. */
Manual__Limit *compile_limit(struct compiler *c, struct part *part, const struct node *node,
                             enum want want);
Manual__Set **compile_sets(struct compiler *c, struct part *part, const struct table *targets,
                           struct part *target, const struct node *map, size_t *count);
/* compile_value - checks a literal against a field and returns it as it is stored. */
const char *compile_value(struct compiler *c, const struct node *node, const Manual__Field *field);
/* compile_field_of - a field, argument or relation of a procedure by the word that
 * stands for it ("assignee" is handler's field).  NULL: none. */
const Manual__Field *compile_field_of(const struct part *part, const char *word);
bool compile_param_known(struct compiler *c, const struct node *node, const char *key);

#define COMPILE_ARRAY(c, type, count)                                                              \
    ((type **)arena_alloc((c)->arena, ((size_t)(count) + 1) * sizeof(type *)))

#endif
