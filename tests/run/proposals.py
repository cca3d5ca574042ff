"""Tools with playbooks of a test, in a folder of its own."""

from dataclasses import replace
from pathlib import Path

import yaml

from tests.run.crank import settings_in
from tocsin.run.proposing import Proposing
from tocsin.run.tools import Tools

TRAIL_STOPPED = "caa8cff9-4518-46e6-857b-b41630ef9d68"


def with_playbooks(tools: Tools, folder: Path, *playbooks: dict[str, object], **more) -> Tools:
    """Return the tools with these playbooks alone; `more` is the section `response`."""
    folder = folder / "playbooks"
    folder.mkdir(exist_ok=True)
    for playbook in playbooks:
        path = folder / f"{playbook['id']}.yaml"
        path.write_text(yaml.safe_dump(playbook, sort_keys=False), encoding="utf-8")
    settings = settings_in(folder)
    chosen = {"folders": (folder,), "with_builtin": False, **more}
    response = settings.response.model_copy(
        update={"playbooks": settings.response.playbooks.model_copy(update=chosen)}
    )
    settings = settings.model_copy(update={"response": response})
    return replace(tools, proposing=Proposing(settings))


def key_playbook(mode: str = "propose", **more: object) -> dict[str, object]:
    return {
        "id": "leaked-key",
        "title": "Disable the key",
        "description": "A key was used by a stranger.",
        "trigger": {"finding.rule_uid": TRAIL_STOPPED},
        "steps": [{"action": "aws_disable_access_key"}],
        "mode": mode,
        **more,
    }
