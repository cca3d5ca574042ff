"""The entries of the menu, each with the permission that its page asks for."""

from dataclasses import dataclass

from tocsin.serve.web.guard import Visitor
from tocsin.serve.web.permissions import Permission


@dataclass(frozen=True, slots=True)
class Entry:
    """One page; `name` is its icon too. Titles stand in the template, for gettext."""

    name: str
    path: str
    permission: Permission = Permission.READ


GROUPS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "watch",
        (
            Entry("overview", "/"),
            Entry("incidents", "/incidents"),
            Entry("responses", "/responses"),
            Entry("findings", "/findings"),
            Entry("search", "/search"),
        ),
    ),
    (
        "detect",
        (
            Entry("sources", "/sources"),
            Entry("rules", "/rules"),
            Entry("coverage", "/coverage"),
            Entry("suppressions", "/suppressions"),
        ),
    ),
    (
        "administer",
        (
            Entry("integrations", "/integrations"),
            Entry("audit", "/audit", Permission.AUDIT),
            Entry("users", "/users", Permission.USERS),
        ),
    ),
)


def menu_of(visitor: Visitor) -> list[tuple[str, list[Entry]]]:
    """Return the groups with the entries that the visitor may open; empty groups are left out."""
    groups = [
        (title, [entry for entry in entries if visitor.may(entry.permission)])
        for title, entries in GROUPS
    ]
    return [(title, entries) for title, entries in groups if entries]
