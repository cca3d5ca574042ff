"""What fakes of systems of tickets have in common: strict in what they take, they remember their
tickets, and can be told to fail before or after they did what was asked.
"""

import json
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


class WrongError(Exception):
    """A request that the real one would not take."""


def need(condition: object, what: str) -> None:
    if not condition:
        raise WrongError(what)


class Fake:
    """What all of them have in common.

    Attributes:
        tickets: by what the API names them by.
        wrong: why a request was not as published.
        faults: what happens to the next requests that change something: a status before it is done
            (`429`), a status after it was done (`+500`), or `+cut`: done, and no answer.
        sent: method and path of each request.
    """

    kind = ""

    def __init__(self) -> None:
        self.tickets: dict[str, dict[str, Any]] = {}
        self.wrong: list[str] = []
        self.faults: list[str] = []
        self.sent: list[tuple[str, str]] = []
        self.port = 0
        self.is_hidden = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def changes(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path in self.sent if method != "GET"]

    def is_open(self, uid: str) -> bool:
        raise NotImplementedError

    def set_open(self, uid: str, *, is_open: bool) -> None:
        raise NotImplementedError

    def comments(self, uid: str) -> list[str]:
        return [str(each) for each in self.tickets[uid]["comments"]]

    def answer(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Any
    ) -> tuple[int, Any]:
        raise NotImplementedError

    def is_search(self, method: str, path: str) -> bool:
        return method == "GET"

    def next_fault(self, method: str, path: str) -> str:
        return self.faults.pop(0) if self.faults and not self.is_search(method, path) else ""

    def taken(self, method: str, address: str, headers: Any, content: bytes) -> tuple[int, Any]:
        parts = urlsplit(address)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        try:
            if content:
                need(headers["Content-Type"] == "application/json", "Content-Type")
            body = json.loads(content) if content else None
            return self.answer(method, parts.path, query, headers, body)
        except (WrongError, KeyError, TypeError) as error:
            self.wrong.append(f"{method} {unquote(address)}: {error!r}")
            return 400, {"message": "Bad Request"}
