"""What ran on SageMaker is priced by its instance seconds, and what goes on costing is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import emulated
from tests.contracts.runner_contract import SCRIPTS, processing, put, tuning
from tests.integration.test_cloud_faults import Cloud
from tests.waiting import until
from workflow.client.cloud.stacks import Stacks
from workflow.emulator.app import Emulator
from workflow.emulator.records import PROCESSING
from workflow.runners.base import Control, Resources
from workflow.runners.sagemaker import costs as room
from workflow.runners.sagemaker.costs import PRICES, Cost, costs
from workflow.runners.sagemaker.runner import SageMakerRunner

EMPTY = '{"Resources": {"Nothing": {"Type": "AWS::SNS::Topic"}}}'
# moto makes nothing of a bucket's policy, and says so
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    with emulated.emulator(tmp_path / "cloud") as emulator:
        yield emulator


def test_a_cost_is_instances_by_hours_by_price() -> None:
    # 2 instances of $0.23 for half an hour: 2 · 0.23 · 0.5
    cost = Cost("training", "t", "Completed", "ml.m5.xlarge", 2, 1800.0, False)
    assert (cost.hourly, cost.dollars) == (pytest.approx(0.46), pytest.approx(0.23))
    unknown = Cost("training", "t", "Completed", "ml.unheard.of", 2, 1800.0, False)
    assert (unknown.hourly, unknown.dollars) == (None, None)


def test_every_default_instance_has_a_price() -> None:
    account = emulated.clients("http://127.0.0.1:1").account
    assert {account.processing_type, account.training_type, account.hosting_type} <= set(PRICES)


def test_jobs_and_endpoints_of_ours_are_listed_and_those_of_others_are_not(emulator: Emulator, tmp_path: Path) -> None:
    cloud = Cloud(emulator, tmp_path)
    runner = cloud.runner()
    runner.run(processing(put(cloud.storage, "export", {"process": {"sleep_s": 1}})), Control())
    runner.tune(tuning(trials=1, resources=Resources("ml.r5.large")), Control())
    cloud.host().deploy("ep-endpoint", cloud.archive("a"), Resources("ml.m5.large", instance_count=2))
    stacks = Stacks(emulated.REGION, cloud.clients.get, 0.1)
    stacks.deploy("ours", "storage-and-roles.yaml")
    cloud.clients.get("cloudformation").create_stack(StackName="of-others", TemplateBody=EMPTY)
    other: Any = dict(emulator.control.records.get(PROCESSING, "a-preloading-1"))
    asked = {name: other[name] for name in ("RoleArn", "AppSpecification", "ProcessingResources")}
    cloud.clients.get("sagemaker").create_processing_job(ProcessingJobName="of-others", **asked)

    found = {cost.kind: cost for cost in costs(cloud.clients)}
    assert sorted(found) == ["endpoint", "processing", "training"]
    assert {cost.name for cost in costs(cloud.clients)}.isdisjoint({"of-others"})
    assert (found["training"].instance_type, found["training"].runs) == ("ml.r5.large", False)
    assert found["processing"].seconds >= 1.0
    endpoint = found["endpoint"]
    assert (endpoint.instances, endpoint.runs, endpoint.hourly) == (2, True, pytest.approx(0.23))
    later = next(iter(costs(cloud.clients, datetime.now(UTC) + timedelta(hours=10))))
    assert later.dollars == pytest.approx(2.3, abs=0.05)  # ten hours of two instances at $0.115

    command = [sys.executable, "-m", "workflow.cli", "costs", "--running", "--json"]
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    said = subprocess.run(
        command,
        env={**os.environ, **keys, "AWS_ENDPOINT_URL": emulator.url},
        capture_output=True,
        text=True,
        check=True,
    )
    document = json.loads(said.stdout)
    assert [cost["name"] for cost in document["costs"]] == ["ep-endpoint"]
    assert document["stacks"] == ["ours"]
    assert document["hourly"] == pytest.approx(0.23)
    cloud.clients.close()


def test_all_that_runs_is_listed_over_pages_and_past_newer_jobs(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST", 1)
    cloud = Cloud(emulator, tmp_path)
    client = cloud.clients.get("sagemaker")
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
    for name, seconds in (("old-1", "600"), ("old-2", "600"), ("new", "0")):
        client.create_processing_job(
            ProcessingJobName=name,
            RoleArn=emulated.ROLE,
            AppSpecification={"ImageUri": "any", "ContainerEntrypoint": ["sleep", seconds]},
            ProcessingResources={"ClusterConfig": cluster},
            Tags=cloud.clients.account.tag_list(),
        )
    until(lambda: cloud.running() == ["old-1", "old-2"])
    assert {cost.name for cost in costs(cloud.clients, running=True)} == {"old-1", "old-2"}
    assert [cost.name for cost in costs(cloud.clients)] == ["new"]
    cloud.clients.close()


def test_trials_of_sagemakers_tuner_are_ours_and_of_their_search(emulator: Emulator, tmp_path: Path) -> None:
    cloud = Cloud(emulator, tmp_path)
    cloud.runner().run(processing(put(cloud.storage, "export")), Control())
    clients = emulated.clients(emulator.url, tuner="sagemaker")
    runner = SageMakerRunner(clients, SCRIPTS, tmp_path / "work", tmp_path / "logs", cloud.storage)
    runner.tune(tuning(name="search", trials=2), Control())
    trials = {cost.name for cost in costs(clients) if cost.kind == "training"}
    assert len(trials) == 2
    assert {cost.name for cost in room.costs_of(clients, "training", "search")} == trials
    clients.close()
    cloud.clients.close()
