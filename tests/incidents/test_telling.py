"""Stories in plain words."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.incidents import Incident, telling
from tocsin.incidents.telling import FORMS, Clue, Deed, tell
from tocsin.ocsf import Entity

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ALICE = Entity("user", "AIDAEXAMPLE", "alice")


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def incident(*entities: Entity, lasted: float = 60) -> Incident:
    return Incident(
        uid="inc_1",
        title="A title",
        status="New",
        severity_id=4,
        risk_score=70,
        risk_reasons=(),
        entities=entities or (ALICE,),
        accounts=("111122223333",),
        finding_uids=(),
        rule_uids=(),
        tactics=(),
        techniques=(),
        first_time=NOON,
        last_time=at(lasted),
        opened_time=NOON,
        updated_time=NOON,
        finding_count=1,
        match_count=1,
    )


def clue(name: str, minutes: float = 0, **values: object) -> Clue:
    known: dict[str, object] = {
        "uid": f"fnd_{name}_{minutes}",
        "rule_uid": name,
        "title": f"Rule {name}",
        "description": "",
        "severity_id": 3,
        "tactics": (),
        "time": at(minutes),
        "last_time": at(minutes),
        "count": 1,
        "entity": ALICE,
    }
    return Clue(**{**known, **values})  # type: ignore[arg-type]


def deed(of: Clue, **values: object) -> Deed:
    known: dict[str, object] = {
        "finding_uid": of.uid,
        "time": of.time,
        "last_time": of.time,
        "count": 1,
        "operation": "GetSecretValue",
        "status": "Success",
        "actor": "alice",
        "address": "203.0.113.9",
        "targets": ("prod/db",),
    }
    return Deed(**{**known, **values})  # type: ignore[arg-type]


def texts(kind: str, *clues: Clue, deeds: tuple[Deed, ...] = ()) -> list[str]:
    return [line.text for line in tell(incident(), clues, deeds) if line.kind == kind]


def test_the_first_line_tells_who_what_whence_and_when():
    secrets = clue("secrets")

    (whole,) = texts("whole", secrets, deeds=(deed(secrets),))

    assert whole == (
        "On 2026-11-23 12:00 UTC alice, coming from 203.0.113.9, set off one rule: Rule secrets. "
        "It touched prod/db."
    )


def test_of_several_rules_the_gravest_is_named():
    (whole,) = texts("whole", clue("first"), clue("grave", 5, severity_id=5), clue("last", 9))

    assert whole == (
        "Between 2026-11-23 12:00 and 13:00 UTC alice set off 3 rules; the gravest: Rule grave."
    )


def test_steps_come_in_order_of_time_whatever_the_order_of_findings():
    steps = texts("step", clue("late", 30), clue("early", 1), clue("middle", 9))

    assert [step.split(".")[0] for step in steps] == ["Rule early", "Rule middle", "Rule late"]


def test_repeated_steps_are_one_and_counted():
    steps = texts("step", clue("same", 1, count=3), clue("same", 20, count=4))

    assert steps == ["Rule same. It is about alice. It matched 7 times until 12:20."]


def test_the_same_rule_about_another_entity_is_a_step_of_its_own():
    bob = Entity("user", "AIDAOTHER", "bob")

    assert len(texts("step", clue("same"), clue("same", 1, entity=bob))) == 2


def test_a_step_tells_who_did_what_to_which_thing_from_where():
    secrets = clue("secrets")

    (step,) = texts("step", secrets, deeds=(deed(secrets),))

    assert step == ("Rule secrets. alice did GetSecretValue to prod/db from 203.0.113.9.")


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ({"address": ""}, "alice did GetSecretValue to prod/db."),
        ({"targets": ()}, "alice did GetSecretValue from 203.0.113.9."),
        ({"targets": (), "address": ""}, "alice did GetSecretValue."),
        ({"operation": ""}, "It is about alice."),
    ],
)
def test_what_events_do_not_say_is_left_out(missing, expected):
    secrets = clue("secrets")

    (step,) = texts("step", secrets, deeds=(deed(secrets, **missing),))

    assert step == f"Rule secrets. {expected}"


def test_many_names_are_counted():
    secrets = clue("secrets")
    targets = tuple(f"secret-{number}" for number in range(9))

    (step,) = texts("step", secrets, deeds=(deed(secrets, targets=targets),))

    assert "to secret-0, secret-1, secret-2 and 6 more from" in step


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("Failure", "Failure"), "Every attempt failed."),
        (("Failure", "Success"), "Some of the attempts failed."),
    ],
)
def test_what_did_not_work_is_said(statuses, expected):
    secrets = clue("secrets")
    deeds = tuple(deed(secrets, status=status) for status in statuses)

    (step,) = texts("step", secrets, deeds=deeds)

    assert step.endswith(expected)


def test_it_says_why_it_matters_in_the_words_of_the_rule():
    (step,) = texts("step", clue("secrets", description="Whoever has them is you."))

    assert step.endswith("Whoever has them is you.")


def test_tactics_are_explained_once_in_the_order_of_an_attack():
    taken = clue("a", tactics=("exfiltration", "initial-access"))
    again = clue("b", tactics=("exfiltration", "of another matrix"))

    meanings = texts("meaning", taken, again)

    assert [line.split(":")[0] for line in meanings] == ["Initial access", "Exfiltration"]


def test_what_to_do_first_comes_from_the_gravest_rule():
    mild = clue("mild", harmless=("A planned migration.",))
    grave = clue("grave", severity_id=5, runbook="Call the owner.", harmless=("A drill.",))

    assert texts("first", mild, grave) == [
        "First do what the rule says: Call the owner.",
        "First rule out the harmless: A drill.",
        "First rule out the harmless: A planned migration.",
    ]


def test_without_texts_of_rules_people_are_asked():
    assert texts("first", clue("any")) == [
        "First ask alice whether this was them, by another way than this account."
    ]


def test_very_many_steps_are_counted():
    steps = texts("step", *(clue(f"rule-{number}", number) for number in range(20)))

    assert (len(steps), steps[-1]) == (13, "There are 8 more steps among the findings.")


def test_an_incident_without_findings_in_sight_has_no_story():
    assert tell(incident(), (), ()) == ()


def test_every_tactic_of_attack_has_a_meaning():
    from tocsin.ocsf.findings import TACTIC_UIDS

    assert [tactic for tactic in TACTIC_UIDS if f"tactic.{tactic}" not in FORMS] == []


def test_text_of_attackers_is_shown_not_obeyed():
    odd = clue("odd", title="\x1b[31mred\u202eevil %(who)s " + "x" * 1000)

    (step,) = texts("step", odd)

    assert "U+001B[31mredU+202Eevil %(who)s" in step
    assert len(step) < 300


@given(st.lists(st.text(), min_size=8, max_size=8), st.integers(0, 10**9))
def test_whatever_findings_say_a_story_is_one_printable_line_each(words, count):
    title, description, actor, address, operation, target, runbook, status = words
    some = clue(
        "any", title=title, description=description, runbook=runbook, count=count, severity_id=9
    )
    done = deed(
        some, actor=actor, address=address, operation=operation, targets=(target,), status=status
    )

    lines = tell(incident(Entity("user", title, actor)), [some], [done])

    assert all(line.text.isprintable() for line in lines)
    assert tell(incident(Entity("user", title, actor)), [some], [done]) == lines


def test_a_sentence_is_made_of_its_form_and_its_values():
    sentence = telling.Sentence("touched", {"target": telling.Names(("a", "b"), 4)})

    assert sentence.text == "It touched a, b and 4 more."
