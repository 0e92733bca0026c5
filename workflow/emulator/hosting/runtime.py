"""``sagemaker-runtime``: invocations passed on to the containers of an endpoint."""

from __future__ import annotations

import http.client
import json
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from workflow.emulator.cloud import Cloud
from workflow.emulator.errors import ApiError
from workflow.emulator.hosting.endpoints import Container, Hosting
from workflow.emulator.records import CONFIG, ENDPOINT
from workflow.errors import WorkflowError
from workflow.storage import S3Uri

MOST_BYTES = 6_291_456
TIMEOUT_S = 60.0
_PASSED_ON = ("content-type", "accept", "x-amzn-sagemaker-custom-attributes", "x-amzn-sagemaker-target-model")


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Runtime:
    """Answers invocations."""

    def __init__(self, cloud: Cloud, hosting: Hosting) -> None:
        self._cloud, self._hosting = cloud, hosting

    def invoke(self, name: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """``InvokeEndpoint``; header names are lower case. Raises ApiError."""
        if len(body) > MOST_BYTES:
            raise ApiError("ValidationError", f"The body has {len(body)} bytes; at most {MOST_BYTES} are taken.", 413)
        container = self._hosting.pick(name, headers.get("x-amzn-sagemaker-target-variant"))
        if self._cloud.faults.happens("invocation_error", name) is not None:
            raise model_error(name, 500, "an injected fault")
        reply = forward(container, headers, body, TIMEOUT_S)
        if not 200 <= reply.status < 300:
            raise model_error(name, reply.status, reply.body.decode(errors="replace")[:2000])
        kept = {
            title: value
            for title, value in reply.headers.items()
            if title.lower() in ("content-type", "x-amzn-sagemaker-custom-attributes")
        }
        return Reply(200, {**kept, "x-Amzn-Invoked-Production-Variant": container.variant}, reply.body)

    def invoke_async(self, name: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """``InvokeEndpointAsync``: the answer appears in S3. Raises ApiError."""
        config = self._cloud.records.get(CONFIG, str(self._cloud.records.get(ENDPOINT, name)["EndpointConfigName"]))
        if "AsyncInferenceConfig" not in config:
            raise ApiError("ValidationError", f"Endpoint {name} has no AsyncInferenceConfig.")
        inference_id = headers.get("x-amzn-sagemaker-inference-id") or str(uuid.uuid4())
        places = config["AsyncInferenceConfig"]["OutputConfig"]
        output = S3Uri.parse(str(places["S3OutputPath"])) / f"{inference_id}.out"
        failure = S3Uri.parse(str(places.get("S3FailurePath") or places["S3OutputPath"])) / f"{inference_id}-error.out"
        location = headers.get("x-amzn-sagemaker-inputlocation")
        seconds = float(headers.get("x-amzn-sagemaker-invocationtimeoutseconds", "900"))

        def answer() -> None:
            try:
                given = self._cloud.storage.read(S3Uri.parse(location)) if location else body
                reply = forward(self._hosting.pick(name, None), headers, given, seconds)
                place = output if 200 <= reply.status < 300 else failure
                self._cloud.storage.write(place, reply.body)
            except (ApiError, WorkflowError) as error:
                self._cloud.storage.write(failure, error.message.encode())

        threading.Thread(target=answer, name=f"async-{inference_id}", daemon=True).start()
        told = {
            "Content-Type": "application/json",
            "X-Amzn-SageMaker-OutputLocation": str(output),
            "X-Amzn-SageMaker-FailureLocation": str(failure),
        }
        return Reply(202, told, json.dumps({"InferenceId": inference_id}).encode())


def forward(container: Container, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Reply:
    """Ask a container's ``/invocations``. A container that does not answer is a ModelError."""
    connection = http.client.HTTPConnection("127.0.0.1", container.port, timeout=timeout_s)
    try:
        told = {name: headers[name] for name in _PASSED_ON if name in headers}
        connection.request("POST", "/invocations", body, told)
        response = connection.getresponse()
        return Reply(response.status, dict(response.getheaders()), response.read())
    except (OSError, http.client.HTTPException) as error:
        raise model_error(container.name, 0, f"the container did not answer: {error}") from error
    finally:
        connection.close()


def model_error(name: str, status: int, text: str) -> ApiError:
    """What the runtime answers when the model's container answers badly, or not at all."""
    message = f'Received server error ({status}) from primary with message "{text}".'
    return ApiError("ModelError", message, 424, OriginalStatusCode=status, OriginalMessage=text,
                    LogStreamArn=f"/aws/sagemaker/Endpoints/{name}")  # fmt: skip
