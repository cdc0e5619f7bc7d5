-- Every event of every store, once: the figures are made from these, and can be
-- made again.  `id` is the order in which they came.  Each source's events are
-- applied in the order of their positions, whichever lane came first: those up to
-- `applied` are; others wait here.
CREATE TABLE journal(
    id       INTEGER PRIMARY KEY,
    source   INTEGER NOT NULL REFERENCES journal_source(id),
    position INTEGER NOT NULL,
    case_no  TEXT    NOT NULL,
    topic    TEXT    NOT NULL,
    event_ms INTEGER NOT NULL,
    body     BLOB    NOT NULL,     -- packed wire.Event
    UNIQUE(source, position)
) STRICT;
CREATE INDEX journal_by_case ON journal(case_no, topic) WHERE case_no <> '';
CREATE TABLE journal_source(
    id      INTEGER PRIMARY KEY,
    source  BLOB    NOT NULL UNIQUE,
    base    INTEGER NOT NULL,      -- the position before its first event: not 0 when a store
    applied INTEGER NOT NULL,      -- goes on under a new id
    waiting INTEGER NOT NULL DEFAULT 0 -- events that are ahead
) STRICT;

-- What is known about a case: packed reports.Known.
CREATE TABLE known(
    case_no   TEXT PRIMARY KEY,
    procedure TEXT NOT NULL,
    unit      TEXT NOT NULL,
    parent    TEXT NOT NULL,
    opened_ms INTEGER NOT NULL,
    body      BLOB NOT NULL
) STRICT;
CREATE INDEX known_by_parent ON known(parent) WHERE parent <> '';
CREATE INDEX known_by_unit ON known(procedure, unit) WHERE unit <> '';

-- The clocks of a case, each round of each.
CREATE TABLE known_clock(
    case_no  TEXT    NOT NULL,
    clock    TEXT    NOT NULL,
    round    INTEGER NOT NULL,
    due_ms   INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL,     -- 0: runs
    met      INTEGER NOT NULL,     -- ended by what it waited for
    late     INTEGER NOT NULL,     -- the limit passed before it ended
    mark     INTEGER NOT NULL,     -- the highest that was passed
    PRIMARY KEY(case_no, clock, round)
) STRICT, WITHOUT ROWID;

-- What a figure counts: one row for each figure and each case, clock or event.
CREATE TABLE item(
    case_no TEXT    NOT NULL,
    kpi     TEXT    NOT NULL,
    part    TEXT    NOT NULL,      -- of a clock 'name:round', of an event its position
    estate  TEXT    NOT NULL,
    day     INTEGER NOT NULL,      -- local, since 1970-01-01
    at_ms   INTEGER NOT NULL,
    num     INTEGER NOT NULL,
    den     INTEGER NOT NULL,
    PRIMARY KEY(case_no, kpi, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX item_by_day ON item(kpi, day, case_no, part);

-- The sums of the items for each day, week, month and year, so that a long range
-- costs no more than a short one.
CREATE TABLE total(
    level  TEXT    NOT NULL CHECK(level IN ('D', 'W', 'M', 'Y')),
    period TEXT    NOT NULL,
    kpi    TEXT    NOT NULL,
    estate TEXT    NOT NULL,
    num    INTEGER NOT NULL,
    den    INTEGER NOT NULL,
    PRIMARY KEY(level, period, kpi, estate)
) STRICT, WITHOUT ROWID;

-- Units by status: so many came and went on a day.
CREATE TABLE household(
    day    INTEGER NOT NULL,
    status TEXT    NOT NULL,
    delta  INTEGER NOT NULL,
    PRIMARY KEY(day, status)
) STRICT, WITHOUT ROWID;
CREATE TABLE household_unit(
    unit   TEXT PRIMARY KEY,
    status TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Closed months, and what their figures were on the day.  `applied`: while figures
-- are made anew, a month is closed only from its event on.
CREATE TABLE frozen_month(
    month     TEXT PRIMARY KEY,
    frozen_ms INTEGER NOT NULL,
    applied   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE frozen(
    month  TEXT    NOT NULL,
    kpi    TEXT    NOT NULL,
    estate TEXT    NOT NULL,
    num    INTEGER NOT NULL,
    den    INTEGER NOT NULL,
    PRIMARY KEY(month, kpi, estate)
) STRICT, WITHOUT ROWID;

-- What changed in a closed month after it was closed, and in which month that
-- became known.
CREATE TABLE adjusted(
    in_month TEXT    NOT NULL,
    kpi      TEXT    NOT NULL,
    month    TEXT    NOT NULL,
    case_no  TEXT    NOT NULL,
    part     TEXT    NOT NULL,
    estate   TEXT    NOT NULL,
    num      INTEGER NOT NULL,
    den      INTEGER NOT NULL,
    PRIMARY KEY(in_month, kpi, month, case_no, part)
) STRICT, WITHOUT ROWID;

-- What is under way: 'rebuild' (last journal row that was taken in again), 'recount'
-- (last case that was counted again), 'freeze' (the next month to be closed), and
-- 'counted' (the manual's revision by which the items were made).
CREATE TABLE progress(
    name   TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    text   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
