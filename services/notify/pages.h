/*
 * pages - the tables page, page_record and page_stop, and nothing but their SQL.
 *
 * A page is one run of one ladder; a record is one step, person and channel of it.
 * What pages decide stands in ladder.c, what records do in delivery.c.
 */
#ifndef PAGES_H
#define PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "engine/route.h"

enum {
    PAGES_LINK_SIZE = 16, /* bytes of an answer token, and of its hash */
    PAGES_STAFF_MAX = 64, /* people on one page, all steps together */
    PAGES_RECORDS_MAX = 128,
    PAGES_REFERENCE_MAX = 24,
};

/* Which event made a page: with the rule, its name for ever.  What only notify has heard
 * (HandOver) a restored producer has lost: it gives the number to another event, in a
 * higher epoch.  Epoch 0 is not known, and stands for any. */
struct page_cause {
    struct bytes source;
    Wire__Lane lane;
    uint64_t seq;
    uint64_t epoch;
};

/* pages_later - did b happen after a?  Of one source and lane. */
bool pages_later(const struct page_cause *a, const struct page_cause *b);

struct page {
    int64_t id;
    struct page_cause cause;
    struct route_page ask; /* what was asked; no text is NULL */
    const char *case_no;
    uint32_t revision;
    const char *state;   /* open, acknowledged, exhausted, withdrawn */
    int64_t step;        /* the next one to run */
    int64_t step_due_ms; /* 0: none waits */
    int64_t asked_ms;    /* when its cause happened */
    int64_t begun_ms;    /* the ladder counts from here */
    int64_t ended_ms;
    const char *ended_by;
};

struct page_record {
    int64_t id;
    int64_t page;
    int64_t step;
    const char *staff;
    const char *stands_for;
    const char *channel;
    const char *state; /* planned sending accepted failed refused unknown merged stopped */
    int64_t times;
    int64_t tries;
    const char *answer; /* "", acknowledged, rejected */
    const char *why;
    int64_t due_ms;
    int64_t sent_ms;
    int64_t next_ms; /* 0: nothing is expected */
    int64_t job;     /* that sends it; 0: none */
    int64_t moved;
    int64_t link_until_ms;
};

/* pages_reference - "P000123", as people see it; pages_read_reference: 0 if it is none. */
const char *pages_reference(int64_t id, struct arena *arena);
int64_t pages_read_reference(const char *reference);

/* Reading.  1: found, 0: none, -1: err set.  Strings live in call->arena. */
int pages_get(struct call *call, int64_t id, struct page *page, struct err *err);
int pages_by_cause(struct call *call, const struct page_cause *cause, const char *route,
                   struct page *page, struct err *err);
int pages_record(struct call *call, int64_t id, struct page_record *record, struct err *err);
int pages_record_of(struct call *call, const struct page_record *key, struct page_record *record,
                    struct err *err);
int pages_record_by_link(struct call *call, const uint8_t hash[PAGES_LINK_SIZE],
                         struct page_record *record, struct err *err);

/* Lists, bounded by max.  Return how many, or -1. */
int pages_of_case(struct call *call, const char *case_no, const char *state, size_t max,
                  struct page *pages, struct err *err); /* newest first; state "" = any */
int pages_list(struct call *call, const char *staff, const char *state, int64_t before, size_t max,
               struct page *pages, struct err *err); /* newest first; "" = any */
int pages_records(struct call *call, int64_t page, struct page_record records[PAGES_RECORDS_MAX],
                  struct err *err); /* by step */
int pages_moved(struct call *call, const char *staff, int64_t after, size_t max,
                struct page_record *records, struct err *err);
int pages_count(struct call *call, const char *state, int64_t max, int64_t *count, struct err *err);

/* Of pages and records that should have moved by then: the auditor's questions. */
int pages_late(struct call *call, int64_t before_ms, size_t max, struct page *pages,
               struct err *err);
int pages_records_late(struct call *call, int64_t before_ms, size_t max,
                       struct page_record *records, struct err *err);
int pages_next_due(struct call *call, int64_t *due_ms, struct err *err); /* 0: nothing waits */

/* Writing.  A page's id 0 takes the next one. */
int pages_insert(struct call *call, struct page *page, struct err *err);
int pages_save(struct call *call, const struct page *page, struct err *err);
int pages_record_insert(struct call *call, struct page_record *record, struct err *err);
/* Saves it, and shows the change to the person's pager. */
int pages_record_save(struct call *call, struct page_record *record, struct err *err);
int pages_record_link(struct call *call, const struct page_record *record,
                      const uint8_t hash[PAGES_LINK_SIZE], struct err *err);

/* An end, kept for pages that come after it though they were made before it. */
int pages_stop_put(struct call *call, const struct page_cause *cause, const struct route_page *stop,
                   const char *case_no, int64_t event_ms, struct err *err);
/* 1: this page was ended before it came. */
int pages_stopped(struct call *call, const struct page *page, struct err *err);
/* Is this page ended by that stop? */
bool pages_ends(const char *ends, const char *clock, const struct page *page);

/* Figures of the house. */
int pages_figure(struct call *call, const char *name, int64_t *value, struct err *err);
int pages_figure_add(struct call *call, const char *name, int64_t more, struct err *err);
int pages_figure_set(struct call *call, const char *name, int64_t value, struct err *err);

#endif
