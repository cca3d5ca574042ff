-- Reviewed, dated reasons not to alert. Rows stay when they have ended: what they hid names them.
CREATE TABLE suppressions (
    uid TEXT NOT NULL,
    version INTEGER NOT NULL,
    rules TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    entity_uid TEXT NOT NULL,
    condition TEXT NOT NULL,
    reason TEXT NOT NULL,
    owner TEXT NOT NULL,
    origin TEXT NOT NULL,
    accounts TEXT,
    namespaces TEXT,
    created_time BIGINT NOT NULL,
    expires_time BIGINT NOT NULL,
    added_by TEXT NOT NULL,
    ended_time BIGINT,
    ended_by TEXT NOT NULL,
    ended_reason TEXT NOT NULL,
    findings BIGINT NOT NULL,
    matches BIGINT NOT NULL,
    last_hit_time BIGINT,
    PRIMARY KEY (uid)
);

CREATE INDEX suppressions_by_version ON suppressions (version);

-- Which suppression hid a finding, and which finding it was cut from: empty for every other one.
ALTER TABLE findings ADD COLUMN suppression_uid TEXT NOT NULL DEFAULT '';
ALTER TABLE findings ADD COLUMN original_uid TEXT NOT NULL DEFAULT '';

CREATE INDEX findings_by_suppression ON findings (suppression_uid, last_time)
WHERE suppression_uid != '';

CREATE INDEX findings_by_original ON findings (original_uid) WHERE original_uid != '';
