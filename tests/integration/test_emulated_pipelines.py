"""Pipelines of the emulator, asked by boto3: steps are real jobs, and the output of one is the input of the next."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests import emulated
from tests.integration.test_emulator import BUCKET, Lab, waited

LIVE = ("Executing", "Stopping")
PROCESS = """
import json, os, pathlib, sys
(factor,) = sys.argv[1:]
numbers = [int(path.read_text()) for path in pathlib.Path("/opt/ml/processing/input").glob("part-*")]
out = pathlib.Path("/opt/ml/processing/output")
(out / "sum.txt").write_text(str(sum(numbers) * int(factor)))
(out / "told.json").write_text(json.dumps({"numbers": {"count": len(numbers)}}))
"""
# the score of the model is the sum that processing has found, the model multiplies by it
TRAIN = """
import os, pathlib, time
total = pathlib.Path("/opt/ml/input/data/train/sum.txt").read_text()
print("score=" + total)
code = pathlib.Path("/opt/ml/model/code")
code.mkdir()
(code / "inference.py").write_text(
    "import json\\n"
    "def model_fn(folder): return %s\\n"
    "def input_fn(body, kind): return json.loads(body)\\n"
    "def predict_fn(asked, model): return {'answer': asked['n'] * model}\\n"
    "def output_fn(answer, accept): return json.dumps(answer)\\n" % total
)
"""
SLOW = "import time\ntime.sleep(60)"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pipelines")


@pytest.fixture(scope="module")
def lab(home: Path) -> Iterator[Lab]:
    with emulated.emulator(home / "cloud") as emulator:
        lab = Lab(emulator.url)
        yield lab
        lab.close()


def get(address: str) -> dict[str, str]:
    return {"Get": address}


def below(*parts: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": "/", "Values": [f"s3://{BUCKET}", get("Execution.PipelineExecutionId"), *parts]}}


def processing(lab: Lab, **more: Any) -> dict[str, Any]:
    lab.script("process", PROCESS)
    source = {"S3DataType": "S3Prefix", "S3InputMode": "File"}
    root = "/opt/ml/processing"
    inputs = {"input": f"s3://{BUCKET}/in", "program": f"s3://{BUCKET}/programs/process"}
    cluster = {"InstanceCount": 1, "InstanceType": get("Parameters.Machine"), "VolumeSizeInGB": 1}
    output = {"S3Uri": below("processed"), "LocalPath": f"{root}/output", "S3UploadMode": "EndOfJob"}
    return {
        "Name": "Process",
        "Type": "Processing",
        "DisplayName": "adds",
        "Arguments": {
            "RoleArn": emulated.ROLE,
            "AppSpecification": {
                "ImageUri": "any",
                "ContainerEntrypoint": ["python3", f"{root}/program/program.py"],
                "ContainerArguments": [{"Std:Join": {"On": "", "Values": [get("Parameters.Factor")]}}],
            },
            "ProcessingInputs": [
                {"InputName": name, "S3Input": {**source, "S3Uri": uri, "LocalPath": f"{root}/{name}"}}
                for name, uri in inputs.items()
            ],
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "output", "S3Output": output}]},
            "ProcessingResources": {"ClusterConfig": cluster},
        },
        "PropertyFiles": [{"PropertyFileName": "Told", "OutputName": "output", "FilePath": "told.json"}],
        **more,
    }


def training(lab: Lab, data: Any, program: str = TRAIN, **more: Any) -> dict[str, Any]:
    name = more.pop("Name", "Train")
    entry = ["python3", "-c", lab.script(f"pipeline-{name}", program)]
    channels = {"train": data, "program": f"s3://{BUCKET}/programs/pipeline-{name}"}
    return {
        "Name": name,
        "Type": "Training",
        "Arguments": {
            "AlgorithmSpecification": {
                "TrainingImage": "any",
                "TrainingInputMode": "File",
                "ContainerEntrypoint": entry,
                "MetricDefinitions": [{"Name": "score", "Regex": "score=([0-9.]+)"}],
            },
            "RoleArn": emulated.ROLE,
            "InputDataConfig": [
                {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}
                for name, uri in channels.items()
            ],
            "OutputDataConfig": {"S3OutputPath": below("trained")},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
        **more,
    }


PROCESSED = get("Steps.Process.ProcessingOutputConfig.Outputs['output'].S3Output.S3Uri")
SERVING = [
    {
        "Name": "Model",
        "Type": "Model",
        "Arguments": {
            "PrimaryContainer": {"Image": "any", "ModelDataUrl": get("Steps.Train.ModelArtifacts.S3ModelArtifacts")},
            "ExecutionRoleArn": emulated.ROLE,
        },
    },
    {
        "Name": "Config",
        "Type": "EndpointConfig",
        "Arguments": {
            "ProductionVariants": [
                {
                    "VariantName": "all",
                    "ModelName": get("Steps.Model.ModelName"),
                    "InitialInstanceCount": 1,
                    "InstanceType": get("Parameters.Machine"),
                }
            ]
        },
    },
    {
        "Name": "Endpoint",
        "Type": "Endpoint",
        "Arguments": {"EndpointName": "multiplies", "EndpointConfigName": get("Steps.Config.EndpointConfigName")},
    },
]
REFUSAL = {"Std:Join": {"On": " ", "Values": ["only", get("Steps.Train.FinalMetricDataList['score'].Value")]}}
GATE = {
    "Name": "IsGood",
    "Type": "Condition",
    "Arguments": {
        "Conditions": [
            {
                "Type": "GreaterThanOrEqualTo",
                "LeftValue": get("Steps.Train.FinalMetricDataList['score'].Value"),
                "RightValue": get("Parameters.Least"),
            },
            {
                "Type": "Equals",
                "LeftValue": {
                    "Std:JsonGet": {"PropertyFile": get("Steps.Process.PropertyFiles.Told"), "Path": "numbers.count"}
                },
                "RightValue": 4,
            },
        ],
        "IfSteps": SERVING,
        "ElseSteps": [{"Name": "Refuse", "Type": "Fail", "Arguments": {"ErrorMessage": REFUSAL}}],
    },
}
PARAMETERS = [
    {"Name": "Factor", "Type": "Integer", "DefaultValue": 1},
    {"Name": "Least", "Type": "Float", "DefaultValue": 6.0},
    {"Name": "Machine", "Type": "String", "DefaultValue": "ml.m5.large", "EnumValues": ["ml.m5.large", "ml.m5.xlarge"]},
]


def definition(*steps: dict[str, Any]) -> str:
    return json.dumps({"Version": "2020-12-01", "Parameters": PARAMETERS, "Steps": list(steps)})


def create(lab: Lab, name: str, *steps: dict[str, Any], **more: Any) -> str:
    text = definition(*steps)
    answer = lab.sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=text, RoleArn=emulated.ROLE, **more)
    return str(answer["PipelineArn"])


def start(lab: Lab, name: str, **parameters: str) -> str:
    given = [{"Name": key, "Value": value} for key, value in parameters.items()]
    return str(
        lab.sagemaker.start_pipeline_execution(PipelineName=name, PipelineParameters=given)["PipelineExecutionArn"]
    )


def ended(lab: Lab, arn: str) -> dict[str, Any]:
    return waited(
        lambda: lab.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn), "PipelineExecutionStatus", *LIVE
    )


def steps(lab: Lab, arn: str) -> dict[str, dict[str, Any]]:
    answer = lab.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn, SortOrder="Ascending", MaxResults=50)
    return {step["StepName"]: step for step in answer["PipelineExecutionSteps"]}


@pytest.fixture(scope="module")
def whole(lab: Lab) -> str:
    create(lab, "whole", processing(lab), training(lab, PROCESSED), GATE)
    return "whole"


@pytest.fixture(scope="module")
def served(lab: Lab, whole: str) -> str:
    return start(lab, whole, Factor="2")


def test_a_pipeline_processes_trains_judges_and_serves(lab: Lab, served: str) -> None:
    assert ended(lab, served)["PipelineExecutionStatus"] == "Succeeded"
    told = steps(lab, served)
    assert list(told) == ["Process", "Train", "IsGood", "Model", "Config", "Endpoint"]
    assert {step["StepStatus"] for step in told.values()} == {"Succeeded"}
    assert told["Process"]["StepDisplayName"] == "adds"
    assert told["IsGood"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    assert told["Endpoint"]["Metadata"]["Endpoint"]["Arn"].endswith("endpoint/multiplies")
    # the parts hold 0 to 3, which add up to 6, times the factor 2: the model multiplies by 12
    reply = lab.runtime.invoke_endpoint(EndpointName="multiplies", Body=b'{"n": 3}', ContentType="application/json")
    assert json.loads(reply["Body"].read()) == {"answer": 36}


def test_the_jobs_of_a_pipeline_are_jobs_like_others(lab: Lab, served: str) -> None:
    ended(lab, served)
    name = steps(lab, served)["Process"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    job = lab.sagemaker.describe_processing_job(ProcessingJobName=name)
    assert name.startswith(f"pipelines-{served.rpartition('/')[2]}-Process-")
    assert job["AppSpecification"]["ContainerArguments"] == ["2"]
    assert job["ProcessingResources"]["ClusterConfig"]["InstanceType"] == "ml.m5.large"


def test_parameters_and_definition_of_an_execution_can_be_read(lab: Lab, served: str) -> None:
    answer = lab.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=served)
    told = {entry["Name"]: entry["Value"] for entry in answer["PipelineParameters"]}
    assert told == {"Factor": "2", "Least": "6", "Machine": "ml.m5.large"}
    text = lab.sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=served)["PipelineDefinition"]
    assert [step["Name"] for step in json.loads(text)["Steps"]] == ["Process", "Train", "IsGood"]
    listed = lab.sagemaker.list_pipeline_executions(PipelineName="whole")["PipelineExecutionSummaries"]
    assert served in [entry["PipelineExecutionArn"] for entry in listed]


def test_an_endpoint_that_is_there_is_updated_and_a_model_that_is_not_good_is_refused(lab: Lab, served: str) -> None:
    ended(lab, served)
    refused, again = start(lab, "whole", Factor="0"), start(lab, "whole", Factor="3")
    execution = ended(lab, refused)
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert execution["FailureReason"] == "Step failure: One or multiple steps failed."
    told = steps(lab, refused)
    assert told["Refuse"]["FailureReason"] == "only 0"
    assert "Model" not in told
    assert ended(lab, again)["PipelineExecutionStatus"] == "Succeeded"
    reply = lab.runtime.invoke_endpoint(EndpointName="multiplies", Body=b'{"n": 1}', ContentType="application/json")
    assert json.loads(reply["Body"].read()) == {"answer": 18}


def test_the_same_start_sent_twice_begins_one_execution(lab: Lab, whole: str) -> None:
    token = uuid.uuid4().hex
    arns = [
        lab.sagemaker.start_pipeline_execution(
            PipelineName=whole,
            ClientRequestToken=token,
            PipelineParameters=[{"Name": "Factor", "Value": "0"}],
        )["PipelineExecutionArn"]
        for _ in range(2)
    ]
    assert arns[0] == arns[1]
    ended(lab, arns[0])


def test_a_step_that_fails_says_why_and_a_retry_goes_on_from_it(lab: Lab) -> None:
    create(lab, "mended", processing(lab), training(lab, below("nothing-there"), Name="Broken"))
    arn = start(lab, "mended")
    assert ended(lab, arn)["PipelineExecutionStatus"] == "Failed"
    told = steps(lab, arn)
    assert told["Process"]["StepStatus"] == "Succeeded"  # it ran already, and was let run to its end
    assert "nothing-there" in told["Broken"]["FailureReason"]
    first = told["Process"]["Metadata"]["ProcessingJob"]["Arn"]
    lab.s3.put_object(Bucket=BUCKET, Key=f"{arn.rpartition('/')[2]}/nothing-there/sum.txt", Body=b"1")
    lab.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    assert ended(lab, arn)["PipelineExecutionStatus"] == "Succeeded"
    assert steps(lab, arn)["Process"]["Metadata"]["ProcessingJob"]["Arn"] == first


def test_a_retry_policy_tries_a_job_again_that_found_no_capacity(lab: Lab) -> None:
    policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 0, "BackoffRate": 1, "MaxAttempts": 3}
    create(lab, "patient", processing(lab, Name="Patient", RetryPolicies=[policy]))
    lab.fault(fault="capacity", match="Patient", times=2)
    arn = start(lab, "patient")
    assert ended(lab, arn)["PipelineExecutionStatus"] == "Succeeded"
    assert steps(lab, arn)["Patient"]["AttemptCount"] == 3


def test_a_stopped_execution_stops_its_jobs(lab: Lab) -> None:
    create(lab, "endless", training(lab, f"s3://{BUCKET}/in", SLOW, Name="Endless"))
    arn = start(lab, "endless")
    waited(
        lambda: {"there": str(bool(steps(lab, arn).get("Endless", {}).get("Metadata")))},
        "there",
        "False",
    )
    lab.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert ended(lab, arn)["PipelineExecutionStatus"] == "Stopped"
    step = steps(lab, arn)["Endless"]
    name = step["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    assert step["StepStatus"] == "Stopped"
    assert lab.sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "Stopped"


def test_no_more_steps_run_at_once_than_are_asked_for(lab: Lab) -> None:
    three = [processing(lab, Name=f"Part{number}") for number in range(3)]
    create(lab, "narrow", *three, ParallelismConfiguration={"MaxParallelExecutionSteps": 1})
    arn = start(lab, "narrow")
    ended(lab, arn)
    told = list(steps(lab, arn).values())
    assert all(before["EndTime"] <= after["StartTime"] for before, after in pairwise(told))


def test_a_step_of_equal_arguments_lends_its_result_and_runs_no_job(lab: Lab) -> None:
    step = processing(lab, CacheConfig={"Enabled": True, "ExpireAfter": "PT1H"})
    output = step["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]
    output["S3Uri"] = f"s3://{BUCKET}/cached"  # an address with the execution's id in it would equal none
    create(lab, "cached", step, training(lab, PROCESSED))
    arns: list[str] = []
    for factor in ("1", "1", "2"):
        arns.append(start(lab, "cached", Factor=factor))
        ended(lab, arns[-1])
    first, equal, other = (steps(lab, arn) for arn in arns)
    assert {step["StepStatus"] for run in (first, equal, other) for step in run.values()} == {"Succeeded"}
    assert equal["Process"]["Metadata"] == first["Process"]["Metadata"]
    assert equal["Process"]["CacheHitResult"] == {"SourcePipelineExecutionArn": arns[0]}
    assert "CacheHitResult" not in other["Process"]
    # training asks for no caching, and reads what the first execution has processed
    assert equal["Train"]["Metadata"] != first["Train"]["Metadata"]


def test_a_changed_pipeline_keeps_its_earlier_versions(lab: Lab) -> None:
    create(lab, "versions", processing(lab, Name="First"), Tags=[{"Key": "a", "Value": "b"}])
    lab.sagemaker.update_pipeline(
        PipelineName="versions", PipelineDefinition=definition(processing(lab, Name="Second"))
    )
    versions = lab.sagemaker.list_pipeline_versions(PipelineName="versions")["PipelineVersionSummaries"]
    assert [entry["PipelineVersionId"] for entry in versions] == [2, 1]
    texts = [
        lab.sagemaker.describe_pipeline(PipelineName="versions", **asked)["PipelineDefinition"]
        for asked in ({}, {"PipelineVersionId": 1})
    ]
    assert [json.loads(text)["Steps"][0]["Name"] for text in texts] == ["Second", "First"]
    arn = lab.sagemaker.describe_pipeline(PipelineName="versions")["PipelineArn"]
    assert lab.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    lab.sagemaker.delete_pipeline(PipelineName="versions")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        lab.sagemaker.describe_pipeline(PipelineName="versions")


def test_a_definition_may_lie_in_s3(lab: Lab) -> None:
    lab.s3.put_object(Bucket=BUCKET, Key="definitions/one.json", Body=definition(processing(lab)).encode())
    lab.sagemaker.create_pipeline(
        PipelineName="from-s3",
        PipelineDefinitionS3Location={"Bucket": BUCKET, "ObjectKey": "definitions/one.json"},
        RoleArn=emulated.ROLE,
    )
    names = [entry["PipelineName"] for entry in lab.sagemaker.list_pipelines()["PipelineSummaries"]]
    assert "from-s3" in names


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        (lambda lab: create(lab, "whole", processing(lab)), "ValidationException", "names must be unique within"),
        (lambda lab: create(lab, "odd", {"Name": "L", "Type": "Lambda"}), "NotEmulatedException", "of type 'Lambda'"),
        (lambda lab: start(lab, "nobody"), "ResourceNotFound", "does not exist"),
        (lambda lab: start(lab, "whole", Machine="ml.huge"), "ValidationException", "must be one of"),
        (lambda lab: start(lab, "whole", Colour="red"), "ValidationException", "no parameters Colour"),
    ],
)
def test_what_cannot_be_done_is_refused_as_sagemaker_refuses_it(
    lab: Lab, whole: str, asked: Any, code: str, words: str
) -> None:
    with pytest.raises(ClientError, match=words) as caught:
        asked(lab)
    assert caught.value.response["Error"]["Code"] == code


def test_a_step_that_sagemaker_refuses_says_what_was_wrong(lab: Lab) -> None:
    step = processing(lab, Name="Wrong")
    step["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceType"] = "ml.none"
    create(lab, "wrong", step)
    arn = start(lab, "wrong")
    assert ended(lab, arn)["PipelineExecutionStatus"] == "Failed"
    reason = steps(lab, arn)["Wrong"]["FailureReason"]
    assert reason.startswith("ClientError: Failed to invoke sagemaker:CreateProcessingJob.")
    assert "InstanceType" in reason


def test_an_emulator_that_starts_again_goes_on_with_an_execution(home: Path) -> None:
    with emulated.emulator(home / "again", fresh=False) as emulator:
        lab = Lab(emulator.url)
        create(lab, "cut-off", training(lab, f"s3://{BUCKET}/in", SLOW, Name="Cut"))
        arn = start(lab, "cut-off")
        waited(lambda: {"there": str(bool(steps(lab, arn).get("Cut", {}).get("Metadata")))}, "there", "False")
        lab.close()
    with emulated.emulator(home / "again", fresh=False) as emulator:
        lab = Lab(emulator.url)
        assert ended(lab, arn)["PipelineExecutionStatus"] == "Failed"
        assert "StepStatus" in steps(lab, arn)["Cut"]
        lab.close()
