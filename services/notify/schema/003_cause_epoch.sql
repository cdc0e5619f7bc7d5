-- A restored store may give a number away again that an event had which only notify heard
-- of: the epoch tells the two apart.  The names of pages and stops hold it from here on; 0
-- is "not known", and stands for any.
ALTER TABLE page_record RENAME TO record_before;
ALTER TABLE page RENAME TO page_before;
ALTER TABLE page_stop RENAME TO stop_before;

-- One run of one ladder, made by one event (cause) and one rule (route).
CREATE TABLE page (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- the reference people see: P000123
    cause_source BLOB NOT NULL CHECK (length(cause_source) <= 16),
    cause_lane INTEGER NOT NULL,
    cause_seq INTEGER NOT NULL,
    cause_epoch INTEGER NOT NULL,
    route TEXT NOT NULL,                  -- key of the rule
    topic TEXT NOT NULL,                  -- of the cause
    case_no TEXT NOT NULL,
    procedure TEXT NOT NULL,
    clock TEXT NOT NULL,
    round INTEGER NOT NULL,
    mark INTEGER NOT NULL,                -- of a clock, in per cent; else 0
    targets TEXT NOT NULL,                -- staff numbers, roles, posts; ";"-separated
    assignee TEXT NOT NULL,
    dept TEXT NOT NULL,
    ladder TEXT NOT NULL,
    class TEXT NOT NULL,
    text TEXT NOT NULL,
    unit TEXT NOT NULL,
    place TEXT NOT NULL,
    ack TEXT NOT NULL,                    -- event of the case that an answer fires
    reject TEXT NOT NULL,
    any_hour INTEGER NOT NULL,            -- 1: day and night, and resent when in doubt
    revision INTEGER NOT NULL,            -- of the manual
    state TEXT NOT NULL CHECK (state IN ('open', 'acknowledged', 'exhausted', 'withdrawn')),
    step INTEGER NOT NULL,                -- the next step to run
    step_due_ms INTEGER,                  -- when; NULL: none waits
    asked_ms INTEGER NOT NULL,            -- when its cause happened
    begun_ms INTEGER NOT NULL,            -- the ladder counts from here: then, or desk opening
    ended_ms INTEGER NOT NULL,            -- 0: not yet
    ended_by TEXT NOT NULL,
    UNIQUE (cause_source, cause_lane, cause_seq, cause_epoch, route)
) STRICT;
INSERT INTO page(id, cause_source, cause_lane, cause_seq, cause_epoch, route, topic, case_no,
    procedure, clock, round, mark, targets, assignee, dept, ladder, class, text, unit, place, ack,
    reject, any_hour, revision, state, step, step_due_ms, asked_ms, begun_ms, ended_ms, ended_by)
SELECT id, cause_source, cause_lane, cause_seq, 0, route, topic, case_no,
    procedure, clock, round, mark, targets, assignee, dept, ladder, class, text, unit, place, ack,
    reject, any_hour, revision, state, step, step_due_ms, asked_ms, begun_ms, ended_ms, ended_by
FROM page_before ORDER BY id;

-- One step, person and channel of a page: exactly one row, however often it was sent.
CREATE TABLE page_record (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    page INTEGER NOT NULL REFERENCES page (id),
    step INTEGER NOT NULL,
    staff TEXT NOT NULL,
    stands_for TEXT NOT NULL,             -- whose deputy he is in this; or ''
    channel TEXT NOT NULL,
    -- merged: recorded only, because he gets one page that names a higher step.
    -- stopped: the page ended before it was sent.
    state TEXT NOT NULL CHECK (state IN ('planned', 'sending', 'accepted', 'failed', 'refused',
                                         'unknown', 'merged', 'stopped')),
    times INTEGER NOT NULL,               -- handed to the channel
    tries INTEGER NOT NULL,               -- failed or unknown
    answer TEXT NOT NULL CHECK (answer IN ('', 'acknowledged', 'rejected')),
    why TEXT NOT NULL,
    due_ms INTEGER NOT NULL,              -- of the step
    sent_ms INTEGER NOT NULL,             -- accepted; 0: not yet
    next_ms INTEGER,                      -- planned: send then; sending: an outcome until then
    job INTEGER NOT NULL,                 -- that sends it; 0: none
    moved INTEGER NOT NULL,               -- place in the order of changes: what WaitPages reads by
    link BLOB,                            -- hash of the token in its message
    link_until_ms INTEGER NOT NULL,
    UNIQUE (page, step, staff, channel)
) STRICT;
INSERT INTO page_record(id, page, step, staff, stands_for, channel, state, times, tries, answer,
    why, due_ms, sent_ms, next_ms, job, moved, link, link_until_ms)
SELECT id, page, step, staff, stands_for, channel, state, times, tries, answer,
    why, due_ms, sent_ms, next_ms, job, moved, link, link_until_ms
FROM record_before ORDER BY id;

-- An end that came before its page (by the other way): the page opens ended.
CREATE TABLE page_stop (
    cause_source BLOB NOT NULL,
    cause_lane INTEGER NOT NULL,
    cause_seq INTEGER NOT NULL,
    cause_epoch INTEGER NOT NULL,
    route TEXT NOT NULL,
    case_no TEXT NOT NULL,
    ends TEXT NOT NULL,                   -- topic patterns, ";"-separated
    clock TEXT NOT NULL,                  -- only pages of this clock; '': all
    event_ms INTEGER NOT NULL,
    PRIMARY KEY (cause_source, cause_lane, cause_seq, cause_epoch, route)
) STRICT, WITHOUT ROWID;
INSERT INTO page_stop(cause_source, cause_lane, cause_seq, cause_epoch, route, case_no, ends,
    clock, event_ms)
SELECT cause_source, cause_lane, cause_seq, 0, route, case_no, ends, clock, event_ms
FROM stop_before;

DROP TABLE record_before;
DROP TABLE page_before;
DROP TABLE stop_before;
CREATE INDEX page_case ON page (case_no, id);
CREATE INDEX page_state ON page (state, id);
CREATE INDEX page_due ON page (step_due_ms) WHERE step_due_ms IS NOT NULL;
CREATE INDEX page_record_staff ON page_record (staff, moved);
CREATE INDEX page_record_next ON page_record (next_ms) WHERE next_ms IS NOT NULL;
CREATE UNIQUE INDEX page_record_link ON page_record (link) WHERE link IS NOT NULL;
CREATE INDEX page_stop_case ON page_stop (case_no);
CREATE INDEX page_stop_age ON page_stop (event_ms);
