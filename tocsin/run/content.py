"""Find and read the content files that ship: mappings, macros, log sources, the demo's story.

With `run.rule_folders` the only place that turns content into text; the thinking rooms get texts
and never a path.
In a wheel the content lies inside the package, in a checkout beside it.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tocsin import plugins
from tocsin.errors import ContentError, Location, SettingsError
from tocsin.ocsf.reading import LineReader

_PACKAGE = Path(__file__).resolve().parent.parent
_LARGEST_FILE_BYTES = 1 << 20


def content_folder() -> Path:
    """Return the folder of the content that ships with Tocsin."""
    packaged = _PACKAGE / "content"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "content"


def read_text(path: Path) -> str:
    """Return the text of one content file.

    Raises:
        ContentError: the file is missing, unreadable, larger than 1 MiB or not UTF-8.
    """
    location = Location(str(path))
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise ContentError("the file is larger than 1 MiB; split it", location)
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ContentError(
            f"the file is not UTF-8 ({error.reason}); save it as UTF-8", location
        ) from error
    except OSError as error:
        raise ContentError(f"the file cannot be read: {error.strerror}", location) from error


def mapping_texts() -> Mapping[str, str]:
    """Return the built-in mappings: location to text, in order of name."""
    folder = content_folder() / "mappings"
    return {shown(path): read_text(path) for path in sorted(folder.glob("*.yaml"))}


def macros_text() -> str:
    """Return the DuckDB macros that mapping expressions may use."""
    return read_text(content_folder() / "functions.sql")


def redaction_text() -> str:
    """Return the file that says what secrets in records look like."""
    return read_text(content_folder() / "redaction.yaml")


def find_reader(name: str, options: Mapping[str, object]) -> LineReader:
    """Return the reader of text records that a mapping names.

    Raises:
        SettingsError: there is no such reader, or it does not know an option.
    """
    plug = plugins.find("tocsin.normalize.readers", name)
    reader = plug(plugins.settings_of(plug, options))
    if not isinstance(reader, LineReader):
        raise SettingsError(f"the reader {name!r} is no LineReader")
    return reader


def identity_texts() -> Mapping[str, str]:
    """Return the files that say what tells who is who: location to text, in order of name."""
    folder = content_folder() / "identities"
    return {shown(path): read_text(path) for path in sorted(folder.glob("*.yaml"))}


def playbook_folder() -> Path:
    """Return the folder of the playbooks that ship with Tocsin."""
    return content_folder() / "playbooks"


def log_sources_text() -> str:
    """Return the file that binds the log sources of rules to sources."""
    return read_text(content_folder() / "log_sources.yaml")


def named_texts(paths: Iterable[Path]) -> Mapping[str, str]:
    """Return the texts of files that somebody named, by the names that people would type.

    Raises:
        ContentError: one cannot be read.
    """
    return {shown(path): read_text(path) for path in paths}


def attack_text() -> str:
    """Return the techniques of ATT&CK by identifier, as JSON."""
    return read_text(content_folder() / "attack.json")


def builtin_rules_folder() -> Path:
    """Return the folder of the rules that ship with Tocsin."""
    return content_folder() / "rules"


def drill_folder() -> Path:
    """Return the folder of labelled attacks, the benign day and the company that they happen to."""
    return content_folder() / "drill"


def story_text(name: str) -> str:
    """Return a story of the demo: `story` or `benign_administration`."""
    return read_text(content_folder() / "demo" / f"{name}.yaml")


def shown(path: Path) -> str:
    """Return the path as people would type it: relative where it lies in the working folder."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
