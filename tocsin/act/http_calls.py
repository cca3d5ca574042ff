"""Send calls to an HTTP interface: what callers of clouds, clusters and endpoint agents share.

An answer is judged by one question: may it have changed something? Where the other side says that
it did nothing (429, 503 with Retry-After, no connection), the call is repeated; where nobody can
tell, reading must. Every request goes through `Outbound`, whose guard keeps it from leading inside.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, cast
from urllib.parse import quote, urlencode

from tocsin.act.outbound import Limits, Outbound, Request
from tocsin.act.posting import HttpSettings, one_line
from tocsin.errors import ActionError, CallRefusedError, OutcomeUnknownError, TargetGoneError
from tocsin.respond.actions import Call
from tocsin.respond.actions.words import Json, State
from tocsin.values import Secret

_TRIES = 4
_LONGEST_WAIT_SECONDS = 30.0
_LIMITS = Limits(bytes=16 << 20, seconds=60.0)
_METHODS = frozenset({"GET", "PATCH", "POST", "PUT", "DELETE"})
_PATH = re.compile(r"(/(?!\.{1,2}(/|\Z))[A-Za-z0-9._~%!$&'()*+,;=:@-]+)+")

Headers = Callable[[], Mapping[str, str]]
"""Gives the headers that prove who asks; may fetch a token first."""


@dataclass(frozen=True, slots=True)
class Service:
    """One interface: where it is and how one shows who one is.

    Attributes:
        base: URL that all paths follow.
        headers: of each request; they hold credentials and are never shown.
        patch_type: media type of the body of a PATCH.
    """

    base: str
    headers: Headers = field(repr=False)
    patch_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Answered:
    """What the other side said; header names are small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def is_good(self) -> bool:
        """Whether it took the call."""
        return 200 <= self.status < 300

    @property
    def state(self) -> State:
        """The body as an object: a list stands under `items`, text under `text`."""
        if not self.body.strip():
            return {}
        try:
            found: Json = json.loads(self.body)
        except ValueError:
            return {"text": self.body.decode("utf-8", "replace")}
        if isinstance(found, Mapping):
            return found
        return {"items": found}


class HttpCalls:
    """Sends calls; their parameters are `path`, and where needed `query`, `body`, `headers`.

    `headers` may hold `If-Match` alone. `about` may say what a call does whose body is volatile:
    it is part of what people approve, and is not sent.
    """

    def __init__(
        self,
        settings: HttpSettings,
        services: Mapping[str, Service],
        right: Callable[[Call], str],
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        """Take where to send calls to; nothing is asked yet.

        Args:
            settings: how to reach the services.
            services: by the name that calls give.
            right: names the right that a call needs, for the one who must grant it.
            wait: called with the seconds until a call is repeated.

        Raises:
            SettingsError: an address can never be used.
        """
        self._outbound = outbound_of(settings)
        for service in services.values():
            self._outbound.check(service.base)
        self._services = services
        self._right = right
        self._wait = wait

    def call(self, call: Call) -> State:
        """Send one call; see `tocsin.respond.actions.Caller`."""
        return self.answer(call).state

    def answer(self, call: Call) -> Answered:
        """Send one call and return the whole answer; raises as `call` does."""
        request = self._request(call)
        problem, pause = "", 0.0
        for attempt in range(_TRIES):
            if attempt:
                self._wait(pause)
            pause = 0.2 * 2**attempt
            try:
                answered = fetched(self._outbound, request)
            except OutcomeUnknownError as error:
                problem = told(call, error)
                if not call.is_reading:
                    raise OutcomeUnknownError(problem) from None
            except ActionError as error:
                problem = told(call, error)
            else:
                if answered.is_good:
                    return answered
                problem = told(call, reason(answered))
                pause = self._pause(call, answered, problem, pause)
        raise ActionError(problem)

    def wait(self, seconds: float) -> None:
        """Wait before looking again at what takes its time."""
        self._wait(min(seconds, _LONGEST_WAIT_SECONDS))

    def _pause(self, call: Call, answered: Answered, problem: str, usual: float) -> float:
        """Return the seconds until a repetition may help, or raise what the answer means."""
        status, after = answered.status, answered.headers.get("retry-after", "")
        if status == 429 or (status == 503 and after):
            return min(float(after), _LONGEST_WAIT_SECONDS) if after.isdecimal() else usual
        if status in (404, 410):
            raise TargetGoneError(problem)
        if status in (401, 403):
            raise CallRefusedError(f"{problem}; it needs {self._right(call)}")
        if status in (409, 412):
            raise ActionError(f"{problem}; it was changed at the same time, nothing was done")
        if status < 500:
            raise ActionError(problem)
        if not call.is_reading:
            raise OutcomeUnknownError(problem)
        return usual

    def _request(self, call: Call) -> Request:
        service = self._services.get(call.service)
        path = call.parameters.get("path")
        if service is None or call.operation not in _METHODS or not isinstance(path, str):
            raise ActionError(f"there is no call {call.operation} of {call.service!r}")
        if not _PATH.fullmatch(path):
            raise ActionError(f"{path!r} is no path of {call.service}")
        query = cast("Mapping[str, str]", call.parameters.get("query") or {})
        body = call.parameters.get("body")
        return Request(
            f"{service.base.rstrip('/')}{path}{'?' if query else ''}{urlencode(query)}",
            cast("Literal['GET', 'PATCH', 'POST', 'PUT', 'DELETE']", call.operation),
            b"" if body is None else json.dumps(body).encode(),
            service.patch_type if call.operation == "PATCH" else "application/json",
            {"Accept": "application/json", **_conditions(call), **service.headers()},
        )


def outbound_of(settings: HttpSettings) -> Outbound:
    """Return the way out that settings describe."""
    authority = None if settings.certificates is None else str(settings.certificates)
    return Outbound(settings.allow_private, authority, settings.timeout_seconds)


def fetched(outbound: Outbound, request: Request) -> Answered:
    """Send a request and return the answer, whatever its status."""
    with TemporaryDirectory(prefix="tocsin-") as room:
        path = Path(room) / "answer"
        found = outbound.fetch(request, path, _LIMITS)
        return Answered(found.status, found.headers, path.read_bytes())


def segment(text: str) -> str:
    """Return a name as one part of a path, whatever it holds.

    Raises:
        ActionError: it cannot be part of one.
    """
    if text in ("", ".", ".."):
        raise ActionError(f"{text!r} names nothing")
    return quote(text, safe="")


def told(call: Call, problem: object) -> str:
    """Return what went wrong with a call, for people."""
    return f"{call.service}: {call.operation} {call.parameters.get('path')}: {problem}"


def reason(answered: Answered) -> str:
    """Return what an answer says went wrong; each provider has its own place for it."""
    found = answered.state
    said: Json = found.get("error") or found.get("errors") or found
    if not isinstance(said, str | Mapping) and said:
        said = cast("list[Json]", said)[0]
    if isinstance(said, Mapping):
        said = next((said[key] for key in ("message", "detail", "title") if said.get(key)), "")
    text = one_line(str(said)) if said else ""
    return f"status {answered.status}{text and f': {text}'}"


class ClientCredentials:
    """Tokens of OAuth 2.0 client credentials, fetched when the last one runs out.

    Source: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
    """

    def __init__(
        self, outbound: Outbound, url: str, form: Mapping[str, str], secret: Secret
    ) -> None:
        """Take where tokens are given, the fields of the form, and the client's secret."""
        outbound.check(url)
        self._outbound = outbound
        self._url = url
        self._form = form
        self._secret = secret
        self._token = ""
        self._until = 0.0

    def __call__(self) -> Mapping[str, str]:
        """Return the header that shows the token.

        Raises:
            CallRefusedError: the client is not known.
            ActionError: no token is given.
        """
        if time.monotonic() >= self._until:
            self._renew()
        return {"Authorization": f"Bearer {self._token}"}

    def _renew(self) -> None:
        form = {**self._form, "client_secret": self._secret.reveal()}
        request = Request(
            self._url, "POST", urlencode(form).encode(), "application/x-www-form-urlencoded"
        )
        answered = fetched(self._outbound, request)
        token = answered.state.get("access_token")
        if not answered.is_good or not isinstance(token, str):
            # The text of the answer is left out: it may repeat what was sent.
            kind = CallRefusedError if answered.status in (400, 401, 403) else ActionError
            raise kind(f"no token is given for the client: status {answered.status}")
        lasts = answered.state.get("expires_in")
        self._token = token
        self._until = time.monotonic() + (int(lasts) if isinstance(lasts, int | str) else 300) - 60


def _conditions(call: Call) -> Mapping[str, str]:
    headers = cast("Mapping[str, str]", call.parameters.get("headers") or {})
    if headers.keys() - {"If-Match"}:
        raise ActionError("a call may set no header but If-Match")
    return headers
