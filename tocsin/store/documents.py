"""Entities, lists and incidents as the JSON text in which the state keeps them."""

import json
from collections.abc import Iterable

import msgspec

from tocsin.errors import StoreError
from tocsin.incidents import Incident

_INCIDENTS = msgspec.json.Decoder(Incident)


def canonical(value: object) -> str:
    """Return JSON that is the same for equal values: sorted names, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def texts(content: str) -> list[str]:
    """Return a list of texts from its JSON."""
    return [str(value) for value in json.loads(content)]


def entity(content: str) -> dict[str, str]:
    """Return one entity as a row of `ocsf.schemas.ENTITY`."""
    return _entity(json.loads(content))


def entities(content: str) -> list[dict[str, str]]:
    """Return entities as rows of `ocsf.schemas.ENTITY`."""
    return [_entity(value) for value in json.loads(content)]


def joined(*lists: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Return each entity once, by type and uid, in order of first appearance."""
    known = {(value["type"], value["uid"]): value for rows in reversed(lists) for value in rows}
    order = dict.fromkeys((value["type"], value["uid"]) for rows in lists for value in rows)
    return [known[key] for key in order]


def incident_text(incident: Incident) -> str:
    """Return an incident as JSON."""
    return msgspec.json.encode(incident).decode()


def incident(content: str) -> Incident:
    """Return the incident of its JSON.

    Raises:
        StoreError: it was not written by `incident_text`.
    """
    try:
        return _INCIDENTS.decode(content)
    except msgspec.MsgspecError as error:
        raise StoreError(f"an incident cannot be read ({error}): run `tocsin fsck`") from error


def _entity(value: dict[str, str | None]) -> dict[str, str]:
    return {name: value.get(name) or "" for name in ("type", "uid", "name")}


def fields(content: str) -> dict[str, str]:
    """Return the values of an object as text, sorted by name."""
    return {str(name): str(value) for name, value in sorted(json.loads(content).items())}
