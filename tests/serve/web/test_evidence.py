"""Evidence over the API and on the page of an incident."""

from hashlib import sha256

import httpx
import pytest

from tests.serve.web.conftest import csrf_of
from tocsin.ocsf import EVERYTHING
from tocsin.serve.web.headers import MAX_FILE_BYTES
from tocsin.store import IncidentFilter, Store

PAGE = b"<script>alert(1)</script>"


@pytest.fixture
def uid(store: Store) -> str:
    return store.incidents.list(IncidentFilter(), EVERYTHING).rows[0].uid


def attach(client: httpx.Client, uid: str, content: bytes = PAGE, **more: object) -> httpx.Response:
    headers = {"X-CSRF-Token": csrf_of(client), **more.pop("headers", {})}  # type: ignore[dict-item]
    return client.post(
        f"/api/v1/incidents/{uid}/evidence/files",
        params={"name": "evil.html", "note": "from the mail", **more},
        content=content,
        headers=headers,
    )


def test_a_file_comes_back_as_a_file_to_save_and_is_never_shown(
    analyst: httpx.Client, viewer: httpx.Client, uid: str
) -> None:
    piece = attach(analyst, uid).json()

    answer = viewer.get(f"/api/v1/evidence/{piece['uid']}/content")

    assert answer.content == PAGE and piece["sha256"] == sha256(PAGE).hexdigest()
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''evil.html"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"


def test_a_repeated_upload_with_one_key_is_one_piece(analyst: httpx.Client, uid: str) -> None:
    key = {"Idempotency-Key": "upload-1"}

    first = attach(analyst, uid, b"same", headers=key)
    again = attach(analyst, uid, b"same", headers=key)
    other = attach(analyst, uid, b"another", headers=key)

    assert first.json() == again.json()
    assert other.status_code == 409


def test_events_are_attached(analyst: httpx.Client, store: Store, uid: str) -> None:
    finding = store.incidents.get(uid, EVERYTHING).finding_uids[0]  # type: ignore[union-attr]
    event = store.findings.get(finding, EVERYTHING).to_pylist()[0]["event_uids"][0]

    answer = analyst.post(
        f"/api/v1/incidents/{uid}/evidence/events",
        json={"event_uids": [event], "note": "where it began"},
        headers={"X-CSRF-Token": csrf_of(analyst)},
    )

    (piece,) = answer.json()
    listed = analyst.get(f"/api/v1/incidents/{uid}/evidence").json()
    assert (piece["kind"], piece["name"]) == ("event", event)
    assert piece in listed


def test_too_large_a_file_is_refused(analyst: httpx.Client, uid: str) -> None:
    assert attach(analyst, uid, bytes(MAX_FILE_BYTES + 1)).status_code == 413


def test_other_operations_still_take_small_bodies_only(analyst: httpx.Client, uid: str) -> None:
    answer = analyst.post(f"/api/v1/incidents/{uid}/evidence/events", content=bytes(300 * 1024))

    assert answer.status_code == 413


def test_only_an_administrator_removes_with_a_reason(
    analyst: httpx.Client, admin: httpx.Client, uid: str
) -> None:
    piece = attach(analyst, uid, b"to be removed").json()
    address = f"/api/v1/evidence/{piece['uid']}/remove"

    refused = analyst.post(
        address, json={"reason": "no"}, headers={"X-CSRF-Token": csrf_of(analyst)}
    )
    done = admin.post(
        address, json={"reason": "a mistake"}, headers={"X-CSRF-Token": csrf_of(admin)}
    )

    assert (refused.status_code, done.status_code) == (403, 200)
    assert done.json()["removed_by"] == "admin"
    assert analyst.get(f"/api/v1/evidence/{piece['uid']}/content").status_code == 404


def test_the_page_lists_evidence_with_its_hash(
    analyst: httpx.Client, viewer: httpx.Client, uid: str
) -> None:
    piece = attach(analyst, uid, b"shown on the page", name="<b>.bin").json()

    mine, theirs = (each.get(f"/incidents/{uid}").text for each in (analyst, viewer))

    assert piece["sha256"] in mine and "&lt;b&gt;.bin" in mine and "<b>.bin" not in mine
    assert "data-upload" in mine and "data-upload" not in theirs
