"""Add to events what is known beside them: places, networks, assets and people. Thinks only."""

from tocsin.enrich.addresses import Ranges, is_public
from tocsin.enrich.enriching import derived_trust, enrich
from tocsin.enrich.knowledge import Asset, Knowledge, LookUp, Note, Person, Place

__all__ = [
    "Asset",
    "Knowledge",
    "LookUp",
    "Note",
    "Person",
    "Place",
    "Ranges",
    "derived_trust",
    "enrich",
    "is_public",
]
