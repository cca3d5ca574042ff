"""Read rows of Log Analytics and objects of Microsoft Graph as records of diagnostic settings.

The same sign-in is `properties.userPrincipalName` where diagnostic settings export it,
`UserPrincipalName` as a column of a table, and the whole object where Graph lists it. All become
what diagnostic settings write, so that a mapping and its rules know one form.
https://learn.microsoft.com/en-us/azure/azure-monitor/reference/tables/signinlogs
https://learn.microsoft.com/en-us/azure/azure-monitor/reference/tables/auditlogs
https://learn.microsoft.com/en-us/azure/azure-monitor/reference/tables/azureactivity
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tocsin.normalize.readers.names import small_start
from tocsin.ocsf.reading import LineReader

# Columns that stand beside `properties` in a diagnostic record, by its names.
_OUTSIDE = {
    "TimeGenerated": "time",
    "OperationName": "operationName",
    "OperationNameValue": "operationName",
    "OperationVersion": "operationVersion",
    "Category": "category",
    "CategoryValue": "category",
    "ResultType": "resultType",
    "ActivityStatusValue": "resultType",
    "ResultSignature": "resultSignature",
    "ActivitySubstatusValue": "resultSignature",
    "ResultDescription": "resultDescription",
    "CorrelationId": "correlationId",
    "Identity": "identity",
    "Level": "level",
    "AADTenantId": "tenantId",
    "CallerIpAddress": "callerIpAddress",
    "IPAddress": "callerIpAddress",
    "ResourceId": "resourceId",
    "_ResourceId": "resourceId",
}
# Columns that the activity log has there beside them.
_OUTSIDE_ACTIVITY = {"Caller": "caller", "EventDataId": "eventDataId", "HTTPRequest": "httpRequest"}
# Columns whose names inside `properties` are not just theirs with a small beginning.
_INSIDE = {"IPAddress": "ipAddress", "LocationDetails": "location"}
# Of the workspace, not of the record; and the name of the table.
_OF_THE_TABLE = frozenset({"TenantId", "Type", "SourceSystem", "Location"})
_IDENTITY = frozenset({"Claims", "Claims_d", "Authorization", "Authorization_d"})
_PROPERTIES = ("Properties", "Properties_d")
_SIGN_IN = "SignInLogs"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, object]).decode
_decode_any = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class AzureTablesSettings:
    """Nothing can be chosen."""


class AzureTables(LineReader):
    """Reads rows of SigninLogs, AuditLogs, AzureActivity and objects of Microsoft Graph."""

    takes_json = True

    def __init__(self, settings: AzureTablesSettings) -> None:
        """Take the settings."""

    def read(self, raws: Sequence[bytes], header: bytes | None) -> list[bytes | str]:
        """Return records as diagnostic settings write them; see `LineReader`."""
        return [_record(raw) for raw in raws]


def _record(raw: bytes) -> bytes:
    is_row = b'"TimeGenerated"' in raw
    is_graph = b'"properties"' not in raw and b'DateTime"' in raw
    if not (is_row or is_graph):
        return raw
    try:
        record = _decode(raw)
        found = _of_row(record) if "TimeGenerated" in record else _of_graph(record)
        return _encode(found) if found else raw
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return raw


def _of_row(row: dict[str, object]) -> dict[str, object]:
    """Return the record of a row; what has no place beside `properties` stands inside it."""
    told = {name: _opened(value) for name, value in row.items() if value not in (None, "")}
    is_activity = row.get("Type") == "AzureActivity" or "OperationNameValue" in row
    outside = _OUTSIDE | _OUTSIDE_ACTIVITY if is_activity else _OUTSIDE
    if "OperationNameValue" in told:
        told.pop("OperationName", None)
    record: dict[str, object] = {}
    properties: dict[str, object] = {}
    identity: dict[str, object] = {}
    for name, value in told.items():
        if name in outside:
            record.setdefault(outside[name], value)
        if name in _IDENTITY and is_activity:
            identity.setdefault(name.removesuffix("_d").lower(), value)
        elif name in _PROPERTIES and isinstance(value, dict):
            properties = value | properties
        elif name in _INSIDE or not (name in outside or name in _OF_THE_TABLE):
            properties.setdefault(_INSIDE.get(name) or small_start(name), value)
    if is_activity:
        record["identity"] = identity
    else:
        _complete(told, record, properties)
    return record | {"properties": properties}


def _complete(
    row: dict[str, object], record: dict[str, object], properties: dict[str, object]
) -> None:
    """Add what a table says by its name, and what its columns call differently."""
    if "UserPrincipalName" in row or "ServicePrincipalId" in row:
        record.setdefault("category", _SIGN_IN)
        properties.setdefault("status", {"errorCode": record.get("resultType")})
        properties.setdefault("location", {"countryOrRegion": row.get("Location")})
    elif "ActivityDisplayName" in row:
        record.setdefault("category", "AuditLogs")
    if "correlationId" in record:
        properties.setdefault("correlationId", record["correlationId"])


def _of_graph(found: dict[str, object]) -> dict[str, object] | None:
    """Return the record of an object that Graph lists: a sign-in or an audit of the directory."""
    outside: dict[str, object]
    if isinstance(found.get("activityDisplayName"), str) and "activityDateTime" in found:
        outside = {
            "time": found["activityDateTime"],
            "category": "AuditLogs",
            "operationName": found["activityDisplayName"],
            "resultDescription": found.get("resultReason"),
        }
    elif "createdDateTime" in found and "appId" in found and "status" in found:
        status = found["status"]
        code = status.get("errorCode") if isinstance(status, dict) else None
        outside = {
            "time": found["createdDateTime"],
            "category": _SIGN_IN,
            "operationName": "Sign-in activity",
            "resultType": None if code is None else str(code),
            "callerIpAddress": found.get("ipAddress"),
        }
    else:
        return None
    return outside | {"correlationId": found.get("correlationId"), "properties": found}


def _opened(value: object) -> object:
    """Return a column of JSON text as what it holds: tables export some columns so."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _decode_any(value)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return value
    return value
