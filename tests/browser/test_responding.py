"""A plan is read and approved on a phone, carried out, and taken back there."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import sign_in, watch
from tests.run.response_stage import Stage, aws, cloud, moto_url, stage
from tests.serve.web import seed, wishes
from tests.serve.web.attacks import ATTACKS
from tests.serve.web.conftest import PASSWORD, add_people, console_over, served
from tocsin.serve.web import create_app

__all__ = ["aws", "cloud", "moto_url", "stage"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PHONE = {"width": 390, "height": 844}
THUMB = 44
"""Pixels that a thumb hits."""

WAIT = 60_000


@dataclass
class Phone:
    page: Page
    address: str

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)


@pytest.fixture
def phone(browser: Browser, stage: Stage) -> Iterator[Phone]:
    """Return a phone before the console of a world whose key leaked; nobody is signed in."""
    stage.now = seed.NOW
    add_people(stage.store)
    with served(create_app(console_over(stage.store))) as address:
        context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
        yield Phone(context.new_page(), address)
        context.close()


def too_wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


def low_buttons(page: Page, where: str) -> list[str]:
    """Return what a thumb would miss."""
    found = []
    for button in page.locator(f"{where} .btn:visible").all():
        box = button.bounding_box()
        if box is None or box["height"] < THUMB:
            found.append(button.inner_text())
    return found


def test_a_plan_is_approved_on_a_phone_carried_out_and_taken_back(
    phone: Phone, stage: Stage
) -> None:
    uid, page = stage.put(), phone.page
    stage.turn()
    trouble = watch(page, phone.address)

    # The link of the message, opened by somebody who is not signed in.
    phone.open(f"/responses/{uid}")
    page.fill("#name", "analyst")
    page.fill("#password", PASSWORD)
    page.click("button")
    page.wait_for_url(f"**/responses/{uid}")
    expect(page.locator(".diff").first).to_contain_text("Inactive")
    expect(page.locator("#decide")).to_be_in_viewport()
    assert not too_wide(page)
    assert low_buttons(page, "#decide") == []

    page.click("#decide summary:has-text('Approve')")
    page.fill("#approve-reason", "it is in a public repository")
    assert low_buttons(page, "#decide") == []
    assert not too_wide(page)
    page.click("#decide button:has-text('Approve exactly this plan')")
    expect(page.locator(".notice-good")).to_contain_text("Your approval is noted")
    assert (stage.state(uid), stage.status()) == ("approved", "Active")

    # The open page notices by itself that it was carried out.
    stage.turn()
    assert (stage.state(uid), stage.status()) == ("active", "Inactive")
    expect(page.locator(".story-line .state")).to_have_text("In force", timeout=WAIT)

    page.click("#decide summary:has-text('Undo')")
    page.fill("#undo-reason", "a false alarm")
    page.click("#decide button:has-text('Take it back now')")
    expect(page.locator(".notice-good")).to_contain_text("taken back")
    stage.turn()
    assert (stage.state(uid), stage.status()) == ("reverted", "Active")
    phone.open(f"/responses/{uid}")
    expect(page.locator(".story-line .state")).to_have_text("Taken back")
    expect(page.locator("#decide")).to_have_count(0)
    assert not trouble, trouble


def test_everything_is_stopped_from_a_phone(phone: Phone, stage: Stage, browser: Browser) -> None:
    page = sign_in(phone.page.context, phone.address, "analyst")
    page.goto(f"{phone.address}/responses")

    page.click("summary:has-text('Stop everything')")
    page.fill("#switch-reason", "we look into it")
    assert low_buttons(page, ".halt") == []
    page.click("button:has-text('Yes, stop everything')")

    expect(page.locator(".halt")).to_contain_text("we look into it")
    assert stage.store.response_stop.is_set
    page.click("summary:has-text('Let it go on')")
    page.fill("#switch-reason", "all is well")
    page.click("button:has-text('Yes, let it go on')")
    expect(page.locator(".halt")).to_contain_text("Responding runs")
    assert not stage.store.response_stop.is_set


def test_long_and_hostile_plans_fit_a_phone(phone: Phone, stage: Stage, tmp_path: Path) -> None:
    wishes.fill(stage.store, [*ATTACKS, "x" * 3000, "arn:aws:s3:::" + "very-long-" * 40])
    page = sign_in(phone.page.context, phone.address, "analyst")
    wide = []
    page.goto(f"{phone.address}/responses")
    links = page.eval_on_selector_all("a.wish", "all => all.map(a => a.getAttribute('href'))")

    for path in ("/responses", "/responses?show=over", *links):
        page.goto(phone.address + path)
        if too_wide(page):
            wide.append(path)

    assert len(links) > len(ATTACKS) / 2
    assert wide == []
