-- The cases of a unit in the order in which they were opened: the newest before a case are
-- read alone, not all of the unit and then sorted.  A common area has thousands.
DROP INDEX known_by_unit;
CREATE INDEX known_by_unit ON known(procedure, unit, opened_ms, case_no) WHERE unit <> '';
