"""Parquet in buckets and folders, and findings in Security Hub: moto's server stands for AWS."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from ipaddress import ip_network
from pathlib import Path

import boto3
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from tests.act.forwarders.records import NOON, record, records
from tocsin.act import Record, RecordsRefused
from tocsin.act.forwarders.object_storage import ObjectStorage, ObjectStorageSettings
from tocsin.act.forwarders.security_hub import SecurityHub, SecurityHubSettings
from tocsin.errors import ActionError, SettingsError

LOOPBACK = (ip_network("127.0.0.0/8"),)
ACCOUNT = "123456789012"
REGION = "eu-central-1"


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def asked(aws: str, service: str):
    return boto3.client(service, endpoint_url=aws, region_name=REGION)


def to_bucket(aws: str, **more: object) -> ObjectStorage:
    values = {"endpoint": aws, "region": REGION, "allow_private": LOOPBACK, "bucket": "lake"}
    return ObjectStorage(ObjectStorageSettings(**values | more))  # type: ignore[arg-type]


def to_hub(aws: str, **more: object) -> SecurityHub:
    values = {"endpoint": aws, "region": REGION, "allow_private": LOOPBACK, "account": ACCOUNT}
    return SecurityHub(SecurityHubSettings(**values | more))  # type: ignore[arg-type]


def rows_in(folder: Path) -> list[dict[str, object]]:
    found = []
    for path in sorted(folder.rglob("*.parquet")):
        found += pq.ParquetFile(path).read().to_pylist()
    return found


def test_a_bucket_holds_each_record_whole(aws):
    s3 = asked(aws, "s3")
    s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": REGION})
    sent = [*records(3), record(9, kind="event", class_uid=6003)]

    to_bucket(aws).forward(sent)
    to_bucket(aws).forward(sent)

    keys = [each["Key"] for each in s3.list_objects_v2(Bucket="lake")["Contents"]]
    folders = {key.rpartition("/")[0] for key in keys}
    assert len(keys) == 2
    assert folders == {
        "tocsin/kind=finding/class_uid=2004/day=2026-11-23",
        "tocsin/kind=event/class_uid=6003/day=2026-11-23",
    }
    content = s3.get_object(Bucket="lake", Key=sorted(keys)[1])["Body"].read()
    table = pq.ParquetFile(BytesIO(content)).read().to_pylist()
    assert [row["uid"] for row in table] == [each.uid for each in sent[:3]]
    assert json.loads(table[0]["ocsf"]) == sent[0].content
    assert table[0]["finding_info"]["analytic"]["uid"] == "rule-1"


def test_an_absent_bucket_and_a_refusal_are_one_line(aws):
    with pytest.raises(ActionError, match="s3: NoSuchBucket"):
        to_bucket(aws, bucket="nobodys-lake").forward(records(1))


def test_an_endpoint_that_leads_inside_is_refused(aws):
    with pytest.raises(ActionError, match="not public"):
        to_bucket(aws, allow_private=()).forward(records(1))


def test_a_role_is_assumed(aws):
    asked(aws, "s3").create_bucket(
        Bucket="other-lake", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    role = f"arn:aws:iam::{ACCOUNT}:role/forwarder"

    to_bucket(aws, bucket="other-lake", role_arn=role, external_id="made-up").forward(records(1))

    assert asked(aws, "s3").list_objects_v2(Bucket="other-lake")["KeyCount"] == 1


def test_a_folder_gets_files_that_a_repetition_replaces(tmp_path):
    made = ObjectStorage(ObjectStorageSettings(folder=tmp_path, prefix=""))

    made.forward(records(3))
    made.forward(records(3))
    later = Record("finding", record(1).uid, NOON + timedelta(hours=1), 5, "x", record(1).content)
    made.forward([later])

    assert [row["uid"] for row in rows_in(tmp_path)].count(record(1).uid) == 2
    assert len(rows_in(tmp_path)) == 4
    assert list(tmp_path.rglob("*.part")) == []


def test_records_of_one_class_may_differ_in_what_they_have(tmp_path):
    made = ObjectStorage(ObjectStorageSettings(folder=tmp_path))
    odd = [
        record(1, cloud={}, resources=[{"uid": "a", "labels": []}, {}]),
        record(2, cloud={"region": "x"}, unmapped={"context": {"n": 1}}),
        record(3, resources=[], unmapped={"context": {"n": "text"}}),
    ]

    made.forward(odd)

    assert [row["uid"] for row in rows_in(tmp_path)] == [each.uid for each in odd]


def test_records_that_fit_into_no_table_are_refused(tmp_path):
    made = ObjectStorage(ObjectStorageSettings(folder=tmp_path))

    with pytest.raises(RecordsRefused, match="fit into no table"):
        made.forward([record(1, count=1), record(2, count="many")])

    made.forward([record(2, count="many")])
    assert len(rows_in(tmp_path)) == 1


def test_a_folder_that_is_gone_is_not_made(tmp_path):
    made = ObjectStorage(ObjectStorageSettings(folder=tmp_path / "unmounted"))

    with pytest.raises(ActionError, match="is not there"):
        made.forward(records(1))


@pytest.mark.parametrize("given", [{}, {"bucket": "lake", "folder": Path("x")}])
def test_one_place_must_be_given(given):
    with pytest.raises(SettingsError, match="exactly one"):
        ObjectStorageSettings(**given)


def test_security_hub_has_each_finding_once_also_when_it_grows(aws):
    made = to_hub(aws)

    made.forward(records(3))
    grown = Record("finding", record(1).uid, NOON + timedelta(hours=1), 5, "Worse", {})
    made.forward([grown, *records(1)])

    found = {each["Id"]: each for each in asked(aws, "securityhub").get_findings()["Findings"]}
    assert set(found) == {each.uid for each in records(3)}
    assert found[grown.uid]["Severity"]["Label"] == "CRITICAL"
    assert found[grown.uid]["Title"] == "Worse"
    first = found[record(0).uid]
    assert first["Title"] == "Logging was stopped"
    assert first["GeneratorId"] == "rule-1"
    assert first["ProductArn"].endswith(f":product/{ACCOUNT}/default")
    assert first["Resources"] == [{"Type": "Other", "Id": "eve"}]
    assert first["CreatedAt"] == "2026-11-23T12:00:00.000000Z"
    assert first["Types"] == ["Unusual Behaviors"]


def test_what_security_hub_refuses_is_named(monkeypatch):
    from contextlib import contextmanager

    from botocore.stub import Stubber

    from tocsin.act.forwarders import security_hub

    real = boto3.client("securityhub", region_name=REGION)
    stub = Stubber(real)
    failed = {"Id": record(1).uid, "ErrorCode": "InvalidInput", "ErrorMessage": "no such type"}
    answer = {"FailedCount": 1, "SuccessCount": 1, "FailedFindings": [failed]}
    stub.add_response("batch_import_findings", answer)

    @contextmanager
    def given(settings: object, service: str):
        with stub:
            yield real

    # moto refuses nothing; the stub checks the call by the published model of the service.
    monkeypatch.setattr(security_hub, "client", given)

    with pytest.raises(RecordsRefused) as caught:
        to_hub("https://unused.example.org").forward(records(2))

    assert caught.value.reasons == {record(1).uid: "InvalidInput: no such type"}


def test_security_hub_takes_findings_only():
    assert SecurityHub.kinds == frozenset({"finding"})
