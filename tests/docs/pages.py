"""The project's Markdown: its files, links, and the blocks of code in it."""

import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

PROJECT = Path(__file__).resolve().parents[2]
FOLDERS = ("docs", "content", "tocsin", "packaging", "tests", "benchmarks")
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_PICTURE = re.compile(r'<(?:img|source)[^>]* src(?:set)?="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, in what language, what it holds."""

    path: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{shown(self.path)}:{self.line}"


def shown(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def markdown_files() -> list[Path]:
    found = [*PROJECT.glob("*.md")]
    for folder in FOLDERS:
        found += (PROJECT / folder).rglob("*.md")
    return sorted(path for path in found if "node_modules" not in path.parts)


def written_files() -> list[Path]:
    """Those that people wrote: all but the pages that are made from the program."""
    made = PROJECT / "docs" / "reference"
    return [path for path in markdown_files() if made not in path.parents]


def blocks(*languages: str) -> list[Block]:
    return [
        block for path in written_files() for block in _blocks(path) if block.language in languages
    ]


def _blocks(path: Path) -> Iterator[Block]:
    text = path.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        content = re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE)
        yield Block(path, line, match[2], content)


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "``", _FENCE.sub("", text))


def links(path: Path) -> list[str]:
    text = without_code(path.read_text(encoding="utf-8"))
    return [*_LINK.findall(text), *_PICTURE.findall(text)]


@cache
def anchors(path: Path) -> set[str]:
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", each).lower()).replace(
            " ", "-"
        )
        for each in headings
    }


def shell_lines() -> list[tuple[str, str]]:
    """Return place and text of every line that a reader would type, continued lines joined."""
    found = []
    for block in blocks("console"):
        for line in block.text.replace("\\\n", " ").splitlines():
            if line.startswith(("$ ", "# ")):
                found.append((str(block), line[2:].strip()))
    return found


def calls_of(program: str, line: str) -> Iterator[list[str]]:
    """Yield the arguments of every call of a program on a line of shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
    lexer.whitespace_split = True
    current: list[str] = []
    for word in [*lexer, ";"]:
        if not word or set(word) - set("|&;()<>"):
            current.append(word)
            continue
        before = re.compile(r"sudo|-u|tocsin|\w+=.*")
        for place, name in enumerate(current):
            follows = all(before.fullmatch(each) for each in current[:place])
            if Path(name).name == program and follows and current[:place][-1:] != ["-u"]:
                yield current[place + 1 :]
                break
        current = []


def generator() -> ModuleType:
    """Return the script that makes the pages."""
    path = PROJECT / "scripts" / "docs.py"
    # What it shares with no other script lies beside it.
    sys.path.insert(0, str(path.parent))
    specification = importlib.util.spec_from_file_location("made_pages", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
