"""Testing rules on history: the same findings as when it happened, and what a change would do."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.content.detection import MORNING
from tests.run.batches import batch
from tests.run.crank import NOW, call, real_tools, settings_in, stopped_trail, turned
from tocsin.collect.demo_story import load_story
from tocsin.errors import UsageError
from tocsin.isolate import RuleWorker
from tocsin.ocsf import EVERYTHING
from tocsin.run import RuleChoice, content, rule_work
from tocsin.run.rule_work import Asked, Backtest, RuleTested
from tocsin.settings import Settings, load
from tocsin.store import FindingFilter, Store

STOPPED = "CloudTrail logging is stopped or its trail deleted"
RULE = """\
title: Somebody calls {name}
id: {uid}
status: test
description: For the tests of the tests on history.
logsource: {{product: aws, service: cloudtrail}}
detection:
  selection: {{eventName: {name}}}
  condition: selection
level: {level}
"""


def quiet(done: int, total: int | None) -> None:
    """Tell nobody how far it is."""


def rule(name: str, uid: str = "0a8f3f0e-0000-4000-8000-000000000001", level: str = "low") -> str:
    return RULE.format(name=name, uid=uid, level=level)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Store]]:
    """A store that holds the demo's story as turns have found it."""
    folder = tmp_path_factory.mktemp("story")
    settings = settings_in(folder)
    story = load_story(content.story_text("story"), "story.yaml")
    with Store.open(settings.data) as store, RuleWorker() as worker:
        tools = real_tools(settings, worker)
        for source in ("aws.cloudtrail", "kubernetes.audit"):
            records = list(story.told(source, MORNING))
            for start in range(0, len(records), 700):
                turned(
                    tools,
                    store,
                    batch(*records[start : start + 700], source=source, feed=source, first=start),
                    now=MORNING + timedelta(hours=4),
                )
        yield settings, store


def by_uid(report: Backtest) -> dict[str, RuleTested]:
    return {each.uid: each for each in report.rules}


def test_history_gives_the_findings_that_the_turns_gave(told: tuple[Settings, Store]):
    settings, store = told
    live = {each.rule_uid: each for each in store.findings.by_rule(FindingFilter(), EVERYTHING)}
    steps: list[tuple[int, int | None]] = []

    report = rule_work.backtest(
        Asked(), settings, store, lambda done, total: steps.append((done, total))
    )

    found = {uid: each.tally for uid, each in by_uid(report).items() if each.tally.findings}
    assert len(live) > 10
    assert {uid: (tally.findings, tally.matches) for uid, tally in found.items()} == {
        uid: (each.findings, each.matches) for uid, each in live.items()
    }
    assert {uid: tally.distinct for uid, tally in found.items()} == {
        uid: each.entities for uid, each in live.items()
    }
    assert steps[-1] == (report.events, report.events)
    assert sum(sum(tally.findings_by_day.values()) for tally in found.values()) == sum(
        each.findings for each in live.values()
    )


def test_nothing_is_written(told: tuple[Settings, Store]):
    settings, store = told
    before = store.maintenance.figures()

    rule_work.backtest(Asked(), settings, store, quiet)

    after = store.maintenance.figures()
    assert replace(after, free_bytes=0) == replace(before, free_bytes=0)


def test_samples_tell_who_did_what(told: tuple[Settings, Store]):
    settings, store = told
    report = rule_work.backtest(Asked(), settings, store, quiet)
    (stopped,) = (each for each in report.rules if each.title == STOPPED)

    (sample,) = stopped.tally.samples

    assert sample.operation in ("StopLogging", "DeleteTrail")
    assert sample.actor
    assert sample.address == "203.0.113.66"
    assert store.events.get(sample.event_uid, EVERYTHING).num_rows == 1


@pytest.fixture
def filled(tmp_path: Path, tools) -> Iterator[tuple[Settings, Store]]:
    """Three days: a stopped trail each day, by eve on two of them; and many described instances."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.yaml").write_text(rule("DescribeInstances"))
    (tmp_path / "tocsin.yaml").write_text("data: data\nrules: {folders: [rules]}\n")
    settings = load(tmp_path / "tocsin.yaml", {})
    with Store.open(settings.data) as store:
        for day, user in enumerate(("eve", "eve", "mallory")):
            at = NOW - timedelta(days=3 - day)
            many = [call(at=at + timedelta(minutes=n)) for n in range(5)]
            turned(tools, store, batch(stopped_trail(user, at), *many, first=day * 10))
        yield settings, store


def changed(settings: Settings, folder: Path) -> Asked:
    return Asked(choice=RuleChoice((folder,), with_builtin=True), is_comparing=True)


def test_volume_entities_and_findings_a_day(filled: tuple[Settings, Store]):
    settings, store = filled
    report = rule_work.backtest(Asked(), settings, store, quiet)
    found = {each.title: each for each in report.rules if each.tally.findings}

    stopped = found[STOPPED].tally
    assert [stopped.findings_by_day[day] for day in report.days] == [1, 1, 1]
    names = [(entity.name, count) for entity, count in stopped.entities.most_common()]
    assert names == [("eve", 2), ("mallory", 1)]
    own = found["Somebody calls DescribeInstances"]
    assert (own.tally.matches, own.tally.findings) == (15, 3)
    assert own.findings_per_day == pytest.approx(3 / 2, abs=0.01)


def test_only_what_was_changed_is_run_and_differs(filled: tuple[Settings, Store], tmp_path: Path):
    settings, store = filled
    proposed = tmp_path / "proposed"
    proposed.mkdir()
    (proposed / "own.yaml").write_text(rule("StopLogging"))

    report = rule_work.backtest(changed(settings, proposed), settings, store, quiet)

    (tested,) = report.rules
    difference = tested.difference
    assert (tested.title, tested.fate) == ("Somebody calls StopLogging", "changed")
    assert difference is not None
    assert (difference.new, difference.gone, difference.changed, difference.same) == (1, 1, 2, 0)
    told = {(each.kind, each.entity.name, each.how) for each in difference.examples}
    assert told == {
        ("changed", "eve", "1 matches instead of 5"),
        ("gone", "eve", ""),
        ("new", "mallory", ""),
    }
    assert report.unaltered >= 50


def test_a_rule_that_goes_takes_its_findings_along(filled: tuple[Settings, Store], tmp_path: Path):
    settings, store = filled
    proposed = tmp_path / "proposed"
    proposed.mkdir()
    other = rule("StopLogging", uid="0a8f3f0e-0000-4000-8000-000000000002")
    (proposed / "other.yaml").write_text(other)

    report = rule_work.backtest(changed(settings, proposed), settings, store, quiet)

    by_fate = {each.fate: each for each in report.rules}
    gone, new = by_fate["removed"].difference, by_fate["new"].difference
    assert gone is not None
    assert new is not None
    assert (gone.new, gone.gone, gone.changed) == (0, 3, 0)
    assert (new.new, new.gone, new.changed) == (3, 0, 0)
    assert [each.entity.name for each in new.examples] == ["eve", "eve", "mallory"]


def test_other_words_and_another_file_are_no_change(filled: tuple[Settings, Store], tmp_path: Path):
    settings, store = filled
    proposed = tmp_path / "proposed"
    proposed.mkdir()
    text = rule("DescribeInstances").replace("For the tests", "Written anew, for the tests")
    (proposed / "renamed.yaml").write_text(text)

    report = rule_work.backtest(changed(settings, proposed), settings, store, quiet)

    assert report.rules == ()


def test_another_severity_is_a_change_of_each_finding(
    filled: tuple[Settings, Store], tmp_path: Path
):
    settings, store = filled
    proposed = tmp_path / "proposed"
    proposed.mkdir()
    (proposed / "own.yaml").write_text(rule("DescribeInstances", level="high"))

    report = rule_work.backtest(changed(settings, proposed), settings, store, quiet)

    (tested,) = report.rules
    assert tested.difference is not None
    assert (tested.difference.changed, tested.difference.same) == (3, 0)
    assert tested.difference.examples[0].how == "severity 4 instead of 2"


def test_a_rule_that_is_switched_off_can_be_tested_by_name(
    filled: tuple[Settings, Store], tmp_path: Path
):
    _, store = filled
    uid = "0a8f3f0e-0000-4000-8000-000000000001"
    (tmp_path / "tocsin.yaml").write_text(
        f"data: data\nrules: {{folders: [rules], disabled: [{uid}]}}\n"
    )
    settings = load(tmp_path / "tocsin.yaml", {})

    in_force = rule_work.backtest(Asked(), settings, store, quiet)
    named = rule_work.backtest(Asked(uids=(uid,)), settings, store, quiet)

    assert uid not in by_uid(in_force)
    assert [(each.uid, each.tally.findings) for each in named.rules] == [(uid, 3)]
    with pytest.raises(UsageError, match="no rule 'unknown'"):
        rule_work.backtest(Asked(uids=("unknown",)), settings, store, quiet)


def test_time_and_source_limit_the_events(filled: tuple[Settings, Store]):
    settings, store = filled
    one_day = Asked(since=NOW - timedelta(days=2, hours=1), until=NOW - timedelta(days=1, hours=12))

    report = rule_work.backtest(one_day, settings, store, quiet)

    assert (report.events, len(report.days)) == (6, 1)
    with pytest.raises(UsageError, match="kubernetes.audit.*aws.cloudtrail"):
        rule_work.backtest(Asked(source="kubernetes.audit"), settings, store, quiet)


PYTHON = """\
def rule(event):
    if event.get("eventName") == "DescribeInstances":
        return True
    return event["nothing"]


def severity(event):
    return "CRITICAL"
"""
PYTHON_YAML = """\
AnalysisType: rule
RuleID: Own.Python
Filename: own.py
Enabled: true
LogTypes: [AWS.CloudTrail]
Severity: Low
"""


def test_python_rules_run_and_their_failures_are_told(
    filled: tuple[Settings, Store], tmp_path: Path
):
    settings, store = filled
    folder = tmp_path / "python"
    folder.mkdir()
    (folder / "own.py").write_text(PYTHON)
    (folder / "own.yml").write_text(PYTHON_YAML)

    report = rule_work.backtest(
        Asked(choice=RuleChoice((folder,), with_builtin=False)), settings, store, quiet
    )

    (tested,) = report.rules
    assert tested.tally.matches == 15
    assert list(tested.tally.failures.values()) == [3]


COUNTING = """\
title: Many instances are described
id: 0a8f3f0e-0000-4000-8000-000000000009
correlation:
  type: event_count
  rules: [{rule}]
  group-by: [userIdentity.arn]
  timespan: 10m
  condition: {{gte: {times}}}
level: high
"""


def with_correlation(folder: Path, times: int) -> Asked:
    folder.mkdir(exist_ok=True)
    (folder / "own.yaml").write_text(rule("DescribeInstances"))
    text = COUNTING.format(rule="0a8f3f0e-0000-4000-8000-000000000001", times=times)
    (folder / "many.yaml").write_text(text)
    return Asked(choice=RuleChoice((folder,), with_builtin=False))


@pytest.mark.parametrize(("times", "findings"), [(5, 3), (6, 0)])
def test_correlations_count_over_all_batches(
    filled: tuple[Settings, Store],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    times: int,
    findings: int,
):
    settings, store = filled
    monkeypatch.setattr("tocsin.run.backtest._BATCH_ROWS", 2)

    report = rule_work.backtest(with_correlation(tmp_path / "many", times), settings, store, quiet)

    assert by_uid(report)["0a8f3f0e-0000-4000-8000-000000000009"].tally.findings == findings


def test_a_correlation_alone_is_tested_with_what_it_counts(
    filled: tuple[Settings, Store], tmp_path: Path
):
    settings, store = filled
    uid = "0a8f3f0e-0000-4000-8000-000000000009"
    asked = replace(with_correlation(tmp_path / "many", 5), uids=(uid,))

    report = rule_work.backtest(asked, settings, store, quiet)

    assert [(each.uid, each.tally.findings) for each in report.rules] == [(uid, 3)]


def test_a_new_correlation_that_silences_a_rule_shows_what_goes(
    filled: tuple[Settings, Store], tmp_path: Path
):
    settings, store = filled
    asked = replace(with_correlation(tmp_path / "many", 5), is_comparing=True)
    asked = replace(asked, choice=RuleChoice((tmp_path / "many",), with_builtin=True))

    report = rule_work.backtest(asked, settings, store, quiet)

    by_fate = {each.fate: each.difference for each in report.rules}
    assert by_fate.keys() == {"new", "affected"}
    new, affected = by_fate["new"], by_fate["affected"]
    assert new is not None
    assert affected is not None
    assert (new.new, affected.gone, affected.new) == (3, 3, 0)
