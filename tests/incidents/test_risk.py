"""Risk can be recomputed from its own sentences."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.incidents.tables import finding, grouped, incident
from tocsin.incidents.risk import assess_risk


def test_the_sentences_say_where_the_score_comes_from():
    score, reasons = assess_risk(
        4, ["rule-1", "rule-2"], ["command-and-control", "credential-access"]
    )

    assert score == 64
    assert reasons == (
        "The highest severity is High: 65 points.",
        "2 rules made the findings: 90 % confidence.",
        "2 tactics are seen (Command and Control, Credential Access): 110 % breadth.",
    )


@given(st.integers(0, 6), st.integers(1, 9), st.integers(0, 14))
def test_the_score_is_what_its_sentences_multiply_to(severity, rules, tactics):
    score, reasons = assess_risk(severity, ["r"] * rules, [f"t{n}" for n in range(tactics)])

    points, confidence, breadth = (int(re.search(r": (\d+)", text)[1]) for text in reasons)
    assert score == min(100, math.floor(points * confidence * breadth / 10_000 + 0.5))
    assert 0 <= score <= 100


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ((3, ["a"], ["t"]), (4, ["a"], ["t"])),
        ((3, ["a"], ["t"]), (3, ["a", "b"], ["t"])),
        ((3, ["a"], ["t"]), (3, ["a"], ["t", "u"])),
    ],
)
def test_each_factor_raises_the_score(less, more):
    assert assess_risk(*less)[0] < assess_risk(*more)[0]


def test_an_incident_grows_in_risk_as_another_tactic_appears():
    known = incident()

    (changed,) = grouped(
        finding(minute=5, rule="rule-2", tactics=["exfiltration"]), known=[known]
    ).changed

    assert changed.risk_score > known.risk_score
    assert "Exfiltration, Persistence" in changed.risk_reasons[2]
