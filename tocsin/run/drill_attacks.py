"""Read labelled attacks: stories of our own in YAML, or records as somebody recorded them.

A folder holds one file for each technique. What an attack is stands in the file (stories), in
`labels.yaml` beside it, or in the file's name, in this order.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tocsin.errors import ContentError, Location
from tocsin.ocsf.yaml_text import YamlValue, load
from tocsin.run import content
from tocsin.run.drill_card import Label

COMPANY = "company.yaml"
LABELS = "labels.yaml"
_STORIES = frozenset({".yaml", ".yml"})
_RECORDS = frozenset({".json", ".jsonl", ".ndjson", ".log", ".gz"})
_TECHNIQUE = re.compile(r"(?<![A-Za-z0-9])[Tt][0-9]{4}(?:\.[0-9]{3})?(?![0-9])")
_LABEL_KEYS = ("name", "technique", "techniques", "tactic", "tactics")


@dataclass(frozen=True, slots=True)
class Attack:
    """One file with an attack.

    Attributes:
        file: as shown, inside the folder.
        is_story: whether it is told in YAML, otherwise it holds records.
    """

    path: Path
    file: str
    name: str
    label: Label
    is_story: bool


def read_attacks(folder: Path, known_tactics: frozenset[str]) -> tuple[Attack, ...]:
    """Return the attacks of a folder, or of one file, in order of name.

    Args:
        folder: searched with all folders in it; names that start with a dot are left out.
        known_tactics: ATT&CK short names that file names may hold.

    Raises:
        ContentError: there is no such folder, it holds no attack, or a label is no label.
    """
    if not folder.exists():
        raise ContentError("there is no such file or folder", Location(str(folder)))
    root = folder if folder.is_dir() else folder.parent
    labels = _labels(root / LABELS)
    reader = _Reader(root, labels, known_tactics)
    paths = sorted(folder.rglob("*")) if folder.is_dir() else [folder]
    attacks = tuple(reader.attack(path) for path in paths if _is_attack(path, root))
    if not attacks:
        raise ContentError(
            "there is no attack here: one YAML story or JSON file for each technique",
            Location(str(folder)),
        )
    return attacks


@dataclass(frozen=True, slots=True)
class _Reader:
    root: Path
    labels: Mapping[str, Mapping[str, YamlValue]]
    known_tactics: frozenset[str]

    def attack(self, path: Path) -> Attack:
        file = str(path.relative_to(self.root))
        is_story = path.suffix in _STORIES
        said: dict[str, YamlValue] = _named(file, self.known_tactics)
        said |= self.labels.get(file, {})
        if is_story:
            said |= _label_keys(load(content.read_text(path), str(path)).value, str(path))
        label = Label(
            techniques=tuple(each.upper() for each in _words(said, "technique", "techniques")),
            tactics=tuple(each.replace("_", "-") for each in _words(said, "tactic", "tactics")),
        )
        return Attack(path, file, str(said.get("name", "")), label, is_story)


def _is_attack(path: Path, root: Path) -> bool:
    inside = path.relative_to(root).parts
    if not path.is_file() or any(part.startswith(".") for part in inside):
        return False
    return path.suffix in _STORIES | _RECORDS and path.name not in (COMPANY, LABELS)


def _labels(path: Path) -> Mapping[str, Mapping[str, YamlValue]]:
    """Return what `labels.yaml` says by file; nothing where there is none."""
    if not path.is_file():
        return {}
    found = load(content.read_text(path), str(path)).value
    if not isinstance(found, dict):
        raise ContentError("labels are a mapping from file to label", Location(str(path)))
    return {file: _label_keys(value, str(path)) for file, value in found.items()}


def _label_keys(value: YamlValue, location: str) -> dict[str, YamlValue]:
    if not isinstance(value, dict):
        raise ContentError(f"a label is a mapping of {', '.join(_LABEL_KEYS)}", Location(location))
    return {key: value[key] for key in _LABEL_KEYS if key in value}


def _words(said: Mapping[str, YamlValue], one: str, many: str) -> Iterator[str]:
    for value in (said.get(one), said.get(many)):
        for word in value if isinstance(value, list) else [value]:
            if word:
                yield str(word)


def _named(file: str, known_tactics: frozenset[str]) -> dict[str, YamlValue]:
    """Return what a file's name says: `aws.credential-access.read-passwords`, `T1552.001-ssm`."""
    stem = re.sub(r"(\.(json|jsonl|ndjson|log|gz|ya?ml))+\Z", "", Path(file).name)
    techniques = _TECHNIQUE.findall(stem)
    rest = _TECHNIQUE.sub("", stem)
    parts = [part for part in rest.split(".") if part]
    tactics = [part for part in parts if part.lower().replace("_", "-") in known_tactics]
    words = [part for part in parts if part not in tactics] or parts or [stem]
    name = re.sub(r"[-_]+", " ", words[-1]).strip()
    return {
        "name": name or stem,
        "techniques": [*techniques],
        "tactics": [part.lower() for part in tactics],
    }
