"""The part of `drill` that plays attacks over several sources at once."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tocsin.serve.cli.output import Output, inert, print_rows, say, write_json, write_line

if TYPE_CHECKING:
    from tocsin.run import drill_joined
    from tocsin.settings import Settings

_COLUMNS = ("attack", "vectors", "findings", "incidents", "joined_with")
_FAILED = 1


def play(folder: Path | None, settings: "Settings", output: Output) -> None:
    """Play the attacks and print what became of each; exit with 1 unless each is one incident."""
    from tocsin.run import drill_joined

    with telling() as advance:
        card = drill_joined.run_joined(drill_joined.JoinedChoice(folder), settings, advance)
    _print(card, output)
    if not card.is_right:
        raise typer.Exit(_FAILED)


@contextmanager
def telling() -> Iterator[Callable[[str], None]]:
    """Show on standard error, where that is a terminal, what is being replayed."""
    if not sys.stderr.isatty():
        yield lambda told: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True, highlight=False).status("Reading rules") as status:
        yield lambda told: status.update(f"Replaying {escape(inert(told))}")


def _print(card: "drill_joined.JoinedCard", output: Output) -> None:
    if output is Output.JSON:
        write_json(_as_json(card))
        return
    rows = [
        {
            "attack": one.name,
            "vectors": list(one.vectors),
            "findings": one.findings,
            "incidents": len(one.incidents),
            "joined_with": list(one.mixed),
        }
        for one in card.attacks
    ]
    print_rows(rows, _COLUMNS, output)
    told = write_line if output is Output.TABLE else say
    for one in card.attacks:
        told("")
        told(inert(one.name))
        for tie in one.ties or ("all of it is about one name",):
            told(f"  {inert(tie)}")
    told("")
    told(f"{len(card.attacks)} attacks, {card.incidents} incidents")


def _as_json(card: "drill_joined.JoinedCard") -> dict[str, object]:
    """Return the card as documented in docs/guides/joining.md."""
    return {
        "right": card.is_right,
        "incidents": card.incidents,
        "attacks": [
            {
                "file": one.file,
                "name": one.name,
                "vectors": list(one.vectors),
                "findings": one.findings,
                "incidents": list(one.incidents),
                "joined_with": list(one.mixed),
                "ties": list(one.ties),
            }
            for one in card.attacks
        ],
    }
