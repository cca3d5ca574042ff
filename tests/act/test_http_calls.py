"""What the frame of callers over HTTP makes of answers, and of their absence."""

import socket

import pytest

from tests.act.callers.standin import LOOPBACK, Ask, World, serve
from tocsin.act.http_calls import ClientCredentials, HttpCalls, Service, outbound_of, segment
from tocsin.act.posting import HttpSettings
from tocsin.errors import (
    ActionError,
    CallRefusedError,
    OutcomeUnknownError,
    SettingsError,
    TargetGoneError,
)
from tocsin.respond.actions import Call
from tocsin.values import Secret

GET = Call("x", "GET", {"path": "/a"})
POST = Call("x", "POST", {"path": "/a", "body": {"b": 1}})
SETTINGS = HttpSettings(allow_private=LOOPBACK, timeout_seconds=2.0)


class Script:
    """Answers in order; the last one for ever. An answer is status, body and headers."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked: list[Ask] = []
        self.waits: list[float] = []

    def __call__(self, ask):
        self.asked.append(ask)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if found is None:
            raise ConnectionAbortedError
        return found

    def send(self, call):
        with serve(World(self)) as url:
            service = Service(url, lambda: {"Authorization": "Bearer t"})
            calls = HttpCalls(SETTINGS, {"x": service}, lambda _: "the right", self.waits.append)
            return calls.call(call)


def test_an_answer_is_given_as_an_object():
    assert Script((200, {"c": 2})).send(GET) == {"c": 2}
    assert Script((200, [1, 2])).send(GET) == {"items": [1, 2]}
    assert Script((200, "a line")).send(GET) == {"text": "a line"}
    assert Script((204, None)).send(POST) == {}


def test_body_query_and_condition_are_sent_and_the_note_is_not():
    script = Script((200, {}))

    script.send(
        Call(
            "x",
            "PUT",
            {
                "path": "/a/b%2Fc",
                "query": {"q": "1 &"},
                "body": {"b": None},
                "headers": {"If-Match": "e"},
                "about": "what it does",
            },
        )
    )

    (ask,) = script.asked
    assert (ask.method, ask.path, ask.query, ask.body) == (
        "PUT",
        "/a/b%2Fc",
        {"q": "1 &"},
        {"b": None},
    )
    assert ask.headers["if-match"] == "e"
    assert ask.headers["authorization"] == "Bearer t"


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, ActionError, "no such zone"),
        (401, CallRefusedError, "the right"),
        (403, CallRefusedError, "the right"),
        (404, TargetGoneError, "no such zone"),
        (409, ActionError, "changed at the same time"),
        (410, TargetGoneError, "no such zone"),
        (412, ActionError, "changed at the same time"),
        (302, ActionError, "302"),
    ],
)
@pytest.mark.parametrize("call", [GET, POST])
def test_a_refusal_has_its_meaning_and_is_not_repeated(status, kind, said, call):
    script = Script((status, {"error": {"message": "no such zone"}}, {"Location": "/other"}))

    with pytest.raises(ActionError, match=said) as raised:
        script.send(call)

    assert type(raised.value) is kind
    assert len(script.asked) == 1


@pytest.mark.parametrize("call", [GET, POST])
@pytest.mark.parametrize("status", [429, 503])
def test_throttled_calls_are_repeated_after_the_time_that_is_asked_for(call, status):
    script = Script((status, {}, {"Retry-After": "7"}), (200, {"done": True}))

    assert script.send(call) == {"done": True}
    assert script.waits == [7.0]


def test_nobody_makes_us_wait_for_ever():
    script = Script((429, {}, {"Retry-After": "86400"}))

    with pytest.raises(ActionError, match="429"):
        script.send(GET)

    assert script.waits == [30.0] * 3


@pytest.mark.parametrize("answer", [(500, {}), (503, {}), None])
def test_a_change_whose_answer_is_lost_is_not_repeated(answer):
    script = Script(answer)

    with pytest.raises(OutcomeUnknownError):
        script.send(POST)

    assert len(script.asked) == 1


@pytest.mark.parametrize("answer", [(500, {}), (503, {}), None])
def test_reading_is_repeated(answer):
    script = Script(answer, (200, {"c": 2}))

    assert script.send(GET) == {"c": 2}
    assert len(script.asked) == 2


@pytest.mark.parametrize("call", [GET, POST])
def test_without_a_connection_nothing_was_done(call):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    waits: list[float] = []
    calls = HttpCalls(SETTINGS, {"x": Service(url, dict)}, lambda _: "", waits.append)

    with pytest.raises(ActionError, match="does not answer") as raised:
        calls.call(call)

    assert type(raised.value) is ActionError
    assert len(waits) == 3


@pytest.mark.parametrize(
    "path",
    ["", "a", "//b", "/a/../b", "/a/..", "/./b", "/a?b", "/a#b", "/a b", "/a\n", "http://b/"],
)
def test_a_path_cannot_leave_its_place(path):
    script = Script((200, {}))

    with pytest.raises(ActionError, match="no path"):
        script.send(Call("x", "GET", {"path": path}))

    assert script.asked == []


@pytest.mark.parametrize(
    "call",
    [
        Call("y", "GET", {"path": "/a"}),
        Call("x", "CONNECT", {"path": "/a"}),
        Call("x", "PUT", {"path": "/a", "headers": {"Host": "b"}}),
    ],
)
def test_other_calls_are_not_sent(call):
    script = Script((200, {}))

    with pytest.raises(ActionError):
        script.send(call)

    assert script.asked == []


def test_a_name_is_one_part_of_a_path():
    assert segment("a/../b?c") == "a%2F..%2Fb%3Fc"
    for name in ("", ".", ".."):
        with pytest.raises(ActionError):
            segment(name)


def test_an_address_inside_is_reached_only_where_it_is_allowed():
    calls = HttpCalls(
        HttpSettings(), {"x": Service("https://127.0.0.1:1", dict)}, lambda _: "", lambda _: None
    )

    with pytest.raises(ActionError, match="not public"):
        calls.call(GET)
    with pytest.raises(SettingsError):
        HttpCalls(HttpSettings(), {"x": Service("ftp://x", dict)}, lambda _: "")


def test_tokens_are_fetched_once_and_again_when_they_run_out():
    answers = [
        (200, {"access_token": "one", "expires_in": 3600}),
        (200, {"access_token": "two", "expires_in": 1}),
    ]
    script = Script(*answers)
    with serve(World(script)) as url:
        lasting = ClientCredentials(
            outbound_of(SETTINGS), f"{url}/token", {"client_id": "c"}, Secret("s")
        )
        assert [lasting(), lasting()] == [{"Authorization": "Bearer one"}] * 2
        short = ClientCredentials(outbound_of(SETTINGS), f"{url}/token", {}, Secret("s"))
        assert [short(), short()] == [{"Authorization": "Bearer two"}] * 2

    assert len(script.asked) == 3
    assert script.asked[0].content == b"client_id=c&client_secret=s"


def test_an_unknown_client_is_told_without_its_secret():
    with serve(World(Script((401, {"error": "invalid_client, you sent s3cr3t"})))) as url:
        tokens = ClientCredentials(outbound_of(SETTINGS), f"{url}/token", {}, Secret("s3cr3t"))

        with pytest.raises(CallRefusedError, match="401") as raised:
            tokens()

    assert "s3cr3t" not in str(raised.value)
