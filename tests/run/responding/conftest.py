"""A cloud, a data folder, a clock of the test's own, and what carries requests out."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import requests

from tests.collect.conftest import aws, cloud
from tests.run.responding.stage import Stage, opened

__all__ = ["aws", "cloud"]


@pytest.fixture
def moto_url(aws: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ):
        monkeypatch.setenv(name, value)
    requests.post(f"{aws}/moto-api/reset", timeout=10)
    boto3.setup_default_session()
    return aws


@pytest.fixture
def stage(moto_url: str, tmp_path: Path) -> Iterator[Stage]:
    with opened(tmp_path / "data", moto_url) as made:
        yield made
