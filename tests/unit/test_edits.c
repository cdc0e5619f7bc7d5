/*
 * The manual is data: each small edit of repair.yaml, or of a parameter that it uses,
 * changes the outcome that is named beside it, and no other outcome of the same day.
 *
 * The day is tests/manuals/edits/story.txt, a rehearsal with an @outcome@ in the place of
 * expectations.  Played over the manual as it is, every `before` holds and no `after`.
 * Played over the manual with one edit, the `after` of that edit holds, and every other
 * `before` still does.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/services.h"
#include "host/rehearse.h"

#define STORY "tests/manuals/edits/story.txt"
#define DATA "tests/manuals/edits" /* the part of the demo estate where it happens */
#define REPAIR "procedures/repair.yaml"
#define PARAMETERS "parameters.yaml"

enum { PATH_SIZE = 256, FILE_MAX = 256 * 1024, FOLDER_MODE = 0700 };

struct edit {
    const char *outcome; /* its name in the story */
    const char *name;
    const char *file, *find, *replace;
    const char *before, *after; /* expectations, as they stand in a rehearsal */
};

#define DENIED "[error: permission_denied]"
#define NOT_NOW "[error: failed_precondition]"
#define MISSING(field) "[error: invalid_argument, reply: {missing: [" field "]}]"
#define STATE(name, state) "[state: {case: $" name ", is: " state "}]"

static const struct edit edits[] = {
    {"dispatch_by_steward", "a steward may dispatch, too", REPAIR,
     "who: [eng_disp, duty, duty_mgr], needs: assignee",
     "who: [eng_disp, duty, duty_mgr, steward], needs: assignee", DENIED,
     STATE("steward", "dispatched")},
    {"dispatch_by_head", "the engineering head does not dispatch any more", REPAIR,
     "who: [eng_disp, duty, duty_mgr], needs: assignee", "who: [duty, duty_mgr], needs: assignee",
     STATE("head", "dispatched"), DENIED},
    {"undispatched", "only an E1 dispatches itself", REPAIR,
     "when: {urgency: [E1, E2]}, set: {tech", "when: {urgency: E1}, set: {tech",
     STATE("urgent", "dispatched"), STATE("urgent", "registered")},
    {"page_ladder", "every dispatch climbs ladder C", REPAIR,
     "set: {dispatched_at: $now}, do: [{page: technician, ladder: repair.ladder",
     "set: {dispatched_at: $now}, do: [{page: technician, ladder: C",
     "[paged: {to: 周涛, about: $unfounded, ladder: B}]",
     "[paged: {to: 周涛, about: $unfounded, ladder: C}]"},
    {"on_site_limit", "three quarters of an hour to be on site", PARAMETERS,
     "repair.onsite_min: {E0: 5, E1: 15, E2: 30}", "repair.onsite_min: {E0: 5, E1: 15, E2: 45}",
     "[clock: {case: $urgent, name: onsite, due: \"09:30\"}]",
     "[clock: {case: $urgent, name: onsite, due: \"09:45\"}]"},
    {"safe_limit", "an hour until there is no danger any more", PARAMETERS, "repair.safe_h: 2",
     "repair.safe_h: 1", "[clock: {case: $danger, name: safe, due: \"11:06\"}]",
     "[clock: {case: $danger, name: safe, due: \"10:06\"}]"},
    {"ack_by_another", "only whom it was given to may take it, or who is paged", REPAIR,
     "who: [eng, paged], set: {technician: $actor",
     "who: [handler, paged], set: {technician: $actor", STATE("other", "acknowledged"), DENIED},
    {"ack_limit", "five minutes more to answer", PARAMETERS,
     "repair.ack_min: {E1: 3, E2: 5, \"N\": 15", "repair.ack_min: {E1: 3, E2: 5, \"N\": 20",
     "[clock: {case: $told, name: ack, due: \"09:22\"}]",
     "[clock: {case: $told, name: ack, due: \"09:27\"}]"},
    {"household_told", "the household does not hear who comes", REPAIR,
     "ack_at: $now}, do: [{tell: reporter, text: technician_named}]}", "ack_at: $now}}",
     "[told: {unit: 1-1-203, about: $told, at: \"09:07\"}]",
     "[not_told: {unit: 1-1-203, about: $told, at: \"09:07\"}]"},
    {"refuse_without_reason", "a technician refuses without a reason", REPAIR,
     "who: handler, needs: reason, do: [{tell: eng_disp, text: refused}]",
     "who: handler, do: [{tell: eng_disp, text: refused}]", MISSING("reason"),
     STATE("refused", "registered")},
    {"register_needs", "an appointment is needed to register", REPAIR,
     "who: [desk, duty, steward], needs: [scope, trade, urgency, place, content]",
     "who: [desk, duty, steward], needs: [scope, trade, urgency, place, content, slot_from]",
     STATE("late", "registered"), MISSING("slot_from")},
    {"second_new_time", "a technician may arrange a second new time", REPAIR,
     "when: {tries: {max: 1}}, needs: [slot_from", "when: {tries: {max: 2}}, needs: [slot_from",
     NOT_NOW, STATE("tries", "dispatched")},
    {"close_at_first_try", "once at a closed door is enough", REPAIR, "when: {tries: {min: 3}}",
     "when: {tries: {min: 1}}", NOT_NOW, STATE("empty", "closed_no_access")},
    {"quote_without_amount", "a quote needs no amount", REPAIR, "who: handler, needs: quote}",
     "who: handler}", MISSING("quote"), STATE("price", "quote_wait")},
    {"quote_accepted_by_technician", "only the household accepts a quote", REPAIR,
     "who: [customer, handler], set: {quote_accepted: true}",
     "who: customer, set: {quote_accepted: true}", STATE("paid", "working"), DENIED},
    {"private_to_developer", "the developer takes what is inside a flat, too", REPAIR,
     "when: {scope: warranty}", "when: {scope: [warranty, private]}", NOT_NOW,
     STATE("developer", "referred_to_developer")},
    {"done_without_photos", "done without photos", REPAIR, "needs: [result, photos]",
     "needs: result", MISSING("photos"), STATE("photos", "done")},
    {"visited_by_doer", "the visit is kept from who took the call, not from the doer", REPAIR,
     "doer: $technician, second_visit: false}}\n  - {open:",
     "doer: $receiver, second_visit: false}}\n  - {open:", DENIED, STATE("doer", "closed")},
    {"confirm_limit", "two days until silence is a yes", PARAMETERS, "repair.confirm_h: 24",
     "repair.confirm_h: 48", "[clock: {case: $confirm, name: confirm, due: \"07-08 09:15\"}]",
     "[clock: {case: $confirm, name: confirm, due: \"07-09 09:15\"}]"},
    {"confirmed_by_technician", "only the household confirms", REPAIR,
     "to: visit_due, who: [customer, handler]", "to: visit_due, who: customer",
     STATE("confirm", "visit_due"), DENIED},
    {"visit_withdrawn", "the visit stays when the work goes on", REPAIR,
     "who: customer, needs: reason, do: [{fire: withdraw, at: return_visit}]}",
     "who: customer, needs: reason}", STATE("unhappy.return_visit", "withdrawn"),
     STATE("unhappy.return_visit", "due")},
    {"third_contact", "the fourth contact makes it more urgent", REPAIR,
     "contact: {case.repeat_contact: raise_urgency}", "contact: {4: raise_urgency}",
     "[case: {case: $third, has: {urgency: E2, contacts: 3}}]",
     "[case: {case: $third, has: {urgency: \"N\", contacts: 3}}]"},
    {"lowered_restarts", "a lower class does not begin its time anew", REPAIR,
     "restart: [raise_urgency, lower_urgency, reschedule]", "restart: [raise_urgency, reschedule]",
     "[clock: {case: $lowered, name: onsite, round: 2, result: running}]",
     "[clock: {case: $lowered, name: onsite, round: 1, result: running}]"},
    {"lowered_without_reason", "a class is lowered without a reason", REPAIR,
     "needs: [urgency, reason]", "needs: urgency", MISSING("reason"),
     "[case: {case: $unfounded, has: {urgency: \"N\"}}]"},
    {"raised_by_supervisor", "only the engineering head names a higher class", REPAIR,
     "who: [eng_disp, cs_sup], needs: urgency", "who: eng_disp, needs: urgency",
     "[case: {case: $raised, has: {urgency: E2}}]", DENIED},
    {"bad_visit_pages", "a bad visit pages the project manager", REPAIR,
     "{page: eng_disp, ladder: C, text: visit_bad}", "{page: pm, ladder: C, text: visit_bad}",
     "[paged: {to: 李强, about: $bad}]", "[paged: {to: 郑平, about: $bad}]"},
    {"reopened_class", "what is opened again is an E1", REPAIR,
     "set: {urgency: E2, round: {up: 1}}, do: [{tell: handler, text: reopened}",
     "set: {urgency: E1, round: {up: 1}}, do: [{tell: handler, text: reopened}",
     "[case: {case: $again, has: {urgency: E2, round: 2}}]",
     "[case: {case: $again, has: {urgency: E1, round: 2}}]"},
    {"reopened_by_steward", "only the desk opens a case again", REPAIR,
     "who: staff, when: {closed_at", "who: [desk, duty], when: {closed_at",
     STATE("anybody", "reopened"), DENIED},
    {"reopen_window", "a day to open it again, not seven", REPAIR,
     "closed_at: {within: case.reopen_d}", "closed_at: {within: 1d}", STATE("window", "reopened"),
     NOT_NOW},
    {"cancelled_without_reason", "the desk cancels without a reason", REPAIR,
     "needs: reason, set: {result: cancelled}", "set: {result: cancelled}", MISSING("reason"),
     STATE("gone", "cancelled")},
};
enum { EDITS = sizeof edits / sizeof edits[0] };

static char folder[] = "/tmp/edits.XXXXXX";

/* ---- files ---- */

static void die(const char *what, const char *name) {
    (void)fprintf(stderr, "# %s: %s\n", what, name);
    exit(1);
}

static char *file_read(const char *path) {
    char *text = calloc(1, FILE_MAX);
    FILE *file = fopen(path, "r");

    if (!text || !file || fread(text, 1, FILE_MAX - 1, file) == 0 || fclose(file)) {
        die("cannot be read", path);
    }
    return text;
}

static void file_write(const char *path, const char *text) {
    FILE *file = fopen(path, "w");

    if (!file || fputs(text, file) < 0 || fclose(file)) {
        die("cannot be written", path);
    }
}

/* The text with the only `find` in it replaced. */
static char *changed(const char *text, const char *find, const char *replace) {
    const char *at = strstr(text, find);
    char *made = calloc(1, FILE_MAX);

    if (!made || !at || strstr(at + 1, find)) {
        die(at ? "stands there twice" : "does not stand there", find);
    }
    (void)snprintf(made, FILE_MAX, "%.*s%s%s", (int)(at - text), text, replace, at + strlen(find));
    return made;
}

static void path_in(char *path, const char *file) {
    (void)snprintf(path, PATH_SIZE, "%s/%s", folder, file);
}

/* Every file of the manual into the folder, or away from there. */
static void copy_manual(bool away) {
    static const char *const parts[] = {"", "forms/", "procedures/", "texts/"};
    char path[PATH_SIZE], pattern[PATH_SIZE];
    glob_t found;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        path_in(path, parts[i]);
        if (!away && parts[i][0] && mkdir(path, FOLDER_MODE)) {
            die("cannot be made", path);
        }
        (void)snprintf(pattern, sizeof pattern, "manual/%s*.yaml", parts[i]);
        if (glob(pattern, 0, NULL, &found)) {
            die("run this in the folder that holds it", "manual/");
        }
        for (size_t k = 0; k < found.gl_pathc; k++) {
            path_in(path, found.gl_pathv[k] + strlen("manual/"));
            if (away) {
                (void)unlink(path);
                continue;
            }
            char *text = file_read(found.gl_pathv[k]);
            file_write(path, text);
            free(text);
        }
        globfree(&found);
    }
    for (size_t i = sizeof parts / sizeof parts[0]; away && i-- > 0;) {
        path_in(path, parts[i]);
        (void)rmdir(path);
    }
}

/* ---- playing ---- */

struct played {
    struct rehearse_result result;
    char *said;
    size_t lines[EDITS]; /* where each outcome stands */
    char file[PATH_SIZE];
};

/* The story with `after` of the edits from `first` up to `end`, `before` of the others. */
static char *story_of(size_t first, size_t end, size_t lines[EDITS]) {
    char *story = file_read(STORY);

    for (size_t i = 0; i < EDITS; i++) {
        char mark[PATH_SIZE];
        (void)snprintf(mark, sizeof mark, "@%s@", edits[i].outcome);
        const char *at = strstr(story, mark);
        lines[i] = 1;
        for (const char *c = story; at && c < at; c++) {
            lines[i] += *c == '\n';
        }
        char *made = changed(story, mark, i >= first && i < end ? edits[i].after : edits[i].before);
        free(story);
        story = made;
    }
    return story;
}

static void play(const char *manual, size_t first, size_t end, struct played *played) {
    size_t size = 0;
    char *story = story_of(first, end, played->lines);

    (void)snprintf(played->file, sizeof played->file, "%s.yaml", folder);
    file_write(played->file, story);
    free(story);
    FILE *out = open_memstream(&played->said, &size);
    const struct rehearse_options options = {
        .services = services_all,
        .manual = manual,
        .demo = DATA,
        .locale = "en",
        .seed = 1,
        .out = out,
    };
    if (!out) {
        die("no memory for", STORY);
    }
    rehearse_file(&options, played->file, &played->result);
    (void)fclose(out);
    (void)unlink(played->file);
}

static bool all_held(const struct played *played) {
    if (played->result.played && played->result.failures == 0) {
        return true;
    }
    (void)fprintf(stderr, "%s", played->said);
    return false;
}

/* Nothing of what the edits bring is so without them. */
static bool no_after_holds(const struct played *played) {
    bool fine = played->result.played;

    for (size_t i = 0; i < EDITS; i++) {
        char line[2 * PATH_SIZE];
        (void)snprintf(line, sizeof line, "%s:%zu:", played->file, played->lines[i]);
        if (!strstr(played->said, line)) {
            (void)fprintf(stderr, "# %s: is so without the edit, too\n", edits[i].name);
            fine = false;
        }
    }
    return fine;
}

static bool edit_changes_it(size_t i) {
    struct played played;
    char from[PATH_SIZE], to[PATH_SIZE];

    (void)snprintf(from, sizeof from, "manual/%s", edits[i].file);
    path_in(to, edits[i].file);
    char *text = file_read(from);
    char *edited = changed(text, edits[i].find, edits[i].replace);
    file_write(to, edited);
    play(folder, i, i + 1, &played);
    file_write(to, text);
    free(text);
    free(edited);
    bool fine = all_held(&played);
    free(played.said);
    rehearse_drop_templates();
    return fine;
}

static int report(bool fine, size_t number, const char *name) {
    (void)printf("%s %zu %s\n", fine ? "ok" : "not ok", number, name);
    (void)fflush(stdout);
    return !fine;
}

int main(int argc, char **argv) {
    struct played played;
    int failed = 0;

    log_set(LOG_ERROR, false);
    if (!mkdtemp(folder)) {
        die("cannot be made", folder);
    }
    copy_manual(false);
    (void)printf("1..%d\n", EDITS + 2);
    play("manual", 0, 0, &played);
    failed += report(all_held(&played), 1, "without an edit everything is as it was");
    free(played.said);
    play("manual", 0, EDITS, &played);
    failed += report(no_after_holds(&played), 2, "without an edit nothing is as it makes it");
    free(played.said);
    rehearse_drop_templates();
    for (size_t i = 0; i < EDITS; i++) {
        if (argc < 2 || strcmp(argv[1], edits[i].outcome) == 0) {
            failed += report(edit_changes_it(i), i + 3, edits[i].name);
        }
    }
    copy_manual(true);
    return failed ? 1 : 0;
}
