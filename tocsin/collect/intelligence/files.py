"""Read indicators from a file, or from every file of a folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tocsin.collect.pulling import Fetch, Pulled, read_file, unchanged
from tocsin.errors import SourceError
from tocsin.intelligence import Defaults, Indicator, Reader

_MOST_FILES = 10_000


@dataclass(frozen=True, slots=True)
class IndicatorFilesSettings:
    """Where the files lie.

    Attributes:
        path: a file or a folder.
        format: `auto`, `text`, `csv`, `stix` or `misp`.
    """

    path: Path
    format: str = "auto"


class IndicatorFiles:
    """Reads everything anew when a file has changed."""

    def __init__(self, settings: IndicatorFilesSettings, *, fetch: Fetch | None = None) -> None:
        self._settings = settings

    def pull(self, defaults: Defaults, marks: Mapping[str, str], room: Path) -> Pulled:
        """Return the indicators of all files.

        Raises:
            SourceError: a file cannot be read.
        """
        try:
            files = self._files()
            stats = [(each.name, each.stat()) for each in files]
        except OSError as error:
            raise SourceError(f"{self._settings.path} cannot be read: {error.strerror}") from error
        signature = " ".join(f"{name}:{s.st_mtime_ns}:{s.st_size}" for name, s in stats)
        if marks.get("files") == signature:
            return unchanged(defaults, marks)
        reader = Reader(defaults)
        return Pulled(self._read(files, reader), reader, marks={"files": signature})

    def _files(self) -> Sequence[Path]:
        path = self._settings.path
        if not path.is_dir():
            return [path]
        found = sorted(f for f in path.iterdir() if f.is_file() and not f.name.startswith("."))
        if len(found) > _MOST_FILES:
            raise SourceError(f"{path} holds more than {_MOST_FILES} files")
        return found

    def _read(self, files: Sequence[Path], reader: Reader) -> Iterator[Indicator]:
        for file in files:
            try:
                yield from read_file(file, file.name, self._settings.format, reader)
            except OSError as error:
                raise SourceError(f"{file} cannot be read: {error.strerror}") from error
