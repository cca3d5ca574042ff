"""Jira and ServiceNow as their published APIs say."""

import re
from base64 import b64encode

from tests.act.tickets.faking import Fake, need

JIRA_TRANSITIONS = (
    ("11", "To Do", "new"),
    ("21", "In Progress", "indeterminate"),
    ("31", "Done", "done"),
)


class FakeJira(Fake):
    """Jira Cloud, REST API version 3."""

    kind = "jira"

    def settings(self) -> dict[str, object]:
        return {"url": self.url, "project": "SEC", "user": "bot@example.org", "token": "hunter2"}

    def is_search(self, method: str, path: str) -> bool:
        return method == "GET" or path.endswith("/search/jql")

    def is_open(self, uid: str) -> bool:
        return self.tickets[uid]["status"] != "Done"

    def set_open(self, uid: str, *, is_open: bool) -> None:
        self.tickets[uid]["status"] = "In Progress" if is_open else "Done"

    def answer(self, method, path, query, headers, body):
        pair = b64encode(b"bot@example.org:hunter2").decode()
        need(headers["Authorization"] == f"Basic {pair}", "basic authentication")
        need(path.startswith("/rest/api/3/"), path)
        rest = path.removeprefix("/rest/api/3/")
        if (method, rest) == ("POST", "search/jql"):
            return self._search(body)
        if (method, rest) == ("POST", "issue"):
            return self._create(body)
        found = re.fullmatch(r"issue/(\d+)(/comment|/transitions)?", rest)
        need(found, f"{method} {path}")
        if found[1] not in self.tickets:
            return 404, {"errorMessages": ["Issue does not exist"], "errors": {}}
        return self._of(method, self.tickets[found[1]], found[2] or "", query, body)

    def _search(self, body):
        need(set(body) <= {"jql", "fields", "maxResults", "nextPageToken"}, "search body")
        asked = re.fullmatch(r'project = "SEC" AND labels = "([\w-]+)"', body["jql"])
        need(asked, body["jql"])
        hits = [
            {"id": one["id"], "key": one["key"], "fields": {"status": self._status(one)}}
            for one in self.tickets.values()
            if asked[1] in one["labels"] and not self.is_hidden
        ]
        return 200, {"issues": hits[: body["maxResults"]], "isLast": True}

    def _create(self, body):
        need(set(body) == {"fields"}, "create body")
        fields = body["fields"]
        need(
            set(fields) == {"project", "issuetype", "summary", "description", "labels"}, str(fields)
        )
        need(
            fields["project"] == {"key": "SEC"} and fields["issuetype"] == {"name": "Task"}, "type"
        )
        need(0 < len(fields["summary"]) <= 255 and "\n" not in fields["summary"], "summary")
        need(all(" " not in label for label in fields["labels"]), "labels")
        uid = str(10_000 + len(self.tickets))
        ticket = {
            "id": uid,
            "key": f"SEC-{len(self.tickets) + 1}",
            "status": "To Do",
            "title": fields["summary"],
            "text": self._document(fields["description"]),
            "labels": fields["labels"],
            "comments": [],
        }
        self.tickets[uid] = ticket
        return 201, {"id": uid, "key": ticket["key"], "self": f"{self.url}/rest/api/3/issue/{uid}"}

    def _of(self, method, ticket, part, query, body):
        if (method, part) == ("GET", ""):
            need(query == {"fields": "status"}, str(query))
            fields = {"status": self._status(ticket)}
            return 200, {"id": ticket["id"], "key": ticket["key"], "fields": fields}
        if (method, part) == ("POST", "/comment"):
            need(set(body) == {"body"}, "comment")
            self._document(body["body"])
            ticket["comments"].append(body["body"])
            return 201, {"id": "1", "body": body["body"]}
        if (method, part) == ("GET", "/comment"):
            need(query.get("orderBy") == "-created", str(query))
            comments = [{"body": each} for each in reversed(ticket["comments"])]
            return 200, {"comments": comments, "total": len(comments)}
        if (method, part) == ("GET", "/transitions"):
            return 200, {"transitions": [self._way(*each) for each in JIRA_TRANSITIONS]}
        need((method, part) == ("POST", "/transitions"), f"{method} {part}")
        names = {number: name for number, name, _ in JIRA_TRANSITIONS}
        need(set(body) == {"transition"} and body["transition"]["id"] in names, str(body))
        ticket["status"] = names[body["transition"]["id"]]
        return 204, None

    def _document(self, content) -> str:
        """Return the text of an Atlassian document, which must be one of plain paragraphs."""
        need(content["type"] == "doc" and content["version"] == 1, "document")
        lines = []
        for paragraph in content["content"]:
            need(paragraph["type"] == "paragraph", "paragraph")
            for node in paragraph["content"]:
                need(set(node) == {"type", "text"} and node["type"] == "text", "text node")
                need(node["text"], "an empty text node is refused")
                lines.append(node["text"])
        return "\n".join(lines)

    def _status(self, ticket):
        (found,) = [each for each in JIRA_TRANSITIONS if each[1] == ticket["status"]]
        return {"name": found[1], "statusCategory": {"key": found[2]}}

    def _way(self, number, name, category):
        return {
            "id": number,
            "name": name,
            "to": {"name": name, "statusCategory": {"key": category}},
        }


class FakeServiceNow(Fake):
    """The Table API of ServiceNow."""

    kind = "servicenow"

    def settings(self) -> dict[str, object]:
        return {"url": self.url, "user": "tocsin", "secret": "hunter2"}

    def is_open(self, uid: str) -> bool:
        return self.tickets[uid]["state"] not in ("6", "7", "8")

    def set_open(self, uid: str, *, is_open: bool) -> None:
        self.tickets[uid]["state"] = "2" if is_open else "7"

    def answer(self, method, path, query, headers, body):
        pair = b64encode(b"tocsin:hunter2").decode()
        need(headers["Authorization"] == f"Basic {pair}", "basic authentication")
        need(headers["Accept"] == "application/json", "Accept")
        found = re.fullmatch(r"/api/now/table/incident(?:/(\w{32}))?", path)
        need(found, path)
        need(all(name.startswith("sysparm_") for name in query), str(query))
        if found[1] is None:
            return self._list(query) if method == "GET" else self._create(method, body)
        if found[1] not in self.tickets:
            return 404, {"error": {"message": "No Record found"}, "status": "failure"}
        ticket = self.tickets[found[1]]
        if method == "GET":
            shown = {**ticket, "work_notes": ""}
            if query.get("sysparm_display_value") == "true":
                shown["work_notes"] = "\n\n".join(ticket["comments"])
            names = query["sysparm_fields"].split(",")
            return 200, {"result": {name: shown[name] for name in names}}
        need(method == "PATCH", method)
        return self._change(ticket, body)

    def _list(self, query):
        asked = re.fullmatch(r"correlation_id=(\w+)", query["sysparm_query"])
        need(asked, query["sysparm_query"])
        rows = [
            {name: one[name] for name in query["sysparm_fields"].split(",")}
            for one in self.tickets.values()
            if one["correlation_id"] == asked[1] and not self.is_hidden
        ]
        return 200, {"result": rows[: int(query["sysparm_limit"])]}

    def _create(self, method, body):
        need(method == "POST", method)
        known = {"short_description", "description", "correlation_id", "correlation_display"}
        need(set(body) == known | {"impact", "urgency"}, str(body))
        need(len(body["short_description"]) <= 160 and len(body["correlation_id"]) <= 100, "length")
        need(body["impact"] in "123" and body["urgency"] in "123", "impact")
        uid = f"{len(self.tickets):032x}"
        self.tickets[uid] = {
            "sys_id": uid,
            "number": f"INC{len(self.tickets) + 1:07}",
            "state": "1",
            "title": body["short_description"],
            "text": body["description"],
            "comments": [],
            **body,
        }
        return 201, {"result": self.tickets[uid]}

    def _change(self, ticket, body):
        allowed = {"work_notes", "state", "close_code", "close_notes"}
        need(set(body) <= allowed, str(body))
        if body.get("state") == "6":
            # The data policy of the incident table.
            need(body.get("close_code") and body.get("close_notes"), "close code and notes")
        if "work_notes" in body:
            ticket["comments"].append(body["work_notes"])
        ticket["state"] = body.get("state", ticket["state"])
        return 200, {"result": {"sys_id": ticket["sys_id"]}}
