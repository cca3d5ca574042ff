"""What the store answers with: the frozen things that its questions return, under one name."""

from tocsin.store.accounts import User
from tocsin.store.audit import AuditRow, AuditState
from tocsin.store.audit_checkpoints import Checkpoint
from tocsin.store.audit_checkpoints import read as read_checkpoints
from tocsin.store.events import Bucket, Events, Field
from tocsin.store.evidence import Attaching, Evidence
from tocsin.store.findings import RuleCount
from tocsin.store.forwarding import ForwarderState
from tocsin.store.forwarding import Key as ForwardKey
from tocsin.store.incident_decisions import Decider, Decision
from tocsin.store.incident_timeline import Moment
from tocsin.store.incidents import Changed
from tocsin.store.indicators import FeedState, Search
from tocsin.store.leaving import Asking, WhichMessages, WhichTickets
from tocsin.store.once import Once
from tocsin.store.outbox import Outgoing
from tocsin.store.proposals import Desk, KeptStop
from tocsin.store.questions import Damage, Figures
from tocsin.store.rejects import Replay
from tocsin.store.request_rows import KeptRequest, RequestMoment
from tocsin.store.request_work import Lease as ResponseLease
from tocsin.store.requests import RequestCall
from tocsin.store.response_stop import Stopped
from tocsin.store.rhythms import HourVolume
from tocsin.store.schedules import Schedule
from tocsin.store.sightings import Sighting, same_names
from tocsin.store.snapshots import KeyFile
from tocsin.store.sources import FeedHealth, Volume
from tocsin.store.suppressions import KeptSuppression
from tocsin.store.tickets import KeptTicket, TicketWork
from tocsin.store.tuning import EntityNoise, RuleNoise

__all__ = [
    "Asking",
    "Attaching",
    "AuditRow",
    "AuditState",
    "Bucket",
    "Changed",
    "Checkpoint",
    "Damage",
    "Decider",
    "Decision",
    "Desk",
    "EntityNoise",
    "Evidence",
    "Events",
    "FeedHealth",
    "FeedState",
    "Field",
    "Figures",
    "ForwardKey",
    "ForwarderState",
    "HourVolume",
    "KeptRequest",
    "KeptStop",
    "KeptSuppression",
    "KeptTicket",
    "KeyFile",
    "Moment",
    "Once",
    "Outgoing",
    "Replay",
    "RequestCall",
    "RequestMoment",
    "ResponseLease",
    "RuleCount",
    "RuleNoise",
    "Schedule",
    "Search",
    "Sighting",
    "Stopped",
    "TicketWork",
    "User",
    "Volume",
    "WhichMessages",
    "WhichTickets",
    "read_checkpoints",
    "same_names",
]
