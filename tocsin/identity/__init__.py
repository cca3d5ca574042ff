"""Who is who, and when: dated statements that one entity is another, and what they resolve to.

Thinks only: statements are read from events and inventory by the files of `content/identities`.
"""

from tocsin.identity.forms import entity, told_by_form
from tocsin.identity.reading import statements_from
from tocsin.identity.recipes import Recipe, parse_recipes
from tocsin.identity.statements import Identities, Key, Statement, Step, key_of

__all__ = [
    "Identities",
    "Key",
    "Recipe",
    "Statement",
    "Step",
    "entity",
    "key_of",
    "parse_recipes",
    "statements_from",
    "told_by_form",
]
