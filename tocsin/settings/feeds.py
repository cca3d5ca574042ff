"""Feeds: where records come from, one entry of `feeds:` each, told apart by `kind`."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from tocsin.settings.section import Section
from tocsin.settings.values import Duration, FilePath, Matching, Secret

FeedName = Annotated[
    str,
    Matching(r"[a-z0-9][a-z0-9_-]{0,62}", "small letters, digits, - and _, at most 63"),
]
SourceName = Annotated[
    str, Matching(r"[a-z0-9_]+(\.[a-z0-9_]+)*", "the name of a mapping such as aws.cloudtrail")
]


class _Feed(Section):
    name: FeedName
    """Unique name of the feed: small letters, digits, `-` and `_`. It owns cursor and counters."""
    source: SourceName
    """What the records are; names the mapping, such as `aws.cloudtrail`."""
    silent_after: Duration | None = None
    """Raise a finding when nothing came for so long; otherwise the feed's own rhythm decides."""


class FileFeed(_Feed):
    """Records from a file or from all files below a folder, plain or gzip."""

    kind: Literal["file"]
    path: FilePath
    """A file or a folder."""
    follow: bool = True
    """Go on reading as files grow, rotate and appear; otherwise read once."""


class S3Feed(_Feed):
    """Objects of a bucket, as SQS announces them or as a prefix lists them."""

    kind: Literal["s3"]
    buckets: Annotated[tuple[str, ...], Field(min_length=1)]
    """What may be read; a message of the queue that names another bucket is refused."""
    queue_url: str | None = None
    """The SQS queue that S3 notifies of new objects; without it, the buckets are listed."""
    prefix: str = ""
    """What the keys of the objects begin with."""
    every: Duration = Field(default="5m", validate_default=True)
    """How often the buckets are listed."""
    region: str | None = None
    """The region of queue and bucket; otherwise that of the environment."""
    role_arn: str | None = None
    """A role to assume for reading; otherwise the credentials of the environment are used as is."""
    external_id: str | None = None
    """The external id that the role's trust policy asks for."""
    endpoint_url: str | None = None
    """Another service that speaks S3 and SQS."""


class JsonLinesFeed(_Feed):
    """JSON lines that others post to `/ingest/{name}` of the receivers' listener."""

    kind: Literal["json_lines"]
    token: Secret
    """What senders show: `Authorization: Bearer ...`."""


class ElasticsearchFeed(_Feed):
    """Documents that shippers post to the Elasticsearch `_bulk` API of the receivers' listener."""

    kind: Literal["elasticsearch"]
    token: Secret
    """What shippers show: as API key, or as password of any user name."""
    indices: tuple[str, ...] = ("*",)
    """Index names, `*` allowed, whose documents belong to this feed."""
    record_field: str | None = None
    """The text field of the document that holds the record (`message`); otherwise the document."""


class KubernetesAuditFeed(_Feed):
    """Audit events that API servers post by their webhook backend."""

    kind: Literal["kubernetes_audit"]
    source: SourceName = "kubernetes.audit"
    """What the records are."""
    token: Secret
    """What the API server shows: `Authorization: Bearer ...` of its kubeconfig."""


class PluginFeed(_Feed):
    """A source that is not built in: a package's entry point `tocsin.sources`."""

    kind: Literal["plugin"]
    plugin: str
    """Name of the source."""
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    """The source's own settings; see its documentation."""


PushFeed = JsonLinesFeed | ElasticsearchFeed | KubernetesAuditFeed
"""Feeds that others push to, by a token of their own."""

Feed = Annotated[
    FileFeed | S3Feed | JsonLinesFeed | ElasticsearchFeed | KubernetesAuditFeed | PluginFeed,
    Field(discriminator="kind"),
]
