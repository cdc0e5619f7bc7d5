#include "cli/topics.h"

#include <string.h>

#include "manual/compile.h"
#include "manual/manual.h"

const char *const topics_house[] = {
    "manual.published",   "staff.changed",   "staff.revoked",
    "person.on_leave",    "person.left",     "unit.changed",
    "person.changed",     "estate.changed",  "person.unmasked",
    "token.issued",       "import.finished", "hold.taken",
    "hold.released",      "hold.waiting",    "roster.duty",
    "roster.dropped",     "clock.started",   "clock.moved",
    "clock.met",          "clock.stopped",   "clock.warned",
    "clock.due",          "clock.over",      "page.asked",
    "page.ended",         "page.requested",  "page.opened",
    "page.stepped",       "page.sent",       "page.acknowledged",
    "page.rejected",      "page.exhausted",  "page.withdrawn",
    "page.failed",        "page.late",       "channel.changed",
    "tell.asked",         "told.sent",       "told.failed",
    "case.asked",         "case.done",       "case.refused",
    "case.fire_asked",    "case.ended",      "case.linked",
    "case.child_refused", "case.unmasked",   "plan.opened",
    "month.frozen",       "month.adjusted",  "weather.warning",
    "fees.arrears",       "dead.letter",     NULL,
};

static bool is_there(const char *const *topics, size_t count, const char *topic) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(topics[i], topic) == 0) {
            return true;
        }
    }
    return false;
}

static size_t add(const struct cli *cli, const char *topics[TOPICS_MAX], size_t count,
                  const char *procedure, const char *event) {
    const char *topic = arena_text(cli->arena, "%s.%s", procedure, event);

    if (count < TOPICS_MAX && !is_there(topics, count, topic)) {
        topics[count++] = topic;
    }
    return count;
}

size_t topics_all(const struct cli *cli, const char *dir, const char *topics[TOPICS_MAX]) {
    struct compiled *compiled = arena_alloc(cli->arena, sizeof *compiled);
    const Manual__Procedure *const *procedures = NULL;
    struct err none = {0};
    size_t count = 0;

    while (topics_house[count]) {
        topics[count] = topics_house[count];
        count++;
    }
    bool read = dir && compile_dir(dir, compiled, cli->arena, &none) == 0
                && compiled->mistake_count == 0;
    struct manual *manual = read ? manual_new(1, compiled->files, compiled->count, &none) : NULL;
    size_t procedure_count = manual ? manual_procedures(manual, &procedures) : 0;
    for (size_t p = 0; p < procedure_count; p++) {
        count = add(cli, topics, count, procedures[p]->key, "open");
        for (size_t s = 0; s < procedures[p]->n_steps; s++) {
            count = add(cli, topics, count, procedures[p]->key, procedures[p]->steps[s]->event);
        }
    }
    manual_free(manual);
    return count;
}
