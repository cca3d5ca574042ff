"""Reports of which every listed thing is a record: as files, as lines, as bodies."""

import json

import pytest

from tests.collect.test_documents import blocks
from tests.collect.test_following import Watch, append
from tocsin.collect import cutting
from tocsin.collect.cutting import Place, cut, cut_body
from tocsin.normalize.expansion import written

SPEC = written(None, ["Results.Found"], ["Name"])


def report(name, *numbers):
    return {"Name": name, "Results": [{"Found": [{"id": number} for number in numbers]}]}


def told(raws):
    records = map(json.loads, raws)
    return [(each["Name"], each["Results"]["Found"]["id"]) for each in records]


ONE, TWO = report("one", 1, 2), report("two", 3)
EXPECTED = [("one", 1), ("one", 2), ("two", 3)]
SHAPES = [
    json.dumps(ONE) + "\n" + json.dumps(TWO),
    json.dumps(ONE) + "\n" + json.dumps(TWO) + "\n",
    json.dumps([ONE, TWO]),
    json.dumps([ONE, TWO], indent=2),
    json.dumps(ONE, indent=2) + "\n" + json.dumps(TWO, indent=2),
]


@pytest.mark.parametrize("text", SHAPES)
def test_reports_of_any_shape_are_expanded(text):
    spans = cut(lambda at: blocks(text.encode()[at:], 64), Place("f", SPEC))

    assert told(raw for span in spans for raw in span.raws) == EXPECTED


@pytest.mark.parametrize("text", SHAPES)
def test_bodies_are_expanded(text):
    found = cut_body(text.encode(), SPEC, 10)

    assert found is not None
    assert told(found.raws) == EXPECTED


def test_a_body_of_more_records_than_it_may_have_is_too_much():
    assert cut_body(json.dumps(ONE).encode(), SPEC, 1) is None


def test_reading_goes_on_behind_a_line_that_is_done():
    text = (json.dumps(ONE) + "\n" + json.dumps(TWO)).encode()
    resume = text.index(b"\n") + 1

    spans = cut(lambda at: blocks(text[at:]), Place("f", SPEC, resume))

    assert told(raw for span in spans for raw in span.raws) == EXPECTED[2:]


def test_lines_that_come_to_a_followed_file_are_expanded(tmp_path):
    path = tmp_path / "reports.json"
    append(path, json.dumps(ONE).encode() + b"\n")
    watch = Watch(path)
    watch._settings = type(watch._settings)("r", "test.reports", (str(path),), SPEC, follow=True)

    watch.run(lambda: append(path, json.dumps(TWO).encode() + b"\n"), lambda: None)

    assert told(watch.raws) == EXPECTED


def test_a_report_longer_than_is_held_is_one_reject(monkeypatch):
    monkeypatch.setattr(cutting, "MAX_REPORT_BYTES", 500)
    text = json.dumps(report("one", *range(100)), indent=1).encode()

    (span,) = cut(lambda at: blocks(text[at:], 100), Place("f", SPEC))

    assert (list(span.raws), len(span.rejects)) == ([], 1)
    assert span.rejects[0].reason.startswith("too_long:")
    assert span.rejects[0].size_bytes == len(text)


def test_a_broken_line_does_not_take_its_neighbors_along():
    lines = [json.dumps(ONE), '{"Name": oops', json.dumps(TWO), ""]
    spans = list(cut(lambda at: blocks("\n".join(lines).encode()[at:]), Place("f", SPEC)))

    assert told(raw for span in spans for raw in span.raws) == EXPECTED
    assert [row.reason.partition(":")[0] for span in spans for row in span.rejects] == ["not_json"]
