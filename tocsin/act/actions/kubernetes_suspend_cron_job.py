"""Start no more jobs of a cron job; those that run go on."""

from dataclasses import dataclass

from tocsin.act import kubernetes_objects as objects
from tocsin.act.switches import switch
from tocsin.respond.actions import ActionFacts, Call, Caller, Need, Plan, Purpose, Target
from tocsin.respond.actions.words import State


@dataclass(frozen=True, slots=True)
class SuspendCronJobArguments:
    """Takes no arguments."""


class KubernetesSuspendCronJob:
    """Sets `spec.suspend`; undone by what it was."""

    facts = ActionFacts(
        title="Suspend a cron job",
        provider="kubernetes",
        targets=frozenset({"cron_job"}),
        category="reversible",
        level=2,
        needs=(
            Need("get batch/cronjobs", "{name}", is_reading=True),
            Need("patch batch/cronjobs", "{name}"),
        ),
        source="https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-suspension",
    )

    def __init__(self, arguments: SuspendCronJobArguments) -> None:
        self._arguments = arguments

    def read_state(self, target: Target, purpose: Purpose, caller: Caller) -> State:
        """Return whether it is suspended."""
        job = objects.read(caller, objects.path("cronjobs", *objects.parts(target)))
        return {"suspend": bool(objects.part(job, "spec").get("suspend"))}

    def plan(self, target: Target, state: State, purpose: Purpose) -> Plan:
        """Return the call that suspends it."""
        return _set(target, state, True, ("jobs that it has started go on: delete their pods",))

    def plan_undo(self, target: Target, before: State, now: State, purpose: Purpose) -> Plan:
        """Return the call that lets it start jobs again."""
        missed = "times that passed meanwhile may be made up for at once"
        return _set(target, now, bool(before["suspend"]), (missed,))


def _set(target: Target, now: State, wanted: bool, warnings: tuple[str, ...]) -> Plan:
    def call() -> Call:
        where = objects.path("cronjobs", *objects.parts(target))
        return objects.patch(where, {"spec": {"suspend": wanted}})

    return switch(
        "suspend", now, wanted, call, f"cron job {target.name} suspended", warnings=warnings
    )
