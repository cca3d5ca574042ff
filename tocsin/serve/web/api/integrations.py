"""Ways out over the API: notifiers, routes, messages, tickets, forwarders, schedules.

What answers hold neither addresses nor secrets of them: they stay in the settings.
"""

from typing import Annotated, Literal

from fastapi import Query, Request
from pydantic import ConfigDict, Field
from starlette.exceptions import HTTPException

from tocsin.errors import SettingsError, UsageError, WorldError
from tocsin.ocsf import EVERYTHING
from tocsin.serve.web.api.asking import Paged, Text, router_of
from tocsin.serve.web.api.models import Listed, Model, Moment, TicketModel, WithSeverity
from tocsin.serve.web.api.repeated import once_of
from tocsin.serve.web.guard import console_of, operation, visitor_of
from tocsin.serve.web.permissions import Permission
from tocsin.store.answers import Asking, WhichMessages, WhichTickets

router = router_of("integrations")

# What a model names otherwise than the thing that it is made of.
SECONDS, NOTIFIER, TOLD = "digest_seconds", "notifier", "told_time"


class NotifierModel(Model):
    """Who tells people; `parked` messages wait for a person."""

    name: str
    kind: str
    routes: tuple[str, ...] = Field(description="in words, one for each route that names it")
    waiting: int
    sent: int
    parked: int


class RouteModel(WithSeverity):
    """Which incidents are told to whom; empty lists take everything.

    `held` notices wait for a digest, an allowance or the end of quiet hours.
    """

    name: str
    notifiers: tuple[str, ...]
    urgent_id: int = Field(description="from this OCSF severity on nothing waits")
    sources: tuple[str, ...]
    entities: tuple[str, ...]
    accounts: tuple[str, ...]
    stages: tuple[str, ...]
    digest_seconds: float | None
    held: int
    waiting: int
    sent: int
    parked: int


class MessageModel(WithSeverity):
    """A message in the outbox; `uid` is the same at every try and for every notifier.

    `due_time` says when a waiting one is tried again, and when a sent one was taken.
    """

    uid: str
    notifier: str
    route: str
    incident_uid: str = Field(description='"" for a digest')
    stage: str
    title: str
    body: str
    count: int = Field(description="how many notices it tells")
    time: Moment
    state: Literal["waiting", "sent", "parked"]
    attempts: int
    due_time: Moment
    problem: str = Field(description='why the last try failed; "" otherwise')


class TicketSystemModel(Model):
    """A system of tickets; `parked` ones wait for a person, `reason` says why."""

    name: str
    kind: str
    min_severity: str
    waiting: int
    settled: int
    parked: int
    reason: str


class KeptTicketModel(TicketModel):
    """A ticket with its incident and what comes next for it."""

    incident_uid: str
    state: Literal["waiting", "settled", "parked"]
    told_time: Moment | None = Field(description="when it was last told something")
    problem: str


class ForwarderModel(Model):
    """A forwarder. `waiting` is how far it is behind, in records that no attempt has reached.

    `again` is what will be sent again, `parked` what was refused too often, `reasons` why.
    """

    name: str
    kind: str
    does: Literal["sending", "failing", "never run", "not in the settings"]
    sent: int
    sent_time: Moment | None
    waiting: int
    again: int
    parked: int
    reasons: tuple[str, ...]
    problem: str


class ScheduleModel(Model):
    """Something that runs by the clock; `problem` says why the last run failed."""

    name: str
    cron: str
    next_time: Moment
    begun_time: Moment | None
    ended_time: Moment | None
    runner: str = Field(description='who runs it now; "" for nobody')
    problem: str


class AskedMessages(Paged):
    """Which messages."""

    state: Literal["waiting", "sent", "parked"] | None = None
    notifier: Text = None
    incident_uid: Text = None


class AskedTickets(Paged):
    """Which tickets."""

    state: Literal["waiting", "settled", "parked"] | None = None
    system: Text = None


class _Body(Model):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MessagesAgain(_Body):
    """Which parked messages are tried again; what is left out means all."""

    notifier: str | None = Field(default=None, max_length=100)
    uid: str | None = Field(default=None, max_length=200)


class TicketsAgain(_Body):
    """Of which system parked tickets are tried again; left out: of all."""

    system: str | None = Field(default=None, max_length=100)


class Again(Model):
    """How many are tried again."""

    count: int


class Taken(Model):
    """The other side took the test message."""

    name: str


@operation(router, "GET", "/notifiers", Permission.READ, response_model=list[NotifierModel])
def list_notifiers(request: Request) -> list[NotifierModel]:
    """List who tells people, and what waits for each."""
    found = console_of(request).integrations.notifiers()
    return [NotifierModel.model_validate(each) for each in found]


@operation(router, "GET", "/routes", Permission.READ, response_model=list[RouteModel])
def list_routes(request: Request) -> list[RouteModel]:
    """List which incidents are told to whom, with what each route told."""
    return [
        RouteModel(
            **{name: getattr(each, name) for name in RouteModel.model_fields if name != SECONDS},
            digest_seconds=each.digest.total_seconds() if each.digest else None,
        )
        for each in console_of(request).integrations.routes()
    ]


@operation(router, "POST", "/notifiers/{name}/test", Permission.OPERATE, response_model=Taken)
def send_test(request: Request, name: str) -> Taken:
    """Send a test message now, past the outbox; 409 says why the other side did not take it."""
    try:
        console_of(request).integrations.send_test(name, asking_of(request, None))
    except UsageError as error:
        raise HTTPException(404, str(error)) from error
    except (WorldError, SettingsError) as error:
        raise HTTPException(409, str(error)) from error
    return Taken(name=name)


@operation(router, "GET", "/messages", Permission.READ, response_model=Listed[MessageModel])
def list_messages(
    request: Request, asked: Annotated[AskedMessages, Query()]
) -> Listed[MessageModel]:
    """List messages, the newest first; none for people who see some accounts only."""
    page = console_of(request).store.leaving.messages(
        WhichMessages(asked.state, asked.notifier, asked.incident_uid),
        visitor_of(request).scope,
        limit=asked.limit,
        cursor=asked.cursor,
    )
    items = [
        MessageModel(
            **{name: getattr(one, name) for name in MessageModel.model_fields if name != NOTIFIER},
            notifier=one.target,
        )
        for one in page.rows
    ]
    return Listed(items=items, next_cursor=page.cursor)


@operation(router, "POST", "/messages/retry", Permission.OPERATE, response_model=Again)
def retry_messages(request: Request, body: MessagesAgain) -> Again:
    """Let parked messages be tried again from the first try.

    A request with an `Idempotency-Key` counts once: the same again gets the first answer.
    """
    asking = asking_of(request, body)
    return Again(
        count=console_of(request).store.leaving.retry_messages(asking, body.notifier, body.uid)
    )


@operation(router, "GET", "/tickets", Permission.READ, response_model=Listed[KeptTicketModel])
def list_tickets(
    request: Request, asked: Annotated[AskedTickets, Query()]
) -> Listed[KeptTicketModel]:
    """List tickets of incidents, by incident."""
    page = console_of(request).store.leaving.tickets(
        WhichTickets(asked.state, asked.system),
        visitor_of(request).scope,
        limit=asked.limit,
        cursor=asked.cursor,
    )
    items = [
        KeptTicketModel(
            **{name: getattr(one, name) for name in KeptTicketModel.model_fields if name != TOLD},
            told_time=one.told.time,
        )
        for one in page.rows
    ]
    return Listed(items=items, next_cursor=page.cursor)


@operation(
    router, "GET", "/tickets/systems", Permission.READ, response_model=list[TicketSystemModel]
)
def list_systems(request: Request) -> list[TicketSystemModel]:
    """List the systems of tickets, and what waits for each."""
    found = console_of(request).integrations.systems(visitor_of(request).scope)
    return [TicketSystemModel.model_validate(each) for each in found]


@operation(router, "POST", "/tickets/retry", Permission.OPERATE, response_model=Again)
def retry_tickets(request: Request, body: TicketsAgain) -> Again:
    """Let parked tickets be tried again.

    A request with an `Idempotency-Key` counts once: the same again gets the first answer.
    """
    asking = asking_of(request, body)
    return Again(count=console_of(request).store.leaving.retry_tickets(asking, body.system))


@operation(router, "GET", "/forwarders", Permission.READ, response_model=list[ForwarderModel])
def list_forwarders(request: Request) -> list[ForwarderModel]:
    """List the forwarders: what was sent, what waits, what is refused and why."""
    found = console_of(request).integrations.forwarders(visitor_of(request).scope)
    names = ForwarderModel.model_fields.keys() - {"kind", "does"}
    return [
        ForwarderModel(
            **{name: getattr(each.state, name) for name in names},
            kind=each.kind,
            does=each.does,  # type: ignore[arg-type] # one of the words of the model
        )
        for each in found
    ]


@operation(router, "POST", "/forwarders/{name}/retry", Permission.OPERATE, response_model=Again)
def retry_forwarder(request: Request, name: str) -> Again:
    """Let the parked records of a forwarder leave again; their identifiers stay the same."""
    console, visitor = console_of(request), visitor_of(request)
    try:
        count = console.integrations.retry_forwarder(name, visitor.name, console.now())
    except UsageError as error:
        raise HTTPException(404, str(error)) from error
    return Again(count=count)


@operation(router, "GET", "/schedules", Permission.READ, response_model=list[ScheduleModel])
def list_schedules(request: Request) -> list[ScheduleModel]:
    """List what runs by the clock: when next, when last, and why it failed."""
    console, sees_all = console_of(request), visitor_of(request).scope == EVERYTHING
    found = [ScheduleModel.model_validate(each) for each in console.store.schedules.list()]
    return found if sees_all else [each.model_copy(update={"problem": ""}) for each in found]


def asking_of(request: Request, body: _Body | None) -> Asking:
    """Return who asks, when, and by which idempotency key."""
    once = None if body is None else once_of(request, body)
    return Asking(visitor_of(request).name, console_of(request).now(), once)
