"""Pull the attributes of a MISP instance that are meant for detection, by its API.

Source: https://www.misp-project.org/openapi/#tag/Attributes/operation/restSearchAttributes
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tocsin.collect.pulling import Fetch, Pulled, dumped, read_json
from tocsin.errors import SourceError
from tocsin.intelligence import Defaults, Reader

_PAGE = 5_000
_MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class MispInstanceSettings:
    """Which instance.

    Attributes:
        url: https address of the instance.
        headers: `Authorization` with the authentication key.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()


class MispInstance:
    """Pulls what was changed since the last pull."""

    def __init__(self, settings: MispInstanceSettings, *, fetch: Fetch | None = None) -> None:
        self._url = settings.url.rstrip("/") + "/attributes/restSearch"
        self._headers = dict(settings.headers)
        self._fetch = fetch

    def pull(self, defaults: Defaults, marks: Mapping[str, str], room: Path) -> Pulled:
        """Return the indicators that were changed; pages are fetched while they are read."""
        reader = Reader(defaults)
        pulled = Pulled((), reader, grows=True, marks=dict(marks))
        pulled.indicators = reader.misp(self._events(pulled.marks, room))
        return pulled

    def _events(self, marks: dict[str, str], room: Path) -> Iterator[object]:
        since = newest = int(marks.get("timestamp") or 0)
        for number in range(1, _MOST_PAGES + 1):
            found = self._page(number, since, room)
            for attribute in found:
                event = attribute.get("Event")
                about = dict(event) if isinstance(event, dict) else {}
                yield {"Event": {**about, "Attribute": [attribute]}}
                stamp = str(attribute.get("timestamp") or "")
                newest = max(newest, int(stamp) if stamp.isdigit() else 0)
            if len(found) < _PAGE:
                # Only now: a pull that breaks off begins again where it began.
                marks["timestamp"] = str(newest)
                return
        raise SourceError(f"{self._host} gives more than {_MOST_PAGES} pages")

    def _page(self, number: int, since: int, room: Path) -> list[dict[str, object]]:
        assert self._fetch is not None  # given by whoever wires it
        query = {
            "returnFormat": "json",
            "to_ids": 1,
            "deleted": [0, 1],
            "includeEventTags": True,
            "limit": _PAGE,
            "page": number,
            **({"timestamp": since} if since else {}),
        }
        headers = {**self._headers, "Accept": "application/json"}
        path = room / "page"
        answer = self._fetch(self._url, headers, path, dumped(query))
        if answer.status != 200:
            why = ": check the `token` of the feed" if answer.status in (401, 403) else ""
            raise SourceError(f"{self._host} answers {answer.status}{why}")
        page = read_json(path, f"a page of {self._host}")
        response = page.get("response", page) if isinstance(page, dict) else {}
        listed = response.get("Attribute") if isinstance(response, dict) else response
        if not isinstance(listed, list):
            raise SourceError(f"{self._host} gives no attributes; is it a MISP instance?")
        return [each for each in listed if isinstance(each, dict)]

    @property
    def _host(self) -> str:
        return urlsplit(self._url).hostname or "the instance"
