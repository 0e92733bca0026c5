"""The pipeline of a workflow file: what is tuned, what each step asks for, and what cannot be told in advance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from training_scripts.graph_ml.schemas import TaskType
from workflow.client.cloud.pipeline import PipelineWishes, plan_pipeline
from workflow.client.workflow_file.description import WorkflowFile
from workflow.emulator.pipelines.definition import read_definition
from workflow.errors import InvalidParameter
from workflow.runners.sagemaker.account import Account
from workflow.runners.sagemaker.pipelines import PlannedPipeline
from workflow.runners.sagemaker.plans import Code
from workflow.storage import S3Uri

ROLE = "arn:aws:iam::000000000000:role/ml"
CODE = Code(S3Uri("lab", "code/scripts"), S3Uri("lab", "code/sourcedir.tar.gz"))
LINKS = "targets: [{edge: [User, FRIEND, User], type: link_prediction}]"


def planned(tmp_path: Path, training: str = "{trials: 2}", export: str = LINKS, **wishes: Any) -> PlannedPipeline:
    file = tmp_path / "workflow.yaml"
    file.write_text(
        f"name: social\nbucket: s3://lab\nexport:\n  {export}\ntraining: {training}\n"
        "dataprocessing: {subnets: [subnet-1], securityGroupIds: [sg-1], volumeEncryptionKMSKey: key}\n"
    )
    account = Account("us-east-1", "image", ROLE)
    return plan_pipeline(WorkflowFile.read(file), account, CODE, PipelineWishes("http://host/neptune-export", **wishes))


def steps(pipeline: PlannedPipeline) -> dict[str, Any]:
    """Arguments by step; the definition is one that can run."""
    return {step.name: step.arguments for step in read_definition(json.dumps(pipeline.definition)).steps}


def test_one_training_job_trains_where_nothing_is_searched(tmp_path: Path) -> None:
    train = steps(planned(tmp_path, "{trials: 1, modelName: graphsage}"))["Train"]
    given = train["HyperParameters"]
    assert (given["model"], given["task"], given["eval-metric"]) == ("graphsage", "link_prediction", "mrr")
    assert "TrainingJobName" not in train


def test_ranges_and_choices_are_tuned_in_their_types(tmp_path: Path) -> None:
    wishes = "{lr: 0.001..0.1, num-epochs: 3..9, use-self-loop: [true, false]}"
    train = steps(planned(tmp_path, f"{{trials: 5, modelName: rgcn, hyperparameters: {wishes}}}"))["Train"]
    config = train["HyperParameterTuningJobConfig"]
    kinds = {entry["Name"]: kind for kind, entries in config["ParameterRanges"].items() for entry in entries}
    assert kinds["lr"] == "ContinuousParameterRanges"
    assert kinds["num-epochs"] == "IntegerParameterRanges"
    assert kinds["use-self-loop"] == "CategoricalParameterRanges"
    assert config["ResourceLimits"]["MaxNumberOfTrainingJobs"] == {"Get": "Parameters.Trials"}


def test_models_are_compared_at_their_own_values_where_some_have_nothing_to_search(tmp_path: Path) -> None:
    train = steps(planned(tmp_path, "{trials: 4}"))["Train"]
    ranges = train["HyperParameterTuningJobConfig"]["ParameterRanges"]
    ((kind, (entry,)),) = ranges.items()
    assert (kind, entry["Name"]) == ("CategoricalParameterRanges", "model")
    assert {"rgcn", "pair-ranker", "graphsage"} <= set(entry["Values"])
    # what is searched must not be fixed as well
    assert "model" not in train["TrainingJobDefinition"]["StaticHyperParameters"]


def test_a_search_that_some_of_the_compared_models_lack_is_refused_with_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match=r"searches lr only where every model.*name one in training\.modelName"):
        planned(tmp_path, "{trials: 4, hyperparameters: {lr: 0.001..0.1}}")


def test_a_metric_that_is_to_be_small_must_be_at_most_what_is_asked_for(tmp_path: Path) -> None:
    export = "targets: [{node: Movie, property: score, type: regression}]"
    judged = steps(planned(tmp_path, "{trials: 1}", export, at_least=0.4))["IsGoodEnough"]
    (condition,) = judged["Conditions"]
    assert condition["Type"] == "LessThanOrEqualTo"
    assert condition["LeftValue"] == {"Get": "Steps.Train.FinalMetricDataList['validation:mse'].Value"}


def test_network_and_keys_of_the_file_are_those_of_export_and_processing(tmp_path: Path) -> None:
    asked = steps(planned(tmp_path))
    for step in ("Export", "Process"):
        assert asked[step]["NetworkConfig"]["VpcConfig"] == {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
        assert asked[step]["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == "key"


def test_the_export_step_reads_its_program_and_what_is_asked_for_from_the_bucket(tmp_path: Path) -> None:
    pipeline = planned(tmp_path, secret="service-password", sign=True)
    (source,) = steps(pipeline)["Export"]["ProcessingInputs"]
    folder = S3Uri.parse(source["S3Input"]["S3Uri"])
    assert set(pipeline.files) == {folder / "export.py", folder / "request.json"}
    asked = json.loads(pipeline.files[folder / "request.json"])
    assert asked["outputS3Path"] == "s3://lab/export"
    assert asked["additionalParams"]["neptune_ml"]["targets"][0]["edge"] == ["User", "FRIEND", "User"]
    words = steps(pipeline)["Export"]["AppSpecification"]["ContainerArguments"]
    assert words[words.index("--secret") + 1] == "service-password"
    assert words[words.index("--service") + 1] == {"Get": "Parameters.ExportService"}
    assert words[words.index("--sign") + 1] == "true"


@pytest.mark.parametrize(
    ("export", "task"),
    [
        (LINKS, "link_prediction"),
        ("targets: [{node: Movie, property: genre, type: classification}]", "node_class"),
        ("targets: [{edge: [User, RATED, Movie], property: stars, type: regression}]", "edge_regression"),
        ("jobs: [{targets: [{node: Movie, property: score, type: regression}]}]", "node_regression"),
    ],
)
def test_a_file_says_what_is_learnt(tmp_path: Path, export: str, task: TaskType) -> None:
    file = tmp_path / "workflow.yaml"
    file.write_text(f"name: social\nexport:\n  {export}\n")
    assert WorkflowFile.read(file).task == task
