"""Which form of an event a path is read from is decided by the rule, not by the event."""

from datetime import datetime

import pyarrow as pa
import pytest

from tests.detect.rules import HEAD, matches
from tests.detect.tables import event_table
from tocsin.conditions import lookup, text_of
from tocsin.detect.fields import Columns, Event, EventReader, Row

SCHEMA = pa.schema(
    [
        ("a", pa.struct({"b": pa.string(), "c": pa.int64(), "d": pa.struct({"e": pa.bool_()})})),
        ("n", pa.float64()),
        ("t", pa.timestamp("us")),
        ("l", pa.list_(pa.struct({"x": pa.string()}))),
        ("w", pa.struct({"x.y": pa.string()})),
    ]
)
ALICE = {
    "userIdentity": {"arn": "arn:aws:iam::111122223333:user/alice"},
    "eventName": "StopLogging",
}


def row(**values):
    return Row(Columns(pa.Table.from_pylist([values])), 0)


def test_native_and_shared_ocsf_paths_stand_side_by_side():
    detection = "s: {eventName: StopLogging, actor.user.uid|endswith: user/alice}\ncondition: s"

    assert matches(detection, ALICE) == [True]


def test_a_shared_word_is_not_looked_for_in_the_record():
    assert matches("s: {actor.user.uid: null}\ncondition: s", {"actor": {"user": {"uid": 1}}}) == [
        True
    ]


def test_other_words_are_not_looked_for_in_the_normalized_event():
    assert matches("s: {source: '*'}\ncondition: s", {}, {"source": "x"}) == [False, True]


def test_a_prefix_reaches_every_column():
    assert matches("s: {ocsf.source: aws.cloudtrail}\ncondition: s", {}) == [True]


def test_an_ocsf_rule_reads_the_normalized_event_only():
    head = f"{HEAD}logsource: {{category: ocsf}}\n"
    detection = "s: {api.operation: StopLogging, source: aws.*}\nt: {eventName: '*'}\ncondition: "

    assert matches(f"{detection}s and not t", ALICE, head=head) == [True]


def test_a_source_claims_a_shared_word():
    event = Event({"actor": "native"}, row(actor="normalized"))

    assert EventReader().values("actor")(event) == ["normalized"]
    assert EventReader(native_roots=frozenset({"actor"})).values("actor")(event) == ["native"]


def test_presence_is_asked_of_the_same_form():
    event = Event({"eventName": None}, row(actor={"user": None}, api={"operation": "x"}))

    assert EventReader().presence("eventName")(event)
    assert EventReader().presence("api.operation")(event)
    assert not EventReader().presence("actor.user")(event)


def test_keywords_are_searched_in_the_record():
    event = Event({"a": ["x", {"b": "y"}]}, row(c="z"))

    assert sorted(EventReader().leaves(event)) == ["x", "y"]


def test_a_row_leaves_out_what_is_null_at_every_depth():
    found = row(a={"b": None, "c": {"d": None}}, e=None, f=[{"g": None, "h": 1}])

    assert dict(found) == {"f": [{"h": 1}]}
    assert len(found) == 1
    with pytest.raises(KeyError):
        found["e"]


def test_columns_are_read_once_and_only_when_asked():
    columns = Columns(event_table(ALICE, ALICE))

    assert columns.value("nothing", 0) is None
    assert columns.value("api", 1) == {"operation": "StopLogging"}


@pytest.mark.parametrize(
    "path", ["a.b", "a.c", "a.d.e", "n", "t", "a", "l", "l.x", "none", "a.none", "n.b", "w.x.y"]
)
def test_the_first_text_at_a_path_is_that_of_a_look_up(path):
    # `w` has a field whose name holds a dot.
    rows = [
        {"a": {"b": "", "c": 7, "d": {"e": True}}, "n": 1.5, "l": [{"x": None}, {"x": "y"}]},
        {"a": {"b": "text", "c": None, "d": None}, "t": datetime(2026, 11, 1), "l": []},
        {"a": None, "n": None, "l": None, "w": {"x.y": "z"}},
    ]
    columns = Columns(pa.Table.from_pylist(rows, SCHEMA))

    for place in range(len(rows)):
        one = Row(columns, place)
        texts = [text_of(value) for value in lookup(one, path)]
        assert one.first_text(path) == next(filter(None, texts), "")
