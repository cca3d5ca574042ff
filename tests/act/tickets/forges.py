"""GitHub and GitLab as their published APIs say."""

import re

from tests.act.tickets.faking import Fake, need


class FakeGitHub(Fake):
    """The REST API of GitHub, version 2022-11-28."""

    kind = "github"

    def settings(self) -> dict[str, object]:
        return {"url": self.url, "repository": "example/security", "token": "hunter2"}

    def is_open(self, uid: str) -> bool:
        return self.tickets[uid]["state"] == "open"

    def set_open(self, uid: str, *, is_open: bool) -> None:
        self.tickets[uid]["state"] = "open" if is_open else "closed"

    def answer(self, method, path, query, headers, body):
        need(headers["Authorization"] == "Bearer hunter2", "token")
        need(headers["X-GitHub-Api-Version"] == "2022-11-28", "version")
        need(headers["Accept"] == "application/vnd.github+json", "Accept")
        need(headers["User-Agent"], "GitHub refuses requests without a user agent")
        found = re.fullmatch(r"/repos/example/security/issues(?:/(\d+)(/comments)?)?", path)
        need(found, path)
        if found[1] is None:
            return self._list(query) if method == "GET" else self._create(method, body)
        if found[1] not in self.tickets:
            return 404, {"message": "Not Found"}
        ticket = self.tickets[found[1]]
        if found[2]:
            return self._comments(method, ticket, query, body)
        if method == "PATCH":
            pairs = {("closed", "completed"), ("open", "reopened")}
            need(set(body) == {"state", "state_reason"}, str(body))
            need((body["state"], body["state_reason"]) in pairs, str(body))
            ticket["state"] = body["state"]
        return 200, self._shown(ticket)

    def _list(self, query):
        need(query["state"] == "all" and int(query["per_page"]) <= 100, str(query))
        need(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", query["since"]), query["since"])
        hits = [
            self._shown(one)
            for one in self.tickets.values()
            if query["labels"] in one["labels"] and not self.is_hidden
        ]
        size, page = int(query["per_page"]), int(query["page"])
        return 200, hits[(page - 1) * size : page * size]

    def _create(self, method, body):
        need(method == "POST" and set(body) == {"title", "body", "labels"}, str(body))
        number = len(self.tickets) + 1
        self.tickets[str(number)] = {
            "number": number,
            "state": "open",
            "title": body["title"],
            "text": body["body"],
            "labels": body["labels"],
            "comments": [],
        }
        return 201, self._shown(self.tickets[str(number)])

    def _comments(self, method, ticket, query, body):
        if method == "GET":
            need(set(query) <= {"since", "per_page", "page"}, str(query))
            return 200, [{"body": each} for each in ticket["comments"]]
        need(method == "POST" and set(body) == {"body"}, str(body))
        ticket["comments"].append(body["body"])
        return 201, {"id": 1, "body": body["body"]}

    def _shown(self, ticket):
        return {
            "number": ticket["number"],
            "state": ticket["state"],
            "title": ticket["title"],
            "body": ticket["text"],
            "labels": [{"name": each} for each in ticket["labels"]],
            "html_url": f"https://github.example.org/example/security/issues/{ticket['number']}",
        }


class FakeGitLab(Fake):
    """The REST API of GitLab, version 4."""

    kind = "gitlab"

    def settings(self) -> dict[str, object]:
        return {"url": self.url, "project": "example/security", "token": "hunter2"}

    def is_open(self, uid: str) -> bool:
        return self.tickets[uid]["state"] == "opened"

    def set_open(self, uid: str, *, is_open: bool) -> None:
        self.tickets[uid]["state"] = "opened" if is_open else "closed"

    def answer(self, method, path, query, headers, body):
        need(headers["PRIVATE-TOKEN"] == "hunter2", "token")
        found = re.fullmatch(
            r"/api/v4/projects/example%2Fsecurity/issues(?:/(\d+)(/notes)?)?", path
        )
        need(found, path)
        if found[1] is None:
            return self._list(query) if method == "GET" else self._create(method, body)
        if found[1] not in self.tickets:
            return 404, {"message": "404 Not found"}
        ticket = self.tickets[found[1]]
        if found[2]:
            return self._notes(method, ticket, query, body)
        if method == "PUT":
            need(body in ({"state_event": "close"}, {"state_event": "reopen"}), str(body))
            ticket["state"] = "closed" if body["state_event"] == "close" else "opened"
        return 200, self._shown(ticket)

    def _list(self, query):
        need(query["in"] == "description" and query["state"] == "all", str(query))
        return 200, [
            self._shown(one)
            for one in self.tickets.values()
            if query["search"] in one["text"]
            and query["labels"] in one["labels"]
            and not self.is_hidden
        ]

    def _create(self, method, body):
        need(method == "POST", method)
        need(set(body) == {"title", "description", "labels", "confidential"}, str(body))
        need(isinstance(body["labels"], str) and len(body["title"]) <= 255, str(body))
        number = len(self.tickets) + 1
        self.tickets[str(number)] = {
            "iid": number,
            "state": "opened",
            "title": body["title"],
            "text": body["description"],
            "labels": body["labels"].split(","),
            "comments": [],
        }
        return 201, self._shown(self.tickets[str(number)])

    def _notes(self, method, ticket, query, body):
        if method == "GET":
            need(query["sort"] == "desc" and query["order_by"] == "created_at", str(query))
            return 200, [{"body": each} for each in reversed(ticket["comments"])]
        need(method == "POST" and set(body) == {"body"}, str(body))
        ticket["comments"].append(body["body"])
        return 201, {"id": 1, "body": body["body"]}

    def _shown(self, ticket):
        return {
            "id": 9000 + ticket["iid"],
            "iid": ticket["iid"],
            "state": ticket["state"],
            "title": ticket["title"],
            "description": ticket["text"],
            "web_url": f"https://gitlab.example.org/example/security/-/issues/{ticket['iid']}",
        }
