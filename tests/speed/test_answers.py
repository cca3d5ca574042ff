"""No speed without equal answers, and peers' misses told as they are."""

import pytest

from benchmarks.detection import answers, engine_door
from benchmarks.detection.answers import DifferentAnswersError
from benchmarks.detection.event_sets import templates
from benchmarks.detection.rule_sets import CLOUDTRAIL, FEW
from benchmarks.detection.workplace import Workplace


@pytest.mark.parametrize(
    "found",
    [
        pytest.param({(1, "a")}, id="one is missing"),
        pytest.param({(1, "a"), (2, "b"), (3, "b")}, id="one is too many"),
        pytest.param({(1, "b"), (2, "a")}, id="as many but others"),
        pytest.param(set(), id="none"),
    ],
)
def test_unequal_answers_are_refused(found):
    with pytest.raises(DifferentAnswersError, match="all rules: "):
        answers.must_be_equal({(1, "a"), (2, "b")}, found, "all rules")


def test_equal_answers_are_counted():
    assert answers.must_be_equal({(1, "a"), (2, "b")}, {(2, "b"), (1, "a")}, "all rules") == 2


def test_misses_count_what_is_missing_and_what_is_wrong():
    missed = answers.compare({(1, "a"), (2, "a"), (3, "a"), (4, "a")}, {(1, "a"), (9, "b")}, 2)

    assert (missed.missed, missed.wrong, missed.share) == (3, 1, 0.75)
    assert str(missed) == "misses 75.0% of 4 pairs, adds 1 wrong ones, refuses 2 rules"


def test_an_event_that_nobody_gave_is_a_wrong_pair():
    found = answers.numbered([("known", "a"), ("made up", "a")], {"known": 7})

    assert answers.compare({(7, "a")}, found).wrong == 1


def test_pairs_come_back_from_their_file(tmp_path):
    pairs = {(0, "a"), (12, "b c")}
    answers.write(pairs, tmp_path / "pairs")

    assert answers.read(tmp_path / "pairs") == pairs


@pytest.fixture
def workplace(tmp_path):
    return Workplace(tmp_path, is_quick=True, say=lambda what: None, peers_folder=tmp_path)


@pytest.mark.corpora
@pytest.mark.parametrize("events", ["repeated", "uniq"])
def test_one_pair_less_than_the_plain_way_ends_the_row(workplace, corpora, events):
    rules = workplace.rules(CLOUDTRAIL, FEW)
    engine = engine_door.engine_of(rules, CLOUDTRAIL, workplace.log_sources)
    found = engine_door.answers_of(engine, workplace.texts(events, 900))
    workplace.check(CLOUDTRAIL, FEW, events, 900, found)
    asked = workplace.sample(FEW, events, 900)
    lost = min(pair for pair in found if pair[0] in set(asked))

    with pytest.raises(DifferentAnswersError):
        workplace.check(CLOUDTRAIL, FEW, events, 900, found - {lost})


def test_the_sample_is_spread_over_the_file_and_over_recorded_events(workplace):
    period = len(templates())
    sample = workplace.sample(1_000, "uniq", 20_000)

    assert 100 < len(sample) <= 500
    assert sample[-1] > 19_000
    assert len({number % period for number in sample}) >= min(period, len(sample)) * 0.9
