"""Every form of a feed gives the same indicators, and what is left out is counted by its reason."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.intelligence.reading import NOON, pairs, reader
from tocsin.intelligence.patterns import equalities

SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_text_list_is_read_with_its_comments():
    lines = ["# a list", "203.0.113.7 ; why", "", "0.0.0.0 evil.example", "10.0.0.1", "???"]
    reading = reader(labels=("botnet",))
    found = list(reading.text(lines))

    assert pairs(found) == [("address", "203.0.113.7"), ("domain", "evil.example")]
    assert dict(reading.counts) == {"used": 2, "private": 1, "unknown": 1}
    assert found[0].labels == ("botnet",)
    assert found[0].confidence == 60
    assert found[0].valid_until == NOON + timedelta(days=30)


def test_a_table_whose_header_is_a_comment_is_read():
    lines = [
        "####\n",
        '# "first_seen","dst_ip","dst_port","malware"\n',
        '"2026-11-20 10:00:00","203.0.113.7","443","Emotet"\n',
        '"2026-11-20 10:00:00","203.0.113.8","443","Qakbot"\n',
        "# END\n",
    ]
    found = list(reader().csv(lines))

    assert pairs(found) == [("address", "203.0.113.7"), ("address", "203.0.113.8")]
    assert found[0].name == "Emotet"
    assert found[0].labels == ("Emotet",)


def test_the_named_column_of_a_table_counts():
    lines = ["seen,link,host\n", "1,https://list.example/1,evil.example\n"]

    assert pairs(reader(column="host").csv(lines)) == [("domain", "evil.example")]
    assert pairs(reader(column="link").csv(lines)) == [("url", "https://list.example/1")]
    assert pairs(reader().csv(lines)) == [("domain", "evil.example")]


def test_a_list_may_say_what_it_holds():
    md5 = "d41d8cd98f00b204e9800998ecf8427e"

    assert pairs(reader(kind="ja3").text([md5])) == [("ja3", md5)]
    assert pairs(reader().text([md5])) == [("hash", md5)]


def stix(pattern: str, **more: object) -> dict[str, object]:
    return {"type": "indicator", "id": "indicator--1", "pattern": pattern, **more}


def test_a_stix_indicator_keeps_what_it_says():
    found = stix(
        "[domain-name:value = 'evil.example' OR ipv4-addr:value = '203.0.113.7']",
        pattern_type="stix",
        confidence=85,
        name="C2",
        labels=["apt"],
        indicator_types=["malicious-activity"],
        valid_from="2026-11-01T00:00:00Z",
        valid_until="2026-12-24T01:00:00.5+01:00",
        external_references=[{"source_name": "x", "url": "https://report.example/1"}],
    )
    first, second = reader().stix([{"type": "malware"}, found])

    assert pairs([first, second]) == [("domain", "evil.example"), ("address", "203.0.113.7")]
    assert first.uid == "indicator--1"
    assert (first.confidence, first.name) == (85, "C2")
    assert first.labels == ("apt", "malicious-activity")
    assert first.valid_until == datetime(2026, 12, 24, 0, 0, 0, 500_000)
    assert first.reference == "https://report.example/1"


def test_revoked_expired_and_foreign_patterns_are_left_out_and_counted():
    reading = reader()
    found = list(
        reading.stix(
            [
                stix("[ipv4-addr:value = '203.0.113.7']", revoked=True),
                stix("[ipv4-addr:value = '203.0.113.7']", valid_until="2026-11-01T00:00:00Z"),
                stix("rule x { }", pattern_type="yara"),
                stix("[ipv4-addr:value = '203.0.113.7' AND network-traffic:dst_port = 443]"),
            ]
        )
    )

    assert found == []
    assert dict(reading.counts) == {"revoked": 1, "expired": 1, "pattern": 2}
    assert reading.gone == {"indicator--1"}


@pytest.mark.parametrize(
    ("pattern", "values"),
    [
        ("[file:hashes.'SHA-256' = 'ab']", ["ab"]),
        ("[file:hashes.MD5 = 'ab' OR file:hashes.'SHA-1' = 'cd']", ["ab", "cd"]),
        ("[url:value = 'http://x.example/a\\'b']", ["http://x.example/a'b"]),
        ("[domain-name:value IN ('a.example', 'b.example')]", ["a.example", "b.example"]),
        ("[ipv4-addr:value = '203.0.113.7'] OR [ipv4-addr:value = '203.0.113.8']",)
        + (["203.0.113.7", "203.0.113.8"],),
        ("([email-addr:value = 'e@x.example'])", ["e@x.example"]),
        ("[x509-certificate:hashes.'SHA-1' = 'ab']", ["ab"]),
    ],
)
def test_patterns_that_say_equal_give_their_values(pattern: str, values: list[str]):
    assert [text for _, text in equalities(pattern) or ()] == values


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "[",
        "[]",
        "[domain-name:value LIKE '%.example']",
        "[domain-name:value != 'a.example']",
        "[domain-name:value NOT = 'a.example']",
        "[domain-name:value = 'a.example' AND url:value = 'http://b.example']",
        "[domain-name:value = 'a.example'] FOLLOWEDBY [domain-name:value = 'b.example']",
        "[domain-name:value = 'a.example'] WITHIN 5 SECONDS",
        "[domain-name:value = 'a.example'",
        "domain-name:value = 'a.example']",
        "[windows-registry-key:key = 'x']",
        "[file:name = 'x']",
        "[domain-name:value = 'a.example' OR file:name = 'x']",
        "[domain-name:value IN 'a']",
        "[domain-name:value IN ()]",
        "[domain-name:value = ]",
        "[" * 30_000,
    ],
)
def test_patterns_that_say_more_or_nothing_are_not_used(pattern: str):
    assert equalities(pattern) is None


@given(st.text(alphabet="[]()='\\ ORINAD,:.aé\n", max_size=80))
def test_no_pattern_is_too_strange(pattern: str):
    equalities(pattern)


def test_events_of_misp_give_attributes_that_are_for_detection():
    event = {
        "Event": {
            "info": "Campaign",
            "Tag": [{"name": "tlp:amber"}],
            "Attribute": [
                {"type": "ip-dst", "value": "203.0.113.7", "to_ids": True, "uuid": "1"},
                {"type": "ip-dst|port", "value": "203.0.113.8|443", "to_ids": "1", "uuid": "2"},
                {"type": "domain", "value": "no.example", "to_ids": False, "uuid": "3"},
                {"type": "comment", "value": "x", "to_ids": True, "uuid": "4"},
                {"type": "url", "value": "http://x.example", "to_ids": True, "deleted": True},
            ],
            "Object": [
                {
                    "Attribute": [
                        {"type": "filename|sha256", "value": f"x|{SHA256}", "to_ids": True},
                        {"type": "domain|ip", "value": "a.example|203.0.113.9", "to_ids": 1},
                    ]
                }
            ],
        }
    }
    reading = reader()
    found = list(reading.misp([event]))

    assert pairs(found) == [
        ("address", "203.0.113.7"),
        ("address", "203.0.113.8"),
        ("hash", SHA256),
        ("domain", "a.example"),
        ("address", "203.0.113.9"),
    ]
    assert found[0].name == "Campaign"
    assert found[0].labels == ("tlp:amber",)
    assert reading.counts["revoked"] == 1


hostile = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "pattern",
                    "Event",
                    "Attribute",
                    "Object",
                    "value",
                    "to_ids",
                    "Tag",
                    "labels",
                ]
                + ["valid_until", "confidence", "revoked", "id", "external_references", "name"]
            ),
            inner | st.sampled_from(["indicator", "ip-dst", "domain|ip", "9999-99-99"]),
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(st.lists(hostile, max_size=4))
def test_no_content_breaks_the_reader(content: list[object]):
    list(reader().stix(content))
    list(reader().misp(content))


@given(st.lists(st.text(max_size=80), max_size=12))
def test_no_list_breaks_the_reader(lines: list[str]):
    list(reader().text(lines))
    list(reader().csv([line + "\n" for line in lines]))
