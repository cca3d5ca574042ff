"""Sign as clouds do, with keys made here, and serve what receivers fetch to check it."""

import base64
import json
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from tocsin.errors import SourceError

TOPIC = "arn:aws:sns:eu-west-1:111122223333:trails"
SNS_HOST = "https://sns.eu-west-1.amazonaws.com"
CERTIFICATE = f"{SNS_HOST}/SimpleNotificationService-0123456789abcdef.pem"
GOOGLE_KEYS = "https://www.googleapis.com/oauth2/v3/certs"
AUDIENCE = "https://tocsin.example.org/pubsub/trail"
ACCOUNT = "pusher@example.iam.gserviceaccount.com"


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


KEY = rsa_key()
OTHER_KEY = rsa_key()


class Served:
    """What lies at addresses; remembers what was asked for."""

    def __init__(self, **contents: bytes) -> None:
        self.contents = {CERTIFICATE: certificate(), GOOGLE_KEYS: key_set()}
        self.asked: list[str] = []

    async def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.contents:
            raise SourceError("404")
        return self.contents[url]


def certificate(
    key: rsa.RSAPrivateKey = KEY,
    name: str = "sns.amazonaws.com",
    begins: datetime | None = None,
    days: int = 10,
) -> bytes:
    begins = begins or datetime.now(UTC) - timedelta(days=1)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def sns_message(message: str, key: rsa.RSAPrivateKey = KEY, **more: object) -> dict[str, object]:
    """Return a message of SNS, signed; `more` replaces members before, `None` drops them."""
    made: dict[str, object] = {
        "Type": "Notification",
        "MessageId": f"id-{hash(message)}-{datetime.now(UTC).timestamp()}",
        "TopicArn": TOPIC,
        "Message": message,
        "Timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE,
    }
    made = {key_: value for key_, value in (made | more).items() if value is not None}
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token"]
    signed = [name for name in [*names, "TopicArn", "Type"] if name in made]
    if made["Type"] == "Notification":
        signed = [name for name in signed if name not in ("SubscribeURL", "Token")]
    text = "".join(f"{name}\n{made[name]}\n" for name in signed)
    algorithm = hashes.SHA1() if made["SignatureVersion"] == "1" else hashes.SHA256()
    signature = key.sign(text.encode(), padding.PKCS1v15(), algorithm)
    return {**made, "Signature": base64.b64encode(signature).decode()}


def subscription(**more: object) -> dict[str, object]:
    query = f"Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t0k3n"
    return sns_message(
        "You have chosen to subscribe",
        **{
            "Type": "SubscriptionConfirmation",
            "Token": "t0k3n",
            "SubscribeURL": f"{SNS_HOST}/?{query}",
        }
        | more,
    )


def key_set(key: rsa.RSAPrivateKey = KEY, uid: str = "key-1") -> bytes:
    numbers = key.public_key().public_numbers()
    entry = {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": uid,
        "n": base64url(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
        "e": base64url(numbers.e.to_bytes(3, "big")),
    }
    return json.dumps({"keys": [entry]}).encode()


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def web_token(
    key: rsa.RSAPrivateKey = KEY, head: dict[str, object] | None = None, **more: object
) -> str:
    now = datetime.now(UTC).timestamp()
    claims = {
        "iss": "https://accounts.google.com",
        "aud": AUDIENCE,
        "email": ACCOUNT,
        "email_verified": True,
        "iat": int(now),
        "exp": int(now) + 3600,
    }
    header = {"alg": "RS256", "typ": "JWT", "kid": "key-1"} | (head or {})
    parts = [base64url(json.dumps(part).encode()) for part in (header, claims | more)]
    signed = ".".join(parts)
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{base64url(signature)}"


def pubsub_message(content: bytes, uid: str = "", **attributes: str) -> bytes:
    message: dict[str, object] = {
        "data": base64.b64encode(content).decode(),
        "attributes": attributes,
        "messageId": uid,
        "publishTime": "2026-11-23T12:00:00Z",
    }
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()
