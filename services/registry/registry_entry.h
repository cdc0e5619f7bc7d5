/*
 * registry_entry - a unit, a person or an employee as it comes in, by message or
 * by a row of a file: the same checks, the same event, the same effect.
 *
 *     registry_entry_read   texts → checked values, or every mistake by field
 *     registry_entry_refer  does what it names exist?
 *     registry_entry_put    tell it (if it is news) and apply it
 */
#ifndef REGISTRY_ENTRY_H
#define REGISTRY_ENTRY_H

#include "core/event.h"
#include "services/registry/registry.h"

enum {
    ENTRY_FIELDS_MAX = 16,
    ENTRY_MISTAKES_MAX = 16,
};

enum field_kind {
    FIELD_NUMBER,  /* letters, digits, - . _ */
    FIELD_NAME,    /* of a human being; no telephone number */
    FIELD_WORD,    /* any text without ; */
    FIELD_WORDS,   /* a;b */
    FIELD_ROLES,   /* words that the manual has as roles */
    FIELD_CHOICE,  /* one of the list `of` */
    FIELD_YES,     /* Y or nothing */
    FIELD_DECIMAL, /* 89 or 89.5 */
    FIELD_PHONES,  /* sealed */
    FIELD_PLATES,
    FIELD_ID_NUMBER, /* sealed */
    FIELD_STAFF,     /* a number that exists */
    FIELD_UNIT,      /* a unit that exists */
    FIELD_ESTATE,    /* an estate that exists */
};

struct entry_field {
    const char *key; /* column of a file and, but for numbers, field of the event */
    enum field_kind kind;
    size_t max; /* bytes */
    bool required;
    const char *of; /* FIELD_CHOICE: list in `word` */
    size_t many;    /* how many at most, where several may stand */
};

struct entry_kind {
    const char *name;                 /* "persons": what a file of them is called */
    const char *word;                 /* "person": of one of them */
    const char *topic;                /* told when one changes */
    const struct entry_field *fields; /* the first is the key */
    size_t field_count;
};

extern const struct entry_kind registry_staff_kind, registry_unit_kind, registry_person_kind;

/* registry_entry_kind - "staff", "units", "persons"; NULL: no such. */
const struct entry_kind *registry_entry_kind(const char *name);

struct entry_mistake {
    const char *field;
    enum err_code code;
    const char *rule;
    const char *args; /* "field=…\nvalue=…"; never a telephone or ID number */
};

struct entry {
    const struct entry_kind *kind;
    const char *key; /* "" when it is wrong */
    struct values values;
    size_t mistake_count;
    struct entry_mistake mistakes[ENTRY_MISTAKES_MAX];
    bool forget_phones; /* of the stored ones; else none given keeps them */
    bool forget_id_number;
    bool inactive; /* a person who moved away */
};

/*
 * registry_entry_read - raw[i] belongs to kind->fields[i].  0, with mistakes or
 * without; -1 only when the store failed.
 */
int registry_entry_read(struct call *call, const struct entry_kind *kind, const struct bytes *raw,
                        struct entry *entry, struct err *err);

/* registry_entry_refer - adds what does not exist to the mistakes.  `import`: rows of this
 * import count as existing; 0: none. */
int registry_entry_refer(struct call *call, struct entry *entry, int64_t import, struct err *err);

/* registry_entry_refuse - err from the first mistake; 0 when there is none. */
int registry_entry_refuse(const struct entry *entry, struct err *err);

/* registry_entry_put - *changed is false when it is as the store has it. */
int registry_entry_put(struct call *call, struct entry *entry, bool *changed, struct err *err);

/* registry_entry_digest - 16 bytes over fields. */
void registry_entry_digest(Wire__Value *const *fields, size_t count, uint8_t digest[16],
                           struct arena *arena);

/* ---- registry_check.c ---- */

struct check {
    struct call *call;
    const struct entry_field *field;
    struct entry *entry;
    const char *text; /* trimmed, checked UTF-8, not empty */
};

/* registry_check - one field: adds its value, or a mistake. */
int registry_check(const struct check *check, struct err *err);

/* registry_mistake - `fmt` makes further arguments behind field and value; NULL: none. */
void registry_mistake(struct call *call, struct entry *entry, const char *field, enum err_code code,
                      const char *rule, const char *shown);

/* registry_shown - a value as it may stand in a message: short, and no number of a person. */
const char *registry_shown(const char *text, struct arena *arena);

/* registry_phone_is - could it be a telephone number? */
bool registry_phone_is(const char *text);

/* registry_plate_normal - upper case, no spaces or dots. */
char *registry_plate_normal(const char *text, struct arena *arena);

/* registry_apply - what an event of this store does to its tables; also after a restore. */
handler_fn registry_apply;

/* registry_tell - put an event with these fields, and apply it. */
int registry_tell(struct call *call, const char *topic, Wire__Lane lane, struct values *fields,
                  struct err *err);

#endif
