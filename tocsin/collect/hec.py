"""Read the bodies of Splunk's HTTP Event Collector, and speak in its codes.

Source: https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/format-events-for-http-event-collector
and the table of codes in its troubleshooting page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from tocsin.collect.contracts import PushFeed
from tocsin.collect.cutting import cut_body
from tocsin.collect.intake import MAX_REQUEST_RECORDS, Refusal
from tocsin.collect.lines import Found
from tocsin.collect.posting import TOO_MANY, cut_objects, json_or_text, text_or_json
from tocsin.collect.records import reject

ANSWERS: Mapping[int, tuple[int, str]] = {
    0: (200, "Success"),
    2: (401, "Token is required"),
    3: (401, "Invalid authorization"),
    4: (403, "Invalid token"),
    5: (400, "No data"),
    6: (400, "Invalid data format"),
    7: (400, "Incorrect index"),
    9: (503, "Server is busy"),
    10: (400, "Data channel is missing"),
    11: (400, "Invalid data channel"),
    12: (400, "Event field is required"),
    13: (400, "Event field cannot be blank"),
    14: (400, "ACK is disabled"),
    15: (400, "Error in handling indexed fields"),
    16: (400, "Query string authorization is not enabled"),
    17: (200, "HEC is healthy"),
}
"""By code, the status of the response and its text."""

_METADATA = ("host", "source", "sourcetype", "index", "time")


@dataclass(frozen=True, slots=True)
class SplunkHecFeed(PushFeed):
    """Events that shippers post to `/services/collector` as to Splunk.

    Attributes:
        sourcetypes: names with `*` of the sourcetypes whose events belong to this feed.
        indices: names with `*` of the indices whose events belong to this feed.
        record: `event` takes what stands under `event`; `envelope` all that came around it too:
            `time`, `host`, `source`, `sourcetype`, `index`, `fields`.
        acknowledgments: whether answers name an ackId, as with indexer acknowledgment; senders
            must name a channel then.
    """

    sourcetypes: tuple[str, ...] = ("*",)
    indices: tuple[str, ...] = ("*",)
    record: Literal["event", "envelope"] = "event"
    acknowledgments: bool = False


class HecError(Exception):
    """A request that HEC refuses as a whole.

    Attributes:
        code: of `ANSWERS`.
    """

    def __init__(self, code: int) -> None:
        super().__init__(ANSWERS[code][1])
        self.code = code


@dataclass(slots=True)
class Sorted:
    """The events of a request.

    Attributes:
        found: records and rejects by name of feed.
        code, event_number: of the first event that is not as HEC wants it; code 0 where all are.
    """

    found: dict[str, Found] = field(default_factory=dict)
    code: int = 0
    event_number: int = 0

    def add(self, feed: PushFeed, number: int, record: bytes) -> None:
        """Take a record."""
        self.found.setdefault(feed.feed, Found()).add(number, record)

    def note(self, code: int, number: int) -> None:
        """Remember what was wrong with an event."""
        if not self.code:
            self.code, self.event_number = code, number

    def keep(self, feed: PushFeed, number: int, reason: str, raw: bytes) -> None:
        """Keep what is no event as a reject."""
        self.found.setdefault(feed.feed, Found()).rejects.append(reject(number, reason, raw))


class _Envelope(msgspec.Struct):
    event: msgspec.Raw = msgspec.Raw()
    sourcetype: str | None = None
    index: str | None = None
    fields: dict[str, msgspec.Raw] | None = None


_decode = msgspec.json.Decoder(_Envelope).decode


def sort_events(body: bytes, feeds: Sequence[SplunkHecFeed], defaults: Mapping[str, str]) -> Sorted:
    """Give each event of a body to its feed; the neighbors of a broken one arrive.

    Args:
        body: JSON objects that follow each other.
        feeds: those that the token opens; not empty.
        defaults: `sourcetype` and `index` from the address, for events that name none.

    Raises:
        HecError: the body is empty.
        Refusal: 413, they are too many.
    """
    found = cut_objects(body)
    if not found.raws and not found.rejects:
        raise HecError(5)
    sorted_ = Sorted()
    for row in sorted(found.rejects, key=lambda row: row.position):
        sorted_.note(6, row.position)
        sorted_.found.setdefault(feeds[0].feed, Found()).rejects.append(row)
    for number, raw in zip(found.positions, found.raws, strict=True):
        _sort_event(sorted_, number, raw, feeds, defaults)
    return sorted_


def _sort_event(
    sorted_: Sorted,
    number: int,
    raw: bytes,
    feeds: Sequence[SplunkHecFeed],
    defaults: Mapping[str, str],
) -> None:
    try:
        envelope = _decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        is_of_fields = str(error).endswith("`$.fields`")
        sorted_.note(15 if is_of_fields else 6, number)
        sorted_.keep(feeds[0], number, f"no_event: {error}", raw)
        return
    record = text_or_json(envelope.event)
    if not record.strip() or record == b"null":
        code = 13 if bytes(envelope.event) else 12
        sorted_.note(code, number)
        sorted_.keep(feeds[0], number, f"no_event: {ANSWERS[code][1]}", raw)
        return
    feed = _feed_of(
        envelope.sourcetype or defaults.get("sourcetype", ""),
        envelope.index or defaults.get("index", ""),
        feeds,
    )
    if feed is None:
        sorted_.note(7, number)
    else:
        sorted_.add(feed, number, raw if feed.record == "envelope" else record)


def sort_raw(body: bytes, feeds: Sequence[SplunkHecFeed], metadata: Mapping[str, str]) -> Sorted:
    """Cut the records out of a body that is no JSON of HEC, all of one feed.

    Args:
        body: lines or JSON documents.
        feeds: those that the token opens.
        metadata: `host`, `source`, `sourcetype`, `index`, `time` from the address.

    Raises:
        HecError: the body is empty, or its index belongs to none of the feeds.
        Refusal: 413, they are too many.
    """
    if not body.strip():
        raise HecError(5)
    feed = _feed_of(metadata.get("sourcetype", ""), metadata.get("index", ""), feeds)
    if feed is None:
        raise HecError(7)
    found = cut_body(body, feed.unwrap, MAX_REQUEST_RECORDS, feed.reader)
    if found is None:
        raise Refusal(413, TOO_MANY)
    if feed.record == "envelope":
        around = {key: metadata[key] for key in _METADATA if key in metadata}
        encode = msgspec.json.encode
        found.raws = [encode({**around, "event": json_or_text(raw)}) for raw in found.raws]
        found.headers = []
    return Sorted({feed.feed: found})


def _feed_of(sourcetype: str, index: str, feeds: Sequence[SplunkHecFeed]) -> SplunkHecFeed | None:
    for feed in feeds:
        fits_index = any(fnmatchcase(index, pattern) for pattern in feed.indices)
        if fits_index and any(fnmatchcase(sourcetype, pattern) for pattern in feed.sourcetypes):
            return feed
    return None


class Channels:
    """Counts the acknowledgments of each channel.

    An ackId is given out once its events are committed, so that it is true from the beginning.
    What was given out before a restart is unknown after it: the sender asks, hears false, and
    sends again.
    """

    def __init__(self, max_channels: int = 10_000) -> None:
        self._given: dict[tuple[str, str], int] = {}
        self._max_channels = max_channels

    def give(self, feed: str, channel: str) -> int:
        """Return the ackId of events that were just committed."""
        count = self._given.pop((feed, channel), 0)
        if len(self._given) >= self._max_channels:
            self._given.pop(next(iter(self._given)))
        # Put last: channels that are in use outlive those that nobody uses.
        self._given[feed, channel] = count + 1
        return count

    def is_given(self, feed: str, channel: str, uid: int) -> bool:
        """Return whether the ackId was given out: its events are committed."""
        return 0 <= uid < self._given.get((feed, channel), 0)
