"""Every request the SageMaker drivers make is one that botocore's model and the emulator's checks accept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from workflow.emulator.jobs import processing, training
from workflow.emulator.shapes import ServiceModel
from workflow.errors import InvalidParameter, MissingParameter
from workflow.runners.base import Resources, Task, Tuning
from workflow.runners.sagemaker.account import Account
from workflow.runners.sagemaker.costs import hourly_of
from workflow.runners.sagemaker.plans import SCRIPTS, Code, processing_request, training_request
from workflow.runners.sagemaker.ranges import sample_of, searched
from workflow.runners.sagemaker.serving import (
    BatchTransform,
    config_request,
    deployment_name,
    model_request,
    transform_request,
)
from workflow.runners.sagemaker.tuner import tuning_request
from workflow.storage import S3Uri
from workflow.tuning.results import Trial
from workflow.tuning.space import Dimension, Space

LAB = S3Uri("lab-bucket")
ROLE = "arn:aws:iam::123456789012:role/ml"
ACCOUNT = Account("eu-central-1", "123456789012.dkr.ecr.eu-central-1.amazonaws.com/despina:1", ROLE)
CODE = Code(LAB / "despina-code/1/scripts", LAB / "despina-code/1/sourcedir.tar.gz")
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"
FULL = Resources(
    "ml.r5.2xlarge",
    volume_gb=80,
    role="arn:aws:iam::123456789012:role/other",
    subnets=("subnet-1", "subnet-2"),
    security_groups=("sg-1",),
    volume_key=KEY,
    output_key=f"{KEY}2",
    encrypt_traffic=True,
    spot=True,
    max_wait_s=7200,
)
NETWORK = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]}


@pytest.fixture(scope="module")
def model() -> ServiceModel:
    return ServiceModel("sagemaker")


def task(**changes: Any) -> Task:
    fields: dict[str, Any] = {
        "name": "social-d-preloading-2026-01-05-10-24-1230000",
        "script": "process.py",
        "inputs": {"processing/input": LAB / "export"},
        "outputs": {"processing/output": LAB / "out"},
        "arguments": {"config-file-name": "training-data-configuration.json", "seed": "0"},
        "timeout_s": 86_400,
    }
    return Task(**{**fields, **changes})


def tuning(**changes: Any) -> Tuning:
    fields: dict[str, Any] = {
        "name": "social-t-neptune-ml-260105-1024",
        "space": Space((), {}),
        "metric": "mrr",
        "direction": "maximize",
        "channel": LAB / "out",
        "trials_output": LAB / "train/hpo-output",
        "output": LAB / "train/autotrainer-output",
        "trials": 2,
        "parallel": 2,
        "seed": 0,
        "timeout_s": 3600,
        "arguments": {},
    }
    return Tuning(**{**fields, **changes})


TRIAL = Trial(1, "social-t-neptune-ml-260105-1024-001-0a1b2c3d-cpu", "Failed", {}, {"model": "rgcn", "lr": "0.01"})


@pytest.mark.parametrize("resources", [Resources(), FULL])
def test_a_processing_request_is_valid(model: ServiceModel, resources: Resources) -> None:
    asked = processing_request(task(resources=resources), ACCOUNT, CODE, None)
    model.check("CreateProcessingJob", asked)
    processing.check(asked)


def test_a_transform_request_is_valid_and_unpacks_its_model(model: ServiceModel) -> None:
    archive = LAB / "train/autotrainer-output/model.tar.gz"
    asked = processing_request(
        task(script="transform.py", archives={"processing/model": archive}, outputs={}, arguments={}),
        ACCOUNT,
        CODE,
        LAB / "transform-output.unpublished",
    )
    model.check("CreateProcessingJob", asked)
    entry = asked["AppSpecification"]["ContainerEntrypoint"]
    assert entry[3:] == ["/opt/ml/processing/model/model.tar.gz", "python3", "/opt/ml/processing/scripts/transform.py"]
    (output,) = asked["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"] == "s3://lab-bucket/transform-output.unpublished"


@pytest.mark.parametrize("resources", [Resources(), FULL])
@pytest.mark.parametrize("code", [None, LAB / "own-scripts"])
def test_a_training_request_is_valid(model: ServiceModel, resources: Resources, code: S3Uri | None) -> None:
    asked = training_request(TRIAL, tuning(resources=resources, code=code), ACCOUNT, CODE)
    model.check("CreateTrainingJob", asked)
    training.check(asked)
    assert [channel["ChannelName"] for channel in asked["InputDataConfig"]] == ["train"] + ["code"] * (code is not None)


def test_every_resource_of_a_processing_job_is_asked_for() -> None:
    asked = processing_request(task(resources=FULL), ACCOUNT, CODE, None)
    assert asked["RoleArn"] == FULL.role
    assert asked["ProcessingResources"]["ClusterConfig"] == {
        "InstanceCount": 1,
        "InstanceType": "ml.r5.2xlarge",
        "VolumeSizeInGB": 80,
        "VolumeKmsKeyId": KEY,
    }
    assert asked["NetworkConfig"] == {"EnableInterContainerTrafficEncryption": True, "VpcConfig": NETWORK}
    assert asked["ProcessingOutputConfig"]["KmsKeyId"] == f"{KEY}2"


def test_every_resource_of_a_trial_is_asked_for() -> None:
    asked = training_request(TRIAL, tuning(resources=FULL), ACCOUNT, CODE)
    assert asked["RoleArn"] == FULL.role
    assert asked["ResourceConfig"] == {
        "InstanceType": "ml.r5.2xlarge",
        "InstanceCount": 1,
        "VolumeSizeInGB": 80,
        "VolumeKmsKeyId": KEY,
    }
    assert asked["VpcConfig"] == NETWORK
    assert asked["OutputDataConfig"]["KmsKeyId"] == f"{KEY}2"
    assert asked["EnableInterContainerTrafficEncryption"] is True
    assert asked["EnableManagedSpotTraining"] is True
    assert asked["TensorBoardOutputConfig"] == {"S3OutputPath": asked["OutputDataConfig"]["S3OutputPath"]}
    assert asked["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200}
    assert asked["CheckpointConfig"]["S3Uri"].endswith(f"{TRIAL.name}/checkpoints")


def test_a_trial_gets_as_many_machines_as_its_request_counts() -> None:
    assert training_request(TRIAL, tuning(), ACCOUNT, CODE)["ResourceConfig"]["InstanceCount"] == 1
    asked = training_request(TRIAL, tuning(resources=Resources(instance_count=3)), ACCOUNT, CODE)
    assert asked["ResourceConfig"]["InstanceCount"] == 3


@pytest.mark.parametrize(
    ("resources", "hourly"),
    [
        (Resources("ml.m5.xlarge", instance_count=3), 0.69),  # 3 of 0.23
        (Resources(), 0.115),  # the account's own, an ml.m5.large
        (Resources("ml.x9.huge"), None),
    ],
)
def test_the_machines_of_a_trial_cost_what_the_table_says(resources: Resources, hourly: float | None) -> None:
    assert hourly_of(resources, "ml.m5.large") == (None if hourly is None else pytest.approx(hourly))


def test_a_trial_on_demand_waits_for_no_spot_instance() -> None:
    asked = training_request(TRIAL, tuning(), ACCOUNT, CODE)
    assert asked["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600}
    assert "CheckpointConfig" not in asked


def test_hosting_requests_are_valid_and_ask_for_every_resource(model: ServiceModel) -> None:
    resources = Resources("ml.m5.xlarge", instance_count=2, role=FULL.role, volume_key=KEY)
    handle = deployment_name("social-e-2026-01-05-10-24-1230000-endpoint", LAB / "model.tar.gz", resources)
    served = model_request(handle, LAB / "model.tar.gz", resources, ACCOUNT)
    config = config_request(handle, resources, ACCOUNT)
    model.check("CreateModel", served)
    model.check("CreateEndpointConfig", config)
    assert served["ExecutionRoleArn"] == FULL.role
    (variant,) = config["ProductionVariants"]
    assert (variant["InstanceType"], variant["InitialInstanceCount"], config["KmsKeyId"]) == ("ml.m5.xlarge", 2, KEY)


@pytest.mark.parametrize(
    "other",
    [
        (LAB / "other.tar.gz", Resources()),
        (LAB / "model.tar.gz", Resources("ml.m5.xlarge")),
        (LAB / "model.tar.gz", Resources(instance_count=2)),
        (LAB / "model.tar.gz", Resources(volume_key=KEY)),
    ],
)
def test_deployments_share_a_name_only_where_they_are_equal(other: tuple[S3Uri, Resources]) -> None:
    first = deployment_name("ep", LAB / "model.tar.gz", Resources())
    assert deployment_name("ep", LAB / "model.tar.gz", Resources()) == first
    assert deployment_name("ep", *other) != first


def test_half_of_a_network_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="subnets and securityGroupIds belong together"):
        training_request(TRIAL, tuning(resources=Resources(subnets=("subnet-1",))), ACCOUNT, CODE)


def test_what_the_account_lacks_is_named() -> None:
    with pytest.raises(MissingParameter, match="DESPINA_SAGEMAKER_IMAGE"):
        processing_request(task(), Account("eu-central-1", None, ROLE), CODE, None)
    with pytest.raises(MissingParameter, match="sagemakerIamRoleArn"):
        processing_request(task(), Account("eu-central-1", "image"), CODE, None)


SEARCHED = Space(
    (
        Dimension("model", ("rgcn", "kge"), default="rgcn"),
        Dimension("lr@rgcn", low=0.001, high=0.1, log=True, default=0.01, families=frozenset({"rgcn"})),
        Dimension("lr@kge", low=0.03, high=0.3, log=True, default=0.1, families=frozenset({"kge"})),
        Dimension("num-layer@rgcn", (1, 2, 3), ordered=True, default=2, families=frozenset({"rgcn"})),
        Dimension("num-hidden", (64, 128, 256), ordered=True, default=128),
        Dimension("fanout[0]@rgcn", (10, 30), ordered=True, default=10, families=frozenset({"rgcn"})),
        Dimension("fanout[1]@rgcn", (15, 30), ordered=True, default=15, families=frozenset({"rgcn"})),
        Dimension("layer-norm", (True, False), default=True),
    ),
    {"seed-edges": 7},
    {"kge": {"neg-share": True}},
)
ALONE = Space(SEARCHED.dimensions[4:5], {"model": "rgcn"})


@pytest.mark.parametrize("resources", [Resources(), FULL])
@pytest.mark.parametrize("space", [SEARCHED, ALONE])
def test_a_tuning_request_is_valid(model: ServiceModel, resources: Resources, space: Space) -> None:
    account = replace(ACCOUNT, tuner="sagemaker", early_stopping=True)
    asked = tuning_request(tuning(resources=resources, space=space), account, CODE, "t", ("parent",))
    model.check("CreateHyperParameterTuningJob", asked)
    alone = space is ALONE
    config = asked["HyperParameterTuningJobConfig"]
    # SageMaker offers both for one definition only
    assert ("WarmStartConfig" in asked, config["TrainingJobEarlyStoppingType"] == "Auto") == (alone, alone)
    definition = asked["TrainingJobDefinition"] if alone else asked["TrainingJobDefinitions"][1]
    assert definition["RoleArn"] == (FULL.role if resources is FULL else ROLE)
    assert definition["EnableManagedSpotTraining"] is resources.spot
    assert ("VpcConfig" in definition, "CheckpointConfig" in definition) == (resources is FULL, resources is FULL)


def test_each_family_has_its_own_ranges_of_parameters_of_one_name() -> None:
    asked = tuning_request(tuning(space=SEARCHED), ACCOUNT, CODE, "t")
    rgcn, kge = asked["TrainingJobDefinitions"]
    assert [rgcn["DefinitionName"], kge["DefinitionName"]] == ["rgcn", "kge"]
    rate = {"Name": "lr", "ScalingType": "Logarithmic"}
    assert rgcn["HyperParameterRanges"] == {
        "ContinuousParameterRanges": [{**rate, "MinValue": "0.001", "MaxValue": "0.1"}],
        "IntegerParameterRanges": [{"Name": "num-layer", "MinValue": "1", "MaxValue": "3", "ScalingType": "Linear"}],
        "CategoricalParameterRanges": [
            {"Name": "num-hidden", "Values": ["64", "128", "256"]},
            {"Name": "layer-norm", "Values": ["true", "false"]},
            {"Name": "fanout", "Values": ["[10, 15]", "[10, 30]", "[30, 15]", "[30, 30]"]},
        ],
    }
    assert kge["HyperParameterRanges"]["ContinuousParameterRanges"] == [{**rate, "MinValue": "0.03", "MaxValue": "0.3"}]
    static = kge["StaticHyperParameters"]
    assert {name: static[name] for name in ("model", "neg-share", "seed-edges")} == {
        "model": "kge",
        "neg-share": "true",
        "seed-edges": "7",
    }
    assert static["sagemaker_program"] == "train.py"
    assert kge["TuningObjective"] == {"Type": "Maximize", "MetricName": "validation:mrr"}


def test_what_sagemaker_draws_is_a_sample_of_our_space() -> None:
    drawn = {"lr": "0.02", "num-layer": "2", "num-hidden": "64", "fanout": "[10, 30]", "layer-norm": "false"}
    sample = sample_of(SEARCHED, "rgcn", drawn)
    assert sample == {
        "model": "rgcn",
        "lr@rgcn": 0.02,
        "num-layer@rgcn": 2,
        "num-hidden": 64,
        "fanout[0]@rgcn": 10,
        "fanout[1]@rgcn": 30,
        "layer-norm": False,
    }
    # and a trial of it is given what SageMaker's own trial was
    assert {name: SEARCHED.arguments(sample)[name] for name in drawn} == drawn


def test_a_range_has_no_more_values_than_sagemaker_takes() -> None:
    # every fourth from 0 to 400: 101 values, 30 of which are spread from end to end
    many = Dimension("steps", tuple(range(0, 404, 4)), ordered=True, default=0)
    ranges = searched(Space((many,), {"model": "rgcn"}), "rgcn").ranges
    (entry,) = ranges["CategoricalParameterRanges"]
    assert (len(entry["Values"]), entry["Values"][0], entry["Values"][-1]) == (30, "0", "400")


def test_jobs_and_models_of_an_account_with_a_network_are_in_it_unless_the_request_names_another() -> None:
    account = replace(ACCOUNT, subnets=("subnet-9",), security_groups=("sg-9",))
    own = {"SecurityGroupIds": ["sg-9"], "Subnets": ["subnet-9"]}
    assert processing_request(task(), account, CODE, None)["NetworkConfig"] == {"VpcConfig": own}
    assert training_request(TRIAL, tuning(), account, CODE)["VpcConfig"] == own
    assert training_request(TRIAL, tuning(resources=FULL), account, CODE)["VpcConfig"] == NETWORK
    assert model_request("m", LAB / "model.tar.gz", Resources(), account)["VpcConfig"] == own


def test_an_image_without_our_packages_installs_them_before_a_processing_job() -> None:
    account = replace(ACCOUNT, requirements="torch\n", serving_image="serving:1")
    entry = processing_request(task(), account, CODE, None)["AppSpecification"]["ContainerEntrypoint"]
    assert entry[:2] == ["/bin/sh", "-c"]
    assert "pip install" in entry[2]
    assert entry[3:] == [f"{SCRIPTS}/requirements.txt", "python3", f"{SCRIPTS}/process.py"]
    assert model_request("m", LAB / "m", Resources(), account)["PrimaryContainer"]["Image"] == "serving:1"


@pytest.mark.parametrize("resources", [Resources(), FULL])
def test_a_batch_transform_request_is_valid(model: ServiceModel, resources: Resources) -> None:
    resources = replace(resources, instance_type="ml.m5.xlarge")  # not every type is offered for transforms
    batch = BatchTransform("b", LAB / "model.tar.gz", LAB / "questions", LAB / "answers", resources)
    asked = transform_request(batch, ACCOUNT)
    model.check("CreateTransformJob", asked)
    assert asked["TransformResources"].get("VolumeKmsKeyId") == resources.volume_key
    assert asked["TransformOutput"].get("KmsKeyId") == resources.output_key
