import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.run.batches import batch
from tocsin.collect import Outcome
from tocsin.errors import SourceError
from tocsin.ocsf import RawBatch
from tocsin.run.feeding import Feeder
from tocsin.run.queue import Joined, TurnQueue


@dataclass
class Shelf:
    """A source over numbered records, and the part of the store that a feeder asks."""

    size: int
    fails_once_at: int | None = None
    committed: list[int] = field(default_factory=list)
    acknowledged: list[str | None] = field(default_factory=list)
    cursors: dict[str, str] = field(default_factory=dict)

    @property
    def turns(self) -> "Shelf":
        return self

    def cursor(self, feed: str) -> str | None:
        return self.cursors.get(feed)

    def read(self, cursor: str | None) -> Iterator[RawBatch]:
        for number in range(int(cursor or 0), self.size):
            if number == self.fails_once_at:
                self.fails_once_at = None
                raise SourceError("the other side hung up")
            yield batch({"number": number}, cursor=str(number + 1))

    def acknowledge(self, one: RawBatch) -> None:
        self.acknowledged.append(one.cursor)

    def commit(self, joined: Joined) -> None:
        self.committed += [int(row) - 1 for row in [joined.batch.cursor or "0"]]
        self.cursors[joined.batch.feed] = joined.batch.cursor or ""


class Pauses(threading.Event):
    """An event that is waited on without losing time."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(0.001)


def turned(queue: TurnQueue, shelf: Shelf, feeder: threading.Thread, lose: set[int]) -> None:
    while feeder.is_alive():
        for joined in queue.take(0.01):
            if int(joined.batch.cursor or 0) - 1 in lose:
                lose.discard(int(joined.batch.cursor or 0) - 1)
                queue.fail([joined])
                continue
            shelf.commit(joined)
            for waiting in joined.waiting:
                waiting.outcome.set_result(Outcome("committed"))


def run(shelf: Shelf, lose: set[int] | None = None) -> Feeder:
    queue = TurnQueue()
    feeder = Feeder("feed", shelf, queue, shelf, Pauses())  # type: ignore[arg-type] # a shelf is both
    thread = threading.Thread(target=feeder.run)
    thread.start()
    turned(queue, shelf, thread, lose or set())
    thread.join(120)
    return feeder


def test_a_source_with_an_end_is_read_to_it_and_acknowledged_in_order():
    shelf = Shelf(5)

    feeder = run(shelf)

    assert feeder.is_done
    assert shelf.cursors == {"feed": "5"}
    assert shelf.acknowledged == [str(number) for number in range(1, 6)]


def test_a_source_that_fails_is_read_again_from_its_cursor():
    shelf = Shelf(5, fails_once_at=3)

    feeder = run(shelf)

    assert feeder.is_done
    assert shelf.cursors == {"feed": "5"}


def test_a_lost_turn_is_read_again_and_nothing_behind_it_is_acknowledged_before():
    shelf = Shelf(6)

    run(shelf, lose={2})

    assert shelf.cursors == {"feed": "6"}
    order = [int(cursor or 0) for cursor in shelf.acknowledged]
    assert order == sorted(order)


def test_a_problem_of_the_source_is_shown_until_it_passes():
    shelf = Shelf(2, fails_once_at=0)
    queue = TurnQueue()
    stopping = threading.Event()
    feeder = Feeder("feed", shelf, queue, shelf, stopping)  # type: ignore[arg-type] # a shelf is both
    thread = threading.Thread(target=feeder.run)
    thread.start()
    while not feeder.problem:
        threading.Event().wait(0.001)

    problem = feeder.problem
    stopping.set()
    queue.close()
    thread.join(120)

    assert problem == "the other side hung up"
