"""The search language: a small Lucene over OCSF paths, read into a tree.

    actor.user.name:alice AND api.operation:Delete* AND NOT src_endpoint.ip:10.0.0.0/8
    (error OR denied) severity:>=high time:[2026-11-01 TO 2026-11-08}

Terms side by side are joined by AND. A word without a path is looked for in the raw record. Text
is compared without regard to case; `*` and `?` are wildcards outside quotes; a backslash takes the
next character as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import re2

from tocsin.errors import UsageError

MAX_LENGTH = 4_000
MAX_DEPTH = 30
MAX_TERMS = 200

Operator: TypeAlias = Literal["=", ">", ">=", "<", "<="]


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it was written; in `pattern`, wildcards stand for themselves and count."""

    text: str
    has_wildcards: bool
    position: int

    @property
    def parts(self) -> tuple[str, ...]:
        """The text cut at its wildcards, which are parts of their own: `"*"` and `"?"` marked."""
        return tuple(re2.split(f"({ANY}|{ONE})", self.text))


ANY, ONE = "\ue000", "\ue001"
"""Stand for an unescaped `*` and `?` inside a `Value` (private use area of Unicode)."""


@dataclass(frozen=True, slots=True)
class Words:
    """A value that the raw record contains."""

    value: Value


@dataclass(frozen=True, slots=True)
class Compare:
    """A path whose value stands in this relation to `value`."""

    path: str
    operator: Operator
    value: Value
    position: int


@dataclass(frozen=True, slots=True)
class Between:
    """A path whose value lies in a range; an open side is `None`."""

    path: str
    low: Value | None
    high: Value | None
    includes_low: bool
    includes_high: bool
    position: int


@dataclass(frozen=True, slots=True)
class Exists:
    """A path that has a value."""

    path: str
    position: int


@dataclass(frozen=True, slots=True)
class Not:
    """What the part does not match."""

    part: "Query"


@dataclass(frozen=True, slots=True)
class Every:
    """All parts match; without parts, everything does."""

    parts: "tuple[Query, ...]"


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part matches."""

    parts: "tuple[Query, ...]"


Query: TypeAlias = Words | Compare | Between | Exists | Not | Every | Some

EVERYTHING = Every(())


@dataclass(frozen=True, slots=True)
class _Token:
    """`kind` is `(`, `)`, `AND`, `OR`, `NOT`, `path`, `value`, `range` or `end`."""

    kind: str
    text: str
    position: int
    is_quoted: bool = False


def parse(text: str) -> Query:
    """Return the tree of a search; of an empty one, `EVERYTHING`.

    Raises:
        UsageError: with the position, counted from 1, and what would be right.
    """
    if len(text) > MAX_LENGTH:
        raise UsageError(f"the search is longer than {MAX_LENGTH} characters")
    if any(mark in text for mark in (ANY, ONE, "\0")):
        raise UsageError("the search holds a character that cannot be searched for")
    return _Parser(list(_tokens(text))).whole()


_SPACE = re2.compile(r"\s+")
_KEYWORD = re2.compile(r"(AND|OR|NOT)(\s|[()]|$)")
_PATH = re2.compile(r"([A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*):")
_QUOTED = re2.compile(r'(?s)"((?:[^"\\]|\\.)*)"')
_RANGE = re2.compile(r"(?s)[\[{]([^\[\]{}]*)[\]}]")
_BARE = re2.compile(r'(?s)(?:[^\s()"\\]|\\.)+')
_ESCAPE = re2.compile(r"(?s)\\(.)")


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    after_path = False
    while place < len(text):
        space = _SPACE.match(text, place)
        if space:
            place = space.end()
            continue
        token, place = _next_token(text, place, after_path=after_path)
        after_path = token.kind == "path"
        yield token
    yield _Token("end", "", len(text))


def _next_token(text: str, place: int, *, after_path: bool) -> tuple[_Token, int]:
    if text[place] in "()":
        return _Token(text[place], text[place], place), place + 1
    quoted = _QUOTED.match(text, place)
    if quoted:
        return _Token("value", quoted.group(1), place, is_quoted=True), quoted.end()
    if text[place] == '"':
        raise _wrong("a quotation mark is not closed", place)
    span = _RANGE.match(text, place) if after_path else None
    if span:
        return _Token("range", span.group(), place), span.end()
    keyword = _KEYWORD.match(text, place)
    if keyword and not after_path:
        return _Token(keyword.group(1), keyword.group(1), place), keyword.end(1)
    path = None if after_path else _PATH.match(text, place)
    if path:
        return _Token("path", path.group(1), place), path.end()
    bare = _BARE.match(text, place)
    if not bare:
        raise _wrong("a backslash at the end escapes nothing", place)
    return _Token("value", bare.group(), place), bare.end()


class _Parser:
    """Recursive descent over the tokens; every level of parentheses is one of depth."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._terms = 0

    def whole(self) -> Query:
        if self._is("end"):
            return EVERYTHING
        query = self._some(0)
        if not self._is("end"):
            raise _wrong("a closing parenthesis has no opening one", self._now.position)
        return query

    @property
    def _now(self) -> _Token:
        return self._tokens[self._place]

    def _is(self, *kinds: str) -> bool:
        return self._now.kind in kinds

    def _take(self) -> _Token:
        token = self._now
        self._place += token.kind != "end"
        return token

    def _some(self, depth: int) -> Query:
        parts = [self._every(depth)]
        while self._is("OR"):
            self._take()
            parts.append(self._every(depth))
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _every(self, depth: int) -> Query:
        parts = [self._negated(depth)]
        while not self._is("OR", ")", "end"):
            if self._is("AND"):
                self._take()
            parts.append(self._negated(depth))
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _negated(self, depth: int) -> Query:
        if depth > MAX_DEPTH:
            raise _wrong(f"nested more than {MAX_DEPTH} deep", self._now.position)
        if self._is("NOT"):
            self._take()
            return Not(self._negated(depth + 1))
        return self._term(depth)

    def _term(self, depth: int) -> Query:
        token = self._take()
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise _wrong(f"more than {MAX_TERMS} terms", token.position)
        if token.kind == "(":
            return self._grouped(token, self._some(depth + 1))
        if token.kind == "value":
            return Words(_value(token))
        if token.kind == "path":
            return self._field(token, depth)
        if token.kind == "end":
            raise _wrong("something is missing at the end", token.position)
        raise _wrong(f"{token.text} is not expected here", token.position)

    def _grouped(self, opening: _Token, query: Query) -> Query:
        if not self._is(")"):
            raise _wrong("a parenthesis is not closed", opening.position)
        self._take()
        return query

    def _field(self, path: _Token, depth: int) -> Query:
        token = self._take()
        if token.kind == "value" and path.text == "_exists_":
            return Exists(token.text, token.position)
        if token.kind == "value":
            return _compare(path, token)
        if token.kind == "range":
            return _between(path, token)
        if token.kind == "(":
            return self._grouped(token, self._alternatives(path))
        raise _wrong(f"{path.text}: needs a value", path.position)

    def _alternatives(self, path: _Token) -> Query:
        parts: list[Query] = []
        while True:
            token = self._take()
            if token.kind != "value":
                raise _wrong(f"{path.text}:(...) takes values joined by OR", token.position)
            parts.append(_compare(path, token))
            self._terms += 1
            if self._is(")", "end"):
                return Some(tuple(parts))
            if self._take().kind != "OR":
                what = f"{path.text}:(...) takes values joined by OR"
                raise _wrong(what, self._tokens[self._place - 1].position)


def _compare(path: _Token, token: _Token) -> Query:
    operators: tuple[Operator, ...] = (">=", "<=", ">", "<")
    for operator in operators:
        if not token.is_quoted and token.text.startswith(operator):
            rest = token.text[len(operator) :]
            if not rest:
                raise _wrong(
                    f"{path.text}:{operator} needs a value, without a space", token.position
                )
            bound = _Token("value", rest, token.position + len(operator), is_quoted=True)
            return Compare(path.text, operator, _value(bound), path.position)
    return Compare(path.text, "=", _value(token), path.position)


def _between(path: _Token, token: _Token) -> Query:
    inside = token.text[1:-1]
    low, found, high = (part.strip() for part in inside.partition(" TO "))
    if not found or not low or not high:
        raise _wrong("a range is written [low TO high], with * for an open side", token.position)
    start = token.position + 1
    return Between(
        path.text,
        _bound(low, start),
        _bound(high, start + inside.rindex(high)),
        includes_low=token.text[0] == "[",
        includes_high=token.text[-1] == "]",
        position=path.position,
    )


def _bound(text: str, position: int) -> Value | None:
    if text == "*":
        return None
    bare = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    return _value(_Token("value", bare, position, is_quoted=True))


def _value(token: _Token) -> Value:
    text = token.text
    if not token.is_quoted:
        text = _marked(text)
    return Value(
        _ESCAPE.sub(r"\1", text),
        has_wildcards=ANY in text or ONE in text,
        position=token.position,
    )


def _marked(text: str) -> str:
    """Return the text with unescaped wildcards replaced by their marks."""
    pieces = []
    place = 0
    while place < len(text):
        step = 2 if text[place] == "\\" else 1
        piece = text[place : place + step]
        pieces.append({"*": ANY, "?": ONE}.get(piece, piece))
        place += step
    return "".join(pieces)


def _wrong(what: str, position: int) -> UsageError:
    return UsageError(f"the search cannot be understood at position {position + 1}: {what}")
