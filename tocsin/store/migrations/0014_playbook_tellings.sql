-- What playbooks said about incidents: tickets, messages, comments, tags, tasks; each once.
CREATE TABLE playbook_tellings (
    uid TEXT NOT NULL PRIMARY KEY,
    playbook_uid TEXT NOT NULL,
    incident_uid TEXT NOT NULL,
    step INTEGER NOT NULL,
    kind TEXT NOT NULL,
    mode TEXT NOT NULL,
    time BIGINT NOT NULL,
    problem TEXT NOT NULL
);
CREATE INDEX playbook_tellings_by_incident ON playbook_tellings (incident_uid);
CREATE INDEX playbook_tellings_by_time ON playbook_tellings (time, playbook_uid);
