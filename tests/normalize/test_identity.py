"""Audit logs of GitHub, Okta and Google Workspace: recorded records, odd ones, several forms."""

import json

import pytest

from tests.normalize.ocsf_schema import problems
from tests.normalize.records import batch, event, events, normalized, shipped
from tests.normalize.test_conservation import ODD, confused, paths
from tocsin.normalize import apply, overlay, unwrap
from tocsin.ocsf.output import event_json

NAMES = ("github.audit", "okta.system", "google_workspace.activity")
LABELLED = {"GitHub.Audit": "github.audit", "GitHub.Webhook": "github.audit"}


@pytest.fixture(scope="module", params=NAMES)
def mapping(request):
    return shipped(request.param)


def test_every_sample_is_a_valid_event(mapping):
    records = [overlay(mapping.example, each.record) for each in mapping.samples]

    assert [problems(each) for each in events(mapping, *records)] == [[]] * len(records)


def test_confusion_of_types_anywhere_loses_no_record(mapping):
    base = json.loads(json.dumps(mapping.example))
    records = [confused(base, path, odd) for path in paths(base) for odd in ODD]

    made = normalized(mapping, *records)

    assert made.events.num_rows + made.rejects.num_rows == len(records)
    wrong = [problems(event_json(row)) for row in made.events.to_pylist()]
    assert [problem for problem in wrong if problem] == []


@pytest.mark.corpora
@pytest.mark.parametrize("kind", LABELLED)
def test_recorded_records_are_valid_events(corpora, kind):
    mapping = shipped(LABELLED[kind])
    lines = (corpora / "panther" / "labelled_logs.jsonl").read_text().splitlines()
    logs = [each["log"] for each in map(json.loads, lines) if kind in each["log_types"]]

    made = normalized(mapping, *logs)

    # Four of them have a time in no format of GitHub's: their authors have blanked it out.
    codes = [reason.partition(":")[0] for reason in made.rejects.column("reason").to_pylist()]
    assert codes == ["bad_time"] * (4 if kind == "GitHub.Audit" else 0)
    wrong = [problems(event_json(row)) for row in made.events.to_pylist()]
    assert [problem for problem in wrong if problem] == []


@pytest.mark.corpora
def test_a_recorded_sign_in_of_okta_is_a_valid_event(corpora):
    path = corpora / "streamalert" / "rules" / "community" / "okta" / "okta_new_login.json"
    logs = [each["data"] for each in json.loads(path.read_text())]

    assert [problems(each) for each in events(shipped("okta.system"), *logs)] == [[]] * len(logs)


@pytest.mark.parametrize(
    ("change", "operation"),
    [
        ({"rule": {"name": "main"}, "action": "deleted"}, "protected_branch.deleted"),
        ({"alert": {"number": 1, "secret_type": "key"}, "action": "created"},
         "secret_scanning_alert.created"),
        ({"key": {"id": 7}, "action": "created"}, "public_key.created"),
        ({"action": "publicized"}, "repo.publicized"),
    ],
)  # fmt: skip
def test_a_webhook_is_named_after_what_it_carries(change, operation):
    record = {
        "repository": {"full_name": "example/shop"},
        "sender": {"login": "alice", "id": 1001, "type": "User"},
        **change,
    }

    (told,) = events(shipped("github.audit"), record)

    assert told["api"]["operation"] == operation
    assert told["actor"]["user"]["name"] == "alice"


def test_each_event_of_an_activity_is_a_record():
    mapping = shipped("google_workspace.activity")
    activity = {
        **mapping.example,
        "kind": "admin#reports#activity",
        "events": [{"name": "login_success", "type": "login"}, {"name": "logout", "type": "login"}],
    }

    cut = unwrap(json.dumps({"items": [activity]}).encode(), mapping.unwrap)
    made = apply(mapping, batch(mapping.source, [raw for _, raw in cut.records]))

    told = [event_json(row) for row in made.events.to_pylist()]
    assert [each["activity_name"] for each in told] == ["Logon", "Logoff"]
    assert {each["user"]["name"] for each in told} == {"alice@example.org"}


@pytest.mark.parametrize(
    ("outcome", "status"), [("SUCCESS", "Success"), ("DENY", "Failure"), ("CHALLENGE", "Unknown")]
)
def test_outcomes_of_okta_are_statuses(outcome, status):
    told = event(shipped("okta.system"), outcome={"result": outcome})

    assert told["status"] == status
