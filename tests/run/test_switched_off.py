"""A rule that fails again and again is counted, switched off and shown, until it is mended."""

from datetime import UTC, datetime

import pytest

from tests.run.batches import batch
from tests.run.crank import call, settings_in
from tocsin.isolate import RuleWorker, WorkerLimits
from tocsin.ocsf import EVERYTHING
from tocsin.run import wiring
from tocsin.run.diagnosis import diagnose
from tocsin.run.pipeline import turn_whatever_comes
from tocsin.store import Store

YAML = """AnalysisType: rule
RuleID: Example.Odd
DisplayName: An odd rule
Severity: Low
Filename: odd.py
LogTypes: [AWS.CloudTrail]
"""
RAISES = "def rule(event):\n    return event['nothing'] > 1\n"
HANGS = "def rule(event):\n    while event: pass\n"
MENDED = "def rule(event):\n    return event.get('eventName') == 'DescribeInstances'\n"


class Place:
    """A folder with one rule, a store and a worker that outlives changes of the rule."""

    def __init__(self, folder, worker, store):
        self.folder, self.worker, self.store = folder, worker, store
        self.settings = settings_in(folder.parent)
        self.mappings = {"aws.cloudtrail": wiring.load_mapping("aws.cloudtrail")}
        self.number = 0

    def take(self, source, count):
        """Put the rule in force and judge so many new events; return the count of findings."""
        (self.folder / "odd.yml").write_text(YAML)
        (self.folder / "odd.py").write_text(source)
        loaded = wiring.load_rules(wiring.RuleChoice((self.folder,), with_builtin=False))
        tools = wiring.load_tools(self.settings, loaded, self.worker, self.mappings)
        self.number += 1
        now = datetime.now(UTC)
        records = [call(user=f"u{self.number}-{n}", at=now) for n in range(count)]
        given = batch(*records, origin=f"o{self.number}")
        turn_whatever_comes([given], tools, self.store, lambda: now)
        return loaded

    def failures(self):
        found = self.store.sources.failures(datetime(2000, 1, 1, tzinfo=UTC), EVERYTHING)
        return {reason: count for uid, reason, count in found if uid == "Example.Odd"}

    def doctor(self):
        return {each.name: each for each in diagnose(self.settings)}["rule failures"]


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "rules"
    folder.mkdir()
    limits = WorkerLimits(record_seconds=0.3)
    data = settings_in(tmp_path).data
    with Store.open(data) as store, RuleWorker(limits) as worker:
        yield Place(folder, worker, store)


def test_a_rule_that_raises_is_switched_off_and_shown_until_it_is_mended(place):
    place.take(RAISES, 250)
    assert place.worker.switched_off == {
        "Example.Odd": "100 times in a row, it raised KeyError: 'nothing'"
    }
    place.take(RAISES, 40)
    why = "switched_off: 100 times in a row, it raised KeyError: 'nothing'"
    assert place.failures()[why] >= 40
    assert place.failures()["raised KeyError: 'nothing'"] >= 100

    checked = place.doctor()
    assert not checked.is_well
    assert checked.message.startswith("rule Example.Odd is switched off: 100 times in a row")
    assert "asked again when its text changes" in checked.message

    before = place.failures()
    place.take(MENDED, 5)
    assert place.failures() == before
    assert place.worker.switched_off == {}


def test_a_rule_that_hangs_is_switched_off_and_the_stream_goes_on(place):
    place.take(HANGS, 30)

    assert set(place.failures()) == {
        "no_answer: it took longer than 0.3 s",
        "switched_off: 3 times in a row, it took longer than 0.3 s",
    }
    assert sum(place.failures().values()) == 30


def test_without_failures_the_doctor_says_so(place):
    place.take(MENDED, 1)

    assert (place.doctor().is_well, place.doctor().message) == (True, "none within the hour")
