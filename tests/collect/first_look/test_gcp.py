"""Cloud Logging is asked for audit logs only, page by page, and its entries become records."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.collect.cloud_apis import google_credentials, serving
from tocsin.collect.first_look.gcp import Gcp, GcpSettings
from tocsin.errors import SourceError

NOW = datetime.now(UTC).replace(microsecond=0)


def entry(minutes: int) -> dict:
    return {
        "logName": "projects/shop-prod/logs/cloudaudit.googleapis.com%2Factivity",
        "insertId": f"i{minutes}",
        "timestamp": (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z"),
        "protoPayload": {"methodName": "SetIamPolicy", "serviceName": "iam.googleapis.com"},
    }


class Cloud:
    def __init__(self) -> None:
        self.entries = [entry(minutes) for minutes in (5, 40, 41, 90)]
        self.busy = 0
        self.status = 200

    def answer(self, method: str, path: str, content) -> tuple[int, object]:
        if path.startswith("/v3/projects:search"):
            more = "pageToken=2" in path
            token = {} if more else {"nextPageToken": "2"}
            return 200, {"projects": [{"projectId": "web" if more else "shop-prod"}], **token}
        if self.busy:
            self.busy -= 1
            return 429, {}
        if self.status != 200:
            return self.status, {}
        begin, end = (part.split('"')[1] for part in content["filter"].split("timestamp")[1:])
        found = [each for each in reversed(self.entries) if begin <= each["timestamp"] < end]
        start = int(content.get("pageToken", 0))
        more = {"nextPageToken": str(start + 1)} if len(found) > start + 1 else {}
        return 200, {"entries": found[start : start + 1], **more}


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    served = Cloud()
    with serving(served.answer) as (url, asked):
        google_credentials(url, tmp_path, monkeypatch)
        served.url, served.asked = url, asked
        yield served


def source(cloud: Cloud, pause=lambda seconds: None, **more) -> Gcp:
    given = {"url": cloud.url, "directory_url": cloud.url} | more
    return Gcp(GcpSettings("look", NOW - timedelta(hours=2), NOW, **given), pause=pause)


def test_entries_of_the_credentials_project_come_in_order(cloud):
    looking = source(cloud)

    raws = [raw for batch in looking.read(None) for raw in batch.records["raw"].to_pylist()]

    assert [json.loads(raw)["insertId"] for raw in raws] == ["i90", "i41", "i40", "i5"]
    assert raws[0] == json.dumps(entry(90), sort_keys=True, separators=(",", ":")).encode()
    assert looking.accounts == ("shop-prod",)
    method, path, content = cloud.asked[0]
    assert (method, path) == ("POST", "/v2/entries:list?prettyPrint=false")
    assert content["resourceNames"] == ["projects/shop-prod"]
    assert content["pageSize"] == 1000
    assert 'log_id("cloudaudit.googleapis.com/activity")' in content["filter"]


def test_all_projects_of_an_organization_are_asked_together(cloud):
    looking = source(cloud, organization="123456789012")

    list(looking.read(None))

    assert looking.accounts == ("shop-prod", "web")
    (names,) = {tuple(content["resourceNames"]) for _, _, content in cloud.asked if content}
    assert names == ("organizations/123456789012", "projects/shop-prod", "projects/web")


def test_a_quota_that_is_spent_is_waited_for(cloud):
    cloud.busy = 2
    waited: list[float] = []

    assert sum(batch.records.num_rows for batch in source(cloud, waited.append).read(None)) == 4
    assert waited.count(3.0) == 2


def test_a_project_that_refuses_is_an_error(cloud):
    cloud.status = 403

    with pytest.raises(SourceError, match="refuses our credentials or rights"):
        list(source(cloud).read(None))
