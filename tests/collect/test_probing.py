import pytest

from tests.collect.cloud import records
from tocsin.collect.probing import probe_buckets
from tocsin.collect.sources.s3 import S3
from tocsin.errors import SourceError


def test_examining_a_queue_takes_nothing_from_it(cloud):
    cloud.send("anything")

    said = S3(cloud.queue_settings()).examine()

    assert said.startswith("the queue answers, the clock is ")
    assert cloud.waiting() == (1, 0)


def test_a_queue_that_is_not_there_is_said_so(cloud):
    settings = cloud.settings(queue_url=f"{cloud.queue_url}-not")

    with pytest.raises(SourceError, match="the queue cannot be read"):
        S3(settings).examine()


def test_examining_a_listing_asks_every_bucket(cloud):
    cloud.put("one", records(1))

    assert S3(cloud.settings()).examine().startswith("1 buckets answer")


def test_a_bucket_that_is_not_there_is_named(cloud):
    with pytest.raises(SourceError, match="bucket no-such-bucket cannot be listed"):
        S3(cloud.settings(buckets=("no-such-bucket",))).examine()


def test_a_clock_that_is_off_is_said_before_aws_refuses_it():
    class Behind:
        def list_objects_v2(self, **arguments: object) -> dict[str, object]:
            headers = {"date": "Mon, 23 Nov 2020 10:00:00 GMT"}
            return {"ResponseMetadata": {"HTTPHeaders": headers}}

    with pytest.raises(SourceError, match="set it by NTP"):
        probe_buckets(Behind(), ("a",), "")  # type: ignore[arg-type] # one call of the client
