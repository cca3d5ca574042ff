"""Rules that the settings switch off or rate anew, whatever their format."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.run.batches import batch
from tests.run.crank import NOW, call, turned
from tests.run.test_backtest import COUNTING, PYTHON, PYTHON_YAML, rule
from tocsin.isolate import RuleWorker
from tocsin.ocsf import EVERYTHING
from tocsin.run import wiring
from tocsin.run.diagnosis import content_problems
from tocsin.settings import Settings, load
from tocsin.store import FindingFilter, Store

SIGMA = "0a8f3f0e-0000-4000-8000-000000000001"
MANY = "0a8f3f0e-0000-4000-8000-000000000009"
UIDS = (SIGMA, MANY, "Own.Python")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "own.yaml").write_text(rule("DescribeInstances"))
    text = COUNTING.format(rule=SIGMA, times=3)
    (rules / "many.yaml").write_text(text.replace("gte: 3}", "gte: 3}\n  generate: true"))
    (rules / "own.py").write_text(PYTHON)
    (rules / "own.yml").write_text(PYTHON_YAML)
    return tmp_path


def settings(folder: Path, more: str) -> Settings:
    (folder / "tocsin.yaml").write_text(
        f"data: data\nrules:\n  folders: [rules]\n  with_builtin: false\n{more}"
    )
    return load(folder / "tocsin.yaml", {})


@pytest.fixture
def found(folder: Path) -> Iterator[object]:
    """Return a function that gives the severity of the finding of each rule."""

    def severities(more: str) -> dict[str, int]:
        chosen = settings(folder, more)
        loaded = wiring.load_rules(wiring.rules_of(chosen), chosen)
        with Store.open(folder / f"data-{abs(hash(more))}") as store, RuleWorker() as worker:
            tools = wiring.load_tools(chosen, loaded, worker, wiring.load_mappings())
            turned(tools, store, batch(*(call(at=NOW, eventID=f"{n}") for n in range(4))))
            counts = store.findings.by_rule(FindingFilter(), EVERYTHING)
        return {each.rule_uid: each.severity_id for each in counts}

    yield severities


def test_rules_of_every_kind_are_rated_by_themselves_first(found):
    assert found("") == {SIGMA: 2, MANY: 4, "Own.Python": 5}


def test_the_settings_have_the_last_word_on_severity(found):
    # The Python rule's own `severity` function says CRITICAL.
    more = "".join(f"    {uid}: informational\n" for uid in UIDS)

    assert found(f"  severities:\n{more}") == dict.fromkeys(UIDS, 1)


@pytest.mark.parametrize("uid", UIDS)
def test_a_rule_that_is_switched_off_finds_nothing(found, uid: str):
    left = set(found(f"  disabled: [{uid}]\n"))

    # Without the rule that it counts, the correlation has nothing to count.
    assert left == set(UIDS) - ({SIGMA, MANY} if uid == SIGMA else {uid})


def warnings(folder: Path, more: str) -> list[str]:
    return [str(each) for each in content_problems(settings(folder, more))]


def test_unknown_rules_are_warned_of_with_the_nearest_one(folder: Path):
    told = warnings(
        folder, "  disabled: [Own.Pyhton]\n  severities: {Many instances are described: low}\n"
    )

    assert told == [
        "settings: warning: rules.disabled names 'Own.Pyhton', and no rule in use has this"
        " identifier; did you mean 'Own.Python'?",
        "settings: warning: rules.severities names 'Many instances are described', and no rule in"
        f" use has this identifier; did you mean {MANY!r}?",
    ]


def test_a_correlation_without_what_it_counts_is_warned_of(folder: Path):
    told = warnings(folder, f"  disabled: [{SIGMA}]\n")

    assert told == [
        "settings: warning: 'Many instances are described' counts the rule"
        f" {SIGMA!r}, which rules.disabled names"
    ]


def test_what_runs_has_a_version_of_its_own(folder: Path):
    versions = [
        wiring.load_rules(wiring.rules_of(chosen), chosen).version
        for chosen in (
            settings(folder, ""),
            settings(folder, "  disabled: [Own.Python]\n"),
            settings(folder, "  severities: {Own.Python: low}\n"),
            settings(folder, "  severities: {Own.Python: high}\n"),
        )
    ]

    assert versions[0] == wiring.load_rules(wiring.rules_of(settings(folder, ""))).version
    # Rated as low as by itself, it may no longer say CRITICAL of a match.
    assert len(set(versions)) == 4
