"""The contract between what cuts records out of streams and what reads their text.

A reader is named by a mapping (`reader: zeek_tsv`) and lives in `tocsin.normalize.readers`. It
stands here because both rooms speak of it: `collect` keeps headers and joins lines as it says,
`normalize` gives it the records.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

MAX_HEADER_BYTES = 64 << 10
"""Lines that would make a header longer are records, which then become rejects."""


class LineReader(ABC):
    """Reads records of a text format; pure: no input or output, no state between calls.

    The constructor takes the plug's own frozen settings dataclass: the options that a mapping
    writes beside `name`. Records that begin with `{` are JSON already and never come here, but to
    a reader that asks for them.

    Attributes:
        takes_json: whether `read` gets records that begin with `{` as well, to give them the names
            or the shape that the mapping knows. What needs none, or is no JSON, it gives back.
        has_header: whether `header_after` says something.
        is_joining: whether `join_key` says something.
    """

    takes_json: ClassVar[bool] = False
    has_header: ClassVar[bool] = False
    is_joining: ClassVar[bool] = False

    @abstractmethod
    def read(self, raws: Sequence[bytes], header: bytes | None) -> list[bytes | str]:
        """Return for each record the JSON object of its fields, or why there is none.

        Args:
            raws: records as received, without line breaks at their ends; all of one header.
            header: the lines that say how these are read, each with its line break; `None` where
                none came before them.

        Returns:
            for each record a JSON object as UTF-8 bytes, or the reason of its reject as text that
            begins with a stable code and a colon (`bad_frame: ...`). Never raises; takes at most
            50 ms for 64 KiB of anything.
        """

    def header_after(self, header: bytes, line: bytes) -> bytes | None:
        """Return the header that holds after `line`, or `None` where `line` is a record.

        Args:
            header: what holds before it, empty at the beginning of a stream.
            line: without its line break.
        """
        return None

    def join_key(self, line: bytes) -> bytes | None:
        """Return what lines of one record share, or `None` for a line that is a record alone.

        Lines with the same key that stand near each other are one record, joined by line breaks;
        others may stand between them.
        """
        return None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:  # noqa: ANN401 - pydantic's own protocol
        """Let settings dataclasses of plugs hold a reader."""
        from pydantic_core import core_schema

        return core_schema.is_instance_schema(cls)
