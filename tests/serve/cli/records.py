"""Records for commands: some that rules know, some hostile to terminals and spreadsheets."""

from datetime import UTC, datetime, timedelta

from tests.run.crank import call, stopped_trail

NOW = datetime.now(UTC).replace(microsecond=0)
# Inside one hour, so that matches of one rule are one finding whenever the tests run.
START = (NOW - timedelta(hours=1)).replace(minute=5)
HOSTILE_USER = "=cmd|'!A0\x1b]0;owned\x07\u202e\u009b31m\nforged  row"


def administration() -> list[dict[str, object]]:
    """Return records of this day: benign calls, a stopped trail, and a hostile name."""
    return [
        call("DescribeInstances", user="alice", at=START),
        call("DeleteVolume", user="alice", at=START + timedelta(minutes=1)),
        stopped_trail("mallory", START + timedelta(minutes=2)),
        stopped_trail(HOSTILE_USER, START + timedelta(minutes=3)),
    ]


def audit_event(number: int, at: datetime = NOW) -> dict[str, object]:
    """Return a Kubernetes audit event of an ordinary list."""
    moment = at.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"6a1f0e2c-0000-4000-8000-{number:012}",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/default/pods?limit=500",
        "verb": "list",
        "user": {"username": "jane", "groups": ["system:authenticated"]},
        "sourceIPs": ["10.0.0.9"],
        "userAgent": "kubectl/v1.31.0",
        "objectRef": {"resource": "pods", "namespace": "default", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": moment,
        "stageTimestamp": moment,
        "annotations": {"authorization.k8s.io/decision": "allow"},
    }
