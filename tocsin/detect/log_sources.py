"""Bind what rules call their log source to the sources of Tocsin.

A content file says which of Sigma's words and Panther's log types mean which source. Words bind
when none contradicts: an entry of `{product: aws, service: cloudtrail}` is meant by a rule that
writes both, and by one that writes `product: aws` alone. An entry without a product is meant by
rules without one. `category: ocsf` means every source.
People lay files of their own over it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tocsin.conditions import Condition
from tocsin.conditions.tree import AllOf, Field, Text
from tocsin.detect.aliases import Aliases
from tocsin.detect.document import Reading, nearest
from tocsin.detect.rules import LogSource, Rule
from tocsin.errors import Location, Problem, RuleError
from tocsin.ocsf.yaml_text import YamlValue, load

_KEYS = ("sigma", "log_types", "native", "fields", "kind")
_WORDS = ("product", "service", "category")


@dataclass(frozen=True, slots=True)
class Binding:
    """What stands for one source.

    Attributes:
        sigma: log sources that mean it.
        log_types: Panther's names that mean it.
        native: first path segments that belong to its records although OCSF uses the word too.
        aliases: what rules of others call its fields.
        kind: path whose value is the kind of record that rules, or else the entries they mean, name
            as their service; `None` where the source has one kind.
    """

    sigma: tuple[LogSource, ...] = ()
    log_types: frozenset[str] = frozenset()
    native: frozenset[str] = frozenset()
    aliases: Aliases = field(default_factory=Aliases)
    kind: str | None = None

    def joined(self, other: "Binding") -> "Binding":
        """Return what either of the two says."""
        return Binding(
            (*self.sigma, *other.sigma),
            self.log_types | other.log_types,
            self.native | other.native,
            Aliases({**self.aliases.paths, **other.aliases.paths}),
            other.kind or self.kind,
        )


@dataclass(frozen=True, slots=True)
class LogSources:
    """Every source by name with what stands for it; read with `LogSources.read`."""

    bindings: Mapping[str, Binding] = field(default_factory=dict)

    @staticmethod
    def read(text: str, location: str) -> "LogSources":
        """Read the content file.

        Raises:
            RuleError: with line, for the first thing that is wrong.
        """
        reading = Reading(load(text, location), location)
        found = reading.mapping(load(text, location).value)
        reading.only(found, ("sources",))
        sources = reading.mapping(found.get("sources"), "sources")
        bindings = {name: _binding(reading, name, value) for name, value in sources.items()}
        for problem in reading.problems:
            raise RuleError(problem.message, problem.location)
        return LogSources(bindings)

    def with_more(self, text: str, location: str) -> "LogSources":
        """Return these with what another file adds for the same sources.

        Raises:
            RuleError: with line, for the first thing that is wrong, such as a source that is not
                here.
        """
        more = LogSources.read(text, location)
        for name in more.bindings:
            if name not in self.bindings:
                line = load(text, location).line(("sources", name))
                message = f"there is no source {name!r}{nearest(name, self.bindings)}"
                raise RuleError(message, Location(location, line))
        joined = {
            name: each.joined(more.bindings[name])
            for name, each in self.bindings.items()
            if name in more.bindings
        }
        return LogSources({**self.bindings, **joined})

    def bind(self, log_source: LogSource) -> tuple[str, ...]:
        """Return the names of the sources meant, in order; empty where nobody gives such logs."""
        if log_source.reads_ocsf:
            return tuple(sorted(self.bindings))
        return tuple(
            name for name, binding in sorted(self.bindings.items()) if _means(log_source, binding)
        )

    def resolved(self, rule: Rule, source: str) -> Rule:
        """Return the rule as it reads the source.

        With the source's own paths where it uses other names for them, and for the records of the
        kind alone that it names as its service, where the source has several.
        """
        binding = self.bindings[source]
        if rule.condition is None or rule.log_source.reads_ocsf:
            return rule
        condition = _of_kind(binding, rule, binding.aliases.resolved(rule.condition))
        shown = rule.example_condition
        in_examples = (
            None if shown is None else _of_kind(binding, rule, binding.aliases.resolved(shown))
        )
        if condition is rule.condition and in_examples is shown:
            return rule
        return replace(rule, condition=condition, example_condition=in_examples)

    def lint(
        self,
        rules: Iterable[Rule],
        texts: Mapping[str, str],
        *,
        attack: str,
        fields: Mapping[str, Iterable[str]],
    ) -> tuple[Problem, ...]:
        """Return what looks wrong with rules that can be used: warnings with file and line.

        Args:
            rules: any.
            texts: of their files, by the file of their location.
            attack: the text of `content/attack.json`.
            fields: dotted native paths by source.
        """
        # Loaded here: only `tocsin rules check` asks.
        from tocsin.detect.lint import Lexicon, lint
        from tocsin.detect.lint_correlations import lint_correlations
        from tocsin.detect.lint_together import doubles, unused_selections

        aliases = {source: binding.aliases for source, binding in self.bindings.items()}
        lexicon = Lexicon.read(attack, fields, aliases)
        every = tuple(rules)
        bound = {rule.uid: self.bind(rule.log_source) for rule in every if not rule.correlation}
        found = lint(every, bound, texts, lexicon)
        together = lint_correlations(every, lambda rule: bound.get(rule.uid, ()), lexicon.roots)
        unused = (
            problem
            for rule in every
            for problem in unused_selections(rule, texts.get(rule.location.file, ""))
        )
        return (*found, *together, *doubles(every), *unused)

    def native_roots(self, source: str) -> frozenset[str]:
        """Return the first segments that belong to the source's records."""
        binding = self.bindings.get(source)
        return binding.native if binding else frozenset()


def _binding(reading: Reading, name: str, value: YamlValue) -> Binding:
    here = ("sources", name)
    found = reading.mapping(value, *here)
    reading.only(found, _KEYS, *here)
    entries = reading.sequence(found.get("sigma"), *here, "sigma")
    return Binding(
        sigma=tuple(
            _entry(reading, entry, *here, "sigma", index) for index, entry in enumerate(entries)
        ),
        log_types=frozenset(reading.texts(found.get("log_types"), *here, "log_types")),
        native=frozenset(reading.texts(found.get("native"), *here, "native")),
        aliases=_aliases(reading, found.get("fields"), *here, "fields"),
        kind=reading.text(found["kind"], *here, "kind") if "kind" in found else None,
    )


def _aliases(reading: Reading, value: YamlValue, *path: str | int) -> Aliases:
    """Read other names of fields: one path, or a list of which any may hold the value."""
    found = {} if value is None else reading.mapping(value, *path)
    return Aliases(
        {
            alias.lower(): (
                tuple(reading.texts(meant, *path, alias))
                if isinstance(meant, list)
                else (reading.text(meant, *path, alias),)
            )
            for alias, meant in found.items()
        }
    )


def _entry(reading: Reading, value: YamlValue, *path: str | int) -> LogSource:
    found = reading.mapping(value, *path)
    reading.only(found, _WORDS, *path)
    product, service, category = (
        reading.text(found[word], *path, word).lower() if word in found else None for word in _WORDS
    )
    return LogSource(product, service, category)


def _of_kind(binding: Binding, rule: Rule, condition: Condition) -> Condition:
    if binding.kind is None:
        return condition
    kinds = _kinds(binding, rule.log_source)
    tests = tuple(Text((kind,)) for kind in sorted(kinds))
    return AllOf((Field(binding.kind, tests), condition)) if tests else condition


def _kinds(binding: Binding, log_source: LogSource) -> frozenset[str]:
    """Return the kinds of records that a rule means; empty for all of them."""
    if log_source.service is not None:
        return frozenset((log_source.service,))
    services = [entry.service for entry in binding.sigma if _agree(log_source, entry)]
    return frozenset(each for each in services if each) if all(services) else frozenset()


def _means(log_source: LogSource, binding: Binding) -> bool:
    if log_source.log_types:
        return not binding.log_types.isdisjoint(log_source.log_types)
    return any(_agree(log_source, entry) for entry in binding.sigma)


def _agree(rule: LogSource, entry: LogSource) -> bool:
    """Return whether no word contradicts, and the rule names the entry's most telling word.

    Who names a product means its logs and no others of the category.
    """
    if rule.product and not entry.product:
        return False
    pairs = [
        (rule.product, entry.product),
        (rule.service, entry.service),
        (rule.category, entry.category),
    ]
    telling = entry.product or entry.category or entry.service
    return telling in (rule.product, rule.category, rule.service) and all(
        ours is None or theirs is None or ours == theirs for ours, theirs in pairs
    )
