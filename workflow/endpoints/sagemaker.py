"""Endpoints of SageMaker: a model and a configuration for each deployment, an endpoint for each name.

Endpoints outlive the service; one that serves the wanted archive already is taken over as it is. An update starts the
new containers first, and leaves the old ones where the new do not answer.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from training_scripts.graph_ml.schemas import files
from workflow.endpoints.host import Deployment
from workflow.errors import EndpointStartFailed, WorkflowError
from workflow.runners.base import Resources
from workflow.runners.sagemaker.account import Clients, Refused, call, pauses
from workflow.runners.sagemaker.logs import ENDPOINTS, CloudLogs
from workflow.runners.sagemaker.plans import Request
from workflow.runners.sagemaker.serving import (
    config_request,
    deployment_name,
    endpoint_request,
    model_request,
)
from workflow.runners.sagemaker.trials import archived_json
from workflow.storage import ObjectNotFound, S3Uri, Storage

MOVING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
SERVING = ("InService", "Updating", "SystemUpdating", "RollingBack")
LOOK_AGAIN_S = 15.0
PATIENCE_S = 3600.0
QUERY_PATIENCE_S = 5.0  # a query waits


class SageMakerEndpointHost:
    """The EndpointHost of SageMaker.

    Args:
        logs: what a container that did not come up has printed is kept there.
    """

    chosen = True

    def __init__(self, clients: Clients, storage: Storage, logs: Path) -> None:
        self._clients, self._storage, self._folder = clients, storage, logs
        self._account, self._logs = clients.account, CloudLogs(clients)
        self._closing = threading.Event()
        self._seen: dict[str, tuple[float, bool]] = {}  # when a handle was last looked at, and whether it served

    def deploy(self, name: str, archive: S3Uri, resources: Resources) -> Deployment:
        if not self._storage.exists(archive):
            raise ObjectNotFound(archive)
        handle = deployment_name(name, archive, resources)
        endpoint = self._settled(name)
        if endpoint is not None and endpoint["EndpointStatus"] == "Failed":
            self._delete(name)
            endpoint = None
        if endpoint is None or endpoint["EndpointConfigName"] != handle:
            self._create("create_model", **model_request(handle, archive, resources, self._account))
            self._create("create_endpoint_config", **config_request(handle, resources, self._account))
            if endpoint is None:
                self._create("create_endpoint", **endpoint_request(name, handle, self._account))
            else:
                # what an autoscaler has made of the number of instances is kept, unless the request changes it
                keeps = self._instances(str(endpoint["EndpointConfigName"])) == resources.instance_count
                self._call(
                    "update_endpoint",
                    EndpointName=name,
                    EndpointConfigName=handle,
                    RetainAllVariantProperties=keeps,
                )
            endpoint = self._settled(name)
        if endpoint is None or endpoint["EndpointStatus"] != "InService" or endpoint["EndpointConfigName"] != handle:
            reason = str((endpoint or {}).get("FailureReason") or "it is gone")
            tail = self._logs.tail(f"{ENDPOINTS}/{name}", "", self._folder / f"{name}.log")
            self._forget(handle)
            raise EndpointStartFailed(name, reason, tail if tail not in reason else "")
        self._seen.pop(handle, None)
        log = f"{ENDPOINTS}/{name}"
        description = archived_json(self._storage, archive, files.MODEL)
        return Deployment(name, self._url(name), archive, handle, log, description, self._clients.sign)

    def withdraw(self, deployment: Deployment) -> None:
        endpoint = self._described(deployment.name)
        if endpoint is not None and endpoint["EndpointConfigName"] == deployment.handle:
            self._delete(deployment.name)
        self._forget(deployment.handle)

    def remove(self, name: str) -> None:
        if self._settled(name) is not None:
            self._delete(name)
        for handle in self._configs(name):
            self._forget(handle)

    def look_up(self, name: str) -> Deployment | None:
        endpoint = self._described(name, QUERY_PATIENCE_S)
        if endpoint is None or endpoint["EndpointStatus"] not in SERVING:
            return None
        handle = str(endpoint["EndpointConfigName"])
        archive = self._archive(handle)
        description = {} if archive is None else self._description(archive)
        place = archive or S3Uri("unknown", name)
        return Deployment(name, self._url(name), place, handle, f"{ENDPOINTS}/{name}", description, self._clients.sign)

    def is_healthy(self, deployment: Deployment) -> bool:
        when, served = self._seen.get(deployment.handle, (-LOOK_AGAIN_S, True))
        if time.monotonic() - when < min(LOOK_AGAIN_S, self._account.poll_s):
            return served
        endpoint = self._described(deployment.name)
        served = (
            endpoint is not None
            and endpoint["EndpointStatus"] in SERVING
            and endpoint["EndpointConfigName"] == deployment.handle
        )
        self._seen[deployment.handle] = time.monotonic(), served
        return served

    def close(self) -> None:
        self._closing.set()

    # -- asking SageMaker

    def _archive(self, config: str) -> S3Uri | None:
        """The model's archive behind the first variant of a configuration; None where it cannot be told."""
        try:
            variants = self._call("describe_endpoint_config", EndpointConfigName=config)["ProductionVariants"]
            model = self._call("describe_model", ModelName=variants[0]["ModelName"])
            container = model.get("PrimaryContainer") or model["Containers"][0]
            return S3Uri.parse(str(container["ModelDataUrl"]))
        except (WorkflowError, LookupError):
            return None

    def _instances(self, config: str) -> int | None:
        """The number of instances that a configuration begins with; None where it cannot be told."""
        try:
            variants = self._call("describe_endpoint_config", EndpointConfigName=config)["ProductionVariants"]
            return int(variants[0]["InitialInstanceCount"])
        except (WorkflowError, LookupError):
            return None

    def _description(self, archive: S3Uri) -> Request:
        """The model's own description; empty where it has none, or is not for this service to read."""
        try:
            return archived_json(self._storage, archive, files.MODEL)
        except WorkflowError:
            return {}

    def _described(self, name: str, patience_s: float | None = None) -> Request | None:
        """What Describe says of an endpoint; None where there is none of that name."""
        patience_s = self._account.patience_s if patience_s is None else patience_s
        try:
            document: Request = call(self._clients.get("sagemaker"), "describe_endpoint", patience_s, EndpointName=name)
        except Refused as error:
            if error.is_missing:
                return None
            raise
        return document

    def _settled(self, name: str) -> Request | None:
        """An endpoint once nothing moves any more. Raises EndpointStartFailed where the service ends meanwhile."""
        deadline = time.monotonic() + PATIENCE_S
        for pause_s in pauses(self._account.poll_s):
            endpoint = self._described(name)
            if endpoint is None or endpoint["EndpointStatus"] not in MOVING:
                return endpoint
            if self._closing.wait(pause_s) or time.monotonic() > deadline:
                raise EndpointStartFailed(name, f"it is still {endpoint['EndpointStatus']}; look at it later")
        raise AssertionError("pauses never end")

    def _delete(self, name: str) -> None:
        self._gone("delete_endpoint", EndpointName=name)
        self._settled(name)

    def _forget(self, handle: str) -> None:
        self._gone("delete_endpoint_config", EndpointConfigName=handle)
        self._gone("delete_model", ModelName=handle)

    def _configs(self, name: str) -> list[str]:
        answer = self._call("list_endpoint_configs", NameContains=name, MaxResults=100)
        names = [str(entry["EndpointConfigName"]) for entry in answer["EndpointConfigs"]]
        return [found for found in names if found.startswith(f"{name}-")]

    def _create(self, operation: str, **request: Any) -> None:
        try:
            self._call(operation, **request)
        except Refused as error:
            # left by a run of the service that was ended in between, or by a call whose answer was lost
            if not error.exists_already:
                raise

    def _gone(self, operation: str, **request: Any) -> None:
        try:
            self._call(operation, **request)
        except Refused as error:
            if not error.is_missing:
                raise

    def _call(self, operation: str, **request: Any) -> Any:
        return call(self._clients.get("sagemaker"), operation, self._account.patience_s, **request)

    def _url(self, name: str) -> str:
        return f"{str(self._clients.get('sagemaker-runtime').meta.endpoint_url).rstrip('/')}/endpoints/{name}"
