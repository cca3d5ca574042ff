"""Columns of entities hold what a plain loop over each finding would give."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.normalize.entities import MAX_NAME, MOST, entity_columns
from tocsin.ocsf import schemas

_TEXTS = st.one_of(st.none(), st.sampled_from(["", "a", "b", "é" * MAX_NAME, "é" * MAX_NAME + "c"]))
_ONE = st.one_of(st.none(), st.fixed_dictionaries({"type": _TEXTS, "uid": _TEXTS, "name": _TEXTS}))
_TOLD = st.lists(st.tuples(st.one_of(st.none(), st.lists(_ONE, max_size=6)), st.sampled_from("x ")))


def plain(told, account):
    distinct = {}
    for each in told or []:
        kind, uid, name = ((each or {}).get(key) or "" for key in ("type", "uid", "name"))
        if kind and uid:
            kept = {"type": kind, "uid": uid[:MAX_NAME], "name": name[:MAX_NAME] or uid[:MAX_NAME]}
            distinct.setdefault((kind, uid[:MAX_NAME]), kept)
    uid = account or "test.source"
    stand_in = {"type": "account" if account else "source", "uid": uid, "name": uid}
    return list(distinct.values())[:MOST] or [stand_in]


def columns(told, accounts):
    array = pa.array(told, pa.list_(schemas.ENTITY))
    found = entity_columns(array, pa.array(accounts, pa.string()), "test.source")
    pairs = zip(found["entity"].to_pylist(), found["links"].to_pylist(), strict=True)
    return [[entity, *links] for entity, links in pairs]


@given(_TOLD)
@settings(deadline=None)
def test_every_finding_has_its_entities_once_and_in_order(rows):
    told, accounts = [row[0] for row in rows], [row[1].strip() for row in rows]
    assert columns(told, accounts) == list(map(plain, told, accounts))


def test_many_entities_are_cut_for_each_finding_by_itself():
    many = [{"type": "host", "uid": f"h{number}", "name": None} for number in range(MOST + 9)]
    told, accounts = [many, many[:2], None, many[5:]], ["", "", "", ""]
    found = columns(told, accounts)
    assert found == list(map(plain, told, accounts))
    assert [len(each) for each in found] == [MOST, 2, 1, MOST]


def test_without_any_list_the_account_or_the_source_is_concerned():
    found = entity_columns(None, pa.array(["111122223333", ""]), "test.source")
    assert [each["type"] for each in found["entity"].to_pylist()] == ["account", "source"]
    assert found["links"].to_pylist() == [[], []]
