r"""Take the frame of a syslog line apart: RFC 5424, and the many habits that RFC 3164 describes.

Everything is optional, as it is on the wire and in files: priority, time with or without a year,
host, program with or without number. What cannot be told is left in the message.
https://www.rfc-editor.org/rfc/rfc5424 https://www.rfc-editor.org/rfc/rfc3164
"""

import re

_FACILITIES = (
    ("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron")
    + ("authpriv", "ftp", "ntp", "security", "console", "clock")
    + tuple(f"local{number}" for number in range(8))
)  # fmt: skip
_SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_MONTHS = {
    name: f"{number:02d}"
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_PRIORITY = re.compile(r"<(\d{1,3})>")
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)?[: ]{0,2}(?= |\b|$)"
)
_PLAIN = re.compile(
    r"[*.]?([A-Z][a-z]{2}) {1,2}(\d{1,2}) (?:(\d{4}) )?(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?"
    r"(?: (\d{4}))?(?: ([A-Z]{3,4}))?:? "
)
_HOST = re.compile(r"([\w.:%\[\]-]{1,255}) ")
_TAG = re.compile(r"([^\s:\[\]<>{}\"'=|]{1,64})(?:\[([^\]\s]{1,64})\])?: ?")
_WORD = re.compile(r"(\S{1,255})(?: |$)")
_ELEMENT = re.compile(r"\[([^\s=\]\"]{1,64})")
_PARAMETER = re.compile(r' {1,8}([^\s=\]"]{1,64})="((?:[^"\\\]]|\\.)*)"')
_ESCAPED = re.compile(r'\\(["\\\]])')
_MOST_PARAMETERS = 500
_BOM = "\ufeff"


def syslog_frame(line: str) -> dict[str, object]:
    """Return the parts of a line that it has.

    Returns:
        `priority`, `facility`, `severity` by their numbers and names, `time` (ISO 8601, without
        zone where the line has none) or `time_without_year` (`11-03T08:30:00`), `host`, `program`,
        `pid`, `message_id`, `structured` (parameters by element), `version`, and `message`.
    """
    record: dict[str, object] = {}
    at = 0
    priority = _PRIORITY.match(line)
    if priority and int(priority[1]) < 192:
        number = int(priority[1])
        record["priority"] = number
        record["facility"] = _FACILITIES[number >> 3]
        record["severity"] = _SEVERITIES[number & 7]
        at = priority.end()
        if line[at : at + 2] == "1 ":
            return _rfc5424(line, at + 2, record)
    elif line[:2] == "1 " and _ISO.match(line, 2):
        return _rfc5424(line, 2, record)
    return _rfc3164(line, at, record)


def _rfc5424(line: str, at: int, record: dict[str, object]) -> dict[str, object]:
    record["version"] = 1
    for name in ("time", "host", "program", "pid", "message_id"):
        word = _WORD.match(line, at)
        if word is None:
            record["message"] = line[at:]
            return record
        at = word.end()
        if word[1] != "-":
            record[name] = word[1]
    if line[at : at + 1] == "-":
        at += 1
    elif line[at : at + 1] == "[":
        at, record["structured"] = _structured(line, at)
    message = line[at:].removeprefix(" ").removeprefix(_BOM)
    record["message"] = message
    return record


def _structured(line: str, at: int) -> tuple[int, dict[str, dict[str, str]]]:
    """Return where structured data end and their parameters; broken data stay in the message."""
    found: dict[str, dict[str, str]] = {}
    count = 0
    while element := _ELEMENT.match(line, at):
        behind = element.end()
        parameters: dict[str, str] = {}
        while count < _MOST_PARAMETERS and (match := _PARAMETER.match(line, behind)):
            parameters[match[1]] = _ESCAPED.sub(r"\1", match[2])
            behind = match.end()
            count += 1
        if line[behind : behind + 1] != "]":
            break
        found[element[1]] = parameters
        at = behind + 1
    return at, found


def _rfc3164(line: str, at: int, record: dict[str, object]) -> dict[str, object]:
    has_time = False
    iso = _ISO.match(line, at)
    if iso:
        fraction = f".{iso[3][:6]}" if iso[3] else ""
        record["time"] = f"{iso[1]}T{iso[2]}{fraction}{iso[4] or ''}"
        at, has_time = _after_spaces(line, iso.end()), True
    elif plain := _PLAIN.match(line, at):
        month = _MONTHS.get(plain[1])
        if month:
            fraction = f".{plain[5][:6]}" if plain[5] else ""
            moment = f"{month}-{int(plain[2]):02d}T{plain[4]}{fraction}"
            year = plain[3] or plain[6]
            record["time" if year else "time_without_year"] = f"{year}-{moment}" if year else moment
            at, has_time = plain.end(), True
    # A word before the program is the host; without a time before it, it may be anything.
    host = _HOST.match(line, at)
    if has_time and host and not line[at : host.end()].endswith((": ", "]: ")):
        record["host"] = host[1]
        at = host.end()
    tag = _TAG.match(line, at)
    if tag and (has_time or "priority" in record):
        record["program"] = tag[1]
        if tag[2]:
            record["pid"] = tag[2]
        at = tag.end()
    record["message"] = line[at:]
    return record


def _after_spaces(line: str, at: int) -> int:
    while line[at : at + 1] == " ":
        at += 1
    return at
