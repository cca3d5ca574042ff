"""pySigma's pipelines change rules before they are read; what leads out of Tocsin is refused."""

import pytest

from tests.detect.rules import HEAD, UID, sigma
from tocsin.conditions import holds
from tocsin.detect import parse_rules
from tocsin.errors import RuleError
from tocsin.run.rule_cache import RuleCache

PROCESS = f"{HEAD}logsource: {{product: windows, category: process_creation}}\n"


def piped(transformations, detection, *, values=None, head=PROCESS, more="", files=None):
    text = f"name: ours\n{more}transformations:\n{transformations}"
    return parse_rules(
        {"x.yml": sigma(detection, head=head), **(files or {})}, values, None, {"p.yml": text}
    )


def answers(transformations, detection, *events, **options):
    result = piped(transformations, detection, **options)
    assert result.problems == ()
    return [holds(result.rules[0].condition, event) for event in events]


MAPPED = "  - {type: field_name_mapping, mapping: {Image: process.path, User: [a, b]}}\n"


@pytest.mark.parametrize(
    ("transformations", "detection", "matching", "others"),
    [
        (
            MAPPED,
            "s: {Image: x}\ncondition: s",
            [{"process": {"path": "X"}}],
            [{"Image": "x"}],
        ),
        (MAPPED, "s: {User: x}\ncondition: s", [{"a": "x"}, {"b": "x"}], [{"User": "x"}]),
        (
            MAPPED,
            "s: {User|contains|all: [x, y]}\ncondition: s",
            [{"a": "yx"}],
            [{"a": "x", "b": "y"}],
        ),
        (
            MAPPED,
            "s: {f|fieldref: Image}\ncondition: s",
            [{"f": "x", "process": {"path": "x"}}],
            [{"f": "x", "Image": "x"}],
        ),
        (MAPPED, "s: {Image|re: '^x'}\ncondition: s", [{"process": {"path": "xy"}}], [{}]),
        (MAPPED, "s: {Image|neq: x}\ncondition: s", [{}], [{"process": {"path": "x"}}]),
        (MAPPED, "s: {Image|exists: true}\ncondition: s", [{"process": {"path": 1}}], [{}]),
        (
            MAPPED,
            "s:\n  - Image: x\n  - other: y\ncondition: s",
            [{"process": {"path": "x"}}, {"other": "y"}],
            [{"Image": "x"}],
        ),
        (
            "  - {type: field_name_mapping, mapping: {null: message}}\n",
            "s: [evil]\ncondition: s",
            [{"message": "an evil word"}],
            [{"other": "evil"}],
        ),
        (
            "  - {type: field_name_prefix, prefix: win.}\n",
            "s: {a: x}\ncondition: s",
            [{"win": {"a": "x"}}],
            [{"a": "x"}],
        ),
        (
            "  - {type: field_name_prefix_mapping, mapping: {win.: w.}}\n",
            "s: {win.a: x}\ncondition: s",
            [{"w": {"a": "x"}}],
            [{"win": {"a": "x"}}],
        ),
        (
            "  - {type: field_name_suffix, suffix: .raw}\n",
            "s: {a: x}\ncondition: s",
            [{"a": {"raw": "x"}}],
            [{"a": "x"}],
        ),
        (
            "  - {type: add_condition, conditions: {host: [one, two]}}\n",
            "s: {a: x}\ncondition: s",
            [{"a": "x", "host": "two"}],
            [{"a": "x"}, {"host": "one"}],
        ),
        (
            "  - {type: add_condition, conditions: {index: '$product'}, template: true}\n",
            "s: {a: x}\ncondition: s",
            [{"a": "x", "index": "windows"}],
            [{"a": "x"}],
        ),
        (
            "  - {type: add_condition, conditions: {host: test}, negated: true}\n",
            "s: {a: x}\ncondition: 1 of s*",
            [{"a": "x", "host": "other"}],
            [{"a": "x", "host": "test"}],
        ),
        (
            "  - type: drop_detection_item\n"
            "    field_name_conditions: [{type: include_fields, fields: [b]}]\n",
            "s: {a: x, b: y}\nt: {b: z}\ncondition: s and not t",
            [{"a": "x"}, {"a": "x", "b": "z"}],
            [{"b": "y"}],
        ),
        (
            "  - type: drop_detection_item\n"
            "    field_name_conditions: [{type: include_fields, fields: [b]}]\n",
            "s1: {a: x}\ns2: {b: y}\ncondition: all of s*",
            [{"a": "x"}],
            [{"b": "y"}],
        ),
        (
            "  - {type: set_value, value: y}\n",
            "s: {a: x}\ncondition: s",
            [{"a": "y"}],
            [{"a": "x"}],
        ),
        (
            "  - {type: map_string, mapping: {x: [y, z]}}\n",
            "s: {a: x}\ncondition: s",
            [{"a": "y"}, {"a": "z"}],
            [{"a": "x"}],
        ),
        (
            "  - {type: replace_string, regex: '^C:', replacement: 'D:'}\n",
            "s: {a: 'C:/x*'}\ncondition: s",
            [{"a": "D:/xy"}],
            [{"a": "C:/x"}],
        ),
        (
            "  - {type: case, method: upper}\n",
            "s: {a|cased: x}\ncondition: s",
            [{"a": "X"}],
            [{"a": "x"}],
        ),
        (
            "  - {type: convert_type, target_type: num}\n",
            "s: {a: '15'}\ncondition: s",
            [{"a": 15}],
            [{"a": "015"}],
        ),
        (
            "  - {type: regex, method: plain}\n",
            "s: {a: 'x*'}\ncondition: s",
            [{"a": "wxy"}],
            [{"a": "X"}],
        ),
        (
            "  - {type: hashes_fields, valid_hash_algos: [MD5], field_prefix: file.}\n",
            f"s: {{Hashes: 'MD5={'a' * 32}'}}\ncondition: s",
            [{"file": {"MD5": "a" * 32}}],
            [{"Hashes": f"MD5={'a' * 32}"}],
        ),
        (
            "  - {type: extract_fields, regex: '(?P<kind>[a-z]+):(?P<uid>[0-9]+)'}\n",
            "s: {a: 'user:15'}\ncondition: s",
            [{"kind": "user", "uid": 15}],
            [{"kind": "user"}, {"a": "user:15"}],
        ),
        (
            "  - type: nest\n    items:\n"
            "      - {type: field_name_mapping, mapping: {a: b}}\n"
            "      - {type: field_name_prefix, prefix: c.}\n",
            "s: {a: x}\ncondition: s",
            [{"c": {"b": "x"}}],
            [{"a": "x"}],
        ),
        (
            "  - type: field_name_prefix\n    prefix: lin.\n"
            "    rule_conditions: [{type: logsource, product: linux}]\n"
            "  - type: field_name_prefix\n    prefix: win.\n"
            "    rule_conditions: [{type: logsource, product: windows}]\n",
            "s: {a: x}\ncondition: s",
            [{"win": {"a": "x"}}],
            [{"lin": {"a": "x"}}, {"a": "x"}],
        ),
        (
            "  - type: field_name_prefix\n    prefix: 'v.'\n"
            "    rule_conditions: {one: {type: contains_field, field: a},"
            " two: {type: tag, tag: attack.t1000}}\n"
            "    rule_cond_expr: one and not two\n",
            "s: {a: x}\ncondition: s",
            [{"v": {"a": "x"}}],
            [{"a": "x"}],
        ),
    ],
)
def test_a_pipeline_changes_what_a_rule_means(transformations, detection, matching, others):
    expected = [True] * len(matching) + [False] * len(others)

    assert answers(transformations, detection, *matching, *others) == expected


def test_a_pipeline_may_change_where_a_rule_looks():
    changed = "  - {type: change_logsource, product: AWS, service: cloudtrail}\n"

    (rule,) = piped(changed, "s: {a: x}\ncondition: s").rules

    assert str(rule.log_source) == "aws/cloudtrail"


def test_values_come_from_the_settings_and_then_from_the_pipeline():
    transformations = "  - {type: value_placeholders}\n"
    more = "vars: {Servers: ['srv*', 'db'], ours: [not used]}\n"
    detection = "s: {a|expand: ['%Servers%', '%ours%']}\nt: {b|expand: '%ours%'}\ncondition: s or t"
    events = [{"a": "srv1"}, {"a": "mine"}, {"b": "mine"}, {"a": "not used"}, {"b": "db"}]

    found = answers(transformations, detection, *events, values={"ours": ("mine",)}, more=more)

    assert found == [True, False, True, True, False]


def test_a_placeholder_that_the_pipeline_leaves_is_named():
    (problem,) = piped("  - {type: case}\n", "s: {a|expand: '%who%'}\ncondition: s").problems

    assert "placeholder %who% has no values; give it some" in str(problem)
    assert answers(
        "  - {type: wildcard_placeholders}\n",
        "s: {a|expand: 'x%who%'}\ncondition: s",
        {"a": "xy"},
        {"a": "y"},
    ) == [True, False]


def test_pipelines_are_applied_in_order_of_their_priority():
    pipelines = {
        "a.yml": "priority: 20\ntransformations: [{type: field_name_suffix, suffix: .late}]\n",
        "b.yml": "priority: 10\ntransformations: [{type: field_name_suffix, suffix: .soon}]\n",
    }

    (rule,) = parse_rules({"x.yml": sigma("s: {a: 1}\ncondition: s")}, None, None, pipelines).rules

    assert rule.condition.path == "a.soon.late"


def test_filters_are_changed_as_rules_are():
    sieve = (
        "title: F\nlogsource: {product: windows}\n"
        f"filter: {{rules: [{UID}], s: {{Image: evil}}, condition: not s}}\n"
    )
    detection = "s: {a: x}\ncondition: s"
    events = [{"a": "x", "process": {"path": name}} for name in ("evil", "good")]

    assert answers(MAPPED, detection, *events, files={"f.yml": sieve}) == [False, True]


def test_another_pipeline_makes_another_version():
    versions = {
        piped(f"  - {{type: case, method: {method}}}\n", "s: {a: x}\ncondition: s").rules[0].version
        for method in ("lower", "upper")
    }

    assert len(versions) == 2


def test_a_pipeline_may_refuse_a_rule_with_its_own_words():
    failing = (
        "  - type: rule_failure\n    message: Not in our house.\n"
        "    rule_conditions: [{type: logsource, product: windows}]\n"
    )

    (problem,) = piped(failing, "s: {a: x}\ncondition: s").problems

    assert str(problem).startswith("x.yml:7: a pipeline refuses the rule: Not in our house.")


def test_a_rule_of_which_nothing_is_left_is_refused():
    (problem,) = piped("  - {type: drop_detection_item}\n", "s: {a: x}\ncondition: s").problems

    assert "pipelines leave nothing of the condition" in str(problem)


def refusal(text):
    with pytest.raises(RuleError) as raised:
        parse_rules({"x.yml": sigma("s: {a: x}\ncondition: s")}, None, None, {"p.yml": text})
    assert "\n" not in str(raised.value)
    return str(raised.value)


def item(kind, **more):
    keys = "".join(f"\n    {key}: {value}" for key, value in more.items())
    return f"name: n\ntransformations:\n  - {{type: case}}\n  - type: {kind}{keys}\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (item("file_placeholders", path="/etc/passwd"), 4, "would read a file"),
        (item("http_placeholders", url="http://192.0.2.1/"), 4, "would download"),
        (item("command_placeholders", command="[id]"), 4, "would run a program"),
        (item("query_expression_placeholders", expression="x"), 4, "writes queries"),
        (item("field_name_transform", mapping="{}"), 4, "call Python"),
        (item("nest", items="[{type: command_placeholders}]"), 5, "would run a program"),
        (item("nest", items="[{type: nest, items: [{type: http_placeholders}]}]"), 5, "download"),
        (item("field_name_maping"), 4, "did you mean 'field_name_mapping'"),
        (item("field_name_mapping", mapping="[a]"), 5, "must be a mapping"),
        (item("field_name_mapping", mapping="{a: {b: c}}"), 5, "must be a list"),
        (item("field_name_mapping"), 4, "must be a mapping"),
        (item("field_name_prefix", nope="x"), 4, "nope"),
        (item("replace_string", regex="'('", replacement="x"), 4, "cannot be used"),
        (item("replace_string", regex="'(?=x)'", replacement="x"), 4, "cannot be used"),
        (item("case", rule_conditions="[{type: nope}]"), 4, "nope"),
        (item("case", rule_conditions="nope"), 4, "list or dict"),
        (item("case", method="nope"), 4, "nope"),
        (item("case", detection_item_conditions="[{type: match_string, pattern: '('}]"), 4, "used"),
        ("name: n\npostprocessing: [{type: template, template: x}]\n", 2, "changes queries"),
        ("name: n\nfinalizers: [{type: concat}]\n", 2, "changes queries"),
        ("name: n\ntransformatons: []\n", 2, "did you mean 'transformations'"),
        ("name: n\npriority: high\n", 2, "whole number"),
        ("name: n\nvars: [x]\n", 2, "must be a mapping"),
        ("name: n\ntransformations: {}\n", 2, "must be a list"),
        ("- a\n", 1, "must be a mapping"),
        ("name: [\n", 2, "not YAML"),
        ("name: !!python/object/apply:os.system [id]\n", 1, "tags"),
        ("", 1, "must be a mapping"),
    ],
)
def test_a_pipeline_that_is_wrong_is_one_line(text, line, words, capfd):
    told = refusal(text)

    assert told.startswith(f"p.yml:{line}: ")
    assert words in told
    assert capfd.readouterr().err == ""


def test_every_transformation_of_pysigma_is_either_applied_or_refused():
    from sigma.processing.transformations import transformations

    from tocsin.detect.formats.sigma_pipeline import REFUSED, TRANSFORMATIONS

    assert set(TRANSFORMATIONS) | REFUSED.keys() == set(transformations)


def test_what_was_read_with_a_pipeline_is_kept_for_that_pipeline(tmp_path):
    files = {"x.yml": sigma("s: {a: 1}\ncondition: s")}
    paths = []
    for name in ("b", "c", "b"):
        pipelines = {
            "p.yml": f"transformations: [{{type: field_name_mapping, mapping: {{a: {name}}}}}]\n"
        }
        cache = RuleCache(tmp_path, {}, pipelines)
        parsed = parse_rules(files, None, cache, pipelines)
        cache.save()
        paths.append(parsed.rules[0].condition.path)

    assert paths == ["b", "c", "b"]
