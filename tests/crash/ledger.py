"""The feeder's own book: what it sent, what was acknowledged. No word of Tocsin's is trusted."""

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

ACCOUNT = "111122223333"
OPERATIONS = ("DescribeInstances", "GetObject", "StopLogging", "ListBuckets", "DeleteBucket")
USERS = ("ada", "bert", "cleo", "dora")


@dataclass(slots=True)
class Ledger:
    """Records by their identifier; safe for several threads.

    Attributes:
        now: the time of every record.
        sent: (operation, user) of each record ever made.
        acknowledged: identifiers of records whose sender was told that they are kept.
    """

    now: datetime
    sent: dict[str, tuple[str, str]] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def make(self, count: int) -> list[str]:
        """Return identifiers of new records."""
        with self._lock:
            names = [f"event-{len(self.sent) + place:08}" for place in range(count)]
            for place, name in enumerate(names, len(self.sent)):
                user = USERS[(place // len(OPERATIONS)) % len(USERS)]
                self.sent[name] = (OPERATIONS[place % len(OPERATIONS)], user)
        return names

    def line(self, name: str) -> bytes:
        """Return the record, the same however often it is sent."""
        operation, user = self.sent[name]
        record = {
            "eventVersion": "1.09",
            "eventID": name,
            "eventTime": f"{self.now:%Y-%m-%dT%H:%M:%SZ}",
            "eventName": operation,
            "eventSource": "s3.amazonaws.com",
            "eventType": "AwsApiCall",
            "awsRegion": "eu-central-1",
            "sourceIPAddress": "203.0.113.66",
            "userAgent": "aws-cli/2.15.0",
            "recipientAccountId": ACCOUNT,
            "requestParameters": {"bucketName": f"bucket-{name}"},
            "userIdentity": {
                "type": "IAMUser",
                "userName": user,
                "arn": f"arn:aws:iam::{ACCOUNT}:user/{user}",
                "accountId": ACCOUNT,
            },
        }
        return json.dumps(record).encode() + b"\n"

    def acknowledge(self, names: list[str]) -> None:
        """Note that the sender was told these are kept."""
        with self._lock:
            self.acknowledged.update(names)

    def count_of(self, operation: str) -> Counter[str]:
        """Return how many records of an operation each user made."""
        return Counter(user for made, user in self.sent.values() if made == operation)
