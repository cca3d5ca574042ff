"""The tables of the state database, as queries name them; `migrations` creates them.

Identifiers are text, times are microseconds UTC (`Moment`), lists and objects are JSON text.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from tocsin.store.moments import Moment

METADATA = MetaData()

TURNS = Table(
    "turns",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("time", Moment, nullable=False),
    Column("batches", Integer, nullable=False),
    Column("events", Integer, nullable=False),
    Column("findings", Integer, nullable=False),
)
"""One row a commit."""

SEEN = Table(
    "seen",
    METADATA,
    Column("hour", Integer, nullable=False),
    Column("key", LargeBinary, nullable=False),
    PrimaryKeyConstraint("hour", "key"),
    sqlite_with_rowid=False,
)
"""Keys of everything stored, clustered by the hour of the record's own time, so that neighbors in
time are neighbors on disk. `key` is the 16 bytes of the identifier."""

SHAPES = Table(
    "shapes",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
"""Arrow schemas of segments (IPC), by hash."""

SEGMENTS = Table(
    "segments",
    METADATA,
    Column("path", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("received_day", Integer, nullable=False),
    Column("shape", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("min_time", Moment, nullable=False),
    Column("max_time", Moment, nullable=False),
    Column("turn_id", Integer, nullable=False),
    Index("segments_by_time", "max_time", "min_time"),
    Index("segments_by_receipt", "received_day"),
)
"""The manifest: the event files that count, with paths relative to the lake. `day` and
`received_day` are days since 1970; a file holds one of each."""

RETIRED = Table(
    "retired",
    METADATA,
    Column("path", Text, primary_key=True),
    Column("time", Moment, nullable=False),
    Column("forgets", Boolean, nullable=False),
)
"""Files that count no more, waiting for running queries to end. Those that retention took still
have their keys, which are forgotten with the file (`forgets`); rows of replaced ones live on."""

FEEDS = Table(
    "feeds",
    METADATA,
    Column("feed", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("cursor", Text),
    Column("received", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("findings", BigInteger, nullable=False),
    Column("resources", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("rejects", BigInteger, nullable=False),
    Column("last_event_time", Moment),
    Column("last_received_time", Moment),
    Column("lag_microseconds", BigInteger),
    Column("rhythm_microseconds", BigInteger),
    Column("own_lag_microseconds", BigInteger),
)
"""Cursor and counters of each feed; the rhythm is a pause between batches it seldom exceeds. From
version 4 on the lag of Tocsin itself stands beside that of the provider."""

REDACTIONS = Table(
    "redactions",
    METADATA,
    Column("feed", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    PrimaryKeyConstraint("feed", "kind"),
    sqlite_with_rowid=False,
)

SIGHTINGS = Table(
    "sightings",
    METADATA,
    Column("host", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("first_time", Moment, nullable=False),
    Column("last_time", Moment, nullable=False),
    PrimaryKeyConstraint("host", "source"),
    sqlite_with_rowid=False,
)
"""Hosts by the names that the records of a source give them, by time of receipt."""

VOLUMES = Table(
    "volumes",
    METADATA,
    Column("feed", Text, nullable=False),
    Column("hour", Moment, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("rejects", BigInteger, nullable=False),
    PrimaryKeyConstraint("feed", "hour"),
    sqlite_with_rowid=False,
)

REJECTS = Table(
    "rejects",
    METADATA,
    Column("uid", Text, primary_key=True),
    Column("feed", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("received_time", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("raw_hash", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("is_replayable", Boolean, nullable=False),
    Index("rejects_by_receipt", "received_time", "uid"),
)

RESOURCES = Table(
    "resources",
    METADATA,
    Column("uid", Text, nullable=False),
    Column("observed_time", Moment, nullable=False),
    Column("type", Text, nullable=False),
    Column("name", Text),
    Column("account", Text),
    Column("region", Text),
    Column("configuration", Text, nullable=False),
    PrimaryKeyConstraint("uid", "observed_time"),
)

FINDINGS = Table(
    "findings",
    METADATA,
    Column("uid", Text, primary_key=True),
    Column("class_uid", Integer, nullable=False),
    Column("rule_uid", Text, nullable=False),
    Column("rule_title", Text, nullable=False),
    Column("rule_type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("severity_id", Integer, nullable=False),
    Column("is_alert", Boolean, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("dedup_key", Text, nullable=False),
    Column("period_start", Moment, nullable=False),
    Column("first_time", Moment, nullable=False),
    Column("last_time", Moment, nullable=False),
    Column("match_count", BigInteger, nullable=False),
    Column("entity", Text, nullable=False),
    Column("entity_uid", Text, nullable=False),
    Column("links", Text, nullable=False),
    Column("account", Text),
    Column("tactics", Text, nullable=False),
    Column("techniques", Text, nullable=False),
    Column("context", Text, nullable=False),
    Column("created_time", Moment, nullable=False),
    Column("updated_time", Moment, nullable=False),
    Column("suppression_uid", Text, nullable=False, server_default=""),
    Column("original_uid", Text, nullable=False, server_default=""),
    Index("findings_by_time", "last_time", "uid"),
    Index("findings_by_rule", "rule_uid", "last_time"),
    Index("findings_by_suppression", "suppression_uid", "last_time"),
    Index("findings_by_original", "original_uid"),
)
"""From version 3 on `suppression_uid` names what hid a finding, `original_uid` the finding that it
was cut from; "" in every other one."""

SUPPRESSIONS = Table(
    "suppressions",
    METADATA,
    Column("uid", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("rules", Text, nullable=False),
    Column("entity_type", Text, nullable=False),
    Column("entity_uid", Text, nullable=False),
    Column("condition", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("accounts", Text),
    Column("namespaces", Text),
    Column("created_time", Moment, nullable=False),
    Column("expires_time", Moment, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("ended_time", Moment),
    Column("ended_by", Text, nullable=False),
    Column("ended_reason", Text, nullable=False),
    Column("findings", BigInteger, nullable=False),
    Column("matches", BigInteger, nullable=False),
    Column("last_hit_time", Moment),
    Index("suppressions_by_version", "version"),
)
"""Every suppression there ever was, with what it hid. `version` grows with every change of any row
but not with what is hidden, so that a turn sees by one number whether to read them again."""

FINDING_ENTITIES = Table(
    "finding_entities",
    METADATA,
    Column("entity_uid", Text, nullable=False),
    Column("finding_uid", Text, nullable=False),
    PrimaryKeyConstraint("entity_uid", "finding_uid"),
    sqlite_with_rowid=False,
)
"""The entity of a finding and its links."""

FINDING_NAMESPACES = Table(
    "finding_namespaces",
    METADATA,
    Column("finding_uid", Text, nullable=False),
    Column("namespace", Text, nullable=False),
    PrimaryKeyConstraint("finding_uid", "namespace"),
    sqlite_with_rowid=False,
)
"""Namespaces of the events that a finding matched; what a scope is compared with."""

MATCHES = Table(
    "matches",
    METADATA,
    Column("finding_uid", Text, nullable=False),
    Column("event_time", Moment, nullable=False),
    Column("event_uid", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("address", Text, nullable=False),
    PrimaryKeyConstraint("finding_uid", "event_time", "event_uid"),
    sqlite_with_rowid=False,
)
"""What matched and, from version 2 on, in a few words what the event did: "" where unknown."""

INCIDENTS = Table(
    "incidents",
    METADATA,
    Column("uid", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("severity_id", Integer, nullable=False),
    Column("risk_score", Integer, nullable=False),
    Column("assignee", Text, nullable=False),
    Column("first_time", Moment, nullable=False),
    Column("last_time", Moment, nullable=False),
    Column("opened_time", Moment, nullable=False),
    Column("updated_time", Moment, nullable=False),
    Column("merged_into", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Index("incidents_by_time", "last_time", "uid"),
    Index("incidents_by_update", "updated_time", "uid"),
)
"""`body` is the whole `incidents.Incident` as JSON; the other columns repeat what is asked for."""

INCIDENT_ENTITIES = Table(
    "incident_entities",
    METADATA,
    Column("entity_uid", Text, nullable=False),
    Column("incident_uid", Text, nullable=False),
    PrimaryKeyConstraint("entity_uid", "incident_uid"),
    sqlite_with_rowid=False,
)

INCIDENT_FINDINGS = Table(
    "incident_findings",
    METADATA,
    Column("incident_uid", Text, nullable=False),
    Column("finding_uid", Text, nullable=False),
    PrimaryKeyConstraint("incident_uid", "finding_uid"),
    Index("incident_findings_by_finding", "finding_uid"),
    sqlite_with_rowid=False,
)

WINDOWS = Table(
    "windows",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("payload", LargeBinary, nullable=False),
    Column("expiry", Moment, nullable=False),
)
"""Rows of `detect.Windows`."""

FAILURES = Table(
    "failures",
    METADATA,
    Column("rule_uid", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("hour", Moment, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("event_uid", Text),
    PrimaryKeyConstraint("rule_uid", "reason", "hour"),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("time", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("audit_by_object", "object"),
)

USERS = Table(
    "users",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("accounts", Text),
    Column("namespaces", Text),
    Column("is_disabled", Boolean, nullable=False),
    Column("created_time", Moment, nullable=False),
    Column("last_login_time", Moment),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("token_hash", Text, primary_key=True),
    Column("user", Text, nullable=False),
    Column("created_time", Moment, nullable=False),
    Column("used_time", Moment, nullable=False),
    Index("sessions_by_user", "user"),
)

SETUP_TOKENS = Table(
    "setup_tokens",
    METADATA,
    Column("token_hash", Text, primary_key=True),
    Column("created_time", Moment, nullable=False),
)

LOGIN_ATTEMPTS = Table(
    "login_attempts",
    METADATA,
    Column("subject", Text, nullable=False),
    Column("window", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    PrimaryKeyConstraint("subject", "window"),
    sqlite_with_rowid=False,
)
"""`subject` is a hash of name or address; `window` counts quarters of an hour since 1970."""

FORWARDERS = Table(
    "forwarders",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("mark", Text, nullable=False),
    Column("change_seq", BigInteger, nullable=False),
    Column("turn_id", BigInteger, nullable=False),
    Column("sent", BigInteger, nullable=False),
    Column("sent_time", Moment),
    Column("problem", Text, nullable=False),
)
"""Where each forwarder stands: the last change and the last turn whose events it has sent."""

CHANGES = Table(
    "changes",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("uid", Text, nullable=False),
    Index("changes_by_uid", "kind", "uid", unique=True),
)
"""Findings, incidents and matched events that some forwarder has not passed, written by triggers in
the order of commits; `seq` never comes again."""

FORWARD_AGAIN = Table(
    "forward_again",
    METADATA,
    Column("forwarder", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("uid", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_time", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Column("is_parked", Boolean, nullable=False),
    PrimaryKeyConstraint("forwarder", "kind", "uid"),
    sqlite_with_rowid=False,
)
"""What a forwarder sends again: refused before, or asked for. Parked rows wait for a person."""
