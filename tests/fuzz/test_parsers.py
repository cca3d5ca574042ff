"""A short round of `make fuzz`, the same every time, and what it has found before."""

import warnings

import hypothesis.errors
import pytest

from tests.fuzz.every import parsers
from tests.fuzz.running import FINDINGS, folder_of, hold_time, kept, search, search_slow

CASES = 30
LONG = 4
SLACK = 3.0
"""`make fuzz` holds 50 ms; beside other tests, only what is far slower is told from the noise."""

_MAPPINGS = ("aws.cloudtrail", "azure.flow", "kubernetes.audit", "linux.auditd", "zeek.log")
"""To plan all takes long, and other tests show each of them odd records."""

_NAMES = [
    name
    for name in parsers()
    if not name.startswith("mapping ") or name.removeprefix("mapping ") in (*_MAPPINGS, "files")
]


@pytest.mark.parametrize("name", _NAMES)
def test_only_records_and_rejects_come_out(name: str):
    parser = parsers()[name]

    search(parser, CASES // parser.cost, is_random=False)


@pytest.mark.parametrize("name", [name for name in _NAMES if parsers()[name].once])
def test_64_kib_are_read_in_time(name: str):
    with warnings.catch_warnings():
        # Hypothesis says that inputs of 64 KiB are long to print.
        warnings.simplefilter("ignore", hypothesis.errors.HypothesisWarning)
        search_slow(parsers()[name], LONG, is_random=False, slack=SLACK)


@pytest.mark.parametrize("name", [name for name in parsers() if folder_of(name).exists()])
def test_what_broke_a_parser_once_does_so_no_more(name: str):
    parser = parsers()[name]
    for text in kept(name):
        parser.parse([text] * parser.batch)
        hold_time(parser, text, SLACK)


def test_every_finding_belongs_to_a_parser():
    assert {path.name for path in FINDINGS.iterdir()} <= {
        folder_of(name).name for name in parsers()
    }
