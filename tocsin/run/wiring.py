"""Wire the product together: content files become mappings and rules, settings become plugs."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin import detect
from tocsin.errors import Location, Problem, UsageError
from tocsin.ocsf import identifiers
from tocsin.run import content, rule_cache, rule_folders
from tocsin.run.tools import Tools

if TYPE_CHECKING:
    from tocsin import normalize
    from tocsin.isolate import RuleWorker
    from tocsin.settings import Settings


@dataclass(frozen=True, slots=True)
class RuleChoice:
    """Which rules a command takes: `folders` instead of the built-in ones, or beside them."""

    folders: tuple[Path, ...] = ()
    with_builtin: bool = True


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """Rules in force, the texts they came from, and what is wrong with the others.

    Attributes:
        surroundings: helpers and data models of Python rules, for the worker.
        switched_off: rules that the settings switch off.
        own_severities: by uid, the severity that a rule says itself where the settings say another.
    """

    rules: tuple[detect.Rule, ...]
    texts: Mapping[str, str]
    problems: tuple[Problem, ...]
    surroundings: str = ""
    switched_off: tuple[detect.Rule, ...] = ()
    own_severities: Mapping[str, int] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Hash of all that decides what the rules find: the same wherever the same are in force."""
        told = sorted(
            f"{rule.uid} {rule.version} {rule.severity_id} {rule.is_severity_fixed}"
            f" {rule.is_enabled}"
            for rule in self.rules
        )
        content = "\n".join([*told, self.surroundings])
        return identifiers.content_hash(content.encode("utf-8", "surrogatepass"))[:12]

    @property
    def refusals(self) -> tuple[Problem, ...]:
        """The problems that keep a file from being used; the others are warnings."""
        return tuple(problem for problem in self.problems if not problem.is_warning)


def load_mappings() -> "Mapping[str, normalize.Mapping]":
    """Return the mappings by source, each compiled when it is first asked for.

    Asking for one whose file is wrong raises `MappingError`: nothing can be normalized by it.
    """
    # Loaded here: commands that read rules alone need no mapping, nor what runs it.
    from tocsin.run.mapping_shelf import MappingShelf

    return MappingShelf(content.mapping_texts(), content.macros_text(), content.find_reader)


def load_mapping(source: str) -> "normalize.Mapping":
    """Return the mapping of one source by its name, without compiling the others.

    Raises:
        UsageError: there is no such source; the text names those that there are.
        MappingError: the mapping file is wrong.
    """
    found = {
        Path(location).stem: (text, location) for location, text in content.mapping_texts().items()
    }
    if source not in found:
        raise _no_source(source, found)
    from tocsin import normalize

    return normalize.load_mapping(
        *found[source], content.macros_text(), find_reader=content.find_reader
    )


def load_rules(choice: RuleChoice, settings: "Settings | None" = None) -> LoadedRules:
    """Return the chosen rules; those that the settings switch off are left out.

    A rule file that is wrong is a problem to show and does not keep the others out.
    """
    texts, unreadable = rule_texts(choice)
    return parsed_rules(texts, unreadable, settings)


def rule_texts(choice: RuleChoice) -> tuple[Mapping[str, str], tuple[Problem, ...]]:
    """Return the text of every chosen rule file by its name, and what was left out.

    Raises:
        ContentError: there is no such folder, or it holds more than rules can be.
    """
    builtin = [content.builtin_rules_folder()] if choice.with_builtin else []
    return rule_folders.rule_texts([*choice.folders, *builtin])


def parsed_rules(
    texts: Mapping[str, str],
    unreadable: tuple[Problem, ...] = (),
    settings: "Settings | None" = None,
) -> LoadedRules:
    """Return the rules of these texts as the settings want them.

    Raises:
        ContentError: a pipeline is wrong.
    """
    placeholders = {} if settings is None else placeholders_of(settings)
    pipelines = {} if settings is None else content.named_texts(settings.rules.pipelines)
    with rule_cache.opened(settings, placeholders, pipelines) as shelf:
        parsed = detect.parse_rules(texts, placeholders, shelf, pipelines)
    problems = (*parsed.problems, *unreadable)
    loaded = LoadedRules(parsed.rules, texts, problems, parsed.surroundings)
    return loaded if settings is None else _adjusted(_with_packages(loaded, settings), settings)


def _with_packages(loaded: LoadedRules, settings: "Settings") -> LoadedRules:
    """Return the rules with the packages that the settings let Python rules import."""
    names = settings.rules.packages
    if not names or not loaded.surroundings:
        return loaded
    surroundings = json.loads(loaded.surroundings) | {"packages": names}
    missing = tuple(
        Problem(
            Location("rules.packages"),
            f"no package {name!r} is installed where Tocsin is; rules that import it fail",
            is_warning=True,
        )
        for name in names
        if find_spec(name.partition(".")[0]) is None
    )
    return replace(
        loaded,
        surroundings=json.dumps(surroundings, sort_keys=True),
        problems=(*loaded.problems, *missing),
    )


def placeholders_of(settings: "Settings") -> Mapping[str, tuple[str, ...]]:
    """Return the values that rules may name as `%name%`: one's own lists, and the organization."""
    organization = settings.organization
    return {
        **settings.rules.placeholders,
        "organization.accounts": tuple(account.uid for account in organization.accounts),
        "organization.address_ranges": tuple(map(str, organization.address_ranges)),
        "organization.break_glass": organization.break_glass,
        "organization.ci_roles": organization.ci_roles,
        "organization.countries": organization.countries,
    }


def rules_of(settings: "Settings") -> RuleChoice:
    """Return which rules the settings ask for."""
    return RuleChoice(tuple(settings.rules.folders), settings.rules.with_builtin)


def log_sources(settings: "Settings | None" = None) -> detect.LogSources:
    """Return what binds the log sources of rules to sources: our list, and those of the settings.

    Raises:
        ContentError: a file is wrong.
    """
    found = detect.LogSources.read(content.log_sources_text(), "content/log_sources.yaml")
    files = {} if settings is None else content.named_texts(settings.rules.log_sources)
    for name, text in files.items():
        found = found.with_more(text, name)
    return found


def load_tools(
    settings: "Settings",
    loaded: LoadedRules,
    worker: "RuleWorker",
    mappings: "Mapping[str, normalize.Mapping]",
) -> Tools:
    """Return everything that a turn works with; the worker gets the rules' surroundings."""
    worker.provide(loaded.surroundings)
    return made_tools(settings, loaded, worker, mappings)


def made_tools(
    settings: "Settings",
    loaded: LoadedRules,
    worker: "RuleWorker",
    mappings: "Mapping[str, normalize.Mapping]",
) -> Tools:
    """Return the tools without touching the worker, which may be at work in another thread."""
    # Loaded here: commands that read rules alone add nothing to events.
    from tocsin.run import identifying, knowing, redacting
    from tocsin.run.proposing import Proposing

    return Tools(
        settings=settings,
        mappings=mappings,
        rules=detect.RuleSet.build(loaded.rules, log_sources(settings), settings.incidents.max_age),
        checks=(),
        run_python=worker,
        never_link=frozenset(settings.organization.ci_roles),
        knowledge=knowing.knowledge_of(settings),
        redaction=redacting.redaction_of(settings),
        identification=identifying.identification_of(settings),
        proposing=Proposing(settings),
    )


def _adjusted(loaded: LoadedRules, settings: "Settings") -> LoadedRules:
    """Return the rules as the settings want them: some switched off, some of other severity."""
    from tocsin.settings import SEVERITY_IDS

    wanted = settings.rules
    off, severities = frozenset(wanted.disabled), wanted.severities
    return replace(
        loaded,
        rules=tuple(
            replace(rule, severity_id=SEVERITY_IDS[severities[rule.uid]], is_severity_fixed=True)
            if rule.uid in severities
            else rule
            for rule in loaded.rules
            if rule.uid not in off
        ),
        switched_off=tuple(rule for rule in loaded.rules if rule.uid in off),
        own_severities={
            rule.uid: rule.severity_id for rule in loaded.rules if rule.uid in severities
        },
        problems=(*loaded.problems, *_unknown(loaded, settings), *_starved(loaded, off)),
    )


def _unknown(loaded: LoadedRules, settings: "Settings") -> Iterator[Problem]:
    """Yield a warning for each rule that the settings name and that is not there."""
    by_word = {word: rule.uid for rule in loaded.rules for word in (rule.uid, rule.title)}
    named = {
        "rules.disabled": settings.rules.disabled,
        "rules.severities": settings.rules.severities,
    }
    for section, uids in named.items():
        for uid in uids:
            if by_word.get(uid) == uid:
                continue
            close = get_close_matches(uid, by_word, n=1, cutoff=0.75)
            meant = f"; did you mean {by_word[close[0]]!r}?" if close else ""
            message = f"{section} names {uid!r}, and no rule in use has this identifier{meant}"
            yield Problem(Location("settings"), message, is_warning=True)


def _starved(loaded: LoadedRules, off: frozenset[str]) -> Iterator[Problem]:
    """Yield a warning for each correlation that counts a rule which is switched off."""
    for rule in loaded.rules:
        counted = rule.correlation.references if rule.correlation and rule.uid not in off else ()
        for uid in counted:
            if uid in off:
                message = f"{rule.title!r} counts the rule {uid!r}, which rules.disabled names"
                yield Problem(Location("settings"), message, is_warning=True)


def mapping_for(source: str, mappings: "Mapping[str, normalize.Mapping]") -> "normalize.Mapping":
    """Return the mapping of a source by its name.

    Raises:
        UsageError: there is no such source; the text names those that there are.
    """
    if source not in mappings:
        raise _no_source(source, mappings)
    return mappings[source]


def _no_source(source: str, known: Iterable[str]) -> UsageError:
    return UsageError(f"there is no source {source!r}; choose one of {', '.join(sorted(known))}")
