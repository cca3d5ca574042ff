"""What a parser is to the fuzzer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec


@dataclass(frozen=True)
class Parser:
    """One parser and what may come out of it.

    Attributes:
        seeds: good inputs, which are damaged.
        parse: reads inputs; any exception of it is a finding, a failed assertion too.
        batch: how many inputs it is given at once.
        cost: what one input costs, in those of a cheap parser: dear ones get fewer.
        once: reads one input a single time, where `parse` does so in several ways; `None` for what
            strangers do not choose, so that it may take longer than 50 ms for 64 KiB. Returns how
            many records came out.
        item_seconds: allowed beyond that for each record, where 64 KiB may hold tens of thousands
            and each is more than text that was cut.
    """

    seeds: Callable[[], Sequence[bytes]]
    parse: Callable[[Sequence[bytes]], None]
    batch: int = 1
    cost: int = 1
    once: Callable[[bytes], object] | None = None
    item_seconds: float = 0.0


def each(parse: Callable[[bytes], None]) -> Callable[[Sequence[bytes]], None]:
    """Return what parses inputs one by one."""

    def parse_all(inputs: Sequence[bytes]) -> None:
        for text in inputs:
            parse(text)

    return parse_all


def is_reason(text: str) -> bool:
    """Tell whether a text is the reason of a reject: a stable code, then words."""
    code, colon, rest = text.partition(":")
    return bool(colon and rest.strip()) and code.replace("_", "").isalnum() and code.islower()


def is_object(text: bytes) -> bool:
    """Tell whether bytes are one JSON object."""
    return isinstance(msgspec.json.decode(text), dict)


def spread(texts: Sequence[bytes], most: int) -> list[bytes]:
    """Return some of many texts, from everywhere in them."""
    return list(texts[:: max(1, len(texts) // most)])
