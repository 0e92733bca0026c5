"""Step caching: a step that has run with equal arguments lends its result instead of running again.

Source: developer guide, "Caching pipeline steps". Only the arguments are compared: whether what lies at their addresses
has changed is not looked at.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from workflow.emulator.pipelines.definition import PlannedStep, seconds_of
from workflow.emulator.records import Document

CACHED = ("Processing", "Training", "Tuning", "Transform")
_NOT_COMPARED = ("Tags", "ExperimentConfig")  # beside the name, which every job has for itself


def signature(request: Mapping[str, Any], name_field: str) -> str:
    """What two steps of equal arguments have in common."""
    compared = {name: value for name, value in request.items() if name not in (name_field, *_NOT_COMPARED)}
    return sha256(json.dumps(compared, sort_keys=True, default=str).encode()).hexdigest()


def earlier_result(step: PlannedStep, asked: str, runs: Iterable[Document]) -> tuple[Document, Document] | None:
    """The newest execution in which a step of that name has succeeded with equal arguments, and the step's state.

    Args:
        asked: the signature of what the step asks for.
        runs: other executions of the pipeline, the oldest first.
    """
    config: Mapping[str, Any] = step.document.get("CacheConfig") or {}
    if step.type not in CACHED or not config.get("Enabled"):
        return None
    age_s = seconds_of(str(config["ExpireAfter"])) if config.get("ExpireAfter") else None
    found = [
        (run, state)
        for run in runs
        for state in run["Steps"]
        if state["StepName"] == step.name
        and state["StepStatus"] == "Succeeded"
        and state.get("Signature") == asked
        and "CacheHitResult" not in state
        and (age_s is None or time.time() - float(state["EndTime"]) <= age_s)
    ]
    return found[-1] if found else None
