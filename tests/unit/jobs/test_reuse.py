"""A finished job stands for an equal one, and for no other: whatever changes a result makes two jobs unequal."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from workflow.jobs.execution import Execution
from workflow.jobs.model import JobRecord
from workflow.jobs.store import JobStore
from workflow.jobs.work import Outcome
from workflow.neptune import Kind
from workflow.runners.base import Capacity, Control, Ended, Task, Tuning
from workflow.stages.layout import job_names
from workflow.storage import S3Uri
from workflow.storage.local import LocalStorage
from workflow.tuning.results import Trial, Tuned

LAB = S3Uri("lab")
SPACE: dict[str, Any] = {
    "model": "rgcn",
    "task_type": "link_prediction",
    "eval_metric": {"metric": "mrr"},
    "1-tier-param": [{"param": "lr", "type": "float", "range": [0.001, 0.1], "inc_strategy": "log"}],
    "2-tier-param": [],
    "3-tier-param": [],
    "fixed-param": [],
}


class CountingRunner:
    """Runs nothing, writes one object where the output belongs, and counts."""

    def __init__(self, storage: LocalStorage) -> None:
        self.storage, self.ran = storage, 0

    def run(self, task: Task, control: Control) -> Ended:
        self.ran += 1
        for output in (*task.outputs.values(), *filter(None, [task.model_output])):
            self.storage.write(output / "model.tar.gz", task.name.encode())
            self.storage.write(output / "manifest.json", b"{}")
        return Ended(1.0, 1)

    def tune(self, tuning: Tuning, control: Control) -> Tuned:
        self.ran += 1
        trial = Trial(1, f"{tuning.name}-001", "Completed", {}, {"model": "rgcn"}, value=0.5)
        self.storage.write(tuning.output / "model.tar.gz", tuning.name.encode())
        self.storage.write(tuning.trials_output / trial.name / "output" / "model.tar.gz", b"a trial")
        return Tuned((trial,), trial, "won", 1.0, 1)

    def capacity(self) -> Capacity:
        return Capacity(None, None)


class Lab:
    """A job store, storage and scripts in which jobs are run to their end, one by one."""

    def __init__(self, folder: Path) -> None:
        self.store, self.storage = JobStore(None), LocalStorage(folder / "s3")
        self.scripts = folder / "scripts"
        self.scripts.mkdir()
        (self.scripts / "train.py").write_text("print(1)")
        self.runner = CountingRunner(self.storage)
        self.execution = Execution(self.store, self.storage, self.runner, self.scripts)  # type: ignore[arg-type]
        self.storage.write(LAB / "export" / "training-data-configuration.json", b"{}")
        self.storage.write(LAB / "export" / "other.json", b"{}")
        self.storage.write(LAB / "export" / "nodes.csv", b"id\n1\n")
        self.stamp = 1_700_000_000_000

    def run(self, kind: Kind, id: str, **request: Any) -> Outcome:
        """Run a job and keep it as completed."""
        self.stamp += 60_000
        document = {**DEFAULTS[kind], **request, "id": id}
        names = job_names(kind, id, self.stamp, "s3://lab/out")
        job = JobRecord(kind, id, "InProgress", self.stamp, self.stamp, document, names)
        self.store.add(job)
        outcome = self.execution.run(job, Control())
        self.store.move(
            kind,
            id,
            "Completed",
            result=dict(outcome.result),
            inputs_hash=outcome.inputs_hash,
            reused_from=outcome.reused_from,
        )
        return outcome

    def processed(self, id: str) -> None:
        """A completed processing job with a search space, and a template for each of two models."""
        self.run("dataprocessing", id)
        output = S3Uri.parse(self.store.get("dataprocessing", id).names["output"])
        space = json.dumps({"models": [SPACE]}).encode()
        self.storage.write(output / "model-hpo-configuration.json", space)
        for model in ("auto", "rgcn", "transe"):
            template = {**SPACE, "model": "rgcn" if model == "auto" else model}
            self.storage.write(
                output / "hpo-configuration-templates" / f"{model}.json", json.dumps({"models": [template]}).encode()
            )


DEFAULTS: Mapping[str, dict[str, Any]] = {
    "dataprocessing": {"inputDataS3Location": "s3://lab/export", "processedDataS3Location": "s3://lab/out"},
    "modeltraining": {"dataProcessingJobId": "dp", "trainModelS3Location": "s3://lab/out"},
    "modeltransform": {
        "dataProcessingJobId": "dp",
        "mlModelTrainingJobId": "train",
        "modelTransformOutputS3Location": "s3://lab/out",
    },
}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def edit_scripts(lab: Lab) -> None:
    (lab.scripts / "train.py").write_text("print(2)")


def add_script(lab: Lab) -> None:
    (lab.scripts / "graph_ml").mkdir()
    (lab.scripts / "graph_ml" / "new.py").write_text("")


def edit_export(lab: Lab) -> None:
    lab.storage.write(LAB / "export" / "nodes.csv", b"id\n2\n")


def add_to_export(lab: Lab) -> None:
    lab.storage.write(LAB / "export" / "more.csv", b"id\n1\n")


def other_seed(lab: Lab) -> None:
    lab.execution = dataclasses.replace(lab.execution, seed=lab.execution.seed + 1)


def edit_space(lab: Lab) -> None:
    output = S3Uri.parse(lab.store.get("dataprocessing", "dp").names["output"])
    edited = {**SPACE, "fixed-param": [{"param": "num-layer", "type": "int", "default": 3}]}
    lab.storage.write(output / "model-hpo-configuration.json", json.dumps({"models": [edited]}).encode())


def no_change(lab: Lab) -> None:
    pass


Change = Callable[[Lab], None]


@pytest.mark.parametrize("change", [edit_scripts, add_script, edit_export, add_to_export, other_seed])
def test_processing_is_run_again_where_its_input_changed(lab: Lab, change: Change) -> None:
    lab.run("dataprocessing", "a")
    change(lab)
    assert lab.run("dataprocessing", "b").reused_from is None
    assert lab.runner.ran == 2


@pytest.mark.parametrize("request_", [{"configFileName": "other.json"}, {"modelType": "kge"}])
def test_processing_is_run_again_where_its_request_asks_for_something_else(lab: Lab, request_: dict[str, Any]) -> None:
    lab.run("dataprocessing", "a")
    assert lab.run("dataprocessing", "b", **request_).reused_from is None
    assert lab.runner.ran == 2


def test_processing_is_run_again_where_it_keeps_the_encodings_of_an_earlier_job(lab: Lab) -> None:
    lab.run("dataprocessing", "a")
    assert lab.run("dataprocessing", "b", previousDataProcessingJobId="a").reused_from is None


def test_an_equal_processing_job_takes_the_result(lab: Lab) -> None:
    lab.run("dataprocessing", "a")
    # on what it runs, and how long it may, changes no result
    again = lab.run("dataprocessing", "b", processingInstanceType="ml.r5.large", processingTimeOutInSeconds=7)
    assert again.reused_from == "a"
    assert lab.runner.ran == 1
    assert lab.storage.exists(S3Uri.parse(lab.store.get("dataprocessing", "b").names["output"]) / "manifest.json")


@pytest.mark.parametrize("change", [edit_scripts, add_script, other_seed, edit_space])
def test_training_is_run_again_where_its_input_changed(lab: Lab, change: Change) -> None:
    lab.processed("dp")
    lab.run("modeltraining", "a")
    change(lab)
    assert lab.run("modeltraining", "b").reused_from is None


@pytest.mark.parametrize(
    "request_",
    [
        {"modelName": "transe"},
        {"maxHPONumberOfTrainingJobs": 3},
        {"maxHPOParallelTrainingJobs": 1},
        {"previousModelTrainingJobId": "a"},
    ],
)
def test_training_is_run_again_where_its_request_asks_for_something_else(lab: Lab, request_: dict[str, Any]) -> None:
    lab.processed("dp")
    lab.run("modeltraining", "a")
    assert lab.run("modeltraining", "b", **request_).reused_from is None


def test_two_models_of_one_search_space_are_two_jobs(lab: Lab) -> None:
    lab.processed("dp")
    lab.run("modeltraining", "a", modelName="rgcn")
    assert lab.run("modeltraining", "b", modelName="transe").reused_from is None
    assert lab.run("modeltraining", "c", modelName="rgcn").reused_from == "a"


def test_training_is_run_again_where_the_custom_model_changed(lab: Lab) -> None:
    lab.processed("dp")
    code = LAB / "code"
    lab.storage.write(code / "model-hpo-configuration.json", json.dumps({"models": [SPACE]}).encode())
    for name in ("training.py", "transform.py"):
        lab.storage.write(code / name, b"print(1)")
    lab.execution = dataclasses.replace(lab.execution, custom_code=(code,))
    own = {"modelName": "custom", "customModelTrainingParameters": {"sourceS3DirectoryPath": str(code)}}
    lab.run("modeltraining", "a", **own)
    assert lab.run("modeltraining", "b", **own).reused_from == "a"
    lab.storage.write(code / "training.py", b"print(2)")
    assert lab.run("modeltraining", "c", **own).reused_from is None


def test_equal_training_takes_the_result_of_the_first(lab: Lab) -> None:
    lab.processed("dp")
    lab.run("modeltraining", "a")
    lab.run("modeltraining", "b", trainingInstanceType="ml.p3.2xlarge")
    assert lab.run("modeltraining", "c").reused_from == "a"


@pytest.mark.parametrize("change", [edit_scripts, no_change])
def test_a_transform_is_run_again_where_scripts_model_or_data_changed(lab: Lab, change: Change) -> None:
    lab.processed("dp")
    lab.run("modeltraining", "train")
    lab.run("modeltransform", "a")
    change(lab)
    assert lab.run("modeltransform", "b").reused_from == (None if change is edit_scripts else "a")
    training = S3Uri.parse(lab.store.get("modeltraining", "train").names["output"])
    lab.storage.write(training / "model.tar.gz", b"another model")
    assert lab.run("modeltransform", "c").reused_from is None


def test_a_job_whose_output_is_gone_is_not_taken(lab: Lab) -> None:
    lab.run("dataprocessing", "a")
    lab.storage.delete(S3Uri.parse(lab.store.get("dataprocessing", "a").names["output"]))
    assert lab.run("dataprocessing", "b").reused_from is None


def test_nothing_is_taken_where_that_is_switched_off(lab: Lab) -> None:
    lab.execution = dataclasses.replace(lab.execution, reuse=False)
    lab.run("dataprocessing", "a")
    assert lab.run("dataprocessing", "b").reused_from is None


def test_cleaning_a_training_job_leaves_neither_model_nor_trials_and_nothing_else_goes(lab: Lab) -> None:
    lab.processed("dp")
    lab.run("modeltraining", "a")
    before = {str(info.uri) for info in lab.storage.list(LAB)}
    job = lab.store.get("modeltraining", "a")
    own = {place for place in before if f"/{job.names['name']}/" in place}
    assert {place.rpartition("/out/")[2].split("/")[1] for place in own} == {"autotrainer-output", "hpo-output"}
    lab.execution.clean(job)
    assert {str(info.uri) for info in lab.storage.list(LAB)} == before - own
