-- The job that sends a notice, so that a restored store does not send what was sent; 0: none.
ALTER TABLE told ADD COLUMN job INTEGER NOT NULL DEFAULT 0;
