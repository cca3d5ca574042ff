"""GELF over UDP, TCP and HTTP, from friendly senders and hostile ones."""

import gzip
import json
import random
import socket
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.collect.counter import TOKEN, Counter, bearer, client, fail, listening
from tests.collect.syslogs import eventually
from tocsin.collect import Outcome, gelf_chunks, token_hash
from tocsin.collect.gelf_chunks import CHUNK_MAGIC, Chunks, Damage, inflated
from tocsin.collect.receivers.gelf import Gelf, GelfFeed, GelfSettings, record_of
from tocsin.errors import SettingsError
from tocsin.settings import load

MESSAGE = json.dumps(
    {"version": "1.1", "host": "web", "short_message": '{"a":1}', "level": 5}
).encode()


@pytest.fixture
def counter() -> Counter:
    return Counter()


@contextmanager
def gelf(counter: Counter, **more: object) -> Iterator[tuple[Gelf, str]]:
    feed = GelfFeed("logs", "linux.syslog", 0, token_hash=token_hash(TOKEN), **more)  # type: ignore[arg-type]
    receiver = Gelf(GelfSettings((feed,)))
    with listening(counter, receiver) as url:
        yield receiver, url


def send(receiver: Gelf, *datagrams: bytes) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, ("127.0.0.1", receiver.port("logs")))


def chunked(message: bytes, size: int, uid: bytes = b"12345678") -> list[bytes]:
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return [
        CHUNK_MAGIC + uid + bytes([number, len(parts)]) + part for number, part in enumerate(parts)
    ]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zlib.compress])
def test_whole_and_chunked_datagrams_arrive(counter, pack):
    chunks = chunked(pack(MESSAGE), 7)
    random.Random(4).shuffle(chunks)
    with gelf(counter) as (receiver, _):
        send(receiver, pack(MESSAGE), *chunks, chunks[0])
        eventually(lambda: len(counter.raws) == 2)

    assert counter.raws == [MESSAGE, MESSAGE]


def test_messages_over_tcp_end_with_a_zero_byte(counter):
    with gelf(counter) as (receiver, _):
        address = ("127.0.0.1", receiver.port("logs"))
        with closing(socket.create_connection(address, 5)) as sender:
            sender.sendall(MESSAGE + b"\0" + MESSAGE + b"\n\0\0" + MESSAGE)
        eventually(lambda: len(counter.raws) == 3)

    assert counter.raws == [MESSAGE] * 3


def test_http_answers_202_after_the_commit(counter):
    with gelf(counter) as (_, url), client(url) as web:
        plain = web.post("/gelf", content=MESSAGE, headers=bearer())
        zipped = web.post(
            "/gelf",
            content=gzip.compress(MESSAGE),
            headers=bearer() | {"Content-Encoding": "gzip"},
        )
        refused = web.post("/gelf", content=MESSAGE)

    assert [each.status_code for each in (plain, zipped, refused)] == [202, 202, 401]
    assert counter.raws == [MESSAGE, MESSAGE]


@pytest.mark.parametrize(
    ("answer", "status"), [(fail, 503), (lambda batch: Outcome("busy", retry_after_seconds=3), 429)]
)
def test_http_says_when_to_come_again(counter, answer, status):
    counter.answer = answer
    with gelf(counter) as (_, url), client(url) as web:
        response = web.post("/gelf", content=MESSAGE, headers=bearer())

    assert response.status_code == status
    assert int(response.headers["Retry-After"]) > 0


def test_a_field_of_the_message_can_be_the_record(counter):
    with gelf(counter, record_field="short_message") as (receiver, url):
        send(receiver, MESSAGE)
        eventually(lambda: len(counter.raws) == 1)
        with closing(socket.create_connection(("127.0.0.1", receiver.port("logs")), 5)) as sender:
            sender.sendall(MESSAGE + b"\0")
        eventually(lambda: len(counter.raws) == 2)
        with client(url) as web:
            web.post("/gelf", content=MESSAGE, headers=bearer())

    assert counter.raws == [b'{"a":1}'] * 3


@pytest.mark.parametrize(
    "message",
    [b"", b"{}", b"[]", b"nul", b'{"short_message":1}', b'{"short_message":""}', b"[" * 9_000],
)
def test_a_message_without_the_field_stays_itself(message):
    assert record_of(message, "short_message") == message


def test_bombs_and_damage_are_rejects(counter, growth_mib):
    bomb = zlib.compress(b"\0" * (40 << 20), 9)
    assert len(bomb) < 65_000
    with gelf(counter) as (receiver, _), growth_mib() as grown:
        send(receiver, bomb, gzip.compress(MESSAGE)[:-9], b"\x1f\x8b\x08nonsense", MESSAGE)
        eventually(lambda: len(counter.rejects) == 3 and counter.raws == [MESSAGE])
        assert grown() < 30

    reasons = [str(row["reason"]).partition(":")[0] for row in counter.rejects]
    assert sorted(reasons) == ["damaged", "damaged", "too_long"]


def test_spoofed_sequences_take_no_room_and_are_counted(counter):
    with gelf(counter) as (receiver, _):
        first, *rest = chunked(MESSAGE, 20)
        send(receiver, first)
        for number in range(3_000):
            send(receiver, CHUNK_MAGIC + number.to_bytes(8, "big") + b"\0\x02" + b"x")
        send(receiver, CHUNK_MAGIC + b"12345678" + bytes([200, 100]) + b"x")
        send(receiver, CHUNK_MAGIC + b"12345678" + bytes([1, 0]), CHUNK_MAGIC, *rest)
        send(receiver, MESSAGE)
        eventually(lambda: counter.raws == [MESSAGE])
        counts = receiver.counts
        eventually(lambda: counts["logs/broken_chunks"] == 3)

        assert counts["logs/incomplete_messages"] >= 3_000 - gelf_chunks.MAX_OPEN_MESSAGES


class TestChunks:
    def chunks(self) -> Chunks:
        self.counted: list[str] = []
        self.now = 0.0
        return Chunks(self.counted.append, lambda: self.now)

    def test_of_another_sender_do_not_mix(self):
        chunks = self.chunks()
        mine, other = chunked(b"mine", 2), chunked(b"oops", 2)

        assert chunks.take(mine[0], "192.0.2.1") is None
        assert chunks.take(other[1], "192.0.2.2") is None
        assert chunks.take(mine[1], "192.0.2.1") == b"mine"

    def test_the_first_of_a_number_holds(self):
        chunks = self.chunks()
        chunks.take(chunked(b"mine", 2)[0], "a")
        chunks.take(chunked(b"evil", 2)[0], "a")

        assert chunks.take(chunked(b"mine", 2)[1], "a") == b"mine"

    def test_are_given_up_after_five_seconds(self):
        chunks = self.chunks()
        chunks.take(chunked(b"mine", 2)[0], "a")
        self.now = 5.1

        assert chunks.take(chunked(b"mine", 2)[1], "a") is None
        assert self.counted == ["incomplete_messages"]
        assert len(chunks) == 1

    def test_take_no_more_memory_than_agreed(self, monkeypatch):
        monkeypatch.setattr(gelf_chunks, "MAX_OPEN_BYTES", 100_000)
        chunks = self.chunks()
        for number in range(300):
            head = CHUNK_MAGIC + number.to_bytes(8, "big") + b"\0\x02"
            chunks.take(head + b"x" * 1_000, "a")

            assert chunks.held_bytes <= 100_000
        assert len(chunks) == 100

    def test_of_a_message_that_grows_too_long_are_given_up(self):
        chunks = self.chunks()
        for each in chunked(b"x" * (2 << 20), 20_000)[:-1]:
            chunks.take(each, "a")

        assert self.counted == ["incomplete_messages"]

    @given(st.lists(st.binary(max_size=20).map(CHUNK_MAGIC.__add__)))
    def test_of_any_bytes_are_taken_without_failing(self, datagrams):
        chunks = self.chunks()
        for each in datagrams:
            chunks.take(each, "a")

        assert chunks.held_bytes >= 0


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x1f\x8b", b"\x78\x9c"]))
def test_any_message_is_text_or_damaged(content, magic):
    try:
        inflated(magic + content)
    except Damage as damage:
        assert str(damage)


def test_settings_without_a_socket_need_a_token(tmp_path):
    path = tmp_path / "tocsin.yaml"
    text = "feeds:\n  - {name: a, kind: gelf, source: linux.syslog, transports: []%s}\n"
    path.write_text(text % "")
    with pytest.raises(SettingsError, match="2: `transports`: expected"):
        load(path, {"HOME": str(tmp_path)})
    path.write_text(text % ", token: {env: GELF}")

    (feed,) = load(path, {"HOME": str(tmp_path), "GELF": TOKEN}).feeds
    assert feed.token == token_hash(TOKEN)


def test_two_feeds_over_http_are_told_apart_by_their_tokens(counter):
    feeds = tuple(
        GelfFeed(name, "linux.syslog", transports=(), token_hash=token_hash(name * 20))
        for name in ("one", "two")
    )
    with listening(counter, Gelf(GelfSettings(feeds))) as url, client(url) as web:
        web.post("/gelf", content=MESSAGE, headers=bearer("two" * 20))

    assert [batch.feed for batch in counter.batches] == ["two"]
