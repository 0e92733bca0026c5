"""The templates deploy, grant no more than they say, and name only actions that exist in their services."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from cfnlint.decode import cfn_yaml
from moto import mock_aws

from workflow.emulator.pipelines.steps import RESOURCES
from workflow.settings import Settings, unknown_variables

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
    command = [str(Path(sys.executable).with_name("cfn-lint")), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.usefixtures("aws")
def test_the_stack_makes_a_private_encrypted_bucket() -> None:
    bucket = deploy(BucketName="despina-test")["BucketName"]
    assert bucket == "despina-test"
    rules = boto3.client("s3").get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    # moto's CloudFormation leaves the public access block out, so the template itself is asked
    properties = cfn_yaml.load(str(TEMPLATES / "storage-and-roles.yaml"))["Resources"]["Bucket"]["Properties"]
    assert all(properties["PublicAccessBlockConfiguration"].values())
    assert len(properties["PublicAccessBlockConfiguration"]) == 4


@pytest.mark.usefixtures("aws")
def test_the_job_role_reaches_no_other_bucket() -> None:
    outputs = deploy(BucketName="despina-test")
    iam = boto3.client("iam")
    policy = iam.get_role_policy(RoleName=outputs["JobRoleArn"].split("/")[-1], PolicyName="artefacts")
    resources = [resource for s in statements(policy["PolicyDocument"]) for resource in as_list(s["Resource"])]
    assert resources
    assert all(resource.startswith("arn:aws:s3:::despina-test") for resource in resources)


@pytest.mark.usefixtures("aws")
def test_jobs_read_the_secret_and_call_the_export_service_that_a_parameter_names_and_no_other() -> None:
    secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:export-AbCdEf"
    api = "arn:aws:execute-api:us-east-1:123456789012:abc/v1/*"
    outputs = deploy(BucketName="despina-test", ExportSecretArn=secret, ExportApiArn=api)
    iam, role = boto3.client("iam"), outputs["JobRoleArn"].split("/")[-1]
    found = {}
    for name in ("secret-of-exports", "calls-of-exports"):
        (statement,) = statements(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
        found[statement["Action"]] = statement["Resource"]
    assert found == {"secretsmanager:GetSecretValue": secret, "execute-api:Invoke": api}


@pytest.mark.usefixtures("aws")
def test_jobs_read_no_secret_and_call_no_export_service_unless_one_is_named() -> None:
    outputs = deploy(BucketName="despina-test")
    names = boto3.client("iam").list_role_policies(RoleName=outputs["JobRoleArn"].split("/")[-1])["PolicyNames"]
    assert sorted(names) == ["artefacts", "logs", "network-and-images"]


@pytest.mark.usefixtures("aws")
def test_no_statement_allows_every_action_or_every_resource() -> None:
    outputs = deploy(NeptuneClusterResourceId="cluster-ABC")
    iam = boto3.client("iam")
    version = iam.get_policy_version(PolicyArn=outputs["WorkflowPolicyArn"], VersionId="v1")["PolicyVersion"]
    for statement in statements(version["Document"]):
        assert "*" not in as_list(statement["Resource"])
        assert not any(action.endswith(":*") for action in as_list(statement["Action"]))


def statements(document: Any) -> list[dict[str, Any]]:
    """moto hands policies out as text, some of it Python rather than JSON, both of it YAML."""
    return list((yaml.safe_load(document) if isinstance(document, str) else document)["Statement"])


def as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def test_sagemaker_takes_the_role_for_jobs_of_this_account_only() -> None:
    trust = cfn_yaml.load(str(TEMPLATES / "storage-and-roles.yaml"))["Resources"]["JobRole"]["Properties"]
    (sagemaker,) = [
        statement
        for statement in trust["AssumeRolePolicyDocument"]["Statement"]
        if "sagemaker.amazonaws.com" in as_list(statement["Principal"]["Service"])
    ]
    assert sagemaker["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_the_role_of_pipelines_may_do_what_their_steps_ask_for_and_nothing_else() -> None:
    role = cfn_yaml.load(str(TEMPLATES / "storage-and-roles.yaml"))["Resources"]["PipelineRole"]["Properties"]
    (policy,) = role["Policies"]
    allowed = {action for one in policy["PolicyDocument"]["Statement"] for action in as_list(one["Action"])}
    used = ("Processing", "Training", "Tuning", "Model", "EndpointConfig", "Endpoint")
    kinds = [RESOURCES[step].kind for step in used]
    steps = {f"sagemaker:{verb}{kind.name}" for kind in kinds for verb in ("Create", "Describe")}
    steps |= {f"sagemaker:Stop{kind.name}" for kind in kinds if kind.is_job}
    beside = {"sagemaker:UpdateEndpoint", "sagemaker:AddTags", "sagemaker:ListTrainingJobsForHyperParameterTuningJob"}
    assert allowed == steps | beside | {"s3:GetObject", "iam:PassRole"}


def test_the_service_does_not_run_as_root_and_owns_its_volume() -> None:
    lines = (TEMPLATES.parent / "containers" / "service" / "Dockerfile").read_text().splitlines()
    user = lines.index("USER despina")
    made = lines.index("RUN mkdir -m 700 /home/despina/data")
    assert user < made < lines.index("VOLUME /home/despina/data")


def test_the_image_of_the_service_copies_what_there_is_and_asks_itself_whether_it_is_well() -> None:
    """Only its text is looked at: nothing here builds an image."""
    root = TEMPLATES.parents[1]
    text = (TEMPLATES.parent / "containers" / "service" / "Dockerfile").read_text()
    copied = [place for words in re.findall(r"^COPY (.+) \S+$", text, re.M) for place in words.split()]
    assert {"workflow", "training_scripts", "constraints.txt", "pyproject.toml"} <= set(copied)
    assert [place for place in copied if not (root / place).exists()] == []
    ignored = {line for line in (root / ".dockerignore").read_text().splitlines() if line and line[0] != "#"}
    assert {".git", ".venv*", "tests"} <= ignored
    assert ignored.isdisjoint(copied)
    # without credentials, and of torch the build without CUDA
    assert re.search(r"^HEALTHCHECK .*\\\n.*http://127\.0\.0\.1:8182/health", text, re.M)
    assert "uv pip install --system --no-cache --torch-backend cpu -c constraints.txt" in text


def test_every_template_is_in_the_readme_with_its_cost() -> None:
    readme = (TEMPLATES.parent / "README.md").read_text()
    for template in TEMPLATES.glob("*.yaml"):
        (row,) = [line for line in readme.splitlines() if line.startswith(f"| `{template.name}` |")]
        assert row.split("|")[3].strip()


def test_every_parameter_says_what_it_is_for() -> None:
    for template in TEMPLATES.glob("*.yaml"):
        for name, parameter in cfn_yaml.load(str(template))["Parameters"].items():
            assert len(parameter.get("Description", "")) > 10, f"{template.name}: {name}"


def test_base_images_are_pinned_by_their_digest() -> None:
    for dockerfile in TEMPLATES.parent.rglob("Dockerfile"):
        bases = [line for line in dockerfile.read_text().splitlines() if line.startswith("FROM ")]
        assert bases
        assert all(re.search(r"@sha256:[0-9a-f]{64}$", base) for base in bases)


@pytest.mark.parametrize("of_the_model", [True, False])
def test_the_training_image_trains_with_the_toolkit_and_serves_on_every_address(
    tmp_path: Path, of_the_model: bool
) -> None:
    script = TEMPLATES.parent / "containers" / "training" / "entrypoint.sh"
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("train", "python3"):
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (programs / name).chmod(0o755)
    if of_the_model:
        (tmp_path / "model" / "code").mkdir(parents=True)
        (tmp_path / "model" / "code" / "serve.py").touch()

    def started(*words: str) -> str:
        environment = {"PATH": f"{programs}:/usr/bin:/bin", "SAGEMAKER_BASE_DIR": str(tmp_path)}
        return subprocess.run(
            ["/bin/sh", str(script), *words], env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert started("train") == "train"
    code = f"{tmp_path}/model/code" if of_the_model else "/opt/despina/training_scripts"
    assert started("serve") == f"python3 {code}/serve.py --host 0.0.0.0 --port 8080"
    assert started("echo", "other") == "other"


def test_the_local_cloud_listens_on_loopback_alone_and_its_service_takes_its_settings() -> None:
    compose = yaml.safe_load((TEMPLATES.parent / "local" / "compose.yaml").read_text())
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    variables = {**compose["services"]["service"]["environment"], "DESPINA_SETTINGS": "/dev/null"}
    assert unknown_variables(variables) == {}
    settings = Settings.from_environment(variables)
    assert (settings.storage, settings.runner, settings.endpoints) == ("s3", "sagemaker", "sagemaker")


@pytest.mark.parametrize("wheels", ["", "s3://lab/wheels"])
def test_a_notebook_starts_though_nothing_can_be_installed_and_installs_from_wheels_where_they_are_named(
    tmp_path: Path, wheels: str
) -> None:
    template = cfn_yaml.load(str(TEMPLATES / "notebook.yaml"))
    script = template["Resources"]["Lifecycle"]["Properties"]["OnStart"][0]["Content"]["Fn::Base64"]["Fn::Sub"]
    given = {"ServiceUrl": "http://host", "Package": "despina[notebook]", "WheelsUrl": wheels}
    text = re.sub(r"\$\{(\w+)\}", lambda found: given[found[1]], str(script))
    programs = tmp_path / "bin"
    programs.mkdir()
    # no network: whatever is asked for fails, and says what it was
    for name in ("python3", "aws"):
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@"\n[ {name} = python3 ]\n')
    (programs / "sudo").write_text("#!/bin/sh\nexec /bin/bash -s\n")
    (programs / "nohup").write_text('#!/bin/sh\nexec "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path)}
    subprocess.run(["/bin/bash", "-c", text + "\nwait"], env=environment, check=True, capture_output=True)
    assert (tmp_path / ".config/despina/settings.toml").read_text() == 'url = "http://host"\n'
    # to the end, as it runs beside the script that has ended
    install = ["/bin/bash", str(tmp_path / "SageMaker" / "install-despina.sh")]
    done = subprocess.run(install, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()
    if wheels:
        assert f"+ aws s3 cp --recursive --quiet s3://lab/wheels {tmp_path}/SageMaker/wheels" in last
    else:
        assert any(line.endswith("/pip install --quiet 'despina[notebook]'") for line in last)
