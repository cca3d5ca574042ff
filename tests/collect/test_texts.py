"""Headers, joined lines and Parquet: cut the same way whole, in pieces and after a restart."""

import io
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tocsin.collect.cutting import Place, cut, cut_body
from tocsin.collect.parquet import ParquetLimits, cut_parquet
from tocsin.collect.sources.files import Files, FilesSettings
from tocsin.run.content import find_reader

ZEEK = b"#separator \\x09\n#path\tdns\n#fields\tts\tquery\n#types\ttime\tstring\n"


def cut_all(content, reader, resume=0, block=1 << 20):
    def open_at(offset):
        return (content[at : at + block] for at in range(offset, len(content), block))

    spans = list(cut(open_at, Place("here", None, resume, reader)))
    rows = []
    for span in spans:
        headers = span.headers or [None] * len(span.raws)
        rows += zip(span.positions, span.raws, headers, strict=True)
    return rows, [row for span in spans for row in span.rejects]


def audit(count):
    """Records of events that stand between each other, as they do on a busy machine."""
    chance = random.Random(7)  # noqa: S311 - the same order every time
    events = [
        [b"type=T%d msg=audit(1.1:%d): a=%d" % (n, e, n) for n in range(3)] for e in range(count)
    ]
    lines = []
    waiting = []
    while events or waiting:
        if events and (not waiting or chance.random() < 0.4):
            waiting.append(events.pop(0))
        chosen = chance.choice(waiting[:3])
        lines.append(chosen.pop(0))
        waiting = [each for each in waiting if each]
    return b"\n".join(lines) + b"\n"


@pytest.mark.parametrize("block", [1 << 20, 97, 1])
def test_records_carry_the_header_above_them(block):
    content = ZEEK + b"1.0\ta\n" + ZEEK.replace(b"dns", b"other") + b"2.0\tb\n#close\tx\n3.0\tc\n"

    rows, rejects = cut_all(content, find_reader("zeek_tsv", {}), block=block)

    assert rejects == []
    assert [raw for _, raw, _ in rows] == [b"1.0\ta", b"2.0\tb", b"3.0\tc"]
    assert [b"other" in header for _, _, header in rows] == [False, True, True]


def test_reading_on_behind_a_header_reads_it_again():
    content = ZEEK + b"".join(b"%d.0\tname\n" % number for number in range(50))
    reader = find_reader("zeek_tsv", {})
    rows, _ = cut_all(content, reader)

    for index in (0, 1, 25, 49):
        assert cut_all(content, reader, resume=rows[index][0])[0] == rows[index:]


@pytest.mark.parametrize("block", [1 << 20, 113])
def test_lines_of_one_event_are_one_record_though_others_stand_between(block):
    rows, rejects = cut_all(audit(400), find_reader("auditd", {}), block=block)

    assert rejects == []
    assert len(rows) == 400
    assert all(raw.count(b"\n") == 2 for _, raw, _ in rows)
    assert all(
        len({line.split(b"): ")[0][8:] for line in raw.split(b"\n")}) == 1 for _, raw, _ in rows
    )
    assert [at for at, _, _ in rows] == sorted({at for at, _, _ in rows})


def test_joining_goes_on_after_any_record_as_if_never_stopped():
    content, reader = audit(400), find_reader("auditd", {})
    rows, _ = cut_all(content, reader)

    for index in range(0, 400, 23):
        assert cut_all(content, reader, resume=rows[index][0])[0] == rows[index:]


def test_a_body_has_its_own_header_and_json_needs_none():
    found = cut_body(b"a,b\n1,2\n", None, 100, find_reader("csv", {}))
    assert (found.raws, found.headers) == ([b"1,2"], [b"a,b\n"])

    found = cut_body(b'[{"a": 1}, {"a": 2}]', None, 100, find_reader("csv", {}))
    assert found.raws == [b'{"a": 1}', b'{"a": 2}']


def test_a_followed_file_is_read_on_with_its_header_after_a_restart(tmp_path):
    path = tmp_path / "dns.log"
    path.write_bytes(ZEEK + b"1.0\ta\n")
    settings = FilesSettings(
        "f", "zeek.log", (str(path),), follow=True, reader=find_reader("zeek_tsv", {})
    )
    [first] = Files(settings, pause=lambda _: True).read(None)
    with path.open("ab") as file:
        file.write(b"2.0\tb\n")
    [second] = Files(settings, pause=lambda _: True).read(first.cursor)

    assert second.records.column("raw").to_pylist() == [b"2.0\tb"]
    assert second.records.column("header").to_pylist() == first.records.column("header").to_pylist()


def test_the_last_event_of_a_followed_file_comes_when_nothing_follows(tmp_path):
    path = tmp_path / "audit.log"
    path.write_bytes(b"type=A msg=audit(1.1:1): a=1\ntype=B msg=audit(1.1:1): b=1\n")
    settings = FilesSettings("f", "s", (str(path),), follow=True, reader=find_reader("auditd", {}))
    looks = iter([False] * 8 + [True])

    batches = list(Files(settings, pause=lambda _: next(looks)).read(None))

    raws = [raw for batch in batches for raw in batch.records.column("raw").to_pylist()]
    assert raws == [b"type=A msg=audit(1.1:1): a=1\ntype=B msg=audit(1.1:1): b=1"]


def parquet(rows=2_500, **options):
    table = pa.table(
        {
            "number": pa.array([2**63 - 1 - n for n in range(rows)], pa.int64()),
            "nested": [{"a": n, "b": None} for n in range(rows)],
            "tags": pa.array([[("k", "v")]] * rows, pa.map_(pa.string(), pa.string())),
            "at": pa.array([1_793_610_867_000_000_123] * rows, pa.timestamp("ns")),
        }
    )
    written = io.BytesIO()
    pq.write_table(table, written, **options)
    return written.getvalue()


def test_rows_of_parquet_are_objects_with_exact_numbers():
    rows, rejects = cut_all(parquet(row_group_size=700), None)

    assert rejects == []
    assert [at for at, _, _ in rows] == list(range(2_500))
    assert rows[0][1] == (
        b'{"number":9223372036854775807,"nested":{"a":0},"tags":{"k":"v"},'
        b'"at":"2026-11-02T09:14:27"}'
    )


def test_parquet_is_read_on_from_any_row():
    content = parquet(row_group_size=700)
    rows, _ = cut_all(content, None)

    for resume in (1, 699, 700, 1_500, 2_499, 2_500):
        assert cut_all(content, None, resume=resume) == (rows[resume:], [])


@pytest.mark.parametrize("damage", ["cut", "footer", "middle", "length"])
def test_damaged_parquet_is_one_reject_that_is_told_once(damage):
    content = bytearray(parquet(row_group_size=700))
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "footer":
        content[-200:-20] = bytes(180)
    elif damage == "length":
        content[-8:-4] = b"\xff\xff\xff\x7f"
    else:
        content[4:400] = bytes(396)

    rows, rejects = cut_all(bytes(content), None)

    assert len(rejects) == 1
    assert rejects[0].reason.startswith("bad_parquet: ")
    assert rejects[0].position == len(rows)
    assert cut_all(bytes(content), None, resume=len(rows) + 1) == ([], [])


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (ParquetLimits(columns=2), "too_many_columns"),
        (ParquetLimits(file_bytes=1_000), "too_large"),
        (ParquetLimits(rows_bytes_least=10, ratio=1), "bomb"),
        (ParquetLimits(memory_bytes=1 << 20), "bad_parquet"),
    ],
)
def test_parquet_beyond_a_limit_is_refused(limits, code):
    content = parquet(100_000 if code == "bomb" else 2_500)

    spans = list(cut_parquet([content], "here", 0, limits))

    [row] = [row for span in spans for row in span.rejects]
    assert row.reason.startswith(f"{code}: ")
