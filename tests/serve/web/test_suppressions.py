"""The pages of suppressions: the list, one with what it hides, and the form with its preview."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.serve.web import seed, suppressions
from tests.serve.web.conftest import (
    PASSWORD,
    add_people,
    console_over,
    csrf_of,
    served,
    signed_in,
)
from tests.serve.web.test_pages import text_of
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.serve.web import create_app
from tocsin.store import FindingFilter, Store

FORM = {
    "rule": "r-trail",
    "type": "user",
    "entity": "svc-*",
    "condition": "",
    "reason": "A planned move.",
    "owner": "platform",
    "expires": (seed.NOW + timedelta(days=20)).date().isoformat(),
}
NEW = "/suppressions/new"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(tmp_path_factory.mktemp("data") / "store") as opened:
        seed.fill(opened)
        suppressions.fill(opened)
        add_people(opened)
        yield opened


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Store, httpx.Client]]:
    """Return a filled store that one test may change, and the browser of an analyst."""
    with Store.open(tmp_path / "store") as opened:
        seed.fill(opened)
        add_people(opened)
        with (
            served(create_app(console_over(opened))) as address,
            signed_in(address, "analyst") as client,
        ):
            yield opened, client


def send(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    return client.post(path, data={"csrf": csrf_of(client), **fields})


def seen(answer: httpx.Response) -> str:
    found = re.search(r'name="seen" value="(\w*)"', answer.text)
    assert found is not None
    return found[1]


# --- what is shown --------------------------------------------------------------------------------


def test_the_list_shows_what_holds_and_what_to_see_to(viewer: httpx.Client) -> None:
    shown = text_of(viewer.get("/suppressions"))

    assert "It reads them each night." in shown
    assert "Every rule role:*:role/ci-*" in shown
    assert "1 expires within 7 days" in shown
    assert "1 has hidden nothing for 30 days" in shown
    assert "The move is over." not in shown and "logging is stopped" not in shown


def test_those_that_are_over_have_a_list_of_their_own(viewer: httpx.Client) -> None:
    shown = text_of(viewer.get("/suppressions?state=over"))

    assert "CloudTrail logging is stopped" in shown
    assert "It reads them each night." not in shown


def test_one_tells_what_it_hides(viewer: httpx.Client) -> None:
    shown = text_of(viewer.get("/suppressions/nightly-report"))

    assert "In force" in shown and "Many secrets are read in a row: prod/db" in shown
    assert "1 match · 1 finding" in shown


def test_one_that_somebody_ended_says_who_and_why(viewer: httpx.Client) -> None:
    shown = text_of(viewer.get("/suppressions/gone"))

    assert "Ended by ada Why The move is over." in shown
    assert "End it now" not in shown


def test_an_unknown_one_is_not_found(viewer: httpx.Client) -> None:
    assert viewer.get("/suppressions/none").status_code == 404


@pytest.mark.parametrize(
    ("query", "hidden", "others"),
    [("", False, True), ("&hidden=only", True, False), ("&hidden=too", True, True)],
    ids=["unasked", "only", "too"],
)
def test_findings_leave_out_what_is_hidden_unless_asked(
    viewer: httpx.Client, query: str, hidden: bool, others: bool
) -> None:
    shown = text_of(viewer.get(f"/findings?view=list&since=7d{query}"))

    assert ("suppressed" in shown.partition("Severity Finding")[2]) is hidden
    assert ("Root signs in to the console" in shown) is others


def test_a_hidden_finding_says_so_and_leads_on(store: Store, viewer: httpx.Client) -> None:
    which = FindingFilter(suppression_uid="nightly-report")
    (row,) = store.findings.list(which, EVERYTHING).rows.to_pylist()

    hidden, whole = (viewer.get(f"/findings/{row[name]}") for name in ("uid", "original_uid"))

    assert "Suppressed: it is stored and counted" in hidden.text
    assert 'href="/suppressions/nightly-report"' in hidden.text
    assert f'href="/findings/{row["original_uid"]}"' in hidden.text
    assert "1 match of it is suppressed" in whole.text


def test_the_api_leaves_out_what_is_hidden_unless_asked(viewer: httpx.Client) -> None:
    counts = {
        word: len(viewer.get(f"/api/v1/findings?suppressed={word}").json()["items"])
        for word in ("no", "only", "too")
    }

    assert counts["no"] + counts["only"] == counts["too"]
    assert counts["only"] == 1
    (item,) = viewer.get("/api/v1/findings?suppressed=only").json()["items"]
    assert item["suppression_uid"] == "nightly-report"


def test_only_those_who_may_suppress_are_offered_to(
    viewer: httpx.Client, analyst: httpx.Client
) -> None:
    uid = re.search(r'/findings/(fnd_\w+)"', viewer.get("/findings?view=list&since=7d").text)
    assert uid is not None
    paths = (f"/findings/{uid[1]}", "/suppressions", "/suppressions/nightly-report")
    words = ("Suppress findings like this", "Suppress something", "End it now")

    for path, word in zip(paths, words, strict=True):
        assert word in analyst.get(path).text
        assert word not in viewer.get(path).text
    assert viewer.get(NEW).status_code == 403


# --- what is changed ------------------------------------------------------------------------------


def test_a_finding_fills_the_form(store: Store, analyst: httpx.Client) -> None:
    which = FindingFilter(rule_uid="r-trail")
    (row,) = store.findings.list(which, EVERYTHING).rows.to_pylist()

    page = analyst.get(f"{NEW}?finding={row['uid']}").text

    assert '<option value="r-trail" selected>' in page
    assert 'name="entity" value="svc-report"' in page
    assert 'name="owner" value="analyst"' in page


def test_nothing_is_added_before_the_preview_was_seen(own: tuple[Store, httpx.Client]) -> None:
    store, client = own

    for fields in ({"do": "add"}, {"do": "add", "seen": "sup_forged"}, {"do": "preview"}):
        answer = send(client, NEW, **FORM, **fields)
        assert answer.status_code == 200
        assert "1 match of 1 finding" in text_of(answer)

    assert store.suppressions.list(EVERYTHING) == ()


def test_what_was_seen_is_added_under_the_persons_name(own: tuple[Store, httpx.Client]) -> None:
    store, client = own
    mark = seen(send(client, NEW, **FORM, do="preview"))

    answer = send(client, NEW, **FORM, do="add", seen=mark)

    (kept,) = store.suppressions.list(EVERYTHING)
    one = kept.suppression
    assert answer.headers["location"] == f"/suppressions/{one.uid}?done=added"
    assert (one.rules, str(one.entity), kept.added_by) == (("r-trail",), "user:svc-*", "analyst")
    row = store.audit.list(EVERYTHING, object_=one.uid).rows[0]
    assert (row.action, row.actor) == ("suppression.add", "analyst")


def test_what_was_changed_after_the_preview_is_shown_again(
    own: tuple[Store, httpx.Client],
) -> None:
    store, client = own
    mark = seen(send(client, NEW, **FORM, do="preview"))

    answer = send(client, NEW, **{**FORM, "entity": "s*"}, do="add", seen=mark)

    assert "Something was changed since the preview" in text_of(answer)
    assert seen(answer) != mark
    assert store.suppressions.list(EVERYTHING) == ()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("rule", "", "`rules` is missing"),
        ("reason", " ", "`reason` is missing"),
        ("owner", "", "`owner` is missing"),
        ("expires", "", "`expires` is missing"),
        ("expires", "2020-01-01", "lies in the past"),
        ("expires", "2036-01-01", "more than a year"),
        ("entity", "*", "every one"),
        ("condition", "a|bends: b", "unknown modifier"),
        ("condition", "<script>alert(1)</script>", "write fields with values"),
    ],
)
def test_a_bad_form_is_refused_and_comes_back_filled(
    analyst: httpx.Client, field: str, value: str, said: str
) -> None:
    answer = send(analyst, NEW, **{**FORM, field: value}, do="preview")

    assert answer.status_code == 400
    assert said in text_of(answer)
    assert "<script>alert" not in answer.text
    assert ">A planned move.</textarea>" in answer.text or field == "reason"


def test_a_condition_keeps_its_lines(own: tuple[Store, httpx.Client]) -> None:
    store, client = own
    form = {**FORM, "condition": "finding.title|contains: a\r\nfinding.severity_id: 4"}
    mark = seen(send(client, NEW, **form, do="preview"))

    send(client, NEW, **form, do="add", seen=mark)

    (kept,) = store.suppressions.list(EVERYTHING)
    assert kept.suppression.condition == "finding.title|contains: a\nfinding.severity_id: 4"


def test_one_is_ended_with_a_reason(own: tuple[Store, httpx.Client]) -> None:
    store, client = own
    suppressions.put(store, "one", "r-trail")

    without = send(client, "/suppressions/one", reason=" ")
    ended = send(client, "/suppressions/one", reason="Over.")
    again = send(client, "/suppressions/one", reason="Over.")

    assert (without.status_code, ended.status_code, again.status_code) == (409, 303, 409)
    kept = store.suppressions.get("one", EVERYTHING)
    assert kept is not None and (kept.ended_by, kept.ended_reason) == ("analyst", "Over.")


@pytest.mark.parametrize("path", [NEW, "/suppressions/nightly-report"])
def test_a_form_without_its_token_is_refused(analyst: httpx.Client, path: str) -> None:
    assert analyst.post(path, data={**FORM, "do": "add"}).status_code == 403


def test_a_limited_person_hides_only_what_they_see(own: tuple[Store, httpx.Client]) -> None:
    store, _ = own
    scope = Scope(accounts=frozenset({"999900001111"}))
    store.accounts.add_user("limited", PASSWORD, "analyst", "admin", seed.NOW, scope=scope)
    suppressions.put(store, "theirs", "r-trail")
    with (
        served(create_app(console_over(store))) as address,
        signed_in(address, "limited") as client,
    ):
        told = send(client, NEW, **FORM, do="preview")
        send(client, NEW, **FORM, do="add", seen=seen(told))
        statuses = (
            client.get("/suppressions/theirs").status_code,
            send(client, "/suppressions/theirs", reason="mine now").status_code,
        )

    mine = [kept for kept in store.suppressions.list(scope)]
    assert "Nothing." in text_of(told)
    assert statuses == (404, 404)
    assert [kept.suppression.limits for kept in mine] == [scope]
