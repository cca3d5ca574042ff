"""The fast engine: decide almost everything about an event from a few of its fields.

Each rule gives witnesses: tests of single fields of which one must pass, or the rule cannot match.
They are indexed by field and value. Per event only those fields are decoded; the rules that the
index names, and those without a witness, are evaluated in full. A witness may name a rule too often
and never too seldom, so the answers are those of the plain evaluation.
"""

from tocsin.detect.engine.engine import Engine, Selected
from tocsin.detect.engine.field_index import Numbers
from tocsin.detect.engine.python_proof import necessary_condition
from tocsin.detect.engine.row_index import RowIndex
from tocsin.detect.engine.shape import Necessary

__all__ = ["Engine", "Necessary", "Numbers", "RowIndex", "Selected", "necessary_condition"]
