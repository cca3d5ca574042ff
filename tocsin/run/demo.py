"""The demo: an attack story of our own, played fast into a data folder of its own."""

import threading

from tocsin import plugins
from tocsin.run import content
from tocsin.run.feeds import Pulled

_FEEDS = {"demo-cloudtrail": "aws.cloudtrail", "demo-kubernetes": "kubernetes.audit"}


def demo_sources(stopping: threading.Event) -> tuple[Pulled, ...]:
    """Return the sources that play the story; nothing is played before they are read."""
    plug = plugins.find("tocsin.collect.sources", "demo")
    story = content.story_text("story")
    return tuple(
        Pulled(
            feed,
            plug(
                plugins.settings_of(plug, {"feed": feed, "source": source, "story": story}),
                pause=stopping.wait,
            ),
        )
        for feed, source in _FEEDS.items()
    )
