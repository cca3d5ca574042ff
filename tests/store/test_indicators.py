"""Indicators are found by their keys as a plain search would find them, and replaced whole."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.intelligence.reading import NOW, indicator
from tocsin.errors import StoreError
from tocsin.intelligence import Indicator
from tocsin.store.indicators import Indicators, Search

NAMES = ["a.example", "b.a.example", "c.b.a.example", "d.example"]
ADDRESSES = ["203.0.113.7", "203.0.113.200", "198.51.100.1", "2001:db8::1"]
NETWORKS = ["203.0.113.0/24", "203.0.113.128/25", "2001:db8::/32", "198.51.100.1/32"]

some_indicators = st.lists(
    st.builds(
        indicator,
        st.just("domain"),
        st.sampled_from(NAMES),
        confidence=st.integers(0, 100),
        days=st.sampled_from([-1.0, 5.0]),
    )
    | st.builds(indicator, st.just("address"), st.sampled_from(ADDRESSES))
    | st.builds(indicator, st.just("network"), st.sampled_from(NETWORKS)),
    max_size=12,
)


@pytest.fixture
def indicators(tmp_path: Path) -> Indicators:
    return Indicators(tmp_path / "indicators")


def put(indicators: Indicators, feed: str, found: list[Indicator], **more: object) -> None:
    with indicators.changing(feed):
        indicators.keep(indicators.write(feed, found, **more))  # type: ignore[arg-type]


def concerns(each: Indicator, kind: str, value: str) -> bool:
    if each.kind == "network" and kind == "address":
        network, address = ip_network(each.value), ip_address(value)
        return network.version == address.version and address in network
    is_above = each.kind == kind == "domain" and value.endswith("." + each.value)
    return is_above or (each.kind, each.value) == (kind, value)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=some_indicators, second=some_indicators)
def test_a_look_up_finds_what_a_plain_search_finds(
    tmp_path_factory: pytest.TempPathFactory, first: list[Indicator], second: list[Indicator]
):
    indicators = Indicators(tmp_path_factory.mktemp("store") / "indicators")
    put(indicators, "one", first)
    put(indicators, "two", second)
    asked = [("domain", name) for name in NAMES] + [("address", each) for each in ADDRESSES]
    found = indicators.lookup(asked, NOW)

    for kind, value in asked:
        expected = {
            (feed, each.kind, each.value)
            for feed, some in (("one", first), ("two", second))
            for each in some
            if concerns(each, kind, value) and each.valid_until > NOW.replace(tzinfo=None)
        }
        answer = {(each.feed, each.kind, each.value) for each in found.get((kind, value), ())}
        assert answer == expected


def test_expired_indicators_are_not_found(indicators: Indicators):
    put(indicators, "one", [indicator("domain", "a.example", days=5)])
    asked = [("domain", "a.example")]

    assert indicators.lookup(asked, NOW + timedelta(days=4))
    assert not indicators.lookup(asked, NOW + timedelta(days=5))


def test_the_surest_feed_comes_first_and_others_can_be_left_out(indicators: Indicators):
    put(indicators, "one", [indicator("domain", "a.example", confidence=10)])
    put(indicators, "two", [indicator("domain", "a.example", confidence=90)])
    asked = [("domain", "x.a.example")]

    both = indicators.lookup(asked, NOW)["domain", "x.a.example"]
    assert [(each.feed, each.confidence) for each in both] == [("two", 90), ("one", 10)]
    alone = indicators.lookup(asked, NOW, ["one"])["domain", "x.a.example"]
    assert [each.feed for each in alone] == ["one"]


def test_a_new_snapshot_takes_the_place_of_the_old_one_in_another_process_too(tmp_path: Path):
    mine, theirs = Indicators(tmp_path / "i"), Indicators(tmp_path / "i")
    put(mine, "one", [indicator("domain", "a.example")])
    assert theirs.lookup([("domain", "a.example")], NOW)
    put(mine, "one", [indicator("domain", "b.example")])

    assert not theirs.lookup([("domain", "a.example")], NOW)
    assert theirs.lookup([("domain", "b.example")], NOW)
    assert len([f for f in (tmp_path / "i" / "one").iterdir() if f.suffix == ".parquet"]) == 1


def test_a_growing_feed_keeps_what_was_not_taken_back(indicators: Indicators):
    put(
        indicators,
        "one",
        [indicator("domain", "a.example", uid="1"), indicator("domain", "b.example", uid="2")],
    )
    put(
        indicators,
        "one",
        [indicator("domain", "c.example", uid="2"), indicator("domain", "d.example", uid="3")],
        grows=True,
        gone={"1"},
    )

    asked = [("domain", f"{letter}.example") for letter in "abcd"]
    assert [value for _, value in indicators.lookup(asked, NOW)] == ["c.example", "d.example"]


def test_only_what_no_feed_had_is_new(indicators: Indicators):
    put(indicators, "one", [indicator("domain", "a.example")])
    found = [indicator("domain", f"{letter}.example") for letter in "ab"]
    with indicators.changing("two"):
        state = indicators.write("two", found)
        search = Search(state.snapshot, 0.0, 10.0, 0.0)
        indicators.keep(replace(state, searches=(search,)))
    news = indicators.news("two", search)

    assert (state.rows, state.fresh) == (2, 1)
    asked = [("domain", "x.b.example"), ("domain", "a.example")]
    assert list(news.concerned(asked)) == [("domain", "x.b.example")]


def test_news_stay_while_their_search_is_to_be_done(indicators: Indicators, tmp_path: Path):
    with indicators.changing("one"):
        state = indicators.write("one", [indicator("domain", "a.example")])
        search = Search(state.snapshot, 0.0, 10.0, 0.0)
        indicators.keep(replace(state, searches=(search,)))
    with indicators.changing("one"):
        later = indicators.write("one", [indicator("domain", "b.example")])
        indicators.keep(later)
    assert len(indicators.news("one", search)) == 1

    with indicators.changing("one"):
        indicators.keep(replace(later, searches=(replace(search, position=10.0),)))
    assert len(indicators.news("one", search)) == 0


def test_a_writer_that_fails_changes_nothing(indicators: Indicators):
    put(indicators, "one", [indicator("domain", "a.example")])

    def broken() -> Iterator[Indicator]:
        yield indicator("domain", "b.example")
        raise StoreError("the feed ends here")

    with pytest.raises(StoreError), indicators.changing("one"):
        indicators.write("one", broken())
    assert indicators.lookup([("domain", "a.example")], NOW)
    assert not indicators.lookup([("domain", "b.example")], NOW)


def test_a_damaged_state_says_what_to_do(indicators: Indicators, tmp_path: Path):
    put(indicators, "one", [indicator("domain", "a.example")])
    (tmp_path / "indicators" / "one" / "state.json").write_text(json.dumps({"x": 1}))

    with pytest.raises(StoreError, match="remove the folder 'one'"):
        indicators.feeds()


@pytest.mark.slow
def test_a_million_indicators_are_found_by_their_keys(indicators: Indicators):
    many = (indicator("domain", f"host{number}.example") for number in range(1_000_000))
    put(indicators, "one", many)  # type: ignore[arg-type]
    asked = [("domain", f"host{number}.example") for number in range(0, 2_000_000, 1_000)]

    found = indicators.lookup(asked, NOW)
    assert indicators.state("one").rows == 1_000_000
    assert len(found) == 1_000
