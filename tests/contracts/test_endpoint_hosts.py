"""The endpoint host contract, kept by every host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import emulated
from tests.contracts.endpoint_host_contract import LAB, SCRIPTS, EndpointHostContract, ask
from workflow.drivers import open_s3_at
from workflow.emulator.app import Emulator
from workflow.endpoints.host import EndpointHost
from workflow.endpoints.local import LocalEndpointHost
from workflow.endpoints.sagemaker import SageMakerEndpointHost
from workflow.runners.base import Resources
from workflow.runners.sagemaker.costs import costs
from workflow.storage import Storage
from workflow.storage.local import LocalStorage


class TestLocalEndpointHost(EndpointHostContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        return LocalStorage(tmp_path / "s3")

    @pytest.fixture
    def opened(self, storage: Storage, tmp_path: Path) -> Iterator[Callable[[], EndpointHost]]:
        hosts: list[EndpointHost] = []

        def open_host() -> EndpointHost:
            folders = tmp_path / "endpoints", tmp_path / "logs"
            hosts.append(LocalEndpointHost(storage, *folders, SCRIPTS / "serve.py"))
            return hosts[-1]

        yield open_host
        for host in hosts:
            host.close()

    @pytest.fixture
    def host(self, opened: Callable[[], EndpointHost]) -> EndpointHost:
        return opened()

    @pytest.fixture
    def reopened(self, opened: Callable[[], EndpointHost]) -> Callable[[], EndpointHost]:
        return opened


class TestSageMakerEndpointHost(EndpointHostContract):
    @pytest.fixture
    def cloud(self, tmp_path: Path) -> Iterator[Emulator]:
        with emulated.emulator(tmp_path / "cloud") as cloud:
            yield cloud

    @pytest.fixture
    def storage(self, cloud: Emulator) -> Storage:
        emulated.request(cloud.url, "PUT", f"/{LAB.bucket}")
        return open_s3_at(cloud.url, emulated.REGION)

    @pytest.fixture
    def opened(self, storage: Storage, tmp_path: Path, cloud: Emulator) -> Iterator[Callable[[], EndpointHost]]:
        clients = emulated.clients(cloud.url)
        yield lambda: SageMakerEndpointHost(clients, storage, tmp_path / "logs")
        clients.close()

    @pytest.fixture
    def host(self, opened: Callable[[], EndpointHost]) -> EndpointHost:
        return opened()

    @pytest.fixture
    def reopened(self, opened: Callable[[], EndpointHost]) -> Callable[[], EndpointHost]:
        return opened

    def test_an_endpoint_that_somebody_else_has_made_is_found_with_its_model(
        self, host: EndpointHost, storage: Storage, tmp_path: Path, cloud: Emulator
    ) -> None:
        archive = str(self.archive(storage, tmp_path, "a"))
        clients = emulated.clients(cloud.url)
        sagemaker = clients.get("sagemaker")
        # as the notebooks of AWS do: code named by the archive's own address, the model in a list
        told = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": archive}
        container = {"Image": "any", "ModelDataUrl": archive, "Environment": told}
        sagemaker.create_model(ModelName="theirs", Containers=[container], ExecutionRoleArn=emulated.ROLE)
        variant = {
            "VariantName": "all",
            "ModelName": "theirs",
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
        }
        sagemaker.create_endpoint_config(EndpointConfigName="theirs", ProductionVariants=[variant])
        assert host.look_up("theirs") is None
        sagemaker.create_endpoint(EndpointName="theirs", EndpointConfigName="theirs")
        sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName="theirs", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        found = host.look_up("theirs")
        clients.close()
        assert found is not None
        assert ask(found) == found.description == {"id": "a"}
        assert found.archive == LAB / "a/model.tar.gz"

    def test_what_an_autoscaler_made_of_the_instances_is_kept_by_an_update_and_counted(
        self, host: EndpointHost, storage: Storage, tmp_path: Path, cloud: Emulator
    ) -> None:
        def instances() -> tuple[int, int]:
            """What the endpoint has, and what its cost is counted by."""
            (variant,) = sagemaker.describe_endpoint(EndpointName="ep")["ProductionVariants"]
            (cost,) = costs(clients)
            return variant["CurrentInstanceCount"], cost.instances

        clients = emulated.clients(cloud.url)
        sagemaker = clients.get("sagemaker")
        host.deploy("ep", self.archive(storage, tmp_path, "a"), Resources())
        desired = {"VariantName": "AllTraffic", "DesiredInstanceCount": 2}
        sagemaker.update_endpoint_weights_and_capacities(EndpointName="ep", DesiredWeightsAndCapacities=[desired])
        assert ask(host.deploy("ep", self.archive(storage, tmp_path, "b"), Resources())) == {"id": "b"}
        assert instances() == (2, 2)
        # who asks for another number gets it
        host.deploy("ep", LAB / "b/model.tar.gz", Resources(instance_count=3))
        assert instances() == (3, 3)
        clients.close()
