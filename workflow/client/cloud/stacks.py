"""Stacks of CloudFormation: deployed from the templates of ``infra``, followed by their events, and removed.

A thin wrapper: whatever it does, the console or the AWS command line can do to the same stack.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from workflow.errors import AccessDenied, InvalidParameter, PreconditionsFailed

TEMPLATES = Path(__file__).resolve().parents[3] / "infra" / "templates"
WHOLE = "despina.yaml"  # nests the others
SETTINGS: Mapping[str, str] = {
    "JobRoleArn": "DESPINA_ML_IAM_ROLE",
    "TrainingImage": "DESPINA_SAGEMAKER_IMAGE",
    "SubnetIds": "DESPINA_SAGEMAKER_SUBNETS",
    "SecurityGroupId": "DESPINA_SAGEMAKER_SECURITY_GROUPS",
    "ServiceUrl": "DESPINA_URL",
}
"""Which setting takes which output."""
TAG = {"Key": "application", "Value": "despina"}
UNUSED = "-"  # of an output that a stack does not have
_ENDED_WELL = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE")


class StackFailed(PreconditionsFailed):
    """A stack was not deployed or removed as asked."""

    def __init__(self, name: str, status: str, reasons: list[str]) -> None:
        told = "; ".join(dict.fromkeys(reasons)) or "no reason was given; look at its events"
        super().__init__(f"the stack {name} is {status}: {told}")
        self.name, self.stack_status, self.reasons = name, status, reasons


@dataclass(frozen=True)
class Event:
    """Something that happened to a resource of a stack."""

    resource: str
    kind: str
    status: str
    reason: str


Watch = Callable[[Event], None]


class Stacks:
    """The stacks of a region of the caller's account.

    Args:
        client: gives boto3's client of a service.
        poll_s: between two looks at a stack.
    """

    def __init__(self, region: str, client: Callable[[Any], Any] | None = None, poll_s: float = 5.0) -> None:
        self._region, self._poll_s = region, poll_s
        self._make = client or self._boto3
        self._cloudformation: Any = None

    def deploy(
        self,
        name: str,
        template: str = WHOLE,
        parameters: Mapping[str, str] | None = None,
        *,
        bucket: str | None = None,
        watch: Watch | None = None,
    ) -> bool:
        """Create a stack, or update it; returns once it is there, False where there was nothing to change.

        Args:
            template: the name of a file of ``infra/templates``.
            bucket: where the nested templates are put; by default one of the account's own, made where it is missing.

        Raises StackFailed with the reasons of CloudFormation, InvalidParameter for a parameter that there is not.
        """
        from botocore.exceptions import ClientError

        body = self._body(template)
        given = dict(parameters or {})
        known = _parameters(body)
        if "TemplatesUrl" in known:
            given.setdefault("TemplatesUrl", self._publish(bucket or self._own_bucket()))
        unknown = sorted(given.keys() - known.keys())
        if unknown:
            told = ", ".join(sorted(known.keys() - {"TemplatesUrl"}))
            raise InvalidParameter(f"{template} has no parameter {', '.join(unknown)}; it has {told}")
        before = self._describe(name)
        request: dict[str, Any] = {
            "StackName": name,
            "TemplateBody": body,
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(given.items())],
            "Tags": [TAG],
        }
        seen = self._seen(name) if before is not None else set()
        try:
            with _translated(name):
                if before is None:
                    self._client.create_stack(**request, OnFailure="DELETE")
                else:
                    request["Parameters"] += [
                        {"ParameterKey": one["ParameterKey"], "ParameterValue": one["ParameterValue"]}
                        for one in before.get("Parameters", [])
                        if one["ParameterKey"] in known.keys() - given.keys()
                        and one["ParameterValue"] != known[one["ParameterKey"]]
                    ]
                    self._client.update_stack(**request)
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return False
            raise StackFailed(name, "refused", [str(error.response["Error"]["Message"])]) from error
        self._follow(name, seen, watch)
        return True

    def outputs(self, name: str) -> dict[str, str]:
        """What a stack tells. Raises InvalidParameter for one that is not there."""
        stack = self._describe(name)
        if stack is None:
            raise InvalidParameter(f"there is no stack {name!r} in {self._region}; despina deploy makes one")
        return {str(entry["OutputKey"]): str(entry["OutputValue"]) for entry in stack.get("Outputs", [])}

    def ours(self) -> list[str]:
        """The stacks that were deployed by this class or bear its tag, which cost while they are there."""
        with _translated("the stacks"):
            pages = self._client.get_paginator("describe_stacks").paginate()
            found = [stack for page in pages for stack in page["Stacks"] if "ParentId" not in stack]
        return [
            str(stack["StackName"])
            for stack in found
            if TAG in stack.get("Tags", []) and stack["StackStatus"] != "DELETE_COMPLETE"
        ]

    def destroy(self, name: str, watch: Watch | None = None) -> list[str]:
        """Remove a stack and all in it; returns what stays, by its own policy of retention."""
        stack = self._describe(name)
        if stack is None:
            raise InvalidParameter(f"there is no stack {name!r} in {self._region}")
        seen = self._seen(name)
        with _translated(name):
            self._client.delete_stack(StackName=name)
        return self._follow(str(stack["StackId"]), seen, watch)

    # -- the wrapper's own

    @property
    def _client(self) -> Any:
        self._cloudformation = self._cloudformation or self._make("cloudformation")
        return self._cloudformation

    def _boto3(self, service: Any) -> Any:
        import boto3

        return boto3.client(service, region_name=self._region)

    def _body(self, template: str) -> str:
        path = TEMPLATES / template
        if path.parent != TEMPLATES or not path.is_file():
            names = ", ".join(sorted(file.name for file in TEMPLATES.glob("*.yaml")))
            raise InvalidParameter(f"there is no template {template!r}; there are {names}")
        return path.read_text()

    def _own_bucket(self) -> str:
        with _translated("the account"):
            account = self._make("sts").get_caller_identity()["Account"]
        return f"despina-templates-{account}-{self._region}"

    def _publish(self, bucket: str) -> str:
        """Put the templates where CloudFormation reads nested ones; the https address of their folder."""
        from botocore.exceptions import ClientError

        client = self._make("s3")
        files = sorted(TEMPLATES.glob("*.yaml"))
        digest = sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
        with _translated(bucket):
            try:
                client.head_bucket(Bucket=bucket)
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
                    raise
                elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
                client.create_bucket(Bucket=bucket, **({} if self._region == "us-east-1" else elsewhere))
            for file in files:
                client.put_object(Bucket=bucket, Key=f"despina-templates/{digest}/{file.name}", Body=file.read_bytes())
        return f"https://{bucket}.s3.{self._region}.amazonaws.com/despina-templates/{digest}"

    def _describe(self, name: str) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError

        try:
            with _translated(name):
                stack: dict[str, Any] = self._client.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise StackFailed(name, "unknown", [str(error.response["Error"]["Message"])]) from error
        return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack

    def _events(self, name: str) -> list[dict[str, Any]]:
        """The newest events, oldest first."""
        with _translated(name):
            pages = self._client.get_paginator("describe_stack_events").paginate(StackName=name)
            return [event for page in pages for event in page["StackEvents"]][::-1]

    def _seen(self, name: str) -> set[str]:
        return {str(event["EventId"]) for event in self._events(name)}

    def _follow(self, name: str, seen: set[str], watch: Watch | None) -> list[str]:
        """Tell events until a stack has come to rest; the resources that were kept. Raises StackFailed."""
        reasons: list[str] = []
        kept: list[str] = []
        while True:
            with _translated(name):
                stack = self._client.describe_stacks(StackName=name)["Stacks"]
            status = str(stack[0]["StackStatus"]) if stack else "DELETE_COMPLETE"
            for event in self._events(name):
                if str(event["EventId"]) in seen:
                    continue
                seen.add(str(event["EventId"]))
                told = Event(
                    str(event.get("LogicalResourceId", "")),
                    str(event.get("ResourceType", "")),
                    str(event.get("ResourceStatus", "")),
                    str(event.get("ResourceStatusReason", "")),
                )
                if told.status.endswith("FAILED") and "cancelled" not in told.reason:
                    reasons.append(f"{told.resource}: {told.reason}")
                if told.status == "DELETE_SKIPPED":
                    kept.append(f"{told.resource} ({event.get('PhysicalResourceId', '')})")
                if watch is not None:
                    watch(told)
            if not status.endswith("_IN_PROGRESS"):
                if status not in _ENDED_WELL or (reasons and status == "DELETE_COMPLETE"):
                    raise StackFailed(name, status, reasons)
                return kept
            time.sleep(self._poll_s)


def _parameters(body: str) -> dict[str, str | None]:
    """A template's parameters with their defaults; its tags are CloudFormation's own, so it is read and not loaded."""
    found = _members(_members(yaml.compose(body, yaml.SafeLoader)).get("Parameters"))
    defaults = {name: _members(parameter).get("Default") for name, parameter in found.items()}
    return {name: None if default is None else str(default.value) for name, default in defaults.items()}


def _members(node: Any) -> dict[str, Any]:
    return {str(key.value): value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


class _translated:  # noqa: N801 - reads as a phrase
    """Turn boto3's errors other than CloudFormation's own answers into ours."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        if isinstance(error, ClientError) and error.response["Error"]["Code"] in ("AccessDenied", "UnauthorizedAccess"):
            raise AccessDenied(f"not allowed for {self._what}: {error.response['Error']['Message']}") from error
        if isinstance(error, BotoCoreError):
            raise PreconditionsFailed(f"AWS cannot be asked about {self._what}: {error}") from error


def as_settings(outputs: Mapping[str, str]) -> dict[str, str]:
    """The outputs of a stack as variables of Despina."""
    return {variable: outputs[key] for key, variable in SETTINGS.items() if outputs.get(key) not in (None, "", UNUSED)}
