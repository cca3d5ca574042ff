"""The broker answers, and nobody of the same user reads what it knows."""

import os
import subprocess
import sys
import tempfile

import pytest

from tests.conftest import PROJECT
from tocsin.isolate.broker import Broker, BrokerError, forget

CHILD = "tests.isolate.broker_example"


@pytest.fixture
def broker():
    with Broker(CHILD, (), {**os.environ, "TOCSIN_BROKER_WORD": "word"}) as made:
        yield made


def test_it_answers_questions_one_after_the_other(broker):
    assert broker.ask(["a", 1], seconds=120) == ["echo", "a", 1]
    first = broker.process_id
    assert broker.ask(["length"], seconds=120) == 4
    assert broker.process_id == first


def test_a_child_that_ends_is_started_anew(broker):
    with pytest.raises(BrokerError, match="ended"):
        broker.ask(["die"], seconds=120)

    assert broker.ask(["length"], seconds=120) == 4


def test_a_child_that_does_not_answer_is_ended(broker):
    broker.start()
    first = broker.process_id
    with pytest.raises(BrokerError, match=r"did not answer within 0\.2 s"):
        broker.ask(["sleep"], seconds=0.2)

    assert broker.process_id is None
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_a_child_that_refuses_to_start_says_why():
    with (
        Broker(CHILD, ("refuse",), dict(os.environ)) as broker,
        pytest.raises(BrokerError, match="does not start: no"),
    ):
        broker.start()


def test_forgetting_takes_only_what_is_the_brokers():
    environ = {"TOCSIN_BROKER_A": "x", "TOCSIN_DATA": "y", "PATH": "z"}

    assert forget(environ) == ("TOCSIN_BROKER_A",)
    assert environ == {"TOCSIN_DATA": "y", "PATH": "z"}


def stolen(*arguments: str) -> list[str]:
    """Return the ways that led to the secret, as root without its capabilities or as any user."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        done = subprocess.run(
            [sys.executable, "-B", "-m", "tests.isolate.broker_thief", *arguments],
            env={
                **os.environ,
                "TOCSIN_BROKER_WORD": "quite-secret-word",
                "PYTHONPATH": str(PROJECT),
            },
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_twenty_ways_to_the_secret_are_closed():
    assert stolen() == ["tried 20"]


def test_the_same_ways_lead_into_a_process_that_is_not_locked():
    assert {"environ", "maps", "auxv", "a descriptor"} <= set(stolen("open"))
