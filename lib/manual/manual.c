#include "manual/manual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manual/sentence.h"

/* One name and what it stands for.  Sorted, so that every lookup is a bsearch. */
struct entry {
    const char *key;
    const void *value;
};

struct index {
    struct entry *list;
    size_t count;
};

struct form_index {
    struct index fields;
};

struct manual {
    uint32_t revision;
    Manual__File **files; /* what all the rest points into */
    size_t file_count;
    struct index procedures, forms, parameters, roles, permissions, heads, ladders, texts;
    struct form_index *form_fields; /* in the order of `forms` */
    const Manual__Procedure **procedure_list;
    const Manual__Calendar *calendar;
    const Manual__Routes *routes;
    const Manual__Roles *all_roles;
    const Manual__Rounds *rounds;
    const Manual__Kpis *kpis;
    const Manual__Lists *lists;
    const Manual__Ladders *all_ladders;
};

static void *need(void *memory) {
    if (!memory) {
        (void)fputs("manual: out of memory\n", stderr);
        abort();
    }
    return memory;
}

/* ---- indexes ---- */

static void index_add(struct index *index, const char *key, const void *value) {
    const size_t step = 64;

    if (index->count % step == 0) {
        index->list = need(realloc(index->list, (index->count + step) * sizeof *index->list));
    }
    index->list[index->count++] = (struct entry){key, value};
}

static int compare_entries(const void *a, const void *b) {
    return strcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

static void index_sort(struct index *index) {
    if (index->count > 1) {
        qsort(index->list, index->count, sizeof *index->list, compare_entries);
    }
}

static const struct entry *index_entry(const struct index *index, const char *key) {
    const struct entry wanted = {key, NULL};

    if (!key || index->count == 0) {
        return NULL;
    }
    return bsearch(&wanted, index->list, index->count, sizeof *index->list, compare_entries);
}

static const void *index_find(const struct index *index, const char *key) {
    const struct entry *entry = index_entry(index, key);

    return entry ? entry->value : NULL;
}

/* ---- loading ---- */

static void add_rest(struct manual *manual, const Manual__File *file) {
    for (size_t i = 0; file->parameters && i < file->parameters->n_parameter; i++) {
        index_add(&manual->parameters, file->parameters->parameter[i]->key,
                  file->parameters->parameter[i]);
    }
    for (size_t i = 0; file->texts && i < file->texts->n_text; i++) {
        index_add(&manual->texts, file->texts->text[i]->key, file->texts->text[i]);
    }
    if (file->ladders) {
        manual->all_ladders = file->ladders;
        for (size_t i = 0; i < file->ladders->n_ladder; i++) {
            index_add(&manual->ladders, file->ladders->ladder[i]->key, file->ladders->ladder[i]);
        }
    }
    if (file->roles) {
        manual->all_roles = file->roles;
        for (size_t i = 0; i < file->roles->n_role; i++) {
            index_add(&manual->roles, file->roles->role[i]->key, file->roles->role[i]);
        }
        for (size_t i = 0; i < file->roles->n_permission; i++) {
            index_add(&manual->permissions, file->roles->permission[i]->act,
                      file->roles->permission[i]);
        }
        for (size_t i = 0; i < file->roles->n_head; i++) {
            index_add(&manual->heads, file->roles->head[i]->dept, file->roles->head[i]->role);
        }
    }
    manual->calendar = file->calendar ? file->calendar : manual->calendar;
    manual->routes = file->routes ? file->routes : manual->routes;
    manual->rounds = file->rounds ? file->rounds : manual->rounds;
    manual->kpis = file->kpis ? file->kpis : manual->kpis;
    manual->lists = file->lists ? file->lists : manual->lists;
}

static void add_file(struct manual *manual, const Manual__File *file) {
    if (file->procedure) {
        index_add(&manual->procedures, file->procedure->key, file->procedure);
    }
    if (file->form) {
        index_add(&manual->forms, file->form->code, file->form);
    }
    add_rest(manual, file);
}

static void index_forms(struct manual *manual) {
    manual->form_fields = need(calloc(manual->forms.count + 1, sizeof *manual->form_fields));
    for (size_t i = 0; i < manual->forms.count; i++) {
        const Manual__Form *form = manual->forms.list[i].value;
        struct index *fields = &manual->form_fields[i].fields;
        for (size_t f = 0; f < form->n_fields; f++) {
            index_add(fields, form->fields[f]->key, form->fields[f]);
        }
        index_sort(fields);
    }
}

static void index_all(struct manual *manual) {
    struct index *all[] = {&manual->procedures,  &manual->forms, &manual->parameters,
                           &manual->roles,       &manual->heads, &manual->ladders,
                           &manual->permissions, &manual->texts};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        index_sort(all[i]);
    }
    index_forms(manual);
    manual->procedure_list = need(
        calloc(manual->procedures.count + 1, sizeof(const Manual__Procedure *)));
    for (size_t i = 0; i < manual->procedures.count; i++) {
        manual->procedure_list[i] = manual->procedures.list[i].value;
    }
}

/* A rung's wait for one class, taken from a parameter: its n-th number, or its only one. */
static Manual__ClassValue *wait_of(const Manual__ClassValue *value, size_t position) {
    Manual__ClassValue *wait = need(malloc(sizeof *wait));

    manual__class_value__init(wait);
    wait->class_ = need(strdup(value->class_));
    if (value->n_number > 0) {
        wait->number = need(malloc(sizeof *wait->number));
        wait->number[0] = value
                              ->number[position < value->n_number ? position : value->n_number - 1];
        wait->n_number = 1;
    } else {
        wait->text = need(strdup(value->text));
    }
    return wait;
}

/* So that nobody who reads a ladder has to know that its waits are parameters. */
static void resolve_ladder(const struct manual *manual, Manual__Ladder *ladder) {
    for (size_t i = 0; i < ladder->n_rung; i++) {
        Manual__Rung *rung = ladder->rung[i];
        const Manual__Parameter *parameter = index_find(&manual->parameters, rung->parameter);
        if (!parameter || rung->n_after > 0 || rung->position < 0) {
            continue;
        }
        rung->after = need(calloc(parameter->n_value + 1, sizeof(Manual__ClassValue *)));
        for (size_t v = 0; v < parameter->n_value; v++) {
            rung->after[v] = wait_of(parameter->value[v], (size_t)rung->position);
        }
        rung->n_after = parameter->n_value;
    }
    int64_t repeat_ms = 0;
    if (manual_number(manual, ladder->repeat_parameter, NULL, &repeat_ms)) {
        ladder->repeat_ms = repeat_ms;
    }
}

struct manual *manual_new(uint32_t revision, const struct bytes *files, size_t count,
                          struct err *err) {
    struct manual *manual = need(calloc(1, sizeof *manual));

    manual->revision = revision;
    manual->files = need(calloc(count + 1, sizeof *manual->files));
    for (size_t i = 0; i < count; i++) {
        Manual__File *file = manual__file__unpack(NULL, files[i].size, files[i].data);
        if (!file) {
            (void)err_plain(err, ERR_DATA_LOSS, "manual revision %u: file %zu is damaged", revision,
                            i);
            manual_free(manual);
            return NULL;
        }
        manual->files[manual->file_count++] = file;
        add_file(manual, file);
    }
    index_all(manual);
    for (size_t i = 0; i < manual->file_count; i++) {
        Manual__Ladders *ladders = manual->files[i]->ladders;
        for (size_t l = 0; ladders && l < ladders->n_ladder; l++) {
            resolve_ladder(manual, ladders->ladder[l]);
        }
    }
    return manual;
}

void manual_free(struct manual *manual) {
    if (!manual) {
        return;
    }
    for (size_t i = 0; manual->form_fields && i < manual->forms.count; i++) {
        free(manual->form_fields[i].fields.list);
    }
    for (size_t i = 0; i < manual->file_count; i++) {
        manual__file__free_unpacked(manual->files[i], NULL);
    }
    free(manual->form_fields);
    free(manual->procedure_list);
    free(manual->files);
    free(manual->procedures.list);
    free(manual->forms.list);
    free(manual->parameters.list);
    free(manual->roles.list);
    free(manual->heads.list);
    free(manual->ladders.list);
    free(manual->permissions.list);
    free(manual->texts.list);
    free(manual);
}

/* ---- lookups ---- */

uint32_t manual_revision(const struct manual *manual) {
    return manual->revision;
}

const Manual__Procedure *manual_procedure(const struct manual *manual, const char *key) {
    return index_find(&manual->procedures, key);
}

const Manual__Form *manual_form(const struct manual *manual, const char *code) {
    return index_find(&manual->forms, code);
}

const Manual__Field *manual_field(const struct manual *manual, const char *form, const char *key) {
    const struct entry *entry = index_entry(&manual->forms, form);

    if (!entry) {
        return NULL;
    }
    return index_find(&manual->form_fields[entry - manual->forms.list].fields, key);
}

const Manual__Role *manual_role(const struct manual *manual, const char *key) {
    return index_find(&manual->roles, key);
}

const Manual__Ladder *manual_ladder(const struct manual *manual, const char *key) {
    return index_find(&manual->ladders, key);
}

const Manual__Calendar *manual_calendar(const struct manual *manual) {
    return manual->calendar;
}

const Manual__Routes *manual_routes(const struct manual *manual) {
    return manual->routes;
}

const Manual__Roles *manual_roles(const struct manual *manual) {
    return manual->all_roles;
}

const Manual__Rounds *manual_rounds(const struct manual *manual) {
    return manual->rounds;
}

const Manual__Kpis *manual_kpis(const struct manual *manual) {
    return manual->kpis;
}

const Manual__Lists *manual_lists(const struct manual *manual) {
    return manual->lists;
}

const Manual__Ladders *manual_ladders(const struct manual *manual) {
    return manual->all_ladders;
}

size_t manual_procedures(const struct manual *manual, const Manual__Procedure *const **list) {
    *list = manual->procedure_list;
    return manual->procedures.count;
}

static int compare_states(const void *key, const void *item) {
    return strcmp(key, (*(Manual__State *const *)item)->key);
}

/* The compiler sorts the states by key. */
const Manual__State *manual_state(const Manual__Procedure *procedure, const char *key) {
    Manual__State *const *state = NULL;

    if (procedure->n_states > 0) {
        state = bsearch(key, procedure->states, procedure->n_states, sizeof *procedure->states,
                        compare_states);
    }
    return state ? *state : NULL;
}

/* A class has a handful of values. */
static const Manual__ClassValue *value_of(const struct manual *manual, const char *key,
                                          const char *class_key) {
    const Manual__Parameter *parameter = index_find(&manual->parameters, key);
    const Manual__ClassValue *other = NULL;

    for (size_t i = 0; parameter && i < parameter->n_value; i++) {
        const Manual__ClassValue *value = parameter->value[i];
        if (class_key && *class_key && strcmp(value->class_, class_key) == 0) {
            return value;
        }
        if (!*value->class_ || strcmp(value->class_, "default") == 0) {
            other = value;
        }
    }
    return other;
}

bool manual_number_at(const struct manual *manual, const char *key, const char *class_key, size_t n,
                      int64_t *number) {
    const Manual__ClassValue *value = value_of(manual, key, class_key);

    if (!value || n >= value->n_number) {
        return false;
    }
    *number = value->number[n];
    return true;
}

bool manual_number(const struct manual *manual, const char *key, const char *class_key,
                   int64_t *number) {
    return manual_number_at(manual, key, class_key, 0, number);
}

const char *manual_unit(const struct manual *manual, const char *key) {
    const Manual__Parameter *parameter = index_find(&manual->parameters, key);

    return parameter ? parameter->unit : NULL;
}

const char *manual_param_text(const struct manual *manual, const char *key, const char *class_key) {
    const Manual__ClassValue *value = value_of(manual, key, class_key);

    return value && *value->text ? value->text : NULL;
}

const char *manual_text(const struct manual *manual, const char *key, const char *args,
                        const char *locale, struct arena *arena) {
    const Manual__Text *text = index_find(&manual->texts, key);

    if (!text || !text->text) {
        return args && *args ? arena_text(arena, "%s: %s", key, args)
                             : arena_text(arena, "%s", key);
    }
    bool english = locale && strcmp(locale, "en") == 0;
    return sentence_fill(english ? text->text->en : text->text->zh, args, arena);
}

bool manual_permits(const struct manual *manual, const char *act, const char *const *roles,
                    size_t count) {
    const Manual__Permission *permission = index_find(&manual->permissions, act);

    for (size_t i = 0; permission && i < permission->n_role; i++) {
        bool any_employee = strcmp(permission->role[i], "staff") == 0;
        for (size_t r = 0; r < count; r++) {
            const Manual__Role *role = manual_role(manual, roles[r]);
            if (strcmp(permission->role[i], roles[r]) == 0
                || (any_employee && role && strcmp(role->scope, "customer") != 0)) {
                return true;
            }
        }
    }
    return false;
}

const char *manual_head_of(const struct manual *manual, const char *dept_or_role) {
    return index_find(&manual->heads, dept_or_role);
}
