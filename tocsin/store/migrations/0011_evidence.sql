-- What people attach to incidents: events and files, whose bytes lie in the folder `evidence` by
-- their hash. Rows stay when the bytes were removed.
CREATE TABLE evidence (
    uid TEXT NOT NULL PRIMARY KEY,
    incident_uid TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    note TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    account TEXT,
    namespaces TEXT NOT NULL,
    time BIGINT NOT NULL,
    actor TEXT NOT NULL,
    removed_time BIGINT,
    removed_by TEXT NOT NULL,
    removed_reason TEXT NOT NULL
);
CREATE INDEX evidence_by_incident ON evidence (incident_uid, time);
CREATE INDEX evidence_by_hash ON evidence (sha256);
