"""What the pages tell people to type exists: commands, options, targets of make."""

import re
from pathlib import Path

import pytest
import typer

from tests.docs.pages import PROJECT, calls_of, shell_lines, without_code, written_files
from tocsin.serve.cli.app import app

LINES = shell_lines()
CALLS = [(place, call) for place, line in LINES for call in calls_of("tocsin", line)]
MAKES = [(place, call) for place, line in LINES for call in calls_of("make", line)]


def parse(arguments: list[str]) -> None:
    """Read the arguments as the command line does, and run nothing."""
    command = typer.main.get_command(app)
    context = command.make_context("tocsin", list(arguments))
    while hasattr(command, "resolve_command"):
        rest = [*getattr(context, "_protected_args", ()), *context.args]
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize(("place", "arguments"), CALLS, ids=lambda value: str(value)[:60])
def test_a_command_of_a_page_is_understood(place, arguments):
    parse(arguments)


def test_the_reading_refuses_what_does_not_exist():
    assert len(CALLS) > 20
    for wrong in (["incidents", "lost"], ["search", "x", "--sinse", "1d"], ["normalize"]):
        with pytest.raises(Exception, match=r"(?i)no such|missing"):
            parse(wrong)


@pytest.mark.parametrize(("place", "arguments"), MAKES, ids=lambda value: str(value)[:60])
def test_a_target_of_a_page_exists(place, arguments):
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE)

    assert [each for each in arguments if "=" not in each and each not in targets] == []


def inline(path: Path, program: str) -> list[str]:
    """Return the first words behind the name of a program in code inside sentences."""
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    return re.findall(rf"`{program} ([a-z-]+)[^`]*`", " ".join(text.split()))


@pytest.mark.parametrize("path", written_files(), ids=lambda path: path.name)
def test_commands_inside_sentences_exist(path):
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE)
    commands = typer.main.get_command(app).commands

    assert [name for name in inline(path, "tocsin") if name not in commands] == []
    assert [name for name in inline(path, "make") if name not in targets] == []
    assert "TODO" not in without_code(path.read_text("utf-8"))
