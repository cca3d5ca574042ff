"""Write stored events as valid OCSF 1.8 JSON."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from tocsin.ocsf import classes
from tocsin.ocsf.classes import Attribute, EventClass

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_OWN = ("event_uid", "source", "origin", "position", "received_time", "skewed", "day", "flags")
_TOLD = ("source", "origin", "position", "skewed", "flags")


def event_json(row: Mapping[str, object]) -> dict[str, object]:
    """Return a row of an events table as an OCSF event.

    Empty values are left out at every depth, and so is an object that lacks what OCSF requires of
    it. Attributes that the class of the event does not have (`resources` of an authentication)
    stand under `unmapped`, and so do Tocsin's own columns, as `unmapped.tocsin`. Times are
    milliseconds; `metadata.uid` is the identifier of the event, `metadata.logged_time` its receipt.

    Args:
        row: as `pyarrow.Table.to_pylist` gives it: naive times are UTC.
    """
    uid = row.get("class_uid")
    event_class = classes.class_numbered(uid) if isinstance(uid, int) else None
    found = event_class or classes.class_named("base_event")
    metadata = _object(row.get("metadata"))
    listed = metadata.get("profiles")
    profiles = listed if isinstance(listed, list) else []
    event: dict[str, object] = {}
    unmapped: dict[str, object] = {}
    for name, value in row.items():
        if name in _OWN:
            continue
        attribute = found.attributes.get(name)
        known = attribute is not None and _declared(attribute, profiles)
        cleaned = _cleaned(value, attribute if known else None, profiles)
        if cleaned is not None:
            (event if known else unmapped)[name] = cleaned
    event |= _captions(row, found)
    event["metadata"] = _object(event.get("metadata")) | _provenance(row)
    own = {name: row[name] for name in _TOLD if row.get(name)}
    if unmapped or own:
        event["unmapped"] = unmapped | ({"tocsin": own} if own else {})
    return event


def milliseconds(moment: datetime) -> int:
    """Return the OCSF time of `moment`; one without zone is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MILLISECOND


def _captions(row: Mapping[str, object], event_class: EventClass) -> dict[str, object]:
    activity = row.get("activity_name") or event_class.activities.get(
        _number(row.get("activity_id")), "Other"
    )
    return {
        "class_name": event_class.caption,
        "category_name": classes.categories().get(event_class.category_uid, "Uncategorized"),
        "activity_name": activity,
        "type_name": f"{event_class.caption}: {activity}",
        "severity": classes.severities().get(_number(row.get("severity_id")), "Other"),
    }


def _provenance(row: Mapping[str, object]) -> dict[str, object]:
    provenance: dict[str, object] = {"version": classes.VERSION}
    if row.get("event_uid"):
        provenance["uid"] = row["event_uid"]
    received = row.get("received_time")
    if isinstance(received, datetime):
        provenance["logged_time"] = milliseconds(received)
    return provenance


def _cleaned(value: object, attribute: Attribute | None, profiles: list[object]) -> object:
    """Return `value` without empty parts, `None` when nothing valid is left."""
    if isinstance(value, datetime):
        return milliseconds(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        elements = (_cleaned(element, attribute, profiles) for element in value)
        return [element for element in elements if element is not None] or None
    if isinstance(value, Mapping):
        return _cleaned_object(value, attribute, profiles)
    return value


def _cleaned_object(
    value: Mapping[str, object], attribute: Attribute | None, profiles: list[object]
) -> object:
    kind = classes.object_named(attribute.type) if attribute else None
    cleaned: dict[str, object] = {}
    for name, inner in value.items():
        inner_attribute = kind.attributes.get(name) if kind else None
        if (
            kind
            and kind.attributes
            and not (inner_attribute and _declared(inner_attribute, profiles))
        ):
            continue
        kept = _cleaned(inner, inner_attribute, profiles)
        if kept is not None:
            cleaned[name] = kept
    if kind and not _is_valid(kind, cleaned, profiles):
        return None
    return cleaned or None


def _is_valid(
    kind: classes.ObjectType, value: Mapping[str, object], profiles: list[object]
) -> bool:
    required = (
        attribute.name
        for attribute in kind.attributes.values()
        if attribute.is_required and _declared(attribute, profiles)
    )
    return all(name in value for name in required) and (
        not kind.at_least_one or any(name in value for name in kind.at_least_one)
    )


def _declared(attribute: Attribute, profiles: list[object]) -> bool:
    return not attribute.profiles or any(profile in profiles for profile in attribute.profiles)


def _object(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {}


def _number(value: object) -> int:
    return value if isinstance(value, int) else classes.UNKNOWN
