"""What other tools have found, from their records to findings and incidents in a real store."""

from datetime import timedelta

import msgspec
import pytest

from tests.run.batches import batch
from tests.run.crank import ACCOUNT, NOW, counters, is_conserved, stopped_trail, stored, turned
from tocsin.normalize import overlay
from tocsin.run.recognition import recognize
from tocsin.run.tools import Tools
from tocsin.store import Store

GUARDDUTY = "aws.guardduty"


def reported(tools: Tools, count: int = 1, **changes: object) -> dict[str, object]:
    """Return a finding of GuardDuty about eve's key, who stops trails in `stopped_trail`."""
    at = (NOW - timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    record = {
        "accountId": ACCOUNT,
        "severity": 8,
        "createdAt": at,
        "updatedAt": (NOW + timedelta(seconds=count)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "resource": {"accessKeyDetails": {"userName": "eve"}},
        "service": {"count": count, "eventFirstSeen": at, "eventLastSeen": at},
    }
    return overlay(tools.mappings[GUARDDUTY].example, {**record, **changes})


def alarm(tools: Tools, uuid: str, pod: str = "web-0", seconds: int = 0) -> dict[str, object]:
    """Return a critical alert of Falco about a pod."""
    at = (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    changes = {"uuid": uuid, "priority": "Critical", "time": at}
    fields = {"output_fields": {"k8s.pod.name": pod}}
    return overlay(tools.mappings["falco.alert"].example, {**changes, **fields})


def test_a_finding_of_guardduty_opens_an_incident_with_its_raw_record(tools: Tools, store: Store):
    report = turned(tools, store, batch(reported(tools), source=GUARDDUTY))

    after = stored(store)
    (finding,) = after.findings
    (incident,) = report.changed
    assert (report.events, report.findings, report.rejects) == (1, 1, 0)
    assert finding["event_uids"] == after.events
    assert finding["entity"]["uid"] == f"arn:aws:iam::{ACCOUNT}:user/eve"
    assert finding["incident_uid"] == incident.uid
    assert (finding["match_count"], finding["is_alert"]) == (1, True)


def test_it_joins_the_incident_of_what_the_same_user_did(tools: Tools, store: Store):
    turned(tools, store, batch(stopped_trail(), feed="trail"))

    turned(tools, store, batch(reported(tools), source=GUARDDUTY))

    (incident,) = stored(store).incidents
    assert incident.finding_count == 2
    assert "aws.guardduty:UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom" in incident.rule_uids


def test_a_finding_told_again_with_a_higher_count_grows_and_does_not_double(
    tools: Tools, store: Store
):
    for count in (1, 3, 3, 7):
        turned(tools, store, batch(reported(tools, count), source=GUARDDUTY))

    after = stored(store)
    (finding,), (incident,) = after.findings, after.incidents
    assert finding["match_count"] == incident.match_count == 7
    assert (incident.finding_count, len(after.events)) == (1, 3)
    assert is_conserved(counters(store, "feed"))


def test_totals_in_one_batch_and_in_two_of_one_commit_do_not_double(tools: Tools, store: Store):
    one = batch(reported(tools, 2), reported(tools, 5), source=GUARDDUTY, feed="one")
    two = batch(reported(tools, 4), reported(tools, 6), source=GUARDDUTY, feed="two")

    turned(tools, store, one, two)

    after = stored(store)
    assert [finding["match_count"] for finding in after.findings] == [6]
    assert [incident.match_count for incident in after.incidents] == [6]


def test_a_replay_changes_nothing(tools: Tools, store: Store):
    sent = [
        batch(reported(tools, 3), source=GUARDDUTY, feed="one"),
        batch(alarm(tools, "a"), alarm(tools, "b"), source="falco.alert", feed="two"),
    ]
    turned(tools, store, *sent)
    before = stored(store)

    again = turned(tools, store, *sent)

    assert stored(store) == before
    assert (again.findings, again.duplicates) == (0, 3)
    assert store.maintenance.fsck() == ()
    assert is_conserved(counters(store, "one"))
    assert is_conserved(counters(store, "two"))


def test_alerts_of_falco_about_a_pod_add_up(tools: Tools, store: Store):
    turned(
        tools, store, batch(alarm(tools, "a"), alarm(tools, "b", seconds=5), source="falco.alert")
    )

    turned(tools, store, batch(alarm(tools, "c", seconds=9), source="falco.alert"))

    (finding,) = stored(store).findings
    assert finding["match_count"] == len(finding["event_uids"]) == 3
    assert finding["entity"]["uid"] == "shop/web-0"


def test_tools_that_watch_the_same_pod_share_an_incident(tools: Tools, store: Store):
    armor = tools.mappings["kubearmor.alert"].example
    at = {"UpdatedTime": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"), "Severity": "9"}
    turned(tools, store, batch(alarm(tools, "a"), source="falco.alert", feed="one"))

    turned(tools, store, batch({**armor, **at}, source="kubearmor.alert", feed="two"))

    (incident,) = stored(store).incidents
    tools_of = {uid.partition(":")[0] for uid in incident.rule_uids}
    assert tools_of > {"falco.alert", "kubearmor.alert"}
    assert incident.finding_count == 3  # that two sensors agree is a finding of its own


def test_old_findings_are_kept_and_alert_nobody(tools: Tools, store: Store):
    old = batch(reported(tools), source=GUARDDUTY)

    report = turned(tools, store, old, now=NOW + timedelta(days=400))

    (finding,) = stored(store).findings
    assert finding["is_alert"] is False
    assert report.changed == ()


def test_what_is_archived_there_opens_nothing_here(tools: Tools, store: Store):
    settled = reported(tools)
    settled["service"] = {**settled["service"], "archived": True}

    report = turned(tools, store, batch(settled, source=GUARDDUTY))

    assert (report.findings, report.changed) == (1, ())


@pytest.mark.parametrize("source", [GUARDDUTY, "falco.alert", "kubearmor.alert"])
def test_files_of_their_records_are_recognized(tools: Tools, tmp_path, source):
    mapping = tools.mappings[source]
    records = [overlay(mapping.example, sample.record) for sample in mapping.samples]
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"\n".join(map(msgspec.json.encode, records)))

    assert recognize((str(path),), tools.mappings).source == source
