"""What whole heads said, and the new ones of a batch, which are worked out together."""

from collections.abc import Callable, Sequence

from tocsin.detect.engine.looks import NOTHING, Answer
from tocsin.detect.engine.memory import Allowance, Remembered


class Waiting:
    """Stands for the answer about a head that was not seen before, until `learn` has told it."""

    __slots__ = ("answer",)

    def __init__(self) -> None:
        self.answer = NOTHING


class HeadsSeen(Remembered[object, "Answer | Waiting"]):
    """Answers by head; `seen[head]` is `Waiting` where the head is new. For one thread."""

    def __init__(self, size: Callable[[object], int], allowance: Allowance) -> None:
        super().__init__(allowance)
        self._new: dict[object, Waiting] = {}
        self._size = size

    def __missing__(self, head: object) -> Waiting:
        return self._new.setdefault(head, Waiting())

    def begin(self) -> dict[object, Waiting]:
        """Return what new heads are put into from now on."""
        self._new = {}
        return self._new

    def learn(self, answers: Sequence[Answer]) -> None:
        """Take the answers about the new heads, in their order."""
        for waiting, answer in zip(self._new.values(), answers, strict=True):
            waiting.answer = answer
        heads = list(self._new)
        self.keep_all(heads, dict(zip(heads, answers, strict=True)), list(map(self._size, heads)))


def told(found: Sequence[Answer | Waiting | None]) -> list[Answer | None]:
    """Return the answers, those that were waited for among them."""
    return [each.answer if isinstance(each, Waiting) else each for each in found]
