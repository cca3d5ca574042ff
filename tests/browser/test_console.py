"""What people do with the console, in Chromium: set up, look, move by keys, act, search, switch."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Trouble, sign_in, watch
from tests.serve.web import seed
from tests.serve.web.conftest import PASSWORD, console_over, served
from tocsin.serve.web import create_app
from tocsin.store import Store

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def visit(browser: Browser, calm: str) -> Iterator[tuple[Page, Trouble]]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    page = sign_in(context, calm, "analyst")
    trouble = watch(page, calm)
    yield page, trouble
    context.close()
    assert not trouble, trouble


def test_the_first_visitor_sets_tocsin_up(browser: Browser, tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        token = store.accounts.new_setup_token(seed.NOW)
        with served(create_app(console_over(store))) as address:
            context = browser.new_context()
            page = context.new_page()
            trouble = watch(page, address)
            page.goto(f"{address}/setup?token={token}")
            page.fill("#name", "root")
            page.fill("#password", PASSWORD)
            page.fill("#again", PASSWORD)
            page.click("button")
            expect(page.locator("h1")).to_have_text("Overview")
            expect(page.locator(".side-name")).to_contain_text("root")
            context.close()

    assert not trouble, trouble


def test_fresh_incidents_appear_without_reload(browser: Browser, tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        token = store.accounts.new_setup_token(seed.NOW)
        store.accounts.consume_setup_token(token, "admin", PASSWORD, seed.NOW)
        with served(create_app(console_over(store))) as address:
            context = browser.new_context()
            page = sign_in(context, address)
            page.evaluate("window.sameDocument = true")
            expect(page.locator("#overview")).to_contain_text("No source has spoken yet")
            seed.fill(store)
            expect(page.locator("#overview")).to_contain_text(
                "Disk snapshot is shared", timeout=15_000
            )
            expect(page.locator("#open-count")).to_have_text("4", timeout=15_000)
            assert page.evaluate("window.sameDocument") is True
            context.close()


def test_keys_move_through_a_list_and_open_it(visit: tuple[Page, Trouble]) -> None:
    page, _ = visit
    page.click("text=Incidents >> nth=0")
    page.wait_for_selector("tr[data-href]")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    title = page.locator("tr.is-at a.lead").inner_text()
    page.keyboard.press("Enter")

    expect(page.locator(".story-head h1")).to_have_text(title)


def test_an_incident_is_taken_and_closed(visit: tuple[Page, Trouble]) -> None:
    page, _ = visit
    page.goto(page.url.rstrip("/") + "/incidents?text=root")
    page.click("tr[data-href] a.lead")
    page.click("text=Take it")
    expect(page.locator(".notice-good")).to_have_text("It is yours now.")
    page.click("summary:has-text('Close')")
    page.select_option("#verdict", "Benign")
    page.fill("#reason", "Planned by the owner.")
    page.click("text=Close with this verdict")
    expect(page.locator(".story-head .state")).to_have_text("Closed")
    expect(page.locator(".story-head")).to_contain_text("Planned by the owner.")


def test_a_search_is_typed_opened_and_narrowed(visit: tuple[Page, Trouble]) -> None:
    page, _ = visit
    page.keyboard.press("Escape")
    page.click(".side-link:has-text('Search')")
    page.fill("[name=q]", "actor.user.name:svc-report")
    page.keyboard.press("Enter")
    expect(page.locator(".top-title")).to_contain_text("4 events")
    page.locator("tr[data-href]").nth(0).locator("a.lead").click()
    expect(page.locator("#drawer h2")).to_be_visible()
    assert "event=evt_" in page.url
    page.reload()
    expect(page.locator("#drawer h2")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#drawer h2")).to_have_count(0)
    page.click("summary:has-text('api.operation')")
    page.click(".values a:has-text('StopLogging')")
    expect(page.locator(".top-title")).to_contain_text("1 event")


def test_a_stretch_of_the_histogram_becomes_the_address(visit: tuple[Page, Trouble]) -> None:
    page, _ = visit
    page.click(".side-link:has-text('Search')")
    page.wait_for_selector("#histogram canvas")
    box = page.locator("#histogram").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=4)
    page.mouse.up()

    page.wait_for_url(re.compile(r"since=2026-.*until=2026-"))


def test_the_theme_is_switched_and_kept(visit: tuple[Page, Trouble]) -> None:
    page, _ = visit
    root = page.locator("html")
    expect(root).to_have_attribute("data-bs-theme", "light")
    page.click("[data-theme-toggle]")
    expect(root).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    expect(root).to_have_attribute("data-bs-theme", "dark")


def test_without_a_choice_the_theme_follows_the_system(browser: Browser, calm: str) -> None:
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(f"{calm}/sign-in")

    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    context.close()


@pytest.mark.parametrize("width", [360, 768, 1100])
def test_no_page_is_wider_than_the_screen(browser: Browser, calm: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = sign_in(context, calm)
    wide = []
    for path in (
        "/",
        "/incidents",
        "/findings",
        "/search",
        "/sources",
        "/rules",
        "/coverage",
        "/audit",
        "/users",
    ):
        page.goto(calm + path)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(path)
    context.close()

    assert wide == []


def test_signing_out_ends_the_way_back(visit: tuple[Page, Trouble]) -> None:
    page, _ = visit
    page.click("form[action='/sign-out'] button")
    page.wait_for_selector("#password")
    page.go_back()

    expect(page.locator("#password")).to_be_visible()
