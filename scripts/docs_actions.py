"""Write the page of all actions from what they say of themselves."""

import inspect
from collections.abc import Iterable
from dataclasses import fields
from datetime import timedelta

from docs_layout import anchor, attributes, code, first, page, table

from tocsin import plugins
from tocsin.respond.actions import ActionFacts, Need

PROVIDERS = {
    "aws": "AWS",
    "azure": "Azure",
    "crowdstrike": "CrowdStrike",
    "defender": "Defender for Endpoint",
    "entra": "Entra ID",
    "gcp": "Google Cloud",
    "kubernetes": "Kubernetes",
    "sentinelone": "SentinelOne",
    "wazuh": "Wazuh",
}
"""How their owners write their names; another provider is written as the code has it."""

LEVELS = {
    0: "tells",
    1: "gathers evidence",
    2: "narrow",
    3: "wide",
    4: "destructive",
}


def actions_page() -> str:
    """Return every action with its class, its expiry and its rights."""
    found = {name: _facts(name) for name in plugins.own_names("tocsin.act.actions")}
    lines = [
        "# Actions",
        "",
        f"The {len(found)} actions that come with Tocsin. Each is planned, shown, approved, done",
        "just as planned, read back, and taken back on time or on demand, unless somebody changed",
        "its target since. Level 0 tells, 1 gathers evidence, 2 is narrow, 3 is wide, 4 is",
        "destructive; what a playbook does by itself is at most of level 2.",
    ]
    for provider in sorted({facts.provider for _, facts in found.values()}, key=_shown):
        ours = {name: each for name, each in found.items() if each[1].provider == provider}
        lines += ["", f"## {_shown(provider)}", ""]
        lines += table(
            ("action", "targets", "class", "level", "ends"),
            [_row(name, facts) for name, (_, facts) in ours.items()],
        )
        for name, (plug, facts) in ours.items():
            lines += ["", *_action(name, plug, facts)]
    return page(lines)


def _facts(name: str) -> tuple[type, ActionFacts]:
    plug = plugins.find("tocsin.act.actions", name)
    return plug, plug.facts


def _shown(provider: str) -> str:
    return PROVIDERS.get(provider, provider)


def _row(name: str, facts: ActionFacts) -> tuple[str, ...]:
    targets = ", ".join(code(each) for each in sorted(facts.targets))
    level = f"{facts.level}, {LEVELS[facts.level]}"
    return (f"[{facts.title}](#{anchor(name)})", targets, facts.category, level, _ends(facts))


def _ends(facts: ActionFacts) -> str:
    if not facts.has_undo:
        return "stays"
    if facts.lasts is None:
        return "asks when the incident closes"
    return f"after {_hours(facts.lasts)}"


def _hours(lasts: timedelta) -> str:
    hours = lasts / timedelta(hours=1)
    return "1 hour" if hours == 1 else f"{hours:g} hours"


def _action(name: str, plug: type, facts: ActionFacts) -> Iterable[str]:
    lines = [f"### {name}", "", f"{facts.title}. {first(plug)}", ""]
    kind = plugins.settings_type(plug)
    described = attributes(inspect.getdoc(kind) or "")
    arguments = [f"- `{each.name}`: {described.get(each.name, '')}" for each in fields(kind)]
    lines += ["Arguments:", "", *arguments, ""] if arguments else []
    notes = [
        (facts.evidence_first, "Evidence is taken before."),
        (facts.restores_safety, "It restores what was switched off."),
    ]
    said = " ".join(text for is_so, text in notes if is_so)
    lines += [said, ""] if said else []
    lines += table(("right", "on", "for", "only where"), [_need(each) for each in facts.needs])
    return [*lines, "", f"[Documentation of its calls]({facts.source})"]


def _need(need: Need) -> tuple[str, ...]:
    condition = " ".join(need.condition) if need.condition else ""
    purpose = "reading" if need.is_reading else "doing, undoing"
    return code(need.permission), code(need.resource), purpose, code(condition)
