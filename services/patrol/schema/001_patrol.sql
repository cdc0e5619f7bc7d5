-- Rosters: the version in force of each period.
CREATE TABLE roster(
    period  TEXT PRIMARY KEY, -- "2025-07"
    version INTEGER NOT NULL CHECK(version > 0)
) STRICT, WITHOUT ROWID;

-- Rows that came in parts and are not published yet: all of a period, or none.
CREATE TABLE roster_row(
    period   TEXT    NOT NULL,
    part     INTEGER NOT NULL CHECK(part > 0),
    row      INTEGER NOT NULL,
    post     TEXT    NOT NULL,
    shift    TEXT    NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms   INTEGER NOT NULL CHECK(end_ms > start_ms),
    staff    TEXT    NOT NULL,
    place    INTEGER NOT NULL, -- 1 first, 2 back-up
    PRIMARY KEY(period, part, row)
) STRICT, WITHOUT ROWID;
