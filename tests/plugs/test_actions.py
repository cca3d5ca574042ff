"""The suite of the extension point *action*: what every action promises, shown on every one."""

import pkgutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module

import pytest
import requests

from tests.plugs import acted
from tests.plugs.acted.stage import PURPOSE, Notes, Recorded, Stage
from tocsin.act import actions, performing
from tocsin.act.performing import Deed
from tocsin.errors import ActionError, PlanChangedError, TargetGoneError
from tocsin.respond.actions import Plan
from tocsin.respond.actions.words import State, differences

MODULES = [
    import_module(f"{acted.__name__}.{found.name}")
    for found in pkgutil.iter_modules(acted.__path__)
    if found.name != "stage"
]
BUILDERS: dict[str, Callable[[str], Stage]] = {
    name: build for module in MODULES for name, build in getattr(module, "STAGES", {}).items()
}


def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        # A thousand images that nobody uses, made anew at each reset.
        ("MOTO_EC2_LOAD_DEFAULT_AMIS", "false"),
    ):
        monkeypatch.setenv(name, value)


@pytest.fixture
def moto_url(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty cloud: each action has it for itself."""
    _keys(monkeypatch)
    requests.post(f"{aws}/moto-api/reset", timeout=10)
    yield aws


@pytest.fixture
def placed(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], str]]:
    """Gives the address of an action's world: moto's, or of a stand-in of its own (`world`)."""
    _keys(monkeypatch)
    with ExitStack() as open_ones:

        def address(name: str) -> str:
            module = next(each for each in MODULES if name in getattr(each, "STAGES", {}))
            world = getattr(module, "world", None)
            if world is None:
                return str(request.getfixturevalue("moto_url"))
            return str(open_ones.enter_context(world()))

        yield address


@pytest.fixture(params=sorted(BUILDERS))
def stage(request: pytest.FixtureRequest, placed: Callable[[str], str]) -> Stage:
    return BUILDERS[request.param](placed(request.param))


def deed(stage: Stage, caller: Recorded | None = None, notes: Notes | None = None) -> Deed:
    return Deed(
        action=stage.action,
        target=stage.target,
        purpose=PURPOSE,
        caller=caller or Recorded(stage.caller),
        journal=notes or Notes(),
        wait=lambda seconds: None,
    )


def prepared(stage: Stage) -> tuple[Deed, State, Plan]:
    made = deed(stage)
    before = made.read()
    return made, before, made.plan(before)


def test_every_action_is_in_this_suite():
    assert sorted(BUILDERS) == [found.name for found in pkgutil.iter_modules(actions.__path__)]


def test_a_plan_changes_nothing_and_says_what_would_change(stage):
    was = stage.snapshot()
    caller = Recorded(stage.caller)

    made = deed(stage, caller)
    plan = made.plan(made.read())

    assert plan.calls
    assert plan.changes
    assert caller.changing == []
    assert stage.snapshot() == was
    assert plan.digest(stage.target) == made.plan(made.read()).digest(stage.target)


def test_what_was_planned_is_what_is_called(stage):
    caller = Recorded(stage.caller)
    made = deed(stage, caller)
    plan = made.plan(made.read())

    performing.apply(made, plan)

    stage.expected()
    assert [call.digest() for call in caller.changing] == [
        call.digest() for call in plan.calls
    ] or (
        {call.operation for call in caller.changing} == {call.operation for call in plan.calls}
        and any(call.volatile for call in plan.calls)
    )


def test_applying_twice_is_harmless(stage):
    made, _, plan = prepared(stage)
    performing.apply(made, plan)
    was = stage.snapshot()
    caller = Recorded(stage.caller)

    performing.apply(deed(stage, caller), plan)

    assert caller.changing == []
    assert stage.snapshot() == was


def test_undoing_restores_what_was(stage):
    was = stage.snapshot()
    made, before, plan = prepared(stage)
    after = performing.apply(made, plan)

    back = performing.undo_plan(made, before, after)
    performing.undo(made, before, back)

    if stage.action.facts.category == "reversible" and stage.action.facts.has_undo:
        assert back.calls
        assert stage.snapshot() == was
    assert performing.undo_plan(made, before, after).calls == () or not stage.action.facts.has_undo


def test_a_change_by_somebody_else_is_not_undone(stage):
    if stage.meddle is None:
        assert not stage.action.facts.has_undo or stage.action.facts.category != "reversible"
        return
    made, before, plan = prepared(stage)
    after = performing.apply(made, plan)
    stage.meddle()
    was = stage.snapshot() if _is_there(made) else None

    with pytest.raises((PlanChangedError, TargetGoneError)):
        performing.undo_plan(made, before, after)

    if was is not None:
        assert stage.snapshot() == was


def _is_there(made: Deed) -> bool:
    try:
        made.read()
    except TargetGoneError:
        return False
    return True


def test_lost_answers_repeat_nothing(stage):
    made, before, plan = prepared(stage)
    caller = Recorded(stage.caller, lose=set(range(len(plan.calls))))
    notes = Notes()

    after = performing.apply(deed(stage, caller, notes), plan)

    # Each call that took effect is sent once, although no answer came: reading tells it was done.
    sent = [call.digest() for call in caller.changing]
    assert len(sent) == len(set(sent)) or any(call.volatile for call in plan.calls)
    assert len(caller.changing) == len(plan.calls)
    assert not differences(after, made.read(), stage.action.facts.volatile)
    assert [line[0] for line in notes.lines] == ["begin", "unknown"] * len(plan.calls)
    assert before is not after


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_call_that_fails_leaves_a_way_back(stage, place):
    was = stage.snapshot()
    made, before, plan = prepared(stage)
    number = 0 if place == "first" else len(plan.calls) - 1
    notes = Notes()

    with pytest.raises(ActionError):
        performing.apply(deed(stage, Recorded(stage.caller, fail={number}), notes), plan)

    assert notes.lines[-1][:2] == ("failed", number)
    if stage.action.facts.category == "reversible" and stage.action.facts.has_undo:
        halfway = made.read()
        performing.undo(made, before, performing.undo_plan(made, before, halfway))
        assert stage.snapshot() == was


def test_a_target_that_is_gone_is_named(stage):
    if stage.gone is None:
        assert stage.target.type in ("address", "domain")
        return
    with pytest.raises(TargetGoneError, match=r".{5}"):
        deed(replace(stage, target=stage.gone)).read()


def test_facts_hold(stage):
    facts = stage.action.facts
    assert stage.target.type in facts.targets
    assert stage.target.provider == facts.provider
    assert facts.title[0].isupper() and not facts.title.endswith(".")
    assert facts.source.startswith("https://")
    assert any(need.is_reading for need in facts.needs)
    assert any(not need.is_reading for need in facts.needs)
    assert (facts.category == "destructive") == (facts.level == 4)
