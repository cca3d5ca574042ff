"""The suite of the extension point *receiver*: framing, tokens, refusals, backpressure."""

import gzip
import pkgutil
import threading
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.collect.counter import TOKEN, Counter, bearer, client, fail, feed, listening
from tests.plugs.case import Case
from tests.plugs.receivers import CASES, OWN_SUITES
from tocsin.collect import Outcome, receivers

RECORDS = [b'{"eventID":"1","n":1}', b'{"eventID":"2","text":"\xc3\xa4"}']


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def web(case: Case, counter: Counter) -> Iterator[httpx.Client]:
    feeds = (
        feed(kind=case.kind, **case.settings),
        feed("other", "another-token-of-no-one-9876543210", kind=case.kind, **case.settings),
    )
    with listening(counter, case.make(feeds)) as url, client(url) as open_client:
        yield open_client


def post(
    web: httpx.Client, case: Case, body: bytes | None = None, **headers: str
) -> httpx.Response:
    content = case.frame(RECORDS) if body is None else body
    return web.post(case.path, content=content, headers=case.headers() | headers)


def test_every_receiver_is_in_this_suite():
    assert sorted({*CASES, *OWN_SUITES}) == [
        found.name for found in pkgutil.iter_modules(receivers.__path__)
    ]


def test_records_arrive_byte_by_byte_under_their_feed(case, web, counter):
    response = post(web, case)

    assert response.status_code in (200, 201)
    assert counter.raws == RECORDS
    assert {(batch.feed, batch.source) for batch in counter.batches} == {
        ("trail", "aws.cloudtrail")
    }


def test_equal_records_of_two_requests_have_different_places(case, web, counter):
    post(web, case)
    post(web, case)

    places = [
        (row["origin"], row["position"])
        for batch in counter.batches
        for row in batch.records.to_pylist()
    ]
    assert len(set(places)) == 2 * len(RECORDS)


def test_the_answer_waits_for_the_commit(case, web, counter):
    counter.gate.clear()
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(post(web, case).status_code))

    thread.start()
    assert counter.entered.wait(120)
    thread.join(0.2)
    answered_before_commit = list(answers)
    counter.gate.set()
    thread.join(120)

    assert answered_before_commit == []
    assert len(answers) == 1


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer wrong", "Basic !!", "Basic d3Jvbmc=", "ApiKey wrong", f"Digest {TOKEN}"],
)
def test_a_wrong_token_is_refused_and_nothing_is_read(case, web, counter, authorization):
    response = post(web, case, Authorization=authorization)

    assert response.status_code in case.refused
    assert not counter.entered.is_set()
    assert TOKEN not in response.text


def test_a_token_opens_only_its_own_feed(case, web, counter):
    response = post(web, case, **bearer("another-token-of-no-one-9876543210"))

    assert response.status_code in case.refused or counter.batches[0].feed == "other"


def test_a_full_queue_is_429_with_a_time_to_wait(case, web, counter):
    counter.answer = lambda batch: Outcome("busy", retry_after_seconds=7)

    response = post(web, case)

    assert (response.status_code, response.headers["Retry-After"]) == (case.busy, "7")


@pytest.mark.parametrize("answer", [fail, lambda batch: Outcome("failed")])
def test_a_failing_store_is_503_and_may_be_tried_again(case, web, counter, answer):
    counter.answer = answer

    response = post(web, case)

    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0


def test_gzip_is_read(case, web, counter):
    body = gzip.compress(case.frame(RECORDS))

    post(web, case, body, **{"Content-Encoding": "gzip"})

    assert counter.raws == RECORDS


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (gzip.compress(b"\0" * (64 << 20), mtime=0), "gzip", 413),
        (gzip.compress(b"{}\n" * 1000, mtime=0)[:-9], "gzip", 400),
        (b"no gzip at all", "gzip", 400),
        (b"{}", "br", 415),
        (b"{}\n" + b" " * (32 << 20), "identity", 413),
        (b"{}\n" * 200_000, "identity", 413),
        (b"[" + b"0," * 4_000_000 + b"0]", "identity", 413),
    ],
    ids=["bomb", "truncated", "not gzip", "brotli", "too large", "too many lines", "too many"],
)
def test_what_is_out_of_bounds_is_refused_with_its_own_code(
    case, web, counter, body, encoding, status
):
    response = post(web, case, body, **{"Content-Encoding": encoding})

    # Bytes that are no bulk request are refused as such.
    assert response.status_code == status or (status == 413 and response.status_code == 400)
    assert counter.batches == []


def test_a_body_without_length_is_bounded_too(case, web, counter):
    def blocks() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * (1 << 20)

    response = web.post(case.path, content=blocks(), headers=case.headers())

    assert response.status_code == 413


def test_the_neighbors_of_a_broken_record_arrive(case, web, counter):
    body = case.frame([RECORDS[0], b'{"eventID":"b","n":}', RECORDS[1]])

    response = post(web, case, body)

    assert response.status_code == case.broken
    assert [raw for raw in counter.raws if raw in RECORDS] == RECORDS
    kept = counter.raws + [row["raw"] for row in counter.rejects]
    assert any(b'"eventID":"b"' in raw for raw in kept)


def test_a_record_beyond_the_limit_is_a_reject_with_head_and_hash(case, web, counter):
    huge = b'{"a":"' + b"x" * (2 << 20) + b'"}'

    post(web, case, case.frame([RECORDS[0], huge, RECORDS[1]]))

    (row,) = counter.rejects
    assert counter.raws == RECORDS
    assert (row["size_bytes"], row["is_replayable"]) == (len(huge), False)
    assert row["reason"].startswith("too_long: ")


def test_no_answer_says_what_the_server_is_made_of_or_can_be_framed(case, web):
    response = post(web, case, Authorization="")

    assert "server" not in response.headers
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.one_of(
        st.binary(max_size=200),
        st.lists(
            st.sampled_from(RECORDS + [b"{", b"[", b"]", b"}", b"\n", b",", b'"', b"nul"])
        ).map(b"".join),
    )
)
def test_any_bytes_are_answered_without_failing(case, web, counter, body):
    response = post(web, case, body)

    assert response.status_code in (200, 400, 413)
