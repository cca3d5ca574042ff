"""Read topics of Apache Kafka, or of what speaks its protocol, as a member of a consumer group."""

import time
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from tocsin.collect.extras import require
from tocsin.collect.streams import Pause, Stream, StreamSource
from tocsin.errors import SettingsError
from tocsin.ocsf.reading import LineReader
from tocsin.values import FilePath, Secret

_OWN = ("enable.auto.commit", "enable.auto.offset.store", "group.id", "bootstrap.servers")


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """Where to read, and as whom.

    Attributes:
        feed: unique name.
        source: the type of the records, which names their mapping.
        brokers: `host:port` of some brokers; they name the others.
        topics: what is read; a name that begins with `^` is a pattern.
        group: the consumer group, which keeps the place. Feeds of one group share the partitions.
        security: how the brokers are spoken to: `tls` proves them by certificate, `plain` is for
            networks of one's own.
        mechanism: how we prove who we are; `none` where a certificate does, or nothing.
        user: name of the user.
        password: of the user.
        certificates: PEM file of an authority of one's own, where the brokers have a certificate
            of it.
        certificate: PEM file with the certificate that we show.
        key: PEM file with its key.
        start: where a group begins that has no place yet.
        properties: further properties of librdkafka, for what is not named here.
        unwrap: where a message holds many records, as the mapping says.
        reader: of lines of text, as the mapping says.
    """

    feed: str
    source: str
    brokers: Annotated[tuple[str, ...], Field(min_length=1)]
    topics: Annotated[tuple[str, ...], Field(min_length=1)]
    group: str = "tocsin"
    security: Literal["tls", "plain"] = "tls"
    mechanism: Literal["none", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "none"
    user: str = ""
    password: Secret | None = None
    certificates: FilePath | None = None
    certificate: FilePath | None = None
    key: FilePath | None = None
    start: Literal["earliest", "latest"] = "earliest"
    properties: dict[str, str] = field(default_factory=dict)
    unwrap: str | None = None
    reader: LineReader | None = None

    def __post_init__(self) -> None:
        """Check that what proves us is whole.

        Raises:
            SettingsError: a part is missing, or a property is Tocsin's own to set.
        """
        if (self.mechanism != "none") != (self.password is not None):
            raise SettingsError("`password` belongs to a `mechanism`, and the other way round")
        if self.mechanism == "PLAIN" and self.security == "plain":
            raise SettingsError("`mechanism` PLAIN shows the password to the network without TLS")
        for name in _OWN:
            if name in self.properties:
                raise SettingsError(f"`properties` may not hold {name}: Tocsin sets it")


class Kafka(StreamSource):
    """Reads topics of Kafka."""

    def __init__(self, settings: KafkaSettings, *, pause: Pause = time.sleep) -> None:
        """Take where to read; nothing is opened yet.

        Raises:
            SettingsError: the package that speaks to Kafka is missing.
        """
        require("kafka", "kafka", "confluent_kafka")
        super().__init__(_stream(settings), pause)


def _stream(settings: KafkaSettings) -> Stream:
    is_named = settings.mechanism != "none"
    tls = "SASL_SSL" if is_named else "SSL"
    plain = "SASL_PLAINTEXT" if is_named else "PLAINTEXT"
    password = settings.password.reveal() if settings.password else ""
    files = {
        "ssl.ca.location": settings.certificates,
        "ssl.certificate.location": settings.certificate,
        "ssl.key.location": settings.key,
    }
    named = {
        "sasl.mechanism": settings.mechanism,
        "sasl.username": settings.user,
        "sasl.password": password,
    }
    return Stream(
        feed=settings.feed,
        source=settings.source,
        topics=settings.topics,
        properties={
            **settings.properties,
            "bootstrap.servers": ",".join(settings.brokers),
            "group.id": settings.group,
            "auto.offset.reset": settings.start,
            "security.protocol": tls if settings.security == "tls" else plain,
            **{name: str(path) for name, path in files.items() if path is not None},
            **(named if is_named else {}),
        },
        unwrap=settings.unwrap,
        reader=settings.reader,
    )
