"""Sources of the network: recorded data, and whatever the wire may carry, give valid events."""

import gzip
import json

import pyarrow.parquet as pq
import pytest

from tests.normalize.ocsf_schema import problems
from tests.normalize.records import batch, events, normalized, shipped
from tests.normalize.test_conservation import ODD, confused, full, paths
from tocsin.conditions import lookup
from tocsin.normalize import apply, overlay, unwrap
from tocsin.ocsf.output import event_json

SOURCES = ("aws.vpc_flow", "suricata.eve", "zeek.log")
FINDERS = ("suricata.eve", "zeek.log")


@pytest.fixture(scope="module", params=SOURCES)
def mapping(request):
    return shipped(request.param)


@pytest.fixture(scope="module")
def suricata():
    return shipped("suricata.eve")


@pytest.fixture(scope="module")
def zeek():
    return shipped("zeek.log")


def of(mapping, *parts):
    """Return the events of recorded files, every record of which must become one."""
    found = []
    for path in parts:
        payload = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        raws = [raw for _, raw in unwrap(payload, mapping.unwrap).records]
        became = apply(mapping, batch(mapping.source, raws))
        assert became.rejects.num_rows == 0, (path, became.rejects.column("reason").to_pylist())
        found += [event_json(row) for row in became.events.to_pylist()]
    return found


def test_every_sample_is_a_valid_event(mapping):
    for sample in mapping.samples:
        [found] = events(mapping, overlay(mapping.example, sample.record))

        assert problems(found) == [], sample.name
        assert found["class_uid"] != 0
        assert found["metadata"]["event_code"]


def test_ends_ways_and_amounts_come_from_the_example(mapping):
    [found] = events(mapping, mapping.example)

    for path in ("src_endpoint.ip", "src_endpoint.port", "dst_endpoint.ip", "dst_endpoint.port"):
        assert lookup(found, path)
    for path in ("connection_info.direction", "connection_info.protocol_num", "traffic.bytes"):
        assert lookup(found, path)
    values = {one["value"] for one in found["observables"]}
    assert {found["src_endpoint"]["ip"], found["dst_endpoint"]["ip"]} <= values


@pytest.mark.parametrize("complete", [False, True])
def test_confusion_of_types_anywhere_loses_no_record(mapping, complete):
    bases = [overlay(mapping.example, sample.record) for sample in mapping.samples]
    if complete:
        kinds = {
            kind: base[kind] for base in bases for kind in ("event_type", "_path") if kind in base
        }
        bases = [full(mapping) | kinds]
    for base in bases:
        records = [confused(base, path, odd) for path in paths(base) for odd in ODD]

        found = normalized(mapping, *records)

        assert found.events.num_rows + found.rejects.num_rows == len(records)
        codes = {reason.split(":")[0] for reason in found.rejects.column("reason").to_pylist()}
        assert codes <= {"bad_time", "unrecognized"}
        wrong = [problems(event_json(row)) for row in found.events.to_pylist()[::7]]
        assert [problem for problem in wrong if problem] == []


@pytest.mark.parametrize(
    ("src", "dst", "direction"),
    [
        ("10.1.2.3", "192.168.0.9", "Lateral"),
        ("10.1.2.3", "203.0.113.9", "Outbound"),
        ("203.0.113.9", "172.31.255.1", "Inbound"),
        ("203.0.113.9", "172.32.0.1", "Unknown"),
        ("fd00::1", "2001:db8::1", "Outbound"),
        ("fe80::1", "fd00::2", "Lateral"),
        ("not an address", "10.0.0.1", "Unknown"),
    ],
)
def test_the_way_follows_from_whose_addresses_they_are(suricata, src, dst, direction):
    [found] = events(suricata, {**suricata.example, "src_ip": src, "dest_ip": dst})

    assert found["connection_info"]["direction"] == direction
    assert problems(found) == []


@pytest.mark.parametrize(
    ("flow", "tcp", "activity", "status"),
    [
        ({"state": "closed"}, {}, "Close", "Success"),
        ({"state": "established"}, {}, "Traffic", "Success"),
        ({"state": "new"}, {}, "Fail", "Failure"),
        ({"state": "closed"}, {"rst": True}, "Reset", "Success"),
    ],
)
def test_a_flow_says_how_it_ended(suricata, flow, tcp, activity, status):
    [found] = events(suricata, {**suricata.example, "flow": flow, "tcp": tcp})

    assert (found["activity_name"], found["status"]) == (activity, status)


@pytest.mark.parametrize(
    ("severity", "expected"),
    [(1, "High"), (2, "Medium"), (3, "Low"), (4, "Informational"), (255, "Informational")],
)
def test_the_severity_of_an_alert_is_that_of_its_class(suricata, severity, expected):
    alert = {"signature": "LOCAL", "signature_id": 1, "severity": severity, "action": "allowed"}

    [found] = events(suricata, {**suricata.example, "event_type": "alert", "alert": alert})

    assert (found["class_name"], found["severity"]) == ("Detection Finding", expected)


@pytest.mark.corpora
def test_recorded_alerts_are_findings_with_their_ends(corpora, suricata):
    files = sorted((corpora / "suricata-sample").glob("samples/*/alerts-only.json"))
    found = of(suricata, *files)
    records = [record for path in files for record in json.loads(path.read_bytes())]
    invalid = [wrong for wrong in map(problems, found) if wrong]

    assert len(found) == len(records) == 548
    assert len(invalid) <= 0.02 * len(found), invalid[:3]
    for record, event in zip(records, found, strict=True):
        [evidence] = event["evidences"]
        assert event["class_name"] == "Detection Finding"
        assert event["finding_info"]["title"] == record["alert"]["signature"]
        assert evidence["src_endpoint"]["ip"] == record["src_ip"]
        assert evidence["dst_endpoint"].get("port") == record.get("dest_port")
    assert {event["severity"] for event in found} == {"High", "Medium", "Low"}


ZEEK = {
    "conn": "Network Activity",
    "dns": "DNS Activity",
    "http": "HTTP Activity",
    "ssl": "Network Activity",
    "x509": "Network Activity",
    "files": "Network File Activity",
    "dhcp": "DHCP Activity",
    "smb_files": "SMB Activity",
    "smb_mapping": "SMB Activity",
    "stats": "Application Lifecycle",
    "loaded_scripts": "Application Lifecycle",
    "capture_loss": "Application Lifecycle",
    "packet_filter": "Application Lifecycle",
    "weird": "Network Activity",
    "ntp": "Network Activity",
    "dce_rpc": "Network Activity",
}
"""Classes of logs of which every record has the same."""

MIXED = {"kerberos": {"Authentication", "Network Activity"}}
"""Who asks for a ticket is not in every record."""


@pytest.mark.corpora
def test_recorded_logs_are_told_apart_by_their_shape(corpora, zeek):
    files = sorted((corpora / "zat" / "data" / "json").glob("*.log"))
    assert {path.stem for path in files} == set(ZEEK) | set(MIXED)

    for path in files:
        found = of(zeek, path)

        # Some records of Kerberos hold nothing but their ends: no shape tells them.
        untold = {"other"} if path.stem in MIXED else set()
        assert {event["metadata"]["event_code"] for event in found} - untold == {path.stem}
        classes = MIXED.get(path.stem) or {ZEEK[path.stem]}
        assert {event["class_name"] for event in found} == classes
        assert [wrong for wrong in map(problems, found) if wrong] == []


@pytest.mark.corpora
def test_recorded_connections_keep_their_ends_and_amounts(corpora, zeek):
    path = corpora / "zat" / "data" / "json" / "conn.log"
    records = [json.loads(line) for line in path.read_bytes().splitlines()]

    for record, event in zip(records, of(zeek, path), strict=True):
        assert event["src_endpoint"]["ip"] == record["id.orig_h"]
        assert event["src_endpoint"].get("port") == record["id.orig_p"]
        assert event["dst_endpoint"]["ip"] == record["id.resp_h"]
        assert event["traffic"].get("bytes_out") == record.get("orig_bytes")
        assert event["traffic"].get("bytes_in") == record.get("resp_bytes")
        assert event["time"] == int(round(record["ts"] * 1e6) // 1000)
        assert event["status"] != "Other"


@pytest.mark.corpora
def test_recorded_logs_of_every_kind_become_events(corpora, zeek):
    files = sorted((corpora / "zed-zeek" / "zeek-json").glob("*.json.gz"))
    assert len(files) == 28
    invalid = checked = total = 0

    for path in files:
        found = of(zeek, path)
        total += len(found)
        some = found[:: max(1, len(found) // 60)]
        checked += len(some)
        invalid += sum(1 for event in some if problems(event))
        assert all(event["class_uid"] != 0 for event in found)
        assert {event["metadata"]["event_code"] for event in found} == {path.name.split(".")[0]}

    assert total == 54_795
    assert invalid <= 0.02 * checked


@pytest.mark.parametrize("name", FINDERS)
def test_what_a_sensor_finds_is_a_finding_about_the_source_address(name):
    mapping = shipped(name)
    records = [
        overlay(mapping.example, sample.record)
        for sample in mapping.samples
        if sample.event.get("class_name") == "Detection Finding"
    ]

    found = normalized(mapping, *records, mapping.example).findings.to_pylist()

    assert len(found) == len(records) >= 1
    for finding in found:
        assert finding["entity"] == {"type": "address", "uid": "10.20.0.15", "name": "10.20.0.15"}
        assert [link["uid"] for link in finding["links"]] == ["203.0.113.80"]
        assert finding["is_alert"]


@pytest.mark.parametrize(
    ("state", "proto", "activity", "status"),
    [
        ("SF", "tcp", "Close", "Success"),
        ("SF", "udp", "Traffic", "Success"),
        ("S0", "tcp", "Fail", "Failure"),
        ("S1", "tcp", "Open", "Success"),
        ("REJ", "tcp", "Refuse", "Failure"),
        ("RSTO", "tcp", "Reset", "Success"),
        ("RSTOS0", "tcp", "Reset", "Failure"),
        ("OTH", "tcp", "Traffic", "Unknown"),
    ],
)
def test_the_state_of_a_connection_says_how_it_ended(zeek, state, proto, activity, status):
    [found] = events(zeek, {**zeek.example, "conn_state": state, "proto": proto})

    assert (found["activity_name"], found["status"]) == (activity, status)


@pytest.mark.parametrize(
    "ts", [1793610867.123456, "1793610867.123456", "2026-11-02T09:14:27.123456Z"]
)
def test_times_are_seconds_or_text(zeek, ts):
    [found] = events(zeek, {**zeek.example, "ts": ts})

    assert found["time"] == 1793610867123


@pytest.fixture(scope="module")
def vpc():
    return shipped("aws.vpc_flow")


@pytest.mark.corpora
def test_recorded_flows_of_a_vpc_are_events_with_or_without_traffic(corpora, vpc):
    file = corpora / "flowlogs-reader" / "tests" / "data" / "flows.parquet"
    records = pq.read_table(file).to_pylist()

    for record, event in zip(records, events(vpc, *records), strict=True):
        assert problems(event) == []
        assert event["class_name"] == "Network Activity"
        assert event["status_code"] == record["log_status"]
        assert event["time"] == record["start"] * 1000
        assert event["cloud"]["account"]["uid"] == str(record["account_id"])
        known = {"-": None}.get(record["srcaddr"], record["srcaddr"])
        assert event.get("src_endpoint", {}).get("ip") == known
        expected = {"ACCEPT": "Allowed", "REJECT": "Denied", "-": "Unknown"}
        assert event["action"] == expected[record["action"]]
    assert {record["log_status"] for record in records} >= {"OK", "NODATA"}


@pytest.mark.parametrize(
    "line",
    [
        "2 111122223333 eni-0a1b2c3d 10.0.0.1 10.0.0.2 1 2 6 3 300 1793610867 1793610927 ACCEPT",
        "3 111122223333 eni-0a1b2c3d 10.0.0.1 10.0.0.2 1 2 6 3 300 1793610867 1793610927 ACCEPT OK",
        "2 111122223333 i-0a1b2c3d 10.0.0.1 10.0.0.2 1 2 6 3 300 1793610867 1793610927 ACCEPT OK",
        "START RequestId: 0",
    ],
)
def test_a_line_that_is_not_of_the_default_format_is_not_guessed_at(vpc, line):
    found = normalized(vpc, {"id": "1", "timestamp": 1793610867000, "message": line})

    assert found.events.num_rows == 0
    assert found.rejects.column("reason")[0].as_py().startswith("unrecognized")


def test_a_line_without_traffic_is_an_event(vpc):
    line = "2 111122223333 eni-0a1b2c3d - - - - - - - 1793610867 1793610927 - NODATA"

    [found] = events(vpc, {"id": "1", "timestamp": 1793610867000, "message": line})

    assert (found["activity_name"], found["status_code"]) == ("nodata", "NODATA")
    assert found["src_endpoint"] == {"interface_uid": "eni-0a1b2c3d"}
    assert problems(found) == []


def test_flows_come_out_of_the_envelope_of_a_subscription(vpc):
    line = (
        "2 111122223333 eni-0a1b2c3d 10.0.0.1 10.0.0.2 1 2 6 3 300 1793610867 1793610927 REJECT OK"
    )
    payload = {
        "messageType": "DATA_MESSAGE",
        "logEvents": [{"id": str(number), "timestamp": 1, "message": line} for number in range(3)],
    }

    raws = [raw for _, raw in unwrap(json.dumps(payload).encode(), vpc.unwrap).records]

    assert [event["activity_name"] for event in events(vpc, *raws)] == ["Refuse"] * 3
