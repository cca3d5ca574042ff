"""Keep what was read of rule files from one start to the next, in a folder that may be deleted.

Each entry is found by a hash of everything it depends on: the file's name and text, the values for
placeholders where it may use them, the pipelines, the versions and the code that read it. Entries
lie in shards by the file's name, so that one changed file costs one small shard. A shard that is
broken, or foreign, is as if it were not there.
"""

import gc
import importlib.metadata
import os
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import tocsin
from tocsin.errors import Problem
from tocsin.isolate import RuleReaders

if TYPE_CHECKING:
    from tocsin.settings import Settings

_SHARDS = 64
_MOST_SHARD_BYTES = 2 << 20
_MAGIC = b"tocsin rules 2\n\0"
_SUM_BYTES = 16
_NAME_BYTES = 16
_MOST_VERSIONS = 4
_READ_HERE = 256
_PLACEHOLDER_SIGN = "expand"
_READING = ("detect", "conditions", "ocsf", "errors.py")

_Shard = dict[bytes, bytes]


class RuleCache:
    """What is known of rule files; implements the shelf of `detect.parse_rules`."""

    def __init__(
        self,
        folder: Path,
        placeholders: Mapping[str, tuple[str, ...]],
        pipelines: Mapping[str, str],
    ) -> None:
        self._folder = folder
        self._placeholders = placeholders
        self._pipelines = pipelines
        encode = msgspec.msgpack.Encoder(order="deterministic").encode
        self._base = encode([_reader_version(), pipelines])
        self._values = encode(placeholders)
        self._keys: dict[str, bytes] = {}
        self._taken: dict[int, _Shard] = {}

    def kept(self, files: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
        """Yield paths with what is known of files with these texts, one shard after the other."""
        by_place: dict[int, list[str]] = {}
        for path, text in files.items():
            self._keys[path] = self._key(path, text)
            by_place.setdefault(_place(path), []).append(path)
        for place, paths in by_place.items():
            shard = _read(self._path(place))
            for path in paths:
                if (content := shard.get(self._keys[path])) is not None:
                    yield path, content

    def read_elsewhere(self, files: Mapping[str, str]) -> Mapping[str, bytes | Problem]:
        """Read many files in other processes; few are quicker read in this one."""
        if len(files) <= _READ_HERE:
            return {}
        found = RuleReaders(self._placeholders, self._pipelines).read(files)
        for path, content in found.items():
            if isinstance(content, bytes):
                self.keep(path, content)
        return found

    def keep(self, path: str, content: bytes) -> None:
        """Take what was read of a file that `kept` was asked for."""
        self._taken.setdefault(_place(path), {})[self._keys[path]] = content

    def save(self) -> None:
        """Write what was taken; a folder that cannot be written is as if nothing were kept."""
        used = set(self._keys.values())
        with suppress(OSError):
            for place, taken in self._taken.items():
                shard = {**_read(self._path(place)), **taken}
                _write(self._path(place), _bounded(shard, used))
        self._taken.clear()

    def _key(self, path: str, text: str) -> bytes:
        """Return the hash of the path, and behind it that of all else that decides."""
        named = blake2b(path.encode("utf-8", "surrogatepass"), digest_size=_NAME_BYTES).digest()
        hashed = blake2b(self._base, digest_size=_SUM_BYTES)
        if _PLACEHOLDER_SIGN in text or self._pipelines:
            hashed.update(self._values)
        hashed.update(named + text.encode("utf-8", "surrogatepass"))
        return named + hashed.digest()

    def _path(self, place: int) -> Path:
        return self._folder / f"{place:02x}"


@contextmanager
def opened(
    settings: "Settings | None",
    placeholders: Mapping[str, tuple[str, ...]],
    pipelines: Mapping[str, str],
) -> Iterator[RuleCache | None]:
    """Give the shelf for reading rules; `None` where nothing can be kept.

    Meanwhile nobody looks for garbage: rules are many objects that stay, and searching them over
    and over takes as long as reading.
    """
    folder = cache_folder(settings)
    cache = RuleCache(folder, placeholders, pipelines) if folder else None
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield cache
    finally:
        if was_on:
            gc.enable()
    if cache:
        cache.save()


def cache_folder(
    settings: "Settings | None", environ: Mapping[str, str] = os.environ
) -> Path | None:
    """Return where entries are kept: for the service its data folder, else the user's own cache."""
    if environ.get("XDG_CACHE_HOME"):
        return Path(environ["XDG_CACHE_HOME"]) / "tocsin" / "rules"
    if settings is not None and (settings.data / "marker.json").exists():
        return settings.data / "cache" / "rules"
    home = environ.get("HOME")
    return Path(home) / ".cache" / "tocsin" / "rules" if home else None


def _reader_version() -> list[object]:
    """Return what changes when the code that reads rules does."""
    package = Path(tocsin.__file__).parent
    files = [package / name for name in _READING]
    code = [each for name in files for each in ([name] if name.is_file() else name.rglob("*.py"))]
    stats = [(str(path), path.stat()) for path in sorted(code)]
    return [
        *(tocsin.__version__, importlib.metadata.version("pysigma")),
        *((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats),
    ]


def _place(path: str) -> int:
    return zlib.crc32(path.encode("utf-8", "surrogatepass")) % _SHARDS


def _bounded(shard: _Shard, used: set[bytes]) -> _Shard:
    """Return the entries in order of age, those in use last, without the oldest of too many.

    Of one file no more than a few are kept: for other placeholders, say, or an older text.
    """
    newest = sorted(shard.items(), key=lambda entry: entry[0] in used)[::-1]
    size, versions = 0, Counter[bytes]()
    kept: list[tuple[bytes, bytes]] = []
    for key, content in newest:
        name = key[:_NAME_BYTES]
        versions[name] += 1
        size += len(content)
        if size <= _MOST_SHARD_BYTES and versions[name] <= _MOST_VERSIONS:
            kept.append((key, content))
    return dict(reversed(kept))


def _sum(content: bytes) -> bytes:
    return blake2b(content, digest_size=_SUM_BYTES).digest()


def _read(path: Path) -> _Shard:
    try:
        if path.stat().st_size > 2 * _MOST_SHARD_BYTES:
            return {}
        content = path.read_bytes()
        head, entries = content[: len(_MAGIC) + _SUM_BYTES], content[len(_MAGIC) + _SUM_BYTES :]
        if head != _MAGIC + _sum(entries):
            return {}
        return msgspec.msgpack.decode(entries, type=_Shard)
    except (OSError, msgspec.MsgspecError):
        return {}


def _write(path: Path, shard: _Shard) -> None:
    """Put a shard in place at once; whoever reads meanwhile sees the old one or the new one."""
    entries = msgspec.msgpack.encode(shard)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(_MAGIC + _sum(entries) + entries)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
