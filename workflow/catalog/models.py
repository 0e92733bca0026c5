"""The catalog of trained pipelines: a folder a model."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from training_scripts.graph_ml.schemas.base import Artefact
from training_scripts.graph_ml.schemas.catalog.models import MODEL_FILE, PipelineModel
from training_scripts.graph_ml.schemas.catalog.pipelines import MODEL_TYPES, PipelineKind
from workflow.catalog.errors import NameMissing, NameTaken, ProcedureRefused, checked_name
from workflow.catalog.graphs import now_ms
from workflow.catalog.owners import EVERYBODY, Owned
from workflow.catalog.pipelines import shown_feature, shown_step

KIND: Final = "A model"
STATE_FILE: Final = "state.json"
PUBLISHED: Final = "_public"


class ModelState(Artefact):
    """What the catalog knows of a model beside what training said.

    Attributes:
        name: in the catalog; a published model has another than it was trained with.
        loaded: whether it may predict; a stored model that was dropped may not until it is loaded again.
        stored: whether it is kept when it is dropped.
        user: whose it is; a published model is everybody's.
    """

    name: str
    created_ms: int
    loaded: bool = True
    stored: bool = False
    published: bool = False
    user: str = EVERYBODY


@dataclass(frozen=True)
class CatalogModel:
    """One model: its folder, its state, and what training said."""

    folder: Path
    state: ModelState
    model: PipelineModel


class ModelCatalog:
    """Models by name, as one user sees them.

    All of them are on disk, and so survive a restart; safe to share between threads.
    """

    def __init__(self, folder: Path, clock: Callable[[], int] = now_ms) -> None:
        self.folder, self.clock = folder, clock
        self._lock = threading.Lock()  # guards the table and the state files
        self._models: Owned[CatalogModel] = Owned()
        self.user = EVERYBODY
        for path in sorted(folder.glob("*/" + STATE_FILE)):
            state = ModelState.load(path)
            entry = CatalogModel(path.parent, state, PipelineModel.load(path.parent / MODEL_FILE))
            self._models.put(state.user, state.name, entry)

    def of(self, user: str) -> ModelCatalog:
        """The same as another user sees it."""
        twin = copy(self)
        twin.user = user
        return twin

    def new_folder(self) -> Path:
        """A folder for a training to write to."""
        found = self.folder / uuid4().hex
        found.mkdir(parents=True)
        return found

    def check_free(self, name: str) -> None:
        """Raise ProcedureRefused for a name that is blank or taken."""
        if self._models.has(self.user, checked_name(KIND, name)):
            raise NameTaken(KIND, name)

    def add(self, folder: Path, *, stored: bool, graph_schema: dict[str, Any], train_millis: int) -> CatalogModel:
        """Register what a training wrote. Raises NameTaken."""
        now = self.clock()
        model = PipelineModel.load(folder / MODEL_FILE).model_copy(
            update={"created_ms": now, "graph_schema": graph_schema, "train_millis": train_millis}
        )
        model.save(folder / MODEL_FILE)
        return self._put(
            CatalogModel(folder, ModelState(name=model.name, created_ms=now, stored=stored, user=self.user), model)
        )

    def _put(self, entry: CatalogModel) -> CatalogModel:
        with self._lock:
            if self._models.has(entry.state.user, entry.state.name):
                raise NameTaken(KIND, entry.state.name)
            entry.state.save(entry.folder / STATE_FILE)
            self._models.put(entry.state.user, entry.state.name, entry)
        return entry

    def get(self, name: str, kind: PipelineKind | None = None) -> CatalogModel:
        """The model of a name. Raises NameMissing, and ProcedureRefused for one of another kind or not loaded."""
        found = self._models.find(self.user, checked_name(KIND, name))
        if found is None:
            raise NameMissing(KIND, name)
        if kind is not None and found.model.kind != kind:
            expected = MODEL_TYPES[kind]
            raise ProcedureRefused(
                f"The model `{name}` is of type `{MODEL_TYPES[found.model.kind]}`, but expected type `{expected}`"
            )
        if kind is not None and not found.state.loaded:
            raise ProcedureRefused(f"The model `{name}` is stored and not loaded; call gds.model.load first")
        return found

    def find(self, name: str) -> CatalogModel | None:
        """The model of a name, None where there is none."""
        return self._models.find(self.user, name)

    def list(self) -> list[CatalogModel]:
        """All models, by name."""
        return [model for _, model in sorted(self._models.seen_by(self.user).items())]

    def drop(self, name: str, *, fail_if_missing: bool = True) -> CatalogModel | None:
        """Unload a model; one that is not stored is gone. What it was before. Raises NameMissing."""
        with self._lock:
            found = self._models.find(self.user, checked_name(KIND, name))
            if found is None:
                if fail_if_missing:
                    raise NameMissing(KIND, name)
                return None
            if found.state.stored:
                self._set(found, loaded=False)
            else:
                self._forget(found)
        return found

    def store(self, name: str) -> CatalogModel:
        """Keep a model when it is dropped. Raises NameMissing."""
        return self._changed(name, stored=True)

    def load(self, name: str) -> CatalogModel:
        """Let a stored model predict again. Raises NameMissing."""
        return self._changed(name, loaded=True)

    def delete(self, name: str) -> CatalogModel:
        """Keep a model no longer; one that is not loaded is gone. Raises NameMissing."""
        found = self._changed(name, stored=False)
        if not found.state.loaded:
            with self._lock:
                self._forget(found)
        return found

    def publish(self, name: str) -> CatalogModel:
        """Give a model the name ``<name>_public``, under which everybody has it. Raises NameMissing, NameTaken."""
        found = self.get(name)
        if found.state.published:
            raise ProcedureRefused(f"The model `{name}` is published already")
        self.of(EVERYBODY).check_free(name + PUBLISHED)
        with self._lock:
            self._models.pop(self.user, name)
            return self._set(found, name=name + PUBLISHED, published=True, user=EVERYBODY)

    def _changed(self, name: str, **changes: Any) -> CatalogModel:
        with self._lock:
            return self._set(self.get(name), **changes)

    def _set(self, found: CatalogModel, **changes: Any) -> CatalogModel:
        entry = CatalogModel(found.folder, found.state.model_copy(update=changes), found.model)
        entry.state.save(entry.folder / STATE_FILE)
        self._models.put(entry.state.user, entry.state.name, entry)
        return entry

    def _forget(self, found: CatalogModel) -> None:
        self._models.pop(found.state.user, found.state.name)
        shutil.rmtree(found.folder, ignore_errors=True)


def model_info(entry: CatalogModel) -> dict[str, Any]:
    """A model as training and the lists show it."""
    model = entry.model
    steps = [shown_step(step) for step in model.steps]
    features = [shown_feature(step) for step in model.features]
    names = [{"feature": name} for name in model.feature_properties]
    pipeline: dict[str, Any] = {"nodePropertySteps": steps}
    found: dict[str, Any] = {
        "modelName": entry.state.name,
        "modelType": MODEL_TYPES[model.kind],
        "bestParameters": model.best,
        "nodePropertySteps": steps,
        "metrics": model.metrics,
    }
    if model.kind == "linkPrediction":
        pipeline["featureSteps"] = features
        # the manual says linkFeatures, the library that runs featureSteps
        return {**found, "linkFeatures": features, "featureSteps": features, "pipeline": pipeline}
    pipeline["featureProperties"] = names
    found = {**found, "featureProperties": model.feature_properties, "pipeline": pipeline}
    return {**found, "classes": model.classes} if model.kind == "nodeClassification" else found
