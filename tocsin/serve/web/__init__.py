"""The console: pages and API over one store. Start at `create_app`."""

from tocsin.serve.web.app import create_app
from tocsin.serve.web.console import (
    Console,
    ExampleView,
    HealthView,
    MetricView,
    RuleView,
    View,
)

__all__ = [
    "Console",
    "ExampleView",
    "HealthView",
    "MetricView",
    "RuleView",
    "View",
    "create_app",
]
