"""Which rules match an event, and which must be asked: the index over all rules of one source.

Fields with few different values (`eventName`, `errorCode`) are read together: for each combination
the engine remembers which rules match, and what is left open of which others. The other indexed
fields are looked up column by column. Where most events show all these fields as others did before,
one look-up of the decoded fields is all that an event costs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from tocsin.conditions import lookup
from tocsin.detect.engine.combinations import Combinations, FieldsRead
from tocsin.detect.engine.field_index import FieldIndex, Numbers
from tocsin.detect.engine.heads import Heads
from tocsin.detect.engine.looks import NOTHING, Answer, Looks, SecondLook, gathered
from tocsin.detect.engine.memory import Allowance
from tocsin.detect.engine.seen import HeadsSeen, told
from tocsin.detect.engine.shape import Necessary, Shape
from tocsin.detect.engine.single_values import HitClasses
from tocsin.detect.engine.witnesses import ANYWHERE

_CHUNK = 1_024
_TRIAL = 64
_MAX_PAUSE = 64
_EVENTS_TO_LEARN_FROM = 2_048
_SHARE_OF_EVENTS = 1 / 16
_FOR_ANSWERS = 12_000_000
_FOR_VALUES = 8_000_000


@dataclass(slots=True)
class Selected:
    """What the index says about some records.

    Attributes:
        sure: index of a record, and the rules that match it, by their numbers.
        asked: index of a record, and the rules that must be asked about it in full.
        odd: records that the index cannot read quickly; ask `Engine.of_record`.
    """

    sure: list[tuple[int, Numbers]] = field(default_factory=list)
    asked: list[tuple[int, Numbers]] = field(default_factory=list)
    odd: list[int] = field(default_factory=list)

    def note(self, place: int, sure: Numbers, asked: Numbers) -> None:
        """Note what is known of a record."""
        if sure:
            self.sure.append((place, sure))
        if asked:
            self.asked.append((place, asked))

    def ask(self, named: Mapping[int, Numbers]) -> None:
        """Ask these rules about records by place too, unless they are known to match."""
        sure, asked, odd = dict(self.sure), dict(self.asked), frozenset(self.odd)
        for place, numbers in named.items():
            more = frozenset(numbers).difference(sure.get(place, ()), asked.get(place, ()))
            if more and place not in odd:
                asked[place] = (*asked.get(place, ()), *sorted(more))
        self.asked = list(asked.items())


class Engine:
    """The index over the rules of one source; remembers values, so it is for one thread.

    Attributes:
        always: rules without a witness.
        decode: reads the index fields of a record.
    """

    def __init__(self, rules: Sequence[Necessary]) -> None:
        self._rules = tuple(rules)
        self._inexact = tuple(number for number, rule in enumerate(rules) if not rule.is_exact)
        shape = Shape(rules)
        self._of_values = Allowance(_FOR_VALUES)
        self._indexes = {
            path: FieldIndex(shape.of_path(path), self._of_values) for path in shape.paths
        }
        anywhere = shape.of_path(ANYWHERE)
        self._anywhere_rules = tuple({number for _, number in anywhere})
        self._anywhere = FieldIndex(anywhere, self._of_values)
        self._classes: dict[str, HitClasses] = {}
        self._build(shape)
        self._events = 0
        self._pause = self._paused = 0

    def _build(self, shape: Shape) -> None:
        self._shape = shape
        self.always = shape.always
        self._heads = Heads(shape.kinds)
        self.decode = self._heads.decode
        self._empty = self.decode("{}")
        answers = Allowance(_FOR_ANSWERS)
        self.allowances = answers, self._of_values
        for path in (*shape.keys, *shape.values):
            if path not in self._classes:
                self._classes[path] = HitClasses(shape.tests_at(path), self._of_values)
        self._looks = Looks(shape.rules, answers)
        self._combinations = Combinations(
            shape, self._heads, FieldsRead(self._indexes, self._classes), self._looks, answers
        )
        self._seen = HeadsSeen(self._heads.size, answers)

    def select(self, texts: Sequence[str]) -> Selected:
        """Return which rules match which of these records, and which must be asked."""
        if self._events >= _EVENTS_TO_LEARN_FROM:
            self.learn()
        self._events += len(texts)
        selected = Selected()
        answers: list[Answer | None] = []
        while len(answers) < len(texts):
            start = len(answers)
            is_trial = self._pause and not self._paused
            chunk = texts[start : start + (_TRIAL if is_trial else _CHUNK)]
            answers += self._answers(chunk)
        self._conclude(texts, answers, selected)
        if self._anywhere_rules:
            selected.ask(self._by_text(texts))
        return selected

    def learn(self) -> None:
        """Read the fields that many events needed a second look for at the first look."""
        wanted = self._looks.paths_of_more(self._events * _SHARE_OF_EVENTS)
        shape = self._shape.reading(wanted)
        self._events = 0
        if shape is not self._shape:
            self._build(shape)

    def of_record(self, record: Mapping[str, object]) -> Numbers:
        """Return the rules that must be asked about one decoded record, however odd it is."""
        found = {*self.always, *self._inexact, *self._anywhere_rules}
        for path, index in self._indexes.items():
            for value in lookup(record, path):
                found.update(index.of_value(value))
        return tuple(sorted(found))

    def rest(self) -> None:
        """Look fields up column by column for a while, as where most heads are new."""
        self._pause = min(2 * self._pause + 1, _MAX_PAUSE)
        self._paused = self._pause

    def _conclude(
        self, texts: Sequence[str], answers: Sequence[Answer | None], into: Selected
    ) -> None:
        """Note the answers, after the second look that some need; `None` is an odd record."""
        looks: dict[SecondLook, list[tuple[int, Answer]]] = {}
        sure = into.sure.append
        for place, answer in enumerate(answers):
            if answer is NOTHING:
                continue
            if answer is None:
                into.odd.append(place)
            elif answer.look is not None:
                looks.setdefault(answer.look, []).append((place, answer))
            elif answer.asked:
                into.note(place, answer.sure, answer.asked)
            else:
                sure((place, answer.sure))
        for look, waiting in looks.items():
            further = look.answers([texts[place] for place, _ in waiting])
            for (place, answer), more in zip(waiting, further, strict=True):
                known = answer.sure + more.sure if more is not NOTHING else answer.sure
                into.note(place, known, more.asked)

    def _by_text(self, texts: Sequence[str]) -> dict[int, Numbers]:
        """Return the rules that the texts of the records speak for."""
        found = self._anywhere.of_texts(texts)
        # Any sign may be written by its number.
        found.update((at, self._anywhere_rules) for at, text in enumerate(texts) if "\\u" in text)
        return found

    def _answers(self, texts: Sequence[str]) -> list[Answer | None]:
        """Return the answers, `None` where a record is odd.

        Remembering whole heads is worth it only while most are seen again; where they are not, it
        rests, for longer each time that a trial shows the same.
        """
        if self._paused:
            self._paused -= 1
            return self._by_columns(texts)
        new = self._seen.begin()
        coming = map(self._seen.__getitem__, map(self.decode, texts))
        found = gathered(coming, len(texts))
        if len(new) * 2 > max(len(texts), _TRIAL):
            self.rest()
        else:
            self._pause = 0
        if not new:
            return cast("list[Answer | None]", found)
        self._seen.learn(self._combinations.answers(list(new)))
        return told(found)

    def _by_columns(self, texts: Sequence[str]) -> list[Answer | None]:
        decoded = gathered(map(self.decode, texts), len(texts))
        heads = [self._empty if head is None else head for head in decoded]
        answers: list[Answer | None] = [*self._combinations.answers(heads)]
        if None in decoded:
            answers = [
                None if head is None else each for head, each in zip(decoded, answers, strict=True)
            ]
        return answers
