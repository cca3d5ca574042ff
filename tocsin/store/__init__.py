"""Keep every table and answer every question. The only room that owns the data folder.

Start at `Store.open`; its parts are attributes: `turns`, `events`, `findings`, `incidents`,
`sources`, `rejects`, `accounts`, `audit`, `maintenance`. Every query takes the `scope` of who asks.
Several processes may open one data folder at a time; turns exclude each other by a lock.
"""

from tocsin.store import answers
from tocsin.store.accounts import User
from tocsin.store.questions import (
    FindingFilter,
    IncidentFilter,
    Page,
    Retention,
    Span,
    SqlLimits,
)
from tocsin.store.store import Store
from tocsin.store.turns import Turn

__all__ = [
    "FindingFilter",
    "IncidentFilter",
    "Page",
    "Retention",
    "Span",
    "SqlLimits",
    "Store",
    "Turn",
    "User",
    "answers",
]
