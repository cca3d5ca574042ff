"""The message that the tests of notifiers send."""

from datetime import UTC, datetime
from ipaddress import ip_network

from tocsin.act import Message

LOOPBACK = (ip_network("127.0.0.0/8"),)
NEWS = Message(
    uid="msg_0123456789abcdef",
    title="[Critical] New incident: Logging was stopped: alice",
    text="Severity: Critical\nAbout: user alice",
    severity_id=5,
    time=datetime(2026, 11, 23, 12, tzinfo=UTC),
    incident_uid="inc_1",
    stage="opened",
    url="https://tocsin.example.org/incidents/inc_1",
)
