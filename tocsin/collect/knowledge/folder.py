"""Read a folder of MaxMind databases and address lists of the clouds.

Taken are `*.mmdb` (GeoLite2 and GeoIP2: City, Country, ASN, ISP, Anonymous IP, Anonymous Plus and
others of the same form), `ip-ranges.json` of AWS, `cloud.json` of GCP and `ServiceTags*.json` of
Azure. A file that is broken is left out with one line; the others serve on. The folder is looked at
again every minute: whoever renews a file there needs no restart.

Sources: https://maxmind.github.io/MaxMind-DB/;
https://docs.aws.amazon.com/vpc/latest/userguide/aws-ip-syntax.html;
https://www.gstatic.com/ipranges/cloud.json;
https://learn.microsoft.com/azure/virtual-network/service-tags-overview
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

from tocsin.collect.databases import Database, OpenedDatabase
from tocsin.collect.ranges import read_ranges
from tocsin.enrich import Note, Place
from tocsin.errors import SourceError
from tocsin.ocsf.addresses import Ranges

_LOOK_EVERY_SECONDS = 60.0
_REMEMBERED = 50_000
_SUFFIXES = (".mmdb", ".json")


@dataclass(frozen=True, slots=True)
class KnowledgeSettings:
    """Where the files lie.

    Attributes:
        folder: the folder; files elsewhere below it are not read.
    """

    folder: Path


class KnowledgeFolder:
    """What a folder knows of addresses; calling it looks them up.

    Attributes:
        problems: one line for each file that cannot be used.
        names: the files in use.
    """

    def __init__(
        self, settings: KnowledgeSettings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = settings.folder
        self._clock = clock
        self._signature: tuple[tuple[str, int, int], ...] | None = None
        self._looked = float("-inf")
        self._databases: tuple[Database, ...] = ()
        self._ranges: Ranges[Note] = Ranges()
        self._known: OrderedDict[str, Place | None] = OrderedDict()
        self._problems: dict[str, str] = {}
        self.names: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each file that cannot be used."""
        return tuple(self._problems.values())

    def __call__(self, addresses: Sequence[str]) -> Sequence[Place | None]:
        """Return what is known of each of these addresses, in their order."""
        self.look()
        found = []
        for text in addresses:
            if text not in self._known:
                self._known[text] = self._place(text)
                if len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
            found.append(self._known[text])
        return found

    def look(self) -> None:
        """Open the files anew where the folder has changed; looks once a minute."""
        now = self._clock()
        if now - self._looked < _LOOK_EVERY_SECONDS:
            return
        self._looked = now
        try:
            files = sorted(each for each in self._folder.iterdir() if each.suffix in _SUFFIXES)
            signature = tuple((f.name, f.stat().st_mtime_ns, f.stat().st_size) for f in files)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self._problems["folder"] = f"enrichment: {self._folder} cannot be read: {reason}"
            return
        self._problems.pop("folder", None)
        if signature != self._signature:
            self._open(files)
            self._signature = signature

    def _open(self, files: Sequence[Path]) -> None:
        self._problems.clear()
        self._known.clear()
        databases: list[Database] = []
        told = []
        names = []
        for file in files:
            try:
                if file.suffix == ".mmdb":
                    databases.append(OpenedDatabase(file))
                else:
                    told += read_ranges(file)
            except SourceError as error:
                self._problems[file.name] = str(error)
            else:
                names.append(file.name)
        for database in self._databases:
            database.close()
        self._databases, self._ranges = tuple(databases), Ranges(told)
        self.names = tuple(names)

    def _place(self, text: str) -> Place | None:
        place = Place()
        for database in self._databases:
            try:
                place = database.completed(place, text)
            except SourceError as error:
                self._problems[database.name] = str(error)
                self._databases = tuple(each for each in self._databases if each != database)
                self.names = tuple(each for each in self.names if each != database.name)
        place = self._with_range(place, text)
        return None if place == Place() else place

    def _with_range(self, place: Place, text: str) -> Place:
        note = self._ranges.of(ip_address(text)) if self._ranges else None
        return replace(place, notes=(*place.notes, note)) if note else place
