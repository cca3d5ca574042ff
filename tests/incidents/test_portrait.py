"""What findings say of one entity."""

from datetime import UTC, date, datetime, timedelta

from tocsin.incidents.portrait import Mention, portray
from tocsin.ocsf import Entity

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = NOON.date()
ALICE = Entity("user", "AIDAEXAMPLE", "alice")
KEY = Entity("access_key", "AKIAIOSFODNN7EXAMPLE", "")


def mention(name: str, days_ago: float = 0, **values: object) -> Mention:
    time = NOON - timedelta(days=days_ago)
    known: dict[str, object] = {
        "finding_uid": f"fnd_{name}_{days_ago}",
        "rule_uid": name,
        "rule_title": f"Rule {name}",
        "severity_id": 3,
        "tactics": ("persistence",),
        "first_time": time,
        "last_time": time,
        "entity": ALICE,
        "links": (),
    }
    return Mention(**{**known, **values})  # type: ignore[arg-type]


def of_alice(*mentions: Mention, days: int = 30):
    return portray("user", "AIDAEXAMPLE", mentions, TODAY, days)


def test_first_and_last_seen_span_all_findings():
    found = of_alice(mention("a", 3), mention("b", 1))

    assert (found.first_time, found.last_time) == (NOON - timedelta(3), NOON - timedelta(1))


def test_nothing_is_said_of_what_no_finding_names():
    found = portray("user", "nobody", [mention("a")], TODAY)

    assert (found.findings, found.first_time, found.links) == (0, None, ())


def test_another_type_of_the_same_uid_is_another_entity():
    found = portray("role", "AIDAEXAMPLE", [mention("a")], TODAY)

    assert found.findings == 0


def test_each_day_has_its_risk_and_quiet_days_have_none():
    found = of_alice(mention("a", 2), mention("b", 2), mention("c", 0, severity_id=5), days=3)

    assert [(each.day, each.findings, each.severity_id) for each in found.days] == [
        (date(2026, 11, 21), 2, 3),
        (date(2026, 11, 22), 0, 0),
        (date(2026, 11, 23), 1, 5),
    ]
    assert [each.risk > 0 for each in found.days] == [True, False, True]


def test_a_finding_over_days_counts_on_each_of_them():
    long = mention("a", 0, first_time=NOON - timedelta(2))

    assert [each.findings for each in of_alice(long, days=4).days] == [0, 1, 1, 1]


def test_others_are_tied_with_the_reason_and_the_number_of_findings():
    found = of_alice(mention("a", 1, links=(KEY,)), mention("b", 0, links=(KEY,)))

    (link,) = found.links
    assert (link.entity, link.findings) == (KEY, 2)
    assert link.reasons == ("Rule b", "Rule a")


def test_seen_from_the_linked_one_the_other_is_tied_too():
    found = portray("access_key", KEY.uid, [mention("a", links=(KEY,))], TODAY)

    assert [link.entity for link in found.links] == [ALICE]
