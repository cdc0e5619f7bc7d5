-- The lives of this log: one begins at each start of the bus, with an id of its own. A
-- consumer's position belongs to the life in which it was given, and is good up to where the
-- next life began. A store that was put back from a plain copy never had the life after the
-- copy, or ended it earlier: so a position behind the copy is known as one of another log.
CREATE TABLE log_life(
    number INTEGER PRIMARY KEY,
    id     BLOB    NOT NULL UNIQUE CHECK(length(id) = 16),
    normal INTEGER NOT NULL,               -- the lanes' last positions when it began
    urgent INTEGER NOT NULL
) STRICT;
INSERT INTO log_life(id, normal, urgent) SELECT id, 0, 0 FROM log_id;
DROP TABLE log_id;
