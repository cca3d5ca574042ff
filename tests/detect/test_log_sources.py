"""Rules are bound to sources by the words of a content file."""

from pathlib import Path

import pytest

from tests.detect.tables import LOG_SOURCES
from tocsin.conditions import holds
from tocsin.detect import LogSources, parse_rules
from tocsin.detect.rules import LogSource
from tocsin.errors import ContentError

SHIPPED = Path(__file__).parents[2] / "content" / "log_sources.yaml"


@pytest.mark.parametrize(
    ("log_source", "sources"),
    [
        (LogSource("aws", "cloudtrail"), ("aws.cloudtrail",)),
        (LogSource("aws"), ("aws.cloudtrail",)),
        (LogSource("aws", "vpcflow"), ()),
        (LogSource("kubernetes", "audit"), ("kubernetes.audit",)),
        (LogSource("kubernetes", "audit", "application"), ("kubernetes.audit",)),
        (LogSource("github", "audit"), ()),
        (LogSource(service="audit"), ()),
        (LogSource(category="process_creation", product="windows"), ()),
        (LogSource(category="ocsf"), ("aws.cloudtrail", "kubernetes.audit")),
        (LogSource(log_types=("Okta.SystemLog", "AWS.CloudTrail")), ("aws.cloudtrail",)),
        (LogSource(log_types=("Okta.SystemLog",)), ()),
    ],
)
def test_a_log_source_is_bound(log_source, sources):
    assert LOG_SOURCES.bind(log_source) == sources


def test_the_shipped_file_binds_audit_logs_wherever_they_come_from():
    shipped = LogSources.read(SHIPPED.read_text(), "log_sources.yaml")

    assert shipped.bind(LogSource("aws", "cloudtrail")) == ("aws.cloudtrail",)
    clusters = shipped.bind(LogSource("kubernetes", "audit", "application"))
    assert clusters == ("gcp.gke_audit", "kubernetes.audit")
    assert shipped.bind(LogSource(log_types=("Kubernetes.Audit",))) == ("kubernetes.audit",)
    assert shipped.native_roots("aws.cloudtrail") == {"resources"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sources: []", "must be a mapping"),
        ("sources: {x: {sigma: {}}}", "must be a list"),
        ("sources: {x: {sgima: []}}", "did you mean 'sigma'"),
        ("sources: {x: {sigma: [{vendor: y}]}}", "unknown key 'vendor'"),
        ("source: {}", "must be a mapping"),
        ("sources: {x: {log_types: [1]}}", "must be text"),
    ],
)
def test_a_broken_file_is_one_clear_line(text, words):
    with pytest.raises(ContentError, match=words) as raised:
        LogSources.read(text, "log_sources.yaml")

    assert str(raised.value).startswith("log_sources.yaml:1: ")


def test_people_may_lay_a_file_of_their_own_over_the_list():
    more = """
sources:
  aws.cloudtrail:
    sigma: [{product: aws, category: cloud_audit}, {category: iam_changes}]
    log_types: [Acme.Trail]
    native: [metadata]
"""
    found = LOG_SOURCES.with_more(more, "mine.yaml")

    assert found.bind(LogSource("aws", category="cloud_audit")) == ("aws.cloudtrail",)
    assert found.bind(LogSource(category="iam_changes")) == ("aws.cloudtrail",)
    assert found.bind(LogSource(log_types=("Acme.Trail",))) == ("aws.cloudtrail",)
    assert found.bind(LogSource("aws", "cloudtrail")) == ("aws.cloudtrail",)
    assert found.bind(LogSource("kubernetes", "audit")) == ("kubernetes.audit",)
    assert found.native_roots("aws.cloudtrail") == {"resources", "metadata"}
    assert LOG_SOURCES.bind(LogSource(category="iam_changes")) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sources:\n  aws.cloudtrial: {}\n", "mine.yaml:2: there is no source 'aws.cloudtrial'"),
        ("sources:\n  aws.cloudtrial: {}\n", "did you mean 'aws.cloudtrail'"),
        ("sources:\n  aws.cloudtrail: {sgima: []}\n", "did you mean 'sigma'"),
        ("sources: [\n", "not YAML"),
    ],
)
def test_a_broken_file_of_ones_own_is_one_clear_line(text, words):
    with pytest.raises(ContentError, match=words):
        LOG_SOURCES.with_more(text, "mine.yaml")


@pytest.mark.parametrize(
    ("service", "kinds"), [("dns", ["dns"]), ("http", ["http"]), (None, ["conn", "dns", "http"])]
)
@pytest.mark.parametrize("source", ["zeek", "suricata"])
def test_a_rule_that_names_a_service_reads_records_of_that_kind_alone(source, service, kinds):
    shipped = LogSources.read(SHIPPED.read_text(), "log_sources.yaml")
    words = f"product: {source}" + (f", service: {service}" if service else "")
    text = (
        "title: Somebody\nid: 00000000-0000-4000-8000-000000000001\n"
        f"logsource: {{{words}}}\n"
        "detection: {s: {src_endpoint.ip: 10.20.0.15}, condition: s}\n"
    )
    [rule] = parse_rules({"rule.yml": text}).rules
    [name] = shipped.bind(rule.log_source)
    condition = shipped.resolved(rule, name).condition

    found = [
        kind
        for kind in ("conn", "dns", "http")
        if holds(
            condition,
            {
                "src_endpoint": {"ip": "10.20.0.15"},
                "ocsf": {"metadata": {"event_code": kind}},
            },
        )
    ]

    assert found == kinds
