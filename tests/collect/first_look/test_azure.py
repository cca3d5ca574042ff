"""Activity logs of all enabled subscriptions are asked by span, and links stay at home."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.collect.cloud_apis import azure_credentials, serving
from tocsin.collect.cloud_api import CloudApi
from tocsin.collect.first_look.azure import Azure, AzureSettings
from tocsin.errors import SourceError

NOW = datetime.now(UTC).replace(microsecond=0)
OURS = "11112222-3333-4444-5555-666677778888"


def event(minutes: int) -> dict:
    moment = (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    return {"eventDataId": f"e{minutes}", "eventTimestamp": moment, "operationName": {"value": "a"}}


class Cloud:
    def __init__(self) -> None:
        self.events = [event(minutes) for minutes in (5, 40, 41, 90)]
        self.elsewhere = ""
        self.answer_always: dict | None = None

    def answer(self, method: str, path: str, content) -> tuple[int, object]:
        if self.answer_always is not None:
            return 200, self.answer_always
        if path.startswith("/subscriptions?"):
            rows = [{"subscriptionId": OURS, "state": "Enabled"}]
            return 200, {"value": [*rows, {"subscriptionId": "gone", "state": "Disabled"}]}
        query = parse_qs(urlsplit(path).query)
        _, begin, _, end, _ = query["$filter"][0].split("'")
        found = [each for each in self.events if begin <= each["eventTimestamp"] <= end]
        start = int(query.get("skip", ["0"])[-1])
        following = self.elsewhere or f"{self.url}{path}&skip={start + 1}"
        more = {"nextLink": following} if len(found) > start + 1 else {}
        return 200, {"value": found[start : start + 1], **more}


@pytest.fixture
def cloud(monkeypatch):
    served = Cloud()
    with serving(served.answer) as (url, asked):
        azure_credentials(url, monkeypatch)
        served.url, served.asked = url, asked
        yield served


def source(cloud: Cloud) -> Azure:
    settings = AzureSettings("look", NOW - timedelta(hours=2), NOW, url=cloud.url)
    return Azure(settings, pause=lambda seconds: None)


def test_events_of_every_subscription_come_in_order(cloud):
    looking = source(cloud)

    raws = [raw for batch in looking.read(None) for raw in batch.records["raw"].to_pylist()]

    assert [json.loads(raw)["eventDataId"] for raw in raws] == ["e90", "e41", "e40", "e5"]
    assert looking.accounts == (OURS,)
    assert {method for method, _, _ in cloud.asked} == {"GET"}
    assert cloud.asked.paths()[1].startswith(
        f"/subscriptions/{OURS}/providers/Microsoft.Insights/eventtypes/management/values?"
        "api-version=2015-04-01&"
    )


def test_links_that_never_end_are_given_up(cloud, monkeypatch):
    monkeypatch.setattr("tocsin.collect.cloud_api._MOST_PAGES", 5)
    api = CloudApi(cloud.url, lambda: {"Authorization": "Bearer made-up"}, lambda seconds: None)
    cloud.answer_always = {"value": [], "nextLink": "/loop"}

    with pytest.raises(SourceError, match="pages without end"):
        list(api.pages("/loop"))


def test_a_link_that_leads_elsewhere_is_not_followed(cloud):
    cloud.elsewhere = "https://attacker.example.org/next"
    looking = source(cloud)

    with pytest.raises(SourceError, match="leads elsewhere"):
        list(looking.read(None))
