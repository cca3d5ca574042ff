"""Values are written in one form, however a feed or an event spells them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.intelligence import recognized
from tocsin.intelligence.values import KINDS, is_listable, normalized, refanged

MD5 = "d41d8cd98f00b204e9800998ecf8427e"
SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203[.]0[.]113[.]7", ("address", "203.0.113.7")),
        ("203.0.113.7:443", ("address", "203.0.113.7")),
        ("[2001:DB8::0001]:443", ("address", "2001:db8::1")),
        ("::ffff:203.0.113.7", ("address", "203.0.113.7")),
        ("203.0.113.77/24", ("network", "203.0.113.0/24")),
        ("Evil(.)Example.", ("domain", "evil.example")),
        ("*.evil[dot]example", ("domain", "evil.example")),
        ("bücher.example", ("domain", "xn--bcher-kva.example")),
        ("hxxps://Evil[.]Example:443/A?b=C#d", ("url", "https://evil.example/A?b=C")),
        ("hXXp[://]evil.example", ("url", "http://evil.example/")),
        ("http://[2001:db8::1]:8080/x", ("url", "http://[2001:db8::1]:8080/x")),
        ("Eve[@]Evil.Example", ("mail", "eve@evil.example")),
        (MD5.upper(), ("hash", MD5)),
        ('"evil.example"', ("domain", "evil.example")),
        ("t13d1516h2_8daaf6152771_b186095e22b6", ("ja3", "t13d1516h2_8daaf6152771_b186095e22b6")),
    ],
)
def test_many_spellings_have_one_form(text: str, expected: tuple[str, str]):
    assert recognized(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "evil", "1.2.3", "999.1.1.1", "a b.example", "x" * 3_000, "http://", "@.x"]
    + ["-a.example", "a..example", "ftp//x", "zz" * 16, "http://[::1", "a@b", "fe80::1%eth0"],
)
def test_what_is_none_of_the_kinds_is_not_recognized(text: str):
    assert recognized(text) is None


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(max_size=60))
def test_the_form_of_a_form_is_itself(kind: str, text: str):
    value = normalized(kind, refanged(text))

    assert value is None or normalized(kind, value) == value


@pytest.mark.parametrize(
    ("kind", "value", "may"),
    [
        ("address", "10.0.0.1", False),
        ("address", "127.0.0.1", False),
        ("address", "203.0.113.7", True),
        ("network", "0.0.0.0/0", False),
        ("network", "192.168.0.0/16", False),
        ("network", "203.0.113.0/24", True),
        ("domain", "evil.example", True),
    ],
)
def test_addresses_inside_and_half_the_internet_are_no_indicators(kind: str, value: str, may: bool):
    assert is_listable(kind, value) is may


def test_a_certificate_is_read_with_colons():
    colons = ":".join(SHA1[i : i + 2] for i in range(0, 40, 2)).upper()

    assert normalized("certificate", colons) == SHA1
