"""A service whose jobs and endpoints are SageMaker's: Neptune's API in front, the emulator behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import emulated
from tests.integration.conftest import ROOT, Service
from tests.integration.test_ml_service import test_a_workflow_runs_from_export_to_endpoint as whole_workflow
from tests.waiting import until
from workflow.emulator.app import Emulator
from workflow.emulator.records import ENDPOINT, PROCESSING, TRAINING

_LAUNCH = """
import sys, pathlib
from dataclasses import replace
from workflow.process import serve
from workflow.settings import Settings
home, scripts = map(pathlib.Path, sys.argv[1:])
settings = replace(Settings.from_environment(), home=home, port=0, scripts=scripts)
serve(settings, lambda host, port: print(port, flush=True))
"""


class CloudService(Service):
    """One service over an emulator; its buckets are the emulator's."""

    def __init__(self, home: Path, emulator: Emulator) -> None:
        super().__init__(home)
        self.emulator = emulator
        self.clients = emulated.clients(emulator.url)
        self.clients.get("s3").create_bucket(Bucket="lab")

    def start(self) -> CloudService:
        self.log = (self.home.parent / f"{self.home.name}-service.log").open("a")
        cloud = {
            "AWS_ENDPOINT_URL": self.emulator.url,
            "AWS_ACCESS_KEY_ID": "emulated",
            "AWS_SECRET_ACCESS_KEY": "emulated",
            "DESPINA_STORAGE": "s3",
            "DESPINA_RUNNER": "sagemaker",
            "DESPINA_ENDPOINTS": "sagemaker",
            "DESPINA_SAGEMAKER_IMAGE": "despina-training",
            "DESPINA_ML_IAM_ROLE": emulated.ROLE,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, str(self.home), str(self.scripts)],
            cwd=ROOT,
            env={**os.environ, **cloud},
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{self.process.stdout.readline().strip()}"
        return self

    def put(self, address: str, content: str = "{}") -> None:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        self.clients.get("s3").put_object(Bucket=bucket, Key=key, Body=content.encode())

    def jobs(self, kind: Any) -> list[dict[str, Any]]:
        return self.emulator.control.records.all(kind)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[CloudService]:
    with emulated.emulator(tmp_path / "cloud") as emulator:
        service = CloudService(tmp_path / "home", emulator)
        service.start()
        yield service
        service.stop()
        service.clients.close()


def test_the_whole_workflow_runs_on_sagemaker_and_leaves_no_endpoint_behind(service: CloudService) -> None:
    whole_workflow(service)
    assert {job["ProcessingJobStatus"] for job in service.jobs(PROCESSING)} == {"Completed"}
    assert {job["TrainingJobStatus"] for job in service.jobs(TRAINING)} == {"Completed"}
    assert len(service.jobs(TRAINING)) == 4
    assert service.jobs(ENDPOINT) == []
    client = service.clients.get("sagemaker")
    assert client.list_models()["Models"] == client.list_endpoint_configs()["EndpointConfigs"] == []


def test_what_a_request_names_is_what_sagemaker_is_asked_for(service: CloudService) -> None:
    service.client.start_ml_data_processing_job(
        id="dp",
        inputDataS3Location=service.export(),
        processedDataS3Location="s3://lab/processed",
        processingInstanceType="ml.r5.2xlarge",
        processingInstanceVolumeSizeInGB=77,
        subnets=["subnet-1"],
        securityGroupIds=["sg-1"],
        volumeEncryptionKMSKey="volume-key",
        s3OutputEncryptionKMSKey="output-key",
        sagemakerIamRoleArn="arn:aws:iam::123456789012:role/of-the-request",
    )
    service.wait("dataprocessing", "dp", "Completed")
    (job,) = service.jobs(PROCESSING)
    cluster = job["ProcessingResources"]["ClusterConfig"]
    assert (cluster["InstanceType"], cluster["VolumeSizeInGB"]) == ("ml.r5.2xlarge", 77)
    assert (cluster["VolumeKmsKeyId"], job["ProcessingOutputConfig"]["KmsKeyId"]) == ("volume-key", "output-key")
    assert job["NetworkConfig"]["VpcConfig"] == {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    assert job["RoleArn"] == "arn:aws:iam::123456789012:role/of-the-request"


def test_jobs_and_endpoints_go_on_while_the_service_is_killed_and_are_taken_over(service: CloudService) -> None:
    behaviour = {"process": {"sleep_s": 3}, "train": {"sleep_s": 3}}
    export = service.export(behaviour=behaviour)
    body = {"id": "dp", "inputDataS3Location": export, "processedDataS3Location": "s3://lab/processed"}
    assert service.call("POST", "/ml/dataprocessing", body)[0] == 200
    until(lambda: service.jobs(PROCESSING))
    service.kill()
    service.start().wait("dataprocessing", "dp", "Completed")
    assert len(service.jobs(PROCESSING)) == 1

    service.start_training("tr", "dp", trials=2)
    until(lambda: len(service.jobs(TRAINING)) == 2)
    service.kill()
    service.start().wait("modeltraining", "tr", "Completed")
    assert len(service.jobs(TRAINING)) == 2

    service.client.create_ml_endpoint(id="ep", mlModelTrainingJobId="tr")
    service.wait("endpoints", "ep", "InService")
    (before,) = service.jobs(ENDPOINT)
    service.kill()
    assert service.jobs(ENDPOINT)[0]["EndpointStatus"] == "InService"
    service.start().wait("endpoints", "ep", "InService")
    (after,) = service.jobs(ENDPOINT)
    assert after["LastModifiedTime"] == before["LastModifiedTime"]


def test_a_cancelled_job_is_stopped_in_the_cloud_and_its_reason_kept(service: CloudService) -> None:
    export = service.export(behaviour={"process": {"sleep_s": 600}})
    body = {"id": "dp", "inputDataS3Location": export, "processedDataS3Location": "s3://lab/processed"}
    service.call("POST", "/ml/dataprocessing", body)
    until(lambda: service.jobs(PROCESSING))
    service.client.cancel_ml_data_processing_job(id="dp")
    service.wait("dataprocessing", "dp", "Stopped")
    assert service.jobs(PROCESSING)[0]["ProcessingJobStatus"] == "Stopped"
