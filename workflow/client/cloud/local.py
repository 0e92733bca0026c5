"""An emulated cloud of one's own: for as long as a notebook or this process lasts."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow.client.cloud.targets import (
    EMULATED_IMAGE,
    emulated_variables,
    emulator_settings,
    planned_account,
)
from workflow.client.connection import Connection
from workflow.client.run import RunResult, WorkflowRun
from workflow.client.service import LocalService, start_service
from workflow.client.workflow import Workflow
from workflow.client.workflow_file.description import WorkflowFile
from workflow.settings import Settings
from workflow.storage import S3Uri

if TYPE_CHECKING:
    from workflow.client.cloud.dry_run import Rehearsal
    from workflow.client.cloud.stacks import Stacks
    from workflow.emulator.app import Emulator
    from workflow.runners.sagemaker.costs import Cost
    from workflow.runners.sagemaker.pipelines import PlannedPipeline, StepState


class LocalCloud:
    """An emulator of AWS in this process, and a service whose jobs and endpoints are the emulator's.

    ``url`` is the address of the emulator: other clients of AWS find it with ``AWS_ENDPOINT_URL``.
    """

    def __init__(self, emulator: Emulator, service: LocalService, settings: Settings) -> None:
        from workflow.drivers import open_clients, open_s3_at

        self._emulator, self._service, self._settings = emulator, service, settings
        self.url = emulator.url
        self._storage = open_s3_at(emulator.url, settings.region)
        self._clients = open_clients(settings, emulator.url)

    def client(self, service: str) -> Any:
        """boto3's client of a service of the emulator."""
        return self._clients.get(service)

    def stacks(self) -> Stacks:
        """CloudFormation of the emulator."""
        from workflow.client.cloud.stacks import Stacks

        return Stacks(self._settings.region, self.client, poll_s=0.2)

    def workflow(self, bucket: str = "s3://despina") -> Workflow:
        """The stages, one by one."""
        return Workflow(Connection(self._service.url), bucket=bucket, storage=self._storage)

    def rehearse(self, file: Path) -> Rehearsal:
        """What a run of a workflow file would call and pay for; nothing is called."""
        from workflow.client.cloud.dry_run import rehearse

        account = planned_account("emulated", self._settings)
        return rehearse(WorkflowFile.read(file), account, self._settings.scripts)

    def run(self, file: Path) -> RunResult:
        """Run a workflow file. Its bucket must be there: a stack, or ``client("s3").create_bucket``, makes it."""
        described = WorkflowFile.read(file)
        memory = self._service.home / "runs" / f"{described.name}.emulated.json"
        return WorkflowRun(described, self.workflow(described.bucket), memory).execute()

    def put_pipeline(self, file: Path, at_least: float | None = None) -> PlannedPipeline:
        """Make a workflow file a SageMaker pipeline, or a new version of the one of its name; nothing is started.

        Args:
            at_least: only a model whose validation metric reaches this is served.
        """
        from workflow.client.cloud.pipeline import PipelineWishes, plan_pipeline
        from workflow.runners.sagemaker.bundle import CodeBundle
        from workflow.runners.sagemaker.pipelines import CloudPipelines

        described, account = WorkflowFile.read(file), planned_account("emulated", self._settings)
        code = CodeBundle(self._settings.scripts, self._storage).at(S3Uri.parse(described.bucket).bucket)
        wishes = PipelineWishes(f"{self._service.url}/neptune-export", at_least=at_least)
        planned = plan_pipeline(described, account, code, wishes)
        for uri, content in planned.files.items():
            self._storage.write(uri, content)
        CloudPipelines(self._clients).put(planned)
        return planned

    def run_pipeline(self, name: str, **parameters: str) -> list[StepState]:
        """Start a pipeline and follow it; its steps once all have succeeded. Raises JobFailed with the reason."""
        from workflow.runners.sagemaker.pipelines import CloudPipelines

        pipelines = CloudPipelines(self._clients)
        return pipelines.wait(pipelines.start(name, parameters), lambda _: None)

    def costs(self) -> list[Cost]:
        """What jobs and endpoints have cost so far, and which go on costing."""
        from workflow.runners.sagemaker.costs import costs

        return list(costs(self._clients))

    def stop(self) -> None:
        """End the service, the emulator, and every job and endpoint. What S3 holds is kept in the home."""
        self._service.stop()
        self._clients.close()
        self._emulator.close()


def start_cloud(home: Path | None = None, *options: str) -> LocalCloud:
    """Start an emulated cloud with a service, on free loopback ports; by default in a new temporary folder.

    ``options`` are further ones of ``despina serve``, such as the database that the service stands in front of.

    Raises EmulatorMissing where the packages of the emulator are not installed.
    """
    from workflow.emulator.app import start

    place = home or Path(tempfile.mkdtemp(prefix="despina-cloud-"))
    environment = Settings.from_environment()
    image = replace(environment.sagemaker, image=EMULATED_IMAGE)
    settings = replace(environment, home=place, sagemaker=image)
    described = emulator_settings(settings, place / "emulator")
    emulator = start(described)
    try:
        variables = emulated_variables(emulator.url, described.endpoints)
        service = start_service(place / "service", *options, environ=variables)
    except BaseException:
        emulator.close()
        raise
    return LocalCloud(emulator, service, settings)
