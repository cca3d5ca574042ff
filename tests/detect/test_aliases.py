"""Rules of others use other names for fields; they are bound to the paths of the source."""

import pytest

from tocsin.conditions.tree import AllOf, AnyOf, Exists, Field, Null, SameAs, Text
from tocsin.detect import LogSources, RuleSet, parse_rules
from tocsin.detect.aliases import Aliases
from tocsin.detect.fields import Event
from tocsin.errors import ContentError

A = (Text(("a",)),)
ALIASES = Aliases(
    {"method": ("call.name",), "who": ("user", "ocsf.actor.user.name"), "device": ("props.device",)}
)
SOURCES = """
sources:
  acme.portal:
    sigma: [{product: acme}]
    fields:
      Method: call.name
      who: [user, ocsf.actor.user.name]
"""
RULE = """
title: Somebody deletes
id: 4b6f2a52-0000-4000-8000-000000000001
logsource: {product: acme}
detection:
  selection: {method: delete, WHO|endswith: example.org}
  blank: {who: null}
  condition: selection and not blank
level: low
"""


def test_one_path_stands_for_an_alias_in_any_letter_case():
    assert ALIASES.resolved(Field("METHOD", A)) == Field("call.name", A)
    assert ALIASES.resolved(Field("call.name", A)) == Field("call.name", A)


def test_any_of_several_paths_may_hold_the_value():
    found = ALIASES.resolved(AllOf((Field("who", A), Exists("method"))))

    either = AnyOf((Field("user", A), Field("ocsf.actor.user.name", A)))
    assert found == AllOf((either, Exists("call.name")))


def test_what_stands_behind_an_alias_stays():
    assert ALIASES.meant_by("Device.trust.Kind") == ("props.device.trust.Kind",)
    assert ALIASES.meant_by("devices") == ()


def test_nothing_is_at_an_alias_only_where_nothing_is_at_any_of_its_paths():
    absent = AllOf((Field("user", (Null(),)), Field("ocsf.actor.user.name", (Null(),))))
    told = (Field("user", A), Field("ocsf.actor.user.name", A))

    assert ALIASES.resolved(Field("who", (Null(),))) == absent
    assert ALIASES.resolved(Field("who", (Null(), *A))) == AnyOf((absent, *told))


def test_both_sides_of_a_comparison_may_be_aliases():
    found = ALIASES.resolved(SameAs("method", "who"))

    assert found == AnyOf(
        (SameAs("call.name", "user"), SameAs("call.name", "ocsf.actor.user.name"))
    )


@pytest.mark.parametrize(
    ("record", "row", "is_match"),
    [
        ({"call": {"name": "DELETE"}, "user": "a@example.org"}, {}, True),
        ({"call": {"name": "delete"}}, {"actor": {"user": {"name": "b@example.org"}}}, True),
        ({"call": {"name": "delete"}}, {}, False),
        ({"method": "delete", "user": "a@example.org"}, {}, False),
    ],
)
def test_a_bound_rule_reads_the_source_s_own_paths(record, row, is_match):
    (rule,) = parse_rules({"rule.yml": RULE}).rules
    rules = RuleSet.build([rule], LogSources.read(SOURCES, "sources.yaml"))

    (bound,) = rules.by_source["acme.portal"]

    assert bound.holds(Event(record, row)) is is_match
    # The index sees the same condition, and rules that correlations and pages show stay as written.
    assert bound.rule.condition != rule.condition
    assert rules.rules == (rule,)


def test_other_files_add_aliases():
    more = "sources: {acme.portal: {fields: {verb: [call.name]}}}"
    sources = LogSources.read(SOURCES, "sources.yaml").with_more(more, "more.yaml")

    aliases = sources.bindings["acme.portal"].aliases
    assert aliases.meant_by("verb") == aliases.meant_by("method") == ("call.name",)


@pytest.mark.parametrize("fields", ["[a]", "{a: {b: c}}", "{a: 1}", "{a: [1]}"])
def test_an_alias_is_a_path_or_a_list_of_paths(fields):
    with pytest.raises(ContentError, match="must be"):
        LogSources.read(f"sources: {{x: {{fields: {fields}}}}}", "sources.yaml")


def test_a_field_that_is_neither_the_source_s_nor_an_alias_is_warned_of():
    sources = LogSources.read(SOURCES, "sources.yaml")
    text = RULE.replace("WHO|endswith", "whom")
    (rule,) = parse_rules({"rule.yml": text}).rules

    problems = sources.lint(
        [rule], {"rule.yml": text}, attack="{}", fields={"acme.portal": ["call.name"]}
    )

    told = [problem.message for problem in problems if "has the field" in problem.message]
    assert len(told) == 1
    assert "'whom'" in told[0]
