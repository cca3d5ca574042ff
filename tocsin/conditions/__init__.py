"""Two-valued conditions over paths: what rules, checks and suppressions share. Thinks only."""

from tocsin.conditions import suppression, tree
from tocsin.conditions.compiled import PlainReader, Reader, compile_condition, holds
from tocsin.conditions.paths import lookup
from tocsin.conditions.tree import Condition
from tocsin.conditions.values import pattern_problem, text_of

__all__ = [
    "Condition",
    "PlainReader",
    "Reader",
    "compile_condition",
    "holds",
    "lookup",
    "pattern_problem",
    "suppression",
    "text_of",
    "tree",
]
