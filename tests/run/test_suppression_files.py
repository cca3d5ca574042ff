"""Suppressions as code: a file is applied whole or refused whole, and what needs care is said."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from tests.run.crank import NOW
from tests.run.suppressions import put, suppression
from tocsin.errors import ContentError, UsageError
from tocsin.ocsf import EVERYTHING
from tocsin.run import suppressing
from tocsin.store import Store

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "suppress.md"
ENTRY = """\
- uid: one
  rules: [rule-1]
  reason: It is harmless.
  owner: platform
  expires: 2026-12-31
"""


def apply(store: Store, text: str, now=NOW) -> list[str]:
    done = suppressing.apply_file(text, "suppressions.yaml", store, "ada", now)
    return [what for _, what in done]


def test_the_file_of_the_guide_is_taken(store: Store):
    found = re.search(r"```yaml\n(# suppressions.yaml\n.*?)```", GUIDE.read_text("utf-8"), re.S)
    assert found is not None

    assert apply(store, found[1]) == ["added", "added"]

    kept = {each.suppression.uid: each.suppression for each in store.suppressions.list(EVERYTHING)}
    assert str(kept["backup-moves-its-trail"].entity) == "role:*:role/backup-*"
    assert "condition: inside and not root" in kept["red-team-in-spring"].condition
    assert kept["red-team-in-spring"].expires.isoformat() == "2027-04-01T18:00:00+00:00"
    assert apply(store, found[1]) == ["unchanged", "unchanged"]


def test_a_file_may_outlive_its_suppressions(store: Store):
    apply(store, ENTRY)

    assert apply(store, ENTRY, NOW + timedelta(days=60)) == ["unchanged"]


def test_a_renewed_one_begins_to_hide_again(store: Store):
    apply(store, ENTRY)
    later = NOW + timedelta(days=60)
    assert store.suppressions.in_force(later) == ()

    assert apply(store, ENTRY.replace("2026-12-31", "2027-06-30"), later) == ["changed"]

    assert [each.uid for each in store.suppressions.in_force(later)] == ["one"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("uid: one", "must be a list of suppressions"),
        ("- just words", ":1: a suppression is a mapping"),
        (ENTRY.replace("  owner: platform\n", ""), ":1: `owner` is missing"),
        (ENTRY.replace("owner", "ovner"), "unknown key 'ovner'"),
        (ENTRY.replace("2026-12-31", "2026-01-01"), ":5: `expires` lies in the past"),
        (ENTRY.replace("2026-12-31", "2036-12-31"), ":5: `expires` is more than a year"),
        (ENTRY.replace("[rule-1]", "['*']"), "it would hide everything"),
        (ENTRY + "  condition: {a|bends: b}\n", ":6: condition:1: 'a|bends': unknown modifier"),
        (ENTRY + "  condition: {finding.titel: b}\n", "findings have no field 'titel'"),
        (ENTRY + ENTRY, "the uid one stands here twice"),
        (ENTRY.replace("one", "not one"), "`uid` is 1 to 100 letters"),
    ],
)
def test_a_mistake_is_said_with_its_place_and_nothing_is_kept(store: Store, text: str, said: str):
    with pytest.raises(UsageError) as refused:
        apply(store, text + ("" if text.endswith("\n") else "\n"))

    assert said in str(refused.value)
    assert store.suppressions.list(EVERYTHING) == ()


def test_a_file_that_is_no_yaml_is_refused_with_its_line(store: Store):
    with pytest.raises(ContentError, match=r"suppressions\.yaml:2"):
        apply(store, ENTRY.replace("  rules", "\trules"))


def test_all_mistakes_are_said_at_once(store: Store):
    second = ENTRY.replace("one", "two").replace("platform", "''")

    with pytest.raises(UsageError) as refused:
        apply(store, ENTRY.replace("2026-12-31", "soon") + second)

    assert "suppressions.yaml:5: `expires`: 'soon' is no time" in str(refused.value)
    assert "suppressions.yaml:9: `owner` is missing" in str(refused.value)


def test_what_somebody_should_see_to_is_said_once_each(store: Store):
    put(
        store,
        suppression("rule-1", uid="fine", expires="90d"),
        suppression("rule-1", uid="short", expires="3d"),
        suppression("rule-1", uid="gone", expires="3d"),
    )
    store.suppressions.end("gone", "over", "ada", NOW, EVERYTHING)

    soon = list(suppressing.attention(store, NOW))
    idle = list(suppressing.attention(store, NOW + timedelta(days=40)))

    assert list(suppressing.totals(store, NOW)) == [
        "suppressions that expire within 7 days: 1; see the page Suppressions"
    ]
    assert [said.split(" expires on ")[0] for said in soon] == ["suppression short of tests"]
    assert idle == [
        "suppression fine of tests has hidden nothing for 30 days: end it if its reason is gone"
    ]


def test_a_condition_of_another_version_is_pointed_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    put(store, suppression("rule-1", uid="odd", condition="a: b"))
    monkeypatch.setattr(suppressing, "condition_problem", lambda condition: "condition:1: gone")

    (said,) = suppressing.attention(store, NOW)

    assert "hides nothing, for it cannot be read any more: condition:1: gone" in said


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("36h", 1.5),
        ("30d", 30),
        ("2w", 14),
        ("2026-12-31", 37.5),
        ("2026-12-31T12:00+02:00", 37.917),
    ],
)
def test_an_expiry_is_a_length_a_day_or_a_time(text: str, days: float):
    one = suppressing.read(
        suppressing.Written(("rule-1",), "a test", "tests", text, "tests"), NOW, EVERYTHING
    )

    assert (one.expires - NOW) / timedelta(days=1) == pytest.approx(days, abs=0.001)


@pytest.mark.parametrize("text", ["", "d", "-3d", "³d", "9" * 30 + "d", "2026-13-01", "tomorrow"])
def test_what_is_no_time_is_refused(text: str):
    with pytest.raises(UsageError, match=r"is no time|is missing"):
        suppressing.read(
            suppressing.Written(("rule-1",), "a test", "tests", text, "tests"), NOW, EVERYTHING
        )
