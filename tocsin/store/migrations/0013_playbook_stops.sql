-- Playbooks that asked for more than they may, and until when they were stopped.
CREATE TABLE playbook_stops (
    uid TEXT NOT NULL PRIMARY KEY,
    playbook_uid TEXT NOT NULL,
    title TEXT NOT NULL,
    reason TEXT NOT NULL,
    incident_uid TEXT NOT NULL,
    time BIGINT NOT NULL,
    ended_time BIGINT,
    ended_by TEXT NOT NULL
);
CREATE INDEX playbook_stops_in_force ON playbook_stops (ended_time, playbook_uid);
