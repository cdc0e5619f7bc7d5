-- What had been begun when the process ended, found without reading all that waits: a
-- notice to a whole city leaves a million jobs.
CREATE INDEX job_begun ON job(id) WHERE epoch <> 0;
