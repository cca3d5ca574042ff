r"""What the Sigma specification says, case by case, derived by hand; each names its section.

A row is a section, the lines of one selection, an event, and whether the selection holds.
"""

import base64

import pytest

from tests.detect.rules import parsed
from tocsin.conditions import holds


def encoded(text, codec="utf-8"):
    return base64.b64encode(text.encode(codec)).decode()


ROWS = [
    # Rules, General: all values are treated as case-insensitive strings
    ("general", "f: ABC", {"f": "abc"}, True),
    ("general", "f: abc", {"f": "ABC"}, True),
    ("general", "f: ÄÖ", {"f": "äö"}, True),
    ("general", "f: abc", {"f": "abcd"}, False),
    ("general", "f: abc", {"f": " abc"}, False),
    ("general", "f: 42", {"f": 42}, True),
    ("general", "f: 42", {"f": "42"}, True),
    ("general", "f: '42'", {"f": 42}, True),
    ("general", "f: 42", {"f": 42.5}, False),
    ("general", "f: true", {"f": True}, True),
    ("general", "f: 'true'", {"f": True}, True),
    ("general", "f: true", {"f": 1}, False),
    ("general", "f: abc", {}, False),
    ("general", "f: abc", {"f": None}, False),
    ("general", "f: abc", {"g": "abc"}, False),
    ("general", "f: a+b.c[d]", {"f": "a+b.c[d]"}, True),
    ("general", "f: a.c", {"f": "abc"}, False),
    # Rules, String Wildcard
    ("wildcard", "f: 'prog?.exe'", {"f": "progA.exe"}, True),
    ("wildcard", "f: 'prog?.exe'", {"f": "prog.exe"}, False),
    ("wildcard", "f: 'prog?.exe'", {"f": "progAB.exe"}, False),
    ("wildcard", "f: 'av_V*.exe'", {"f": "av_V21.2.1.exe"}, True),
    ("wildcard", "f: 'av_V*.exe'", {"f": "av_V.exe"}, True),
    ("wildcard", "f: 'av_V*.exe'", {"f": "av_V1.exe.bak"}, False),
    ("wildcard", "f: '*b*d*'", {"f": "abcde"}, True),
    ("wildcard", "f: '*d*b*'", {"f": "abcde"}, False),
    ("wildcard", "f: 'a*c'", {"f": "a\nb\nc"}, True),
    ("wildcard", "f: '?'", {"f": "é"}, True),
    ("wildcard", "f: '?'", {"f": ""}, False),
    ("wildcard", "f: '*'", {"f": ""}, True),
    ("wildcard", "f: '*'", {}, False),
    ("wildcard", "f: '?*'", {"f": ""}, False),
    ("wildcard", "f: '??'", {"f": "ab"}, True),
    # Rules, Escape Character
    ("escape", r"f: 'C:\Windows'", {"f": "C:\\Windows"}, True),
    ("escape", r"f: 'C:\\Windows'", {"f": "C:\\Windows"}, True),
    ("escape", r"f: 'a\*'", {"f": "a*"}, True),
    ("escape", r"f: 'a\*'", {"f": "ab"}, False),
    ("escape", r"f: 'a\?'", {"f": "a?"}, True),
    ("escape", r"f: 'a\?'", {"f": "ab"}, False),
    ("escape", r"f: 'a\\*'", {"f": "a\\bc"}, True),
    ("escape", r"f: 'a\\*'", {"f": "abc"}, False),
    ("escape", r"f: 'a\\\*'", {"f": "a\\*"}, True),
    ("escape", r"f: 'a\\\*'", {"f": "a\\b"}, False),
    ("escape", r"f: 'a\\\\b'", {"f": "a\\\\b"}, True),
    ("escape", r"f: 'a\\\b'", {"f": "a\\\\b"}, True),
    # Rules, Lists and Maps
    ("lists", "f: [517, 1102]", {"f": 1102}, True),
    ("lists", "f: [517, 1102]", {"f": 1103}, False),
    ("lists", "f: [x, 'y*']", {"f": "yes"}, True),
    ("lists", "f: [x]", {"f": ["w", "x"]}, True),
    ("lists", "f: [x]", {"f": []}, False),
    ("maps", "f: x\ng: y", {"f": "x", "g": "y"}, True),
    ("maps", "f: x\ng: y", {"f": "x", "g": "z"}, False),
    ("maps", "f: x\ng: y", {"f": "x"}, False),
    ("lists of maps", "- f: x\n- g: y", {"g": "y"}, True),
    ("lists of maps", "- f: x\n  h: z\n- g: y", {"f": "x"}, False),
    ("lists of maps", "- f: x\n  h: z\n- g: y", {"f": "x", "h": "z"}, True),
    # Nested fields (taxonomy appendix: dotted names), into every element of a list
    ("nested", "a.b: x", {"a": {"b": "x"}}, True),
    ("nested", "a.b: x", {"a.b": "x"}, True),
    ("nested", "a.b: x", {"a": {"b": {"c": "x"}}}, False),
    ("nested", "a.b.c: x", {"a": [{"b": {"c": "w"}}, {"b": {"c": "x"}}]}, True),
    ("nested", "a.b: x\na.c: y", {"a": [{"b": "x"}, {"c": "y"}]}, True),
    ("nested", "a.b: x", {"a": "x"}, False),
    ("nested", "a.b: x", {"a": [["x"], [{"b": "x"}]]}, True),
    ("nested", "a.b|contains|all: [x, y]", {"a": [{"b": "x"}, {"b": "y"}]}, True),
    # Rules, Special Field Values
    ("empty", "f: ''", {"f": ""}, True),
    ("empty", "f: ''", {"f": None}, False),
    ("empty", "f: ''", {}, False),
    ("empty", "f: ''", {"f": " "}, False),
    ("null", "f: null", {"f": None}, True),
    ("null", "f: null", {}, True),
    ("null", "f: null", {"f": ""}, False),
    ("null", "f: null", {"f": 0}, False),
    ("null", "f.g: null", {"f": {}}, True),
    ("null", "f.g: null", {"f": {"g": 1}}, False),
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
    # Rules, Placeholders: without expand the value is literal
    ("placeholder", "f: '%name%'", {"f": "%name%"}, True),
    ("placeholder", r"f|expand: '\%name\%'", {"f": "%name%"}, True),
    # Rules, Keywords search: across the entire event
    ("keywords", "- event::clear\n- event::drop", {"a": {"b": ["x EVENT::drop y"]}}, True),
    ("keywords", "- event::clear\n- event::drop", {"a": "event: clear"}, False),
    ("keywords", "'|all': [one, ' -two ']", {"a": "x -Two y", "b": "one"}, True),
    ("keywords", "'|all': [one, ' -two ']", {"a": "one"}, False),
    ("keywords", "- 'a*c'", {"x": "__abc__"}, True),
    ("keywords", "- 'a?c'", {"x": "__ac__"}, False),
    ("keywords", "'|re': 'b{2}'", {"x": "abba"}, True),
]


def named(row):
    section, lines, event, expected = row
    return f"{section}: {lines} {'holds' if expected else 'fails'} for {event}".encode().decode(
        "ascii", "replace"
    )


@pytest.mark.parametrize(("section", "lines", "event", "expected"), ROWS, ids=map(named, ROWS))
def test_a_selection_means_what_its_section_says(section, lines, event, expected):
    indented = lines.replace("\n", "\n  ")

    condition = parsed(f"s:\n  {indented}\ncondition: s").condition

    assert holds(condition, event) is expected, section


# Rules, Condition; one holds, two fails, _three holds
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("one", True),
        ("two", False),
        ("one and one", True),
        ("one and two", False),
        ("two or one", True),
        ("two or two", False),
        ("not two", True),
        ("not one", False),
        ("not not one", True),
        ("not (one and two)", True),
        ("not one or one", True),
        ("one or one and two", True),
        ("(one or one) and two", False),
        ("two and two or one", True),
        ("1 of them", True),
        ("all of them", False),
        ("1 of on*", True),
        ("1 of tw*", False),
        ("all of on*", True),
        ("all of *o*", False),
        ("not 1 of tw*", True),
        ("1 of _three", True),
        ("one and not two", True),
        ("1 of one*\n  and not all of t*", True),
    ],
)
def test_a_condition_joins_parts_as_its_section_says(condition, expected):
    parts = "one: {f: x}\ntwo: {f: y}\n_three: {f: x}"
    text = condition.replace("\n", " ")

    assert holds(parsed(f"{parts}\ncondition: {text}").condition, {"f": "x"}) is expected


def test_them_leaves_out_names_that_begin_with_an_underscore():
    condition = parsed("one: {f: y}\n_two: {f: x}\ncondition: 1 of them").condition

    assert not holds(condition, {"f": "x"})
    assert holds(condition, {"f": "y"})
