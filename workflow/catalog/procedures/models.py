"""Procedures of the model catalog."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from training_scripts.graph_ml.schemas.catalog.algorithms import Column
from training_scripts.graph_ml.schemas.catalog.pipelines import MODEL_TYPES
from workflow.catalog.models import CatalogModel, ModelCatalog, model_info
from workflow.catalog.procedures.values import Answer, moment, row
from workflow.catalog.requests import configuration, millis_since
from workflow.cypher.planning.procedures import Argument, Procedure

LISTED: Final[tuple[Column, ...]] = (
    *(("modelName", "string"), ("modelType", "string"), ("modelInfo", "map"), ("creationTime", "any")),
    *(("trainConfig", "map"), ("graphSchema", "map"), ("loaded", "boolean"), ("stored", "boolean")),
    ("published", "boolean"),
)
MODEL: Final = Argument("modelName", "string")


class ModelProcedures:
    """The models of a service."""

    def __init__(self, models: ModelCatalog) -> None:
        self.models = models

    def rows(self) -> Iterator[Procedure]:
        """All of them, under all their names."""
        name = Argument("modelName", "string", None, optional=True)
        fails = Argument("failIfMissing", "boolean", True, optional=True)
        unsupported = Argument("failIfUnsupported", "boolean", True, optional=True)
        exists = (("modelName", "string"), ("modelType", "string"), ("exists", "boolean"))
        for prefix in ("gds.model", "gds.beta.model", "gds.alpha.model"):
            yield Procedure(f"{prefix}.list", (name,), LISTED, self.list)
            yield Procedure(f"{prefix}.exists", (MODEL,), exists, self.exists)
            yield Procedure(f"{prefix}.drop", (MODEL, fails), LISTED, self.drop)
            yield Procedure(f"{prefix}.publish", (MODEL,), LISTED, self.publish)
            for word, further in (("store", (unsupported,)), ("load", ()), ("delete", ())):
                columns = (("modelName", "string"), (f"{word}Millis", "integer"))
                change: Callable[[str], CatalogModel] = getattr(self.models, word)
                yield Procedure(f"{prefix}.{word}", (MODEL, *further), columns, partial(self.timed, change))

    @staticmethod
    def _listed(entry: CatalogModel) -> tuple[Any, ...]:
        model, state = entry.model, entry.state
        cells = {
            "modelName": state.name,
            "modelType": MODEL_TYPES[model.kind],
            "modelInfo": model_info(entry),
            "creationTime": moment(state.created_ms),
            "trainConfig": configuration(model.config),
            "graphSchema": model.graph_schema,
            "loaded": state.loaded,
            "stored": state.stored,
            "published": state.published,
        }
        return row(LISTED, cells)

    def list(self, run: Any, name: str | None) -> Answer:
        """All models, or that of a name; none where there is none."""
        found = self.models.list() if name is None else [self.models.find(name)]
        return (self._listed(one) for one in found if one is not None)

    def exists(self, run: Any, name: str) -> Answer:
        """Whether there is a model of a name."""
        found = self.models.find(name)
        yield name, "n/a" if found is None else MODEL_TYPES[found.model.kind], found is not None

    def drop(self, run: Any, name: str, fails: bool) -> Answer:
        """Unload a model; what it was."""
        found = self.models.drop(name, fail_if_missing=fails)
        if found is not None:
            yield self._listed(found)

    def publish(self, run: Any, name: str) -> Answer:
        """Give a model its public name."""
        yield self._listed(self.models.publish(name))

    def timed(self, change: Callable[[str], CatalogModel], run: Any, name: str, *further: Any) -> Answer:
        """Store, load or delete a model."""
        began = time.monotonic()
        change(name)
        yield name, millis_since(began)
