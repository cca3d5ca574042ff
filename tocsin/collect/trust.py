"""Check who signed what a cloud pushes: RSA signatures, certificates of a day, and web tokens.

`cryptography` does the arithmetic.
"""

import asyncio
import base64
import binascii
import re
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from tocsin.collect.fetching import Fetch
from tocsin.errors import SourceError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

Clock = Callable[[], datetime]
"""The time now, UTC."""

Found = TypeVar("Found")

_MINUTE = timedelta(minutes=1)
_MOST_FETCHES_A_MINUTE = 12
_MOST_KEPT = 64
_LEAST_KEY_BITS = 2048
# Clocks of others may go wrong by so much.
_LEEWAY_SECONDS = 60
_MAX_TOKEN_BYTES = 16 << 10


class Forged(Exception):  # noqa: N818 - an answer to a sender, not an error of the product
    """A signature, or what it signs, is not what it must be; the text says why."""


def utc_now() -> datetime:
    """Return the time now."""
    return datetime.now(UTC)


class Kept(Generic[Found]):
    """Things fetched by address and kept for a while; many requests wait for one fetch.

    Forged messages that name ever new addresses must neither make us ask without end nor keep out
    what is known: fetches are few a minute, and an address that failed is left alone for a while.
    """

    def __init__(
        self,
        fetch: Fetch,
        read: Callable[[bytes], Found],
        clock: Clock,
        keep: timedelta = timedelta(hours=6),
    ) -> None:
        self._fetch = fetch
        self._read = read
        self._clock = clock
        self._keep = keep
        self._kept: dict[str, tuple[datetime, Found]] = {}
        self._failed: dict[str, datetime] = {}
        self._asked: deque[datetime] = deque()
        self._fetching = asyncio.Lock()

    async def get(self, url: str) -> Found:
        """Return what is at an address.

        Raises:
            SourceError: it cannot be fetched, could not be a moment ago, or too much was fetched.
            Forged: what is there cannot be used.
        """
        kept = self._fresh(url)
        if kept is not None:
            return kept[1]
        async with self._fetching:
            kept = self._fresh(url)
            if kept is None:
                kept = await self._fetched(url)
            return kept[1]

    def forget(self, url: str, older: timedelta) -> bool:
        """Drop what is kept of an address if it is older than that, and say whether it was."""
        kept = self._kept.get(url)
        if kept is None or self._clock() <= kept[0] + older:
            return False
        del self._kept[url]
        return True

    def _fresh(self, url: str) -> tuple[datetime, Found] | None:
        kept = self._kept.get(url)
        return kept if kept is not None and self._clock() < kept[0] + self._keep else None

    async def _fetched(self, url: str) -> tuple[datetime, Found]:
        now = self._clock()
        self._bound(url, now)
        self._failed[url] = now
        found = (now, self._read(await self._fetch(url)))
        del self._failed[url]
        while len(self._kept) >= _MOST_KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[url] = found
        return found

    def _bound(self, url: str, now: datetime) -> None:
        while self._asked and self._asked[0] < now - _MINUTE:
            self._asked.popleft()
        self._failed = {each: at for each, at in self._failed.items() if at > now - _MINUTE / 2}
        if url in self._failed or len(self._asked) >= _MOST_FETCHES_A_MINUTE:
            raise SourceError("the address could not be fetched a moment ago")
        self._asked.append(now)


def certificate_key(pem: bytes, now: datetime, name: re.Pattern[str]) -> "RSAPublicKey":
    """Return the key of a certificate that is in force and issued to a name of this shape.

    Raises:
        Forged: it is no such certificate.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509.oid import NameOID

    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
        names = [
            str(entry.value)
            for entry in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        ]
    except ValueError as error:
        raise Forged("the signing certificate cannot be read") from error
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise Forged("the signing certificate is not in force")
    if len(names) != 1 or not name.fullmatch(names[0]):
        raise Forged("the signing certificate is that of somebody else")
    if not isinstance(key, RSAPublicKey) or key.key_size < _LEAST_KEY_BITS:
        raise Forged("the signing certificate has no RSA key of 2048 bits or more")
    return key


def verify_rsa(key: "RSAPublicKey", signature: bytes, content: bytes, hash_name: str) -> None:
    """Check a signature (PKCS #1 v1.5).

    Args:
        key: of the signer.
        signature: as received.
        content: what it should sign.
        hash_name: `SHA1` or `SHA256`.

    Raises:
        Forged: the signature is not of this content by this key.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    algorithm = hashes.SHA256() if hash_name == "SHA256" else hashes.SHA1()  # noqa: S303
    try:
        key.verify(signature, content, padding.PKCS1v15(), algorithm)
    except InvalidSignature as error:
        raise Forged("the signature is wrong") from error


def jwks_keys(content: bytes) -> Mapping[str, "RSAPublicKey"]:
    """Return the RSA keys of a JSON Web Key Set by their ids (RFC 7517).

    Raises:
        Forged: it is no such set.
    """
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    try:
        given = msgspec.json.decode(content, type=dict[str, list[dict[str, object]]])["keys"]
        found = {}
        for key in given:
            if key.get("kty") == "RSA" and key.get("use", "sig") == "sig":
                exponent, modulus = (
                    int.from_bytes(_base64url(str(key[part])), "big") for part in ("e", "n")
                )
                found[str(key["kid"])] = RSAPublicNumbers(exponent, modulus).public_key()
    except (msgspec.MsgspecError, RecursionError, KeyError, ValueError) as error:
        raise Forged("the keys of the issuer cannot be read") from error
    return {uid: key for uid, key in found.items() if key.key_size >= _LEAST_KEY_BITS}


class _Header(msgspec.Struct):
    alg: str
    kid: str = ""
    crit: msgspec.Raw | None = None


class Claims(msgspec.Struct, frozen=True):
    """What a web token says (RFC 7519 and OpenID Connect)."""

    iss: str
    aud: str
    exp: float
    iat: float = 0
    nbf: float = 0
    email: str = ""
    email_verified: bool = False


def token_key_uid(token: str) -> str:
    """Return the id of the key that a web token says it is signed with.

    Raises:
        Forged: it is no token that could be checked: only RS256 is.
    """
    if len(token) > _MAX_TOKEN_BYTES or token.count(".") != 2:
        raise Forged("the token is no signed web token")
    header = _decoded(token.partition(".")[0], _Header)
    if header.alg != "RS256" or header.crit is not None:
        raise Forged("the token is not signed by RS256")
    return header.kid


def verified_claims(token: str, keys: Mapping[str, "RSAPublicKey"], now: datetime) -> Claims:
    """Return what a web token says, once its signature and times are checked.

    Raises:
        Forged: the key is unknown, the signature wrong, or the token not in force.
    """
    key = keys.get(token_key_uid(token))
    if key is None:
        raise Forged("the token is signed by an unknown key")
    signed, _, signature = token.rpartition(".")
    verify_rsa(key, _base64url(signature), signed.encode(), "SHA256")
    claims = _decoded(signed.partition(".")[2], Claims)
    second = now.timestamp()
    if not max(claims.iat, claims.nbf) - _LEEWAY_SECONDS <= second < claims.exp + _LEEWAY_SECONDS:
        raise Forged("the token is not in force")
    return claims


Decoded = TypeVar("Decoded", bound=msgspec.Struct)


def _decoded(part: str, kind: type[Decoded]) -> Decoded:
    try:
        return msgspec.json.decode(_base64url(part), type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Forged("the token cannot be read") from error


def _base64url(text: str) -> bytes:
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Forged("the token cannot be read") from error
