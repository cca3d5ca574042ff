"""A mapping file is checked when it is loaded: every mistake has its line and a remedy."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.normalize.records import SMALL, reasons, rows, small
from tocsin.errors import MappingError
from tocsin.normalize import load_mapping


def refused(text, macros=""):
    with pytest.raises(MappingError) as caught:
        load_mapping(text, "small.yaml", macros)
    assert caught.value.location.file in ("small.yaml", "content/functions.sql")
    return caught.value


def test_a_mapping_says_what_it_reads(tiny):
    assert tiny.source == "test.small"
    assert tiny.unwrap is None
    assert tiny.fields == ("id", "seen", "name", "number", "nested.inner", "things.id", "free")
    assert tiny.example["nested"] == {"inner": "alice"}
    assert [sample.name for sample in tiny.samples] == ["reads"]


def test_bare_fields_are_pairs_in_both_directions(tiny):
    assert tiny.pairs["api.operation"] == "name"
    assert tiny.pairs["actor.user.name"] == "nested.inner"
    assert "user.name" not in tiny.pairs


def test_a_value_is_trusted_as_little_as_the_least_of_its_inputs(tiny):
    assert tiny.trust == {
        "id": "provider",
        "seen": "provider",
        "nested": "provider",
        "number": "agent",
    }
    assert tiny.event_trust["actor.user.name"] == "provider"
    assert tiny.event_trust["api.operation"] == "attacker"
    assert tiny.event_trust["src_endpoint.ip"] == "provider"


ELSEWHERE = "another line"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("api.operation: name", "api.operation: nam", "did you mean name"),
        ("api.operation: name", "api.operation: nested.other", "not declared"),
        ("api.operation: name", "api.operation: NAME", "unknown field"),
        ("api.operation: name", "api.operatoin: name", "did you mean operation"),
        ("api.operation: name", "resources.zzz: name", "unknown attribute of resource_details"),
        ("api.operation: name", "class_uid: number", "set by Tocsin"),
        ("api.operation: name", "metadata.version: name", "set by Tocsin"),
        ("api.operation: name", "api.operation: lowr(name)", "did you mean lower"),
        ("api.operation: name", "api.operation: (name", "syntax error"),
        ("api.operation: name", "api.operation: name, name", "not allowed"),
        ("api.operation: name", "api.operation: [name]", "must be text"),
        ("class: authentication", "class: authenticaton", "did you mean authentication"),
        ("class: authentication", "class: base_event", "base event"),
        ("activity: logon", "activity: login", "logon"),
        ("'failure', 'success')", "'failed', 'success')", "did you mean failure"),
        ("if(number > 0, 'failure', 'success')", "if(number > 0, name, things)", "Cannot"),
        ("api.operation: name", "api.operation: len(number)", "len"),
        ("when: name = 'login'", "when: things > 5", "compare"),
        ("api.operation: name", "api.operation: select", 'like "select"'),
        ("severity: informational", "severity: urgent", "unknown severity"),
        ("lambda t: {uid: t.id}", "lambda t: {uidd: t.id}", "did you mean uid"),
        ("lambda t: {uid: t.id}", "lambda t: t.id", "must be an object"),
        ('"list_transform(things, lambda t: {uid: t.id})"', "'{uid: name}'", "must be a list"),
        ("provider: [id, seen, nested]", "provider: [idd]", "not declared"),
        ("agent: [number]", "agnt: [number]", "provider, agent"),
        ("observables: [actor.user.name]", "observables: [actor.user.uid]", "not filled"),
        ("observables: [actor.user.name]", "observables: [api.operation]", "no kind"),
        ("  number: integer", "  number: int", "a field is one of"),
        ("{inner: text}", "{inner: timestamp}", "field of the record itself"),
        ("  number: integer", "  NAME: integer", "differ only in case"),
        ("  number: integer", '  "a b": integer', "cannot be used"),
        ("source: test.small", "sources: test.small", "unknown key"),
        ("source: test.small", "source: [a]", "must be text"),
        (
            "event: {user.name: nested.inner, service.name: \"'door'\"}",
            "event: {status: name}",
            "belongs under the common",
        ),
        ("event: {user.name: nested.inner, service.name: \"'door'\"}", "other: 1", "a class has"),
        ("samples:", "derived: {name: number}\nsamples:", "taken"),
        ("samples:", 'derived: {extra: "things + 1"}\nsamples:', "+(STRUCT"),
        ("uid: id", "uid: coalesce(things, 1)", "Cannot"),
        ("{name: reads, record: {}, event: {activity_name: Read}}", "{name: x}", "a sample has"),
    ],
)
def test_mistakes_have_their_line_and_a_remedy(old, new, words):
    text = SMALL.replace(old, new, 1)
    lines = text.splitlines()

    error = refused(text)

    assert words in str(error)
    changed = [number for number, line in enumerate(lines, 1) if new.splitlines()[0] in line]
    assert error.location.line in (changed[0], changed[0] - 1)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("uid: id\n", "", "'uid' is missing"),
        ("    when: name = 'login'\n", "", "the last class, and only the last"),
        ("api.operation: name", "api: name", "lies inside 'api'"),
        ("example: {", "example: x\nzzz: {", "unknown key 'zzz'"),
    ],
)
def test_mistakes_of_the_whole_name_the_file(old, new, words):
    text = SMALL.replace(old, new, 1)
    assert text != SMALL

    assert words in str(refused(text))


def test_derived_names_may_use_each_other_and_are_traced_to_their_fields():
    derived = "derived: {first: lower(nested.inner), second: first || name}\nsamples:"
    text = SMALL.replace("samples:", derived).replace(
        "api.operation: name", "api.operation: second"
    )

    mapping = small(text)

    assert mapping.event_trust["api.operation"] == "attacker"
    assert "api.operation" not in mapping.pairs


def test_profiles_are_declared_by_every_event():
    text = SMALL.replace("source: test.small", "source: test.small\nprofiles: [cloud]")

    assert "profiles" in {field.name for field in small(text).schema.field("metadata").type}
    with pytest.raises(MappingError, match="set by Tocsin"):
        small(text.replace("api.operation: name", "metadata.profiles: '[name]'"))


def test_an_expression_has_a_length():
    expression = "concat(" + "name, " * 5_000 + "name)"

    assert "too long" in str(refused(SMALL.replace("uid: id", f"uid: {expression}")))


@pytest.mark.parametrize(
    "expression",
    [
        "(select 1)",
        "random()",
        "uuid()",
        "now()",
        "current_date",
        "current_setting('threads')",
        "getenv('HOME')",
        "read_text('/etc/passwd')",
        "repeat('x', 2000000000)",
        "count(*)",
        "row_number() over ()",
        "$1",
        "*",
        "columns(*)",
        "name COLLATE nocase",
        "name::blob",
        "free->'a'",
        "name /* x */; drop table feed",
        "name from feed",
        "1) from feed where (1=1",
        "main.lower(name)",
        "nextval('x')",
    ],
)
def test_an_expression_sees_nothing_but_the_record(expression):
    text = SMALL.replace("api.operation: name", f"api.operation: >-\n    {expression}")

    with pytest.raises(MappingError):
        small(text)


def test_a_comment_in_an_expression_does_not_swallow_what_follows():
    mapping = small(SMALL.replace("api.operation: name", 'api.operation: "name -- its name"'))

    assert mapping.source == "test.small"


def test_macros_are_functions_of_mappings():
    text = SMALL.replace("api.operation: name", "api.operation: shout(name)")

    assert small(text, "CREATE MACRO shout(value) AS upper(value) || '!';").source == "test.small"
    with pytest.raises(MappingError, match="'shout' is not allowed"):
        small(text)


@pytest.mark.parametrize(
    ("macros", "line", "words"),
    [
        ("CREATE MACRO a(x) AS x;\nCREATE TABLE t(x int);", 2, "CREATE MACRO name"),
        ("-- one; two\n\nCREATE MACRO a(x) AS random();", 3, "'random' is not allowed"),
        ("CREATE MACRO a(x) AS y;", 1, "unknown field 'y'"),
        ("CREATE MACRO a(x) AS TABLE select 1;", 1, ""),
    ],
)
def test_macros_are_checked_like_expressions(macros, line, words):
    error = refused(SMALL, macros)

    assert words in str(error)
    assert str(error.location) == f"content/functions.sql:{line}"


def test_a_reader_of_lines_beside_expand_is_refused_and_one_of_json_is_not():
    text = SMALL.replace("record:", "READER\nunwrap: {expand: [things]}\nrecord:", 1)

    with pytest.raises(MappingError, match="'syslog' reads lines of text") as caught:
        small(text.replace("READER", "reader: syslog"))
    assert caught.value.location.line == 4
    assert small(text.replace("READER", "reader: kubernetes_audit")).reader is not None


@pytest.mark.parametrize(
    ("time", "name"),
    [
        ("""'"event.seen"'""", "event.seen"),
        ("""try_cast("event.other" as timestamp)""", "event.other"),
    ],
)
def test_the_time_may_be_a_field_whose_name_has_dots(time, name):
    text = SMALL.replace("seen: timestamp", "event.seen: timestamp\n  event.other: text")
    text = text.replace("[id, seen, nested]", "[id]").replace("time: seen", f"time: {time}")
    mapping = small(text)
    record = {"id": "a", "name": "getIt", name: "2026-11-03T10:00:00"}

    [row] = rows(mapping, record)
    [unsaid] = rows(mapping, {"id": "a", "name": "getIt"})

    assert row["time"].isoformat() == "2026-11-03T10:00:00"
    assert unsaid["flags"] == ["no_time"]
    assert reasons(mapping, record | {name: "soon"}) == ["bad_time"]


def test_a_deep_expression_is_refused_and_not_a_crash():
    expression = "(" * 5000 + "name" + ")" * 5000

    refused(SMALL.replace("api.operation: name", f"api.operation: {expression}"))


@settings(max_examples=80)
@given(
    line=st.integers(0, len(SMALL.splitlines()) - 1),
    column=st.integers(0, 60),
    length=st.integers(0, 12),
    text=st.sampled_from(
        ["", "x", "'", '"', "(", ")", "{", "]", ":", "- ", ",", "null", "5", " ", "*"]
    ),
)
def test_any_damage_to_a_mapping_is_one_error_with_its_place(line, column, length, text):
    lines = SMALL.splitlines()
    lines[line] = lines[line][:column] + text + lines[line][column + length :]

    try:
        small("\n".join(lines))
    except MappingError as error:
        assert error.location.file == "small.yaml"
        assert "\n" not in str(error)
