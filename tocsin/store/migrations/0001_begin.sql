-- Migration 1: the first tables. What each holds is written in tocsin/store/tables.py.

CREATE TABLE turns (
    id INTEGER NOT NULL,
    time BIGINT NOT NULL,
    batches INTEGER NOT NULL,
    events INTEGER NOT NULL,
    findings INTEGER NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE seen (
    hour INTEGER NOT NULL,
    "key" BLOB NOT NULL,
    PRIMARY KEY (hour, "key")
) WITHOUT ROWID;

CREATE TABLE shapes (
    id TEXT NOT NULL,
    source TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE segments (
    path TEXT NOT NULL,
    source TEXT NOT NULL,
    day INTEGER NOT NULL,
    received_day INTEGER NOT NULL,
    shape TEXT NOT NULL,
    rows BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    min_time BIGINT NOT NULL,
    max_time BIGINT NOT NULL,
    turn_id INTEGER NOT NULL,
    PRIMARY KEY (path)
);

CREATE INDEX segments_by_receipt ON segments (received_day);

CREATE INDEX segments_by_time ON segments (max_time, min_time);

CREATE TABLE retired (
    path TEXT NOT NULL,
    time BIGINT NOT NULL,
    forgets BOOLEAN NOT NULL,
    PRIMARY KEY (path)
);

CREATE TABLE feeds (
    feed TEXT NOT NULL,
    source TEXT NOT NULL,
    cursor TEXT,
    received BIGINT NOT NULL,
    events BIGINT NOT NULL,
    findings BIGINT NOT NULL,
    resources BIGINT NOT NULL,
    duplicates BIGINT NOT NULL,
    rejects BIGINT NOT NULL,
    last_event_time BIGINT,
    last_received_time BIGINT,
    lag_microseconds BIGINT,
    rhythm_microseconds BIGINT,
    PRIMARY KEY (feed)
);

CREATE TABLE volumes (
    feed TEXT NOT NULL,
    hour BIGINT NOT NULL,
    received BIGINT NOT NULL,
    events BIGINT NOT NULL,
    rejects BIGINT NOT NULL,
    PRIMARY KEY (feed, hour)
) WITHOUT ROWID;

CREATE TABLE rejects (
    uid TEXT NOT NULL,
    feed TEXT NOT NULL,
    source TEXT NOT NULL,
    origin TEXT NOT NULL,
    position BIGINT NOT NULL,
    received_time BIGINT NOT NULL,
    reason TEXT NOT NULL,
    raw BLOB NOT NULL,
    raw_hash TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    is_replayable BOOLEAN NOT NULL,
    PRIMARY KEY (uid)
);

CREATE INDEX rejects_by_receipt ON rejects (received_time, uid);

CREATE TABLE resources (
    uid TEXT NOT NULL,
    observed_time BIGINT NOT NULL,
    type TEXT NOT NULL,
    name TEXT,
    account TEXT,
    region TEXT,
    configuration TEXT NOT NULL,
    PRIMARY KEY (uid, observed_time)
);

CREATE TABLE findings (
    uid TEXT NOT NULL,
    class_uid INTEGER NOT NULL,
    rule_uid TEXT NOT NULL,
    rule_title TEXT NOT NULL,
    rule_type TEXT NOT NULL,
    source TEXT NOT NULL,
    severity_id INTEGER NOT NULL,
    is_alert BOOLEAN NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    dedup_key TEXT NOT NULL,
    period_start BIGINT NOT NULL,
    first_time BIGINT NOT NULL,
    last_time BIGINT NOT NULL,
    match_count BIGINT NOT NULL,
    entity TEXT NOT NULL,
    entity_uid TEXT NOT NULL,
    links TEXT NOT NULL,
    account TEXT,
    tactics TEXT NOT NULL,
    techniques TEXT NOT NULL,
    context TEXT NOT NULL,
    created_time BIGINT NOT NULL,
    updated_time BIGINT NOT NULL,
    PRIMARY KEY (uid)
);

CREATE INDEX findings_by_rule ON findings (rule_uid, last_time);

CREATE INDEX findings_by_time ON findings (last_time, uid);

CREATE TABLE finding_entities (
    entity_uid TEXT NOT NULL,
    finding_uid TEXT NOT NULL,
    PRIMARY KEY (entity_uid, finding_uid)
) WITHOUT ROWID;

CREATE TABLE finding_namespaces (
    finding_uid TEXT NOT NULL,
    namespace TEXT NOT NULL,
    PRIMARY KEY (finding_uid, namespace)
) WITHOUT ROWID;

CREATE TABLE matches (
    finding_uid TEXT NOT NULL,
    event_time BIGINT NOT NULL,
    event_uid TEXT NOT NULL,
    PRIMARY KEY (finding_uid, event_time, event_uid)
) WITHOUT ROWID;

CREATE TABLE incidents (
    uid TEXT NOT NULL,
    title TEXT NOT NULL,
    status TEXT NOT NULL,
    severity_id INTEGER NOT NULL,
    risk_score INTEGER NOT NULL,
    assignee TEXT NOT NULL,
    first_time BIGINT NOT NULL,
    last_time BIGINT NOT NULL,
    opened_time BIGINT NOT NULL,
    updated_time BIGINT NOT NULL,
    merged_into TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (uid)
);

CREATE INDEX incidents_by_time ON incidents (last_time, uid);

CREATE INDEX incidents_by_update ON incidents (updated_time, uid);

CREATE TABLE incident_entities (
    entity_uid TEXT NOT NULL,
    incident_uid TEXT NOT NULL,
    PRIMARY KEY (entity_uid, incident_uid)
) WITHOUT ROWID;

CREATE TABLE incident_findings (
    incident_uid TEXT NOT NULL,
    finding_uid TEXT NOT NULL,
    PRIMARY KEY (incident_uid, finding_uid)
) WITHOUT ROWID;

CREATE INDEX incident_findings_by_finding ON incident_findings (finding_uid);

CREATE TABLE windows (
    "key" TEXT NOT NULL,
    payload BLOB NOT NULL,
    expiry BIGINT NOT NULL,
    PRIMARY KEY ("key")
);

CREATE TABLE failures (
    rule_uid TEXT NOT NULL,
    reason TEXT NOT NULL,
    hour BIGINT NOT NULL,
    count BIGINT NOT NULL,
    event_uid TEXT,
    PRIMARY KEY (rule_uid, reason, hour)
);

CREATE TABLE audit (
    seq INTEGER NOT NULL,
    time BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    details TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (seq)
);

CREATE INDEX audit_by_object ON audit (object);

CREATE TABLE users (
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    accounts TEXT,
    namespaces TEXT,
    is_disabled BOOLEAN NOT NULL,
    created_time BIGINT NOT NULL,
    last_login_time BIGINT,
    PRIMARY KEY (name)
);

CREATE TABLE sessions (
    token_hash TEXT NOT NULL,
    user TEXT NOT NULL,
    created_time BIGINT NOT NULL,
    used_time BIGINT NOT NULL,
    PRIMARY KEY (token_hash)
);

CREATE INDEX sessions_by_user ON sessions (user);

CREATE TABLE setup_tokens (
    token_hash TEXT NOT NULL,
    created_time BIGINT NOT NULL,
    PRIMARY KEY (token_hash)
);

CREATE TABLE login_attempts (
    subject TEXT NOT NULL,
    window BIGINT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (subject, window)
) WITHOUT ROWID;
