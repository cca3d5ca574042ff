"""Options that many commands share, and the settings and store that follow from them."""

import getpass
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from tocsin.errors import UsageError
from tocsin.serve.cli.output import Output

if TYPE_CHECKING:
    from tocsin.ocsf import Scope
    from tocsin.settings import Settings
    from tocsin.store import Store

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", envvar="TOCSIN_CONFIG", help="The settings file.")
]
DataOption = Annotated[
    Path | None, typer.Option("--data", "-d", help="The data folder (else from the settings).")
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="The shape of the output.")]
SourceOption = Annotated[
    str, typer.Option("--source", "-s", help="What the records are, such as aws.cloudtrail.")
]
RulesOption = Annotated[
    list[Path] | None,
    typer.Option("--rules", help="A folder of rules instead of the built-in ones; repeatable."),
]
PipelineOption = Annotated[
    list[Path] | None,
    typer.Option("--pipeline", help="A processing pipeline for Sigma rules; repeatable."),
]
BuiltinOption = Annotated[
    bool, typer.Option("--with-builtin", help="The built-in rules too, beside --rules.")
]

_AGE = re.compile(r"(\d{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

Command = TypeVar("Command", bound=Callable[..., None])
PERMISSIONS: dict[str, str] = {}
"""Which permission each command asks for; a person at the keyboard of the machine has all of them,
and what they change is in the audit log under their name."""


def permission(name: str) -> Callable[[Command], Command]:
    """Say which permission the command carries; a test fails for a command without one."""

    def mark(command: Command) -> Command:
        PERMISSIONS[f"{command.__module__}.{command.__qualname__}"] = name
        return command

    return mark


def settings_for(
    config: Path | None, data: Path | None, pipelines: Sequence[Path] | None = None
) -> "Settings":
    """Return the settings of a command: file, environment, then `--data` and `--pipeline`."""
    from tocsin.settings import load

    environ = dict(os.environ)
    if data is not None:
        environ["TOCSIN_DATA"] = str(data)
    settings = load(config, environ)
    if not pipelines:
        return settings
    more = {"pipelines": (*settings.rules.pipelines, *pipelines)}
    return settings.model_copy(update={"rules": settings.rules.model_copy(update=more)})


@contextmanager
def existing_store(config: Path | None, data: Path | None) -> "Iterator[Store]":
    """Open the data folder of the settings, a demo's too; it must exist already.

    Raises:
        UsageError: there is no data folder yet.
    """
    from tocsin.store import Store

    folder = settings_for(config, data).data
    if Store.kind(folder) is None:
        raise UsageError(
            f"there is no data folder at {folder}; start `tocsin up`, or name another with --data"
        )
    store = Store.open(folder, demo=Store.kind(folder) == "demo")
    try:
        yield store
    finally:
        store.close()


def since_time(text: str | None, now: datetime) -> datetime | None:
    """Return the moment, UTC and aware, that `24h`, `7d` or an ISO time means.

    Raises:
        UsageError: the text is neither.
    """
    if text is None:
        return None
    age = _AGE.fullmatch(text.strip())
    try:
        if age:
            return now - timedelta(seconds=int(age[1]) * _SECONDS[age[2]])
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is no time; write 24h, 7d or 2026-11-23T10:00") from error


def aware_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def local_actor() -> str:
    """Return who is at the keyboard, for the audit log."""
    try:
        return f"local:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"local:{os.getuid()}"


def local_scope() -> "Scope":
    """Return what the person at the keyboard of the machine may see: everything."""
    from tocsin.ocsf import EVERYTHING

    return EVERYTHING
