/* condition - `when` of YAML or as it stands in a store, asked about any values. */
#include "manual/condition.h"

#include "fuzz.h"
#include "manual/compile_parts.h"

enum { WAYS = 2, TERMS_MAX = 200 };

static const char manual_folder[] = "tests/manuals/small";
static const char parameters_file[] = "parameters.yaml";
static const int64_t now_ms = INT64_C(1752243240000);

static struct compiled compiled;
static struct manual *manual;

static void make_manual(void) {
    struct arena *arena = arena_new(COMPILE_ARENA_SIZE); /* as long as the process */
    struct err err = {0};

    FUZZ_CHECK(compile_dir(manual_folder, &compiled, arena, &err) == 0);
    manual = manual_new(1, compiled.files, compiled.count, &err);
    FUZZ_CHECK(compiled.mistake_count == 0 && manual);
}

static const Wire__Value *find(void *arg, const char *subject) {
    const Wire__Event *event = arg;

    for (size_t i = 0; i < event->n_fields; i++) {
        if (strcmp(event->fields[i]->key, subject) == 0) {
            return event->fields[i];
        }
    }
    return NULL;
}

static void read_parameters(struct compiler *c) {
    struct yaml_fault fault;

    for (size_t i = 0; i < compiled.count; i++) {
        if (strcmp(compiled.names[i], parameters_file) == 0) {
            struct source *source = &c->sources[0];
            source->name = compiled.names[i];
            source->bytes = compiled.sources[i];
            source->root = yaml_read(source->bytes.data, source->bytes.size, c->arena, &fault);
            source->file = ARENA_NEW(c->arena, Manual__File);
            manual__file__init(source->file);
            compile_parameters(c, source);
        }
    }
}

/* NULL: it has mistakes, and each says what. */
static Manual__Any **from_yaml(const char *text, size_t *count, struct arena *arena) {
    struct compiled out = {.count = 0};
    struct compiler *c = ARENA_NEW(arena, struct compiler);
    struct yaml_fault fault = {0};

    c->out = &out;
    c->arena = arena;
    c->file = "when.yaml";
    read_parameters(c);
    const struct node *root = yaml_read(text, strlen(text), arena, &fault);
    if (!root) {
        FUZZ_CHECK(fault.line > 0 && fault.column > 0 && fault.text[0]);
        return NULL;
    }
    Manual__Any **list = compile_when(c, NULL, root, NULL, count);
    for (size_t i = 0; i < out.mistake_count; i++) {
        FUZZ_CHECK(out.mistakes[i].line > 0 && out.mistakes[i].text[0]);
    }
    return out.mistake_count == 0 ? list : NULL;
}

/* Written out once more: one of them, and all of its terms. */
static bool expected(Manual__Any *const *list, size_t count, const struct subjects *subjects) {
    bool any = count == 0;

    for (size_t i = 0; i < count; i++) {
        size_t holding = 0;
        for (size_t k = 0; k < list[i]->n_all; k++) {
            Manual__Term *term = list[i]->all[k];
            bool only_words = !term->min && !term->max && !term->within && !term->beyond
                              && !term->present && !term->absent && term->n_one_of > 0;
            bool holds = condition_term(term, subjects);
            if (only_words) {
                term->negate = !term->negate;
                FUZZ_CHECK(condition_term(term, subjects) != holds);
                term->negate = !term->negate;
            }
            holding += holds;
        }
        any = any || holding == list[i]->n_all;
    }
    return any;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena = fuzz_arena();
    ProtobufCAllocator allocator = arena_protobuf(arena);
    struct bytes rest = {data, size};
    size_t count = 0;
    Manual__Any **list = NULL;

    if (!manual) {
        make_manual();
    }
    if (fuzz_byte(&rest) % WAYS == 0) {
        list = from_yaml(fuzz_text(&rest, arena), &count, arena);
    } else {
        struct bytes packed = fuzz_take(&rest, fuzz_byte(&rest));
        Manual__Limit *limit = manual__limit__unpack(&allocator, packed.size, packed.data);
        list = limit ? limit->when : NULL;
        count = limit ? limit->n_when : 0;
    }
    Wire__Event *event = wire__event__unpack(&allocator, rest.size, rest.data);
    if (!event || (!list && count > 0) || count > TERMS_MAX) {
        return 0;
    }
    const struct subjects subjects = {find, event, event->actor, now_ms, manual};
    const struct subjects none = {find, event, NULL, now_ms, NULL};
    FUZZ_CHECK(condition_holds(list, count, &subjects) == expected(list, count, &subjects));
    FUZZ_CHECK(condition_holds(list, count, &none) == expected(list, count, &none));
    return 0;
}
