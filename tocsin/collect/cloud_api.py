"""Ask the REST APIs of clouds: JSON objects, waits where they want it, links that stay at home."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tocsin.collect.asking import Ask, Asker
from tocsin.errors import SourceError

_MOST_PAGES = 100_000
_MOST_WAITS = 6
_LONGEST_WAIT_SECONDS = 90.0


class CloudApi:
    """One API, read only: GET, and POST where a question does not fit into an address."""

    def __init__(
        self,
        url: str,
        headers: Callable[[], Mapping[str, str]],
        pause: Callable[[float], bool | None],
    ) -> None:
        self._url = url
        self._asker = Asker(url, headers)
        self._pause = pause

    def get(self, link: str) -> Mapping[str, Any]:
        """Return what is at a path of the API, or at a link that it gave.

        Raises:
            SourceError: it refuses, answers something else, or stays busy.
        """
        return self._answered(Ask(self._asker.within(self._url, link)))

    def blocks(self, link: str, more: Mapping[str, str]) -> Iterator[bytes]:
        """Yield what is at a path of the API as it is sent; see `Asker.blocks`."""
        return self._asker.blocks(self._asker.within(self._url, link), more)

    def ask(self, link: str, question: Mapping[str, object]) -> Mapping[str, Any]:
        """Return the answer to a question that is POSTed; see `get`."""
        return self._answered(Ask(self._asker.within(self._url, link), json.dumps(question)))

    def pages(self, link: str) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of all pages of a list of Azure: `value`, and `nextLink` where it goes on.

        Raises:
            SourceError: see `get`.
        """
        following: object = link
        for _ in range(_MOST_PAGES):
            page = self.get(str(following))
            yield from page.get("value", [])
            following = page.get("nextLink")
            if not following:
                return
        raise SourceError(f"{self._asker.host} gives pages without end")

    def close(self) -> None:
        """Close the connections; the next request opens others."""
        self._asker.close()

    def _answered(self, ask: Ask) -> Mapping[str, Any]:
        for _ in range(_MOST_WAITS):
            answer = self._asker.ask(ask)
            if answer.wait_seconds is None:
                return _object(answer.body, self._asker.host)
            self._pause(min(answer.wait_seconds, _LONGEST_WAIT_SECONDS))
        raise SourceError(f"{self._asker.host} stays busy; run the command again later, it resumes")


def _object(body: bytes, host: str) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{host} answers no JSON ({error})") from None
    if not isinstance(found, dict):
        raise SourceError(f"{host} answers no JSON object")
    return found
