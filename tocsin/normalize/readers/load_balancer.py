"""Read access and connection logs of Elastic Load Balancing: Application, Network and Classic.

Which values a line holds follows from its first two: a protocol and a time, `tls` and a version, a
time and a name, or a time and an address. `-` is no value.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-access-logs.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tocsin.normalize.spaced import split_spaced
from tocsin.ocsf.reading import LineReader

_TIMES = ("requestProcessingTime", "targetProcessingTime", "responseProcessingTime")
_ANSWERED = ("elbStatusCode", "targetStatusCode", "receivedBytes", "sentBytes")
_ASKED = ("request", "userAgent", "sslCipher", "sslProtocol")
_CLASSIC = ("timestamp", "elb", "client", "target", *_TIMES, *_ANSWERED, *_ASKED)
_APPLICATION = (
    ("type", *_CLASSIC, "targetGroupArn", "traceId", "domainName", "chosenCertArn")
    + ("matchedRulePriority", "requestCreationTime", "actionsExecuted", "redirectUrl")
    + ("errorReason", "targetPortList", "targetStatusCodeList", "classification")
    + ("classificationReason", "connTraceId", "transformedHost", "transformedUri")
    + ("requestTransformStatus",)
)
_NETWORK = (
    ("type", "version", "timestamp", "elb", "listener", "client", "target", "connectionTime")
    + ("tlsHandshakeTime", "receivedBytes", "sentBytes", "incomingTlsAlert", "chosenCertArn")
    + ("chosenCertSerial", "sslCipher", "sslProtocol", "tlsNamedGroup", "domainName")
    + ("alpnFeProtocol", "alpnBeProtocol", "alpnClientPreferenceList", "connectionCreationTime")
)
_CONNECTION = (
    ("timestamp", "clientIp", "clientPort", "listenerPort", "sslProtocol", "sslCipher")
    + ("tlsHandshakeTime", "leafClientCertSubject", "leafClientCertValidity")
    + ("leafClientCertSerialNumber", "tlsVerifyStatus", "connTraceId")
)
_FORMS = {
    "ApplicationAccess": (_APPLICATION, 14),
    "NetworkAccess": (_NETWORK, 15),
    "ClassicAccess": (_CLASSIC, 12),
    "Connection": (_CONNECTION, 7),
}
_PROTOCOLS = frozenset(("http", "https", "h2", "grpcs", "ws", "wss"))
_TIME = re.compile(r"\d{4}-\d\d-\d\dT")
_ADDRESS = re.compile(r"[0-9a-fA-F.:]+\Z")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class LoadBalancerSettings:
    """Nothing is to be set."""


class LoadBalancer(LineReader):
    """Reads lines of load balancers."""

    def __init__(self, settings: LoadBalancerSettings) -> None:
        """Take no options."""
        self._settings = settings

    def read(self, raws: Sequence[bytes], header: bytes | None) -> list[bytes | str]:
        """Return the JSON of each line, with its form as `logForm`; see `LineReader`."""
        return [_read_line(raw) for raw in raws]


def _read_line(raw: bytes) -> bytes | str:
    values = split_spaced(raw.decode("utf-8", "backslashreplace"))
    form = _form(values)
    if form is None:
        return "bad_columns: not the beginning of a line of a load balancer"
    names, least = _FORMS[form]
    if len(values) < least:
        return f"bad_columns: {len(values)} values where at least {least} are expected"
    record = {
        name: value
        for name, value in zip(names, values, strict=False)
        if value not in ("-", "", "- -", "- - - ")
    }
    for name, port in (("client", "clientPort"), ("target", "targetPort")):
        if end := record.pop(name, None):
            address, _, number = end.rpartition(":")
            record[f"{name}Ip"] = (address or end).strip("[]")
            record[port] = number if address else ""
    if request := record.pop("request", None):
        method, _, rest = request.partition(" ")
        url, _, version = rest.rpartition(" ")
        record |= {"requestHttpMethod": method, "requestUrl": url, "requestHttpVersion": version}
    return _encode({"logForm": form, **record})


def _form(values: list[str]) -> str | None:
    first, second = [*values[:2], "", ""][:2]
    if first in _PROTOCOLS and _TIME.match(second):
        return "ApplicationAccess"
    if first == "tls":
        return "NetworkAccess"
    if _TIME.match(first):
        return "Connection" if _ADDRESS.match(second) else "ClassicAccess"
    return None
