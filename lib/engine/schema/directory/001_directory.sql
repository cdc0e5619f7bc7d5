-- What this service knows about people, units and duties: a projection of the
-- events of registry (staff, unit) and patrol (duty), never written by anybody else.

CREATE TABLE staff(
    no            TEXT PRIMARY KEY,
    name          TEXT    NOT NULL,
    roles         TEXT    NOT NULL, -- ";desk;keyk;": found by instr
    dept          TEXT    NOT NULL,
    area          TEXT    NOT NULL,
    deputy        TEXT    NOT NULL,
    channels      TEXT    NOT NULL,
    phone         BLOB    NOT NULL, -- sealed
    active        INTEGER NOT NULL CHECK(active IN (0, 1)),
    leave_from_ms INTEGER NOT NULL DEFAULT 0,
    leave_to_ms   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX staff_by_name ON staff(name);

CREATE TABLE unit(
    no       TEXT PRIMARY KEY,
    building TEXT NOT NULL,
    area     TEXT NOT NULL,
    steward  TEXT NOT NULL,
    status   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who has a post from start to end.  Of one period only the newest version stays.
CREATE TABLE duty(
    period   TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    post     TEXT    NOT NULL,
    shift    TEXT    NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms   INTEGER NOT NULL CHECK(end_ms > start_ms),
    staff    TEXT    NOT NULL,
    place    INTEGER NOT NULL, -- 1 first, 2 back-up
    PRIMARY KEY(period, version, post, shift, start_ms, place, staff)
) STRICT, WITHOUT ROWID;
CREATE INDEX duty_by_post ON duty(post, start_ms);
CREATE INDEX duty_by_staff ON duty(staff, start_ms);
