import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tocsin.collect.sources.files import Files, FilesSettings
from tocsin.ocsf import RawBatch

Step = Callable[[], object]


def line(number: int) -> bytes:
    # Long enough to be told from another file by its beginning.
    return json.dumps({"eventID": f"e{number}", "eventName": "GetObject"}).encode()


def lines(*numbers: int) -> bytes:
    return b"".join(line(number) + b"\n" for number in numbers)


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as opened:
        opened.write(content)


class Watch:
    """Follows paths while steps change them; a step runs between two looks."""

    def __init__(self, *paths: Path, cursor: str | None = None) -> None:
        self._settings = FilesSettings(
            "trail", "aws.cloudtrail", tuple(map(str, paths)), "Records", follow=True
        )
        self.cursor = cursor
        self.batches: list[RawBatch] = []

    def run(self, *steps: Step) -> "Watch":
        """Look once, then once after each step; resumes where the last run ended."""
        left: Iterator[Step] = iter(steps)

        def pause(seconds: float) -> bool:
            step = next(left, None)
            if step is not None:
                step()
            return step is None

        for batch in Files(self._settings, pause=pause).read(self.cursor):
            self.cursor = batch.cursor
            self.batches.append(batch)
        return self

    @property
    def raws(self) -> list[bytes]:
        return [raw for batch in self.batches for raw in batch.records["raw"].to_pylist()]

    @property
    def places(self) -> list[tuple[str, int]]:
        rows = [row for batch in self.batches for row in batch.records.to_pylist()]
        return [(row["origin"], row["position"]) for row in rows]

    @property
    def rejects(self) -> list[dict]:
        return [row for batch in self.batches for row in batch.rejects.to_pylist()]


def wait() -> None:
    """A step in which nothing happens."""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


def test_what_is_appended_is_read_once(log):
    log.write_bytes(lines(1, 2))

    watch = Watch(log).run(lambda: append(log, lines(3)), wait, lambda: append(log, lines(4)))

    assert watch.raws == [line(1), line(2), line(3), line(4)]


def test_a_line_waits_until_it_is_complete(log):
    log.write_bytes(lines(1) + line(2)[:5])

    watch = Watch(log).run(wait, wait, lambda: append(log, line(2)[5:] + b"\n"))

    assert watch.raws == [line(1), line(2)]


def test_a_file_may_come_later(log):
    watch = Watch(log).run(wait, lambda: log.write_bytes(lines(1)))

    assert watch.raws == [line(1)]


def test_following_resumes_after_its_cursor(log):
    log.write_bytes(lines(1, 2))
    watch = Watch(log).run()

    append(log, lines(3))
    watch.run(lambda: append(log, lines(4)))

    assert watch.raws == [line(1), line(2), line(3), line(4)]
    assert len(set(watch.places)) == 4


def test_an_incomplete_line_at_the_end_is_read_whole_after_a_restart(log):
    log.write_bytes(lines(1) + line(2)[:9])
    watch = Watch(log).run()

    append(log, line(2)[9:] + b"\n")
    watch.run()

    assert watch.raws == [line(1), line(2)]


@pytest.mark.parametrize("is_folder", [True, False], ids=["folder", "file"])
def test_rotation_by_renaming_loses_and_repeats_nothing(log, is_folder):
    log.write_bytes(lines(1))

    def rotate() -> None:
        append(log, lines(2))
        log.rename(log.with_name("audit.log.1"))
        log.write_bytes(lines(3))

    def write_on_to_the_renamed_one() -> None:
        append(log.with_name("audit.log.1"), lines(4))

    watch = Watch(log.parent if is_folder else log).run(rotate, write_on_to_the_renamed_one)

    assert sorted(watch.raws) == [line(1), line(2), line(3), line(4)]
    assert len(set(watch.places)) == 4


@pytest.mark.parametrize("is_folder", [True, False], ids=["folder", "file"])
def test_rotation_while_nobody_looked_loses_and_repeats_nothing(log, is_folder):
    log.write_bytes(lines(1))
    watch = Watch(log.parent if is_folder else log).run()

    append(log, lines(2))
    log.rename(log.with_name("audit.log.1"))
    log.write_bytes(lines(3))
    watch.run()

    assert sorted(watch.raws) == [line(1), line(2), line(3)]
    assert len(set(watch.places)) == 3


@pytest.mark.parametrize("is_folder", [True, False], ids=["folder", "file"])
def test_rotation_by_copying_and_emptying_loses_and_repeats_nothing(log, is_folder):
    log.write_bytes(lines(*range(1, 9)))

    def copy_and_empty() -> None:
        append(log, lines(9))
        shutil.copyfile(log, log.with_name("audit.log.1"))
        os.truncate(log, 0)
        append(log, lines(10))

    watch = Watch(log.parent if is_folder else log).run(copy_and_empty, wait, wait)

    assert sorted(watch.raws) == sorted(line(number) for number in range(1, 11))
    assert len(set(watch.places)) == 10


def test_a_copy_made_before_the_emptying_is_seen_is_not_read_again(log):
    log.write_bytes(lines(*range(1, 9)))

    watch = Watch(log.parent).run(
        lambda: shutil.copyfile(log, log.with_name("audit.log.1")),
        lambda: os.truncate(log, 0),
        lambda: append(log, lines(9)),
    )

    assert watch.raws == [line(number) for number in range(1, 10)]


def test_a_file_written_anew_beyond_its_old_size_is_noticed(log):
    log.write_bytes(lines(1))

    def rewrite() -> None:
        os.truncate(log, 0)
        append(log, lines(5, 6, 7))

    watch = Watch(log).run(rewrite)

    assert watch.raws == [line(1), line(5), line(6), line(7)]


def test_the_last_line_of_a_rotated_file_comes_though_nobody_ended_it(log):
    log.write_bytes(lines(1) + line(2))

    watch = Watch(log).run(
        lambda: log.rename(log.with_name("audit.log.1")), wait, wait, wait, wait, wait, wait, wait
    )

    assert watch.raws == [line(1), line(2)]


def test_new_files_in_deep_folders_are_found(tmp_path):
    deep = tmp_path / "a" / "b"

    def create() -> None:
        deep.mkdir(parents=True)
        (deep / "new.log").write_bytes(lines(1))

    assert Watch(tmp_path).run(create).raws == [line(1)]


def test_whole_documents_are_read_when_they_have_stopped_changing(tmp_path):
    path = tmp_path / "trail.json.gz"
    content = gzip.compress(b'{"Records":[' + line(1) + b"," + line(2) + b"]}")

    watch = Watch(tmp_path).run(
        lambda: path.write_bytes(content[:20]),
        lambda: append(path, content[20:40]),
        lambda: append(path, content[40:]),
        wait,
        wait,
        wait,
    )

    assert (watch.raws, watch.rejects) == ([line(1), line(2)], [])


def test_whole_documents_are_not_read_again_after_a_restart(tmp_path):
    path = tmp_path / "trail.json"
    path.write_bytes(b"[" + line(1) + b"," + line(2) + b"]")
    watch = Watch(tmp_path).run(wait, wait, wait)

    watch.run(wait, wait, wait)

    assert watch.raws == [line(1), line(2)]


@pytest.mark.parametrize("opening", [b"[", b"[\n"], ids=["other first line", "same first line"])
def test_a_document_written_anew_gives_its_new_records(tmp_path, opening):
    path = tmp_path / "trail.json"
    path.write_bytes(opening + line(1) + b"]")

    def rewrite() -> None:
        path.write_bytes(opening + line(2) + b"]")
        os.utime(path, ns=(1, 1))

    watch = Watch(tmp_path).run(wait, wait, rewrite, wait, wait, wait)

    assert watch.raws == [line(1), line(2)]


def test_a_line_beyond_the_limit_that_grows_slowly_is_one_reject(log):
    log.write_bytes(lines(1))

    def grow() -> None:
        append(log, b"x" * (700 << 10))

    watch = Watch(log).run(grow, grow, grow, lambda: append(log, b"\n" + lines(2)), wait)

    assert watch.raws == [line(1), line(2)]
    assert [row["size_bytes"] for row in watch.rejects] == [3 * (700 << 10)]


def test_a_restart_within_a_line_beyond_the_limit_counts_all_of_it(log):
    log.write_bytes(lines(1) + b"x" * (2 << 20))
    watch = Watch(log).run(wait)

    append(log, b"x\n" + lines(2))
    watch.run()

    assert watch.raws == [line(1), line(2)]
    assert [row["size_bytes"] for row in watch.rejects] == [(2 << 20) + 1]


def test_what_cannot_be_followed_is_said_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    watch = Watch(tmp_path).run(wait, wait)

    assert [row["reason"][:12] for row in watch.rejects] == ["not_a_file: "]


def test_an_inode_that_is_used_again_is_another_file(log):
    log.write_bytes(lines(1, 2, 3))
    inode = log.stat().st_ino

    def replace() -> None:
        log.unlink()
        log.write_bytes(lines(4))

    watch = Watch(log).run(replace, wait)

    assert watch.raws[-1] == line(4), f"inode {inode} and then {log.stat().st_ino}"
    assert len(set(watch.places)) == 4
