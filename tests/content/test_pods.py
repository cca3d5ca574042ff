"""Findings of correlations about a pod are of the same pod as those of its sensors."""

from datetime import timedelta

import pytest

from tests.content.detection import LOG_SOURCES, MORNING, batch
from tocsin import detect, normalize

POD = ("pod", "shop/web-0")
SHELL = {"output_fields": {"proc.name": "bash"}}
ENTERED = {
    "objectRef": {"resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web-0"},
    "responseStatus": {"code": 101},
}
TOKEN_USED = {
    "verb": "list",
    "user": {
        "username": "system:serviceaccount:shop:web",
        "extra": {"authentication.kubernetes.io/pod-name": ["web-0"]},
    },
    "objectRef": {"resource": "pods"},
}
STORIES = {
    "shell_in_pod_then_token_used": [("falco.alert", SHELL), ("kubernetes.audit", TOKEN_USED)],
    "two_sensors_agree_on_pod": [
        ("falco.alert", {"priority": "Warning"}),
        ("kubearmor.alert", {"PolicyName": "no-shells"}),
    ],
    "entered_pod_runs_against_policy": [
        ("kubernetes.audit", ENTERED),
        ("kubearmor.alert", {"PolicyName": "no-shells"}),
    ],
    "policies_of_pod_matched_again": [
        ("kubearmor.alert", {"PolicyName": f"policy-{number}"}) for number in range(3)
    ],
}
TIMES = {
    "falco.alert": ("time",),
    "kubearmor.alert": ("UpdatedTime",),
    "kubernetes.audit": ("requestReceivedTimestamp", "stageTimestamp"),
}


def told(shipped, source, change, at):
    """Return what the source says at a time, normalized."""
    mapping = shipped.mappings[source]
    timed = {**change, **dict.fromkeys(TIMES[source], at.strftime("%Y-%m-%dT%H:%M:%SZ"))}
    found = normalize.apply(mapping, batch(source, [normalize.overlay(mapping.example, timed)]))
    assert found.rejects.num_rows == 0
    return found


@pytest.mark.parametrize("name", sorted(STORIES))
def test_the_finding_joins_the_pod_of_its_sensors(shipped, name):
    [uid] = [rule.uid for rule in shipped.rules if rule.name == name]
    rule_set = detect.RuleSet.build(shipped.rules, LOG_SOURCES)
    windows, entities, of_sensors = detect.Windows(), set(), set()
    for number, (source, change) in enumerate(STORIES[name]):
        at = MORNING + timedelta(minutes=2 * number)
        found = told(shipped, source, change, at)
        detected = detect.evaluate(rule_set, found.events, windows, MORNING, shipped.worker)
        windows = detected.windows
        rows = [row for row in detected.findings.to_pylist() if row["rule_uid"] == uid]
        entities |= {(row["entity"]["type"], row["entity"]["uid"]) for row in rows}
        own = found.findings.to_pylist()
        of_sensors |= {(row["entity"]["type"], row["entity"]["uid"]) for row in own}

    assert entities == {POD}
    assert of_sensors == {POD}
