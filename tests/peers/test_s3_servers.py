"""The S3 driver keeps its promises on servers other than the one it was written against."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests import emulated
from tests.contracts.test_storage import StorageContract
from workflow.storage import Storage
from workflow.storage.s3 import S3Storage


def storage_at(monkeypatch: pytest.MonkeyPatch, port: int, key: str) -> Storage:
    """A driver as a user configures it: by AWS's own variables alone, on an empty bucket."""
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key)
    s3 = boto3.client("s3", region_name="us-east-1")
    if "lab-bucket" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket="lab-bucket")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="lab-bucket"):
        for item in page.get("Contents", []):
            s3.delete_object(Bucket="lab-bucket", Key=item["Key"])
    return S3Storage("us-east-1")


class TestS3OnMinio(StorageContract):
    @pytest.fixture
    def storage(self, minio_port: int, monkeypatch: pytest.MonkeyPatch) -> Storage:
        return storage_at(monkeypatch, minio_port, "minioadmin")


class TestS3OnMinistack(StorageContract):
    @pytest.fixture
    def storage(self, ministack_port: int, monkeypatch: pytest.MonkeyPatch) -> Storage:
        return storage_at(monkeypatch, ministack_port, "testing")


class TestS3OnLocalstack(StorageContract):
    @pytest.fixture
    def storage(self, localstack_port: int, monkeypatch: pytest.MonkeyPatch) -> Storage:
        return storage_at(monkeypatch, localstack_port, "testing")


@pytest.fixture(scope="module")
def emulator_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with emulated.emulator(tmp_path_factory.mktemp("emulator")) as emulator:
        yield urlsplit(emulator.url).port or 0


class TestS3OnTheEmulator(StorageContract):
    @pytest.fixture
    def storage(self, emulator_port: int, monkeypatch: pytest.MonkeyPatch) -> Storage:
        return storage_at(monkeypatch, emulator_port, "testing")
