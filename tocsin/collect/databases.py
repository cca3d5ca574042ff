"""Ask one MaxMind database what it knows of an address.

Fields: https://dev.maxmind.com/geoip/docs/databases/; a database that proves broken while it is
asked is given up with one line.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from tocsin.enrich import Note, Place
from tocsin.errors import SourceError

_ANONYMIZERS = (
    "is_anonymous",
    "is_anonymous_vpn",
    "is_public_proxy",
    "is_residential_proxy",
    "is_tor_exit_node",
)
_HOSTING = "is_hosting_provider"
_LONGEST = 200


class Database(Protocol):
    """Something that completes what is known of an address."""

    @property
    def name(self) -> str:
        """The name of its file."""
        ...

    def completed(self, place: Place, address: str) -> Place:
        """Return the place with what this database adds.

        Raises:
            SourceError: it is broken.
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class OpenedDatabase:
    """An open `.mmdb` file.

    Attributes:
        name: of the file.
        provider: type and build day, as `enrichments` name it.
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            SourceError: it cannot be read or is no such database.
        """
        # Loaded here: most commands never look up an address.
        import maxminddb

        self.name = path.name
        self._path = str(path)
        try:
            self._reader = maxminddb.open_database(str(path))
            found = self._reader.metadata()
            built = datetime.fromtimestamp(found.build_epoch, UTC)
            self.provider = f"{found.database_type} {built:%Y-%m-%d}"[:_LONGEST]
            self._has_version_6 = found.ip_version == 6
        # A damaged file ends in whatever the reader meets first.
        except Exception as error:
            raise self._broken(error) from None

    def completed(self, place: Place, address: str) -> Place:
        """Return the place with what this database adds; what is known already stays."""
        if ":" in address and not self._has_version_6:
            return place
        try:
            found = self._reader.get(address)
            return place if not isinstance(found, dict) else _completed(place, found, self.provider)
        except Exception as error:  # as above: a damaged file shows itself when it is asked
            raise self._broken(error) from None

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def _broken(self, error: Exception) -> SourceError:
        said = " ".join(str(error).replace(self._path, self.name).split())
        reason = said[:_LONGEST] or type(error).__name__
        return SourceError(
            f"enrichment: {self.name} is no readable MaxMind database ({reason}); fetch it again"
        )


def _completed(place: Place, found: Mapping[str, object], provider: str) -> Place:
    country = _object(found.get("country")) or _object(found.get("registered_country"))
    if country and not place.location_provider:
        place = _located(place, found, country, provider)
    number = found.get("autonomous_system_number") or _trait(found, "autonomous_system_number")
    if isinstance(number, int) and not place.network_provider:
        name = found.get("autonomous_system_organization") or _trait(
            found, "autonomous_system_organization"
        )
        place = replace(place, number=number, organization=_text(name), network_provider=provider)
    return replace(place, notes=(*place.notes, *_notes(found, provider)))


def _located(
    place: Place, found: Mapping[str, object], country: Mapping[str, object], provider: str
) -> Place:
    location = _object(found.get("location"))
    parts = found.get("subdivisions")
    first = _object(parts[0]) if isinstance(parts, list) and parts else {}
    return replace(
        place,
        country=_text(country.get("iso_code"))[:2].upper(),
        region=_text(first.get("iso_code")) or _name(first),
        city=_name(_object(found.get("city"))),
        continent=_name(_object(found.get("continent"))),
        latitude=_number(location.get("latitude")),
        longitude=_number(location.get("longitude")),
        location_provider=provider,
    )


def _notes(found: Mapping[str, object], provider: str) -> list[Note]:
    traits = {**_object(found.get("traits")), **found}
    notes = []
    flags = [name for name in _ANONYMIZERS if traits.get(name) is True]
    if flags:
        notes.append(Note("anonymizer", provider, json.dumps(dict.fromkeys(flags, True))))
    if traits.get(_HOSTING) is True:
        notes.append(Note("hosting", provider, json.dumps({_HOSTING: True})))
    return notes


def _trait(found: Mapping[str, object], name: str) -> object:
    return _object(found.get("traits")).get(name)


def _name(part: Mapping[str, object]) -> str:
    return _text(_object(part.get("names")).get("en"))


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value == value else None
