"""Fetch the few things that receivers need from a cloud to trust it: certificates and keys.

A request that a forged message turns elsewhere (SSRF) must not be possible: https only, to hosts
that are allowed by name, at the usual port, with the system's authorities; no redirect is followed,
no proxy taken from the environment, and size and time are bounded.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from tocsin.errors import SourceError

if TYPE_CHECKING:
    import ssl

Fetch = Callable[[str], Awaitable[bytes]]
"""The content at an address; raises `SourceError`."""


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches by GET from hosts that are allowed.

    Attributes:
        is_allowed: whether a host, in small letters, may be asked.
        port: the only one that is asked.
        max_bytes: of an answer.
        timeout_seconds: of a whole fetch.
        certificates: PEM file of an authority of one's own; otherwise the public ones.
    """

    is_allowed: Callable[[str], bool]
    port: int = 443
    max_bytes: int = 256 << 10
    timeout_seconds: float = 10.0
    certificates: str | None = None

    async def __call__(self, url: str) -> bytes:
        """Return what stands at `url`.

        Raises:
            SourceError: the address is not allowed, or the other side gave nothing of use.
        """
        host = self._checked(url).hostname
        try:
            async with asyncio.timeout(self.timeout_seconds):
                return await self._get(url)
        except TimeoutError:
            raise SourceError(f"{host} took longer than {self.timeout_seconds:g} seconds") from None

    def _checked(self, url: str) -> SplitResult:
        try:
            parts = urlsplit(url)
            port = parts.port or 443
        except ValueError:
            raise SourceError("the address is not a valid URL") from None
        is_plain = url.isascii() and url.isprintable() and not set(url) & set(" \\")
        if not is_plain or parts.scheme != "https" or "@" in parts.netloc or port != self.port:
            raise SourceError("only a plain https address is fetched")
        if not parts.hostname or not self.is_allowed(parts.hostname):
            raise SourceError(f"the host {(parts.hostname or '')[:100]!r} is not one to fetch from")
        return parts

    async def _get(self, url: str) -> bytes:
        import httpx

        content = b""
        try:
            async with (
                httpx.AsyncClient(
                    verify=self._context(),
                    trust_env=False,
                    follow_redirects=False,
                    timeout=self.timeout_seconds,
                    headers={"Accept-Encoding": "identity", "User-Agent": "tocsin"},
                ) as client,
                client.stream("GET", url) as response,
            ):
                if response.status_code != 200:
                    raise SourceError(f"{response.url.host} answers {response.status_code}")
                async for block in response.aiter_raw():
                    content += block
                    if len(content) > self.max_bytes:
                        raise SourceError(f"{response.url.host} answers too much")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            reason = type(error).__name__
            raise SourceError(f"the address cannot be fetched: {reason}") from error
        return content

    def _context(self) -> "ssl.SSLContext":
        import ssl

        return ssl.create_default_context(cafile=self.certificates)
