"""Syslog collectors by RFC 5424 over TCP or TLS, as OCSF JSON or CEF.

Syslog has no answer: what a collector loses after it was read from the network, nobody tells. Use
TLS, and another way where each record counts.
Source: RFC 5424, RFC 6587 (octet counting), RFC 5425 (TLS), and ArcSight's Common Event Format 0.1.
"""

import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Annotated, Literal

import msgspec

from tocsin import __version__
from tocsin.act.forwarding import EVERY_KIND, Record, RecordsRefused
from tocsin.act.posting import HttpSettings
from tocsin.act.streams import Stream
from tocsin.values import Within

# OCSF severities to those of syslog (6 informational to 2 critical) and of CEF (0 to 10).
_SYSLOG = {1: 6, 2: 5, 3: 4, 4: 3, 5: 2, 6: 1}
_CEF = {1: 1, 2: 3, 3: 5, 4: 7, 5: 9, 6: 10}
# The number that RFC 5612 keeps for examples: Tocsin has none of its own.
_DATA = "tocsin@32473"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyslogSettings(HttpSettings):
    """Where messages go.

    Attributes:
        url: `tls://host:port`, usually 6514; `tcp://host:port` only into `allow_private`.
        format: what stands in the message, `json` (the whole record as OCSF) or `cef` (a few
            fields).
        facility: number of the syslog facility; 13 is the log of audits, 16 is `local0`.
        max_bytes: longest message; a longer record is sent without its raw text, or refused.
    """

    url: str
    format: Literal["json", "cef"] = "json"
    facility: Annotated[int, Within(0, 23)] = 13
    max_bytes: Annotated[int, Within(480, 16_777_216)] = 65_536


class Syslog:
    """Sends messages."""

    kinds = EVERY_KIND
    most = 1_000

    def __init__(self, settings: SyslogSettings) -> None:
        """Take where to send; nothing is opened yet.

        Raises:
            SettingsError: the address can never be used.
        """
        self._settings = settings
        self._stream = Stream(settings.url, settings)
        self.target = self._stream.target
        self._host = re.sub(r"[^!-~]", "", socket.gethostname())[:255] or "-"

    def forward(self, records: Sequence[Record]) -> None:
        """Send one message for each record, over one connection.

        Raises:
            RecordsRefused: some are too long; the others were sent.
            ActionError: the collector cannot be reached, or ends before it has read all.
        """
        frames, too_long = [], {}
        for record in records:
            message = self._fitting(record)
            if message is None:
                too_long[record.uid] = f"longer than {self._settings.max_bytes} bytes"
            else:
                frames.append(f"{len(message)} ".encode() + message)
        if frames:
            self._stream.send(frames)
        if too_long:
            raise RecordsRefused(f"{len(too_long)} records are too long", too_long)

    def _fitting(self, record: Record) -> bytes | None:
        message = self._message(record, record.content)
        if len(message) > self._settings.max_bytes:
            short = {name: value for name, value in record.content.items() if name != "raw_data"}
            message = self._message(record, short)
        return message if len(message) <= self._settings.max_bytes else None

    def _message(self, record: Record, content: Mapping[str, object]) -> bytes:
        priority = self._settings.facility * 8 + _SYSLOG.get(record.severity_id, 6)
        time = record.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        data = f'[{_DATA} uid="{record.uid}" kind="{record.kind}"]'
        head = f"<{priority}>1 {time} {self._host} tocsin - {record.kind} {data} "
        if self._settings.format == "cef":
            # A byte order mark says that the text is UTF-8, as the RFC wants it.
            return (head + "\ufeff" + _cef(record)).encode("utf-8", "replace")
        return head.encode() + msgspec.json.encode(content)


def _cef(record: Record) -> str:
    found = record.content
    rule = _at(found, "finding_info", "analytic", "uid") or _at(found, "class_uid") or record.kind
    head = (rule, record.title, str(_CEF.get(record.severity_id, 0)))
    fields = {
        "rt": str(int(record.time.timestamp() * 1000)),
        "externalId": record.uid,
        "cat": record.kind,
        "cnt": _at(found, "count"),
        "suser": _at(found, "actor", "user", "name"),
        "src": _at(found, "src_endpoint", "ip"),
        "cs1Label": "entity",
        "cs1": _at(found, "unmapped", "entity", "name"),
        "msg": _at(found, "finding_info", "desc") or _at(found, "message"),
    }
    named = " ".join(f"{name}={_value(value)}" for name, value in fields.items() if value)
    escaped = "|".join(_header(part) for part in head)
    return f"CEF:0|Tocsin|Tocsin|{_header(__version__)}|{escaped}|{named}"


def _at(value: object, *path: str) -> str:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)


def _header(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")[:512]


def _value(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("=", "\\=")
    return escaped.replace("\r", "\\r").replace("\n", "\\n")[:1023]
