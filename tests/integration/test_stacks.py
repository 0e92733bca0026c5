"""The infrastructure deploys from its own command against an emulated CloudFormation, tells its outputs, and goes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from cfnlint.decode import cfn_yaml

from tests import emulated
from workflow.client.cloud.stacks import Event, StackFailed, Stacks, as_settings
from workflow.emulator.app import Emulator
from workflow.errors import InvalidParameter
from workflow.settings import Settings

# moto makes nothing of these, and says so
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")
TEMPLATES = Path(__file__).parents[2] / "infra" / "templates"
IMAGES = {"Image": "registry/despina@sha256:1", "TrainingImage": "registry/despina-training@sha256:2"}
EMPTY = os.devnull  # a settings file without settings


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    with emulated.emulator(tmp_path / "cloud") as emulator:
        yield emulator


@pytest.fixture
def stacks(emulator: Emulator) -> Stacks:
    return Stacks(emulated.REGION, lambda service: client(emulator, service), poll_s=0.1)


def client(emulator: Emulator, service: Any) -> Any:
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "y"}
    return boto3.client(service, region_name=emulated.REGION, endpoint_url=emulator.url, **keys)


def test_the_parts_without_neptune_are_deployed_and_their_outputs_are_settings(
    stacks: Stacks, emulator: Emulator
) -> None:
    events: list[Event] = []
    assert stacks.deploy("net", "network.yaml", watch=events.append)
    assert "CREATE_COMPLETE" in {event.status for event in events if event.resource == "net"}
    network = stacks.outputs("net")
    stacks.deploy("roles", "storage-and-roles.yaml", {"BucketName": "lab"})
    roles = stacks.outputs("roles")
    place = {name: network[name] for name in ("VpcId", "SubnetIds", "SecurityGroupId", "BalancerSecurityGroupId")}
    given = {name: roles[name] for name in ("ServiceRoleArn", "JobRoleArn")}
    stacks.deploy("service", "service.yaml", {**place, **given, **IMAGES})
    service = stacks.outputs("service")
    desk = {"SubnetId": network["SubnetIds"].split(",")[0], "SecurityGroupId": network["SecurityGroupId"]}
    told = {"WorkflowPolicyArn": roles["WorkflowPolicyArn"], "ServiceUrl": service["ServiceUrl"]}
    assert stacks.deploy("desk", "notebook.yaml", {**desk, **told})

    chosen = as_settings({**network, **roles, **service, "TrainingImage": IMAGES["TrainingImage"]})
    settings = Settings.from_environment({**chosen, "DESPINA_SETTINGS": EMPTY})
    assert settings.sagemaker.image == IMAGES["TrainingImage"]
    assert settings.default_role_arn == roles["JobRoleArn"]
    subnets = client(emulator, "ec2").describe_subnets(SubnetIds=list(settings.sagemaker.subnets))["Subnets"]
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2
    assert settings.sagemaker.security_groups == (network["SecurityGroupId"],)
    assert chosen["DESPINA_URL"].startswith("http://")
    (task,) = client(emulator, "ecs").list_task_definitions()["taskDefinitionArns"]
    (container,) = client(emulator, "ecs").describe_task_definition(taskDefinition=task)["taskDefinition"][
        "containerDefinitions"
    ]
    variables = {entry["name"]: entry["value"] for entry in container["environment"]}
    inside = Settings.from_environment({**variables, "DESPINA_SETTINGS": EMPTY})
    assert (inside.storage, inside.runner, inside.endpoints) == ("s3", "sagemaker", "sagemaker")
    assert inside.sagemaker.subnets == settings.sagemaker.subnets


def test_what_nests_the_others_gives_each_what_it_needs_and_asks_for_what_it_tells() -> None:
    whole = cfn_yaml.load(str(TEMPLATES / "despina.yaml"))
    nested = {
        name: (
            cfn_yaml.load(str(TEMPLATES / str(one["Properties"]["TemplateURL"]["Fn::Sub"]).rpartition("/")[2])),
            one["Properties"].get("Parameters", {}),
        )
        for name, one in whole["Resources"].items()
    }
    assert {name for template, _ in nested.values() for name in template["Resources"]} > {"Bucket", "Vpc", "Service"}
    assert len(nested) == len(list(TEMPLATES.glob("*.yaml"))) - 1
    for name, (template, given) in nested.items():
        known = template["Parameters"]
        assert set(given) <= set(known), name
        assert {key for key, one in known.items() if "Default" not in one} <= set(given), name
    for name, output in _outputs_asked_for(whole):
        assert output in nested[name][0]["Outputs"], (name, output)


def _outputs_asked_for(document: Any) -> Iterator[tuple[str, str]]:
    if isinstance(document, dict):
        place = document.get("Fn::GetAtt")
        if isinstance(place, list) and str(place[1]).startswith("Outputs."):
            yield str(place[0]), str(place[1]).removeprefix("Outputs.")
        for value in document.values():
            yield from _outputs_asked_for(value)
    elif isinstance(document, list):
        for value in document:
            yield from _outputs_asked_for(value)


def test_only_the_load_balancer_and_members_reach_the_service(stacks: Stacks, emulator: Emulator) -> None:
    stacks.deploy("net", "network.yaml")
    outputs = stacks.outputs("net")
    (group,) = client(emulator, "ec2").describe_security_groups(GroupIds=[outputs["SecurityGroupId"]])["SecurityGroups"]
    sources = {pair["GroupId"] for rule in group["IpPermissions"] for pair in rule["UserIdGroupPairs"]}
    assert sources == {outputs["SecurityGroupId"], outputs["BalancerSecurityGroupId"]}
    assert [rule["IpRanges"] for rule in group["IpPermissions"] if rule["IpRanges"]] == []


def test_a_second_deployment_changes_what_changed_and_keeps_what_was_given(stacks: Stacks, emulator: Emulator) -> None:
    template = "storage-and-roles.yaml"
    stacks.deploy("roles", template, {"BucketName": "kept-name"})
    assert stacks.deploy("roles", template, {"ExpireTrialsAfterDays": "3"})
    (stack,) = client(emulator, "cloudformation").describe_stacks(StackName="roles")["Stacks"]
    given = {entry["ParameterKey"]: entry["ParameterValue"] for entry in stack["Parameters"]}
    unset = {"ExportSecretArn": "", "ExportApiArn": ""}
    assert given == {"BucketName": "kept-name", "ExpireTrialsAfterDays": "3", "NeptuneClusterResourceId": "*", **unset}


def test_a_stack_that_is_removed_is_gone(stacks: Stacks, emulator: Emulator) -> None:
    stacks.deploy("roles", "storage-and-roles.yaml", {"BucketName": "lab"})
    role = stacks.outputs("roles")["JobRoleArn"].rpartition("/")[2]
    stacks.destroy("roles")
    with pytest.raises(InvalidParameter, match="no stack 'roles'"):
        stacks.outputs("roles")
    assert role not in [found["RoleName"] for found in client(emulator, "iam").list_roles()["Roles"]]


def test_words_that_no_template_has_are_refused_before_anything_is_made(stacks: Stacks, emulator: Emulator) -> None:
    with pytest.raises(InvalidParameter, match=r"no parameter Bucket; it has BucketName"):
        stacks.deploy("roles", "storage-and-roles.yaml", {"Bucket": "x"})
    with pytest.raises(InvalidParameter, match=r"there are despina\.yaml, neptune\.yaml"):
        stacks.deploy("x", "../README.md")
    assert client(emulator, "cloudformation").list_stacks()["StackSummaries"] == []


def test_a_stack_that_cannot_be_made_has_failed_with_the_reason_of_cloudformation() -> None:
    class Refusing:
        def validate_template(self, **_: Any) -> Any:
            return {"Parameters": []}

        def describe_stacks(self, **_: Any) -> Any:
            if not self.made:
                from botocore.exceptions import ClientError

                raise ClientError({"Error": {"Code": "ValidationError", "Message": "s does not exist"}}, "x")
            return {"Stacks": [{"StackStatus": "ROLLBACK_COMPLETE", "StackId": "s"}]}

        def create_stack(self, **_: Any) -> None:
            self.made = True

        made = False

        def get_paginator(self, _: str) -> Any:
            return self

        def paginate(self, **_: Any) -> Any:
            event = {"EventId": "1", "LogicalResourceId": "Vpc", "ResourceType": "AWS::EC2::VPC"}
            return [{"StackEvents": [{**event, "ResourceStatus": "CREATE_FAILED", "ResourceStatusReason": "limit"}]}]

    refusing = Refusing()
    with pytest.raises(StackFailed, match="ROLLBACK_COMPLETE: Vpc: limit"):
        Stacks("us-east-1", lambda _: refusing, 0.01).deploy("s", "network.yaml")


def test_the_commands_deploy_tell_and_remove(emulator: Emulator, tmp_path: Path) -> None:
    def despina(*words: str) -> str:
        keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_ENDPOINT_URL": emulator.url}
        done = subprocess.run(
            [sys.executable, "-m", "workflow.cli", *words],
            env={**os.environ, **keys, "DESPINA_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    told = despina("deploy", "roles", "--template", "storage-and-roles.yaml", "-p", "BucketName=lab")
    assert "CREATE_COMPLETE" in told
    assert "export DESPINA_ML_IAM_ROLE='arn:aws:iam::" in despina("outputs", "roles", "--env")
    assert "roles is removed" in despina("destroy", "roles", "--yes")
