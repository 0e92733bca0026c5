"""Pipelines and the models they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training_scripts.graph_ml.schemas.catalog.pipelines import MODEL_TYPES, PipelineKind
from workflow.client.graph_science.calls import Procedures, Result, options_of, with_node_ids

if TYPE_CHECKING:
    import pandas as pd

STREAMED = {
    "linkPrediction": {"node1": "node1", "node2": "node2", "probability": "probability"},
    "nodeClassification": {
        "nodeId": "node",
        "predictedClass": "predicted_class",
        "predictedProbabilities": "predicted_probabilities",
    },
    "nodeRegression": {"nodeId": "node", "predictedValue": "predicted_value"},
}


def _ranges(options: dict[str, Any]) -> dict[str, Any]:
    """A pair of numbers as the range that it means."""
    return {
        name: {"range": list(value)} if isinstance(value, tuple) and len(value) == 2 else value
        for name, value in options.items()
    }


def graph_name(graph: Any) -> str:
    """The name of a projected graph, given by it or by its handle."""
    return graph if isinstance(graph, str) else str(graph.name)


@dataclass(frozen=True)
class PipelineHandle:
    """A pipeline of the service. Methods that add to it give it back, so that they can be chained."""

    kind: PipelineKind
    name: str
    procedures: Procedures

    def _call(self, word: str, *arguments: Any) -> PipelineHandle:
        self.procedures.one(f"gds.beta.pipeline.{self.kind}.{word}", self.name, *arguments)
        return self

    def add_node_property(self, algorithm: str, **options: Any) -> PipelineHandle:
        """A node property that is computed before training and again before prediction."""
        return self._call("addNodeProperty", algorithm, options_of(options))

    def add_feature(self, kind: str, node_properties: Sequence[str] = ()) -> PipelineHandle:
        """A link feature: of properties of both nodes, or of their neighbours with no properties."""
        return self._call("addFeature", kind, {"nodeProperties": list(node_properties)} if node_properties else {})

    def select_features(self, *node_properties: str) -> PipelineHandle:
        """Properties that a node pipeline learns from."""
        return self._call("selectFeatures", list(node_properties))

    def configure_split(self, **options: Any) -> PipelineHandle:
        """How data is divided."""
        return self._call("configureSplit", options_of(options))

    def configure_auto_tuning(self, max_trials: int) -> PipelineHandle:
        """How many samples of ranges are tried."""
        return self._call("configureAutoTuning", {"maxTrials": max_trials})

    def add_logistic_regression(self, **options: Any) -> PipelineHandle:
        """A candidate; a pair of numbers is a range."""
        return self._call("addLogisticRegression", _ranges(options_of(options)))

    def add_linear_regression(self, **options: Any) -> PipelineHandle:
        """A candidate; a pair of numbers is a range."""
        return self._call("addLinearRegression", _ranges(options_of(options)))

    def add_random_forest(self, **options: Any) -> PipelineHandle:
        """A candidate; a pair of numbers is a range."""
        return self._call("addRandomForest", _ranges(options_of(options)))

    def add_mlp(self, **options: Any) -> PipelineHandle:
        """A candidate; a pair of numbers is a range."""
        return self._call("addMLP", _ranges(options_of(options)))

    def add_lightgbm(self, **options: Any) -> PipelineHandle:
        """A candidate, ours: boosted trees, where the service has LightGBM; a pair of numbers is a range."""
        return self._call("addLightGBM", _ranges(options_of(options)))

    def details(self) -> Result:
        """Everything that was said of it."""
        (found,) = self.procedures.rows("gds.pipeline.list", [self.name])
        return found

    def exists(self) -> bool:
        """Whether it is still there."""
        return bool(self.procedures.one("gds.pipeline.exists", self.name)["exists"])

    def drop(self) -> None:
        """Remove it."""
        self.procedures.rows("gds.pipeline.drop", [self.name])

    def train(self, graph: Any, model_name: str, **options: Any) -> tuple[ModelHandle, Result]:
        """Train it on a projected graph: the model, and how each candidate did."""
        config = options_of({"pipeline": self.name, "model_name": model_name, **options})
        found = self.procedures.one(f"gds.beta.pipeline.{self.kind}.train", graph_name(graph), config)
        return ModelHandle(self.kind, model_name, self.procedures), found

    def train_estimate(self, graph: Any, model_name: str, **options: Any) -> Result:
        """What a training would take."""
        config = options_of({"pipeline": self.name, "model_name": model_name, **options})
        return self.procedures.one(f"gds.beta.pipeline.{self.kind}.train.estimate", graph_name(graph), config)

    # the spelling of version 1 of Neo4j's client
    addNodeProperty = add_node_property  # noqa: N815
    addFeature = add_feature  # noqa: N815
    selectFeatures = select_features  # noqa: N815
    configureSplit = configure_split  # noqa: N815
    addLogisticRegression = add_logistic_regression  # noqa: N815
    addLinearRegression = add_linear_regression  # noqa: N815
    addRandomForest = add_random_forest  # noqa: N815
    addMLP = add_mlp  # noqa: N815


@dataclass(frozen=True)
class ModelHandle:
    """A trained pipeline of the service."""

    kind: PipelineKind
    name: str
    procedures: Procedures

    @classmethod
    def of(cls, model_type: str, name: str, procedures: Procedures) -> ModelHandle:
        """A model by the type that the catalog shows."""
        (kind,) = [kind for kind, said in MODEL_TYPES.items() if said == model_type]
        return cls(kind, name, procedures)

    def details(self) -> Result:
        """Everything that the catalog says of it."""
        (found,) = self.procedures.rows("gds.model.list", [self.name])
        return found

    def metrics(self) -> Result:
        """By metric, the scores over folds, on the training set and on the test set."""
        found: Result = self.details()["modelInfo"]["metrics"]
        return found

    def best_parameters(self) -> Result:
        """The candidate that won."""
        found: Result = self.details()["modelInfo"]["bestParameters"]
        return found

    def predict_stream(self, graph: Any, **options: Any) -> pd.DataFrame:
        """The predictions, best first, with the database's ids of nodes."""
        columns = STREAMED[self.kind]
        return self.procedures.frame(self._predict("stream"), self._arguments(graph, options), with_node_ids(columns))

    def predict_mutate(self, graph: Any, **options: Any) -> Result:
        """Add the predictions to the projected graph."""
        return self.procedures.one(self._predict("mutate"), *self._arguments(graph, options))

    def predict_write(self, graph: Any, **options: Any) -> Result:
        """Write the predictions to the database."""
        return self.procedures.one(self._predict("write"), *self._arguments(graph, options))

    def predict_estimate(self, graph: Any, **options: Any) -> Result:
        """What a prediction would take."""
        return self.procedures.one(self._predict("stream.estimate"), *self._arguments(graph, options))

    def _predict(self, mode: str) -> str:
        return f"gds.beta.pipeline.{self.kind}.predict.{mode}"

    def _arguments(self, graph: Any, options: dict[str, Any]) -> list[Any]:
        return [graph_name(graph), options_of({"model_name": self.name, **options})]

    def deploy(self, graph: Any, **options: Any) -> Result:
        """Serve it about the nodes of a projected graph: ``endpoint`` and ``trainingJob``, the ids of both."""
        return self.procedures.one("despina.ml.deploy", self.name, graph_name(graph), options_of(options))

    def store(self) -> None:
        """Keep it when it is dropped."""
        self.procedures.one("gds.model.store", self.name)

    def drop(self) -> None:
        """Remove it, or unload it where it is stored."""
        self.procedures.rows("gds.model.drop", [self.name])
