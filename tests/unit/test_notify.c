/* Pages climb: who is paged when, and what ends it. */
#include "base/text.h"
#include "harness.h"
#include "paging.h"
#include "store/query.h"

static const char leak[] =
    "{'procedure':'leak','to':'S402','assignee':'S402','ladder':'B','class':'E1','round':1,"
    "'text':'dispatched','unit':'2-1-501','place':'厨房','ack':'ack','reject':'refuse'}";
static const char task[] =
    "{'procedure':'task','to':'S402','assignee':'S402','ladder':'C','class':'N','round':1,"
    "'unit':'2-1-501','ack':'ack','reject':'refuse'}";

static void burst_pipe(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    paging_happens("page.asked", "C1", leak);
}

static void check_sent(const char *staff, size_t n, const char *when) {
    const struct rehearsal_send *send = paging_nth(staff, n);

    CHECK(send);
    CHECK(send->at_ms == paging_ms(when));
}

static void a_page_climbs_until_somebody_answers(void) {
    const Wire__Event *event = NULL;

    burst_pipe();
    CHECK(paging_sent("S402") == 1);
    check_sent("S402", 0, "22:16");
    paging_until("22:18:59");
    CHECK(paging_sent("S403") == 0);
    paging_until("22:22:30");
    CHECK(paging_sent("S402") == 2);
    check_sent("S402", 1, "22:19");
    check_sent("S403", 0, "22:19");
    check_sent("S401", 0, "22:22");
    paging_until("22:24");
    CHECK(!paging_asks("S403", "Acknowledge", "{'caseNo':'C1'}", NULL));
    paging_until("23:30");
    CHECK(paging_sent("S801") == 0);
    CHECK(paging_sent("S901") == 0);
    CHECK(paging_sent("S402") == 2);
    CHECK_TEXT(paging_page("C1")->state, "acknowledged");
    CHECK_TEXT(paging_page("C1")->ended_by, "S403");
    CHECK(paging_told("page.sent", NULL) == 4);
    CHECK(paging_told("page.acknowledged", &event) == 1);
    CHECK_TEXT(paging_field(event, "fire"), "ack");
    CHECK_TEXT(paging_field(event, "to"), "S403");
    CHECK_TEXT(paging_field(event, "route"), "asked");
    CHECK_TEXT(event->actor, "S403");
    CHECK_TEXT(event->case_no, "C1");
    CHECK(event->cause);
    paging_close();
}

static void a_message_says_what_where_and_which_page(void) {
    burst_pipe();
    const Notify__Send *send = paging_nth("S402", 0)->send;
    CHECK_TEXT(send->page, "P000001");
    CHECK_TEXT(send->text, "#P000001 派给您：2-1-501 · E1 · 2-1-501 · 厨房 · C1");
    CHECK(send->times == 1);
    CHECK(strlen(send->signature) == 64);
    CHECK(strstr((const char *)send->body.data, "\"route\":\"asked\""));
    paging_close();
}

static void answering_again_says_the_same_and_records_nothing(void) {
    Notify__AcknowledgeReply *reply = NULL;

    burst_pipe();
    CHECK(!paging_asks("S402", "Acknowledge", "{'page':'P000001','channel':'pager'}", NULL));
    CHECK(!paging_asks("S402", "Acknowledge", "{'caseNo':'C1'}", (ProtobufCMessage **)&reply));
    CHECK(reply->again);
    CHECK_TEXT(reply->page->state, "acknowledged");
    CHECK(paging_told("page.acknowledged", NULL) == 1);
    paging_close();
}

static void only_who_was_paged_answers(void) {
    burst_pipe();
    CHECK_TEXT(paging_asks("S404", "Acknowledge", "{'page':'P000001'}", NULL), "page_not_yours");
    CHECK_TEXT(paging_asks("S404", "Acknowledge", "{'caseNo':'C1'}", NULL), "page_not_yours");
    CHECK_TEXT(paging_asks("S404", "Reject", "{'page':'P000001','reason':'no'}", NULL),
               "page_not_yours");
    CHECK_TEXT(paging_asks("S402", "Acknowledge", "{'caseNo':'C9'}", NULL), "page_none");
    CHECK_TEXT(paging_asks("S402", "Acknowledge", "{'page':'P000009'}", NULL), "page_unknown");
    CHECK_TEXT(paging_asks("S402", "Acknowledge", "{'page':'nonsense'}", NULL), "page_unknown");
    CHECK_TEXT(paging_page("C1")->state, "open");
    CHECK(!paging_asks("S301", "Acknowledge", "{'caseNo':'C1'}", NULL)); /* she may, by role */
    CHECK_TEXT(paging_page("C1")->ended_by, "S301");
    paging_close();
}

static void what_somebody_took_is_refused_by_name(void) {
    burst_pipe();
    paging_until("22:20");
    CHECK(!paging_asks("S403", "Acknowledge", "{'page':'P000001'}", NULL));
    CHECK_TEXT(paging_asks("S402", "Acknowledge", "{'page':'P000001'}", NULL), "page_taken");
    CHECK_TEXT(paging_asks("S402", "Reject", "{'page':'P000001','reason':'no'}", NULL),
               "page_taken");
    paging_close();
}

static void a_refusal_runs_the_next_step_at_once(void) {
    const Wire__Event *event = NULL;

    burst_pipe();
    paging_until("22:17");
    CHECK_TEXT(paging_asks("S402", "Reject", "{'page':'P000001'}", NULL), "page_reason_missing");
    CHECK(!paging_asks("S402", "Reject", "{'page':'P000001','reason':'on a ladder'}", NULL));
    check_sent("S403", 0, "22:17");
    CHECK(paging_told("page.rejected", &event) == 1);
    CHECK_TEXT(paging_field(event, "fire"), "refuse");
    CHECK_TEXT(paging_field(event, "why"), "on a ladder");
    paging_until("22:22"); /* the later steps keep their time */
    check_sent("S401", 0, "22:22");
    paging_close();
}

static void when_all_refuse_the_page_is_exhausted(void) {
    static const char *const all[] = {"S402", "S402", "S401", "S801", "S901"};

    burst_pipe();
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const char *refused = paging_asks(all[i], "Reject", "{'page':'P000001','reason':'no'}",
                                          NULL);
        CHECK(!refused);
    }
    CHECK_TEXT(paging_page("C1")->state, "exhausted");
    CHECK(paging_told("page.exhausted", NULL) == 1);
    CHECK(!paging_asks("S403", "Acknowledge", "{'page':'P000001'}", NULL)); /* late, not lost */
    CHECK_TEXT(paging_page("C1")->state, "acknowledged");
    paging_close();
}

static void a_ladder_without_an_answer_is_exhausted(void) {
    burst_pipe();
    paging_until("22:28");
    check_sent("S801", 0, "22:25");
    check_sent("S901", 0, "22:28");
    paging_until("22:30:59");
    CHECK_TEXT(paging_page("C1")->state, "open"); /* the last ones have as long as those before */
    paging_until("22:31");
    CHECK_TEXT(paging_page("C1")->state, "exhausted");
    paging_close();
}

static void who_is_on_leave_has_his_deputy(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    paging_happens("person.on_leave", "",
                   "{'staff':'S801','from':'2025-07-11T00:00:00+08:00',"
                   "'to':'2025-07-13T00:00:00+08:00'}");
    paging_happens("person.on_leave", "",
                   "{'staff':'S401','from':'2025-07-11T00:00:00+08:00',"
                   "'to':'2025-07-13T00:00:00+08:00'}");
    paging_happens("page.asked", "C1", leak);
    paging_until("22:22");
    CHECK(paging_sent("S401") == 0);
    CHECK(paging_sent("S402") == 3); /* for himself twice, and as the deputy */
    CHECK_TEXT(paging_record(paging_page("C1"), 2, "S402")->stands_for, "S401");
    CHECK(strstr(paging_nth("S402", 2)->send->text, "代 S401"));
    CHECK(paging_sent("S901") == 0);
    paging_until("22:25"); /* the manager on duty has no deputy: the next step at once */
    CHECK(paging_sent("S801") == 0);
    check_sent("S901", 0, "22:25");
    paging_close();
}

static void who_has_left_or_is_off_shift_is_absent(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    paging_happens("person.left", "", "{'staff':'S403'}");
    paging_happens("page.asked", "C1",
                   "{'to':'S404','assignee':'S404','ladder':'B','class':'E1','round':1}");
    CHECK(paging_sent("S404") == 0); /* on the day shift, and no deputy: at once the next */
    CHECK_TEXT(paging_page("C1")->state, "open");
    check_sent("S401", 0, "22:16");
    paging_close();
}

static void who_has_no_channel_is_passed_over(void) {
    const Wire__Event *event = NULL;

    paging_open("2025-07-11T22:16:00+08:00");
    paging_happens("page.asked", "C1", "{'to':'S904','assignee':'S904','ladder':'D','class':'E1'}");
    CHECK_TEXT(paging_page("C1")->state, "exhausted");
    CHECK(paging_told("page.exhausted", &event) == 1);
    CHECK(paging_told("page.stepped", &event) == 1);
    CHECK_TEXT(paging_field(event, "to"), "");
    paging_close();
}

static void people_are_those_of_the_hour_of_the_step(void) {
    paging_open("2025-07-12T07:58:00+08:00");
    paging_happens("page.asked", "C1",
                   "{'to':'S402','assignee':'S402','ladder':'B','class':'E1','round':1}");
    CHECK(paging_sent("S402") == 1);
    paging_until("2025-07-12T08:01:00+08:00"); /* his shift is over: his deputy, now on shift */
    CHECK(paging_sent("S402") == 1);
    CHECK(paging_sent("S404") == 1);
    paging_until("2025-07-12T08:07:00+08:00");
    CHECK(paging_sent("S801") == 1); /* nobody has the post by day: whoever holds the role */
    paging_close();
}

static void midnight_changes_nothing(void) {
    paging_open("2025-07-11T23:58:00+08:00");
    paging_happens("page.asked", "C1", leak);
    paging_until("2025-07-12T00:01:00+08:00");
    CHECK(paging_sent("S403") == 1);
    CHECK(paging_nth("S403", 0)->at_ms == paging_ms("2025-07-12T00:01:00+08:00"));
    paging_close();
}

static void normal_work_waits_for_the_desk(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    paging_happens("page.asked", "C1", task);
    CHECK(paging_sent("S402") == 0);
    CHECK_TEXT(paging_page("C1")->state, "open");
    paging_until("2025-07-12T07:59:59+08:00");
    CHECK(paging_sent("S402") == 0);
    paging_until("2025-07-12T08:00:00+08:00"); /* 周涛 is off shift then: 马力 */
    CHECK(paging_sent("S404") == 1);
    paging_until("2025-07-12T08:30:00+08:00");
    CHECK(paging_sent("S404") == 2);
    CHECK(paging_sent("S401") == 1); /* the head of the department, half an hour later */
    paging_until("2025-07-12T20:00:00+08:00");
    CHECK(paging_sent("S901") == 1); /* the list of the end of the day */
    paging_close();
}

static void a_class_may_run_at_any_hour(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    paging_happens("page.asked", "C1",
                   "{'to':'S402','assignee':'S402','ladder':'C','urgency':'E1','round':1}");
    CHECK(paging_sent("S402") == 1);
    paging_close();
}

static void a_ladder_named_by_a_parameter(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    paging_happens("page.asked", "C1", "{'to':'S402','ladder':'job.ladder','class':'E1'}");
    CHECK_TEXT(paging_page("C1")->ladder, "B");
    paging_happens("page.asked", "C2", "{'to':'S402','ladder':'job.ladder','class':'N'}");
    CHECK_TEXT(paging_page("C2")->ladder, "C");
    paging_close();
}

static void a_ladder_that_repeats_calls_until_it_is_answered(void) {
    paging_open("2025-07-11T22:16:00+08:00");
    paging_happens("page.asked", "C1", "{'to':'','ladder':'A','class':'E0','round':1}");
    CHECK(paging_sent("S402") == 1);
    CHECK(paging_sent("S403") == 1);
    CHECK(paging_sent("S801") == 1);
    paging_until("22:17");
    CHECK(paging_sent("S401") == 1);
    paging_until("22:27");
    CHECK(paging_sent("S401") == 3);
    CHECK(paging_record(paging_page("C1"), 1, "S401")->times == 3); /* one record */
    CHECK(strstr(paging_nth("S401", 2)->send->text, "重复"));
    CHECK(strstr(paging_nth("S401", 0)->send->text, "请拨打119"));
    CHECK(paging_page("C1")->n_records == 4);
    CHECK(!paging_asks("S401", "Acknowledge", "{'caseNo':'C1'}", NULL));
    paging_until("22:40");
    CHECK(paging_sent("S401") == 3);
    paging_close();
}

static void a_deadline_pages_once_and_needs_no_answer(void) {
    paging_open("2025-07-11T14:00:00+08:00");
    paging_happens("clock.due", "C1",
                   "{'clock':'onsite','ladder':'D','handler':'S402','mark':100,'round':1}");
    CHECK(paging_sent("S401") == 1);
    CHECK(paging_sent("S301") == 1);
    CHECK(paging_record(paging_page("C1"), 1, "S401")); /* the mark's step */
    CHECK(strstr(paging_nth("S401", 0)->send->text, "到期未办"));
    paging_until("2025-07-11T20:00:00+08:00");
    CHECK(paging_sent("S401") == 1);
    CHECK_TEXT(paging_page("C1")->state, "open");
    CHECK(paging_told("page.exhausted", NULL) == 0);
    paging_happens("clock.met", "C1", "{'clock':'finish'}"); /* another clock */
    CHECK_TEXT(paging_page("C1")->state, "open");
    paging_happens("clock.met", "C1", "{'clock':'onsite'}");
    CHECK_TEXT(paging_page("C1")->state, "withdrawn");
    paging_close();
}

static void what_ends_the_matter_ends_the_page(void) {
    burst_pipe();
    paging_until("22:17");
    paging_happens("page.ended", "C2", "{'event':'dispatch'}");
    CHECK_TEXT(paging_page("C1")->state, "open");
    paging_happens("page.ended", "C1", "{'event':'refuse'}");
    CHECK_TEXT(paging_page("C1")->state, "withdrawn");
    CHECK(paging_told("page.withdrawn", NULL) == 1);
    paging_until("23:00");
    CHECK(paging_sent("S403") == 0);
    CHECK_TEXT(paging_asks("S402", "Acknowledge", "{'page':'P000001'}", NULL), "page_over");
    paging_happens("page.asked", "C1", leak); /* dispatched anew: a page of its own */
    CHECK(paging_pages("C1") == 2);
    CHECK_TEXT(paging_page("C1")->state, "open");
    paging_close();
}

static void a_later_round_ends_the_earlier(void) {
    burst_pipe();
    paging_happens("page.asked", "C1",
                   "{'procedure':'leak','to':'S403','assignee':'S403','ladder':'B','class':'E1',"
                   "'round':2}");
    CHECK(paging_pages("C1") == 2);
    paging_until("22:20");
    CHECK(paging_sent("S402") == 2); /* once, and as the back-up of the new one */
    CHECK(!paging_record(paging_page("C1"), 0, "S402"));
    paging_close();
}

static void steps_due_during_a_stop_are_one_page_naming_the_highest(void) {
    struct err err = {0};

    burst_pipe();
    CHECK_OK(rehearsal_stop(paging_world(), "notify", &err), err);
    paging_until("22:23");
    CHECK_OK(rehearsal_start(paging_world(), "notify", &err), err);
    paging_until("22:23:01");
    CHECK(paging_told("page.stepped", NULL) == 3);
    CHECK(paging_sent("S401") == 1);
    CHECK(paging_sent("S403") == 1);
    CHECK(paging_sent("S402") == 2); /* once before, once for step 1 */
    paging_until("22:25");
    CHECK(paging_sent("S801") == 1); /* and on in time */
    paging_close();
}

static void a_late_entry_pages_each_person_once(void) {
    paging_open("2025-07-11T22:30:00+08:00");
    paging_happened("page.asked", "C1", leak, "22:16");
    const Notify__Page *page = paging_page("C1");
    CHECK(paging_sent("S402") == 1);
    CHECK(paging_record(page, 1, "S402")->times == 1);
    CHECK_TEXT(paging_record(page, 0, "S402")->state, "merged");
    CHECK(paging_sent("S901") == 1);
    CHECK(page->step == 4);
    paging_close();
}

static void handed_over_and_by_the_bus_is_one_page(void) {
    struct err err = {0};

    paging_open("2025-07-11T22:16:00+08:00");
    CHECK_OK(rehearsal_stop(paging_world(), "bus", &err), err);
    paging_happens("page.asked", "C1", leak);
    paging_until("22:16:30"); /* the producer hands it over by itself */
    CHECK(paging_sent("S402") == 1);
    Notify__HandOverReply *reply = paging_hands(1);
    CHECK(reply->repeats == 1);
    CHECK(reply->opened == 0);
    CHECK_OK(rehearsal_start(paging_world(), "bus", &err), err);
    paging_until("22:18");
    CHECK(paging_pages("C1") == 1);
    CHECK(paging_sent("S402") == 1);
    CHECK(paging_told("page.opened", NULL) == 1);
    paging_close();
}

static void an_end_that_comes_before_its_page_holds(void) {
    struct err err = {0};

    paging_open("2025-07-11T22:16:00+08:00");
    CHECK_OK(rehearsal_cut(paging_world(), "bus", "notify", &err), err);
    paging_happens("page.asked", "C1", leak); /* the bus has it, notify does not */
    CHECK_OK(rehearsal_stop(paging_world(), "bus", &err), err);
    paging_happens("page.ended", "C1", "{'event':'cancel'}");
    (void)paging_hands(1);
    CHECK_OK(rehearsal_start(paging_world(), "bus", &err), err);
    CHECK_OK(rehearsal_mend(paging_world(), "bus", "notify", &err), err);
    paging_until("22:30");
    CHECK_TEXT(paging_page("C1")->state, "withdrawn");
    CHECK(paging_sent("S402") == 0);
    paging_close();
}

static void an_end_that_comes_late_spares_the_page_after_it(void) {
    struct err err = {0};

    paging_open("2025-07-11T22:16:00+08:00");
    CHECK_OK(rehearsal_cut(paging_world(), "bus", "notify", &err), err);
    paging_happens("page.asked", "C1", leak);                 /* dispatched, */
    paging_happens("page.ended", "C1", "{'event':'refuse'}"); /* refused, */
    CHECK_OK(rehearsal_stop(paging_world(), "bus", &err), err);
    paging_happens("page.asked", "C1", leak); /* and dispatched again, by the other way */
    (void)paging_hands(1);
    CHECK(paging_sent("S402") == 1);
    CHECK_OK(rehearsal_start(paging_world(), "bus", &err), err);
    CHECK_OK(rehearsal_mend(paging_world(), "bus", "notify", &err), err);
    paging_until("22:18");
    CHECK(paging_pages("C1") == 2);
    CHECK(paging_told("page.withdrawn", NULL) == 1);
    CHECK(paging_sent("S402") == 1);
    paging_until("22:19");
    CHECK(paging_sent("S403") == 1); /* it still climbs */
    paging_close();
}

/* What only notify has heard is lost with the store that said it; the next event there gets
 * its number.  `restarted`: in an epoch that the bus never heard of. */
static void number_given_away_again(bool restarted) {
    struct err err = {0};

    paging_open("2025-07-11T22:16:00+08:00");
    paging_save("ticketing");
    CHECK_OK(rehearsal_stop(paging_world(), "bus", &err), err);
    if (restarted) {
        CHECK_OK(rehearsal_stop(paging_world(), "ticketing", &err), err);
        CHECK_OK(rehearsal_start(paging_world(), "ticketing", &err), err);
    }
    paging_happens("page.asked", "C1", leak);
    paging_until("22:16:30");
    CHECK(paging_sent("S402") == 1);
    CHECK_OK(rehearsal_kill(paging_world(), "ticketing", &err), err);
    CHECK_OK(rehearsal_start(paging_world(), "bus", &err), err);
    paging_restore("ticketing");
    paging_happens("page.asked", "C2", leak);
    paging_until("22:17");
    CHECK(paging_sent("S402") == 2);
    CHECK(paging_pages("C1") == 1);
    CHECK(paging_pages("C2") == 1);
    CHECK(paging_hands(1)->repeats == 1); /* and of that one this is the same again */
    CHECK(paging_told("page.opened", NULL) == 2);
    paging_close();
}

static void a_number_given_away_again_is_another_event(void) {
    number_given_away_again(false);
}

static void no_two_lives_of_a_store_are_taken_for_one(void) {
    number_given_away_again(true);
}

/* By its number the end of the lost life would be the later one. */
static void an_end_of_a_lost_life_spares_the_pages_after_it(void) {
    struct err err = {0};

    paging_open("2025-07-11T22:16:00+08:00");
    paging_save("ticketing");
    CHECK_OK(rehearsal_stop(paging_world(), "bus", &err), err);
    paging_happens("page.asked", "C1", leak);
    paging_happens("page.ended", "C1", "{'event':'cancel'}");
    paging_until("22:16:30");
    CHECK_TEXT(paging_page("C1")->state, "withdrawn");
    CHECK_OK(rehearsal_kill(paging_world(), "ticketing", &err), err);
    CHECK_OK(rehearsal_start(paging_world(), "bus", &err), err);
    paging_restore("ticketing");
    paging_happens("page.asked", "C1", leak);
    paging_until("22:17");
    CHECK(paging_pages("C1") == 2);
    CHECK_TEXT(paging_page("C1")->state, "open");
    paging_close();
}

static void a_restored_page_still_knows_the_life_of_its_cause(void) {
    struct err err = {0};

    paging_open("2025-07-11T22:16:00+08:00");
    paging_save("ticketing");
    paging_save("notify");
    CHECK_OK(rehearsal_stop(paging_world(), "bus", &err), err);
    paging_happens("page.asked", "C1", leak);
    paging_until("22:16:30");
    CHECK_OK(rehearsal_kill(paging_world(), "ticketing", &err), err);
    CHECK_OK(rehearsal_start(paging_world(), "bus", &err), err);
    paging_until("22:16:40");
    paging_restore("notify");
    paging_restore("ticketing");
    paging_happens("page.asked", "C2", leak);
    paging_until("22:17");
    CHECK(paging_pages("C1") == 1);
    CHECK(paging_pages("C2") == 1);
    paging_close();
}

/* ---- an older store ---- */

extern const struct migration notify_schema[];

static void run(struct query q) {
    struct err err = {0};

    CHECK_OK(query_done(&q, &err), err);
}

static int64_t number(struct query q) {
    struct err err = {0};

    CHECK(query_step(&q, &err) == 1);
    int64_t value = query_i64(&q, 0);
    query_end(&q);
    return value;
}

/* Pages of before the epoch was part of their names keep their references and records. */
static void an_older_store_keeps_its_pages(void) {
    char folder[] = "/tmp/test_notify_old_XXXXXX";
    const struct migration before[] = {notify_schema[0], notify_schema[1], {0}};
    const struct migration *const old[] = {before, NULL};
    const struct migration *const now[] = {notify_schema, NULL};
    char path[64];
    struct err err = {0};

    CHECK(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/notify.db", folder);
    struct store *store = store_open(path, "notify", old, &err);
    CHECK_OK(!store, err);
    run(QUERY(store, "INSERT INTO page VALUES(7, x'01', 1, 5, 'r', 't', 'C1', 'p', '', 1,"
                     " 0, 'S402', '', '', 'B', 'E1', 'x', '', '', 'ack', '', 1, 1, 'open',"
                     " 1, 99, 1, 1, 0, '')"));
    run(QUERY(store, "INSERT INTO page_record VALUES(11, 7, 0, 'S402', '', 'webhook',"
                     " 'accepted', 2, 1, '', '', 1, 2, NULL, 0, 3, x'02', 4)"));
    run(QUERY(store, "INSERT INTO page_stop VALUES(x'01', 1, 4, 'r', 'C1', 't', '', 5)"));
    store_close(store);
    store = store_open(path, "notify", now, &err);
    CHECK_OK(!store, err);
    CHECK(number(QUERY(store, "SELECT id FROM page WHERE cause_source = x'01' AND cause_seq = 5"
                              " AND cause_epoch = 0 AND route = 'r' AND ladder = 'B'"
                              " AND step_due_ms = 99 AND state = 'open'"))
          == 7);
    CHECK(number(QUERY(store, "SELECT page FROM page_record WHERE id = 11 AND times = 2"
                              " AND moved = 3 AND link = x'02' AND link_until_ms = 4"))
          == 7);
    CHECK(number(QUERY(store, "SELECT cause_seq FROM page_stop WHERE cause_epoch = 0")) == 4);
    CHECK(number(QUERY(store, "SELECT count(*) FROM pragma_foreign_key_check")) == 0);
    CHECK(number(QUERY(store, "SELECT seq FROM sqlite_sequence WHERE name = 'page'")) == 7);
    store_close(store);
    (void)execlp("rm", "rm", "-rf", folder, (char *)NULL);
}

static const struct test tests[] = {
    TEST(a_page_climbs_until_somebody_answers),
    TEST(a_message_says_what_where_and_which_page),
    TEST(answering_again_says_the_same_and_records_nothing),
    TEST(only_who_was_paged_answers),
    TEST(what_somebody_took_is_refused_by_name),
    TEST(a_refusal_runs_the_next_step_at_once),
    TEST(when_all_refuse_the_page_is_exhausted),
    TEST(a_ladder_without_an_answer_is_exhausted),
    TEST(who_is_on_leave_has_his_deputy),
    TEST(who_has_left_or_is_off_shift_is_absent),
    TEST(who_has_no_channel_is_passed_over),
    TEST(people_are_those_of_the_hour_of_the_step),
    TEST(midnight_changes_nothing),
    TEST(normal_work_waits_for_the_desk),
    TEST(a_class_may_run_at_any_hour),
    TEST(a_ladder_named_by_a_parameter),
    TEST(a_ladder_that_repeats_calls_until_it_is_answered),
    TEST(a_deadline_pages_once_and_needs_no_answer),
    TEST(what_ends_the_matter_ends_the_page),
    TEST(a_later_round_ends_the_earlier),
    TEST(steps_due_during_a_stop_are_one_page_naming_the_highest),
    TEST(a_late_entry_pages_each_person_once),
    TEST(handed_over_and_by_the_bus_is_one_page),
    TEST(an_end_that_comes_before_its_page_holds),
    TEST(an_end_that_comes_late_spares_the_page_after_it),
    TEST(an_older_store_keeps_its_pages),
    TEST(a_number_given_away_again_is_another_event),
    TEST(no_two_lives_of_a_store_are_taken_for_one),
    TEST(an_end_of_a_lost_life_spares_the_pages_after_it),
    TEST(a_restored_page_still_knows_the_life_of_its_cause),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
