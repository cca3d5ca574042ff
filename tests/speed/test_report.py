"""The table says what is reached, and says it where nothing could be measured."""

import json

import pytest

from benchmarks.detection import children, report
from benchmarks.detection.__main__ import measured
from benchmarks.detection.answers import DifferentAnswersError
from benchmarks.detection.children import FailedChildError
from benchmarks.detection.peers.environments import AbsentPeerError, Peer, ensure
from benchmarks.detection.report import Result, Target
from benchmarks.detection.rows import ROWS
from benchmarks.detection.workplace import Workplace

FACTOR = Target("T1", "a factor", 8, 20, "×")
MEMORY = Target("T10", "memory", 192, 128, "MiB", True)


@pytest.mark.parametrize(
    ("target", "value", "reached"),
    [
        (FACTOR, 7.9, "no"),
        (FACTOR, 8, "floor"),
        (FACTOR, 20, "moonshot"),
        (FACTOR, None, "not measured"),
        (MEMORY, 193, "no"),
        (MEMORY, 192, "floor"),
        (MEMORY, 128, "moonshot"),
    ],
)
def test_a_goal_is_reached_from_its_own_side(target, value, reached):
    assert Result(target, value, "").reached == reached


ABOUT = {"events": "10", "versions": {"python": "3.11"}}


def test_the_table_names_what_could_not_be_measured_and_why():
    table = report.markdown([Result(FACTOR, None, "the peer cannot be installed")], ABOUT)

    assert "| T1 | a factor | ×8 | ×20 |  | not measured |" in table
    assert "- T1, a factor: the peer cannot be installed." in table
    assert "python 3.11" in table


def test_the_json_holds_the_seconds_behind_a_figure():
    found = report.as_json([Result(FACTOR, 9.5, "note", {"seconds": [1, 2]})], ABOUT)

    (row,) = json.loads(json.dumps(found))["rows"]
    assert (row["row"], row["value"], row["reached"]) == ("T1", 9.5, "floor")
    assert row["figures"] == {"seconds": [1, 2]}


def test_every_row_of_the_table_has_its_measurement():
    assert sorted(ROWS, key=lambda row: (int(row[1:].rstrip("b")), row)) == [
        *("T1", "T2", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T10b", "T11", "T13")
    ]


def test_a_peer_that_cannot_be_installed_is_said(tmp_path):
    nothing = Peer("Nothing 1.0", ("./no-such-folder-of-a-package",), "nothing")

    with pytest.raises(AbsentPeerError, match=r"Nothing 1\.0 cannot be installed"):
        ensure(nothing, tmp_path, lambda what: None)


def test_a_child_that_fails_gives_no_figure(tmp_path):
    with pytest.raises(FailedChildError, match="exit code 3: gone wrong"):
        children.run(["/bin/sh", "-c", "echo gone wrong >&2; exit 3"], tmp_path)


def test_seconds_of_a_childs_own_children_count(tmp_path):
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    used = children.run(["/bin/sh", "-c", f"python3 -c '{burn}'; echo done"], tmp_path)

    assert used.cpu_seconds >= 0.3
    assert used.printed == "done\n"


def test_a_row_that_fails_costs_no_other_row_and_fails_the_suite(tmp_path, monkeypatch):
    def fails(workplace):
        raise DifferentAnswersError("two pairs are missing")

    monkeypatch.setitem(ROWS, "T1", fails)
    monkeypatch.setitem(ROWS, "T2", lambda workplace: [Result(FACTOR, 9, "a note")])
    workplace = Workplace(tmp_path, is_quick=True, say=lambda what: None, peers_folder=tmp_path)

    results, failures = measured(workplace, ["T1", "T2"])

    assert [result.value for result in results] == [9]
    assert failures == ["T1: DifferentAnswersError: two pairs are missing"]
