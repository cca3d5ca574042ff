"""What is planned runs once, in one place at a time, however often it was missed."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.run.crank import settings_in
from tocsin.errors import ActionError, UsageError
from tocsin.run.auditing import Auditing, verify
from tocsin.run.scheduling import LEASE, Job, Scheduler, scheduler
from tocsin.settings import load
from tocsin.settings.cron import Cron
from tocsin.store import Store

NOON = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)


class World:
    """A clock that the test turns, and what ran."""

    def __init__(self) -> None:
        self.now = NOON
        self.ran: list[str] = []
        self.problem: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> datetime:
        return self.now

    def work(self) -> None:
        self.gate.wait(120)
        self.ran.append("x")
        if self.problem:
            raise self.problem


@pytest.fixture
def world() -> World:
    return World()


def runner(store: Store, world: World, name: str = "one", cron: str = "*/5 * * * *") -> Scheduler:
    job = Job("scan", Cron(cron), world.work)
    made = Scheduler(store, [job], threading.Event(), world, name)
    made.plan()
    return made


def tick(made: Scheduler, world: World, **length: float) -> None:
    world.now += timedelta(**length)
    made.once()
    made.wait(120)
    made.once()


def test_it_runs_at_its_time_and_not_before(store: Store, world: World):
    made = runner(store, world)
    tick(made, world, minutes=4)
    assert world.ran == []
    tick(made, world, minutes=1)
    assert world.ran == ["x"]
    tick(made, world, seconds=1)
    assert world.ran == ["x"]
    (kept,) = store.schedules.list()
    assert kept.next_time == datetime(2026, 11, 23, 12, 10, tzinfo=UTC)
    assert kept.runner == ""


def test_what_was_missed_runs_once_also_after_a_restart(store: Store, world: World):
    runner(store, world)
    world.now += timedelta(days=3)
    made = runner(store, world)
    tick(made, world)
    tick(made, world, seconds=1)

    assert world.ran == ["x"]


def test_two_runners_never_run_it_at_the_same_time(tmp_path: Path, world: World):
    with Store.open(tmp_path / "d") as here, Store.open(tmp_path / "d") as there:
        one, other = runner(here, world), runner(there, world, "other")
        world.gate.clear()
        world.now += timedelta(minutes=5)
        one.once()
        other.once()
        assert here.schedules.list()[0].runner == "one"
        for _ in range(20):
            # A long run keeps its lease for as long as its runner lives.
            world.now += LEASE / 2
            one.once()
            other.once()
        with pytest.raises(UsageError, match="runs at present"):
            other.run_now("scan")
        world.gate.set()
        one.wait(120)
        assert world.ran == ["x"]
        other.wait(120)


def test_a_runner_that_died_holds_up_the_next_for_one_lease(store: Store, world: World):
    runner(store, world)
    world.now += timedelta(minutes=5)
    assert store.schedules.claim("scan", "dead", world.now, LEASE)
    made = runner(store, world, "next")
    tick(made, world, seconds=60)
    assert world.ran == []
    tick(made, world, seconds=61)
    assert world.ran == ["x"]

    # Somebody who was thought dead writes nothing over what the next one did.
    before = store.schedules.list()
    store.schedules.done("scan", "dead", Cron("* * * * *").after, world.now, "late")
    assert store.schedules.list() == before
    assert not store.schedules.renew("scan", "dead", world.now)


@pytest.mark.parametrize("problem", [ActionError("no answer"), ValueError("a fault")])
def test_a_failure_is_shown_and_it_runs_again(store: Store, world: World, problem: Exception):
    made = runner(store, world)
    world.problem = problem
    tick(made, world, minutes=5)
    said = "no answer" if isinstance(problem, ActionError) else "ValueError"
    assert made.problems() == (f"schedule scan: {said}",)

    world.problem = None
    tick(made, world, minutes=5)
    assert made.problems() == ()
    assert len(world.ran) == 2


def test_another_expression_counts_from_now(store: Store, world: World):
    runner(store, world)
    runner(store, world, cron="0 4 * * *")

    (kept,) = store.schedules.list()
    assert kept.next_time == datetime(2026, 11, 24, 4, tzinfo=UTC)
    scheduler_of_nothing = Scheduler(store, [], threading.Event(), world)
    scheduler_of_nothing.plan()
    assert store.schedules.list() == ()


def test_people_run_it_when_they_want(store: Store, world: World):
    made = runner(store, world)
    made.run_now("scan")
    assert world.ran == ["x"]
    world.problem = ActionError("no answer")
    with pytest.raises(ActionError):
        made.run_now("scan")
    assert store.schedules.list()[0].problem == "no answer"
    with pytest.raises(UsageError, match="choose one of scan"):
        made.run_now("lost")


def test_checkpoints_are_made_by_the_clock_and_sent_to_a_second_place(
    store: Store, world: World, tmp_path: Path
):
    place = tmp_path / "elsewhere" / "checkpoints.jsonl"
    (tmp_path / "tocsin.yaml").write_text(
        f"data: {tmp_path / 'x'}\naudit: {{checkpoints: {place}}}"
    )
    settings = load(tmp_path / "tocsin.yaml", {})
    made = scheduler(settings, store, threading.Event(), world)
    made.plan()
    store.audit.append("ada", "note", "x", {}, world.now)
    tick(made, world, seconds=61)
    store.audit.append("ada", "note", "y", {}, world.now)
    place.write_text(place.read_text() + '{"seq": 1, "ti')  # somebody died while writing
    tick(made, world, seconds=61)

    text = place.read_text().splitlines()
    assert len(text) == 3
    place.write_text(f"{text[0]}\n{text[2]}\n")
    assert verify(store, checkpoints=place).problem == ""
    assert store.audit.unsent() == ()


def test_a_second_place_that_takes_nothing_is_tried_again(
    store: Store, world: World, tmp_path: Path
):
    blocked = tmp_path / "file"
    blocked.write_text("")
    (tmp_path / "t.yaml").write_text(f"data: {tmp_path}\naudit: {{checkpoints: {blocked}/c}}")
    auditing = Auditing(load(tmp_path / "t.yaml", {}), store, world)
    store.audit.append("ada", "note", "x", {}, world.now)
    with pytest.raises(ActionError, match="takes no checkpoints"):
        auditing.once()
    assert len(store.audit.unsent()) == 1
    blocked.unlink()
    assert auditing.once() == 1


def test_without_tickets_only_checkpoints_are_planned(store: Store, world: World, tmp_path: Path):
    made = scheduler(settings_in(tmp_path), store, threading.Event(), world)

    assert [job.name for job in made.jobs] == ["audit-checkpoint"]
