/*
 * journal - every event that reports has taken in, each once.
 */
#ifndef REPORTS_JOURNAL_H
#define REPORTS_JOURNAL_H

#include "core/core.h"

/* journal_put - 1: new; 0: it is there already; -1: err set.  *id is its row. */
int journal_put(struct call *call, const Wire__Event *event, int64_t *id, struct err *err);

struct journal_row {
    int64_t id;
    Wire__Event *event;
};

/*
 * journal_after - up to `max` rows after one, in the order they were taken in.
 * Returns how many, or -1.
 */
int journal_after(struct call *call, int64_t after, size_t max, struct journal_row *rows,
                  struct err *err);

/* journal_of_case - the events of a case with one topic. */
int journal_of_case(struct call *call, const char *case_no, const char *topic, size_t max,
                    struct journal_row *rows, struct err *err);

/* journal_size - the last row; 0: none. */
int journal_size(struct call *call, int64_t *last, struct err *err);

struct journal_wish {
    uint64_t after;
    bool oldest_first;
    const char *topic; /* pattern; "": all */
    const char *case_no;
    int64_t from_ms, to_ms;
    size_t max;
};

/* journal_query - looks at JOURNAL_SCAN_MAX rows at most; *next: go on there, 0: that was all. */
enum { JOURNAL_SCAN_MAX = 1024 };
int journal_query(struct call *call, const struct journal_wish *wish, Wire__Event **events,
                  uint64_t *next, struct err *err);

#endif
