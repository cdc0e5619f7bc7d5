#include "recipients.h"

#include <string.h>

#include "base/text.h"

enum { WORD_MAX = 80, DUTIES_MAX = 16, HOLDERS_MAX = 32 };

/* What is asked for at a time, and what has been found. */
struct search {
    struct call *call;
    const struct manual *manual;
    const struct page *page;
    struct recipients *found;
    bool anybody; /* present or not */
};

static bool has(const struct recipients *found, const char *staff) {
    for (size_t i = 0; i < found->count; i++) {
        if (text_eq(found->list[i].staff, staff)) {
            return true;
        }
    }
    return false;
}

static void add(struct search *search, const struct staff *staff, const char *stands_for) {
    struct recipients *found = search->found;

    if (found->count < PAGES_STAFF_MAX && !has(found, staff->no)) {
        found->list[found->count++] = (struct recipient){
            .staff = staff->no,
            .stands_for = stands_for,
            .channels = staff->channels,
        };
    }
}

/* Present, and there is a way to reach him. */
static int reachable(struct search *search, const struct staff *staff, bool *yes, struct err *err) {
    if (directory_present(search->call, staff, search->call->now_ms, yes, err)) {
        return -1;
    }
    *yes = *yes && staff->channels && *staff->channels;
    return 0;
}

static int add_or_deputy(struct search *search, const struct staff *staff, struct err *err) {
    struct staff deputy;
    bool yes = search->anybody;

    if (!yes && reachable(search, staff, &yes, err)) {
        return -1;
    }
    if (yes) {
        add(search, staff, "");
        return 0;
    }
    if (!staff->deputy || !*staff->deputy) {
        return 0;
    }
    int there = directory_staff(search->call, staff->deputy, &deputy, err);
    if (there == 1 && reachable(search, &deputy, &yes, err)) {
        return -1;
    }
    if (there == 1 && yes) {
        add(search, &deputy, staff->no);
    }
    return there < 0 ? -1 : 0;
}

/* 1: there is such a person (reached or not). */
static int add_number(struct search *search, const char *no, struct err *err) {
    struct staff staff;
    int there = *no ? directory_staff(search->call, no, &staff, err) : 0;

    return there == 1 && add_or_deputy(search, &staff, err) ? -1 : there;
}

/* 1: the post has somebody on the roster now. */
static int add_post(struct search *search, const char *post, const char *but, size_t max,
                    struct err *err) {
    struct duty_row rows[DUTIES_MAX];
    int count = directory_post(search->call, post, search->call->now_ms, DUTIES_MAX, rows, err);

    for (int i = 0; i < count && max > 0; i++) {
        if (text_eq(rows[i].staff, but)) {
            continue;
        }
        if (add_number(search, rows[i].staff, err) < 0) {
            return -1;
        }
        max--;
    }
    return count < 0 ? -1 : count > 0;
}

/* On shift, the role is the post; when nobody has it, whoever holds the role. */
static int add_role(struct search *search, const char *key, struct err *err) {
    const Manual__Role *role = manual_role(search->manual, key);
    struct staff holders[HOLDERS_MAX];
    int on_shift = role && role->post && *role->post
                       ? add_post(search, role->post, "", DUTIES_MAX, err)
                       : 0;

    if (on_shift != 0) {
        return on_shift < 0 ? -1 : 0;
    }
    int count = directory_role(search->call, key, HOLDERS_MAX, holders, err);
    for (int i = 0; i < count; i++) {
        if (add_or_deputy(search, &holders[i], err)) {
            return -1;
        }
    }
    return count < 0 ? -1 : 0;
}

/* The assignee; or the first person that the request names. */
static int assignee(struct search *search, struct staff *staff, struct err *err) {
    char first[WORD_MAX];
    const char *no = search->page->ask.assignee;

    if (!*no) {
        size_t length = strcspn(search->page->ask.to, ";");
        if (length == 0 || length >= sizeof first) {
            return 0;
        }
        memcpy(first, search->page->ask.to, length);
        first[length] = '\0';
        no = arena_text(search->call->arena, "%s", first);
    }
    return directory_staff(search->call, no, staff, err);
}

/* The next one on the assignee's post; who is on no post now has his deputy. */
static int add_backup(struct search *search, struct err *err) {
    struct duty_row duties[DUTIES_MAX];
    struct staff staff;
    int there = assignee(search, &staff, err);

    if (there != 1) {
        return there;
    }
    int count = directory_duties_of(search->call, staff.no, search->call->now_ms, DUTIES_MAX,
                                    duties, err);
    if (count < 0) {
        return -1;
    }
    if (count == 0) {
        return add_number(search, staff.deputy ? staff.deputy : "", err) < 0 ? -1 : 0;
    }
    for (int i = 0; i < count; i++) {
        if (add_post(search, duties[i].post, staff.no, 1, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Of the assignee's roles, else of his department, else of the department that was named. */
static int add_dept_head(struct search *search, struct err *err) {
    struct staff staff;
    const char *role = NULL;
    int there = assignee(search, &staff, err);

    if (there < 0) {
        return -1;
    }
    for (size_t i = 0; there == 1 && !role && i < staff.role_count; i++) {
        role = manual_head_of(search->manual, staff.roles[i]);
    }
    if (there == 1 && !role && staff.dept && *staff.dept) {
        role = manual_head_of(search->manual, staff.dept);
    }
    if (!role && *search->page->ask.dept) {
        role = manual_head_of(search->manual, search->page->ask.dept);
    }
    return role ? add_role(search, role, err) : 0;
}

/* A staff number, a role, or a post. */
static int add_plain(struct search *search, const char *word, struct err *err) {
    int there = add_number(search, word, err);

    if (there != 0) {
        return there < 0 ? -1 : 0;
    }
    if (manual_role(search->manual, word)) {
        return add_role(search, word, err);
    }
    return add_post(search, word, "", DUTIES_MAX, err) < 0 ? -1 : 0;
}

static int add_word(struct search *search, const char *word, struct err *err) {
    if (text_eq(word, "assignee")) {
        struct staff staff;
        int there = assignee(search, &staff, err);
        return there == 1 ? add_or_deputy(search, &staff, err) : there;
    }
    if (text_eq(word, "backup")) {
        return add_backup(search, err);
    }
    if (text_eq(word, "dept_head")) {
        return add_dept_head(search, err);
    }
    if (text_starts(word, "role:")) {
        return add_role(search, word + strlen("role:"), err);
    }
    if (text_starts(word, "post:")) {
        return add_post(search, word + strlen("post:"), "", DUTIES_MAX, err) < 0 ? -1 : 0;
    }
    return add_plain(search, word, err);
}

static int add_list(struct search *search, const char *list, struct err *err) {
    char word[WORD_MAX];

    for (const char *at = list; *at;) {
        size_t length = strcspn(at, ";");
        if (length > 0 && length < sizeof word) {
            memcpy(word, at, length);
            word[length] = '\0';
            if (add_word(search, word, err) < 0) {
                return -1;
            }
        }
        at += length + (at[length] == ';');
    }
    return 0;
}

int recipients_find(struct call *call, const struct manual *manual, const struct page *page,
                    const char *const *words, size_t word_count, struct recipients *found,
                    struct err *err) {
    struct search search = {.call = call, .manual = manual, .page = page, .found = found};

    for (size_t i = 0; i < word_count; i++) {
        if (text_eq(words[i], "asked") ? add_list(&search, page->ask.to, err)
                                       : add_word(&search, words[i], err) < 0) {
            return -1;
        }
    }
    return 0;
}

int recipients_named(struct call *call, const struct manual *manual, const char *list,
                     struct recipients *found, struct err *err) {
    const struct page nobody = {.ask = {.to = "", .assignee = "", .dept = ""}};
    struct search search = {
        .call = call, .manual = manual, .page = &nobody, .found = found, .anybody = true};

    return add_list(&search, list, err);
}
