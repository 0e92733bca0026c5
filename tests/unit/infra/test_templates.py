"""The templates deploy, grant no more than they say, and name only actions that exist in their services."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

# moto creates every resource of the template but the bucket's policy, and says so
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..S3..BucketPolicy:UserWarning")

TEMPLATES = Path(__file__).parents[3] / "infra" / "templates"
BODY = (TEMPLATES / "storage-and-roles.yaml").read_text()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


def deploy(**parameters: str) -> dict[str, str]:
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(
        StackName="despina",
        TemplateBody=BODY,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    stack = cloudformation.describe_stacks(StackName="despina")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_cfn_lint_finds_nothing() -> None:
    files = [str(path) for path in sorted(TEMPLATES.glob("*.yaml"))]
    done = subprocess.run([sys.executable, "-m", "cfnlint", *files], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode == 0


@pytest.mark.usefixtures("aws")
def test_the_stack_makes_a_private_encrypted_bucket() -> None:
    bucket = deploy(BucketName="despina-test")["BucketName"]
    s3 = boto3.client("s3")
    assert bucket == "despina-test"
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


@pytest.mark.usefixtures("aws")
def test_the_job_role_reaches_no_other_bucket() -> None:
    outputs = deploy(BucketName="despina-test")
    iam = boto3.client("iam")
    policy = iam.get_role_policy(RoleName=outputs["JobRoleArn"].split("/")[-1], PolicyName="artefacts")
    statements = policy["PolicyDocument"]["Statement"]
    resources = [resource for s in statements for resource in as_list(s["Resource"])]
    assert resources
    assert all(resource.startswith("arn:aws:s3:::despina-test") for resource in resources)


@pytest.mark.usefixtures("aws")
def test_no_statement_allows_every_action_or_every_resource() -> None:
    outputs = deploy(NeptuneClusterResourceId="cluster-ABC")
    iam = boto3.client("iam")
    version = iam.get_policy_version(PolicyArn=outputs["WorkflowPolicyArn"], VersionId="v1")["PolicyVersion"]
    document = version["Document"]
    statements = json.loads(document)["Statement"] if isinstance(document, str) else document["Statement"]
    for statement in statements:
        assert "*" not in as_list(statement["Resource"])
        assert not any(action.endswith(":*") for action in as_list(statement["Action"]))


def as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
