"""Who may do what: every operation against every kind of visitor."""

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from tests.serve.web.conftest import ROLES, console_over, csrf_of, signed_in, visitor
from tocsin.serve.web import create_app
from tocsin.serve.web.app import refuse_unguarded
from tocsin.serve.web.guard import GuardedRoute, UnguardedError, guarded_router, operation
from tocsin.serve.web.permissions import ROLES as RIGHTS
from tocsin.serve.web.permissions import SAFE_METHODS, Permission
from tocsin.store import Store

VISITORS = (None, *ROLES)


@pytest.fixture(scope="module")
def operations(store: Store) -> list[tuple[str, str, Permission]]:
    return sorted(
        (method, route.path, route.permission)
        for route in create_app(console_over(store)).routes
        if isinstance(route, GuardedRoute)
        for method in route.methods
    )


@pytest.fixture(scope="module")
def visitors(address: str) -> Iterator[dict[str | None, httpx.Client]]:
    with ExitStack() as stack:
        yield {
            role: stack.enter_context(signed_in(address, role) if role else visitor(address))
            for role in VISITORS
        }


def test_every_operation_answers_every_kind_of_visitor_as_its_permission_says(
    operations: list[tuple[str, str, Permission]], visitors: dict[str | None, httpx.Client]
) -> None:
    wrong = []
    for method, path, permission in operations:
        if path == "/sign-out":
            continue
        for role, client in visitors.items():
            status = _send(client, role, method, path)
            expected = _expected(role, method, path, permission)
            if (status in {401, 403} or _is_sign_in(status, path, role)) == expected:
                wrong.append((role, method, path, status))

    assert len(operations) > 45
    assert wrong == []


def _expected(role: str | None, method: str, path: str, permission: Permission) -> bool:
    """Say whether the visitor is let in."""
    if permission is Permission.ANYONE:
        return True
    # Tests come from this machine, which may read the counters.
    if permission is Permission.METRICS:
        return True
    return role is not None and permission in RIGHTS[role]


def _is_sign_in(status: int, path: str, role: str | None) -> bool:
    return status == 303 and role is None and path not in {"/sign-in", "/setup"}


def _send(client: httpx.Client, role: str | None, method: str, path: str) -> int:
    concrete = (
        path.replace("{name:path}", "logo.svg").replace("{uid}", "none").replace("{feed}", "none")
    )
    headers = {"X-CSRF-Token": csrf_of(client)} if role and method not in SAFE_METHODS else {}
    if path == "/sign-in" and method == "POST":
        # A body that cannot sign in, so that the visitor stays who they are.
        return 0
    body = {"json": {}} if path.startswith("/api/") and method not in SAFE_METHODS else {}
    return client.request(method, concrete, headers=headers, **body).status_code


def test_a_viewer_changes_nothing(
    operations: list[tuple[str, str, Permission]], visitors: dict[str | None, httpx.Client]
) -> None:
    doors = {"/sign-in", "/sign-out", "/setup", "/account"}
    changing = [(m, p) for m, p, _ in operations if m not in SAFE_METHODS and p not in doors]

    answers = {_send(visitors["viewer"], "viewer", method, path) for method, path in changing}

    assert len(changing) >= 3
    assert answers == {403}


def test_an_api_operation_says_its_permission_in_the_document(
    visitors: dict[str | None, httpx.Client],
) -> None:
    document = visitors["viewer"].get("/api/v1/openapi.json").json()

    named = [
        each.get("x-permission") for path in document["paths"].values() for each in path.values()
    ]

    assert len(named) > 15
    assert set(named) <= {permission.value for permission in Permission}


def test_a_route_without_permission_cannot_be_made() -> None:
    router = guarded_router()

    with pytest.raises(UnguardedError, match="/naked has no permission"):
        router.add_api_route("/naked", lambda: None)


def test_a_route_that_changes_things_needs_more_than_reading() -> None:
    with pytest.raises(UnguardedError, match="reading only"):
        operation(guarded_router(), "POST", "/change", Permission.READ)(lambda: None)


def test_an_application_with_an_unguarded_route_is_refused() -> None:
    router, app = APIRouter(), FastAPI(openapi_url=None)
    router.add_api_route("/naked", lambda: None)
    app.include_router(router)

    with pytest.raises(UnguardedError):
        refuse_unguarded(app.routes)


def test_documentation_pages_of_the_framework_are_off(
    visitors: dict[str | None, httpx.Client],
) -> None:
    paths = ("/docs", "/redoc", "/openapi.json")

    assert {visitors["admin"].get(path).status_code for path in paths} == {404}


def test_counters_are_for_this_machine_or_signed_in_people(address: str) -> None:
    with visitor(address) as client:
        own = client.get("/metrics")
        passed_on = client.get("/metrics", headers={"X-Forwarded-For": "198.51.100.1"})

    assert own.status_code == 200
    assert 'tocsin_records_total{feed="org-trail",source="aws.cloudtrail"}' in own.text
    assert passed_on.status_code == 303
