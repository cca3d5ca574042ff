"""Give the sign of life that somebody outside waits for."""

from datetime import datetime

from tocsin import plugins
from tocsin.act import Message, Notifier
from tocsin.ocsf import identifiers
from tocsin.settings.model import Heartbeat


def beat(heartbeat: Heartbeat, now: datetime) -> None:
    """Ask for the heartbeat's address once.

    Raises:
        ActionError: the address did not answer well; the text never holds the address.
    """
    plug = plugins.find("tocsin.act.notifiers", "heartbeat")
    values = {"url": heartbeat.url.reveal(), "allow_private": heartbeat.allow_private}
    notifier: Notifier = plug(plugins.settings_of(plug, values))
    uid = identifiers.derive("req", "heartbeat", now.isoformat())
    text = "Tocsin is alive"
    notifier.send(Message(uid=uid, title=text, text=text, severity_id=1, time=now))
