"""Read the world: sources pull records, receivers are pushed to. Touches files, network and clock.

Plugs live in `sources/` and `receivers/`, one public class a file, found by name; this door holds
what they promise and what `run` needs to serve receivers.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tocsin.collect import demo_story
from tocsin.collect.contracts import Outcome, PushFeed, Receiver, Source, Submit, token_hash
from tocsin.collect.listener import Listener, Tls

if TYPE_CHECKING:
    from starlette.types import ASGIApp

__all__ = [
    "Listener",
    "Outcome",
    "PushFeed",
    "Receiver",
    "Source",
    "Submit",
    "Tls",
    "demo_story",
    "receiver_app",
    "token_hash",
]


def receiver_app(receivers: Sequence[Receiver], submit: Submit) -> "ASGIApp":
    """Return the web application that serves all receivers; run it with a `Listener`.

    Args:
        receivers: at most one of each class; each knows its feeds.
        submit: takes each batch; its outcome is the sender's answer.
    """
    # Starlette is loaded here, so that commands that read files start without it.
    from tocsin.collect.app import build

    return build(receivers, submit)
