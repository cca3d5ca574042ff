"""Rules are read once; what was read comes back from the cache, whatever happened to it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.detect.rules import sigma
from tocsin.detect import parse_rules
from tocsin.errors import Problem
from tocsin.run import rule_cache
from tocsin.run.rule_cache import RuleCache, cache_folder
from tocsin.settings import load


def rule(number: int, word: str = "x") -> str:
    uid = f"00000000-0000-4000-8000-{number:012d}"
    text = sigma(f"s: {{a: {word}}}\ncondition: s").replace("title: T", f"title: T{number}")
    return text.replace("00000000-0000-4000-8000-000000000001", uid)


FILES = {
    **{f"r{number}.yml": rule(number) for number in range(1, 40)},
    "filter.yml": "title: F\nlogsource: {product: aws}\n"
    "filter: {rules: any, s: {a: y}, condition: not s}\n",
    "broken.yml": "title: [",
    "wrong.yml": rule(41).replace("condition: s", "condition: t"),
}


class Counting(RuleCache):
    """Counts what had to be read."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.read = []

    def keep(self, path, content):
        self.read.append(path)
        super().keep(path, content)


def loaded(folder, files=FILES, placeholders=None):
    cache = Counting(folder, placeholders or {}, {})
    parsed = parse_rules(files, placeholders, cache)
    cache.save()
    return parsed, cache.read


def test_the_second_load_reads_nothing_and_gives_the_same(tmp_path):
    first, read = loaded(tmp_path)
    second, read_again = loaded(tmp_path)

    assert (len(read), read_again) == (len(FILES), [])
    assert first == second == parse_rules(FILES)


def test_one_changed_file_is_read_alone(tmp_path):
    loaded(tmp_path)

    parsed, read = loaded(tmp_path, FILES | {"r7.yml": rule(7, "other")})

    assert read == ["r7.yml"]
    assert parsed == parse_rules(FILES | {"r7.yml": rule(7, "other")})


def test_a_file_of_another_name_is_another_file(tmp_path):
    loaded(tmp_path, {"a.yml": rule(1)})

    parsed, read = loaded(tmp_path, {"b.yml": rule(1)})

    assert read == ["b.yml"]
    assert parsed.rules[0].location.file == "b.yml"


def test_values_of_placeholders_are_part_of_what_is_known(tmp_path):
    files = {"a.yml": rule(2), "b.yml": sigma("s: {f|expand: '%x%'}\ncondition: s")}

    runs = [loaded(tmp_path, files, {"x": (value,)}) for value in ("one", "two", "one")]

    assert [read for _, read in runs] == [["a.yml", "b.yml"], ["b.yml"], []]
    assert runs[0][0] == runs[2][0] != runs[1][0]


def test_other_code_that_reads_reads_again(tmp_path, monkeypatch):
    loaded(tmp_path)
    monkeypatch.setattr(rule_cache, "_reader_version", lambda: ["another"])

    assert len(loaded(tmp_path)[1]) == len(FILES)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\x80\x04pickled"),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[:40] + b"?" + path.read_bytes()[41:]),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: path.write_bytes(b"x" * (5 << 20)),
    ],
    ids=["empty", "foreign", "cut", "changed", "a folder", "huge"],
)
def test_a_broken_shard_is_read_anew_and_mended(spoil, tmp_path):
    loaded(tmp_path)
    shards = sorted(tmp_path.iterdir())
    spoil(shards[0])

    parsed, read = loaded(tmp_path)

    assert 0 < len(read) < len(FILES)
    assert parsed == parse_rules(FILES)
    assert loaded(tmp_path)[1] == ([] if shards[0].is_file() else read)


def test_entries_that_are_no_rules_are_read_anew(tmp_path):
    cache = RuleCache(tmp_path, {}, {})
    assert list(cache.kept(FILES)) == []
    for path in FILES:
        cache.keep(path, b"nothing that was packed")
    cache.save()

    parsed, read = loaded(tmp_path)

    assert len(read) == len(FILES)
    assert parsed == parse_rules(FILES)


def test_what_cannot_be_kept_is_read_every_time(tmp_path):
    files = {"a.yml": sigma(f"s: {{f: {2**70}}}\ncondition: s")}

    assert [loaded(tmp_path, files)[1] for _ in range(2)] == [[], []]
    assert loaded(tmp_path, files)[0] == parse_rules(files)


def test_a_folder_that_cannot_be_written_is_no_matter(tmp_path):
    (tmp_path / "file").write_text("")

    parsed, _ = loaded(tmp_path / "file" / "rules")

    assert parsed == parse_rules(FILES)


def test_old_entries_make_room_and_those_in_use_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(rule_cache, "_MOST_SHARD_BYTES", 3_000)
    for turn in range(20):
        loaded(tmp_path, {"a.yml": rule(1, f"turn{turn}")})

    (shard,) = tmp_path.iterdir()
    assert shard.stat().st_size < 4_000
    assert loaded(tmp_path, {"a.yml": rule(1, "turn19")})[1] == []


def test_of_one_file_few_versions_stay(tmp_path):
    for turn in range(20):
        loaded(tmp_path, {"a.yml": rule(1, f"turn{turn}"), "b.yml": rule(2)})

    reads = [loaded(tmp_path, {"a.yml": rule(1, f"turn{turn}")})[1] for turn in (19, 16, 0)]
    assert reads == [[], [], ["a.yml"]]
    assert loaded(tmp_path, {"b.yml": rule(2)})[1] == []


def test_many_files_are_read_by_others_and_give_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(rule_cache, "_READ_HERE", 10)
    files = FILES | {"value.yml": sigma("s: {f|expand: '%x%'}\ncondition: s")}
    values = {"x": ("one",)}

    parsed, read = loaded(tmp_path, files, values)

    assert len(read) == len(files)
    assert parsed == parse_rules(files, values)
    assert loaded(tmp_path, files, values)[1] == []


def test_files_that_nobody_could_read_are_asked_again(tmp_path, monkeypatch):
    class Lost:
        def __init__(self, *arguments):
            pass

        def read(self, files):
            return {path: Problem(parsed.rules[0].location, "lost") for path in files}

    parsed, _ = loaded(tmp_path / "other")
    monkeypatch.setattr(rule_cache, "_READ_HERE", 10)
    monkeypatch.setattr(rule_cache, "RuleReaders", Lost)

    found, read = loaded(tmp_path)

    assert (found.rules, read) == ((), [])
    assert len(found.problems) == len(FILES)


def test_no_parser_is_loaded_where_all_is_known(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    code = (
        "import sys; from pathlib import Path; from tocsin.run import wiring;"
        "loaded = wiring.load_rules(wiring.RuleChoice((Path(sys.argv[1]),), False));"
        "print(len(loaded.rules), any(name.startswith('sigma.') for name in sys.modules))"
    )

    told = [
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]

    assert told == ["39 True\n", "39 False\n"]


def test_the_folder_is_that_of_the_service_or_of_the_user(tmp_path: Path):
    (tmp_path / "tocsin.yaml").write_text(f"data: {json.dumps(str(tmp_path / 'data'))}\n")
    settings = load(tmp_path / "tocsin.yaml", {})
    home = {"HOME": "/home/x"}

    assert cache_folder(None, home) == Path("/home/x/.cache/tocsin/rules")
    assert cache_folder(settings, home) == Path("/home/x/.cache/tocsin/rules")
    assert cache_folder(None, home | {"XDG_CACHE_HOME": "/c"}) == Path("/c/tocsin/rules")
    assert cache_folder(None, {}) is None
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "marker.json").write_text("{}")
    assert cache_folder(settings, home) == tmp_path / "data" / "cache" / "rules"
