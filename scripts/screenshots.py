"""Take the pictures of the README: the real demo, in a real browser, nothing arranged.

Starts `tocsin up --demo` on a folder of its own, sets it up as its first visitor would, waits until
the story has been played, and photographs the pages.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
TOCSIN = Path(sys.executable).parent / "tocsin"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# The first incident that the demo opened has the longest story.
STORY = "tr[data-href]:last-child a.lead"
STORY_SECONDS = 75
MAX_BYTES = 300 * 1024
PASSWORD = "only-for-these-pictures"  # noqa: S105 -- of a demo that is gone a minute later


@dataclass(frozen=True)
class Picture:
    """One page: its file, address, theme, and what to do before the shutter."""

    name: str
    path: str
    theme: Literal["light", "dark"] = "light"
    click: str = ""
    height: int = 900


PICTURES = (
    Picture("overview-light", "/"),
    Picture("overview-dark", "/", "dark"),
    Picture("incident", "/incidents", click=STORY, height=1000),
    Picture("findings", "/findings"),
    Picture(
        "search", "/search?q=status:Failure", "dark", click="summary:has-text('actor.user.name')"
    ),
    Picture("event", "/search", click="tr[data-href] a.lead"),
    Picture("sources", "/sources", height=560),
    Picture("rules", "/rules"),
    Picture("coverage", "/coverage", "dark", height=1000),
)


def main() -> int:
    """Write every picture; fail where one is too large for a README."""
    browser_path = shutil.which("chromium")
    if browser_path is None:
        sys.stderr.write("screenshots: Chromium is not installed: run `make tools`\n")
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with demo() as first_address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = set_up(context, first_address)
        page.wait_for_timeout(STORY_SECONDS * 1000)
        origin = "/".join(first_address.split("/")[:3])
        too_large = [each.name for each in PICTURES if take(page, origin, each) > MAX_BYTES]
        browser.close()
    for name in too_large:
        sys.stderr.write(f"screenshots: {name}.png is larger than {MAX_BYTES >> 10} KiB\n")
    return 1 if too_large else 0


@contextmanager
def demo() -> Iterator[str]:
    """Run the demo on a folder of its own; yield the address with the set-up token."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"PATH": "/usr/bin:/bin", "TOCSIN_DATA": folder, "TOCSIN_WEB__PORT": "8491"}
        log = Path(folder).with_suffix(".log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [TOCSIN, "up", "--demo"], env=environment, stdout=output, stderr=output
            )
        try:
            yield _first_address(process, log)
        finally:
            process.terminate()
            process.wait(30)
            log.unlink()


def _first_address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    while process.poll() is None:
        found = re.search(r"http\S+/setup\?token=\S+", log.read_text())
        if found:
            return found[0]
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
    raise SystemExit(f"screenshots: the demo did not start:\n{log.read_text()[-2000:]}")


def set_up(context: BrowserContext, address: str) -> Page:
    """Create the first administrator as a person would."""
    page = context.new_page()
    page.goto(address)
    page.fill("#name", "sam")
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("button")
    page.wait_for_selector("#overview")
    return page


def take(page: Page, origin: str, picture: Picture) -> int:
    """Write one picture; return its size in bytes."""
    cookie = {"name": "tocsin-theme", "value": picture.theme, "url": origin}
    page.context.add_cookies([cookie])  # type: ignore[list-item]  # a TypedDict, written plainly
    page.set_viewport_size({"width": 1440, "height": picture.height})
    page.goto(origin + picture.path)
    if picture.click:
        page.locator(picture.click).first.click()
    page.wait_for_load_state("networkidle")
    page.mouse.move(0, 0)
    page.wait_for_timeout(400)
    target = IMAGES / f"{picture.name}.png"
    page.screenshot(path=target)
    return target.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
