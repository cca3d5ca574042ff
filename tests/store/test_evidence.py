"""Evidence: kept by its hash, seen by scope, removed with a reason, backed up and checked."""

import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from tests.store.tables import NOON, event, finding, match, store_events, uid
from tocsin.errors import StoreError, UsageError
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.store import IncidentFilter, Retention, Store
from tocsin.store.answers import Attaching, Evidence, Once
from tocsin.store.evidence_files import MOST_BYTES

DUMP = b"memory of a host"


@pytest.fixture
def incident(store: Store) -> str:
    found = finding("f", ["a"])
    store_events(store, [event("a")], findings=[found], matches=[match(found, uid("a"))])
    (only,) = store.incidents.list(IncidentFilter(), EVERYTHING).rows
    return only.uid


def how(incident: str, **values: object) -> Attaching:
    known = {"incident_uid": incident, "actor": "ada", "now": NOON, "scope": EVERYTHING}
    return Attaching(**{**known, **values})  # type: ignore[arg-type]


def attach(store: Store, incident: str, content: bytes = DUMP, name: str = "dump.bin") -> Evidence:
    with store.evidence.upload() as upload:
        upload.write(content)
        return store.evidence.attach_file(upload, name, how(incident))


def kept(store: Store) -> list[Path]:
    return [each for each in (store.folder / "evidence").rglob("*") if each.is_file()]


def test_a_file_is_kept_under_its_hash_and_given_back(store: Store, incident: str):
    piece = attach(store, incident)

    found, path = store.evidence.open(piece.uid, EVERYTHING)
    assert (found.sha256, path.read_bytes()) == (sha256(DUMP).hexdigest(), DUMP)
    assert path.name == piece.sha256 and path.stat().st_mode & 0o077 == 0
    assert store.evidence.list(incident, EVERYTHING) == (piece,)


def test_the_same_file_is_attached_once(store: Store, incident: str):
    assert attach(store, incident) == attach(store, incident)
    assert len(kept(store)) == 1


def test_an_event_outlives_the_lake(store: Store, incident: str):
    (piece,) = store.evidence.attach_events([uid("a")], how(incident, note="the first one"))
    store.maintenance.retain(Retention(days=1), NOON + timedelta(days=90))

    _, path = store.evidence.open(piece.uid, EVERYTHING)
    content = json.loads(path.read_bytes())
    assert store.events.get(uid("a"), EVERYTHING).num_rows == 0
    assert content["metadata"]["uid"] == uid("a") and "eventID" in content["raw_data"]


def test_an_event_that_is_not_stored_is_refused(store: Store, incident: str):
    with pytest.raises(UsageError, match="no event evt_nothing"):
        store.evidence.attach_events(["evt_nothing"], how(incident))


def test_nothing_is_kept_of_a_refused_file(store: Store, incident: str):
    with pytest.raises(UsageError, match="at most 25 MiB"), store.evidence.upload() as upload:
        upload.write(bytes(MOST_BYTES))
        upload.write(b"x")
    with pytest.raises(UsageError, match="empty"):
        attach(store, incident, b"")

    assert kept(store) == []


def test_an_unknown_incident_takes_nothing(store: Store):
    with pytest.raises(UsageError, match="no incident"):
        attach(store, "inc_nothing")


def test_who_sees_no_finding_of_the_incident_sees_no_evidence(store: Store, incident: str):
    piece = attach(store, incident)
    other = Scope(accounts=frozenset({"444455556666"}))

    assert store.evidence.list(incident, other) == ()
    with pytest.raises(UsageError, match="no evidence"):
        store.evidence.open(piece.uid, other)


def test_an_event_of_another_account_is_not_seen_through_its_incident(store: Store):
    ours = finding("f", ["a", "b"])
    rows = [event("a"), event("b", 1, account="444455556666")]
    matches = [match(ours, uid("a")), match(ours, uid("b"), 1)]
    store_events(store, rows, findings=[ours], matches=matches)
    (only,) = store.incidents.list(IncidentFilter(), EVERYTHING).rows
    store.evidence.attach_events([uid("a"), uid("b")], how(only.uid))

    seen = store.evidence.list(only.uid, Scope(accounts=frozenset({"111122223333"})))

    assert [each.name for each in seen] == [uid("a")]


def test_a_repeated_request_gets_the_first_answer(store: Store, incident: str):
    once = Once.of("key-1", "attach", "a")

    first = store.evidence.attach_events([uid("a")], how(incident), once=once)
    later = how(incident, now=NOON + timedelta(hours=1))
    again = store.evidence.attach_events([uid("a")], later, once=once)

    assert first == again


def test_removing_needs_a_reason_and_leaves_the_row(store: Store, incident: str):
    piece = attach(store, incident)
    with pytest.raises(UsageError, match="say why"):
        store.evidence.remove(piece.uid, " ", "root", NOON, EVERYTHING)

    removed = store.evidence.remove(piece.uid, "private photos", "root", NOON, EVERYTHING)

    assert (removed.removed_by, removed.removed_reason) == ("root", "private photos")
    assert kept(store) == []
    with pytest.raises(UsageError, match="was removed: private photos"):
        store.evidence.open(piece.uid, EVERYTHING)
    assert [each.uid for each in store.evidence.list(incident, EVERYTHING)] == [piece.uid]


def test_bytes_that_another_piece_needs_stay(store: Store, incident: str):
    piece = attach(store, incident)
    other = attach(store, incident, name="copy.bin")

    store.evidence.remove(piece.uid, "twice", "root", NOON, EVERYTHING)

    assert store.evidence.open(other.uid, EVERYTHING)[1].read_bytes() == DUMP


def test_attaching_and_removing_stand_in_timeline_and_audit_log(store: Store, incident: str):
    piece = attach(store, incident)
    store.evidence.remove(piece.uid, "twice", "root", NOON, EVERYTHING)

    told = [each.title for each in store.incidents.timeline(incident, EVERYTHING)]
    actions = [row.action for row in store.audit.list(EVERYTHING, object_=incident).rows]
    assert sum("dump.bin" in title for title in told) == 2
    assert actions == ["incident.evidence.removed", "incident.evidence"]


def test_a_changed_file_is_found_and_not_given(store: Store, incident: str):
    piece = attach(store, incident)
    (path,) = kept(store)
    path.write_bytes(b"something else")

    assert [each.what for each in store.evidence.verify().damage] == [
        f"evidence {piece.sha256}: the file was changed"
    ]
    with pytest.raises(StoreError, match="was changed"):
        store.evidence.open(piece.uid, EVERYTHING)
    assert any("was changed" in each.what for each in store.maintenance.fsck())


def test_a_lost_file_is_found(store: Store, incident: str):
    attach(store, incident)
    kept(store)[0].unlink()

    assert "is gone" in store.evidence.verify().damage[0].what


def test_a_file_that_no_evidence_has_is_mended_away_once_it_is_old(store: Store, incident: str):
    import os

    attach(store, incident)
    old = store.folder / "evidence" / "ab" / ("ab" + "0" * 62)
    old.parent.mkdir(exist_ok=True)
    old.write_bytes(b"left by a crash")
    assert store.maintenance.fsck() == ()
    os.utime(old, (0, 0))

    assert ["no evidence has" in each.what for each in store.maintenance.fsck(repair=True)] == [
        True
    ]
    assert not old.exists() and len(kept(store)) == 1


def test_a_backup_holds_evidence_and_is_restored_with_it(
    store: Store, incident: str, tmp_path: Path
):
    piece = attach(store, incident)
    store.maintenance.backup(tmp_path / "copy")

    Store.restore(tmp_path / "copy", tmp_path / "again")

    with Store.open(tmp_path / "again") as again:
        assert again.evidence.open(piece.uid, EVERYTHING)[1].read_bytes() == DUMP
        assert again.evidence.verify().pieces == 1


def test_a_name_from_a_browser_leads_to_no_other_folder(store: Store, incident: str):
    piece = attach(store, incident, name="..\\..\\etc/passwd")

    assert piece.name == "passwd"
