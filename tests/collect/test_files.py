import ctypes
import gzip
import io
import json
import os
import socket
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tocsin.collect.sources.files import Files, FilesSettings
from tocsin.errors import SourceError
from tocsin.ocsf import RawBatch, identifiers


def read(*paths: Path | str, cursor: str | None = None, **more) -> list[RawBatch]:
    chosen = FilesSettings("trail", "aws.cloudtrail", tuple(map(str, paths)), "Records")
    return list(Files(chosen, **more).read(cursor))


def raws(batches: list[RawBatch]) -> list[bytes]:
    return [raw for batch in batches for raw in batch.records["raw"].to_pylist()]


def positions(batches: list[RawBatch]) -> list[int]:
    return [at for batch in batches for at in batch.records["position"].to_pylist()]


def rejects(batches: list[RawBatch]) -> list[dict]:
    return [row for batch in batches for row in batch.rejects.to_pylist()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs.json"


ONE, TWO, THREE = b'{"eventID":"1"}', b'{"eventID":"2"}', b'{"eventID":"3"}'


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (ONE + b"\n" + TWO + b"\n", [ONE, TWO]),
        (ONE + b"\n\n  \n" + TWO, [ONE, TWO]),
        (b"\xef\xbb\xbf" + ONE + b"\n" + TWO, [ONE, TWO]),
        (b'{"Records":[' + ONE + b"," + TWO + b"]}", [ONE, TWO]),
        (b'{\n  "Records": [\n' + ONE + b",\n" + TWO + b"\n]}\n", [ONE, TWO]),
        (b"[\n" + ONE + b",\n" + TWO + b"]", [ONE, TWO]),
        (b'{"Records":[' + ONE + b']}\n{"Records":[' + TWO + b"]}\n", [ONE, TWO]),
        (b'{"Records":[' + ONE + b']}{"Records":[' + TWO + b"]}", [ONE, TWO]),
        (b'{"eventID":\n"1"}', [b'{"eventID":\n"1"}']),
        (ONE, [ONE]),
        (b"", []),
        (b"\n \n", []),
    ],
    ids=[
        "lines",
        "white lines",
        "byte order mark",
        "records",
        "indented records",
        "array",
        "a payload a line",
        "concatenated payloads",
        "one indented event",
        "one event",
        "empty",
        "white",
    ],
)
@pytest.mark.parametrize("is_gzip", [False, True], ids=["plain", "gzip"])
def test_every_shape_of_file_gives_its_records(path, content, expected, is_gzip):
    path.write_bytes(gzip.compress(content) if is_gzip else content)

    batches = read(path)

    assert (raws(batches), rejects(batches)) == (expected, [])


def test_the_place_of_a_line_is_its_byte_offset_in_a_file_and_inode(path):
    path.write_bytes(ONE + b"\n\n" + TWO + b"\n")

    (batch,) = read(path)

    assert positions([batch]) == [0, len(ONE) + 2]
    (origin,) = set(batch.records["origin"].to_pylist())
    assert origin.startswith(f"{path}#{path.stat().st_ino:x}.")


def test_gzip_members_follow_each_other(path):
    path.write_bytes(gzip.compress(ONE + b"\n") + gzip.compress(TWO + b"\n") + b"\0" * 700)

    assert raws(read(path)) == [ONE, TWO]


def test_folders_are_read_below_and_in_order(tmp_path):
    for name, content in (("b/2.json", TWO), ("a/1.json", ONE), ("c.json", THREE)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)

    assert raws(read(tmp_path)) == [ONE, TWO, THREE]


def test_a_file_that_is_reached_twice_is_read_once(tmp_path, path):
    path.write_bytes(ONE)
    (tmp_path / "again").symlink_to(path)
    # Two, so that walking them again and again would take longer than the sun shines.
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "another loop").symlink_to(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    (tmp_path / "itself").symlink_to(tmp_path / "itself")

    batches = read(tmp_path, path)

    assert raws(batches) == [ONE]
    assert all(row["reason"].startswith("unreadable: ") for row in rejects(batches))


def test_what_is_no_file_in_a_folder_is_a_reject_and_nobody_waits_for_it(tmp_path, path):
    path.write_bytes(ONE)
    os.mkfifo(tmp_path / "a pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "b.sock"))

        batches = read(tmp_path)

    assert raws(batches) == [ONE]
    assert [row["reason"].split(":")[0] for row in rejects(batches)] == ["not_a_file"] * 2


def test_a_path_that_does_not_exist_is_one_clear_line(tmp_path):
    with pytest.raises(SourceError, match=f"{tmp_path}/missing: No such file"):
        read(tmp_path / "missing")


def test_what_may_not_be_read_is_named(path):
    path.write_bytes(ONE)
    path.chmod(0)
    answers: list[str] = []

    def read_both() -> None:
        with pytest.raises(SourceError) as raised:
            read(path)
        answers.append(str(raised.value))
        answers.extend(row["reason"] for row in rejects(read(path.parent)))

    as_somebody_else(read_both, path.parent)

    assert answers == [f"{path}: Permission denied", "unreadable: Permission denied"]


def as_somebody_else(act: Callable[[], None], folder: Path) -> None:
    """Run `act` without the rights of root, where the tests have them."""
    if os.geteuid() != 0:
        act()
        return
    for parent in [folder, *folder.parents][:-2]:
        parent.chmod(parent.stat().st_mode | 0o555)

    def act_as_nobody() -> None:
        # To the kernel rights are a thread's own (setresuid): the test runner keeps its.
        assert ctypes.CDLL(None).syscall(117, -1, 65534, -1) == 0
        act()

    thread = threading.Thread(target=act_as_nobody)
    thread.start()
    thread.join()


def test_a_pipe_that_is_named_is_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(ONE + b"\n" + TWO))
    writer.start()

    assert raws(read(pipe)) == [ONE, TWO]
    writer.join()


def test_standard_input_is_read_as_it_comes(monkeypatch):
    receiving, sending = os.pipe()
    with os.fdopen(receiving, "rb") as source, os.fdopen(sending, "wb") as target:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(source))
        target.write(gzip.compress(ONE + b"\n" + TWO))
        target.close()

        batches = read("-")

    assert raws(batches) == [ONE, TWO]
    assert batches[0].records["origin"][0].as_py().startswith("stdin#")


def test_progress_grows_to_the_size_of_all_files(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.json").write_bytes(b"\n".join([ONE] * 1000))
    seen: list[tuple[int, int]] = []

    read(tmp_path, observe=lambda done, total: seen.append((done, total)))

    total = 3 * (len(ONE) * 1000 + 999)
    assert seen == sorted(seen)
    assert seen[-1] == (total, total)


def test_a_pass_resumes_within_a_file_and_starts_again_when_files_came_before(tmp_path):
    lines = [b'{"eventID":"%d"}' % number for number in range(50_000)]
    (tmp_path / "b.json").write_bytes(b"\n".join(lines))
    first, *rest = read(tmp_path)

    resumed = read(tmp_path, cursor=first.cursor)
    (tmp_path / "a.json").write_bytes(ONE)
    again = read(tmp_path, cursor=first.cursor)

    assert raws(resumed) == raws(rest) == lines[20_000:]
    assert raws(again) == [ONE, *lines]


def test_a_file_that_grew_is_read_on(path):
    path.write_bytes(ONE + b"\n")
    (batch,) = read(path)
    with path.open("ab") as opened:
        opened.write(TWO + b"\n")

    assert raws(read(path, cursor=batch.cursor)) == [TWO]


# What is damaged or hostile.


def test_a_truncated_file_gives_its_good_part_and_a_reject_for_the_rest(path):
    lines = [
        b'{"eventID":"%d","noise":"%s"}' % (n, os.urandom(40).hex().encode()) for n in range(9)
    ]
    path.write_bytes(gzip.compress(b"\n".join(lines))[:-120])

    batches = read(path)

    assert raws(batches)[:4] == lines[:4]
    assert rejects(batches)[-1]["reason"].startswith("truncated: ")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: content[:400] + b"\xff" * 40 + content[440:], "bad_gzip: "),
        (lambda content: content + b"and something else", "bad_gzip: "),
        (lambda content: content[:-8] + b"\0" * 8, "bad_gzip: "),
    ],
    ids=["flipped", "followed by other bytes", "wrong sum"],
)
def test_damaged_gzip_is_a_reject_after_its_good_part(path, damage, reason):
    lines = [
        b'{"eventID":"%d","noise":"%s"}' % (n, os.urandom(40).hex().encode()) for n in range(9)
    ]
    path.write_bytes(damage(gzip.compress(b"\n".join(lines) + b"\n")))

    batches = read(path)

    assert raws(batches)[:2] == lines[:2]
    assert rejects(batches)[-1]["reason"].startswith(reason)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(gzip.compress(ONE, mtime=0), mtime=0), "unknown_format: gzip inside gzip"),
        (b"PK\x03\x04 and so on", "unknown_format: zip"),
        (b"\x28\xb5\x2f\xfd and so on", "unknown_format: zstd"),
        (b"\xfd7zXZ\x00 and so on", "unknown_format: xz"),
        (b"BZh91AY&SY and so on", "unknown_format: bzip2"),
        (b"PAR1 and so on\n and so on", "bad_parquet: "),
    ],
)
def test_formats_that_are_not_read_are_one_reject_that_says_so(path, content, reason):
    path.write_bytes(content)

    batches = read(path)

    assert raws(batches) == []
    (row,) = rejects(batches)
    assert row["reason"].startswith(reason)


@pytest.fixture(scope="session")
def bomb() -> bytes:
    """Return 300 MiB of zeros in 300 KiB."""
    packer = zlib.compressobj(6, wbits=31)
    zeros = b"\0" * (1 << 20)
    return b"".join(packer.compress(zeros) for _ in range(300)) + packer.flush()


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_a_bomb_stops_soon_and_costs_little(path, layers, bomb, growth_mib):
    content = bomb
    for _ in range(layers - 1):
        content = gzip.compress(content)
    path.write_bytes(content)

    with growth_mib() as growth:
        batches = read(path)

    assert growth() < 64
    assert raws(batches) == []
    expected = "bomb: " if layers == 1 else "unknown_format: gzip inside gzip"
    assert rejects(batches)[-1]["reason"].startswith(expected)


def test_more_than_256_mib_in_one_gzip_is_cut_off(path):
    noise = os.urandom(2000).hex().encode()
    line = b'{"eventID":"1","noise":"%s"}\n' % noise
    with gzip.open(path, "wb", compresslevel=1) as target:
        for _ in range(270):
            target.write(line * ((1 << 20) // len(line)))
            target.write(os.urandom(10_000).hex().encode() + b"\n")

    batches = read(path)

    assert sum(map(len, raws(batches))) > 240 << 20
    assert rejects(batches)[-1]["reason"].startswith("too_large: ")


@pytest.mark.parametrize("before", [b"", ONE + b"\n"], ids=["first", "second"])
def test_a_line_of_100_mib_is_a_reject_and_is_never_held(path, growth_mib, before):
    size = 100 << 20
    with path.open("wb") as target:
        target.write(before + b'{"eventID":"')
        for _ in range(100):
            target.write(b"x" * (1 << 20))
        target.write(b'"}\n' + TWO + b"\n")

    with growth_mib() as growth:
        batches = read(path)

    assert growth() < 32
    assert raws(batches) == [*([ONE] if before else []), TWO]
    (row,) = rejects(batches)
    assert row["size_bytes"] == size + len(b'{"eventID":""}')
    assert (len(row["raw"]), row["is_replayable"]) == (64 << 10, False)
    assert row["raw_hash"] == identifiers.content_hash(b'{"eventID":"' + b"x" * size + b'"}')


def test_a_document_of_200_mib_is_read_as_it_streams_by(path, growth_mib):
    element = json.dumps({"eventID": "1", "noise": "x" * 2000}).encode()
    with path.open("wb") as target:
        target.write(b'{"Records":[' + element)
        for _ in range(50):
            target.write((b"," + element) * 2000)
        target.write(b"]}")
    chosen = FilesSettings("trail", "aws.cloudtrail", (str(path),), "Records")
    count = 0

    with growth_mib() as growth:
        for batch in Files(chosen).read(None):
            count += batch.records.num_rows

    assert count == 100_001
    assert growth() < 128


PIECES = [ONE, TWO, b"\n", b" ", b"{", b"}", b"[", b"]", b",", b'"', b"\xff\xfe", b"\0", b"nul"]
BOM, GZIP = b"\xef\xbb\xbf", b"\x1f\x8b"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(content=st.binary(max_size=400) | st.lists(st.sampled_from(PIECES)).map(b"".join))
def test_of_any_bytes_nothing_is_lost_and_nothing_comes_twice(tmp_path, content):
    assume(not content.startswith(GZIP))
    path = tmp_path / "any"
    path.write_bytes(content)

    batches = read(path)

    # White space, commas and brackets may stand between records; all else is in one of them.
    between = b" \t\r\n\v\f,[]{}"
    kept = b"".join(raws(batches)) + b"".join(row["raw"] for row in rejects(batches))
    content = content.removeprefix(BOM)
    assert sorted(kept.translate(None, between)) == sorted(content.translate(None, between))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.binary(max_size=30).map(lambda line: b"x" + line.replace(b"\n", b""))))
def test_any_lines_are_kept_byte_by_byte_at_their_offsets(tmp_path, lines):
    path = tmp_path / "any"
    content = b"\n".join(lines)
    path.write_bytes(content)

    batches = read(path)

    assert raws(batches) == lines
    assert [
        content[at : at + len(line)] for at, line in zip(positions(batches), lines, strict=True)
    ] == lines
