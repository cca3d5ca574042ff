"""What a system of tickets promises, and the client that plugs for such systems share.

An incident has one ticket in a system, known by its fingerprint, the incident's identifier. Whether
a request that got no answer was carried out is asked of the system before it is made again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, Protocol
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from tocsin.act.outbound import Limits, Outbound, Request
from tocsin.act.posting import HttpSettings, one_line
from tocsin.errors import ActionError, SettingsError

Method = Literal["GET", "PATCH", "POST", "PUT"]

_LIMITS = Limits(bytes=32 << 20, seconds=60.0)
_LONGEST_WAIT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Draft:
    """What a new ticket says.

    Attributes:
        fingerprint: the incident's identifier; the ticket is found again by it.
        title: one harmless line.
        text: harmless lines, the fingerprint in one of them.
        severity_id: OCSF, 1 to 6.
    """

    fingerprint: str
    title: str
    text: str
    severity_id: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket in someone else's system.

    Attributes:
        uid: by which the system's API names it.
        key: what people call it, such as `SEC-12`.
        url: where people read it.
        is_open: whether somebody should still work on it.
    """

    uid: str
    key: str
    url: str
    is_open: bool


class TicketRefused(ActionError):  # noqa: N818 - says what happened, as `RecordsRefused` does
    """The system answered that it did not do what was asked.

    Attributes:
        is_final: whether asking again is of no use before somebody changes something.
    """

    def __init__(self, message: str, *, is_final: bool = True) -> None:
        super().__init__(message)
        self.is_final = is_final


class TicketSystem(Protocol):
    """Opens and changes tickets in one system.

    The constructor takes the plug's own frozen settings dataclass, does no input or output, and
    raises `SettingsError` for an address that can never be used.

    Every method raises `TicketRefused` where the system said no and did nothing, and `ActionError`
    where nobody knows whether it did.

    Attributes:
        target: host and port of the system.
        settle_seconds: after so long, `find` and `holds` know of everything that was asked before.
    """

    target: tuple[str, int]
    settle_seconds: float

    def find(self, fingerprint: str, since: datetime) -> Ticket | None:
        """Return the ticket of an incident, where one was opened at or after `since`, UTC."""
        ...

    def open(self, draft: Draft) -> Ticket:
        """Open a ticket; `find` was asked before."""
        ...

    def read(self, uid: str) -> Ticket | None:
        """Return a ticket as it is now; `None` where it is gone."""
        ...

    def holds(self, uid: str, mark: str, since: datetime) -> bool:
        """Return whether a comment with this mark, made at or after `since`, is there."""
        ...

    def comment(self, uid: str, text: str, mark: str) -> None:
        """Add a comment of harmless lines, with its mark below them."""
        ...

    def close(self, uid: str, text: str) -> None:
        """Bring a ticket to its end, with a reason; one that is closed stays as it is."""
        ...

    def reopen(self, uid: str) -> None:
        """Open a closed ticket again; one that is open stays as it is."""
        ...


class Api:
    """Asks a system that speaks JSON over HTTP.

    Attributes:
        target: host and port.
        base: address without a slash at its end.
    """

    def __init__(self, url: str, settings: HttpSettings, headers: Mapping[str, str]) -> None:
        """Take where to ask; nothing is asked yet.

        Raises:
            SettingsError: the address can never be used.
        """
        authority = None if settings.certificates is None else str(settings.certificates)
        self._outbound = Outbound(settings.allow_private, authority, settings.timeout_seconds)
        try:
            self._outbound.check(url)
        except SettingsError as error:
            raise SettingsError(f"`url`: {error}") from None
        parts = urlsplit(url)
        self.base = url.rstrip("/")
        self.target = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        self._headers = {"Accept": "application/json", **headers}

    def get(self, path: str, query: Mapping[str, str] | None = None) -> object:
        """Return the answer to a question; `None` where there is no such thing.

        Raises:
            ActionError: there is no answer.
        """
        asked = f"{path}?{urlencode(query, quote_via=quote)}" if query else path
        answer = self._ask("GET", asked, b"")
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return None
        return self._content(answer)

    def send(self, method: Method, path: str, content: Mapping[str, object]) -> object:
        """Ask for a change and return the answer, `None` where it is empty.

        Raises:
            TicketRefused: the system did not do it.
            ActionError: nobody knows whether it did.
        """
        return self._content(self._ask(method, path, msgspec.json.encode(content)))

    def _ask(self, method: Method, path: str, body: bytes) -> "_Answer":
        request = Request(f"{self.base}{path}", method, body, "application/json", self._headers)
        with TemporaryDirectory(prefix="tocsin-") as room:
            place = Path(room) / "answer"
            fetched = self._outbound.fetch(request, place, _LIMITS)
            return _Answer(fetched.status, fetched.headers, place.read_bytes())

    def _content(self, answer: "_Answer") -> object:
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise _error(self.target[0], answer)
        if not answer.body.strip():
            return None
        try:
            found: object = msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ActionError(f"{self.target[0]} answers with something that is no JSON") from None
        return found


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def part(value: object, *path: str) -> object:
    """Return what lies at a path of names in an answer, `None` where nothing does."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text(value: object, *path: str) -> str:
    """Return the text or number at a path as text; "" where there is none."""
    found = part(value, *path)
    is_named = isinstance(found, str | int) and not isinstance(found, bool)
    return str(found) if is_named else ""


def required(value: object, *path: str) -> str:
    """Return the text at a path.

    Raises:
        ActionError: there is none, so the answer says nothing of what was done.
    """
    found = text(value, *path)
    if not found:
        raise ActionError(f"the answer has no {'.'.join(path)}")
    return found


def rows(value: object) -> list[object]:
    """Return a list of an answer; empty where it is none."""
    return value if isinstance(value, list) else []


def _error(host: str, answer: _Answer) -> ActionError:
    said = one_line(answer.body[:1200].decode("utf-8", "replace"))
    words = f"{host} answers with status {answer.status}{said and f': {said}'}"
    is_refused = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    if not is_refused or answer.status == HTTPStatus.REQUEST_TIMEOUT:
        return ActionError(words)
    wait = answer.headers.get("retry-after", "")
    # GitHub says 403 where one asked too often, with the time to wait.
    is_busy = answer.status == HTTPStatus.TOO_MANY_REQUESTS or wait.isdecimal()
    error = TicketRefused(words, is_final=not is_busy)
    if wait.isdecimal():
        error.retry_after_seconds = min(float(wait), _LONGEST_WAIT_SECONDS)
    return error
