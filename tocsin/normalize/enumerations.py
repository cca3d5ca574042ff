"""Turn OCSF names in a mapping (`logon`, `success`) into numbers, and refuse unknown ones."""

from collections.abc import Mapping, Sequence

from tocsin.errors import Location, MappingError
from tocsin.normalize.expressions import Expression, Written
from tocsin.ocsf import classes

_INFORMATIONAL = 1


def activity_columns(
    parts: Sequence[tuple[classes.EventClass, Expression, Location]],
) -> tuple[str, str]:
    """Return the SQL of `activity_id` and of `"activity as text" AS activity_name`.

    Args:
        parts: for each class of the mapping its activity and where that is written.

    Raises:
        MappingError: for a literal that is no activity of its class.
    """
    numbers, names = [], []
    for number, (event_class, activity, location) in enumerate(parts):
        what = f"activity of {event_class.name}"
        identifier, name = _columns(what, event_class.activities, activity, location)
        numbers.append(f" WHEN {number} THEN {identifier}")
        names.append(f" WHEN {number} THEN {name}")
    chosen = 'CASE "class number"'
    return f"{chosen}{''.join(numbers)} END", f"{chosen}{''.join(names)} END AS activity_name"


def severity_columns(severity: tuple[Expression, Written] | None) -> list[str]:
    """Return the SQL of `severity_id`; an event is informational unless the mapping says else."""
    if severity is None:
        return [f"{_INFORMATIONAL}::INTEGER AS severity_id"]
    expression, written = severity
    number, _ = _columns("severity", classes.severities(), expression, written.location)
    return [f"({number})::INTEGER AS severity_id"]


def status_columns(status: tuple[Expression, Written] | None) -> list[str]:
    """Return the SQL of `status_id` and `status`, null where the mapping says nothing."""
    if status is None:
        return ["NULL::INTEGER AS status_id", "NULL::VARCHAR AS status"]
    expression, written = status
    number, name = _columns("status", classes.statuses(), expression, written.location)
    return [f"({number})::INTEGER AS status_id", f"({name}) AS status"]


def _columns(
    what: str, choices: Mapping[int, str], expression: Expression, location: Location
) -> tuple[str, str]:
    """Return the SQL of the number and of the caption of an enumerated value.

    A literal outside the enumeration is refused; a computed text outside it is Other and kept.
    """
    keys = {_key(caption): number for number, caption in choices.items()}
    for text in expression.results:
        keys[text] = _number(what, text, choices, location)
    if not expression.is_computed and len(expression.results) == 1 and expression.is_constant:
        number = keys[expression.results[0]]
        return str(number), _text(choices[number])
    spelled = expression.sql
    if expression.is_computed:
        spelled = f"replace(lower({spelled}), ' ', '_')"
    numbers = "".join(f" WHEN {_text(key)} THEN {number}" for key, number in keys.items())
    captions = "".join(f" WHEN {_text(key)} THEN {_text(choices[n])}" for key, n in keys.items())
    other = f"CASE WHEN {expression.sql} IS NULL THEN {classes.UNKNOWN} ELSE {classes.OTHER} END"
    return (
        f"CASE {spelled}{numbers} ELSE {other} END",
        f"CASE {spelled}{captions} ELSE {expression.sql} END",
    )


def _number(what: str, name: str, choices: Mapping[int, str], location: Location) -> int:
    wanted = classes.normal(name)
    for number, caption in choices.items():
        if classes.normal(caption) == wanted:
            return number
    known = (classes.normal(caption) for caption in choices.values())
    raise MappingError(classes.unknown(what, name, known), location)


def _key(caption: str) -> str:
    return caption.lower().replace(" ", "_")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
