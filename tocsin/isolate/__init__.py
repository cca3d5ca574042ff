"""What must not be trusted runs here, in processes that may be lost. Touches the system."""

from tocsin.isolate import answering, broker, programs
from tocsin.isolate.rule_readers import RuleReaders
from tocsin.isolate.rule_worker import RuleWorker, WorkerLimits

__all__ = ["RuleReaders", "RuleWorker", "WorkerLimits", "answering", "broker", "programs"]
