"""What runs inside the worker of Python rules; loaded by `rule_worker_child`, not by Tocsin."""
