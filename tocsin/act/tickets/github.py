"""Issues of a GitHub repository, found again by the identifier in their text.

They are looked for among the issues with a label, not by search: its index lags behind. GitHub
drops the label without a word where the token may not set it; then nothing is opened twice only as
long as Tocsin itself knows the issue, so `tocsin ticket test` looks for it.
Source: https://docs.github.com/en/rest/issues/issues, version 2022-11-28.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

from tocsin.act.posting import HttpSettings, bearer
from tocsin.act.ticketing import Api, Draft, Ticket, TicketRefused, required, rows, text
from tocsin.errors import ActionError
from tocsin.values import Matching, Secret

_PAGE = 100
_MOST_PAGES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubSettings(HttpSettings):
    """Where issues are opened.

    Attributes:
        repository: owner and name, such as `example/security`; better a private one.
        token: of an app or a person, with write access to issues.
        label: by which our issues are found.
        url: of the API; that of GitHub Enterprise Server ends with `/api/v3`.
    """

    repository: Annotated[str, Matching(r"[\w.-]{1,100}/[\w.-]{1,100}", "owner/name")]
    token: Secret
    label: Annotated[str, Matching(r"[\w-]{1,50}", "a label without spaces")] = "tocsin"
    url: str = "https://api.github.com"


class GitHub:
    """Opens, comments on, closes and reads issues."""

    settle_seconds = 10.0

    def __init__(self, settings: GitHubSettings) -> None:
        """Take the settings; nothing is asked yet.

        Raises:
            SettingsError: the address can never be used.
        """
        headers = {
            **bearer(settings.token),
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        self._api = Api(settings.url, settings, headers)
        self._settings = settings
        self._issues = f"/repos/{settings.repository}/issues"
        self.target = self._api.target

    def find(self, fingerprint: str, since: datetime) -> Ticket | None:
        """Return the issue whose text names an incident.

        Raises:
            ActionError: GitHub does not answer.
        """
        query = {
            "labels": self._settings.label,
            "state": "all",
            "since": _stamp(since),
            "sort": "created",
            "direction": "asc",
            "per_page": str(_PAGE),
        }
        for page in range(1, _MOST_PAGES + 1):
            found = rows(self._api.get(self._issues, {**query, "page": str(page)}))
            for issue in found:
                if fingerprint in text(issue, "body"):
                    return _ticket(issue)
            if len(found) < _PAGE:
                return None
        raise ActionError(f"more than {_MOST_PAGES * _PAGE} issues with our label are new")

    def open(self, draft: Draft) -> Ticket:
        """Open an issue.

        Raises:
            TicketRefused: GitHub does not take it.
            ActionError: nobody knows whether it is there.
        """
        labels = [self._settings.label]
        content = {"title": draft.title, "body": _fenced(draft.text), "labels": labels}
        return _ticket(self._api.send("POST", self._issues, content))

    def read(self, uid: str) -> Ticket | None:
        """Return an issue as it is now.

        Raises:
            ActionError: GitHub does not answer.
        """
        found = self._api.get(self._issue(uid))
        return None if found is None else _ticket(found)

    def holds(self, uid: str, mark: str, since: datetime) -> bool:
        """Return whether a comment since then has the mark.

        Raises:
            ActionError: GitHub does not answer.
        """
        query = {"since": _stamp(since), "per_page": str(_PAGE)}
        found = rows(self._api.get(f"{self._issue(uid)}/comments", query))
        return any(mark in text(comment, "body") for comment in found)

    def comment(self, uid: str, text: str, mark: str) -> None:
        """Add a comment.

        Raises:
            TicketRefused: GitHub does not take it.
            ActionError: nobody knows whether it is there.
        """
        self._api.send("POST", f"{self._issue(uid)}/comments", {"body": _fenced(f"{text}\n{mark}")})

    def close(self, uid: str, text: str) -> None:
        """Close an issue.

        Raises:
            TicketRefused: GitHub does not do it.
            ActionError: nobody knows whether it did.
        """
        self._set(uid, {"state": "closed", "state_reason": "completed"})

    def reopen(self, uid: str) -> None:
        """Open an issue again.

        Raises:
            TicketRefused: GitHub does not do it.
            ActionError: nobody knows whether it did.
        """
        self._set(uid, {"state": "open", "state_reason": "reopened"})

    def _set(self, uid: str, content: dict[str, object]) -> None:
        present = self.read(uid)
        if present is None:
            raise TicketRefused(f"the issue {uid} is not there any more")
        if present.is_open is not (content["state"] == "open"):
            self._api.send("PATCH", self._issue(uid), content)

    def _issue(self, uid: str) -> str:
        return f"{self._issues}/{quote(uid, safe='')}"


def _ticket(issue: object) -> Ticket:
    number = required(issue, "number")
    is_open = required(issue, "state") == "open"
    return Ticket(number, f"#{number}", required(issue, "html_url"), is_open)


def _fenced(lines: str) -> str:
    # Harmless lines hold no fence; inside one nobody is mentioned and nothing is linked.
    return f"```text\n{lines}\n```"


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
