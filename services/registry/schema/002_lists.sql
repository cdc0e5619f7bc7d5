-- Lists of units by each of their filters, and the highest number that a person has.
CREATE INDEX unit_by_status ON unit(status, unit);
CREATE INDEX unit_by_area ON unit(area, unit);

CREATE TABLE last_number(
    kind   TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
