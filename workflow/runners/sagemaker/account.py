"""What the SageMaker drivers are told of an account, and how they speak to it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from workflow.errors import AccessDenied, BadRequest, InternalFailure, InvalidParameter, MissingParameter
from workflow.runners.base import Resources
from workflow.settings import TunerChoice

# refusals that pass by themselves
PASSING = frozenset(
    {
        *("ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"),
        *("InternalFailure", "InternalServerError", "ServiceUnavailable", "ServiceUnavailableException"),
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException"})
_NO_CREDENTIALS = "there are no AWS credentials; set them up as for the AWS command line"
FIRST_WAIT_S = 0.1
OUR_TAGS: Mapping[str, str] = {"application": "despina"}  # by which our jobs are known among others


@dataclass(frozen=True)
class Account:
    """Where jobs run by default, and under which names.

    Attributes:
        image: of our own training container, or a PyTorch image of AWS's.
        serving_image: of endpoints, where that is another.
        role: of jobs whose request names none.
        processing_type, training_type, hosting_type: instances of requests that name none.
        volume_gb: of jobs whose request names none.
        poll_s: the longest pause between two looks at a job.
        patience_s: how long a call that is refused for the moment is tried again.
        tags: on everything that is created.
        subnets, security_groups: of jobs and models whose request names none.
        tuner: who chooses hyperparameters: our search over single training jobs, or SageMaker's tuning jobs.
        early_stopping: of SageMaker's tuner, which offers it for a search over one model family.
        requirements: a ``requirements.txt`` for an image that lacks our packages, such as AWS's PyTorch image.
    """

    region: str
    image: str | None = None
    role: str | None = None
    processing_type: str = "ml.m5.xlarge"
    training_type: str = "ml.m5.xlarge"
    hosting_type: str = "ml.m5.large"
    volume_gb: int = 30
    poll_s: float = 15.0
    patience_s: float = 300.0
    tags: Mapping[str, str] = field(default_factory=lambda: dict(OUR_TAGS))
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    tuner: TunerChoice = "optuna"
    early_stopping: bool = False
    requirements: str | None = None
    serving_image: str | None = None

    def image_uri(self) -> str:
        """The image of jobs and endpoints. Raises MissingParameter."""
        if self.image is None:
            raise MissingParameter(
                "SageMaker needs a container image: build infra/containers/training, push it to ECR, and name it in "
                "DESPINA_SAGEMAKER_IMAGE"
            )
        return self.image

    def serving_image_uri(self) -> str:
        """The image of endpoints and batch transforms. Raises MissingParameter."""
        return self.serving_image or self.image_uri()

    def network(self, resources: Resources) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Subnets and security groups of a job. Raises InvalidParameter for one without the other."""
        if bool(resources.subnets) != bool(resources.security_groups):
            raise InvalidParameter("subnets and securityGroupIds belong together; give both, or neither")
        if resources.subnets:
            return resources.subnets, resources.security_groups
        return self.subnets, self.security_groups

    def role_arn(self, resources: Resources) -> str:
        """The role of a job. Raises MissingParameter."""
        role = resources.role or self.role
        if role is None:
            raise MissingParameter(
                "SageMaker needs a role: give sagemakerIamRoleArn with the request, or set DESPINA_ML_IAM_ROLE"
            )
        return role

    def tag_list(self) -> list[dict[str, str]]:
        """The tags in the API's form."""
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]


class Clients:
    """boto3's clients, made at first use: boto3 takes longer to import than the service may take to start.

    Endpoints and credentials come from the standard AWS variables only, unless ``endpoint`` names an emulator.
    """

    def __init__(self, account: Account, endpoint: str | None = None) -> None:
        self.account, self._endpoint = account, endpoint
        self._made: dict[str, Any] = {}
        self._session: Any = None
        self._lock = threading.Lock()  # guards _made and _session

    def get(self, service: Any) -> Any:
        """A client by the name of its service."""
        with self._lock:
            if service not in self._made:
                import boto3
                from botocore.config import Config

                key = None if self._endpoint is None else "emulated"
                self._made[service] = boto3.client(
                    service,
                    region_name=self.account.region,
                    endpoint_url=self._endpoint,
                    aws_access_key_id=key,
                    aws_secret_access_key=key,
                    # ``call`` tries again, for longer and with jitter
                    config=Config(retries={"total_max_attempts": 1}),
                )
            return self._made[service]

    def sign(self, url: str, body: bytes) -> Mapping[str, str]:
        """The headers of a signed request to an endpoint. Raises AccessDenied where there are no credentials."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        if self._endpoint is not None:
            credentials = Credentials("emulated", "emulated")
        else:
            with translated("sign a request"):
                import boto3

                with self._lock:
                    self._session = self._session or boto3.Session()
                    found = self._session.get_credentials()
                if found is None:
                    raise AccessDenied(_NO_CREDENTIALS)
                credentials = found.get_frozen_credentials()
        request = AWSRequest("POST", url, {"Content-Type": "application/json"}, body)
        SigV4Auth(credentials, "sagemaker", self.account.region).add_auth(request)
        return {name: value for name, value in request.headers.items() if name != "Content-Type"}

    def close(self) -> None:
        """Close what was made."""
        with self._lock:
            for client in self._made.values():
                client.close()


class Refused(BadRequest):
    """A request that SageMaker has refused, in its own words."""

    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(f"SageMaker refused {operation} ({code}): {message}")
        self.operation, self.refusal, self.text = operation, code, message

    @property
    def is_missing(self) -> bool:
        """Whether what was named does not exist."""
        lower = self.text.lower()
        return self.refusal == "ValidationException" and ("could not find" in lower or "not found" in lower)

    @property
    def exists_already(self) -> bool:
        """Whether the name is taken."""
        return self.refusal == "ResourceInUse" or "already exist" in self.text.lower()


class Unreachable(InternalFailure):
    """A request that got no answer."""


def call(client: Any, operation: str, patience_s: float = 300.0, **request: Any) -> Any:
    """Call an operation; what passes by itself is tried again with jitter. Raises Refused, and what stays wrong."""
    method: Callable[..., Any] = getattr(client, operation)
    deadline, pause_s = time.monotonic() + patience_s, FIRST_WAIT_S
    while True:
        try:
            with translated(operation):
                return method(**request)
        except Refused as error:
            if error.refusal not in PASSING or time.monotonic() > deadline:
                raise
        except Unreachable:
            if time.monotonic() > deadline:
                raise
        time.sleep(pause_s * random.uniform(0.5, 1.5))
        pause_s = min(20.0, pause_s * 2)


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Turn boto3's errors into ours."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError

    try:
        yield
    except ClientError as error:
        told = error.response.get("Error", {})
        code, message = str(told.get("Code")), str(told.get("Message"))
        if code in _DENIED:
            raise AccessDenied(
                f"not allowed to call {operation} ({code}): {message}; check the credentials and the role's policy"
            ) from error
        if int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500 and code not in PASSING:
            # something in between has answered, not the service
            raise Unreachable(f"{operation} failed ({code}): {message or 'no word of the service'}") from error
        raise Refused(operation, code, message) from error
    except ParamValidationError as error:
        raise InvalidParameter(f"{operation} cannot be asked for: {error}") from error
    except NoCredentialsError as error:
        raise AccessDenied(_NO_CREDENTIALS) from error
    except BotoCoreError as error:
        raise Unreachable(f"{operation} failed: {error}; is the endpoint reachable?") from error


def pauses(most_s: float) -> Iterator[float]:
    """Pauses between looks at a job: short at first, for what ends at once, then up to the longest."""
    pause_s = min(FIRST_WAIT_S, most_s)
    while True:
        yield pause_s
        pause_s = min(most_s, pause_s * 1.5)
