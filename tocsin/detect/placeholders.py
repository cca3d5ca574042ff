r"""Give placeholders in values (`field|expand: '%admins%'`) the values of the settings.

Source: Sigma rules specification 2.1, "Placeholders": a placeholder stands for one value or for
several, linked by *or*; `\%` is a plain percent sign; a rule whose placeholder nobody knows is
rejected.
"""

import re
from collections.abc import Callable, Mapping
from itertools import product
from typing import TypeAlias

Placeholders: TypeAlias = Mapping[str, tuple[str, ...]]
"""Values by name, the percent signs left out."""

ORGANIZATION = (
    *("organization.accounts", "organization.address_ranges", "organization.break_glass"),
    *("organization.ci_roles", "organization.countries"),
)
"""Always known; without values where the settings do not describe the organization."""

_PART = re.compile(r"\\%|%([^%\s]+)%")
_MOST_VALUES = 10_000


def completed(given: Placeholders) -> Placeholders:
    """Return the values with those that are always known.

    Beside each list of the organization stands one with `_known` at its end: `*`, which every text
    matches, where the list has values, and nothing where it has none. So a rule can stay quiet
    until somebody has described the organization.
    """
    lists = {name: given.get(name, ()) for name in ORGANIZATION}
    known = {f"{name}_known": ("*",) if values else () for name, values in lists.items()}
    return {**given, **lists, **known}


NOTHING_GIVEN = completed({})


def expanded(
    text: str, placeholders: Placeholders, quoted: Callable[[str], str] = str
) -> list[str]:
    """Return the text once for each combination of its placeholders' values.

    Args:
        text: with `%name%` anywhere in it.
        placeholders: a name without values makes the result empty.
        quoted: what is done to a value before it is put in.

    Raises:
        ValueError: nobody knows a placeholder, or there are too many combinations.
    """
    parts: list[tuple[str, ...]] = []
    count, position = 1, 0
    for found in _PART.finditer(text):
        parts.append((text[position : found.start()],))
        position = found.end()
        name = found[1]
        values = ("%",) if name is None else tuple(map(quoted, _values(name, placeholders)))
        parts.append(values)
        count *= len(values)
        if count > _MOST_VALUES:
            raise ValueError(f"the placeholders of {text!r} give more than {_MOST_VALUES} values")
    parts.append((text[position:],))
    return ["".join(chosen) for chosen in product(*parts)]


def holds_unknown(text: str, placeholders: Placeholders) -> bool:
    """Return whether the text holds a placeholder that nobody knows."""
    names = (found[1] for found in _PART.finditer(text))
    return any(name is not None and name not in placeholders for name in names)


def no_values(name: str) -> str:
    """Return what to tell people whose rule has a placeholder that nobody knows."""
    remedy = f"give it some in tocsin.yaml under `rules.placeholders: {{{name}: [...]}}`"
    if name.startswith("organization."):
        remedy = f"known are {', '.join(ORGANIZATION)}"
    return f"placeholder %{name}% has no values; {remedy}"


def _values(name: str, placeholders: Placeholders) -> tuple[str, ...]:
    if name in placeholders:
        return placeholders[name]
    raise ValueError(no_values(name))
