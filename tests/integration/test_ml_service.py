"""The machine-learning operations of a running service, judged by boto3's unmodified client."""

from __future__ import annotations

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until


def start_processing(service: Any, id: str, export: str, **more: Any) -> dict[str, Any]:
    return service.client.start_ml_data_processing_job(
        id=id, inputDataS3Location=export, processedDataS3Location="s3://lab/processed", **more
    )


def test_a_workflow_runs_from_export_to_endpoint(service: Any) -> None:
    client = service.client
    started = start_processing(service, "social-lp-dp-1", service.export("flow"))
    assert started["id"] == "social-lp-dp-1"
    assert isinstance(started["creationTimeInMillis"], int)
    service.wait("dataprocessing", "social-lp-dp-1", "Completed")
    job = client.get_ml_data_processing_job(id="social-lp-dp-1")["processingJob"]
    assert job["name"].startswith("social-l-preloading-20")
    assert job["outputLocation"] == f"s3://lab/processed/{job['name']}/preloading-output"

    client.start_ml_model_training_job(
        id="social-lp-train-1",
        dataProcessingJobId="social-lp-dp-1",
        trainModelS3Location="s3://lab/models",
        maxHPONumberOfTrainingJobs=4,
        maxHPOParallelTrainingJobs=2,
    )
    service.wait("modeltraining", "social-lp-train-1", "Completed")
    training = client.get_ml_model_training_job(id="social-lp-train-1")
    assert training["processingJob"]["outputLocation"].endswith("/autotrainer-output")
    assert training["hpoJob"]["name"].startswith("social-l-neptune-ml-2")
    assert "outputLocation" not in training["hpoJob"]
    (model,) = training["mlModels"]
    assert model["name"].startswith(training["hpoJob"]["name"])
    assert model["arn"].endswith(f":model/{model['name']}")

    start_processing(service, "social-lp-dp-2", service.export("flow"), previousDataProcessingJobId="social-lp-dp-1")
    service.wait("dataprocessing", "social-lp-dp-2", "Completed")
    client.start_ml_model_transform_job(
        id="social-lp-tr-1",
        dataProcessingJobId="social-lp-dp-2",
        mlModelTrainingJobId="social-lp-train-1",
        modelTransformOutputS3Location="s3://lab/transformed",
    )
    service.wait("modeltransform", "social-lp-tr-1", "Completed")
    transform = client.get_ml_model_transform_job(id="social-lp-tr-1")
    assert transform["baseProcessingJob"]["outputLocation"].endswith("/transform-output")
    assert transform["models"][0]["name"] == model["name"]

    created = client.create_ml_endpoint(id="social-lp-ep", mlModelTrainingJobId="social-lp-train-1")
    assert created["id"] == "social-lp-ep"
    service.wait("endpoints", "social-lp-ep", "InService")
    endpoint = client.get_ml_endpoint(id="social-lp-ep")
    assert endpoint["endpoint"]["name"].startswith("social-l-20")
    assert endpoint["endpoint"]["name"].endswith("-endpoint")
    assert endpoint["endpointConfig"]["name"].endswith("-endpointconfig")

    client.create_ml_endpoint(id="social-lp-ep", update=True, mlModelTransformJobId="social-lp-tr-1")
    answer = service.wait("endpoints", "social-lp-ep", "InService")
    assert answer["details"]["model"]["id"] == model["name"]
    client.delete_ml_endpoint(id="social-lp-ep", clean=True)
    until(lambda: service.call("GET", "/ml/endpoints/social-lp-ep")[0] == 404)


def test_a_training_status_tells_the_trials_and_who_won(service: Any) -> None:
    service.process_data("told-dp", service.export("told"))
    assert service.wait("dataprocessing", "told-dp", "Completed")["details"]["warnings"] == ["a column tells"]
    service.start_training("told", "told-dp", trials=3)
    details = service.wait("modeltraining", "told", "Completed")["details"]
    assert details["models_compared"] == ["rgcn", "pair-ranker"]
    assert "pair-ranker won" in details["verdict"]
    assert details["verdict"].endswith(" EASE beats this model.")
    assert details["warnings"] == ["EASE beats this model"]
    assert [trial["state"] for trial in details["trials"]] == ["Completed"] * 3
    assert details["peak_memory_bytes"] > 0
    assert details["estimate"]["memory_bytes"] > 0


def test_the_model_of_any_trial_can_be_deployed_through_a_transform(service: Any) -> None:
    service.process_data("pick-dp", service.export("pick"))
    service.start_training("pick", "pick-dp", trials=3)
    trials = service.wait("modeltraining", "pick", "Completed")["details"]["trials"]
    loser = next(trial for trial in trials if trial["hyperparameters"]["model"] == "rgcn")
    service.client.start_ml_model_transform_job(
        id="pick-tr", trainingJobName=loser["name"], modelTransformOutputS3Location="s3://lab/picked"
    )
    assert service.wait("modeltransform", "pick-tr", "Completed")["models"][0]["name"] == loser["name"]
    service.client.create_ml_endpoint(id="pick-ep", mlModelTransformJobId="pick-tr", instanceCount=2)
    details = service.wait("endpoints", "pick-ep", "InService")["details"]
    assert details["model"]["model"] == "rgcn"
    assert details["warnings"] == ["instanceCount had no effect: the endpoint is one process beside the service"]


def test_an_equal_stage_is_not_run_again_and_says_so(service: Any) -> None:
    export = service.export("equal")
    service.process_data("first-dp", export)
    again = service.process_data("again-dp", export)
    assert again["reusedFrom"] == "first-dp"
    place = again["processingJob"]["outputLocation"].removeprefix("s3://")
    assert (service.home / "s3" / place / "model-hpo-configuration.json").exists()
    service.start_training("first-train", "first-dp")
    service.wait("modeltraining", "first-train", "Completed")
    service.start_training("again-train", "again-dp")
    assert service.wait("modeltraining", "again-train", "Completed")["reusedFrom"] == "first-train"
    service.start_training("other-train", "again-dp", trials=3)
    assert "reusedFrom" not in service.wait("modeltraining", "other-train", "Completed")


def test_a_changed_input_is_processed_anew(service: Any) -> None:
    export = service.export("changing")
    service.process_data("before", export)
    service.put(f"{export}/nodes/User.csv", "~id\n")
    assert "reusedFrom" not in service.process_data("after", export)


def test_lists_are_newest_first_and_limited(service: Any) -> None:
    for id in ("list-1", "list-2"):
        service.process_data(id, service.export("list"))
    assert service.client.list_ml_data_processing_jobs(maxItems=2)["ids"] == ["list-2", "list-1"]


def test_an_id_is_made_when_none_is_given(service: Any) -> None:
    body = {"id": "", "inputDataS3Location": service.export("no-id"), "processedDataS3Location": "s3://lab/p"}
    code, answer = service.call("POST", "/ml/dataprocessing", body)
    assert code == 200
    assert len(answer["id"]) == 36


def test_a_second_start_with_an_id_is_refused_in_the_guides_words(service: Any) -> None:
    service.process_data("twice", service.export("twice"))
    with pytest.raises(service.client.exceptions.InvalidParameterException) as error:
        start_processing(service, "twice", service.export("twice"))
    assert (
        error.value.response["detailedMessage"] == "Another resource with same ID already exists. Please use a new ID."
    )
    assert error.value.response["requestId"]
    assert "Another resource" in str(error.value)


def test_of_many_starts_with_one_id_at_once_one_is_accepted(service: Any) -> None:
    body = {"id": "race", "inputDataS3Location": service.export("race"), "processedDataS3Location": "s3://lab/p"}
    with ThreadPoolExecutor(16) as pool:
        codes = [
            answer[0] for answer in pool.map(lambda _: service.call("POST", "/ml/dataprocessing", body), range(32))
        ]
    assert sorted(codes) == [200] + [400] * 31
    assert service.wait("dataprocessing", "race")["status"] == "Completed"


@pytest.mark.parametrize("kind", ["data_processing_job", "model_training_job", "model_transform_job", "endpoint"])
def test_unknown_ids_are_the_modelled_404(service: Any, kind: str) -> None:
    client = service.client
    stop = "delete_ml_endpoint" if kind == "endpoint" else f"cancel_ml_{kind}"
    for call in (f"get_ml_{kind}", stop):
        with pytest.raises(client.exceptions.MLResourceNotFoundException) as error:
            getattr(client, call)(id="no-such-id")
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_an_export_without_its_configuration_is_refused_at_once(service: Any) -> None:
    service.put("s3://lab/odd/other-config.json")
    with pytest.raises(service.client.exceptions.BadRequestException, match=r"Invalid S3 URL.*other-config\.json"):
        start_processing(service, "odd", "s3://lab/odd")
    with pytest.raises(service.client.exceptions.BadRequestException, match="Invalid S3 URL"):
        start_processing(service, "odd", "/etc/passwd")


def test_building_on_a_job_that_has_not_completed_is_refused(service: Any) -> None:
    exceptions = service.client.exceptions
    start_processing(service, "slow-dp", service.export("slow", {"process": {"sleep_s": 60}}))
    train = {"trainModelS3Location": "s3://lab/m"}
    with pytest.raises(exceptions.BadRequestException, match=r"Provided MLDataProcessing job is not completed\."):
        service.client.start_ml_model_training_job(dataProcessingJobId="slow-dp", **train)
    with pytest.raises(exceptions.BadRequestException, match="check whether a resource with the given ID exists"):
        service.client.start_ml_model_training_job(dataProcessingJobId="none", **train)
    with pytest.raises(exceptions.BadRequestException, match=r"Provided MLModelTraining job doesn't exist\."):
        service.client.create_ml_endpoint(id="e", mlModelTrainingJobId="none")
    service.client.cancel_ml_data_processing_job(id="slow-dp")
    service.wait("dataprocessing", "slow-dp", "Stopped")


def test_a_running_job_tells_its_progress_and_stops_when_asked(service: Any) -> None:
    service.process_data("stop-dp", service.export("stop", {"train": {"sleep_s": 600}}))
    service.start_training("stop", "stop-dp", trials=4)
    progress = None
    for _ in range(400):
        progress = service.call("GET", "/ml/modeltraining/stop")[1].get("progress")
        if progress and any("progress" in trial for trial in progress.get("trials", ())):
            break
    assert progress is not None
    assert (progress["phase"], progress["total"]) == ("training", 4)
    assert service.call("DELETE", "/ml/modeltraining/stop?clean=TRUE") == (200, {"status": "200 OK"})
    answer = service.wait("modeltraining", "stop", "Stopped")
    assert answer["processingJob"]["status"] == "Stopped"
    name = answer["processingJob"]["name"]
    assert not (service.home / "s3" / "lab" / "models" / name).exists()
    assert not list((service.home / "work").glob(f"{name}*"))
    code, error = service.call("DELETE", "/ml/modeltraining/stop")
    assert (code, error["code"]) == (400, "InvalidParameterException")
    assert error["message"] == "Failed to stop the job because it has already completed or failed."


def test_clean_removes_the_artefacts_of_a_finished_job_and_later_stages_hear_of_it(service: Any) -> None:
    place = service.process_data("tidy", service.export("tidy"))["processingJob"]["outputLocation"]
    folder = Path(service.home / "s3" / place.removeprefix("s3://"))
    assert folder.exists()
    service.client.cancel_ml_data_processing_job(id="tidy", clean=True)
    assert not folder.parent.exists()
    with pytest.raises(service.client.exceptions.BadRequestException, match="artefacts have been removed"):
        service.client.start_ml_model_training_job(dataProcessingJobId="tidy", trainModelS3Location="s3://lab/m")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"id": "a",\n "b" 3}', "line 2, column 6"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"[1]", "must be a JSON object"),
        (b"{" * 100_000, "JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": "' + b"x" * (1 << 20) + b'"}', "longer than"),
    ],
)
def test_a_malformed_body_is_a_bad_request_that_says_where(service: Any, body: bytes, text: str) -> None:
    code, error = service.call("POST", "/ml/endpoints", body)
    assert (code, error["code"]) == (400, "BadRequestException")
    assert text in error["detailedMessage"]


def test_notebook_forms_are_understood(service: Any) -> None:
    code, error = service.call("GET", "/ml/endpoints/The%20ID%20of%20an%20existing%20inference%20endpoint.")
    assert (code, error["code"]) == (400, "InvalidParameterException")
    assert "letters, digits, or hyphens" in error["message"]
    assert "--id" in error["message"]
    assert service.call("GET", "/ml/modeltransform?maxItems=10&neptuneIamRoleArn=")[0] == 200
    assert service.call("GET", "/ml/dataprocessing/a%2Fb%20c")[1]["code"] == "InvalidParameterException"
    assert service.call("GET", "/ml/dataprocessing/None")[0] == 404


def test_methods_and_paths_that_do_not_exist_have_codes(service: Any) -> None:
    assert service.call("PUT", "/ml/endpoints", b"{}")[1]["code"] == "MethodNotAllowedException"
    assert service.call("GET", "/ml/nothing")[0] == 404


def test_an_edited_search_space_is_honoured_and_a_broken_one_refused(service: Any) -> None:
    place = service.process_data("edit-dp", service.export("edit"))["processingJob"]["outputLocation"]
    path = service.home / "s3" / place.removeprefix("s3://") / "model-hpo-configuration.json"
    document = json.loads(path.read_text())
    document["models"][0]["1-tier-param"][0]["options"] = ["rgcn"]
    path.write_text(json.dumps(document))
    service.start_training("edit", "edit-dp")
    assert service.wait("modeltraining", "edit", "Completed")["details"]["models_compared"] == ["rgcn"]
    path.write_text(json.dumps({"models": document["models"] * 2}))
    code, error = service.call(
        "POST", "/ml/modeltraining", {"dataProcessingJobId": "edit-dp", "trainModelS3Location": "s3://lab/m"}
    )
    assert (code, error["code"]) == (400, "BadRequestException")
    assert "exactly one model" in error["message"]


def test_an_edited_search_space_is_compared_with_what_models_know_before_training(service: Any) -> None:
    place = service.process_data("names-dp", service.export("names"))["processingJob"]["outputLocation"]
    path = service.home / "s3" / place.removeprefix("s3://") / "model-hpo-configuration.json"
    document = json.loads(path.read_text())
    model = document["models"][0]
    wrong = {**model, "eval_metric": {"metric": "accuracy"}, "fixed-param": [{"param": "num_hidden", "type": "int"}]}
    path.write_text(json.dumps({"models": [wrong]}))
    body = {"dataProcessingJobId": "names-dp", "trainModelS3Location": "s3://lab/m"}
    code, error = service.call("POST", "/ml/modeltraining", body)
    assert (code, error["code"]) == (400, "BadRequestException")
    assert "there is no metric 'accuracy' for link_prediction" in error["message"]
    assert "no model has a hyperparameter 'num_hidden'; did you mean 'num-hidden'?" in error["message"]

    path.write_text(json.dumps({"models": [{**model, "optimizer": "adam"}]}))
    service.start_training("names", "names-dp", modelName="transe", targets=["knows"])
    said = service.wait("modeltraining", "names", "Completed")["details"]["warnings"]
    assert "targets had no effect: no such member is known" in said
    assert "model-hpo-configuration.json: the model: 'optimizer' is not known and was ignored" in said
    assert any(text.startswith("modelName 'transe' had no effect") for text in said)


@pytest.mark.parametrize(
    ("name", "compared"), [("transe", ["transe"]), ("pair-ranker", ["pair-ranker"]), ("auto", ["rgcn", "pair-ranker"])]
)
def test_the_model_name_of_a_request_chooses_while_the_search_space_is_unedited(
    service: Any, name: str, compared: list[str]
) -> None:
    service.process_data(f"dp-{name}", service.export("choice"))
    service.start_training(f"train-{name}", f"dp-{name}", modelName=name)
    assert service.wait("modeltraining", f"train-{name}", "Completed")["details"]["models_compared"] == compared


def test_a_model_that_does_not_fit_the_data_is_refused_and_an_edited_search_space_wins(service: Any) -> None:
    place = service.process_data("unfit-dp", service.export("unfit"))["processingJob"]["outputLocation"]
    body = {"dataProcessingJobId": "unfit-dp", "trainModelS3Location": "s3://lab/m", "modelName": "rotate"}
    code, error = service.call("POST", "/ml/modeltraining", body)
    assert (code, error["code"]) == (400, "InvalidParameterException")
    assert "these do: auto, pair-ranker, rgcn, transe" in error["message"]
    path = service.home / "s3" / place.removeprefix("s3://") / "model-hpo-configuration.json"
    document = json.loads(path.read_text())
    document["models"][0]["1-tier-param"][0]["options"] = ["rgcn"]
    path.write_text(json.dumps(document))
    service.start_training("unfit", "unfit-dp", modelName="transe")
    assert service.wait("modeltraining", "unfit", "Completed")["details"]["models_compared"] == ["rgcn"]


def test_custom_code_of_a_client_is_never_run(service: Any) -> None:
    service.process_data("custom-dp", service.export("custom"))
    with pytest.raises(service.client.exceptions.UnsupportedOperationException, match="Custom models"):
        service.client.start_ml_model_training_job(
            dataProcessingJobId="custom-dp",
            trainModelS3Location="s3://lab/m",
            customModelTrainingParameters={"sourceS3DirectoryPath": "s3://lab/code"},
        )


def test_answers_are_json_with_a_request_id_on_errors(service: Any) -> None:
    with urllib.request.urlopen(service.url + "/ml/endpoints") as answer:
        assert answer.headers["content-type"] == "application/json"
    assert set(service.call("GET", "/ml/endpoints/x")[1]) == {"code", "detailedMessage", "message", "requestId"}
