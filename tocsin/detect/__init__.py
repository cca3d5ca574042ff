"""Detection: rules over events give matches and findings. Thinks only."""

from tocsin.detect.evaluate import Detected, evaluate
from tocsin.detect.examples import run_examples
from tocsin.detect.log_sources import LogSources
from tocsin.detect.parse import parse_rules
from tocsin.detect.rule_set import RuleSet
from tocsin.detect.rules import Rule
from tocsin.detect.run_python import RunPython, Verdict
from tocsin.detect.windows import Windows

__all__ = [
    "Detected",
    "LogSources",
    "Rule",
    "RuleSet",
    "RunPython",
    "Verdict",
    "Windows",
    "evaluate",
    "parse_rules",
    "run_examples",
]
