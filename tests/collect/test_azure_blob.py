"""Blobs that grow by the hour, on Azurite: everything once, however they grow."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.storage.blob import BlobBlock, BlobServiceClient

from tests.collect import azurite
from tocsin.collect.sources.azure_blob import AzureBlob, AzureBlobSettings
from tocsin.errors import SettingsError, SourceError
from tocsin.ocsf import RawBatch

IDENTITY = {"account_name": azurite.NAME, "account_key": azurite.KEY}
LOGS = "insights-logs-auditevent"
VAULT = "resourceId=/SUBSCRIPTIONS/AAAA/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/V"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with azurite.serving(tmp_path_factory.mktemp("azurite")) as url:
        yield url


@pytest.fixture
def client(account: str) -> Iterator[BlobServiceClient]:
    with BlobServiceClient(account, credential=IDENTITY) as opened:
        opened.create_container(LOGS)
        yield opened
        for container in opened.list_containers():
            opened.delete_container(container.name)


def hour(ago: float = 0.0, resource: str = VAULT) -> str:
    at = datetime.now(UTC) - timedelta(hours=ago)
    return f"{resource}/{at:y=%Y/m=%m/d=%d/h=%H}/m=00/PT1H.json"


def lines(*numbers: int) -> bytes:
    return b"".join(b'{"n": %d}\r\n' % number for number in numbers)


def append(client: BlobServiceClient, name: str, content: bytes, container: str = LOGS) -> None:
    blob = client.get_blob_client(container, name)
    if not blob.exists():
        blob.create_append_blob()
    blob.append_block(content)


def source(account: str, **more: Any) -> AzureBlob:
    given = {"feed": "f", "source": "azure.activity", "url": account, "unwrap": "records"}
    return AzureBlob(AzureBlobSettings(**(given | {"follow": False} | more)), identity=IDENTITY)


def numbers(batches: list[RawBatch]) -> list[int]:
    return [json.loads(raw)["n"] for batch in batches for raw in batch.records["raw"].to_pylist()]


def test_what_is_appended_is_read_on_where_it_stopped(account, client):
    append(client, hour(), lines(1, 2))
    first = list(source(account).read(None))
    append(client, hour(), lines(3) + b'{"n": 4')
    second = list(source(account).read(first[-1].cursor))
    append(client, hour(), b"4}\r\n" + lines(5))
    third = list(source(account).read(second[-1].cursor))

    assert [numbers(batches) for batches in (first, second, third)] == [[1, 2], [3], [44, 5]]
    assert list(source(account).read(third[-1].cursor)) == []
    places = [
        place for b in (*first, *second, *third) for place in b.records["position"].to_pylist()
    ]
    assert places == [0, 10, 20, 30, 41]


def test_lists_whose_end_moves_on_are_read_on_too(account, client):
    name = "flowLogResourceID=/A_B/y=" + hour().partition("/y=")[2]
    blob = client.get_blob_client(LOGS, name)
    blocks: list[BlobBlock] = []

    def put(uid: str, content: bytes, at: int) -> None:
        blob.stage_block(uid, content)
        blocks.insert(at, BlobBlock(uid))
        blob.commit_block_list(blocks)

    blob.stage_block("a", b'{"records":[')
    blob.stage_block("b", b'{"n":1},{"n":2}')
    blob.stage_block("c", b"]}")
    blocks += [BlobBlock("a"), BlobBlock("b"), BlobBlock("c")]
    blob.commit_block_list(blocks)
    first = list(source(account).read(None))
    put("d", b',{"n":3}', 2)
    second = list(source(account).read(first[-1].cursor))

    assert (numbers(first), numbers(second)) == ([1, 2], [3])
    assert second[0].records["position"].to_pylist() == [2]
    assert list(source(account).read(second[-1].cursor)) == []


def test_only_hours_that_may_still_grow_are_listed_again(account, client):
    append(client, hour(30), lines(0))
    append(client, hour(5), lines(1))
    append(client, hour(), lines(2))
    looks = iter([False, True])
    reading = AzureBlob(
        AzureBlobSettings(feed="f", source="s", url=account),
        identity=IDENTITY,
        pause=lambda seconds: next(looks),
    )
    found = []
    for batch in reading.read(None):
        found.append(batch)
        append(client, hour(5), lines(8))
        append(client, hour(), lines(9))

    assert sorted(numbers(found[:1])) == [1, 2]
    assert numbers(found[1:]) == [9]


def test_every_container_with_the_prefix_is_read(account, client):
    client.create_container("insights-activity-logs")
    client.create_container("other")
    append(client, hour(), lines(1))
    append(client, hour(), lines(2), "insights-activity-logs")
    append(client, hour(), lines(3), "other")

    assert sorted(numbers(list(source(account).read(None)))) == [1, 2]
    assert source(account).examine() == "2 containers answer"


def test_an_account_that_cannot_be_read_is_a_typed_error(account, client):
    wrong = AzureBlob(
        AzureBlobSettings(feed="f", source="s", url=account, follow=False),
        identity=IDENTITY | {"account_key": "AAAA"},
    )

    with pytest.raises(SourceError, match="cannot be read"):
        list(wrong.read(None))
    with pytest.raises(SourceError, match="no container"):
        source(account, container_prefix="none-").examine()


def test_tokens_are_sent_by_https_only():
    with pytest.raises(SettingsError, match="https"):
        AzureBlob(AzureBlobSettings(feed="f", source="s", url="http://x.blob.core.windows.net"))
