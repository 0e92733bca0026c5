"""The policies of the templates allow what the drivers call, as the emulator has recorded it, and nothing else."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

from tests import emulated
from tests.contracts.runner_contract import LAB, SCRIPTS, processing, put, tuning
from tests.integration.test_cloud_faults import Cloud
from tests.waiting import until
from workflow.client.cloud.stacks import Stacks
from workflow.emulator.cloud import OWN_KEY
from workflow.emulator.records import PROCESSING, TRAINING
from workflow.runners.base import Control, JobCancelled, Resources
from workflow.runners.sagemaker.batch import BatchTransforms
from workflow.runners.sagemaker.costs import costs, costs_of
from workflow.runners.sagemaker.runner import SageMakerRunner
from workflow.runners.sagemaker.serving import BatchTransform

TEMPLATES = Path(__file__).parents[2] / "infra" / "templates"
# operations of S3 and what they need; the others are called as their actions are
S3_ACTIONS = {
    "ListObjectsV2": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "HeadBucket": "s3:ListBucket",
    "DeleteObjects": "s3:DeleteObject",
    "CopyObject": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
}
# allowed and not seen here, each for its reason
UNSEEN_OF_SERVICE = {
    "iam:PassRole",  # no call of its own: SageMaker checks it where a role is named
    "sagemaker:AddTags",  # the same where tags are
    "s3:AbortMultipartUpload",  # only after a failed part
    "sagemaker:InvokeEndpoint",  # queries call it, which are not asked here
    "sagemaker:DescribeModel",  # the same for an endpoint that somebody else has made
}
UNSEEN_OF_JOBS = {"s3:GetBucketLocation", "s3:AbortMultipartUpload", "s3:DeleteObject", "logs:DescribeLogStreams"}


def statements(template: str, policy: str) -> list[dict[str, Any]]:
    resource = cfn_yaml.load(str(TEMPLATES / template))["Resources"][policy]["Properties"]
    documents = [resource["PolicyDocument"]] if "PolicyDocument" in resource else []
    documents += [inner["PolicyDocument"] for inner in resource.get("Policies", [])]
    return [statement for document in documents for statement in document["Statement"]]


def actions(found: list[dict[str, Any]]) -> set[str]:
    return {
        str(action)
        for statement in found
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }


def needed(cloud: Cloud, *, own: bool) -> set[str]:
    """The actions of the calls that SageMaker (``own``) or the service has made."""
    called = [call for call in cloud.emulator.calls.all() if (call.caller == OWN_KEY) == own]
    return {S3_ACTIONS.get(call.operation, f"{call.service}:{call.operation}") for call in called if call.operation}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Everything that the drivers do, once."""
    home = tmp_path_factory.mktemp("policies")
    with emulated.emulator(home / "cloud") as emulator:
        cloud = Cloud(emulator, home)
        emulator.calls.clear()
        runner = cloud.runner()
        runner.run(processing(put(cloud.storage, "export")), Control())
        tuned = runner.tune(tuning(trials=2), Control())
        theirs = SageMakerRunner(
            emulated.clients(emulator.url, tuner="sagemaker"), SCRIPTS, home / "t", home / "logs", cloud.storage
        )
        theirs.tune(tuning(name="their-tuner", trials=1, trials_output=LAB / "theirs"), Control())
        _stopped(cloud, runner, theirs)
        host = cloud.host()
        serving = host.deploy("ep", cloud.archive("a"), Resources())
        host.is_healthy(serving)
        host.deploy("ep", cloud.archive("b"), Resources())
        list(costs(cloud.clients))
        Stacks(emulated.REGION, cloud.clients.get).ours()
        costs_of(cloud.clients, "training", tuned.best.name.rpartition("-001")[0])
        host.remove("ep")
        _batch(cloud)
        cloud.storage.delete(LAB / "train")
        yield cloud
        cloud.clients.close()
        theirs._clients.close()


def _stopped(cloud: Cloud, runner: SageMakerRunner, theirs: SageMakerRunner) -> None:
    source = put(cloud.storage, "slow", {"process": {"sleep_s": 600}, "train": {"sleep_s": 600}})
    cloud.storage.write(LAB / "processed" / "behaviour.json", cloud.storage.read(source / "behaviour.json"))
    for kind, work in (
        (PROCESSING, lambda control: runner.run(processing(source, name="slow"), control)),
        (TRAINING, lambda control: runner.tune(tuning(name="slow", trials=1, trials_output=LAB / "s"), control)),
        (TRAINING, lambda control: theirs.tune(tuning(name="slow-2", trials=1, trials_output=LAB / "t"), control)),
    ):
        before, control = len(cloud.jobs(kind)), Control()
        thread = threading.Thread(target=lambda w=work, c=control: _cancelled(w, c))
        thread.start()
        until(lambda k=kind, b=before: len(cloud.jobs(k)) > b)
        control.cancelled.set()
        thread.join()


def _cancelled(work: Any, control: Control) -> None:
    with pytest.raises(JobCancelled):
        work(control)


def _batch(cloud: Cloud) -> None:
    cloud.storage.write(LAB / "questions/a", b'{"n": 1, "vertices": []}\n')
    transforms = BatchTransforms(cloud.clients, cloud.home / "logs")
    batch = BatchTransform("b", cloud.archive("c"), LAB / "questions", LAB / "answers", Resources())
    control = Control()
    control.cancelled.set()
    with pytest.raises(JobCancelled):
        transforms.run(batch, control)


def test_the_service_may_call_all_that_it_calls(cloud: Cloud) -> None:
    allowed = actions(statements("storage-and-roles.yaml", "ServicePolicy"))
    assert needed(cloud, own=False) - allowed == set()


def test_the_service_may_call_nothing_that_it_does_not_call(cloud: Cloud) -> None:
    allowed = actions(statements("storage-and-roles.yaml", "ServicePolicy"))
    beside = {action for action in allowed if not action.startswith("neptune-db:")}
    assert beside - needed(cloud, own=False) - UNSEEN_OF_SERVICE == set()
    assert allowed >= UNSEEN_OF_SERVICE


def test_jobs_may_do_what_sagemaker_does_with_their_role(cloud: Cloud) -> None:
    allowed = actions(statements("storage-and-roles.yaml", "JobRole"))
    assert needed(cloud, own=True) - allowed == set()
    # interfaces and images are SageMaker's own calls, which the emulator does not make
    beside = {action for action in allowed if not action.startswith(("ec2:", "ecr:"))}
    assert beside - needed(cloud, own=True) - UNSEEN_OF_JOBS == set()


def test_no_action_of_a_policy_has_a_wildcard_and_lists_alone_have_every_resource() -> None:
    found = statements("storage-and-roles.yaml", "ServicePolicy")
    assert [action for action in actions(found) if "*" in action] == []
    everywhere = actions([statement for statement in found if statement["Resource"] == "*"])
    assert [action for action in everywhere if not fnmatch.fnmatch(action, "sagemaker:List*")] == [
        "cloudformation:DescribeStacks"  # of all stacks, to find ours by their tag
    ]
