"""CloudTrail's LookupEvents for moto, which has it not: events of accounts and regions, by page.

Shape and limits are those of the API reference: newest first, at most 50, whole seconds, both ends
of a span belong to it.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache

import boto3
from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.exceptions import JsonRESTError
from moto.moto_api._internal import moto_api_backend
from moto.server import ThreadedMotoServer

from tests.run.crank import ACCOUNT


class Trails:
    """What every region has seen, and how often it was asked.

    Attributes:
        asked: requests by (account, region).
        throttles: how many requests are refused first.
        denied: regions that refuse.
    """

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], list[dict]] = {}
        self.asked: Counter[tuple[str, str]] = Counter()
        self.throttles = 0
        self.denied: set[str] = set()

    def add(self, *records: dict, region: str = "eu-central-1", account: str = ACCOUNT) -> None:
        self.events.setdefault((account, region), []).extend(records)

    def lookup(self, account: str, region: str, asked: dict) -> dict:
        self.asked[account, region] += 1
        if region in self.denied:
            raise JsonRESTError("AccessDeniedException", "an SCP says no")
        if self.throttles:
            self.throttles -= 1
            raise JsonRESTError("ThrottlingException", "Rate exceeded")
        begin, end = int(asked["StartTime"]), int(asked["EndTime"])
        known = self.events.get((account, region), [])
        found = sorted(
            (each for each in known if begin <= seconds(each) <= end), key=seconds, reverse=True
        )
        start = int(asked.get("NextToken", 0))
        assert 1 <= asked["MaxResults"] <= 50
        page = found[start : start + asked["MaxResults"]]
        more = {"NextToken": str(start + len(page))} if len(found) > start + len(page) else {}
        return {"Events": [as_event(each) for each in page], **more}


def seconds(record: dict) -> int:
    return int(datetime.fromisoformat(record["eventTime"]).timestamp())


def as_event(record: dict) -> dict:
    return {
        "EventId": record["eventID"],
        "EventName": record["eventName"],
        "EventTime": seconds(record),
        "EventSource": record["eventSource"],
        "ReadOnly": "false",
        "Resources": [],
        "CloudTrailEvent": json.dumps(record, separators=(",", ":")),
    }


@cache
def server_url() -> str:
    """Return where AWS is served: one server for all tests, ended with the process."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


@contextmanager
def trails_served(monkeypatch) -> Iterator[tuple[str, Trails]]:
    """Serve AWS with these trails; credentials of a made-up user stand in the environment."""
    trails = Trails()

    def lookup_events(self: CloudTrailResponse) -> str:
        asked = json.loads(self.body)
        return json.dumps(trails.lookup(self.current_account, self.region, asked))

    monkeypatch.setattr(CloudTrailResponse, "lookup_events", lookup_events, raising=False)
    url = server_url()
    for name, value in credentials(url).items():
        monkeypatch.setenv(name, value)
    boto3.DEFAULT_SESSION = None
    moto_api_backend.reset()
    try:
        yield url, trails
    finally:
        boto3.DEFAULT_SESSION = None
        moto_api_backend.reset()


def credentials(url: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "MOTO_ACCOUNT_ID": ACCOUNT,
    }
