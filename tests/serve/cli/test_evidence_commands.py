"""`tocsin evidence`: attach, list, save, verify, remove."""

from pathlib import Path

import pytest

from tests.serve.cli.shell import tocsin


@pytest.fixture
def uid(own_data: Path) -> str:
    (incident,) = tocsin("incidents", "list", "--data", own_data, "--output", "json").json
    return incident["uid"]


def test_a_file_is_attached_listed_saved_verified_and_removed(
    uid: str, own_data: Path, tmp_path: Path
):
    at = ("--data", own_data)
    dump = tmp_path / "dump.bin"
    dump.write_bytes(b"memory")
    assert tocsin("evidence", "add", uid, "--file", dump, "--note", "host 4", *at).code == 0

    (piece,) = tocsin("evidence", "list", uid, "--output", "json", *at).json
    saved = tmp_path / "saved.bin"
    assert tocsin("evidence", "save", piece["uid"], saved, *at).code == 0
    assert saved.read_bytes() == b"memory"
    assert tocsin("evidence", "verify", *at).err == "1 compared, 0 damaged\n"

    assert tocsin("evidence", "remove", piece["uid"], "--reason", "wrong host", *at).code == 0
    assert tocsin("evidence", "verify", *at).err == "0 compared, 0 damaged\n"


def test_a_changed_file_makes_verify_fail(uid: str, own_data: Path, tmp_path: Path):
    dump = tmp_path / "dump.bin"
    dump.write_bytes(b"memory")
    tocsin("evidence", "add", uid, "--file", dump, "--data", own_data)
    (kept,) = (each for each in (own_data / "evidence").glob("??/*"))
    kept.write_bytes(b"another")

    ended = tocsin("evidence", "verify", "--data", own_data)

    assert ended.code == 1 and "was changed" in ended.err


def test_nothing_to_attach_is_one_line(uid: str, own_data: Path):
    ended = tocsin("evidence", "add", uid, "--data", own_data)

    assert (ended.code, len(ended.err.splitlines())) == (2, 1)
