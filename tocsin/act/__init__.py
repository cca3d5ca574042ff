"""Does what was asked in the world: tells people now; changes clouds later. Touches the network.

Plugs live in `notifiers/`, one public class a file, found by name; this door holds what they
promise and the one way out that all of them use.
"""

from tocsin.act.contracts import Message, Notifier
from tocsin.act.outbound import Fetched, Limits, Outbound, Request

__all__ = ["Fetched", "Limits", "Message", "Notifier", "Outbound", "Request"]
