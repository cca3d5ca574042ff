"""Read forms that Sigma has left behind, with a warning that names the form of today.

Source: the histories in the Sigma specification 2.1 and its appendices; rule collections
(`action: global`) of Sigma 1.
"""

import re
from collections.abc import Iterable, Iterator

from tocsin.detect.document import Reading
from tocsin.ocsf.yaml_text import Document, YamlValue

_OPERATOR = re.compile(r"(?<![\w*])(AND|OR|NOT)(?![\w*])")
_DATE = re.compile(r"[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}\Z")


def modernized(reading: Reading, found: dict[str, YamlValue]) -> dict[str, YamlValue]:
    """Return the rule with deprecated forms written as of today; a warning for each."""
    changed = dict(found)
    for key in ("date", "modified"):
        _check_date(reading, found.get(key), key)
    _check_use(reading, found)
    if isinstance(found.get("references"), str):
        reading.warn("`references` is a list; one text is deprecated", "references")
        changed["references"] = [found["references"]]
    changed["tags"] = _tags(reading, found.get("tags"))
    changed["related"] = _related(reading, found.get("related"))
    changed["detection"] = _detection(reading, found.get("detection"))
    return {key: value for key, value in changed.items() if key in found}


def collected(documents: Iterable[Document]) -> Iterator[Document]:
    """Lay the `action: global` documents of a file over those that follow, as Sigma 1 meant them.

    `action: reset` forgets what was global; `action: repeat` lies over the document before.
    """
    common = previous = Document({}, {})
    for document in documents:
        value = document.value
        action = value.get("action") if isinstance(value, dict) else None
        if action == "global":
            common = _laid(common, document)
        elif action == "reset":
            common = Document({}, {})
        elif isinstance(value, dict):
            previous = _laid(previous if action == "repeat" else common, document)
            yield previous
        else:
            yield document


def _check_date(reading: Reading, value: YamlValue, key: str) -> None:
    if isinstance(value, str) and _DATE.match(value):
        reading.warn(f"the date {value} is deprecated; write {value.replace('/', '-')}", key)


def _check_use(reading: Reading, found: dict[str, YamlValue]) -> None:
    """Warn of rules that say of themselves that they cannot be used as they are."""
    if found.get("status") == "unsupported":
        reading.warn("its status says that the rule cannot be used in its current state", "status")
    taxonomy = found.get("taxonomy")
    if isinstance(taxonomy, str) and taxonomy.lower() != "sigma":
        message = f"the taxonomy {taxonomy} is not Sigma's; map its words with a pipeline"
        reading.warn(message, "taxonomy")


def _tags(reading: Reading, value: YamlValue) -> YamlValue:
    for index, tag in enumerate(value if isinstance(value, list) else []):
        if isinstance(tag, str) and tag.startswith("attack.") and "_" in tag:
            now = tag.replace("_", "-")
            reading.warn(f"the tag {tag} is deprecated; write {now}", "tags", index)
    return value


def _related(reading: Reading, value: YamlValue) -> YamlValue:
    if not isinstance(value, list):
        return value
    changed: list[YamlValue] = []
    for index, each in enumerate(value):
        if isinstance(each, dict) and each.get("type") == "obsoletes":
            reading.warn(
                "the relation `obsoletes` is deprecated; write `obsolete`", "related", index
            )
            each = {**each, "type": "obsolete"}
        changed.append(each)
    return changed


def _detection(reading: Reading, value: YamlValue) -> YamlValue:
    if not isinstance(value, dict):
        return value
    if "timeframe" in value:
        message = "`timeframe` is deprecated and means nothing here; write a correlation rule"
        reading.warn(message, "detection", "timeframe")
    condition = value.get("condition")
    if isinstance(condition, str) and not {"AND", "OR", "NOT"} & value.keys():
        lowered = _OPERATOR.sub(lambda operator: operator[0].lower(), condition)
        if lowered != condition:
            message = "operators in capitals are deprecated; write `and`, `or`, `not`"
            reading.warn(message, "detection", "condition")
        return {**value, "condition": lowered}
    return value


def _laid(below: Document, above: Document) -> Document:
    """Return one document of both, with the lines of both: they are of one file."""
    low = below.value if isinstance(below.value, dict) else {}
    high = above.value if isinstance(above.value, dict) else {}
    value = _merged(low, {key: each for key, each in high.items() if key != "action"})
    return Document(value, {**below._lines, **above._lines})


def _merged(low: dict[str, YamlValue], high: dict[str, YamlValue]) -> dict[str, YamlValue]:
    result = dict(low)
    for key, value in high.items():
        under = result.get(key)
        is_joined = isinstance(under, dict) and isinstance(value, dict)
        result[key] = _merged(under, value) if is_joined else value  # type: ignore[arg-type] # is_joined says so
    return result
