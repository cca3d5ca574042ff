"""Fetch a list, a STIX bundle or a MISP feed over https; asks only for what has changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from tocsin.collect.pulling import Fetch, Pulled, misp_events, read_file, read_json, unchanged
from tocsin.errors import SourceError
from tocsin.intelligence import Defaults, Indicator, Reader

_MANIFEST = "manifest.json"
_MOST_EVENTS = 20_000


@dataclass(frozen=True, slots=True)
class IndicatorListSettings:
    """Where the list lies.

    Attributes:
        url: https address; one that ends with `manifest.json` is that of a MISP feed.
        format: `auto`, `text`, `csv`, `stix` or `misp`.
        headers: sent along, such as a token.
    """

    url: str
    format: str = "auto"
    headers: tuple[tuple[str, str], ...] = ()


class IndicatorList:
    """Fetches one list."""

    def __init__(self, settings: IndicatorListSettings, *, fetch: Fetch | None = None) -> None:
        self._settings = settings
        self._fetch = fetch

    def pull(self, defaults: Defaults, marks: Mapping[str, str], room: Path) -> Pulled:
        """Return the indicators of the list, or that it has not changed.

        Raises:
            TocsinError: it cannot be fetched or read.
        """
        url = self._settings.url
        name = urlsplit(url).hostname or "the list"
        conditions = {
            header: marks[mark]
            for header, mark in (("If-None-Match", "etag"), ("If-Modified-Since", "modified"))
            if marks.get(mark)
        }
        path = room / "list"
        status, headers = self._get(url, path, conditions)
        if status == 304:
            return unchanged(defaults, marks)
        told = {"etag": headers.get("etag", ""), "modified": headers.get("last-modified", "")}
        reader = Reader(defaults)
        if urlsplit(url).path.endswith("/" + _MANIFEST):
            events = self._events(path, name, dict(marks), told, room)
            return Pulled(reader.misp(events), reader, grows=True, marks=told)
        return Pulled(self._read(path, name, reader), reader, marks=told)

    def _read(self, path: Path, name: str, reader: Reader) -> Iterator[Indicator]:
        yield from read_file(path, f"the list of {name}", self._settings.format, reader)

    def _events(
        self, path: Path, name: str, marks: dict[str, str], told: dict[str, str], room: Path
    ) -> Iterator[object]:
        """Yield the events of a MISP feed that changed since the last pull."""
        manifest = read_json(path, f"the manifest of {name}")
        if not isinstance(manifest, dict) or len(manifest) > _MOST_EVENTS:
            raise SourceError(f"the manifest of {name} is none of a MISP feed, or too long")
        since = newest = int(marks.get("timestamp") or 0)
        for uuid, about in sorted(manifest.items()):
            stamp = about.get("timestamp") if isinstance(about, dict) else None
            moment = int(str(stamp)) if str(stamp).isdigit() else 0
            is_plain = all(each.isalnum() or each == "-" for each in uuid)
            if not is_plain or (moment and moment <= since):
                continue
            file = room / "event"
            self._get(urljoin(self._settings.url, f"{uuid}.json"), file, {})
            yield from misp_events(read_json(file, f"an event of {name}"))
            newest = max(newest, moment)
        told["timestamp"] = str(newest)

    def _get(self, url: str, path: Path, more: Mapping[str, str]) -> tuple[int, Mapping[str, str]]:
        assert self._fetch is not None  # given by whoever wires it
        answer = self._fetch(url, {**dict(self._settings.headers), **more}, path)
        if answer.status not in (200, 304):
            raise refused(url, answer.status)
        return answer.status, answer.headers


def refused(url: str, status: int) -> SourceError:
    """Return the error of an answer that is no list; the address is named by its host alone."""
    host = urlsplit(url).hostname
    if status in (401, 403):
        return SourceError(f"{host} answers {status}: check `user` and `token` of the feed")
    if 300 <= status < 400:
        return SourceError(
            f"{host} answers {status}: redirects are not followed; set the address it leads to"
        )
    return SourceError(f"{host} answers {status}")
