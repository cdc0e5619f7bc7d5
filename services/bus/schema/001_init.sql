-- One row per store whose events are here.
CREATE TABLE log_source(
    id          INTEGER PRIMARY KEY,
    source      BLOB    NOT NULL UNIQUE CHECK(length(source) = 16),
    service     TEXT    NOT NULL,          -- who may append to it
    epoch       INTEGER NOT NULL,          -- highest seen; lower ones are refused
    head_normal INTEGER NOT NULL DEFAULT 0, -- last sequence stored, per lane
    head_urgent INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The merged log.  Each lane counts its own positions 1, 2, 3, …; `place` is the
-- position, and of the urgent lane 2^62 more, so that one key orders each lane.
CREATE TABLE log(
    place  INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,               -- log_source.id * 2 + lane
    seq    INTEGER NOT NULL,
    topic  TEXT    NOT NULL,
    body   BLOB    NOT NULL,               -- packed wire.Event, byte for byte as it came
    UNIQUE(stream, seq)
) STRICT;

-- A lane has a row while events wait for their routing: they came before a manual did.
CREATE TABLE log_unrouted(
    lane  INTEGER PRIMARY KEY,
    after INTEGER NOT NULL                 -- position; those behind it wait
) STRICT;

-- The id of this log.  Positions mean nothing in another one, so a store that was
-- restored from a copy (which has lost its end) gets a new id.
CREATE TABLE log_id(
    one    INTEGER PRIMARY KEY CHECK(one = 1),
    id     BLOB NOT NULL CHECK(length(id) = 16),
    source BLOB NOT NULL                   -- the store that it was made for
) STRICT;
