"""The domain that somebody registered, and how random what stands below it looks."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.detect.correlations.names import domain_of, entropy_of


def asked(name):
    return {"query": {"hostname": name}}


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("www.example.org", "example.org"),
        ("example.org", "example.org"),
        ("WWW.Example.ORG.", "example.org"),
        ("a.b.c.example.co.uk", "example.co.uk"),
        ("a.b.example.de", "example.de"),
        ("shop.acme.github.io", "acme.github.io"),
        ("github.io", "github.io"),
        ("co.uk", "co.uk"),
        ("ip-10-20-0-1.ec2.internal", None),
        ("1.0.20.10.in-addr.arpa", None),
        ("web.shop.svc.cluster.local", None),
        ("localhost", None),
        ("198.51.100.7", None),
        ("2001:db8::7", None),
        (".", None),
        ("", None),
    ],
)
def test_the_domain_of_a_name(name, domain):
    assert domain_of(asked(name)) == domain


@pytest.mark.parametrize(
    "row",
    [
        {"tls": {"sni": "a.example.org"}},
        {"http_request": {"url": {"hostname": "a.example.org"}}},
        {"dst_endpoint": {"hostname": "a.example.org"}},
        {"query": {"hostname": "a.example.org"}, "dst_endpoint": {"hostname": "b.example.net"}},
    ],
)
def test_the_name_is_what_was_asked_for_or_wanted(row):
    assert domain_of(row) == "example.org"


def test_an_event_without_a_name_has_neither():
    assert domain_of({}) is None
    assert entropy_of({}) is None


@pytest.mark.parametrize(
    ("name", "entropy"),
    [
        ("aaaa.example.org", "0.00"),
        ("ab.example.org", "1.00"),
        ("abcd.example.org", "2.00"),
        ("ab.cd.example.org", "2.00"),
        ("0123456789abcdef.example.org", "4.00"),
        ("example.org", None),
    ],
)
def test_bits_a_character_below_the_domain(name, entropy):
    assert entropy_of(asked(name)) == entropy


def test_words_and_encoded_data_lie_apart():
    assert float(entropy_of(asked("static-assets.example.org"))) < 3.2
    assert float(entropy_of(asked("mzxw6ytboi4gk3tdn5sgk5bz.example.org"))) > 3.6


@given(st.text(max_size=300))
def test_whatever_the_name_is_both_are_told_or_nothing(name):
    domain, entropy = domain_of(asked(name)), entropy_of(asked(name))

    assert domain is None or len(domain) <= 255
    assert entropy is None or (domain is not None and 0 <= float(entropy) <= math.log2(255))
