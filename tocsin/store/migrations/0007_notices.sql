-- What happened to incidents and is not yet handed to the routes of notifications.
CREATE TABLE occasions (
    uid TEXT NOT NULL PRIMARY KEY,
    incident_uid TEXT NOT NULL,
    stage TEXT NOT NULL,
    severity_id INTEGER NOT NULL,
    time BIGINT NOT NULL
);
CREATE INDEX occasions_by_severity ON occasions (severity_id, time);

-- What one route tells of one incident, `message_uid` being empty while it waits for a message.
CREATE TABLE notices (
    uid TEXT NOT NULL PRIMARY KEY,
    route TEXT NOT NULL,
    lane TEXT NOT NULL,
    incident_uid TEXT NOT NULL,
    stage TEXT NOT NULL,
    severity_id INTEGER NOT NULL,
    subject TEXT NOT NULL,
    time BIGINT NOT NULL,
    message_uid TEXT NOT NULL
);
CREATE INDEX notices_by_incident ON notices (incident_uid, route);
CREATE INDEX notices_by_message ON notices (message_uid, route, lane, time);

-- How many messages a lane of a route may still send.
CREATE TABLE allowances (
    route TEXT NOT NULL,
    lane TEXT NOT NULL,
    tokens REAL NOT NULL,
    time BIGINT NOT NULL,
    PRIMARY KEY (route, lane)
) WITHOUT ROWID;

-- Messages on their way out, kept for a while after they were taken.
CREATE TABLE outbox (
    uid TEXT NOT NULL,
    target TEXT NOT NULL,
    route TEXT NOT NULL,
    incident_uid TEXT NOT NULL,
    stage TEXT NOT NULL,
    severity_id INTEGER NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    count INTEGER NOT NULL,
    time BIGINT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_time BIGINT NOT NULL,
    problem TEXT NOT NULL,
    PRIMARY KEY (uid, target)
) WITHOUT ROWID;
CREATE INDEX outbox_by_state ON outbox (state, target, due_time);
