"""The words that every room speaks: OCSF classes, Arrow schemas, identifiers. Thinks only."""

from tocsin.ocsf import identifiers, schemas, yaml_text
from tocsin.ocsf.tables import EVERYTHING, Entity, RawBatch, Scope, concat, empty, from_rows

__all__ = [
    "EVERYTHING",
    "Entity",
    "RawBatch",
    "Scope",
    "concat",
    "empty",
    "from_rows",
    "identifiers",
    "schemas",
    "yaml_text",
]
