-- Answers to requests that carried an idempotency key: a repeated request gets the same answer.
CREATE TABLE answered (
    actor TEXT NOT NULL,
    key TEXT NOT NULL,
    request TEXT NOT NULL,
    answer TEXT NOT NULL,
    time BIGINT NOT NULL,
    PRIMARY KEY (actor, key)
) WITHOUT ROWID;

CREATE INDEX answered_by_time ON answered (time);

-- Merges and splits by people, with what is needed to take them back and to keep apart what they
-- parted. Rows stay when they are taken back.
CREATE TABLE incident_decisions (
    uid TEXT NOT NULL,
    kind TEXT NOT NULL,
    time BIGINT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    kept_uid TEXT NOT NULL,
    other_uid TEXT NOT NULL,
    body TEXT NOT NULL,
    one TEXT NOT NULL,
    other TEXT NOT NULL,
    undone_time BIGINT,
    undone_by TEXT NOT NULL,
    undone_reason TEXT NOT NULL,
    PRIMARY KEY (uid)
);

CREATE INDEX incident_decisions_by_kept ON incident_decisions (kept_uid);
CREATE INDEX incident_decisions_by_other ON incident_decisions (other_uid);
