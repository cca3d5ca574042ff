"""OpenTelemetry collectors and what else takes OTLP logs over HTTP, as JSON.

The identifier is the attribute `log.record.uid`, by which receivers may drop repetitions.
Source: https://opentelemetry.io/docs/specs/otlp/ and
https://opentelemetry.io/docs/specs/semconv/registry/attributes/log/
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from tocsin.act.forwarding import EVERY_KIND, Record, RecordsRefused
from tocsin.act.posting import HttpSettings, Poster, one_line
from tocsin.errors import ActionError
from tocsin.values import Matching, Secret

# Informational to fatal of OCSF as INFO, WARN, WARN3, ERROR, FATAL, FATAL4.
_SEVERITIES = {1: 9, 2: 13, 3: 15, 4: 17, 5: 21, 6: 24}
_NAMES = {9: "INFO", 13: "WARN", 15: "WARN3", 17: "ERROR", 21: "FATAL", 24: "FATAL4"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpSettings(HttpSettings):
    """Where log records go.

    Attributes:
        url: of the collector, such as `https://otel.example.org:4318`; `/v1/logs` is added.
        token: what to show, if anything.
        token_header: the header that it stands in; `Authorization` shows it as `Bearer ...`.
        service: `service.name` of the records.
    """

    url: str
    token: Secret | None = None
    token_header: Annotated[str, Matching(r"[A-Za-z0-9-]{1,100}", "the name of a header")] = (
        "Authorization"
    )
    service: str = "tocsin"


class _Partial(msgspec.Struct):
    # 64-bit numbers are text in the JSON of protobuf.
    rejectedLogRecords: int | str = 0  # noqa: N815 - the name of the protocol
    errorMessage: str = ""  # noqa: N815


class _Response(msgspec.Struct):
    partialSuccess: _Partial | None = None  # noqa: N815


class Otlp:
    """Sends log records."""

    kinds = EVERY_KIND
    most = 500

    def __init__(self, settings: OtlpSettings) -> None:
        """Take where to send; nothing is asked yet.

        Raises:
            SettingsError: the address can never be used.
        """
        self._settings = settings
        url = f"{settings.url.rstrip('/')}/v1/logs"
        self._poster = Poster(url, settings, _shown(settings))
        self.target = self._poster.target

    def forward(self, records: Sequence[Record]) -> None:
        """Send one log record for each record.

        Raises:
            RecordsRefused: the collector rejects some of them; it does not say which.
            ActionError: it does not answer, or has no room at present.
        """
        scope = {"scope": {"name": "tocsin"}, "logRecords": [_log_record(each) for each in records]}
        resource = {"attributes": [_attribute("service.name", self._settings.service)]}
        body = {"resourceLogs": [{"resource": resource, "scopeLogs": [scope]}]}
        answer = self._poster.post(msgspec.json.encode(body))
        try:
            partial = msgspec.json.decode(answer.body or b"{}", type=_Response).partialSuccess
            rejected = int(partial.rejectedLogRecords) if partial else 0
        except (msgspec.MsgspecError, ValueError):
            raise ActionError(f"{self.target[0]} does not answer as OTLP says") from None
        if partial and rejected:
            said = one_line(partial.errorMessage)
            raise RecordsRefused(f"{rejected} log records are rejected: {said}")


def _shown(settings: OtlpSettings) -> dict[str, str]:
    if settings.token is None:
        return {}
    is_usual = settings.token_header.lower() == "authorization"
    prefix = "Bearer " if is_usual else ""
    return {settings.token_header: f"{prefix}{settings.token.reveal()}"}


def _log_record(record: Record) -> dict[str, object]:
    severity = _SEVERITIES.get(record.severity_id, 9)
    return {
        "timeUnixNano": str(_nanoseconds(record.time)),
        "severityNumber": severity,
        "severityText": _NAMES[severity],
        "body": {"stringValue": msgspec.json.encode(record.content).decode()},
        "attributes": [
            _attribute("log.record.uid", record.uid),
            _attribute("event.name", f"tocsin.{record.kind}"),
        ],
    }


def _attribute(key: str, value: str) -> dict[str, object]:
    return {"key": key, "value": {"stringValue": value}}


def _nanoseconds(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
