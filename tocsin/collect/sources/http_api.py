"""Read any HTTP API that answers with JSON lists, page by page, and later what was added."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from tocsin.collect.answers import LinkedApi, Shape, SinceText, text_at
from tocsin.collect.asking import Answer, Ask, Asker
from tocsin.collect.paging import ApiSettings, ApiSource, Content, Pause
from tocsin.errors import SettingsError
from tocsin.values import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpApiSettings(ApiSettings):
    """What to ask, and where the answer holds what.

    Attributes:
        url: the address of the list; `{since}` in it stands for the time from which to read.
        since: how `{since}` is written: `iso` (2026-11-23T10:00:00Z), `seconds` or `milliseconds`
            since 1970.
        headers: what each request says besides, such as a version of the API.
        token: what proves who asks, sent in `token_header`.
        token_header: the header that the token stands in.
        token_prefix: what stands before the token.
        records: where the answer holds its list, keys joined by dots (`data.items`); empty where
            the answer is the list.
        record_id: where a record holds its id; without it, equal records are one.
        record_time: where a record holds its time.
        next: how an answer names the next page: `header` by a Link header with `rel="next"`,
            `link` by an address at `next_path`, `token` by a token at `next_path` that is sent in
            the parameter `next_parameter`, or `none`.
        next_path: where an answer holds the address or token of the next page.
        next_parameter: the parameter of the address that takes the token.
        keeps_place: whether the page behind the last is where later records come.
    """

    url: str
    since: Literal["iso", "seconds", "milliseconds"] = "iso"
    headers: dict[str, str] = field(default_factory=dict)
    token: Secret | None = None
    token_header: str = "Authorization"  # noqa: S105 - the name of a header
    token_prefix: str = "Bearer "  # noqa: S105 - what stands before a token
    records: str = ""
    record_id: str = ""
    record_time: str = ""
    next: Literal["header", "link", "token", "none"] = "header"
    next_path: str = ""
    next_parameter: str = ""
    keeps_place: bool = False

    def __post_init__(self) -> None:
        """Check that the way to the next page is whole.

        Raises:
            SettingsError: a part of it is missing.
        """
        if self.next in ("link", "token") and not self.next_path:
            raise SettingsError("`next_path` is missing: where an answer names its next page")
        if self.next == "token" and not self.next_parameter:
            raise SettingsError("`next_parameter` is missing: what takes the token of a page")
        if self.next == "none" and self.keeps_place:
            raise SettingsError("`keeps_place` needs a way to the next page")


class HttpApi(ApiSource):
    """Reads an HTTP API."""

    def __init__(self, settings: HttpApiSettings, *, pause: Pause = time.sleep) -> None:
        """Take what to ask; nothing is asked yet.

        Raises:
            SettingsError: the address is not one to send tokens to.
        """

        def headers() -> Mapping[str, str]:
            if settings.token is None:
                return settings.headers
            shown = f"{settings.token_prefix}{settings.token.reveal()}"
            return {**settings.headers, settings.token_header: shown}

        asker = Asker(settings.url, headers, settings.certificates)
        api = _GenericApi(
            origin=f"{asker.host}{urlsplit(settings.url).path}",
            asker=asker,
            shape=Shape(settings.records, settings.record_id, settings.record_time),
            first=settings.url,
            since=SinceText(settings.since),
            link=settings.next_path,
            keeps_place=settings.keeps_place,
            next=settings.next,
            parameter=settings.next_parameter,
        )
        super().__init__(settings, api, pause)


@dataclass(frozen=True, slots=True)
class _GenericApi(LinkedApi):
    """A linked API, or one that gives tokens or one page only."""

    next: str = "header"
    parameter: str = ""

    def begin(self, since: int) -> Ask:
        return Ask(self.first.replace("{since}", quote(self.since(since), safe="")))

    def content(self, ask: Ask, answer: Answer) -> Content:
        if self.next in ("header", "link"):
            return LinkedApi.content(self, ask, answer)
        items = self.shape.items(self.origin, answer)
        token = text_at(answer.body, self.link) if self.next == "token" else ""
        return Content(items, Ask(self._with(ask.url, token)) if token else None)

    def _with(self, url: str, token: str) -> str:
        parts = urlsplit(url)
        given = parse_qsl(parts.query, keep_blank_values=True)
        others = [pair for pair in given if pair[0] != self.parameter]
        return urlunsplit(parts._replace(query=urlencode([*others, (self.parameter, token)])))
