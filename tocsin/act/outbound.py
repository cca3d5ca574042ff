"""The one way out: requests to addresses that people configured, and to nothing inside.

A guard against requests that a forged address turns inward (SSRF): https only; every address that
the name resolves to must be public; the connection goes to the very address that was checked, so
that a second look-up cannot give another one; no redirect is followed, no proxy taken from the
environment, and the body of the answer is read only by `fetch`. Addresses of one's own network are
reached only where an administrator allows their range; plain http only on this machine.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tocsin.act.addresses import Address, Network, is_public, is_within
from tocsin.errors import ActionError, OutcomeUnknownError, SettingsError

if TYPE_CHECKING:
    import httpx

Resolve = Callable[[str, int], Sequence[str]]
"""Name and port to addresses as text."""


def system_resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses that the system's resolver knows for a name, each once.

    Raises:
        OSError: the name is unknown or the resolver does not answer.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class Request:
    """One request; the address is a secret, as it often holds a token, and is never printed."""

    url: str = field(repr=False)
    method: Literal["DELETE", "GET", "PATCH", "POST", "PUT"] = "GET"
    content: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of an answer is taken, and how long that may last."""

    bytes: int = 256 << 20
    seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the other side said; header names are small letters."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outbound:
    """How requests leave.

    Attributes:
        allow_private: address ranges of one's own that may be reached too.
        certificates: PEM file of an authority of one's own; otherwise the public ones.
        timeout_seconds: for connecting, and for each wait after it.
        resolve: the resolver; asked once a request.
    """

    allow_private: tuple[Network, ...] = ()
    certificates: str | None = None
    timeout_seconds: float = 10.0
    resolve: Resolve = system_resolve

    def check(self, url: str) -> None:
        """Refuse an address that can never be used; does not look up the name.

        Raises:
            SettingsError: it is not https (or http), has no host, or holds a user name.
        """
        self._parse(url)

    def send(self, request: Request) -> int:
        """Send the request and return the status of the answer; its body is not read.

        Raises:
            SettingsError: as `check`.
            ActionError: the name does not resolve, leads inside, or the other side does not answer;
                `OutcomeUnknownError` where the request had left by then.
        """
        with self._answer(request) as response:
            return response.status_code

    def fetch(self, request: Request, target: Path, limits: Limits = Limits()) -> Fetched:  # noqa: B008 - frozen
        """Send the request and write the body of the answer to `target`.

        Only for what an administrator named as a source to be read: whoever answers decides what
        stands there.

        Raises:
            SettingsError: as `check`.
            ActionError: as `send`; or the body is longer than the limit, ends early, or takes too
                long.
        """
        host = self._parse(request.url).host
        deadline = time.monotonic() + limits.seconds
        size = 0
        with self._answer(request) as response, target.open("wb") as file:
            for part in response.iter_bytes():
                size += len(part)
                if size > limits.bytes:
                    raise OutcomeUnknownError(f"{host} sends more than {limits.bytes} bytes")
                if time.monotonic() > deadline:
                    raise OutcomeUnknownError(f"{host} takes longer than {limits.seconds:.0f} s")
                file.write(part)
            headers = {name.lower(): value for name, value in response.headers.items()}
        return Fetched(response.status_code, headers)

    @contextmanager
    def _answer(self, request: Request) -> "Iterator[httpx.Response]":
        import httpx

        url = self._parse(request.url)
        address = self._checked_address(url)
        context = ssl.create_default_context(cafile=self.certificates)
        headers = {
            **request.headers,
            "Host": url.netloc.decode("ascii"),
            "User-Agent": "tocsin",
        }
        if request.method != "GET":
            headers["Content-Type"] = request.content_type
        with httpx.Client(
            verify=context, trust_env=False, follow_redirects=False, timeout=self.timeout_seconds
        ) as client:
            try:
                with client.stream(
                    request.method,
                    url.copy_with(host=address),
                    content=request.content if request.method != "GET" else None,
                    headers=headers,
                    # The certificate is checked against the name, though the address is dialed.
                    extensions={"sni_hostname": url.raw_host.decode("ascii")},
                ) as response:
                    yield response
            except (httpx.HTTPError, OSError) as error:
                text = f"{url.host} does not answer: {type(error).__name__}"
                unsent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)
                if isinstance(error, unsent):
                    raise ActionError(text) from None
                raise OutcomeUnknownError(text) from None

    def _parse(self, url: str) -> "httpx.URL":
        import httpx

        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, TypeError):
            # The library's text repeats the address, which may hold a token.
            raise SettingsError("the address is not a valid URL") from None
        if parsed.scheme not in ("https", "http"):
            raise SettingsError("the address must begin with https://")
        if not parsed.host:
            raise SettingsError("the address names no host")
        if parsed.port is not None and not 0 < parsed.port < 65536:
            raise SettingsError("the port of the address must lie between 1 and 65535")
        if parsed.userinfo:
            raise SettingsError("the address must not hold a user name or password")
        return parsed

    def addresses(self, host: str, port: int) -> Sequence[Address]:
        """Return the addresses of a name, once all of them are found fit to be reached.

        For what speaks no http; connect to these and to no name.

        Raises:
            ActionError: the name does not resolve, or leads inside.
        """
        try:
            texts = self.resolve(host, port)
        except (OSError, UnicodeError):
            raise ActionError(f"the name {host} does not resolve") from None
        found = [_address(text) for text in texts]
        if not found:
            raise ActionError(f"the name {host} does not resolve")
        for address in found:
            if not is_public(address) and not is_within(address, self.allow_private):
                raise ActionError(
                    f"{host} leads to {address}, which is not public; if that is meant, allow its"
                    " range in the settings"
                )
        return found

    def _checked_address(self, url: "httpx.URL") -> str:
        """Return the first address of the name, once all of them are found fit."""
        port = url.port or (443 if url.scheme == "https" else 80)
        found = self.addresses(url.raw_host.decode("ascii").strip("[]"), port)
        if url.scheme != "https" and not all(address.is_loopback for address in found):
            raise ActionError(f"{url.host}: only https leaves this machine")
        return str(found[0])


def _address(text: str) -> Address:
    # A link-local address carries its interface behind `%`, which is no part of the address.
    return ip_address(text.partition("%")[0])
