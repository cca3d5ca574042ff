"""Does what was asked in the world: tells people, forwards records. Touches the network.

Plugs live in `notifiers/`, `forwarders/` and `tickets/`, one public class a file, found by name;
this door holds what they promise and the one way out that all of them use.
"""

from tocsin.act import ticketing
from tocsin.act.contracts import Message, Notifier
from tocsin.act.forwarding import Forwarder, Record, RecordsRefused
from tocsin.act.outbound import Fetched, Limits, Outbound, Request

__all__ = [
    "Fetched",
    "Forwarder",
    "Limits",
    "Message",
    "Notifier",
    "Outbound",
    "Record",
    "RecordsRefused",
    "Request",
    "ticketing",
]
