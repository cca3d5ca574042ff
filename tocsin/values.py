"""Values that people write in `tocsin.yaml`: durations, sizes, paths, secrets.

Each reads the text of the file, says what would be right when it cannot, and describes itself in
the JSON Schema that editors use. The sections of `settings` and the settings dataclasses of plugs
are made of them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, get_args

# pydantic is loaded where settings are read: commands that read rules alone start without it.
if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema
    from pydantic_core.core_schema import ValidationInfo

MAX_SECRET_BYTES = 64 * 1024
LONGEST_SHOWN = 60
_DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d|w)\Z")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_SIZE = re.compile(r"(\d{1,12}) ?(|B|KiB|MiB|GiB|TiB)\Z")
_FACTORS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


class FromEnvironment(str):
    """Text that came from the environment: by `${NAME}`; never shown in a message."""

    __slots__ = ()


class Override(FromEnvironment):
    """The text of a variable such as `TOCSIN_WEB__PORT`, which stands for the whole value."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What references in the file are resolved against.

    Attributes:
        environ: the environment variables.
        folder: of the settings file; relative paths start there.
    """

    environ: Mapping[str, str]
    folder: Path


class Secret:
    """A text that prints as `***`; `reveal` gives it to the one who needs it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text; never log it, never put it into a message."""
        return self._text

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(("Secret", self._text))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        """Read references; write `***`."""
        from pydantic_core import core_schema

        return core_schema.with_info_plain_validator_function(
            _read_secret, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> dict[str, Any]:
        """Describe the three ways to name a secret."""
        return {
            "title": "Secret",
            "anyOf": [
                _one_key("env", "Name of the environment variable that holds it."),
                _one_key("file", "Path of the file that holds it."),
                {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"},
            ],
        }


@dataclass(frozen=True, slots=True)
class Written:
    """How a field of a plug's settings stands in `tocsin.yaml`, where it stands otherwise there.

    `poll_seconds: Annotated[float, Written("every", Duration, timedelta.total_seconds, "5m")]`.

    Attributes:
        key: in the file; empty for the field's own name.
        kind: type of what is written; `None` for the field's own type.
        read: makes the field's value of it.
        default: as people would write it; `None` for the field's own default.
    """

    key: str = ""
    kind: object = None
    read: Callable[[Any], object] | None = None
    default: str | bool | None = None


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Marks a field of a plug's settings that is for whoever makes the plug by hand."""


@dataclass(frozen=True, slots=True)
class Matching:
    """Text of a shape: `Annotated[str, Matching(r"[A-Z]{2}", "a country such as DE")]`.

    Attributes:
        pattern: of the whole text.
        expected: what to tell people; follows the word *expected*.
    """

    pattern: str
    expected: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        """Refuse other text with the words that people understand."""
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> dict[str, Any]:
        """Tell editors the pattern."""
        return {"type": "string", "pattern": f"^{self.pattern}$"}

    def _check(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise ValueError(f"expected {self.expected}")
        return text


@dataclass(frozen=True, slots=True)
class Within:
    """A whole number between two others: `Annotated[int, Within(1, 256)]`."""

    least: int
    most: int

    def __get_pydantic_core_schema__(
        self, source: Any, handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        """Refuse others with the words that people understand."""
        from pydantic_core import core_schema

        handler(source)
        return core_schema.int_schema(ge=self.least, le=self.most)


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """Reads what people write into a value, before pydantic looks at it.

    Attributes:
        read: raises ValueError with what would be right.
        described: for the JSON Schema.
    """

    read: "Callable[[object, ValidationInfo], object]"
    described: dict[str, Any]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        from pydantic_core import core_schema

        return core_schema.with_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> dict[str, Any]:
        return dict(self.described)


def _one_key(name: str, description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": description}},
        "required": [name],
        "additionalProperties": False,
    }


def _read_secret(value: object, info: "ValidationInfo") -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, FromEnvironment):
        return _not_empty(value, "the environment")
    if isinstance(value, dict) and len(value) == 1:
        ((kind, name),) = value.items()
        if kind in ("env", "file") and isinstance(name, str):
            around = surroundings(info)
            read = _secret_of_variable if kind == "env" else _secret_of_file
            return read(name, around)
    raise ValueError(
        "a secret does not stand in this file; write {env: NAME}, {file: path} or ${NAME}"
    )


def _secret_of_variable(name: str, around: Surroundings) -> Secret:
    if name not in around.environ:
        raise ValueError(f"the environment variable {name} is not set; set it")
    return _not_empty(around.environ[name], f"the environment variable {name}")


def _secret_of_file(name: str, around: Surroundings) -> Secret:
    path = around.folder / Path(name).expanduser()
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
        if len(content) > MAX_SECRET_BYTES:
            raise ValueError(f"the file {path} is larger than 64 KiB; a secret is a short text")
        # Editors end a file with a line break that belongs to no secret.
        return _not_empty(content.decode("utf-8").rstrip("\r\n"), f"the file {path}")
    except UnicodeDecodeError as error:
        raise ValueError(f"the file {path} is not UTF-8; a secret is text") from error
    except OSError as error:
        raise ValueError(f"the file {path} cannot be read: {error.strerror}") from error


def _not_empty(text: str, where: str) -> Secret:
    if not text:
        raise ValueError(f"{where} gives an empty secret")
    return Secret(str(text))


def surroundings(info: "ValidationInfo") -> Surroundings:
    """Return what the loader handed in; without a loader, nothing and the working folder."""
    found = info.context
    return found if isinstance(found, Surroundings) else Surroundings({}, Path())


def _read_duration(value: object, info: "ValidationInfo") -> timedelta:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.match(value) if isinstance(value, str) else None
    if not match:
        raise ValueError("expected a number with ms, s, m, h, d or w, such as 30s, 4h or 7d")
    found: timedelta = int(match[1]) * _UNITS[match[2]]
    if found <= timedelta():
        raise ValueError("expected a duration longer than nothing")
    return found


Duration = Annotated[
    timedelta,
    _Read(
        _read_duration,
        {"type": "string", "pattern": r"^\d{1,9}(ms|s|m|h|d|w)$", "title": "Duration"},
    ),
]
"""A stretch of time, written `30s`, `4h`, `7d`."""


def duration_text(value: timedelta) -> str:
    """Return a duration as people write it: `90s`, `5m`."""
    for unit, length in sorted(_UNITS.items(), key=lambda entry: -entry[1]):
        if not value % length:
            return f"{value // length}{unit}"
    raise ValueError("shorter than a millisecond")


def _read_size(value: object, info: "ValidationInfo") -> int:
    match = _SIZE.match(str(value)) if isinstance(value, str | int) else None
    if not match or isinstance(value, bool):
        raise ValueError("expected a size such as 512MiB, 100GiB or a number of bytes")
    found = int(match[1]) * _FACTORS[match[2]]
    if not found:
        raise ValueError("expected a size above zero")
    return found


Size = Annotated[
    int,
    _Read(
        _read_size,
        {
            "title": "Size",
            "anyOf": [
                {"type": "string", "pattern": r"^\d{1,12} ?(B|KiB|MiB|GiB|TiB)?$"},
                {"type": "integer", "minimum": 1},
            ],
        },
    ),
]
"""A number of bytes, written `512MiB`, `100GiB`."""


def _read_path(value: object, info: "ValidationInfo") -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("expected a path")
    path = Path(value).expanduser()
    # A path in the file is meant from the file; a path on a command line from where one stands.
    return Path.cwd() / path if isinstance(value, Override) else surroundings(info).folder / path


FilePath = Annotated[
    Path,
    _Read(_read_path, {"type": "string", "title": "Path"}),
]
"""A path; a relative one starts at the folder of the settings file."""

SeverityName: TypeAlias = Literal["informational", "low", "medium", "high", "critical", "fatal"]
SEVERITY_IDS: dict[SeverityName, int] = {
    name: number for number, name in enumerate(get_args(SeverityName), start=1)
}


Port = Annotated[int, Within(0, 65535)]
"""Number of a port; 0 takes a free one."""


def _read_network(value: object, info: "ValidationInfo") -> IPv4Network | IPv6Network:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        return ip_network(value) if isinstance(value, str) else _refuse_network()
    except ValueError as error:
        raise ValueError(f"expected a range such as 10.0.0.0/8 or 2001:db8::/32: {error}") from None


def _refuse_network() -> IPv4Network | IPv6Network:
    raise ValueError("it is not text")


Network = Annotated[
    IPv4Network | IPv6Network,
    _Read(_read_network, {"type": "string", "title": "Address range"}),
]
"""An address range, written `10.0.0.0/8`."""


def shown(value: object) -> str:
    """Return a value as messages quote it, cut to a line."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
