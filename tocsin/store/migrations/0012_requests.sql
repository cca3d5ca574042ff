-- Wishes to act, what is planned for them and how far they have come.
CREATE TABLE requests (
    uid TEXT NOT NULL PRIMARY KEY,
    run_uid TEXT NOT NULL,
    playbook_uid TEXT NOT NULL,
    step INTEGER NOT NULL,
    incident_uid TEXT NOT NULL,
    action TEXT NOT NULL,
    target_type TEXT NOT NULL,
    target_uid TEXT NOT NULL,
    target_name TEXT NOT NULL,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    resolution TEXT NOT NULL,
    arguments TEXT NOT NULL,
    mode TEXT NOT NULL,
    state TEXT NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    requested_time BIGINT NOT NULL,
    lasts BIGINT,
    needed_approvals INTEGER NOT NULL,
    on_failure TEXT NOT NULL,
    evidence_for TEXT NOT NULL,
    plan TEXT NOT NULL,
    digest TEXT NOT NULL,
    planned_time BIGINT,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    undo TEXT NOT NULL,
    undo_by TEXT NOT NULL,
    begun_time BIGINT,
    expires_time BIGINT,
    asked_time BIGINT,
    attempts INTEGER NOT NULL,
    due_time BIGINT NOT NULL,
    problem TEXT NOT NULL,
    updated_time BIGINT NOT NULL
);
CREATE INDEX requests_by_state ON requests (state, due_time);
CREATE INDEX requests_by_run ON requests (run_uid, step);
CREATE INDEX requests_by_incident ON requests (incident_uid);
CREATE INDEX requests_by_time ON requests (requested_time);

-- Every change of a request's state: when, by whom, why.
CREATE TABLE request_history (
    seq INTEGER NOT NULL PRIMARY KEY,
    request_uid TEXT NOT NULL,
    time BIGINT NOT NULL,
    state TEXT NOT NULL,
    who TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX request_history_by_request ON request_history (request_uid, seq);

-- Every call that changes something outside, written down before it is sent.
CREATE TABLE request_calls (
    seq INTEGER NOT NULL PRIMARY KEY,
    request_uid TEXT NOT NULL,
    phase TEXT NOT NULL,
    number INTEGER NOT NULL,
    call TEXT NOT NULL,
    fence BIGINT NOT NULL,
    begun_time BIGINT NOT NULL,
    ended_time BIGINT,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX request_calls_by_request ON request_calls (request_uid, seq);

-- Who agreed to which exact plan.
CREATE TABLE approvals (
    seq INTEGER NOT NULL PRIMARY KEY,
    request_uid TEXT NOT NULL,
    digest TEXT NOT NULL,
    approver TEXT NOT NULL,
    time BIGINT NOT NULL
);
CREATE INDEX approvals_by_request ON approvals (request_uid, digest);

-- Who carries out requests at present; whoever comes next has a higher fence.
CREATE TABLE response_leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    fence BIGINT NOT NULL,
    until BIGINT NOT NULL
) WITHOUT ROWID;
