"""Commands over a data folder: load, search, SQL, rejects, audit, fsck, backup."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.run.crank import call
from tests.serve.cli.records import NOW, START
from tests.serve.cli.shell import has_no_controls, json_lines, spawned, tocsin


def operations(ended) -> list[str]:
    return sorted(event["api"]["operation"] for event in ended.lines)


def test_ingest_tells_what_became_of_the_records(trail: Path, tmp_path: Path):
    ended = tocsin("ingest", trail, "--source", "aws.cloudtrail", "--data", tmp_path / "data")

    assert (ended.code, ended.out) == (0, "")
    assert ended.err == ("4 records: 4 events, 0 duplicates, 0 rejects; 1 findings, 1 incidents\n")


def test_ingest_resumes_and_adds_only_what_is_new(trail: Path, tmp_path: Path):
    path = tmp_path / "growing.jsonl"
    path.write_bytes(trail.read_bytes())
    data = ("--source", "aws.cloudtrail", "--data", tmp_path / "data")
    tocsin("ingest", path, *data)

    nothing = tocsin("ingest", path, *data)
    with path.open("a") as file:
        file.write(json.dumps(call("CreateUser", service="iam.amazonaws.com", at=NOW)) + "\n")
    grown = tocsin("ingest", path, *data)

    assert nothing.err.startswith("0 records")
    assert grown.err.startswith("1 records: 1 events, 0 duplicates")


def test_ingest_of_a_copy_adds_only_duplicates(own_data: Path, trail: Path, tmp_path: Path):
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(trail.read_bytes())

    ended = tocsin("ingest", copy, "--source", "aws.cloudtrail", "--data", own_data)

    assert ended.err.startswith("4 records: 0 events, 4 duplicates, 0 rejects; 0 findings")


def test_ingest_recognizes_the_source(audit: Path, tmp_path: Path):
    ended = tocsin("ingest", audit, "--data", tmp_path / "data")

    why, told = ended.err.splitlines()[:2]
    assert why.startswith("recognized as kubernetes.audit (100 % of 3 records; has ")
    assert told.startswith("3 records: 3 events")


def test_a_mistyped_source_leaves_no_data_folder(trail: Path, tmp_path: Path):
    ended = tocsin("ingest", trail, "--source", "cloudtrail", "--data", tmp_path / "data")

    assert ended.code == 2
    assert not (tmp_path / "data").exists()


def test_ingest_needs_something_to_read(tmp_path: Path):
    ended = tocsin("ingest", "--data", tmp_path / "data")

    assert ended.code == 2
    assert "name files or folders to load" in ended.err


def test_ingest_reads_standard_input(trail: Path, tmp_path: Path):
    ended = spawned(
        "ingest", "-", "-s", "aws.cloudtrail", "-d", tmp_path / "data", stdin=trail.read_bytes()
    )

    assert ended.err.startswith("4 records: 4 events")


def test_rejects_stay_until_a_mapping_reads_them(own_data: Path):
    ended = tocsin("ingest", "--rejects", "--data", own_data)

    left = tocsin("rejects", "list", "--data", own_data, "--output", "json")
    assert (ended.code, len(left.json)) == (0, 1)


def test_search_finds_events_as_ocsf(data: Path):
    ended = tocsin("search", "actor.user.name:alice", "--data", data, "--output", "jsonl")

    assert operations(ended) == ["DeleteVolume", "DescribeInstances"]
    assert {event["class_uid"] for event in ended.lines} == {6003}


def test_search_understands_the_query_of_the_documents(data: Path):
    query = "actor.user.name:alice AND api.operation:Delete* AND NOT src_endpoint.ip:10.0.0.0/8"

    ended = tocsin("search", query, "--since", "7d", "--data", data, "--output", "jsonl")

    assert operations(ended) == ["DeleteVolume"]


def test_search_keeps_to_the_span(data: Path):
    until = (START + timedelta(seconds=30)).isoformat()

    early = tocsin("search", "*", "--until", until, "--data", data, "--output", "jsonl")
    late = tocsin("search", "*", "--since", "1m", "--data", data, "--output", "jsonl")

    assert operations(early) == ["DescribeInstances"]
    assert late.lines == []


def test_search_prints_a_table_for_people(data: Path):
    ended = tocsin("search", "api.operation:DeleteVolume", "--data", data)

    heading, row = ended.out.splitlines()
    assert "operation" in heading
    assert "alice" in row and "DeleteVolume" in row and "203.0.113.66" in row


@pytest.mark.parametrize("output", ["table", "csv", "json", "jsonl"])
def test_search_makes_escapes_and_formulas_inert(data: Path, output: str):
    ended = tocsin("search", "api.operation:StopLogging", "--data", data, "--output", output)

    assert "owned" in ended.out
    assert has_no_controls(ended.out)
    if output == "csv":
        actors = [row["actor"] for row in csv.DictReader(io.StringIO(ended.out))]
        assert any(actor.startswith("'=cmd") for actor in actors)


def test_a_line_break_in_a_value_is_no_row_of_the_table(data: Path):
    ended = tocsin("search", "api.operation:StopLogging", "--data", data)

    assert len(ended.out.splitlines()) == 3


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("actor.user.nmae:alice", "actor.user.name"),
        ("actor.user.name:", "position"),
        ("(a:b", "position"),
        ("api.operation:x AND", "position"),
    ],
)
def test_a_query_that_cannot_be_understood_says_where_and_why(data: Path, query: str, told: str):
    ended = tocsin("search", query, "--data", data)

    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_time_that_is_none_is_a_usage_error(data: Path):
    ended = tocsin("search", "*", "--since", "yesterday", "--data", data)

    assert ended.code == 2
    assert ended.err == "tocsin: 'yesterday' is no time; write 24h, 7d or 2026-11-23T10:00\n"


def test_an_age_beyond_all_times_is_a_usage_error(data: Path):
    ended = tocsin("search", "*", "--since", "999999w", "--data", data)

    assert ended.code == 2


def test_search_pages_through_what_is_more_than_one_page(tmp_path: Path):
    many = [call(user=f"user-{n}", at=NOW - timedelta(seconds=n)) for n in range(1_100)]
    path = json_lines(tmp_path / "many.jsonl", many)
    tocsin("ingest", path, "-s", "aws.cloudtrail", "-d", tmp_path / "data")

    ended = tocsin("search", "*", "-n", "1050", "-d", tmp_path / "data", "-o", "jsonl")

    assert len({event["metadata"]["uid"] for event in ended.lines}) == 1_050


def test_sql_answers_one_select(data: Path):
    ended = tocsin(
        "sql",
        "SELECT api.operation AS operation, count(*) AS n FROM events GROUP BY 1 ORDER BY 1",
        "--data", data, "--output", "json",
    )  # fmt: skip

    assert ended.json == [
        {"operation": "DeleteVolume", "n": 1},
        {"operation": "DescribeInstances", "n": 1},
        {"operation": "StopLogging", "n": 2},
    ]


def test_sql_prints_json_that_programs_can_read(data: Path):
    statement = "SELECT 'nan'::DOUBLE AS a, 12::HUGEINT AS b, DATE '2026-11-23' AS c, NULL AS d"

    ended = tocsin("sql", statement, "--data", data, "--output", "json")

    assert ended.json == [{"a": None, "b": 12, "c": "2026-11-23", "d": None}]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM events",
        "SELECT 1; SELECT 2",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/x'",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "PRAGMA database_list",
        "SELECT getenv('HOME')",
        "nonsense",
        "",
    ],
)
def test_sql_refuses_everything_else(data: Path, statement: str):
    ended = tocsin("sql", statement, "--data", data)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("tocsin: ")


def test_rejects_are_listed_with_their_reasons(data: Path):
    ended = tocsin("rejects", "list", "--data", data)

    assert "with-reject.jsonl" in ended.out
    assert has_no_controls(ended.out)


def test_the_audit_chain_is_verified(own_data: Path):
    whole = tocsin("audit", "verify", "--data", own_data)
    head = whole.out.split()[-1]

    assert whole.code == 0
    assert tocsin("audit", "verify", "--head", "f" * 64, "--data", own_data).code == 1
    assert head


def test_fsck_finds_what_is_missing_and_says_the_remedy(own_data: Path):
    whole = tocsin("fsck", "--data", own_data)
    next((own_data / "lake").rglob("*.parquet")).unlink()
    damaged = tocsin("fsck", "--data", own_data)

    assert (whole.code, whole.err) == (0, "The data folder is whole.\n")
    assert damaged.code == 1
    assert "; " in damaged.out


def test_a_backup_is_restored_elsewhere(data: Path, tmp_path: Path):
    made = tocsin("backup", tmp_path / "copy", "--data", data)
    restored = tocsin("restore", tmp_path / "copy", "--data", tmp_path / "restored")

    ended = tocsin("search", "*", "--data", tmp_path / "restored", "--output", "jsonl")
    assert (made.code, restored.code) == (0, 0)
    assert len(ended.lines) == 4


def test_restoring_over_a_data_folder_is_refused(own_data: Path, tmp_path: Path):
    tocsin("backup", tmp_path / "copy", "--data", own_data)

    ended = tocsin("restore", tmp_path / "copy", "--data", own_data)

    assert ended.code != 0
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "*"),
        ("sql", "SELECT 1"),
        ("incidents", "list"),
        ("rejects", "list"),
        ("audit", "verify"),
        ("fsck",),
        ("backup", "somewhere"),
    ],
)
def test_without_a_data_folder_every_question_is_one_line(tmp_path: Path, arguments: tuple[str]):
    folder = tmp_path / "none"

    ended = tocsin(*arguments, "--data", folder)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"tocsin: there is no data folder at {folder};"
        " start `tocsin up`, or name another with --data\n"
    )
    assert not folder.exists()
