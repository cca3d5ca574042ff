"""Where the suite works: folders of rules and files of events, made once and used by many rows."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from math import gcd
from pathlib import Path

from benchmarks.detection import answers, event_sets, rule_sets
from benchmarks.detection.answers import Misses, Pairs
from benchmarks.detection.children import Usage, python, run
from benchmarks.detection.mutation import Document
from benchmarks.detection.plain import plain
from tocsin.detect import LogSources, Rule

_PLAIN_ANSWERS = 2_000_000
_QUICK_PLAIN_ANSWERS = 500_000
_FULL, _QUICK = 200_000, 20_000


@dataclass(frozen=True, slots=True)
class Ours:
    """One run of Tocsin's detection as a program."""

    usage: Usage
    pairs: Path

    def figure(self, name: str) -> float:
        """Return one of the figures that the program printed."""
        return float(json.loads(self.usage.printed.strip().splitlines()[-1])[name])


@dataclass
class Workplace:
    """What rows share.

    Attributes:
        folder: everything is written below it.
        is_quick: fewer events, three turns.
        say: tells what is being done.
        peers_folder: where the peers' environments are.
        with_peers: whether peers are run.
        zircolite: folder of Zircolite, where the user has it.
        published: folder of published rules about processes, where the user has it.
        misses: by peer and rule set, how its answers differ.
        checked: by what was compared, how many pairs were equal.
    """

    folder: Path
    is_quick: bool
    say: Callable[[str], None]
    peers_folder: Path
    with_peers: bool = True
    zircolite: Path | None = None
    published: Path | None = None
    misses: dict[str, Misses] = field(default_factory=dict)
    checked: dict[str, int] = field(default_factory=dict)
    _documents: dict[tuple[str, int], list[Document]] = field(default_factory=dict)
    _rules: dict[tuple[str, int], tuple[Rule, ...]] = field(default_factory=dict)
    _plain: dict[tuple[str, int, str], Pairs] = field(default_factory=dict)

    @property
    def turns(self) -> int:
        """How often each side runs."""
        return 3 if self.is_quick else 5

    @property
    def events(self) -> int:
        """How many events Tocsin is given."""
        return _QUICK if self.is_quick else _FULL

    @cached_property
    def log_sources(self) -> LogSources:
        """Tocsin's log sources, and processes."""
        return rule_sets.log_sources()

    def documents(self, source: str, count: int) -> list[Document]:
        """Return a rule set as documents."""
        key = (source, count)
        if key not in self._documents:
            published = source == rule_sets.PROCESSES and self.published
            self._documents[key] = (
                rule_sets.published_documents(published)
                if published
                else rule_sets.documents(source, count)
            )
        return self._documents[key]

    def rules(self, source: str, count: int) -> tuple[Rule, ...]:
        """Return a rule set as Tocsin reads it."""
        key = (source, count)
        if key not in self._rules:
            self._rules[key] = rule_sets.parsed(self.documents(source, count))
        return self._rules[key]

    def rule_folder(self, source: str, count: int) -> Path:
        """Return a folder with one file for each rule of a set."""
        folder = self.folder / f"rules-{source}-{count}"
        if not folder.is_dir():
            rule_sets.write(self.documents(source, count), folder)
        return folder

    def event_file(self, name: str, count: int) -> Path:
        """Return a file with that many events of a set."""
        path = self.folder / f"{name}-{count}.jsonl"
        if not path.is_file():
            event_sets.write(name, count, path)
        return path

    def texts(self, name: str, count: int) -> list[str]:
        """Return that many events of a set."""
        return list(event_sets.lines(name, count))

    def first_events(self, path: Path, count: int) -> Path:
        """Return a file with the first events of another."""
        target = path.with_name(f"{path.stem}-first-{count}.jsonl")
        if not target.is_file():
            with path.open(encoding="utf-8") as stream:
                target.write_text("".join(islice(stream, count)), encoding="utf-8")
        return target

    def ours(self, rules: Path, events: Path | None, source: str) -> Ours:
        """Run Tocsin's detection as a program, with compiled rules from their cache."""
        pairs = self.folder / f"ours-{rules.name}-{events.stem if events else 'none'}.pairs"
        command = python(
            "detection.ours", str(rules), str(events or "-"), str(pairs), "--source", source
        )
        return Ours(run(command, self.folder, self.environ), pairs)

    @property
    def environ(self) -> dict[str, str]:
        """What Tocsin's programs find in their environment: a cache of compiled rules."""
        return {"XDG_CACHE_HOME": str(self.cache_folder)}

    @property
    def cache_folder(self) -> Path:
        """Where compiled rules are kept between the runs of the suite's own programs."""
        return self.folder / "cache"

    def check(self, source: str, count: int, name: str, events: int, found: Pairs) -> None:
        """Refuse to go on where Tocsin's pairs over a file are not those of the plain way.

        Some events, spread over the file, are asked in the plain way; of *repeated* each recorded
        one, whose pairs all of its repetitions must have.

        Raises:
            DifferentAnswersError: they differ.
        """
        what = f"{count:,} rules over {name}"
        self.say(f"checking {what}")
        numbers = self.sample(len(self.rules(source, count)), name, events)
        expected = self._plain_pairs(source, count, name, events, numbers)
        if name == "repeated":
            period = len(event_sets.templates())
            expected = _repeated(expected, period, events)
            numbers = [number for first in numbers for number in range(first, events, period)]
        sampled = answers.of_numbers(found, set(numbers))
        answers.must_be_equal(expected, sampled, what)
        self.checked[f"{what}, {len(numbers):,} events"] = len(expected)

    def sample(self, rules: int, name: str, events: int) -> list[int]:
        """Return the events of a file that are asked in the plain way, in order."""
        period = len(event_sets.templates())
        different = min(events, period) if name == "repeated" else events
        most = _QUICK_PLAIN_ANSWERS if self.is_quick else _PLAIN_ANSWERS
        step = max(1, different * rules // most)
        # Every recorded event gets its turn, and not the same few of them again and again.
        while gcd(step, period) > 1:
            step += 1
        return list(range(0, different, step))

    def _plain_pairs(
        self, source: str, count: int, name: str, events: int, numbers: list[int]
    ) -> Pairs:
        key = (source, count, name if name == "repeated" else f"{name} {events}")
        if key not in self._plain:
            wanted = set(numbers)
            lines = event_sets.lines(name, events)
            texts = [line for number, line in enumerate(lines) if number in wanted]
            self._plain[key] = plain(
                self.rules(source, count), source, self.log_sources, texts, numbers
            )
        return self._plain[key]


def _repeated(expected: Pairs, period: int, events: int) -> Pairs:
    return {(number, rule) for first, rule in expected for number in range(first, events, period)}
