"""Nothing that is stored holds a secret; every count is kept; the law holds with redaction."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.run.batches import batch
from tests.run.crank import NOW, call, counters, is_conserved, settings_in, stored, turned
from tocsin.errors import StoreError
from tocsin.ocsf import EVERYTHING
from tocsin.run.redacting import KEY_FILE, KeyFile, redaction_of, rotate
from tocsin.run.tools import Tools
from tocsin.settings import load
from tocsin.store import Span, Store

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def telling(user: str = "eve") -> dict[str, object]:
    made = {"accessKey": {"secretAccessKey": SECRET}}
    return call("CreateAccessKey", user=user, responseElements=made)


@pytest.fixture
def clean(tools: Tools, tmp_path: Path) -> Tools:
    return replace(tools, redaction=redaction_of(settings_in(tmp_path)))


def holds(folder: Path, secret: str) -> list[str]:
    return [str(p) for p in folder.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]


def test_no_file_of_the_store_holds_a_secret(clean: Tools, store: Store):
    broken = b'{"secretAccessKey":"' + SECRET.encode() + b'", nonsense'
    turned(clean, store, batch(telling(), broken))

    assert counters(store, "feed")["rejects"] == 1
    (row,) = store.events.search("", EVERYTHING, Span(), limit=10).rows.to_pylist()
    assert "[redacted:aws_secret_access_key:" in row["raw_data"]
    assert SECRET not in str(row)
    assert SECRET not in str(stored(store))
    store.close()
    assert holds(clean.settings.data.parent, SECRET) == []


def test_secrets_are_counted_by_kind_and_the_law_holds(clean: Tools, store: Store):
    turned(clean, store, batch(telling(user="a"), telling(user="b"), call()))
    turned(clean, store, batch(telling(user="a")))

    health = store.sources.get("feed", EVERYTHING, NOW)
    assert health is not None
    assert health.redacted == {"aws_secret_access_key": 3}
    assert health.duplicates == 1
    assert is_conserved(counters(store, "feed"))


def test_a_replay_of_rejects_knows_its_rejects_again(clean: Tools, store: Store):
    turned(clean, store, batch(b'{"password":"examplepw", nonsense'))
    for replayed in store.rejects.replay():
        turned(clean, store, replayed)

    assert counters(store, "feed")["rejects"] == 1
    assert is_conserved(counters(store, "feed"))


def test_the_settings_switch_it_off(tmp_path: Path):
    file = tmp_path / "tocsin.yaml"
    file.write_text(
        "redaction: {except_kinds: [jwt], except_sources: [zeek.log]}\n"
        "feeds:\n  - {name: raw, kind: file, source: aws.cloudtrail, path: x, redaction: false}\n"
    )
    found = redaction_of(load(file, {"TOCSIN_DATA": str(tmp_path / "data")}))
    told = batch(telling())

    assert found.of(replace(told, feed="raw"))[0].records.equals(told.records)
    assert found.of(replace(told, source="zeek.log"))[1] == {}
    assert found.of(told)[1] == {"aws_secret_access_key": 1}
    file.write_text("redaction: {enabled: false}\n")
    assert redaction_of(load(file, {"TOCSIN_DATA": str(tmp_path / "data")})).of(told)[1] == {}


def test_the_key_is_private_kept_and_rotated(tmp_path: Path):
    keys = KeyFile(tmp_path)
    first = keys.key()

    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert KeyFile(tmp_path).key() == first == keys.key()
    rotate(tmp_path)
    assert keys.key() != first
    (tmp_path / KEY_FILE).write_text("no key")
    with pytest.raises(StoreError, match="cannot be used"):
        KeyFile(tmp_path).key()


def test_without_a_data_folder_nobody_keeps_the_key(tmp_path: Path):
    keys = KeyFile(tmp_path / "absent")

    assert keys.key() == keys.key()
    assert not (tmp_path / "absent").exists()
    assert json.dumps(KeyFile().key().hex())
