"""Assemble the commands and turn errors into one line and an exit code.

Exit codes: 0 clean, 1 something failed, 2 usage, 3 findings at or above the threshold or failing
rule tests.
"""

import os
import sys
from collections.abc import Sequence

import typer

from tocsin import __version__
from tocsin.errors import ContentError, SettingsError, TocsinError, UsageError
from tocsin.serve.cli import (
    audit_commands,
    connect_commands,
    content_commands,
    drill_commands,
    entity_commands,
    evidence_commands,
    finding_commands,
    forward_commands,
    incident_commands,
    intelligence_commands,
    notify_commands,
    offline_commands,
    playbook_commands,
    resource_commands,
    respond_commands,
    schedule_commands,
    source_commands,
    store_commands,
    suppression_commands,
    system_commands,
    ticket_commands,
)
from tocsin.serve.cli.output import say

EXIT_FAILED = 1
EXIT_USAGE = 2

app = typer.Typer(
    name="tocsin",
    help="The open, self-hosted cloud security monitor.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"tocsin {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Watch clouds, clusters, hosts and networks from one program."""


system_commands.add_to(app)
offline_commands.add_to(app)
store_commands.add_to(app)
audit_commands.add_to(app)
schedule_commands.add_to(app)
connect_commands.add_to(app)
incident_commands.add_to(app)
finding_commands.add_to(app)
resource_commands.add_to(app)
entity_commands.add_to(app)
evidence_commands.add_to(app)
source_commands.add_to(app)
intelligence_commands.add_to(app)
notify_commands.add_to(app)
forward_commands.add_to(app)
respond_commands.add_to(app)
playbook_commands.add_to(app)
ticket_commands.add_to(app)
suppression_commands.add_to(app)
content_commands.add_to(app)
drill_commands.add_to(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    try:
        app(args=list(arguments) if arguments is not None else None, prog_name="tocsin")
    except (UsageError, SettingsError, ContentError) as error:
        say(f"tocsin: {error}")
        sys.exit(EXIT_USAGE)
    except TocsinError as error:
        say(f"tocsin: {error}")
        sys.exit(EXIT_FAILED)
    except BrokenPipeError:
        # The reader of our output left (`| head`): nothing to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
