"""The shell: strict headers on every answer, known hosts only, bounded bodies, plain failures."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from tests.serve.web import seed
from tests.serve.web.conftest import console_over, served, visitor
from tocsin.serve.web import create_app
from tocsin.serve.web.headers import CONTENT_SECURITY_POLICY, MAX_BODY_BYTES
from tocsin.store import Store

TEMPLATES = Path("tocsin/serve/web/templates")
PAGES = (
    *("/", "/incidents", "/findings", "/search", "/sources", "/rules", "/audit", "/users"),
    *("/account", "/coverage", "/suppressions", "/suppressions/new"),
)
ERRORS = (
    ("GET", "/nothing", 404),
    ("POST", "/incidents", 405),
    ("GET", "/incidents/none", 404),
    ("GET", "/api/v1/incidents/none", 404),
    ("GET", "/api/v1/incidents?limit=0", 422),
    ("GET", "/api/v1/events?q=(", 400),
    ("POST", "/users", 403),
    ("GET", "/assets/../app.py", 404),
    ("GET", "/assets/%2e%2e/app.py", 404),
)


def is_strict(answer: httpx.Response) -> bool:
    headers = answer.headers
    return (
        headers.get_list("content-security-policy") == [CONTENT_SECURITY_POLICY]
        and headers["x-content-type-options"] == "nosniff"
        and headers["referrer-policy"] == "same-origin"
        and headers["cross-origin-opener-policy"] == "same-origin"
        and headers["cross-origin-resource-policy"] == "same-origin"
        and "access-control-allow-origin" not in headers
    )


def test_the_policy_allows_nothing_but_our_own_files() -> None:
    for part in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'"):
        assert part in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY


@pytest.mark.parametrize("path", [*PAGES, "/api/v1/me", "/api/v1/openapi.json", "/healthz"])
def test_pages_carry_the_headers(admin: httpx.Client, path: str) -> None:
    answer = admin.get(path)

    assert answer.status_code == 200
    assert is_strict(answer)


@pytest.mark.parametrize(("method", "path", "status"), ERRORS)
def test_errors_carry_the_headers(admin: httpx.Client, method: str, path: str, status: int) -> None:
    answer = admin.request(method, path)

    assert answer.status_code == status
    assert is_strict(answer)


def test_redirects_and_files_carry_the_headers(anonymous: httpx.Client) -> None:
    redirect, file = anonymous.get("/incidents"), anonymous.get("/assets/logo.svg")

    assert (redirect.status_code, file.status_code) == (303, 200)
    assert is_strict(redirect)
    assert is_strict(file)


def test_only_named_files_are_kept_by_caches(admin: httpx.Client) -> None:
    page = admin.get("/")
    named = re.search(r'href="(/assets/base\.css\?v=\w+)"', page.text)

    assert named is not None
    assert "immutable" in admin.get(named[1]).headers["cache-control"]
    assert admin.get("/assets/base.css").headers["cache-control"] == "no-cache"
    assert page.headers["cache-control"] == "no-store"


def test_only_files_are_packed(admin: httpx.Client) -> None:
    packed = admin.get("/assets/base.css")
    plain = admin.get("/assets/base.css", headers={"Accept-Encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text
    assert "content-encoding" not in admin.get("/").headers


def test_pages_hold_no_script_and_no_style_of_their_own() -> None:
    for template in TEMPLATES.rglob("*.html"):
        text = template.read_text()
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:|hx-on", text), template
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), template
        assert "|safe" not in text or template.name == "icons.html", template


def test_an_unknown_host_name_is_refused(address: str) -> None:
    with visitor(address) as client:
        answer = client.get("/healthz", headers={"Host": "rebound.example"})

    assert answer.status_code == 421
    assert is_strict(answer)


def test_the_public_name_is_known(store: Store) -> None:
    console = console_over(store, hosts=frozenset({"tocsin.example"}))
    with served(create_app(console)) as address, visitor(address) as client:
        answer = client.get("/healthz", headers={"Host": "tocsin.example"})

    assert answer.status_code == 200


@pytest.fixture
def failing(store: Store) -> Iterator[httpx.Client]:
    def fail() -> SimpleNamespace:
        raise RuntimeError("a secret detail")

    console = console_over(store)
    broken = replace(console, health=fail)
    with served(create_app(broken)) as address, visitor(address) as client:
        yield client


def test_a_crash_is_a_plain_page_with_the_headers(failing: httpx.Client) -> None:
    answer = failing.get("/readyz")

    assert answer.status_code == 500
    assert "a secret detail" not in answer.text
    assert is_strict(answer)


def test_a_large_body_is_refused(anonymous: httpx.Client) -> None:
    body = "name=" + "a" * MAX_BODY_BYTES
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = anonymous.post("/sign-in", content=body, headers=headers)

    assert answer.status_code == 413
    assert is_strict(answer)


def test_a_large_body_without_a_length_is_refused(anonymous: httpx.Client) -> None:
    parts = (b"name=" + b"a" * 65536 for _ in range(8))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = anonymous.post("/sign-in", content=parts, headers=headers)

    assert answer.status_code == 413


def test_tls_adds_strict_transport_security(empty_store: Store) -> None:
    empty_store.accounts.new_setup_token(seed.NOW)
    with (
        served(create_app(console_over(empty_store, is_tls=True))) as address,
        visitor(address) as client,
    ):
        answer = client.get("/setup")

    assert answer.headers["strict-transport-security"].startswith("max-age=")
