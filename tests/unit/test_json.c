/*
 * Any message goes out as canonical JSON and comes back the same; whatever is wrong
 * in JSON is refused with its place.
 */
#include "harness.h"

#include <jansson.h>

#include "base/json.h"
#include "host/methods.h"
#include "shouwen/cases/v1/cases.pb-c.h"
#include "shouwen/manual/v1/manual.pb-c.h"
#include "shouwen/wire/v1/wire.pb-c.h"

enum { ARENA_SIZE = 2 * 1024 * 1024, SMALL_ARENA = 16 * 1024, OFFSET_MIN = 480 };

static struct arena *arena;
static struct err err;

static void setup(void) {
    arena = arena_new(ARENA_SIZE);
}

static void *reads(const ProtobufCMessageDescriptor *type, const char *text) {
    ProtobufCMessage *message = json_read(type, text, strlen(text), arena, &err);

    CHECK_OK(!message, err);
    return message;
}

static void refuses(const ProtobufCMessageDescriptor *type, const char *text, const char *rule,
                    const char *args) {
    CHECK(!json_read(type, text, strlen(text), arena, &err));
    CHECK_TEXT(err.rule, rule);
    if (args) {
        CHECK_TEXT(err.args, args);
    }
}

static const ProtobufCMessageDescriptor *open_type(void) {
    return &cases__open_case_request__descriptor;
}

static void names_come_in_both_spellings_and_go_out_in_camel_case(void) {
    setup();
    Cases__GetCaseRequest *snake = reads(&cases__get_case_request__descriptor,
                                         "{\"case_no\":\"A\",\"history\":true}");
    Cases__GetCaseRequest *camel = reads(&cases__get_case_request__descriptor,
                                         "{\"caseNo\":\"A\",\"history\":true}");
    CHECK_TEXT(snake->case_no, "A");
    CHECK_TEXT(camel->case_no, "A");
    CHECK_TEXT(json_write(&snake->base, JSON_ONE_LINE, 0, arena),
               "{\"caseNo\":\"A\",\"history\":true}");
    CHECK_TEXT(snake->reason, "");
}

static void wide_integers_are_strings_outside_and_either_inside(void) {
    setup();
    Wire__Event *text = reads(&wire__event__descriptor,
                              "{\"seq\":\"18446744073709551615\",\"eventMs\":\"-5\","
                              "\"revision\":\"7\"}");
    Wire__Event *number = reads(&wire__event__descriptor,
                                "{\"seq\":12,\"eventMs\":1.5e3,\"revision\":7}");
    CHECK(text->seq == UINT64_MAX && text->event_ms == -5 && text->revision == 7);
    CHECK(number->seq == 12 && number->event_ms == 1500 && number->revision == 7);
    CHECK_TEXT(json_write(&text->base, JSON_ONE_LINE, 0, arena),
               "{\"seq\":\"18446744073709551615\",\"eventMs\":\"-5\",\"revision\":7}");
}

static void bytes_are_base64_in_every_common_form(void) {
    setup();
    static const char *const forms[] = {"{\"source\":\"+/8=\"}", "{\"source\":\"+/8\"}",
                                        "{\"source\":\"-_8=\"}", "{\"source\":\"-_8\"}"};
    for (size_t i = 0; i < 4; i++) {
        Wire__Event *event = reads(&wire__event__descriptor, forms[i]);
        CHECK(event->source.len == 2 && event->source.data[0] == 0xfb
              && event->source.data[1] == 0xff);
        CHECK_TEXT(json_write(&event->base, JSON_ONE_LINE, 0, arena), forms[0]);
    }
    Wire__Event *empty = reads(&wire__event__descriptor, "{\"source\":\"\"}");
    CHECK(empty->source.len == 0);
}

static void enums_go_by_name_and_come_by_name_or_number(void) {
    setup();
    Wire__Reply *name = reads(&wire__reply__descriptor, "{\"code\":\"NOT_FOUND\"}");
    Wire__Reply *number = reads(&wire__reply__descriptor, "{\"code\":5}");
    CHECK(name->code == WIRE__CODE__NOT_FOUND && number->code == WIRE__CODE__NOT_FOUND);
    CHECK_TEXT(json_write(&number->base, JSON_ONE_LINE, 0, arena), "{\"code\":\"NOT_FOUND\"}");
}

static void a_oneof_keeps_which_one_even_at_its_default(void) {
    setup();
    Wire__Value *flag = reads(&wire__value__descriptor, "{\"key\":\"f\",\"flag\":false}");
    CHECK(flag->kind_case == WIRE__VALUE__KIND_FLAG && !flag->flag);
    CHECK_TEXT(json_write(&flag->base, JSON_ONE_LINE, 0, arena), "{\"key\":\"f\",\"flag\":false}");
    Wire__Value *none = reads(&wire__value__descriptor, "{\"key\":\"f\",\"text\":null}");
    CHECK(none->kind_case == WIRE__VALUE__KIND__NOT_SET);
}

static void messages_and_lists_nest(void) {
    setup();
    const char *text = "{\"caller\":{\"name\":\"孙先生\"},\"fields\":[{\"key\":\"list\",\"rows\":"
                       "{\"row\":[{\"cell\":[{\"key\":\"n\",\"integer\":\"3\"}]},{}]}}]}";
    Cases__OpenCaseRequest *request = reads(open_type(), text);
    CHECK_TEXT(request->caller->name, "孙先生");
    CHECK(request->n_fields == 1 && request->fields[0]->rows->n_row == 2);
    CHECK(request->fields[0]->rows->row[0]->cell[0]->integer == 3);
    CHECK_TEXT(json_write(&request->base, JSON_ONE_LINE, 0, arena), text);
    Cases__OpenCaseReply *offers = reads(&cases__open_case_reply__descriptor,
                                         "{\"offers\":[\"a\",\"b\"]}");
    CHECK(offers->n_offers == 2);
    CHECK_TEXT(offers->offers[1], "b");
    CHECK_TEXT(json_write(&offers->base, JSON_ONE_LINE, 0, arena), "{\"offers\":[\"a\",\"b\"]}");
}

static void what_is_packed_comes_back_byte_for_byte(void) {
    setup();
    Manual__Parameter *parameter = reads(
        &manual__parameter__descriptor,
        "{\"key\":\"repair.ack_min\",\"value\":[{\"class\":\"E1\",\"number\":[\"180000\",-1]},"
        "{\"text\":\"08:00\"}]}");
    char *text = json_write(&parameter->base, JSON_PRETTY, 0, arena);
    Manual__Parameter *again = reads(&manual__parameter__descriptor, text);
    uint8_t first[256];
    uint8_t second[256];
    size_t size = protobuf_c_message_pack(&parameter->base, first);
    CHECK(size > 0 && size == protobuf_c_message_pack(&again->base, second));
    CHECK(memcmp(first, second, size) == 0);
    CHECK(parameter->value[0]->number[1] == -1);
}

static void a_plain_object_stands_for_a_list_of_values(void) {
    setup();
    Cases__FireEventRequest *request = reads(
        &cases__fire_event_request__descriptor,
        "{\"fields\":{\"urgency\":\"E1\",\"slot_from\":\"2025-07-11T22:14:00+08:00\",\"photos\":2,"
        "\"rework\":false,\"kinds\":[\"a\",\"b\"],\"attempts\":[{\"at\":\"22:14\",\"n\":1}],"
        "\"phone\":{\"sealed\":\"+/8=\"},\"none\":null}}");
    CHECK(request->n_fields == 7);
    CHECK_TEXT(request->fields[0]->key, "urgency");
    CHECK_TEXT(request->fields[0]->text, "E1");
    CHECK(request->fields[1]->kind_case == WIRE__VALUE__KIND_MS);
    CHECK(request->fields[1]->ms == INT64_C(1752243240000));
    CHECK(request->fields[2]->integer == 2);
    CHECK(request->fields[3]->kind_case == WIRE__VALUE__KIND_FLAG);
    CHECK_TEXT(request->fields[4]->text, "a;b");
    CHECK_TEXT(request->fields[5]->rows->row[0]->cell[0]->text, "22:14");
    CHECK(request->fields[6]->sealed.len == 2);
    CHECK_TEXT(json_write(&request->base, JSON_PLAIN, OFFSET_MIN, arena),
               "{\"fields\":{\"urgency\":\"E1\",\"slot_from\":\"2025-07-11T22:14:00+08:00\","
               "\"photos\":2,\"rework\":false,\"kinds\":\"a;b\",\"attempts\":[{\"at\":\"22:14\","
               "\"n\":1}],\"phone\":{\"sealed\":\"+/8=\"}}}");
}

static void an_unknown_key_names_the_nearest_right_one(void) {
    setup();
    refuses(open_type(), "{\"procedur\":\"repair\"}", "json_key",
            "path=procedur\nnearest=procedure");
    refuses(open_type(), "{\"caller\":{\"fone\":\"1\"}}", "json_key",
            "path=caller.fone\nnearest=phone");
    refuses(open_type(), "{\"somethingElse\":1}", "json_key", "path=somethingElse\nnearest=");
    refuses(open_type(), "{\"fields\":[{\"key\":\"a\"},{\"kye\":\"b\"}]}", "json_key",
            "path=fields[1].kye\nnearest=key");
}

static void wrong_types_are_refused_with_their_place(void) {
    setup();
    refuses(open_type(), "{\"unit\":5}", "json_type", "path=unit\nwanted=text");
    refuses(open_type(), "{\"newMatter\":\"yes\"}", "json_type",
            "path=newMatter\nwanted=true or false");
    refuses(open_type(), "{\"eventMs\":\"12a\"}", "json_type", "path=eventMs\nwanted=integer");
    refuses(open_type(), "{\"eventMs\":\"\"}", "json_type", "path=eventMs\nwanted=integer");
    refuses(open_type(), "{\"eventMs\":\" 1\"}", "json_type", "path=eventMs\nwanted=integer");
    refuses(open_type(), "{\"eventMs\":1.5}", "json_type", "path=eventMs\nwanted=integer");
    refuses(open_type(), "{\"eventMs\":true}", "json_type", "path=eventMs\nwanted=integer");
    refuses(open_type(), "{\"fields\":\"x\"}", "json_type", "path=fields\nwanted=a list");
    refuses(open_type(), "{\"fields\":[1]}", "json_object", "path=fields[0]");
    refuses(open_type(), "{\"caller\":[]}", "json_object", "path=caller");
    refuses(open_type(), "[]", "json_object", "path=");
    refuses(&wire__event__descriptor, "{\"source\":\"***\"}", "json_type",
            "path=source\nwanted=base64");
    refuses(&wire__event__descriptor, "{\"source\":3}", "json_type", "path=source\nwanted=base64");
    refuses(&wire__reply__descriptor, "{\"code\":true}", "json_type", "path=code\nwanted=a name");
    refuses(open_type(), "{\"fields\":{\"x\":1.5}}", "json_type", NULL);
    refuses(open_type(), "{\"fields\":{\"x\":[1]}}", "json_type", NULL);
    refuses(open_type(), "{\"fields\":{\"x\":{\"sealed\":\"*\"}}}", "json_type", NULL);
    refuses(open_type(), "{\"fields\":{\"x\":[{\"y\":{}}]}}", "json_type", NULL);
}

static void numbers_out_of_range_are_refused(void) {
    setup();
    refuses(&wire__event__descriptor, "{\"revision\":-1}", "json_range", "path=revision");
    refuses(&wire__event__descriptor, "{\"revision\":4294967296}", "json_range", NULL);
    refuses(&wire__event__descriptor, "{\"seq\":\"-1\"}", "json_range", NULL);
    refuses(&wire__event__descriptor, "{\"seq\":\"18446744073709551616\"}", "json_range", NULL);
    refuses(&wire__event__descriptor, "{\"eventMs\":\"9223372036854775808\"}", "json_range", NULL);
    refuses(&wire__event__descriptor, "{\"eventMs\":1e300}", "json_range", NULL);
    refuses(&manual__nth__descriptor, "{\"n\":2147483648}", "json_range", NULL);
}

static void unknown_enum_names_are_refused_with_the_nearest(void) {
    setup();
    refuses(&wire__reply__descriptor, "{\"code\":\"NOTFOUND\"}", "json_enum",
            "path=code\nnearest=NOT_FOUND");
    refuses(&wire__reply__descriptor, "{\"code\":99}", "json_enum", "path=code\nnearest=");
}

static void two_of_a_oneof_or_two_spellings_are_refused(void) {
    setup();
    refuses(&wire__value__descriptor, "{\"text\":\"a\",\"flag\":true}", "json_oneof",
            "path=flag\nother=text");
    refuses(&cases__get_case_request__descriptor, "{\"caseNo\":\"a\",\"case_no\":\"b\"}",
            "json_oneof", "path=case_no\nother=caseNo");
}

static void broken_json_names_line_and_column(void) {
    setup();
    refuses(open_type(), "{\n\"unit\": }", "json_syntax", NULL);
    CHECK(strncmp(err.args, "line=2\n", 7) == 0);
    refuses(open_type(), "", "json_syntax", NULL);
    refuses(open_type(), "{} x", "json_syntax", NULL);
    refuses(open_type(), "{\"unit\":\"\xff\"}", "json_syntax", NULL);
    refuses(open_type(), "{\"unit\":\"a\",\"unit\":\"b\"}", "json_syntax", NULL);
    refuses(open_type(), "{\"unit\":\"a\\u0000b\"}", "json_syntax", NULL);
}

static void what_is_too_large_ends_in_an_error_and_not_in_an_abort(void) {
    setup();
    char *large = calloc(1, JSON_SIZE_MAX + 2);
    memset(large, ' ', JSON_SIZE_MAX + 1);
    CHECK(!json_read(open_type(), large, JSON_SIZE_MAX + 1, arena, &err));
    CHECK_TEXT(err.rule, "json_large");
    CHECK(err.code == ERR_EXHAUSTED);

    struct arena *small = arena_new(SMALL_ARENA);
    strcpy(large, "{\"fields\":[{}");
    for (size_t i = 0; i < 1000; i++) {
        strcat(large, ",{}");
    }
    strcat(large, "]}");
    CHECK(!json_read(open_type(), large, strlen(large), small, &err));
    CHECK_TEXT(err.rule, "json_large");
    strcpy(large, "{\"fields\":{\"k0\":\"v\"");
    for (size_t i = 1; i < 250; i++) {
        (void)sprintf(large + strlen(large), ",\"k%zu\":\"value\"", i);
    }
    strcat(large, "}}");
    CHECK(!json_read(open_type(), large, strlen(large), small, &err));
    CHECK_TEXT(err.rule, "json_large");
    CHECK(json_read(open_type(), large, strlen(large), arena, &err));
    arena_free(small);
    free(large);
}

static void a_method_is_found_by_its_full_name_and_by_a_short_one(void) {
    setup();
    struct methods_found found;
    CHECK_OK(methods_find("shouwen.ticketing.v1.Ticketing/GetCase", &found, arena, &err), err);
    CHECK_TEXT(found.service, "ticketing");
    CHECK(found.method->input == &cases__get_case_request__descriptor);
    CHECK(found.method->output == &cases__get_case_reply__descriptor);
    CHECK_OK(methods_find("ticketing/LinkContact", &found, arena, &err), err);
    CHECK_TEXT(found.full, "shouwen.ticketing.v1.Ticketing/LinkContact");
    CHECK_OK(methods_find("LinkContact", &found, arena, &err), err);
    CHECK_TEXT(found.full, "shouwen.ticketing.v1.Ticketing/LinkContact");
}

static void an_unknown_or_ambiguous_method_is_refused(void) {
    setup();
    struct methods_found found;
    CHECK(methods_find("shouwen.ticketing.v1.Ticketing/GetCaze", &found, arena, &err));
    CHECK_TEXT(err.rule, "method_unknown");
    CHECK_TEXT(err.args, "method=shouwen.ticketing.v1.Ticketing/GetCaze\n"
                         "nearest=shouwen.ticketing.v1.Ticketing/GetCase");
    CHECK(methods_find("LinkContakt", &found, arena, &err));
    CHECK_TEXT(err.args, "method=LinkContakt\nnearest=LinkContact");
    CHECK(methods_find("GetCase", &found, arena, &err));
    CHECK_TEXT(err.rule, "method_several");
    CHECK(err.code == ERR_INVALID);
}

static void the_list_of_methods_holds_every_service(void) {
    setup();
    struct methods_walk walk = {0};
    struct methods_found found;
    size_t count = 0;
    bool bus = false;
    bool patrol = false;

    while (methods_next(&walk, &found, arena)) {
        count++;
        bus = bus || strcmp(found.full, "shouwen.bus.v1.Bus/Append") == 0;
        patrol = patrol || strcmp(found.full, "shouwen.patrol.v1.Patrol/ImportRoster") == 0;
    }
    CHECK(bus && patrol && count >= 15);
}

static const struct test tests[] = {
    TEST(names_come_in_both_spellings_and_go_out_in_camel_case),
    TEST(wide_integers_are_strings_outside_and_either_inside),
    TEST(bytes_are_base64_in_every_common_form),
    TEST(enums_go_by_name_and_come_by_name_or_number),
    TEST(a_oneof_keeps_which_one_even_at_its_default),
    TEST(messages_and_lists_nest),
    TEST(what_is_packed_comes_back_byte_for_byte),
    TEST(a_plain_object_stands_for_a_list_of_values),
    TEST(an_unknown_key_names_the_nearest_right_one),
    TEST(wrong_types_are_refused_with_their_place),
    TEST(numbers_out_of_range_are_refused),
    TEST(unknown_enum_names_are_refused_with_the_nearest),
    TEST(two_of_a_oneof_or_two_spellings_are_refused),
    TEST(broken_json_names_line_and_column),
    TEST(what_is_too_large_ends_in_an_error_and_not_in_an_abort),
    TEST(a_method_is_found_by_its_full_name_and_by_a_short_one),
    TEST(an_unknown_or_ambiguous_method_is_refused),
    TEST(the_list_of_methods_holds_every_service),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
