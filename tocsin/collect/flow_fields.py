"""Which information elements flow exporters send, and how their bytes are read.

Source: IANA, IP Flow Information Export (IPFIX) Entities, under whose names they appear in records;
NetFlow version 9 gives the first 127 the same numbers (RFC 3954, 8).
"""

import struct
from collections.abc import Callable
from functools import lru_cache
from socket import AF_INET6, inet_ntoa, inet_ntop
from typing import TypeAlias

Value: TypeAlias = str | int | float
Reader: TypeAlias = Callable[[bytes], Value | None]

START, END = "start", "end"
"""Names of the times of a flow in records: seconds since 1970."""

REVERSE_ENTERPRISE = 29305
"""Elements of this enterprise are those of the answering side (RFC 5103)."""

# NTP times have fractions of 2**32 and began 70 years before 1970 (RFC 7011, 6.1).
_NTP_SECONDS = 2_208_988_800
_TEXT_BYTES = 4_096
_REAL = {4: struct.Struct(">f"), 8: struct.Struct(">d")}


@lru_cache(maxsize=65_536)
def _ipv4(content: bytes) -> str | None:
    return inet_ntoa(content) if len(content) == 4 else content.hex()


@lru_cache(maxsize=65_536)
def _ipv6(content: bytes) -> str | None:
    return inet_ntop(AF_INET6, content) if len(content) == 16 else content.hex()


def _mac(content: bytes) -> str:
    return content.hex(":")


def _text(content: bytes) -> str | None:
    return content[:_TEXT_BYTES].decode("utf-8", "replace").strip("\0 ") or None


def _hex(content: bytes) -> str:
    return content[:_TEXT_BYTES].hex()


def _number(content: bytes) -> Value:
    return int.from_bytes(content, "big") if len(content) <= 8 else _hex(content)


def _real(content: bytes) -> Value | None:
    if len(content) not in _REAL:
        return _hex(content)
    (found,) = _REAL[len(content)].unpack(content)
    return float(found) if abs(found) < float("inf") else None


def _seconds(content: bytes) -> Value:
    return int.from_bytes(content, "big")


def _milliseconds(content: bytes) -> Value:
    return int.from_bytes(content, "big") / 1000


def _ntp(content: bytes) -> Value | None:
    if len(content) != 8:
        return None
    return round(int.from_bytes(content, "big") / (1 << 32) - _NTP_SECONDS, 6)


_READERS: dict[str, Reader] = {
    "number": _number,
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "mac": _mac,
    "text": _text,
    "real": _real,
    "seconds": _seconds,
    "milliseconds": _milliseconds,
    "ntp": _ntp,
    "bytes": _hex,
}

_NUMBERS = """
1 octetDeltaCount 2 packetDeltaCount 3 deltaFlowCount 4 protocolIdentifier 5 ipClassOfService
6 tcpControlBits 7 sourceTransportPort 9 sourceIPv4PrefixLength 10 ingressInterface
11 destinationTransportPort 13 destinationIPv4PrefixLength 14 egressInterface 16 bgpSourceAsNumber
17 bgpDestinationAsNumber 19 postMCastPacketDeltaCount 20 postMCastOctetDeltaCount
21 flowEndSysUpTime 22 flowStartSysUpTime 23 postOctetDeltaCount 24 postPacketDeltaCount
25 minimumIpTotalLength 26 maximumIpTotalLength 29 sourceIPv6PrefixLength
30 destinationIPv6PrefixLength 31 flowLabelIPv6 32 icmpTypeCodeIPv4 33 igmpType
34 samplingInterval 35 samplingAlgorithm 36 flowActiveTimeout 37 flowIdleTimeout 38 engineType
39 engineId 40 exportedOctetTotalCount 41 exportedMessageTotalCount
42 exportedFlowRecordTotalCount 48 samplerId 49 samplerMode 50 samplerRandomInterval 52 minimumTTL
53 maximumTTL 54 fragmentIdentification 55 postIpClassOfService 58 vlanId 59 postVlanId
60 ipVersion 61 flowDirection 85 octetTotalCount 86 packetTotalCount 88 fragmentOffset
89 forwardingStatus 95 applicationId 132 droppedOctetDeltaCount 133 droppedPacketDeltaCount
136 flowEndReason 138 observationPointId 139 icmpTypeCodeIPv6 144 exportingProcessId
145 templateId 148 flowId 149 observationDomainId 160 systemInitTimeMilliseconds
161 flowDurationMilliseconds 162 flowDurationMicroseconds 176 icmpTypeIPv4 177 icmpCodeIPv4
178 icmpTypeIPv6 179 icmpCodeIPv6 180 udpSourcePort 181 udpDestinationPort 182 tcpSourcePort
183 tcpDestinationPort 184 tcpSequenceNumber 192 ipTTL 195 ipDiffServCodePoint
225 postNATSourceIPv4Address 226 postNATDestinationIPv4Address 227 postNAPTSourceTransportPort
228 postNAPTDestinationTransportPort 230 natEvent 231 initiatorOctets 232 responderOctets
233 firewallEvent 234 ingressVRFID 235 egressVRFID 239 biflowDirection 243 dot1qVlanId
244 dot1qPriority 252 ingressPhysicalInterface 253 egressPhysicalInterface 256 ethernetType
298 initiatorPackets 299 responderPackets 302 selectorId 304 selectorAlgorithm
305 samplingPacketInterval 306 samplingPacketSpace 309 samplingSize 310 samplingPopulation
"""
_OTHERS = {
    "ipv4": "8 sourceIPv4Address 12 destinationIPv4Address 15 ipNextHopIPv4Address"
    " 18 bgpNextHopIPv4Address 44 sourceIPv4Prefix 45 destinationIPv4Prefix"
    " 130 exporterIPv4Address 225 postNATSourceIPv4Address 226 postNATDestinationIPv4Address",
    "ipv6": "27 sourceIPv6Address 28 destinationIPv6Address 62 ipNextHopIPv6Address"
    " 63 bgpNextHopIPv6Address 131 exporterIPv6Address 281 postNATSourceIPv6Address"
    " 282 postNATDestinationIPv6Address",
    "mac": "56 sourceMacAddress 57 postDestinationMacAddress 80 destinationMacAddress"
    " 81 postSourceMacAddress",
    "text": "82 interfaceName 83 interfaceDescription 84 samplerName 94 applicationDescription"
    " 96 applicationName 236 VRFname 371 userName 460 httpRequestHost 459 httpRequestMethod"
    " 461 httpRequestTarget 468 httpUserAgent 457 httpStatusCode",
    "real": "311 samplingProbability",
    "seconds": "150 start 151 end",
    "milliseconds": "152 start 153 end",
    "ntp": "154 start 155 end 156 start 157 end",
    "bytes": "210 paddingOctets",
}


def _table() -> dict[int, tuple[str, str]]:
    found: dict[int, tuple[str, str]] = {}
    for kind, text in (("number", _NUMBERS), *_OTHERS.items()):
        words = text.split()
        found.update(
            (int(number), (name, kind))
            for number, name in zip(words[::2], words[1::2], strict=True)
        )
    return found


_ELEMENTS = _table()


def element(number: int, enterprise: int) -> tuple[str, Reader]:
    """Return the name of an element in records, and what reads its bytes.

    What is not known is kept as hexadecimal digits under its number. Elements of the answering side
    are named as those of the asking one.

    Args:
        number: of the element, without the bit that says that it is an enterprise's.
        enterprise: its number; 0 for IANA's own.
    """
    if enterprise not in (0, REVERSE_ENTERPRISE):
        return f"{enterprise}.{number}", _hex
    name, kind = _ELEMENTS.get(number, (str(number), "bytes"))
    return name, _READERS[kind]


def is_plain_number(number: int, enterprise: int, length: int) -> bool:
    """Tell whether an element is an unsigned number of a width that `struct` reads."""
    known = _ELEMENTS.get(number)
    is_standard = enterprise in (0, REVERSE_ENTERPRISE)
    return is_standard and known is not None and known[1] == "number" and length in (1, 2, 4, 8)
