"""The command line: every command is a thin shell around one function of `run` or `store`."""

from tocsin.serve.cli.app import main

__all__ = ["main"]
