"""Rules with correlations, written for tests, and tools that hold only these."""

from pathlib import Path

from tests.run.crank import settings_in
from tocsin.isolate import RuleWorker
from tocsin.run import wiring
from tocsin.run.tools import Tools

IDS = "00000000-0000-4000-8000-0000000000"
MANY, STOPPED, NEW_REGION = f"{IDS}02", f"{IDS}03", f"{IDS}05"

RULES = f"""
title: A volume is deleted
id: {IDS}01
name: volume_deleted
logsource: {{product: aws, service: cloudtrail}}
detection:
  selection: {{eventName: DeleteVolume}}
  condition: selection
level: low
---
title: Many volumes are deleted
id: {MANY}
level: high
correlation:
  type: event_count
  rules: [volume_deleted]
  group-by: [tocsin.actor]
  timespan: 10m
  condition: {{gte: 3}}
---
title: The nightly snapshot is missing
id: {STOPPED}
correlation:
  type: absence
  rules: [snapshot_made]
  group-by: [userIdentity.userName]
  timespan: 1d
---
title: A snapshot is made
id: {IDS}04
name: snapshot_made
logsource: {{product: aws, service: cloudtrail}}
detection:
  selection: {{eventName: CreateSnapshot}}
  condition: selection
level: informational
---
title: Somebody works in a new region
id: {NEW_REGION}
correlation:
  type: new_value
  rules: [volume_deleted]
  group-by: [tocsin.actor]
  timespan: 30d
  condition: {{field: awsRegion}}
  learning: 7d
"""


def correlated_tools(folder: Path, worker: RuleWorker, text: str = RULES) -> Tools:
    """Return tools whose only rules are these."""
    rules = folder / "rules"
    rules.mkdir(exist_ok=True)
    (rules / "own.yaml").write_text(text, encoding="utf-8")
    loaded = wiring.load_rules(wiring.RuleChoice((rules,), with_builtin=False))
    assert not loaded.refusals
    return wiring.load_tools(settings_in(folder), loaded, worker, wiring.load_mappings())
