"""Whether keys tie, and why: identities do, grounds do to identities, loose keys hardly."""

from dataclasses import replace

from tocsin.identity import Key
from tocsin.incidents.incident import Tie
from tocsin.incidents.subjects import Bonds, is_foreign


def are_tied(one: Bonds, other: Bonds) -> bool:
    """Return whether two belong together."""
    if one.keys & other.keys:
        return True
    if _grounds(one) & other.keys or _grounds(other) & one.keys:
        return True
    # People may have merged what has no identity.
    if one.loose & other.keys or other.loose & one.keys:
        return True
    loose = one.loose & other.loose
    if not loose:
        return False
    if not one.keys and not other.keys:
        return True
    return any(map(is_foreign, loose)) and _reaches_nothing_else(one, other)


def united(one: Bonds, other: Bonds) -> Bonds:
    """Return the keys of both."""
    return replace(
        one,
        keys=one.keys | other.keys,
        grounds=(one.grounds | other.grounds) - one.keys - other.keys,
        loose=one.loose | other.loose,
        reached=one.reached | other.reached,
        entities={**one.entities, **other.entities},
        steps={**other.steps, **one.steps},
    )


def reasons(one: Bonds, other: Bonds) -> tuple[Tie, ...]:
    """Return why two are tied, as far as that took more than a common name."""
    common = (one.keys & other.keys) | (one.grounds & other.keys) | (other.grounds & one.keys)
    return tuple(
        tie
        for key in sorted(common)
        for steps in (one.steps.get(key, ()), other.steps.get(key, ()))
        for tie in steps
    )


def _grounds(bonds: Bonds) -> frozenset[Key]:
    # A stranger who tries many doors ties nobody to anybody.
    return frozenset() if not bonds.keys and len(bonds.reached) > 1 else bonds.grounds


def _reaches_nothing_else(one: Bonds, other: Bonds) -> bool:
    """Return whether the one without keys reached nothing that the other does not know."""
    bare, whole = (one, other) if not one.keys else (other, one)
    return not bare.keys and bare.grounds <= whole.keys | whole.grounds
