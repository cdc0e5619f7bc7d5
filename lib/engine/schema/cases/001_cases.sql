-- The cases of a service: one row holds the whole case (`body`, packed
-- shouwen.engine.v1.Stored); the columns are what it is looked for by.  All of it is a
-- fold of the table `event`.
CREATE TABLE cases(
    id         INTEGER PRIMARY KEY,
    number     TEXT    NOT NULL UNIQUE,
    home       TEXT    NOT NULL, -- '': here; else the service that keeps it (a child elsewhere)
    procedure  TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    unit       TEXT    NOT NULL,
    parent     TEXT    NOT NULL, -- case number, or ''
    owner      TEXT    NOT NULL, -- first contact: staff number, or ''
    handler    TEXT    NOT NULL, -- staff number, or ''
    matter     TEXT    NOT NULL,
    open       INTEGER NOT NULL CHECK(open IN (0, 1)),
    overdue    INTEGER NOT NULL CHECK(overdue >= 0), -- clocks past their limit
    due_ms     INTEGER NOT NULL, -- the earliest limit that still runs; 0: none
    event_ms   INTEGER NOT NULL,
    closed_ms  INTEGER NOT NULL,
    body       BLOB    NOT NULL
) STRICT;
CREATE INDEX cases_by_parent ON cases(parent, id) WHERE parent <> '';
CREATE INDEX cases_by_matter ON cases(matter, id) WHERE matter <> '';
CREATE INDEX cases_by_unit ON cases(unit, id) WHERE unit <> '';
CREATE INDEX cases_by_handler ON cases(handler, id) WHERE open = 1 AND handler <> '';
CREATE INDEX cases_by_owner ON cases(owner, id) WHERE open = 1 AND owner <> '';
CREATE INDEX cases_by_state ON cases(procedure, state, id) WHERE open = 1;
CREATE INDEX cases_by_closing ON cases(closed_ms) WHERE closed_ms > 0;
CREATE INDEX cases_overdue ON cases(id) WHERE open = 1 AND overdue > 0;

-- Case numbers: the last serial of a form's series, estate and entry day.
CREATE TABLE series(
    series TEXT    NOT NULL,
    estate TEXT    NOT NULL,
    day    INTEGER NOT NULL, -- yyyymmdd
    last   INTEGER NOT NULL CHECK(last > 0),
    PRIMARY KEY(series, estate, day)
) STRICT, WITHOUT ROWID;

-- A key of a pool (a plate, a ring, a copy of a book): held, or waited for by rank and
-- then by time.  A key that admits n holders has the slots 1 to n.
CREATE TABLE hold(
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    pool     TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    slot     INTEGER NOT NULL CHECK(slot >= 0), -- 0: waiting
    rank     INTEGER NOT NULL,
    since_ms INTEGER NOT NULL,
    case_no  TEXT    NOT NULL,
    holder   TEXT    NOT NULL,
    unit     TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX hold_slot ON hold(pool, key, slot) WHERE slot > 0;
CREATE UNIQUE INDEX hold_of_case ON hold(case_no, pool, key);
CREATE INDEX hold_waiting ON hold(pool, key, rank, since_ms, id) WHERE slot = 0;
CREATE INDEX hold_by_unit ON hold(unit, id) WHERE unit <> '';
