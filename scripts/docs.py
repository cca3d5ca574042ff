"""Write the pages that are made from the program itself, or check that they are fresh.

`python scripts/docs.py` writes what has changed; `--check` names every stale page, changes nothing.
The pages hold no date and no path of this machine: the same code gives the same bytes.
"""

import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, Field
from pathlib import Path
from pkgutil import iter_modules
from typing import get_args

import docs_layout
import typer
from docs_actions import actions_page
from docs_layout import MADE, RENEW, anchor, code, first, page, paragraphs, prose, table, written

from tocsin import detect, normalize, plugins
from tocsin.ocsf.classes import severities
from tocsin.run import content
from tocsin.serve.cli.app import app
from tocsin.serve.cli.options import PERMISSIONS
from tocsin.settings import feeds, json_schema, reference_markdown

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

ROOMS = (
    *("ocsf", "conditions", "redact", "normalize", "enrich", "identity", "intelligence", "detect"),
    "posture",
    *("incidents", "respond", "collect", "store", "act", "isolate", "run", "serve", "settings"),
)
PLUGS = {
    "source": ("tocsin.collect.sources", "tocsin.collect.contracts", "Source"),
    "receiver": ("tocsin.collect.receivers", "tocsin.collect.contracts", "Receiver"),
    "notifier": ("tocsin.act.notifiers", "tocsin.act.contracts", "Notifier"),
    "forwarder": ("tocsin.act.forwarders", "tocsin.act.forwarding", "Forwarder"),
    "ticket system": ("tocsin.act.tickets", "tocsin.act.ticketing", "TicketSystem"),
}
"""Kinds of plugs: their package, and where their promise is written."""

VECTORS = {
    "AWS": ("aws",),
    "GCP": ("gcp",),
    "Azure": ("azure", "microsoft365"),
    "Kubernetes and runtime": ("kubernetes", "falco", "kubearmor", "trivy_operator"),
    "hosts": ("linux", "wazuh", "osquery"),
    "network": ("zeek", "suricata", "netflow"),
    "code and identity": ("github", "okta", "google_workspace"),
}
"""What sources tell of, by the vendor in their name; all others bring findings of other tools."""


def main(arguments: list[str]) -> int:
    """Write or check every page; return the exit code."""
    stale = []
    for name, make in PAGES.items():
        path, text = DOCS / name, make()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.relative_to(DOCS.parent))
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in stale:
        told = f"{path} is stale; renew it: {RENEW}" if "--check" in arguments else path
        sys.stdout.write(f"{told}\n")
    return 1 if stale and "--check" in arguments else 0


def settings_page() -> str:
    """Return the page of all settings."""
    return MADE + reference_markdown()


def schema_file() -> str:
    """Return the JSON Schema of `tocsin.yaml`."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def commands_page() -> str:
    """Return every command with its arguments and options."""
    lines = [
        "# Commands",
        "",
        "Results go to standard output, progress and complaints to standard error. Exit codes: 0",
        "clean, 1 something failed, 2 usage, 3 findings at or above `--fail-on`, or rules that are",
        "refused or fail an example. Who works at the keyboard of the machine holds every",
        "permission; changes are in the audit log under their name.",
    ]
    for path, command in _commands((), typer.main.get_command(app)):
        lines += ["", f"## `{' '.join(path)}`", "", str(command.help or "").strip(), ""]
        lines += [f"`{_usage(path, command)}`", ""]
        permission = _permission(command)
        lines += [f"Permission: `{permission}`.", ""] if permission else []
        lines += table(
            ("argument or option", "value", "default", "meaning"),
            [_parameter(each) for each in command.params if each.name != "help"],
        )
    return page(lines)


def _commands(path: tuple[str, ...], command: typer.core.TyperCommand) -> Iterator[tuple]:
    inner = getattr(command, "commands", None)
    here = path or ("tocsin",)
    if inner is None:
        yield here, command
        return
    for name, each in inner.items():
        yield from _commands((*here, name), each)


def _usage(path: tuple[str, ...], command: typer.core.TyperCommand) -> str:
    words = list(path)
    for each in command.params:
        if each.param_type_name == "argument":
            name = each.name.upper() + ("…" if each.nargs == -1 else "")
            words.append(name if each.required else f"[{name}]")
    return " ".join([*words, "[options]"])


def _permission(command: typer.core.TyperCommand) -> str:
    inner = inspect.unwrap(command.callback) if command.callback else None
    return PERMISSIONS.get(f"{inner.__module__}.{inner.__qualname__}", "") if inner else ""


def _parameter(each: typer.core.TyperOption) -> tuple[str, ...]:
    is_option = each.param_type_name == "option"
    name = ", ".join(f"`{one}`" for one in each.opts) if is_option else f"`{each.name.upper()}`"
    default = getattr(each.default, "value", each.default)
    shown = "" if default in (None, False, (), []) else f"`{default}`"
    variable = f" Or by `{each.envvar}`." if each.envvar else ""
    meaning = (each.help or "").strip() + variable
    return name, _value(each), "required" if each.required else shown, meaning


def _value(each: typer.core.TyperOption) -> str:
    """Return how the value of an option or argument is written, in a few words."""
    if getattr(each, "is_flag", False):
        return ""
    described = each.type_descriptor
    if described.is_choice:
        return ", ".join(f"`{one.value}`" for one in described.choices)
    annotation = described.annotation
    kind = get_args(annotation)[0] if get_args(annotation) else annotation
    words = {str: "text", int: "number", float: "number", Path: "path"}[kind]
    return f"{words}, repeatable" if get_args(annotation) else words


def rules_page() -> str:
    """Return every rule that ships, by source."""
    rules, by_source = _shipped_rules()
    lines = [
        "# Rules",
        "",
        f"The {len(rules)} rules that come with Tocsin. Switch one off, or change its severity, by",
        "its identifier: [`rules.disabled`, `rules.severities`](settings.md#rules). Write your",
        "own: [add a rule](../guides/add-a-rule.md).",
    ]
    correlations = [rule for rule in rules if rule.correlation is not None]
    correlations.sort(key=lambda rule: (-rule.severity_id, rule.title))
    sections = [(f"`{source}`", bound) for source, bound in sorted(by_source.items())]
    for heading, bound in [*sections, ("Correlations", correlations)]:
        lines += ["", f"## {heading}", ""]
        lines += table(
            ("severity", "rule", "techniques"),
            [
                (
                    severities()[rule.severity_id],
                    f"[{prose(rule.title)}](#{anchor(rule.title)})",
                    ", ".join(rule.techniques),
                )
                for rule in bound
            ],
        )
        for rule in bound:
            lines += ["", *_rule(rule)]
    return page(lines)


def _shipped_rules() -> tuple[tuple[detect.Rule, ...], Mapping[str, list[detect.Rule]]]:
    folder = ROOT / "content" / "rules"
    kinds = (".yaml", ".yml", ".py")
    paths = (path for path in sorted(folder.rglob("*")) if path.suffix in kinds)
    texts = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in paths}
    parsed = detect.parse_rules(texts)
    if parsed.problems:
        raise SystemExit("\n".join(map(str, parsed.problems)))
    file = ROOT / "content" / "log_sources.yaml"
    sources = detect.LogSources.read(file.read_text("utf-8"), file.name)
    bound = detect.RuleSet.build(parsed.rules, sources).by_source
    ordered = {
        source: sorted((one.rule for one in each), key=lambda rule: (-rule.severity_id, rule.title))
        for source, each in bound.items()
    }
    return parsed.rules, ordered


def _rule(rule: detect.Rule) -> Iterator[str]:
    file = rule.location.file
    yield f"### {prose(rule.title)}"
    yield ""
    yield prose(rule.description)
    yield ""
    techniques = ", ".join(
        f"[{uid}](https://attack.mitre.org/techniques/{uid.replace('.', '/')}/)"
        for uid in rule.techniques
    )
    tactics = ", ".join(rule.tactics)
    yield f"* {severities()[rule.severity_id]}, {rule.kind}; {tactics}: {techniques}"
    if rule.is_building_block:
        yield "* Building block of correlations: no findings of its own"
    yield f"* `{rule.uid}`, [{Path(file).name}](../../{file}), {_examples(rule)}"
    for text in rule.false_positives:
        yield f"* False positive: {prose(text)}"


def _examples(rule: detect.Rule) -> str:
    count = len(rule.examples)
    return f"{count} examples" if count != 1 else "1 example"


def sources_page() -> str:
    """Return every source: what is read of its records, and what of an event that fills."""
    lines = [
        "# Sources",
        "",
        "What Tocsin understands. A source's *mapping* says how its records become OCSF events;",
        "the *trust label* of a field says who chose its value: the provider, an agent, or an",
        "outsider (*attacker*). Rules may use every field of the record, also those that are not",
        "listed here; [search](../guides/search.md) uses the OCSF attributes. Write your own:",
        "[add a source](../guides/add-a-source.md).",
    ]
    mappings = _mappings()
    lines += ["", *source_catalogue(mappings), "", *_ways_in()]
    for mapping in mappings:
        lines += ["", f"## `{mapping.source}`", "", *_source(mapping)]
    return page(lines)


def source_catalogue(mappings: Iterable[normalize.Mapping]) -> list[str]:
    """Return the table of all sources: vector, reader, classes, how many rules read it, guide."""
    _, by_source = _shipped_rules()
    guides = {path.name: path.read_text("utf-8") for path in sorted((DOCS / "guides").glob("*.md"))}
    return table(
        ("source", "vector", "what it is", "reader", "OCSF classes", "rules", "guide"),
        [
            (
                f"[`{mapping.source}`](#{anchor(mapping.source)})",
                _vector(mapping.source),
                _product(mapping.source),
                _reader_name(mapping),
                ", ".join(sorted({each.caption for each in mapping.classes})),
                _rule_count(mapping.source, by_source),
                ", ".join(
                    f"[{name.removesuffix('.md')}](../guides/{name})"
                    for name, text in guides.items()
                    if name.startswith(("connect-", "bring-", "receive-", "ship-"))
                    and (f"`{mapping.source}`" in text or f"source: {mapping.source}" in text)
                ),
            )
            for mapping in mappings
        ],
    )


def _vector(source: str) -> str:
    """Return the part of a team's world that a source tells of."""
    vendor = source.split(".")[0]
    for vector, vendors in VECTORS.items():
        if vendor in vendors:
            return vector
    return "findings of others"


def _reader_name(mapping: normalize.Mapping) -> str:
    return f"`{type(mapping.reader).__module__.rpartition('.')[2]}`" if mapping.reader else "JSON"


def _rule_count(source: str, by_source: Mapping[str, list[detect.Rule]]) -> str:
    count = len(by_source.get(source, ()))
    return f"[{count}](rules.md#{anchor(source)})" if count else "0"


def _ways_in() -> Iterator[str]:
    """Yield the table of the ways in: any source may come by any of them."""
    yield "Records of every source may come by each of these ways; the guarantee says what is"
    yield "lost when either side ends: nothing and the sender knows (*acknowledged*), nothing as"
    yield "Tocsin goes on where it was (*resumable*), or what was on its way (*lossy*)."
    yield ""
    rows = []
    for kind in feeds.kind_names(installed=False):
        if kind != "plugin":
            found = feeds.feed_kind(kind)
            way = "push" if found.is_received else "pull"
            guarantee = str(getattr(found.plug, "guarantee", "resumable"))
            link = f"[`{kind}`](settings.md#feeds-of-kind-{kind})"
            rows.append((link, way, guarantee, _about_kind(found.plug)))
    yield from table(("way in", "direction", "guarantee", "what it is"), rows)


def _about_kind(plug: type) -> str:
    text = inspect.getdoc(importlib.import_module(plug.__module__)) or ""
    return " ".join(text.split("\n\n")[0].split())


def _mappings() -> list[normalize.Mapping]:
    macros = (ROOT / "content" / "functions.sql").read_text("utf-8")
    paths = sorted((ROOT / "content" / "mappings").glob("*.yaml"))
    return [
        normalize.load_mapping(
            path.read_text("utf-8"), path.name, macros, find_reader=content.find_reader
        )
        for path in paths
    ]


def _source(mapping: normalize.Mapping) -> Iterator[str]:
    product = _product(mapping.source)
    file = f"{mapping.source}.yaml"
    yield f"{product}. Mapping: [{file}](../../content/mappings/{file}),"
    held = f"payloads hold their records in `{mapping.unwrap}`" if mapping.unwrap else "one a line"
    yield f"{len(mapping.samples)} samples; {held}."
    yield ""
    yield from table(
        ("class", "uid"),
        [(each.caption, str(each.uid)) for each in sorted(mapping.classes, key=lambda c: c.uid)],
    )
    yield ""
    yield "### OCSF attributes that it fills"
    yield ""
    yield from table(
        ("attribute", "taken unchanged from", "trust"),
        [
            (f"`{path}`", code(mapping.pairs.get(path)), label)
            for path, label in sorted(mapping.event_trust.items())
        ],
    )
    yield ""
    yield "### Fields that it reads"
    yield ""
    yield from table(
        ("field", "trust"),
        [(f"`{path}`", mapping.trust.get(path, "attacker")) for path in sorted(mapping.fields)],
    )


def _product(source: str) -> str:
    text = (ROOT / "content" / "mappings" / f"{source}.yaml").read_text("utf-8")
    found = re.search(r"^product: \{vendor_name: (.+), name: (.+)\}$", text, re.MULTILINE)
    if not found:
        return source
    return found[2] if found[2].startswith(found[1]) else f"{found[1]} {found[2]}"


def extension_points_page() -> str:
    """Return what can be added without changing anything else, and what there is already."""
    lines = [
        "# Extension points",
        "",
        "A plug is one file with exactly one public class, whose constructor takes its own frozen",
        "settings dataclass. It is found by its name: as a file of the package below, or as an",
        "entry point of another installed package. Nothing registers itself. The name of a source",
        "or receiver is the `kind` of a feed, and its settings are the keys of that feed.",
        "",
        "Content is added as a file too: a [mapping](../guides/add-a-source.md) in",
        "`content/mappings`, a [rule](../guides/add-a-rule.md) in `content/rules` or in a folder",
        "of your own.",
    ]
    for kind, (package, module, promise) in PLUGS.items():
        described = inspect.getdoc(getattr(importlib.import_module(module), promise)) or ""
        group = f"tocsin.{package.rpartition('.')[2]}"
        lines += ["", f"## {kind.capitalize()}", "", f"{paragraphs(described)}", ""]
        lines += [f"Package `{package}`, entry points `{group}`, promise `{promise}`."]
        for name in _own_plugs(package):
            lines += ["", *_plug(package, name)]
    return page(lines)


def _own_plugs(package: str) -> list[str]:
    folder = importlib.import_module(package).__path__
    return sorted(each.name for each in iter_modules(folder) if not each.name.startswith("_"))


def _plug(package: str, name: str) -> Iterator[str]:
    plug = plugins.find(package, name)
    kind = plugins.settings_type(plug)
    described, about = docs_layout.attributes(inspect.getdoc(kind) or ""), first(kind)
    yield f"### `{name}`"
    yield ""
    yield paragraphs(inspect.getdoc(importlib.import_module(f"{package}.{name}")) or "")
    yield ""
    if hasattr(plug, "guarantee"):
        yield f"Guarantee: *{plug.guarantee}*."
        yield ""
    for each in feeds.kind_names(installed=False):
        if each != "plugin" and feeds.feed_kind(each).plug is plug:
            yield f"Keys of [`kind: {each}`](settings.md#feeds-of-kind-{each})."
            return
    yield from table(
        ("setting", "default", "meaning"),
        [
            (f"`{each.name}`", _default(each), described.get(each.name, about))
            for each in written(kind)
        ],
    )


def _default(each: "Field[object]") -> str:
    return "required" if each.default is MISSING else f"`{each.default!r}`"


def doors_page() -> str:
    """Return the names that each room gives to the others."""
    lines = [
        "# Doors",
        "",
        "What each room gives to the others; everything else is its own. The picture is in",
        "[ARCHITECTURE](../ARCHITECTURE.md).",
    ]
    for room in ROOMS:
        door = importlib.import_module(f"tocsin.{room}")
        lines += ["", f"## `{room}`", "", paragraphs(inspect.getdoc(door) or ""), ""]
        names = [(f"`{name}`", first(getattr(door, name))) for name in getattr(door, "__all__", ())]
        lines += table(("name", "what it is"), names) if names else []
    return page(lines)


PAGES: Mapping[str, Callable[[], str]] = {
    "reference/settings.md": settings_page,
    "tocsin.schema.json": schema_file,
    "reference/rules.md": rules_page,
    "reference/sources.md": sources_page,
    "reference/commands.md": commands_page,
    "reference/extension-points.md": extension_points_page,
    "reference/actions.md": actions_page,
    "reference/doors.md": doors_page,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
