"""A file that a parser cannot get through costs itself alone."""

from tests.detect.rules import sigma
from tocsin.errors import Problem
from tocsin.isolate import RuleReaders, rule_readers
from tocsin.isolate.rule_readers import ReaderLimits

GOOD = {
    f"r{number:03}.yml": sigma("s: {a: x}\ncondition: s").replace("000000000001", f"{number:012}")
    for number in range(70)
}
CHILD = """
import os, sys, time, struct
given, taken = os.fdopen(int(sys.argv[1]), "rb"), os.fdopen(int(sys.argv[2]), "wb")
def say(content):
    taken.write(len(content).to_bytes(4, "big") + content); taken.flush()
def hear():
    return given.read(int.from_bytes(given.read(4), "big"))
say(b"ready"); hear()
import msgspec
while frame := hear():
    for path, text in msgspec.msgpack.decode(frame):
        if text == "hang": time.sleep(60)
        if text == "die": os._exit(9)
        if text == "flood":
            while True: taken.write(b"\\xff" * 4096)
        say(path.encode() if text != "odd" else b"")
"""


def readers(limits=None):
    return RuleReaders({}, {}, limits)


def test_good_files_are_read_by_processes_of_their_own():
    found = readers().read(GOOD)

    assert found.keys() == GOOD.keys()
    assert all(isinstance(content, bytes) for content in found.values())


def test_a_file_that_loops_or_kills_its_reader_is_named_and_the_others_are_read(
    monkeypatch, tmp_path
):
    (tmp_path / "child.py").write_text(CHILD)
    monkeypatch.setattr(rule_readers, "_CHILD", tmp_path / "child.py")
    bad = {"a.yml": "hang", "b.yml": "die", "m.yml": "flood", "o.yml": "odd", "z.yml": "hang"}

    found = readers(ReaderLimits(file_seconds=3)).read(GOOD | bad)

    problems = {path: str(each) for path, each in found.items() if isinstance(each, Problem)}
    assert found.keys() == GOOD.keys() | bad.keys() - {"o.yml"}
    assert problems.pop("m.yml").endswith("; left out")
    assert problems == {
        "a.yml": "a.yml: reading it took longer than 3 s; left out",
        "b.yml": "b.yml: reading it needs too much memory, or ends the reader; left out",
        "z.yml": "z.yml: reading it took longer than 3 s; left out",
    }


def test_after_too_many_losses_the_rest_is_left_out(monkeypatch, tmp_path):
    (tmp_path / "child.py").write_text(CHILD)
    monkeypatch.setattr(rule_readers, "_CHILD", tmp_path / "child.py")
    files = {f"{number}.yml": "die" for number in range(300)}

    found = readers(ReaderLimits(losses=3)).read(files)

    told = [str(each) for each in found.values()]
    assert len(told) == 300
    assert sum("ends the reader" in each for each in told) <= 3 + rule_readers._MOST_READERS
    assert sum("too hard to read; remove them" in each for each in told) >= 280


def test_files_are_left_to_the_caller_where_no_reader_starts(monkeypatch, tmp_path):
    (tmp_path / "child.py").write_text("raise SystemExit(1)")
    monkeypatch.setattr(rule_readers, "_CHILD", tmp_path / "child.py")

    assert readers().read(GOOD) == {}
