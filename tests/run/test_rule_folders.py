"""A folder of rules may hold anything; what is no rule is named and harms nobody."""

import os
from pathlib import Path

import pytest

from tocsin.errors import ContentError
from tocsin.run import rule_folders
from tocsin.run.rule_folders import rule_texts


def lines(problems):
    return [str(problem) for problem in problems]


def test_rule_files_are_read_at_all_depths_in_order(tmp_path: Path):
    for name in ("b/x.yml", "a.yaml", "b/c/d/rule.py", "README.md", ".git/x.yml", "b/.x.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)

    texts, problems = rule_texts([tmp_path])

    names = [str(tmp_path / name) for name in ("a.yaml", "b/x.yml", "b/c/d/rule.py")]
    assert (list(texts), problems) == (names, ())
    assert texts[names[0]] == "a.yaml"


def test_names_are_relative_to_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "x.yml").write_text("a: 1\r\nb: 2\r")
    monkeypatch.chdir(tmp_path)

    assert rule_texts([Path("rules")])[0] == {"rules/x.yml": "a: 1\nb: 2\n"}
    assert list(rule_texts([Path()])[0]) == ["rules/x.yml"]
    assert list(rule_texts([Path("rules/x.yml")])[0]) == ["rules/x.yml"]


def test_links_that_stay_inside_are_read_and_others_are_named(tmp_path: Path):
    outside = tmp_path / "outside.yml"
    outside.write_text("secret: 1")
    rules = tmp_path / "rules"
    (rules / "..data").mkdir(parents=True)
    (rules / "..data" / "x.yml").write_text("a: 1")
    (rules / "x.yml").symlink_to("..data/x.yml")
    (rules / "out.yml").symlink_to(outside)
    (rules / "nowhere.yml").symlink_to("gone.yml")
    (rules / "circle.yml").symlink_to("circle.yml")
    (rules / "loop").symlink_to(rules)

    texts, problems = rule_texts([rules])

    assert list(texts) == [f"{rules}/x.yml"]
    assert lines(problems) == [
        f"{rules}/circle.yml: the link leads to no file",
        f"{rules}/loop: warning: a link to a folder is not followed; name the folder itself",
        f"{rules}/nowhere.yml: the link leads to no file",
        f"{rules}/out.yml: a link that leads out of the folder is not followed",
    ]


def test_a_folder_that_is_a_link_itself_is_read(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.yml").write_text("a: 1")
    (tmp_path / "link").symlink_to(tmp_path / "real")

    assert list(rule_texts([tmp_path / "link"])[0]) == [f"{tmp_path}/link/x.yml"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"a" * ((1 << 20) + 1), "larger than 1 MiB"),
    ],
    ids=["binary", "large"],
)
def test_a_file_that_is_no_text_is_one_line(content: bytes, words: str, tmp_path: Path):
    (tmp_path / "x.yml").write_bytes(content)
    (tmp_path / "y.yml").write_text("a: 1")

    texts, problems = rule_texts([tmp_path])

    assert list(texts) == [f"{tmp_path}/y.yml"]
    assert len(problems) == 1 and words in str(problems[0])


def test_a_sparse_file_of_100_gigabytes_takes_no_time(tmp_path: Path):
    with (tmp_path / "x.yml").open("wb") as file:
        file.truncate(100 << 30)

    assert "larger than 1 MiB" in str(rule_texts([tmp_path])[1][0])


def test_a_pipe_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "x.yml")

    assert rule_texts([tmp_path]) == ({}, ())
    assert rule_texts([tmp_path / "x.yml"])[0] in ({}, {f"{tmp_path}/x.yml": ""})


def test_a_name_that_is_no_text_is_read_and_shown(tmp_path: Path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.yml")).write_text("a: 1")

    (name,) = rule_texts([tmp_path])[0]

    assert name.encode("utf-8").decode() == f"{tmp_path}/\N{REPLACEMENT CHARACTER}.yml"


def test_what_is_no_rule_file_is_said(tmp_path: Path):
    (tmp_path / "x.txt").write_text("a: 1")

    assert "no rule file" in str(rule_texts([tmp_path / "x.txt"])[1][0])
    with pytest.raises(ContentError, match="no such file or folder"):
        rule_texts([tmp_path / "gone"])


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("_MOST_FILES", 2, "more than 2 rule files; name smaller folders"),
        ("_MOST_ENTRIES", 2, "more than 2 files and folders"),
        ("_MOST_BYTES", 2, "MiB of rules"),
    ],
)
def test_too_much_is_one_line(
    limit: str, value: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for number in range(3):
        (tmp_path / f"{number}.yml").write_text("a: 1")
    monkeypatch.setattr(rule_folders, limit, value)

    with pytest.raises(ContentError, match=words):
        rule_texts([tmp_path])


def test_folders_without_end_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "a/b/c/x.yml").write_text("a: 1")
    monkeypatch.setattr(rule_folders, "_DEEPEST", 2)

    texts, problems = rule_texts([tmp_path])

    assert texts == {}
    assert "nested deeper than 2" in str(problems[0])
