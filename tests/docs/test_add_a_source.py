"""The guide to a new source, done as it says: two files from its text, and an event comes out."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.docs.pages import PROJECT, blocks

GUIDE = PROJECT / "docs" / "guides" / "add-a-source.md"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the project with the reader and the mapping of the guide."""
    folder = tmp_path_factory.mktemp("checkout")
    leave = shutil.ignore_patterns("__pycache__", "rules", "drill", "web")
    for name in ("tocsin", "content"):
        shutil.copytree(PROJECT / name, folder / name, ignore=leave)
    [reader] = [each for each in of("python") if "LineReader)" in each.text]
    (folder / "tocsin/normalize/readers/acme_turnstile.py").write_text(reader.text, "utf-8")
    [mapping] = [each for each in of("yaml") if "acme_turnstile" in each.text]
    (folder / "content/mappings/acme.turnstile.yaml").write_text(mapping.text, "utf-8")
    return folder


def of(language):
    return [block for block in blocks(language) if block.path == GUIDE]


def normalized(checkout, lines):
    (checkout / "passages.log").write_text(lines, "utf-8")
    command = "from tocsin.serve.cli.app import main; main()"
    given = ["normalize", "passages.log", "--source", "acme.turnstile"]
    return subprocess.run(
        [sys.executable, "-c", command, *given],
        cwd=checkout,
        env={"PYTHONPATH": str(checkout), "PATH": "/usr/bin:/bin", "HOME": str(checkout)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_line_of_a_new_product_becomes_an_event(checkout):
    done = normalized(
        checkout,
        "# 2026-11-02\n08:30:00 gate=3 badge=7F3A granted\n08:31:00 gate=3 badge=0B refused\n"
        "# 2026-11-03\n08:32:00 gate=4 badge=7F3A granted\nnonsense\n",
    )

    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(event["user"]["name"], event["status"], event["time"]) for event in events] == [
        ("7F3A", "Success", 1793608200000),
        ("0B", "Failure", 1793608260000),
        ("7F3A", "Success", 1793694720000),
    ], done.stderr
    assert {event["class_name"] for event in events} == {"Authentication"}
    assert "bad_line: not a passage below a day" in done.stderr
