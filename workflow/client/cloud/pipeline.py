"""A workflow file as a SageMaker pipeline: export, process, train, judge and serve, from the same plans as a run.

The steps ask for what the service would ask for; what one leaves is the next one's input by the pipeline's own
expressions. What is searched must be known before the pipeline runs: it is the search that data processing would
propose for a graph of a given size, with what the file wishes for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from training_scripts.graph_ml.schemas import ModelHpoConfiguration
from training_scripts.graph_ml.tasks.table import TASKS
from training_scripts.graph_ml.tasks.templates import templates
from workflow.client.workflow import export_request
from workflow.client.workflow_file.description import WorkflowFile
from workflow.errors import InvalidParameter
from workflow.neptune.operations import OPERATIONS, decode
from workflow.neptune.requests import CreateEndpoint, StartDataProcessing, StartModelTraining
from workflow.runners.base import Task, Tuning
from workflow.runners.sagemaker import export_job
from workflow.runners.sagemaker.account import Account
from workflow.runners.sagemaker.pipelines import PlannedPipeline
from workflow.runners.sagemaker.plans import Code, Request, processing_request, training_request
from workflow.runners.sagemaker.serving import config_request, model_request
from workflow.runners.sagemaker.tuner import can_be_tuned, tuning_request
from workflow.stages import dataprocessing, modeltraining
from workflow.stages.base import Finished
from workflow.stages.resources import resources_of
from workflow.storage import S3Uri
from workflow.tuning.overrides import as_wish, with_overrides
from workflow.tuning.results import Trial
from workflow.tuning.space import FAMILY, Dimension, Space

VERSION: Final = "2020-12-01"
ITEMS: Final = 100_000  # labelled nodes or edges, where nobody says how many there will be
_EXECUTION: Final = "EXECUTION-ID"  # stands for the id of an execution until there is one
_SERVICE: Final = "EXPORT-SERVICE"
_EXPORTED: Final = S3Uri("exported", "by-the-first-step")
_PROCESSED: Final = S3Uri("processed", "by-the-second-step")
_ROOT: Final = "/opt/ml/processing"


@dataclass(frozen=True)
class PipelineWishes:
    """What a workflow file does not say of a pipeline.

    Attributes:
        export_service: the whole address, such as ``http://host:8182/neptune-export``.
        secret: of Secrets Manager, with the service's ``user`` and ``password``; None where it asks for none.
        sign: sign what is asked of the export service as the job's role.
        at_least: only a model that is this good is served; of a metric that is to be small, at most this.
        metric: what is tuned by; None takes the task's first: data processing, which may know better, has not run yet.
        items: about how many labelled nodes or edges there are to train on; the search depends on it.
    """

    export_service: str
    secret: str | None = None
    sign: bool = False
    at_least: float | None = None
    metric: str | None = None
    items: int = ITEMS


def plan_pipeline(described: WorkflowFile, account: Account, code: Code, wishes: PipelineWishes) -> PlannedPipeline:
    """The pipeline of a workflow file. The graph is taken as it stands: a pipeline loads nothing.

    Args:
        code: where the training scripts lie, in the bucket of the file.

    Raises MissingParameter where the account names no image or role, InvalidParameter for a search that cannot be told.
    """
    base = S3Uri.parse(described.bucket) / f"pipelines/{described.name}"
    run = base / _EXECUTION
    bodies = _Requests.of(described, run)
    task = dataprocessing.plan(bodies.processing, {"name": "process", "output": str(run / "processed")}, None, 0)
    tuning = _tuning(described, bodies, run, wishes)
    export, files = _export(described, account, code, base, wishes, task)
    parameters: list[Request] = [_parameter("ExportService", "String", wishes.export_service)]
    processing = processing_request(task, account, code, None)
    processing.pop("ProcessingJobName")
    kind = processing["ProcessingResources"]["ClusterConfig"]["InstanceType"]
    parameters.append(_parameter("ProcessingInstanceType", "String", kind))
    for one in (export, processing):
        one["ProcessingResources"]["ClusterConfig"]["InstanceType"] = _get("Parameters.ProcessingInstanceType")
    steps = [
        {
            **_step("Export", "Processing", export),
            "PropertyFiles": [{"PropertyFileName": "Exported", "OutputName": "output", "FilePath": "export.json"}],
        },
        _step("Process", "Processing", processing),
    ]
    train, trained, value = _training(tuning, account, code, parameters)
    served = _serving(bodies.endpoint, account, trained, parameters, described.name)
    if wishes.at_least is not None:
        parameters.append(_parameter("Threshold", "Float", wishes.at_least))
        served = [_judgement(tuning, value, served)]
    opened = _opened([*steps, train, *served])
    definition = {"Version": VERSION, "Metadata": {}, "Parameters": parameters, "Steps": opened}
    return PlannedPipeline(described.name, account.role_arn(resources_of(bodies.processing)), definition, files)


@dataclass(frozen=True)
class _Requests:
    """What the service would be asked for, stage by stage."""

    processing: StartDataProcessing
    training: StartModelTraining
    endpoint: CreateEndpoint

    @classmethod
    def of(cls, described: WorkflowFile, run: S3Uri) -> _Requests:
        sections: dict[str, dict[str, Any]] = {
            "StartMLDataProcessingJob": {
                "inputDataS3Location": str(_EXPORTED),
                "processedDataS3Location": str(run),
                **described.dataprocessing,
            },
            "StartMLModelTrainingJob": {
                "dataProcessingJobId": "process",
                "trainModelS3Location": str(run),
                "maxHPONumberOfTrainingJobs": described.training.trials,
                "maxHPOParallelTrainingJobs": described.training.parallel,
                **{k: v for k, v in (described.training.model_extra or {}).items() if k != "hyperparameters"},
            },
            "CreateMLEndpoint": {"mlModelTrainingJobId": "train", **(described.endpoint.model_extra or {})},
        }
        requests: list[Any] = [decode(OPERATIONS[name], body) for name, body in sections.items()]
        return cls(*requests)


def _export(
    described: WorkflowFile, account: Account, code: Code, base: S3Uri, wishes: PipelineWishes, like: Task
) -> tuple[Request, dict[S3Uri, bytes]]:
    """``CreateProcessingJob`` of the export step, and the files that it reads: its program, and what is asked for."""
    import json

    neptune_ml = {name: value for name, value in described.export.items() if name != "params"}
    endpoint = wishes.export_service.removesuffix("/neptune-export")
    body = export_request(S3Uri.parse(described.bucket), endpoint, described.export.get("params"), neptune_ml)
    program, asked = Path(export_job.__file__).read_bytes(), json.dumps(body, indent=2).encode()
    folder = base / f"export-{sha256(program + asked).hexdigest()[:16]}"
    arguments = {
        "service": _SERVICE,
        "request": f"{_ROOT}/export/request.json",
        "output": f"{_ROOT}/output/export.json",
    }
    if wishes.secret is not None:
        arguments["secret"] = wishes.secret
    if wishes.sign:
        arguments["sign"] = "true"
    task = Task(
        "export",
        "export.py",
        {"processing/export": folder},
        {"processing/output": base / _EXECUTION / "exported"},
        arguments,
        like.timeout_s,
        resources=like.resources,
    )
    request = processing_request(task, account, code, None)
    request.pop("ProcessingJobName")
    request["AppSpecification"]["ContainerEntrypoint"] = ["python3", f"{_ROOT}/export/export.py"]
    request["ProcessingInputs"] = [one for one in request["ProcessingInputs"] if one["InputName"] == "export"]
    return request, {folder / "export.py": program, folder / "request.json": asked}


def _tuning(described: WorkflowFile, bodies: _Requests, run: S3Uri, wishes: PipelineWishes) -> Tuning:
    """The search that data processing would propose for a graph of that size, with what the file wishes for."""
    metric = wishes.metric or TASKS[described.task].metric
    model_type = bodies.processing.model_type or dataprocessing.DEFAULT_MODEL_TYPE
    fitting = templates(described.task, metric, wishes.items, model_type)
    chosen = fitting.get(bodies.training.model_name or "") or next(iter(fitting.values()))
    document = chosen.model_dump(by_alias=True, exclude_none=True)
    asked: Mapping[str, Any] = (described.training.model_extra or {}).get("hyperparameters") or {}
    changed = with_overrides(document, {str(name): as_wish(wish) for name, wish in asked.items()})
    model = ModelHpoConfiguration.model_validate(changed).model
    output = str(run / "trained")
    names = {"hpo": "train", "trials": output, "output": output, "work": "train"}
    found = modeltraining.plan(bodies.training, names, Finished("process", _PROCESSED), model, None, 0)
    families = found.space.families
    if asked and found.trials > 1 and len(families) > 1 and not can_be_tuned(found):
        raise InvalidParameter(
            f"a pipeline searches {', '.join(asked)} only where every model has something to search, and it compares "
            f"{', '.join(families)}: name one in training.modelName"
        )
    return found


def _training(
    tuning: Tuning, account: Account, code: Code, parameters: list[Request]
) -> tuple[Request, Request, Request]:
    """The step that trains, the address of the model it leaves, and how good that is."""
    parameters.append(
        _parameter("TrainingInstanceType", "String", tuning.resources.instance_type or account.training_type)
    )
    chosen = _get("Parameters.TrainingInstanceType")
    families = tuning.space.families
    if tuning.trials > 1 and (can_be_tuned(tuning) or len(families) > 1):
        request = tuning_request(tuning if can_be_tuned(tuning) else _comparison(tuning), account, code, "train")
        request.pop("HyperParameterTuningJobName")
        request["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"] = _get(
            "Parameters.Trials"
        )
        parameters.append(_parameter("Trials", "Integer", tuning.trials))
        for one in request.get("TrainingJobDefinitions") or [request["TrainingJobDefinition"]]:
            one["ResourceConfig"]["InstanceType"] = chosen
            if not can_be_tuned(tuning):
                del one["StaticHyperParameters"][FAMILY]  # which is what is searched
        best = "Steps.Train.BestTrainingJob"
        parts = [str(tuning.trials_output), _get(f"{best}.TrainingJobName"), "output/model.tar.gz"]
        value = _get(f"{best}.FinalHyperParameterTuningJobObjectiveMetric.Value")
        return _step("Train", "Tuning", request), {"Std:Join": {"On": "/", "Values": parts}}, value
    sample = tuning.space.defaults(families[0])
    trial = Trial(1, "train", "Failed", {}, {**tuning.space.arguments(sample), **tuning.arguments})
    request = training_request(trial, tuning, account, code)
    request.pop("TrainingJobName")
    request["ResourceConfig"]["InstanceType"] = chosen
    value = _get(f"Steps.Train.FinalMetricDataList['validation:{tuning.metric}'].Value")
    return _step("Train", "Training", request), _get("Steps.Train.ModelArtifacts.S3ModelArtifacts"), value


def _comparison(tuning: Tuning) -> Tuning:
    """A search over model families alone: training gives each the values that a search of the graph begins with."""
    families = tuning.space.families
    choice = Dimension(f"{FAMILY}@all", options=families, default=families[0])
    return replace(tuning, space=Space((choice,), {FAMILY: families[0]}))


def _serving(
    request: CreateEndpoint, account: Account, trained: Request, parameters: list[Request], name: str
) -> list[Request]:
    """The steps that serve a model: the model, a configuration, and an endpoint, which is updated if it is there."""
    resources = resources_of(request)
    model = model_request("model", S3Uri("any", "model.tar.gz"), resources, account)
    model.pop("ModelName")
    model["PrimaryContainer"]["ModelDataUrl"] = trained
    config = config_request("config", resources, account)
    config["EndpointConfigName"] = f"{name}-{_EXECUTION}"
    variant = config["ProductionVariants"][0]
    parameters.append(_parameter("HostingInstanceType", "String", variant["InstanceType"]))
    parameters.append(_parameter("EndpointName", "String", name))
    variant |= {"ModelName": _get("Steps.Model.ModelName"), "InstanceType": _get("Parameters.HostingInstanceType")}
    endpoint = {
        "EndpointName": _get("Parameters.EndpointName"),
        "EndpointConfigName": _get("Steps.EndpointConfig.EndpointConfigName"),
        "Tags": account.tag_list(),
    }
    return [
        _step("Model", "Model", model),
        _step("EndpointConfig", "EndpointConfig", config),
        _step("Endpoint", "Endpoint", endpoint),
    ]


def _judgement(tuning: Tuning, value: Request, served: list[Request]) -> Request:
    """The step that serves a model only where it is good enough, and else fails with its value."""
    kind = "GreaterThanOrEqualTo" if tuning.direction == "maximize" else "LessThanOrEqualTo"
    words = [f"not served: validation {tuning.metric} is", value, "and must reach", _get("Parameters.Threshold")]
    message = {"Std:Join": {"On": " ", "Values": words}}
    condition = {"Type": kind, "LeftValue": value, "RightValue": _get("Parameters.Threshold")}
    arguments = {
        "Conditions": [condition],
        "IfSteps": served,
        "ElseSteps": [_step("NotGoodEnough", "Fail", {"ErrorMessage": message})],
    }
    return _step("IsGoodEnough", "Condition", arguments)


def _step(name: str, kind: str, arguments: Request) -> Request:
    return {"Name": name, "Type": kind, "Arguments": arguments}


def _parameter(name: str, kind: str, default: Any) -> Request:
    return {"Name": name, "Type": kind, "DefaultValue": default}


def _get(address: str) -> Request:
    return {"Get": address}


def _opened(value: Any) -> Any:
    """Steps with expressions in place of what stands for them."""
    if isinstance(value, Mapping):
        return {name: _opened(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_opened(part) for part in value]
    if value == _SERVICE:
        return _get("Parameters.ExportService")
    if value == str(_EXPORTED):
        return {"Std:JsonGet": {"PropertyFile": _get("Steps.Export.PropertyFiles.Exported"), "Path": "outputS3Uri"}}
    if value == str(_PROCESSED):
        return _get("Steps.Process.ProcessingOutputConfig.Outputs['output'].S3Output.S3Uri")
    if isinstance(value, str) and _EXECUTION in value:
        before, _, after = value.partition(_EXECUTION)
        parts = [before, _get("Execution.PipelineExecutionId"), *([after] if after else [])]
        return {"Std:Join": {"On": "", "Values": parts}}
    return value
