"""Every action on AWS behind a proxy that throttles, cuts, repeats, fails and lies."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from types import SimpleNamespace

import pytest

from tests.act.faults import FAULTS, Faults, faulty
from tests.plugs.acted.aws_stage import ACCOUNT, REGION
from tests.plugs.acted.stage import Stage
from tests.plugs.test_actions import BUILDERS, deed, moto_url, placed
from tocsin.act import performing
from tocsin.act.callers.aws import Aws, AwsAccount
from tocsin.errors import ActionError
from tocsin.respond.actions.words import State

__all__ = ["moto_url", "placed"]

# One worker plays all: the last test counts what the others met.
pytestmark = pytest.mark.xdist_group("aws_faults")

OURS = sorted(name for name in BUILDERS if name.startswith("aws_"))
SEEDS = (1, 2)
MOST = 4
"""Faults in each half, of doing and of undoing."""

_SEEN: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.act.callers.aws.time", SimpleNamespace(sleep=lambda seconds: None))


@pytest.fixture(params=[(name, seed) for name in OURS for seed in SEEDS], ids=str)
def disturbed(
    request: pytest.FixtureRequest, placed: Callable[[str], str]
) -> Iterator[tuple[Stage, Faults]]:
    name, seed = request.param
    where = placed(name)
    stage = BUILDERS[name](where)
    faults = Faults(Random(f"{name} {seed}"), 0)
    with faulty(where, faults) as url:
        caller = Aws(AwsAccount(account=ACCOUNT, endpoint=url, region=REGION))
        yield replace(stage, caller=caller), faults
    _SEEN.update(faults.happened)


def test_faults_repeat_no_effect_and_end_where_they_should(disturbed):
    stage, faults = disturbed
    was = stage.snapshot()
    made = deed(stage)
    before = made.read()
    plan = made.plan(before)

    faults.later(MOST)
    after = _until_calm(faults, lambda: performing.apply(made, plan))

    assert max(faults.took_effect.values(), default=0) <= 1, faults.took_effect
    stage.expected()

    faults.later(0)
    back = performing.undo_plan(made, before, after)
    faults.later(MOST)
    _until_calm(faults, lambda: performing.undo(made, before, back))

    assert max(faults.took_effect.values(), default=0) <= 1, faults.took_effect
    if stage.action.facts.category == "reversible":
        assert stage.snapshot() == was


def _until_calm(faults: Faults, step: Callable[[], State]) -> State:
    """Take a step; where it says that it failed, take it again when nothing disturbs any more."""
    try:
        return step()
    except ActionError as error:
        assert len(str(error)) > 10
        faults.most = 0
        return step()


def test_every_kind_of_fault_was_there():
    if not _SEEN:
        pytest.skip("the faults were played in another process")
    assert set(_SEEN) == set(FAULTS)
