"""Chromium walks every page of a store that is full of attack strings; nothing of them lives."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Trouble, sign_in, watch
from tests.serve.web.attacks import ATTACKS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LISTS = (
    "/",
    "/incidents",
    "/incidents?status=all",
    "/findings?since=7d",
    "/findings?view=list&since=7d",
    "/search",
    "/search?since=7d",
    "/sources",
    "/sources/org-trail",
    "/rules",
    "/rules?state=tune",
    "/coverage",
    "/suppressions",
    "/suppressions?state=over",
    "/suppressions/new?rule=r-hostile-0",
    "/findings?view=list&since=7d&hidden=only",
    "/responses",
    "/responses?show=over",
    "/audit",
    "/users",
)
KINDS = (
    *("incidents", "findings", "events", "rejects", "sources", "rules", "suppressions"),
    *("entities", "responses"),
)
PARTS_OF_AN_ADDRESS = {"entities": 3}
MOST_OF_A_KIND = len(ATTACKS) + 5
NAMES = ("q", "text", "entity", "rule", "since", "status", "view", "event", "assignee", "order")
NODE_KINDS = "() => [...new Set([...document.querySelectorAll('*')].map(node => node.localName))]"
# An attack that became markup leaves one of these; our templates have none of them.
FORBIDDEN = ", ".join(
    (
        "iframe, object, embed, img, video, audio, math, base, template, noscript, style",
        "[style], [onerror], [onload], [onfocus], [onmouseover], [onclick], [ontoggle], [srcdoc]",
    )
)


@pytest.fixture(scope="module")
def walker(browser: Browser, hostile: str) -> Iterator[tuple[Page, Trouble]]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = sign_in(context, hostile)
    yield page, watch(page, hostile)
    context.close()


def details(page: Page, address: str) -> list[str]:
    """Return pages of every kind, as the lists link them: one for each attack string."""
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for path in LISTS:
        page.goto(address + path)
        links = page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))")
        for link in links:
            kind = link.strip("/").partition("/")[0]
            slashes = PARTS_OF_AN_ADDRESS.get(kind, 2)
            if kind in found and link.count("/") == slashes and link not in found[kind]:
                found[kind].append(link)
    return [link for links in found.values() for link in links[:MOST_OF_A_KIND]]


def forbidden(page: Page) -> list[str]:
    """Return markup that must not be there."""
    nodes: list[str] = page.eval_on_selector_all(
        FORBIDDEN, "all => all.map(node => node.outerHTML.slice(0, 200))"
    )
    # ECharts sizes its canvas by style through the object model, which the policy allows.
    ours = ('id="trend"', 'id="histogram"', "<canvas", "<div style")
    return [node for node in nodes if not any(mark in node for mark in ours)]


def test_no_attack_comes_to_life_on_any_page(walker: tuple[Page, Trouble], hostile: str) -> None:
    page, trouble = walker
    alive: dict[str, list[str]] = {}
    visited = 0

    for path in (*LISTS, *details(page, hostile)):
        page.goto(hostile + path)
        visited += 1
        if nodes := forbidden(page):
            alive[path] = nodes

    assert visited > 4 * len(ATTACKS)
    assert alive == {}
    assert not trouble, trouble


def test_no_attack_comes_to_life_in_drawers_values_and_fresh_parts(
    walker: tuple[Page, Trouble], hostile: str
) -> None:
    page, trouble = walker
    page.goto(f"{hostile}/search?since=7d")
    rows = page.locator("tr[data-href] a.lead").count()

    for place in range(0, min(rows, len(ATTACKS)), 2):
        page.locator("tr[data-href] a.lead").nth(place).click()
        page.wait_for_selector("#drawer h2")
        assert forbidden(page) == []
        page.keyboard.press("Escape")
    for field in page.locator(".field-list summary").all():
        field.click()
    # Many fields are counted at once; how long that takes is the machine's matter, not the test's.
    expect(page.locator(".values li", has_text="Counting")).to_have_count(0, timeout=60_000)

    assert rows >= len(ATTACKS)
    assert forbidden(page) == []
    assert not trouble, trouble


def test_attacks_in_the_address_stay_text(walker: tuple[Page, Trouble], hostile: str) -> None:
    page, trouble = walker

    for place, attack in enumerate(ATTACKS):
        parameters = "&".join(f"{name}={quote(attack, safe='')}" for name in NAMES)
        for path in ("/search", ("/findings", "/incidents", "/rules")[place % 3]):
            page.goto(f"{hostile}{path}?{parameters}")
            assert forbidden(page) == []

    assert not trouble.dialogs
    assert not trouble.errors
    assert not trouble.foreign


def test_the_page_has_only_the_kinds_of_nodes_it_has_without_attacks(
    browser: Browser, walker: tuple[Page, Trouble], hostile: str, calm: str
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    quiet = sign_in(context, calm)
    page, _ = walker
    for path in (
        "/",
        "/incidents?status=all",
        "/search",
        "/sources/org-trail",
        "/findings?view=list",
    ):
        page.goto(hostile + path)
        quiet.goto(calm + path)
        strange = set(page.evaluate(NODE_KINDS)) - set(quiet.evaluate(NODE_KINDS))
        assert strange <= {"nav"}, path
    context.close()


def test_invisible_characters_are_seen(walker: tuple[Page, Trouble], hostile: str) -> None:
    page, _ = walker
    page.goto(f"{hostile}/search?since=7d&q=gpj")

    assert page.locator("td .odd", has_text="U+202E").count() > 0
