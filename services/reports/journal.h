/*
 * journal - every event that reports has got, each once; and which of them have
 * been applied.
 *
 * A source's lanes arrive apart, but its events happened in one order (`position`).
 * They are applied in that order, so the figures do not depend on which lane was
 * quicker: an event that is ahead waits here for the ones before it.
 */
#ifndef REPORTS_JOURNAL_H
#define REPORTS_JOURNAL_H

#include "core/core.h"

struct journal_source {
    int64_t id;
    uint64_t base;    /* the position before its first event */
    uint64_t applied; /* position */
    int64_t waiting;  /* events that are here and ahead */
};

struct journal_row {
    int64_t id;
    int64_t source;
    Wire__Event *event;
};

/* journal_source - the source of an event; a new one is written down. */
int journal_source(struct call *call, const Wire__Event *event, struct journal_source *found,
                   struct err *err);
int journal_source_by_id(struct call *call, int64_t id, struct journal_source *found,
                         struct err *err);
/* journal_applied - write how far it is. */
int journal_applied(struct call *call, const struct journal_source *source, struct err *err);

/* journal_put - 1: new; 0: it is there already; -1: err set. */
int journal_put(struct call *call, const Wire__Event *event, int64_t source, struct err *err);

/* journal_following - 1: the event after `applied` of a source, if its row is not after
 * `last_id`; 0: it has not come; -1. */
int journal_following(struct call *call, const struct journal_source *source, int64_t last_id,
                      struct journal_row *row, struct err *err);

/*
 * journal_after - up to `max` rows after one, in the order they came.
 * Returns how many, or -1.
 */
int journal_after(struct call *call, int64_t after, size_t max, struct journal_row *rows,
                  struct err *err);

/* journal_of_case - the events of a case with one topic: of `source` only those up to
 * `applied`, and none in rows after `last_id`. */
struct journal_case {
    const char *case_no;
    const char *topic;
    int64_t source;
    uint64_t applied;
    int64_t last_id;
};
int journal_of_case(struct call *call, const struct journal_case *of, size_t max,
                    struct journal_row *rows, struct err *err);

/* journal_last - the last row; 0: none. */
int journal_last(struct call *call, int64_t *last, struct err *err);

/* journal_restart - nothing has been applied. */
int journal_restart(struct call *call, struct err *err);

struct journal_wish {
    uint64_t after; /* row */
    bool oldest_first;
    const char *topic; /* pattern; "": all */
    const char *case_no;
    int64_t from_ms, to_ms;
    size_t max;
    size_t bytes_max; /* of the events together; one is always given */
};

enum { JOURNAL_SCAN_MAX = 1024 }; /* rows that one question looks at */

/* journal_query - *next: go on there; 0: that was all.  Returns how many, or -1. */
int journal_query(struct call *call, const struct journal_wish *wish, Wire__Event **events,
                  uint64_t *next, struct err *err);

#endif
