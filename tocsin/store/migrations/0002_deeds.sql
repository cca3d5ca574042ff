-- What the event of a match was, so that a timeline tells it without opening the lake: empty in
-- matches that were stored before.
ALTER TABLE matches ADD COLUMN operation TEXT NOT NULL DEFAULT '';
ALTER TABLE matches ADD COLUMN status TEXT NOT NULL DEFAULT '';
ALTER TABLE matches ADD COLUMN actor TEXT NOT NULL DEFAULT '';
ALTER TABLE matches ADD COLUMN address TEXT NOT NULL DEFAULT '';
