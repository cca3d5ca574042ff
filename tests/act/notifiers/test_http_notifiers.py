"""Webhooks, PagerDuty and Teams are told over real connections, and tokens reach nobody else."""

import hmac
import json
from base64 import b64decode, b64encode
from dataclasses import replace

import pytest

from tests.act.notifiers.told import LOOPBACK, NEWS
from tests.act.servers import serve
from tocsin import plugins
from tocsin.act import Outbound
from tocsin.act.notifiers.pagerduty import PagerDuty, PagerDutySettings
from tocsin.act.notifiers.teams import Teams, TeamsSettings
from tocsin.act.notifiers.webhook import Webhook, WebhookSettings
from tocsin.errors import ActionError, SettingsError
from tocsin.values import Secret

KINDS = {"webhook": Webhook, "pagerduty": PagerDuty, "teams": Teams}


@pytest.fixture
def server():
    with serve() as found:
        found.status = 202
        yield found


def notifier(kind: str, server):
    url = f"http://127.0.0.1:{server.port}/hunter2"
    if kind == "pagerduty":
        url = url.removesuffix("/hunter2")
        outbound = Outbound(allow_private=LOOPBACK)
        return PagerDuty(PagerDutySettings(Secret("hunter2"), url=url, outbound=outbound))
    values = {"webhook": WebhookSettings, "teams": TeamsSettings}[kind]
    return KINDS[kind](values(Secret(url), allow_private=LOOPBACK))


def posted(server) -> dict:
    ((method, _, _, body),) = server.seen
    assert method == "POST"
    return json.loads(body)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_a_plug_that_is_found_by_its_name(kind):
    assert plugins.find("tocsin.act.notifiers", kind) is KINDS[kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [302, 400, 429, 500])
def test_what_was_not_taken_may_be_sent_again(kind, status, server):
    server.status = status
    made = notifier(kind, server)

    with pytest.raises(ActionError, match=f"status {status}") as caught:
        made.send(NEWS)
    assert "hunter2" not in str(caught.value)

    server.status = 202
    made.send(NEWS)


@pytest.mark.parametrize("kind", KINDS)
def test_secrets_are_not_printed(kind, server):
    made = notifier(kind, server)

    assert "hunter2" not in repr(made) + repr(made._settings)


@pytest.mark.parametrize("kind", ["webhook", "teams"])
@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "https://user:pass@a.example/", "https://", "file:///etc/passwd"]
)
def test_an_address_that_can_never_be_used_is_found_at_the_start(kind, url):
    values = {"webhook": WebhookSettings, "teams": TeamsSettings}[kind]

    with pytest.raises(SettingsError, match="`url`"):
        KINDS[kind](values(Secret(url)))


@pytest.mark.parametrize("kind", ["webhook", "teams"])
@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]", "0x7f.1"])
def test_nothing_inside_is_reached_unless_allowed(kind, host):
    values = {"webhook": WebhookSettings, "teams": TeamsSettings}[kind]
    made = KINDS[kind](values(Secret(f"https://{host}/hook")))

    with pytest.raises(ActionError, match="not public|not resolve"):
        made.send(NEWS)


class Capturing:
    """Remembers the headers of requests that leave."""

    def __init__(self, outbound: Outbound) -> None:
        self.outbound, self.requests = outbound, []

    def send(self, request):
        self.requests.append(request)
        return self.outbound.send(request)


@pytest.mark.parametrize(
    ("key", "raw"),
    [("any text", b"any text"), ("whsec_" + b64encode(b"0123456789abcdef").decode(), None)],
)
def test_a_webhook_is_signed_as_standard_webhooks_says(key, raw, server):
    url = Secret(f"http://127.0.0.1:{server.port}/hook")
    settings = WebhookSettings(url, Secret(key), LOOPBACK, clock=lambda: 1764000000.9)
    made = Webhook(settings)
    made._outbound = capturing = Capturing(made._outbound)

    made.send(NEWS)

    (request,) = capturing.requests
    raw = raw or b64decode(key.removeprefix("whsec_"))
    signed = b"msg_0123456789abcdef.1764000000." + request.content
    expected = b64encode(hmac.digest(raw, signed, "sha256")).decode()
    assert request.headers == {
        "webhook-id": NEWS.uid,
        "webhook-timestamp": "1764000000",
        "webhook-signature": f"v1,{expected}",
    }
    assert posted(server)["data"]["title"] == NEWS.title


def test_a_key_that_is_no_base64_is_found_at_the_start():
    with pytest.raises(SettingsError, match="`key`"):
        Webhook(WebhookSettings(Secret("https://a.example/"), Secret("whsec_%%")))


def test_pagerduty_has_one_alert_for_an_incident(server):
    notifier("pagerduty", server).send(NEWS)
    event = posted(server)

    assert (event["event_action"], event["dedup_key"]) == ("trigger", "inc_1")
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["summary"] == NEWS.title
    assert event["links"] == [{"href": NEWS.url, "text": "Open in Tocsin"}]


def test_pagerduty_resolves_what_is_over_and_digests_are_alerts_of_their_own(server):
    notifier("pagerduty", server).send(replace(NEWS, stage="closed"))
    assert posted(server)["event_action"] == "resolve"

    server.seen.clear()
    notifier("pagerduty", server).send(replace(NEWS, incident_uid="", stage="digest"))
    assert posted(server)["dedup_key"] == NEWS.uid


def test_a_card_of_teams_holds_plain_runs_only(server):
    notifier("teams", server).send(NEWS)
    card = posted(server)["attachments"][0]["content"]

    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    texts = [run["text"] for block in card["body"] for run in block["inlines"]]
    assert texts == [NEWS.title, *NEWS.text.splitlines()]
    assert card["actions"][0]["url"] == NEWS.url
