"""Keep the mappings by source, each compiled when somebody first asks for it.

Compiling one costs a few tenths of a second, and a process reads few of the sources that ship.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath

from tocsin import normalize
from tocsin.ocsf.reading import LineReader


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

    def __contains__(self, source: object) -> bool:
        return source in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)
