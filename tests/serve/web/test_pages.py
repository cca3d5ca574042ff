"""What the pages show."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.serve.web import seed
from tests.serve.web.conftest import (
    add_people,
    console_over,
    csrf_of,
    served,
    signed_in,
)
from tocsin import settings
from tocsin.errors import Location, Problem
from tocsin.ocsf import EVERYTHING
from tocsin.serve.web import create_app
from tocsin.store import FindingFilter, IncidentFilter, Store

PAGES = (
    *(
        "/",
        "/incidents",
        "/findings",
        "/search",
        "/sources",
        "/rules",
        "/coverage",
        "/audit",
        "/users",
    ),
    *("/account", "/suppressions", "/suppressions/new"),
)


def text_of(answer: httpx.Response) -> str:
    """Return what a reader sees, with single blanks."""
    body = answer.text.partition("<main")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


@pytest.fixture(scope="module")
def big_uid(store: Store) -> str:
    """Return the incident with the longest story."""
    page = store.incidents.list(IncidentFilter(), EVERYTHING)
    return max(page.rows, key=lambda each: each.finding_count).uid


# --- every page -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_an_empty_store_is_explained(empty_store: Store, path: str) -> None:
    add_people(empty_store)
    with (
        served(create_app(console_over(empty_store))) as address,
        signed_in(address, "admin") as client,
    ):
        assert client.get(path).status_code == 200


def test_empty_pages_say_what_to_connect(empty_store: Store) -> None:
    add_people(empty_store)
    console = console_over(empty_store, receivers={"JSON lines": "https://t.example/ingest/x"})
    with served(create_app(console)) as address, signed_in(address, "viewer") as client:
        sources, search = text_of(client.get("/sources")), text_of(client.get("/search"))

    assert "Add one to tocsin.yaml" in sources
    assert "https://t.example/ingest/x" in sources
    assert "No event is stored yet. Connect a source" in search


def test_the_settings_that_the_empty_page_shows_are_settings(
    empty_store: Store, tmp_path: Path
) -> None:
    add_people(empty_store)
    with (
        served(create_app(console_over(empty_store))) as address,
        signed_in(address, "viewer") as client,
    ):
        shown = re.search(r"<pre class=\"code\">(.*?)</pre>", client.get("/sources").text, re.S)
    assert shown is not None
    file = tmp_path / "tocsin.yaml"
    file.write_text(shown[1])

    environment = {"TOCSIN_DATA": str(tmp_path), "TOCSIN_PRODUCTION_TOKEN": "example " * 4}
    loaded = settings.load(file, environment)

    assert [feed.name for feed in loaded.feeds] == ["organization", "production", "archive"]


def test_every_link_of_the_pages_leads_somewhere(admin: httpx.Client) -> None:
    seen: set[str] = set()
    waiting = list(PAGES)
    broken = []
    while waiting and len(seen) < 90:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        answer = admin.get(path)
        if answer.status_code != 200:
            broken.append((path, answer.status_code))
        found = re.findall(r'(?:href|hx-get)="(/[^"#]*)', answer.text)
        waiting += [each.replace("&amp;", "&") for each in found if not each.startswith("/assets")]

    assert len(seen) == 90
    assert broken == []


def test_the_menu_shows_what_the_role_may_open(viewer: httpx.Client, admin: httpx.Client) -> None:
    assert 'href="/users"' not in viewer.get("/").text
    assert 'href="/users"' in admin.get("/").text


def test_the_banner_is_on_every_page(empty_store: Store) -> None:
    empty_store.accounts.new_setup_token(seed.NOW)
    with (
        served(create_app(console_over(empty_store, banner="This is the demo"))) as address,
        httpx.Client(base_url=address) as client,
    ):
        assert "This is the demo" in client.get("/setup").text


def test_every_text_of_the_templates_goes_through_gettext() -> None:
    from jinja2 import Environment

    from tocsin.serve.web.rendering import HERE

    allowed = re.compile(
        r"[jk]|Enter|Esc|feeds: .*|api\.operation:.*|tocsin ingest --rejects|docs/guides|md"
    )
    for template in sorted((HERE / "templates").rglob("*.html")):
        if template.name == "icons.html":
            continue
        pieces = Environment().lex(template.read_text())
        data = "".join(value if kind == "data" else "\u0001" for _, kind, value in pieces)
        shown = re.sub(r"<!doctype html>|<[^>]*>", "\u0001", re.sub(r"\u0001+", "\u0001", data))
        words = [part.strip(" \n·–/×+−|()•;:,.%#@") for part in shown.split("\u0001")]
        wrong = [word for word in words if word and not allowed.fullmatch(" ".join(word.split()))]
        assert not [word for word in wrong if re.search(r"[A-Za-z]{2}", word)], template


# --- overview -------------------------------------------------------------------------------------


def test_the_overview_counts_open_incidents_with_links(viewer: httpx.Client) -> None:
    page = viewer.get("/").text

    assert re.search(r'href="/incidents\?severity=5"><span class="tile-number">2<', page)
    assert re.search(r'href="/incidents\?status=New"><span class="tile-number">4<', page)


def test_the_overview_shows_which_source_is_silent(viewer: httpx.Client) -> None:
    shown = text_of(viewer.get("/"))

    assert "lab-trail Silent" in shown
    assert "prod-cluster Speaks" in shown


# --- incidents ------------------------------------------------------------------------------------


def test_the_story_tells_who_did_what_when(viewer: httpx.Client, big_uid: str) -> None:
    shown = text_of(viewer.get(f"/incidents/{big_uid}"))

    assert "04:40 and 05:45 UTC alice , coming from 192.0.2.66 , set off 5 rules" in shown
    assert "svc-report did GetSecretValue to prod/db from 192.0.2.66 ." in shown
    assert "Tied to it: svc-report" in shown
    assert "Many secrets are read in a row" in shown


def test_a_viewer_sees_no_buttons(
    viewer: httpx.Client, analyst: httpx.Client, big_uid: str
) -> None:
    path = f"/incidents/{big_uid}"

    assert 'name="do"' not in viewer.get(path).text
    assert 'name="do"' in analyst.get(path).text


def test_an_analyst_leads_an_incident_through_its_life(store: Store, analyst: httpx.Client) -> None:
    uid = store.incidents.list(IncidentFilter(), EVERYTHING).rows[0].uid
    path, csrf = f"/incidents/{uid}", csrf_of(analyst)

    def send(**form: str) -> int:
        return analyst.post(path, data={"csrf": csrf, **form}).status_code

    assert send(do="take", status="New") == 303
    assert send(do="note", comment="asked carol") == 303
    assert send(do="close", status="Closed", verdict="Benign", reason="") == 409
    assert send(do="close", status="Closed", verdict="Benign", reason="planned") == 303
    assert send(do="take") in {303, 409}
    assert send(do="reopen", status="In Progress", reason="again") == 303
    assert send(do="leave") == 303
    assert send(do="move", status="Nonsense") == 409
    assert send(do="nothing") == 409
    found = store.incidents.get(uid, EVERYTHING)
    assert found is not None
    assert (found.status, found.verdict, found.assignee) == ("In Progress", None, "")
    shown = text_of(analyst.get(path))
    assert "asked carol" in shown


def test_a_refused_change_says_why(analyst: httpx.Client, big_uid: str) -> None:
    form = {"csrf": csrf_of(analyst), "do": "reopen", "status": "New", "reason": "x"}
    answer = analyst.post(f"/incidents/{big_uid}", data=form)

    assert answer.status_code == 409
    assert "cannot become New" in text_of(answer)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"severity": "5"}, 2), ({"status": "Closed"}, 0), ({"text": "cluster"}, 1),
        ({"entity": "carol", "status": "all"}, 1), ({"status": "all"}, 4), ({"assignee": "me"}, 0),
        ({"severity": "nonsense"}, 4), ({"cursor": "nonsense"}, None),
    ],
)  # fmt: skip
def test_the_queue_is_filtered_by_the_address(
    viewer: httpx.Client, query: dict[str, str], expected: int | None
) -> None:
    answer = viewer.get("/parts/incidents", params=query)

    if expected is None:
        assert answer.status_code == 400
    else:
        assert answer.text.count("<tr data-href") == expected


# --- findings -------------------------------------------------------------------------------------


def test_findings_are_grouped_by_rule_with_a_way_down(viewer: httpx.Client) -> None:
    page = viewer.get("/findings?since=7d").text

    assert "/findings?since=7d&amp;rule=r-key&amp;view=list" in page


def test_a_finding_shows_its_events_and_its_rule(store: Store, viewer: httpx.Client) -> None:
    found = store.findings.list(FindingFilter(rule_uid="r-enum"), EVERYTHING).rows.to_pylist()[0]
    answer = viewer.get(f"/findings/{found['uid']}")
    shown = text_of(answer)

    assert "GetAccountAuthorizationDetails" in shown
    assert "ListUsers" in shown
    assert "eventName: StopLogging" in shown
    assert 'href="/rules/r-enum"' in answer.text


# --- search ---------------------------------------------------------------------------------------


def test_a_search_shows_what_matches(viewer: httpx.Client) -> None:
    shown = text_of(viewer.get("/search", params={"q": "api.operation:StopLogging"}))

    assert "1 event" in shown
    assert "svc-report" in shown


def test_an_error_in_a_query_is_shown_where_it_is(viewer: httpx.Client) -> None:
    answer = viewer.get("/search", params={"q": "api.operation:(Get"})

    assert answer.status_code == 200
    assert "position 15" in text_of(answer)
    assert "<mark>(</mark>Get" in answer.text


def test_an_event_shows_fields_and_raw_record(store: Store, viewer: httpx.Client) -> None:
    uid = store.events.search("api.operation:StopLogging", EVERYTHING).rows["event_uid"][0].as_py()
    whole = viewer.get(f"/events/{uid}")
    drawer = viewer.get(f"/events/{uid}", headers={"HX-Request": "true"})
    beside = viewer.get("/search", params={"event": uid})

    for answer in (whole, drawer, beside):
        assert "actor.user.name" in answer.text
        assert "&#34;eventName&#34;: &#34;StopLogging&#34;" in answer.text
    assert "<html" in whole.text
    assert "<html" not in drawer.text


def test_values_lead_to_narrower_searches(viewer: httpx.Client) -> None:
    query = {"q": "api.operation:Get*", "path": "actor.user.name", "since": "7d"}
    part = viewer.get("/parts/top-values", params=query).text

    assert "q=api.operation%3AGet%2A+AND+actor.user.name%3A%22alice%22" in part


def test_top_values_of_an_unknown_path_are_an_answer(viewer: httpx.Client) -> None:
    answer = viewer.get("/parts/top-values", params={"path": "no.such.path"})

    assert answer.status_code == 200


# --- sources, rules, people -----------------------------------------------------------------------


def test_a_source_shows_why_records_were_rejected(viewer: httpx.Client) -> None:
    answer = viewer.get("/sources/org-trail")
    uid = re.search(r'"(/rejects/\w+)"', answer.text)

    assert "not_json" in text_of(answer)
    assert uid is not None
    assert "tocsin ingest --rejects" in text_of(viewer.get(uid[1]))


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 12), ({"state": "silent"}, 1), ({"state": "failing"}, 1), ({"severity": "5"}, 3),
        ({"source": "kubernetes.audit"}, 3), ({"text": "t1562"}, 1), ({"order": "last"}, 12),
        ({"order": "matches"}, 12), ({"order": "title"}, 12), ({"tactic": "execution"}, 1),
    ],
)  # fmt: skip
def test_rules_are_filtered_by_the_address(
    viewer: httpx.Client, query: dict[str, str], count: int
) -> None:
    assert viewer.get("/rules", params=query).text.count("<tr data-href") == count


def test_a_rule_shows_reason_examples_and_text(viewer: httpx.Client) -> None:
    shown = text_of(viewer.get("/rules/r-trail"))

    for part in ("A planned change", "no match It is refused", "eventName: StopLogging"):
        assert part in shown


def test_an_administrator_adds_and_changes_people(store: Store, admin: httpx.Client) -> None:
    csrf = csrf_of(admin)
    password = "a long enough password"

    def send(**form: str) -> int:
        return admin.post("/users", data={"csrf": csrf, "name": "eve", **form}).status_code

    assert send(do="add", password="short", role="viewer") == 400
    assert send(do="add", password=password, role="owner") == 400
    assert send(do="add", password=password, role="viewer") == 303
    assert send(do="role", role="analyst") == 303
    assert send(do="password", password=password + "!") == 303
    assert send(do="disabled") == 303
    assert send(do="nonsense") == 400
    [eve] = [user for user in store.accounts.users() if user.name == "eve"]
    assert (eve.role, eve.is_disabled) == ("analyst", True)


def test_the_audit_log_shows_who_and_verifies_itself(admin: httpx.Client) -> None:
    shown = text_of(admin.get("/audit?verify=1"))

    assert "rows fit together" in shown
    assert "user.add" in shown


# --- coverage -------------------------------------------------------------------------------------


def test_the_matrix_marks_what_is_blind(viewer: httpx.Client) -> None:
    page = viewer.get("/coverage")
    text = text_of(page)

    assert "No events of kubernetes.audit come in (silent since 2026-11-20 12:00 UTC)" in text
    assert re.search(r'class="matrix-cell is-blind" href="/rules\?text=T1609"', page.text)
    assert re.search(r'class="matrix-cell heat-1" href="/rules\?text=T1562.008"', page.text)
    assert "9 techniques are seen" in text
    assert "3 are blind" in text


def test_the_layer_is_a_file_to_keep(viewer: httpx.Client) -> None:
    answer = viewer.get("/coverage/layer.json")

    assert "attachment" in answer.headers["content-disposition"]
    assert answer.json()["versions"]["layer"] == "4.5"
    assert "T1609" in {each["techniqueID"] for each in answer.json()["techniques"]}


# --- tuning ---------------------------------------------------------------------------------------


def test_rules_that_learn_or_are_rated_anew_say_so(viewer: httpx.Client) -> None:
    learning = text_of(viewer.get("/rules?state=learning"))
    rated = text_of(viewer.get("/rules?state=rated"))

    assert "version 0123456789ab" in learning
    assert "learning: 2 groups, the last until 2026-11-26" in learning
    assert "Identities are listed by a long-lived key" in learning
    assert "Root signs in to the console" in rated
    assert "Critical by its file" in rated
    for page in (learning, rated):
        assert "CloudTrail logging is stopped" not in page


def test_rules_that_are_switched_off_are_there_and_told(store: Store) -> None:
    off = replace(seed.RULES[0], is_on=False)
    console = replace(console_over(store), rules=lambda: (off, *seed.RULES[1:]))
    with served(create_app(console)) as address, signed_in(address, "viewer") as client:
        found = text_of(client.get("/rules?state=off"))
        page = text_of(client.get(f"/rules/{off.uid}"))
        in_force = [rule["uid"] for rule in client.get("/api/v1/rules").json()]

    assert f"1 of {len(seed.RULES)}" in found
    assert off.title in found
    assert "switched off" in page
    assert off.uid not in in_force


def test_the_page_of_a_rule_tells_its_noise(viewer: httpx.Client, store: Store) -> None:
    (loudest, *_) = store.tuning.noise(seed.NOW - timedelta(days=30), EVERYTHING)

    page = text_of(viewer.get(f"/rules/{loudest.rule_uid}"))

    assert "Tuning, 30 days" in page
    assert f"{loudest.incidents}, of which {loudest.alone} hold nothing else" in page
    assert loudest.loudest[0].entity.name in page


def test_of_many_broken_files_the_worst_are_shown(store: Store) -> None:
    problems = tuple(
        Problem(Location(f"rules/{number}.yml", 1), "it is odd", is_warning=number < 20)
        for number in range(21)
    )
    console = replace(console_over(store), rule_problems=lambda: problems)
    with served(create_app(console)) as address, signed_in(address, "viewer") as client:
        answer = client.get("/rules")

    assert answer.text.count('class="notice notice-') == 12
    assert "rules/20.yml:1: it is odd" in text_of(answer)
    assert "9 problems more" in text_of(answer)
