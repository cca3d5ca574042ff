"""Does what was asked in the world: tells people, forwards records. Touches the network.

Plugs live in `notifiers/`, `forwarders/` and `tickets/`, one public class a file, found by name;
this door holds what they promise, the way out that all use, and how actions are carried out.
"""

from tocsin.act import outbound, performing, ticketing
from tocsin.act.contracts import Message, Notifier
from tocsin.act.forwarding import Forwarder, Record, RecordsRefused
from tocsin.act.outbound import Outbound, Request

__all__ = [
    "Forwarder",
    "Message",
    "Notifier",
    "Outbound",
    "Record",
    "RecordsRefused",
    "Request",
    "outbound",
    "performing",
    "ticketing",
]
