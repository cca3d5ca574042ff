"""Read Azure Event Hubs by their Kafka endpoint: activity logs, Entra ID, Defender, resource logs.

Namespaces of the tiers Standard, Premium and Dedicated have that endpoint. We prove ourselves by
the identity of the environment (workload or managed identity).
Source: https://learn.microsoft.com/azure/event-hubs/azure-event-hubs-apache-kafka-overview
"""

import time
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from tocsin.collect.azure_tokens import access_token
from tocsin.collect.extras import require
from tocsin.collect.streams import Pause, Stream, StreamSource, Tokens
from tocsin.ocsf.reading import LineReader
from tocsin.values import Matching, Secret

_PORT = 9093


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHubsSettings:
    """Which hubs to read.

    Attributes:
        feed: unique name.
        source: the type of the records, which names their mapping.
        namespace: the host of the namespace, such as `example.servicebus.windows.net`.
        hubs: the names of the event hubs.
        group: the consumer group, which keeps the place.
        connection_string: a key with the right to listen, for what has no identity in Azure;
            without it, the identity of the environment is used.
        unwrap: where a message holds many records (`records`), as the mapping says.
        reader: of lines of text, as the mapping says.
    """

    feed: str
    source: str
    namespace: Annotated[
        str, Matching(r"[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)+", "a host such as x.servicebus.windows.net")
    ]
    hubs: Annotated[tuple[str, ...], Field(min_length=1)]
    group: str = "$Default"
    connection_string: Secret | None = None
    unwrap: str | None = None
    reader: LineReader | None = None


class EventHubs(StreamSource):
    """Reads event hubs."""

    def __init__(
        self,
        settings: EventHubsSettings,
        *,
        pause: Pause = time.sleep,
        tokens: Tokens | None = None,
    ) -> None:
        """Take what to read; nothing is opened yet.

        Args:
            settings: what is read.
            pause: waits, and says when to end.
            tokens: gives access tokens; by default those of the identity of the environment.

        Raises:
            SettingsError: a package is missing.
        """
        require("event_hubs", "kafka,azure", "confluent_kafka", "azure.identity")
        super().__init__(_stream(settings, tokens or _tokens(settings.namespace)), pause)


def _tokens(namespace: str) -> Tokens:
    def give(configured: str) -> tuple[str, float]:
        token = access_token(f"https://{namespace}/.default")
        return token.token, float(token.expires_on)

    return give


def _stream(settings: EventHubsSettings, tokens: Tokens) -> Stream:
    named: dict[str, str] = {"sasl.mechanism": "OAUTHBEARER"}
    if settings.connection_string is not None:
        named = {
            "sasl.mechanism": "PLAIN",
            "sasl.username": "$ConnectionString",
            "sasl.password": settings.connection_string.reveal(),
        }
    return Stream(
        feed=settings.feed,
        source=settings.source,
        topics=settings.hubs,
        properties={
            "bootstrap.servers": f"{settings.namespace}:{_PORT}",
            "group.id": settings.group,
            "security.protocol": "SASL_SSL",
            # What Azure closes after four idle minutes is told apart from what is down.
            "socket.keepalive.enable": True,
            "connections.max.idle.ms": 180_000,
            **named,
        },
        unwrap=settings.unwrap,
        reader=settings.reader,
        tokens=None if settings.connection_string is not None else tokens,
    )
