"""Which form each type of correlation takes."""

from itertools import product

from tocsin.detect.correlations.absences import Absence
from tocsin.detect.correlations.measures import Count, Distinct, Measure, Sum
from tocsin.detect.correlations.model import Correlation, Denied, Expression, Joined, Occurs
from tocsin.detect.correlations.novelty import Novelty
from tocsin.detect.correlations.orders import Order
from tocsin.detect.correlations.plan import Form, Plan
from tocsin.detect.correlations.rates import Rate
from tocsin.detect.correlations.sliding import Alternatives, Sliding
from tocsin.detect.correlations.tumbling import Tumbling, chain, occurring

MAX_ALTERNATIVES = 64

_Alternative = tuple[frozenset[str], frozenset[str]]


def form_of(plan: Plan) -> Form:
    """Return the form of a bound correlation."""
    correlation = plan.correlation
    match correlation.kind:
        case "new_value":
            return Novelty(plan)
        case "absence":
            return Absence(plan)
        case "rate":
            return Rate(plan)
        case "sequence":
            return _sequence(plan)
        case "temporal_ordered" if correlation.expression is not None:
            return _sequence(plan)
        case _ if is_late(correlation):
            return Tumbling(plan)
        case _:
            return Sliding(plan, lambda: _measure(plan), _order(plan))


def order_of(form: Form) -> Order | None:
    """Return what the steps of a form are good for; `None` where they are in no order."""
    return form.order if isinstance(form, (Sliding, Alternatives)) else None


def _order(plan: Plan) -> Order | None:
    if plan.correlation.kind != "temporal_ordered":
        return None
    steps = [1 << plan.bits[uid] for uid in plan.correlation.rules]
    # Whatever enough other steps may follow can be the first of a chain.
    openers = set(steps[: len(steps) - max(1, plan.needed) + 1])
    closing = steps[-1] if steps[-1] not in {*openers, *steps[:-1]} else 0
    return Order(sum(openers), closing, plan.span_us, plan.late_us)


def is_late(correlation: Correlation) -> bool:
    """Return whether a late event can undo what held, so that the lateness must pass first."""
    match correlation.kind:
        case "absence" | "beacon" | "value_avg" | "value_median" | "value_percentile":
            return True
        case "new_value" | "rate":
            return False
        case "sequence":
            return bool(correlation.without)
        case _ if correlation.expression is not None:
            return any(denied for _, denied in alternatives(correlation.expression))
        case _:
            return not all(bound.comparison in ("gt", "gte") for bound in correlation.bounds)


def is_windowed(correlation: Correlation) -> bool:
    """Return whether the decision falls a whole timespan after the first event."""
    if correlation.kind == "sequence" or _is_ordered_expression(correlation):
        return False
    return is_late(correlation)


def _is_ordered_expression(correlation: Correlation) -> bool:
    return correlation.kind == "temporal_ordered" and correlation.expression is not None


def _measure(plan: Plan) -> Measure:
    match plan.correlation.kind:
        case "event_count":
            return Count()
        case "value_count":
            return Distinct()
        case "value_sum":
            return Sum()
        case "temporal_ordered":
            return chain(plan)
        case _:
            return occurring(plan)


def _sequence(plan: Plan) -> Alternatives:
    correlation = plan.correlation
    found = [(frozenset(correlation.rules), frozenset(correlation.without))]
    if correlation.expression is not None:
        found = list(alternatives(correlation.expression))
    chains = []
    for wanted, denied in found:
        steps = tuple(plan.bits[uid] for uid in correlation.rules if uid in wanted)
        if correlation.expression is None:
            # A step may occur twice in a sequence.
            steps = tuple(plan.bits[uid] for uid in correlation.rules)
        chains.append((steps, sum(1 << plan.bits[uid] for uid in denied)))
    return Alternatives(plan, tuple(sorted(chains)), is_late(correlation))


def alternatives(expression: Expression) -> tuple[_Alternative, ...]:
    """Return the ways to fulfill an expression: rules that occur, and rules that do not.

    Raises:
        ValueError: there are more than `MAX_ALTERNATIVES`, or one denies everything.
    """
    found = _alternatives(expression, is_denied=False)
    if any(not wanted for wanted, _ in found):
        raise ValueError("one way to fulfill the condition needs no event at all")
    return tuple(found)


def _alternatives(expression: Expression, *, is_denied: bool) -> list[_Alternative]:
    match expression:
        case Occurs(rule):
            alone = frozenset((rule,))
            return [(frozenset(), alone) if is_denied else (alone, frozenset())]
        case Denied(part):
            return _alternatives(part, is_denied=not is_denied)
        case Joined(parts, needs_all):
            each = [_alternatives(part, is_denied=is_denied) for part in parts]
            if needs_all == is_denied:
                found = [one for part in each for one in part]
            else:
                found = [_both(ways) for ways in product(*_bounded(each))]
            distinct = [(w, d) for w, d in dict.fromkeys(found) if w.isdisjoint(d)]
            if len(distinct) > MAX_ALTERNATIVES:
                raise ValueError(f"there are more than {MAX_ALTERNATIVES} ways to fulfill it")
            return distinct


def _bounded(each: list[list[_Alternative]]) -> list[list[_Alternative]]:
    count = 1
    for ways in each:
        count *= len(ways)
    if count > MAX_ALTERNATIVES * MAX_ALTERNATIVES:
        raise ValueError(f"there are more than {MAX_ALTERNATIVES} ways to fulfill it")
    return each


def _both(ways: tuple[_Alternative, ...]) -> _Alternative:
    wanted = frozenset().union(*(each for each, _ in ways))
    return wanted, frozenset().union(*(each for _, each in ways))
