"""Senders under load: some push over HTTP, one writes a log file that Tocsin follows.

Those that push send again what was not acknowledged, as shippers do.
"""

import http.client
import threading
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.crash.ledger import Ledger

TOKEN = "not-a-secret-only-for-crash-tests"
BATCH = 50
SENDERS = 6
TIMEOUT_SECONDS = 20.0


@dataclass(slots=True)
class Feeder:
    """Threads that send until stopped, to whichever life answers.

    Attributes:
        ledger: where every record and every acknowledgement is noted.
        log: the file that grows.
        address: of the receivers of the present life; `None` while there is none.
        refused: answers other than 200, of which there should be none but for pressure.
    """

    ledger: Ledger
    log: Path
    address: str | None = None
    refused: list[int] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _arrived: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to send."""
        works = [*[self._push] * SENDERS, self._append]
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def arrive(self, address: str) -> None:
        """Send to this life from now on."""
        self.address = address
        self._arrived.set()

    def leave(self) -> None:
        """The life is over; what was not acknowledged waits for the next."""
        self._arrived.clear()
        self.address = None

    def stop(self) -> None:
        """Send what is not acknowledged yet, then end."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=300)
            assert not thread.is_alive(), "a sender could not get rid of its records"

    def _push(self) -> None:
        while not self._stopping.is_set():
            names = self.ledger.make(BATCH)
            body = b"".join(map(self.ledger.line, names))
            while not self._post(body):
                # A refusal or a dead process: a shipper tries again, and so do we.
                self._stopping.wait(0.02)
            self.ledger.acknowledge(names)

    def _post(self, body: bytes) -> bool:
        address = self.address
        if address is None:
            self._arrived.wait(1.0)
            return False
        place = urlsplit(address)
        connection = http.client.HTTPConnection(
            place.hostname or "", place.port, timeout=TIMEOUT_SECONDS
        )
        try:
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
            connection.request("POST", "/ingest/pushed", body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if answer.status != 200:
            self.refused.append(answer.status)
        return answer.status == 200

    def _append(self) -> None:
        with self.log.open("ab") as file:
            while not self._stopping.wait(0.05):
                names = self.ledger.make(5)
                file.write(b"".join(map(self.ledger.line, names)))
                file.flush()
