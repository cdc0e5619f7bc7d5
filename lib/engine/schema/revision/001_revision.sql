-- The department's manual: every file of every revision, as registry published it.
-- A revision is in force when `files` rows of it are here; the highest such one counts.
-- Rows stay: a running case keeps the revision it was opened under.
CREATE TABLE manual(
    revision INTEGER NOT NULL CHECK(revision > 0),
    name     TEXT    NOT NULL, -- "procedures/repair.yaml"
    files    INTEGER NOT NULL CHECK(files > 0), -- of this revision together
    compiled BLOB    NOT NULL, -- packed shouwen.manual.v1.File
    source   TEXT    NOT NULL, -- the YAML, for people
    PRIMARY KEY(revision, name)
) STRICT, WITHOUT ROWID;
