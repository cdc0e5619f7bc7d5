#include "pages.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/query.h"

#define PAGE_COLUMNS                                                                               \
    "id, cause_source, cause_lane, cause_seq, cause_epoch, route, topic, case_no, procedure, "     \
    "clock, round,"                                                                                \
    " mark, targets, assignee, dept, ladder, class, text, unit, place, ack, reject, any_hour,"     \
    " revision, state, step, coalesce(step_due_ms, 0), asked_ms, begun_ms, ended_ms, ended_by"

#define RECORD_COLUMNS                                                                             \
    "id, page, step, staff, stands_for, channel, state, times, tries, answer, why, due_ms,"        \
    " sent_ms, coalesce(next_ms, 0), job, moved, link_until_ms"

/* How much later than its end a page may come by the other way. */
enum { STOPS_DAYS = 2 };
static const int64_t stops_ms = INT64_C(86400000) * STOPS_DAYS;

/* ---- references ---- */

const char *pages_reference(int64_t id, struct arena *arena) {
    return arena_text(arena, "P%06lld", (long long)id);
}

int64_t pages_read_reference(const char *reference) {
    char *end = NULL;

    if (reference[0] != 'P' || reference[1] < '0' || reference[1] > '9'
        || strlen(reference) >= PAGES_REFERENCE_MAX) {
        return 0;
    }
    long long id = strtoll(reference + 1, &end, 10);
    return *end || id < 0 ? 0 : id;
}

/* ---- rows ---- */

static void read_page(struct query *q, struct page *page, struct arena *arena) {
    int i = 0;

    *page = (struct page){0};
    page->id = query_i64(q, i++);
    page->cause.source.data = query_blob(q, i++, arena, &page->cause.source.size);
    page->cause.lane = query_i64(q, i++) ? WIRE__LANE__URGENT : WIRE__LANE__NORMAL;
    page->cause.seq = (uint64_t)query_i64(q, i++);
    page->cause.epoch = (uint64_t)query_i64(q, i++);
    page->ask.route = query_text(q, i++, arena);
    page->ask.topic = query_text(q, i++, arena);
    page->case_no = query_text(q, i++, arena);
    page->ask.procedure = query_text(q, i++, arena);
    page->ask.clock = query_text(q, i++, arena);
    page->ask.round = query_i64(q, i++);
    page->ask.mark = query_i64(q, i++);
    page->ask.to = query_text(q, i++, arena);
    page->ask.assignee = query_text(q, i++, arena);
    page->ask.dept = query_text(q, i++, arena);
    page->ask.ladder = query_text(q, i++, arena);
    page->ask.class_key = query_text(q, i++, arena);
    page->ask.text = query_text(q, i++, arena);
    page->ask.unit = query_text(q, i++, arena);
    page->ask.place = query_text(q, i++, arena);
    page->ask.ack = query_text(q, i++, arena);
    page->ask.reject = query_text(q, i++, arena);
    page->ask.any_hour = query_i64(q, i++) != 0;
    page->ask.ends = "";
    page->revision = (uint32_t)query_i64(q, i++);
    page->state = query_text(q, i++, arena);
    page->step = query_i64(q, i++);
    page->step_due_ms = query_i64(q, i++);
    page->asked_ms = query_i64(q, i++);
    page->begun_ms = query_i64(q, i++);
    page->ended_ms = query_i64(q, i++);
    page->ended_by = query_text(q, i++, arena);
}

static void read_record(struct query *q, struct page_record *record, struct arena *arena) {
    int i = 0;

    *record = (struct page_record){0};
    record->id = query_i64(q, i++);
    record->page = query_i64(q, i++);
    record->step = query_i64(q, i++);
    record->staff = query_text(q, i++, arena);
    record->stands_for = query_text(q, i++, arena);
    record->channel = query_text(q, i++, arena);
    record->state = query_text(q, i++, arena);
    record->times = query_i64(q, i++);
    record->tries = query_i64(q, i++);
    record->answer = query_text(q, i++, arena);
    record->why = query_text(q, i++, arena);
    record->due_ms = query_i64(q, i++);
    record->sent_ms = query_i64(q, i++);
    record->next_ms = query_i64(q, i++);
    record->job = query_i64(q, i++);
    record->moved = query_i64(q, i++);
    record->link_until_ms = query_i64(q, i++);
}

static int one_page(struct call *call, struct query *q, struct page *page, struct err *err) {
    int found = query_step(q, err);

    if (found == 1) {
        read_page(q, page, call->arena);
        query_end(q);
    }
    return found;
}

static int one_record(struct call *call, struct query *q, struct page_record *record,
                      struct err *err) {
    int found = query_step(q, err);

    if (found == 1) {
        read_record(q, record, call->arena);
        query_end(q);
    }
    return found;
}

static int many_pages(struct call *call, struct query *q, size_t max, struct page *pages,
                      struct err *err) {
    size_t count = 0;
    int more = 0;

    while (count < max && (more = query_step(q, err)) == 1) {
        read_page(q, &pages[count++], call->arena);
    }
    query_end(q);
    return more < 0 ? -1 : (int)count;
}

static int many_records(struct call *call, struct query *q, size_t max, struct page_record *records,
                        struct err *err) {
    size_t count = 0;
    int more = 0;

    while (count < max && (more = query_step(q, err)) == 1) {
        read_record(q, &records[count++], call->arena);
    }
    query_end(q);
    return more < 0 ? -1 : (int)count;
}

/* ---- reading ---- */

int pages_get(struct call *call, int64_t id, struct page *page, struct err *err) {
    struct query q = QUERY(call->store, "SELECT " PAGE_COLUMNS " FROM page WHERE id = ?1");

    query_bind_i64(&q, 1, id);
    return one_page(call, &q, page, err);
}

int pages_by_cause(struct call *call, const struct page_cause *cause, const char *route,
                   struct page *page, struct err *err) {
    struct query q = QUERY(call->store, "SELECT " PAGE_COLUMNS " FROM page"
                                        " WHERE cause_source = ?1 AND cause_lane = ?2"
                                        " AND cause_seq = ?3 AND route = ?4"
                                        " AND (cause_epoch IN (0, ?5) OR ?5 = 0)");

    query_bind_blob(&q, 1, cause->source.data, cause->source.size);
    query_bind_i64(&q, 2, (int64_t)cause->lane);
    query_bind_i64(&q, 3, (int64_t)cause->seq);
    query_bind_text(&q, 4, route);
    query_bind_i64(&q, 5, (int64_t)cause->epoch);
    return one_page(call, &q, page, err);
}

int pages_record(struct call *call, int64_t id, struct page_record *record, struct err *err) {
    struct query q = QUERY(call->store, "SELECT " RECORD_COLUMNS " FROM page_record"
                                        " WHERE id = ?1");

    query_bind_i64(&q, 1, id);
    return one_record(call, &q, record, err);
}

int pages_record_of(struct call *call, const struct page_record *key, struct page_record *record,
                    struct err *err) {
    struct query q = QUERY(call->store, "SELECT " RECORD_COLUMNS " FROM page_record"
                                        " WHERE page = ?1 AND step = ?2 AND staff = ?3"
                                        " AND channel = ?4");

    query_bind_i64(&q, 1, key->page);
    query_bind_i64(&q, 2, key->step);
    query_bind_text(&q, 3, key->staff);
    query_bind_text(&q, 4, key->channel);
    return one_record(call, &q, record, err);
}

int pages_record_by_link(struct call *call, const uint8_t hash[PAGES_LINK_SIZE],
                         struct page_record *record, struct err *err) {
    struct query q = QUERY(call->store, "SELECT " RECORD_COLUMNS " FROM page_record"
                                        " WHERE link = ?1");

    query_bind_blob(&q, 1, hash, PAGES_LINK_SIZE);
    return one_record(call, &q, record, err);
}

int pages_of_case(struct call *call, const char *case_no, const char *state, size_t max,
                  struct page *pages, struct err *err) {
    struct query q = QUERY(call->store, "SELECT " PAGE_COLUMNS " FROM page WHERE case_no = ?1"
                                        " AND (?2 = '' OR state = ?2) ORDER BY id DESC");

    query_bind_text(&q, 1, case_no);
    query_bind_text(&q, 2, state);
    return many_pages(call, &q, max, pages, err);
}

int pages_list(struct call *call, const char *staff, const char *state, int64_t before, size_t max,
               struct page *pages, struct err *err) {
    struct query q;

    if (*staff) {
        q = QUERY(call->store, "SELECT " PAGE_COLUMNS " FROM page WHERE id IN"
                               " (SELECT page FROM page_record WHERE staff = ?3)"
                               " AND (?1 = '' OR state = ?1) AND id < ?2 ORDER BY id DESC");
    } else if (*state) {
        q = QUERY(call->store, "SELECT " PAGE_COLUMNS " FROM page WHERE state = ?1 AND id < ?2"
                               " ORDER BY id DESC");
    } else {
        q = QUERY(call->store, "SELECT " PAGE_COLUMNS " FROM page WHERE id < ?2 AND ?1 = ''"
                               " ORDER BY id DESC");
    }
    query_bind_text(&q, 1, state);
    query_bind_i64(&q, 2, before > 0 ? before : INT64_MAX);
    if (*staff) {
        query_bind_text(&q, 3, staff);
    }
    return many_pages(call, &q, max, pages, err);
}

int pages_records(struct call *call, int64_t page, struct page_record records[PAGES_RECORDS_MAX],
                  struct err *err) {
    struct query q = QUERY(call->store, /* scan: sorts one page's records */
                           "SELECT " RECORD_COLUMNS " FROM page_record"
                           " WHERE page = ?1 ORDER BY step, id");

    query_bind_i64(&q, 1, page);
    return many_records(call, &q, PAGES_RECORDS_MAX, records, err);
}

int pages_moved(struct call *call, const char *staff, int64_t after, size_t max,
                struct page_record *records, struct err *err) {
    struct query q = QUERY(call->store, "SELECT " RECORD_COLUMNS " FROM page_record"
                                        " WHERE staff = ?1 AND moved > ?2 ORDER BY moved");

    query_bind_text(&q, 1, staff);
    query_bind_i64(&q, 2, after);
    return many_records(call, &q, max, records, err);
}

int pages_count(struct call *call, const char *state, int64_t max, int64_t *count,
                struct err *err) {
    struct query q = QUERY(call->store, /* scan: of what is counted, up to a limit */
                           "SELECT count(*) FROM (SELECT 1 FROM page WHERE state = ?1 LIMIT ?2)");

    query_bind_text(&q, 1, state);
    query_bind_i64(&q, 2, max);
    if (query_step(&q, err) != 1) {
        return -1;
    }
    *count = query_i64(&q, 0);
    return query_done(&q, err);
}

/* ---- the auditor's questions ---- */

int pages_late(struct call *call, int64_t before_ms, size_t max, struct page *pages,
               struct err *err) {
    struct query q = QUERY(call->store, "SELECT " PAGE_COLUMNS " FROM page"
                                        " WHERE step_due_ms IS NOT NULL AND step_due_ms <= ?1"
                                        " ORDER BY step_due_ms");

    query_bind_i64(&q, 1, before_ms);
    return many_pages(call, &q, max, pages, err);
}

int pages_records_late(struct call *call, int64_t before_ms, size_t max,
                       struct page_record *records, struct err *err) {
    struct query q = QUERY(call->store, "SELECT " RECORD_COLUMNS " FROM page_record"
                                        " WHERE next_ms IS NOT NULL AND next_ms <= ?1"
                                        " ORDER BY next_ms");

    query_bind_i64(&q, 1, before_ms);
    return many_records(call, &q, max, records, err);
}

int pages_next_due(struct call *call, int64_t *due_ms, struct err *err) {
    struct query q = QUERY(call->store, "SELECT coalesce(min(due), 0) FROM"
                                        " (SELECT min(step_due_ms) AS due FROM page"
                                        "   WHERE step_due_ms IS NOT NULL"
                                        "  UNION ALL SELECT min(next_ms) FROM page_record"
                                        "   WHERE next_ms IS NOT NULL)");

    if (query_step(&q, err) != 1) {
        return -1;
    }
    *due_ms = query_i64(&q, 0);
    return query_done(&q, err);
}

/* ---- writing ---- */

static void bind_due(struct query *q, int index, int64_t due_ms) {
    if (due_ms > 0) {
        query_bind_i64(q, index, due_ms);
    } else {
        query_bind_null(q, index);
    }
}

int pages_insert(struct call *call, struct page *page, struct err *err) {
    struct query q = QUERY(
        call->store,
        "INSERT INTO page(cause_source, cause_lane, cause_seq, cause_epoch, route, topic,"
        " case_no, procedure, clock, round, mark, targets, assignee, dept,"
        " ladder, class, text, unit, place, ack, reject, any_hour, revision,"
        " state, step, step_due_ms, asked_ms, begun_ms, ended_ms, ended_by,"
        " id)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
        " ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27,"
        " ?28, ?29, ?30, ?31) RETURNING id");
    int i = 0;

    query_bind_blob(&q, ++i, page->cause.source.data, page->cause.source.size);
    query_bind_i64(&q, ++i, (int64_t)page->cause.lane);
    query_bind_i64(&q, ++i, (int64_t)page->cause.seq);
    query_bind_i64(&q, ++i, (int64_t)page->cause.epoch);
    query_bind_text(&q, ++i, page->ask.route);
    query_bind_text(&q, ++i, page->ask.topic);
    query_bind_text(&q, ++i, page->case_no);
    query_bind_text(&q, ++i, page->ask.procedure);
    query_bind_text(&q, ++i, page->ask.clock);
    query_bind_i64(&q, ++i, page->ask.round);
    query_bind_i64(&q, ++i, page->ask.mark);
    query_bind_text(&q, ++i, page->ask.to);
    query_bind_text(&q, ++i, page->ask.assignee);
    query_bind_text(&q, ++i, page->ask.dept);
    query_bind_text(&q, ++i, page->ask.ladder);
    query_bind_text(&q, ++i, page->ask.class_key);
    query_bind_text(&q, ++i, page->ask.text);
    query_bind_text(&q, ++i, page->ask.unit);
    query_bind_text(&q, ++i, page->ask.place);
    query_bind_text(&q, ++i, page->ask.ack);
    query_bind_text(&q, ++i, page->ask.reject);
    query_bind_i64(&q, ++i, page->ask.any_hour);
    query_bind_i64(&q, ++i, (int64_t)page->revision);
    query_bind_text(&q, ++i, page->state);
    query_bind_i64(&q, ++i, page->step);
    bind_due(&q, ++i, page->step_due_ms);
    query_bind_i64(&q, ++i, page->asked_ms);
    query_bind_i64(&q, ++i, page->begun_ms);
    query_bind_i64(&q, ++i, page->ended_ms);
    query_bind_text(&q, ++i, page->ended_by);
    bind_due(&q, ++i, page->id);
    if (query_step(&q, err) != 1) {
        return -1;
    }
    page->id = query_i64(&q, 0);
    return query_done(&q, err);
}

int pages_save(struct call *call, const struct page *page, struct err *err) {
    struct query q = QUERY(call->store, "UPDATE page SET state = ?2, step = ?3, step_due_ms = ?4,"
                                        " ended_ms = ?5, ended_by = ?6 WHERE id = ?1");

    query_bind_i64(&q, 1, page->id);
    query_bind_text(&q, 2, page->state);
    query_bind_i64(&q, 3, page->step);
    bind_due(&q, 4, page->step_due_ms);
    query_bind_i64(&q, 5, page->ended_ms);
    query_bind_text(&q, 6, page->ended_by);
    return query_done(&q, err);
}

/* Each change of a record takes the next number: readers go on from the last they saw. */
static int next_move(struct call *call, int64_t *moved, struct err *err) {
    if (pages_figure_add(call, "moved", 1, err)) {
        return -1;
    }
    return pages_figure(call, "moved", moved, err);
}

static void wake_pager(struct call *call, const char *staff) {
    core_notify(call->core, arena_text(call->arena, "pages:%s", staff));
}

int pages_record_insert(struct call *call, struct page_record *record, struct err *err) {
    int i = 0;

    if (next_move(call, &record->moved, err)) {
        return -1;
    }
    struct query q = QUERY(call->store,
                           "INSERT INTO page_record(page, step, staff, stands_for, channel, state,"
                           " times, tries, answer, why, due_ms, sent_ms, next_ms, moved,"
                           " link_until_ms, job) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
                           " ?10, ?11, ?12, ?13, ?14, 0, 0) RETURNING id");
    query_bind_i64(&q, ++i, record->page);
    query_bind_i64(&q, ++i, record->step);
    query_bind_text(&q, ++i, record->staff);
    query_bind_text(&q, ++i, record->stands_for);
    query_bind_text(&q, ++i, record->channel);
    query_bind_text(&q, ++i, record->state);
    query_bind_i64(&q, ++i, record->times);
    query_bind_i64(&q, ++i, record->tries);
    query_bind_text(&q, ++i, record->answer);
    query_bind_text(&q, ++i, record->why);
    query_bind_i64(&q, ++i, record->due_ms);
    query_bind_i64(&q, ++i, record->sent_ms);
    bind_due(&q, ++i, record->next_ms);
    query_bind_i64(&q, ++i, record->moved);
    if (query_step(&q, err) != 1) {
        return -1;
    }
    record->id = query_i64(&q, 0);
    wake_pager(call, record->staff);
    return query_done(&q, err);
}

int pages_record_save(struct call *call, struct page_record *record, struct err *err) {
    if (next_move(call, &record->moved, err)) {
        return -1;
    }
    struct query q = QUERY(call->store, "UPDATE page_record SET state = ?2, times = ?3,"
                                        " tries = ?4, answer = ?5, why = ?6, sent_ms = ?7,"
                                        " next_ms = ?8, moved = ?9, job = ?10 WHERE id = ?1");
    query_bind_i64(&q, 1, record->id);
    query_bind_text(&q, 2, record->state);
    query_bind_i64(&q, 3, record->times);
    query_bind_i64(&q, 4, record->tries);
    query_bind_text(&q, 5, record->answer);
    query_bind_text(&q, 6, record->why);
    query_bind_i64(&q, 7, record->sent_ms);
    bind_due(&q, 8, record->next_ms);
    query_bind_i64(&q, 9, record->moved);
    query_bind_i64(&q, 10, record->job);
    wake_pager(call, record->staff);
    return query_done(&q, err);
}

int pages_record_link(struct call *call, const struct page_record *record,
                      const uint8_t hash[PAGES_LINK_SIZE], struct err *err) {
    struct query q = QUERY(call->store, "UPDATE page_record SET link = ?2, link_until_ms = ?3"
                                        " WHERE id = ?1");

    query_bind_i64(&q, 1, record->id);
    query_bind_blob(&q, 2, hash, PAGES_LINK_SIZE);
    query_bind_i64(&q, 3, record->link_until_ms);
    return query_done(&q, err);
}

/* ---- ends that came before their page ---- */

bool pages_later(const struct page_cause *a, const struct page_cause *b) {
    if (a->epoch == 0 || b->epoch == 0 || a->epoch == b->epoch) {
        return b->seq > a->seq;
    }
    return b->epoch > a->epoch;
}

/* Each that comes takes two old ones away. */
static int prune_stops(struct call *call, struct err *err) {
    struct query q = QUERY(call->store, "DELETE FROM page_stop WHERE (cause_source, cause_lane,"
                                        " cause_seq, cause_epoch, route) IN (SELECT cause_source,"
                                        " cause_lane, cause_seq, cause_epoch, route FROM page_stop"
                                        " WHERE event_ms < ?1 LIMIT 2)");

    query_bind_i64(&q, 1, call->now_ms - stops_ms);
    return query_done(&q, err);
}

int pages_stop_put(struct call *call, const struct page_cause *cause, const struct route_page *stop,
                   const char *case_no, int64_t event_ms, struct err *err) {
    struct query q = QUERY(call->store, "INSERT INTO page_stop(cause_source, cause_lane,"
                                        " cause_seq, cause_epoch, route, case_no, ends, clock,"
                                        " event_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
                                        " ON CONFLICT DO NOTHING");

    query_bind_blob(&q, 1, cause->source.data, cause->source.size);
    query_bind_i64(&q, 2, (int64_t)cause->lane);
    query_bind_i64(&q, 3, (int64_t)cause->seq);
    query_bind_i64(&q, 4, (int64_t)cause->epoch);
    query_bind_text(&q, 5, stop->route);
    query_bind_text(&q, 6, case_no);
    query_bind_text(&q, 7, stop->ends);
    query_bind_text(&q, 8, stop->clock);
    query_bind_i64(&q, 9, event_ms);
    return query_done(&q, err) || prune_stops(call, err) ? -1 : 0;
}

/* Is `topic` one of the patterns? */
static bool one_of(const char *patterns, const char *topic) {
    char pattern[CORE_TOPIC_MAX + 1];

    for (const char *at = patterns; *at;) {
        size_t length = strcspn(at, ";");
        if (length > 0 && length < sizeof pattern) {
            memcpy(pattern, at, length);
            pattern[length] = '\0';
            if (text_match(pattern, topic)) {
                return true;
            }
        }
        at += length + (at[length] == ';');
    }
    return false;
}

bool pages_ends(const char *ends, const char *clock, const struct page *page) {
    return one_of(ends, page->ask.topic)
           && (!*clock || !*page->ask.clock || text_eq(clock, page->ask.clock));
}

/* In one lane the numbers say what came first; across lanes only the times do. */
int pages_stopped(struct call *call, const struct page *page, struct err *err) {
    struct query q = QUERY(call->store, "SELECT ends, clock, cause_lane, cause_seq, cause_epoch,"
                                        " event_ms FROM page_stop WHERE case_no = ?1"
                                        " AND cause_source = ?2");
    int more = 0;

    query_bind_text(&q, 1, page->case_no);
    query_bind_blob(&q, 2, page->cause.source.data, page->cause.source.size);
    while ((more = query_step(&q, err)) == 1) {
        const char *ends = query_text(&q, 0, call->arena);
        const char *clock = query_text(&q, 1, call->arena);
        const struct page_cause stop = {
            .lane = query_i64(&q, 2) ? WIRE__LANE__URGENT : WIRE__LANE__NORMAL,
            .seq = (uint64_t)query_i64(&q, 3),
            .epoch = (uint64_t)query_i64(&q, 4),
        };
        bool later = stop.lane == page->cause.lane ? pages_later(&page->cause, &stop)
                                                   : query_i64(&q, 5) > page->asked_ms;
        if (later && pages_ends(ends, clock, page)) {
            break;
        }
    }
    query_end(&q);
    return more;
}

/* ---- figures ---- */

int pages_figure(struct call *call, const char *name, int64_t *value, struct err *err) {
    struct query q = QUERY(call->store, "SELECT value FROM figure WHERE name = ?1");

    query_bind_text(&q, 1, name);
    int found = query_step(&q, err);
    *value = found == 1 ? query_i64(&q, 0) : 0;
    query_end(&q);
    return found < 0 ? -1 : 0;
}

int pages_figure_add(struct call *call, const char *name, int64_t more, struct err *err) {
    struct query q = QUERY(call->store, "INSERT INTO figure(name, value) VALUES(?1, ?2)"
                                        " ON CONFLICT(name) DO UPDATE SET value = value + ?2");

    query_bind_text(&q, 1, name);
    query_bind_i64(&q, 2, more);
    return query_done(&q, err);
}

int pages_figure_set(struct call *call, const char *name, int64_t value, struct err *err) {
    struct query q = QUERY(call->store, "INSERT INTO figure(name, value) VALUES(?1, ?2)"
                                        " ON CONFLICT(name) DO UPDATE SET value = ?2");

    query_bind_text(&q, 1, name);
    query_bind_i64(&q, 2, value);
    return query_done(&q, err);
}
