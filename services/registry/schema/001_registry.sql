-- Who and what there is.  All of it is a fold of the events of this store, but for
-- what is only on its way (import, import_row, publish_part) and what others hold.

-- Words that a column may have.
CREATE TABLE word(
    list  TEXT    NOT NULL,
    key   TEXT    NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY(list, key)
) STRICT, WITHOUT ROWID;
INSERT INTO word(list, key, place) VALUES
    ('status', 'occupied', 1), ('status', 'vacant', 2), ('status', 'awaiting_move_in', 3),
    ('vacancy_kind', 'unsold', 1), ('vacancy_kind', 'sold', 2), ('vacancy_kind', 'closed_up', 3),
    ('identity', 'owner', 1), ('identity', 'family', 2), ('identity', 'tenant', 3),
    ('identity', 'agent', 4), ('identity', 'contractor', 5), ('identity', 'developer', 6),
    ('identity', 'authority', 7), ('identity', 'neighbour', 8), ('identity', 'other', 9);

CREATE TABLE estate(
    estate TEXT PRIMARY KEY,
    name   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Derived from the units: how many each has.
CREATE TABLE building(
    estate   TEXT    NOT NULL,
    building TEXT    NOT NULL,
    area     TEXT    NOT NULL, -- of the unit put last
    units    INTEGER NOT NULL,
    PRIMARY KEY(estate, building)
) STRICT, WITHOUT ROWID;

-- `digest`, here and below: of the fields as they were told last, so that the same again tells nothing.
CREATE TABLE unit(
    unit         TEXT PRIMARY KEY,
    estate       TEXT NOT NULL,
    building     TEXT NOT NULL,
    entrance     TEXT NOT NULL,
    floor        TEXT NOT NULL,
    room         TEXT NOT NULL,
    area         TEXT NOT NULL,
    steward      TEXT NOT NULL,
    floor_area   TEXT NOT NULL, -- m², as given
    status       TEXT NOT NULL,
    vacancy_kind TEXT NOT NULL,
    risk         TEXT NOT NULL CHECK(risk IN ('', 'Y')),
    care         TEXT NOT NULL CHECK(care IN ('', 'Y')),
    digest       BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX unit_by_building ON unit(building, unit);
CREATE INDEX unit_by_steward ON unit(steward, unit);

-- Persons bound to a unit: its household.
CREATE TABLE person(
    person    TEXT PRIMARY KEY,
    unit      TEXT    NOT NULL,
    identity  TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    plates    TEXT    NOT NULL, -- "京N10034;京Q10068"
    id_number BLOB    NOT NULL, -- sealed, or empty
    active    INTEGER NOT NULL CHECK(active IN (0, 1)),
    digest    BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX person_by_unit ON person(unit, person);
CREATE INDEX person_by_name ON person(name);

-- The phones of persons and staff, never in clear: sealed, and found by blind index.
CREATE TABLE phone(
    kind   TEXT    NOT NULL CHECK(kind IN ('person', 'staff')),
    owner  TEXT    NOT NULL,
    place  INTEGER NOT NULL, -- 1 first
    sealed BLOB    NOT NULL,
    blind  BLOB    NOT NULL CHECK(length(blind) = 16),
    PRIMARY KEY(kind, owner, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX phone_by_blind ON phone(blind);

CREATE TABLE plate(
    plate  TEXT NOT NULL,
    person TEXT NOT NULL,
    PRIMARY KEY(plate, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX plate_by_person ON plate(person);

CREATE TABLE staff(
    staff         TEXT PRIMARY KEY,
    name          TEXT    NOT NULL,
    roles         TEXT    NOT NULL, -- "desk;keyk"
    dept          TEXT    NOT NULL,
    area          TEXT    NOT NULL,
    deputy        TEXT    NOT NULL,
    channels      TEXT    NOT NULL, -- "desk;webhook", in order of preference
    active        INTEGER NOT NULL CHECK(active IN (0, 1)), -- 0: left the company
    leave_from_ms INTEGER NOT NULL DEFAULT 0,
    leave_to_ms   INTEGER NOT NULL DEFAULT 0,
    generation    INTEGER NOT NULL DEFAULT 1, -- tokens of a lower one are revoked
    digest        BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX staff_by_name ON staff(name);

CREATE TABLE staff_role(
    role  TEXT NOT NULL,
    staff TEXT NOT NULL,
    PRIMARY KEY(role, staff)
) STRICT, WITHOUT ROWID;
CREATE INDEX staff_role_by_staff ON staff_role(staff);

-- Who holds what: a projection of everybody's hold.taken and hold.released.
CREATE TABLE held(
    pool     TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    holder   TEXT    NOT NULL,
    unit     TEXT    NOT NULL,
    since_ms INTEGER NOT NULL,
    case_no  TEXT    NOT NULL,
    PRIMARY KEY(pool, key, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_by_holder ON held(holder);
CREATE INDEX held_by_unit ON held(unit) WHERE unit <> '';

-- A file that is being brought in.
CREATE TABLE import(
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT    NOT NULL,
    columns    TEXT    NOT NULL, -- "unit;building;…", as in the file's first line
    partial    INTEGER NOT NULL CHECK(partial IN (0, 1)),
    estate     TEXT    NOT NULL,
    state      TEXT    NOT NULL
               CHECK(state IN ('taking', 'checking', 'applying', 'done', 'refused', 'dropped')),
    actor      TEXT    NOT NULL,
    started_ms INTEGER NOT NULL,
    last_line  INTEGER NOT NULL DEFAULT 0,
    row_count  INTEGER NOT NULL DEFAULT 0,
    bad        INTEGER NOT NULL DEFAULT 0,
    position   INTEGER NOT NULL DEFAULT 0, -- checked up to this line
    checked    INTEGER NOT NULL DEFAULT 0,
    applied    INTEGER NOT NULL DEFAULT 0,
    unchanged  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX import_open ON import(id) WHERE state IN ('taking', 'checking', 'applying');

-- Its rows, until they are applied; bad ones stay for the list.
CREATE TABLE import_row(
    import   INTEGER NOT NULL REFERENCES import(id),
    line     INTEGER NOT NULL,
    key      TEXT    NOT NULL, -- staff, unit or person number; may be empty when bad
    body     BLOB    NOT NULL, -- packed event to be put; empty: bad
    mistakes BLOB    NOT NULL, -- packed BadRow; empty: good
    PRIMARY KEY(import, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX import_row_by_key ON import_row(import, key) WHERE key <> '';
CREATE INDEX import_row_bad ON import_row(import, line) WHERE length(mistakes) > 0;

-- Files of a manual of which not all are here yet.
CREATE TABLE publish_part(
    digest   BLOB    NOT NULL CHECK(length(digest) = 32), -- of the whole set
    part     INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    compiled BLOB    NOT NULL,
    source   BLOB    NOT NULL,
    PRIMARY KEY(digest, part),
    UNIQUE(digest, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE published(
    revision     INTEGER PRIMARY KEY,
    published_ms INTEGER NOT NULL,
    publisher    TEXT    NOT NULL
) STRICT;
