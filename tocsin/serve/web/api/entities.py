"""One entity over the API: findings, incidents, links, risk by day, inventory, events."""

import json
from datetime import date
from typing import Annotated

from fastapi import Query, Request
from pydantic import Field, JsonValue

from tocsin.ocsf import Entity
from tocsin.run import entities
from tocsin.serve.web.api.asking import Asked, router_of
from tocsin.serve.web.api.events import ocsf_event
from tocsin.serve.web.api.models import (
    EntityModel,
    FindingModel,
    IncidentModel,
    Model,
    Moment,
    OcsfEvent,
)
from tocsin.serve.web.event_lines import rows
from tocsin.serve.web.guard import console_of, operation, visitor_of
from tocsin.serve.web.permissions import Permission

router = router_of("entities")


class AskedEntity(Asked):
    """Which entity: a uid may hold slashes and colons, so it is a parameter."""

    type: str = Field(min_length=1, max_length=100)
    uid: str = Field(min_length=1, max_length=1_000)


class LinkModel(Model):
    """Another entity, how many findings name both, and titles of their rules."""

    entity: EntityModel
    reasons: tuple[str, ...]
    findings: int
    last_time: Moment


class RiskDayModel(Model):
    """What findings say of one day, UTC; 0 everywhere where there are none."""

    day: date
    risk: int = Field(ge=0, le=100)
    findings: int
    severity_id: int


class IdentityModel(Model):
    """One entity was another, or stood on it, for a time; and how that is known."""

    one: EntityModel
    other: EntityModel
    relation: str
    is_same: bool
    since: Moment
    until: Moment
    reason: str


class StateModel(Model):
    """How it was seen; `configuration` is null where it was gone."""

    type: str
    name: str | None
    account: str | None
    region: str | None
    observed_time: Moment
    configuration: JsonValue


class EntityAnswer(Model):
    """What is known of an entity; lists are empty where nothing is."""

    entity: EntityModel
    first_time: Moment | None
    last_time: Moment | None
    tactics: tuple[str, ...]
    days: tuple[RiskDayModel, ...]
    links: tuple[LinkModel, ...]
    findings: list[FindingModel]
    incidents: list[IncidentModel]
    states: list[StateModel]
    identities: list[IdentityModel]


class EntityEventsAnswer(Model):
    """The latest events of a week; `problem` says why they are only those of findings."""

    items: list[OcsfEvent]
    problem: str
    query: str = Field(description='finds them all; "" where no stored event names such things')


Which = Annotated[AskedEntity, Query()]


@operation(router, "GET", "/entities", Permission.READ, response_model=EntityAnswer)
def get_entity(request: Request, asked: Which) -> EntityAnswer:
    """Get what is known of one user, role, key, host, pod, address, bucket or account."""
    console, scope = console_of(request), visitor_of(request).scope
    about = Entity(asked.type, asked.uid)
    view = entities.view_of(console.store, about, scope, console.now())
    portrait = view.portrait
    states = [
        StateModel.model_validate({**row, "configuration": json.loads(str(row["configuration"]))})
        for row in rows(view.states)
    ]
    return EntityAnswer(
        entity=EntityModel.model_validate(portrait.entity),
        first_time=portrait.first_time,
        last_time=portrait.last_time,
        tactics=portrait.tactics,
        days=tuple(RiskDayModel.model_validate(each) for each in portrait.days),
        links=tuple(LinkModel.model_validate(each) for each in portrait.links),
        findings=[FindingModel.model_validate(row) for row in rows(view.findings)],
        incidents=[IncidentModel.model_validate(each) for each in view.incidents],
        states=states,
        identities=[IdentityModel.model_validate(each) for each in view.identities],
    )


@operation(router, "GET", "/entities/events", Permission.READ, response_model=EntityEventsAnswer)
def get_entity_events(request: Request, asked: Which) -> EntityEventsAnswer:
    """Get the latest events of one entity; a search that comes late is stopped."""
    console, scope = console_of(request), visitor_of(request).scope
    about = entities.view_of(
        console.store, Entity(asked.type, asked.uid), scope, console.now()
    ).portrait.entity
    found = entities.events_of(console.store, about, scope, console.now())
    return EntityEventsAnswer(
        items=[ocsf_event(row) for row in rows(found.events)],
        problem=found.problem,
        query=found.query,
    )
