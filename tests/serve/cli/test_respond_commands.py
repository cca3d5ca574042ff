"""`tocsin respond`: plan, approve, apply, undo, and the switch that stops everything."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.run.response_stage import ACCOUNT, Stage, aws, cloud, moto_url, settings_in, stage
from tests.serve.cli.shell import spawned, tocsin
from tests.store.tables import batch, finding, group, normalized, turn
from tocsin.ocsf import EVERYTHING
from tocsin.store import IncidentFilter

__all__ = ["aws", "cloud", "moto_url", "stage"]


@pytest.fixture
def config(stage: Stage) -> Path:
    folder = stage.store.folder.parent
    endpoint = stage.settings.response.accounts[0].endpoint
    settings_in(folder, str(endpoint))
    return folder / "tocsin.yaml"


@pytest.fixture
def incident(stage: Stage) -> str:
    with stage.store.turns.lock():
        windows = stage.store.turns.windows()
        found = [finding("leak", severity_id=4)]
        stage.store.turns.commit(
            [turn(stage.store, batch(), normalized(), findings=found)], windows, group
        )
    return stage.store.incidents.list(IncidentFilter(), EVERYTHING).rows[0].uid


def planned(stage, config, incident) -> dict:
    ended = tocsin(
        *("respond", "plan", "aws_disable_access_key", stage.key),
        *("--incident", incident, "--reason", "it leaked", "--config", config, "-o", "json"),
    )
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def approve(stage, uid: str, digest: str) -> None:
    stage.store.requests.approve(uid, digest, "alice", datetime.now(UTC), EVERYTHING)


def test_a_key_is_planned_approved_applied_and_taken_back(stage, config, incident):
    was = stage.keys()
    plan = planned(stage, config, incident)
    uid = plan["uid"]
    assert plan["state"] == "proposed"
    assert plan["plan"]["calls"][0]["operation"] == "update_access_key"

    own = tocsin("respond", "approve", uid, "--digest", plan["digest"], "--config", config)
    assert (own.code, "somebody else must approve" in own.err) == (2, True)
    approve(stage, uid, plan["digest"])
    applied = tocsin("respond", "apply", uid, "--config", config)
    assert applied.code == 0, applied.err
    assert "active by tocsin: done and read back" in applied.out
    assert stage.status() == "Inactive"
    undone = tocsin("respond", "undo", uid, "--reason", "a test", "--config", config)

    assert "reverted by tocsin" in undone.out
    assert stage.keys() == was


def test_a_plan_shows_its_diff_its_calls_and_who_must_agree(stage, config, incident):
    uid = planned(stage, config, incident)["uid"]

    shown = tocsin("respond", "show", uid[:12], "--config", config).out

    assert "Disable an access key" in shown
    assert "- Active" in shown and "+ Inactive" in shown
    assert "> iam.update_access_key" in shown and '"Status": "Inactive"' in shown
    assert "one person must approve" in shown


def test_an_approval_of_another_plan_is_refused(stage, config, incident):
    uid = planned(stage, config, incident)["uid"]

    ended = tocsin("respond", "approve", uid, "--digest", "0" * 32, "--config", config)

    assert ended.code == 2
    assert "the plan has changed" in ended.err


def test_what_is_not_approved_is_not_applied(stage, config, incident):
    uid = planned(stage, config, incident)["uid"]

    ended = tocsin("respond", "apply", uid, "--config", config)

    assert (ended.code, stage.status()) == (2, "Active")
    assert "not approved" in ended.err


def test_a_refused_request_is_over(stage, config, incident):
    uid = planned(stage, config, incident)["uid"]

    tocsin("respond", "refuse", uid, "--reason", "no", "--config", config)

    listed = tocsin("respond", "list", "--only", "over", "--config", config).out
    assert "refused" in listed


READ_ONLY = """
mount --bind "$1/state.sqlite" "$1/state.sqlite" &&
mount -o remount,ro,bind "$1/state.sqlite" &&
! sh -c 'echo x >> "$1/state.sqlite"' sh "$1" 2>/dev/null &&
exec "$2" -m tocsin respond stop --reason "a mistake" --config "$3"
"""


def can_mount() -> bool:
    made = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    return made.returncode == 0


def test_stop_stops_with_a_database_that_is_read_only(stage, config, incident):
    if not can_mount():
        pytest.skip("no file system can be mounted here")
    uid = planned(stage, config, incident)["uid"]
    approve(stage, uid, stage.kept(uid).digest)
    given = (str(stage.store.folder), sys.executable, str(config))
    stopped = subprocess.run(
        ["unshare", "-m", "sh", "-c", READ_ONLY, "sh", *given],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert stopped.returncode == 0, stopped.stderr
    assert "Responding is stopped" in stopped.stderr
    assert "could not be written to the audit log" in stopped.stderr
    ended = tocsin("respond", "apply", uid, "--config", config)
    assert (ended.code, stage.status()) == (2, "Active")
    assert "responding is stopped" in ended.err


def test_stop_stops_while_somebody_else_holds_the_database(stage, config, incident):
    uid = planned(stage, config, incident)["uid"]
    approve(stage, uid, stage.kept(uid).digest)
    holder = sqlite3.connect(stage.store.folder / "state.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    stopping = threading.Thread(target=tocsin, args=("respond", "stop", "--config", config))
    try:
        stopping.start()
        wait_until(lambda: stage.store.response_stop.is_set)
    finally:
        holder.execute("ROLLBACK")
        holder.close()
        stopping.join()

    ended = tocsin("respond", "apply", uid, "--config", config)

    assert (ended.code, stage.status()) == (2, "Active")
    assert "responding is stopped" in ended.err


def wait_until(is_so) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_commands_act_with_what_only_the_broker_sees(stage, config, incident, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"TOCSIN_BROKER_{name}", os.environ[name])
        monkeypatch.delenv(name)
    environ = {name: os.environ[name] for name in os.environ if name.startswith("TOCSIN_BROKER_")}
    given = (
        *("respond", "plan", "aws_disable_access_key", stage.key),
        *("--incident", incident, "--reason", "it leaked", "--config", config, "-o", "json"),
    )
    made = spawned(*given, environ=environ)
    assert made.code == 0, made.err
    uid = made.json["uid"]
    assert made.json["problem"] == "" and made.json["digest"]
    approve(stage, uid, made.json["digest"])
    applied = spawned("respond", "apply", uid, "--config", config, environ=environ)
    undone = spawned(
        *("respond", "undo", uid, "--reason", "a test", "--config", config), environ=environ
    )

    assert "active by tocsin: done and read back" in applied.out
    assert "reverted by tocsin" in undone.out


def test_stop_and_resume_are_said_and_in_the_audit_log(stage, config):
    stopped = tocsin("respond", "stop", "--reason", "a mistake", "--config", config)
    listed = tocsin("respond", "list", "--config", config)
    resumed = tocsin("respond", "resume", "--config", config)

    assert "no call is sent any more" in stopped.err
    assert "Responding is stopped by local:" in listed.err and "a mistake" in listed.err
    assert "Responding goes on." in resumed.err
    rows = stage.store.audit.list(EVERYTHING).rows
    assert [row.action for row in rows[:2]] == ["respond.resume", "respond.stop"]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (("aws_disable_acess_key", "AKIA"), "did you mean"),
        (("aws_disable_access_key", "AKIA", "--account", "999999999999"), ACCOUNT),
        (("aws_disable_access_key", "AKIA", "--incident", "inc_0"), "no incident inc_0"),
        (("aws_disable_access_key", "AKIA", "--with", '{"a": 1}'), "`a` is no setting"),
        (("aws_disable_access_key", "AKIA", "--type", "bucket"), "is for access_key"),
        (("aws_disable_access_key", "AKIA", "--reason", " "), "say why"),
        (("aws_disable_access_key", "AKIA", "--lasts", "soon"), "is no"),
    ],
)
def test_a_request_that_cannot_be_is_one_line_with_its_remedy(
    stage, config, incident, changed, problem
):
    given = ("--incident", incident, "--reason", "x", *changed[2:])
    ended = tocsin("respond", "plan", *changed[:2], *given, "--config", config)

    assert ended.code == 2
    assert problem in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_rights_of_an_action_are_printed():
    ended = tocsin("respond", "rights", "aws_disable_access_key")
    policy = tocsin("respond", "rights", "aws_disable_access_key", "-o", "json")

    assert "iam:UpdateAccessKey" in ended.out
    assert json.loads(policy.out)["Statement"][0]["Effect"] == "Allow"


def test_actions_are_listed():
    ended = tocsin("respond", "actions", "-o", "jsonl")

    assert '"aws_disable_access_key"' in ended.out
