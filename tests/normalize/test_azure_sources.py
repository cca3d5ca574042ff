"""Logs and alerts of Azure: nested flows, texts of the firewall, alerts in their three forms."""

import csv
import json

import pytest

from tests.normalize.ocsf_schema import problems
from tests.normalize.records import batch, event, events, shipped
from tocsin.normalize import apply, unwrap
from tocsin.ocsf.output import event_json

NSG = {
    "time": "2026-11-02T09:15:00Z",
    "macAddress": "000D3AF87856",
    "category": "NetworkSecurityGroupFlowEvent",
    "resourceId": "/SUBSCRIPTIONS/11112222-3333-4444-5555-666677778888/NSG/WEB",
    "properties": {
        "Version": 2,
        "flows": [
            {
                "rule": "deny",
                "flows": [
                    {
                        "mac": "000D3AF87856",
                        "flowTuples": [
                            "1793610867,203.0.113.80,10.20.0.15,28746,22,T,I,D,B,,,,",
                            "1793610868,203.0.113.81,10.20.0.15,28747,3389,T,I,D,B,,,,",
                        ],
                    }
                ],
            },
            {
                "rule": "web",
                "flows": [
                    {
                        "flowTuples": [
                            "1793610869,10.20.0.15,203.0.113.9,5000,443,T,O,A,E,1,52,2,104"
                        ]
                    }
                ],
            },
        ],
    },
}
NETWORK = {
    "time": "2026-11-02T09:15:00Z",
    "flowLogVersion": 4,
    "category": "FlowLogFlowEvent",
    "targetResourceID": "/subscriptions/11112222-3333-4444-5555-666677778888/vnet",
    "flowRecords": {
        "flows": [
            {
                "aclID": "a",
                "flowGroups": [
                    {
                        "rule": "out",
                        "flowTuples": [
                            "1793610867599,10.20.0.15,203.0.113.9,5000,443,6,O,E,NX,1,52,2,104",
                            "1793610867600,203.0.113.9,10.20.0.15,5000,22,6,I,D,NX,0,0,0,0",
                        ],
                    }
                ],
            }
        ]
    },
}


@pytest.fixture(scope="module")
def flow():
    return shipped("azure.flow")


def flows(mapping, *blobs):
    payload = json.dumps({"records": blobs}).encode()
    return events(mapping, *(raw for _, raw in unwrap(payload, mapping.unwrap).records))


def told(found):
    return (
        found["firewall_rule"]["name"],
        found["src_endpoint"]["ip"],
        found["dst_endpoint"]["port"],
        found["action"],
        found["time"],
    )


def test_each_tuple_of_a_security_group_is_a_flow(flow):
    found = flows(flow, NSG)

    assert list(map(told, found)) == [
        ("deny", "203.0.113.80", 22, "Denied", 1793610867000),
        ("deny", "203.0.113.81", 3389, "Denied", 1793610868000),
        ("web", "10.20.0.15", 443, "Allowed", 1793610869000),
    ]
    assert found[2]["traffic"] == {
        "bytes": 156,
        "bytes_in": 104,
        "bytes_out": 52,
        "packets": 3,
        "packets_in": 2,
        "packets_out": 1,
    }
    assert [problems(each) for each in found] == [[], [], []]


def test_each_tuple_of_a_virtual_network_is_a_flow(flow):
    found = flows(flow, NETWORK)

    assert list(map(told, found)) == [
        ("out", "10.20.0.15", 443, "Allowed", 1793610867599),
        ("out", "203.0.113.9", 22, "Denied", 1793610867600),
    ]
    assert {each["cloud"]["account"]["uid"] for each in found} == {
        "11112222-3333-4444-5555-666677778888"
    }


def test_a_pod_s_audit_in_diagnostic_settings_is_one_of_the_cluster(audit):
    log = json.dumps(audit.example)
    payload = {"records": [{"category": "kube-audit", "properties": {"log": log}}]}

    (found,) = unwrap(json.dumps(payload).encode(), audit.unwrap).records
    (event,) = audit.reader.read([found[1]], None)

    assert json.loads(event) == audit.example


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "UDP request from 10.0.0.4:5000 to 192.0.2.9:53. Action: Allow",
            ("10.0.0.4", 53, "Allowed"),
        ),
        (
            "TCP request from 10.0.0.4:5000 to 192.0.2.9:22. Action: Deny. Policy: hub",
            ("10.0.0.4", 22, "Denied"),
        ),
    ],
)
def test_the_older_texts_of_the_firewall_are_read(text, expected):
    empty = dict.fromkeys(shipped("azure.firewall").example["properties"])
    found = event(
        shipped("azure.firewall"),
        category="AzureFirewallNetworkRule",
        properties={**empty, "msg": text},
    )

    assert (found["src_endpoint"]["ip"], found["dst_endpoint"]["port"], found["action"]) == expected
    assert problems(found) == []


@pytest.mark.corpora
@pytest.mark.parametrize(
    ("source", "log_type", "fewest"),
    [
        ("azure.activity", "Azure.MonitorActivity", 18),
        ("azure.entra", "Azure.Audit", 6),
        ("microsoft365.audit", "Microsoft365.Audit.AzureActiveDirectory", 2),
    ],
)
def test_recorded_logs_map_and_are_valid(corpora, source, log_type, fewest):
    mapping = shipped(source)
    lines = (corpora / "panther" / "labelled_logs.jsonl").read_text().splitlines()
    logs = [each["log"] for each in map(json.loads, lines) if each["log_types"] == [log_type]]

    found = apply(mapping, batch(source, logs))

    valid = [row for row in found.events.to_pylist() if not problems(event_json(row))]
    assert len(logs) >= fewest
    assert found.events.num_rows >= 0.99 * len(logs)
    assert len(valid) >= 0.98 * found.events.num_rows
    assert "Base Event" not in {row["class_name"] for row in found.events.to_pylist()}


@pytest.mark.corpora
def test_recorded_rows_of_traffic_analytics_map_and_are_valid(corpora, flow):
    path = corpora / "msticpy" / "tests" / "testdata" / "az_net_flows.csv"
    with path.open() as file:
        logs = [row for _, row in zip(range(300), csv.DictReader(file), strict=False)]

    found = apply(flow, batch("azure.flow", logs))

    told = [event_json(row) for row in found.events.to_pylist()]
    assert len(told) >= 0.99 * len(logs) > 290
    assert sum(not problems(each) for each in told) >= 0.98 * len(told)
    assert {each["class_name"] for each in told} == {"Network Activity"}
