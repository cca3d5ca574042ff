"""Verify CloudTrail's digests: who changes or removes a log file cannot hide it.

Every hour CloudTrail signs a digest of the log files it has delivered, with the hash of the digest
before it. What does not hold becomes a record of the trail itself, with the key `integrity`, which
the mapping `aws.cloudtrail` makes a finding.
Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from tocsin.collect.buckets import S3Client, TrailClient, error_code, object_blocks
from tocsin.collect.inflate import GZIP_MAGIC, Bounds, Damage, inflate
from tocsin.collect.notifications import ObjectReference
from tocsin.collect.objects import ObjectError
from tocsin.collect.records import Span
from tocsin.collect.signatures import NotAKeyError, PublicKey

_BOUNDS = Bounds(max_ratio=1_000)
_GONE = ("NoSuchKey", "NoSuchBucket", "404")
_ALGORITHMS = ("SHA256withRSA",)
_HASHES = ("SHA-256",)


class _LogFile(msgspec.Struct):
    bucket: str = msgspec.field(name="s3Bucket")
    key: str = msgspec.field(name="s3Object")
    hash_value: str = msgspec.field(name="hashValue")
    hash_algorithm: str = msgspec.field(name="hashAlgorithm", default="SHA-256")


class _Digest(msgspec.Struct):
    account: str = msgspec.field(name="awsAccountId")
    begin: str = msgspec.field(name="digestStartTime")
    end: str = msgspec.field(name="digestEndTime")
    bucket: str = msgspec.field(name="digestS3Bucket")
    key: str = msgspec.field(name="digestS3Object")
    fingerprint: str = msgspec.field(name="digestPublicKeyFingerprint")
    algorithm: str = msgspec.field(name="digestSignatureAlgorithm")
    previous_bucket: str | None = msgspec.field(name="previousDigestS3Bucket", default=None)
    previous_key: str | None = msgspec.field(name="previousDigestS3Object", default=None)
    previous_hash: str | None = msgspec.field(name="previousDigestHashValue", default=None)
    previous_signature: str | None = msgspec.field(name="previousDigestSignature", default=None)
    files: list[_LogFile] = msgspec.field(name="logFiles", default_factory=list)


@dataclass(frozen=True, slots=True)
class _Stored:
    """A digest as it lies in the bucket: its content inflated, its signature in hexadecimal."""

    content: bytes
    signature: str


class BrokenDigestError(Exception):
    """A digest that proves nothing; `problem` is a stable word, the text says why."""

    def __init__(self, problem: str, reason: str) -> None:
        super().__init__(reason)
        self.problem = problem


@dataclass
class Digests:
    """Verifies digests as they arrive.

    Attributes:
        client: of S3.
        trail_client: makes the client of CloudTrail in a region: each signs with keys of its own.
        covers: whether an object may be read; a digest is content that others may have written.
    """

    client: S3Client
    trail_client: Callable[[str], TrailClient]
    covers: Callable[[ObjectReference], bool]
    _keys: dict[tuple[str, str], PublicKey] = field(default_factory=dict)

    def verify(self, reference: ObjectReference) -> Iterator[bytes]:
        """Yield a record for whatever does not hold of a digest, its predecessor and its files.

        Raises:
            ObjectError: an object or the keys cannot be read just now.
        """
        digest: _Digest | None = None
        try:
            stored = self._stored(reference)
            digest = _decoded(stored.content)
            self._check_signature(reference, digest, stored)
        except BrokenDigestError as broken:
            yield _record(reference, digest, broken.problem, str(broken), reference.url)
            return
        yield from self._check_previous(reference, digest)
        for file in digest.files:
            named = ObjectReference(file.bucket, file.key)
            if found := self._file_problem(named, file):
                yield _record(reference, digest, *found, named.url)

    def _check_signature(
        self, reference: ObjectReference, digest: _Digest, stored: _Stored
    ) -> None:
        if (digest.bucket, digest.key) != (reference.bucket, reference.key):
            raise BrokenDigestError("digest_moved", f"it says that it is {digest.key}")
        if digest.algorithm not in _ALGORITHMS:
            raise BrokenDigestError("digest_forged", f"signed by {digest.algorithm}")
        key = self._key(reference, digest)
        signed = "\n".join(
            (
                digest.end,
                f"{digest.bucket}/{digest.key}",
                sha256(stored.content).hexdigest(),
                digest.previous_signature or "null",
            )
        )
        if not key.verifies(_bytes(stored.signature), signed.encode()):
            raise BrokenDigestError("digest_forged", "its signature is not CloudTrail's")

    def _check_previous(self, reference: ObjectReference, digest: _Digest) -> Iterator[bytes]:
        if not digest.previous_bucket or not digest.previous_key:
            reason = "it has no predecessor: logging or its validation began anew"
            yield _record(reference, digest, "chain_began", reason, reference.url)
            return
        before = ObjectReference(digest.previous_bucket, digest.previous_key)
        try:
            stored = self._stored(before)
            if sha256(stored.content).hexdigest() != digest.previous_hash:
                raise BrokenDigestError("digest_changed", "its content is not what was signed")
            if stored.signature != digest.previous_signature:
                raise BrokenDigestError("digest_changed", "its signature was replaced")
            if _decoded(stored.content).end != digest.begin:
                raise BrokenDigestError("chain_gap", "time lies between it and its successor")
        except BrokenDigestError as broken:
            yield _record(reference, digest, broken.problem, str(broken), before.url)

    def _file_problem(self, named: ObjectReference, file: _LogFile) -> tuple[str, str] | None:
        if not self.covers(named):
            return "file_elsewhere", "it is not among the buckets that may be read"
        if file.hash_algorithm not in _HASHES:
            return "file_changed", f"its hash is of the kind {file.hash_algorithm}"
        hashed = sha256()
        try:
            for piece in _pieces(object_blocks(self.client, named, 0)):
                hashed.update(piece)
        except Damage as damage:
            return "file_changed", str(damage)
        except ObjectError as error:
            if error.code not in _GONE:
                raise
            return "file_missing", "it was delivered and is gone"
        if hashed.hexdigest() != file.hash_value.lower():
            return "file_changed", "its content is not what was delivered"
        return None

    def _stored(self, reference: ObjectReference) -> _Stored:
        """Read a digest.

        Raises:
            BrokenDigestError: it may not be read, is gone, or is no digest.
            ObjectError: it cannot be read just now.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        if not self.covers(reference):
            raise BrokenDigestError("digest_elsewhere", "it is not in a bucket that may be read")
        try:
            opened = self.client.get_object(Bucket=reference.bucket, Key=reference.key)
            with closing(opened["Body"]) as body:
                content = b"".join(_pieces(body.iter_chunks(1 << 20)))
        except ClientError as error:
            if error_code(error) in _GONE:
                raise BrokenDigestError("digest_missing", "it was delivered and is gone") from error
            raise ObjectError(reference, error_code(error), error) from error
        except BotoCoreError as error:
            raise ObjectError(reference, type(error).__name__, error) from error
        except Damage as damage:
            raise BrokenDigestError("digest_changed", str(damage)) from damage
        return _Stored(content, str(opened.get("Metadata", {}).get("signature", "")))

    def _key(self, reference: ObjectReference, digest: _Digest) -> PublicKey:
        region = _region(reference.key)
        wanted = (region, digest.fingerprint)
        if wanted not in self._keys:
            for row in self._listed(reference, region, digest):
                der, fingerprint = bytes(row.get("Value", b"")), str(row.get("Fingerprint"))
                try:
                    self._keys[region, fingerprint] = PublicKey.of_der(der)
                except NotAKeyError:
                    continue
        if wanted not in self._keys:
            raise BrokenDigestError("digest_forged", "CloudTrail has no key of this fingerprint")
        return self._keys[wanted]

    def _listed(
        self, reference: ObjectReference, region: str, digest: _Digest
    ) -> Iterator[Mapping[str, Any]]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            span = {"StartTime": _time(digest.begin), "EndTime": _time(digest.end)}
            more: dict[str, str] = {}
            while True:
                answer = self.trail_client(region).list_public_keys(**span, **more)
                yield from answer.get("PublicKeyList", [])
                if not answer.get("NextToken"):
                    return
                more = {"NextToken": answer["NextToken"]}
        except ClientError as error:
            raise ObjectError(reference, error_code(error), error) from error
        except BotoCoreError as error:
            raise ObjectError(reference, type(error).__name__, error) from error


def digest_span(digests: Digests, reference: ObjectReference, resume: int = 0) -> Span:
    """Return what does not hold of a digest as the records of its object, from one on.

    Raises:
        ObjectError: it cannot be verified just now.
    """
    raws = list(digests.verify(reference))
    wanted = range(min(resume, len(raws)), len(raws))
    return Span(reference.url, raws[wanted.start :], wanted, (), max(len(raws), resume))


def _decoded(content: bytes) -> _Digest:
    try:
        return msgspec.json.decode(content, type=_Digest)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise BrokenDigestError("digest_changed", f"not a digest: {error}") from error


def _pieces(blocks: Iterator[bytes]) -> Iterator[bytes]:
    first = next(blocks, b"")
    rest = _joined(first, blocks)
    return inflate(rest, _BOUNDS) if first.startswith(GZIP_MAGIC) else rest


def _joined(first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from blocks


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise BrokenDigestError("digest_forged", f"{text[:40]!r} is no time") from error


def _region(key: str) -> str:
    """Return the region in a digest's key: `.../CloudTrail-Digest/REGION/yyyy/mm/dd/...`."""
    return key.partition("/CloudTrail-Digest/")[2].partition("/")[0]


def _record(
    reference: ObjectReference, digest: _Digest | None, problem: str, reason: str, url: str
) -> bytes:
    told = f"{problem} {url} {reference.url}"
    account = digest.account if digest else ""
    row = {
        "eventID": f"integrity-{sha256(told.encode()).hexdigest()[:32]}",
        "eventTime": digest.end if digest else None,
        "eventSource": "cloudtrail.amazonaws.com",
        "eventName": "VerifyDigest",
        "eventType": "TocsinIntegrity",
        "awsRegion": _region(reference.key),
        "recipientAccountId": account or None,
        "integrity": {"problem": problem, "reason": reason, "object": url, "digest": reference.url},
    }
    return json.dumps(row).encode()
