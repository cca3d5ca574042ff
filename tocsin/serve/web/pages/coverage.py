"""Coverage: the ATT&CK matrix with the techniques that would be noticed, and the others."""

import json
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.responses import Response

from tocsin.serve.web.guard import console_of, guarded_router, operation
from tocsin.serve.web.page import show
from tocsin.serve.web.permissions import Permission

if TYPE_CHECKING:
    from tocsin.run.rule_work import Covered

router = guarded_router()

HEATS = (1, 2, 4, 7)
"""From how many rules on a technique has the next stronger color."""


@operation(router, "GET", "/coverage", Permission.READ, include_in_schema=False)
def matrix(request: Request) -> Response:
    """Show the matrix."""
    found = console_of(request).coverage()
    return show(
        request,
        "coverage.html",
        active="coverage",
        tactics=found.tactics,
        silent=[each for each in found.sources if not each.is_speaking],
        speaking=[each for each in found.sources if each.is_speaking],
        counts=counts(found),
        unplaced=found.matrix.unplaced,
        heat=heat,
    )


@operation(router, "GET", "/coverage/layer.json", Permission.READ, include_in_schema=False)
def layer(request: Request) -> Response:
    """Give the matrix as a layer for the ATT&CK Navigator."""
    from tocsin.run.rule_work import navigator_layer

    content = json.dumps(navigator_layer(console_of(request).coverage()), indent=2)
    return Response(
        content,
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="tocsin-coverage.json"'},
    )


def counts(found: "Covered") -> dict[str, int]:
    """Return how many different techniques are in each state; one stands under several tactics."""
    states: dict[str, set[str]] = {"seen": set(), "blind": set(), "uncovered": set()}
    for tactic in found.tactics:
        for technique in tactic.techniques:
            states[technique.state].add(technique.uid)
    states["blind"] -= states["seen"]
    states["uncovered"] -= states["seen"] | states["blind"]
    return {state: len(uids) for state, uids in states.items()}


def heat(rules: int) -> int:
    """Return how strong the color of a technique is, 1 to 4."""
    return sum(rules >= least for least in HEATS)
