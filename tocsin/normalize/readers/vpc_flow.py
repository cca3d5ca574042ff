"""Read flow logs of Amazon VPC: values between spaces, in an order that the log or mapping says.

Files in S3 begin with a line of names; the lines of CloudWatch Logs have none and are of version 2
unless the mapping says otherwise. `-` is no value.
https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tocsin.ocsf.reading import LineReader

_VERSION_2 = (
    ("version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport")
    + ("protocol", "packets", "bytes", "start", "end", "action", "log-status")
)  # fmt: skip
_NAMES = re.compile(rb"[a-z][a-z0-9_-]{1,40}(?: [a-z][a-z0-9_-]{1,40}){1,60}\s*\Z")
# At least one of them is in every useful log, and none is a value.
_TELLING = frozenset(
    (b"srcaddr", b"dstaddr", b"interface-id", b"account-id", b"log-status", b"pkt-srcaddr")
)
_EXPORTED = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{8,20}Z\Z")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class VpcFlowSettings:
    """How lines without a line of names are read.

    Attributes:
        fields: the names of the values in their order.
    """

    fields: tuple[str, ...] = _VERSION_2


class VpcFlow(LineReader):
    """Reads flow logs."""

    has_header = True

    def __init__(self, settings: VpcFlowSettings) -> None:
        """Take the order of values that holds without a header."""
        self._fields = settings.fields

    def header_after(self, header: bytes, line: bytes) -> bytes | None:
        """Return a line of names as the header; see `LineReader`."""
        if not _NAMES.match(line) or _TELLING.isdisjoint(line.split()):
            return None
        return line + b"\n"

    def read(self, raws: Sequence[bytes], header: bytes | None) -> list[bytes | str]:
        """Return the JSON of each line; see `LineReader`."""
        names = tuple(header.decode("ascii", "replace").split()) if header else self._fields
        return [_read_line(raw, names) for raw in raws]


def _read_line(raw: bytes, names: tuple[str, ...]) -> bytes | str:
    values = raw.decode("utf-8", "backslashreplace").split()
    if len(values) == len(names) + 1 and _EXPORTED.match(values[0]):
        # An export of CloudWatch Logs puts its own time before each line.
        del values[0]
    if len(values) != len(names):
        return f"bad_columns: {len(values)} values where {len(names)} are expected"
    pairs = zip(names, values, strict=True)
    return _encode({name: value for name, value in pairs if value != "-"})
