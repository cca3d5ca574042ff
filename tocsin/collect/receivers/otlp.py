"""Take log records by the OpenTelemetry protocol over HTTP: `POST /v1/logs`, protobuf and JSON.

The token chooses the feed. An answer means that everything is committed; what became a reject is
counted in `partialSuccess`. Refusals are a `google.rpc.Status` in the encoding of the request.
Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tocsin.collect.contracts import Outcome
from tocsin.collect.intake import Intake, Refusal, refuse_unless_committed
from tocsin.collect.otlp_logs import OtlpFeed, from_json, from_protobuf
from tocsin.errors import SettingsError

_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"
# Codes of google.rpc.Code; others are 3, INVALID_ARGUMENT.
_CODES = {401: 16, 408: 4, 413: 8, 429: 8, 503: 14}


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """The feeds that it serves, each with its own token."""

    feeds: tuple[OtlpFeed, ...]


class Otlp:
    """Receives logs from OpenTelemetry collectors and SDKs."""

    guarantee: ClassVar[str] = "acknowledged"

    def __init__(self, settings: OtlpSettings) -> None:
        """Take the feeds.

        Raises:
            SettingsError: protobuf cannot be read.
        """
        if find_spec("opentelemetry") is None or find_spec("opentelemetry.proto") is None:
            raise SettingsError("feeds of kind otlp need: pip install 'tocsin[otlp]'")
        self._feeds = settings.feeds

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return `POST /v1/logs`."""

        async def take_logs(request: Request) -> Response:
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            try:
                feed = intake.authorize(request, self._feeds)[0]
                if kind not in (_PROTOBUF, _JSON):
                    raise Refusal(415, f"expected {_PROTOBUF} or {_JSON}")
                read = from_protobuf if kind == _PROTOBUF else from_json
                async with intake.body(request) as body:
                    taken = await intake.cut(read, body, feed)
                    del body
                    outcome = await intake.deliver(taken)
                refuse_unless_committed(outcome)
            except Refusal as refusal:
                return _refused(refusal, kind)
            return _answered(outcome, kind)

        return [Route("/v1/logs", take_logs, methods=["POST"])]


def _answered(outcome: Outcome, kind: str) -> Response:
    reason = next(iter(outcome.rejected.values()), "")
    rejected = len(outcome.rejected)
    if kind == _JSON:
        partial = {"rejectedLogRecords": str(rejected), "errorMessage": reason}
        return JSONResponse({"partialSuccess": partial} if rejected else {})
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
        ExportLogsPartialSuccess,
        ExportLogsServiceResponse,
    )

    answer = ExportLogsServiceResponse()
    if rejected:
        answer = ExportLogsServiceResponse(
            partial_success=ExportLogsPartialSuccess(
                rejected_log_records=rejected, error_message=reason
            )
        )
    return Response(answer.SerializeToString(), media_type=_PROTOBUF)


def _refused(refusal: Refusal, kind: str) -> Response:
    code = _CODES.get(refusal.status, 3)
    if kind != _PROTOBUF:
        content = {"code": code, "message": refusal.reason}
        return JSONResponse(content, refusal.status, refusal.headers)
    # google.rpc.Status: 1 code, 2 message. Its package would be one more dependency for two fields.
    text = refusal.reason.encode()[:_MAX_REASON_BYTES]
    status = bytes([0x08, code, 0x12, *_varint(len(text))]) + text
    return Response(status, refusal.status, refusal.headers, _PROTOBUF)


_MAX_REASON_BYTES = 1000


def _varint(number: int) -> bytes:
    """Return a number below 16,384 as protobuf writes it."""
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80, number >> 7])
