"""Run receivers with sockets of their own beside the web server, and start them again."""

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tocsin.collect.contracts import ListeningReceiver
from tocsin.errors import TocsinError

if TYPE_CHECKING:
    from tocsin.collect.intake import Intake

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0

log = logging.getLogger("tocsin.receiver")


class Services:
    """Receivers that listen themselves; live in the event loop of the listener."""

    def __init__(self, receivers: Sequence[ListeningReceiver], intake: "Intake") -> None:
        self._receivers = tuple(receivers)
        self._intake = intake
        self._problems: dict[str, str] = {}

    def bind(self) -> None:
        """Open every socket, before anything is served.

        Raises:
            SettingsError: an address cannot be used; those that were opened are closed again.
        """
        try:
            for receiver in self._receivers:
                receiver.bind()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close what `bind` opened; harmless where nothing is open."""
        for receiver in self._receivers:
            receiver.close()

    async def run(self) -> None:
        """Serve until cancelled; then wait until each receiver has put down what it holds."""
        async with asyncio.TaskGroup() as group:
            for receiver in self._receivers:
                group.create_task(self._keep(receiver))

    def problems(self) -> tuple[str, ...]:
        """Return what keeps receivers from listening, one sentence each."""
        return tuple(f"{name}: {problem}" for name, problem in sorted(self._problems.items()))

    async def _keep(self, receiver: ListeningReceiver) -> None:
        name, pause = type(receiver).__name__, _FIRST_PAUSE_SECONDS
        while True:
            began = asyncio.get_running_loop().time()
            try:
                receiver.bind()
                self._problems.pop(name, None)
                await receiver.serve(self._intake)
                self._problems[name] = "it ended by itself"
            except TocsinError as error:
                self._problems[name] = str(error)
            except Exception:  # the edge of a plug: a fault of one must not end the others
                log.exception("receiver failed", extra={"receiver": name})
                self._problems[name] = "a fault in the receiver; see the log"
            finally:
                receiver.close()
            if asyncio.get_running_loop().time() - began > _LONGEST_PAUSE_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            log.warning(
                "receiver starts again",
                extra={"receiver": name, "problem": self._problems[name], "seconds": pause},
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
