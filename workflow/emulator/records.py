"""The resources of the emulator: one JSON file each, replaced at every change, so that a restart shows the same ones.

A record holds the request as it came and whatever a Describe answers beside it, under the names of the API.
"""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow.emulator.errors import exists, invalid, not_found

Document = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of resource: its name in the API, its part of an ARN, and how a list calls it."""

    name: str
    arn_part: str
    plural: str
    is_job: bool = True

    @property
    def name_field(self) -> str:
        """``TrainingJobName``."""
        return f"{self.name}Name"

    @property
    def arn_field(self) -> str:
        """``TrainingJobArn``."""
        return f"{self.name}Arn"

    @property
    def status_field(self) -> str:
        """``TrainingJobStatus``."""
        return f"{self.name}Status"


TRAINING = Kind("TrainingJob", "training-job", "TrainingJobs")
PROCESSING = Kind("ProcessingJob", "processing-job", "ProcessingJobs")
TUNING = Kind("HyperParameterTuningJob", "hyper-parameter-tuning-job", "HyperParameterTuningJobs")
TRANSFORM = Kind("TransformJob", "transform-job", "TransformJobs")
MODEL = Kind("Model", "model", "Models", is_job=False)
CONFIG = Kind("EndpointConfig", "endpoint-config", "EndpointConfigs", is_job=False)
ENDPOINT = Kind("Endpoint", "endpoint", "Endpoints", is_job=False)
PIPELINE = Kind("Pipeline", "pipeline", "Pipelines", is_job=False)
EXECUTION = Kind("PipelineExecution", "pipeline", "PipelineExecutions")
KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (TRAINING, PROCESSING, TUNING, TRANSFORM, MODEL, CONFIG, ENDPOINT, PIPELINE, EXECUTION)
}


class Records:
    """All resources, by kind and name. Safe to share between threads.

    Args:
        folder: a folder a kind in it.
        arn_base: ``arn:aws:sagemaker:<region>:<account>``.
    """

    def __init__(self, folder: Path, arn_base: str) -> None:
        self._folder, self._arn_base = folder, arn_base
        self._lock = threading.RLock()  # guards _known and the files below the folder
        self._known: dict[str, dict[str, Document]] = {kind: {} for kind in KINDS}
        for kind in KINDS:
            for path in sorted((folder / kind).glob("*.json")):
                self._known[kind][path.stem] = json.loads(path.read_text())

    def arn(self, kind: Kind, name: str) -> str:
        """The ARN of a resource."""
        return f"{self._arn_base}:{kind.arn_part}/{name}"

    def add(self, kind: Kind, request: Mapping[str, Any], **members: Any) -> Document:
        """Keep a new resource. Raises ApiError where the name is taken."""
        name = str(request[kind.name_field])
        with self._lock:
            if name in self._known[kind.name]:
                raise exists(kind.name, self.arn(kind, name), is_job=kind.is_job)
            now = time.time()
            document = {
                **copy.deepcopy(dict(request)),
                kind.arn_field: self.arn(kind, name),
                "CreationTime": now,
                "LastModifiedTime": now,
                **members,
            }
            self._known[kind.name][name] = document
            self._write(kind, name, document)
            return copy.deepcopy(document)

    def get(self, kind: Kind, name: str) -> Document:
        """A copy. Raises ApiError for an unknown one."""
        with self._lock:
            if name not in self._known[kind.name]:
                raise not_found(kind.name, name)
            return copy.deepcopy(self._known[kind.name][name])

    def update(self, kind: Kind, name: str, **members: Any) -> Document:
        """Replace members. Raises ApiError for an unknown resource."""
        return self.change(kind, name, lambda _: members)

    def change(self, kind: Kind, name: str, decide: Callable[[Document], Mapping[str, Any]]) -> Document:
        """Replace the members that ``decide`` gives, which sees the resource as it is: nobody changes it in between.

        Raises ApiError for an unknown resource, and what ``decide`` raises.
        """
        with self._lock:
            before = self.get(kind, name)
            document = {**before, **decide(before), "LastModifiedTime": time.time()}
            self._known[kind.name][name] = document
            self._write(kind, name, document)
            return copy.deepcopy(document)

    def remove(self, kind: Kind, name: str) -> None:
        """Forget a resource. Raises ApiError for an unknown one."""
        with self._lock:
            self.get(kind, name)
            del self._known[kind.name][name]
            (self._folder / kind.name / f"{name}.json").unlink(missing_ok=True)

    def all(self, kind: Kind) -> list[Document]:
        """Copies of all of a kind, oldest first."""
        with self._lock:
            return sorted(copy.deepcopy(list(self._known[kind.name].values())), key=lambda d: float(d["CreationTime"]))

    def page(self, kind: Kind, request: Mapping[str, Any]) -> tuple[list[Document], str | None]:
        """What a List operation asks for, and the token of the next page."""
        return page(self.all(kind), kind, request)

    def _write(self, kind: Kind, name: str, document: Document) -> None:
        path = self._folder / kind.name / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(document))
        partial.replace(path)


_FILTERS = (
    ("CreationTimeAfter", "CreationTime", 1),
    ("CreationTimeBefore", "CreationTime", -1),
    ("LastModifiedTimeAfter", "LastModifiedTime", 1),
    ("LastModifiedTimeBefore", "LastModifiedTime", -1),
)


def page(documents: list[Document], kind: Kind, request: Mapping[str, Any]) -> tuple[list[Document], str | None]:
    """Filtered, sorted and cut as the members of a List request say."""
    text, status = request.get("NameContains"), request.get("StatusEquals")
    kept = [
        document
        for document in documents
        if (not text or str(text).lower() in str(document[kind.name_field]).lower())
        and (not status or document.get(kind.status_field) == status)
        and all(
            name not in request or sign * (float(document[member]) - _seconds(request[name])) >= 0
            for name, member, sign in _FILTERS
        )
    ]
    by = {"Name": kind.name_field, "Status": kind.status_field}.get(request.get("SortBy", ""), "CreationTime")
    kept.sort(key=lambda document: document.get(by, ""), reverse=request.get("SortOrder", "Descending") != "Ascending")
    try:
        start = int(request.get("NextToken", 0))
    except ValueError as error:
        raise invalid("NextToken is none that a list has given") from error
    end = start + int(request.get("MaxResults", 10))
    return kept[start:end], str(end) if end < len(kept) else None


def _seconds(value: Any) -> float:
    return float(value.timestamp()) if hasattr(value, "timestamp") else float(value)
