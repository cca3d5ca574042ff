"""What looks wrong with a rule is a warning with its line."""

import pytest

from tests.detect.rules import CLOUDTRAIL_HEAD, sigma
from tests.detect.tables import LOG_SOURCES
from tocsin.detect import parse_rules

EXAMPLES = "examples: [{name: x, match: true, event: {own: 1}}]\n"
ATTACK = '{"T1078": {"name": "a"}, "T1078.004": {"name": "b"}, "T1002": {"is_retired": true}}'
FIELDS = {"aws.cloudtrail": ["eventName", "userIdentity.arn", "requestParameters.x"]}


def warnings(detection, tail=EXAMPLES, head=CLOUDTRAIL_HEAD):
    text = sigma(detection, head=head, tail=tail)
    parsed = parse_rules({"x.yml": text}, {"names": ("a", "b")})
    assert parsed.problems == ()
    found = LOG_SOURCES.lint(parsed.rules, {"x.yml": text}, attack=ATTACK, fields=FIELDS)
    assert all(problem.is_warning for problem in found)
    return [(problem.location.line, problem.message) for problem in found]


SOUND = "s: {eventName: x}\ncondition: s"


@pytest.mark.parametrize(
    "detection",
    [
        SOUND,
        "s: {userIdentity.userName: x, requestParameters.deep.y: z}\ncondition: s",
        "s: {actor.user.name: x, ocsf.metadata.uid: y, own: z}\ncondition: s",
        "s: {eventName: x}\nt: {eventName: [x, y]}\ncondition: s and t",
        "s: {eventName: x}\nt: {eventName|startswith: y}\ncondition: s and t",
        "s: {eventName: x}\nt: {eventName: y}\ncondition: s or t",
        "s: {eventName: x}\nt: {eventName: y}\ncondition: s and not t",
        "s: {eventName|all: [x, y]}\ncondition: s",
        "s: [word]\ncondition: s",
        "s: {eventName: x, own: y}\nt: {eventName: x, own: z}\ncondition: s and not t",
    ],
)
def test_a_sound_rule_has_no_warning(detection):
    assert warnings(detection) == []


@pytest.mark.parametrize(
    ("detection", "line", "words"),
    [
        ("s:\n  own: 1\n  eventNmae: x\ncondition: s", 8, "did you mean 'eventName'"),
        ("s:\n  own: 1\n  zzz|exists: true\ncondition: s", 8, "'zzz'"),
        ("s:\n  own|fieldref: user.name\ncondition: s", 7, "'user.name'"),
        ("s: {own: 1}\nt: {own: 1, eventName: x}\ncondition: s and t and not s", 8, "negation"),
        ("s: {own: 1}\nt: {eventName: x}\ncondition: s and not 1 of *", 8, "negation"),
        ("s: {eventName: x}\nt: {eventName: [y, z]}\ncondition: s and t", 8, "which only a list"),
        ("s: {eventName: x}\nt: {eventName: null}\ncondition: s and t", 8, "which only a list"),
        ("s: {own: 1}\ncondition: s or (s and not s)", 7, "negation"),
    ],
)
def test_what_looks_wrong_is_named_with_its_line(detection, line, words):
    ((found, message),) = warnings(detection)

    assert found == line
    assert words in message


@pytest.mark.parametrize(
    ("tail", "line", "words"),
    [
        (f"tags: [attack.t1079]\n{EXAMPLES}", 8, "no technique T1079"),
        (f"tags: [attack.t1002]\n{EXAMPLES}", 8, "retired the technique T1002"),
        (f"tags:\n  - attack.t1078\n  - attack.persistance\n{EXAMPLES}", 10, "'persistence'"),
        ("", 1, "no examples"),
    ],
)
def test_tags_and_examples_are_looked_at(tail, line, words):
    ((found, message),) = warnings(SOUND, tail)

    assert found == line
    assert words in message


def test_known_tags_of_every_kind_are_sound():
    tags = "t1078, t1078.004, persistence, defense-evasion, g0001, s0002, ta0003, ds0004"
    named = ", ".join(f"attack.{tag}" for tag in tags.split(", "))

    assert warnings(SOUND, f"tags: [{named}]\n{EXAMPLES}") == []


def test_rules_of_ocsf_paths_and_of_unknown_sources_are_not_asked_for_fields():
    for log_source in ("{category: ocsf}", "{product: windows}"):
        head = CLOUDTRAIL_HEAD.replace("{product: aws, service: cloudtrail}", log_source)

        assert warnings("s: {Image: x}\ncondition: s", head=head) == []
