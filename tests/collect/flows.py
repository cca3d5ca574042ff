"""Messages of flow exporters, made by hand after the formats' descriptions."""

import struct
from ipaddress import ip_address

SENT = 1_793_610_930
UPTIME = 4_000_000

# sourceIPv4Address destinationIPv4Address ports protocol flags octets packets first last
FIELDS = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (6, 1), (1, 4), (2, 4), (22, 4), (21, 4))
FLOW = ("10.20.0.15", "203.0.113.80", 50122, 443, 6, 27, 2140, 12, UPTIME - 60_000, UPTIME)


def packed(fields, values):
    """Return a record: values in the widths of its fields; bytes as they are."""
    found = b""
    for (*_, width), value in zip(fields, values, strict=True):
        if isinstance(value, str):
            value = ip_address(value).packed
        found += value if isinstance(value, bytes) else value.to_bytes(width, "big")
    return found


def flow_set(number, content):
    return struct.pack(">HH", number, 4 + len(content)) + content


def template(number, fields, kind=0):
    text = struct.pack(">HH", number, len(fields))
    for element, *enterprise, width in fields:
        text += struct.pack(">HH", element | (0x8000 if enterprise else 0), width)
        text += b"".join(struct.pack(">I", each) for each in enterprise)
    return flow_set(kind, text)


def version9(*sets, sequence=0, domain=7, uptime=UPTIME, sent=SENT):
    head = struct.pack(">HHIIII", 9, len(sets), uptime, sent, sequence, domain)
    return head + b"".join(sets)


def ipfix(*sets, sequence=0, domain=7, sent=SENT):
    content = b"".join(sets)
    return struct.pack(">HHIII", 10, 16 + len(content), sent, sequence, domain) + content


def version5(*flows, sampling=0, sequence=0, many=None):
    head = struct.pack(
        ">HHIIIIBBH",
        5,
        len(flows) if many is None else many,
        UPTIME,
        SENT,
        0,
        sequence,
        1,
        2,
        sampling,
    )
    return head + b"".join(flows)


def flow5(source="10.20.0.15", target="203.0.113.80"):
    return struct.pack(
        ">4s4s4sHHIIIIHHxBBBHHBBxx",
        *(ip_address(each).packed for each in (source, target, "0.0.0.0")),
        *(3, 1, 12, 2140, UPTIME - 60_000, UPTIME, 50122, 443, 27, 6, 0, 64500, 64501, 24, 16),
    )
