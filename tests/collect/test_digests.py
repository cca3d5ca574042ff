"""CloudTrail's digests: real signatures over real files, and all that may be done to them."""

import gzip
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.collect.cloud import BUCKET, announcement, records
from tests.collect.test_s3 import rounds
from tocsin.collect.arrivals import Allowed
from tocsin.collect.digests import Digests
from tocsin.collect.notifications import ObjectReference
from tocsin.collect.signatures import NotAKeyError, PublicKey
from tocsin.collect.sources.s3 import S3

ROOT = "AWSLogs/111122223333/CloudTrail-Digest/eu-central-1/2026/11/23/"
BEGAN = datetime(2026, 11, 23, 8, tzinfo=UTC)
PKCS1 = serialization.PublicFormat.PKCS1


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def der(key) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, PKCS1)


class Keys:
    """What CloudTrail answers about its keys."""

    def __init__(self, value: bytes, fingerprint: str = "f1") -> None:
        self.row = {"Value": value, "Fingerprint": fingerprint}

    def list_public_keys(self, **arguments):
        assert arguments["StartTime"] < arguments["EndTime"]
        return {"PublicKeyList": [{"Value": b"no key", "Fingerprint": "f0"}, self.row]}


class Trail:
    """Delivers log files and digests as CloudTrail does."""

    def __init__(self, cloud, key) -> None:
        self.cloud, self.key = cloud, key
        self.count = 0
        self.previous: dict[str, str | None] = {}

    def log(self, number: int) -> dict[str, str]:
        name = self.cloud.put(f"{number}.json.gz", records(number))
        body = self.cloud.s3.get_object(Bucket=BUCKET, Key=name)["Body"].read()
        hashed = hashlib.sha256(gzip.decompress(body)).hexdigest()
        return {
            "s3Bucket": BUCKET,
            "s3Object": name,
            "hashValue": hashed,
            "hashAlgorithm": "SHA-256",
        }

    def digest(self, *files: dict[str, str], key=None, **changes) -> ObjectReference:
        begin = BEGAN + timedelta(hours=self.count)
        self.count += 1
        name = f"{ROOT}111122223333_CloudTrail-Digest_{self.count}.json.gz"
        content = {
            "awsAccountId": "111122223333",
            "digestStartTime": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
            "digestEndTime": f"{begin + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
            "digestS3Bucket": BUCKET,
            "digestS3Object": name,
            "digestPublicKeyFingerprint": "f1",
            "digestSignatureAlgorithm": "SHA256withRSA",
            **self.previous,
            "logFiles": files,
            **changes,
        }
        raw = json.dumps(content).encode()
        before = content.get("previousDigestSignature") or "null"
        place = f"{content['digestS3Bucket']}/{content['digestS3Object']}"
        parts = (content["digestEndTime"], place, hashlib.sha256(raw).hexdigest(), before)
        signed = "\n".join(parts).encode()
        signature = (key or self.key).sign(signed, padding.PKCS1v15(), hashes.SHA256()).hex()
        self.put(name, raw, signature)
        self.previous = {
            "previousDigestS3Bucket": BUCKET,
            "previousDigestS3Object": name,
            "previousDigestHashValue": hashlib.sha256(raw).hexdigest(),
            "previousDigestSignature": signature,
        }
        return ObjectReference(BUCKET, name)

    def put(self, name: str, raw: bytes, signature: str) -> None:
        about = {"signature": signature, "signature-algorithm": "SHA256withRSA"}
        self.cloud.s3.put_object(Bucket=BUCKET, Key=name, Body=gzip.compress(raw), Metadata=about)

    def delete(self, name: str) -> None:
        self.cloud.s3.delete_object(Bucket=BUCKET, Key=name)

    def problems(self, reference: ObjectReference, keys: Keys | None = None) -> list[str]:
        digests = Digests(
            self.cloud.s3, lambda region: keys or Keys(der(self.key)), Allowed((BUCKET,)).covers
        )
        return [json.loads(raw)["integrity"]["problem"] for raw in digests.verify(reference)]


@pytest.fixture
def trail(cloud, key) -> Trail:
    return Trail(cloud, key)


def test_what_was_not_touched_holds(trail):
    first = trail.digest(trail.log(1), trail.log(2))
    second = trail.digest(trail.log(3))

    assert trail.problems(first) == ["chain_began"]
    assert trail.problems(second) == []


def test_a_log_file_that_was_removed_or_changed_is_told(trail):
    trail.digest()
    gone, changed, cut, whole = (trail.log(number) for number in range(4))
    digest = trail.digest(gone, changed, cut, whole)
    trail.delete(gone["s3Object"])
    trail.cloud.put("1.json.gz", records(99))
    trail.cloud.s3.put_object(Bucket=BUCKET, Key=cut["s3Object"], Body=b"\x1f\x8b\x08\x00")

    assert trail.problems(digest) == ["file_missing", "file_changed", "file_changed"]


def test_a_digest_that_another_key_signed_is_forged(trail):
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    digest = trail.digest(trail.log(1), key=other)

    assert trail.problems(digest) == ["digest_forged"]
    assert trail.problems(digest, Keys(der(other), "f2")) == ["digest_forged"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"digestSignatureAlgorithm": "none"}, "digest_forged"),
        ({"digestS3Object": f"{ROOT}other.json.gz"}, "digest_moved"),
        ({"digestStartTime": "soon"}, "digest_forged"),
        ({"logFiles": "all"}, "digest_changed"),
    ],
)
def test_a_digest_that_says_something_odd_does_not_hold(trail, changes, problem):
    assert trail.problems(trail.digest(**changes)) == [problem]


def test_a_digest_whose_content_was_replaced_does_not_hold(trail):
    digest = trail.digest(trail.log(1))
    stored = trail.cloud.s3.get_object(Bucket=BUCKET, Key=digest.key)
    content = json.loads(gzip.decompress(stored["Body"].read()))
    trail.put(
        digest.key,
        json.dumps({**content, "logFiles": []}).encode(),
        stored["Metadata"]["signature"],
    )

    assert trail.problems(digest) == ["digest_forged"]


def test_without_its_predecessor_a_digest_tells_of_it(trail):
    first = trail.digest()
    second = trail.digest()
    trail.delete(first.key)

    assert trail.problems(second) == ["digest_missing"]
    assert trail.problems(first) == ["digest_missing"]


def test_a_predecessor_that_was_written_anew_is_told(trail, key):
    first = trail.digest()
    second = trail.digest()
    trail.count, trail.previous = 0, {}
    assert trail.digest(trail.log(7)).key == first.key

    assert trail.problems(second) == ["digest_changed"]


def test_time_between_two_digests_is_a_gap(trail):
    trail.digest()
    trail.count += 3

    assert trail.problems(trail.digest()) == ["chain_gap"]


def test_files_elsewhere_are_not_read(trail):
    trail.digest()
    elsewhere = {"s3Bucket": "somebody-else", "s3Object": "x", "hashValue": "00"}

    assert trail.problems(trail.digest(elsewhere)) == ["file_elsewhere"]


@pytest.mark.parametrize("queued", [True, False])
def test_a_feed_tells_what_its_digests_show(trail, monkeypatch, queued):
    trail.digest()
    file = trail.log(1)
    digest = trail.digest(file)
    trail.delete(file["s3Object"])
    cloud = trail.cloud
    cloud.send(announcement(digest.key))
    settings = (cloud.queue_settings if queued else cloud.settings)(verify_digests=True)
    source = S3(settings, pause=rounds(1))
    monkeypatch.setattr(
        "tocsin.collect.buckets.Clients.cloudtrail", property(lambda self: Keys(der(trail.key)))
    )

    batches = list(source.read(None))

    told = [json.loads(raw) for batch in batches for raw in batch.records["raw"].to_pylist()]
    found = {row["integrity"]["problem"] for row in told if "integrity" in row}
    assert found == ({"file_missing"} if queued else {"file_missing", "chain_began"})


def test_left_to_itself_a_feed_verifies_nothing(trail):
    trail.digest(trail.log(1))

    batches = list(S3(trail.cloud.settings()).read(None))

    assert sum(batch.records.num_rows for batch in batches) == 1


def test_a_signature_holds_for_what_was_signed_alone(key):
    public = PublicKey.of_der(der(key))
    signature = key.sign(b"said", padding.PKCS1v15(), hashes.SHA256())
    flipped = bytes([signature[0] ^ 1]) + signature[1:]

    assert public.verifies(signature, b"said")
    assert not public.verifies(signature, b"not said")
    assert not public.verifies(flipped, b"said")
    assert not public.verifies(b"\x00" + signature, b"said")
    assert not public.verifies(b"", b"said")
    assert not public.verifies(key.sign(b"said", padding.PKCS1v15(), hashes.SHA512()), b"said")


def test_what_is_no_key_is_refused(key):
    good = der(key)
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)

    for odd in (b"", b"\x30", good[:-1], good + b"\x00", b"\x31" + good[1:], der(weak)):
        with pytest.raises(NotAKeyError):
            PublicKey.of_der(odd)
