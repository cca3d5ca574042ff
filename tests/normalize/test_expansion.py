"""A report becomes one record for each thing that it lists, with what surrounds it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.normalize.records import small
from tocsin.errors import MappingError
from tocsin.normalize import expansion, unwrap
from tocsin.normalize.expansion import written

REPORT = {
    "Name": "shop/web:1.4",
    "Meta": {"os": {"Family": "debian", "EOL": False}, "Layers": ["a", "b"]},
    "Results": [
        {"Target": "debian", "Found": [{"id": "one"}, {"id": "two"}], "Packages": [1, 2, 3]},
        {"Target": "none", "Found": []},
        {"Target": "nothing"},
        {"Target": "app", "Secrets": [{"id": "three"}], "Found": None},
    ],
}
SPEC = written(
    None, ["Results.Found", "Results.Secrets"], ["Name", "Meta.os.Family", "Results.Target"]
)


def records(payload, spec=SPEC):
    payload = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    cut = unwrap(payload, spec)
    assert cut.broken == []
    return [json.loads(raw) for _, raw in cut.records]


def test_each_element_is_a_record_with_what_surrounds_it():
    around = {"Name": "shop/web:1.4", "Meta": {"os": {"Family": "debian"}}}

    assert records(REPORT) == [
        {**around, "Results": {"Target": "debian", "Found": {"id": "one"}}},
        {**around, "Results": {"Target": "debian", "Found": {"id": "two"}}},
        {**around, "Results": {"Target": "app", "Secrets": {"id": "three"}}},
    ]


def test_elements_keep_their_bytes_and_records_have_positions_in_order():
    payload = b'{"Results": [{"Found": [{"id":  1.50, "x":"\\u00e9"}, 7]}]}'

    assert unwrap(payload, SPEC).records == [
        (0, b'{"Results":{"Found":{"id":  1.50, "x":"\\u00e9"}}}'),
        (1, b'{"Results":{"Found":7}}'),
    ]


def test_several_reports_in_lines_or_in_a_list_are_all_read():
    lines = b"\n".join([json.dumps(REPORT).encode()] * 2)

    assert len(records(lines)) == len(records([REPORT, REPORT])) == 6


def test_a_record_of_a_record_is_itself():
    (first, *_) = records(REPORT)

    assert records(first) == [first]


def test_what_is_below_a_path_first_and_listed_then():
    spec = written("records", ["flow.groups.tuples"], ["time", "flow.groups.rule"])
    payload = {
        "records": [
            {"time": 1, "flow": {"groups": [{"rule": "r", "tuples": ["1,2", "3,4"]}]}},
            {"other": 2},
        ]
    }

    assert records(payload, spec) == [
        {"time": 1, "flow": {"groups": {"rule": "r", "tuples": "1,2"}}},
        {"time": 1, "flow": {"groups": {"rule": "r", "tuples": "3,4"}}},
        {"other": 2},
    ]


RULES = [{"id": "r1", "name": "One", "help": "long"}, {"id": "r2", "name": "Two"}, {"name": "x"}, 5]
RUN = {"tool": {"name": "T", "rules": RULES, "more": [{"rules": RULES[1:2]}, 5]}}


@pytest.mark.parametrize(
    ("keep", "element", "expected"),
    [
        ("tool.rules[id=rule].name", {"rule": "r2"}, {"tool": {"rules": [{"name": "Two"}]}}),
        ("tool.rules[id=rule]", {"rule": "r1"}, {"tool": {"rules": [RULES[0]]}}),
        ("tool.rules[id=rule.id].id", {"rule": {"id": "r1"}}, {"tool": {"rules": [{"id": "r1"}]}}),
        ("tool.rules[id=hit.rule].id", {"hit": [{"rule": "r2"}, {"rule": "r1"}, {"rule": "r2"}]},
         {"tool": {"rules": [{"id": "r2"}, {"id": "r1"}]}}),
        ("tool.rules[id=rule].name", {"rule": "r9"}, {"tool": {"rules": []}}),
        ("tool.rules[id=rule].name", {}, {"tool": {"rules": []}}),
        ("tool.rules[id=rule].name", 7, {"tool": {"rules": []}}),
        ("tool.more.rules[id=rule].name", {"rule": "r2"},
         {"tool": {"more": [{"rules": [{"name": "Two"}]}]}}),
        ("tool.rules.id", {}, {"tool": {"rules": [{"id": "r1"}, {"id": "r2"}, {}]}}),
        ("tool.name", {}, {"tool": {"name": "T"}}),
        ("tool.name.of", {}, {"tool": {}}),
        ("absent.name", {}, {}),
    ],
)  # fmt: skip
def test_what_an_element_speaks_of_is_kept_with_it(keep, element, expected):
    spec = written(None, ["runs.results"], [f"runs.{keep}"])

    (record,) = records({"runs": [{**RUN, "results": [element]}]}, spec)

    assert record == {"runs": {**expected, "results": element}}


def test_numbers_name_elements_too():
    spec = written(None, ["hits"], ["parts[id=part].name"])
    payload = {"parts": [{"id": 3, "name": "three"}], "hits": [{"part": 3}]}

    assert records(payload, spec) == [{"parts": [{"name": "three"}], "hits": {"part": 3}}]


@pytest.mark.parametrize(
    "payload", [{"Name": "other"}, {"Results": 5}, {"Results": [5]}, {"Results": [{"Found": "x"}]}]
)
def test_what_is_no_such_report_stays_a_record(payload):
    assert records(payload) == [payload]


def test_what_lists_others_of_its_kind_is_read_as_them():
    spec = written(
        None, ["Results.Found"], ["Cluster", "Kind", "Results.Target"], ["Resources", "More"]
    )
    payload = {
        "Cluster": "shop",
        "Resources": [{"Kind": "Pod", "Skipped": 1, **REPORT}, {"Kind": "Node"}, 5],
        "More": [{"Results": [{"Found": [{"id": "four"}]}]}],
    }

    assert [
        (each["Cluster"], each.get("Kind"), each["Results"]["Found"]["id"])
        for each in records(payload, spec)
    ] == [("shop", "Pod", "one"), ("shop", "Pod", "two"), ("shop", None, "four")]
    assert all("Skipped" not in each for each in records(payload, spec))


def test_nothing_listed_is_no_record():
    assert records({"Results": [{"Found": []}, {}]}) == []


def test_damage_is_given_back():
    cut = unwrap(json.dumps(REPORT).encode()[:-9], SPEC)

    assert cut.records == []
    assert [reason.partition(":")[0] for _, _, reason in cut.broken] == ["not_json"]


def test_long_values_around_elements_are_left_out_of_their_records():
    payload = {**REPORT, "Name": "x" * (expansion.MAX_KEPT_BYTES + 1)}

    assert all("Name" not in record for record in records(payload))


@pytest.mark.parametrize("name", ["MAX_RECORDS", "MAX_OUTPUT_BYTES"])
def test_more_than_is_held_is_given_back_in_one_piece(name, monkeypatch):
    monkeypatch.setattr(expansion, name, 2)
    payload = json.dumps(REPORT).encode()

    cut = unwrap(payload, SPEC)

    assert cut.records == []
    ((_, raw, reason),) = cut.broken
    assert (raw, reason.partition(":")[0]) == (payload, "too_many_values")


JSON = st.recursive(
    st.none() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["Results", "Found", "Name", "id", "rules"]), inner)
    ),
    max_leaves=25,
)
ODD = written(
    "Name", ["Results.Found", "Results"], ["Name", "rules[id=id].Name", "Results.rules[id=Name]"]
)


@given(JSON)
def test_whatever_it_is_records_come_out_that_are_json(value):
    cut = unwrap(json.dumps(value).encode(), ODD)

    assert cut.broken == []
    for _, raw in cut.records:
        json.loads(raw)


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_cut_without_an_error(payload):
    unwrap(payload, ODD)


MAPPING = """
source: test.expanded
product: {vendor_name: Tests, name: Expanded}
unwrap: {path: reports, expand: [Results.Found], keep: [Name]}
record: {Name: text, Results: {Found: {id: text}}}
uid: Results.Found.id
time: "null::timestamp"
event: {api.operation: Name}
classes: [{class: api_activity, activity: other}]
example: {Name: n, Results: {Found: {id: one}}}
"""


def test_a_mapping_says_so():
    mapping = small(MAPPING)

    (record,) = records(
        {"reports": [{"Name": "n", "Results": [{"Found": {"id": "x"}}]}]}, mapping.unwrap
    )

    assert record == {"Name": "n", "Results": {"Found": {"id": "x"}}}


def test_a_report_inside_of_an_object_is_read_with_what_is_kept_around_it():
    spec = written(None, ["Found"], ["verb", "Name"], ["held"])
    held = {"Name": "web", "Found": [{"id": 1}, {"id": 2}], "Other": 1}

    assert records({"verb": "update", "more": 1, "held": held}, spec) == [
        {"verb": "update", "Name": "web", "Found": {"id": 1}},
        {"verb": "update", "Name": "web", "Found": {"id": 2}},
    ]
    assert records({"verb": "delete", "held": {"Name": "web"}}, spec) == [
        {"verb": "delete", "Name": "web"}
    ]
    assert records({"verb": "update", "held": {"Found": []}}, spec) == []
    assert records({"verb": "update", "held": "x"}, spec) == [{"verb": "update", "held": "x"}]


@pytest.mark.parametrize(
    ("unwrap_", "message"),
    [
        ("{path: reports}", "has `path`, `within`, `expand` and `keep`"),
        ("{expand: [a], kept: [b]}", "has `path`, `within`, `expand` and `keep`"),
        ("{expand: [a], keep: ['b[c]']}", "is not a path such as"),
        ("{expand: [a..b]}", "is not a dotted path"),
        ("{expand: a}", "must be a list"),
    ],
)
def test_what_cannot_work_is_refused_with_its_line(unwrap_, message):
    lines = MAPPING.splitlines()
    lines[3] = f"unwrap: {unwrap_}"

    with pytest.raises(MappingError, match=message) as refusal:
        small("\n".join(lines))

    assert refusal.value.location.line == 4
