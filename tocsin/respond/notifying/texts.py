"""The words of messages. Text from logs is made inert: it mentions nobody, links to nothing, and
breaks out of no line.

Whoever writes logs chooses names, user agents, titles of findings of other tools. What chats and
mail programs do with them differs, so the text is made harmless for all of them: one line, no
characters that markup is made of, addresses that no program turns into a link.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tocsin.incidents import Incident
from tocsin.respond.notifying.occasions import Stage
from tocsin.respond.notifying.routes import Notice

FIELDS = ("severity", "entities", "accounts", "findings", "tactics", "times", "risk")
"""Lines that a message about one incident may have, in this order."""

MOST_BYTES = 16 << 10
_LONGEST_VALUE = 200
_LONGEST_TITLE = 150
_SHOWN = 5
_GROUPS = 20
_SEVERITIES = ("Unknown", "Informational", "Low", "Medium", "High", "Critical", "Fatal")
_STAGES: dict[Stage, str] = {
    "opened": "New incident",
    "grown": "Incident has become more severe",
    "reopened": "Incident is open again",
    "closed": "Incident is over",
}
# What looks the same to people and means nothing to programs.
_HARMLESS = str.maketrans(
    {
        "<": "‹",  # noqa: RUF001 - chosen because it looks alike
        ">": "›",  # noqa: RUF001
        "`": "'",
        "*": "∗",  # noqa: RUF001
        "~": "∼",  # noqa: RUF001
        "|": "∣",  # noqa: RUF001
        "#": "♯",
        "@": "[at]",
    }
)
_SCHEME = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{0,30}):(?=//|[^\s\d:/]\S*\[at\])")
_MAILTO = re.compile(r"(?i)\b(mailto|tel|sms|callto|skype|slack|msteams|file|javascript|data):")
# U+3002 is a full stop in names of domains too (UTS 46).
_DOT = re.compile(r"(?<=[\w-])[.。](?=[^\W\d_]{2}|xn--)")
_EDGE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")


@dataclass(frozen=True, slots=True)
class Text:
    """A message in words: one line, and lines below it."""

    title: str
    body: str


def inert(text: str, longest: int = _LONGEST_VALUE) -> str:
    """Return a text of somebody else as one harmless line.

    Args:
        text: anything.
        longest: characters; more are cut.
    """
    # A text that is far longer than shown is not read to its end.
    plain = unicodedata.normalize("NFKC", text[: longest * 4])
    plain = "".join(" " if _is_hidden(one) else one for one in plain)
    plain = " ".join(plain.translate(_HARMLESS).split())[:longest]
    plain = _MAILTO.sub(r"\1[:]", plain)
    plain = _SCHEME.sub(r"\1[:]", plain).replace("://", "[:]//")
    plain = plain.replace("](", "] (").replace("\\\\", "\\ \\")
    return _EDGE.sub("ˍ", _DOT.sub("[.]", plain))


def incident_text(
    incident: Incident, notices: Sequence[Notice], fields: Iterable[str] = ()
) -> Text:
    """Return the message about one incident.

    Args:
        incident: as it is now.
        notices: of this incident and one route; the first stage names what happened.
        fields: which of `FIELDS`; empty for all.
    """
    stage = min(notices, key=lambda one: one.time).stage
    severity = _SEVERITIES[incident.severity_id]
    wanted = {"title", *(tuple(fields) or FIELDS)}
    lines = [line for name, line in _lines(incident, severity) if line and name in wanted]
    title = f"[{severity}] {_STAGES[stage]}: {inert(incident.title, _LONGEST_TITLE)}"
    return Text(title, _within("\n".join(lines)))


def digest_text(notices: Sequence[Notice]) -> Text:
    """Return one message for many incidents: counts by what happened, the rarest first.

    Args:
        notices: at least one, of one route.
    """
    incidents = len({notice.incident_uid for notice in notices})
    worst = max(notice.severity_id for notice in notices)
    latest = {notice.incident_uid: notice for notice in sorted(notices, key=lambda one: one.time)}
    groups = Counter(
        (notice.severity_id, notice.subject, notice.stage) for notice in latest.values()
    )
    ordered = sorted(groups.items(), key=lambda entry: (-entry[0][0], entry[1], entry[0]))
    lines = [
        f"{count} x [{_SEVERITIES[severity]}] {inert(subject, _LONGEST_TITLE)} ({stage})"
        for (severity, subject, stage), count in ordered[:_GROUPS]
    ]
    rest = ordered[_GROUPS:]
    if rest:
        lines.append(f"and {sum(count for _, count in rest)} more, of {len(rest)} other kinds")
    first, last = min(one.time for one in notices), max(one.time for one in notices)
    lines.append(f"From {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC")
    word = "incident" if incidents == 1 else "incidents"
    return Text(f"[{_SEVERITIES[worst]}] {incidents} {word}", _within("\n".join(lines)))


def _lines(incident: Incident, severity: str) -> Iterable[tuple[str, str]]:
    yield "title", inert(incident.title)
    yield "severity", f"Severity: {severity}"
    names = [f"{one.type} {one.name or one.uid}" for one in incident.entities]
    yield "entities", _listed("About", names)
    yield "accounts", _listed("Accounts", incident.accounts)
    rules = len(incident.rule_uids)
    yield (
        "findings",
        f"Findings: {incident.finding_count} of {rules} {'rule' if rules == 1 else 'rules'},"
        f" {incident.match_count} matches",
    )
    yield "tactics", _listed("ATT&CK", (*incident.tactics, *incident.techniques))
    yield (
        "times",
        f"From {incident.first_time:%Y-%m-%d %H:%M:%S} to {incident.last_time:%Y-%m-%d %H:%M:%S}"
        " UTC",
    )
    yield "risk", f"Risk: {incident.risk_score} of 100"


def _listed(label: str, values: Sequence[str]) -> str:
    if not values:
        return ""
    shown = ", ".join(inert(value) for value in values[:_SHOWN])
    more = len(values) - _SHOWN
    return f"{label}: {shown}{f' and {more} more' if more > 0 else ''}"


def _is_hidden(character: str) -> bool:
    """Return whether a character shows nothing, breaks a line or turns the direction of text."""
    return unicodedata.category(character)[0] in "CZ" or character in "\u034f\u115f\u1160\u3164"


def _within(text: str) -> str:
    """Return a text that is short enough for every target, cut between characters."""
    content = text.encode("utf-8", "replace")
    return text if len(content) <= MOST_BYTES else content[:MOST_BYTES].decode("utf-8", "ignore")
