"""``despina serve --s3``: boto3 as it is published puts files where the service reads them, and gets what it wrote."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workflow.client.service import LocalService, start_service
from workflow.drivers import open_s3_at
from workflow.storage.uri import S3Uri

# as scripts for Neptune begin; nothing in it knows of Despina
SCRIPT = """
import boto3, time
boto3.client("s3").upload_file("nodes.csv", "lab", "graph/nodes.csv")
neptune = boto3.client("neptunedata")
load = neptune.start_loader_job(source="s3://lab/graph", format="csv", s3BucketRegion="us-east-1",
                                iamRoleArn="arn:aws:iam::123456789012:role/NeptuneLoadFromS3")["payload"]["loadId"]
while "LOAD_IN" in (state := neptune.get_loader_job_status(loadId=load)["payload"]["overallStatus"]["status"]):
    time.sleep(0.1)
print(state)
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalService, str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = start_service(tmp_path_factory.mktemp("home"), "--s3", str(port))
    yield service, f"http://127.0.0.1:{port}"
    service.stop()


@pytest.fixture
def s3(served: tuple[LocalService, str]) -> Any:
    import boto3

    return boto3.client(
        "s3", endpoint_url=served[1], region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )


def test_a_published_script_runs_unchanged(served: tuple[LocalService, str], tmp_path: Path) -> None:
    service, s3 = served
    (tmp_path / "nodes.csv").write_text("~id,~label,name:String\na,P,Ann\nb,P,Bob\n")
    (tmp_path / "script.py").write_text(SCRIPT)
    variables = {
        "AWS_ENDPOINT_URL_S3": s3, "AWS_ENDPOINT_URL_NEPTUNEDATA": service.url, "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=os.environ | variables, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "LOAD_COMPLETED", done.stderr[-2000:]
    assert (service.home / "s3/lab/graph/nodes.csv").read_text().endswith("b,P,Bob\n")


def test_what_the_service_writes_is_an_object_and_what_it_removes_is_none(
    served: tuple[LocalService, str], s3: Any
) -> None:
    storage = served[0].workflow().storage
    storage.write(S3Uri("work", "out/report.html"), b"first")
    storage.write(S3Uri("work", "other/x"), b"x")
    assert s3.get_object(Bucket="work", Key="out/report.html")["Body"].read() == b"first"
    storage.write(S3Uri("work", "out/report.html"), b"second, longer")
    assert s3.get_object(Bucket="work", Key="out/report.html")["Body"].read() == b"second, longer"
    listed = s3.list_objects_v2(Bucket="work", Prefix="out/")["Contents"]
    assert [(one["Key"], one["Size"]) for one in listed] == [("out/report.html", 14)]
    storage.delete(S3Uri("work", "out/report.html"))
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="work", Key="out/report.html")
    assert "work" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


def test_objects_of_several_parts_copies_and_removals_are_files(
    served: tuple[LocalService, str], s3: Any, tmp_path: Path
) -> None:
    from boto3.s3.transfer import TransferConfig

    large = tmp_path / "large"
    large.write_bytes(os.urandom(6 * 1024 * 1024))
    s3.upload_file(str(large), "lab2", "deep/large", Config=TransferConfig(multipart_threshold=5 * 1024 * 1024))
    folder = served[0].home / "s3/lab2"
    assert (folder / "deep/large").read_bytes() == large.read_bytes()
    s3.copy_object(Bucket="lab2", Key="copy", CopySource={"Bucket": "lab2", "Key": "deep/large"})
    assert (folder / "copy").stat().st_size == large.stat().st_size
    s3.delete_objects(Bucket="lab2", Delete={"Objects": [{"Key": "deep/large"}]})
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["copy"]


def test_pages_and_names_that_lead_outside_are_refused(served: tuple[LocalService, str]) -> None:
    for path, headers in (("/lab/x", {"Origin": "https://evil.example"}), ("/lab/x", {"Host": "evil.example:80"})):
        request = urllib.request.Request(served[1] + path, data=b"x", method="PUT", headers=headers)
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(request)
    request = urllib.request.Request(f"{served[1]}/lab/%2e%2e/%2e%2e/x", data=b"x", method="PUT")
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(request)
    assert not (served[0].home / "x").exists()
    assert not (served[0].home / "s3/lab/x").exists()


def test_the_storage_of_s3_and_that_of_the_folder_list_alike(served: tuple[LocalService, str]) -> None:
    folder, s3 = served[0].workflow().storage, open_s3_at(served[1], "us-east-1")
    s3.write(S3Uri("both", "a/1"), b"one")
    folder.write(S3Uri("both", "a/2"), b"two")
    found = sorted((info.uri.key, info.size) for info in s3.list(S3Uri("both", "a")))
    assert found == [("a/1", 3), ("a/2", 3)]
    assert found == sorted((info.uri.key, info.size) for info in folder.list(S3Uri("both", "a")))
