"""The settings: what `tocsin.yaml` may hold, with its defaults and its meaning."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, WithJsonSchema

from tocsin.settings.feeds import Feed
from tocsin.settings.forwarders import Forwarder
from tocsin.settings.knowledge import Enrichment, Intelligence
from tocsin.settings.notifiers import Notifier, Route
from tocsin.settings.response import Response
from tocsin.settings.section import Section
from tocsin.settings.tickets import Tickets
from tocsin.values import (
    SEVERITY_IDS,
    Duration,
    FilePath,
    Matching,
    Network,
    Port,
    Secret,
    SeverityName,
    Size,
)

AccountUid = Annotated[
    str,
    StringConstraints(min_length=1),
    Field(coerce_numbers_to_str=True),
    WithJsonSchema({"type": ["string", "integer"], "title": "Account"}),
]
Country = Annotated[str, Matching(r"[A-Z]{2}", "a country by ISO 3166 such as DE")]
Address = Annotated[
    str, Matching(r"https?://[^/?#\s]+/?", "an address such as https://tocsin.example.org")
]
Threads = Annotated[int, Field(ge=1, le=256)]
Days = Annotated[int, Field(ge=1, le=36_500)]


PackageName = Annotated[
    str,
    Matching(
        r"[A-Za-z_]\w{0,99}(\.[A-Za-z_]\w{0,99}){0,8}",
        "the name by which Python imports a package, such as dateutil",
    ),
]
PlaceholderName = Annotated[
    str,
    Matching(
        r"(?!organization\.)[A-Za-z0-9_.-]{1,100}",
        "a name such as admin_accounts; `organization.` comes from the section of that name",
    ),
]
PlaceholderValue = Annotated[
    str,
    StringConstraints(min_length=1),
    Field(coerce_numbers_to_str=True),
    WithJsonSchema({"type": ["string", "number"], "title": "Value"}),
]


class Account(Section):
    """A cloud account, project, subscription or cluster of one's own."""

    uid: AccountUid
    """Its identifier, as the records spell it; in quotes where it begins with a zero."""
    name: str = ""
    """What people call it."""
    environment: Literal["production", "staging", "development", "sandbox", "unknown"] = "unknown"
    """How much depends on it; guardrails are stricter in production."""


class Organization(Section):
    """Whom Tocsin watches over; rules, guardrails and routing read it."""

    accounts: tuple[Account, ...] = ()
    """One's own accounts."""
    address_ranges: tuple[Network, ...] = ()
    """One's own address ranges."""
    ci_roles: tuple[str, ...] = ()
    """Roles that pipelines share, by ARN or name; they never tie two people's incidents."""
    break_glass: tuple[str, ...] = ()
    """Identities for emergencies, by ARN or name; watched closely, never locked."""
    countries: tuple[Country, ...] = ()
    """Where people work from, by ISO 3166 code such as `DE`."""


class Tls(Section):
    """A certificate of one's own."""

    certificate: FilePath
    """PEM file of the certificate and its chain."""
    key: FilePath
    """PEM file of the private key."""


class _Listener(Section):
    host: str = "127.0.0.1"
    """Address to listen on; one that is not loopback needs `tls`."""
    tls: Tls | None = None
    """Certificate and key."""


class Web(_Listener):
    """Pages and API."""

    port: Port = 8700
    """Port of pages and API; 0 takes a free one."""
    public_url: Address | None = None
    """How browsers reach the pages through a proxy, such as `https://tocsin.example.org`."""
    language: str = ""
    """Folder of `locale/` whose translations are used; empty for English."""


class Receivers(_Listener):
    """The listener for records that others push; apart from the pages."""

    port: Port = 8701
    """Port of the receivers; 0 takes a free one."""


class Incidents(Section):
    """How findings become incidents."""

    gap: Duration = Field(default="4h", validate_default=True)
    """Longest silence inside one incident."""
    threshold: SeverityName = "medium"
    """Severity from which a finding opens an incident."""
    max_age: Duration = Field(default="1d", validate_default=True)
    """Findings on events older than this never notify and open nothing."""
    acknowledge_within: dict[SeverityName, Duration] = Field(
        default={"fatal": "30m", "critical": "1h", "high": "4h", "medium": "1d"},
        validate_default=True,
    )
    """How soon somebody should take an incident, by severity; one that is left out has no clock."""
    close_within: dict[SeverityName, Duration] = Field(
        default={"fatal": "1d", "critical": "2d", "high": "5d", "medium": "14d"},
        validate_default=True,
    )
    """How soon an incident should be resolved or closed, by severity."""
    report_within: Duration = Field(default="72h", validate_default=True)
    """How soon an incident that is marked as reportable should be reported."""

    @property
    def threshold_id(self) -> int:
        """The threshold as OCSF severity, 1 to 6."""
        return SEVERITY_IDS[self.threshold]


class Redaction(Section):
    """Which secrets are taken out of incoming text before anything is stored or rules see it."""

    enabled: bool = True
    """Replace secrets by their kind and a keyed hash; a feed may say otherwise."""
    except_sources: tuple[str, ...] = ()
    """Sources whose records stay as they are, such as `zeek.log`."""
    except_kinds: tuple[str, ...] = ()
    """Kinds of secrets that stay, such as `jwt`; `content/redaction.yaml` names them all."""


class Retention(Section):
    """How long events are kept; whatever is reached first counts."""

    days: Days = 90
    """Days since receipt."""
    bytes: Size | None = None
    """Size of the event files; the oldest go first. Without it, only days count."""


class Heartbeat(Section):
    """A sign of life to an address outside, so that somebody notices when Tocsin itself is dead."""

    url: Secret
    """An https address that is asked for every time, such as that of a dead man's switch."""
    every: Duration = Field(default="1m", validate_default=True)
    """How often."""
    allow_private: tuple[Network, ...] = ()
    """Address ranges of one's own in which the address may lie; others must be public."""


class Rules(Section):
    """Which rules run."""

    folders: tuple[FilePath, ...] = ()
    """Folders with rules of one's own."""
    with_builtin: bool = True
    """Run the rules that come with Tocsin too."""
    disabled: tuple[str, ...] = ()
    """Identifiers of rules that do not run."""
    severities: dict[str, SeverityName] = Field(default_factory=dict)
    """Other severities for rules, by identifier."""
    pipelines: tuple[FilePath, ...] = ()
    """Processing pipelines of pySigma that Sigma rules go through: mappings of fields and more."""
    log_sources: tuple[FilePath, ...] = ()
    """Files laid over the list of log sources: which words of rules mean which source."""
    placeholders: dict[PlaceholderName, tuple[PlaceholderValue, ...]] = Field(default_factory=dict)
    """Values for `%name%` in rules (the modifier `expand`), by name; `*` and `?` are wildcards.
    The lists of `organization` are known to rules as `%organization.accounts%` and so on."""
    packages: tuple[PackageName, ...] = ()
    """Installed packages that Python rules may import, by the name of the import. They are imported
    before the worker is closed, and so trusted as Tocsin itself is."""


class Sensors(Section):
    """When a host counts as unseen."""

    missing_after: Duration = Field(default="7d", validate_default=True)
    """Raise a finding when no sensor has told of a known host for so long."""


class Limits(Section):
    """What Tocsin may use of the machine."""

    memory: Size = Field(default="512MiB", validate_default=True)
    """Memory of the query engine; the whole process tree needs about half as much again."""
    threads: Threads = 2
    """Threads of the query engine."""


class Audit(Section):
    """The log of every change."""

    checkpoints: FilePath | None = None
    """A file that signed checkpoints are appended to, one line each. It should lie where nobody who
    breaks into this machine can change what is there; without it, they stay in the data folder."""


class Settings(Section):
    """Everything that can be set; without a file, all defaults."""

    data: FilePath
    """The data folder. Otherwise `$XDG_DATA_HOME/tocsin`, `~/.local/share/tocsin`, or for root
    `/var/lib/tocsin`."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important log lines that are written."""
    organization: Organization = Organization()
    web: Web = Web()
    receivers: Receivers = Receivers()
    feeds: tuple[Feed, ...] = ()
    """Where records come from."""
    forwarders: tuple[Forwarder, ...] = ()
    """Where findings, incidents and events go."""
    notifiers: tuple[Notifier, ...] = ()
    """How people are told of incidents."""
    routes: tuple[Route, ...] = ()
    """Which notifiers tell of which incidents; without any, all tell of those that are high or
    worse."""
    response: Response = Response()
    tickets: tuple[Tickets, ...] = ()
    """Where incidents get a ticket."""
    incidents: Incidents = Incidents()
    rules: Rules = Rules()
    enrichment: Enrichment = Enrichment()
    intelligence: Intelligence = Intelligence()
    redaction: Redaction = Redaction()
    sensors: Sensors = Sensors()
    retention: Retention = Retention()
    audit: Audit = Audit()
    heartbeat: Heartbeat | None = None
    limits: Limits = Limits()
