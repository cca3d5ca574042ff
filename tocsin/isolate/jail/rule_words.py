"""Ask the functions of a matching rule beside `rule` itself: title, dedup, severity and the others.

None of them undoes the match: one that raises, or returns what it should not, is told among the
failures, and what the YAML says of the rule counts instead.

Source: https://docs.panther.com/detections/rules/python (2026), "Alert functions".
"""

import json
import os
import unicodedata
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tocsin.isolate.jail import rule_event
else:
    import rule_event

TITLE_CHARACTERS = 300
KEY_CHARACTERS = 1_000
DESCRIPTION_CHARACTERS = 4_000
WORD_CHARACTERS = 4_000
CONTEXT_BYTES = 16_384
REASON_CHARACTERS = 300
MOST_DESTINATIONS = 100

_REMEDY = "workers have no such package; bring what is needed of it under `global_helpers`"
_FALL_BACK = "DEFAULT"
_SEVERITIES = ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL", _FALL_BACK)
_LISTS = (list, tuple, rule_event.FrozenList)
_OUT_OF_MEMORY_STATUS = 3


class Wording:
    """What the other functions of a matching rule say.

    Attributes:
        failures: what went wrong, one text for each function.
        is_quiet: whether `destinations` named nobody at all, so that nobody is to be told.
    """

    def __init__(self, names: Mapping[str, Any], event: Any) -> None:
        self._names = names
        self._event = event
        self.failures: list[str] = []
        self.is_quiet = False

    def text(self, name: str, most: int) -> str:
        """Return the text of one function in one line, empty where it has none to say."""
        said = self._call(name)
        if said is None or (type(said) is str and said == _FALL_BACK):
            return ""
        if type(said) is not str:
            self.failures.append(f"{name}() returned {type(said).__name__}, not text")
            return ""
        return one_line(said[: 2 * most])[:most]

    def severity(self) -> str:
        """Return a word that Panther documents, empty for the severity of the rule."""
        word = self.text("severity", 20)
        if word and word.upper() not in _SEVERITIES:
            self.failures.append(
                f"severity() returned {word!r}; known are {', '.join(_SEVERITIES)}"
            )
            return ""
        return word

    def dedup(self) -> str:
        """Return the text that joins matches, empty where the rule names none."""
        return self._key("dedup") or ""

    def unique(self) -> str | None:
        """Return the value whose different values the threshold counts.

        Empty where this match does not count; `None` where the rule counts matches.
        """
        return self._key("unique") or "" if "unique" in self._names else None

    def _key(self, name: str) -> str | None:
        """Return what a function gives to tell matches apart; numbers count by their text."""
        said = self._call(name)
        if type(said) is int and said.bit_length() < 1_000:
            said = str(said)
        if said is not None and type(said) is not str:
            self.failures.append(f"{name}() returned {type(said).__name__}, not text")
            return None
        return None if said is None else one_line(said[: 2 * KEY_CHARACTERS])[:KEY_CHARACTERS]

    def context(self) -> str:
        """Return the object of `alert_context` as JSON, `{}` where there is none.

        What a rule says of where to look and whom to tell stands in it too, under the names of
        its functions.
        """
        said = self._call("alert_context")
        words: dict[str, Any] = {}
        for name in ("reference", "runbook"):
            if word := self.text(name, WORD_CHARACTERS):
                words[name] = word
        if destinations := self._destinations():
            words["destinations"] = destinations
        try:
            text = json.dumps({**words, **dict(said or {})}, default=str)
        except BaseException as error:  # noqa: B036 # values may be of the rule's own making
            self.failures.append(f"alert_context: {reason(error)}")
            text = json.dumps(words)
        if len(text) > CONTEXT_BYTES:
            self.failures.append(f"alert_context is larger than {CONTEXT_BYTES} bytes")
            text = json.dumps(words)
        return text if len(text) <= CONTEXT_BYTES else "{}"

    def _destinations(self) -> list[str]:
        said = self._call("destinations")
        if said is None or (type(said) is str and said == _FALL_BACK):
            return []
        if type(said) not in _LISTS or not all(type(each) is str for each in said):
            self.failures.append(f"destinations() returned {type(said).__name__}, no list of texts")
            return []
        self.is_quiet = not said
        return [one_line(each[:200]) for each in said[:MOST_DESTINATIONS]]

    def _call(self, name: str) -> Any:
        function: Callable[[Any], Any] | None = self._names.get(name)
        if function is None:
            return None
        try:
            return function(self._event)
        except BaseException as error:  # noqa: B036 # a rule may raise anything
            self.failures.append(f"{name}: {reason(error)}")
            return None


def one_line(text: str) -> str:
    """Return the text without control, format and other unprintable characters."""
    plain = "".join(" " if unicodedata.category(letter)[0] == "C" else letter for letter in text)
    return " ".join(plain.split())


def reason(error: BaseException) -> str:
    """Return what went wrong in one line; ends the process where memory ran out.

    A process that has run out of memory may fail rules that did nothing wrong: the parent starts
    another and tries each rule alone.
    """
    if isinstance(error, MemoryError):
        os._exit(_OUT_OF_MEMORY_STATUS)
    kind = type(error).__name__
    try:
        text = one_line(str(error)[:REASON_CHARACTERS])
    except BaseException:  # noqa: B036 # even the text of an error may raise
        text = ""
    if isinstance(error, ModuleNotFoundError):
        text = f"{text}; {_REMEDY}"
    return f"raised {kind}: {text}" if text else f"raised {kind}"
