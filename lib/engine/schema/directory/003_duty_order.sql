-- The columns of the key stand first and in its order: PRAGMA integrity_check of SQLite 3.40.1
-- looks for another column in the place of end_ms otherwise, and calls a whole store damaged.
CREATE TABLE duty_in_order(
    period   TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    post     TEXT    NOT NULL,
    shift    TEXT    NOT NULL,
    start_ms INTEGER NOT NULL,
    place    INTEGER NOT NULL, -- 1 first, 2 back-up
    staff    TEXT    NOT NULL,
    end_ms   INTEGER NOT NULL CHECK(end_ms > start_ms),
    PRIMARY KEY(period, version, post, shift, start_ms, place, staff)
) STRICT, WITHOUT ROWID;
INSERT INTO duty_in_order(period, version, post, shift, start_ms, place, staff, end_ms)
    SELECT period, version, post, shift, start_ms, place, staff, end_ms FROM duty;
DROP TABLE duty;
ALTER TABLE duty_in_order RENAME TO duty;
CREATE INDEX duty_by_post ON duty(post, start_ms);
CREATE INDEX duty_by_staff ON duty(staff, start_ms);
CREATE INDEX duty_by_start ON duty(start_ms);
