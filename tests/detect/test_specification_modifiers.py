r"""What the Sigma specification says of modifiers, case by case; each names its section.

A row is a section, the lines of one selection, an event, and whether the selection holds.
"""

import base64

import pytest

from tests.detect.rules import sigma
from tests.detect.specification import fits, named
from tocsin.detect import parse_rules


def encoded(text, codec="utf-8"):
    return base64.b64encode(text.encode(codec)).decode()


ROWS = [
    # Rules, Field Existence; Modifiers, exists: presence only, be it empty or null
    ("exists", "f|exists: true", {"f": ""}, True),
    ("exists", "f|exists: true", {"f": None}, True),
    ("exists", "f|exists: true", {}, False),
    ("exists", "f|exists: false", {}, True),
    ("exists", "f|exists: false", {"f": None}, False),
    ("exists", "f.g|exists: true", {"f": {"g": []}}, True),
    ("exists", "f.g|exists: true", {"f": {"h": 1}}, False),
    ("exists", "f.g|exists: true", {"f": [{}, {"g": 1}]}, True),
    # Modifiers, Generic
    ("startswith", "f|startswith: adm", {"f": "ADMIN"}, True),
    ("startswith", "f|startswith: adm", {"f": "sysadm"}, False),
    ("startswith", "f|startswith: 'a?m'", {"f": "admin"}, True),
    ("startswith", "f|startswith: [a, b]", {"f": "bcd"}, True),
    ("endswith", r"f|endswith: '\cmd.exe'", {"f": "C:\\CMD.EXE"}, True),
    ("endswith", r"f|endswith: '\cmd.exe'", {"f": "C:\\cmd.exe.x"}, False),
    ("contains", "f|contains: b", {"f": "abc"}, True),
    ("contains", "f|contains: b", {"f": "b"}, True),
    ("contains", "f|contains: bc", {"f": "cb"}, False),
    ("contains", "f|contains: 'a*c'", {"f": "xabcx"}, True),
    ("contains", "f|contains: 5", {"f": 1502}, True),
    ("startswith", "f|startswith: 12", {"f": "1234"}, True),
    ("endswith", "f|endswith: [12, 34]", {"f": 1234}, True),
    ("all", "f|contains|all: [a, b]", {"f": "xbxa"}, True),
    ("all", "f|contains|all: [a, b]", {"f": "xa"}, False),
    ("all", "f|startswith|all: [a, ab]", {"f": "abc"}, True),
    ("all", "f|all: [x, y]", {"f": ["y", "x"]}, True),
    ("all", "f|all: [x, y]", {"f": "x"}, False),
    ("cased", "f|cased: Abc", {"f": "Abc"}, True),
    ("cased", "f|cased: Abc", {"f": "abc"}, False),
    ("cased", "f|startswith|cased: Ab", {"f": "Abc"}, True),
    ("cased", "f|startswith|cased: Ab", {"f": "aBc"}, False),
    ("cased", "f|endswith|cased: C", {"f": "abc"}, False),
    ("cased", "f|cased: 'A*c'", {"f": "Abbc"}, True),
    ("cased", "f|cased: 'A*c'", {"f": "AbbC"}, False),
    ("neq", "f|neq: x", {"f": "y"}, True),
    ("neq", "f|neq: x", {"f": "X"}, False),
    ("neq", "f|neq: [x, y]", {"f": "y"}, False),
    ("neq", "f|neq: [x, y]", {"f": "z"}, True),
    ("neq", "f|neq: 5", {"f": 5}, False),
    ("neq", "f|neq: 5", {"f": 6}, True),
    ("neq", "f|contains|neq: b", {"f": "abc"}, False),
    # Modifiers, String, windash: five dashes in each other's place
    ("windash", "f|windash|contains: ' -q'", {"f": "cmd -q"}, True),
    ("windash", "f|windash|contains: ' -q'", {"f": "cmd /q"}, True),
    ("windash", "f|windash|contains: ' -q'", {"f": "cmd \u2013q"}, True),
    ("windash", "f|windash|contains: ' -q'", {"f": "cmd \u2014q"}, True),
    ("windash", "f|windash|contains: ' -q'", {"f": "cmd \u2015q"}, True),
    ("windash", "f|windash|contains: ' -q'", {"f": "cmd +q"}, False),
    ("windash", "f|windash|contains: ' /q'", {"f": "cmd -q"}, True),
    ("windash", "f|windash|contains|all: [' -a', ' -b']", {"f": "x /b -a"}, True),
    ("windash", "f|windash|contains|all: [' -a', ' -b']", {"f": "x /b +a"}, False),
    # Modifiers, Regular Expression: case-sensitive, found anywhere, i m s
    ("re", "f|re: 'b+'", {"f": "abbc"}, True),
    ("re", "f|re: 'B+'", {"f": "abbc"}, False),
    ("re", "f|re: '^b'", {"f": "abc"}, False),
    ("re", "f|re: 'a.c'", {"f": "a\nc"}, False),
    ("re", "f|re: '[^a-z]'", {"f": "abc1"}, True),
    ("re", "f|re: 'a{2,3}$'", {"f": "xaa"}, True),
    ("re", "f|re: '(x|y)z'", {"f": "yz"}, True),
    ("re", "f|re: ['^a', 'z$']", {"f": "xyz"}, True),
    ("re", "f|re|all: ['^a', 'z$']", {"f": "xyz"}, False),
    ("re", "f|re: '^$'", {}, False),
    ("re", r"f|re: '\d+'", {"f": 15}, True),
    ("re i", "f|re|i: 'B+'", {"f": "abbc"}, True),
    ("re m", "f|re|m: '^b$'", {"f": "a\nb\nc"}, True),
    ("re m", "f|re: '^b$'", {"f": "a\nb\nc"}, False),
    ("re s", "f|re|s: 'a.c'", {"f": "a\nc"}, True),
    ("re i m s", "f|re|i|m|s: '^B.C$'", {"f": "a\nb\nc\nd"}, True),
    # Modifiers, Encoding; YwBtAGQA is cmd in UTF-16 little endian, and so on
    ("base64", "f|base64: foobar", {"f": "Zm9vYmFy"}, True),
    ("base64", "f|base64: foobar", {"f": "foobar"}, False),
    ("base64", "f|base64|contains: foobar", {"f": "x Zm9vYmFy y"}, True),
    ("base64offset", "f|base64offset|contains: foobar", {"f": encoded("foobar!")}, True),
    ("base64offset", "f|base64offset|contains: foobar", {"f": encoded("1foobar!")}, True),
    ("base64offset", "f|base64offset|contains: foobar", {"f": encoded("12foobar!")}, True),
    ("base64offset", "f|base64offset|contains: foobar", {"f": encoded("123foobar!")}, True),
    ("base64offset", "f|base64offset|contains: foobar", {"f": encoded("12fooba")}, False),
    ("utf16le", "f|utf16le|base64: cmd", {"f": "YwBtAGQA"}, True),
    ("wide", "f|wide|base64: cmd", {"f": "YwBtAGQA"}, True),
    ("wide", "f|wide|base64offset|contains: cmd", {"f": encoded("x cmd x", "utf-16-le")}, True),
    ("wide", "f|wide|base64offset|contains: cmd", {"f": encoded("x cmd x")}, False),
    ("utf16be", "f|utf16be|base64: cmd", {"f": "AGMAbQBk"}, True),
    ("utf16be", "f|utf16be|base64: cmd", {"f": "YwBtAGQA"}, False),
    ("utf16", "f|utf16|base64: cmd", {"f": "//5jAG0AZAA="}, True),
    ("utf16", "f|utf16|base64: cmd", {"f": "YwBtAGQA"}, False),
    # Modifiers, Numeric
    ("lt", "f|lt: 5", {"f": 4.9}, True),
    ("lt", "f|lt: 5", {"f": 5}, False),
    ("lte", "f|lte: 5", {"f": 5}, True),
    ("lte", "f|lte: 5", {"f": 6}, False),
    ("gt", "f|gt: 5", {"f": "6"}, True),
    ("gt", "f|gt: 5", {"f": 5}, False),
    ("gt", "f|gt: 5", {"f": "x"}, False),
    ("gt", "f|gt: 5", {}, False),
    ("gt", "f|gt: -1", {"f": 0}, True),
    ("gte", "f|gte: 5", {"f": 5}, True),
    ("gte", "f|gte: 5", {"f": 4}, False),
    ("gte", "f|gte: 5", {"f": [1, 7]}, True),
    # Modifiers, Time: a numeric value of a date, as it is written
    ("minute", "f|minute: 5", {"f": "2026-11-23T10:05:59Z"}, True),
    ("minute", "f|minute: 5", {"f": "2026-11-23T05:10:00Z"}, False),
    ("hour", "f|hour: 10", {"f": "2026-11-23T10:05:59Z"}, True),
    ("hour", "f|hour: 10", {"f": "2026-11-23T11:10:10Z"}, False),
    ("day", "f|day: 23", {"f": "2026-11-23T10:05:59Z"}, True),
    ("day", "f|day: 23", {"f": "2026-11-22T23:23:23Z"}, False),
    ("week", "f|week: 1", {"f": "2026-01-01T00:00:00Z"}, True),
    ("week", "f|week: 2", {"f": "2026-01-04T00:00:00Z"}, False),
    ("month", "f|month: 11", {"f": "2026-11-23"}, True),
    ("month", "f|month: 11", {"f": "2026-10-11"}, False),
    ("year", "f|year: 2026", {"f": "2026-11-23"}, True),
    ("year", "f|year: 2026", {"f": "not a time"}, False),
    # Modifiers, IP
    ("cidr", "f|cidr: 192.0.2.0/24", {"f": "192.0.2.255"}, True),
    ("cidr", "f|cidr: 192.0.2.0/24", {"f": "192.0.3.0"}, False),
    ("cidr", "f|cidr: 192.0.2.0/24", {"f": "192.0.2"}, False),
    ("cidr", "f|cidr: 192.0.2.7/32", {"f": "192.0.2.7"}, True),
    ("cidr", "f|cidr: [10.0.0.0/8, 192.0.2.0/24]", {"f": "10.255.0.1"}, True),
    ("cidr", "f|cidr: '2001:db8::/32'", {"f": "2001:DB8:1::1"}, True),
    ("cidr", "f|cidr: '2001:db8::/32'", {"f": "2001:db9::1"}, False),
    ("cidr", "f|cidr: '2001:db8::/32'", {"f": "32.1.13.184"}, False),
    # Modifiers, Specific, fieldref
    ("fieldref", "f|fieldref: g", {"f": "x", "g": "X"}, True),
    ("fieldref", "f|fieldref: g", {"f": "x", "g": "y"}, False),
    ("fieldref", "f|fieldref: g", {"f": "x"}, False),
    ("fieldref", "f|fieldref: g", {}, False),
    ("fieldref", "f|fieldref: g.h", {"f": "x", "g": [{"h": "w"}, {"h": "x"}]}, True),
    ("fieldref", "f|fieldref|neq: g", {"f": "x", "g": "y"}, True),
    ("fieldref", "f|fieldref|startswith: g", {"f": "xyz", "g": "xy"}, True),
    ("fieldref", "f|fieldref|startswith: g", {"f": "xyz", "g": "yz"}, False),
    ("fieldref", "f|fieldref|endswith: g", {"f": "xyz", "g": "yz"}, True),
    ("fieldref", "f|fieldref|contains: g", {"f": "xyz", "g": "y"}, True),
    ("fieldref", "f|fieldref|contains: g", {"f": "xyz", "g": "*"}, False),
    # Modifiers, exists
    ("exists", "f|exists|neq: true", {}, True),
    ("exists", "f|exists|neq: true", {"f": 1}, False),
    ("exists", "f|exists: yes", {"f": 1}, True),
    ("exists", "f.g|exists: false", {"f": "g"}, True),
    # Modifiers, Generic: in the order given, on lists, with each other
    ("cased", "f|contains|cased: [AB, cd]", {"f": "xcdx"}, True),
    ("cased", "f|contains|cased: [AB, cd]", {"f": "xabCDx"}, False),
    ("cased", "f|contains|all|cased: [A, B]", {"f": "AB"}, True),
    ("cased", "f|contains|all|cased: [A, B]", {"f": "Ab"}, False),
    ("cased", "f|cased: 42", {"f": 42}, True),
    ("neq", "f|startswith|neq: [a, b]", {"f": "ax"}, False),
    ("neq", "f|startswith|neq: [a, b]", {"f": "cx"}, True),
    ("neq", "f|contains|all|neq: [a, b]", {"f": "ax"}, True),
    ("neq", "f|contains|all|neq: [a, b]", {"f": "ab"}, False),
    ("neq", "f|neq: x", {}, True),
    ("neq", "f|neq: x", {"f": ["x", "y"]}, False),
    ("all", "f|contains|all: [a]", {"f": "xa"}, True),
    ("all", "f|endswith|all: [c, bc]", {"f": "abc"}, True),
    ("all", "f|re|all: ['a', 'c$']", {"f": "abc"}, True),
    ("all", "f|cidr|all: [10.0.0.0/8, 10.1.0.0/16]", {"f": "10.1.2.3"}, True),
    ("all", "f|cidr|all: [10.0.0.0/8, 10.1.0.0/16]", {"f": "10.2.2.3"}, False),
    ("contains", "f|contains: true", {"f": "it is true"}, True),
    ("contains", "f|contains: ['a', 5]", {"f": 15}, True),
    # Modifiers, windash
    ("windash", "f|windash: '-s'", {"f": "/s"}, True),
    ("windash", "f|windash: '-s'", {"f": "x /s"}, False),
    ("windash", "f|contains|windash: ' -a -b'", {"f": "x /a -b"}, True),
    ("windash", "f|contains|windash: ' -a -b'", {"f": "x /a /b"}, True),
    ("windash", "f|endswith|windash: ' -a'", {"f": "x /a y"}, False),
    ("windash", "'|windash': ' -a'", {"g": "x /a"}, True),
    # Modifiers, Regular Expression: sub-modifiers by their long names too
    ("re", "f|re: '^a|b$'", {"f": "xb"}, True),
    ("re", "f|re: '^(a|b)$'", {"f": "xb"}, False),
    ("re", "f|re: 'a?'", {"f": ""}, True),
    ("re", "f|re|neq: '^a'", {"f": "ba"}, True),
    ("re", "f|re|neq: '^a'", {"f": "ab"}, False),
    ("re", "f.g|re: '^x'", {"f": [{"g": "y"}, {"g": "xy"}]}, True),
    ("re i", "f|re|ignorecase: 'AB'", {"f": "ab"}, True),
    ("re m", "f|re|multiline: '^b'", {"f": "a\nb"}, True),
    ("re s", "f|re|dotall: 'a.b'", {"f": "a\nb"}, True),
    ("re i m", "f|re|i|m: '^B$'", {"f": "a\nb"}, True),
    ("re i", "'|re|i': 'EVIL+'", {"g": "evilll"}, True),
    # Modifiers, Encoding: numbers are text; every offset; several values
    ("base64", "f|base64: 5", {"f": "NQ=="}, True),
    ("base64", "f|base64: [foobar, cmd]", {"f": "Y21k"}, True),
    (
        "base64offset",
        "f|base64offset|contains: [/bin/sh, /bin/bash]",
        {"f": encoded("x/bin/bash")},
        True,
    ),
    ("base64offset", "'|base64offset|contains': foobar", {"g": encoded("12foobar3")}, True),
    (
        "wide",
        "f|wide|base64offset|contains|all: [ab, cd]",
        {"f": encoded("ab cd", "utf-16-le")},
        True,
    ),
    (
        "wide",
        "f|wide|base64offset|contains|all: [ab, cd]",
        {"f": encoded("ab", "utf-16-le")},
        False,
    ),
    ("wide", "f|wide: ab", {"f": "a\0b\0"}, True),
    # Modifiers, Numeric: with each other, on texts, on lists, negated
    ("gt", "f|gt: 5\nf|lt: 7", {"f": 6}, True),
    ("gt", "f|gt: 5\nf|lt: 7", {"f": 7}, False),
    ("gt", "f|gt: [5, 9]", {"f": 6}, True),
    ("gt", "f|gt: 5", {"f": True}, False),
    ("gt", "f|gt: 5", {"f": "5.5"}, True),
    ("gt", "f|gt: 5", {"f": "6 MB"}, False),
    ("lt", "f|lt: 0.5", {"f": 0.25}, True),
    ("lt", "f|lt|neq: 5", {"f": 7}, True),
    ("lt", "f|lt|neq: 5", {"f": 3}, False),
    # Modifiers, Time: with numeric modifiers the part is compared, not the date
    ("hour gt", "f|hour|gt: 21", {"f": "2026-11-23T22:00:00Z"}, True),
    ("hour gt", "f|hour|gt: 21", {"f": "2026-11-23T21:59:59Z"}, False),
    ("hour lt", "f|hour|lt: 6", {"f": "2026-11-23T05:59:00+02:00"}, True),
    ("hour lte", "f|hour|lte: 6", {"f": "2026-11-23T06:59:00Z"}, True),
    ("day gte", "f|day|gte: 23", {"f": "2026-11-23"}, True),
    ("week", "f|week|gte: 53", {"f": "2026-12-31"}, True),
    ("year lt", "f|year|lt: 2026", {"f": "2025-12-31"}, True),
    ("year lt", "f|year|lt: 2026", {"f": "2026-01-01"}, False),
    ("hour", "f|hour: [1, 2]", {"f": "2026-11-23T02:00:00Z"}, True),
    ("hour", "f|hour|neq: 2", {"f": "2026-11-23T02:00:00Z"}, False),
    ("hour", "f|hour: 2", {}, False),
    ("minute lt", "f|minute|lt: 1", {"f": "2026-11-23T02:00:59Z"}, True),
    # Modifiers, IP
    ("cidr", "f|cidr: 10.0.0.1", {"f": "10.0.0.1"}, True),
    ("cidr", "f|cidr: 0.0.0.0/0", {"f": "2001:db8::1"}, False),
    ("cidr", "f|cidr|neq: 10.0.0.0/8", {"f": "192.0.2.1"}, True),
    ("cidr", "f|cidr: 10.0.0.0/8", {"f": ["192.0.2.1", "10.0.0.1"]}, True),
    ("cidr", "f|cidr: 10.0.0.0/8", {"f": "10.0.0.1:443"}, False),
    ("cidr", "'|cidr': 10.0.0.0/8", {"g": {"h": "10.0.0.1"}}, True),
    # Modifiers, fieldref: lists of fields, negated, with a start and an end
    ("fieldref", "f|fieldref: [g, h]", {"f": "x", "h": "x"}, True),
    ("fieldref", "f|fieldref|all: [g, h]", {"f": "x", "g": "x", "h": "y"}, False),
    ("fieldref", "f|fieldref|neq: g", {"f": "x", "g": "x"}, False),
    ("fieldref", "f|fieldref: g", {"f": 5, "g": "5"}, True),
    ("fieldref", "f|fieldref: g", {"f": None, "g": None}, False),
    ("fieldref", "f|fieldref|endswith: g", {"f": "xyz", "g": "xy"}, False),
]


@pytest.mark.parametrize("row", ROWS, ids=map(named, ROWS))
def test_a_modifier_means_what_its_section_says(row):
    assert fits(row)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("f|gt: '5'", "needs a number, without quotes"),
        ("f|hour: noon", "needs a number"),
        ("f|hour: 24", "the hour of a time is 0 to 23"),
        ("f|month: 0", "the month of a time is 1 to 12"),
        ("f|exists: 'true'", "needs true or false"),
        ("f|i: x", "stands behind `re`"),
        ("f|contains: null", "it needs text"),
        ("f|re|cased: x", "it needs text"),
        ("f|fieldref|cased: g", "it needs text"),
        ("f|base64: 'a*'", "wildcards"),
        ("f|cidr: 10.1.2.3/8", "host bits"),
        ("f|cidr: nowhere", "CIDR"),
        ("'|exists': true", "field"),
        ("'|fieldref': g", "field"),
        ("f|re: '(?=x)'", "look-around"),
        (r"f|re: '(a)\1'", "invalid escape"),
        ("f: {g: h}", "must be text"),
        ("f: [[x]]", "must be text"),
        ("f|nope: x", "unknown modifier 'nope'"),
    ],
)
def test_what_has_no_meaning_is_refused_in_plain_words(line, words):
    result = parse_rules({"x.yml": sigma(f"s:\n  {line}\ncondition: s")})

    told = [str(problem) for problem in result.problems if not problem.is_warning]
    assert result.rules == ()
    assert len(told) == 1 and words in told[0]
    assert told[0].startswith("x.yml:7: ")
    assert " object at " not in told[0] and "Modifier" not in told[0].replace("Exists modifier", "")
