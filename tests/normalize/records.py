"""Batches and mappings for the tests of this room."""

import json
from datetime import datetime
from functools import lru_cache

import pyarrow as pa

from tests.conftest import PROJECT
from tocsin.normalize import apply, load_mapping, overlay
from tocsin.ocsf import RawBatch, schemas
from tocsin.ocsf.output import event_json
from tocsin.run.content import find_reader

RECEIVED = datetime(2026, 11, 3, 12, 0)
MACROS = (PROJECT / "content" / "functions.sql").read_text("utf-8")


@lru_cache(maxsize=8)
def shipped(name):
    """Return a mapping of content/mappings; a few are kept, as compiling takes a while."""
    path = PROJECT / "content" / "mappings" / f"{name}.yaml"
    return load_mapping(
        path.read_text("utf-8"),
        str(path.relative_to(PROJECT)),
        MACROS,
        find_reader=find_reader,
    )


def batch(source, raws, received=RECEIVED):
    """Return raw records, bytes or things to be written as JSON, as one batch."""
    raws = [raw if isinstance(raw, bytes) else json.dumps(raw).encode() for raw in raws]
    records = pa.table(
        [
            pa.array(raws, pa.binary()),
            pa.array(["feed-1"] * len(raws), pa.string()),
            pa.array(range(len(raws)), pa.int64()),
            pa.array([received] * len(raws), pa.timestamp("us")),
            pa.nulls(len(raws), schemas.RAW.field("header").type),
        ],
        schema=schemas.RAW,
    )
    return RawBatch(source, "test", records, None, None, schemas.REJECTS.empty_table())


def normalized(mapping, *raws, received=RECEIVED):
    """Return what becomes of these records."""
    return apply(mapping, batch(mapping.source, raws, received))


def rows(mapping, *raws):
    """Return the events of these records, all of which must become one."""
    found = normalized(mapping, *raws)
    assert found.rejects.num_rows == 0, found.rejects.column("reason").to_pylist()
    return found.events.to_pylist()


def events(mapping, *raws):
    """Return the OCSF events of these records, all of which must become one."""
    return [event_json(row) for row in rows(mapping, *raws)]


def event(mapping, **record):
    """Return the OCSF event of the mapping's example with these fields replaced."""
    return events(mapping, overlay(mapping.example, record))[0]


def reasons(mapping, *raws, received=RECEIVED):
    """Return the codes of the rejects of these records."""
    found = normalized(mapping, *raws, received=received).rejects.column("reason").to_pylist()
    return [reason.split(":")[0] for reason in found]


SMALL = """
source: test.small
product: {vendor_name: Tests, name: Small}
record:
  id: text
  seen: timestamp
  name: text
  number: integer
  nested: {inner: text}
  things: [{id: text}]
  free: json
accept: name is not null
uid: id
time: seen
event:
  severity: informational
  status: if(number > 0, 'failure', 'success')
  api.operation: name
  api.service.name: nested.inner
  actor.user.name: nested.inner
  src_endpoint.ip: "'192.0.2.1'"
  resources: "list_transform(things, lambda t: {uid: t.id})"
classes:
  - class: authentication
    when: name = 'login'
    activity: logon
    event: {user.name: nested.inner, service.name: "'door'"}
  - class: api_activity
    activity: case when name ^@ 'get' then 'read' else name end
trust: {provider: [id, seen, nested], agent: [number]}
observables: [actor.user.name]
example: {id: a, seen: "2026-11-03T11:00:00Z", name: getIt, number: 0, nested: {inner: alice}}
samples:
  - {name: reads, record: {}, event: {activity_name: Read}}
"""


def small(text=SMALL, macros=""):
    """Return a mapping small enough to be seen whole."""
    return load_mapping(text, "small.yaml", macros, find_reader=find_reader)
