"""Run commands as a shell does, in this process or in one of their own."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tocsin.serve.cli import main

PROJECT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, object]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def json(self):
        return json.loads(self.out)


def tocsin(*arguments: object) -> Ended:
    """Run one command in this process."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else int(bool(left.code))
    return Ended(code, out.getvalue(), err.getvalue())


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "tocsin", *map(str, arguments)]


def spawned(*arguments: object, stdin: bytes = b"", environ: dict[str, str] | None = None) -> Ended:
    """Run one command in a process of its own."""
    ended = subprocess.run(
        command(*arguments),
        input=stdin,
        capture_output=True,
        timeout=120,
        cwd=PROJECT,
        env=os.environ | (environ or {}),
        check=False,
    )
    return Ended(
        ended.returncode,
        ended.stdout.decode("utf-8", "surrogateescape"),
        ended.stderr.decode("utf-8", "surrogateescape"),
    )


def json_lines(path: Path, records: Sequence[object]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def has_no_controls(text: str) -> bool:
    """Whether nothing in the text could move a cursor, change colors or reorder letters."""
    return all(character.isprintable() or character == "\n" for character in text)
