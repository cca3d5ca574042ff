"""Action requests for the tests of the pages, planned as the loop plans them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.serve.web import seed
from tocsin.ocsf import EVERYTHING
from tocsin.respond.actions import Call, Change, Plan, Target
from tocsin.respond.requests import ActionRequest
from tocsin.store import IncidentFilter, Store
from tocsin.store.answers import RequestMoment

KEY = "AKIAIOSFODNN7EXAMPLE"
PLAN = Plan(
    (Call("iam", "update_access_key", {"AccessKeyId": KEY, "Status": "Inactive"}),),
    (Change("access key of mallory", "Active", "Inactive"),),
    ("What uses this key stops working.",),
)


def wish(store: Store, uid: str, **values: Any) -> ActionRequest:
    """Return a request of a playbook about the newest incident."""
    incidents = store.incidents.list(IncidentFilter(), EVERYTHING).rows
    made = ActionRequest(
        uid=uid,
        run_uid=f"run_{uid}",
        playbook_uid="leaked_access_key",
        step=0,
        incident_uid=incidents[0].uid if incidents else "inc_1",
        action="aws_disable_access_key",
        target=Target(
            "access_key", KEY, KEY, "aws", seed.ACCOUNT, resolution="named by the finding"
        ),
        arguments="{}",
        mode="approve",
        state="proposed",
        author="playbook:leaked_access_key",
        reason="The key leaked.",
        requested_time=seed.NOW - timedelta(minutes=5),
        lasts=timedelta(hours=1),
        needed_approvals=1,
    )
    return replace(made, **values)


def put(store: Store, uid: str, plan: Plan | None = PLAN, **values: Any) -> ActionRequest:
    """Store a request, planned as the loop does it unless there is no plan."""
    made = wish(store, uid, **values)
    store.requests.put(made, made.author, made.requested_time)
    if plan is not None:
        lease = store.request_work.lease("tests", made.requested_time)
        assert lease is not None
        needed = made.needed_approvals
        store.request_work.planned(lease, made, plan, needed, made.requested_time)
        store.request_work.release(lease, made.requested_time)
    return made


def carry_out(store: Store, uid: str, approver: str = "ada") -> None:
    """Approve a request and move it on to where it is in force."""
    kept = store.requests.get(uid, EVERYTHING)
    assert kept is not None
    store.requests.approve(uid, kept.digest, approver, seed.NOW, EVERYTHING)
    lease = store.request_work.lease("tests", seed.NOW)
    assert lease is not None
    approved = store.request_work.get(uid)
    assert approved is not None
    store.request_work.begin(lease, approved.request, {"status": "Active"}, seed.NOW)
    seq = store.request_work.begin_call(lease, uid, "apply", (0, PLAN.calls[0]), seed.NOW)
    store.request_work.end_call(lease, seq, "done", "", seed.NOW)
    applying = store.request_work.get(uid)
    assert applying is not None
    moment = RequestMoment(seed.NOW, "active", "tocsin", "done and read back")
    store.request_work.end(lease, applying.request, {"status": "Inactive"}, moment)
    store.request_work.release(lease, seed.NOW)


def fill(store: Store, attacks: Sequence[str]) -> None:
    """Store a request that is full of each attack: in target, plan, reason, author and refusal."""
    for place, text in enumerate(attacks):
        plan = Plan(
            (Call("iam", text, {"Name": text, text: [text]}, text),),
            (Change(text, text, text),),
            (text,),
        )
        target = Target("access_key", text, text, "aws", seed.ACCOUNT, text, text)
        made = put(
            store,
            f"req_hostile{place}",
            plan,
            target=target,
            reason=text,
            author=f"playbook:{text}",
        )
        if place % 3 == 1:
            store.requests.refuse(made.uid, "ada", text, seed.NOW, EVERYTHING)
        elif place % 3 == 2:
            carry_out(store, made.uid, approver=text)
