"""Replace secrets in many texts at one pass of RE2 over all of them.

The texts are joined once and searched by one pattern of all kinds, which costs no Python for texts
without anything that looks like a secret. Only the others are gone through one by one.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import accumulate

import re2

from tocsin.errors import ContentError, Location
from tocsin.redact.kinds import Definition, SecretKind

_BORDER = b"\x00"
_JOINED_BYTES = 16 << 20
_HASH_BYTES = 6
_MEMORY = 64 << 20
_LONG_BYTES = 1 << 10
"""A longer value is taken out without a further look: hidden words in it would each be searched for
from anew, which costs the square of its length."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """Texts without their secrets.

    Attributes:
        texts: by index, those that have changed.
        counts: secrets replaced, by kind.
    """

    texts: dict[int, bytes] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


class Redactor:
    """Finds and replaces secrets; safe to use from several threads."""

    def __init__(self, definition: Definition, without: frozenset[str] = frozenset()) -> None:
        """Compile all kinds but those of `without`.

        Raises:
            ContentError: a pattern is not valid RE2, or has not exactly one group.
        """
        place = Location(definition.location)
        self._kinds: list[SecretKind] = []
        patterns = []
        for each in definition.kinds:
            for pattern in each.patterns if each.kind not in without else ():
                if _compiled(pattern, place).groups != 1:
                    raise ContentError(
                        f"{each.kind}: {pattern!r} must have exactly one group", place
                    )
                self._kinds.append(each)
                patterns.append(pattern)
        self._pattern = _compiled("|".join(patterns), place) if patterns else None
        self._spared = _compiled(definition.spared, place)

    def redact(self, texts: Sequence[bytes], key: Callable[[], bytes]) -> Redacted:
        """Return what becomes of the texts; a replaced secret is never replaced again.

        Args:
            texts: raw records.
            key: asked for once a text holds a secret: what its hash is keyed with, 64 bytes at
                most.
        """
        found = Redacted()
        for index in self._suspects(texts):
            text = self._without_secrets(texts[index], key, found.counts)
            if text is not None:
                found.texts[index] = text
        return found

    def kinds_in(self, text: str) -> frozenset[str]:
        """Return the kinds of the secrets in one text."""
        return frozenset(self.redact([text.encode()], lambda: b"").counts)

    def _suspects(self, texts: Sequence[bytes]) -> Iterator[int]:
        """Yield the indices of texts in which the pattern of all kinds finds anything."""
        start = size = 0
        for index, text in enumerate(texts):
            if index > start and size + len(text) > _JOINED_BYTES:
                yield from (start + each for each in self._touched(texts[start:index]))
                start, size = index, 0
            size += len(text)
        if start < len(texts):
            yield from (start + each for each in self._touched(texts[start:]))

    def _touched(self, texts: Sequence[bytes]) -> Iterator[int]:
        """Yield those that a match touches; a match across a border hides nothing behind it."""
        if self._pattern is None:
            return
        joined = _BORDER.join(texts)
        begins = list(accumulate((len(text) + 1 for text in texts), initial=0))
        place, unseen = 0, 0
        while place < len(joined) and (match := self._pattern.search(joined, place)):
            first = bisect_right(begins, match.start()) - 1
            last = min(bisect_right(begins, match.end() - 1), len(texts)) - 1
            yield from range(max(first, unseen), last + 1)
            unseen = last + 1
            place = begins[unseen]

    def _without_secrets(
        self, text: bytes, key: Callable[[], bytes], counts: Counter[str]
    ) -> bytes | None:
        pattern = self._pattern
        if pattern is None:
            return None
        parts: list[bytes] = []
        done = place = 0
        while match := pattern.search(text, place):
            group = match.lastindex or 1
            kind, (begin, end) = self._kinds[group - 1], match.span(group)
            if not self._is_secret(kind, text[begin:end]):
                # What follows the name is none: it may hold the name of another.
                place = max(begin, match.start() + 1)
                continue
            kind, end = self._named(text, begin) or (kind, end)
            parts += [text[done:begin], _mark(kind.kind, text[begin:end], key())]
            counts[kind.kind] += 1
            done = place = end
        return b"".join([*parts, text[done:]]) if parts else None

    def _named(self, text: bytes, begin: int) -> tuple[SecretKind, int] | None:
        """Return what a secret calls itself that was found by the name beside it, and its end."""
        match = self._pattern.match(text, begin) if self._pattern else None
        if match is None or match.start(match.lastindex or 1) != begin:
            return None
        kind, end = self._kinds[(match.lastindex or 1) - 1], match.end(match.lastindex or 1)
        return (kind, end) if self._is_secret(kind, text[begin:end]) else None

    def _is_secret(self, kind: SecretKind, value: bytes) -> bool:
        if not kind.least <= len(value) <= kind.most:
            return False
        if len(value) > _LONG_BYTES:
            return True
        if self._spared.search(value):
            return False
        if kind.needs_digit and not any(48 <= byte <= 57 for byte in value):
            return False
        return not kind.entropy or _entropy(value) >= kind.entropy


def _mark(kind: str, secret: bytes, key: bytes) -> bytes:
    digest = blake2b(secret, digest_size=_HASH_BYTES, key=key, person=b"tocsin redaction")
    return f"[redacted:{kind}:{digest.hexdigest()}]".encode()


def _entropy(value: bytes) -> float:
    """Return Shannon's entropy of the bytes, in bits a byte."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values())


def _compiled(pattern: str, place: Location) -> "re2._Regexp[bytes]":
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _MEMORY
    options.log_errors = False
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        raise ContentError(f"{pattern!r} is no pattern: {error}", place) from error
