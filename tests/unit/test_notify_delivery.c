/* A page on its way through channels: what fails, what is unknown, what is late. */
#include "base/text.h"
#include "harness.h"
#include "paging.h"
#include "store/query.h"

static const char leak[] =
    "{'to':'S402','assignee':'S402','ladder':'B','class':'E1','round':1,'ack':'ack'}";
static const char leak_for_two[] = /* S403 has two channels */
    "{'to':'S403','assignee':'S403','ladder':'B','class':'E1','round':1,'ack':'ack'}";

static void meets(const char *channel, const char *to, size_t first, enum rehearsal_channel does) {
    struct err err = {0};

    CHECK_OK(rehearsal_channel(paging_world(), channel, to, first, does, &err), err);
}

static Notify__StatusReply *status(void) {
    ProtobufCMessage *reply = NULL;

    CHECK(!paging_asks("S904", "Status", "{}", &reply));
    return (Notify__StatusReply *)reply;
}

static void a_failed_channel_gives_way_to_the_next(void) {
    const Wire__Event *event = NULL;

    paging_open("2025-07-11T22:16:00+08:00");
    meets("webhook", "S403", 0, CHANNEL_FAILS);
    paging_happens("page.asked", "C1", leak_for_two);
    CHECK(paging_sent("S403") == 2);
    CHECK_TEXT(paging_nth("S403", 1)->send->channel, "sms");
    CHECK(paging_told("page.failed", &event) == 1);
    CHECK_TEXT(paging_field(event, "channel"), "webhook");
    CHECK(paging_told("page.sent", &event) == 1);
    CHECK_TEXT(paging_field(event, "channel"), "sms");
    paging_until("22:18");
    CHECK(paging_sent("S403") == 2);
    CHECK(status()->failed == 1);
    paging_close();
}

/* What the channel's other end is given. */
static const char *body_of(const char *staff, size_t nth) {
    const Notify__Send *send = paging_nth(staff, nth)->send;

    return arena_text(paging_arena(), "%.*s", (int)send->body.len, (const char *)send->body.data);
}

static void the_only_channel_is_tried_again(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    meets("webhook", "S402", 2, CHANNEL_FAILS);
    paging_happens("page.asked", "C1", leak);
    CHECK(paging_sent("S402") == 1);
    paging_until("22:16:59");
    CHECK(paging_sent("S402") == 3);
    const Notify__Record *record = paging_record(paging_page("C1"), 0, "S402");
    CHECK_TEXT(record->state, "accepted");
    CHECK(record->times == 3);
    CHECK(strstr(paging_nth("S402", 2)->send->text, "重复"));
    CHECK(strstr(body_of("S402", 2), "\"text_en\":\"#P000001 AGAIN "));
    CHECK_TEXT(paging_nth("S402", 2)->send->page, paging_nth("S402", 0)->send->page);
    CHECK_TEXT(paging_nth("S402", 2)->send->key, paging_nth("S402", 0)->send->key);
    CHECK(status()->repeats == 2);
    paging_close();
}

static void who_cannot_be_reached_does_not_hold_up_the_ladder(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    meets("webhook", "S402", 0, CHANNEL_FAILS);
    paging_happens("page.asked", "C1", leak);
    paging_until("22:17:30"); /* five tries, then the next step, before its time */
    CHECK(paging_record(paging_page("C1"), 0, "S402")->times == 5);
    CHECK(paging_sent("S403") == 1);
    paging_close();
}

static void an_unknown_outcome_of_an_urgent_page_is_resent_at_once(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    meets("webhook", "S403", 1, CHANNEL_UNKNOWN);
    paging_happens("page.asked", "C1", leak_for_two);
    CHECK(paging_sent("S403") == 3); /* webhook, webhook again, and sms */
    CHECK(paging_nth("S403", 1)->at_ms == paging_ms("22:16"));
    const Notify__Page *page = paging_page("C1");
    CHECK(page->n_records == 2);
    CHECK(page->records[0]->times + page->records[1]->times == 3);
    CHECK(status()->repeats == 1);
    paging_until("22:18");
    CHECK(paging_sent("S403") == 3);
    paging_close();
}

static void an_unknown_outcome_of_normal_work_waits(void) {
    paging_open("2025-07-11T20:30:00+08:00");
    paging_until("2025-07-12T08:30:00+08:00");
    meets("webhook", "S404", 1, CHANNEL_UNKNOWN);
    paging_happens("page.asked", "C1",
                   "{'to':'S404','assignee':'S404','ladder':'C','class':'N','round':1}");
    paging_until("2025-07-12T08:30:59+08:00");
    CHECK(paging_sent("S404") == 1);
    paging_until("2025-07-12T08:31:00+08:00");
    CHECK(paging_sent("S404") == 2);
    paging_close();
}

static void what_was_sending_at_a_crash_is_sent_again_and_says_so(void) {
    struct err err = {0};

    paging_open("2025-07-11T22:16:00+08:00");
    meets("webhook", "S402", 1, CHANNEL_HANGS);
    paging_happens("page.asked", "C1", leak);
    CHECK_TEXT(paging_record(paging_page("C1"), 0, "S402")->state, "sending");
    paging_until("22:16:05");
    CHECK_OK(rehearsal_kill(paging_world(), "notify", &err), err);
    CHECK_OK(rehearsal_start(paging_world(), "notify", &err), err);
    paging_until("22:16:06");
    CHECK(paging_sent("S402") == 2);
    CHECK(strstr(paging_nth("S402", 1)->send->text, "#P000001 重复"));
    CHECK(paging_record(paging_page("C1"), 0, "S402")->times == 2);
    CHECK(paging_page("C1")->n_records == 1);
    paging_until("22:18:59");
    CHECK(paging_sent("S402") == 2);
    paging_until("22:19"); /* and the ladder goes on from its stored time */
    CHECK(paging_sent("S403") == 1);
    paging_close();
}

/* How many messages of this page there were; the last one, marked as a repeat? */
static size_t messages_of(const char *page, bool *marked) {
    const struct rehearsal_send *list = NULL;
    size_t all = rehearsal_sends(paging_world(), &list);
    size_t count = 0;

    *marked = false;
    for (size_t i = 0; i < all; i++) {
        if (text_eq(list[i].send->page, page)) {
            count++;
            *marked = strstr(list[i].send->text, "重复");
        }
    }
    return count;
}

/* 64 have a worker, six wait for one. */
static void each_of_many_that_were_sending_at_a_crash_is_repeated_once(void) {
    enum { CASES = 70, BEGUN = 64 };
    struct err err = {0};
    bool marked = false;

    paging_open("2025-07-11T22:16:00+08:00");
    meets("webhook", "S402", BEGUN, CHANNEL_HANGS);
    for (int i = 0; i < CASES; i++) {
        paging_happens("page.asked", arena_text(paging_arena(), "C%d", i), leak);
    }
    CHECK(paging_sent("S402") == BEGUN);
    CHECK_OK(rehearsal_kill(paging_world(), "notify", &err), err);
    CHECK_OK(rehearsal_start(paging_world(), "notify", &err), err);
    paging_until("22:16:01");
    CHECK(paging_sent("S402") == CASES + BEGUN);
    for (int i = 0; i < CASES; i++) {
        const Notify__Page *page = paging_page(arena_text(paging_arena(), "C%d", i));
        size_t times = i < BEGUN ? 2 : 1; /* what no worker had was never in doubt */
        CHECK(messages_of(page->page, &marked) == times);
        CHECK(marked == (times == 2));
        CHECK(paging_record(page, 0, "S402")->times == times);
    }
    CHECK(status()->repeats == BEGUN);
    paging_until("22:18:59");
    CHECK(paging_sent("S402") == CASES + BEGUN);
    paging_close();
}

static void normal_work_in_doubt_waits_and_is_repeated_once(void) {
    enum { CASES = 40 };
    struct err err = {0};
    bool marked = false;

    paging_open("2025-07-11T14:00:00+08:00");
    meets("webhook", "", CASES + 1, CHANNEL_HANGS);
    for (int i = 0; i < CASES; i++) {
        paging_happens("page.asked", arena_text(paging_arena(), "N%d", i),
                       "{'to':'S404','assignee':'S404','ladder':'C','class':'N','round':1}");
    }
    paging_happens("page.asked", "C1", leak);
    CHECK_OK(rehearsal_kill(paging_world(), "notify", &err), err);
    CHECK_OK(rehearsal_start(paging_world(), "notify", &err), err);
    paging_until("14:00:59");
    CHECK(paging_sent("S404") == CASES);
    CHECK(paging_sent("S402") == 2);
    CHECK(messages_of(paging_page("C1")->page, &marked) == 2 && marked);
    paging_until("14:01:10");
    for (int i = 0; i < CASES; i++) {
        const char *page = paging_page(arena_text(paging_arena(), "N%d", i))->page;
        CHECK(messages_of(page, &marked) == 2 && marked);
    }
    CHECK(status()->repeats == CASES + 1);
    paging_close();
}

/* Of a copy nobody knows what was begun after it was made: all that waited is in doubt. */
static void what_waited_in_a_backup_is_sent_once_and_says_so(void) {
    enum { CASES = 70, BEGUN = 64 };
    bool marked = false;

    paging_open("2025-07-11T22:16:00+08:00");
    meets("webhook", "S402", 0, CHANNEL_HANGS);
    for (int i = 0; i < CASES; i++) {
        paging_happens("page.asked", arena_text(paging_arena(), "C%d", i), leak);
    }
    CHECK(paging_sent("S402") == BEGUN);
    paging_save("notify");
    meets("webhook", "S402", 0, CHANNEL_WORKS);
    paging_restore("notify");
    paging_until("22:16:01");
    CHECK(paging_sent("S402") == CASES + BEGUN);
    for (int i = 0; i < CASES; i++) {
        const char *page = paging_page(arena_text(paging_arena(), "C%d", i))->page;
        CHECK(messages_of(page, &marked) == (i < BEGUN ? 2 : 1));
        CHECK(marked);
    }
    CHECK(status()->repeats == CASES);
    paging_close();
}

static void a_page_answered_while_it_is_sent_is_over(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    meets("webhook", "S402", 0, CHANNEL_HANGS);
    paging_happens("page.asked", "C1", leak);
    CHECK(!paging_asks("S402", "Acknowledge", "{'caseNo':'C1'}", NULL));
    paging_until("22:20");
    CHECK(paging_sent("S402") == 1);
    CHECK(paging_sent("S403") == 0);
    paging_close();
}

static void a_page_answered_before_it_is_sent_again_is_over(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    meets("webhook", "S402", 1, CHANNEL_FAILS);
    paging_happens("page.asked", "C1", leak);
    CHECK_TEXT(paging_record(paging_page("C1"), 0, "S402")->state, "planned");
    CHECK(!paging_asks("S402", "Acknowledge", "{'caseNo':'C1'}", NULL));
    CHECK_TEXT(paging_record(paging_page("C1"), 0, "S402")->state, "stopped");
    paging_until("22:20");
    CHECK(paging_sent("S402") == 1);
    paging_close();
}

/* What no part of the program does: take a row away under it. */
static void lose(const char *what) {
    struct store *store = core_store(rehearsal_core(paging_world(), "notify"));
    struct err err = {0};
    struct query q = text_eq(what, "rung")   ? QUERY(store, "DELETE FROM timer WHERE kind = 'rung'")
                     : text_eq(what, "send") ? QUERY(store, "DELETE FROM timer WHERE kind = 'send'")
                                             : QUERY(store, "DELETE FROM job WHERE kind = 'page'");

    CHECK_OK(query_done(&q, &err), err);
}

static void the_auditor_finds_a_step_that_was_not_run(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    paging_happens("page.asked", "C1", leak);
    lose("rung");
    paging_until("22:19:04");
    CHECK(paging_sent("S403") == 0);
    paging_until("22:19:30");
    CHECK(paging_sent("S403") == 1);
    CHECK(paging_told("page.late", NULL) == 1);
    CHECK(status()->late == 1);
    paging_until("22:22"); /* and the steps after it come in time again */
    CHECK(paging_nth("S401", 0)->at_ms == paging_ms("22:22"));
    paging_close();
}

static void the_auditor_goes_another_way_for_a_page_that_hangs(void) {
    const Wire__Event *event = NULL;

    paging_open("2025-07-11T22:16:00+08:00");
    meets("webhook", "S403", 0, CHANNEL_HANGS);
    paging_happens("page.asked", "C1", leak_for_two);
    lose("job"); /* its outcome will never be known */
    paging_until("22:16:40");
    CHECK(paging_told("page.late", &event) == 1);
    CHECK_TEXT(paging_field(event, "why"), "sending");
    CHECK_TEXT(paging_nth("S403", 1)->send->channel, "sms");
    paging_close();
}

static void the_auditor_takes_the_next_step_when_there_is_no_other_channel(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    meets("webhook", "S402", 0, CHANNEL_HANGS);
    paging_happens("page.asked", "C1", leak);
    lose("job");
    paging_until("22:16:40");
    CHECK(paging_sent("S403") == 1);
    paging_close();
}

static void the_auditor_finds_a_retry_that_was_not_made(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    meets("webhook", "S402", 1, CHANNEL_FAILS);
    paging_happens("page.asked", "C1", leak);
    lose("send");
    paging_until("22:16:30");
    CHECK(paging_told("page.late", NULL) == 1);
    CHECK(paging_sent("S402") >= 2);
    paging_close();
}

static void the_desk_reaches_whose_console_is_open(void) {
    Notify__WaitPagesReply *reply = NULL;

    paging_open("2025-07-11T14:00:00+08:00");
    CHECK(!paging_asks("S101", "Attend", "{'forMs':600000}", NULL));
    paging_happens("page.asked", "C1", "{'to':'S101','assignee':'S101','ladder':'C'}");
    CHECK(paging_sent("S101") == 0);
    CHECK(!paging_asks("S101", "WaitPages", "{}", (ProtobufCMessage **)&reply));
    CHECK(reply->n_pages == 1);
    CHECK_TEXT(reply->pages[0]->records[0]->channel, "desk");
    CHECK_TEXT(reply->pages[0]->records[0]->state, "accepted");
    CHECK(paging_told("page.sent", NULL) == 1);
    paging_until("2025-07-11T14:15:00+08:00"); /* she has closed it: by webhook */
    CHECK(paging_sent("S101") == 1);
    paging_close();
}

static void a_pager_sees_what_is_new_and_what_is_over(void) {
    Notify__WaitPagesReply *reply = NULL;

    paging_open("2025-07-11T22:16:00+08:00");
    paging_happens("page.asked", "C1", leak);
    paging_until("22:18:58");
    CHECK(!paging_asks("S403", "WaitPages", "{'waitMs':3000}", (ProtobufCMessage **)&reply));
    CHECK(reply->n_pages == 1);
    CHECK(rehearsal_now(paging_world()) >= paging_ms("22:19"));
    CHECK_TEXT(reply->pages[0]->page, "P000001");
    CHECK_TEXT(reply->pages[0]->state, "open");
    const char *after = arena_text(paging_arena(), "{'after':%llu}",
                                   (unsigned long long)reply->next);
    CHECK(!paging_asks("S403", "WaitPages", after, (ProtobufCMessage **)&reply));
    uint64_t quiet = reply->next;
    CHECK(!paging_asks("S402", "Acknowledge", "{'caseNo':'C1'}", NULL));
    after = arena_text(paging_arena(), "{'after':%llu}", (unsigned long long)quiet);
    CHECK(!paging_asks("S403", "WaitPages", after, (ProtobufCMessage **)&reply));
    CHECK(reply->n_pages == 1);
    CHECK_TEXT(reply->pages[0]->state, "acknowledged");
    CHECK_TEXT(reply->pages[0]->ended_by, "S402");
    CHECK(!paging_asks("S403", "WaitPages", "{'open':true}", (ProtobufCMessage **)&reply));
    CHECK(reply->n_pages == 0);
    CHECK(!paging_asks("S404", "WaitPages", "{}", (ProtobufCMessage **)&reply));
    CHECK(reply->n_pages == 0); /* his own only */
    paging_close();
}

static const char *token_in(const struct rehearsal_send *sent) {
    const char *at = strstr((const char *)sent->send->body.data, "\"token\":\"");

    CHECK(at);
    return arena_text(paging_arena(), "%.32s", at + strlen("\"token\":\""));
}

static void a_link_answers_for_its_person_for_a_day(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    paging_happens("page.asked", "C1", leak);
    paging_happens("page.asked", "C2", leak);
    const char *token = token_in(paging_nth("S402", 0));
    const char *other = token_in(paging_nth("S402", 1));
    const char *good = arena_text(paging_arena(), "{'token':'%s'}", token);
    CHECK(!text_eq(token, other));
    CHECK_TEXT(paging_asks("", "AckByLink", "{'token':'00'}", NULL), "page_link_wrong");
    CHECK_TEXT(paging_asks("", "AckByLink", "{'token':'00112233445566778899aabbccddeeff'}", NULL),
               "page_link_wrong");
    CHECK(!paging_asks("", "AckByLink", good, NULL));
    CHECK_TEXT(paging_page("C1")->ended_by, "S402");
    CHECK(!paging_asks("", "AckByLink", good, NULL));
    const Wire__Event *event = NULL;
    CHECK(paging_told("page.acknowledged", &event) == 1);
    CHECK_TEXT(event->actor, "S402");
    CHECK_TEXT(paging_field(event, "channel"), "webhook");
    CHECK_TEXT(paging_page("C2")->state, "open");
    paging_until("2025-07-12T22:30:00+08:00");
    CHECK_TEXT(
        paging_asks("", "AckByLink", arena_text(paging_arena(), "{'token':'%s'}", other), NULL),
        "page_link_old");
    paging_close();
}

static void channels_lead_where_they_are_put(void) {
    Notify__PutChannelReply *key = NULL;
    Notify__ListChannelsReply *list = NULL;

    paging_open("2025-07-11T22:16:00+08:00");
    CHECK_TEXT(paging_asks("S402", "PutChannel", "{'staff':'*','channel':'webhook'}", NULL),
               "not_permitted");
    CHECK_TEXT(paging_asks("S904", "PutChannel",
                           "{'staff':'*','channel':'webhook','address':'http://127.0.0.1:1/'}",
                           NULL),
               "channel_address_wrong");
    CHECK_TEXT(paging_asks("S904", "PutChannel",
                           "{'staff':'*','channel':'webhook','address':'file:///etc/passwd',"
                           "'private':true}",
                           NULL),
               "channel_address_wrong");
    CHECK_TEXT(paging_asks("S904", "PutChannel",
                           "{'staff':'*','channel':'desk','address':'https://x/'}", NULL),
               "channel_name_wrong");
    CHECK_TEXT(paging_asks("S904", "PutChannel",
                           "{'staff':'','channel':'sms','address':'https://x/'}", NULL),
               "field_missing");
    CHECK(!paging_asks("S904", "PutChannel",
                       "{'staff':'*','channel':'webhook','address':'http://127.0.0.1:1/',"
                       "'private':true}",
                       (ProtobufCMessage **)&key));
    CHECK(strlen(key->key) == 64);
    CHECK(!paging_asks("S904", "PutChannel",
                       "{'staff':'S403','channel':'webhook','address':'https://own/'}", NULL));
    paging_happens("page.asked", "C1", leak);
    CHECK_TEXT(paging_nth("S402", 0)->send->address, "http://127.0.0.1:1/");
    CHECK(paging_nth("S402", 0)->send->private_);
    paging_until("22:19");
    CHECK_TEXT(paging_nth("S403", 0)->send->address, "https://own/");
    CHECK(!paging_nth("S403", 0)->send->private_);
    CHECK(!paging_asks("S904", "PutChannel", "{'staff':'S403','channel':'webhook'}", NULL));
    CHECK(!paging_asks("S904", "ListChannels", "{}", (ProtobufCMessage **)&list));
    CHECK(list->n_channels == 1);
    CHECK_TEXT(list->channels[0]->staff, "*");
    paging_close();
}

static void status_says_whether_paging_works(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    paging_happens("page.asked", "C1", leak);
    paging_until("22:17");
    CHECK(status()->open == 1);
    CHECK(status()->accepted_ms == paging_ms("22:16"));
    CHECK(status()->down); /* nobody has ever answered */
    CHECK(!paging_asks("S402", "Acknowledge", "{'caseNo':'C1'}", NULL));
    CHECK(!status()->down);
    CHECK(status()->acknowledged_ms == rehearsal_now(paging_world()));
    paging_until("2025-07-12T22:16:00+08:00");
    CHECK(!status()->down);
    CHECK(rehearsal_now(paging_world()) - status()->beat_ms <= 10 * 60 * 1000);
    paging_until("2025-07-12T22:20:00+08:00");
    CHECK(status()->down);
    paging_close();
}

/* ---- a store put back ---- */

static void a_restored_store_knows_what_was_answered(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    paging_happens("page.asked", "C1", leak);
    paging_save("notify");
    paging_happens("page.asked", "C2", leak);
    paging_until("22:19:30");
    CHECK(!paging_asks("S403", "Acknowledge", "{'caseNo':'C1'}", NULL));
    CHECK(!paging_asks("S402", "Reject", "{'caseNo':'C2','reason':'no'}", NULL));
    size_t before = paging_sent("S402") + paging_sent("S403") + paging_sent("S401");
    paging_restore("notify");
    paging_until("22:21");
    CHECK(paging_sent("S402") + paging_sent("S403") + paging_sent("S401") == before);
    CHECK_TEXT(paging_page("C1")->state, "acknowledged");
    CHECK_TEXT(paging_page("C1")->ended_by, "S403");
    const Notify__Page *page = paging_page("C2");
    CHECK(paging_pages("C2") == 1);
    CHECK_TEXT(page->state, "open");
    CHECK(page->n_records == 4); /* the refusal ran the third step */
    CHECK_TEXT(paging_record(page, 1, "S402")->answer, "rejected");
    CHECK(paging_record(page, 0, "S402")->times == 1);
    paging_until("22:25"); /* and goes on */
    CHECK(paging_sent("S801") == 1);
    CHECK(paging_pages("C1") == 1);
    paging_close();
}

static void what_was_on_its_way_is_sent_again_after_a_restore(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    paging_save("notify");
    meets("webhook", "S402", 1, CHANNEL_HANGS);
    paging_happens("page.asked", "C1", leak);
    paging_until("22:16:05");
    paging_restore("notify");
    paging_until("22:16:20");
    CHECK(paging_pages("C1") == 1);
    CHECK(paging_sent("S402") == 2);
    CHECK(strstr(paging_nth("S402", 1)->send->text, "重复"));
    CHECK_TEXT(paging_nth("S402", 1)->send->page, "P000001");
    paging_close();
}

static void what_a_backup_caught_sending_is_unknown(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    meets("webhook", "S402", 1, CHANNEL_HANGS);
    paging_happens("page.asked", "C1", leak);
    paging_until("22:16:05");
    paging_save("notify");
    paging_until("22:17"); /* unknown, sent again, accepted: later events of the same store */
    CHECK(paging_sent("S402") == 2);
    paging_restore("notify");
    paging_until("22:18");
    CHECK(paging_sent("S402") == 2);
    CHECK_TEXT(paging_record(paging_page("C1"), 0, "S402")->state, "accepted");
    CHECK(paging_record(paging_page("C1"), 0, "S402")->times == 2);
    paging_close();
}

static void a_notice_that_a_backup_caught_sending_is_not_sent_again(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    meets("webhook", "S901", 1, CHANNEL_FAILS);
    paging_happens("tell.asked", "C1", "{'to':'S901','text':'plain words'}");
    paging_save("notify"); /* it waits for its second try */
    paging_until("22:18");
    CHECK(paging_sent("S901") == 2);
    paging_restore("notify");
    paging_until("22:20");
    CHECK(paging_sent("S901") == 2);
    CHECK(paging_told("told.sent", NULL) == 1);
    paging_close();
}

static void a_restored_store_tells_nothing_twice(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    paging_save("notify");
    CHECK(!paging_asks("S904", "PutChannel",
                       "{'staff':'*','channel':'sms','address':'https://own/'}", NULL));
    paging_happens("tell.asked", "C1", "{'to':'S901','text':'plain words'}");
    CHECK(paging_sent("S901") == 1);
    paging_restore("notify");
    paging_until("22:20");
    CHECK(paging_sent("S901") == 1);
    CHECK(paging_told("told.sent", NULL) == 1);
    Notify__ListChannelsReply *list = NULL;
    CHECK(!paging_asks("S904", "ListChannels", "{}", (ProtobufCMessage **)&list));
    CHECK(list->n_channels == 1);
    paging_close();
}

/* ---- notices ---- */

static void resident(const char *phone) {
    paging_happens("person.changed", "",
                   arena_text(paging_arena(),
                              "[{'key':'person','text':'P1'},{'key':'unit','text':'2-1-501'},"
                              "{'key':'name','text':'孙先生'},{'key':'active','flag':true}%s]",
                              phone));
}

static void a_household_is_told_and_need_not_answer(void) {
    const Wire__Event *event = NULL;
    Notify__ListToldReply *list = NULL;

    paging_open("2025-07-11T22:16:00+08:00");
    resident(",{'key':'phone','sealed':'AAAA'}");
    paging_happens("tell.asked", "C1",
                   "{'to':'reporter','unit':'2-1-501','text':'named','args':'who=吴刚'}");
    CHECK(paging_sent("P1") == 1);
    CHECK_TEXT(paging_nth("P1", 0)->send->text, "吴刚将上门");
    CHECK(strstr(body_of("P1", 0), "\"text_en\":\"吴刚 will come\""));
    CHECK(paging_told("told.sent", &event) == 1);
    CHECK_TEXT(paging_field(event, "unit"), "2-1-501");
    CHECK_TEXT(paging_field(event, "channel"), "sms");
    CHECK_TEXT(paging_field(event, "tell"), "named");
    CHECK_TEXT(paging_field(event, "args"), "who=吴刚");
    CHECK_TEXT(event->case_no, "C1");
    CHECK(!paging_asks("S901", "ListTold", "{'caseNo':'C1'}", (ProtobufCMessage **)&list));
    CHECK(list->n_told == 1);
    CHECK_TEXT(list->told[0]->state, "sent");
    CHECK(!paging_asks("S901", "ListTold", "{'unit':'1-1-101'}", (ProtobufCMessage **)&list));
    CHECK(list->n_told == 0);
    paging_close();
}

static void a_notice_that_fails_goes_another_way_and_ends(void) {
    const Wire__Event *event = NULL;

    paging_open("2025-07-11T22:16:00+08:00");
    resident(",{'key':'phone','sealed':'AAAA'}");
    meets("sms", "residents", 0, CHANNEL_FAILS);
    paging_happens("tell.asked", "C1", "{'to':'household','unit':'2-1-501','text':'named'}");
    paging_until("22:20");
    CHECK(paging_sent("P1") == 4); /* three times by sms, then by app */
    CHECK(paging_told("told.sent", &event) == 1);
    CHECK_TEXT(paging_field(event, "channel"), "app");
    meets("app", "residents", 0, CHANNEL_FAILS);
    paging_happens("tell.asked", "C2", "{'to':'household','unit':'2-1-501','text':'named'}");
    paging_until("22:30");
    CHECK(paging_told("told.failed", &event) == 1);
    paging_close();
}

static void a_notice_is_not_sent_twice_on_suspicion(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    resident("");
    meets("app", "residents", 1, CHANNEL_UNKNOWN);
    paging_happens("tell.asked", "C1", "{'to':'household','unit':'2-1-501','text':'named'}");
    paging_until("22:30");
    CHECK(paging_sent("P1") == 1);
    CHECK_TEXT(paging_nth("P1", 0)->send->channel, "app"); /* no phone, no sms */
    CHECK(paging_told("told.failed", NULL) == 1);
    paging_close();
}

static void colleagues_are_told_by_role_or_number(void) {
    const Wire__Event *event = NULL;

    paging_open("2025-07-11T22:16:00+08:00");
    paging_happens("tell.asked", "C1", "{'to':'eng_disp','unit':'2-1-501','text':'named'}");
    CHECK(paging_sent("S401") == 1);
    paging_happens("tell.asked", "C1", "{'to':'S901','text':'plain words'}");
    CHECK(paging_sent("S901") == 1);
    CHECK_TEXT(paging_nth("S901", 0)->send->text, "plain words");
    CHECK(paging_told("told.sent", &event) == 2);
    CHECK_TEXT(paging_field(event, "person"), "S901");
    paging_happens("tell.asked", "C1", "{'to':'nobody','text':'named'}");
    CHECK(paging_told("told.failed", &event) == 1);
    CHECK_TEXT(paging_field(event, "why"), "no_channel");
    paging_close();
}

static const struct test tests[] = {
    TEST(a_failed_channel_gives_way_to_the_next),
    TEST(the_only_channel_is_tried_again),
    TEST(who_cannot_be_reached_does_not_hold_up_the_ladder),
    TEST(an_unknown_outcome_of_an_urgent_page_is_resent_at_once),
    TEST(an_unknown_outcome_of_normal_work_waits),
    TEST(what_was_sending_at_a_crash_is_sent_again_and_says_so),
    TEST(each_of_many_that_were_sending_at_a_crash_is_repeated_once),
    TEST(normal_work_in_doubt_waits_and_is_repeated_once),
    TEST(what_waited_in_a_backup_is_sent_once_and_says_so),
    TEST(a_page_answered_while_it_is_sent_is_over),
    TEST(a_page_answered_before_it_is_sent_again_is_over),
    TEST(the_auditor_finds_a_step_that_was_not_run),
    TEST(the_auditor_goes_another_way_for_a_page_that_hangs),
    TEST(the_auditor_takes_the_next_step_when_there_is_no_other_channel),
    TEST(the_auditor_finds_a_retry_that_was_not_made),
    TEST(the_desk_reaches_whose_console_is_open),
    TEST(a_pager_sees_what_is_new_and_what_is_over),
    TEST(a_link_answers_for_its_person_for_a_day),
    TEST(channels_lead_where_they_are_put),
    TEST(status_says_whether_paging_works),
    TEST(a_restored_store_knows_what_was_answered),
    TEST(what_was_on_its_way_is_sent_again_after_a_restore),
    TEST(what_a_backup_caught_sending_is_unknown),
    TEST(a_notice_that_a_backup_caught_sending_is_not_sent_again),
    TEST(a_restored_store_tells_nothing_twice),
    TEST(a_household_is_told_and_need_not_answer),
    TEST(a_notice_that_fails_goes_another_way_and_ends),
    TEST(a_notice_is_not_sent_twice_on_suspicion),
    TEST(colleagues_are_told_by_role_or_number),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
