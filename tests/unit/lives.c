#include "lives.h"

#include "base/text.h"
#include "harness.h"
#include "plan.h"

enum { SLOTS = 32768, LIMIT_MARK = 100 };

static const struct manual *manual;
static struct life lives[LIVES_MAX];
static size_t life_count;
static size_t slots[SLOTS]; /* place + 1, by number */
static int64_t ringing;

void lives_start(const struct manual *of) {
    manual = of;
    life_count = 0;
    ringing = 0;
    memset(slots, 0, sizeof slots);
}

static size_t *slot_of(const char *number) {
    uint32_t hash = 2166136261U;

    for (const char *at = number; *at; at++) {
        hash = (hash ^ (unsigned char)*at) * 16777619U;
    }
    for (size_t i = hash % SLOTS;; i = (i + 1) % SLOTS) {
        if (slots[i] == 0 || text_eq(lives[slots[i] - 1].number, number)) {
            return &slots[i];
        }
    }
}

struct life *lives_find(const char *number) {
    const size_t place = *slot_of(number);

    return place > 0 ? &lives[place - 1] : NULL;
}

struct life *lives_all(size_t *count) {
    *count = life_count;
    return lives;
}

struct life *lives_child(const struct life *parent, const Manual__Procedure *procedure) {
    for (size_t i = life_count; i > 0; i--) {
        if (lives[i - 1].parent == parent && lives[i - 1].procedure == procedure) {
            return &lives[i - 1];
        }
    }
    return NULL;
}

int64_t lives_ringing(void) {
    return ringing;
}

static void hear_clock(struct life *life, const Wire__Event *event) {
    const char *name = value_text(event->fields, event->n_fields, "clock");

    for (size_t i = 0; i < life->procedure->n_clocks && i < LIFE_CLOCKS_MAX; i++) {
        const Manual__Clock *clock = life->procedure->clocks[i];
        if (!text_eq(clock->name, name)) {
            continue;
        }
        const int64_t change = clock->every ? text_eq(event->topic, "clock.started") : 0;
        if (text_eq(event->topic, "clock.started")) {
            life->phases[i] = PHASE_RUNS;
            ringing += change;
            life->ringing += change;
        } else if (text_eq(event->topic, "clock.met") || text_eq(event->topic, "clock.stopped")) {
            life->phases[i] = PHASE_STILL;
            ringing -= clock->every != NULL;
            life->ringing -= clock->every != NULL;
        } else if (value_i64(event->fields, event->n_fields, "mark", 0) >= LIMIT_MARK
                   && !clock->every) {
            life->phases[i] = PHASE_OVER;
        }
    }
}

static struct life *add(const Wire__Event *event, const Manual__Procedure *procedure) {
    CHECK(life_count < LIVES_MAX);
    struct life *life = &lives[life_count];

    *life = (struct life){.procedure = procedure, .contacts = 1, .before = STATES_MAX};
    (void)snprintf(life->number, sizeof life->number, "%s", event->case_no);
    (void)snprintf(life->opener, sizeof life->opener, "%s",
                   value_text(event->fields, event->n_fields, "opener"));
    life->parent = lives_find(value_text(event->fields, event->n_fields, "parent"));
    *slot_of(event->case_no) = ++life_count;
    return life;
}

void lives_event(const Wire__Event *event) {
    struct life *life = *event->case_no ? lives_find(event->case_no) : NULL;
    char key[LIFE_TEXT];

    if (text_starts(event->topic, "clock.")) {
        if (life) {
            hear_clock(life, event);
        }
        return;
    }
    (void)snprintf(key, sizeof key, "%.*s", (int)strcspn(event->topic, "."), event->topic);
    const Manual__Procedure *procedure = manual_procedure(manual, key);
    if (!procedure || !*event->case_no) {
        return;
    }
    life = life ? life : add(event, procedure);
    const size_t now = coverage_state(procedure,
                                      value_text(event->fields, event->n_fields, "state"));
    life->before = now != life->state ? life->state : life->before;
    life->state = now;
    life->contacts = value_i64(event->fields, event->n_fields, "contacts", life->contacts);
}
