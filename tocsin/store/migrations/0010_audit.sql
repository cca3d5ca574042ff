-- Signed heads of the audit log. Each is sent to a second place, where nobody who holds this file can
-- change it.
CREATE TABLE audit_checkpoints (
    seq INTEGER NOT NULL PRIMARY KEY,
    time BIGINT NOT NULL,
    head TEXT NOT NULL,
    public_key TEXT NOT NULL,
    signature TEXT NOT NULL,
    is_sent BOOLEAN NOT NULL
);

-- What runs by the clock: when next, when last, and who runs it at present.
CREATE TABLE schedules (
    name TEXT NOT NULL PRIMARY KEY,
    cron TEXT NOT NULL,
    next_time BIGINT NOT NULL,
    begun_time BIGINT,
    ended_time BIGINT,
    problem TEXT NOT NULL,
    runner TEXT NOT NULL,
    lease_time BIGINT NOT NULL
) WITHOUT ROWID;
