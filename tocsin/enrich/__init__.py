"""Add to events what is known beside them: places, networks, assets and people. Thinks only."""

from tocsin.enrich.enriching import derived_trust, enrich
from tocsin.enrich.knowledge import Asset, Knowledge, LookUp, Note, Person, Place

__all__ = [
    "Asset",
    "Knowledge",
    "LookUp",
    "Note",
    "Person",
    "Place",
    "derived_trust",
    "enrich",
]
