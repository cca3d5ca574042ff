"""Chromium at work on incidents: files, parts that come late, the way to entities."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def page(browser: Browser, calm: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield sign_in(context, calm)
    context.close()


def open_incident(page: Page, calm: str) -> None:
    page.goto(f"{calm}/incidents")
    page.click("tr[data-href] a.lead >> nth=0")
    page.wait_for_selector("#evidence")


def test_a_chosen_file_is_attached_and_listed(page: Page, calm: str) -> None:
    open_incident(page, calm)

    page.set_input_files(
        "input[data-upload]",
        files=[{"name": "note.txt", "mimeType": "text/plain", "buffer": b"who called"}],
    )

    expect(page.locator("#evidence a[download]")).to_have_text("note.txt")


def test_a_file_that_is_refused_says_why(page: Page, calm: str) -> None:
    open_incident(page, calm)

    page.set_input_files(
        "input[data-upload]",
        files=[{"name": "empty.txt", "mimeType": "text/plain", "buffer": b""}],
    )

    expect(page.locator("[data-upload-problem]")).to_contain_text("the file is empty")


def test_values_that_do_not_come_can_be_asked_for_again(page: Page, calm: str) -> None:
    page.route("**/parts/top-values*", lambda asked: asked.fulfill(status=500, body="no"))
    page.goto(f"{calm}/search?since=24h")
    page.click("summary:has-text('actor.user.name')")
    expect(page.locator("details[open] .values")).to_contain_text("This could not be loaded.")

    page.unroute("**/parts/top-values*")
    page.click("details[open] [data-retry]")

    expect(page.locator("details[open] .values")).to_contain_text("alice")


def test_events_of_an_entity_come_after_its_page_or_on_demand(page: Page, calm: str) -> None:
    page.route("**/parts/entity-events*", lambda asked: asked.abort())
    open_incident(page, calm)
    page.click(".entities a.entity-link >> nth=0")
    expect(page.locator(".later")).to_contain_text("This could not be loaded.")

    page.unroute("**/parts/entity-events*")
    page.click(".later [data-retry]")

    expect(page.locator(".later table.rows")).to_be_visible()
