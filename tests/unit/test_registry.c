/*
 * Registry through its methods: each, with each of its refusals.
 */
#include "registry_aid.h"

#include <sodium.h>

#include "base/text.h"
#include "base/token.h"
#include "store/query.h"

static struct registry registry;
static struct bytes front, boss;

static void start(void) {
    aid_start(&registry);
    aid_publish(&registry, 1);
    front = aid_token(&registry, "S101", "front");
    boss = aid_token(&registry, "S301", "boss");
    aid_staff(&registry, "S101", "王丽", "front");
    aid_staff(&registry, "S301", "孙红", "boss");
}

static Registry__Staff *staff_of(const char *key) {
    Registry__GetStaffRequest request = REGISTRY__GET_STAFF_REQUEST__INIT;
    Registry__GetStaffReply *reply = NULL;

    request.staff = key;
    reply = aid_get(&registry, "GetStaff", &request.base);
    return reply->staff;
}

static Registry__SearchReply *search(const char *query) {
    Registry__SearchRequest request = REGISTRY__SEARCH_REQUEST__INIT;

    request.query = query;
    return aid_get_as(&registry, "Search", &request.base, front);
}

/* ---- before the first manual ---- */

static void before_the_first_manual_only_the_system_may(void) {
    aid_start(&registry);
    Registry__ListStaffRequest list = REGISTRY__LIST_STAFF_REQUEST__INIT;

    CHECK_TEXT(aid_refused(&registry, "ListStaff", &list.base, aid_token(&registry, "S301", "boss"),
                           ERR_UNAVAILABLE),
               "no_manual");
    (void)aid_get(&registry, "ListStaff", &list.base);
    aid_staff(&registry, "S101", "王丽", "front");
    aid_publish(&registry, 1);
    (void)aid_get_as(&registry, "ListStaff", &list.base, aid_token(&registry, "S301", "boss"));
    aid_stop(&registry);
}

static void a_forged_or_missing_token_is_nobody(void) {
    start();
    Registry__ListStaffRequest list = REGISTRY__LIST_STAFF_REQUEST__INIT;
    struct secrets other;
    struct token token = {.staff = "system", .estate = "", .until_ms = INT64_MAX / 2};

    secrets_from_seed(&other, 2);
    CHECK_TEXT(aid_refused(&registry, "ListStaff", &list.base,
                           token_sign(&other, &token, registry.scratch), ERR_UNAUTHENTICATED),
               "token_wrong");
    CHECK_TEXT(
        aid_refused(&registry, "ListStaff", &list.base, (struct bytes){0}, ERR_UNAUTHENTICATED),
        "token_missing");
    aid_stop(&registry);
}

static void each_act_needs_its_permission(void) {
    static const struct {
        const char *method;
        const ProtobufCMessageDescriptor *request;
        bool front_may;
    } acts[] = {
        {"PutEstate", &registry__put_estate_request__descriptor, false},
        {"ListEstates", &registry__list_estates_request__descriptor, true},
        {"PutUnit", &registry__put_unit_request__descriptor, false},
        {"GetUnit", &registry__get_unit_request__descriptor, true},
        {"ListUnits", &registry__list_units_request__descriptor, true},
        {"ListBuildings", &registry__list_buildings_request__descriptor, true},
        {"PutPerson", &registry__put_person_request__descriptor, false},
        {"GetPerson", &registry__get_person_request__descriptor, true},
        {"PutStaff", &registry__put_staff_request__descriptor, false},
        {"GetStaff", &registry__get_staff_request__descriptor, true},
        {"ListStaff", &registry__list_staff_request__descriptor, true},
        {"SetLeave", &registry__set_leave_request__descriptor, false},
        {"MarkLeft", &registry__mark_left_request__descriptor, false},
        {"Search", &registry__search_request__descriptor, true},
        {"Unmask", &registry__unmask_request__descriptor, true},
        {"StartImport", &registry__start_import_request__descriptor, false},
        {"ImportRows", &registry__import_rows_request__descriptor, false},
        {"FinishImport", &registry__finish_import_request__descriptor, false},
        {"GetImport", &registry__get_import_request__descriptor, false},
        {"RevokeToken", &registry__revoke_token_request__descriptor, false},
        {"ListHolds", &registry__list_holds_request__descriptor, false},
        {"PublishManual", &registry__publish_manual_request__descriptor, false},
        {"GetManual", &registry__get_manual_request__descriptor, true},
    };
    struct bytes nobody;

    start();
    nobody = aid_token(&registry, "S999", "stranger");
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        ProtobufCMessage *empty = arena_alloc(registry.scratch, 1024);
        protobuf_c_message_init(acts[i].request, empty);
        CHECK_TEXT(aid_refused(&registry, acts[i].method, empty, nobody, ERR_DENIED),
                   "not_permitted");
        Wire__Reply *reply = aid_ask(&registry, acts[i].method, empty, front, NULL, false);
        if ((reply->code == WIRE__CODE__PERMISSION_DENIED) == acts[i].front_may) {
            (void)fprintf(stderr, "# %s\n", acts[i].method);
            exit(1);
        }
    }
    aid_stop(&registry);
}

/* ---- staff ---- */

static void an_employee_is_told_whole_and_only_when_he_changed(void) {
    Registry__PutStaffRequest request = REGISTRY__PUT_STAFF_REQUEST__INIT;
    Registry__Staff staff = REGISTRY__STAFF__INIT;
    const char *roles[] = {"front", "boss"};
    const char *channels[] = {"desk", "webhook"};

    start();
    staff.staff = "S102";
    staff.name = " 张敏 ";
    staff.roles = roles;
    staff.n_roles = 2;
    staff.dept = "cs";
    staff.area = "2";
    staff.deputy = "S101";
    staff.phone = "+86 139-0000-0102";
    staff.channels = channels;
    staff.n_channels = 2;
    request.staff = &staff;
    Registry__PutStaffReply *reply = aid_get_as(&registry, "PutStaff", &request.base, boss);
    CHECK(reply->changed);
    CHECK_TEXT(reply->staff->name, "张敏");
    CHECK_TEXT(reply->staff->phone, "139****0102");
    CHECK(reply->staff->n_roles == 2 && reply->staff->n_channels == 2);
    Wire__Event *event = aid_last(&registry, "staff.changed");
    CHECK_TEXT(value_text(event->fields, event->n_fields, "staff"), "S102");
    CHECK_TEXT(value_text(event->fields, event->n_fields, "roles"), "front;boss");
    CHECK_TEXT(value_text(event->fields, event->n_fields, "deputy"), "S101");
    CHECK_TEXT(value_text(event->fields, event->n_fields, "channels"), "desk;webhook");
    CHECK(value_flag(event->fields, event->n_fields, "active"));
    CHECK_TEXT(event->actor, "S301");
    const Wire__Value *phone = value_find(event->fields, event->n_fields, "phone");
    CHECK(phone && phone->kind_case == WIRE__VALUE__KIND_SEALED);
    CHECK_TEXT(seal_open(&registry.secrets, "staff:S102:phone",
                         (struct bytes){phone->sealed.data, phone->sealed.len}, registry.scratch),
               "13900000102");
    int told = aid_count(&registry, "staff.changed");
    staff.phone = ""; /* masked numbers cannot be sent back */
    reply = aid_get_as(&registry, "PutStaff", &request.base, boss);
    CHECK(!reply->changed && aid_count(&registry, "staff.changed") == told);
    CHECK_TEXT(reply->staff->phone, "139****0102");
    request.forget_phone = true;
    reply = aid_get_as(&registry, "PutStaff", &request.base, boss);
    CHECK(reply->changed);
    CHECK_TEXT(reply->staff->phone, "");
    aid_stop(&registry);
}

static const char *put_staff_refused(const Registry__Staff *staff, enum err_code code) {
    Registry__PutStaffRequest request = REGISTRY__PUT_STAFF_REQUEST__INIT;
    Registry__Staff copy = *staff;

    request.staff = &copy;
    return aid_refused(&registry, "PutStaff", &request.base, boss, code);
}

static void an_employee_that_is_wrong_is_refused(void) {
    static const char *const roles[] = {"front"};
    static const char *const strange[] = {"emperor"};
    Registry__PutStaffRequest empty = REGISTRY__PUT_STAFF_REQUEST__INIT;
    Registry__Staff good = REGISTRY__STAFF__INIT, bad;

    start();
    int told = aid_count(&registry, "staff.changed");
    good.staff = "S102";
    good.name = "张敏";
    good.roles = (const char **)(uintptr_t)roles;
    good.n_roles = 1;
    CHECK_TEXT(aid_refused(&registry, "PutStaff", &empty.base, boss, ERR_INVALID), "field_missing");
    bad = good;
    bad.staff = "";
    CHECK_TEXT(put_staff_refused(&bad, ERR_INVALID), "field_missing");
    bad.staff = "S 1";
    CHECK_TEXT(put_staff_refused(&bad, ERR_INVALID), "number_wrong");
    bad.staff = "13900000102";
    CHECK_TEXT(put_staff_refused(&bad, ERR_INVALID), "number_wrong");
    bad.staff = "S1020000000000000";
    CHECK_TEXT(put_staff_refused(&bad, ERR_INVALID), "text_long");
    bad = good;
    bad.name = "";
    CHECK_TEXT(put_staff_refused(&bad, ERR_INVALID), "field_missing");
    bad.name = "system";
    CHECK_TEXT(put_staff_refused(&bad, ERR_INVALID), "name_wrong");
    bad.name = "139 0000 0102";
    CHECK_TEXT(put_staff_refused(&bad, ERR_INVALID), "name_wrong");
    bad.name = "a\nb";
    CHECK_TEXT(put_staff_refused(&bad, ERR_INVALID), "text_control");
    bad.name = "\xC4\xE3";
    CHECK_TEXT(put_staff_refused(&bad, ERR_INVALID), "text_utf8");
    bad = good;
    bad.n_roles = 0;
    CHECK_TEXT(put_staff_refused(&bad, ERR_INVALID), "field_missing");
    bad.n_roles = 1;
    bad.roles = (const char **)(uintptr_t)strange;
    CHECK_TEXT(put_staff_refused(&bad, ERR_INVALID), "role_unknown");
    bad = good;
    bad.deputy = "S999";
    CHECK_TEXT(put_staff_refused(&bad, ERR_NOT_FOUND), "staff_unknown");
    bad.deputy = "S102";
    CHECK_TEXT(put_staff_refused(&bad, ERR_INVALID), "deputy_self");
    bad = good;
    bad.phone = "1390000010";
    CHECK_TEXT(put_staff_refused(&bad, ERR_INVALID), "phone_wrong");
    bad.phone = "13900000102;13900000103";
    CHECK_TEXT(put_staff_refused(&bad, ERR_INVALID), "too_many");
    CHECK(aid_count(&registry, "staff.changed") == told);
    aid_stop(&registry);
}

static void staff_are_found_by_number_and_by_name(void) {
    Registry__GetStaffRequest get = REGISTRY__GET_STAFF_REQUEST__INIT;

    start();
    CHECK_TEXT(staff_of("S101")->name, "王丽");
    CHECK_TEXT(staff_of("王丽")->staff, "S101");
    get.staff = "S999";
    CHECK_TEXT(aid_refused(&registry, "GetStaff", &get.base, front, ERR_NOT_FOUND),
               "staff_unknown");
    aid_staff(&registry, "S102", "王丽", "front");
    get.staff = "王丽";
    CHECK_TEXT(aid_refused(&registry, "GetStaff", &get.base, front, ERR_PRECONDITION),
               "name_twice");
    aid_stop(&registry);
}

static void staff_are_listed_by_role_and_in_pages(void) {
    Registry__ListStaffRequest list = REGISTRY__LIST_STAFF_REQUEST__INIT;

    start();
    aid_staff(&registry, "S102", "张敏", "front");
    list.role = "front";
    Registry__ListStaffReply *reply = aid_get_as(&registry, "ListStaff", &list.base, front);
    CHECK(reply->n_staff == 2);
    list.max = 1;
    reply = aid_get_as(&registry, "ListStaff", &list.base, front);
    CHECK(reply->n_staff == 1);
    list.after = reply->staff[0]->staff;
    reply = aid_get_as(&registry, "ListStaff", &list.base, front);
    CHECK(reply->n_staff == 1);
    CHECK_TEXT(reply->staff[0]->staff, "S102");
    list.dept = "nowhere";
    reply = aid_get_as(&registry, "ListStaff", &list.base, front);
    CHECK(reply->n_staff == 0);
    aid_stop(&registry);
}

static void leave_is_told_and_ends(void) {
    Registry__SetLeaveRequest leave = REGISTRY__SET_LEAVE_REQUEST__INIT;

    start();
    leave.staff = "王丽";
    leave.from_ms = registry.now_ms;
    leave.to_ms = registry.now_ms + 86400000;
    Registry__SetLeaveReply *reply = aid_get_as(&registry, "SetLeave", &leave.base, boss);
    CHECK(reply->staff->leave_to_ms == leave.to_ms);
    Wire__Event *event = aid_last(&registry, "person.on_leave");
    CHECK(value_i64(event->fields, event->n_fields, "from", 0) == leave.from_ms);
    CHECK(value_i64(event->fields, event->n_fields, "to", 0) == leave.to_ms);
    leave.from_ms = leave.to_ms = 0;
    reply = aid_get_as(&registry, "SetLeave", &leave.base, boss);
    CHECK(reply->staff->leave_from_ms == 0 && reply->staff->leave_to_ms == 0);
    leave.from_ms = 5;
    leave.to_ms = 5;
    CHECK_TEXT(aid_refused(&registry, "SetLeave", &leave.base, boss, ERR_INVALID), "leave_wrong");
    leave.from_ms = 1;
    leave.to_ms = INT64_MAX;
    CHECK_TEXT(aid_refused(&registry, "SetLeave", &leave.base, boss, ERR_INVALID), "leave_wrong");
    leave.staff = "S999";
    CHECK_TEXT(aid_refused(&registry, "SetLeave", &leave.base, boss, ERR_NOT_FOUND),
               "staff_unknown");
    aid_stop(&registry);
}

static void event_of_hold(const char *topic, const char *pool, const char *key, const char *holder,
                          const char *unit) {
    Wire__Event event = WIRE__EVENT__INIT;
    struct values fields = {.arena = registry.scratch};

    values_add_text(&fields, "pool", pool);
    values_add_text(&fields, "key", key);
    values_add_text(&fields, "holder", holder);
    values_add_text(&fields, "unit", unit);
    event.topic = topic;
    event.case_no = "X1";
    event.event_ms = 1000;
    event.n_fields = fields.count;
    event.fields = fields.list;
    aid_deliver(&registry, &event);
}

static void who_leaves_is_revoked_and_what_he_holds_is_listed(void) {
    Registry__MarkLeftRequest left = REGISTRY__MARK_LEFT_REQUEST__INIT;
    Registry__SetLeaveRequest leave = REGISTRY__SET_LEAVE_REQUEST__INIT;
    Registry__IssueTokenRequest issue = REGISTRY__ISSUE_TOKEN_REQUEST__INIT;
    Registry__Staff again = REGISTRY__STAFF__INIT;
    const char *role = "front";

    start();
    event_of_hold("hold.taken", "key", "5-1", "S101", "");
    event_of_hold("hold.taken", "badge", "B7", "S101", "");
    event_of_hold("hold.taken", "badge", "B8", "S301", "");
    left.staff = "S101";
    CHECK_TEXT(aid_refused(&registry, "MarkLeft", &left.base, boss, ERR_INVALID), "field_missing");
    left.reason = "notice given";
    Registry__MarkLeftReply *reply = aid_get_as(&registry, "MarkLeft", &left.base, boss);
    CHECK(reply->staff->left && reply->staff->generation == 2);
    CHECK(reply->n_holds == 2);
    CHECK_TEXT(reply->holds[0]->pool, "badge");
    CHECK_TEXT(reply->holds[1]->key, "5-1");
    CHECK(aid_count(&registry, "person.left") == 1);
    Wire__Event *event = aid_last(&registry, "staff.revoked");
    CHECK(event->lane == WIRE__LANE__URGENT);
    CHECK(value_i64(event->fields, event->n_fields, "generation", 0) == 2);
    CHECK_TEXT(aid_refused(&registry, "MarkLeft", &left.base, boss, ERR_PRECONDITION),
               "staff_left");
    leave.staff = "S101";
    CHECK_TEXT(aid_refused(&registry, "SetLeave", &leave.base, boss, ERR_PRECONDITION),
               "staff_left");
    again.staff = "S101";
    again.name = "王丽";
    again.roles = &role;
    again.n_roles = 1;
    CHECK_TEXT(put_staff_refused(&again, ERR_PRECONDITION), "staff_left");
    issue.staff = "S101";
    Wire__Reply *token = aid_ask(&registry, "IssueToken", &issue.base, front, NULL, true);
    CHECK(token->code == WIRE__CODE__FAILED_PRECONDITION);
    CHECK_TEXT(token->rule, "staff_left");
    left.staff = "S999";
    CHECK_TEXT(aid_refused(&registry, "MarkLeft", &left.base, boss, ERR_NOT_FOUND),
               "staff_unknown");
    aid_stop(&registry);
}

/* ---- estates, units, persons ---- */

static void estates_are_put_and_listed(void) {
    Registry__PutEstateRequest put = REGISTRY__PUT_ESTATE_REQUEST__INIT;
    Registry__ListEstatesRequest list = REGISTRY__LIST_ESTATES_REQUEST__INIT;
    Registry__Estate estate = REGISTRY__ESTATE__INIT;

    start();
    CHECK_TEXT(aid_refused(&registry, "PutEstate", &put.base, boss, ERR_INVALID), "field_missing");
    put.estate = &estate;
    estate.estate = "E01";
    CHECK_TEXT(aid_refused(&registry, "PutEstate", &put.base, boss, ERR_INVALID), "field_missing");
    estate.name = "恋日花都";
    (void)aid_get_as(&registry, "PutEstate", &put.base, boss);
    Registry__ListEstatesReply *reply = aid_get_as(&registry, "ListEstates", &list.base, front);
    CHECK(reply->n_estates == 1);
    CHECK_TEXT(reply->estates[0]->name, "恋日花都");
    aid_stop(&registry);
}

static const char *put_unit_refused(const Registry__Unit *unit, enum err_code code) {
    Registry__PutUnitRequest request = REGISTRY__PUT_UNIT_REQUEST__INIT;
    Registry__Unit copy = *unit;

    request.unit = &copy;
    return aid_refused(&registry, "PutUnit", &request.base, boss, code);
}

static void a_unit_belongs_to_its_building(void) {
    Registry__PutUnitRequest put = REGISTRY__PUT_UNIT_REQUEST__INIT;
    Registry__ListBuildingsRequest buildings = REGISTRY__LIST_BUILDINGS_REQUEST__INIT;
    Registry__ListUnitsRequest list = REGISTRY__LIST_UNITS_REQUEST__INIT;
    Registry__Unit unit = REGISTRY__UNIT__INIT;

    start();
    aid_unit(&registry, "1-1-101");
    aid_unit(&registry, "1-1-102");
    unit.unit = "1-1-102";
    unit.building = "2";
    unit.area = "1";
    unit.steward = "S101";
    unit.floor_area_m2 = "89.5";
    unit.status = "vacant";
    unit.vacancy_kind = "sold";
    unit.risk = "Y";
    put.unit = &unit;
    Registry__PutUnitReply *reply = aid_get_as(&registry, "PutUnit", &put.base, boss);
    CHECK(reply->changed);
    CHECK_TEXT(reply->unit->floor_area_m2, "89.5");
    reply = aid_get_as(&registry, "PutUnit", &put.base, boss);
    CHECK(!reply->changed && aid_count(&registry, "unit.changed") == 3);
    Wire__Event *event = aid_last(&registry, "unit.changed");
    CHECK_TEXT(value_text(event->fields, event->n_fields, "steward"), "S101");
    CHECK_TEXT(value_text(event->fields, event->n_fields, "vacancy_kind"), "sold");
    CHECK_TEXT(value_text(event->fields, event->n_fields, "risk"), "Y");
    Registry__ListBuildingsReply *known = aid_get_as(&registry, "ListBuildings", &buildings.base,
                                                     front);
    CHECK(known->n_buildings == 2 && known->buildings[0]->units == 1);
    CHECK(known->buildings[1]->units == 1);
    unit.building = "1";
    (void)aid_get_as(&registry, "PutUnit", &put.base, boss);
    known = aid_get_as(&registry, "ListBuildings", &buildings.base, front);
    CHECK(known->n_buildings == 1 && known->buildings[0]->units == 2);
    list.steward = "S101";
    Registry__ListUnitsReply *listed = aid_get_as(&registry, "ListUnits", &list.base, front);
    CHECK(listed->n_units == 1);
    list.steward = "";
    list.status = "occupied";
    listed = aid_get_as(&registry, "ListUnits", &list.base, front);
    CHECK(listed->n_units == 1);
    CHECK_TEXT(listed->units[0]->unit, "1-1-101");
    list.building = "1";
    list.status = "vacant";
    listed = aid_get_as(&registry, "ListUnits", &list.base, front);
    CHECK(listed->n_units == 1);
    CHECK_TEXT(listed->units[0]->unit, "1-1-102");
    list.area = "2";
    listed = aid_get_as(&registry, "ListUnits", &list.base, front);
    CHECK(listed->n_units == 0);
    list.building = list.status = "";
    list.area = "1";
    listed = aid_get_as(&registry, "ListUnits", &list.base, front);
    CHECK(listed->n_units == 1);
    list.area = "";
    list.max = 1;
    list.after = "1-1-101";
    listed = aid_get_as(&registry, "ListUnits", &list.base, front);
    CHECK(listed->n_units == 1);
    CHECK_TEXT(listed->units[0]->unit, "1-1-102");
    list.after = "1-1-102";
    listed = aid_get_as(&registry, "ListUnits", &list.base, front);
    CHECK(listed->n_units == 0);
    aid_stop(&registry);
}

static void a_unit_that_is_wrong_is_refused(void) {
    Registry__PutUnitRequest empty = REGISTRY__PUT_UNIT_REQUEST__INIT;
    Registry__GetUnitRequest get = REGISTRY__GET_UNIT_REQUEST__INIT;
    Registry__Unit good = REGISTRY__UNIT__INIT, bad;

    start();
    good.unit = "1-1-101";
    good.building = "1";
    good.status = "occupied";
    CHECK_TEXT(aid_refused(&registry, "PutUnit", &empty.base, boss, ERR_INVALID), "field_missing");
    bad = good;
    bad.building = "";
    CHECK_TEXT(put_unit_refused(&bad, ERR_INVALID), "field_missing");
    bad.building = "1;2";
    CHECK_TEXT(put_unit_refused(&bad, ERR_INVALID), "word_wrong");
    bad = good;
    bad.status = "haunted";
    CHECK_TEXT(put_unit_refused(&bad, ERR_INVALID), "choice_wrong");
    bad = good;
    bad.vacancy_kind = "lost";
    CHECK_TEXT(put_unit_refused(&bad, ERR_INVALID), "choice_wrong");
    bad = good;
    bad.steward = "S999";
    CHECK_TEXT(put_unit_refused(&bad, ERR_NOT_FOUND), "staff_unknown");
    bad = good;
    bad.estate = "E09";
    CHECK_TEXT(put_unit_refused(&bad, ERR_NOT_FOUND), "estate_unknown");
    bad = good;
    bad.risk = "yes";
    CHECK_TEXT(put_unit_refused(&bad, ERR_INVALID), "yes_wrong");
    bad = good;
    bad.floor_area_m2 = "89,5";
    CHECK_TEXT(put_unit_refused(&bad, ERR_INVALID), "decimal_wrong");
    get.unit = "9-9-999";
    CHECK_TEXT(aid_refused(&registry, "GetUnit", &get.base, front, ERR_NOT_FOUND), "unit_unknown");
    CHECK(aid_count(&registry, "unit.changed") == 0);
    aid_stop(&registry);
}

static void a_household_is_the_persons_of_its_unit_masked(void) {
    Registry__GetUnitRequest get = REGISTRY__GET_UNIT_REQUEST__INIT;
    Registry__PutPersonRequest put = REGISTRY__PUT_PERSON_REQUEST__INIT;
    Registry__Person person = REGISTRY__PERSON__INIT;
    const char *phones[] = {"13800000037", "010-62345678"};
    const char *plates[] = {"京n·10034", "京AD12345"};

    start();
    aid_unit(&registry, "1-1-101");
    aid_person(&registry, "P00007", "1-1-101", "吴博", "13800000074");
    person.unit = "1-1-101";
    person.identity = "family";
    person.name = "吴小宝";
    person.phones = phones;
    person.n_phones = 2;
    person.plates = plates;
    person.n_plates = 2;
    person.id_number = "11010519491231002x";
    put.person = &person;
    Registry__PutPersonReply *reply = aid_get_as(&registry, "PutPerson", &put.base, boss);
    CHECK_TEXT(reply->person->person, "P00008");
    CHECK_TEXT(reply->person->phones[0], "138****0037");
    CHECK_TEXT(reply->person->phones[1], "010****5678");
    CHECK_TEXT(reply->person->plates[0], "京N10034");
    CHECK_TEXT(reply->person->id_number, "110****002X");
    get.unit = "1-1-101";
    Registry__GetUnitReply *unit = aid_get_as(&registry, "GetUnit", &get.base, front);
    CHECK(unit->n_household == 2);
    CHECK_TEXT(unit->household[0]->phones[0], "138****0074");
    person.person = "P00008";
    person.n_phones = 0;
    person.id_number = "";
    person.inactive = true;
    (void)aid_get_as(&registry, "PutPerson", &put.base, boss);
    unit = aid_get_as(&registry, "GetUnit", &get.base, front);
    CHECK(unit->n_household == 1);
    Registry__GetPersonRequest get_person = REGISTRY__GET_PERSON_REQUEST__INIT;
    get_person.person = "P00008";
    Registry__GetPersonReply *moved = aid_get_as(&registry, "GetPerson", &get_person.base, front);
    CHECK(moved->person->inactive && moved->person->n_phones == 2);
    CHECK_TEXT(moved->person->id_number, "110****002X");
    put.forget_phones = put.forget_id_number = true;
    reply = aid_get_as(&registry, "PutPerson", &put.base, boss);
    CHECK(reply->changed && reply->person->n_phones == 0);
    CHECK_TEXT(reply->person->id_number, "");
    aid_stop(&registry);
}

static void a_person_that_is_wrong_is_refused(void) {
    Registry__PutPersonRequest put = REGISTRY__PUT_PERSON_REQUEST__INIT;
    Registry__GetPersonRequest get = REGISTRY__GET_PERSON_REQUEST__INIT;
    Registry__Person good = REGISTRY__PERSON__INIT, bad;
    const char *value = NULL;

    start();
    aid_unit(&registry, "1-1-101");
    good.unit = "1-1-101";
    good.identity = "owner";
    good.name = "吴博";
    CHECK_TEXT(aid_refused(&registry, "PutPerson", &put.base, boss, ERR_INVALID), "field_missing");
    put.person = &bad;
    bad = good;
    bad.unit = "9-9-999";
    CHECK_TEXT(aid_refused(&registry, "PutPerson", &put.base, boss, ERR_NOT_FOUND), "unit_unknown");
    bad = good;
    bad.identity = "king";
    CHECK_TEXT(aid_refused(&registry, "PutPerson", &put.base, boss, ERR_INVALID), "choice_wrong");
    bad = good;
    bad.id_number = "110105194912310021"; /* the last sign is wrong */
    CHECK_TEXT(aid_refused(&registry, "PutPerson", &put.base, boss, ERR_INVALID),
               "id_number_wrong");
    bad = good;
    bad.plates = &value;
    bad.n_plates = 1;
    static const char *const plates[] = {"10034",      "京10034",  "X京N1003", "京N1003",
                                         "京N1003456", "京NI0034", "国N10034"};
    for (size_t i = 0; i < sizeof plates / sizeof plates[0]; i++) {
        value = plates[i];
        CHECK_TEXT(aid_refused(&registry, "PutPerson", &put.base, boss, ERR_INVALID),
                   "plate_wrong");
    }
    bad = good;
    bad.phones = &value;
    bad.n_phones = 1;
    static const char *const phones[] = {"12345678901", "1380000003", "138000000371", "phone",
                                         "01-2345",     "00",         "1380000003七"};
    for (size_t i = 0; i < sizeof phones / sizeof phones[0]; i++) {
        value = phones[i];
        CHECK_TEXT(aid_refused(&registry, "PutPerson", &put.base, boss, ERR_INVALID),
                   "phone_wrong");
    }
    static const char *const fine[] = {"13800000037", "62345678", "400-810-1234", "+1 202 555 0100",
                                       "0755-12345678"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        value = fine[i];
        (void)aid_get_as(&registry, "PutPerson", &put.base, boss);
    }
    get.person = "P99999";
    CHECK_TEXT(aid_refused(&registry, "GetPerson", &get.base, front, ERR_NOT_FOUND),
               "person_unknown");
    aid_stop(&registry);
}

static void numbers_are_shown_only_for_a_reason_and_on_record(void) {
    Registry__UnmaskRequest unmask = REGISTRY__UNMASK_REQUEST__INIT;

    start();
    aid_unit(&registry, "1-1-101");
    aid_person(&registry, "P00001", "1-1-101", "吴博", "138 0000 0037");
    unmask.person = "P00001";
    CHECK_TEXT(aid_refused(&registry, "Unmask", &unmask.base, front, ERR_INVALID), "field_missing");
    unmask.reason = "burst pipe, nobody opens";
    CHECK_TEXT(aid_refused(&registry, "Unmask", &unmask.base, boss, ERR_DENIED), "not_permitted");
    CHECK(aid_count(&registry, "person.unmasked") == 0);
    Registry__UnmaskReply *reply = aid_get_as(&registry, "Unmask", &unmask.base, front);
    CHECK(reply->n_phones == 1);
    CHECK_TEXT(reply->phones[0], "13800000037");
    Wire__Event *event = aid_last(&registry, "person.unmasked");
    CHECK_TEXT(event->actor, "S101");
    CHECK_TEXT(value_text(event->fields, event->n_fields, "person"), "P00001");
    CHECK_TEXT(value_text(event->fields, event->n_fields, "reason"), "burst pipe, nobody opens");
    unmask.staff = "S101";
    CHECK_TEXT(aid_refused(&registry, "Unmask", &unmask.base, front, ERR_INVALID), "one_of_two");
    unmask.person = "";
    reply = aid_get_as(&registry, "Unmask", &unmask.base, front);
    CHECK(reply->n_phones == 0);
    unmask.staff = "S999";
    CHECK_TEXT(aid_refused(&registry, "Unmask", &unmask.base, front, ERR_NOT_FOUND),
               "staff_unknown");
    unmask.staff = "";
    unmask.person = "P99999";
    CHECK_TEXT(aid_refused(&registry, "Unmask", &unmask.base, front, ERR_NOT_FOUND),
               "person_unknown");
    aid_stop(&registry);
}

static void one_box_finds_units_names_phones_and_plates(void) {
    Registry__PutPersonRequest put = REGISTRY__PUT_PERSON_REQUEST__INIT;
    Registry__Person person = REGISTRY__PERSON__INIT;
    Registry__SearchRequest empty = REGISTRY__SEARCH_REQUEST__INIT;
    const char *plate = "京N10034";

    start();
    aid_unit(&registry, "2-1-501");
    aid_unit(&registry, "2-1-502");
    aid_person(&registry, "P00001", "2-1-501", "吴博", "13800000037");
    aid_person(&registry, "P00002", "2-1-501", "吴敏", "13800000074");
    person.person = "P00003";
    person.unit = "2-1-502";
    person.identity = "tenant";
    person.name = "郑秀英";
    person.plates = &plate;
    person.n_plates = 1;
    put.person = &person;
    (void)aid_get(&registry, "PutPerson", &put.base);

    Registry__SearchReply *reply = search("138-0000-0037");
    CHECK(reply->n_hits == 1);
    CHECK_TEXT(reply->hits[0]->person, "P00001");
    CHECK_TEXT(reply->hits[0]->matched, "phone");
    CHECK_TEXT(reply->hits[0]->phone, "138****0037");
    CHECK_TEXT(reply->hits[0]->unit, "2-1-501");
    reply = search(" 2-1-501 ");
    CHECK(reply->n_hits == 3);
    CHECK_TEXT(reply->hits[0]->kind, "unit");
    CHECK_TEXT(reply->hits[0]->status, "occupied");
    reply = search("2-1-5");
    CHECK(reply->n_hits == 2);
    reply = search("吴");
    CHECK(reply->n_hits == 2);
    CHECK_TEXT(reply->hits[0]->matched, "name");
    reply = search("京n 10034");
    CHECK(reply->n_hits == 1);
    CHECK_TEXT(reply->hits[0]->matched, "plate");
    CHECK_TEXT(reply->hits[0]->name, "郑秀英");
    reply = search("S101");
    CHECK(reply->n_hits == 1);
    CHECK_TEXT(reply->hits[0]->staff, "S101");
    reply = search("孙红");
    CHECK(reply->n_hits == 1);
    CHECK_TEXT(reply->hits[0]->kind, "staff");
    const char *twice[] = {"13800000099", "138 0000 0099"};
    person.phones = twice;
    person.n_phones = 2;
    (void)aid_get(&registry, "PutPerson", &put.base);
    CHECK(search("13800000099")->n_hits == 1);
    CHECK(search("nobody at all")->n_hits == 0);
    CHECK(search("%")->n_hits == 0);
    CHECK_TEXT(aid_refused(&registry, "Search", &empty.base, front, ERR_INVALID), "field_missing");
    aid_stop(&registry);
}

/* ---- tokens ---- */

static void a_token_is_for_a_shift_and_on_record(void) {
    Registry__IssueTokenRequest issue = REGISTRY__ISSUE_TOKEN_REQUEST__INIT;
    struct token token = {0};
    struct err err = {0};

    start();
    issue.staff = "王丽";
    Registry__IssueTokenReply *reply = aid_get(&registry, "IssueToken", &issue.base);
    CHECK_TEXT(reply->staff, "S101");
    CHECK(reply->until_ms == registry.now_ms + INT64_C(12) * 3600 * 1000);
    CHECK_OK(token_verify(&registry.secrets, (struct bytes){reply->token.data, reply->token.len},
                          registry.now_ms, &token, registry.scratch, &err),
             err);
    CHECK_TEXT(token.staff, "S101");
    CHECK(token.role_count == 1 && text_eq(token.roles[0], "front") && token.generation == 1);
    Wire__Event *event = aid_last(&registry, "token.issued");
    CHECK_TEXT(value_text(event->fields, event->n_fields, "staff"), "S101");
    CHECK_TEXT(event->actor, "local");
    CHECK(value_i64(event->fields, event->n_fields, "expires", 0) == reply->until_ms);
    aid_stop(&registry);
}

static void a_token_comes_only_over_the_local_socket_and_for_whom_there_is(void) {
    Registry__IssueTokenRequest issue = REGISTRY__ISSUE_TOKEN_REQUEST__INIT;

    start();
    issue.staff = "S101";
    CHECK_TEXT(aid_refused(&registry, "IssueToken", &issue.base, registry.system, ERR_DENIED),
               "local_only");
    issue.staff = "S999";
    Wire__Reply *reply = aid_ask(&registry, "IssueToken", &issue.base, front, NULL, true);
    CHECK(reply->code == WIRE__CODE__NOT_FOUND);
    issue.staff = "";
    reply = aid_ask(&registry, "IssueToken", &issue.base, front, NULL, true);
    CHECK(reply->code == WIRE__CODE__INVALID_ARGUMENT);
    CHECK(aid_count(&registry, "token.issued") == 0);
    aid_stop(&registry);
}

static void the_operator_has_the_roles_that_the_manual_gives_him(void) {
    Registry__IssueTokenRequest issue = REGISTRY__ISSUE_TOKEN_REQUEST__INIT;

    aid_start(&registry);
    issue.staff = "system";
    Registry__IssueTokenReply *reply = aid_get(&registry, "IssueToken", &issue.base);
    CHECK_TEXT(reply->staff, "system");
    CHECK(reply->n_roles == 0 && reply->token.len > 0);
    aid_publish(&registry, 1);
    reply = aid_get(&registry, "IssueToken", &issue.base);
    CHECK(reply->n_roles == 1);
    CHECK_TEXT(reply->roles[0], "sysop");
    aid_stop(&registry);
}

static void a_revoked_token_has_a_lower_generation(void) {
    Registry__RevokeTokenRequest revoke = REGISTRY__REVOKE_TOKEN_REQUEST__INIT;

    start();
    revoke.staff = "S101";
    CHECK_TEXT(aid_refused(&registry, "RevokeToken", &revoke.base, front, ERR_INVALID),
               "field_missing");
    revoke.reason = "lost telephone";
    revoke.staff = "S301";
    CHECK_TEXT(aid_refused(&registry, "RevokeToken", &revoke.base, front, ERR_DENIED),
               "not_permitted");
    revoke.staff = "S101"; /* his own */
    Registry__RevokeTokenReply *reply = aid_get_as(&registry, "RevokeToken", &revoke.base, front);
    CHECK(reply->generation == 2 && staff_of("S101")->generation == 2);
    CHECK_TEXT(aid_refused(&registry, "RevokeToken", &revoke.base, front, ERR_UNAUTHENTICATED),
               "token_revoked");
    reply = aid_get_as(&registry, "RevokeToken", &revoke.base, boss);
    CHECK(reply->generation == 3);
    revoke.staff = "S999";
    CHECK_TEXT(aid_refused(&registry, "RevokeToken", &revoke.base, boss, ERR_NOT_FOUND),
               "staff_unknown");
    CHECK(aid_count(&registry, "staff.revoked") == 2);
    aid_stop(&registry);
}

/* ---- holds ---- */

static void holds_follow_what_others_tell(void) {
    Registry__ListHoldsRequest list = REGISTRY__LIST_HOLDS_REQUEST__INIT;
    Registry__GetUnitRequest get = REGISTRY__GET_UNIT_REQUEST__INIT;

    start();
    aid_unit(&registry, "1-1-101");
    event_of_hold("hold.taken", "key", "5-1", "S101", "1-1-101");
    event_of_hold("hold.taken", "case", "KF011-1", "S101", "1-1-101");
    event_of_hold("hold.taken", "case", "KF011-2", "S301", "");
    CHECK_TEXT(aid_refused(&registry, "ListHolds", &list.base, boss, ERR_INVALID), "field_missing");
    list.holder = "S101";
    Registry__ListHoldsReply *reply = aid_get_as(&registry, "ListHolds", &list.base, boss);
    CHECK(reply->n_holds == 2);
    CHECK_TEXT(reply->holds[0]->key, "KF011-1");
    CHECK(reply->holds[0]->since_ms == 1000);
    CHECK_TEXT(reply->holds[0]->case_no, "X1");
    list.max = 1;
    list.after = "case/KF011-1/S101";
    reply = aid_get_as(&registry, "ListHolds", &list.base, boss);
    CHECK(reply->n_holds == 1);
    CHECK_TEXT(reply->holds[0]->pool, "key");
    get.unit = "1-1-101";
    Registry__GetUnitReply *unit = aid_get_as(&registry, "GetUnit", &get.base, front);
    CHECK(unit->n_holds == 2);
    list = (Registry__ListHoldsRequest)REGISTRY__LIST_HOLDS_REQUEST__INIT;
    list.unit = "1-1-101";
    list.pool = "case";
    reply = aid_get_as(&registry, "ListHolds", &list.base, boss);
    CHECK(reply->n_holds == 1);
    CHECK_TEXT(reply->holds[0]->key, "KF011-1");
    event_of_hold("hold.released", "key", "5-1", "S301", ""); /* not his */
    list = (Registry__ListHoldsRequest)REGISTRY__LIST_HOLDS_REQUEST__INIT;
    list.pool = "key";
    reply = aid_get_as(&registry, "ListHolds", &list.base, boss);
    CHECK(reply->n_holds == 1);
    event_of_hold("hold.released", "key", "5-1", "", "");
    reply = aid_get_as(&registry, "ListHolds", &list.base, boss);
    CHECK(reply->n_holds == 0);
    aid_stop(&registry);
}

/* ---- repeats, restarts, restores ---- */

static void a_repeated_request_has_one_effect(void) {
    Registry__PutPersonRequest put = REGISTRY__PUT_PERSON_REQUEST__INIT;
    Registry__Person person = REGISTRY__PERSON__INIT;

    start();
    aid_unit(&registry, "1-1-101");
    person.unit = "1-1-101";
    person.identity = "owner";
    person.name = "吴博";
    put.person = &person;
    uint8_t *id = aid_id(&registry);
    Wire__Reply *first = aid_ask(&registry, "PutPerson", &put.base, boss, id, false);
    Wire__Reply *again = aid_ask(&registry, "PutPerson", &put.base, boss, id, false);
    CHECK(first->code == WIRE__CODE__OK && again->code == WIRE__CODE__OK);
    CHECK(first->payload.len == again->payload.len
          && memcmp(first->payload.data, again->payload.data, first->payload.len) == 0);
    CHECK(aid_count(&registry, "person.changed") == 1);
    person.name = "吴小博";
    again = aid_ask(&registry, "PutPerson", &put.base, boss, id, false);
    CHECK(again->code == WIRE__CODE__INVALID_ARGUMENT);
    CHECK_TEXT(again->rule, "request_id_reused");
    aid_stop(&registry);
}

static void after_a_restart_all_is_there(void) {
    start();
    aid_unit(&registry, "1-1-101");
    aid_person(&registry, "P00001", "1-1-101", "吴博", "13800000037");
    aid_restart(&registry);
    CHECK(search("13800000037")->n_hits == 1);
    CHECK_TEXT(staff_of("S101")->name, "王丽");
    aid_stop(&registry);
}

static char *dump(struct store *store, struct arena *arena) {
    struct err err = {0};
    char *out = arena_text(arena, "%s", "");
    struct query q = QUERY(
        store, "SELECT 'e' || estate || name FROM estate UNION ALL"
               " SELECT 'b' || building || area || units FROM building UNION ALL"
               " SELECT 'u' || unit || building || area || steward || floor_area || status ||"
               " vacancy_kind || risk || care || hex(digest) FROM unit UNION ALL"
               " SELECT 'p' || person || unit || identity || name || plates || hex(id_number) ||"
               " active || hex(digest) FROM person UNION ALL"
               " SELECT 'n' || kind || owner || place || hex(sealed) || hex(blind) FROM phone"
               " UNION ALL SELECT 'l' || plate || person FROM plate UNION ALL"
               " SELECT 's' || staff || name || roles || dept || area || deputy || channels ||"
               " active || leave_from_ms || leave_to_ms || generation || hex(digest) FROM staff"
               " UNION ALL SELECT 'r' || role || staff FROM staff_role UNION ALL"
               " SELECT 'm' || revision || name || hex(compiled) FROM manual UNION ALL"
               " SELECT 'v' || revision || published_ms || publisher FROM published UNION ALL"
               " SELECT 'z' || kind || number FROM last_number ORDER BY 1");

    while (query_step(&q, &err) == 1) {
        out = arena_text(arena, "%s%s\n", out, query_text(&q, 0, arena));
    }
    return out;
}

/* What restore does: the events of the store, one by one, into an empty one. */
static void the_tables_are_a_fold_of_the_events(void) {
    Registry__SetLeaveRequest leave = REGISTRY__SET_LEAVE_REQUEST__INIT;
    Registry__MarkLeftRequest left = REGISTRY__MARK_LEFT_REQUEST__INIT;
    struct registry other;
    struct err err = {0};
    struct bytes events[256];

    start();
    aid_unit(&registry, "1-1-101");
    aid_person(&registry, "P00001", "1-1-101", "吴博", "13800000037");
    aid_staff(&registry, "S102", "张敏", "front");
    leave.staff = "S301";
    leave.from_ms = 1;
    leave.to_ms = 2;
    (void)aid_get(&registry, "SetLeave", &leave.base);
    left.staff = "S102";
    left.reason = "retired";
    (void)aid_get(&registry, "MarkLeft", &left.base);
    aid_publish(&registry, 2);

    aid_start(&other);
    struct store *store = core_store(other.core);
    ProtobufCAllocator allocator = arena_protobuf(other.scratch);
    CHECK_OK(store_begin(store, &err), err);
    for (int lane = 0; lane < 2; lane++) {
        int n = event_read(core_store(registry.core), (Wire__Lane)lane, 0, 256, 8 << 20,
                           other.scratch, events, &err);
        for (int i = 0; i < n; i++) {
            struct actor actor = {.staff = "system", .system = true};
            struct call call = {
                .core = other.core,
                .store = store,
                .arena = other.scratch,
                .now_ms = other.now_ms,
                .actor = &actor,
                .secrets = &other.secrets,
                .event = wire__event__unpack(&allocator, events[i].size, events[i].data),
                .recovering = true,
            };
            CHECK_OK(registry_def.fold(&call, &err), err);
        }
    }
    CHECK_OK(store_commit(store, &err), err);
    char *as_it_was = dump(core_store(registry.core), registry.scratch);
    CHECK(strlen(as_it_was) > 1000);
    CHECK_TEXT(dump(store, other.scratch), as_it_was);
    aid_stop(&other);
    aid_stop(&registry);
}

/* ---- the manual ---- */

static const char *part_refused(const Registry__PublishManualRequest *good, uint32_t revision,
                                uint32_t part, uint32_t count, enum err_code code) {
    Registry__PublishManualRequest request = *good;

    request.revision = revision;
    request.part = part;
    request.count = count;
    return aid_refused(&registry, "PublishManual", &request.base, boss, code);
}

static void a_revision_comes_whole_or_not_at_all(void) {
    Registry__GetManualRequest get = REGISTRY__GET_MANUAL_REQUEST__INIT;
    Registry__PublishManualRequest request = REGISTRY__PUBLISH_MANUAL_REQUEST__INIT;
    uint8_t digest[32] = {1};

    start();
    Registry__GetManualReply *manual = aid_get_as(&registry, "GetManual", &get.base, front);
    CHECK(manual->revision == 1 && manual->n_files == 2);
    CHECK_TEXT(manual->files[0]->name, "roles.yaml");
    CHECK_TEXT(manual->publisher, "system");
    struct bytes file = aid_file(&registry, 0);
    request.digest = (ProtobufCBinaryData){sizeof digest, digest};
    request.file = (ProtobufCBinaryData){file.size, (uint8_t *)(uintptr_t)file.data};
    CHECK_TEXT(part_refused(&request, 1, 1, 2, ERR_PRECONDITION), "revision_taken");
    CHECK_TEXT(part_refused(&request, 3, 1, 2, ERR_PRECONDITION), "revision_taken");
    CHECK_TEXT(part_refused(&request, 2, 0, 2, ERR_INVALID), "part_wrong");
    CHECK_TEXT(part_refused(&request, 2, 3, 2, ERR_INVALID), "part_wrong");
    CHECK_TEXT(part_refused(&request, 2, 1, 300, ERR_INVALID), "part_wrong");
    /* The whole set is there, but it is not the one that was meant. */
    CHECK_TEXT(part_refused(&request, 2, 1, 1, ERR_INVALID), "digest_wrong");
    request.revision = 2;
    request.part = 1;
    request.count = 2;
    Registry__PublishManualReply *reply = aid_get_as(&registry, "PublishManual", &request.base,
                                                     boss);
    CHECK(reply->parts == 1 && !reply->in_force);
    CHECK_TEXT(part_refused(&request, 2, 2, 2, ERR_INVALID), "manual_file_twice");
    request.digest.len = 31;
    CHECK_TEXT(part_refused(&request, 2, 2, 2, ERR_INVALID), "digest_wrong");
    request.digest.len = 32;
    request.file = (ProtobufCBinaryData){3, (uint8_t[]){0xFF, 0xFF, 0xFF}};
    CHECK_TEXT(part_refused(&request, 2, 2, 2, ERR_INVALID), "manual_file_wrong");
    request.file.len = 50 * 1024;
    request.file.data = arena_alloc(registry.scratch, request.file.len);
    CHECK_TEXT(part_refused(&request, 2, 2, 2, ERR_EXHAUSTED), "manual_file_long");
    manual = aid_get_as(&registry, "GetManual", &get.base, front);
    CHECK(manual->revision == 1 && aid_count(&registry, "manual.published") == 2);
    aid_publish(&registry, 2);
    manual = aid_get_as(&registry, "GetManual", &get.base, front);
    CHECK(manual->revision == 2 && aid_count(&registry, "manual.published") == 4);
    get.revision = 9;
    CHECK_TEXT(aid_refused(&registry, "GetManual", &get.base, front, ERR_NOT_FOUND),
               "revision_unknown");
    aid_stop(&registry);
}

static void a_published_file_is_told_with_its_yaml_when_it_fits(void) {
    Registry__PublishManualRequest request = REGISTRY__PUBLISH_MANUAL_REQUEST__INIT;
    uint8_t digest[32];
    char *yaml = NULL;

    aid_start(&registry);
    for (uint32_t revision = 1; revision <= 2; revision++) {
        struct bytes file = aid_file(&registry, 0);
        size_t size = revision == 1 ? 1000 : 50 * 1024;
        yaml = arena_alloc(registry.scratch, size + 1);
        memset(yaml, 'y', size);
        (void)crypto_generichash(digest, sizeof digest, file.data, file.size, NULL, 0);
        request.revision = revision;
        request.part = request.count = 1;
        request.digest = (ProtobufCBinaryData){sizeof digest, digest};
        request.file = (ProtobufCBinaryData){file.size, (uint8_t *)(uintptr_t)file.data};
        request.source = (ProtobufCBinaryData){size, (uint8_t *)yaml};
        (void)aid_get(&registry, "PublishManual", &request.base);
        Wire__Event *event = aid_last(&registry, "manual.published");
        CHECK(value_i64(event->fields, event->n_fields, "revision", 0) == revision);
        CHECK(value_i64(event->fields, event->n_fields, "count", 0) == 1);
        CHECK_TEXT(value_text(event->fields, event->n_fields, "name"), "roles.yaml");
        CHECK(strlen(value_text(event->fields, event->n_fields, "text"))
              == (revision == 1 ? 1000U : 0U));
        const Wire__Value *compiled = value_find(event->fields, event->n_fields, "compiled");
        CHECK(compiled->sealed.len == file.size);
    }
    aid_stop(&registry);
}

static const struct test tests[] = {
    TEST(before_the_first_manual_only_the_system_may),
    TEST(a_forged_or_missing_token_is_nobody),
    TEST(each_act_needs_its_permission),
    TEST(an_employee_is_told_whole_and_only_when_he_changed),
    TEST(an_employee_that_is_wrong_is_refused),
    TEST(staff_are_found_by_number_and_by_name),
    TEST(staff_are_listed_by_role_and_in_pages),
    TEST(leave_is_told_and_ends),
    TEST(who_leaves_is_revoked_and_what_he_holds_is_listed),
    TEST(estates_are_put_and_listed),
    TEST(a_unit_belongs_to_its_building),
    TEST(a_unit_that_is_wrong_is_refused),
    TEST(a_household_is_the_persons_of_its_unit_masked),
    TEST(a_person_that_is_wrong_is_refused),
    TEST(numbers_are_shown_only_for_a_reason_and_on_record),
    TEST(one_box_finds_units_names_phones_and_plates),
    TEST(a_token_is_for_a_shift_and_on_record),
    TEST(a_token_comes_only_over_the_local_socket_and_for_whom_there_is),
    TEST(the_operator_has_the_roles_that_the_manual_gives_him),
    TEST(a_revoked_token_has_a_lower_generation),
    TEST(holds_follow_what_others_tell),
    TEST(a_repeated_request_has_one_effect),
    TEST(after_a_restart_all_is_there),
    TEST(the_tables_are_a_fold_of_the_events),
    TEST(a_revision_comes_whole_or_not_at_all),
    TEST(a_published_file_is_told_with_its_yaml_when_it_fits),
};

int main(int argc, char **argv) {
    return RUN_TESTS(tests, argc, argv);
}
