"""Coverage of what runs: silent sources, feeds that never spoke, and the Navigator's layer."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.run.batches import batch
from tests.run.crank import call, settings_in, turned
from tocsin.run import rule_work
from tocsin.run.coverage import source_states
from tocsin.run.tools import Tools
from tocsin.settings import load
from tocsin.store import Store
from tocsin.store.answers import FeedHealth

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FEED = """\
data: data
feeds:
  - {kind: file, name: trail, source: aws.cloudtrail, path: trail, silent_after: 2h}
"""


def heard(minutes_ago: float, *, feed: str = "trail", **changes: object) -> FeedHealth:
    values = {
        "feed": feed,
        "source": "aws.cloudtrail",
        **dict.fromkeys(
            ("received", "events", "findings", "resources", "duplicates", "rejects"), 1
        ),
        "last_event_time": None,
        "last_received_time": NOW - timedelta(minutes=minutes_ago),
        "lag": None,
        "rhythm": timedelta(minutes=1),
        "is_silent": False,
    }
    return FeedHealth(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("feeds", "speaks"),
    [
        ([heard(60)], True),
        ([heard(180)], False),
        ([heard(60, feed="other", is_silent=True)], False),
        ([heard(60, feed="loaded", rhythm=None)], True),
        ([heard(60 * 30, feed="loaded", rhythm=None)], False),
        ([heard(180), heard(1, feed="other")], True),
        ([heard(1, last_received_time=None)], False),
        ([], False),
        (None, True),
    ],
    ids=[
        *("in its limit", "over its limit", "against its rhythm", "loaded lately"),
        *("loaded long ago", "one of two", "never", "unknown to the store", "no store yet"),
    ],
)
def test_a_source_speaks_while_one_of_its_feeds_does(
    tools: Tools, tmp_path: Path, feeds: list[FeedHealth] | None, speaks: bool
):
    (tmp_path / "tocsin.yaml").write_text(FEED)
    settings = load(tmp_path / "tocsin.yaml", {})

    states = {each.source: each for each in source_states(tools.rules, settings, feeds, NOW)}

    assert states["aws.cloudtrail"].is_speaking is speaks
    assert (states["kubernetes.audit"].is_speaking, states["kubernetes.audit"].why) == (
        False,
        "no feed",
    )


def test_what_a_data_folder_heard_decides(tools: Tools, tmp_path: Path):
    settings = settings_in(tmp_path)
    with Store.open(settings.data) as store:
        now = datetime.now(UTC)
        turned(tools, store, batch(call(at=now)), now=now)

    found = rule_work.coverage(None, settings)
    every = rule_work.coverage(None, settings, every_source=True)

    by_state = {state: named(found, state) for state in ("seen", "blind")}
    assert "T1562.008" in by_state["seen"]
    assert "T1609" in by_state["blind"]
    assert named(every, "blind") == set()
    assert by_state["seen"] | by_state["blind"] == named(every, "seen")


def named(found: rule_work.Covered, state: str) -> set[str]:
    return {
        technique.uid
        for tactic in found.tactics
        for technique in tactic.techniques
        if technique.state == state
    }


# The properties of each object, by the format's definition: name to type; * means required.
LAYER = {
    "*name": str, "*domain": str, "versions": dict, "description": str, "filters": dict,
    "sorting": int, "layout": dict, "hideDisabled": bool, "techniques": list, "gradient": dict,
    "legendItems": list, "metadata": list, "links": list, "customDataURL": str,
    "showTacticRowBackground": bool, "tacticRowBackground": str,
    "selectTechniquesAcrossTactics": bool, "selectSubtechniquesWithParent": bool,
    "selectVisibleTechniques": bool,
}  # fmt: skip
VERSIONS = {"attack": str, "*navigator": str, "*layer": str}
TECHNIQUE = {
    "*techniqueID": str, "tactic": str, "comment": str, "enabled": bool, "score": (int, float),
    "color": str, "metadata": list, "links": list, "showSubtechniques": bool,
}  # fmt: skip
GRADIENT = {"*colors": list, "*minValue": (int, float), "*maxValue": (int, float)}
LAYOUT = {
    "layout": str, "showID": bool, "showName": bool, "showAggregateScores": bool,
    "countUnscored": bool, "aggregateFunction": str, "expandedSubtechniques": str,
}  # fmt: skip
COLOR = re.compile(r"#[0-9a-f]{6}\Z")


def check(value: object, shape: Mapping[str, object]) -> None:
    """Hold an object against the properties that the format defines."""
    assert isinstance(value, dict)
    known = {name.removeprefix("*"): kind for name, kind in shape.items()}
    assert value.keys() <= known.keys()
    assert {name[1:] for name in shape if name.startswith("*")} <= value.keys()
    for name, inner in value.items():
        assert isinstance(inner, known[name]), name  # type: ignore[arg-type]


def test_the_layer_has_the_shape_of_the_navigators_format(tools: Tools, tmp_path: Path):
    settings = settings_in(tmp_path)
    with Store.open(settings.data) as store:
        now = datetime.now(UTC)
        turned(tools, store, batch(call(at=now)), now=now)
    found = rule_work.coverage(None, settings)

    layer = rule_work.navigator_layer(found)

    check(layer, LAYER)
    check(layer["versions"], VERSIONS)
    check(layer["gradient"], GRADIENT)
    check(layer["layout"], LAYOUT)
    assert (layer["domain"], layer["versions"]["layer"]) == ("enterprise-attack", "4.5")  # type: ignore[index]
    assert layer["gradient"]["maxValue"] > layer["gradient"]["minValue"]  # type: ignore[index]
    techniques = layer["techniques"]
    assert isinstance(techniques, list)
    for each in techniques:
        check(each, TECHNIQUE)
        assert re.fullmatch(r"T\d{4}(\.\d{3})?", each["techniqueID"])
        assert all(pair.keys() == {"name", "value"} for pair in each["metadata"])
        assert ("color" in each) is (each["score"] == 0)
        assert COLOR.match(each.get("color", "#000000"))
    assert len(techniques) == len({(each["techniqueID"], each["tactic"]) for each in techniques})
    shown = {each["techniqueID"] for each in techniques}
    assert shown == named(found, "seen") | named(found, "blind")
    legend = layer["legendItems"]
    assert isinstance(legend, list)
    assert all(COLOR.match(each["color"]) and each["label"] for each in legend)
