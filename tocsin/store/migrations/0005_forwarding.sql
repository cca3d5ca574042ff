-- Where each forwarder stands. A new one begins with what happens from then on.
CREATE TABLE forwarders (
    name TEXT NOT NULL PRIMARY KEY,
    mark TEXT NOT NULL,
    change_seq BIGINT NOT NULL,
    turn_id BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    sent_time BIGINT,
    problem TEXT NOT NULL
);

-- What some forwarder has not passed yet, in the order of commits; one row a thing, at its last
-- change. Written by triggers, so that no commit can forget it; while there is no forwarder,
-- nothing is written.
CREATE TABLE changes (
    seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    uid TEXT NOT NULL
);
CREATE UNIQUE INDEX changes_by_uid ON changes (kind, uid);

-- What one forwarder has to send again: refused before, or asked for by a person.
CREATE TABLE forward_again (
    forwarder TEXT NOT NULL,
    kind TEXT NOT NULL,
    uid TEXT NOT NULL,
    tries INTEGER NOT NULL,
    due_time BIGINT NOT NULL,
    reason TEXT NOT NULL,
    is_parked BOOLEAN NOT NULL,
    PRIMARY KEY (forwarder, kind, uid)
) WITHOUT ROWID;

CREATE TRIGGER finding_added AFTER INSERT ON findings
WHEN NEW.suppression_uid = '' AND EXISTS (SELECT 1 FROM forwarders)
BEGIN
    DELETE FROM changes WHERE kind = 'finding' AND uid = NEW.uid;
    INSERT INTO changes (kind, uid) VALUES ('finding', NEW.uid);
END;

CREATE TRIGGER finding_changed AFTER UPDATE ON findings
WHEN NEW.suppression_uid = '' AND EXISTS (SELECT 1 FROM forwarders)
BEGIN
    DELETE FROM changes WHERE kind = 'finding' AND uid = NEW.uid;
    INSERT INTO changes (kind, uid) VALUES ('finding', NEW.uid);
END;

CREATE TRIGGER incident_added AFTER INSERT ON incidents
WHEN EXISTS (SELECT 1 FROM forwarders)
BEGIN
    DELETE FROM changes WHERE kind = 'incident' AND uid = NEW.uid;
    INSERT INTO changes (kind, uid) VALUES ('incident', NEW.uid);
END;

CREATE TRIGGER incident_changed AFTER UPDATE ON incidents
WHEN EXISTS (SELECT 1 FROM forwarders)
BEGIN
    DELETE FROM changes WHERE kind = 'incident' AND uid = NEW.uid;
    INSERT INTO changes (kind, uid) VALUES ('incident', NEW.uid);
END;

-- An event never changes: matched by one more rule, it is sent once all the same while it waits.
CREATE TRIGGER event_matched AFTER INSERT ON matches
WHEN EXISTS (SELECT 1 FROM forwarders)
BEGIN
    INSERT OR IGNORE INTO changes (kind, uid) VALUES ('event', NEW.event_uid);
END;
