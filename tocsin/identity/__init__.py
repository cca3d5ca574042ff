"""Who is who, and when: dated statements that one entity is another, and what they resolve to.

Thinks only: statements are read from events and inventory by the files of `content/identities`.
"""

from tocsin.identity.forms import entity, told_by_form
from tocsin.identity.reading import statements_from, statements_of_resources
from tocsin.identity.recipes import Recipe, parse_recipes
from tocsin.identity.statements import Identities, Key, Statement, key_of

__all__ = [
    "Identities",
    "Key",
    "Recipe",
    "Statement",
    "entity",
    "key_of",
    "parse_recipes",
    "statements_from",
    "statements_of_resources",
    "told_by_form",
]
