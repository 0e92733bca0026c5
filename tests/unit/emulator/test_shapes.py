"""What is wrong with a request is found by botocore's model, and nothing beside the model is answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from workflow.emulator.errors import ApiError
from workflow.emulator.shapes import ServiceModel

GOOD: dict[str, Any] = {
    "ProcessingJobName": "p1",
    "RoleArn": "arn:aws:iam::123456789012:role/ml",
    "AppSpecification": {"ImageUri": "image"},
    "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
}


@pytest.fixture(scope="module")
def model() -> ServiceModel:
    return ServiceModel("sagemaker")


def changed(**changes: Any) -> dict[str, Any]:
    return {**GOOD, **changes}


def cluster(**changes: Any) -> dict[str, Any]:
    resources = {**GOOD["ProcessingResources"]["ClusterConfig"], **changes}
    return changed(ProcessingResources={"ClusterConfig": resources})


def test_a_good_request_passes(model: ServiceModel) -> None:
    model.check("CreateProcessingJob", GOOD)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({key: value for key, value in GOOD.items() if key != "RoleArn"}, "RoleArn"),
        (changed(ProcessingJobName=7), "ProcessingJobName"),
        (changed(ProcessingJobName="no_underscore"), "regular expression"),
        (changed(ProcessingJobName="a" * 64), "at most 63"),
        (changed(RoleArn="short"), "at least 20|min length|Invalid length"),
        (cluster(InstanceType="ml.none.large"), "enum value set"),
        (cluster(InstanceCount=101), "at most 100"),
        (cluster(VolumeSizeInGB=0), "VolumeSizeInGB"),
        (changed(Environment={f"K{n}": "v" for n in range(101)}), "at most 100"),
        (changed(Tags=[{"Key": "k", "Value": "v"}] * 51), "at most 50"),
    ],
)
def test_a_bad_request_is_refused_with_the_member_or_its_bound(
    model: ServiceModel, request_: dict[str, Any], text: str
) -> None:
    with pytest.raises(ApiError, match=text) as caught:
        model.check("CreateProcessingJob", request_)
    assert caught.value.code == "ValidationException"


def test_an_operation_that_does_not_exist_is_refused(model: ServiceModel) -> None:
    with pytest.raises(ApiError, match="has no operation 'CreateCake'"):
        model.operation("CreateCake")


def test_an_answer_has_the_members_of_its_shape_and_times_in_seconds(model: ServiceModel) -> None:
    when = datetime(2026, 1, 5, tzinfo=UTC)
    answer = model.answer(
        "DescribeEndpoint", {"EndpointName": "e", "Secret": 1, "CreationTime": when, "FailureReason": None}
    )
    assert answer == {"EndpointName": "e", "CreationTime": when.timestamp()}


def test_the_summaries_of_a_list_are_found_in_its_shape(model: ServiceModel) -> None:
    name, shape = model.summary_shape("ListTrainingJobs")
    assert name == "TrainingJobSummaries"
    assert "TrainingJobName" in shape.members  # type: ignore[attr-defined]
