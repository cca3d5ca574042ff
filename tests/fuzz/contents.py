"""Parsers of what people write: rules, mappings, playbooks, settings; and the mappings at work."""

import json
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec

from tests.conftest import PROJECT
from tests.detect.tables import LOG_SOURCES
from tests.fuzz.parser import Parser, each, is_reason, spread
from tests.normalize.records import SMALL, batch, shipped
from tests.respond.test_playbooks import FULL, SHORT
from tocsin.detect import RuleSet, parse_rules
from tocsin.detect.log_sources import LogSources
from tocsin.errors import TocsinError
from tocsin.normalize import apply, load_mapping, overlay
from tocsin.ocsf.output import event_json
from tocsin.respond.playbooks import parse_playbook
from tocsin.run import content
from tocsin.run.content import find_reader
from tocsin.run.playbook_files import ActionPlugs
from tocsin.settings import load

_ROOM = Path(tempfile.mkdtemp(prefix="tocsin-fuzz-"))
_BATCH = 40


def parsers() -> dict[str, Parser]:
    """Return them by name."""
    found = {
        "sigma rules": Parser(_sigma_files, each(_sigma), cost=10),
        "python rules": Parser(_python_files, each(_python), cost=10),
        "log sources": Parser(_log_sources, each(partial(_refused, LogSources.read)), cost=10),
        "playbooks": Parser(lambda: PLAYBOOKS, each(partial(_refused, _playbook)), cost=4),
        "settings": Parser(lambda: SETTINGS, each(_settings), cost=20),
        "mapping files": Parser(lambda: [SMALL.encode()], each(_mapping_file), cost=40),
    }
    for path in sorted((PROJECT / "content" / "mappings").glob("*.yaml")):
        found[f"mapping {path.stem}"] = _at_work(path.stem)
    return found


def _at_work(name: str) -> Parser:
    mapping = cache(partial(shipped, name))

    def records() -> list[bytes]:
        found = [json.dumps(mapping().example).encode()]
        for sample in mapping().samples:
            raw = sample.raw.rstrip("\n").encode() if sample.raw is not None else None
            found.append(raw or json.dumps(overlay(mapping().example, sample.record)).encode())
        return found

    def one(record: bytes) -> None:
        apply(mapping(), batch(name, [record]))

    def many(found: Sequence[bytes]) -> None:
        _conserved(mapping(), found)

    return Parser(records, many, batch=_BATCH, cost=2, once=one)


def _conserved(mapping: Any, records: Sequence[bytes]) -> None:
    """Map records: each is an event, or a reject with its reason."""
    found = apply(mapping, batch(mapping.source, records))
    assert found.events.num_rows + found.rejects.num_rows == len(records)
    assert all(map(is_reason, found.rejects.column("reason").to_pylist()))
    assert found.events.schema == mapping.schema
    for row in found.events.to_pylist():
        msgspec.json.encode(event_json(row))


def _text(given: bytes) -> str:
    return given.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode()


def _files(*patterns: str, most: int) -> list[bytes]:
    folder = PROJECT / "content" / "rules"
    paths = sorted(path for pattern in patterns for path in folder.glob(pattern))
    return spread([path.read_bytes() for path in paths], most)


@cache
def _sigma_files() -> list[bytes]:
    found = _files("**/*.yaml", most=400)
    return spread([each_of for each_of in found if b"AnalysisType" not in each_of], 25)


@cache
def _python_files() -> list[bytes]:
    """Return descriptions with the Python that they name, in one text."""
    folder = PROJECT / "content" / "rules"
    pairs = [
        (description, source)
        for source in sorted(folder.glob("**/*.py"))
        for description in source.parent.glob(f"{source.stem}.y*ml")
    ]
    texts = [_PARTING.join((said.read_bytes(), source.read_bytes())) for said, source in pairs]
    return spread(texts, 15)


_PARTING = b"\n#### python\n"


def _sigma(text: bytes) -> None:
    _build({"rule.yaml": _text(text)})


def _python(text: bytes) -> None:
    description, _, source = text.partition(_PARTING)
    named = description.partition(b"Filename:")[2].split(b"\n")[0].strip()
    _build({"rule.yaml": _text(description), _text(named) or "rule.py": _text(source)})


def _build(files: dict[str, str]) -> None:
    """Read rules and make them ready: what is wrong is a problem with its place."""
    parsed = parse_rules(files)
    for problem in parsed.problems:
        assert problem.message and problem.location.file in files
    RuleSet.build(parsed.rules, LOG_SOURCES)


def _refused(read: Callable[[str, str], object], text: bytes) -> None:
    with suppress(TocsinError):
        read(_text(text), "file.yaml")


def _playbook(text: str, file: str) -> object:
    return parse_playbook(text, file, ActionPlugs())


def _log_sources() -> list[bytes]:
    return [content.log_sources_text()[:3000].rpartition("\n")[0].encode()]


def _mapping_file(text: bytes) -> None:
    with suppress(TocsinError):
        load_mapping(_text(text), "file.yaml", "", find_reader=find_reader)


def _settings(text: bytes) -> None:
    path = _ROOM / "tocsin.yaml"
    path.write_bytes(text)
    with suppress(TocsinError):
        load(path, {"TOKEN": "not-a-secret-only-for-tests-0123"})


PLAYBOOKS = (FULL.encode(), SHORT.encode())
SETTINGS = (
    b"""data: /tmp/x
web: {host: 127.0.0.1, port: 8700}
receivers: {port: 8701}
incidents: {gap: 30m, threshold: high}
retention: {bytes: 20GiB}
rules: {folders: [rules], severities: {a: low}}
feeds:
  - {name: trail, kind: json_lines, source: aws.cloudtrail, token: {env: TOKEN}}
  - {name: bucket, kind: s3, source: aws.cloudtrail, bucket: logs, prefix: a/}
  - {name: lines, kind: syslog, source: linux.syslog, port: 5514, allow: [10.0.0.0/8]}
  - {name: files, kind: file, source: kubernetes.audit, paths: [/var/log/x], follow: true}
""",
)
