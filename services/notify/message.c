#include "message.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/text.h"
#include "endpoints.h"
#include "engine/revision.h"
#include "ladder.h"

enum { TEXT_BYTES_MAX = 600, ESCAPE_MAX = 6, FIRST_PRINTABLE = 0x20, HMAC_SIZE = 32 };

/* ---- for people ---- */

/* A rule that fired may give its own name as what the page says: that has two languages too. */
static const char *of_route(struct call *call, const struct page *page, const char *locale) {
    struct err none = {0};
    const struct manual *manual = revision_current(call, &none);
    const Manual__Routes *routes = manual ? manual_routes(manual) : NULL;

    for (size_t i = 0; routes && i < routes->n_route; i++) {
        const Manual__Route *route = routes->route[i];
        if (text_eq(route->key, page->ask.route) && route->text
            && text_eq(route->text->zh, page->ask.text)) {
            return text_eq(locale, "en") ? route->text->en : route->text->zh;
        }
    }
    return page->ask.text;
}

/* A key of the manual's texts (with or without its section), or a sentence as it stands. */
const char *message_sentence(struct call *call, const struct page *page, const char *locale) {
    const char *key = page->ask.text;
    const char *args = arena_text(call->arena, "case=%s\nunit=%s\nplace=%s\nclock=%s\nclass=%s",
                                  page->case_no, page->ask.unit, page->ask.place, page->ask.clock,
                                  page->ask.class_key);

    if (!*key) {
        return page->ask.topic;
    }
    const char *full = text_starts(key, "page.") ? key : arena_text(call->arena, "page.%s", key);
    const char *text = core_text(call->core, full, args, locale, call->arena);
    return text_starts(text, full) ? of_route(call, page, locale) : text;
}

static const char *with(struct call *call, const char *text, const char *word) {
    return *word ? arena_text(call->arena, "%s · %s", text, word) : text;
}

static const char *page_text(struct call *call, const struct page *page,
                             const struct page_record *record, const Manual__Rung *rung,
                             const char *locale) {
    const bool zh = text_eq(locale, "zh");
    const Manual__Name *own = rung ? rung->text : NULL;
    const char *advice = !own ? "" : zh ? own->zh : own->en;
    int64_t step = record->step;
    int64_t times = record->times;
    const char *stands_for = record->stands_for;
    const char *text = arena_text(call->arena, "#%s%s %s", pages_reference(page->id, call->arena),
                                  times <= 1 ? ""
                                  : zh       ? " 重复"
                                             : " AGAIN",
                                  message_sentence(call, page, locale));

    text = with(call, text, page->ask.class_key);
    text = with(call, text, page->ask.unit);
    text = with(call, text, page->ask.place);
    text = with(call, text, page->case_no);
    if (step > 0) {
        text = arena_text(call->arena, zh ? "%s · 第%lld步" : "%s · step %lld", text,
                          (long long)step);
    }
    text = with(call, text, advice);
    return *stands_for
               ? arena_text(call->arena, zh ? "%s · 代 %s" : "%s · for %s", text, stands_for)
               : text;
}

/* ---- for machines ---- */

static const char *json_text(struct arena *arena, const char *text) {
    size_t length = strlen(text);
    char *out = arena_alloc(arena, length * ESCAPE_MAX + 3);
    char *at = out;

    *at++ = '"';
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            *at++ = '\\';
            *at++ = (char)c;
        } else if (c < FIRST_PRINTABLE) {
            at += snprintf(at, ESCAPE_MAX + 1, "\\u%04x", c);
        } else {
            *at++ = (char)c;
        }
    }
    *at++ = '"';
    return out;
}

/* Address and signature, and the message packed. */
static int pack(struct call *call, Notify__Send *send, const char *body, struct bytes *input,
                struct err *err) {
    struct endpoint endpoint = {.address = ""};
    uint8_t key[ENDPOINTS_KEY_SIZE];
    uint8_t mac[HMAC_SIZE];
    crypto_auth_hmacsha256_state state;

    if (endpoints_find(call, send->staff, send->channel, &endpoint, err) < 0) {
        return -1;
    }
    size_t length = strlen(body);
    endpoints_key(call, endpoint.address, key);
    (void)crypto_auth_hmacsha256_init(&state, key, sizeof key);
    (void)crypto_auth_hmacsha256_update(&state, (const uint8_t *)body, length);
    (void)crypto_auth_hmacsha256_final(&state, mac);
    sodium_memzero(key, sizeof key);
    send->address = endpoint.address;
    send->private_ = endpoint.private;
    send->body.data = arena_copy(call->arena, body, length);
    send->body.len = length;
    send->signature = text_hex(mac, sizeof mac, call->arena);
    size_t size = notify__send__get_packed_size(send);
    uint8_t *data = arena_alloc(call->arena, size);
    (void)notify__send__pack(send, data);
    *input = (struct bytes){data, size};
    return 0;
}

int message_of_page(struct call *call, const struct page *page, const struct page_record *record,
                    const uint8_t token[PAGES_LINK_SIZE], struct bytes *input, struct err *err) {
    Notify__Send send = NOTIFY__SEND__INIT;
    struct arena *arena = call->arena;
    const Manual__Rung *rung = NULL;

    if (ladder_rung(call, page, record->step, &rung, err)) {
        return -1;
    }
    send.staff = record->staff;
    send.channel = record->channel;
    send.page = pages_reference(page->id, arena);
    send.case_no = page->case_no;
    send.unit = page->ask.unit;
    send.text = page_text(call, page, record, rung, "zh");
    send.times = (uint32_t)record->times;
    send.key = arena_text(arena, "%s-%lld-%s", send.page, (long long)record->step, record->staff);
    const char *body = arena_text(
        arena,
        "{\"page\":%s,\"case_no\":%s,\"staff\":%s,\"channel\":%s,\"text\":%s,\"text_en\":%s,"
        "\"ladder\":%s,"
        "\"route\":%s,\"step\":%lld,\"times\":%lld,\"unit\":%s,\"class\":%s,\"token\":%s,"
        "\"at_ms\":%lld}",
        json_text(arena, send.page), json_text(arena, send.case_no), json_text(arena, send.staff),
        json_text(arena, send.channel), json_text(arena, send.text),
        json_text(arena, page_text(call, page, record, rung, "en")),
        json_text(arena, page->ask.ladder), json_text(arena, page->ask.route),
        (long long)record->step, (long long)record->times, json_text(arena, send.unit),
        json_text(arena, page->ask.class_key),
        json_text(arena, text_hex(token, PAGES_LINK_SIZE, arena)), (long long)call->now_ms);
    return pack(call, &send, body, input, err);
}

int message_of_notice(struct call *call, const struct notice *notice, struct bytes *input,
                      struct err *err) {
    Notify__Send send = NOTIFY__SEND__INIT;
    struct arena *arena = call->arena;

    send.staff = notice->to;
    send.channel = notice->channel;
    send.case_no = notice->case_no;
    send.unit = notice->unit;
    send.text = text_head(notice->text, TEXT_BYTES_MAX, arena);
    send.times = 1;
    send.key = notice->key;
    const char *body = arena_text(
        arena,
        "{\"to\":%s,\"unit\":%s,\"channel\":%s,\"case_no\":%s,\"text\":%s,\"text_en\":%s,"
        "\"at_ms\":%lld}",
        json_text(arena, send.staff), json_text(arena, send.unit), json_text(arena, send.channel),
        json_text(arena, send.case_no), json_text(arena, send.text),
        json_text(arena, text_head(notice->text_en, TEXT_BYTES_MAX, arena)),
        (long long)call->now_ms);
    return pack(call, &send, body, input, err);
}

const Notify__SendResult *message_result(struct call *call, const struct job_result *job) {
    Notify__SendResult *result = NULL;

    if (!job->failed && job->output.size > 0) {
        ProtobufCAllocator allocator = arena_protobuf(call->arena);
        result = notify__send_result__unpack(&allocator, job->output.size, job->output.data);
    }
    if (!result) {
        result = ARENA_NEW(call->arena, Notify__SendResult);
        notify__send_result__init(result);
        if (job->failed) {
            result->outcome = NOTIFY__OUTCOME__FAILED;
            result->why = job->err && job->err->rule[0]
                              ? arena_text(call->arena, "%s", job->err->rule)
                              : "failed";
        } else if (job->output.size > 0) {
            result->outcome = NOTIFY__OUTCOME__UNKNOWN;
            result->why = "unreadable";
        }
    }
    return result;
}
