"""Forwarders over HTTP send to the real receivers of Tocsin: each record is there, once."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network

import pytest

from tests.act.forwarders.records import SECRET, record, records
from tests.act.servers import serve
from tests.collect.counter import Counter, feed, listening
from tocsin import plugins
from tocsin.act import Forwarder, RecordsRefused
from tocsin.collect import Outcome
from tocsin.collect.hec import SplunkHecFeed
from tocsin.collect.otlp_logs import OtlpFeed
from tocsin.collect.receivers.elasticsearch import (
    Elasticsearch,
    ElasticsearchFeed,
    ElasticsearchSettings,
)
from tocsin.collect.receivers.otlp import Otlp, OtlpSettings
from tocsin.collect.receivers.splunk_hec import SplunkHec, SplunkHecSettings
from tocsin.errors import ActionError, SettingsError
from tocsin.values import Secret

LOOPBACK = (ip_network("127.0.0.0/8"),)
TOKENS = {"elasticsearch": "api_key", "splunk_hec": "token", "otlp": "token"}
HTTP = sorted(TOKENS)


def forwarder(name: str, url: str, **more: object) -> Forwarder:
    plug = plugins.find("tocsin.act.forwarders", name)
    kind = plugins.settings_type(plug)
    values = {"url": url, TOKENS[name]: Secret(SECRET), "allow_private": LOOPBACK} | more
    made: Forwarder = plug(kind(**values))
    return made


def receiver(name: str):
    if name == "elasticsearch":
        feeds = (feed(token=SECRET, kind=ElasticsearchFeed, unwrap=None),)
        return Elasticsearch(ElasticsearchSettings(feeds))
    if name == "splunk_hec":
        feeds = (feed(token=SECRET, kind=SplunkHecFeed, unwrap=None, sourcetypes=("tocsin:*",)),)
        return SplunkHec(SplunkHecSettings(feeds))
    return Otlp(OtlpSettings((feed(token=SECRET, kind=OtlpFeed, unwrap=None),)))


@contextmanager
def target(name: str, counter: Counter) -> Iterator[str]:
    with listening(counter, receiver(name)) as url:
        yield url


def uids(counter: Counter) -> list[str]:
    return [json.loads(raw)["metadata"]["uid"] for raw in counter.raws]


@pytest.mark.parametrize("name", HTTP)
def test_every_record_arrives_once_and_whole(name):
    counter, sent = Counter(), records(7)

    with target(name, counter) as url:
        forwarder(name, url).forward(sent)

    assert uids(counter) == [each.uid for each in sent]
    got = json.loads(counter.raws[0])
    assert got["message"] == sent[0].content["message"]
    assert got["finding_info"] == sent[0].content["finding_info"]


@pytest.mark.parametrize("name", HTTP)
def test_a_target_without_room_gets_all_again(name):
    counter = Counter(answer=lambda batch: Outcome("busy", retry_after_seconds=7))

    with target(name, counter) as url, pytest.raises(ActionError) as caught:
        forwarder(name, url).forward(records(3))

    assert not isinstance(caught.value, RecordsRefused)


@pytest.mark.parametrize("name", HTTP)
def test_a_wrong_secret_is_no_fault_of_the_records(name):
    with target(name, Counter()) as url, pytest.raises(ActionError) as caught:
        forwarder(name, url, **{TOKENS[name]: Secret("wrong")}).forward(records(2))

    assert not isinstance(caught.value, RecordsRefused)
    assert "40" in str(caught.value)
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("name", HTTP)
def test_a_body_that_is_refused_is_found_fault_with(name, status):
    with serve() as server:
        server.status = status
        with pytest.raises(RecordsRefused) as caught:
            forwarder(name, f"http://127.0.0.1:{server.port}").forward(records(2))

    assert caught.value.reasons == {}
    assert str(status) in str(caught.value)


@pytest.mark.parametrize("name", HTTP)
def test_a_target_that_asks_for_patience_is_given_it(name):
    with serve() as server:
        server.status, server.headers = 503, {"Retry-After": "42"}
        with pytest.raises(ActionError) as caught:
            forwarder(name, f"http://127.0.0.1:{server.port}").forward(records(2))

    assert caught.value.retry_after_seconds == 42


@pytest.mark.parametrize("name", HTTP)
def test_nothing_leads_inside(name):
    with pytest.raises(ActionError, match="not public"):
        forwarder(name, "https://127.0.0.1:9", allow_private=()).forward(records(1))


@pytest.mark.parametrize("name", HTTP)
def test_no_secret_is_shown(name):
    made = forwarder(name, "https://siem.example.org")

    assert SECRET not in repr(made._settings)
    assert made.target == ("siem.example.org", 443)


@pytest.mark.parametrize("name", HTTP)
def test_an_address_that_can_never_be_used_is_refused_at_once(name):
    with pytest.raises(SettingsError, match="`url`"):
        forwarder(name, "ftp://siem.example.org")


def test_documents_have_the_identifier_of_tocsin_and_an_index_of_their_kind():
    answers = _Bulk()
    with answers.serving() as url:
        forwarder("elasticsearch", url).forward([record(1), record(2, kind="event")])

    actions = [json.loads(line) for line in answers.bodies[0].splitlines()[::2]]
    assert actions == [
        {"index": {"_index": "tocsin-findings", "_id": record(1).uid}},
        {"index": {"_index": "tocsin-events", "_id": record(2).uid}},
    ]


def test_only_the_documents_that_are_refused_are_named():
    refused = {"status": 400, "error": {"type": "document_parsing_exception", "reason": "no date"}}
    answers = _Bulk(lambda number: refused if number == 1 else {"status": 201})

    with answers.serving() as url, pytest.raises(RecordsRefused) as caught:
        forwarder("elasticsearch", url).forward(records(3))

    reason = "status 400: document_parsing_exception: no date"
    assert caught.value.reasons == {record(1).uid: reason}


def test_what_was_created_before_is_there():
    answers = _Bulk(lambda number: {"status": 409, "error": {"type": "version_conflict"}})

    with answers.serving() as url:
        forwarder("elasticsearch", url, operation="create").forward(records(2))

    assert b'{"create":' in answers.bodies[0]


def test_one_document_without_room_sends_all_again():
    answers = _Bulk(lambda number: {"status": 429} if number else {"status": 201})

    with answers.serving() as url, pytest.raises(ActionError) as caught:
        forwarder("elasticsearch", url).forward(records(2))

    assert not isinstance(caught.value, RecordsRefused)


@pytest.mark.parametrize("body", [b"<html>", b'{"items": []}', b""])
def test_an_answer_of_another_program_is_no_success(body):
    answers = _Bulk(body=body)

    with answers.serving() as url, pytest.raises(ActionError, match="answer"):
        forwarder("elasticsearch", url).forward(records(2))


def test_partial_success_of_otlp_is_found_fault_with():
    body = b'{"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "too old"}}'
    answers = _Bulk(body=body)

    with answers.serving() as url, pytest.raises(RecordsRefused, match="1 log records.*too old"):
        forwarder("otlp", url).forward(records(2))


class _Bulk:
    """An answering cluster: what a test says for each document, or a body."""

    def __init__(
        self,
        result: Callable[[int], dict[str, object]] = lambda number: {"status": 201},
        body: bytes | None = None,
    ) -> None:
        self.result, self.body = result, body
        self.bodies: list[bytes] = []

    @contextmanager
    def serving(self) -> Iterator[str]:
        import threading
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        outer = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = self.rfile.read(int(self.headers["Content-Length"]))
                outer.bodies.append(asked)
                count = len(asked.splitlines()) // 2
                items = [{"index": outer.result(number)} for number in range(count)]
                body = json.dumps({"items": items}).encode() if outer.body is None else outer.body
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Keep quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
