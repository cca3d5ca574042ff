"""A process that lives many lives of Tocsin: everything is imported once, each life is a fork.

Commands come on standard input, one a line: the path of a settings file. For each, a child is
forked that runs Tocsin for real until somebody kills it. Answers go to standard output: `pid N`,
then from the child `at ADDRESS` once it takes records, then `gone N`.
"""

import os
import sys
from pathlib import Path

from tocsin.run import start
from tocsin.settings import load


def main() -> None:
    say("ready")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            live(Path(line.strip()))
        say(f"pid {child}")
        os.waitpid(child, 0)
        say(f"gone {child}")


def live(config: Path) -> None:
    """Run Tocsin as `tocsin up` does, without pages, until killed."""
    try:
        running = start(load(config, os.environ))
        say(f"at {running.receiver_address()}")
        running.stopping.wait()
    finally:
        os._exit(1)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
