/*
 * paging - a small house for the tests of notify: the bus, notify, and a store that
 * says whatever a test wants to have happened, in virtual time.  The people are those
 * of the night of 2025-07-11.
 */
#ifndef PAGING_H
#define PAGING_H

#include "base/arena.h"
#include "base/bytes.h"
#include "host/rehearsal.h"
#include "shouwen/notify/v1/notify.pb-c.h"

enum { PAGING_EVENTS_MAX = 400 };

/* paging_open - at this time ("2025-07-11T22:14:00+08:00"); with the people, the roster
 * and the manual known to all. */
void paging_open(const char *start);

/* paging_open_empty - nobody and nothing known yet; paging_publish - the compiled files of a
 * manual become known to all. */
void paging_open_empty(const char *start);
void paging_publish(const struct bytes *files, size_t count);
void paging_close(void); /* the last act of a test */
void paging_leave(void); /* another can be opened afterwards */
struct rehearsal *paging_world(void);
struct arena *paging_arena(void);

/* paging_happens - an event of the store; fields as a JSON object. */
void paging_happens(const char *topic, const char *case_no, const char *fields);
/* ... that happened earlier. */
void paging_happened(const char *topic, const char *case_no, const char *fields, const char *when);

/* paging_until - let time pass; what is due at that instant happens too. */
void paging_until(const char *when);

/* paging_asks - a person's request; NULL: it went well, else the rule that refused it.
 * *reply, if wanted, is the unpacked answer. */
const char *paging_asks(const char *staff, const char *method, const char *json,
                        ProtobufCMessage **reply);

/* paging_hands - the store hands its last `count` urgent events to notify directly. */
Notify__HandOverReply *paging_hands(size_t count);

/* paging_save - a backup of a service's store; paging_restore - it is stopped, unless it is
 * down already, and starts from that. */
void paging_save(const char *service);
void paging_restore(const char *service);

/* What left by channels. */
size_t paging_sent(const char *staff);
const struct rehearsal_send *paging_nth(const char *staff, size_t n);
int64_t paging_ms(const char *when);

/* The newest page of a case. */
Notify__Page *paging_page(const char *case_no);
size_t paging_pages(const char *case_no);
const Notify__Record *paging_record(const Notify__Page *page, uint32_t step, const char *staff);

/* How many events of this topic notify has written; the newest, unpacked (or NULL). */
size_t paging_told(const char *topic, const Wire__Event **last);
const char *paging_field(const Wire__Event *event, const char *key);

#endif
