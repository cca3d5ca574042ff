"""Check RSA signatures (PKCS #1 v1.5 with SHA-256), as CloudTrail makes them.

Verifying is arithmetic and needs no secret. The expected block is built and compared as a whole, so
that nothing of a forged one is parsed.
Source: RFC 8017, sections 8.2.2, 9.2 and A.1.1.
"""

from dataclasses import dataclass
from hashlib import sha256

_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_SEQUENCE, _INTEGER = 0x30, 0x02
_LEAST_BITS = 2048
_MOST_BITS = 8192


class NotAKeyError(ValueError):
    """Bytes that are no RSA public key, or one too weak or too large to be used."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An RSA public key: modulus and exponent."""

    modulus: int
    exponent: int

    @classmethod
    def of_der(cls, der: bytes) -> "PublicKey":
        """Read a key as PKCS #1 writes it.

        Raises:
            NotAKeyError: it is something else.
        """
        content, rest = _value(der, _SEQUENCE)
        modulus, content = _value(content, _INTEGER)
        exponent, content = _value(content, _INTEGER)
        key = cls(int.from_bytes(modulus), int.from_bytes(exponent))
        if rest or content or not _LEAST_BITS <= key.modulus.bit_length() <= _MOST_BITS:
            raise NotAKeyError("not an RSA key of a size that is used")
        if not 3 <= key.exponent < 1 << 33 or key.exponent % 2 == 0:
            raise NotAKeyError("not an exponent that is used")
        return key

    def verifies(self, signature: bytes, signed: bytes) -> bool:
        """Tell whether `signature` was made over `signed` with this key's other half."""
        size = (self.modulus.bit_length() + 7) // 8
        number = int.from_bytes(signature)
        if len(signature) != size or number >= self.modulus:
            return False
        info = _SHA256_INFO + sha256(signed).digest()
        expected = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
        return pow(number, self.exponent, self.modulus).to_bytes(size) == expected


def _value(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """Return the content of the first value of this kind, and what follows it."""
    if len(der) < 2 or der[0] != tag:
        raise NotAKeyError("not a key as PKCS #1 writes it")
    length, start = der[1], 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 3:
            raise NotAKeyError("not a length that is used")
        length, start = int.from_bytes(der[2 : 2 + count]), 2 + count
    if len(der) < start + length:
        raise NotAKeyError("it ends too early")
    return der[start : start + length], der[start + length :]
