-- The systems of tickets that are set; while there is none, nothing is noted for them.
CREATE TABLE ticket_systems (
    name TEXT NOT NULL PRIMARY KEY
) WITHOUT ROWID;

-- Incidents that changed since tickets were last thought of. Written by triggers, so that no commit
-- can forget it; what they do on a conflict is decided by the statement that sets them off, so they
-- run into none.
CREATE TABLE ticket_news (
    incident_uid TEXT NOT NULL PRIMARY KEY
) WITHOUT ROWID;

-- The ticket of an incident in one system, what it was told, and what is to be done with it.
-- `begun_time` stands before a request leaves and is cleared by its answer: where it is left, nobody
-- knows what became of the request.
CREATE TABLE tickets (
    system TEXT NOT NULL,
    incident_uid TEXT NOT NULL,
    uid TEXT NOT NULL,
    key TEXT NOT NULL,
    url TEXT NOT NULL,
    is_open BOOLEAN NOT NULL,
    told_finished BOOLEAN NOT NULL,
    told_severity_id INTEGER NOT NULL,
    told_findings INTEGER NOT NULL,
    told_verdict TEXT NOT NULL,
    told_time BIGINT,
    synced_time BIGINT,
    begun TEXT NOT NULL,
    begun_time BIGINT,
    mark TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_time BIGINT NOT NULL,
    lease_time BIGINT NOT NULL,
    problem TEXT NOT NULL,
    PRIMARY KEY (system, incident_uid)
) WITHOUT ROWID;
CREATE INDEX tickets_by_state ON tickets (system, state, due_time);
CREATE INDEX tickets_by_incident ON tickets (incident_uid);

CREATE TRIGGER incident_added_to_tickets AFTER INSERT ON incidents
WHEN EXISTS (SELECT 1 FROM ticket_systems)
BEGIN
    INSERT INTO ticket_news (incident_uid) SELECT NEW.uid
    WHERE NOT EXISTS (SELECT 1 FROM ticket_news WHERE incident_uid = NEW.uid);
END;

CREATE TRIGGER incident_changed_for_tickets AFTER UPDATE ON incidents
WHEN EXISTS (SELECT 1 FROM ticket_systems)
BEGIN
    INSERT INTO ticket_news (incident_uid) SELECT NEW.uid
    WHERE NOT EXISTS (SELECT 1 FROM ticket_news WHERE incident_uid = NEW.uid);
END;
