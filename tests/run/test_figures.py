"""Figures over incidents, from a real store."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.serve.web import seed
from tocsin.incidents import Change
from tocsin.incidents.clocks import Targets
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.run import figures
from tocsin.store import IncidentFilter, Store

TARGETS = Targets(acknowledge={5: timedelta(hours=1), 4: timedelta(hours=1)})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store") as opened:
        seed.fill(opened)
        yield opened


def test_clocks_are_counted_as_kept_missed_running_and_late(store: Store):
    severe = store.incidents.list(IncidentFilter(min_severity_id=4), EVERYTHING).rows
    taken = max(severe, key=lambda each: each.opened_time)
    soon = taken.opened_time + timedelta(minutes=1)
    store.incidents.change(taken.uid, Change(status="In Progress"), "ada", soon, EVERYTHING)

    found = figures.figures_of(store, EVERYTHING, TARGETS, seed.NOW, None)

    waiting, close, report = found.clocks
    assert (waiting.name, waiting.kept, waiting.missed) == ("acknowledge", 1, 0)
    assert waiting.kept + waiting.missed + waiting.running + waiting.late == len(severe)
    assert waiting.late > 0
    assert (close.late, report.late) == (0, 0)


def test_means_are_of_all_that_were_opened_since(store: Store):
    every = figures.figures_of(store, EVERYTHING, TARGETS, seed.NOW, None)
    recent = figures.figures_of(store, EVERYTHING, TARGETS, seed.NOW, seed.NOW - timedelta(hours=1))

    assert every.means.incidents > recent.means.incidents > 0
    assert sum(means.incidents for _, means in every.by_severity) == every.means.incidents
    assert every.still_open == every.means.incidents


def test_pages_are_read_to_the_end(store: Store, monkeypatch: pytest.MonkeyPatch):
    # A thousand incidents would take the test a minute.
    monkeypatch.setattr(figures, "PAGE", 1)

    every = list(figures.opened_since(store, EVERYTHING, None))

    assert len({each.uid for each in every}) == len(every) == 4


def test_a_scope_counts_what_it_sees(store: Store):
    scope = Scope(accounts=frozenset({"444455556666"}))

    assert figures.figures_of(store, scope, TARGETS, seed.NOW, None).means.incidents == 0
