"""How long incidents may take, by the settings."""

from tocsin.incidents.clocks import Targets
from tocsin.settings import SEVERITY_IDS, Settings


def targets_of(settings: Settings) -> Targets:
    """Return the times that the clocks of incidents count to."""
    chosen = settings.incidents
    return Targets(
        acknowledge={
            SEVERITY_IDS[name]: within for name, within in chosen.acknowledge_within.items()
        },
        close={SEVERITY_IDS[name]: within for name, within in chosen.close_within.items()},
        report=chosen.report_within,
    )
