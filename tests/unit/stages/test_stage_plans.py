"""Plans and names, against real names seen in published notebooks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from training_scripts.graph_ml.schemas import HpoModel
from workflow.errors import BadRequest, InvalidParameter, MissingParameter, UnsupportedOperation
from workflow.neptune.requests import (
    CustomTraining,
    CustomTransform,
    StartDataProcessing,
    StartModelTraining,
    StartModelTransform,
)
from workflow.stages import custom, dataprocessing, modeltraining, modeltransform
from workflow.stages.base import Finished
from workflow.stages.estimates import Needs, TooLarge, check, processing_needs, training_needs, trials_at_once
from workflow.stages.layout import arn, default_id, job_names, resource_arn, short, timestamp
from workflow.storage import InvalidS3Uri, S3Uri
from workflow.tuning.results import Trial

# 2022-07-14 18:52:17.652 UTC
REAL_MS = 1657824737652
HPO: dict[str, Any] = {
    "model": "rgcn",
    "task_type": "link_predict",
    "eval_metric": {"metric": "mrr"},
    "1-tier-param": [{"param": "lr", "type": "float", "range": [0.001, 0.1], "inc_strategy": "log"}],
    "2-tier-param": [],
    "3-tier-param": [],
    "fixed-param": [],
}


def test_a_processing_job_is_named_as_in_a_real_output() -> None:
    names = job_names("dataprocessing", "link-prediction-1657824725", REAL_MS, "s3://bkt/preloading")
    assert names["name"] == "link-pre-preloading-2022-07-14-18-52-6520000"
    assert names["output"] == f"s3://bkt/preloading/{names['name']}/preloading-output"


def test_a_training_job_is_named_as_in_a_real_output() -> None:
    names = job_names("modeltraining", "node-cjx-0", REAL_MS, "s3://bkt/t/")
    assert names["name"] == "node-cjx-autotrainer-2022-07-14-18-52-6520000"
    assert names["output"] == f"s3://bkt/t/{names['name']}/autotrainer-output"
    assert names["hpo"] == "node-cjx-neptune-ml-220714-1852"
    assert len(names["hpo"]) <= 32  # SageMaker's limit for tuning jobs


def test_an_endpoint_is_named_as_in_a_real_output() -> None:
    names = job_names("endpoints", "node-classification-1", REAL_MS)
    assert names["name"] == "node-cla-2022-07-14-18-52-6520000-endpoint"
    assert names["config"] == "node-cla-2022-07-14-18-52-6520000-endpointconfig"


def test_milliseconds_are_padded_to_seven_digits() -> None:
    assert timestamp(1000_000_000_007) == "2001-09-09-01-46-0070000"


@pytest.mark.parametrize(
    ("id", "first"), [("a", "a"), ("abcdefgh", "abcdefgh"), ("abcdefg-h", "abcdefg"), ("---", "job")]
)
def test_the_first_eight_characters_make_a_legal_word(id: str, first: str) -> None:
    assert short(id) == first


def test_arns_name_region_account_and_resource() -> None:
    assert arn("us-east-1", "1", "model", "m") == "arn:aws:sagemaker:us-east-1:1:model/m"
    assert arn("cn-north-1", "1", "endpoint", "e").startswith("arn:aws-cn:")
    assert resource_arn("us-east-1", "1", "endpoints", "e") == "arn:aws:neptune-db:us-east-1:1:ml/endpoints/e"


def test_ids_that_are_made_are_legal() -> None:
    from workflow.neptune.fields import check_id

    for kind in ("dataprocessing", "endpoints"):
        check_id(default_id(kind, REAL_MS, "0b4c3c4e-6a55-4f34-9f6e-2b0c9e6a1f00"))  # type: ignore[arg-type]


def test_an_output_location_that_is_no_address_is_refused() -> None:
    with pytest.raises(InvalidS3Uri):
        job_names("modeltransform", "a", REAL_MS, "The URI of the S3 bucket/location to store your transform result.")


def processing_request(**more: Any) -> StartDataProcessing:
    body = {"inputDataS3Location": "s3://lab/in", "processedDataS3Location": "s3://lab/out", **more}
    return StartDataProcessing.model_validate(body)


def test_processing_reads_the_export_and_the_previous_output() -> None:
    names = job_names("dataprocessing", "a", REAL_MS, "s3://lab/out")
    task = dataprocessing.plan(processing_request(), names, None, seed=3)
    assert task.inputs == {"processing/input": S3Uri("lab", "in")}
    assert task.arguments == {
        "config-file-name": "training-data-configuration.json",
        "model-type": "heterogeneous",
        "seed": "3",
    }
    previous = Finished("p", S3Uri("lab", "before"), {"modelType": "kge"})
    again = dataprocessing.plan(processing_request(), names, previous, seed=3)
    assert again.inputs["processing/previous"] == S3Uri("lab", "before")
    assert again.arguments["model-type"] == "kge"


def training_request(**more: Any) -> StartModelTraining:
    body = {"dataProcessingJobId": "dp", "trainModelS3Location": "s3://lab/t", **more}
    return StartModelTraining.model_validate(body)


def test_a_training_plan_searches_for_the_configured_metric() -> None:
    names = job_names("modeltraining", "a", REAL_MS, "s3://lab/t")
    earlier = Trial(1, "t", "Completed", {"lr": 0.01}, {"model": "rgcn"}, value=0.5)
    tuning = modeltraining.plan(
        training_request(maxHPONumberOfTrainingJobs=7, maxHPOParallelTrainingJobs=5, trainingTimeOutInSeconds=60),
        names,
        Finished("dp", S3Uri("lab", "processed")),
        HpoModel.model_validate(HPO),
        Finished("before", S3Uri("lab", "x"), result={"trials": [earlier.to_json()]}),
        seed=3,
        parallel=2,
    )
    assert (tuning.metric, tuning.direction, tuning.trials, tuning.parallel) == ("mrr", "maximize", 7, 2)
    assert tuning.previous == (earlier,)
    assert tuning.arguments["task"] == "link_prediction"
    assert tuning.timeout_s == 60
    assert tuning.channel == S3Uri("lab", "processed")


def test_a_custom_objective_is_taken_with_its_direction() -> None:
    metric = {"tuning_objective": {"MetricName": "LOSS", "Type": "Minimize"}}
    assert modeltraining.objective(HpoModel.model_validate({**HPO, "eval_metric": metric})) == ("LOSS", "minimize")
    with pytest.raises(InvalidParameter, match="metric"):
        modeltraining.objective(HpoModel.model_validate({**HPO, "eval_metric": {}}))


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"{", "JSON"), (b'{"models": []}', "exactly one model"), (b'{"models": [{"model": "rgcn"}]}', "task_type")],
)
def test_a_broken_configuration_is_refused_by_name_and_place(data: bytes, text: str) -> None:
    with pytest.raises(BadRequest, match=r"s3://lab/hpo\.json.*" + text):
        modeltraining.read_configuration(data, S3Uri("lab", "hpo.json"))


def test_scripts_of_a_client_are_run_below_allowed_addresses_alone() -> None:
    own = CustomTraining.model_validate({"sourceS3DirectoryPath": "s3://lab/code/mine"})
    for allowed in ((), (S3Uri("lab", "cod"),), (S3Uri("other"),)):
        with pytest.raises(UnsupportedOperation, match=r"DESPINA_CUSTOM_CODE.*s3://lab/code/mine is not there"):
            custom.source_of(own, allowed)
    for prefix in (S3Uri("lab"), S3Uri("lab", "code"), S3Uri("lab", "code/mine")):
        assert custom.source_of(own, (prefix,)) == S3Uri("lab", "code/mine")


def test_the_name_custom_needs_scripts() -> None:
    with pytest.raises(MissingParameter, match="needs customModelTrainingParameters"):
        custom.check_request(training_request(modelName="custom"))
    custom.check_request(training_request(modelName="rgcn"))


def test_a_custom_model_without_its_files_is_refused_by_name() -> None:
    own = CustomTraining.model_validate({"sourceS3DirectoryPath": "s3://lab/code", "trainingEntryPointScript": "a.py"})
    there = {S3Uri("lab", "code/transform.py")}
    with pytest.raises(BadRequest, match=r"s3://lab/code has no model-hpo-configuration\.json, a\.py; upload it"):
        custom.check_folder(S3Uri("lab", "code"), custom.training_files(own), there.__contains__)


@pytest.mark.parametrize("name", ["../x.py", "a/b.py", "-c", "..", "a\\b.py", "-c.py", "nodes.csv", "train.sh", ".py"])
def test_a_script_of_a_custom_model_is_a_plain_name(name: str) -> None:
    with pytest.raises(InvalidParameter, match="must be the name of a Python file"):
        CustomTraining.model_validate({"sourceS3DirectoryPath": "s3://lab/code", "trainingEntryPointScript": name})


def test_a_custom_search_gets_its_own_space_and_no_arguments_of_ours() -> None:
    request = training_request(customModelTrainingParameters={"sourceS3DirectoryPath": "s3://lab/code"})
    metric = {"tuning_objective": {"MetricName": "VAL", "Type": "Minimize"}, "metric_definitions": []}
    own = HpoModel.model_validate({**HPO, "model": "custom", "eval_metric": metric})
    names = job_names("modeltraining", "a", REAL_MS, "s3://lab/x")
    tuning = modeltraining.plan(request, names, Finished("d", S3Uri("lab", "data")), own, None, 0)
    assert (tuning.script, tuning.code) == ("custom.py", S3Uri("lab", "code"))
    assert (tuning.metric, tuning.direction) == ("VAL", "minimize")
    assert tuning.arguments == {"_training-script": "training.py", "_transform-script": "transform.py"}


def test_graph_sizes_are_read_from_a_manifest_and_are_zero_without() -> None:
    manifest = {"node_types": [{"count": 3}, {"count": 4}], "edge_types": [{"count": 9}]}
    assert modeltraining.graph_size(json.dumps(manifest).encode()) == (7, 9)
    assert modeltraining.graph_size(b"{}") == (0, 0)
    assert modeltraining.graph_size(b"no json") == (0, 0)


TRANSFORM = StartModelTransform.model_validate(
    {"dataProcessingJobId": "d", "mlModelTrainingJobId": "t", "modelTransformOutputS3Location": "s3://lab/x"}
)


def test_a_transform_gets_new_data_and_the_old_model() -> None:
    names = job_names("modeltransform", "a", REAL_MS, "s3://lab/x")
    archive = S3Uri("lab", "old/model.tar.gz")
    task = modeltransform.plan(TRANSFORM, names, Finished("d", S3Uri("lab", "new")), archive)
    assert task.inputs == {"processing/input": S3Uri("lab", "new")}
    assert task.archives == {"processing/model": S3Uri("lab", "old/model.tar.gz")}
    assert str(task.model_output) == names["output"]
    assert task.script == "transform.py"


def test_a_custom_transform_runs_the_scripts_of_its_folder() -> None:
    own = CustomTransform.model_validate({"sourceS3DirectoryPath": "s3://lab/code/"})
    names = job_names("modeltransform", "a", REAL_MS, "s3://lab/x")
    archive = S3Uri("lab", "old/model.tar.gz")
    task = modeltransform.plan(TRANSFORM, names, Finished("d", S3Uri("lab", "new")), archive, own)
    assert (task.script, task.inputs["processing/code"]) == ("custom.py", S3Uri("lab", "code"))
    assert task.arguments == {"_transform-script": "transform.py"}


def test_what_cannot_fit_is_refused_with_both_figures() -> None:
    needs = processing_needs(export_bytes=100_000_000_000)
    with pytest.raises(TooLarge, match=r"needs about 300\.7 GB of memory, but this machine has 16\.0 GB"):
        check(needs, 16_000_000_000, None)
    with pytest.raises(TooLarge, match="disk space"):
        check(needs, None, 1_000_000_000)
    check(needs, None, None)


def test_the_data_jobs_own_estimate_counts() -> None:
    recommendation = json.dumps({"estimated": {"training_memory": 5_000, "training_disk": 7_000}}).encode()
    assert training_needs(100, recommendation) == Needs(5_000, 7_000)
    assert training_needs(100, b"no json").memory_bytes > 700_000_000


@pytest.mark.parametrize(("asked", "memory", "trials"), [(4, 10, 4), (4, 2, 2), (4, 0.5, 1), (1, 100, 1)])
def test_no_more_trials_run_at_once_than_fit_into_memory(asked: int, memory: float, trials: int) -> None:
    assert trials_at_once(asked, Needs(1_000_000_000, 0), int(memory * 1e9)) == trials
    assert trials_at_once(asked, Needs(1, 1), None) == asked
    assert trials_at_once(asked, Needs(1, 1), None, processors=1) == 1
