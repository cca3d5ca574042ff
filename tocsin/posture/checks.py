"""Judge resources by checks: Pass, Fail or Unknown for each pair.

Thin on purpose: checks are built in Python, and there are no frameworks, no Warning and no roll-up
yet (issue 5 deepens it). What is here is the final door: posture is detection over another table.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.conditions import Condition, PlainReader, compile_condition, holds, tree
from tocsin.ocsf import from_rows, schemas
from tocsin.ocsf.identifiers import derive

COMPLIANCE_FINDING = 2003
FOREVER = datetime(1970, 1, 1)  # noqa: DTZ001 - times of the lake carry no zone
"""The period of a finding about a state: it is the same one as long as the state lasts."""

Status = Literal["Pass", "Fail", "Unknown"]


@dataclass(frozen=True, slots=True)
class Check:
    """One testable statement about resources of one type.

    Attributes:
        uid: stable for the life of the check.
        title: what is wrong where it fails.
        description: why it matters.
        severity_id: how bad a failure is, OCSF 1 to 6.
        resource_type: the `type` of the resources that it judges.
        needs: paths without which nothing can be said: no permission, no data.
        fails: over the configuration; holds where the resource fails.
    """

    uid: str
    title: str
    description: str
    severity_id: int
    resource_type: str
    needs: tuple[str, ...]
    fails: Condition


@dataclass(frozen=True, slots=True)
class Result:
    """What one check says about one resource; `reason` says why it is Unknown."""

    check_uid: str
    resource_uid: str
    status: Status
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Assessed:
    """What the checks found.

    Attributes:
        findings: rows of `ocsf.schemas.FINDINGS`, one for each Fail, class Compliance Finding.
        failures: rows of `ocsf.schemas.FAILURES`, one for each resource that could not be read.
        results: every pair that was judged, in order of resources and checks.
    """

    findings: pa.Table
    failures: pa.Table
    results: tuple[Result, ...]


def assess(checks: Iterable[Check], resources: pa.Table) -> Assessed:
    """Judge every resource by the checks for its type.

    Args:
        checks: any order; those for other types are not asked.
        resources: rows of `ocsf.schemas.RESOURCES`. One whose configuration is no JSON object is
            Unknown to all its checks, and a failure.

    Raises:
        re2.error, ValueError: a pattern or network of a check is not valid.
    """
    by_type: dict[str, list[_Judge]] = {}
    for check in checks:
        judge = compile_condition(check.fails, PlainReader())
        by_type.setdefault(check.resource_type, []).append((check, judge))
    findings: list[dict[str, object]] = []
    failures: list[dict[str, object]] = []
    results: list[Result] = []
    judged = pc.is_in(resources["type"], pa.array(by_type, pa.string()))
    # A configuration is a document of its own: there is no column to work on.
    for row in resources.filter(judged).to_pylist():
        configuration, problem = _read(row["configuration"])
        for check, judge in by_type[row["type"]]:
            result = _judge(check, judge, row["uid"], configuration)
            results.append(result)
            if configuration is None:
                failures.append(_failure(check, row, problem))
            elif result.status == "Fail":
                findings.append(_finding(check, row))
    return Assessed(
        from_rows(findings, schemas.FINDINGS),
        from_rows(failures, schemas.FAILURES),
        tuple(results),
    )


_Judge = tuple[Check, Callable[[Mapping[str, object]], bool]]


def _read(text: str) -> tuple[Mapping[str, object] | None, str]:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return None, f"the configuration is not JSON: {error}"
    if not isinstance(value, dict):
        return None, "the configuration is no JSON object"
    return value, ""


def _judge(
    check: Check,
    fails: Callable[[Mapping[str, object]], bool],
    resource_uid: str,
    configuration: Mapping[str, object] | None,
) -> Result:
    if configuration is None:
        return Result(check.uid, resource_uid, "Unknown", "the configuration cannot be read")
    missing = [path for path in check.needs if not holds(tree.Exists(path), configuration)]
    if missing:
        return Result(check.uid, resource_uid, "Unknown", f"not known: {', '.join(missing)}")
    return Result(check.uid, resource_uid, "Fail" if fails(configuration) else "Pass")


def _finding(check: Check, row: Mapping[str, object]) -> dict[str, object]:
    uid = str(row["uid"])
    return {
        "uid": derive("fnd", check.uid, uid),
        "class_uid": COMPLIANCE_FINDING,
        "rule_uid": check.uid,
        "rule_title": check.title,
        "rule_type": "Check",
        "source": "posture",
        "severity_id": check.severity_id,
        "is_alert": True,
        "title": check.title,
        "description": check.description,
        "dedup_key": uid,
        "period_start": FOREVER,
        "first_time": row["observed_time"],
        "last_time": row["observed_time"],
        "match_count": 1,
        "entity": {"type": row["type"], "uid": uid, "name": row["name"] or ""},
        "links": [],
        "account": row["account"],
        "tactics": [],
        "techniques": [],
        "event_uids": [],
        "context": msgspec.json.encode({"region": row["region"]}).decode(),
    }


def _failure(check: Check, row: Mapping[str, object], reason: str) -> dict[str, object]:
    return {
        "rule_uid": check.uid,
        "reason": f"{row['uid']}: {reason}",
        "event_uid": None,
        "count": 1,
    }
