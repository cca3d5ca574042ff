"""Indicators in the turn, and the search of history when a feed brings something new."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.normalize.ocsf_schema import problems
from tests.run.batches import batch
from tests.run.crank import NOW, call, real_tools, turned
from tocsin.isolate import RuleWorker
from tocsin.ocsf import EVERYTHING
from tocsin.ocsf.output import event_json
from tocsin.run import history, pulls
from tocsin.run.history import History
from tocsin.run.knowing import example_knowledge
from tocsin.run.tools import Tools
from tocsin.settings import load
from tocsin.store import FindingFilter, Span, Store

BAD = "203.0.113.66"
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Tools]]:
    folder = tmp_path_factory.mktemp("world")
    feeds = [
        {"name": name, "path": str(folder / name), "confidence": 90} for name in ("one", "two")
    ]
    content = {"data": str(folder / "data"), "intelligence": {"feeds": feeds}}
    (folder / "tocsin.yaml").write_text(json.dumps(content))
    with RuleWorker() as worker:
        yield folder, real_tools(load(folder / "tocsin.yaml", {}), worker)


Pull = Callable[..., None]


@pytest.fixture
def pull(world: tuple[Path, Tools], store: Store) -> Pull:
    folder, tools = world
    wanted = tools.settings.intelligence

    def now(name: str, text: str, hours: int = 1) -> None:
        (folder / name).write_text(text)
        feed = next(each for each in wanted.feeds if each.name == name)
        assert pulls.pull(feed, wanted, store, NOW + hours * HOUR).problem == ""

    return now


def findings(store: Store) -> list[dict[str, object]]:
    rows = store.findings.list(FindingFilter(), EVERYTHING, limit=100).rows.to_pylist()
    return [row for row in rows if str(row["rule_uid"]).startswith("tocsin:intelligence:")]


def searched(tools: Tools, store: Store, feed: str = "one", hours: int = 1) -> int:
    state = History(lambda: tools, store, lambda: NOW + hours * HOUR).search(feed)
    assert all(each.is_done for each in state.searches)
    return state.searches[-1].findings


def test_a_contact_is_a_finding_and_is_told_on_the_event(
    world: tuple[Path, Tools], store: Store, pull: Pull
):
    pull("one", f"{BAD}\n", 0)
    turned(world[1], store, batch(call()))

    (finding,) = findings(store)
    (row,) = store.events.search("", EVERYTHING, Span(), limit=10).rows.to_pylist()
    assert (finding["severity_id"], finding["is_alert"]) == (4, True)
    assert finding["entity"]["name"] == "eve"  # type: ignore[index]  # an entity
    assert row["osint"][0]["vendor_name"] == "one"
    assert json.loads(row["raw_data"])["sourceIPAddress"] == BAD
    assert store.events.count("enrichments.type:intelligence", EVERYTHING, Span()) == 1


def test_news_are_searched_in_history_once(world: tuple[Path, Tools], store: Store, pull: Pull):
    turned(world[1], store, batch(*(call(at=NOW + timedelta(seconds=n)) for n in range(5))))
    assert findings(store) == []
    pull("one", f"{BAD}\n")

    assert searched(world[1], store) == 1
    (finding,) = findings(store)
    assert (finding["match_count"], finding["is_alert"]) == (5, True)
    assert searched(world[1], store) == 1
    assert findings(store) == [finding]


def test_a_search_that_is_done_again_raises_nothing_twice(
    world: tuple[Path, Tools], store: Store, pull: Pull
):
    turned(world[1], store, batch(call(), call(user="dana")))
    pull("one", f"{BAD}\n")
    searched(world[1], store)
    before = [(each["uid"], each["match_count"]) for each in findings(store)]
    with store.indicators.changing("one"):
        state = store.indicators.state("one")
        begun = tuple(replace(each, position=each.since) for each in state.searches)
        store.indicators.keep(replace(state, searches=begun))

    # The keys of a search that was done are gone; they are those of the snapshot.
    news = store.folder / "indicators" / "one" / f"{state.snapshot}.new"
    assert news.exists()
    assert searched(world[1], store) == 2
    assert [(each["uid"], each["match_count"]) for each in findings(store)] == before


def test_a_search_goes_on_where_it_stopped(
    world: tuple[Path, Tools], store: Store, pull: Pull, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(history, "_ROWS", 2)
    turned(world[1], store, batch(*(call(at=NOW + timedelta(seconds=n)) for n in range(6))))
    pull("one", f"{BAD}\n")
    stops = iter([False, True, True, True])
    clock = lambda: NOW + HOUR  # noqa: E731 - one use
    stopped = History(lambda: world[1], store, clock, lambda: next(stops, True)).search("one")

    assert not stopped.searches[-1].is_done
    assert 0 < stopped.searches[-1].events < 6
    searched(world[1], store)
    assert [each["match_count"] for each in findings(store)] == [6]


def test_what_another_feed_knew_is_nothing_new(world: tuple[Path, Tools], store: Store, pull: Pull):
    pull("one", f"{BAD}\n", 0)
    turned(world[1], store, batch(call()))
    pull("two", f"{BAD}\n")

    assert store.indicators.state("two").searches == ()
    assert len(findings(store)) == 1


def test_old_events_are_found_and_alert_nobody(world: tuple[Path, Tools], store: Store, pull: Pull):
    turned(world[1], store, batch(call()))
    pull("one", f"{BAD}\n", 72)

    assert searched(world[1], store, hours=72) == 1
    (finding,) = findings(store)
    assert finding["is_alert"] is False


def test_indicators_of_yesterday_say_nothing(world: tuple[Path, Tools], store: Store, pull: Pull):
    pull("one", f"{BAD}\n", -31 * 24)
    turned(world[1], store, batch(call()))

    assert findings(store) == []


def test_an_event_with_everything_that_is_added_is_valid(
    world: tuple[Path, Tools], store: Store, pull: Pull
):
    pull("one", f"{BAD}\n", 0)
    turned(replace(world[1], knowledge=example_knowledge()), store, batch(call()))

    (row,) = store.events.search("", EVERYTHING, Span(), limit=10).rows.to_pylist()
    event = event_json(row)
    assert event["src_endpoint"]["location"]["country"] == "NL"  # type: ignore[index]  # an object
    assert {each["type"] for each in row["enrichments"]} == {
        "location",
        "autonomous_system",
        "anonymizer",
        "intelligence",
    }
    assert problems(event) == []
