"""Readers of text formats: what they read, and that hostile input costs neither time nor faults."""

import json
import random
import time

import pytest

from tests.conftest import PROJECT
from tests.normalize.reading import recorded
from tests.normalize.records import normalized, shipped
from tocsin import plugins
from tocsin.errors import SettingsError
from tocsin.normalize.spaced import split_spaced
from tocsin.normalize.syslog_frames import syslog_frame
from tocsin.run.content import find_reader

NAMES = plugins.names("tocsin.normalize.readers")
OPTIONS = {"access_log": {"fields": ["a", "b", "c"], "least": 1}, "names": {"marks": ["Id"]}}
HEADERS = {
    "csv": b"a,b,c\n",
    "zeek_tsv": b"#separator \\x09\n#fields\ta\tb\n#types\tset[string]\tcount\n",
}
SIZE = 64 << 10
LINES = {
    "syslog": b'<34>1 2026-11-02T08:34:27Z h a 1 - [x@1 k="v"] {"a":1}',
    "auditd": b"type=USER_CMD msg=audit(1.2:3): pid=1 msg='cmd=6174 acct=\"x\" res=failed'",
    "cef": rb"Nov  2 08:34:27 fw CEF:0|V|P|1|100|A \| b|5|src=10.0.0.1 msg=a \= b cs1Label=L cs1=x",
    "leef": b"LEEF:2.0|V|P|1|login|^|usrName=bob^src=10.0.0.1",
    "csv": b'1,"two, three",4',
    "access_log": b'a [b c] "d e \\"f\\" g" - h',
    "load_balancer": b"2026-11-02T08:34:27.1Z lb 203.0.113.9:1 10.0.0.1:80 0.1 0.1 0.1 200 200 1 2"
    b' "GET http://example.org:80/ HTTP/1.1" "curl" - -',
    "kubernetes_audit": b'{"protoPayload":{"serviceName":"k8s.io",'
    b'"methodName":"io.k8s.core.v1.pods.list","resourceName":"core/v1/namespaces/a/pods"},"timestamp":"2026-11-02T08:34:27Z"}',
    "names": b'{"Id": "a", "Service": {"Count": 1, "URLs": [{"A": 1}]}}',
    "azure_tables": b'{"TimeGenerated": "2026-11-02T08:34:27Z", "ResultType": "0", "Status": "{}"}',
    "vpc_flow": b"2 111122223333 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 1 2 ACCEPT OK",
    "wazuh": b"<132>Nov  2 08:30:00 w ossec: Alert Level: 5; Rule: 1 - x.; Location: (a) any->b; y",
    "zeek_tsv": b"a,b\t3",
}


def reader(name):
    return find_reader(name, OPTIONS.get(name, {}))


def read(name, line, header=None, **options):
    [found] = find_reader(name, options or OPTIONS.get(name, {})).read([line], header)
    return json.loads(found) if isinstance(found, bytes) else found


def test_every_reader_is_in_these_tests():
    assert set(NAMES) == set(LINES)


@pytest.mark.parametrize("name", NAMES)
def test_a_line_of_the_format_is_an_object(name):
    assert isinstance(read(name, LINES[name], HEADERS.get(name)), dict)


HOSTILE = {
    "nothing": b"",
    "quotes": b'"x ' * (SIZE // 3),
    "quote": b'"' * SIZE,
    "brackets": b"[" * SIZE,
    "elements": b'<34>1 - - - - - [a b="' * (SIZE // 22),
    "parameters": b"<34>1 - - - - - [a" + b' b="c"' * (SIZE // 6),
    "escapes": rb"\x5c" * (SIZE // 4),
    "backslashes": b"\\" * SIZE,
    "pairs": b"type=SYSCALL msg=audit(1.1:1): " + b"a=b " * (SIZE // 4),
    "keys": b"type=SYSCALL msg=audit(1.1:1): " + b"a" * SIZE,
    "apostrophes": b"type=USER_CMD msg=audit(1.1:1): " + b"msg='" * (SIZE // 5),
    "lines": b"type=PATH msg=audit(1.1:1): \n" * (SIZE // 29),
    "arguments": b"type=EXECVE msg=audit(1.1:1): "
    + b" ".join(b"a%d=41" % number for number in range(6_000)),
    "bars": b"CEF:0" + b"|" * SIZE,
    "escaped bars": b"CEF:0|" + b"\\|" * (SIZE // 2),
    "equals": b"CEF:0|a|b|c|d|e|5|" + b"a=" * (SIZE // 2),
    "values": b"CEF:0|a|b|c|d|e|5|" + b"a=b " * (SIZE // 4),
    "attributes": b"LEEF:2.0|a|b|c|d|^|" + b"a=b^" * (SIZE // 4),
    "commas": b"," * SIZE,
    "tabs": b"\t" * SIZE,
    "spaces": b" " * SIZE,
    "numbers": b"9" * SIZE,
    "deep": b"<34>Nov  2 08:34:27 h a: " + b'{"a":' * (SIZE // 5),
    "dashes": b"- " * (SIZE // 2),
    "dates": b"Nov  2 " * (SIZE // 7),
    "not text": bytes(range(256)) * (SIZE // 256),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("hostile", sorted(HOSTILE))
def test_hostile_lines_are_objects_or_rejects_in_time(name, hostile):
    made = reader(name)
    line = HOSTILE[hostile]
    best = 1e9
    for _ in range(3):
        began = time.process_time()
        [found] = made.read([line], HEADERS.get(name))
        if made.has_header:
            made.header_after(b"", line)
        if made.is_joining:
            made.join_key(line)
        best = min(best, time.process_time() - began)

    assert best < 0.05
    if isinstance(found, bytes):
        # What is JSON already, or none at all, is judged later: it comes back as it is.
        assert found is line if made.takes_json else isinstance(json.loads(found), dict)
    else:
        code, colon, _ = found.partition(":")
        assert colon and code.replace("_", "").isalpha()


@pytest.mark.parametrize("name", NAMES)
def test_damaged_lines_never_raise(name):
    chance = random.Random(name)  # noqa: S311 - the same damage every time
    made = reader(name)
    lines = []
    for _ in range(400):
        line = bytearray(LINES[name])
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(line))
            line[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
            line = line or bytearray(b"x")
        lines.append(bytes(line).replace(b"\n", b" "))
    header = HEADERS.get(name)
    for line, found in zip(lines, made.read(lines, header), strict=True):
        is_given_back = made.takes_json and found is line
        assert is_given_back or isinstance(found, str) or isinstance(json.loads(found), dict)


def test_a_reader_that_does_not_exist_is_said_with_those_that_do():
    with pytest.raises(SettingsError, match="did you mean 'syslog'"):
        find_reader("sylog", {})
    with pytest.raises(SettingsError, match="`color` is no setting of Csv"):
        find_reader("csv", {"color": "red"})
    with pytest.raises(SettingsError, match="delimiter"):
        find_reader("csv", {"delimiter": "::"})


def test_csv_has_names_from_its_first_line_or_the_mapping():
    made = find_reader("csv", {})
    assert made.header_after(b"", b"a,b") == b"a,b\n"
    assert made.header_after(b"a,b\n", b"a,b") == b"a,b\n"
    assert made.header_after(b"a,b\n", b"1,2") is None
    assert read("csv", b'1,"x, ""y"""', b"\xef\xbb\xbfa,b\n") == {"a": "1", "b": 'x, "y"'}
    assert read("csv", b"1;;3", fields=["a", "b", "c"], delimiter=";") == {"a": "1", "c": "3"}
    assert read("csv", b"1", b"a,b\n").startswith("bad_columns")
    assert read("csv", b"1").startswith("no_header")


def test_values_between_spaces_keep_what_stands_in_quotes_and_brackets():
    assert split_spaced('a [b c] "d e" - "x "y" z" [open') == [
        *("a", "b c", "d e", "-", 'x "y', 'z"', "[open"),
    ]
    assert split_spaced(r'"a \" b" c') == [r"a \" b", "c"]
    assert read("access_log", LINES["access_log"]) == {
        "a": "a",
        "b": "b c",
        "c": r"d e \"f\" g",
        "_rest": ["-", "h"],
    }
    fields = b"#Fields: date cs-uri\n"
    assert read("access_log", b"2026-11-02\t/a b", fields) == {
        "date": "2026-11-02",
        "cs-uri": "/a b",
    }
    assert reader("access_log").header_after(b"x", b"#Version: 1.0") == b"x"


def test_flow_logs_are_read_in_the_order_of_their_header_or_option():
    made = find_reader("vpc_flow", {})
    assert made.header_after(b"", b"version srcaddr dstaddr") == b"version srcaddr dstaddr\n"
    assert made.header_after(b"", LINES["vpc_flow"]) is None
    assert read("vpc_flow", b"3 10.0.0.1 -", b"version srcaddr dstaddr\n") == {
        "version": "3",
        "srcaddr": "10.0.0.1",
    }
    assert read("vpc_flow", b"5 eni-1", fields=["version", "interface-id"]) == {
        "version": "5",
        "interface-id": "eni-1",
    }
    exported = b"2026-11-02T08:34:27.000Z " + LINES["vpc_flow"]
    assert read("vpc_flow", exported)["interface-id"] == "eni-1"
    assert read("vpc_flow", b"5 eni-1").startswith("bad_columns: 2 values where 14")


@pytest.mark.parametrize("status", ["NODATA", "SKIPDATA"])
def test_a_flow_log_without_data_is_an_event_too(status):
    line = f"2 111122223333 eni-1 - - - - - - - 1793610867 1793610927 - {status}".encode()

    [event] = normalized(shipped("aws.vpc_flow"), line).events.to_pylist()

    assert event["status_code"] == status


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("<165>1 2026-11-02T08:34:27Z h app - ID47 - text", ("app", "h", "text")),
        ("<34>Nov  2 08:34:27 h app[7]: text", ("app", "h", "text")),
        ("Nov  2 08:34:27 2026 h app: text", ("app", "h", "text")),
        ("2026-11-02 08:34:27,123 h app: text", ("app", "h", "text")),
        ("Nov  2 08:34:27 app[7]: text", ("app", None, "text")),
        ("<30>app[3]: text", ("app", None, "text")),
        ("no frame: text", (None, None, "no frame: text")),
        ("<999>text", (None, None, "<999>text")),
    ],
)
def test_frames_of_syslog_are_taken_apart(line, expected):
    found = syslog_frame(line)

    assert (found.get("program"), found.get("host"), found["message"]) == expected


def test_syslog_carries_other_formats():
    prefix = b"<34>Nov  2 08:34:27 fw "
    assert read("syslog", prefix + b'app: @cee: {"a": [1]}')["json"] == {"a": [1]}
    assert read("syslog", prefix + b"CEF:0|V|P|1|100|N|5|src=1.2.3.4")["cef"]["extension"] == {
        "src": "1.2.3.4"
    }
    assert read("syslog", prefix + b"LEEF:1.0|V|P|1|E|a=b\tc=d")["leef"]["attributes"] == {
        "a": "b",
        "c": "d",
    }
    assert "json" not in read("syslog", prefix + b'app: {"a": ')
    assert "json" not in read("syslog", prefix + b'app: {"a": 1}', bodies=False)


def test_cef_and_leef_are_taken_apart():
    found = read("cef", LINES["cef"])
    assert found["name"] == "A | b"
    assert found["extension"] == {"src": "10.0.0.1", "msg": "a = b", "cs1Label": "L", "cs1": "x"}
    assert found["labelled"] == {"L": "x"}
    assert found["syslog"]["host"] == "fw"
    assert read("cef", b"CEF:0|too|short").startswith("bad_frame")

    assert read("leef", LINES["leef"])["attributes"] == {"usrName": "bob", "src": "10.0.0.1"}
    tabs = read("leef", b"LEEF:2.0|V|P|1|E|x09|a=b c\td=e")
    assert tabs["attributes"] == {"a": "b c", "d": "e"}
    assert read("leef", b"LEEF:1.0|V").startswith("bad_frame")


def test_records_of_audit_are_joined_decoded_and_named():
    lines = (
        b'type=SYSCALL msg=audit(1.2:3): syscall=59 success=yes pid=7 auid=1000\x1dAUID="alice"',
        b'type=EXECVE msg=audit(1.2:3): argc=3 a0="sh" a1=2D63 a2[0]=6C73 a2[1]=202F',
        b"type=SOCKADDR msg=audit(1.2:3): saddr=0A0001BB00000000"
        + b"20010DB8"
        + b"00" * 11
        + b"01",
        b"type=EOE msg=audit(1.2:3): ",
    )
    assert len({reader("auditd").join_key(line) for line in lines}) == 1
    found = read("auditd", b"\n".join(lines))

    assert found["argv"] == ["sh", "-c", "ls /"]
    assert found["syscall"]["auid_name"] == "alice"
    assert found["sockaddr"]["port"] == 443
    assert found["sockaddr"]["address"].startswith("2001:0db8")
    assert read("auditd", b"hello").startswith("bad_frame")


@pytest.mark.corpora
def test_recorded_audit_records_map_and_validate(corpora):
    path = corpora / "msticpy" / "tests" / "testdata" / "auditd_log.txt"
    found = recorded(shipped("linux.auditd"), path)

    # 1,708 lines: those of one event are one record.
    assert len(found.events) == 938
    assert found.share_mapped >= 0.99
    assert {event["class_name"] for event in found.events} >= {
        "Process Activity",
        "Authentication",
        "Event Log Activity",
    }
    assert 0 not in {event["class_uid"] for event in found.events}
    launched = [event for event in found.events if event["class_uid"] == 1007]
    assert all(event["process"].get("cmd_line") for event in launched)
    found.events = found.events[::7]
    found.told("msticpy auditd")
    assert found.share_valid >= 0.98


@pytest.mark.corpora
def test_recorded_lines_of_syslog_map_and_validate(corpora, tmp_path):
    """Lines that Zeek saw on the wire, and messages that an agent put into a table."""
    zeek = shipped("zeek.log")
    logged = recorded(zeek, corpora / "zed-zeek" / "zeek-default" / "syslog.log.gz", most=300)
    lines = [event["message"].replace("\n", " ") for event in logged.events]
    made = find_reader("csv", {"least": 10})
    table = (corpora / "msticpy" / "tests" / "testdata" / "syslog_data.csv").read_bytes()
    head, *rows = table.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
    for text in made.read(rows, head + b"\n"):
        row = json.loads(text)
        lines.append(
            f"Jul  8 16:08:00 {row['HostName']} {row['ProcessName']}: {row['SyslogMessage']}"
        )
    path = tmp_path / "messages"
    path.write_text("\n".join(lines) + "\n", "utf-8")

    found = recorded(shipped("linux.syslog"), path, most=2_000)
    found.told("syslog of zed-zeek and msticpy")

    assert len(found.events) > 300
    assert found.share_mapped >= 0.99
    found.events = found.events[::9]
    assert found.share_valid >= 0.98
    assert 0 not in {event["class_uid"] for event in found.events}


def test_guides_and_readers_name_each_other():
    guide = (PROJECT / "docs" / "guides" / "add-a-source.md").read_text("utf-8")

    assert [name for name in NAMES if f"`{name}`" not in guide] == []
