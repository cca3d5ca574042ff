"""AWS Security Hub: findings in its own format (ASFF), by `BatchImportFindings`.

The identifier is the `Id`, so that a finding which grows is updated.
Source: https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from tocsin.act.clouds import AwsSettings, client
from tocsin.act.forwarding import Kind, Record, RecordsRefused
from tocsin.values import Matching

_LABELS = {1: "INFORMATIONAL", 2: "LOW", 3: "MEDIUM", 4: "HIGH", 5: "CRITICAL", 6: "CRITICAL"}
_TYPE = "Unusual Behaviors"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityHubSettings(AwsSettings):
    """Whose Security Hub gets the findings.

    Attributes:
        account: the account that imports, twelve digits; it needs `securityhub:BatchImportFindings`
            on the product `default`.
        region: of the Security Hub.
        partition: of AWS.
    """

    account: Annotated[str, Matching(r"\d{12}", "an account of twelve digits, in quotes")]
    region: str
    partition: Annotated[str, Matching(r"aws(-cn|-us-gov)?", "aws, aws-cn or aws-us-gov")] = "aws"


class SecurityHub:
    """Imports findings."""

    kinds: frozenset[Kind] = frozenset({"finding"})
    target = None
    most = 100

    def __init__(self, settings: SecurityHubSettings) -> None:
        """Take whose Security Hub it is; nothing is asked yet."""
        self._settings = settings

    def forward(self, records: Sequence[Record]) -> None:
        """Import the findings; what is there with the same identifier is updated.

        Raises:
            RecordsRefused: Security Hub finds fault with some; the others were imported.
            ActionError: it does not answer, or refuses the call.
        """
        findings = [self._asff(record) for record in records if record.kind == "finding"]
        if not findings:
            return
        with client(self._settings, "securityhub") as hub:
            answer = hub.batch_import_findings(Findings=findings)
        reasons = {
            str(each.get("Id")): f"{each.get('ErrorCode')}: {each.get('ErrorMessage')}"[:300]
            for each in answer.get("FailedFindings", [])
        }
        if reasons:
            raise RecordsRefused(f"{len(reasons)} findings are refused", reasons)

    def _asff(self, record: Record) -> dict[str, object]:
        settings, found = self._settings, record.content
        where = f"{settings.partition}:securityhub:{settings.region}:{settings.account}"
        information = _object(found.get("finding_info"))
        analytic = _object(information.get("analytic"))
        created = information.get("first_seen_time")
        return {
            "SchemaVersion": "2018-10-08",
            "Id": record.uid,
            "ProductArn": f"arn:{where}:product/{settings.account}/default",
            "ProductName": "Tocsin",
            "CompanyName": "Tocsin",
            "GeneratorId": _text(analytic.get("uid"), 512) or "tocsin",
            "AwsAccountId": settings.account,
            "Types": [_TYPE],
            "CreatedAt": _time(created) if isinstance(created, int) else _iso(record.time),
            "UpdatedAt": _iso(record.time),
            "Severity": {"Label": _LABELS.get(record.severity_id, "INFORMATIONAL")},
            "Title": _text(record.title, 256) or "A finding",
            "Description": _text(information.get("desc"), 1024) or _text(record.title, 1024) or "-",
            "Resources": [_resource(found)],
            "ProductFields": _fields(record),
            "RecordState": "ACTIVE",
        }


def _resource(found: Mapping[str, object]) -> dict[str, object]:
    entity = _object(_object(found.get("unmapped")).get("entity"))
    identifier = _text(entity.get("uid"), 512) or _text(entity.get("name"), 512) or "unknown"
    return {"Type": "Other", "Id": identifier}


def _fields(record: Record) -> dict[str, str]:
    """Return what the format has no place for; at most 50 of at most 2048 characters."""
    unmapped = _object(record.content.get("unmapped"))
    entity = _object(unmapped.get("entity"))
    told = {
        "tocsin/entity_type": entity.get("type"),
        "tocsin/entity_name": entity.get("name"),
        "tocsin/account": unmapped.get("account"),
        "tocsin/count": record.content.get("count"),
    }
    named = {name: _text(value, 2048) for name, value in told.items() if value is not None}
    return {name: value for name, value in named.items() if value}


def _text(value: object, most: int) -> str:
    return "" if value is None else " ".join(str(value).split())[:most]


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _time(milliseconds: int) -> str:
    return _iso(datetime.fromtimestamp(milliseconds / 1000, UTC))


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
