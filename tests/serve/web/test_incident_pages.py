"""Work on incidents from their pages: every form, and many at once."""

import httpx
import pytest

from tests.serve.web.conftest import csrf_of
from tocsin.incidents import Incident
from tocsin.ocsf import EVERYTHING
from tocsin.store import IncidentFilter, Store


def rows(store: Store) -> list[Incident]:
    return list(store.incidents.list(IncidentFilter(), EVERYTHING).rows)


def sent(client: httpx.Client, path: str, **form: str) -> httpx.Response:
    return client.post(path, data={"csrf": csrf_of(client), **form})


def test_every_form_of_the_work_card_does_what_it_says(analyst: httpx.Client, store: Store) -> None:
    one, other = (each.uid for each in rows(store)[:2])
    path = f"/incidents/{one}"
    for form in (
        {"do": "tag", "text": "Phishing apac"},
        {"do": "untag", "text": "apac"},
        {"do": "task", "text": "Revoke <b>the</b> key", "owner": "ada"},
        {"do": "task-state", "text": "1", "done": "yes"},
        {"do": "link", "text": "https://wiki.example.org/x", "note": "runbook"},
        {"do": "link", "text": other},
        {"do": "unlink", "text": other},
        {"do": "report", "step": "needed", "reason": "Personal data"},
    ):
        answer = sent(analyst, path, **form)
        assert (answer.status_code, "done=worked" in answer.headers["location"]) == (303, True)

    page = analyst.get(path).text
    assert "phishing" in page and "Report it by" in page
    assert "Revoke &lt;b&gt;the&lt;/b&gt; key" in page
    assert "https://wiki.example.org/x" in page
    assert 'href="https://wiki.example.org/x"' not in page
    assert "reportable" in analyst.get("/incidents", params={"tag": "phishing"}).text


@pytest.mark.parametrize(
    "form",
    [
        {"do": "tag", "text": "<b>"},
        {"do": "task", "text": ""},
        {"do": "task-state", "text": "99999999", "done": "yes"},
        {"do": "link", "text": "javascript:alert(1)"},
        {"do": "report", "step": "soon"},
        {"do": "merge", "text": "inc_none", "reason": "x"},
        {"do": "split", "text": "nobody", "reason": "x"},
        {"do": "undo", "text": "dec_none", "reason": "x"},
    ],
)
def test_a_form_that_cannot_be_done_says_why(
    analyst: httpx.Client, store: Store, form: dict[str, str]
) -> None:
    answer = sent(analyst, f"/incidents/{rows(store)[0].uid}", **form)

    assert (answer.status_code, "notice-bad" in answer.text) == (409, True)


def test_ticked_incidents_are_changed_together(analyst: httpx.Client, store: Store) -> None:
    ticked = {f"pick-{each.uid}": "on" for each in rows(store)[:3]}

    answer = sent(analyst, "/incidents/changes", do="tag", text="sweep", **ticked)
    none = sent(analyst, "/incidents/changes", do="tag", text="sweep")

    assert answer.headers["location"].endswith("changed=3&refused=0")
    assert none.status_code == 400
    tagged = store.incidents.list(IncidentFilter(tag="sweep"), EVERYTHING).rows
    assert {f"pick-{each.uid}" for each in tagged} == set(ticked)


def test_a_viewer_sees_the_work_but_no_forms(viewer: httpx.Client, store: Store) -> None:
    page = viewer.get(f"/incidents/{rows(store)[0].uid}").text

    assert "<h2>Work</h2>" in page
    assert 'value="merge"' not in page


def test_incidents_are_merged_and_parted_on_their_page(analyst: httpx.Client, store: Store) -> None:
    one, other = (each.uid for each in rows(store)[:2])
    merged = sent(analyst, f"/incidents/{one}", do="merge", text=other, reason="One person")
    shown = merged.headers["location"].split("?")[0]
    [decision] = store.decisions.list(shown.rsplit("/", 1)[1], EVERYTHING)
    told = analyst.get(shown).text

    undone = sent(analyst, shown, do="undo", text=decision.uid, reason="Two people")

    assert "One person" in told and "Take it back" in told
    assert undone.status_code == 303
    assert {one, other} <= {each.uid for each in rows(store)}
