"""Gather what enrichment knows, from the settings and the folder that they name."""

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from tocsin import plugins
from tocsin.enrich import Asset, Knowledge, LookUp, Note, Person, Place
from tocsin.ocsf.addresses import Ranges

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tocsin.settings import Settings

_KINDS = "tocsin.collect.knowledge"


def knowledge_of(settings: "Settings") -> Knowledge:
    """Return all that the settings tell of addresses, accounts and people."""
    wanted, organization = settings.enrichment, settings.organization
    told = [
        (network, Asset(each.name, each.owner, each.criticality, each.environment))
        for each in wanted.assets
        for network in each.addresses
    ]
    found = Knowledge(
        own=Ranges((network, True) for network in organization.address_ranges),
        assets=Ranges(told),
        accounts={
            account.uid: Asset(account.name, environment=account.environment)
            for account in organization.accounts
            if account.name or account.environment != "unknown"
        },
        people={
            each.identity: Person(each.owner, each.department, each.criticality)
            for each in wanted.identities
        },
        hosting=frozenset(wanted.hosting_networks),
        anonymizing=frozenset(wanted.anonymizing_networks),
    )
    return found if wanted.folder is None else replace(found, look_up=_folder(wanted.folder))


def problems(settings: "Settings") -> tuple[str, ...]:
    """Return one line for each file of the folder that cannot be used."""
    folder = settings.enrichment.folder
    if folder is None:
        return ()
    opened = _folder(folder)
    opened([])
    return tuple(opened.problems)  # type: ignore[attr-defined]  # a plug, found by name


@cache
def _folder(folder: "Path") -> LookUp:
    plug = plugins.find(_KINDS, "folder")
    made: LookUp = plug(plugins.settings_of(plug, {"folder": folder}))
    return made


_EXAMPLES: "dict[str, Place]" = {
    # Addresses of documentation have no place; in examples of rules they have these.
    "192.0.2.": Place(
        country="DE",
        city="Berlin",
        region="BE",
        number=64_496,
        organization="Office Carrier",
        location_provider="examples",
        network_provider="examples",
    ),
    "198.51.100.": Place(
        country="BR",
        city="Recife",
        region="PE",
        number=64_500,
        organization="Machines to Let",
        location_provider="examples",
        network_provider="examples",
        notes=(Note("hosting", "examples"),),
    ),
    "203.0.113.": Place(
        country="NL",
        city="Utrecht",
        region="UT",
        number=64_501,
        organization="Hidden Ways",
        location_provider="examples",
        network_provider="examples",
        notes=(Note("anonymizer", "examples"),),
    ),
}


def example_knowledge() -> Knowledge:
    """Return what examples of rules may count on: places of the addresses of documentation.

    `192.0.2.0/24` is an office in Germany, `198.51.100.0/24` a hosting network in Brazil, and
    `203.0.113.0/24` an anonymizing network in the Netherlands; `203.0.113.0/26` of that is a plain
    one.
    """
    return Knowledge(look_up=_example_places)


def _example_places(addresses: "Sequence[str]") -> "list[Place | None]":
    return [_example_place(address) for address in addresses]


def _example_place(address: str) -> "Place | None":
    start, dot, last = address.rpartition(".")
    place = _EXAMPLES.get(start + dot)
    is_plain = last.isdigit() and int(last) < 64
    return replace(place, notes=()) if place and place.notes and is_plain else place
