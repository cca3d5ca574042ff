"""Run Python rules in a process that may be lost.

The child (`rule_worker_child`) is locked in and judges every rule on one record after the other,
and answers for a group of them. When an answer is late, or the child dies, nobody can say which
rule did it: fresh children try each record of the group, and then each rule alone, so that only the
guilty one is counted as failed. A rule that was guilty three times in a row, or that raised a
hundred times in a row, is switched off until its text, or a helper, changes.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import msgspec

from tocsin.detect import Verdict
from tocsin.errors import WorldError
from tocsin.isolate.channel import BrokenChannelError, Channel, LateError, channel_pair

_CHILD = Path(__file__).with_name("rule_worker_child.py")
_MAX_RECORDS = 256
_MAX_CHUNK_CHARACTERS = 2_000_000
_GROUP = 32
_PATIENCE = 4
_ORPHAN_FACTOR = 10
_OUT_OF_MEMORY = 3
_MAX_CONTEXT_CHARACTERS = 16_384


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What rules may spend.

    Attributes:
        memory_bytes: address space of the child.
        record_seconds: time for all rules on one record, and for one rule alone.
        start_seconds: time for a child to start.
        strikes_in_a_row: failures to answer after which a rule is switched off.
        strikes_in_all: the same, counted since the worker was made.
        raises_in_a_row: records on which a rule raised, with no answer in between, after which it
            is switched off; tests do not count.
    """

    memory_bytes: int = 256 * 1024 * 1024
    record_seconds: float = 1.0
    start_seconds: float = 30.0
    strikes_in_a_row: int = 3
    strikes_in_all: int = 20
    raises_in_a_row: int = 100


class _Answer(msgspec.Struct, array_like=True, frozen=True):
    """What the child says about one rule and record, in the order of the child's `judge`."""

    rule_uid: str
    matched: bool
    title: str
    severity: str
    dedup: str
    description: str
    context: str
    failure: str
    unique: str | None = None
    is_quiet: bool = False


_ANSWERS = msgspec.msgpack.Decoder(list[list[_Answer]])


@dataclass(frozen=True, slots=True)
class Protections:
    """What holds around the rules besides limits of memory and time, files and processes.

    Attributes:
        network_is_cut: the worker has a network of its own, with nothing in it.
        system_calls_are_filtered: the kernel refuses all calls but the few that judging needs.
        is_nobody: the worker's user has no rights beyond those of everybody.
    """

    network_is_cut: bool = False
    system_calls_are_filtered: bool = False
    is_nobody: bool = False


_Case: TypeAlias = "str | tuple[str, str]"
"""A record, or a record and the mocks of its test."""


@dataclass(slots=True)
class _Child:
    """A running child with the rules that it has loaded."""

    process: subprocess.Popen[bytes]
    channel: Channel
    protections: Protections = Protections()
    loaded: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Record:
    """How a rule has done so far; `asked` counts the records of the current call."""

    source: str
    asked: int = 0
    in_a_row: int = 0
    in_all: int = 0
    raised: int = 0
    off_because: str = ""


class WorkerStartError(WorldError):
    """The child does not start: too little memory, no interpreter, a system that forbids it."""


class RuleWorker:
    """Runs Python rules; implements `detect.RunPython`. For one thread; close it after use."""

    def __init__(self, limits: WorkerLimits | None = None) -> None:
        self._limits = limits or WorkerLimits()
        self._child: _Child | None = None
        self._records: dict[str, _Record] = {}
        self._trouble = ""
        self._surroundings = ""
        self._packages: Sequence[str] = ()
        self._is_testing = False

    def __enter__(self) -> "RuleWorker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def process_id(self) -> int | None:
        """The child's process, `None` while none runs."""
        return self._child.process.pid if self._child else None

    @property
    def switched_off(self) -> Mapping[str, str]:
        """Why each rule that is switched off is so."""
        return {
            uid: record.off_because for uid, record in self._records.items() if record.off_because
        }

    def network_is_cut(self) -> bool:
        """Start the child if need be, and return whether the system let it leave the network.

        Raises:
            WorkerStartError: the child does not start.
        """
        return self._running().protections.network_is_cut

    def protections(self) -> Protections:
        """Start the child if need be, and return what the system let it put up.

        Raises:
            WorkerStartError: the child does not start.
        """
        return self._running().protections

    def provide(self, surroundings: str) -> None:
        """Give rules the helpers and data models of their folder; see `detect.parse_rules`.

        Its `packages` are imported before the worker is closed.
        """
        if surroundings != self._surroundings:
            self._surroundings = surroundings
            self._packages = json.loads(surroundings).get("packages", ()) if surroundings else ()
            self._records.clear()
            self.close()

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            _end(child)

    def __call__(
        self, rules: Mapping[str, str], records: Sequence[str], mocks: Sequence[str] = ()
    ) -> Sequence[Verdict]:
        """Run every rule on every record; see `detect.RunPython`."""
        if not records:
            return []
        self._is_testing = bool(mocks)
        cases = list(zip(records, mocks, strict=True)) if mocks else records
        for uid, source in rules.items():
            if uid not in self._records or self._records[uid].source != source:
                self._forget(uid)
                self._records[uid] = _Record(source)
            self._records[uid].asked = 0
        verdicts: list[Verdict] = []
        try:
            for start, chunk in _chunks(cases):
                verdicts += self._chunk(list(rules), start, chunk)
        except WorkerStartError as error:
            return [_refused(uid, None, f"not_run: {error}", len(records)) for uid in rules]
        for uid in rules:
            because, unasked = (
                self._records[uid].off_because,
                len(records) - self._records[uid].asked,
            )
            if because and unasked:
                verdicts.append(_refused(uid, None, f"switched_off: {because}", unasked))
        return verdicts

    def _chunk(self, uids: Sequence[str], start: int, chunk: Sequence[_Case]) -> Iterator[Verdict]:
        done = 0
        while done < len(chunk):
            alive = self._alive(uids)
            if not alive:
                return
            for answers in self._answered(alive, chunk[done:], _GROUP):
                yield from _verdicts(answers, alive, start + done)
                done += 1
            # Nothing is left, or the group that follows was not answered.
            for record in chunk[done : done + _GROUP]:
                yield from self._alone(self._alive(uids), start + done, record)
                done += 1

    def _alive(self, uids: Sequence[str]) -> list[str]:
        return [uid for uid in uids if not self._records[uid].off_because]

    def _answered(
        self, uids: Sequence[str], chunk: Sequence[_Case], size: int
    ) -> Iterator[list[_Answer]]:
        """Yield the answers for one record after the other, as many as come in time.

        The child answers for `size` records at once: waking each other costs more than most rules.
        """
        try:
            child = self._with_rules(uids)
            loaded = [uid for uid in uids if uid in child.loaded]
            self._send(child, ["judge", loaded, list(chunk), size, self._orphan_seconds])
            for start in range(0, len(chunk), size):
                count = min(size, len(chunk) - start)
                seconds = self._limits.record_seconds * min(count, _PATIENCE)
                group = _ANSWERS.decode(child.channel.receive(seconds=seconds))
                if len(group) != count:
                    raise BrokenChannelError("it answered for other records")
                self._count_raises(group, loaded)
                for uid in loaded:
                    self._records[uid].in_a_row = 0
                    self._records[uid].asked += len(group)
                yield from group
        except LateError:
            self._trouble = f"it took longer than {self._limits.record_seconds:g} s"
            self.close()
        except (BrokenChannelError, msgspec.MsgspecError):
            self._trouble = self._end_of_child()
            self.close()

    def _count_raises(self, group: Sequence[Sequence[_Answer]], loaded: Sequence[str]) -> None:
        """Switch a rule off that raises on record after record."""
        for answers in () if self._is_testing else group:
            for answer in answers:
                record = self._records.get(answer.rule_uid)
                if record is None or answer.rule_uid not in loaded:
                    continue
                record.raised = record.raised + 1 if answer.failure and not answer.matched else 0
                if record.raised >= self._limits.raises_in_a_row and not record.off_because:
                    reason = _printable(answer.failure, 300)
                    record.off_because = f"{record.raised} times in a row, it {reason}"

    def _alone(self, uids: Sequence[str], index: int, record: _Case) -> Iterator[Verdict]:
        """Try one record of a group that was not answered."""
        answers = list(self._answered(uids, [record], 1))
        if answers:
            yield from _verdicts(answers[0], uids, index)
        else:
            yield from self._one_by_one(uids, index, record)

    def _one_by_one(self, uids: Sequence[str], index: int, record: _Case) -> Iterator[Verdict]:
        """Try each rule alone on the record that the rules together did not get through."""
        for uid in uids:
            if self._records[uid].off_because:
                continue
            answers = list(self._answered([uid], [record], 1))
            if answers:
                yield from _verdicts(answers[0], [uid], index)
            elif not self._records[uid].off_because:
                self._strike(uid, self._trouble)
                yield _refused(uid, index, f"no_answer: {self._trouble}", 1)

    def _end_of_child(self) -> str:
        """Return how a child came to its end that nobody here ended."""
        if self._child is None:
            return "its worker ended"
        try:
            status = self._child.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return "it garbled the answers of its worker"
        return "it ran out of memory" if status == _OUT_OF_MEMORY else "it ended its worker"

    def _strike(self, uid: str, failure: str) -> None:
        record = self._records[uid]
        record.asked += 1
        record.in_a_row += 1
        record.in_all += 1
        if record.in_a_row >= self._limits.strikes_in_a_row:
            record.off_because = f"{record.in_a_row} times in a row, {failure}"
        elif record.in_all >= self._limits.strikes_in_all:
            record.off_because = f"{record.in_all} times, {failure}"

    @property
    def _orphan_seconds(self) -> float:
        return self._limits.record_seconds * _ORPHAN_FACTOR

    def _with_rules(self, uids: Sequence[str]) -> _Child:
        """Return a running child that has loaded these rules, but those that cannot be loaded."""
        missing = [uid for uid in uids if not self._records[uid].off_because]
        while missing:
            child = self._running()
            uid = missing[0]
            if uid not in child.loaded:
                try:
                    self._load(child, uid)
                except (BrokenChannelError, LateError, msgspec.MsgspecError):
                    self._records[uid].off_because = "it ends its worker, or hangs, when loaded"
                    self.close()
                    missing = [each for each in uids if not self._records[each].off_because]
                    continue
            missing.pop(0)
        return self._running()

    def _load(self, child: _Child, uid: str) -> None:
        source = self._records[uid].source
        self._send(child, ["load", uid, source, self._orphan_seconds])
        frame = child.channel.receive(seconds=self._limits.record_seconds)
        problem = msgspec.msgpack.decode(frame, type=list[str])[0]
        if problem:
            self._records[uid].off_because = f"it cannot be loaded: {problem}"
        else:
            child.loaded.add(uid)

    def _send(self, child: _Child, request: list[object]) -> None:
        content = msgspec.msgpack.encode(request)
        child.channel.send(content, seconds=self._limits.start_seconds)

    def _forget(self, uid: str) -> None:
        """Start anew without the old text of a rule."""
        if self._child and uid in self._child.loaded:
            self.close()

    def _running(self) -> _Child:
        if self._child is None:
            self._child = self._started()
        return self._child

    def _started(self) -> _Child:
        channel, child_reads, child_writes = channel_pair()
        numbers = (str(child_reads), str(child_writes), str(self._limits.memory_bytes))
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-B", str(_CHILD), *numbers, *self._packages],
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(child_reads, child_writes),
                start_new_session=True,
            )
        finally:
            os.close(child_reads)
            os.close(child_writes)
        child = _Child(process, channel)
        try:
            hello = channel.receive(seconds=self._limits.start_seconds)
            child.protections = Protections(*msgspec.msgpack.decode(hello, type=list[bool]))
            if self._surroundings:
                self._send(child, ["provide", self._surroundings])
                channel.receive(seconds=self._limits.start_seconds)
        except (BrokenChannelError, LateError, msgspec.MsgspecError) as error:
            _end(child)
            raise WorkerStartError("the rule worker does not start") from error
        return child


def _end(child: _Child) -> None:
    child.process.kill()
    child.process.wait()
    child.channel.close()


def _chunks(records: Sequence[_Case]) -> Iterator[tuple[int, Sequence[_Case]]]:
    """Yield the records in pieces of bounded number and length, each with its first index."""
    start = size = 0
    for index, record in enumerate(records):
        is_full = index - start >= _MAX_RECORDS or size + _length(record) > _MAX_CHUNK_CHARACTERS
        if is_full and index > start:
            yield start, records[start:index]
            start, size = index, 0
        size += _length(record)
    yield start, records[start:]


def _length(case: _Case) -> int:
    return len(case) if isinstance(case, str) else len(case[0]) + len(case[1])


def _verdicts(answers: Sequence[_Answer], asked: Sequence[str], index: int) -> Iterator[Verdict]:
    for answer in answers:
        if answer.rule_uid in asked and (answer.matched or answer.failure):
            yield Verdict(
                rule_uid=answer.rule_uid,
                record=index,
                matched=answer.matched,
                title=_printable(answer.title, 300),
                severity=_printable(answer.severity, 20),
                dedup=_printable(answer.dedup, 1_000),
                description=_printable(answer.description, 4_000),
                context=_json_object(answer.context),
                failure=_printable(answer.failure, 300),
                unique=None if answer.unique is None else _printable(answer.unique, 1_000),
                is_quiet=answer.is_quiet,
            )


def _printable(text: str, most: int) -> str:
    """Return the text in bounds. The child does the same, but a rule may have changed the child."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:most])


def _json_object(text: str) -> str:
    try:
        msgspec.json.decode(text[:_MAX_CONTEXT_CHARACTERS], type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError):
        return "{}"
    return text


def _refused(uid: str, index: int | None, failure: str, count: int) -> Verdict:
    return Verdict(uid, index, matched=False, failure=failure, count=count)
