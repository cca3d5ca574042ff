"""A stand-in for AWS on loopback: moto's server, with a bucket, a queue and CloudTrail's files."""

import gzip
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from moto.core import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer
from moto.sqs.models import sqs_backends

from tocsin.collect.sources.s3 import S3Settings

BUCKET = "example-trail-logs"
QUEUE = "trail-files"
FOLDER = "AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/23/"


def records(*numbers: int) -> list[bytes]:
    return [json.dumps({"eventID": f"e{number}"}).encode() for number in numbers]


def trail_file(raws: list[bytes]) -> bytes:
    return gzip.compress(b'{"Records":[' + b",".join(raws) + b"]}")


def announcement(key: str, bucket: str = BUCKET, name: str = "ObjectCreated:Put") -> str:
    stored = {"bucket": {"name": bucket}, "object": {"key": key, "size": 1}}
    return json.dumps({"Records": [{"eventSource": "aws:s3", "eventName": name, "s3": stored}]})


@dataclass
class Cloud:
    """One bucket and one queue at `url`."""

    url: str
    s3: Any
    sqs: Any
    queue_url: str

    def put(self, name: str, raws: list[bytes], folder: str = FOLDER) -> str:
        self.s3.put_object(Bucket=BUCKET, Key=folder + name, Body=trail_file(raws))
        return folder + name

    def send(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=body)

    def waiting(self) -> tuple[int, int]:
        """Return how many messages wait, and how many are in somebody's hand."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)
        waiting, in_hand = (int(answer["Attributes"][name]) for name in names)
        return waiting, in_hand

    def lapse(self) -> None:
        """Let the time in hand of every message run out, as if it had passed."""
        for message in self._messages():
            message.visible_at = 0.0

    def in_hand_until(self) -> list[float]:
        """Return when each message may come again, in milliseconds; extending moves it on."""
        return [message.visible_at for message in self._messages()]

    def _messages(self) -> list[Any]:
        # The stand-in runs in this process: what no call of AWS can do is done to it directly.
        backend = sqs_backends[DEFAULT_ACCOUNT_ID]["eu-central-1"]
        return backend.queues[QUEUE]._messages

    def settings(self, **more: Any) -> S3Settings:
        """Return settings that read by listing."""
        given = {
            "feed": "trail",
            "source": "aws.cloudtrail",
            "buckets": (BUCKET,),
            "unwrap": "Records",
            "region": "eu-central-1",
            "endpoint_url": self.url,
            "wait_seconds": 0,
            "follow": False,
        }
        return S3Settings(**(given | more))

    def queue_settings(self, **more: Any) -> S3Settings:
        """Return settings that read by the queue."""
        return self.settings(queue_url=self.queue_url, **more)


@contextmanager
def serving() -> Iterator[str]:
    # Its line for each request would bury what a failing test has to say.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def cloud(url: str) -> Iterator[Cloud]:
    options: dict[str, Any] = {"endpoint_url": url, "region_name": "eu-central-1"}
    s3, sqs = boto3.client("s3", **options), boto3.client("sqs", **options)
    place = {"LocationConstraint": "eu-central-1"}
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    queue_url = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    try:
        yield Cloud(url, s3, sqs, queue_url)
    finally:
        for listed in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            s3.delete_object(Bucket=BUCKET, Key=listed["Key"])
        s3.delete_bucket(Bucket=BUCKET)
        sqs.delete_queue(QueueUrl=queue_url)
        s3.close()
        sqs.close()
