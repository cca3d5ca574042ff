"""Graylog and what else takes GELF 1.1, over HTTP, TCP or TLS.

Over HTTP each message is answered; over TCP there is no answer. The identifier is the field `_uid`.
Source: https://go2docs.graylog.org/current/getting_in_log_data/gelf_format.htm
"""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from tocsin.act.forwarding import EVERY_KIND, Record, RecordsRefused
from tocsin.act.posting import HttpSettings, Poster, bearer
from tocsin.act.streams import Stream
from tocsin.values import Secret

_LEVELS = {1: 6, 2: 5, 3: 4, 4: 3, 5: 2, 6: 1}
_FIELDS = {
    "_class_name": ("class_name",),
    "_rule": ("finding_info", "analytic", "name"),
    "_rule_uid": ("finding_info", "analytic", "uid"),
    "_entity": ("unmapped", "entity", "name"),
    "_account": ("unmapped", "account"),
    "_status": ("status",),
    "_actor": ("actor", "user", "name"),
    "_source_ip": ("src_endpoint", "ip"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GelfSettings(HttpSettings):
    """Where messages go.

    Attributes:
        url: of the input: `https://host:port/gelf`, `tls://host:port`, or `tcp://host:port`, the
            last only into `allow_private`.
        token: what to show over HTTP, as `Authorization: Bearer ...`, if anything.
    """

    url: str
    token: Secret | None = None


class Gelf:
    """Sends messages; the whole record is the `full_message`."""

    kinds = EVERY_KIND
    most = 200

    def __init__(self, settings: GelfSettings) -> None:
        """Take where to send; nothing is opened yet.

        Raises:
            SettingsError: the address can never be used.
        """
        self._settings = settings
        self._poster, self._stream = None, None
        if settings.url.startswith(("tcp:", "tls:")):
            self._stream = Stream(settings.url, settings)
            self.target = self._stream.target
        else:
            self._poster = Poster(settings.url, settings, bearer(settings.token))
            self.target = self._poster.target
        self._host = socket.gethostname() or "tocsin"

    def forward(self, records: Sequence[Record]) -> None:
        """Send one message for each record.

        Raises:
            RecordsRefused: the input finds fault with some of them; the others were taken.
            ActionError: it does not answer, or has no room at present.
        """
        messages = {record.uid: msgspec.json.encode(self._message(record)) for record in records}
        if self._stream is not None:
            self._stream.send(message + b"\0" for message in messages.values())
        if self._poster is not None:
            self._post(self._poster, messages)

    def _post(self, poster: Poster, messages: Mapping[str, bytes]) -> None:
        reasons = {}
        for uid, message in messages.items():
            try:
                poster.post(message)
            except RecordsRefused as error:
                reasons[uid] = str(error)
        if reasons:
            raise RecordsRefused(f"{len(reasons)} messages are refused", reasons)

    def _message(self, record: Record) -> dict[str, object]:
        told = {name: _at(record.content, path) for name, path in _FIELDS.items()}
        return {
            "version": "1.1",
            "host": self._host,
            # An empty one makes the message invalid.
            "short_message": record.title or record.kind,
            "full_message": msgspec.json.encode(record.content).decode(),
            "timestamp": round(record.time.timestamp(), 3),
            "level": _LEVELS.get(record.severity_id, 6),
            "_uid": record.uid,
            "_kind": record.kind,
            **{name: value for name, value in told.items() if value is not None},
        }


def _at(value: object, path: Sequence[str]) -> str | int | float | None:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str | int | float) else None
