"""The catalog of pipelines: what users have said of each, a file a pipeline."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from copy import copy
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from training_scripts.graph_ml.schemas.catalog.algorithms import ALGORITHMS, find_algorithm
from training_scripts.graph_ml.schemas.catalog.options import BadOption, camel_keys, read_options
from training_scripts.graph_ml.schemas.catalog.pipelines import (
    CANDIDATES,
    NODE_FEATURES,
    OURS,
    PIPELINE_TYPES,
    SPLITS,
    TOPOLOGICAL_FEATURES,
    TUNING,
    FeatureStep,
    NodePropertyStep,
    PipelineDefinition,
    PipelineKind,
    read_candidate,
)
from workflow.catalog.errors import NameMissing, NameTaken, ProcedureRefused, checked_name
from workflow.catalog.graphs import now_ms
from workflow.catalog.owners import EVERYBODY, Owned

KIND: Final = "A pipeline"
CONTEXT: Final = ("contextNodeLabels", "contextRelationshipTypes")
RESERVED: Final = ("graphName", "nodeLabels", "relationshipTypes")


class PipelineCatalog:
    """Pipelines by name, as one user sees them.

    Every change is on disk before it is answered; safe to share between threads.
    """

    def __init__(self, folder: Path, clock: Callable[[], int] = now_ms) -> None:
        self.folder, self.clock = folder, clock
        self._lock = threading.Lock()  # guards the table and its files
        self._pipelines: Owned[tuple[Path, PipelineDefinition]] = Owned()
        self.user = EVERYBODY
        for path in sorted(folder.glob("*.json")):
            found = PipelineDefinition.load(path)
            self._pipelines.put(found.user, found.name, (path, found))

    def of(self, user: str) -> PipelineCatalog:
        """The same as another user sees it."""
        twin = copy(self)
        twin.user = user
        return twin

    def create(self, kind: PipelineKind, name: str) -> PipelineDefinition:
        """A new pipeline without steps. Raises ProcedureRefused."""
        checked_name(KIND, name)
        made = PipelineDefinition(
            kind=kind, name=name, created_ms=self.clock(), split=read_options(SPLITS[kind], {}), user=self.user
        )
        with self._lock:
            if self._pipelines.has(self.user, name):
                raise NameTaken(KIND, name)
            path = self.folder / f"{uuid4().hex}.json"
            made.save(path)
            self._pipelines.put(self.user, name, (path, made))
        return made

    def get(self, name: str, kind: PipelineKind | None = None) -> PipelineDefinition:
        """The pipeline of a name. Raises NameMissing, and ProcedureRefused for one of another kind."""
        return self._get(name, kind)[1]

    def _get(self, name: str, kind: PipelineKind | None) -> tuple[Path, PipelineDefinition]:
        found = self._pipelines.find(self.user, checked_name(KIND, name))
        if found is None:
            raise NameMissing(KIND, name)
        if kind is not None and found[1].kind != kind:
            raise ProcedureRefused(
                f"The pipeline `{name}` is of type `{PIPELINE_TYPES[found[1].kind]}`, but expected type "
                f"`{PIPELINE_TYPES[kind]}`"
            )
        return found

    def find(self, name: str) -> PipelineDefinition | None:
        """The pipeline of a name, None where there is none."""
        found = self._pipelines.find(self.user, name)
        return None if found is None else found[1]

    def list(self) -> list[PipelineDefinition]:
        """All pipelines, by name."""
        return [pipeline for _, (_, pipeline) in sorted(self._pipelines.seen_by(self.user).items())]

    def drop(self, name: str, *, fail_if_missing: bool = True) -> PipelineDefinition | None:
        """Remove a pipeline. Raises NameMissing."""
        with self._lock:
            found = self._pipelines.pop(self.user, checked_name(KIND, name))
            if found is None:
                if fail_if_missing:
                    raise NameMissing(KIND, name)
                return None
            found[0].unlink(missing_ok=True)
        return found[1]

    def change(
        self, name: str, kind: PipelineKind, change: Callable[[PipelineDefinition], dict[str, Any]]
    ) -> PipelineDefinition:
        """Replace some fields of a pipeline by what ``change`` makes of it. Raises ProcedureRefused."""
        with self._lock:
            path, before = self._get(name, kind)
            try:
                after = before.model_copy(update=change(before))
            except BadOption as error:
                raise ProcedureRefused(str(error)) from error
            after.save(path)
            self._pipelines.put(after.user, name, (path, after))
        return after


def with_step(pipeline: PipelineDefinition, algorithm: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A further node property step. Raises BadOption, ProcedureRefused."""
    name = find_algorithm(str(algorithm))
    if name is None or ALGORITHMS[name].answers != "nodes":
        known = ", ".join(one for one, facts in ALGORITHMS.items() if facts.answers == "nodes")
        raise ProcedureRefused(
            f"Could not find a procedure called gds.{str(algorithm).removeprefix('gds.')} that mutates node "
            f"properties; there are {known}"
        )
    values = camel_keys(given)
    for key in RESERVED:
        if key in values:
            raise ProcedureRefused(f"`{key}` cannot be given to a node property step: training and prediction say it")
    context = {key: _texts(key, values.pop(key, None) or []) for key in CONTEXT}
    config = read_options(ALGORITHMS[name].mode_options("mutate"), values)
    if "concurrency" not in values:  # that of the training then
        del config["concurrency"]
    made = config["mutateProperty"]
    if made in [step.config["mutateProperty"] for step in pipeline.steps]:
        raise ProcedureRefused(
            f"The value of `mutateProperty` is expected to be unique, but {made} was already specified"
        )
    step = NodePropertyStep(
        algorithm=name,
        config=config,
        given=values,
        context_labels=context["contextNodeLabels"],
        context_types=context["contextRelationshipTypes"],
    )
    return {"steps": [*pipeline.steps, step]}


def _texts(name: str, value: Any) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or any(not isinstance(one, str) or not one.strip() for one in values):
        raise ProcedureRefused(f"`{name}` must be a list of texts, not {value!r}")
    return list(values)


def with_link_feature(pipeline: PipelineDefinition, kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A further link feature. Raises ProcedureRefused."""
    name, values = str(kind).strip().upper(), camel_keys(given)
    if name not in (*NODE_FEATURES, *TOPOLOGICAL_FEATURES):
        known = ", ".join((*NODE_FEATURES, *TOPOLOGICAL_FEATURES))
        raise ProcedureRefused(f"LinkFeatureStep `{kind}` is not supported; there are {known}")
    for key in values:
        if key != "nodeProperties":
            raise ProcedureRefused(f"Unexpected configuration key `{key}` of a link feature; there is nodeProperties")
    if name in TOPOLOGICAL_FEATURES:
        if values.get("nodeProperties"):
            raise ProcedureRefused(f"{name} is made of the neighbours of both nodes, and takes no `nodeProperties`")
        return {"features": [*pipeline.features, FeatureStep(name=name)]}
    if "nodeProperties" not in values:
        raise ProcedureRefused("No value specified for the mandatory configuration parameter `nodeProperties`")
    properties = values["nodeProperties"]
    if not isinstance(properties, list) or not properties:
        raise ProcedureRefused(f"`nodeProperties` must be a list with something in it, not {properties!r}")
    return {"features": [*pipeline.features, FeatureStep(name=name, properties=_texts("nodeProperties", properties))]}


def with_node_features(pipeline: PipelineDefinition, given: Any) -> dict[str, Any]:
    """Further feature properties of a node pipeline. Raises ProcedureRefused."""
    names = _texts("nodeProperties", given)
    if not names:
        raise ProcedureRefused("`nodeProperties` must name a property")
    return {"feature_properties": [*pipeline.feature_properties, *names]}


def with_split(pipeline: PipelineDefinition, given: Mapping[str, Any]) -> dict[str, Any]:
    """Another split; what is not said is the default. Raises BadOption, ProcedureRefused."""
    split = read_options(SPLITS[pipeline.kind], given)
    if split.get("negativeRelationshipType") and split["negativeSamplingRatio"] != 1.0:
        raise ProcedureRefused(
            "`negativeSamplingRatio` and `negativeRelationshipType` cannot be used together: give one of them"
        )
    return {"split": split}


def with_candidate(pipeline: PipelineDefinition, method: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A further candidate. Raises BadOption."""
    return {"candidates": [*pipeline.candidates, read_candidate(pipeline.kind, method, given)]}


def with_tuning(pipeline: PipelineDefinition, given: Mapping[str, Any]) -> dict[str, Any]:
    """Another number of trials. Raises BadOption."""
    return {"max_trials": read_options(TUNING, given)["maxTrials"]}


def described(pipeline: PipelineDefinition) -> dict[str, Any]:
    """A pipeline as the procedures show it, by column."""
    steps = [shown_step(step) for step in pipeline.steps]
    split = {key: value for key, value in pipeline.split.items() if value is not None}
    space: dict[str, list[dict[str, Any]]] = {method: [] for method in CANDIDATES[pipeline.kind] if method not in OURS}
    for one in pipeline.candidates:
        space.setdefault(one.method, []).append({"methodName": one.method, **one.options})
    features: dict[str, Any] = {"featureProperties": list(pipeline.feature_properties)}
    if pipeline.kind == "linkPrediction":
        features = {"featureSteps": [shown_feature(step) for step in pipeline.features]}
    return {
        "name": pipeline.name,
        "nodePropertySteps": steps,
        **features,
        "splitConfig": split,
        "autoTuningConfig": {"maxTrials": pipeline.max_trials},
        "parameterSpace": space,
    }


def shown_step(step: NodePropertyStep) -> dict[str, Any]:
    """A node property step as the procedures show it."""
    context = {"contextNodeLabels": step.context_labels, "contextRelationshipTypes": step.context_types}
    return {"name": step.name, "config": {**step.given, **context}}


def shown_feature(step: FeatureStep) -> dict[str, Any]:
    """A link feature as the procedures show it."""
    return {"name": step.name, "config": {"nodeProperties": step.properties} if step.properties else {}}
