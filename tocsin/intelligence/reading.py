"""Turn what feeds send into indicators; what cannot be used is counted by its reason."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tocsin.intelligence.indicators import Indicator
from tocsin.intelligence.misp import attributes, told_of_event
from tocsin.intelligence.patterns import equalities
from tocsin.intelligence.values import is_listable, normalized, recognized, refanged

MOST_INDICATORS = 10_000_000
_COMMENTS = ("#", ";", "//", "!")
_LONGEST_NAME = 300
_MOST_LABELS = 20
_LONGEST_LINE = 20_000
_SNIFFED = 50


@dataclass(frozen=True, slots=True)
class Defaults:
    """What counts where a feed does not say it.

    Attributes:
        expires: how long an indicator counts after it was last told.
        now: UTC.
        kind: what a list holds; "" where its values tell.
        column: of a CSV list; "" for the first that holds such values.
    """

    feed: str
    now: datetime
    confidence: int = 60
    expires: timedelta = timedelta(days=30)
    labels: tuple[str, ...] = ()
    kind: str = ""
    column: str = ""

    @property
    def moment(self) -> datetime:
        """The present without zone, as tables have it."""
        return self.now.astimezone(UTC).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a feed says beside a value."""

    uid: str
    name: str = ""
    labels: tuple[str, ...] = ()
    confidence: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    reference: str = ""


class Reader:
    """Reads one pull of one feed.

    Attributes:
        counts: indicators (`used`) and what was left out: `unknown`, `private`, `expired`,
            `revoked`, `pattern`, `too_long`, `too_many`, `broken`.
        gone: uids that the feed has taken back.
    """

    def __init__(self, defaults: Defaults) -> None:
        self._defaults = defaults
        self._until = defaults.moment + defaults.expires
        self.counts: Counter[str] = Counter()
        self.gone: set[str] = set()

    def text(self, lines: Iterable[str]) -> Iterator[Indicator]:
        """Read one value a line; comments and what follows a value are passed over."""
        for line in lines:
            plain = line.strip()
            if not plain or plain.startswith(_COMMENTS):
                continue
            if len(plain) > _LONGEST_LINE:
                self.counts["too_long"] += 1
                continue
            # Hosts files name an address of nowhere first.
            words = [each for each in plain.split() if each not in ("0.0.0.0", "127.0.0.1")]  # noqa: S104 - text of a list
            yield from self._listed(words[0].rstrip(",;") if words else plain, {})

    def csv(self, lines: Iterable[str]) -> Iterator[Indicator]:
        """Read a table; its header may be a comment, as abuse.ch writes it."""
        rows = csv.reader(_rows_of(lines), skipinitialspace=True)
        column: int | None = None
        header: list[str] = []
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error:
                self.counts["broken"] += 1
                continue
            if column is None:
                names = [each.strip().lstrip("#").strip().strip('"').lower() for each in row]
                if not header and not any(recognized(each) for each in row):
                    header = names
                    continue
                column = self._column(header, row)
            if column >= len(row):
                self.counts["broken"] += 1
                continue
            yield from self._listed(row[column], dict(zip(header, row, strict=False)))

    def stix(self, objects: Iterable[object]) -> Iterator[Indicator]:
        """Read STIX 2.1 objects: indicators; other objects are passed over."""
        for each in objects:
            if isinstance(each, dict) and each.get("type") == "indicator":
                yield from self._stix_indicator(each)

    def misp(self, events: Iterable[object]) -> Iterator[Indicator]:
        """Read MISP events: attributes that are for detection, of objects too."""
        for event in events:
            told = told_of_event(event)
            for kinds, attribute in attributes(event):
                uid = str(attribute.get("uuid") or "")
                if attribute.get("deleted") in (True, "1", 1):
                    self.counts["revoked"] += 1
                    self.gone.add(uid)
                    continue
                labels = (*told.labels, *_names(attribute.get("Tag")))
                for kind, text in kinds:
                    yield from self._made(
                        (kind,), text, _Said(uid, told.name, labels, reference=told.reference)
                    )

    def _stix_indicator(self, found: Mapping[str, object]) -> Iterator[Indicator]:
        uid = str(found.get("id") or "")
        if found.get("revoked") is True:
            self.counts["revoked"] += 1
            self.gone.add(uid)
            return
        is_stix = found.get("pattern_type", "stix") == "stix"
        values = equalities(str(found.get("pattern") or "")) if is_stix else None
        if values is None:
            self.counts["pattern"] += 1
            return
        confidence = found.get("confidence")
        for kinds, text in values:
            said = _Said(
                uid,
                str(found.get("name") or ""),
                (*_texts(found.get("labels")), *_texts(found.get("indicator_types"))),
                confidence=confidence if isinstance(confidence, int) else None,
                valid_from=_moment(found.get("valid_from")),
                valid_until=_moment(found.get("valid_until")),
                reference=_reference(found.get("external_references")),
            )
            yield from self._made(kinds, text, said)

    def _listed(self, text: str, row: Mapping[str, str]) -> Iterator[Indicator]:
        kind = self._defaults.kind
        found = recognized(text) if not kind else None
        kinds = (kind,) if kind else (found[0],) if found else ()
        if not row:
            yield from self._made(kinds, found[1] if found else text, _Said(""))
            return
        labels = [
            row[name] for name in ("threat", "malware", "threat_type", "tags") if row.get(name)
        ]
        confidence = row.get("confidence_level") or row.get("confidence") or ""
        said = _Said(
            "",
            row.get("malware_printable") or row.get("malware") or row.get("threat") or "",
            tuple(labels),
            confidence=int(confidence) if confidence.isdigit() else None,
            reference=row.get("urlhaus_link") or row.get("reference") or "",
        )
        yield from self._made(kinds, found[1] if found else text, said)

    def _made(self, kinds: tuple[str, ...], text: str, said: _Said) -> Iterator[Indicator]:
        defaults = self._defaults
        kind, value = _first_form(kinds, refanged(text))
        reason = self._refusal(kind, value, said.valid_until) if value else "unknown"
        self.counts[reason or "used"] += 1
        if reason or value is None:
            return
        confidence = defaults.confidence if said.confidence is None else said.confidence
        yield Indicator(
            kind=kind,
            value=value,
            uid=(said.uid or f"{kind}:{value}")[:_LONGEST_NAME],
            confidence=min(100, max(0, confidence)),
            valid_until=said.valid_until or self._until,
            valid_from=said.valid_from,
            name=said.name[:_LONGEST_NAME],
            labels=_labels(*defaults.labels, *said.labels),
            reference=said.reference[:_LONGEST_NAME] if said.reference.startswith("http") else "",
            feed=defaults.feed,
        )

    def _refusal(self, kind: str, value: str, until: datetime | None) -> str:
        if not is_listable(kind, value):
            return "private"
        if until is not None and until <= self._defaults.moment:
            return "expired"
        return "too_many" if self.counts["used"] >= MOST_INDICATORS else ""

    def _column(self, header: list[str], row: list[str]) -> int:
        wanted = self._defaults.column.strip().lower()
        if wanted and wanted in header:
            return header.index(wanted)
        if wanted.isdigit():
            return int(wanted)
        fits = [i for i, each in enumerate(row) if recognized(each)]
        # An address of a list's own page is a URL like any other: names decide first.
        named = [i for i in fits if i < len(header) and header[i] in _VALUE_NAMES]
        return (named or fits or [0])[0]


_VALUE_NAMES = frozenset(
    {
        *("indicator", "ioc", "ioc_value", "value", "ip", "dst_ip", "ip_address", "domain"),
        *("host", "hostname", "url", "sha256_hash", "sha256", "md5", "sha1", "ja3_md5", "md5_hash"),
    }
)


def _first_form(kinds: tuple[str, ...], text: str) -> tuple[str, str | None]:
    """Return the first kind that the text can be, with its value."""
    for kind in kinds:
        value = normalized(kind, text)
        if value is not None:
            return kind, value
    return "", None


def _rows_of(lines: Iterable[str]) -> Iterator[str]:
    """Yield rows; of comments only the last before the first row may be a header."""
    last = ""
    has_begun = False
    for line in lines:
        if len(line) > _LONGEST_LINE:
            continue
        if line.lstrip().startswith("#"):
            last = line
        elif line.strip():
            if not has_begun and last.count(",") and last.count(",") == line.count(","):
                yield last
            has_begun = True
            yield line.replace("\0", "")


def _labels(*texts: str) -> tuple[str, ...]:
    kept = (text.strip()[:_LONGEST_NAME] for text in texts)
    return tuple(dict.fromkeys(text for text in kept if text and text != "None"))[:_MOST_LABELS]


def _texts(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else ()
    return tuple(each for each in listed if isinstance(each, str))


def _names(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else ()
    return tuple(
        str(each["name"]) for each in listed if isinstance(each, dict) and each.get("name")
    )


def _reference(value: object) -> str:
    for each in value if isinstance(value, list) else ():
        if isinstance(each, dict) and isinstance(each.get("url"), str):
            return str(each["url"])
    return ""


def _moment(value: object) -> datetime | None:
    """Return an RFC 3339 time as tables have it; one beyond them is none."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return found.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
