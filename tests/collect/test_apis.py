"""Sources of HTTP APIs: everything once, in spite of pages that lie, throttles and cuts."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.collect.api_server import Api, Reply, reply, serving
from tests.collect.log_apis import NOW_MS, Github, Graph, Indexer, Log, Okta
from tocsin.collect import Source, asking, paging
from tocsin.collect.asking import Answer, Asker
from tocsin.collect.sources.github import Github as GithubSource
from tocsin.collect.sources.github import GithubSettings
from tocsin.collect.sources.http_api import HttpApi, HttpApiSettings
from tocsin.collect.sources.microsoft_graph import MicrosoftGraph, MicrosoftGraphSettings
from tocsin.collect.sources.okta import Okta as OktaSource
from tocsin.collect.sources.okta import OktaSettings
from tocsin.collect.sources.wazuh_indexer import WazuhIndexer, WazuhIndexerSettings
from tocsin.errors import SettingsError, SourceError
from tocsin.ocsf import RawBatch
from tocsin.values import Secret

TOKEN = Secret("not-a-secret")


def github(url: str, **more: Any) -> Source:
    pause = more.pop("pause", time.sleep)
    given = {"feed": "f", "source": "github.audit", "org": "example", "token": TOKEN, "url": url}
    return GithubSource(GithubSettings(**({"follow": False} | given | more)), pause=pause)


def okta(url: str, **more: Any) -> Source:
    pause = more.pop("pause", time.sleep)
    given = {"feed": "f", "source": "okta.system", "token": TOKEN, "url": url}
    return OktaSource(OktaSettings(**({"follow": False} | given | more)), pause=pause)


def indexer(url: str, **more: Any) -> Source:
    pause = more.pop("pause", time.sleep)
    given = {"feed": "f", "source": "wazuh.alert", "user": "reader", "password": TOKEN, "url": url}
    settings = WazuhIndexerSettings(**({"follow": False, "page": 4} | given | more))
    return WazuhIndexer(settings, pause=pause)


def graph(url: str, **more: Any) -> Source:
    pause = more.pop("pause", time.sleep)
    given = {"feed": "f", "source": "azure.entra", "resource": "auditLogs/signIns", "url": url}
    settings = MicrosoftGraphSettings(**({"follow": False} | given | more))
    return MicrosoftGraph(settings, pause=pause, tokens=lambda: "not-a-secret")


@dataclass(frozen=True)
class Kind:
    log: type[Log]
    source: Callable[..., Source]
    shown: str


KINDS = {
    "github": Kind(Github, github, "Bearer not-a-secret"),
    "okta": Kind(Okta, okta, "SSWS not-a-secret"),
    "indexer": Kind(Indexer, indexer, "Basic cmVhZGVyOm5vdC1hLXNlY3JldA=="),
    "graph": Kind(Graph, graph, "Bearer not-a-secret"),
}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def log(kind: Kind) -> Log:
    return kind.log(page=4)


@pytest.fixture
def api(log: Log) -> Iterator[Api]:
    with serving(lambda request: log.answer(request)) as opened:
        yield opened


def raws(batches: list[RawBatch]) -> list[bytes]:
    return [raw for batch in batches for raw in batch.records["raw"].to_pylist()]


def test_everything_arrives_once_with_the_right_credentials(kind, log, api):
    log.add(*range(50))

    found = raws(list(kind.source(api.url).read(None)))

    assert sorted(found) == sorted(log.raws())
    assert {request.headers["authorization"] for request in api.requests} == {kind.shown}
    assert len(api.requests) >= 12


def test_a_later_pass_gives_what_is_new_and_nothing_else(kind, log, api):
    log.add(*range(10))
    first = list(kind.source(api.url).read(None))
    log.add(*range(10, 15))

    assert sorted(raws(list(kind.source(api.url).read(first[-1].cursor)))) == sorted(
        log.raws()[10:]
    )


def test_following_asks_again_after_a_pause(kind, log, api):
    log.add(1)
    pauses = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        log.add(1 + len(pauses))
        return len(pauses) > 2

    batches = list(kind.source(api.url, follow=True, pause=pause).read(None))

    assert raws(batches) == log.raws()[:3]
    assert pauses == [60.0] * 3


def test_a_batch_that_ends_within_a_page_is_resumed_there(kind, log, api, monkeypatch):
    monkeypatch.setattr(paging, "HISTORY", replace(paging.HISTORY, max_records=3))
    log.add(*range(26))
    batches = list(kind.source(api.url).read(None))

    assert len(batches) >= 9
    for index, batch in enumerate(batches[::3]):
        rest = raws(list(kind.source(api.url).read(batch.cursor)))
        assert rest == raws(batches[3 * index + 1 :])


@pytest.mark.parametrize(
    "said",
    [
        Reply(status=429, headers={"Retry-After": "7"}),
        Reply(status=503, headers={"Retry-After": "7"}),
        Reply(status=403, headers={"X-RateLimit-Remaining": "0", "Retry-After": "7"}),
    ],
    ids=["429", "503", "403"],
)
def test_a_throttled_request_waits_as_long_as_it_is_told(kind, log, api, said):
    log.add(*range(10))
    refusals = iter([None, said, said])
    log.before = lambda request: next(refusals, None)
    pauses: list[float] = []

    found = raws(list(kind.source(api.url, pause=pauses.append).read(None)))

    assert sorted(found) == sorted(log.raws())
    assert pauses == [7.0, 7.0]


def test_a_limit_that_renews_at_a_time_is_waited_for():
    renewed = {"x-rate-limit-reset": str(int(time.time()) + 30), "x-rate-limit-remaining": "0"}

    assert 29 <= (Answer(429, renewed, b"").wait_seconds or 0) <= 31
    assert Answer(429, {}, b"").wait_seconds == 60
    assert Answer(403, {}, b"").wait_seconds is None


def test_an_api_that_only_throttles_is_given_up(kind, log, api):
    log.before = lambda request: Reply(status=429, headers={"Retry-After": "0"})

    with pytest.raises(SourceError, match="only asks to wait"):
        list(kind.source(api.url, pause=lambda seconds: False).read(None))


@pytest.mark.parametrize(
    "said",
    [
        Reply(b'[{"a": 1}]' * 50, cut=True),
        Reply(b"{"),
        Reply(b'{"value": 3, "hits": 4}'),
        Reply(status=500),
        Reply(status=401),
        Reply(status=302, headers={"Location": "https://evil.example/"}),
        Reply(status=302, headers={"Location": "/again"}),
    ],
    ids=["cut", "broken", "no list", "500", "401", "led away", "led around"],
)
def test_an_answer_that_is_none_is_a_typed_error_and_loses_nothing(kind, log, api, said):
    log.add(*range(10))
    asked = iter([None, said])
    log.before = lambda request: next(asked, said)
    first: list[RawBatch] = []

    with pytest.raises(SourceError) as raised:
        first.extend(take(kind.source(api.url), first))
    log.before = lambda request: None
    rest = list(kind.source(api.url).read(first[-1].cursor))

    assert "not-a-secret" not in str(raised.value)
    assert len(raws(first)) == 4
    assert sorted(raws([*first, *rest])) == sorted(log.raws())


def take(source: Source, into: list[RawBatch]) -> list[RawBatch]:
    for batch in source.read(None):
        into.append(batch)
    return []


def test_a_place_that_the_api_has_forgotten_is_found_again(kind, log, api):
    log.add(*range(10))
    asked = iter([None, Reply(status=500)])
    log.before = lambda request: next(asked, None)
    first: list[RawBatch] = []
    with pytest.raises(SourceError):
        take(kind.source(api.url), first)
    forgotten = iter([Reply(status=410)])
    log.before = lambda request: next(forgotten, None)

    rest = list(kind.source(api.url).read(first[-1].cursor))

    assert sorted(raws([*first, *rest])) == sorted(log.raws())


def test_the_doctor_asks_once_and_compares_clocks(kind, log, api):
    assert re.search(r"the clock is [0-3] s off", kind.source(api.url).examine())

    log.before = lambda request: Reply(
        headers={"Date": "Mon, 23 Nov 2020 10:00:00 GMT"}, status=200
    )
    with pytest.raises(SourceError):
        kind.source(api.url).examine()


def test_records_that_come_late_within_the_margin_are_read():
    log = Github(page=4)
    log.add(5, 6, 7)
    with serving(log.answer) as api:
        first = list(github(api.url).read(None))
        log.add(1, moment=NOW_MS - 600_000)
        log.add(2, moment=NOW_MS - 7_200_000)
        later = raws(list(github(api.url).read(first[-1].cursor)))

    assert [json.loads(raw)["_document_id"] for raw in later] == ["d1"]


def test_a_record_of_the_future_hides_none_of_today():
    log = Github(page=4)
    log.add(1)
    log.add(2, moment=NOW_MS + 86_400_000 * 365)
    with serving(log.answer) as api:
        first = list(github(api.url).read(None))
        log.add(3)
        later = raws(list(github(api.url).read(first[-1].cursor)))

    assert [json.loads(raw)["_document_id"] for raw in later] == ["d3"]


def generic(url: str, **more: Any) -> HttpApi:
    pause = more.pop("pause", time.sleep)
    settings = HttpApiSettings(**({"feed": "f", "source": "s", "url": url, "follow": False} | more))
    return HttpApi(settings, pause=pause)


def test_pages_by_token_are_read_to_the_end():
    def answer(request):
        page = int(request.query.get("page", 0))
        rows = [{"id": 3 * page + n, "at": NOW_MS // 1000} for n in range(3)]
        return reply({"d": {"items": rows}} | ({"meta": {"n": page + 1}} if page < 4 else {}))

    with serving(answer) as api:
        source = generic(
            f"{api.url}/list?from={{since}}&page=0",
            since="milliseconds",
            headers={"X-Version": "2"},
            token=TOKEN,
            token_header="X-Key",
            token_prefix="",
            records="d.items",
            record_id="id",
            record_time="at",
            next="token",
            next_path="meta.n",
            next_parameter="page",
        )
        found = raws(list(source.read(None)))

    assert [json.loads(raw)["id"] for raw in found] == list(range(15))
    assert {request.headers["x-key"] for request in api.requests} == {"not-a-secret"}
    assert {request.headers["x-version"] for request in api.requests} == {"2"}
    assert all(request.query["from"].isdigit() for request in api.requests)


def test_links_in_a_circle_end_with_an_error():
    with serving() as api:
        links = {"/a": "/b", "/b": "/c", "/c": "/a"}
        api.answer = lambda r: reply([{"n": r.path}], Link=f'<{links[r.path]}>; rel="next"')
        with pytest.raises(SourceError, match="circle"):
            list(generic(f"{api.url}/a").read(None))
        assert len(api.requests) == 3


def test_endless_pages_without_news_end_with_an_error(monkeypatch):
    monkeypatch.setattr(paging, "_MOST_PAGES_WITHOUT_NEWS", 5)
    with serving() as api:
        api.answer = lambda r: reply([{"n": 1}], Link=f'</{len(api.requests)}>; rel="next"')
        with pytest.raises(SourceError, match="circle"):
            list(generic(f"{api.url}/a").read(None))
        assert len(api.requests) == 7


@pytest.mark.parametrize(
    "link",
    ["https://evil.example/", "//evil.example/x", "http://127.0.0.1:1/", "file:///etc/passwd"],
)
def test_a_next_page_elsewhere_is_not_asked(link):
    with serving() as api:
        api.answer = lambda r: reply([{"n": 1}], Link=f'<{link}>; rel="next"')
        with pytest.raises(SourceError, match="leads elsewhere"):
            list(generic(f"{api.url}/a").read(None))
        assert len(api.requests) == 1


def test_an_answer_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr(asking, "MAX_ANSWER_BYTES", 10_000)
    long = reply([{"n": "x" * 20_000}])
    with serving(lambda r: long) as api, pytest.raises(SourceError, match="too much"):
        list(generic(api.url).read(None))


def test_records_that_are_odd_are_kept_as_records_or_rejects():
    rows = [None, 3, {"id": "a"}, {"id": "b", "x": "y" * (1 << 20)}]
    with serving(lambda r: reply(rows)) as api:
        (batch,) = generic(api.url, record_id="id", next="none").read(None)
        assert list(generic(api.url, record_id="id", next="none").read(batch.cursor)) == []

    assert raws([batch]) == [b"null", b"3", b'{"id": "a"}']
    assert batch.rejects["reason"].to_pylist()[0].startswith("too_long")


@pytest.mark.parametrize(
    "url", ["http://logs.example.org/", "ftp://x/", "https://u:p@x/", "https://", "https://x:port/"]
)
def test_tokens_are_sent_by_https_to_plain_addresses_only(url):
    with pytest.raises(SettingsError, match="`url`"):
        Asker(url, dict)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"next": "link"}, "next_path"),
        ({"next": "token", "next_path": "a"}, "next_parameter"),
        ({"next": "none", "keeps_place": True}, "keeps_place"),
    ],
)
def test_a_way_to_the_next_page_that_is_not_whole_is_refused(more, named):
    with pytest.raises(SettingsError, match=named):
        generic("https://x/", **more)


@pytest.mark.parametrize("more", [{"org": None}, {"enterprise": "e"}])
def test_github_needs_one_log(more):
    with pytest.raises(SettingsError, match="`org` or `enterprise`"):
        github("https://x/", **more)


def test_an_index_of_which_a_part_is_silent_is_an_error():
    log = Indexer()
    log.before = lambda r: reply(
        {"timed_out": False, "_shards": {"failed": 1}, "hits": {"hits": []}}
    )
    with serving(log.answer) as api, pytest.raises(SourceError, match="part of the index"):
        list(indexer(api.url).read(None))
