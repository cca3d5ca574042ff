"""Zeek's logs as TSV give the events that the same logs as JSON give."""

import json

import pytest

from tests.normalize.reading import lasting, recorded
from tests.normalize.records import normalized, shipped
from tocsin.run.content import find_reader

HEADER = b"""#separator \\x09
#set_separator\t,
#empty_field\t(empty)
#unset_field\t-
#path\tconn
#open\t2026-11-02-08-00-00
#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tlocal\tcount\tnames\tsizes\ttext
#types\ttime\tstring\taddr\tport\taddr\tport\tbool\tcount\tset[string]\tvector[count]\tstring
"""
LINE = b"1793610867.123456\tC1\t10.0.0.1\t1\t10.0.0.2\t2\tT\t7\ta,b\\x2cc\t1,2\tplain"


@pytest.fixture(scope="module")
def zeek():
    return shipped("zeek.log")


@pytest.fixture(scope="module")
def reader():
    return find_reader("zeek_tsv", {})


def read(reader, line, header=HEADER):
    kept = b""
    for each in header.splitlines():
        after = reader.header_after(kept, each)
        assert after is not None, each
        kept = after
    [found] = reader.read([line], kept)
    return json.loads(found) if isinstance(found, bytes) else found


def changed(name, value):
    names = HEADER.split(b"#fields\t")[1].split(b"\n")[0].decode().split("\t")
    values = LINE.split(b"\t")
    values[names.index(name)] = value
    return b"\t".join(values)


def test_values_have_the_types_that_the_header_says(reader):
    assert read(reader, LINE) == {
        "_path": "conn",
        "ts": 1793610867.123456,
        "uid": "C1",
        "id.orig_h": "10.0.0.1",
        "id.orig_p": 1,
        "id.resp_h": "10.0.0.2",
        "id.resp_p": 2,
        "local": True,
        "count": 7,
        "names": ["a", "b,c"],
        "sizes": [1, 2],
        "text": "plain",
    }


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("text", b"(empty)", ""),
        ("names", b"(empty)", []),
        ("text", rb"tab\x09end", "tab\tend"),
        ("text", rb"\xe2\x82\xac", "€"),
        ("text", rb"\x00\xff", r"\x00\xff"),
        ("text", rb"back\\slash \\x41", r"back\slash \x41"),
        ("text", rb"\x", r"\x"),
        ("count", b"many", "many"),
        ("count", b"9" * 30, "9" * 30),
        ("ts", b"never", "never"),
        ("local", b"?", "?"),
    ],
)
def test_odd_values_stay_what_they_say(reader, name, value, expected):
    assert read(reader, changed(name, value))[name] == expected


@pytest.mark.parametrize("name", ["text", "names", "count", "ts"])
def test_an_unset_value_is_left_out(reader, name):
    assert name not in read(reader, changed(name, b"-"))


def test_lines_that_do_not_fit_their_header_are_refused(reader):
    assert read(reader, LINE + b"\tmore").startswith("bad_columns: 12 values")
    assert read(reader, b"x").startswith("bad_columns: 1 values")
    assert reader.read([LINE], None)[0].startswith("no_header")
    many = b"#separator \\x09\n#fields\t" + b"\t".join(b"f%d" % n for n in range(2_000))
    assert read(reader, LINE, many).startswith("bad_header")


def test_another_separator_is_understood(reader):
    header = b"#separator \\x7c\n#path|dns\n#fields|ts|query\n#types|time|string\n"

    assert read(reader, b"1.5|example.org", header) == {
        "_path": "dns",
        "ts": 1.5,
        "query": "example.org",
    }


def test_a_later_header_takes_the_place_of_the_first(reader):
    kept = b"".join(line + b"\n" for line in HEADER.splitlines() if b"#open" not in line)
    assert reader.header_after(kept, b"#close\t2026-11-02-09-00-00") == kept
    assert reader.header_after(kept, b"#separator \\x09") == b"#separator \\x09\n"
    assert b"#path\tdns\n" in reader.header_after(kept, b"#path\tdns")
    assert b"conn" not in reader.header_after(kept, b"#path\tdns")


def test_a_reject_with_its_header_above_can_be_replayed(zeek):
    good = LINE.replace(b"10.0.0.1", b"10.0.0.9")
    found = normalized(zeek, HEADER + good)

    assert found.rejects.num_rows == 0
    [event] = found.events.to_pylist()
    assert event["src_endpoint"]["ip"] == "10.0.0.9"
    assert event["raw_data"] == good.decode()
    assert json.loads(event["native"])["id.orig_h"] == "10.0.0.9"

    found = normalized(zeek, HEADER + b"short\tline")
    [reject] = found.rejects.to_pylist()
    assert reject["raw"].startswith(b"#separator") and reject["raw"].endswith(b"\nshort\tline")
    assert reject["is_replayable"]


@pytest.mark.corpora
def test_the_same_log_from_tsv_and_from_json_gives_the_same_events(zeek, corpora):
    folder = corpora / "zed-zeek"
    compared = 0
    for path in sorted((folder / "zeek-default").iterdir()):
        twin = folder / "zeek-json" / path.name.replace(".log.gz", ".json.gz")
        tsv, as_json = recorded(zeek, path, most=60), recorded(zeek, twin, most=60)
        assert tsv.rejects == as_json.rejects == []
        assert len(tsv.events) == len(as_json.events)
        for one, other in zip(tsv.events, as_json.events, strict=True):
            one, other = lasting(one), lasting(other)
            if path.name.startswith("loaded_scripts"):
                # The one log without a time: that of receipt is taken.
                del one["time"], other["time"]
            assert one == other
        compared += len(tsv.events)
    assert compared > 1_000


@pytest.mark.corpora
def test_recorded_logs_map_and_validate(zeek, corpora):
    folder = corpora / "zat" / "data"
    # App_stats and the corrupt ones are made to be wrong.
    odd = {"app_stats.log", "http_empty.log", "http.log.corrupt.gz"}
    paths = [path for path in sorted(folder.glob("*.log*")) if path.name not in odd]
    found = recorded(zeek, *paths)

    assert len(found.events) > 1_500
    assert found.share_mapped >= 0.99
    found.events = found.events[::11]
    found.told("zat")
    assert found.share_valid >= 0.98
    assert 0 not in {event["class_uid"] for event in found.events}
