"""Incidents of ServiceNow by its Table API, found again by `correlation_id`.

Source: https://www.servicenow.com/docs/r/api-reference/rest-apis/c_TableAPI.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from tocsin.act.posting import HttpSettings, basic, bearer
from tocsin.act.ticketing import Api, Draft, Ticket, TicketRefused, part, required, rows, text
from tocsin.values import Matching, Secret

_FIELDS = "sys_id,number,state,correlation_id"
_LONGEST_TITLE = 160
# Impact and urgency by OCSF severity; ServiceNow makes the priority of them.
_RANKS = {6: ("1", "1"), 5: ("1", "1"), 4: ("2", "1"), 3: ("2", "2")}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceNowSettings(HttpSettings):
    """Where incidents are opened.

    Attributes:
        url: of the instance, such as `https://example.service-now.com`.
        user: user of the instance; without one, the secret is an OAuth token.
        secret: password of the user, or the token.
        table: where they are kept, such as `incident` or `sn_si_incident`.
        open_state: value of `state` of one that is open again.
        closed_state: value of `state` that ends one.
        ended_states: values of `state` that count as closed.
        close_code: value of `close_code`; releases differ in what they know.
        group: `assignment_group` of new ones, its name or sys_id.
    """

    url: str
    secret: Secret
    user: str = ""
    table: Annotated[str, Matching(r"[a-z][a-z0-9_]{0,79}", "a table such as incident")] = (
        "incident"
    )
    open_state: str = "2"
    closed_state: str = "6"
    ended_states: tuple[str, ...] = ("6", "7", "8")
    close_code: str = "Solution provided"
    group: str = ""


class ServiceNow:
    """Opens, comments on, closes and reads incidents."""

    settle_seconds = 10.0

    def __init__(self, settings: ServiceNowSettings) -> None:
        """Take the settings; nothing is asked yet.

        Raises:
            SettingsError: the address can never be used.
        """
        user, secret = settings.user, settings.secret
        self._api = Api(settings.url, settings, basic(user, secret) if user else bearer(secret))
        self._settings = settings
        self._table = f"/api/now/table/{settings.table}"
        self.target = self._api.target

    def find(self, fingerprint: str, since: datetime) -> Ticket | None:
        """Return the incident with the correlation of ours, whenever it was opened.

        Raises:
            ActionError: ServiceNow does not answer.
        """
        query = {
            "sysparm_query": f"correlation_id={fingerprint}",
            "sysparm_fields": _FIELDS,
            "sysparm_limit": "2",
        }
        found = rows(part(self._api.get(self._table, query), "result"))
        # An instance ignores a condition on a field that it does not know, and gives any row.
        mine = [row for row in found if text(row, "correlation_id") == fingerprint]
        return self._ticket(mine[0]) if mine else None

    def open(self, draft: Draft) -> Ticket:
        """Open an incident.

        Raises:
            TicketRefused: ServiceNow does not take it.
            ActionError: nobody knows whether it is there.
        """
        impact, urgency = _RANKS.get(draft.severity_id, ("3", "3"))
        content = {
            "short_description": draft.title[:_LONGEST_TITLE],
            "description": draft.text,
            "correlation_id": draft.fingerprint,
            "correlation_display": "Tocsin",
            "impact": impact,
            "urgency": urgency,
        }
        if self._settings.group:
            content["assignment_group"] = self._settings.group
        path = f"{self._table}?sysparm_fields={quote(_FIELDS)}"
        return self._ticket(part(self._api.send("POST", path, content), "result"))

    def read(self, uid: str) -> Ticket | None:
        """Return an incident as it is now.

        Raises:
            ActionError: ServiceNow does not answer.
        """
        found = self._api.get(self._row(uid), {"sysparm_fields": _FIELDS})
        return None if found is None else self._ticket(part(found, "result"))

    def holds(self, uid: str, mark: str, since: datetime) -> bool:
        """Return whether the work notes have the mark.

        Raises:
            ActionError: ServiceNow does not answer.
        """
        # The journal is given as text only where display values are asked for.
        query = {"sysparm_fields": "work_notes", "sysparm_display_value": "true"}
        return mark in text(self._api.get(self._row(uid), query), "result", "work_notes")

    def comment(self, uid: str, text: str, mark: str) -> None:
        """Add a work note.

        Raises:
            TicketRefused: ServiceNow does not take it.
            ActionError: nobody knows whether it is there.
        """
        # Between these words it would read a note as HTML.
        plain = text.replace("[code]", "(code)").replace("[/code]", "(/code)")
        self._change(uid, {"work_notes": f"{plain}\n{mark}"})

    def close(self, uid: str, text: str) -> None:
        """Resolve an incident.

        Raises:
            TicketRefused: ServiceNow does not do it.
            ActionError: nobody knows whether it did.
        """
        if self._present(uid).is_open:
            settings = self._settings
            ending = {"close_code": settings.close_code, "close_notes": text}
            self._change(uid, {"state": settings.closed_state, **ending})

    def reopen(self, uid: str) -> None:
        """Open an incident again.

        Raises:
            TicketRefused: ServiceNow does not do it.
            ActionError: nobody knows whether it did.
        """
        if not self._present(uid).is_open:
            self._change(uid, {"state": self._settings.open_state})

    def _present(self, uid: str) -> Ticket:
        found = self.read(uid)
        if found is None:
            raise TicketRefused(f"the incident {uid} is not there any more")
        return found

    def _change(self, uid: str, content: Mapping[str, object]) -> None:
        self._api.send("PATCH", f"{self._row(uid)}?sysparm_fields=sys_id", content)

    def _row(self, uid: str) -> str:
        return f"{self._table}/{quote(uid, safe='')}"

    def _ticket(self, row: object) -> Ticket:
        uid, number = required(row, "sys_id"), required(row, "number")
        page = quote(f"{self._settings.table}.do?sys_id={uid}", safe="")
        is_open = required(row, "state") not in self._settings.ended_states
        return Ticket(uid, number, f"{self._api.base}/nav_to.do?uri={page}", is_open)
