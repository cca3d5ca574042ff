"""What Tocsin is told beside the records: the sections `enrichment` and `intelligence`."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from tocsin.settings.section import Section
from tocsin.values import Duration, FilePath, Matching, Network, Secret, Size

Criticality = Literal["low", "medium", "high", "critical", ""]
SystemNumber = Annotated[int, Field(ge=1, le=4_294_967_295)]
FeedName = Annotated[
    str, Matching(r"[a-z0-9][a-z0-9_-]{0,60}", "a name of small letters, digits, - and _")
]
Confidence = Annotated[int, Field(ge=0, le=100)]
_Text = Annotated[str, StringConstraints(min_length=1)]


class OwnAsset(Section):
    """Machines of one's own, by their addresses."""

    addresses: tuple[Network, ...]
    """Address ranges."""
    name: str = ""
    """What people call them."""
    owner: str = ""
    """Who answers for them."""
    criticality: Criticality = ""
    """How much depends on them."""
    environment: str = ""
    """Such as `production`."""


class OwnIdentity(Section):
    """A person or a program of one's own."""

    identity: _Text
    """Its ARN, uid or name, as records spell it."""
    also: tuple[_Text, ...] = ()
    """What other sources call the same one; its findings are joined."""
    owner: str = ""
    """Who answers for it."""
    department: str = ""
    """Where it belongs."""
    criticality: Criticality = ""
    """How much it may do."""


class Enrichment(Section):
    """What is added to events: places and networks of addresses, assets and people."""

    folder: FilePath | None = None
    """Folder of MaxMind databases (`*.mmdb`) and address lists of clouds (`ip-ranges.json` of AWS,
    `cloud.json` of GCP, `ServiceTags*.json` of Azure). Renewed files are seen within a minute."""
    assets: tuple[OwnAsset, ...] = ()
    """Machines of one's own; the longest range that holds an address counts."""
    identities: tuple[OwnIdentity, ...] = ()
    """People and programs of one's own."""
    hosting_networks: tuple[SystemNumber, ...] = ()
    """Numbers of autonomous systems that let machines to anyone; people do not sit there."""
    anonymizing_networks: tuple[SystemNumber, ...] = ()
    """Numbers of autonomous systems that hide who acts."""


class IntelligenceFeed(Section):
    """Where indicators come from; exactly one of `path`, `url`, `taxii` and `misp`."""

    name: FeedName
    """Its name; part of every finding."""
    path: FilePath | None = None
    """A file, or a folder whose files are all read."""
    url: str | None = None
    """An https address of a list, a STIX bundle or a MISP feed's file."""
    taxii: str | None = None
    """The https address of a TAXII 2.1 collection: `https://…/api/collections/<id>/`."""
    misp: str | None = None
    """The https address of a MISP instance; `token` is its authentication key."""
    format: Literal["auto", "text", "csv", "stix", "misp"] = "auto"
    """How files and lists are read; `auto` looks at their content."""
    kind: Literal[
        "", "address", "network", "domain", "url", "hash", "mail", "ja3", "certificate"
    ] = ""
    """What a list holds where its values do not tell, such as JA3 among hashes."""
    column: str = ""
    """The column of a CSV list that holds the values; otherwise the first that looks like one."""
    every: Duration = Field(default="1h", validate_default=True)
    """How often it is pulled."""
    confidence: Confidence = 60
    """How sure its indicators are, 0 to 100, where they do not say so themselves."""
    expires: Duration = Field(default="30d", validate_default=True)
    """How long an indicator counts after it was last told, where it does not say so itself."""
    labels: tuple[str, ...] = ()
    """Words for all its indicators."""
    user: str = ""
    """Name for basic authentication; `token` is the password then."""
    token: Secret | None = None
    """Token or key that the other side asks for."""
    token_header: str = ""
    """The header that carries the token; otherwise `Authorization` as the protocol has it."""
    certificates: FilePath | None = None
    """PEM file of an authority of one's own; otherwise the public ones."""
    max_size: Size = Field(default="256MiB", validate_default=True)
    """Longest answer."""
    enabled: bool = True
    """Whether it is pulled and matched."""

    @model_validator(mode="after")
    def _has_one_place(self) -> "IntelligenceFeed":
        given = [name for name in ("path", "url", "taxii", "misp") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError("give exactly one of `path`, `url`, `taxii` and `misp`")
        return self


class Intelligence(Section):
    """Threat intelligence: indicators that events are compared with."""

    feeds: tuple[IntelligenceFeed, ...] = ()
    """Where indicators come from."""
    allow_private: tuple[Network, ...] = ()
    """Address ranges of one's own in which feeds may lie; others must be public."""
    history: Duration = Field(default="30d", validate_default=True)
    """How far back stored events are searched when a feed brings something new."""
    period: Duration = Field(default="1d", validate_default=True)
    """Contacts of one entity with one indicator within it are one finding."""

    @model_validator(mode="after")
    def _has_distinct_names(self) -> "Intelligence":
        names = [feed.name for feed in self.feeds]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two feeds are called {twice[0]!r}; give each its own name")
        return self
