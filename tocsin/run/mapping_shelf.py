"""Keep the mappings by source, each compiled when somebody first asks for it.

Compiling one costs a few tenths of a second, and a process reads few of the sources that ship.
"""

import threading
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from tocsin import normalize


class MappingShelf(Mapping[str, normalize.Mapping]):
    """The mappings by source; a file is named for its source. Safe to use from several threads.

    Looking one up raises `MappingError` where its file is wrong; going over `values` or `items`
    compiles them all.
    """

    def __init__(self, texts: Mapping[str, str], macros: str) -> None:
        """Keep the files.

        Args:
            texts: of the mapping files, by location.
            macros: the common functions.
        """
        self._files = {
            PurePath(location).name.removesuffix(".yaml"): (text, location)
            for location, text in texts.items()
        }
        self._macros = macros
        self._loaded: dict[str, normalize.Mapping] = {}
        self._lock = threading.Lock()

    def __getitem__(self, source: str) -> normalize.Mapping:
        found = self._loaded.get(source)
        if found is None:
            text, location = self._files[source]
            with self._lock:
                found = self._loaded.get(source)
                if found is None:
                    found = normalize.load_mapping(text, location, self._macros)
                    self._loaded[source] = found
        return found

    def __contains__(self, source: object) -> bool:
        return source in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)
