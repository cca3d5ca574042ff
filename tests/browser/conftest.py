"""Chromium before a console over a store that is full of attack strings."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.serve.web import seed, suppressions, wishes
from tests.serve.web.attacks import ATTACKS
from tests.serve.web.conftest import PASSWORD, add_people, console_over, served
from tocsin.serve.web import create_app
from tocsin.store import Store

# Without these, Chromium talks to its maker at every start.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass
class Trouble:
    """What a page did that it must not."""

    dialogs: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.dialogs or self.messages or self.errors or self.foreign)


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a console whose store is full of attack strings."""
    with Store.open(tmp_path_factory.mktemp("hostile") / "store") as store:
        seed.fill(store, attacks=ATTACKS)
        suppressions.fill(store, ATTACKS)
        wishes.fill(store, ATTACKS)
        add_people(store)
        with served(create_app(console_over(store))) as address:
            yield address


@pytest.fixture(scope="package")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a console over the same night without the attacks."""
    with Store.open(tmp_path_factory.mktemp("calm") / "store") as store:
        seed.fill(store)
        add_people(store)
        with served(create_app(console_over(store))) as address:
            yield address


def sign_in(context: BrowserContext, address: str, name: str = "admin") -> Page:
    """Return a page of somebody who typed name and password."""
    page = context.new_page()
    page.goto(f"{address}/")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("button")
    page.wait_for_selector("aside.side")
    return page


def watch(page: Page, address: str) -> Trouble:
    """Note everything that a page must not do."""
    trouble = Trouble()

    def dismiss(dialog: object) -> None:
        trouble.dialogs.append(str(getattr(dialog, "message", "")))
        dialog.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", dismiss)
    page.on("pageerror", lambda error: trouble.errors.append(str(error)))
    page.on(
        "console",
        lambda said: (
            trouble.messages.append(said.text) if said.type in {"error", "warning"} else None
        ),
    )
    page.on(
        "request",
        lambda asked: (
            None if asked.url.startswith((address, "data:")) else trouble.foreign.append(asked.url)
        ),
    )
    return trouble
