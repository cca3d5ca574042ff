"""Feeds are pulled over real connections; whatever goes wrong, the last good ones stay."""

import json
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.intelligence.reading import NOW
from tests.intelligence.servers import Misp, Taxii, send, serving, stix_indicator
from tocsin.run import intelligence_work, pulls
from tocsin.settings import Settings, load
from tocsin.store import Store
from tocsin.store.answers import FeedState

HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as opened:
        yield opened


def settings(folder: Path, *feeds: dict[str, object], inside: bool = True) -> Settings:
    """Return settings with these feeds; `inside` allows those of this machine."""
    section = {"feeds": feeds, "allow_private": ["127.0.0.0/8"] if inside else []}
    text = json.dumps({"data": str(folder / "data"), "intelligence": section})
    (folder / "tocsin.yaml").write_text(text)
    return load(folder / "tocsin.yaml", {"KEY": "misp-example-key"})


def pulled(given: Settings, store: Store, hours: int = 0, *, anew: bool = False) -> FeedState:
    wanted = given.intelligence
    return pulls.pull(wanted.feeds[0], wanted, store, NOW + hours * HOUR, anew=anew)


def known(store: Store, *names: str) -> list[str]:
    asked = [("domain", name) for name in names]
    return [value for _, value in store.indicators.lookup(asked, NOW)]


def fixed(body: bytes, status: int = 200, **headers: str):
    return lambda request: send(request, body, status, **headers)


def test_a_list_that_has_not_changed_is_not_sent_again(tmp_path: Path, store: Store):
    seen: list[str | None] = []

    def respond(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers["If-None-Match"])
        is_same = seen[-1] == '"v1"'
        send(request, b"" if is_same else b"evil.example\n", 304 if is_same else 200, ETag='"v1"')

    with serving(respond) as address:
        given = settings(tmp_path, {"name": "list", "url": f"{address}/list.txt"})
        first, second = pulled(given, store), pulled(given, store, 1)

    assert seen == [None, '"v1"']
    assert (second.snapshot, second.problem) == (first.snapshot, "")
    assert second.pulled > first.pulled
    assert known(store, "evil.example") == ["evil.example"]


def test_a_list_is_fetched_anew_before_its_indicators_expire(tmp_path: Path, store: Store):
    seen: list[str | None] = []

    def respond(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers["If-None-Match"])
        send(request, b"evil.example\n", ETag='"v1"')

    with serving(respond) as address:
        feed = {"name": "list", "url": f"{address}/list.txt", "expires": "4h"}
        given = settings(tmp_path, feed)
        pulled(given, store)
        pulled(given, store, 3)

    assert seen == [None, None]


def truncated(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b"other.example\n")
    request.close_connection = True


BROKEN = {
    "truncated": (truncated, "does not answer"),
    "huge": (fixed(b"other.example\n" * 100_000), "sends more than 1048576 bytes"),
    "redirect": (fixed(b"", 302, Location="http://169.254.169.254/"), "redirects are not followed"),
    "forbidden": (fixed(b"", 403), "check `user` and `token`"),
    "failing": (fixed(b"", 500), "answers 500"),
    "empty": (fixed(b""), "nothing that can be used any more"),
    "page": (fixed(b"<!DOCTYPE html><html>Sign in</html>"), "a page for people"),
    "half": (fixed(b'{"type": "bundle", "objects": ['), "no whole JSON"),
    "foreign": (fixed(b'{"a": 1}'), "neither STIX nor MISP"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_worked_last_stays_in_force(how: str, tmp_path: Path, store: Store):
    respond, message = BROKEN[how]
    current = [fixed(b"evil.example\n"), respond]
    with serving(lambda request: current.pop(0)(request)) as address:
        feed = {"name": "list", "url": f"{address}/list.txt", "max_size": "1MiB"}
        given = settings(tmp_path, feed)
        first, second = pulled(given, store), pulled(given, store, 1)

    assert first.problem == ""
    assert message in second.problem
    assert (second.snapshot, second.rows, second.pulled) == (first.snapshot, 1, first.pulled)
    assert known(store, "evil.example", "other.example") == ["evil.example"]
    assert pulls.is_due(given.intelligence.feeds[0], second, NOW + HOUR + timedelta(minutes=5))


def test_a_feed_that_never_ends_is_given_up(tmp_path: Path, store: Store, monkeypatch):
    monkeypatch.setattr(pulls, "_SECONDS", 0.3)

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100000")
        request.end_headers()
        for _ in range(200):
            try:
                request.wfile.write(b"evil.example\n")
                request.wfile.flush()
            except OSError:
                return
            request.server.stopped.wait(0.02)  # type: ignore[attr-defined]  # set below

    def respond(request: BaseHTTPRequestHandler) -> None:
        import threading

        request.server.stopped = threading.Event()  # type: ignore[attr-defined]  # read above
        drip(request)

    with serving(respond) as address:
        given = settings(tmp_path, {"name": "list", "url": f"{address}/list.txt"})
        state = pulled(given, store)

    assert "takes longer than" in state.problem


@pytest.mark.parametrize("place", ["url", "taxii", "misp"])
def test_an_address_inside_is_refused_unless_it_is_allowed(
    place: str, tmp_path: Path, store: Store
):
    asked: list[str] = []

    def respond(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        send(request, b"evil.example\n")

    with serving(respond) as address:
        given = settings(tmp_path, {"name": "list", place: address}, inside=False)
        state = pulled(given, store)

    assert "not public" in state.problem
    assert asked == []


@pytest.mark.parametrize(
    "url", ["http://203.0.113.7/x", "file:///etc/passwd", "https://user:hunter2@x.example/", "//x"]
)
def test_addresses_that_can_never_be_used_are_refused(url: str, tmp_path: Path, store: Store):
    state = pulled(settings(tmp_path, {"name": "list", "url": url}), store)

    assert state.problem
    assert "hunter2" not in state.problem


def test_pages_of_a_collection_are_followed_and_the_next_pull_goes_on(tmp_path: Path, store: Store):
    taxii = Taxii([stix_indicator(number, f"h{number}.example") for number in range(5)])
    with serving(taxii) as address:
        feed = {"name": "cti", "taxii": f"{address}/api/collections/1/", "token": "${KEY}"}
        given = settings(tmp_path, feed)
        first = pulled(given, store)
        taxii.objects.append(stix_indicator(0, "h0.example", revoked=True))
        taxii.objects.append(stix_indicator(9, "h9.example"))
        second = pulled(given, store, 1)

    assert (first.rows, second.rows) == (5, 5)
    assert [each.get("added_after") for each in taxii.asked] == [None] * 3 + [["5"]]
    assert set(taxii.authorizations) == {"Bearer misp-example-key"}
    names = [f"h{number}.example" for number in range(10)]
    assert known(store, *names) == ["h1.example", "h2.example", "h3.example", "h4.example"] + [
        "h9.example"
    ]
    assert second.counts == {"used": 1, "revoked": 1}


def test_a_collection_that_breaks_off_is_pulled_from_where_it_began(tmp_path: Path, store: Store):
    taxii = Taxii([stix_indicator(number, f"h{number}.example") for number in range(5)])
    breaks = [False, True]

    def respond(request: BaseHTTPRequestHandler) -> None:
        if breaks and breaks.pop(0):
            return truncated(request)
        return taxii(request)

    with serving(respond) as address:
        given = settings(tmp_path, {"name": "cti", "taxii": f"{address}/api/collections/1/"})
        first, second = pulled(given, store), pulled(given, store, 1)

    assert (first.rows, first.marks) == (0, {})
    assert "does not answer" in first.problem
    assert second.rows == 5


def test_a_collection_that_leads_in_circles_is_left(tmp_path: Path, store: Store):
    page = json.dumps({"more": True, "next": "same", "objects": []}).encode()
    with serving(fixed(page)) as address:
        given = settings(tmp_path, {"name": "cti", "taxii": f"{address}/api/collections/1/"})
        state = pulled(given, store)

    assert "no new `next`" in state.problem


def test_attributes_of_misp_are_pulled_from_the_last_change_on(
    tmp_path: Path, store: Store, monkeypatch
):
    import tocsin.collect.intelligence.misp as plug

    monkeypatch.setattr(plug, "_PAGE", 2)
    misp = Misp(
        [
            {
                "uuid": str(number),
                "type": "domain",
                "value": f"h{number}.example",
                "to_ids": True,
                "timestamp": str(100 + number),
                "Event": {"info": "Campaign"},
            }
            for number in range(5)
        ]
    )
    with serving(misp) as address:
        given = settings(tmp_path, {"name": "misp", "misp": address, "token": "${KEY}"})
        first = pulled(given, store)
        misp.attributes.append(misp.attributes[0] | {"deleted": True, "timestamp": "200"})
        second = pulled(given, store, 1)

    assert (first.rows, second.rows) == (5, 4)
    assert [each["page"] for each in misp.asked] == [1, 2, 3, 1, 2]
    assert misp.asked[-1]["timestamp"] == 104
    assert known(store, "h0.example", "h4.example") == ["h4.example"]


def test_a_feed_of_misp_events_is_read_by_its_manifest(tmp_path: Path, store: Store):
    event = {"Event": {"info": "C", "Attribute": [{"type": "domain", "value": "e.example"}]}}
    event["Event"]["Attribute"][0]["to_ids"] = True  # type: ignore[index]  # a dictionary above
    paths: list[str] = []

    def respond(request: BaseHTTPRequestHandler) -> None:
        paths.append(request.path)
        manifest = {"aa-1": {"timestamp": "100"}, "../../x": {"timestamp": "100"}}
        is_list = request.path.endswith("manifest.json")
        send(request, json.dumps(manifest if is_list else event).encode())

    with serving(respond) as address:
        given = settings(tmp_path, {"name": "misp", "url": f"{address}/feed/manifest.json"})
        pulled(given, store)
        state = pulled(given, store, 1)

    assert paths == ["/feed/manifest.json", "/feed/aa-1.json", "/feed/manifest.json"]
    assert state.rows == 1
    assert known(store, "e.example") == ["e.example"]


def test_files_of_a_folder_are_read_when_they_change(tmp_path: Path, store: Store):
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "a.txt").write_text("a.example\n")
    bundle = {"type": "bundle", "objects": [stix_indicator(1, "b.example")]}
    (folder / "b.json").write_text(json.dumps(bundle))
    given = settings(tmp_path, {"name": "own", "path": str(folder)})
    first, second = pulled(given, store), pulled(given, store, 1)
    (folder / "a.txt").write_text("c.example\n")
    third = pulled(given, store, 2)

    assert first.snapshot == second.snapshot != third.snapshot
    assert known(store, "a.example", "b.example", "c.example") == ["b.example", "c.example"]


def test_what_is_known_of_a_value_is_shown_with_what_has_expired(tmp_path: Path, store: Store):
    (tmp_path / "a.txt").write_text("a.example\n203.0.113.0/24\n")
    given = settings(tmp_path, {"name": "own", "path": str(tmp_path / "a.txt"), "expires": "1h"})
    pulled(given, store)

    (fresh,) = intelligence_work.show("www.a[.]example", store, NOW)
    (old,) = intelligence_work.show("203.0.113.9", store, NOW + 2 * HOUR)
    assert (fresh.indicator.value, fresh.is_expired) == ("a.example", False)
    assert (old.indicator.value, old.is_expired) == ("203.0.113.0/24", True)
    (listed,) = intelligence_work.list_feeds(given, store)
    assert (listed.name, listed.state, listed.rows) == ("own", "in force", 2)
