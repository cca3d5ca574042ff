"""What is read of a document is what DuckDB reads one path at a time, and it is parsed once."""

import duckdb
import msgspec
import pytest

from tests.normalize.records import SMALL, events, small

PATHS = ("a", "$.b.c", "$.b.d[1]", "'quoted", "zz")
DOCUMENTS = (
    {"a": "x", "b": {"c": 1.50, "d": [True, "y"]}, "'quoted": "z"},
    {"a": None, "b": "text"},
    {"a": {"inner": ["é", None]}},
    ["a"],
    "a",
    None,
)
READ = ", ".join("free->>'{}'".format(path.replace("'", "''")) for path in PATHS)
ALL = f"concat_ws('|', {READ})"


def reading(expression, text=SMALL):
    """Return a mapping that shows the value of an expression as the operation."""
    quoted = msgspec.json.encode(expression).decode()
    return small(text.replace("api.operation: name", f"api.operation: {quoted}"))


def spoken(mapping):
    records = [
        {**mapping.example, "name": "put", "free": document, "number": number}
        for number, document in enumerate(DOCUMENTS)
    ]
    return [event["api"]["operation"] for event in events(mapping, *records)]


def read_by_duckdb():
    with duckdb.connect() as connection:
        query = f"SELECT {ALL} FROM (SELECT ?::JSON AS free)"
        texts = [msgspec.json.encode(document).decode() for document in DOCUMENTS]
        return [connection.execute(query, [text]).fetchone()[0] for text in texts]


def test_values_of_a_document_are_those_of_single_paths():
    mapping = reading(ALL)

    assert spoken(mapping) == read_by_duckdb()
    assert "->>" not in mapping._sql


def test_a_derived_name_of_documents_is_one():
    derived = "derived:\n  chosen: coalesce(free, null)\nevent:"
    mapping = reading(ALL.replace("free", "chosen"), SMALL.replace("event:", derived, 1))

    assert spoken(mapping) == read_by_duckdb()
    assert "->>" not in mapping._sql


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("case free->>'a' when 'x' then 'one' when 'y' then free->>'$.b.c' else 'two' end", "one"),
        ("list_transform(['{\"a\": 7}'], lambda free: free->>'a')[1] || (free->>'a')", "7x"),
        ("coalesce(free->>'$.b.*', [free->>'a'])[2]", "text"),
        ("'é' || (free ->> 'a') || (free->>'a')", "éxx"),
    ],
)
def test_only_reads_of_one_value_of_the_document_are_replaced(expression, expected):
    mapping = reading(expression)
    record = {**mapping.example, "free": {"a": "x", "b": {"c": "y", "d": "text"}}}

    assert events(mapping, record)[0]["api"]["operation"] == expected


def test_trust_does_not_know_of_the_columns(tiny):
    text = SMALL.replace("nested]", "nested, free]")

    assert reading(ALL, text).event_trust["api.operation"] == "provider"
    assert reading(ALL).event_trust["api.operation"] == "attacker"


def test_classes_with_equal_values_share_them():
    text = SMALL.replace("'door'\"}", "'door'\", message: name}")
    text = text.replace("else name end", "else name end\n    event: {message: name}")
    mapping = small(text)
    records = [{**mapping.example, "name": name} for name in ("login", "put")]

    assert [event["message"] for event in events(mapping, *records)] == ["login", "put"]
    assert 'TRY_CAST((name\n) AS VARCHAR) AS "message"' in mapping._sql
