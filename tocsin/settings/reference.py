"""The settings described: a JSON Schema for editors and a page for people.

Loads the built-in plugs, whose settings are part of it.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, TypeAlias, Union

from pydantic import Field

from tocsin.settings.feeds import kind_names, section_of
from tocsin.settings.forwarders import forwarder_kinds, forwarder_section
from tocsin.settings.model import Settings
from tocsin.settings.notifiers import notifier_kinds, notifier_section
from tocsin.settings.plugs import defined
from tocsin.settings.response import Response, account_kinds, account_section
from tocsin.settings.section import Section
from tocsin.settings.tickets import ticket_kinds, ticket_section

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"
Object: TypeAlias = "dict[str, Json]"


def json_schema() -> Object:
    """Return the JSON Schema of `tocsin.yaml`; editors complete and check by it.

    Every built-in plug is loaded for it; those of other packages are left out, so that the same
    program gives the same schema.
    """
    feeds = _listed("feeds", map(section_of, kind_names(installed=False)))
    others = _listed("forwarders", map(forwarder_section, forwarder_kinds(installed=False)))
    told = _listed("notifiers", map(notifier_section, notifier_kinds(installed=False)))
    kept = _listed("tickets", map(ticket_section, ticket_kinds(installed=False)))
    lists = {"feeds": feeds, "forwarders": others, "notifiers": told, "tickets": kept}
    lists["response"] = _response()
    whole = defined("Settings", Settings, "", lists)
    schema: Object = whole.model_json_schema(mode="validation")
    # The data folder has a default that the schema cannot state: it depends on the environment.
    schema.pop("required", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "tocsin.yaml",
    }


def _response() -> tuple[Any, Any]:
    """Return annotation and field of the section with a list of plugs inside."""
    kinds = map(account_section, account_kinds(installed=False))
    accounts = _listed("accounts", kinds, Response)
    section = defined("Response", Response, Response.__doc__ or "", {"accounts": accounts})
    return section, Field(default=section())


def _listed(
    name: str, sections: Iterable[type[Section]], holder: type[Section] = Settings
) -> tuple[Any, Any]:
    """Return annotation and field of a list whose entries are told apart by their `kind`."""
    kinds: Any = tuple(sections)
    entry: Any = Annotated[Union[kinds], Field(discriminator="kind")]  # noqa: UP007 - built while running
    meaning = holder.model_fields[name].description
    return tuple[entry, ...], Field(default=(), description=meaning)


def reference_markdown() -> str:
    """Return the page of all settings: a table for each section, in the order of the model."""
    schema = json_schema()
    lines = [
        "# Settings",
        "",
        "Every setting of `tocsin.yaml`. Each can be overridden by an environment variable:",
        "`TOCSIN_` and the path in capitals, levels joined by a double underscore, such as",
        "`TOCSIN_WEB__PORT`. `${NAME}` inside a text is replaced by an environment variable. A",
        "secret is written `{env: NAME}`, `{file: path}` or `${NAME}`. Relative paths start at the",
        "folder of the file.",
        "",
        *_section("", schema, schema),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _section(path: str, section: Object, schema: Object) -> Iterator[str]:
    """Yield the lines of one section, then those of the sections in it."""
    required = section.get("required")
    inner: list[tuple[str, Object]] = []
    yield "| setting | value | default | meaning |"
    yield "|---|---|---|---|"
    for name, described in _objects(section.get("properties")):
        full = f"{path}.{name}".lstrip(".")
        parts = list(_parts(described, schema))
        if parts:
            inner += [(full + suffix, part) for suffix, part in parts]
            meaning = described.get("description") or parts[0][1].get("description")
            yield f"| `{full}` | section | | {_cell(meaning)} |"
            continue
        is_required = isinstance(required, list) and name in required
        default = "required" if is_required else _default(described)
        value = _value(_resolved(described, schema), schema)
        yield f"| `{full}` | {value} | {default} | {_cell(described.get('description'))} |"
    yield ""
    for full, part in inner:
        path, _, kind = full.partition(" ")
        yield f"## `{path}`{kind and f' of kind `{kind}`'}"
        yield ""
        yield f"{_cell(part.get('description'))}"
        yield ""
        yield from _section(path, part, schema)


def _parts(described: Object, schema: Object) -> Iterator[tuple[str, Object]]:
    """Yield the sections that a setting holds, with the suffix of their path."""
    resolved = _resolved(described, schema)
    items = resolved.get("items")
    if isinstance(items, dict):
        element = _resolved(items, schema)
        for part in _alternatives(element, schema):
            if "properties" in part:
                yield f"[]{_kind(part)}", part
        return
    for part in _alternatives(resolved, schema):
        if part.get("type") == "object" and "description" in part and "properties" in part:
            yield "", part


def _alternatives(described: Object, schema: Object) -> list[Object]:
    for key in ("oneOf", "anyOf", "allOf"):
        listed = described.get(key)
        if isinstance(listed, list):
            return [_resolved(one, schema) for one in listed if isinstance(one, dict)]
    return [described]


def _resolved(described: Object, schema: Object) -> Object:
    reference = described.get("$ref")
    if not isinstance(reference, str):
        return described
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    found = definitions[reference.rsplit("/", 1)[-1]]
    assert isinstance(found, dict)
    return found


def _kind(part: Object) -> str:
    properties = part.get("properties")
    kind = properties.get("kind") if isinstance(properties, dict) else None
    return f" {kind['const']}" if isinstance(kind, dict) and "const" in kind else ""


def _value(described: Object, schema: Object) -> str:
    """Return how a value is written, in a few words."""
    if "const" in described:
        return f"`{described['const']}`"
    listed = described.get("enum")
    if isinstance(listed, list):
        return ", ".join(f"`{one}`" for one in listed)
    if described.get("title") in ("Secret", "Size", "Duration", "Path", "Address range"):
        return str(described["title"]).lower()
    alternatives = [one for one in _alternatives(described, schema) if one.get("type") != "null"]
    if len(alternatives) == 1 and alternatives[0] is not described:
        return _value(alternatives[0], schema)
    if described.get("type") == "array":
        items = described.get("items")
        return (
            f"list of {_value(_resolved(items, schema), schema)}"
            if isinstance(items, dict)
            else "list"
        )
    words = {
        "string": "text",
        "integer": "number",
        "number": "number",
        "boolean": "`true`, `false`",
        "object": "mapping",
    }
    return words.get(str(described.get("type")), "text")


def _default(described: Object) -> str:
    default = described.get("default")
    if default in (None, "", [], {}):
        return ""
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    return f"`{', '.join(map(str, default))}`" if isinstance(default, list) else f"`{shown}`"


def _objects(value: Json) -> Iterator[tuple[str, Object]]:
    for name, described in (value if isinstance(value, dict) else {}).items():
        if isinstance(described, dict):
            yield name, described


def _cell(text: Json) -> str:
    return " ".join(str(text or "").split()).replace("|", "\\|")
