"""Bounded memories of what values were found to mean.

Whoever writes the records chooses how many different values there are. So all memories of an engine
share one allowance; when it is spent they are emptied together, and a long value is not kept.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MAX_CHARACTERS = 1_024
"""Of one key; a longer one is looked at each time."""

_ENTRY = 400
"""Characters that an entry counts for beside its text: about the bytes that its objects need."""


class Allowance:
    """What some memories may hold together.

    Attributes:
        total: characters, each entry counting for some hundred more.
        memories: what shares it.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._spent = 0
        self.memories: list[dict[object, object]] = []

    def shared_by(self, memory: "Remembered[K, V]") -> None:
        """Empty this memory too when the allowance is spent."""
        self.memories.append(memory)  # type: ignore[arg-type] # it is only emptied

    def spend(self, characters: int, entries: int = 1) -> None:
        """Count more entries; empty all memories first if there is no room for them."""
        wanted = characters + entries * _ENTRY
        if self._spent + wanted > self.total:
            self.clear()
        self._spent += wanted

    def clear(self) -> None:
        """Empty all memories."""
        for memory in self.memories:
            memory.clear()
        self._spent = 0


class Remembered(dict[K, V], Generic[K, V]):
    """What was found for keys."""

    def __init__(self, allowance: Allowance) -> None:
        super().__init__()
        self._allowance = allowance
        allowance.shared_by(self)

    def keep(self, key: K, found: V, characters: int) -> None:
        """Remember what was found, unless the key is long."""
        if characters <= MAX_CHARACTERS:
            self._allowance.spend(characters)
            self[key] = found

    def keep_all(self, keys: Sequence[K], found: Mapping[K, V], sizes: Sequence[int]) -> None:
        """Remember what was found for many keys, unless one of them is long."""
        if max(sizes, default=0) <= MAX_CHARACTERS:
            self._allowance.spend(sum(sizes), len(sizes))
            self.update(found)
        else:
            for key, size in zip(keys, sizes, strict=True):
                self.keep(key, found[key], size)


class Memory(Remembered[K, V]):
    """What was found for keys; `memory[key]` finds it where it is not remembered.

    Attributes:
        misses: how often something was not remembered.
    """

    def __init__(
        self, find: Callable[[K], V], size: Callable[[K], int], allowance: Allowance
    ) -> None:
        super().__init__(allowance)
        self.misses = 0
        self._find, self._size = find, size

    def __missing__(self, key: K) -> V:
        self.misses += 1
        found = self._find(key)
        self.keep(key, found, self._size(key))
        return found
