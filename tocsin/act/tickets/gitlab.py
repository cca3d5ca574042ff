"""Issues of a GitLab project, found again by label and the identifier in their text.

Source: https://docs.gitlab.com/api/issues and https://docs.gitlab.com/api/notes
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from tocsin.act.posting import HttpSettings
from tocsin.act.ticketing import Api, Draft, Ticket, TicketRefused, required, rows, text
from tocsin.values import Matching, Secret

_LATEST_NOTES = "100"


@dataclass(frozen=True, slots=True, kw_only=True)
class GitLabSettings(HttpSettings):
    """Where issues are opened.

    Attributes:
        project: its path, such as `example/security`, or its number; better a private one.
        token: personal, group or project access token with the scope `api`.
        label: by which our issues are found.
        is_confidential: whether only members see them.
        url: of the instance.
    """

    project: Annotated[str, Matching(r"[\w./-]{1,255}", "a path or number of a project")]
    token: Secret
    label: Annotated[str, Matching(r"[\w-]{1,50}", "a label without spaces")] = "tocsin"
    is_confidential: bool = True
    url: str = "https://gitlab.com"


class GitLab:
    """Opens, comments on, closes and reads issues."""

    settle_seconds = 10.0

    def __init__(self, settings: GitLabSettings) -> None:
        """Take the settings; nothing is asked yet.

        Raises:
            SettingsError: the address can never be used.
        """
        self._api = Api(settings.url, settings, {"PRIVATE-TOKEN": settings.token.reveal()})
        self._settings = settings
        self._issues = f"/api/v4/projects/{quote(settings.project, safe='')}/issues"
        self.target = self._api.target

    def find(self, fingerprint: str, since: datetime) -> Ticket | None:
        """Return the issue whose text names an incident, whenever it was opened.

        Raises:
            ActionError: GitLab does not answer.
        """
        query = {
            "labels": self._settings.label,
            "search": fingerprint,
            "in": "description",
            "scope": "all",
            "state": "all",
            "per_page": "20",
        }
        for issue in rows(self._api.get(self._issues, query)):
            if fingerprint in text(issue, "description"):
                return _ticket(issue)
        return None

    def open(self, draft: Draft) -> Ticket:
        """Open an issue.

        Raises:
            TicketRefused: GitLab does not take it.
            ActionError: nobody knows whether it is there.
        """
        content = {
            "title": draft.title,
            "description": _fenced(draft.text),
            "labels": self._settings.label,
            "confidential": self._settings.is_confidential,
        }
        return _ticket(self._api.send("POST", self._issues, content))

    def read(self, uid: str) -> Ticket | None:
        """Return an issue as it is now.

        Raises:
            ActionError: GitLab does not answer.
        """
        found = self._api.get(self._issue(uid))
        return None if found is None else _ticket(found)

    def holds(self, uid: str, mark: str, since: datetime) -> bool:
        """Return whether one of the latest notes has the mark.

        Raises:
            ActionError: GitLab does not answer.
        """
        query = {"order_by": "created_at", "sort": "desc", "per_page": _LATEST_NOTES}
        found = rows(self._api.get(f"{self._issue(uid)}/notes", query))
        return any(mark in text(note, "body") for note in found)

    def comment(self, uid: str, text: str, mark: str) -> None:
        """Add a note.

        Raises:
            TicketRefused: GitLab does not take it.
            ActionError: nobody knows whether it is there.
        """
        self._api.send("POST", f"{self._issue(uid)}/notes", {"body": _fenced(f"{text}\n{mark}")})

    def close(self, uid: str, text: str) -> None:
        """Close an issue.

        Raises:
            TicketRefused: GitLab does not do it.
            ActionError: nobody knows whether it did.
        """
        self._set(uid, {"state_event": "close"}, is_open=False)

    def reopen(self, uid: str) -> None:
        """Open an issue again.

        Raises:
            TicketRefused: GitLab does not do it.
            ActionError: nobody knows whether it did.
        """
        self._set(uid, {"state_event": "reopen"}, is_open=True)

    def _set(self, uid: str, content: Mapping[str, object], *, is_open: bool) -> None:
        present = self.read(uid)
        if present is None:
            raise TicketRefused(f"the issue {uid} is not there any more")
        if present.is_open is not is_open:
            self._api.send("PUT", self._issue(uid), content)

    def _issue(self, uid: str) -> str:
        return f"{self._issues}/{quote(uid, safe='')}"


def _ticket(issue: object) -> Ticket:
    number = required(issue, "iid")
    is_open = required(issue, "state") == "opened"
    return Ticket(number, f"#{number}", required(issue, "web_url"), is_open)


def _fenced(lines: str) -> str:
    # Harmless lines hold no fence; inside one there are no quick actions, mentions or links.
    return f"```text\n{lines}\n```"
