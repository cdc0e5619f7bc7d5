-- What every store has (design.md, rules 2, 5 and 6).

-- The store itself: its id, how often it was started, whether it is a restored copy.
CREATE TABLE meta(
    key   TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- What happened, for ever: history, audit trail and outbox in one.  Append-only
-- and hash-chained; each lane counts 1, 2, 3, … without gaps.
CREATE TABLE event(
    position INTEGER PRIMARY KEY,
    lane     INTEGER NOT NULL CHECK(lane IN (0, 1)),
    seq      INTEGER NOT NULL CHECK(seq > 0),
    case_no  TEXT    NOT NULL,
    body     BLOB    NOT NULL, -- packed shouwen.wire.v1.Event
    hash     BLOB    NOT NULL  -- BLAKE2b-256 of the hash before and the body
) STRICT;
CREATE UNIQUE INDEX event_by_lane ON event(lane, seq);
CREATE INDEX event_by_case ON event(case_no, position) WHERE case_no <> '';
CREATE TRIGGER event_is_kept BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
CREATE TRIGGER event_is_final BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;

-- Requests carried out, with the reply that was given: the same again gets the
-- same.  Kept 30 days; an older id is refused, not carried out.
CREATE TABLE request(
    actor TEXT NOT NULL,
    id    BLOB NOT NULL CHECK(length(id) = 16), -- UUIDv7: begins with its time
    hash  BLOB NOT NULL,
    reply BLOB NOT NULL,
    PRIMARY KEY(actor, id)
) STRICT, WITHOUT ROWID;

-- How far each subscription has applied each source: not greater means repeat.
CREATE TABLE cursor(
    subscription TEXT    NOT NULL,
    source       BLOB    NOT NULL,
    lane         INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    PRIMARY KEY(subscription, source, lane)
) STRICT, WITHOUT ROWID;

-- Where the next pull of a lane begins.  A hint only: it holds for one log and one
-- set of patterns; otherwise the pull begins at 0 and the cursors skip repeats.
CREATE TABLE place(
    lane     INTEGER PRIMARY KEY,
    log      BLOB    NOT NULL,
    patterns BLOB    NOT NULL,
    after    INTEGER NOT NULL
) STRICT;

-- A timer is a row.
CREATE TABLE timer(
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    due_ms INTEGER NOT NULL,
    kind   TEXT    NOT NULL,
    ref    TEXT    NOT NULL,
    name   TEXT    NOT NULL,
    mark   INTEGER NOT NULL
) STRICT;
CREATE INDEX timer_by_due ON timer(due_ms, id);
CREATE UNIQUE INDEX timer_by_ref ON timer(kind, ref, name);

-- Work outside.  `epoch`: the start of the service in which it was last begun; 0: not yet.
CREATE TABLE job(
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    due_ms INTEGER NOT NULL,
    kind   TEXT    NOT NULL,
    ref    TEXT    NOT NULL,
    input  BLOB    NOT NULL,
    urgent INTEGER NOT NULL CHECK(urgent IN (0, 1)),
    epoch  INTEGER NOT NULL
) STRICT;
CREATE INDEX job_waiting ON job(urgent, due_ms, id) WHERE epoch = 0;

-- Events that a handler refused.  Later events of the same case wait behind them.
CREATE TABLE dead(
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    subscription TEXT    NOT NULL,
    case_no      TEXT    NOT NULL,
    topic        TEXT    NOT NULL,
    body         BLOB    NOT NULL,
    why          TEXT    NOT NULL, -- or 'behind <id>'
    at_ms        INTEGER NOT NULL
) STRICT;
CREATE INDEX dead_by_case ON dead(subscription, case_no) WHERE case_no <> '';

-- Accounts whose tokens of a lower generation are no longer accepted.
CREATE TABLE revoked(
    staff      TEXT PRIMARY KEY,
    generation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
