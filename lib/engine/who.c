#include "engine/who.h"

#include <string.h>

#include "base/text.h"

enum { HEADS_MAX = 8 };

static const char word_staff[] = "staff", word_customer[] = "customer", word_child[] = "child",
                  word_system[] = "system", word_paged[] = "paged", word_head[] = "dept_head";

bool who_is_staff(const struct asker *asker) {
    return !asker->system && !asker->customer && *asker->staff
           && !text_starts(asker->staff, "peer:");
}

const char *who_actor(const struct asker *asker) {
    const bool employee = !asker->system && *asker->staff && !text_starts(asker->staff, "peer:")
                          && !text_starts(asker->staff, "customer:");

    return employee ? asker->staff : "";
}

static bool has_role(const struct asker *asker, const char *role) {
    for (size_t i = 0; i < asker->role_count; i++) {
        if (text_eq(asker->roles[i], role)) {
            return true;
        }
    }
    return false;
}

static bool is_relation(const struct kase *kase, const char *word) {
    if (text_eq(word, KASE_OWNER) || text_eq(word, KASE_HANDLER) || text_eq(word, "opener")) {
        return true;
    }
    for (size_t i = 0; i < kase->procedure->n_people; i++) {
        if (text_eq(kase->procedure->people[i]->name, word)) {
            return true;
        }
    }
    return false;
}

int who_heads(struct work *work, const struct kase *kase, size_t max, const char **roles,
              struct err *err) {
    const char *handler = kase_person(kase, KASE_HANDLER);
    const char *head = NULL;
    struct staff staff = {0};
    size_t count = 0;
    int found = *handler ? work_staff(work, handler, &staff, err) : 0;

    if (found < 0) {
        return -1;
    }
    for (size_t i = 0; i < staff.role_count && count < max; i++) {
        head = manual_head_of(kase->manual, staff.roles[i]);
        if (head) {
            roles[count++] = head;
        }
    }
    const char *depts[] = {found == 1 && staff.dept ? staff.dept : "",
                           kase_person(kase, KASE_DEPT)};
    for (size_t i = 0; i < 2 && count < max; i++) {
        head = *depts[i] ? manual_head_of(kase->manual, depts[i]) : NULL;
        if (head) {
            roles[count++] = head;
        }
    }
    return (int)count;
}

static int is_head(struct work *work, const struct kase *kase, const struct asker *asker,
                   struct err *err) {
    const char *roles[HEADS_MAX];
    int count = who_heads(work, kase, HEADS_MAX, roles, err);

    for (int i = 0; i < count; i++) {
        if (has_role(asker, roles[i])) {
            return 1;
        }
    }
    return count < 0 ? -1 : 0;
}

/* 1: this word lets him in. */
static int fits(struct work *work, const struct kase *kase, const char *word,
                const struct asker *asker, int64_t at_ms, struct err *err) {
    if (text_eq(word, word_system)) {
        return asker->system || asker->child;
    }
    if (text_eq(word, word_child)) {
        return asker->child;
    }
    if (text_eq(word, word_customer)) {
        return asker->customer && *kase->row.unit && text_eq(asker->customer, kase->row.unit);
    }
    if (text_eq(word, word_paged)) {
        return asker->paged;
    }
    if (!who_is_staff(asker)) {
        return 0;
    }
    if (text_eq(word, word_staff)) {
        return 1;
    }
    if (text_eq(word, word_head)) {
        return is_head(work, kase, asker, err);
    }
    if (is_relation(kase, word)) {
        return kase_list_has(kase_person(kase, word), asker->staff);
    }
    if (has_role(asker, word)) {
        return 1;
    }
    const Manual__Role *role = manual_role(kase->manual, word);
    return role && *role->post ? work_on_duty(work, asker->staff, role->post, at_ms, err) : 0;
}

/* Kept by the case itself, on no form: given by the parent when it opened this case. */
static bool is_own(const struct kase *kase, const char *word) {
    for (size_t i = 0; i < kase->procedure->n_people; i++) {
        if (text_eq(kase->procedure->people[i]->name, word)) {
            return kase->procedure->people[i]->own;
        }
    }
    return false;
}

/* The person a word keeps out: of this case; or, where the parent should have said who and
 * did not, the parent's - who handled it did it. */
static int kept_out(struct work *work, const struct kase *kase, const char *word,
                    const struct asker *asker, struct err *err) {
    struct kase *parent = NULL;
    struct err none = {0};

    if (!who_is_staff(asker)) {
        return 0;
    }
    if (has_role(asker, word) || kase_list_has(kase_person(kase, word), asker->staff)) {
        return 1;
    }
    if (!*kase->row.parent || *kase_person(kase, word) || !is_own(kase, word)) {
        return 0;
    }
    if (work_case(work, kase->row.parent, &parent, &none)) {
        if (none.code == ERR_NOT_FOUND) {
            return 0; /* the parent lives elsewhere; what must be known was given */
        }
        *err = none;
        return -1;
    }
    const char *person = kase_person(parent, word);
    return kase_list_has(*person ? person : kase_person(parent, KASE_HANDLER), asker->staff);
}

int who_lets_in(struct work *work, const struct kase *kase, const struct who_list *list,
                const struct asker *asker, int64_t at_ms, const char **word, struct err *err) {
    int in = 0;

    for (size_t i = 0; i < list->not_count; i++) {
        int out = kept_out(work, kase, list->not_who[i], asker, err);
        if (out != 0) {
            return out < 0 ? -1 : 0;
        }
    }
    for (size_t i = 0; i < list->who_count && in == 0; i++) {
        in = fits(work, kase, list->who[i], asker, at_ms, err);
        *word = list->who[i];
    }
    return in;
}
