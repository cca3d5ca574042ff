"""Every parser that reads what others wrote, by name."""

from functools import cache

from tests.fuzz import contents, received, texts
from tests.fuzz.parser import Parser


@cache
def parsers() -> dict[str, Parser]:
    """Return them: of payloads and texts, of what is pushed, of what people write."""
    return {**texts.parsers(), **received.parsers(), **contents.parsers()}
