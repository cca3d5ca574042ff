"""The settings: one file `tocsin.yaml`, the environment over it, every problem at once.

Touches the environment that it is given and the files that the settings name.
"""

from tocsin.settings import feeds
from tocsin.settings.loading import load
from tocsin.settings.model import Heartbeat, Organization, Settings, Tls
from tocsin.settings.reference import json_schema, reference_markdown
from tocsin.values import SEVERITY_IDS, Secret

__all__ = [
    "SEVERITY_IDS",
    "Heartbeat",
    "Organization",
    "Secret",
    "Settings",
    "Tls",
    "feeds",
    "json_schema",
    "load",
    "reference_markdown",
]
