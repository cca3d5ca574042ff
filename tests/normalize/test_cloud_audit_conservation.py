"""Damaged cloud audit records are events or counted rejects, and every event is valid OCSF."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.normalize.ocsf_schema import problems
from tests.normalize.records import normalized, shipped
from tests.normalize.test_conservation import JSON, ODD, confused, full, paths
from tocsin.ocsf.output import event_json

NAMES = ["gcp.audit", "azure.activity", "azure.entra"]


@pytest.fixture(scope="module", params=NAMES)
def mapping(request):
    return shipped(request.param)


def wrong(found):
    return [p for row in found.events.to_pylist() for p in problems(event_json(row))]


@pytest.mark.parametrize("complete", [False, True])
def test_confusion_of_types_anywhere_loses_no_record(mapping, complete):
    base = full(mapping) if complete else json.loads(json.dumps(mapping.example))
    records = [confused(base, path, odd) for path in paths(base) for odd in ODD]

    found = normalized(mapping, *records)

    assert found.events.num_rows + found.rejects.num_rows == len(records)
    codes = {reason.split(":")[0] for reason in found.rejects.column("reason").to_pylist()}
    assert codes <= {"bad_time", "unrecognized"}
    assert wrong(found) == []


@given(data=st.data())
def test_anything_in_the_place_of_a_field_is_a_valid_event_or_a_reject(mapping, data):
    base = json.loads(json.dumps(data.draw(st.sampled_from(mapping.samples)).record))
    base = {**json.loads(json.dumps(mapping.example)), **base}
    places = data.draw(st.lists(st.sampled_from(sorted(paths(base), key=str)), max_size=3))
    for place in places:
        try:
            base = confused(base, place, data.draw(JSON))
        except (KeyError, IndexError, TypeError):
            continue

    found = normalized(mapping, base)

    assert found.events.num_rows + found.rejects.num_rows == 1
    assert wrong(found) == []
