"""A bar for long work, of bytes or of events, where somebody watches."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int, int | None], None]
"""Told what is done and what there is in all (None where nobody knows: standard input)."""


@contextmanager
def progress_bar(label: str) -> Iterator[Advance]:
    """Show a bar on standard error where that is a terminal and output goes elsewhere."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda done_bytes, total_bytes: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True, highlight=False)
    # Results must reach the file or program behind standard output, not the console of the bar.
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=False)
    task = bar.add_task(label, total=None)
    with bar:
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def event_bar(label: str) -> Iterator[Advance]:
    """Show a bar of events on standard error where that is a terminal; nothing is printed below."""
    if not sys.stderr.isatty():
        yield lambda done_events, total_events: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True, highlight=False)
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=False)
    task = bar.add_task(label, total=None)
    with bar:
        yield lambda done, total: bar.update(task, completed=done, total=total)
