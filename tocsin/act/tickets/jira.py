"""Issues of Jira, Cloud or Data Center, found again by a label.

In Cloud what is written is a document of plain text nodes, so that no text of logs becomes markup;
in Data Center it stands unformatted.
Source: https://developer.atlassian.com/cloud/jira/platform/rest/v3 (search by `/search/jql`), and
https://developer.atlassian.com/server/jira/platform/rest-apis, version 2.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote

from tocsin.act.posting import HttpSettings, basic, bearer
from tocsin.act.ticketing import Api, Draft, Ticket, TicketRefused, part, required, rows, text
from tocsin.errors import ActionError
from tocsin.values import Matching, Secret

_LONGEST_SUMMARY = 255
_LATEST_COMMENTS = "100"
_DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class JiraSettings(HttpSettings):
    """Where issues are opened.

    Attributes:
        url: of the site, such as `https://example.atlassian.net`.
        project: key of the project, such as `SEC`.
        token: API token of the user, or a personal access token where no user is given.
        user: mail address of the user, for Cloud.
        deployment: which Jira it is.
        issue_type: name of the type of new issues.
        close_to: name of the status that ends an issue; otherwise any that counts as done.
        reopen_to: name of the status of an issue that is open again; otherwise any that is not
            done.
    """

    url: str
    project: Annotated[str, Matching(r"[A-Z][A-Z0-9_]{1,50}", "a key such as SEC")]
    token: Secret
    user: str = ""
    deployment: Literal["cloud", "data_center"] = "cloud"
    issue_type: str = "Task"
    close_to: str = ""
    reopen_to: str = ""


class Jira:
    """Opens, comments on, moves and reads issues."""

    # The search index lags behind what was written.
    settle_seconds = 60.0

    def __init__(self, settings: JiraSettings) -> None:
        """Take the settings; nothing is asked yet.

        Raises:
            SettingsError: the address can never be used.
        """
        shown = basic(settings.user, settings.token) if settings.user else bearer(settings.token)
        self._api = Api(settings.url, settings, shown)
        self._settings = settings
        self._is_cloud = settings.deployment == "cloud"
        self._root = f"/rest/api/{'3' if self._is_cloud else '2'}"
        self.target = self._api.target

    def find(self, fingerprint: str, since: datetime) -> Ticket | None:
        """Return the issue with the label of an incident, whenever it was opened.

        Raises:
            ActionError: Jira does not answer.
        """
        asked = f'project = "{self._settings.project}" AND labels = "{_label(fingerprint)}"'
        path = "/search/jql" if self._is_cloud else "/search"
        content = {"jql": asked, "fields": ["status"], "maxResults": 2}
        found = rows(part(self._api.send("POST", f"{self._root}{path}", content), "issues"))
        return self._ticket(found[0]) if found else None

    def open(self, draft: Draft) -> Ticket:
        """Open an issue.

        Raises:
            TicketRefused: Jira does not take it.
            ActionError: nobody knows whether it is there.
        """
        fields = {
            "project": {"key": self._settings.project},
            "issuetype": {"name": self._settings.issue_type},
            "summary": draft.title[:_LONGEST_SUMMARY],
            "description": self._words(draft.text),
            "labels": ["tocsin", _label(draft.fingerprint)],
        }
        made = self._api.send("POST", f"{self._root}/issue", {"fields": fields})
        key = required(made, "key")
        return Ticket(required(made, "id"), key, f"{self._api.base}/browse/{key}", is_open=True)

    def read(self, uid: str) -> Ticket | None:
        """Return an issue as it is now.

        Raises:
            ActionError: Jira does not answer.
        """
        found = self._api.get(self._issue(uid), {"fields": "status"})
        return None if found is None else self._ticket(found)

    def holds(self, uid: str, mark: str, since: datetime) -> bool:
        """Return whether one of the latest comments has the mark.

        Raises:
            ActionError: Jira does not answer.
        """
        query = {"orderBy": "-created", "maxResults": _LATEST_COMMENTS}
        found = rows(part(self._api.get(f"{self._issue(uid)}/comment", query), "comments"))
        # A body is a document in Cloud: the mark is looked for in all of it.
        return any(mark in str(part(comment, "body")) for comment in found)

    def comment(self, uid: str, text: str, mark: str) -> None:
        """Add a comment.

        Raises:
            TicketRefused: Jira does not take it.
            ActionError: nobody knows whether it is there.
        """
        body = self._words(f"{text}\n{mark}")
        self._api.send("POST", f"{self._issue(uid)}/comment", {"body": body})

    def close(self, uid: str, text: str) -> None:
        """Move an issue to a status that counts as done.

        Raises:
            TicketRefused: its workflow knows no way there.
            ActionError: nobody knows whether it moved.
        """
        self._move(uid, self._settings.close_to, is_done=True)

    def reopen(self, uid: str) -> None:
        """Move an issue to a status that does not count as done.

        Raises:
            TicketRefused: its workflow knows no way there.
            ActionError: nobody knows whether it moved.
        """
        self._move(uid, self._settings.reopen_to, is_done=False)

    def _move(self, uid: str, status: str, *, is_done: bool) -> None:
        present = self.read(uid)
        if present is None:
            raise TicketRefused(f"the issue {uid} is not there any more")
        if present.is_open is not is_done:
            return
        path = f"{self._issue(uid)}/transitions"
        for way in rows(part(self._api.get(path), "transitions")):
            ends = _is_done(part(way, "to")) is is_done
            if ends and (not status or text(way, "to", "name") == status):
                self._api.send("POST", path, {"transition": {"id": required(way, "id")}})
                return
        wanted = status or ("one that counts as done" if is_done else "one that is not done")
        raise TicketRefused(
            f"the workflow of {present.key} has no way to the status wanted, {wanted};"
            " see `close_to` and `reopen_to`"
        )

    def _issue(self, uid: str) -> str:
        return f"{self._root}/issue/{quote(uid, safe='')}"

    def _ticket(self, found: object) -> Ticket:
        key = required(found, "key")
        is_open = not _is_done(part(found, "fields", "status"))
        return Ticket(required(found, "id"), key, f"{self._api.base}/browse/{key}", is_open)

    def _words(self, lines: str) -> object:
        if not self._is_cloud:
            return f"{{noformat}}\n{lines.replace('{', '(').replace('}', ')')}\n{{noformat}}"
        paragraphs = [
            {"type": "paragraph", "content": [{"type": "text", "text": line}]}
            for line in lines.split("\n")
            if line
        ]
        return {"type": "doc", "version": 1, "content": paragraphs}


def _label(fingerprint: str) -> str:
    return f"tocsin-{fingerprint}"


def _is_done(status: object) -> bool:
    category = text(status, "statusCategory", "key")
    if not category:
        raise ActionError("the answer has no status")
    return category == _DONE
