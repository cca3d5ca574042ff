"""Pull a collection of a TAXII 2.1 server, page by page, from where the last pull ended.

Source: https://docs.oasis-open.org/cti/taxii/v2.1/os/taxii-v2.1-os.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tocsin.collect.pulling import Fetch, Pulled, read_json
from tocsin.errors import SourceError
from tocsin.intelligence import Defaults, Reader

_ACCEPT = "application/taxii+json;version=2.1"
_PAGE = 1_000
_MOST_PAGES = 20_000


@dataclass(frozen=True, slots=True)
class TaxiiCollectionSettings:
    """Which collection.

    Attributes:
        url: https address of the collection: `https://…/collections/<id>/`.
        headers: sent along, such as a token.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()


class TaxiiCollection:
    """Pulls what was added since the last pull."""

    def __init__(self, settings: TaxiiCollectionSettings, *, fetch: Fetch | None = None) -> None:
        self._url = settings.url.rstrip("/").removesuffix("/objects")
        self._headers = dict(settings.headers)
        self._fetch = fetch

    def pull(self, defaults: Defaults, marks: Mapping[str, str], room: Path) -> Pulled:
        """Return the indicators that were added; pages are fetched while they are read."""
        reader = Reader(defaults)
        pulled = Pulled((), reader, grows=True, marks=dict(marks))
        pulled.indicators = reader.stix(self._objects(pulled.marks, room))
        return pulled

    def _objects(self, marks: dict[str, str], room: Path) -> Iterator[object]:
        host = urlsplit(self._url).hostname
        query = {"limit": str(_PAGE), "match[type]": "indicator"}
        if marks.get("added_after"):
            query["added_after"] = marks["added_after"]
        following, last = "", marks.get("added_after", "")
        seen: set[str] = set()
        for _ in range(_MOST_PAGES):
            page, last = self._page(query | ({"next": following} if following else {}), last, room)
            objects = page.get("objects", [])
            if not isinstance(objects, list):
                raise SourceError(f"{host} gives a page whose `objects` are no list")
            yield from objects
            following = str(page.get("next") or "")
            if page.get("more") is not True:
                # Only now: a pull that breaks off begins again where it began.
                marks["added_after"] = last
                return
            if not following or following in seen:
                raise SourceError(f"{host} promises more objects but gives no new `next`")
            seen.add(following)
        raise SourceError(f"{host} gives more than {_MOST_PAGES} pages")

    def _page(
        self, query: Mapping[str, str], last: str, room: Path
    ) -> tuple[Mapping[str, object], str]:
        assert self._fetch is not None  # given by whoever wires it
        path = room / "page"
        url = f"{self._url}/objects/?{urlencode(query)}"
        answer = self._fetch(url, {**self._headers, "Accept": _ACCEPT}, path)
        host = urlsplit(url).hostname
        if answer.status != 200:
            why = "; check `user` and `token` of the feed" if answer.status in (401, 403) else ""
            raise SourceError(f"{host} answers {answer.status}{why}")
        page = read_json(path, f"a page of {host}")
        if not isinstance(page, dict):
            raise SourceError(f"{host} gives a page that is no TAXII envelope")
        return page, answer.headers.get("x-taxii-date-added-last") or last
