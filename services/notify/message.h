/*
 * message - what a person reads, and what a channel's worker is given (a packed Send).
 *
 * Everything the worker needs is in it: address, body, signature.  No key is, so none
 * stands in the store while the job waits.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "core/core.h"
#include "pages.h"
#include "shouwen/notify/v1/notify.pb-c.h"

/* message_of_page - the input of the job that sends this record.  What the person reads is one
 * line: reference, repeat, what, class, where, case, step, the rung's own words; in the
 * language of the department (`text`), and beside it in English (`text_en`) for whom that suits. */
int message_of_page(struct call *call, const struct page *page, const struct page_record *record,
                    const uint8_t token[PAGES_LINK_SIZE], struct bytes *input, struct err *err);

/* message_sentence - what the page is about, in a language ("zh", "en"). */
const char *message_sentence(struct call *call, const struct page *page, const char *locale);

/* What a notice, or a heartbeat, is about. */
struct notice {
    const char *to; /* staff number, or person of a unit */
    const char *unit;
    const char *channel;
    const char *case_no;
    const char *text;    /* in the language of the department */
    const char *text_en; /* the same in English */
    const char *key;     /* the same for each repeat */
};

/* message_of_notice - the input of the job that sends it; `to` "heartbeat" goes there. */
int message_of_notice(struct call *call, const struct notice *notice, struct bytes *input,
                      struct err *err);

/* message_result - what came of it; a worker that gave nothing back has been accepted, one
 * that failed has failed. */
const Notify__SendResult *message_result(struct call *call, const struct job_result *job);

#endif
