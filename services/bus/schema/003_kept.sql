-- Where the lanes stood, once a day: what was appended before that day is at most there.
CREATE TABLE log_mark(
    at_ms  INTEGER PRIMARY KEY,
    normal INTEGER NOT NULL,
    urgent INTEGER NOT NULL
) STRICT;

-- Who pulls, and how far he was on the last day: nothing behind that is removed.
CREATE TABLE log_consumer(
    subscription TEXT    NOT NULL,
    lane         INTEGER NOT NULL,
    after        INTEGER NOT NULL,
    seen_ms      INTEGER NOT NULL,
    PRIMARY KEY(subscription, lane)
) STRICT, WITHOUT ROWID;
