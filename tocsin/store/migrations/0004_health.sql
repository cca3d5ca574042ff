-- How long records of the last batch waited here, beside how late they came.
ALTER TABLE feeds ADD COLUMN own_lag_microseconds BIGINT;

-- Secrets that were taken out of the records of a feed, by kind.
CREATE TABLE redactions (
    feed TEXT NOT NULL,
    kind TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (feed, kind)
) WITHOUT ROWID;

-- Which source last told of which host: an agent that has died is seen by its absence.
CREATE TABLE sightings (
    host TEXT NOT NULL,
    source TEXT NOT NULL,
    first_time BIGINT NOT NULL,
    last_time BIGINT NOT NULL,
    PRIMARY KEY (host, source)
) WITHOUT ROWID;
