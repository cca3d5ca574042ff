"""Post a body to a target over HTTP and read its answer: what forwarders over HTTP have in common.

Every request goes through `Outbound`, whose guard keeps it from leading inside.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory

from tocsin.act.forwarding import RecordsRefused
from tocsin.act.outbound import Limits, Outbound, Request
from tocsin.errors import ActionError, SettingsError
from tocsin.values import Network, Secret

_LIMITS = Limits(bytes=32 << 20, seconds=120.0)
_LONGEST_WAIT_SECONDS = 300.0
_LONGEST_REASON = 300
_REFUSED = frozenset({400, 413, 422})


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """How to reach a target over HTTP.

    Attributes:
        allow_private: address ranges of one's own in which the target may lie; others must be
            public.
        certificates: PEM file of an authority of one's own that signs the target's certificate.
        timeout_seconds: for connecting, and for each wait after it.
    """

    allow_private: tuple[Network, ...] = ()
    certificates: Path | None = None
    timeout_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a target said; header names are small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Poster:
    """Posts to one address.

    Attributes:
        target: host and port of the address.
    """

    def __init__(self, url: str, settings: HttpSettings, headers: Mapping[str, str]) -> None:
        """Take where to post; nothing is asked yet.

        Raises:
            SettingsError: the address can never be used.
        """
        authority = None if settings.certificates is None else str(settings.certificates)
        self._outbound = Outbound(settings.allow_private, authority, settings.timeout_seconds)
        try:
            self._outbound.check(url)
        except SettingsError as error:
            raise SettingsError(f"`url`: {error}") from None
        self._url = url
        self._headers = dict(headers)
        self.target = _target(url)

    def post(self, content: bytes, content_type: str = "application/json") -> Answer:
        """Post a body and return the answer to one that was taken.

        Raises:
            RecordsRefused: the target finds fault with the body: 400, 413 or 422.
            ActionError: it does not answer, or takes nothing at present.
        """
        request = Request(self._url, "POST", content, content_type, self._headers)
        with TemporaryDirectory(prefix="tocsin-") as room:
            path = Path(room) / "answer"
            fetched = self._outbound.fetch(request, path, _LIMITS)
            answer = Answer(fetched.status, fetched.headers, path.read_bytes())
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise _error(self.target[0], answer)
        return answer


def bearer(token: Secret | None, scheme: str = "Bearer") -> dict[str, str]:
    """Return the header that shows a token, where there is one."""
    return {} if token is None else {"Authorization": f"{scheme} {token.reveal()}"}


def basic(user: str, password: Secret | None) -> dict[str, str]:
    """Return the header of a user and a password, where there is one."""
    from base64 import b64encode

    if password is None:
        return {}
    pair = f"{user}:{password.reveal()}".encode()
    return {"Authorization": f"Basic {b64encode(pair).decode('ascii')}"}


def one_line(text: str) -> str:
    """Return what a target said as one short line."""
    return " ".join(text.split())[:_LONGEST_REASON]


def _error(host: str, answer: Answer) -> ActionError:
    said = one_line(answer.body[: 4 * _LONGEST_REASON].decode("utf-8", "replace"))
    text = f"{host} answers with status {answer.status}{said and f': {said}'}"
    if answer.status in _REFUSED:
        return RecordsRefused(text)
    error = ActionError(text)
    error.retry_after_seconds = _wait(answer.headers.get("retry-after", ""))
    return error


def _wait(header: str) -> float:
    """Return the seconds of a Retry-After header; dates and nonsense give the usual wait."""
    seconds = float(header) if header.isdecimal() else ActionError.retry_after_seconds
    return min(seconds, _LONGEST_WAIT_SECONDS)


def _target(url: str) -> tuple[str, int]:
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
