"""What the pages need of the rest of Tocsin, handed in by the one who starts them.

Pages ask the store and these functions; they know no source, no mapping and no rule format.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from tocsin.errors import Problem
from tocsin.incidents.clocks import Targets
from tocsin.store import Store

if TYPE_CHECKING:
    from tocsin.ocsf import Scope
    from tocsin.run import integrations as ways_out
    from tocsin.run.rule_work import Covered, Learning
    from tocsin.run.suppressing import Preview, Suppression

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True)
class View:
    """The settings that pages show or depend on.

    Attributes:
        version: of Tocsin.
        hosts: names, without port, under which browsers reach the console; loopback is always one.
        is_tls: whether browsers reach it by TLS (here or at a proxy before it).
        banner: a line above every page, such as that this is the demo; "" for none.
        language: folder of `locale/` whose catalog is used; "" for the texts as written.
        receivers: addresses that empty pages tell people to send to, by what is sent there.
        metrics_without_sign_in: whether this machine itself may read `/metrics` without sign-in;
            false where a proxy makes every visitor look like this machine.
        targets: how long incidents may take.
        lone_delay: the delay that stands for a second person who approves; `None` for none.
    """

    version: str
    hosts: frozenset[str] = frozenset()
    is_tls: bool = False
    banner: str = ""
    language: str = ""
    receivers: Mapping[str, str] = field(default_factory=dict)
    metrics_without_sign_in: bool = True
    targets: Targets = field(default_factory=Targets)
    lone_delay: timedelta | None = None


class ExampleView(Protocol):
    """An example of a rule: an event, and whether the rule must match it."""

    @property
    def name(self) -> str:
        """What the example shows."""

    @property
    def match(self) -> bool:
        """Whether the rule must match."""

    @property
    def event(self) -> Mapping[str, object]:
        """The native record, or the part of it that differs from the mapping's own example."""


class RuleView(Protocol):
    """One rule as its page shows it."""

    @property
    def uid(self) -> str:
        """Stable identifier."""

    @property
    def title(self) -> str:
        """What it finds."""

    @property
    def description(self) -> str:
        """What happens and why it matters."""

    @property
    def severity_id(self) -> int:
        """OCSF, 1 to 6."""

    @property
    def kind(self) -> str:
        """`Sigma` or `Python`."""

    @property
    def sources(self) -> Sequence[str]:
        """Sources whose events it reads: `aws.cloudtrail`."""

    @property
    def tactics(self) -> Sequence[str]:
        """Names of ATT&CK tactics."""

    @property
    def techniques(self) -> Sequence[str]:
        """Identifiers of ATT&CK techniques: `T1562.008`."""

    @property
    def false_positives(self) -> Sequence[str]:
        """Known harmless causes."""

    @property
    def references(self) -> Sequence[str]:
        """Addresses to read."""

    @property
    def examples(self) -> Sequence[ExampleView]:
        """Events with the answer the rule must give."""

    @property
    def location(self) -> str:
        """File, as a reader of the content folder would name it."""

    @property
    def text(self) -> str:
        """The rule file itself."""

    @property
    def is_on(self) -> bool:
        """Whether it runs: neither the settings nor its file switch it off."""

    @property
    def own_severity_id(self) -> int | None:
        """What its file says, where the settings say otherwise."""


class HealthView(Protocol):
    """How the pipeline is."""

    @property
    def is_ready(self) -> bool:
        """Whether turns are running and the store can be written."""

    @property
    def problems(self) -> Sequence[str]:
        """One sentence for each thing that is wrong, with its remedy."""


class MetricView(Protocol):
    """One sample for `/metrics`, in the words of the Prometheus text format."""

    @property
    def name(self) -> str:
        """`tocsin_turn_seconds_sum`."""

    @property
    def kind(self) -> str:
        """`counter`, `gauge`, `histogram` or `untyped`."""

    @property
    def description(self) -> str:
        """One line of help."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Label names to values."""

    @property
    def value(self) -> float:
        """The sample."""


@dataclass(frozen=True, slots=True)
class Console:
    """Everything that pages and API are made from.

    Attributes:
        store: open; its queries take the scope of whoever asks.
        now: gives the time, UTC and aware.
        view: settings.
        rules: gives the rules in force and those that are switched off, cheap to call.
        rules_version: gives the hash of what is in force.
        learning: gives the correlations that still learn, by uid.
        rule_problems: gives what is wrong with rule files.
        health: gives the health of the pipeline, cheap to call.
        metrics: gives samples that only the running pipeline knows (turn seconds, queue depth).
        coverage: gives the ATT&CK matrix with the rules in force and the sources that speak.
        foretell: gives what a suppression would have hidden, as far as a scope sees it.
        integrations: gives notifiers, tickets, forwarders and schedules.
    """

    store: Store
    now: Callable[[], datetime]
    view: View
    rules: Callable[[], Sequence[RuleView]]
    rules_version: Callable[[], str]
    learning: "Callable[[], Mapping[str, Learning]]"
    rule_problems: Callable[[], Sequence[Problem]]
    health: Callable[[], HealthView]
    metrics: Callable[[], Sequence[MetricView]]
    coverage: "Callable[[], Covered]"
    foretell: "Callable[[Suppression, Scope], Preview]"
    integrations: "ways_out.Integrations"
