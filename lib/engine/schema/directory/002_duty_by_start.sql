-- Who is on duty now, whatever his post: a walk over the shifts of a week, not over all
-- rosters that there ever were.
CREATE INDEX duty_by_start ON duty(start_ms);
