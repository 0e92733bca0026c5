"""Models, endpoint configurations and endpoints: each instance of a variant is a process on a free loopback port."""

from __future__ import annotations

import http.client
import random
import shutil
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from workflow.emulator.cloud import Cloud, JobStopped, Threads, pause
from workflow.emulator.containers.hosts import AnyOf
from workflow.emulator.containers.isolation import shown
from workflow.emulator.containers.transfer import bring, bring_archive
from workflow.emulator.errors import ApiError, invalid
from workflow.emulator.faults import Fault
from workflow.emulator.records import CONFIG, ENDPOINT, MODEL, Document
from workflow.errors import WorkflowError
from workflow.runners.failures import last_lines
from workflow.runners.process import run_guarded
from workflow.storage import S3Uri

LOG_GROUP = "/aws/sagemaker/Endpoints"
REFUSALS: dict[Fault, str] = {
    "capacity": "CapacityError: Unable to provision requested ML compute capacity.",
    "image_pull": "ClientError: Cannot pull the container image; check that the role may read the repository.",
    "internal_error": "InternalServerError: We encountered an internal error. Please try again.",
    "input_denied": "ClientError: Could not read the model's data: the role is not allowed (AccessDenied).",
}
MOST_INSTANCES = 4
MOST_STARTS = 2  # of a container that ends before it has answered once
DAY_S = 86_400.0
_POLL_S = 0.05
_RESTART_S = 0.5


@dataclass
class Container:
    """One process that serves a model; started again whenever it ends by itself."""

    name: str
    variant: str
    folder: Path
    port: int
    ended: int = 0  # times that its process has ended by itself
    stop: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    @property
    def log(self) -> Path:
        """What the process prints."""
        return self.folder / "log"

    def answers(self) -> bool:
        """Whether ``/ping`` says 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Containers:
    """Starts and ends the containers of models; used by endpoints and by batch transform."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def start(self, name: str, variant: str, model: Document, folder: Path, more: Mapping[str, str]) -> Container:
        """Bring a model's data and start its container. Raises WorkflowError where the data cannot be had."""
        definition = container_of(model)
        shutil.rmtree(folder, ignore_errors=True)
        data = folder / "ml" / "model"
        data.mkdir(parents=True)
        source = definition.get("ModelDataSource", {}).get("S3DataSource")
        if source is not None and source["CompressionType"] == "None":
            bring(self._cloud.storage, source, data, 0, 1)
        elif source is not None or "ModelDataUrl" in definition:
            bring_archive(
                self._cloud.storage, S3Uri.parse(str(source["S3Uri"] if source else definition["ModelDataUrl"])), data
            )
        submitted = str(definition.get("Environment", {}).get("SAGEMAKER_SUBMIT_DIRECTORY", ""))
        if submitted.startswith("s3://") and submitted != definition.get("ModelDataUrl"):
            bring_archive(self._cloud.storage, S3Uri.parse(submitted), data / "code")
        container = Container(name, variant, folder, _free_port())
        image = self._cloud.images.of(definition.get("Image", ""))
        told = {**definition.get("Environment", {}), **more, "SAGEMAKER_BIND_TO_PORT": str(container.port)}
        started = shown(
            self._cloud.isolation,
            folder / "ml",
            [*image.serve, "serve"],
            self._cloud.environment(image, told),
            "/opt/ml",
        )

        def run() -> None:
            while not container.stop.is_set():
                container.lost.clear()
                run_guarded(
                    started.command,
                    started.environment,
                    folder,
                    container.log,
                    timeout_s=365 * DAY_S,
                    cancelled=AnyOf(container.lost, container.stop),
                    grace_s=min(30.0, self._cloud.pace.grace_s),
                )
                container.ended += 1
                container.stop.wait(_RESTART_S)

        container.thread = threading.Thread(target=run, name=f"container-{name}", daemon=True)
        container.thread.start()
        return container

    def healthy(self, container: Container, within_s: float, stop: threading.Event) -> bool:
        """Wait for the first answer to ``/ping``. Raises JobStopped."""
        unhealthy = self._cloud.faults.happens("unhealthy", container.name) is not None
        deadline = time.monotonic() + (min(within_s, 1.0) if unhealthy else within_s)
        while time.monotonic() < deadline and container.ended < MOST_STARTS:
            if not unhealthy and container.answers():
                return True
            pause(stop, _POLL_S)
        return False

    def end(self, containers: list[Container]) -> None:
        """End containers and forget their folders."""
        for container in containers:
            container.stop.set()
        for container in containers:
            if container.thread is not None:
                container.thread.join(40.0)
            shutil.rmtree(container.folder, ignore_errors=True)


class Hosting:
    """The operations on models, configurations and endpoints."""

    def __init__(self, cloud: Cloud, threads: Threads) -> None:
        self._cloud, self._threads = cloud, threads
        self.containers = Containers(cloud)
        self._live: dict[str, list[Container]] = {}
        self._lock = threading.Lock()  # guards _live
        self._random = random.Random(0)

    # -- models and configurations

    def create_model(self, request: Mapping[str, Any]) -> Document:
        """Keep a model; its data are looked at when an endpoint needs them, as SageMaker does it."""
        container_of(request)
        return self._cloud.records.add(MODEL, request)

    def create_config(self, request: Mapping[str, Any]) -> Document:
        """Keep a configuration. Raises ApiError for a model that does not exist."""
        for variant in request["ProductionVariants"]:
            self._cloud.records.get(MODEL, str(variant.get("ModelName", "")))
            if int(variant.get("InitialInstanceCount", 1)) > MOST_INSTANCES:
                raise ApiError("ResourceLimitExceeded", f"the emulator runs at most {MOST_INSTANCES} instances")
        return self._cloud.records.add(CONFIG, request)

    # -- endpoints

    def create(self, request: Mapping[str, Any]) -> Document:
        """Start an endpoint. Raises ApiError for a configuration that does not exist."""
        name = str(request["EndpointName"])
        self._cloud.records.get(CONFIG, str(request["EndpointConfigName"]))
        document = self._cloud.records.add(ENDPOINT, request, EndpointStatus="Creating")
        self._threads.start(ENDPOINT, name, partial(self._bring_up, name))
        return document

    def update(self, request: Mapping[str, Any]) -> Document:
        """Start the containers of another configuration; the old ones serve until the new ones do."""
        name = str(request["EndpointName"])
        endpoint = self._cloud.records.get(ENDPOINT, name)
        self._cloud.records.get(CONFIG, str(request["EndpointConfigName"]))
        _check_serving(endpoint)
        kept = _desired(endpoint) if request.get("RetainAllVariantProperties") else {}
        for excluded in request.get("ExcludeRetainedVariantProperties", ()):
            for properties in kept.values():
                properties.pop(str(excluded["VariantPropertyType"]), None)
        return self._replaced(name, str(request["EndpointConfigName"]), kept)

    def scale(self, request: Mapping[str, Any]) -> Document:
        """Change weights and numbers of instances of variants, as an autoscaler does it."""
        name = str(request["EndpointName"])
        endpoint = self._cloud.records.get(ENDPOINT, name)
        _check_serving(endpoint)
        desired = _desired(endpoint)
        for asked in request["DesiredWeightsAndCapacities"]:
            variant = str(asked["VariantName"])
            if variant not in desired:
                raise invalid(f"Variant {variant!r} of endpoint {name!r} was not found.")
            desired[variant] |= {member: asked[member] for member in _PROPERTIES if member in asked}
            if int(desired[variant]["DesiredInstanceCount"]) > MOST_INSTANCES:
                raise ApiError("ResourceLimitExceeded", f"the emulator runs at most {MOST_INSTANCES} instances")
        return self._replaced(name, str(endpoint["EndpointConfigName"]), desired)

    def _replaced(self, name: str, config: str, desired: Mapping[str, Document]) -> Document:
        """Start containers of a configuration in place of those that serve.

        Args:
            desired: by variant, what is to be other than the configuration has it.
        """

        def updating(endpoint: Document) -> Document:
            _check_serving(endpoint)
            return {"EndpointStatus": "Updating", "PendingConfigName": config, "PendingDesired": desired}

        document = self._cloud.records.change(ENDPOINT, name, updating)
        self._threads.start(ENDPOINT, name, partial(self._bring_up, name))
        return document

    def delete(self, name: str) -> None:
        """End an endpoint; configuration and model stay."""

        def deleting(endpoint: Document) -> Document:
            if endpoint["EndpointStatus"] in ("Updating", "SystemUpdating"):
                raise invalid(f"Cannot update in-progress endpoint {name!r}.")
            return {"EndpointStatus": "Deleting"}

        self._cloud.records.change(ENDPOINT, name, deleting)
        self._threads.stop(ENDPOINT, name)
        self._threads.wait(ENDPOINT, name, 60.0)
        self._threads.start(ENDPOINT, name, lambda _: self._remove(name))

    def recover(self) -> None:
        """Start again what served when the emulator ended; in service again once its containers answer."""
        for endpoint in self._cloud.records.all(ENDPOINT):
            name, status = str(endpoint["EndpointName"]), endpoint["EndpointStatus"]
            if status == "Deleting":
                self._cloud.records.remove(ENDPOINT, name)
            elif status in ("Creating", "InService", "Updating"):
                if status == "InService":
                    self._cloud.records.update(ENDPOINT, name, EndpointStatus="Creating")
                self._threads.start(ENDPOINT, name, partial(self._bring_up, name))

    def close(self) -> None:
        """End every container; what served will serve again at the next start."""
        with self._lock:
            live, self._live = list(self._live.values()), {}
        self.containers.end([container for containers in live for container in containers])

    def pick(self, name: str, variant: str | None) -> Container:
        """The container that answers an invocation. Raises ApiError for an endpoint that does not serve."""
        with self._lock:
            containers = list(self._live.get(name, []))
        if not containers:
            raise ApiError("ValidationError", f"Endpoint {name} of account not found.")
        if self._cloud.faults.happens("lost_endpoint", name) is not None:
            containers[0].lost.set()
        if variant is not None:
            containers = [container for container in containers if container.variant == variant]
            if not containers:
                raise ApiError("ValidationError", f"Variant {variant} of endpoint {name} not found.")
        desired = _desired(self._cloud.records.get(ENDPOINT, name))
        weights = {label: float(properties["DesiredWeight"]) for label, properties in desired.items()}
        chances = [weights.get(container.variant, 1.0) for container in containers]
        if not any(chances):
            chances = [1.0] * len(containers)
        return self._random.choices(containers, chances)[0]

    def _bring_up(self, name: str, stop: threading.Event) -> None:
        endpoint = self._cloud.records.get(ENDPOINT, name)
        before = str(endpoint["EndpointConfigName"])
        wanted = str(endpoint.get("PendingConfigName") or before)
        pending = endpoint.get("PendingDesired")
        desired: Mapping[str, Document] = endpoint.get("Desired") or {} if pending is None else pending
        started: list[Container] = []
        try:
            pause(stop, self._cloud.pace.starting_s + (self._cloud.faults.happens("slow_start", name) or 0.0))
            for fault, why in REFUSALS.items():
                if self._cloud.faults.happens(fault, name) is not None:
                    raise WorkflowError(why)
            reason = self._start_all(name, wanted, desired, started, stop)
        except JobStopped:
            self.containers.end(started)
            return
        except (WorkflowError, ApiError, OSError) as error:
            reason = str(getattr(error, "message", error))
        with self._lock:
            old = self._live.get(name, [])
            if reason is None:
                self._live[name] = started
        if reason is None:
            self._settle(
                name,
                EndpointStatus="InService",
                EndpointConfigName=wanted,
                PendingConfigName=None,
                PendingDesired=None,
                Desired=desired,
                FailureReason=None,
                ProductionVariants=self._variants(wanted, desired),
            )
            self.containers.end(old)
            return
        for container in started:
            self._send_log(name, container)
        self.containers.end(started)
        # an update that fails leaves the old containers in service, with the reason
        status = "InService" if old else "Failed"
        gone = {"PendingConfigName": None, "PendingDesired": None}
        self._settle(name, EndpointStatus=status, FailureReason=reason, **gone)

    def _settle(self, name: str, **members: Any) -> None:
        """Keep how an endpoint came up, unless it is being deleted: then nobody may hear that it serves."""
        self._cloud.records.change(
            ENDPOINT, name, lambda endpoint: {} if endpoint["EndpointStatus"] == "Deleting" else members
        )

    def _start_all(
        self,
        name: str,
        config: str,
        desired: Mapping[str, Document],
        started: list[Container],
        stop: threading.Event,
    ) -> str | None:
        """Start the containers of a configuration; why they do not serve, or None where they do."""
        document = self._cloud.records.get(CONFIG, config)
        for variant in document["ProductionVariants"]:
            label = str(variant["VariantName"])
            for number in range(int(_properties(variant, desired)["DesiredInstanceCount"])):
                model = self._cloud.records.get(MODEL, str(variant["ModelName"]))
                folder = self._cloud.folder / "endpoints" / f"{name}-{config}-{label}-{number}-{time.time_ns()}"
                container = self.containers.start(name, label, model, folder, {})
                started.append(container)
            within_s = float(variant.get("ContainerStartupHealthCheckTimeoutInSeconds", self._cloud.pace.health_s))
            for container in started:
                if container.variant == label and not self.containers.healthy(container, within_s, stop):
                    return (
                        f"The primary container for production variant {label} did not pass the ping health check. "
                        f"Please check CloudWatch logs for this endpoint. {_tail(container.log)}"
                    )
        return None

    def _variants(self, config: str, desired: Mapping[str, Document]) -> list[Document]:
        found = []
        for variant in self._cloud.records.get(CONFIG, config)["ProductionVariants"]:
            properties = _properties(variant, desired)
            current = {f"Current{member.removeprefix('Desired')}": value for member, value in properties.items()}
            found.append({"VariantName": variant["VariantName"], **current, **properties})
        return found

    def _remove(self, name: str) -> None:
        with self._lock:
            containers = self._live.pop(name, [])
        for container in containers:
            self._send_log(name, container)
        self.containers.end(containers)
        self._cloud.records.remove(ENDPOINT, name)

    def _send_log(self, name: str, container: Container) -> None:
        self._cloud.logs.send(f"{LOG_GROUP}/{name}", f"{container.variant}/i-{container.port:08x}", container.log)


_PROPERTIES = {"DesiredWeight": "InitialVariantWeight", "DesiredInstanceCount": "InitialInstanceCount"}


def _properties(variant: Mapping[str, Any], desired: Mapping[str, Document]) -> Document:
    """Weight and number of instances of a variant: what is desired, else as its configuration has it."""
    asked = desired.get(str(variant["VariantName"]), {})
    return {member: asked.get(member, variant.get(initial, 1)) for member, initial in _PROPERTIES.items()}


def _check_serving(endpoint: Mapping[str, Any]) -> None:
    """Raises ApiError for an endpoint that cannot be changed now."""
    if endpoint["EndpointStatus"] != "InService":
        name = endpoint["EndpointName"]
        raise invalid(f"Cannot update in-progress endpoint {name!r}: it is {endpoint['EndpointStatus']}.")


def _desired(endpoint: Mapping[str, Any]) -> dict[str, Document]:
    """Weights and numbers of instances that are in force, by variant."""
    return {
        str(variant["VariantName"]): {member: variant[member] for member in _PROPERTIES}
        for variant in endpoint.get("ProductionVariants", ())
    }


def container_of(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one container of a model. Raises ApiError where there is none, or more than one."""
    containers = [model["PrimaryContainer"]] if "PrimaryContainer" in model else list(model.get("Containers", []))
    if len(containers) != 1:
        raise invalid(f"the emulator serves models of one container; this one has {len(containers)}")
    if containers[0].get("Mode") == "MultiModel":
        raise invalid("multi-model endpoints are not emulated; create a model for each")
    container: Mapping[str, Any] = containers[0]
    return container


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _tail(log: Path) -> str:
    lines = last_lines(log)
    return f"Its last lines: {lines}" if lines else ""
