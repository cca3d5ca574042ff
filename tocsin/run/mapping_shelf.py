"""Keep the mappings by source, each compiled when somebody first asks for it.

Compiling one costs a few tenths of a second, and a process reads few of the sources that ship.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from tocsin import normalize
from tocsin.ocsf.reading import LineReader


@dataclass(frozen=True, slots=True)
class Outline:
    """What the text of a mapping file says of its records, without compiling it.

    Attributes:
        names: fields that it declares, at any depth, and names of what records are wrapped in.
        asked: those of them that decide whether it accepts a record.
        has_reader: whether it reads lines of text.
        wrapping: those names that only stand around records.
    """

    names: frozenset[str]
    asked: frozenset[str]
    has_reader: bool
    wrapping: frozenset[str] = frozenset()


_SECTION = r"^%s:(.*(?:\n(?:[ #].*)?)*)"
_NAME = re.compile(r'"([^"\n]+)"\s*:|([A-Za-z_@$][\w@$.-]*)\s*:')
_WORD = re.compile(r'"([^"\n]+)"|([A-Za-z_]\w*)')


class MappingShelf(Mapping[str, normalize.Mapping]):
    """The mappings by source; a file is named for its source. Safe to use from several threads.

    Looking one up raises `MappingError` where its file is wrong; going over `values` or `items`
    compiles them all.
    """

    def __init__(
        self,
        texts: Mapping[str, str],
        macros: str,
        find_reader: Callable[[str, Mapping[str, object]], LineReader],
    ) -> None:
        """Keep the files.

        Args:
            texts: of the mapping files, by location.
            macros: the common functions.
            find_reader: makes the readers that they name.
        """
        self._files = {
            PurePath(location).name.removesuffix(".yaml"): (text, location)
            for location, text in texts.items()
        }
        self._macros = macros
        self._find_reader = find_reader
        self._loaded: dict[str, normalize.Mapping] = {}
        self._lock = threading.Lock()

    def __getitem__(self, source: str) -> normalize.Mapping:
        found = self._loaded.get(source)
        if found is None:
            text, location = self._files[source]
            with self._lock:
                found = self._loaded.get(source)
                if found is None:
                    found = normalize.load_mapping(
                        text, location, self._macros, find_reader=self._find_reader
                    )
                    self._loaded[source] = found
        return found

    def outline(self, source: str) -> Outline:
        """Return what the text of a source's mapping says, in much less time than loading it."""
        text, _ = self._files[source]
        names = _words(_NAME, text, "record")
        wrapping = _words(_WORD, text, "unwrap")
        return Outline(
            names=names | wrapping,
            wrapping=wrapping - names,
            asked=names & _words(_WORD, text, "accept"),
            has_reader=bool(re.search(_SECTION % "reader", text, re.MULTILINE)),
        )

    def __contains__(self, source: object) -> bool:
        return source in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _words(word: re.Pattern[str], text: str, section: str) -> frozenset[str]:
    """Return the words of one section of a mapping file."""
    found = re.search(_SECTION % section, text, re.MULTILINE)
    return frozenset(quoted or plain for quoted, plain in word.findall(found[1] if found else ""))
