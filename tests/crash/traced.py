"""A Tocsin that strace looks at; on demand, with one kind of fsync taken out.

`python -m tests.crash.traced SETTINGS FAULT`, where FAULT is `none`, `file`, `folder` or `state`.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from tocsin.run import Running, start
from tocsin.settings import load
from tocsin.store import durable


def main(config: str, fault: str) -> None:
    FAULTS[fault]()
    running = start(load(Path(config), os.environ))
    if fault == "state":
        forget_the_state(running)
    sys.stdout.write(f"at {running.receiver_address()}\n")
    sys.stdout.flush()
    running.stopping.wait()


def forget_files() -> None:
    durable.sync_file = lambda path: None


def forget_folders() -> None:
    durable.sync_folder = lambda folder: None


def forget_the_state(running: Running) -> None:
    with running.store._database.look_up() as connection:
        connection.execute("PRAGMA synchronous = OFF")


FAULTS: dict[str, Callable[[], None]] = {
    "none": lambda: None,
    "file": forget_files,
    "folder": forget_folders,
    "state": lambda: None,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
