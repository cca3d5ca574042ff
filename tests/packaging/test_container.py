"""The image is built from locked packages, runs as nobody and holds no more than it needs."""

import fnmatch
import json
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FILE = PROJECT / "packaging" / "Containerfile"


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """Instruction and arguments, continued lines joined."""
    text = FILE.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and line[0] != "#"]
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines]


def test_it_runs_as_a_number_that_is_nobody(instructions):
    users = [arguments for name, arguments in instructions if name == "USER"]

    assert users == ["65532:65532"]
    after = [name for name, _ in instructions[instructions.index(("USER", users[0])) :]]
    assert not {"RUN", "COPY", "ADD"} & set(after)


def test_every_package_is_installed_by_its_hash(instructions):
    runs = " && ".join(arguments for name, arguments in instructions if name == "RUN")
    installs = [command for command in runs.split("&&") if "pip install" in command]

    assert installs
    for command in installs:
        assert "--require-hashes" in command or "--no-deps" in command


def test_nothing_is_fetched_but_by_the_package_clients(instructions):
    text = " ".join(arguments for _, arguments in instructions)

    assert not re.search(r"\b(curl|wget|git clone|apt-get)\b|https?://", text)
    assert "ADD" not in [name for name, _ in instructions]


def test_what_is_copied_exists_and_is_not_left_out_of_the_context(instructions):
    lines = (FILE.parent / f"{FILE.name}.dockerignore").read_text(encoding="utf-8").split()
    kept = {line[1:] for line in lines if line.startswith("!")}
    copied = [
        name
        for instruction, arguments in instructions
        if instruction == "COPY" and not arguments.startswith("--from")
        for name in arguments.split()[:-1]
    ]

    assert set(copied) <= kept
    assert [name for name in copied if not (PROJECT / name).exists()] == []


def test_the_context_is_an_allow_list():
    lines = (FILE.parent / f"{FILE.name}.dockerignore").read_text(encoding="utf-8").split()

    assert lines[0] == "*"
    assert not any(fnmatch.fnmatch(name, line[1:]) for line in lines for name in (".git", ".venv"))


def test_it_starts_the_program_with_its_settings(instructions):
    found = dict(instructions)

    assert json.loads(found["ENTRYPOINT"]) == ["/opt/tocsin/bin/tocsin"]
    assert json.loads(found["CMD"]) == ["up", "--config", "/etc/tocsin/tocsin.yaml"]
    assert found["VOLUME"] == "/var/lib/tocsin"
    assert "TOCSIN_DATA=/var/lib/tocsin" in found["ENV"]


def test_the_ports_are_those_of_the_settings(instructions):
    from tocsin.settings import load

    settings = load(None, {})

    assert dict(instructions)["EXPOSE"].split() == [
        str(settings.web.port),
        str(settings.receivers.port),
    ]


def test_no_secret_is_baked_in(instructions):
    text = FILE.read_text(encoding="utf-8").lower()

    assert not re.search(r"password|token|secret|api_key", text)
