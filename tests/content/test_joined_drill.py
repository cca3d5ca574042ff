"""Attacks of one hour in the same accounts: each is one incident, and no two are one."""

import shutil
from pathlib import Path

import pytest

from tocsin.run import content
from tocsin.run.drill_joined import JoinedCard, JoinedChoice, run_joined
from tocsin.settings import load as load_settings

# One worker plays the drill, for all.
pytestmark = pytest.mark.xdist_group("drill")

ATTACKS = 12
FEWEST_VECTORS = 3


def played(folder: Path, choice: JoinedChoice) -> JoinedCard:
    return run_joined(choice, load_settings(None, {"TOCSIN_DATA": str(folder / "data")}))


@pytest.fixture(scope="module")
def card(tmp_path_factory) -> JoinedCard:
    return played(tmp_path_factory.mktemp("joined"), JoinedChoice())


def test_twelve_attacks_at_once_are_twelve_incidents(card):
    wrong = {one.file: (one.incidents, one.mixed) for one in card.attacks if not one.is_right}

    assert wrong == {}
    assert (len(card.attacks), card.incidents) == (ATTACKS, ATTACKS)
    assert card.is_right


def test_each_attack_is_found_over_three_sources_or_more(card):
    few = {one.file: one.vectors for one in card.attacks if len(one.vectors) < FEWEST_VECTORS}

    assert few == {}


def test_what_was_joined_by_more_than_a_name_says_why(card):
    ties = {one.file: one.ties for one in card.attacks}

    # All of it is about one mail address, from the sign-in to the storage.
    assert [file for file, told in ties.items() if not told] == ["04-stolen-session"]
    assert any("10.20.1.15 was eni-02a1c2e3f4051627" in tie for tie in ties["02-public-workload"])
    assert any("PutImage" in tie for tie in ties["03-token-of-a-pipeline"])


def test_the_order_in_which_records_come_changes_nothing(card, tmp_path):
    shuffled = played(tmp_path, JoinedChoice(shuffled=7))

    assert {one.file: one.is_right for one in shuffled.attacks} == {
        one.file: True for one in card.attacks
    }
    assert shuffled.incidents == ATTACKS


@pytest.mark.parametrize(
    "pair",
    [
        ("03-token-of-a-pipeline", "10-function-with-a-back-door"),
        ("06-insider", "08-port-opened"),
    ],
    ids=["one-pipeline-role", "two-hosts"],
)
def test_two_at_once_are_never_one(tmp_path, pair):
    card = played(tmp_path, JoinedChoice(only=pair, shuffled=3))

    assert card.is_right
    assert card.incidents == len(pair)


def test_two_attacks_that_one_person_does_are_one(tmp_path):
    """The test of the test: attacks of one identity are seen to be joined."""
    folder = tmp_path / "joined"
    shutil.copytree(content.drill_folder() / "joined", folder)
    for path in (folder / "attacks").glob("*.yaml"):
        if path.stem[:2] not in ("01", "04"):
            path.unlink()
    other = folder / "attacks" / "04-stolen-session.yaml"
    other.write_text(other.read_text().replace("mara@example.com", "nora@example.com"))

    card = played(tmp_path, JoinedChoice(folder))

    assert not card.is_right
    assert [one.mixed for one in card.attacks] == [
        ("04-stolen-session",),
        ("01-phished-login",),
    ]
