"""Bad records through the whole pipeline: rejects with reasons, and neighbors that arrive."""

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.bad_input.hostile import (
    ACCEPTED,
    REJECTED,
    TIMES,
    between_neighbors,
    neighbor,
    odd_records,
)
from tests.run.crank import call, counters, is_conserved, stored, turned
from tocsin.ocsf import EVERYTHING
from tocsin.run import Running, start
from tocsin.run.offline import file_source
from tocsin.run.tools import Tools
from tocsin.settings import load
from tocsin.store import Store

TOKEN = "an-ingest-token-of-no-one-0123456789"


def carried(
    content: bytes, tools: Tools, store: Store, folder: Path, source: str = "aws.cloudtrail"
) -> dict[str, int]:
    path = folder / "records"
    path.write_bytes(content)
    for batch in file_source([str(path)], tools.mappings[source], "feed", _ignore).read(None):
        turned(tools, store, batch)
    counts = dict(counters(store, "feed"))
    assert is_conserved(counts)
    return counts


def _ignore(done: int, total: int | None) -> None:
    """Progress is of no interest here."""


def neighbors_of(store: Store) -> int:
    return len(store.events.search("actor.user.name:neighbor-*", EVERYTHING).rows)


@pytest.mark.parametrize("name", REJECTED)
def test_a_bad_record_is_a_reject_with_a_reason_and_its_neighbors_arrive(
    name: str, tools: Tools, store: Store, tmp_path: Path
):
    counts = carried(between_neighbors(REJECTED[name]), tools, store, tmp_path)

    reasons = [str(row["reason"]) for row in stored(store).rejects]
    assert neighbors_of(store) == 2
    assert (counts["events"], counts["rejects"]) == (2, len(reasons))
    assert reasons and all(reason.split(":")[0].isidentifier() for reason in reasons)
    assert not any(reason.startswith("internal_error") for reason in reasons)


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_odd_record_harms_nobody(name: str, tools: Tools, store: Store, tmp_path: Path):
    counts = carried(between_neighbors(ACCEPTED[name]), tools, store, tmp_path)

    reasons = [str(row["reason"]) for row in stored(store).rejects]
    assert neighbors_of(store) == 2
    assert counts["received"] == 3
    assert not any(reason.startswith("internal_error") for reason in reasons)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "cp1252", "utf-8-sig"])
def test_a_file_of_another_encoding_is_accounted_for(
    encoding: str, tools: Tools, store: Store, tmp_path: Path
):
    text = json.dumps(call(user="Jürgen"), ensure_ascii=False) + "\n"

    counts = carried(text.encode(encoding), tools, store, tmp_path)

    assert counts["received"] >= 1
    assert counts["events"] == (1 if encoding == "utf-8-sig" else 0)


def test_times_of_all_ages_are_stored_and_found_again(tools: Tools, store: Store, tmp_path: Path):
    records = [
        call(user=f"t-{n}", eventID=f"t-{n}") | {"eventTime": t} for n, t in enumerate(TIMES)
    ]
    content = b"\n".join(json.dumps(record).encode() for record in records)

    counts = carried(content + b"\n" + neighbor(1), tools, store, tmp_path)
    rows = store.events.search("", EVERYTHING, limit=1_000).rows

    assert counts["received"] == len(TIMES) + 1
    assert rows.num_rows == counts["events"]
    assert all(2025 <= day.year <= 2027 for day in rows["day"].to_pylist())


@pytest.mark.parametrize("source", ["aws.cloudtrail", "kubernetes.audit"])
def test_every_mapped_field_may_hold_anything(
    source: str, tools: Tools, store: Store, tmp_path: Path
):
    mapping = tools.mappings[source]
    good = (
        b'{"eventName":"x","eventSource":"y","verb":"get","auditID":"good-%d","eventID":"good-%d"}'
    )
    written = []
    for number, record in enumerate(odd_records(iter(mapping.fields), mapping.example)):
        written += [json.dumps(record).encode(), good % (number, number)]

    counts = carried(b"\n".join(written), tools, store, tmp_path, source)

    rejects = store.rejects.by_reason(EVERYTHING)
    assert counts["received"] == len(written)
    assert counts["events"] >= len(written) // 2
    assert "internal_error" not in {code for _, code, _ in rejects}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("running")
    (folder / "tocsin.yaml").write_text(
        "data: data\nlog_level: error\nweb: {port: 0}\nreceivers: {port: 0}\nfeeds:\n"
        "  - {kind: json_lines, name: pushed, source: aws.cloudtrail, token: {env: TOKEN}}\n"
        "  - {kind: elasticsearch, name: shipped, source: aws.cloudtrail, token: {env: TOKEN}}\n"
    )
    with start(load(folder / "tocsin.yaml", {"TOKEN": TOKEN})) as found:
        end = time.monotonic() + 180
        while not found.health().is_ready:  # until its first turn
            assert time.monotonic() < end
            time.sleep(0.02)
        yield found


@pytest.fixture
def client(running: Running) -> Iterator[httpx.Client]:
    address = running.receiver_address() or ""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=address, timeout=300, trust_env=False, headers=headers) as found:
        yield found


@pytest.mark.parametrize("name", [*REJECTED, *ACCEPTED])
def test_a_receiver_takes_the_neighbors_of_a_bad_record(
    name: str, client: httpx.Client, running: Running
):
    before = dict(counters(running.store, "pushed"))
    user = f"near-{abs(hash(name))}"
    near = json.dumps(call(user=user)).encode()
    hostile = (REJECTED | ACCEPTED)[name]

    answer = client.post("/ingest/pushed", content=near + b"\n" + hostile + b"\n")

    after = counters(running.store, "pushed")
    assert answer.status_code == 200
    assert is_conserved(after)
    assert after["received"] >= before.get("received", 0) + 2
    assert len(running.store.events.search(f"actor.user.name:{user}", EVERYTHING).rows) == 1


@pytest.mark.parametrize("name", [name for name in REJECTED if name != "2 MiB"])
def test_a_shipper_hears_which_document_was_bad(name: str, client: httpx.Client):
    action = b'{"create":{"_index":"logs"}}\n'
    good = json.dumps(call(user=f"bulk-{abs(hash(name))}")).encode()
    body = action + good + b"\n" + action + REJECTED[name] + b"\n"

    answer = client.post(
        "/_bulk",
        content=body,
        headers={"Content-Type": "application/x-ndjson", "Authorization": f"ApiKey {TOKEN}"},
    )

    items = answer.json()["items"]
    assert answer.status_code == 200
    assert [item["create"]["status"] < 300 for item in items] == [True, False]
    assert items[1]["create"]["error"]["reason"]


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"\x1f\x8b\x08\x00broken", {"Content-Encoding": "gzip"}),
        (gzip.compress(b"{}" * 1000, mtime=0)[:-8], {"Content-Encoding": "gzip"}),
        (gzip.compress(b" " * (64 << 20), mtime=0), {"Content-Encoding": "gzip"}),
        (b"{}", {"Content-Encoding": "br"}),
        (b"{}", {"Content-Encoding": "gzip, gzip"}),
        (b"x" * (33 << 20), {}),
    ],
    ids=["no gzip", "cut gzip", "bomb", "brotli", "twice", "33 MiB"],
)
def test_a_body_that_cannot_be_read_is_refused_in_one_sentence(
    content: bytes, headers: dict[str, str], client: httpx.Client, running: Running
):
    answer = client.post("/ingest/pushed", content=content, headers=headers)

    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]
    assert running.health().is_ready
