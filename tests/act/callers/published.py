"""Google's discovery documents: what its interfaces take, as the vendor's own client reads it.

They come with `google-api-python-client`; each names every method, its path, its queries and the
shape of its body. A request that has anything which the document lacks is a misfit.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import unquote

DOCUMENTS = {
    "cloudresourcemanager": "cloudresourcemanager.v3",
    "compute": "compute.v1",
    "dns": "dns.v1",
    "iam": "iam.v1",
    "logging": "logging.v2",
    "run": "run.v2",
    "storage": "storage.v1",
}
"""By the name of the service that our calls give."""

_PARAMETER = re.compile(r"\{\+?(\w+)\}")
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
    "any": (object,),
}


@dataclass(frozen=True)
class Method:
    """One method of a document: which paths it has, and what it takes."""

    id: str
    verb: str
    path: re.Pattern[str]
    about: Mapping[str, Any]
    schemas: Mapping[str, Any]
    common: Mapping[str, Any]

    def misfits(self, path: str, query: Mapping[str, str], body: Any) -> Iterator[str]:
        known = self.about.get("parameters", {})
        found = self.path.fullmatch(path)
        for name, value in (found.groupdict() if found else {}).items():
            yield from _text(unquote(value), known.get(name, {}), name)
        asked = {name: each for name, each in known.items() if each["location"] == "query"}
        for name, value in query.items():
            if name in asked or name in self.common:
                yield from _text(value, asked.get(name, {}), name)
            else:
                yield f"query {name} is unknown"
        needed = {name for name, each in asked.items() if each.get("required")}
        yield from (f"query {name} is missing" for name in sorted(needed - query.keys()))
        wanted = self.about.get("request")
        if wanted is not None:
            yield from self.shape({} if body is None else body, wanted, "body")
        elif body is not None:
            yield "it takes no body"

    def shape(self, value: Any, schema: Mapping[str, Any], where: str) -> Iterator[str]:
        if "$ref" in schema:
            schema = self.schemas[schema["$ref"]]
        kinds = _TYPES[schema["type"]]
        # Python takes a boolean for a number.
        if not isinstance(value, kinds) or (isinstance(value, bool) and int in kinds):
            yield f"{where} is no {schema['type']}"
            return
        if isinstance(value, dict):
            yield from self.object(value, schema, where)
        elif isinstance(value, list):
            for each in value:
                yield from self.shape(each, schema["items"], f"{where}[]")
        elif isinstance(value, str):
            yield from _text(value, schema, where)

    def object(self, value: Any, schema: Mapping[str, Any], where: str) -> Iterator[str]:
        known = schema.get("properties", {})
        others = schema.get("additionalProperties")
        for name, each in value.items():
            if name in known:
                yield from self.shape(each, known[name], f"{where}.{name}")
            elif others is not None:
                yield from self.shape(each, others, f"{where}.{name}")
            else:
                yield f"{where}.{name} is unknown"
        for name, each in known.items():
            if self.id in each.get("annotations", {}).get("required", ()) and name not in value:
                yield f"{where}.{name} is missing"


def misfits(verb: str, path: str, query: Mapping[str, str], body: Any, service: str = "") -> str:
    """Return what of a request no document has; "" where one has all of it."""
    services = [service] if service else list(DOCUMENTS)
    fits = [
        each
        for name in services
        for each in _methods(name)
        if each.verb == verb and each.path.fullmatch(path)
    ]
    if not fits:
        return f"no method of {service or 'any service'} has {verb} {path}"
    answers = ["; ".join(each.misfits(path, query, body)) for each in fits]
    return min(answers, key=len)


def _text(value: str, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    allowed = schema.get("enum")
    if allowed and value not in allowed:
        yield f"{where} is none of {', '.join(allowed)}"
    pattern = schema.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        yield f"{where} is not like {pattern}"
    if schema.get("format") in ("int32", "int64", "uint32", "uint64") and not re.fullmatch(
        r"-?\d+", value
    ):
        yield f"{where} is no number"


@cache
def _methods(service: str) -> tuple[Method, ...]:
    folder = files("googleapiclient") / "discovery_cache" / "documents"
    document = json.loads((folder / f"{DOCUMENTS[service]}.json").read_text())
    return tuple(_of(document, document))


def _of(document: Mapping[str, Any], inside: Mapping[str, Any]) -> Iterator[Method]:
    for about in inside.get("methods", {}).values():
        text = document["servicePath"] + about.get("flatPath", about["path"])
        # What is neither a name nor a slash is meant as it stands.
        parts = _PARAMETER.split(f"/{text}")
        literal = [re.escape(part) for part in parts[::2]]
        names = [f"(?P<{name}>[^/:]+)" for name in parts[1::2]]
        path = "".join(a + b for a, b in zip(literal, [*names, ""], strict=True))
        yield Method(
            about["id"],
            about["httpMethod"],
            re.compile(path),
            about,
            document["schemas"],
            document["parameters"],
        )
    for each in inside.get("resources", {}).values():
        yield from _of(document, each)
