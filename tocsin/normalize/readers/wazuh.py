"""Read what Wazuh's manager sends by syslog, in its formats `json`, `default` and `cef`.

All become an alert as `alerts.json` holds it. The short formats hold little of one: the rule, where
it was seen, who was concerned, and the line itself.
https://documentation.wazuh.com/current/user-manual/reference/ossec-conf/syslog-output.html
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tocsin.normalize.event_frames import cef_event
from tocsin.normalize.syslog_frames import syslog_frame
from tocsin.ocsf.reading import LineReader

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

_LEVEL = "Alert Level: "
_SAID = {
    "srcip": "srcip",
    "srcport": "srcport",
    "dstip": "dstip",
    "dstport": "dstport",
    "user": "dstuser",
}
_CEF = {
    "src": "srcip",
    "spt": "srcport",
    "dst": "dstip",
    "dpt": "dstport",
    "suser": "srcuser",
    "duser": "dstuser",
}


@dataclass(frozen=True, slots=True)
class WazuhSettings:
    """Has no options."""


class Wazuh(LineReader):
    """Reads alerts of Wazuh out of lines of syslog."""

    def __init__(self, settings: WazuhSettings) -> None:
        """Take the options, of which there are none."""

    def read(self, raws: Sequence[bytes], header: bytes | None) -> list[bytes | str]:
        """Return the JSON of each alert; see `LineReader`."""
        return [_read_line(raw) for raw in raws]


def _read_line(raw: bytes) -> bytes | str:
    frame = syslog_frame(raw.decode("utf-8", "backslashreplace"))
    program, message = str(frame.get("program", "")), str(frame["message"])
    if program == "CEF":
        message = f"CEF:{message}"
    text = message.lstrip()
    if text.startswith("{"):
        return _json_alert(text)
    if text.startswith(_LEVEL):
        alert = _text_alert(text)
    elif found := cef_event(text):
        alert = _cef_alert(found)
    else:
        return "bad_line: no alert of Wazuh"
    alert["timestamp"] = str(frame.get("time") or "")
    alert["time_without_year"] = str(frame.get("time_without_year") or "")
    alert["manager"] = {"name": str(frame.get("host") or "")}
    return _encode(alert)


def _json_alert(text: str) -> bytes | str:
    try:
        found = _decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return "bad_line: JSON that was cut off"
    return text.encode() if isinstance(found, dict) else "bad_line: no alert of Wazuh"


def _text_alert(text: str) -> dict[str, object]:
    """Read `Alert Level: 5; Rule: 5503 - What it says; Location: …; classification: …; …; LINE`."""
    level, _, rest = text.removeprefix(_LEVEL).partition("; Rule: ")
    number, _, rest = rest.partition(" - ")
    description, _, rest = rest.partition("; Location: ")
    location, _, rest = rest.partition("; ")
    groups = ""
    if rest.startswith("classification:"):
        groups, _, rest = rest.removeprefix("classification:").partition("; ")
    data: dict[str, str] = {}
    while True:
        name, colon, behind = rest.partition(": ")
        if not colon or name not in _SAID:
            break
        data[_SAID[name]], _, rest = behind.partition("; ")
    return _alert(level, number, description, groups) | {
        "data": data,
        "full_log": rest,
        **_place(location),
    }


def _cef_alert(found: dict[str, object]) -> dict[str, object]:
    extension = found.get("extension")
    said = extension if isinstance(extension, dict) else {}
    data = {ours: str(said[theirs]) for theirs, ours in _CEF.items() if said.get(theirs)}
    rule = _alert(
        str(found.get("severity") or ""),
        str(found.get("signature_id") or ""),
        str(found.get("name") or ""),
        str(said.get("cat") or ""),
    )
    return rule | {
        "data": data,
        "full_log": str(said.get("msg") or ""),
        **_place(str(said.get("cs1") or "")),
    }


def _alert(level: str, number: str, description: str, groups: str) -> dict[str, object]:
    names = [name.strip() for name in groups.split(",") if name.strip()]
    shown = int(level) if level.strip().isascii() and level.strip().isdigit() else None
    return {
        "rule": {"level": shown, "id": number, "description": description, "groups": names[:64]}
    }


def _place(location: str) -> dict[str, object]:
    """Read `(web-1) 10.0.0.5->/var/log/auth.log`, or `manager->/var/log/auth.log`."""
    holder, arrow, place = location.partition("->")
    if not arrow:
        return {"location": location}
    name, parenthesis, address = holder.removeprefix("(").partition(") ")
    agent = {"name": name, "ip": address} if parenthesis else {"name": holder}
    return {"location": place, "agent": agent}
