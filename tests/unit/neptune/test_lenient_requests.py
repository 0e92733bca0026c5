"""Requests are read as sloppily as published clients write them, and refused with a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.errors import BadRequest, InvalidParameter, MissingParameter, UnsupportedOperation
from workflow.neptune import OPERATIONS, decode
from workflow.neptune.operations import members_of, misspelt_members
from workflow.neptune.requests import (
    CreateEndpoint,
    ListResources,
    StartDataProcessing,
    StartModelTraining,
    StartModelTransform,
    StopResource,
)


def processing(**members: Any) -> StartDataProcessing:
    body = {"inputDataS3Location": "s3://lab/in", "processedDataS3Location": "s3://lab/out", **members}
    request = decode(OPERATIONS["StartMLDataProcessingJob"], body)
    assert isinstance(request, StartDataProcessing)
    return request


def test_empty_strings_and_nulls_are_absent() -> None:
    request = processing(id="", configFileName="", previousDataProcessingJobId=None, modelType="  ")
    assert (request.id, request.previous_id, request.model_type) == (None, None, None)
    assert request.config_file == "training-data-configuration.json"


def test_an_empty_required_member_is_missing() -> None:
    with pytest.raises(MissingParameter, match="inputDataS3Location"):
        processing(inputDataS3Location="")


def test_all_missing_members_are_named() -> None:
    with pytest.raises(MissingParameter, match="dataProcessingJobId and trainModelS3Location"):
        decode(OPERATIONS["StartMLModelTrainingJob"], {})


def test_unknown_fields_are_ignored() -> None:
    assert processing(wait_interval=3, wait_timeout=9, extra={"a": 1}).timeout_s == 86400


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        (
            "StartMLDataProcessingJob",
            {"inputDataS3Locaton": "s3://b/x", "processingTimeOutInSeconds": "soon"},
            "needs inputDataS3Location and processedDataS3Location; give a value that is not empty. inputDataS3Locaton "
            "is unknown to StartMLDataProcessingJob; did you mean inputDataS3Location? processingTimeOutInSeconds must "
            "be a whole number, not 'soon'.",
        ),
        (
            "CreateMLEndpoint",
            {"mlModelTrainingJobId": "tr", "instanceTpye": "ml.m5.large"},
            "instanceTpye is unknown to CreateMLEndpoint; did you mean instanceType?",
        ),
        (
            "StartMLModelTrainingJob",
            {
                "dataProcessingJobId": "dp", "trainModelS3Location": "s3://b/t",
                "customModelTrainingParameters": {"sourceS3DirectoryPath": "s3://b", "trainingEntryPointScirpt": "a"},
            },
            "customModelTrainingParameters.trainingEntryPointScirpt is unknown to StartMLModelTrainingJob; did you "
            "mean trainingEntryPointScript?",
        ),
    ],
)  # fmt: skip
def test_a_misspelt_member_is_refused_with_the_one_that_was_meant_and_all_others_that_are_wrong(
    name: str, given: dict[str, Any], told: str
) -> None:
    with pytest.raises((InvalidParameter, MissingParameter)) as refused:
        decode(OPERATIONS[name], given)
    assert refused.value.message.removeprefix(f"{name} ") == told


@pytest.mark.parametrize("member", [{"mode": "OFFLINE"}, {"offlineLoad": "TRUE"}, {"loader": "offline"}])
def test_the_offline_loader_is_refused_whatever_it_is_asked_by(member: dict[str, str]) -> None:
    load = {"source": "s3://b/offline", "format": "csv", "iamRoleArn": "arn:aws:iam::1:role/offline"}
    with pytest.raises(UnsupportedOperation, match=f"{next(iter(member))} asks for Neptune's offline loader"):
        decode(OPERATIONS["StartLoaderJob"], {**load, **member})
    decode(OPERATIONS["StartLoaderJob"], {**load, "offlineLoad": "FALSE"})


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_member_is_taken_for_another_misspelt(name: str) -> None:
    """Members that are alike, such as those of the guide alone, are all known."""
    request = OPERATIONS[name].request
    assert list(misspelt_members(request, dict.fromkeys(members_of(request)))) == []
    assert all(list(misspelt_members(request, {one: "x"})) == [] for one in members_of(request))


@pytest.mark.parametrize("text", ["TRUE", "True", "true", True])
def test_booleans_come_in_any_case(text: object) -> None:
    request = decode(OPERATIONS["CancelMLModelTrainingJob"], {"id": "a", "clean": text})
    assert isinstance(request, StopResource)
    assert request.clean is True


def test_numbers_come_as_text_too() -> None:
    assert processing(processingTimeOutInSeconds="60").timeout_s == 60
    listing = decode(OPERATIONS["ListMLEndpoints"], {"maxItems": "7"})
    assert isinstance(listing, ListResources)
    assert listing.max_items == 7


@pytest.mark.parametrize("bad", ["0", "1025", "-1", "ten", "1.5", "99999999999999999999", "1e3"])
def test_max_items_outside_1_to_1024_is_refused(bad: str) -> None:
    with pytest.raises(InvalidParameter, match="maxItems"):
        decode(OPERATIONS["ListMLEndpoints"], {"maxItems": bad})


@pytest.mark.parametrize(
    ("id", "text"),
    [
        ("x" * 49, "Invalid ID provided. ID can be 1-48 alphanumeric characters."),
        ("a_b", "Invalid ID provided. Must contain only letters, digits, or hyphens."),
        ("a/b", "Invalid ID provided. Must contain only letters, digits, or hyphens."),
        ("ä", "Invalid ID provided. Must contain only letters, digits, or hyphens."),
        ("A unique identifier for the new endpoint.", "Invalid ID provided. Must contain only letters, digits, or hy"),
    ],
)
def test_bad_ids_are_refused_in_the_guides_words(id: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as error:
        processing(id=id)
    assert error.value.message.startswith(text)


def test_a_forty_eight_character_id_is_fine() -> None:
    assert processing(id="a-" * 24).id == "a-" * 24


def test_a_bad_instance_type_is_refused_in_the_guides_words() -> None:
    with pytest.raises(InvalidParameter, match=r"^Invalid ML instance type\.$"):
        processing(processingInstanceType="t2.micro")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("processingTimeOutInSeconds", "soon"), ("processingTimeOutInSeconds", 0), ("processingTimeOutInSeconds", True),
        ("inputDataS3Location", ["s3://a"]), ("inputDataS3Location", {"a": 1}), ("subnets", {"a": 1}),
        ("modelType", "other"),
        ("enableInterContainerTrafficEncryption", "maybe"), ("processingInstanceVolumeSizeInGB", -1),
    ],
)  # fmt: skip
def test_a_wrong_type_names_the_member(member: str, value: object) -> None:
    with pytest.raises(InvalidParameter, match=member):
        processing(**{member: value})


def test_a_configuration_file_is_a_name_and_no_path() -> None:
    with pytest.raises(InvalidParameter, match="configFileName"):
        processing(configFileName="../../etc/passwd")


@pytest.mark.parametrize("body", [[], "text", 3, None, True])
def test_a_body_that_is_no_object_is_a_bad_request(body: object) -> None:
    with pytest.raises(BadRequest, match="must be a JSON object"):
        decode(OPERATIONS["CreateMLEndpoint"], body)


def test_members_only_the_guide_knows_are_taken() -> None:
    body = {
        "dataProcessingJobId": "a",
        "trainModelS3Location": "s3://lab/t",
        "modelName": "rgcn",
        "maxWaitTime": 90000,
        "customModelParameters": {"sourceS3DirectoryPath": "s3://lab/code"},
    }
    request = decode(OPERATIONS["StartMLModelTrainingJob"], body)
    assert isinstance(request, StartModelTraining)
    assert request.model_name == "rgcn"
    assert request.custom is not None
    assert request.custom.source == "s3://lab/code"
    assert request.to_json()["customModelTrainingParameters"] == {
        "sourceS3DirectoryPath": "s3://lab/code",
        "trainingEntryPointScript": "training.py",
        "transformEntryPointScript": "transform.py",
    }


def test_an_unknown_model_name_is_refused_with_the_known_ones() -> None:
    body = {"dataProcessingJobId": "a", "trainModelS3Location": "s3://lab/t", "modelName": "gpt"}
    with pytest.raises(InvalidParameter, match="rgcn"):
        decode(OPERATIONS["StartMLModelTrainingJob"], body)


def test_a_transform_takes_a_pair_of_jobs_or_a_training_job_name() -> None:
    out = {"modelTransformOutputS3Location": "s3://lab/x"}
    operation = OPERATIONS["StartMLModelTransformJob"]
    request = decode(operation, {**out, "trainingJobName": "social-l-neptune-ml-260105-1024-001-ab12cd34-cpu"})
    assert isinstance(request, StartModelTransform)
    with pytest.raises(MissingParameter):
        decode(operation, {**out, "dataProcessingJobId": "a"})
    with pytest.raises(InvalidParameter):
        decode(operation, {**out, "mlModelTrainingJobId": "a", "dataProcessingJobId": "b", "trainingJobName": "c"})


def test_an_endpoint_takes_exactly_one_job() -> None:
    operation = OPERATIONS["CreateMLEndpoint"]
    request = decode(operation, {"mlModelTrainingJobId": "a", "update": "true", "id": "e"})
    assert isinstance(request, CreateEndpoint)
    assert request.update
    with pytest.raises(MissingParameter):
        decode(operation, {"id": "e"})
    with pytest.raises(InvalidParameter):
        decode(operation, {"mlModelTrainingJobId": "a", "mlModelTransformJobId": "b"})
    with pytest.raises(MissingParameter, match="id"):
        decode(operation, {"mlModelTrainingJobId": "a", "update": True})


def test_a_request_survives_its_json_form() -> None:
    request = processing(id="a", processingInstanceType="ml.r5.large", subnets="subnet-1")
    assert request.to_json()["subnets"] == ["subnet-1"]
    assert decode(OPERATIONS["StartMLDataProcessingJob"], request.to_json()) == request


@pytest.mark.parametrize(
    ("name", "given", "defaults"),
    [
        (
            "StartLoaderJob",
            {"source": "s3://b/x", "format": "csv"},
            {
                "graph": "g",
                "mode": "AUTO",
                "failOnError": True,
                "parallelism": "HIGH",
                "queueRequest": False,
                "updateSingleCardinalityProperties": False,
                "dependencies": [],
                "userProvidedEdgeIds": True,
                "edgeOnlyLoad": False,
                "parserConfiguration": {"allowEmptyStrings": False},
            },
        ),
        ("GetLoaderJobStatus", {"loadId": "x"}, {"details": False, "errors": False, "page": 1, "errorsPerPage": 10}),
        ("ListLoaderJobs", {}, {"limit": 100, "includeQueuedLoads": True}),
        ("ListGremlinQueries", {}, {"includeWaiting": False}),
        ("GetPropertygraphSummary", {}, {"mode": "basic"}),
        ("GetPropertygraphStream", {}, {"limit": 10, "iteratorType": "AT_SEQUENCE_NUMBER", "opNum": 1}),
        ("StartIndexRebuild", {}, {"scope": "ALL", "concurrency": 1, "writeBufferSize": "LOW"}),
        ("ListMLEndpoints", {}, {"maxItems": 10}),
        (
            "ExecuteGremlinProfileQuery",
            {"gremlin": "g.V()"},
            {"profile.results": True, "profile.chop": 250, "profile.indexOps": False},
        ),
    ],
)
def test_what_is_left_out_means_what_the_guide_says(name: str, given: dict[str, Any], defaults: dict[str, Any]) -> None:
    assert decode(OPERATIONS[name], given).to_json() == {**given, **defaults}


def test_a_word_of_a_closed_set_is_taken_in_any_case_and_another_is_refused_with_the_set() -> None:
    given = {"source": "s3://b/x", "format": "CSV", "mode": "new", "parallelism": "oversubscribe"}
    read = decode(OPERATIONS["StartLoaderJob"], given)
    assert (read.mode, read.parallelism, read.format) == ("NEW", "OVERSUBSCRIBE", "csv")  # type: ignore[attr-defined]
    with pytest.raises(InvalidParameter, match="mode 'SOMEHOW' is unknown; use one of NEW, RESUME, AUTO"):
        decode(OPERATIONS["StartLoaderJob"], {**given, "mode": "SOMEHOW"})
