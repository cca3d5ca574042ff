"""Ask HTTP APIs: bounded answers, no way off the address that the settings name.

An API tells by links where its next page is. Whoever could forge an answer must not turn requests,
which carry a token, elsewhere (SSRF): every link and redirect stays at the origin of the settings.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit

from tocsin.errors import SettingsError, SourceError

if TYPE_CHECKING:
    import ssl

    import httpx

MAX_ANSWER_BYTES = 32 << 20

_TIMEOUT_SECONDS = 40.0
_MOST_REDIRECTS = 3
_BLOCK_BYTES = 1 << 20
_CONTENT = (200, 206)
_REDIRECTS = (301, 302, 307, 308)
_PORTS = {"https": 443, "http": 80}
_TOLERANCE = timedelta(minutes=4)
_DEFAULT_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: a POST of JSON where there is `content`, a GET otherwise."""

    url: str
    content: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said; header names are small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def wait_seconds(self) -> float | None:
        """How long the API wants us to wait before asking again; `None` where it does not."""
        is_spent = _remaining(self.headers) == "0"
        is_asked = "retry-after" in self.headers
        if self.status in (429, 503) or (self.status == 403 and (is_spent or is_asked)):
            return _waited(self.headers)
        return None


class Asker:
    """Asks one API.

    Attributes:
        host: the only one that is ever asked.
    """

    def __init__(
        self, url: str, headers: Callable[[], Mapping[str, str]], certificates: Path | None = None
    ) -> None:
        """Take where to ask.

        Args:
            url: of the API; only its scheme, host and port count.
            headers: what each request says besides, such as who asks.
            certificates: PEM file of an authority of one's own; otherwise the public ones.

        Raises:
            SettingsError: the address is not one to send tokens to.
        """
        self._headers = headers
        self._certificates = certificates
        self._origin = _origin(_split(url.partition("{")[0]))
        self.host = self._origin[1]
        self._client: httpx.Client | None = None
        if self._origin[0] != "https" and not _is_loopback(self.host):
            raise SettingsError(f"`url` {url[:100]!r} must begin with https://")

    def ask(self, ask: Ask) -> Answer:
        """Return what the API answers, throttled answers included.

        Raises:
            SourceError: it answers anything but a success, too much, not in full, or elsewhere.
        """
        for _ in range(_MOST_REDIRECTS):
            answer = self._once(ask)
            if answer.status not in _REDIRECTS:
                break
            ask = Ask(self.within(ask.url, answer.headers.get("location", "")), ask.content)
        if answer.status in (401, 403) and answer.wait_seconds is None:
            raise Refused(answer.status, f"{self.host} refuses our credentials or rights")
        if answer.status != 200 and answer.wait_seconds is None:
            raise Refused(answer.status, f"{self.host} answers {answer.status}")
        return answer

    def within(self, url: str, link: str) -> str:
        """Return the address that a link on the page `url` leads to.

        Raises:
            SourceError: it leads away from the API.
        """
        target = urljoin(url, link)
        try:
            is_ours = _origin(_split(target)) == self._origin
        except SettingsError:
            is_ours = False
        if not is_ours or not link:
            raise SourceError(f"{self.host} leads elsewhere: {target[:100]!r}")
        return target

    def clock(self, answer: Answer) -> str:
        """Say how far our clock is off theirs.

        Raises:
            SourceError: too far.
        """
        try:
            theirs = parsedate_to_datetime(answer.headers.get("date", ""))
        except ValueError:
            return ""
        skew = abs(datetime.now(UTC) - theirs)
        if skew > _TOLERANCE:
            raise SourceError(f"the clock is {skew} off that of {self.host}; set it by NTP")
        return f", the clock is {skew.total_seconds():.0f} s off theirs"

    def close(self) -> None:
        """Close the connections; the next request opens others."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def blocks(self, url: str, more: Mapping[str, str]) -> Iterator[bytes]:
        """Yield what is at an address, as it is sent, in blocks of at most 1 MiB.

        Args:
            url: at the API.
            more: headers for this request only.

        Raises:
            Refused: the answer is no success.
            SourceError: it cannot be asked, or the transfer broke off.
        """
        import httpx

        headers = {**self._headers(), "Accept": "*/*", **more}
        try:
            # A client of its own: where this iterator is left half-read, the collector closes it at
            # any moment, even inside a request of the shared client, whose lock it would wait for.
            with self._made() as client, client.stream("GET", url, headers=headers) as response:
                if response.status_code not in _CONTENT:
                    raise Refused(
                        response.status_code, f"{self.host} answers {response.status_code}"
                    )
                yield from response.iter_raw(_BLOCK_BYTES)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise SourceError(f"{self.host} cannot be asked: {type(error).__name__}") from error

    def _opened(self) -> "httpx.Client":
        if self._client is None:
            self._client = self._made()
        return self._client

    def _made(self) -> "httpx.Client":
        import httpx

        return httpx.Client(
            verify=self._context(),
            trust_env=False,
            follow_redirects=False,
            timeout=_TIMEOUT_SECONDS,
            headers={"User-Agent": "tocsin", "Accept": "application/json"},
        )

    def _once(self, ask: Ask) -> Answer:
        import httpx

        client = self._opened()
        headers = dict(self._headers())
        if ask.content is not None:
            headers["Content-Type"] = "application/json"
        method = "GET" if ask.content is None else "POST"
        deadline = time.monotonic() + 3 * _TIMEOUT_SECONDS
        body = bytearray()
        try:
            with client.stream(method, ask.url, headers=headers, content=ask.content) as response:
                for block in response.iter_bytes():
                    body += block
                    if len(body) > MAX_ANSWER_BYTES or time.monotonic() > deadline:
                        raise SourceError(f"{self.host} answers too much or too slowly")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            reason = type(error).__name__
            raise SourceError(f"{self.host} cannot be asked: {reason}") from error
        return Answer(response.status_code, dict(response.headers), bytes(body))

    def _context(self) -> "ssl.SSLContext | bool":
        import ssl

        if self._origin[0] != "https":
            return False
        return ssl.create_default_context(cafile=self._certificates)


class Refused(SourceError):  # noqa: N818 - it answered: its catcher may know what to do
    """The API answered, but with no success.

    Attributes:
        status: of its answer.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def _split(url: str) -> SplitResult:
    is_plain = url.isascii() and url.isprintable() and not set(url) & set(" \\")
    with suppress(ValueError):
        parts = urlsplit(url)
        if is_plain and parts.scheme in _PORTS and parts.hostname and "@" not in parts.netloc:
            return parts
    raise SettingsError(f"`url` {url[:100]!r} is no plain https address")


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    try:
        port = parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise SettingsError("`url` has no valid port") from None
    return parts.scheme, parts.hostname or "", port


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _remaining(headers: Mapping[str, str]) -> str | None:
    return headers.get("x-ratelimit-remaining", headers.get("x-rate-limit-remaining"))


def _waited(headers: Mapping[str, str]) -> float:
    """Read how long to wait: seconds or a date, or the second since 1970 when a limit renews."""
    asked = headers.get("retry-after", "")
    with suppress(ValueError):
        return max(float(asked), 0.0)
    with suppress(ValueError):
        return max((parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds(), 0.0)
    renewed = headers.get("x-ratelimit-reset", headers.get("x-rate-limit-reset", ""))
    with suppress(ValueError):
        return max(float(renewed) - time.time(), 0.0) + 1
    return _DEFAULT_WAIT_SECONDS
