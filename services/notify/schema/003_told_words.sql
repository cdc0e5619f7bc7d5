-- What was said, as a key of the manual's texts with its arguments, so that a screen can
-- show it in another language than it was sent in; '': only the text is known.
ALTER TABLE told ADD COLUMN tell TEXT NOT NULL DEFAULT '';
ALTER TABLE told ADD COLUMN args TEXT NOT NULL DEFAULT '';
