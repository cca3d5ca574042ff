"""What the API answers about action requests, and what it is told about them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from tocsin.serve.web.api.asking import Paged
from tocsin.serve.web.api.models import Model, Moment

State = Literal[
    "observed",
    "proposed",
    "refused",
    "lapsed",
    "approved",
    "applying",
    "active",
    "verified",
    "reverting",
    "reverted",
    "superseded",
    "failed",
]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class AskedResponses(Paged):
    """Which action requests."""

    state: list[State] | None = None
    incident: str = Field(default="", max_length=400, description="only of this incident")


class Approving(BaseModel):
    """A person's word for one exact plan."""

    model_config = ConfigDict(extra="forbid")

    digest: str = Field(
        min_length=1, max_length=200, description="of the plan that you have read; no other counts"
    )
    reason: str = Field(default="", max_length=2000)


class Reasoned(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class ResponseRow(Model):
    """An action request, as a list shows it."""

    uid: str
    incident_uid: str
    state: State
    title: str
    needs: str = Field(description='who is still to agree; "" where nobody has to any more')
    expires_time: Moment | None = Field(description="when it is taken back by itself")
    author: str
    reason: str
    requested_time: Moment
    updated_time: Moment
    problem: str


class TargetModel(Model):
    """What an action is about."""

    type: str
    uid: str
    name: str
    provider: str
    account: str
    region: str
    resolution: str = Field(description="how it became certain that this is meant")


class CallModel(Model):
    """One call of a provider's API, exactly as it is sent."""

    service: str
    operation: str
    parameters: dict[str, JsonValue]
    region: str


class DifferenceModel(Model):
    """One line of the diff: what was, what will be."""

    what: str
    before: str
    after: str


class PlanModel(Model):
    """What would be done."""

    calls: list[CallModel]
    changes: list[DifferenceModel]
    warnings: list[str]


class ApprovalModel(Model):
    """One person's word; it counts for the plan with this digest alone."""

    digest: str
    approver: str
    time: Moment


class SentCallModel(Model):
    """One call that was sent, or was about to be."""

    phase: str
    number: int
    call: CallModel
    begun_time: Moment
    ended_time: Moment | None
    outcome: str
    detail: str


class StateMoment(Model):
    """One change of a request's state."""

    time: Moment
    state: State
    who: str
    detail: str


class RightModel(Model):
    """One right that the action needs."""

    permission: str
    resource: str
    is_reading: bool


class ResponseModel(ResponseRow):
    """An action request with its plan, and all that became of it."""

    action: str
    target: TargetModel
    arguments: str
    mode: str
    playbook_uid: str
    digest: str
    plan: PlanModel | None
    before: dict[str, JsonValue] | None
    after: dict[str, JsonValue] | None
    undo: PlanModel | None
    approvals: list[ApprovalModel]
    missing_approvals: int
    rights: list[RightModel]
    calls: list[SentCallModel]
    history: list[StateMoment]


class SwitchModel(Model):
    """Whether all responding is stopped, by whom and why."""

    is_stopped: bool
    who: str = ""
    reason: str = ""
    since: Moment | None = None
