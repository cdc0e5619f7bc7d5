/* The routing rules, on manuals made by hand. */
#include "base/json.h"
#include "core/event.h"
#include "engine/route.h"
#include "harness.h"
#include "shouwen/manual/v1/manual.pb-c.h"

static struct arena *arena;
static struct manual *manual;

static ProtobufCMessage *read_json(const ProtobufCMessageDescriptor *type, const char *text) {
    struct err err = {0};
    char *copy = arena_text(arena, "%s", text);

    for (char *at = copy; *at; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    ProtobufCMessage *message = json_read(type, copy, strlen(copy), arena, &err);
    CHECK_OK(!message, err);
    return message;
}

static void make_manual(const char *routes) {
    const char *files[] = {
        arena_text(arena, "{'name':'routes.yaml','routes':{'route':[%s]}}", routes),
        "{'name':'ladders.yaml','ladders':{'ladder':[{'key':'B','anyHour':true},"
        "{'key':'C','anyHourClass':['E1','major','fire']}]}}",
        "{'name':'parameters.yaml','parameters':{'parameter':["
        "{'key':'desk.open','value':[{'text':'08:00'}]},"
        "{'key':'desk.close','value':[{'text':'20:00'}]},"
        "{'key':'x.ladder','value':[{'class':'E1','text':'B'},{'class':'default','text':'C'}]}]}}",
        "{'name':'calendar.yaml','calendar':{'utcOffsetMin':480}}",
    };
    enum { COUNT = sizeof files / sizeof files[0] };
    struct bytes packed[COUNT];
    struct err err = {0};

    for (size_t i = 0; i < COUNT; i++) {
        ProtobufCMessage *message = read_json(&manual__file__descriptor, files[i]);
        uint8_t *data = arena_alloc(arena, protobuf_c_message_get_packed_size(message) + 1);
        packed[i] = (struct bytes){data, protobuf_c_message_pack(message, data)};
    }
    manual_free(manual);
    manual = manual_new(1, packed, COUNT, &err);
    CHECK_OK(!manual, err);
}

static Wire__Event *event_of(const char *topic, const char *fields) {
    Wire__Event *event = (Wire__Event *)read_json(
        &wire__event__descriptor,
        arena_text(arena,
                   "{'topic':'%s','caseNo':'C1','lane':'URGENT','seq':'7','revision':3,"
                   "'eventMs':'1752243240000','source':'MTIzNDU2Nzg5MDEyMzQ1Ng==','fields':%s}",
                   topic, fields));
    return event;
}

static struct route_page pages[ROUTE_PAGES_MAX];

static size_t route(const char *routes, const char *topic, const char *fields) {
    if (!arena) {
        arena = arena_new((size_t)16 << 20);
    }
    make_manual(routes);
    return route_event(manual, event_of(topic, fields), pages, arena);
}

#define ASKED "{'key':'asked','event':'page.asked','to':['$to','$none','gm'],'ladder':'$ladder'}"

static void a_rule_takes_its_words_from_the_event(void) {
    CHECK(route(ASKED, "page.asked",
                "{'to':'S402','ladder':'B','class':'E1','assignee':'S402','text':'t','place':'p',"
                "'unit':'u','ack':'a','reject':'r','procedure':'q','dept':'d','round':2}")
          == 1);
    CHECK_TEXT(pages[0].route, "asked");
    CHECK_TEXT(pages[0].topic, "page.asked");
    CHECK_TEXT(pages[0].to, "S402;gm"); /* a field that is not there names nobody */
    CHECK_TEXT(pages[0].ladder, "B");
    CHECK_TEXT(pages[0].class_key, "E1");
    CHECK_TEXT(pages[0].assignee, "S402");
    CHECK_TEXT(pages[0].text, "t");
    CHECK_TEXT(pages[0].ack, "a");
    CHECK_TEXT(pages[0].reject, "r");
    CHECK_TEXT(pages[0].dept, "d");
    CHECK(pages[0].round == 2);
    CHECK(pages[0].any_hour);
    CHECK(!pages[0].stops);
}

static void other_topics_fire_nothing(void) {
    CHECK(route(ASKED, "page.ended", "{}") == 0);
    CHECK(route("{'key':'all','event':'*','to':['gm']}", ROUTE_TOPIC, "{}") == 0);
    CHECK(route("{'key':'all','event':'clock.*','to':['gm']}", "clock.due", "{}") == 1);
}

#define LATE                                                                                       \
    "{'key':'late','event':'clock.due','to':['dept_head'],'ladder':'D','text':{'zh':'到期',"     \
    "'en':'due'},'when':[{'all':[{'subject':'ladder','oneOf':['D']},"                              \
    "{'subject':'mark','min':{'amount':'100'}}]}]}"

static void a_condition_asks_about_fields(void) {
    CHECK(route(LATE, "clock.due", "{'ladder':'D','mark':100,'handler':'S402','clock':'c'}") == 1);
    CHECK_TEXT(pages[0].assignee, "S402");
    CHECK_TEXT(pages[0].clock, "c");
    CHECK_TEXT(pages[0].text, "到期");
    CHECK(pages[0].mark == 100);
    CHECK(!pages[0].any_hour);
    CHECK(route(LATE, "clock.due", "{'ladder':'D','mark':70}") == 0);
    CHECK(route(LATE, "clock.due", "{'ladder':'none','mark':100}") == 0);
    CHECK(route(LATE, "clock.due", "{}") == 0);
}

static void a_condition_asks_about_hour_desk_and_topic(void) {
    /* 22:14 at the estate */
    CHECK(route("{'key':'n','event':'*','when':[{'all':[{'subject':'hour','min':{'amount':'22'},"
                "'max':{'amount':'22'}}]}]}",
                "x.y", "{}")
          == 1);
    CHECK(route("{'key':'n','event':'*','when':[{'all':[{'subject':'hour',"
                "'max':{'amount':'21'}}]}]}",
                "x.y", "{}")
          == 0);
    CHECK(route("{'key':'n','event':'*','when':[{'all':[{'subject':'desk_open',"
                "'oneOf':['true']}]}]}",
                "x.y", "{}")
          == 0);
    CHECK(route("{'key':'n','event':'*','when':[{'all':[{'subject':'topic','oneOf':['x.y']}]}]}",
                "x.y", "{}")
          == 1);
}

static void a_parameter_names_the_ladder_by_class(void) {
    CHECK(route(ASKED, "page.asked", "{'to':'x','ladder':'x.ladder','class':'E1'}") == 1);
    CHECK_TEXT(pages[0].ladder, "B");
    CHECK(route(ASKED, "page.asked", "{'to':'x','ladder':'x.ladder','class':'A'}") == 1);
    CHECK_TEXT(pages[0].ladder, "C");
    CHECK(route(ASKED, "page.asked", "{'to':'x','ladder':'nobody'}") == 1);
    CHECK_TEXT(pages[0].ladder, "nobody");
}

static void a_ladder_runs_at_any_hour_for_its_classes(void) {
    CHECK(route(ASKED, "page.asked", "{'to':'x','ladder':'C','class':'N'}") == 1);
    CHECK(!pages[0].any_hour);
    CHECK(route(ASKED, "page.asked", "{'to':'x','ladder':'C','class':'E1'}") == 1);
    CHECK(pages[0].any_hour);
    CHECK(route(ASKED, "page.asked", "{'to':'x','ladder':'C','grade':'major'}") == 1);
    CHECK(pages[0].any_hour);
    CHECK_TEXT(pages[0].class_key, "major");
    CHECK(route(ASKED, "page.asked", "{'to':'x','ladder':'C','procedure':'fire'}") == 1);
    CHECK(pages[0].any_hour);
}

static void several_rules_fire_in_order_and_are_bounded(void) {
    CHECK(route(ASKED "," LATE ",{'key':'s','event':'page.*','stops':true,'ends':['a','b.*']}",
                "page.asked", "{}")
          == 2);
    CHECK_TEXT(pages[0].route, "asked");
    CHECK(pages[1].stops);
    CHECK_TEXT(pages[1].ends, "a;b.*");
    const char *many = ASKED;
    for (int i = 0; i < 20; i++) {
        many = arena_text(arena, "%s," ASKED, many);
    }
    CHECK(route(many, "page.asked", "{}") == ROUTE_PAGES_MAX);
}

static void a_request_as_an_event_reads_back_the_same(void) {
    struct route_page back;

    CHECK(route(ASKED, "page.asked",
                "{'to':'S402','ladder':'B','class':'E1','text':'t','round':2,'mark':70,"
                "'clock':'c','place':'p'}")
          == 1);
    const Wire__Event *cause = event_of("page.asked", "{}");
    Wire__Event *event = route_requested(&pages[0], cause, arena);
    CHECK_TEXT(event->topic, "page.requested");
    CHECK(event->lane == WIRE__LANE__URGENT);
    CHECK_TEXT(event->case_no, "C1");
    CHECK(event->event_ms == cause->event_ms);
    CHECK(event->revision == 3);
    CHECK(event->cause->seq == 7);
    CHECK(event->cause->lane == WIRE__LANE__URGENT);
    CHECK(event->cause->source.len == 16);
    route_read(event, &back);
    CHECK_TEXT(back.route, "asked");
    CHECK_TEXT(back.to, "S402;gm");
    CHECK_TEXT(back.ladder, "B");
    CHECK_TEXT(back.class_key, "E1");
    CHECK_TEXT(back.topic, "page.asked");
    CHECK_TEXT(back.clock, "c");
    CHECK_TEXT(back.place, "p");
    CHECK_TEXT(back.ends, "");
    CHECK(back.round == 2);
    CHECK(back.mark == 70);
    CHECK(back.any_hour);
    CHECK(!back.stops);
}

static const struct test tests[] = {
    TEST(a_rule_takes_its_words_from_the_event),
    TEST(other_topics_fire_nothing),
    TEST(a_condition_asks_about_fields),
    TEST(a_condition_asks_about_hour_desk_and_topic),
    TEST(a_parameter_names_the_ladder_by_class),
    TEST(a_ladder_runs_at_any_hour_for_its_classes),
    TEST(several_rules_fire_in_order_and_are_bounded),
    TEST(a_request_as_an_event_reads_back_the_same),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
