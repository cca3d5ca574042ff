"""Read what secrets look like, and hold it to its own samples."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tocsin.errors import ContentError, Location
from tocsin.ocsf import yaml_text

_KEYS = frozenset(
    ("kind", "patterns", "least", "most", "entropy", "needs_digit", "samples"),
)
_BETWEEN = (
    r"""(?:\\*["'])?(?:\s{0,4}(?:=>|[:=])\s{0,4}\[?|\s?,\s?\\*["']value\\*["']\s?:\s?|\s)"""
    r"""(?:\\*["'])?"""
)
"""What `{is}` stands for: `=`, `: `, `":"`, `\\":\\"`, `","value":"`, `":["`, one space."""


@dataclass(frozen=True, slots=True)
class SecretKind:
    """One kind of secret.

    Attributes:
        kind: its name, which stands in the text instead of the secret.
        patterns: RE2, each with one group: the secret.
        least: characters that it has at least; `most`: at most.
        entropy: bits a character that it has at least; 0 for any.
        needs_digit: whether it holds a digit: words never do.
        matches: texts that hold one; `near_misses`: texts that look alike and hold none.
    """

    kind: str
    patterns: tuple[str, ...]
    least: int
    most: int
    entropy: float
    needs_digit: bool
    matches: tuple[str, ...]
    near_misses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """All kinds of secrets, and the pattern of values that are none wherever they stand."""

    kinds: tuple[SecretKind, ...]
    spared: str
    location: str


def read_definition(text: str, location: str) -> Definition:
    """Read `content/redaction.yaml`.

    Raises:
        ContentError: a key is missing, unknown or of the wrong type; patterns are looked at by
            `Redactor`.
    """
    document = yaml_text.load(text, location).value
    content = _object(document, location)
    listed = content.get("kinds")
    if not isinstance(listed, list) or not isinstance(content.get("spared"), str):
        raise ContentError("`kinds` must be a list and `spared` a pattern", Location(location))
    kinds = tuple(_kind(_object(each, location), location) for each in listed)
    return Definition(kinds, str(content["spared"]), location)


def failing_samples(
    definition: Definition, kinds_in: "Mapping[str, frozenset[str]]"
) -> Iterator[str]:
    """Yield one sentence for each sample that does not show what it should.

    Args:
        definition: with its samples.
        kinds_in: by sample, the kinds that a redactor found in it.
    """
    for each in definition.kinds:
        for sample in each.matches:
            if each.kind not in kinds_in[sample]:
                yield f"{each.kind}: nothing is found in {sample!r}"
        for sample in each.near_misses:
            if kinds_in[sample]:
                yield f"{each.kind}: {', '.join(kinds_in[sample])} is found in {sample!r}"


def _kind(content: Mapping[str, object], location: str) -> SecretKind:
    name = content.get("kind")
    unknown = set(content) - _KEYS
    if not isinstance(name, str) or unknown:
        problem = f"unknown keys {sorted(unknown)}" if unknown else "`kind` is missing"
        raise ContentError(f"kind {name!r}: {problem}", Location(location))
    samples = _object(content.get("samples", {}), location)
    try:
        return SecretKind(
            kind=name,
            patterns=tuple(each.replace("{is}", _BETWEEN) for each in _texts(content["patterns"])),
            least=int(str(content.get("least", 1))),
            most=int(str(content.get("most", 1 << 30))),
            entropy=float(str(content.get("entropy", 0))),
            needs_digit=content.get("needs_digit") is True,
            matches=_texts(samples.get("match", [])),
            near_misses=_texts(samples.get("near", [])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ContentError(f"kind {name!r}: {error}", Location(location)) from error


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError(f"{value!r} is no list of texts")
    return tuple(value)


def _object(value: object, location: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise ContentError(f"{value!r} must be an object", Location(location))
    return value
