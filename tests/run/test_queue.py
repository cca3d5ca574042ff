import threading

from tests.run.batches import batch
from tocsin.collect import Outcome
from tocsin.run.queue import Limits, TurnQueue


def test_batches_of_one_feed_travel_as_one_with_the_last_cursor():
    queue = TurnQueue()
    queue.offer(batch({"a": 1}, cursor="1"))
    queue.offer(batch({"a": 2}, cursor="2"))

    (joined,) = queue.take(0)

    assert (joined.batch.records.num_rows, joined.batch.cursor) == (2, "2")
    assert len(joined.waiting) == 2


def test_feeds_stay_apart():
    queue = TurnQueue()
    queue.offer(batch({"a": 1}, feed="one"))
    queue.offer(batch({"a": 2}, feed="two"))

    assert [each.batch.feed for each in queue.take(0)] == ["one", "two"]


def test_a_full_queue_refuses_at_once():
    queue = TurnQueue(Limits(waiting_records=2))
    queue.offer(batch({}, {}))

    assert queue.offer(batch({})) is None


def test_a_batch_larger_than_the_queue_enters_an_empty_one():
    queue = TurnQueue(Limits(waiting_records=1))

    assert queue.offer(batch({}, {}, {})) is not None


def test_who_puts_waits_until_there_is_room():
    queue = TurnQueue(Limits(waiting_records=1))
    queue.put(batch({}))
    entered = threading.Event()
    thread = threading.Thread(target=lambda: (queue.put(batch({})), entered.set()))
    thread.start()

    was_waiting = not entered.wait(0.05)
    queue.take(0)
    thread.join(120)

    assert was_waiting
    assert entered.is_set()


def test_a_turn_takes_no_more_than_its_limit_but_at_least_one_batch():
    queue = TurnQueue(Limits(turn_records=3))
    for _ in range(3):
        queue.offer(batch({}, {}))

    sizes = [sum(each.batch.records.num_rows for each in queue.take(0)) for _ in range(3)]

    assert sizes == [2, 2, 2]


def test_after_a_lost_batch_later_ones_of_its_feed_are_lost_too_until_it_is_reopened():
    queue = TurnQueue(Limits(turn_records=1))
    queue.offer(batch({}, cursor="1"))
    behind = queue.offer(batch({}, cursor="2"))
    other = queue.offer(batch({}, feed="other", cursor="1"))

    queue.fail(queue.take(0))
    refused = queue.offer(batch({}, cursor="3"))
    queue.reopen("feed")
    taken = queue.offer(batch({}, cursor="2"))

    assert behind is not None and behind.result().status == "failed"
    assert refused is not None and refused.result().status == "failed"
    assert other is not None and not other.done()
    assert taken is not None and not taken.done()


def test_a_delivery_without_a_cursor_breaks_nothing_behind_it():
    queue = TurnQueue(Limits(turn_records=1))
    queue.offer(batch({}))
    behind = queue.offer(batch({}))

    queue.fail(queue.take(0))

    assert behind is not None and not behind.done()


def test_the_depth_follows_what_waits():
    queue = TurnQueue()
    queue.offer(batch({}, {}))

    before = queue.depth()[0]
    for each in queue.take(0):
        for waiting in each.waiting:
            waiting.outcome.set_result(Outcome("committed"))

    assert (before, queue.depth()) == (2, (0, 0))
