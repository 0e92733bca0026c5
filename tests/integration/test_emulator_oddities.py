"""What users of S3 and of the variables of AWS run into, asked of the emulator: odd keys, regions, passwords."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests import emulated
from tests.contracts.runner_contract import LAB, SCRIPTS, processing, put, tuning
from tests.integration.test_cloud_faults import Cloud
from workflow.emulator.app import Emulator
from workflow.emulator.cloud import OWN_KEY
from workflow.errors import AccessDenied, StorageError
from workflow.runners.base import Control, JobFailed, Resources
from workflow.runners.sagemaker.account import Refused
from workflow.runners.sagemaker.runner import SageMakerRunner
from workflow.settings import BadSetting, Settings
from workflow.storage import S3Uri

KEYS = [
    *("plain/path.txt", "with blank+plus%20and", "ключ/鍵 🪐", "a//b", "folder/", "/leads", "dots/../up", "./here"),
    *("both", "both/below", ".odd/own", "n" * 300, "back\\slash"),
]


def client_of(emulator: Emulator, service: Any = "s3", region: str = emulated.REGION) -> Any:
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "y"}
    return boto3.client(service, region_name=region, endpoint_url=emulator.url, **keys)


def test_any_key_with_what_is_said_of_it_outlives_a_restart(tmp_path: Path) -> None:
    kms = "arn:aws:kms:us-east-1:000000000000:key/1"
    said: dict[str, Any] = {"Metadata": {"of": "ours"}, "ContentType": "text/x", "ServerSideEncryption": "aws:kms"}
    with emulated.emulator(tmp_path) as emulator:
        client = client_of(emulator)
        client.create_bucket(Bucket="lab")
        client.create_bucket(Bucket="empty")
        for key in KEYS:
            client.put_object(Bucket="lab", Key=key, Body=key.encode(), SSEKMSKeyId=kms, **said)
    for _ in range(2):  # twice: what was kept must be kept again
        emulated.forget()
        with emulated.emulator(tmp_path, fresh=False) as emulator:
            client = client_of(emulator)
            found = {entry["Key"] for entry in client.list_objects_v2(Bucket="lab")["Contents"]}
            assert found == set(KEYS)
            for key in KEYS:
                answer = client.get_object(Bucket="lab", Key=key)
                assert answer["Body"].read() == key.encode()
                assert {name: answer[name] for name in said} == said
                assert answer["SSEKMSKeyId"] == kms
            assert {bucket["Name"] for bucket in client.list_buckets()["Buckets"]} == {"lab", "empty"}
            client.delete_object(Bucket="lab", Key="both/below")
            client.put_object(Bucket="lab", Key="both/below", Body=b"both/below", SSEKMSKeyId=kms, **said)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("oddities")
    with emulated.emulator(home / "cloud") as emulator:
        cloud = Cloud(emulator, home)
        yield cloud
        cloud.clients.close()


def test_keys_that_are_no_addresses_of_ours_are_read_and_deleted_and_not_written_as_files(
    cloud: Cloud, tmp_path: Path
) -> None:
    client = cloud.clients.get("s3")
    for key in ("odd/a//b", "odd/folder/", "odd/c+d e"):
        client.put_object(Bucket=LAB.bucket, Key=key, Body=key.encode())
    found = [info.uri for info in cloud.storage.list(LAB / "odd")]
    assert [uri.key for uri in found] == ["odd/a//b", "odd/c+d e"]  # a console's folder is no object
    assert cloud.storage.read(found[0]) == b"odd/a//b"
    with pytest.raises(StorageError, match=r"odd/a//b has a key that is no path below a folder"):
        cloud.storage.download(LAB / "odd", tmp_path)
    assert cloud.storage.delete(LAB / "odd") == 2


def test_what_jobs_leave_is_written_under_the_key_that_their_request_names(cloud: Cloud) -> None:
    runner, key = cloud.runner("kms"), "arn:aws:kms:us-east-1:000000000000:key/2"
    resources = Resources(output_key=key)
    runner.run(processing(put(cloud.storage, "export"), name="kms-1", resources=resources), Control())
    search = tuning(
        name="kms", trials=1, trials_output=LAB / "kms/trials", output=LAB / "kms/best", resources=resources
    )
    tuned = runner.tune(search, Control())
    trial = f"kms/trials/{tuned.best.name}/output/model.tar.gz"
    for written in ("processed/manifest.json", trial, "kms/best/model.tar.gz"):
        assert cloud.clients.get("s3").head_object(Bucket=LAB.bucket, Key=written)["SSEKMSKeyId"] == key


def test_a_request_for_another_region_is_refused_with_what_to_set(cloud: Cloud) -> None:
    elsewhere = client_of(cloud.emulator, "sagemaker", "eu-central-1")
    with pytest.raises(Exception, match=r"not 'eu-central-1': this emulator is of 'us-east-1'. Set AWS_REGION"):
        elsewhere.list_endpoints()
    runtime = client_of(cloud.emulator, "sagemaker-runtime", "eu-central-1")
    with pytest.raises(Exception, match="this emulator is of 'us-east-1'"):
        runtime.invoke_endpoint(EndpointName="any", Body=b"{}")


@pytest.mark.parametrize(("fault", "code"), [("expired_token", "ExpiredToken"), ("access_denied", "AccessDenied")])
def test_credentials_that_s3_takes_no_longer_are_named(cloud: Cloud, fault: str, code: str) -> None:
    place = LAB / "credentials/file"
    cloud.storage.write(place, b"x")
    calls: dict[str, Callable[[], object]] = {
        "GetObject": lambda: cloud.storage.read(place),
        "PutObject": lambda: cloud.storage.write(place, b"y"),
        "ListObjectsV2": lambda: list(cloud.storage.list(place)),
        "DeleteObjects": lambda: cloud.storage.delete(place),
    }
    for operation, call in calls.items():
        cloud.fault(fault, f"^{operation} ")
        with pytest.raises(AccessDenied, match=rf"not allowed to .*\({code}\); check the credentials"):
            call()
    assert cloud.storage.read(place) == b"x"


def test_a_stage_whose_credentials_expire_on_the_way_has_failed_with_that(cloud: Cloud) -> None:
    source = put(cloud.storage, "export")
    cloud.fault("expired_token", "^ListObjectsV2 .*lab-bucket", times=9)
    with pytest.raises(JobFailed, match=r"\(ExpiredToken\); check the credentials"):
        cloud.runner("expired").run(processing(source, name="expired-1"), Control())
    emulated.request(cloud.emulator.url, "DELETE", "/_emulator/faults")
    assert cloud.running() == []


def test_an_address_without_its_scheme_is_named_with_the_whole_one() -> None:
    with pytest.raises(BadSetting, match=r"AWS_ENDPOINT_URL_S3 is '127\.0\.0\.1:9000'.*write http://127\.0\.0\.1:9000"):
        Settings.from_environment({"AWS_ENDPOINT_URL_S3": "127.0.0.1:9000"})
    command = [sys.executable, "-m", "workflow.cli", "costs"]
    done = subprocess.run(
        command, env={"AWS_ENDPOINT_URL": "localhost:4600"}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "write http://localhost:4600" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_bucket_of_another_region_is_named_with_what_to_set(cloud: Cloud) -> None:
    from botocore.exceptions import ClientError

    from workflow.storage.s3 import S3Storage

    class Elsewhere:
        def head_object(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "PermanentRedirect", "Message": "elsewhere"}}, "HeadObject")

    client: Any = Elsewhere()
    with pytest.raises(StorageError, match="the bucket lies in another region; set AWS_REGION"):
        S3Storage("us-east-1", client).exists(S3Uri("lab", "a"))


def test_a_role_that_is_none_is_refused_in_the_words_of_sagemaker(cloud: Cloud) -> None:
    wrong = Resources(role="arn:aws:iam::12:role/of-no-account")
    with pytest.raises(Refused, match="SageMaker refused create_processing_job"):
        cloud.runner("role").run(processing(put(cloud.storage, "export"), name="role-1", resources=wrong), Control())


def test_the_services_beside_sagemaker_answer_on_the_same_port(cloud: Cloud) -> None:
    get = cloud.clients.get
    assert get("sts").get_caller_identity()["Account"]
    key = get("kms").create_key()["KeyMetadata"]["KeyId"]
    sealed = get("kms").encrypt(KeyId=key, Plaintext=b"told")["CiphertextBlob"]
    assert get("kms").decrypt(CiphertextBlob=sealed)["Plaintext"] == b"told"
    get("secretsmanager").create_secret(Name="s", SecretString="told")
    assert get("secretsmanager").get_secret_value(SecretId="s")["SecretString"] == "told"
    get("logs").create_log_group(logGroupName="/ours")
    assert [group["logGroupName"] for group in get("logs").describe_log_groups(logGroupNamePrefix="/ours")["logGroups"]]
    assert get("iam").list_roles()["Roles"] == []
    assert get("cloudformation").list_stacks()["StackSummaries"] == []


def test_with_another_s3_of_the_users_jobs_read_and_write_there(cloud: Cloud, tmp_path: Path) -> None:
    other = {"AWS_ENDPOINT_URL_S3": cloud.emulator.url}  # the S3 of another emulator stands for it
    with emulated.emulator(tmp_path / "cloud", fresh=False, endpoints=other) as emulator:
        clients = emulated.clients(emulator.url)
        runner = SageMakerRunner(clients, SCRIPTS, tmp_path / "work", tmp_path / "logs", cloud.storage)
        cloud.emulator.calls.clear()
        runner.run(processing(put(cloud.storage, "export"), name="there-1"), Control())
        assert "PutObject" in {call.operation for call in cloud.emulator.calls.all() if call.caller == OWN_KEY}
        assert {call.service for call in emulator.calls.all()} <= {"sagemaker", "logs"}
        assert not (tmp_path / "cloud" / "buckets").exists()
        clients.close()
    assert not (tmp_path / "cloud" / "buckets").exists()  # what the user has is theirs to keep
