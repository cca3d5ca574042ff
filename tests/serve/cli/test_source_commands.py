"""`tocsin sources list` shows the law; `rotate-key` is in the audit log."""

from pathlib import Path

from tests.serve.cli.shell import tocsin


def test_the_law_is_shown_with_what_was_taken_out(trail: Path, tmp_path: Path):
    data = tmp_path / "data"
    tocsin("ingest", trail, "--source", "aws.cloudtrail", "--data", data)
    record = tmp_path / "x.jsonl"
    record.write_text('{"password": "examplepw"}')
    tocsin("ingest", record, "--source", "aws.cloudtrail", "--data", data)

    rows = tocsin("sources", "list", "-o", "jsonl", "--data", data).lines

    parts = ("events", "findings", "resources", "duplicates", "rejects")
    assert len(rows) == 2
    assert all(row["received"] == sum(row[part] for part in parts) > 0 for row in rows)
    assert [row["redacted"] for row in rows if row["rejects"]] == [{"password": 1}]
    assert all(row["own_lag_seconds"] >= 0 for row in rows)
    before = (data / "redaction.key").read_text()
    assert tocsin("sources", "rotate-key", "--data", data).code == 0
    assert (data / "redaction.key").read_text() != before
