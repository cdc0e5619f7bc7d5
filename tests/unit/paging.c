#include "paging.h"

#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "core/event.h"
#include "harness.h"
#include "services/bus/bus.h"
#include "services/notify/notify.h"
#include "shouwen/manual/v1/manual.pb-c.h"
#include "shouwen/ticketing/v1/ticketing.pb-c.h"

static struct rehearsal *world;
static struct arena *arena;
static char folder[sizeof "/dev/shm/test_notify_XXXXXX"];

/* ---- a store that says what it is told to ---- */

static bool urgent(const char *topic) {
    return text_match("page.*", topic) || text_eq(topic, "clock.warned")
           || text_eq(topic, "clock.due") || text_eq(topic, "clock.over");
}

static int say(struct call *call, struct err *err) {
    const Cases__FireEventRequest *request = call->request;
    Wire__Event event = WIRE__EVENT__INIT;

    event.topic = request->event;
    event.lane = urgent(request->event) ? WIRE__LANE__URGENT : WIRE__LANE__NORMAL;
    event.case_no = request->case_no;
    event.event_ms = request->event_ms;
    event.fields = request->fields;
    event.n_fields = request->n_fields;
    return event_put(call, &event, err);
}

static int nothing(struct call *call, struct err *err) {
    (void)call;
    return err_set(err, ERR_UNIMPLEMENTED, "toy", " ");
}

static const struct method methods[] = {
    {"OpenCase", METHOD_WRITE, GUARD_PEER, NULL, nothing, false},
    {"FireEvent", METHOD_WRITE, GUARD_PEER, NULL, say, true},
    {"LinkContact", METHOD_WRITE, GUARD_PEER, NULL, nothing, false},
    {"RecordForm", METHOD_WRITE, GUARD_PEER, NULL, nothing, false},
    {"GetCase", METHOD_READ, GUARD_PEER, NULL, nothing, false},
    {"ListCases", METHOD_READ, GUARD_PEER, NULL, nothing, false},
    {0},
};

static const struct service_def source_def = {
    .name = "ticketing",
    .api = &ticketing__ticketing__descriptor,
    .methods = methods,
};

/* ---- its manual ---- */

static const char *const manual_files[] = {
    "{'name':'ladders.yaml','ladders':{'ladder':["
    "{'key':'A','anyHour':true,'repeatMs':300000,'rung':["
    " {'to':['post:engineering','role:duty_mgr'],'after':[{'number':[0]}]},"
    " {'to':['role:eng_disp'],'after':[{'number':[60000]}],'text':{'zh':'请拨打119',"
    "   'en':'call 119'}}]},"
    "{'key':'B','anyHour':true,'rung':["
    " {'to':['assignee'],'after':[{'number':[0]}]},"
    " {'to':['assignee','backup'],'after':[{'class':'E1','number':[180000]},"
    "   {'class':'E2','number':[300000]}]},"
    " {'to':['role:eng_disp'],'after':[{'class':'E1','number':[360000]},"
    "   {'class':'E2','number':[600000]}]},"
    " {'to':['role:duty_mgr'],'after':[{'class':'E1','number':[540000]}]},"
    " {'to':['role:pm'],'after':[{'class':'E1','number':[720000]},"
    "   {'class':'E2','number':[1200000]}]}]},"
    "{'key':'C','anyHourClass':['E1'],'rung':["
    " {'to':['assignee'],'after':[{'number':[0]}]},"
    " {'to':['assignee'],'after':[{'number':[900000]}]},"
    " {'to':['dept_head'],'after':[{'number':[1800000]}]},"
    " {'to':['role:cs_sup'],'after':[{'number':[3600000]}]},"
    " {'to':['role:pm'],'after':[{'text':'eod'}]}]},"
    "{'key':'D','anyHourClass':['E1'],'rung':[{'to':['asked'],'after':[{'number':[0]}]}]}]}}",
    "{'name':'routes.yaml','routes':{'route':["
    "{'key':'asked','event':'page.asked','to':['$to'],'ladder':'$ladder'},"
    "{'key':'ended','event':'page.ended','stops':true,'ends':['page.asked']},"
    "{'key':'due','event':'clock.due','when':[{'all':[{'subject':'ladder','oneOf':['D']}]}],"
    " 'to':['dept_head','cs_sup'],'ladder':'D','text':{'zh':'到期未办','en':'past its limit'}},"
    "{'key':'met','event':'clock.met','stops':true,'ends':['clock.*']}]}}",
    "{'name':'roles.yaml','roles':{'role':[{'key':'eng'},{'key':'eng_disp'},{'key':'cs_sup'},"
    "{'key':'pm'},{'key':'gm'},{'key':'sys'},{'key':'desk'},{'key':'duty_mgr','post':'duty_mgr'}],"
    "'permission':[{'act':'page.read','role':['staff']},{'act':'page.answer','role':['staff']},"
    "{'act':'system.manage','role':['sys']},{'act':'system.read','role':['sys']},"
    "{'act':'page.any','role':['cs_sup']}],"
    "'head':[{'dept':'eng','role':'eng_disp'},{'dept':'eng_disp','role':'pm'},"
    "{'dept':'cs','role':'cs_sup'}]}}",
    "{'name':'parameters.yaml','parameters':{'parameter':["
    "{'key':'desk.open','value':[{'text':'08:00'}]},"
    "{'key':'desk.close','value':[{'text':'20:00'}]},"
    "{'key':'job.ladder','value':[{'class':'E1','text':'B'},{'class':'default','text':'C'}]}]}}",
    "{'name':'calendar.yaml','calendar':{'utcOffsetMin':480}}",
    "{'name':'texts.yaml','texts':{'text':["
    "{'key':'page.dispatched','text':{'zh':'派给您：{unit}','en':'for you: {unit}'}},"
    "{'key':'tell.named','text':{'zh':'{who}将上门','en':'{who} will come'}}]}}",
};

static const char *quoted(const char *text) {
    char *copy = arena_text(arena, "%s", text);

    for (char *at = copy; *at; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    return copy;
}

static ProtobufCMessage *read_json(const ProtobufCMessageDescriptor *type, const char *text) {
    struct err err = {0};
    const char *json = quoted(text);
    ProtobufCMessage *message = json_read(type, json, strlen(json), arena, &err);

    CHECK_OK(!message, err);
    return message;
}

static struct bytes packed(const ProtobufCMessage *message) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(arena, size + 1);

    (void)protobuf_c_message_pack(message, data);
    return (struct bytes){data, size};
}

/* ---- talking to it ---- */

static void settle(void) {
    struct err err = {0};

    CHECK_OK(rehearsal_settle(world, &err), err);
}

static void fire(Cases__FireEventRequest *request) {
    static const struct rehearsal_caller peer = {.peer = "desk"};
    struct err err = {0};
    Wire__Reply *reply = NULL;

    const struct rehearsal_request asked = {&peer, "ticketing",
                                            "shouwen.ticketing.v1.Ticketing/FireEvent",
                                            packed(&request->base), NULL};
    CHECK_OK(rehearsal_ask(world, &asked, &reply, arena, &err), err);
    CHECK_TEXT(reply->rule, "");
}

void paging_happened(const char *topic, const char *case_no, const char *fields, const char *when) {
    const char *json = arena_text(arena, "{'caseNo':'%s','event':'%s','fields':%s}", case_no, topic,
                                  fields);
    Cases__FireEventRequest *request = (Cases__FireEventRequest *)read_json(
        &cases__fire_event_request__descriptor, json);

    request->event_ms = when ? paging_ms(when) : 0;
    fire(request);
    settle();
}

void paging_happens(const char *topic, const char *case_no, const char *fields) {
    paging_happened(topic, case_no, fields, NULL);
}

void paging_publish(const struct bytes *files, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct bytes file = files[i];
        Cases__FireEventRequest *request = (Cases__FireEventRequest *)read_json(
            &cases__fire_event_request__descriptor,
            arena_text(arena,
                       "{'event':'manual.published','fields':[{'key':'revision','integer':1},"
                       "{'key':'count','integer':%zu},{'key':'name','text':'f%zu'}]}",
                       count, i));
        struct values values = {.arena = arena};
        Wire__Value compiled = WIRE__VALUE__INIT;
        for (size_t v = 0; v < request->n_fields; v++) {
            values_add(&values, request->fields[v]);
        }
        compiled.key = "compiled";
        compiled.kind_case = WIRE__VALUE__KIND_SEALED;
        compiled.sealed = (ProtobufCBinaryData){file.size, (uint8_t *)(uintptr_t)file.data};
        values_add(&values, &compiled);
        request->fields = values.list;
        request->n_fields = values.count;
        fire(request);
    }
    settle();
}

static void publish_manual(void) {
    const size_t count = sizeof manual_files / sizeof manual_files[0];
    struct bytes files[sizeof manual_files / sizeof manual_files[0]];

    for (size_t i = 0; i < count; i++) {
        files[i] = packed(read_json(&manual__file__descriptor, manual_files[i]));
    }
    paging_publish(files, count);
}

static void people(void) {
    static const char *const staff[] = {
        "'staff':'S101','name':'王丽','roles':'desk','dept':'cs','deputy':'',"
        "'channels':'desk;webhook'",
        "'staff':'S301','name':'孙红','roles':'cs_sup','dept':'cs','deputy':'S101',"
        "'channels':'webhook'",
        "'staff':'S401','name':'李强','roles':'eng_disp','dept':'engineering','deputy':'S402',"
        "'channels':'webhook'",
        "'staff':'S402','name':'周涛','roles':'eng','dept':'engineering','deputy':'S404',"
        "'channels':'webhook'",
        "'staff':'S403','name':'吴刚','roles':'eng','dept':'engineering','deputy':'S402',"
        "'channels':'webhook;sms'",
        "'staff':'S404','name':'马力','roles':'eng','dept':'engineering','deputy':'',"
        "'channels':'webhook'",
        "'staff':'S801','name':'高原','roles':'duty_mgr','dept':'management','deputy':'',"
        "'channels':'webhook'",
        "'staff':'S901','name':'郑平','roles':'pm','dept':'management','deputy':'S801',"
        "'channels':'webhook'",
        "'staff':'S904','name':'罗航','roles':'sys','dept':'company','deputy':'','channels':''",
    };

    for (size_t i = 0; i < sizeof staff / sizeof staff[0]; i++) {
        paging_happens("staff.changed", "", arena_text(arena, "{%s,'active':true}", staff[i]));
    }
}

static void duty(const char *post, const char *staff, int order, const char *start,
                 const char *end) {
    paging_happens("roster.duty", "",
                   arena_text(arena,
                              "{'period':'2025-07','version':1,'post':'%s','shift':'N',"
                              "'start':'%s','end':'%s','staff':'%s','order':%d}",
                              post, start, end, staff, order));
}

void paging_open_empty(const char *start) {
    static const struct service_def *const services[] = {&bus_def, &source_def, &notify_def, NULL};
    struct err err = {0};

    arena = arena_new((size_t)256 << 20);
    /* In memory where there is such a folder: what is written need not outlast the test. */
    (void)snprintf(folder, sizeof folder, "%s/test_notify_XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    CHECK(mkdtemp(folder));
    const struct rehearsal_config config = {
        .services = services, .folder = folder, .seed = 5, .start_ms = paging_ms(start)};
    world = rehearsal_new(&config, &err);
    CHECK_OK(!world, err);
    settle();
}

void paging_open(const char *start) {
    paging_open_empty(start);
    publish_manual();
    people();
    duty("engineering", "S402", 1, "2025-07-11T20:00:00+08:00", "2025-07-12T08:00:00+08:00");
    duty("engineering", "S403", 2, "2025-07-11T20:00:00+08:00", "2025-07-12T08:00:00+08:00");
    duty("engineering", "S404", 1, "2025-07-12T08:00:00+08:00", "2025-07-12T20:00:00+08:00");
    duty("engineering", "S403", 2, "2025-07-12T08:00:00+08:00", "2025-07-12T20:00:00+08:00");
    duty("duty_mgr", "S801", 1, "2025-07-11T20:00:00+08:00", "2025-07-12T08:00:00+08:00");
}

void paging_leave(void) {
    static const char *const files[] = {"bus", "ticketing", "notify"};
    char path[128];

    rehearsal_free(world);
    arena_free(arena);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s.db", folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

void paging_close(void) {
    rehearsal_free(world);
    arena_free(arena);
    (void)execlp("rm", "rm", "-rf", folder, (char *)NULL); /* the test's own process ends here */
}

struct rehearsal *paging_world(void) {
    return world;
}

struct arena *paging_arena(void) {
    return arena;
}

int64_t paging_ms(const char *when) {
    int64_t ms = 0;

    if (strlen(when) <= strlen("22:14:00")) {
        when = arena_text(arena, "2025-07-11T%s%s+08:00", when,
                          strlen(when) == strlen("22:14") ? ":00" : "");
    }
    CHECK(text_time_read(when, &ms));
    return ms;
}

void paging_until(const char *when) {
    struct err err = {0};

    CHECK_OK(rehearsal_advance(world, paging_ms(when), &err), err);
    settle();
}

static const char *roles_of(const char *staff) {
    static const char *const known[][2] = {
        {"S301", "cs_sup"}, {"S401", "eng_disp"}, {"S801", "duty_mgr"},
        {"S901", "pm"},     {"S904", "sys"},      {"S101", "desk"},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (text_eq(known[i][0], staff)) {
            return known[i][1];
        }
    }
    return "eng";
}

const char *paging_asks(const char *staff, const char *method, const char *json,
                        ProtobufCMessage **reply) {
    const ProtobufCMethodDescriptor *descriptor = protobuf_c_service_descriptor_get_method_by_name(
        &notify__notify__descriptor, method);
    const char *role = roles_of(staff);
    const struct rehearsal_caller caller = {.staff = *staff ? staff : NULL,
                                            .estate = "E01",
                                            .roles = &role,
                                            .role_count = 1,
                                            .generation = 1};
    struct err err = {0};
    Wire__Reply *answer = NULL;

    CHECK(descriptor);
    const struct rehearsal_request asked = {
        &caller, "notify", arena_text(arena, "shouwen.notify.v1.Notify/%s", method),
        packed(read_json(descriptor->input, json)), NULL};
    CHECK_OK(rehearsal_ask(world, &asked, &answer, arena, &err), err);
    settle();
    if (answer->code != WIRE__CODE__OK) {
        return answer->rule;
    }
    if (reply) {
        ProtobufCAllocator allocator = arena_protobuf(arena);
        *reply = protobuf_c_message_unpack(descriptor->output, &allocator, answer->payload.len,
                                           answer->payload.data);
        CHECK(*reply);
    }
    return NULL;
}

Notify__HandOverReply *paging_hands(size_t count) {
    static const struct rehearsal_caller peer = {.peer = "ticketing"};
    struct bytes *events = arena_alloc(arena, PAGING_EVENTS_MAX * sizeof *events);
    Notify__HandOverRequest request = NOTIFY__HAND_OVER_REQUEST__INIT;
    ProtobufCAllocator allocator = arena_protobuf(arena);
    ProtobufCBinaryData handed[8];
    Wire__Reply *answer = NULL;
    struct err err = {0};
    int known = rehearsal_events(world, "ticketing", 0, PAGING_EVENTS_MAX, arena, events, &err);

    for (int i = known - 1; i >= 0 && request.n_events < count; i--) {
        Wire__Event *event = wire__event__unpack(&allocator, events[i].size, events[i].data);
        if (event->lane == WIRE__LANE__URGENT) {
            handed[request.n_events++] = (ProtobufCBinaryData){
                events[i].size, (uint8_t *)(uintptr_t)events[i].data};
        }
    }
    CHECK(request.n_events == count);
    request.events = handed;
    const struct rehearsal_request asked = {&peer, "notify", "shouwen.notify.v1.Notify/HandOver",
                                            packed(&request.base), NULL};
    CHECK_OK(rehearsal_ask(world, &asked, &answer, arena, &err), err);
    CHECK_TEXT(answer->rule, "");
    settle();
    return notify__hand_over_reply__unpack(&allocator, answer->payload.len, answer->payload.data);
}

void paging_save(const char *service) {
    struct err err = {0};

    CHECK_OK(store_backup(core_store(rehearsal_core(world, service)),
                          arena_text(arena, "%s/%s.saved", folder, service), &err),
             err);
}

void paging_restore(const char *service) {
    struct err err = {0};

    if (rehearsal_core(world, service)) {
        CHECK_OK(rehearsal_stop(world, service, &err), err);
    }
    (void)unlink(arena_text(arena, "%s/%s.db-wal", folder, service));
    (void)unlink(arena_text(arena, "%s/%s.db-shm", folder, service));
    CHECK(rename(arena_text(arena, "%s/%s.saved", folder, service),
                 arena_text(arena, "%s/%s.db", folder, service))
          == 0);
    CHECK_OK(rehearsal_start(world, service, &err), err);
    settle();
}

/* ---- looking ---- */

const struct rehearsal_send *paging_nth(const char *staff, size_t n) {
    const struct rehearsal_send *list = NULL;
    size_t count = rehearsal_sends(world, &list);

    for (size_t i = 0; i < count; i++) {
        if (text_eq(list[i].send->staff, staff) && n-- == 0) {
            return &list[i];
        }
    }
    return NULL;
}

size_t paging_sent(const char *staff) {
    size_t count = 0;

    while (paging_nth(staff, count)) {
        count++;
    }
    return count;
}

static Notify__ListPagesReply *list(const char *case_no) {
    ProtobufCMessage *reply = NULL;
    const char *refused = paging_asks("S901", "ListPages",
                                      arena_text(arena, "{'caseNo':'%s'}", case_no), &reply);

    CHECK(!refused);
    return (Notify__ListPagesReply *)reply;
}

Notify__Page *paging_page(const char *case_no) {
    Notify__ListPagesReply *reply = list(case_no);

    CHECK(reply->n_pages > 0);
    return reply->pages[0];
}

size_t paging_pages(const char *case_no) {
    return list(case_no)->n_pages;
}

const Notify__Record *paging_record(const Notify__Page *page, uint32_t step, const char *staff) {
    for (size_t i = 0; i < page->n_records; i++) {
        if (page->records[i]->step == step && text_eq(page->records[i]->staff, staff)) {
            return page->records[i];
        }
    }
    return NULL;
}

size_t paging_told(const char *topic, const Wire__Event **last) {
    struct bytes *events = arena_alloc(arena, PAGING_EVENTS_MAX * sizeof *events);
    ProtobufCAllocator allocator = arena_protobuf(arena);
    struct err err = {0};
    int known = rehearsal_events(world, "notify", 0, PAGING_EVENTS_MAX, arena, events, &err);
    size_t count = 0;

    CHECK_OK(known < 0, err);
    for (int i = 0; i < known; i++) {
        Wire__Event *event = wire__event__unpack(&allocator, events[i].size, events[i].data);
        CHECK(event);
        if (text_eq(event->topic, topic)) {
            count++;
            if (last) {
                *last = event;
            }
        }
    }
    return count;
}

const char *paging_field(const Wire__Event *event, const char *key) {
    return value_text(event->fields, event->n_fields, key);
}
