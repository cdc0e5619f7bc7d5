-- A remembered reply is as large as the case that it tells of.  In a table without rowid what
-- is larger than a quarter of a page takes a whole page of its own: three quarters of what a
-- round of patrols wrote to the disk was the empty space behind its replies.
CREATE TABLE request_in_rows(
    actor TEXT NOT NULL,
    id    BLOB NOT NULL CHECK(length(id) = 16), -- UUIDv7: begins with its time
    hash  BLOB NOT NULL,
    reply BLOB NOT NULL,
    PRIMARY KEY(actor, id)
) STRICT;
INSERT INTO request_in_rows(actor, id, hash, reply)
    SELECT actor, id, hash, reply FROM request;
DROP TABLE request;
ALTER TABLE request_in_rows RENAME TO request;
