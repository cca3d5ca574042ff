"""Resources become findings: their state is judged by checks. Thinks only."""

from tocsin.posture.checks import Assessed, Check, Result, assess

__all__ = ["Assessed", "Check", "Result", "assess"]
