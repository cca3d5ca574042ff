import json
import time
from collections.abc import Iterator

import pytest

from tests.collect.cloud import BUCKET, FOLDER, Cloud, announcement, records
from tocsin.collect.sources.s3 import S3
from tocsin.errors import SettingsError, SourceError
from tocsin.ocsf import RawBatch


def rounds(count: int):
    """Return a pause that ends reading before round `count` + 1."""
    answers: Iterator[bool] = iter([False] * count)
    return lambda seconds: next(answers, True)


def raws(batches: list[RawBatch]) -> list[bytes]:
    return [raw for batch in batches for raw in batch.records["raw"].to_pylist()]


def rejects(batches: list[RawBatch]) -> list[dict]:
    return [row for batch in batches for row in batch.rejects.to_pylist()]


def read_queue(cloud: Cloud, count: int = 1, **more) -> tuple[S3, list[RawBatch]]:
    source = S3(cloud.queue_settings(**more), pause=rounds(count))
    return source, list(source.read(None))


def test_announced_objects_are_read_and_named_by_bucket_and_key(cloud):
    key = cloud.put("a.json.gz", records(1, 2))
    cloud.send(announcement(key))

    _, batches = read_queue(cloud)

    assert raws(batches) == records(1, 2)
    assert batches[0].records["origin"].to_pylist() == [f"s3://{BUCKET}/{key}"] * 2
    assert batches[0].records["position"].to_pylist() == [0, 1]
    assert batches[0].cursor is None


def test_a_message_is_deleted_only_after_the_commit(cloud):
    cloud.send(announcement(cloud.put("a.json.gz", records(1))))

    source, batches = read_queue(cloud)
    before = cloud.waiting()
    for batch in batches:
        source.acknowledge(batch)

    assert before == (0, 1)
    assert cloud.waiting() == (0, 0)


def test_a_message_waits_for_all_batches_of_all_its_objects(cloud):
    one = cloud.put("a.json.gz", records(*range(15_000)))
    two = cloud.put("b.json.gz", records(*range(15_000, 30_000)))
    named = [json.loads(announcement(key))["Records"][0] for key in (one, two)]
    cloud.send(json.dumps({"Records": named}))

    source, (first, second) = read_queue(cloud)
    source.acknowledge(first)
    after_first = cloud.waiting()
    source.acknowledge(second)

    assert first.records.num_rows == 20_000
    assert after_first == (0, 1)
    assert cloud.waiting() == (0, 0)


@pytest.mark.parametrize("envelope", ["sns", "eventbridge", "cloudtrail", "cloudtrail in sns"])
def test_other_forms_of_the_announcement_are_understood(cloud, envelope):
    key = cloud.put("a file+1.json.gz", records(1))
    stored = {"bucket": {"name": BUCKET}, "object": {"key": key}}
    trail = json.dumps({"s3Bucket": BUCKET, "s3ObjectKey": [key]})
    quoted = announcement(key.replace("+", "%2B").replace(" ", "+"))
    bodies = {
        "sns": json.dumps({"Type": "Notification", "Message": quoted}),
        "eventbridge": json.dumps(
            {"detail-type": "Object Created", "source": "aws.s3", "detail": stored}
        ),
        "cloudtrail": trail,
        "cloudtrail in sns": json.dumps({"Type": "Notification", "Message": trail}),
    }
    cloud.send(bodies[envelope])

    _, batches = read_queue(cloud)

    assert raws(batches) == records(1)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}),
        announcement("gone.json.gz", name="ObjectRemoved:Delete"),
        json.dumps({"Records": []}),
    ],
    ids=["test event", "removal", "empty"],
)
def test_messages_without_new_objects_are_deleted_and_counted(cloud, body):
    cloud.send(body)

    source, batches = read_queue(cloud)
    for batch in batches:
        source.acknowledge(batch)

    assert (raws(batches), rejects(batches)) == ([], [])
    assert source.counts == {"messages_without_objects": 1}
    assert cloud.waiting() == (0, 0)


@pytest.mark.parametrize(
    "body", ["no json", "{}", "[]", '{"Records":7}', '{"Type":"Notification","Message":"{"}', "7"]
)
def test_a_poison_message_is_kept_as_a_reject_and_then_deleted(cloud, body):
    cloud.send(body)
    cloud.send(announcement(cloud.put("a.json.gz", records(1))))

    source, batches = read_queue(cloud)
    for batch in batches:
        source.acknowledge(batch)

    (row,) = rejects(batches)
    assert row["raw"] == body.encode()
    assert row["reason"].startswith("not_a_notification: ")
    assert not row["is_replayable"]
    assert raws(batches) == records(1)
    assert cloud.waiting() == (0, 0)


def test_a_forged_message_cannot_make_us_read_another_bucket(cloud):
    cloud.s3.create_bucket(
        Bucket="somebody-elses", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    cloud.s3.put_object(Bucket="somebody-elses", Key="x.json", Body=b'{"Records":[{"a":1}]}')
    cloud.send(announcement("x.json", bucket="somebody-elses"))

    _, batches = read_queue(cloud)

    assert raws(batches) == []
    assert rejects(batches)[0]["reason"].startswith("object_not_allowed: s3://somebody-elses/")


def test_keys_outside_the_prefix_are_refused_too(cloud):
    cloud.send(announcement(cloud.put("x.json", records(1), folder="private/")))

    _, batches = read_queue(cloud, prefix="AWSLogs/")

    assert raws(batches) == []
    assert rejects(batches)[0]["reason"].startswith("object_not_allowed: ")


def test_digests_are_passed_over_and_counted(cloud):
    folder = FOLDER.replace("/CloudTrail/", "/CloudTrail-Digest/")
    cloud.send(announcement(cloud.put("digest.json.gz", records(1), folder)))

    source, batches = read_queue(cloud)

    assert raws(batches) == []
    assert source.counts == {"digests": 1}


def test_a_missing_object_is_a_typed_error_and_its_message_stays(cloud):
    cloud.send(announcement(FOLDER + "missing.json.gz"))
    source = S3(cloud.queue_settings(), pause=rounds(2))

    with pytest.raises(SourceError, match="NoSuchKey"):
        list(source.read(None))

    assert source.counts == {"unread_objects.NoSuchKey": 1}
    assert cloud.waiting() == (0, 1)


def test_a_missing_object_does_not_hold_up_the_others(cloud):
    cloud.send(announcement(FOLDER + "missing.json.gz"))
    cloud.send(announcement(cloud.put("a.json.gz", records(1))))

    source, batches = read_queue(cloud)
    for batch in batches:
        source.acknowledge(batch)

    assert raws(batches) == records(1)
    assert cloud.waiting() == (0, 1)


def test_an_object_that_stays_missing_becomes_a_reject_in_the_end(cloud):
    cloud.send(announcement(FOLDER + "missing.json.gz"))

    source, batches = read_queue(cloud, max_receives=1)
    for batch in batches:
        source.acknowledge(batch)

    assert rejects(batches)[0]["reason"].startswith(f"object_missing: s3://{BUCKET}/{FOLDER}")
    assert cloud.waiting() == (0, 0)


def test_what_is_worked_on_stays_in_hand_for_longer_than_its_visibility(cloud):
    cloud.send(announcement(cloud.put("a.json.gz", records(1))))
    source = S3(cloud.queue_settings(visibility_seconds=6), pause=rounds(2))
    reading = source.read(None)
    batch = next(reading)
    times = {tuple(cloud.in_hand_until())}
    seen = {cloud.waiting()}

    end = time.monotonic() + 120
    while len(times) < 3:
        assert time.monotonic() < end, "it was not extended"
        time.sleep(0.1)
        times.add(tuple(cloud.in_hand_until()))
        seen.add(cloud.waiting())
    source.acknowledge(batch)
    reading.close()

    assert seen == {(0, 1)}
    assert cloud.waiting() == (0, 0)


def test_what_is_not_acknowledged_comes_again_with_the_same_places(cloud):
    cloud.send(announcement(cloud.put("a.json.gz", records(1))))
    _, first = read_queue(cloud, visibility_seconds=0)

    _, second = read_queue(cloud, visibility_seconds=30)

    columns = ["raw", "origin", "position"]
    assert first[0].records.select(columns).equals(second[0].records.select(columns))


def test_a_queue_that_is_not_there_is_a_source_error(cloud):
    source = S3(cloud.settings(queue_url=cloud.queue_url + "-not"), pause=rounds(1))

    with pytest.raises(SourceError, match="trail-files-not"):
        list(source.read(None))


def test_an_unreachable_cloud_is_a_source_error(cloud):
    source = S3(cloud.settings(endpoint_url="http://127.0.0.1:9"))

    with pytest.raises(SourceError):
        list(source.read(None))


def test_no_bucket_is_a_mistake_in_the_settings(cloud):
    with pytest.raises(SettingsError, match="buckets"):
        S3(cloud.settings(buckets=()))


def test_listing_reads_in_order_of_keys(cloud):
    cloud.put("b.json.gz", records(3))
    cloud.put("a.json.gz", records(1, 2))
    cloud.put("other", records(9), folder="elsewhere/")

    batches = list(S3(cloud.settings(prefix="AWSLogs/")).read(None))

    assert raws(batches) == records(1, 2, 3)


def test_listing_again_reads_what_came_late_though_it_sorts_first(cloud):
    cloud.put("b.json.gz", records(2))
    settings = cloud.settings(follow=True)
    source = S3(settings, pause=rounds(1))
    reading = source.read(None)
    first = next(reading)
    cloud.put("a.json.gz", records(1))
    cloud.put("c.json.gz", records(3))

    rest = list(reading)
    restarted = list(S3(settings, pause=rounds(1)).read(rest[-1].cursor))

    assert raws([first]) == records(2)
    assert raws(rest) == records(1, 3)
    assert raws(restarted) == []


def test_a_role_is_assumed_with_its_external_identifier(cloud):
    cloud.put("a.json.gz", records(1))
    settings = cloud.settings(
        role_arn="arn:aws:iam::111122223333:role/tocsin-collector", external_id="an-external-id"
    )
    source = S3(settings)

    batches = list(source.read(None))
    signed_with = source._clients.s3._request_signer._credentials

    assert raws(batches) == records(1)
    assert signed_with.method == "tocsin-assume-role"
    assert signed_with.token
