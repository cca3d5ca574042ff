"""What people do to suppress something, in Chromium: from a finding to the end of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import sign_in, watch
from tests.serve.web import seed
from tests.serve.web.conftest import add_people, console_over, served
from tocsin.ocsf import EVERYTHING
from tocsin.serve.web import create_app
from tocsin.store import Store

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HOSTILE = "</textarea><script>alert(1)</script>\"'><img src=x onerror=alert(1)> \u202egpj"


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[tuple[Page, Store]]:
    with Store.open(tmp_path / "store") as store:
        seed.fill(store)
        add_people(store)
        with served(create_app(console_over(store))) as address:
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = sign_in(context, address, "analyst")
            trouble = watch(page, address)
            yield page, store
            context.close()
    assert not trouble, trouble


def test_a_finding_leads_to_a_suppression_that_was_looked_at(visit: tuple[Page, Store]) -> None:
    page, store = visit
    page.click("nav >> text=Findings")
    page.click("text=CloudTrail logging is stopped")
    page.locator("a.lead", has_text="org-trail").click()
    page.click("text=Suppress findings like this")
    expect(page.locator("#rule")).to_have_value("r-trail")
    expect(page.locator("#entity")).to_have_value("svc-report")

    page.click("text=See what it would hide")
    # The browser itself asks for the reason first.
    expect(page.locator("#reason:invalid")).to_have_count(1)
    page.fill("#reason", HOSTILE)
    page.fill("#owner", HOSTILE)
    page.click("text=See what it would hide")
    expect(page.locator(".told")).to_contain_text("match of 1 finding")
    expect(page.locator("svg.days rect")).to_have_count(1)
    expect(page.locator("#reason")).to_have_value(HOSTILE)
    assert store.suppressions.list(EVERYTHING) == ()

    page.click("button:has-text('Suppress') >> nth=0")
    expect(page.locator(".notice-good")).to_contain_text("The suppression is added")
    expect(page.locator(".story-text")).to_contain_text("<script>alert(1)</script>")
    expect(page.locator(".story-text .odd")).to_have_text("U+202E")

    page.click("text=End it now")
    page.fill("#reason", HOSTILE)
    page.click("text=End the suppression")
    expect(page.locator(".notice-good")).to_contain_text("The suppression has ended")
    (kept,) = store.suppressions.list(EVERYTHING)
    assert (kept.suppression.reason, kept.ended_reason) == (HOSTILE, HOSTILE)
    assert page.locator("img").count() == 0


def test_the_list_says_what_suppressions_are_while_there_is_none(visit: tuple[Page, Store]) -> None:
    page, _ = visit

    page.click("nav >> text=Suppressions")

    expect(page.locator(".empty h3")).to_have_text("Nothing is suppressed")
    page.click("text=Suppress something")
    expect(page.locator("h2").first).to_have_text("Suppress something")
