r"""Take apart the two formats in which security products send events as one line: CEF and LEEF.

CEF: `CEF:0|vendor|product|version|class|name|severity|key=value key=value`, LEEF 2.0:
`LEEF:2.0|vendor|product|version|event|^|key=value^key=value`; LEEF 1.0 has tabs between the values.
ArcSight Common Event Format, rev. 26; IBM QRadar, LEEF components.
"""

import re

_MOST_VALUES = 2_000
_CEF_KEY = re.compile(r"(?:^|(?<=\s))([\w.\[\]/-]{1,100})=")
_CEF_HEAD = (
    "device_vendor",
    "device_product",
    "device_version",
    "signature_id",
    "name",
    "severity",
)
_LEEF_HEAD = ("device_vendor", "device_product", "device_version", "event_id")
_ESCAPED = re.compile(r"\\([\\|=nr])")
_ESCAPES = {"n": "\n", "r": "\r"}
_CUSTOM = re.compile(
    r"((?:cs|cn|cfp|flexString|flexNumber|flexDate|deviceCustomDate|c6a)\d{1,2})Label\Z"
)


def cef_event(text: str) -> dict[str, object] | None:
    """Return the parts of a CEF event, `None` where it is none.

    Returns:
        `version`, the six values of the head, `extension` by keys as written, and `labelled`: the
        values of custom fields by their labels (`cs1Label=Policy cs1=high` gives `Policy: high`).
    """
    parts = _head(text.removeprefix("CEF:"), 7) if text.startswith("CEF:") else []
    if len(parts) != 8:
        return None
    heads = zip(_CEF_HEAD, parts[1:7], strict=True)
    record: dict[str, object] = {"version": parts[0].strip()}
    record.update((name, _unescaped(value)) for name, value in heads)
    extension = _extension(parts[7])
    record["extension"] = extension
    labelled = {
        label: extension[match[1]]
        for key, label in extension.items()
        if label and (match := _CUSTOM.match(key)) and match[1] in extension
    }
    if labelled:
        record["labelled"] = labelled
    return record


def leef_event(text: str) -> dict[str, object] | None:
    """Return the parts of a LEEF event, `None` where it is none.

    Returns:
        `version`, the four values of the head, and `attributes` by keys as written.
    """
    parts = text.removeprefix("LEEF:").split("|", 5) if text.startswith("LEEF:") else []
    if len(parts) < 5:
        return None
    record: dict[str, object] = {"version": parts[0].strip()}
    record.update(zip(_LEEF_HEAD, parts[1:5], strict=True))
    rest = "|".join(parts[5:])
    delimiter = "\t"
    if record["version"] == "2.0":
        mark, bar, behind = rest.partition("|")
        if bar and (found := _delimiter(mark)) is not None:
            delimiter, rest = found, behind
    pairs = (each.partition("=") for each in rest.split(delimiter, _MOST_VALUES))
    record["attributes"] = {key.strip(): value for key, equals, value in pairs if equals}
    return record


def _head(text: str, count: int) -> list[str]:
    r"""Split at the first bars that no backslash stands before."""
    parts: list[str] = []
    start = at = 0
    while len(parts) < count:
        at = text.find("|", at)
        if at < 0:
            return []
        slashes = 0
        while at - slashes > start and text[at - slashes - 1] == "\\":
            slashes += 1
        if slashes % 2 == 0:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]


def _extension(text: str) -> dict[str, str]:
    """Return values by key; a value goes on, spaces and all, to the next key."""
    matches = []
    for match in _CEF_KEY.finditer(text):
        matches.append(match)
        if len(matches) >= _MOST_VALUES:
            break
    found: dict[str, str] = {}
    end = len(text)
    for match in reversed(matches):
        found[match[1]] = _unescaped(text[match.end() : end].rstrip(" "))
        end = match.start()
    return dict(reversed(found.items()))


def _unescaped(value: str) -> str:
    if "\\" not in value:
        return value
    return _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]), value)


def _delimiter(mark: str) -> str | None:
    """Return the character that LEEF 2.0 names, itself or by its number."""
    if not mark:
        return "\t"
    if len(mark) == 1:
        return mark
    digits = mark.lower().removeprefix("0x").removeprefix("x")
    try:
        return chr(int(digits, 16)) if len(mark) <= 6 and digits != mark.lower() else None
    except ValueError:
        return None
