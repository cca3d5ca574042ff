"""Hand the running pipeline to the pages: the one place where the two meet."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from tocsin import __version__
from tocsin.run import Running, figures, integrations, suppressing
from tocsin.serve.web import Console, View

_DEMO_BANNER = "Demo: an attack story of our own, played into a data folder of its own."


def console_for(running: Running) -> Console:
    """Return what pages and API of this process are made from."""
    web = running.settings.web
    public = urlsplit(web.public_url) if web.public_url else None
    address = running.receiver_address()
    return Console(
        store=running.store,
        now=lambda: datetime.now(UTC),
        view=View(
            version=__version__,
            hosts=frozenset({public.hostname}) if public and public.hostname else frozenset(),
            is_tls=web.tls is not None or bool(public and public.scheme == "https"),
            banner=_DEMO_BANNER if running.is_demo else "",
            language=web.language,
            receivers={"JSON lines": f"{address}/ingest/FEED"} if address else {},
            # Behind a proxy every visitor comes from this machine.
            metrics_without_sign_in=public is None,
            targets=figures.targets_of(running.settings),
            lone_delay=running.settings.response.lone_delay,
        ),
        rules=running.shown_rules,
        rules_version=lambda: running.rules.version,
        learning=running.learning,
        rule_problems=lambda: running.rules.problems,
        health=running.health,
        metrics=running.metrics,
        coverage=running.coverage,
        foretell=lambda suppression, scope: suppressing.foretell(
            suppression, running.tools.rules, running.store, scope, datetime.now(UTC)
        ),
        integrations=integrations.Integrations(running.settings, running.store),
    )
