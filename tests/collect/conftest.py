import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
import pytest
import trustme

from tests.collect.cloud import Cloud, serving
from tests.collect.cloud import cloud as open_cloud
from tocsin.collect import Tls


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def tls(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Tls:
    folder: Path = tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("127.0.0.1", "localhost")
    (folder / "chain.pem").write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    (folder / "key.pem").write_bytes(issued.private_key_pem.bytes())
    return Tls(str(folder / "chain.pem"), str(folder / "key.pem"))


@pytest.fixture(scope="session")
def trusted(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture
def cloud(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with open_cloud(aws) as opened:
        yield opened


@pytest.fixture
def growth_mib() -> Callable[[], AbstractContextManager[Callable[[], float]]]:
    """Return a block that measures by how much the process grows at most while it runs."""

    @contextmanager
    def measure() -> Iterator[Callable[[], float]]:
        process = psutil.Process()
        gc.collect()
        before = process.memory_info().rss
        highest = [before]
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.005):
                highest[0] = max(highest[0], process.memory_info().rss)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield lambda: (highest[0] - before) / (1 << 20)
        finally:
            done.set()
            thread.join()

    return measure
