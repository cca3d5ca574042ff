"""Splunk's collector as its documentation and its clients know it."""

import gzip
import json
import logging
import threading
from collections.abc import Iterator

import httpx
import pytest
from splunk_handler import SplunkHandler

from tests.collect.counter import TOKEN, Counter, client, fail, feed, listening
from tocsin.collect import Outcome
from tocsin.collect.hec import SplunkHecFeed
from tocsin.collect.receivers.splunk_hec import SplunkHec, SplunkHecSettings

SPLUNK = {"Authorization": f"Splunk {TOKEN}"}
CHANNEL = "fe0ecfad-13d5-401b-847d-77833bd77131"
OTHER_CHANNEL = "18654c68-b28b-4450-9cf0-6e7645ca60ca"
ACK_TOKEN = "the-token-of-a-feed-with-acknowledgments"
ACK = {"Authorization": f"Splunk {ACK_TOKEN}", "X-Splunk-Request-Channel": CHANNEL}
EVENTS = b'{"event":{"id":1}}{"event":"two"}\n{"event":{"id":3},"sourcetype":"x"}'


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def web(counter: Counter) -> Iterator[httpx.Client]:
    feeds = (
        feed("web", kind=SplunkHecFeed, sourcetypes=("nginx*",)),
        feed("envelopes", kind=SplunkHecFeed, sourcetypes=("whole",), record="envelope"),
        feed("main", kind=SplunkHecFeed, indices=("", "main", "audit*")),
        feed("acked", ACK_TOKEN, kind=SplunkHecFeed, acknowledgments=True),
    )
    with (
        listening(counter, SplunkHec(SplunkHecSettings(feeds))) as url,
        client(url) as opened,
    ):
        yield opened


def post(web: httpx.Client, content: bytes, path: str = "/event", **headers: str):
    url = f"/services/collector{path}"
    return web.post(url, content=content, headers=SPLUNK | headers)


@pytest.mark.parametrize("path", ["", "/event", "/event/1.0"])
def test_objects_that_follow_each_other_are_events(web, counter, path):
    response = post(web, EVENTS, path)

    assert (response.status_code, response.json()) == (200, {"text": "Success", "code": 0})
    assert counter.raws == [b'{"id":1}', b"two", b'{"id":3}']
    assert {batch.feed for batch in counter.batches} == {"main"}


@pytest.mark.parametrize("scheme", ["Splunk", "splunk", "Basic"])
def test_tokens_come_by_both_schemes(web, counter, scheme):
    import base64

    basic = base64.b64encode(f"x:{TOKEN}".encode()).decode()
    shown = basic if scheme == "Basic" else TOKEN

    assert post(web, EVENTS, Authorization=f"{scheme} {shown}").status_code == 200


@pytest.mark.parametrize(
    ("authorization", "status", "code", "text"),
    [
        (None, 401, 2, "Token is required"),
        (f"Bearer {TOKEN}", 401, 3, "Invalid authorization"),
        ("Splunk", 401, 3, "Invalid authorization"),
        ("Splunk no-such-token", 403, 4, "Invalid token"),
    ],
)
def test_a_wrong_token_has_the_code_of_splunk(web, counter, authorization, status, code, text):
    headers = {} if authorization is None else {"Authorization": authorization}
    response = web.post("/services/collector/event", content=EVENTS, headers=headers)

    assert (response.status_code, response.json()) == (status, {"text": text, "code": code})
    assert counter.batches == []


@pytest.mark.parametrize(
    ("content", "code", "text"),
    [
        (b"", 5, "No data"),
        (b" \n ", 5, "No data"),
        (b"no json", 6, "Invalid data format"),
        (b'{"event":1', 6, "Invalid data format"),
        (b'{"sourcetype":"x"}', 12, "Event field is required"),
        (b'{"event":""}', 13, "Event field cannot be blank"),
        (b'{"event":null}', 13, "Event field cannot be blank"),
        (b'{"event":1,"index":"secret"}', 7, "Incorrect index"),
        (b'{"event":1,"fields":[1]}', 15, "Error in handling indexed fields"),
        (b'{"event":1,"index":7}', 6, "Invalid data format"),
    ],
)
def test_what_is_no_event_has_the_code_of_splunk(web, content, code, text):
    response = post(web, content)

    answer = response.json()
    assert (response.status_code, answer["code"], answer["text"]) == (400, code, text)


def test_the_neighbors_of_a_bad_event_are_taken_and_its_number_is_told(web, counter):
    content = b'{"event":"a"}{"event":"b","n":}{"event":"c"}{"nothing":1}'
    response = post(web, content)

    assert response.json()["invalid-event-number"] == 1
    assert counter.raws == [b"a", b"c"]
    assert [row["raw"] for row in counter.rejects] == [b'{"event":"b","n":}', b'{"nothing":1}']


def test_sourcetype_and_index_choose_the_feed(web, counter):
    content = b"".join(
        json.dumps({"event": name, **more}).encode()
        for name, more in [
            ("a", {"sourcetype": "nginx:access"}),
            ("b", {"index": "audit-2026"}),
            ("c", {}),
        ]
    )

    assert post(web, content).status_code == 200
    assert {batch.feed: batch.records["raw"].to_pylist() for batch in counter.batches} == {
        "web": [b"a"],
        "main": [b"b", b"c"],
    }


def test_the_envelope_is_kept_where_the_feed_says_so(web, counter):
    event = b'{"time":1.5,"host":"h","sourcetype":"whole","fields":{"a":"b"},"event":{"id":1}}'
    post(web, event)
    post(web, b"a line\nanother", "/raw?sourcetype=whole&host=h2&source=%2Fvar%2Flog")

    assert counter.raws[0] == event
    assert [json.loads(raw) for raw in counter.raws[1:]] == [
        {"host": "h2", "source": "/var/log", "sourcetype": "whole", "event": text}
        for text in ("a line", "another")
    ]


@pytest.mark.parametrize("path", ["/raw", "/raw/1.0"])
def test_raw_lines_are_records(web, counter, path):
    assert post(web, b'{"id":1}\n{"id":2}\n', f"{path}?sourcetype=nginx").json()["code"] == 0
    assert counter.raws == [b'{"id":1}', b'{"id":2}']
    assert counter.batches[0].feed == "web"


def test_a_token_in_the_query_is_refused_even_where_it_is_right(web, counter):
    response = web.post(f"/services/collector/event?token={TOKEN}", content=EVENTS, headers=SPLUNK)

    assert (response.status_code, response.json()["code"]) == (400, 16)
    assert counter.batches == []


@pytest.mark.parametrize("path", ["/health", "/health/1.0"])
def test_health_needs_no_token(web, path):
    response = web.get(f"/services/collector{path}")

    assert (response.status_code, response.json()) == (200, {"text": "HEC is healthy", "code": 17})


def test_acknowledgments_are_true_for_what_is_committed_and_for_nothing_else(web, counter):
    url = "/services/collector"
    first, second = [web.post(f"{url}/event", content=EVENTS, headers=ACK).json() for _ in range(2)]
    asked = web.post(f"{url}/ack", json={"acks": [0, 1, 2, -1]}, headers=ACK).json()
    other = web.post(
        f"{url}/ack?channel={OTHER_CHANNEL}",
        json={"acks": [0]},
        headers={"Authorization": ACK["Authorization"]},
    ).json()

    assert (first["ackId"], second["ackId"]) == (0, 1)
    assert asked == {"acks": {"0": True, "1": True, "2": False, "-1": False}}
    assert other == {"acks": {"0": False}}


def test_an_acknowledgment_comes_only_after_the_commit(web, counter):
    counter.gate.clear()
    answers: list[dict[str, object]] = []

    def send() -> None:
        answers.append(web.post("/services/collector/event", content=EVENTS, headers=ACK).json())

    thread = threading.Thread(target=send)
    thread.start()
    assert counter.entered.wait(120)
    before = web.post("/services/collector/ack", json={"acks": [0]}, headers=ACK).json()
    counter.gate.set()
    thread.join(120)
    after = web.post("/services/collector/ack", json={"acks": [0]}, headers=ACK).json()

    assert before == {"acks": {"0": False}}
    assert answers[0]["ackId"] == 0
    assert after == {"acks": {"0": True}}


@pytest.mark.parametrize("outcome", [lambda batch: Outcome("busy"), fail])
def test_what_is_not_committed_is_never_acknowledged(web, counter, outcome):
    counter.answer = outcome
    refused = web.post("/services/collector/event", content=EVENTS, headers=ACK)
    counter.answer = lambda batch: Outcome("committed")
    asked = web.post("/services/collector/ack", json={"acks": [0]}, headers=ACK).json()

    assert (refused.status_code, refused.json()) == (503, {"text": "Server is busy", "code": 9})
    assert asked == {"acks": {"0": False}}


@pytest.mark.parametrize(
    ("headers", "path", "code"),
    [
        ({"Authorization": ACK["Authorization"]}, "/event", 10),
        (ACK | {"X-Splunk-Request-Channel": "not-a-guid"}, "/event", 11),
        (SPLUNK, "/ack", 14),
        ({"Authorization": ACK["Authorization"]}, "/ack", 10),
    ],
)
def test_channels_are_asked_for_as_splunk_does(web, headers, path, code):
    response = web.post(f"/services/collector{path}", content=b'{"acks":[]}', headers=headers)

    assert (response.status_code, response.json()["code"]) == (400, code)


def test_tiny_events_are_taken_up_to_the_limit_and_not_beyond(web, counter):
    taken = post(web, b'{"event":1}' * 50_000)
    refused = post(web, b'{"event":1}' * 50_001)

    assert (taken.status_code, refused.status_code) == (200, 413)
    assert len(counter.raws) == 50_000


@pytest.mark.parametrize(
    "content",
    [
        b'{"event":' * 20_000,
        b'{"event":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"event":1}' + b"}{" * 40_000,
        b'{"event":"' + b"\\" * 100_001,
        b"\xff\xfe\x00" * 1000,
        b'{"event":"\\ud800"}',
    ],
    ids=["deep envelopes", "deep event", "braces", "backslashes", "bytes", "surrogate"],
)
def test_hostile_bodies_are_answered_and_kept(web, counter, content):
    response = post(web, content)

    assert response.status_code in (200, 400, 413)
    assert counter.raws or counter.rejects or response.status_code == 413


def test_of_two_members_of_one_name_the_last_one_counts_as_in_splunk(web, counter):
    post(web, b'{"event":"first","index":"main","event":"last"}')

    assert counter.raws == [b"last"]


def test_gzip_bombs_and_half_bodies_leave_nothing(web, counter):
    half = gzip.compress(EVENTS)[:-8]
    bomb = gzip.compress(b" " * (60 << 20))
    answers = [post(web, body, **{"Content-Encoding": "gzip"}) for body in (half, bomb)]

    assert [answer.status_code for answer in answers] == [400, 413]
    assert counter.batches == []


def test_a_real_client_ships_its_log(counter):
    feeds = (feed("main", kind=SplunkHecFeed),)
    refusals = iter(["busy", "busy"])
    counter.answer = lambda batch: Outcome(next(refusals, "committed"), retry_after_seconds=0)
    with listening(counter, SplunkHec(SplunkHecSettings(feeds))) as url:
        handler = SplunkHandler(
            host="127.0.0.1",
            port="0",
            url=f"{url.rstrip('/')}/services/collector/event",
            token=TOKEN,
            index="main",
            protocol="http",
            verify=False,
            flush_interval=0.05,
            retry_count=5,
            retry_backoff=0.01,
        )
        log = logging.Logger("shipped", logging.INFO)
        log.addHandler(handler)
        for number in range(300):
            log.info("line %d", number)
        handler.close()
        # The client pools connections and leaves them to the garbage collector.
        handler.session.close()

    assert counter.raws == [b"line %d" % number for number in range(300)]
