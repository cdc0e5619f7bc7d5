/*
 * desk - what people do at a running house, one call each: open a case, take a step,
 * acknowledge a page, look.  What should succeed and does not fails the test.
 */
#ifndef DESK_H
#define DESK_H

#include "aid/house.h"

enum { DESK_TEXT = 64 };

struct desk_case {
    char no[DESK_TEXT];
};

/* desk_open - 王丽 takes a burst pipe; E1, at 2-1-501, from this telephone. */
struct desk_case desk_open(struct house *house, const char *content, const char *phone);

/* desk_fire - with one field, or none (key NULL); the rule that refused it, "" for success. */
const char *desk_fire(struct house *house, const char *as, const char *case_no, const char *event,
                      const char *key, const char *value);

/* desk_ack - answer the page about a case. */
void desk_ack(struct house *house, const char *as, const char *case_no);

/* desk_state - of a case, as its service says; "" when it does not answer. */
const char *desk_state(struct house *house, const char *case_no);

/* desk_reported - so many events of this case stand in reports with this topic (NULL: any). */
size_t desk_reported(struct house *house, const char *case_no, const char *topic);

/* desk_waits_state - until the case is in this state, at most wait_ms. */
bool desk_waits_state(struct house *house, const char *case_no, const char *state, int64_t wait_ms);

/* desk_waits_reported - until reports has an event of this topic. */
bool desk_waits_reported(struct house *house, const char *case_no, const char *topic,
                         int64_t wait_ms);

#endif
