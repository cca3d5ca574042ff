"""A stand-in for Cloud Storage: fake-gcs-server, built from Go's module proxy once a machine.

It pages, knows offsets and inflates as Google does; the emulators on PyPI do not page.
"""

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.conftest import program

VERSION = "v1.56.1"
# Building takes minutes, so it is kept outside the checkout; the cache of tests is new each time.
FOLDER = Path.home() / ".cache" / "tocsin-tests"
BUCKET = "example-audit-logs"


@dataclass(frozen=True)
class Storage:
    """Buckets at `url`."""

    url: str

    def create(self, bucket: str = BUCKET) -> None:
        httpx.post(f"{self.url}/storage/v1/b", json={"name": bucket}, trust_env=False)

    def put(self, name: str, content: bytes, encoding: str = "", bucket: str = BUCKET) -> None:
        asked = {"uploadType": "media", "name": name}
        asked |= {"contentEncoding": encoding} if encoding else {}
        to = f"{self.url}/upload/storage/v1/b/{bucket}/o"
        httpx.post(to, params=asked, content=content, trust_env=False).raise_for_status()

    def delete(self, name: str, bucket: str = BUCKET) -> None:
        at = f"{self.url}/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
        httpx.delete(at, trust_env=False).raise_for_status()

    def empty(self, bucket: str = BUCKET) -> None:
        listed = httpx.get(f"{self.url}/storage/v1/b/{bucket}/o", trust_env=False).json()
        for row in listed.get("items", []):
            self.delete(row["name"], bucket)


def installed() -> Path:
    """Return the program; build it where that has not been done."""
    made = FOLDER / f"fake-gcs-server-{VERSION}"
    if made.is_file():
        return made
    go = program("go")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock, tempfile.TemporaryDirectory(dir=FOLDER) as room:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_file():
            folders = {"GOPATH": f"{room}/path", "GOCACHE": f"{room}/cache", "GOBIN": room}
            more = {"GOFLAGS": "-modcacherw -trimpath", "CGO_ENABLED": "0", **folders}
            wanted = f"github.com/fsouza/fake-gcs-server@{VERSION}"
            built = subprocess.run([go, "install", wanted], env=os.environ | more, check=False)
            if built.returncode:
                # Go's proxy may be out of reach; under TOCSIN_TEST_REQUIRE=all this is a failure.
                pytest.skip("fake-gcs-server cannot be built from Go's module proxy")
            shutil.move(f"{room}/fake-gcs-server", made)
    return made


@contextmanager
def serving() -> Iterator[Storage]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    options = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory"]
    options += ["-public-host", f"127.0.0.1:{port}", "-log-level", "error"]
    process = subprocess.Popen([installed(), *options])
    try:
        storage = Storage(url)
        wait_for(storage)
        yield storage
    finally:
        process.terminate()
        process.wait(120)


def wait_for(storage: Storage) -> None:
    end = time.monotonic() + 180
    while True:
        try:
            storage.create()
        except httpx.TransportError:
            assert time.monotonic() < end, "fake-gcs-server never came"
            time.sleep(0.05)
        else:
            return
