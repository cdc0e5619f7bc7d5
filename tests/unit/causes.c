#include "causes.h"

#include "base/text.h"
#include "histories.h"

static const struct manual *manual;

void causes_start(const struct manual *of) {
    manual = of;
}

/* One of several, each as likely as any other. */
struct lot {
    struct cause *chosen;
    size_t count;
};

static void draw(struct lot *lot, const struct cause *one) {
    if (histories_below(++lot->count) == 0) {
        *lot->chosen = *one;
    }
}

static bool ended(const struct life *life) {
    return life->state < STATES_MAX && life->procedure->states[life->state]->end;
}

/* Whose act would be heard by this case, if this operation did it. */
static struct life *whose(const struct way *way, struct life *life, const struct way *by,
                          const Manual__Op *op) {
    if (op->kind == MANUAL__OP__KIND__EACH) {
        return text_eq(op->each_fire, way->event) ? life->parent : NULL;
    }
    if (op->kind != MANUAL__OP__KIND__FIRE || !text_eq(op->target, way->event)) {
        return NULL;
    }
    if (!*op->at) {
        return life;
    }
    if (text_eq(op->at, "parent")) {
        struct life *child = lives_child(life, by->procedure);
        return child && !ended(child) ? child : NULL;
    }
    /* Only its newest child hears it. */
    return text_eq(op->at, way->procedure->key) && life->parent
                   && lives_child(life->parent, life->procedure) == life
               ? life->parent
               : NULL;
}

static bool counts_contact(const Manual__Step *step) {
    for (size_t i = 0; i < step->n_set; i++) {
        if (text_eq(step->set[i]->field, "contacts") && step->set[i]->up > 0) {
            return true;
        }
    }
    return false;
}

bool causes_by_contact(const struct way *way) {
    const Manual__Matter *matter = way->procedure->matter;

    for (size_t i = 0; matter && !way->people && i < matter->n_contact; i++) {
        if (text_eq(matter->contact[i]->event, way->event)) {
            return true;
        }
    }
    return false;
}

bool causes_find(const struct way *way, struct life *life, struct cause *cause) {
    const bool by_contact = causes_by_contact(way);
    struct lot lot = {.chosen = cause};
    size_t count = 0;
    struct way *all = coverage_all_ways(&count);

    for (size_t i = 0; i < count; i++) {
        struct way *by = &all[i];
        for (size_t s = 0; s < by->step_count; s++) {
            const Manual__Step *step = by->steps[s];
            struct cause one = {.way = by, .step = step};
            if (by_contact && by->procedure == way->procedure && by->from_place == way->from_place
                && by->people && counts_contact(step)) {
                one.life = life;
                draw(&lot, &one);
            }
            for (size_t o = 0; o < step->n_do_; o++) {
                one.op = step->do_[o];
                one.life = whose(way, life, by, one.op);
                if (one.life && one.life->procedure == by->procedure
                    && (one.life != life || (by->from_place == life->state && by->people))) {
                    draw(&lot, &one);
                }
            }
        }
    }
    return lot.count > 0;
}

static bool fires(const struct way *way, const Manual__Op *op) {
    return op->kind == MANUAL__OP__KIND__EACH
               ? text_eq(op->each_fire, way->event)
               : op->kind == MANUAL__OP__KIND__FIRE && text_eq(op->target, way->event);
}

bool causes_hopeless(const struct way *way, const struct life *life) {
    const struct life *parent = life->parent;
    const bool able = parent && !ended(parent) && lives_child(parent, life->procedure) == life;
    size_t count = 0;
    const struct way *all = coverage_all_ways(&count);

    for (size_t i = 0; i < count; i++) {
        for (size_t s = 0; s < all[i].step_count; s++) {
            const Manual__Step *step = all[i].steps[s];
            for (size_t o = 0; o < step->n_do_; o++) {
                const Manual__Op *op = step->do_[o];
                const bool by_parent = op->kind == MANUAL__OP__KIND__EACH
                                       || text_eq(op->at, way->procedure->key);
                if (fires(way, op)
                    && (by_parent ? able && parent->procedure == all[i].procedure
                                  : text_eq(op->at, "parent") || !*op->at)) {
                    return false;
                }
            }
        }
    }
    return !causes_by_contact(way);
}

bool causes_opening(const Manual__Procedure *procedure, const char *service, struct cause *cause) {
    struct lot lot = {.chosen = cause};
    size_t count = 0;
    struct way *all = coverage_all_ways(&count);

    for (size_t i = 0; i < count; i++) {
        for (size_t s = 0; s < all[i].step_count; s++) {
            const Manual__Step *step = all[i].steps[s];
            for (size_t o = 0; o < step->n_do_; o++) {
                const Manual__Op *op = step->do_[o];
                const struct cause one = {.way = &all[i], .step = step, .op = op};
                if (op->kind == MANUAL__OP__KIND__OPEN && text_eq(op->target, procedure->key)
                    && text_eq(all[i].procedure->owner, service)) {
                    draw(&lot, &one);
                }
            }
        }
    }
    return lot.count > 0;
}

/* ---- what must have happened first ---- */

static int64_t number_of(const Manual__Limit *limit) {
    int64_t number = limit ? limit->amount : 1;

    if (limit && *limit->parameter) {
        (void)manual_number(manual, limit->parameter, NULL, &number);
    }
    return number;
}

/* The event whose step writes a row of this field. */
static const char *writes_row(const Manual__Procedure *procedure, const char *field) {
    const char *event = NULL;
    size_t count = 0;

    for (size_t i = 0; i < procedure->n_steps; i++) {
        const Manual__Step *step = procedure->steps[i];
        for (size_t o = 0; o < step->n_do_; o++) {
            if (step->do_[o]->kind == MANUAL__OP__KIND__ROW && text_eq(step->do_[o]->target, field)
                && !*step->to && histories_below(++count) == 0) {
                event = step->event;
            }
        }
    }
    return event;
}

static bool needed_of(const Manual__Procedure *procedure, const Manual__Term *term,
                      struct needed *needed) {
    for (size_t i = 0; i < procedure->n_facts; i++) {
        const Manual__Fact *fact = procedure->facts[i];
        if (!text_eq(fact->name, term->subject)) {
            continue;
        }
        if (*fact->count && term->min) {
            *needed = (struct needed){fact->count, number_of(term->min), 1};
            return true;
        }
        const char *event = fact->rows ? writes_row(procedure, fact->rows->field) : NULL;
        if (event) {
            *needed = (struct needed){event, number_of(fact->rows->min),
                                      number_of(fact->rows->days)};
            return true;
        }
    }
    return false;
}

bool causes_needed(const struct way *way, struct needed *needed) {
    for (size_t s = 0; s < way->step_count; s++) {
        const Manual__Step *step = way->steps[s];
        for (size_t a = 0; a < step->n_when; a++) {
            for (size_t t = 0; t < step->when[a]->n_all; t++) {
                if (needed_of(way->procedure, step->when[a]->all[t], needed)) {
                    return true;
                }
            }
        }
    }
    return false;
}
