/*
 * A pager receiver that takes what comes and never answers, and the real processes around
 * it: who else is paged, what becomes of the attempts, and that nothing is lost.
 */
#include <stdio.h>
#include <string.h>

#include "aid/desk.h"
#include "aid/house.h"
#include "aid/receiver.h"
#include "base/text.h"
#include "harness.h"
#include "shouwen/notify/v1/notify.pb-c.h"

enum {
    WAIT_MS = 30000,
    IN_TIME_MS = 3000,   /* a page to a receiver that answers */
    LIMIT_US = 15000000, /* of an attempt */
    LATE_US = 3000000,
    MESSAGES = 500,
    FLOOD = 9, /* more than there are workers for pages */
    REFERENCE = 24,
};

static const char numbers[] = "tests/manuals/slow-ladder.yaml";
static const char first_step[] = "\"step\":0,\"times\":1";
static struct house house;

struct arrival {
    struct receiver *receiver;
    const char *one, *other;
};

static bool has_arrived(void *arg) {
    const struct arrival *wanted = arg;
    return receiver_find(wanted->receiver, wanted->one, wanted->other) > 0;
}

static bool waits_page(struct receiver *receiver, const char *case_no, const char *other,
                       int64_t wait_ms) {
    struct arrival wanted = {receiver, case_no, other};
    return house_wait(has_arrived, &wanted, wait_ms);
}

static struct desk_case dispatched(const char *content, const char *to) {
    struct desk_case leak = desk_open(&house, content, "13800000000");

    CHECK_TEXT(desk_fire(&house, "李强", leak.no, "dispatch", "assignee", to), "");
    return leak;
}

/* The first message that holds all of these. */
static struct received message(struct receiver *receiver, const char *one, const char *two,
                               const char *three) {
    struct received found = {0};

    for (size_t i = 0; receiver_get(receiver, i, &found); i++) {
        if (strstr(found.body, one) && strstr(found.body, two) && strstr(found.body, three)) {
            return found;
        }
    }
    CHECK(!"such a message");
    return found;
}

static void reference_of(const struct received *received, char reference[REFERENCE]) {
    const char *at = strstr(received->body, "\"page\":\"P");

    CHECK(at);
    (void)snprintf(reference, REFERENCE, "%.16s", at);
}

/* Somebody whose receiver answers is paged at once and takes his case. */
static void others_go_on(struct receiver *other, const char *content) {
    struct desk_case leak = dispatched(content, "S403");

    CHECK(waits_page(other, leak.no, first_step, IN_TIME_MS));
    desk_ack(&house, "吴刚", leak.no);
    CHECK(desk_waits_state(&house, leak.no, "acknowledged", IN_TIME_MS));
    CHECK(desk_waits_reported(&house, leak.no, "repair.ack", WAIT_MS));
}

struct delivery {
    struct receiver *receiver;
    const char *case_no;
};

static bool was_answered(void *arg) {
    const struct delivery *wanted = arg;
    struct received one;

    for (size_t i = 0; receiver_get(wanted->receiver, i, &one); i++) {
        if (one.answered && strstr(one.body, wanted->case_no)) {
            return true;
        }
    }
    return false;
}

static const Notify__Page *page_of(const char *case_no) {
    Notify__ListPagesRequest request = NOTIFY__LIST_PAGES_REQUEST__INIT;
    struct err err = {0};

    request.case_no = case_no;
    house.cli.as = "郑平";
    const Notify__ListPagesReply *reply = (const Notify__ListPagesReply *)session_ask(
        house.session, "shouwen.notify.v1.Notify/ListPages", &request.base,
        &notify__list_pages_reply__descriptor, &err);
    house.cli.as = NULL;
    CHECK_OK(!reply, err);
    CHECK(reply->n_pages == 1);
    return reply->pages[0];
}

/* Nothing of it is on its way, or will be. */
static bool is_over(void *case_no) {
    size_t used = arena_used(house.cli.arena);
    const Notify__Page *page = page_of(case_no);
    bool over = text_eq(page->state, "acknowledged") && page->step_due_ms == 0;

    for (size_t i = 0; i < page->n_records; i++) {
        over = over && !text_eq(page->records[i]->state, "planned")
               && !text_eq(page->records[i]->state, "sending");
    }
    arena_rewind(house.cli.arena, used);
    return over;
}

/* The attempt ended by its limit, and the same page came again and said so. */
static void is_repeated(struct receiver *hung, const char *case_no) {
    char reference[REFERENCE];

    CHECK(waits_page(hung, case_no, "\"step\":0,\"times\":2", WAIT_MS));
    const struct received first = message(hung, case_no, first_step, "S402");
    const struct received again = message(hung, case_no, "\"step\":0,\"times\":2", "重复");
    reference_of(&first, reference);
    CHECK(strstr(again.body, reference));
    CHECK(!strstr(first.body, "重复"));
    CHECK(again.at_us - first.at_us >= LIMIT_US - LATE_US / 3);
    CHECK(again.at_us - first.at_us < LIMIT_US + LATE_US);
    CHECK(desk_waits_reported(&house, case_no, "page.failed", WAIT_MS));
}

static void a_receiver_that_hangs_holds_up_nobody_else(void) {
    struct receiver *hung = receiver_new(MESSAGES);
    struct receiver *other = receiver_new(MESSAGES);
    struct desk_case flood[FLOOD];

    house_new(&house, numbers);
    house_duty(&house);
    receiver_lead(hung, &house);
    receiver_lead_one(other, &house, "S403");
    receiver_hang(hung, true);
    struct desk_case leak = dispatched("hung", "S402");
    CHECK(waits_page(hung, leak.no, first_step, IN_TIME_MS));
    others_go_on(other, "while it hangs");
    /* The ladder does not wait for the attempt. */
    CHECK(waits_page(other, leak.no, "\"step\":1", IN_TIME_MS + IN_TIME_MS));
    is_repeated(hung, leak.no);

    /* More than there are workers: those for other receivers still come at once. */
    for (size_t i = 0; i < FLOOD; i++) {
        flood[i] = dispatched(arena_text(house.cli.arena, "flood %zu", i), "S402");
    }
    CHECK(waits_page(hung, flood[0].no, first_step, IN_TIME_MS));
    others_go_on(other, "behind the flood");

    receiver_hang(hung, false);
    struct delivery wanted = {hung, leak.no};
    CHECK(house_wait(was_answered, &wanted, WAIT_MS));
    for (size_t i = 0; i < FLOOD; i++) {
        wanted.case_no = flood[i].no;
        CHECK(house_wait(was_answered, &wanted, WAIT_MS));
        desk_ack(&house, "周涛", flood[i].no);
        CHECK(desk_waits_state(&house, flood[i].no, "acknowledged", WAIT_MS));
    }
    CHECK(waits_page(hung, leak.no, "\"staff\":\"S401\"", WAIT_MS)); /* the third rung */
    desk_ack(&house, "周涛", leak.no);
    CHECK(desk_waits_state(&house, leak.no, "acknowledged", WAIT_MS));
    CHECK(house_wait(is_over, leak.no, WAIT_MS));
    for (size_t i = 0; i < FLOOD; i++) {
        CHECK(house_wait(is_over, flood[i].no, WAIT_MS));
    }
    CHECK(receiver_find(hung, leak.no, "\"staff\":\"S801\"") == 0);
    CHECK(desk_reported(&house, leak.no, "page.opened") == 1);
    CHECK(desk_reported(&house, leak.no, "page.acknowledged") == 1);
    house_end(&house);
    receiver_free(hung);
    receiver_free(other);
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(a_receiver_that_hangs_holds_up_nobody_else),
    };
    return RUN_TESTS(tests, argc, argv);
}
