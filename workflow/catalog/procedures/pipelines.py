"""Procedures of the pipeline catalog: building, training, predicting."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from training_scripts.graph_ml.schemas.catalog.algorithms import Column
from training_scripts.graph_ml.schemas.catalog.pipelines import PIPELINE_TYPES, PipelineDefinition, PipelineKind
from workflow.catalog import pipelines as changes
from workflow.catalog.models import model_info
from workflow.catalog.procedures.algorithms import COMMON
from workflow.catalog.procedures.values import CONFIGURATION, ESTIMATE, GRAPH_NAME, Answer, moment, plain, row, shown
from workflow.catalog.procedures.writing import write_node_properties, write_relationships
from workflow.catalog.requests import configuration, millis_since
from workflow.catalog.service import Analysis, GraphAnalytics
from workflow.cypher.planning.procedures import Argument, Procedure

TIERS: Final = ("gds.beta", "gds.alpha")
"""Every procedure of a pipeline stands in both: which was meant has changed from version to version."""
PIPELINE: Final = Argument("pipelineName", "string")
CATALOG: Final[tuple[Column, ...]] = (
    *(("pipelineInfo", "map"), ("pipelineName", "string"), ("pipelineType", "string"), ("creationTime", "any")),
)
TRAINED: Final[tuple[Column, ...]] = (
    *(("modelSelectionStats", "map"), ("trainMillis", "integer"), ("modelInfo", "map"), ("configuration", "map")),
)
PREDICTED: Final[Mapping[PipelineKind, tuple[Column, ...]]] = {
    "linkPrediction": (("node1", "integer"), ("node2", "integer"), ("probability", "float")),
    "nodeClassification": (("nodeId", "integer"), ("predictedClass", "integer"), ("predictedProbabilities", "list")),
    "nodeRegression": (("nodeId", "integer"), ("predictedValue", "float")),
}
CANDIDATES: Final[Mapping[PipelineKind, Mapping[str, str]]] = {
    "linkPrediction": {
        "addLogisticRegression": "LogisticRegression",
        "addRandomForest": "RandomForest",
        "addMLP": "MultilayerPerceptron",
        "addLightGBM": "LightGBM",
    },
    "nodeClassification": {
        "addLogisticRegression": "LogisticRegression",
        "addRandomForest": "RandomForest",
        "addMLP": "MultilayerPerceptron",
        "addLightGBM": "LightGBM",
    },
    "nodeRegression": {
        "addLinearRegression": "LinearRegression",
        "addRandomForest": "RandomForest",
        "addLightGBM": "LightGBM",
    },
}


def described_columns(kind: PipelineKind) -> tuple[Column, ...]:
    """The columns of whatever changes a pipeline."""
    features = "featureSteps" if kind == "linkPrediction" else "featureProperties"
    return (
        *(("name", "string"), ("nodePropertySteps", "list"), (features, "list"), ("splitConfig", "map")),
        *(("autoTuningConfig", "map"), ("parameterSpace", "map")),
    )


class PipelineProcedures:
    """The pipelines of a service over one database's graphs."""

    def __init__(self, analytics: GraphAnalytics) -> None:
        self.analytics, self.pipelines = analytics, analytics.pipelines

    def rows(self) -> Iterator[Procedure]:
        """All of them, under all their names."""
        for kind in PIPELINE_TYPES:
            for tier in TIERS:
                prefix = f"{tier}.pipeline.{kind}"
                yield from self._building(kind, prefix)
                yield from self._running(kind, prefix)
        name, fails = Argument("pipelineName", "string", None, optional=True), ("failIfMissing", "boolean", True)
        exists = (("pipelineName", "string"), ("pipelineType", "string"), ("exists", "boolean"))
        for prefix in ("gds.pipeline", "gds.beta.pipeline"):
            yield Procedure(f"{prefix}.list", (name,), CATALOG, self.list)
            yield Procedure(f"{prefix}.exists", (PIPELINE,), exists, self.exists)
            yield Procedure(f"{prefix}.drop", (PIPELINE, Argument(*fails, optional=True)), CATALOG, self.drop)

    def _building(self, kind: PipelineKind, prefix: str) -> Iterator[Procedure]:
        columns = described_columns(kind)
        config, needed = Argument("config", "map", {}, optional=True), Argument("configuration", "map")
        step = (PIPELINE, Argument("procedureName", "string"), Argument("procedureConfiguration", "map"))
        feature = (PIPELINE, Argument("featureType", "string"), Argument("configuration", "map", {}, optional=True))
        yield Procedure(f"{prefix}.create", (PIPELINE,), columns, partial(self.create, kind))
        yield Procedure(f"{prefix}.addNodeProperty", step, columns, partial(self.change, kind, changes.with_step))
        if kind == "linkPrediction":
            add = partial(self.change, kind, changes.with_link_feature)
            yield Procedure(f"{prefix}.addFeature", feature, columns, add)
        else:
            named = (PIPELINE, Argument("nodeProperties", "any"))
            select = partial(self.change, kind, changes.with_node_features)
            yield Procedure(f"{prefix}.selectFeatures", named, columns, select)
        split, tuning = (partial(self.change, kind, one) for one in (changes.with_split, changes.with_tuning))
        yield Procedure(f"{prefix}.configureSplit", (PIPELINE, needed), columns, split)
        yield Procedure(f"{prefix}.configureAutoTuning", (PIPELINE, needed), columns, tuning)
        for word, method in CANDIDATES[kind].items():
            call = partial(self.candidate, kind, method)
            yield Procedure(f"{prefix}.{word}", (PIPELINE, config), columns, call)

    def _running(self, kind: PipelineKind, prefix: str) -> Iterator[Procedure]:
        given = (GRAPH_NAME, CONFIGURATION)
        sized = (Argument("graphNameOrConfiguration", "any"), Argument("algoConfiguration", "map", {}, optional=True))
        yield Procedure(f"{prefix}.train", given, TRAINED, partial(self.train, kind))
        yield Procedure(f"{prefix}.train.estimate", sized, ESTIMATE, partial(self.estimate_training, kind))
        for mode in ("stream", "mutate", "write"):
            columns = self._columns(kind, mode)
            call = partial(self.stream if mode == "stream" else self.keep, kind, columns)
            call = call if mode == "stream" else partial(call, mode)
            name = f"{prefix}.predict.{mode}"
            yield Procedure(name, given, columns, call, "WRITE" if mode == "write" else "READ")
            yield Procedure(f"{name}.estimate", sized, ESTIMATE, partial(self.estimate_prediction, kind, mode))

    @staticmethod
    def _columns(kind: PipelineKind, mode: str) -> tuple[Column, ...]:
        if mode == "stream":
            return PREDICTED[kind]
        if kind != "linkPrediction":
            return (("nodePropertiesWritten", "integer"), (f"{mode}Millis", "integer"), *COMMON)
        links: tuple[Column, ...] = (("relationshipsWritten", "integer"), ("probabilityDistribution", "map"))
        return (*links, ("samplingStats", "map"), (f"{mode}Millis", "integer"), *COMMON)

    # -- building

    def create(self, kind: PipelineKind, run: Any, name: str) -> Answer:
        """A new pipeline."""
        yield self._described(self.pipelines.create(kind, name))

    def change(self, kind: PipelineKind, change: Any, run: Any, name: str, *given: Any) -> Answer:
        """Change a pipeline; what it is then."""
        values = [plain(one) for one in given]
        yield self._described(self.pipelines.change(name, kind, lambda before: change(before, *values)))

    def candidate(self, kind: PipelineKind, method: str, run: Any, name: str, given: Any) -> Answer:
        """Add a candidate."""
        values = plain(given)
        change = changes.with_candidate
        yield self._described(self.pipelines.change(name, kind, lambda before: change(before, method, values)))

    @staticmethod
    def _described(pipeline: PipelineDefinition) -> tuple[Any, ...]:
        return row(described_columns(pipeline.kind), changes.described(pipeline))

    # -- the catalog

    @staticmethod
    def _listed(pipeline: PipelineDefinition) -> tuple[Any, ...]:
        found: dict[str, Any] = changes.described(pipeline)
        features: dict[str, Any] = {key: one for key, one in found.items() if key.startswith("feature")}
        if "featureProperties" in features:  # the lists name them otherwise than whatever changes a pipeline
            features["featureProperties"] = [{"feature": name} for name in features["featureProperties"]]
        info = {
            "featurePipeline": {"nodePropertySteps": found["nodePropertySteps"], **features},
            "splitConfig": found["splitConfig"],
            "autoTuningConfig": found["autoTuningConfig"],
            "trainingParameterSpace": found["parameterSpace"],
        }
        cells = {"pipelineInfo": info, "pipelineName": pipeline.name, "pipelineType": PIPELINE_TYPES[pipeline.kind]}
        return row(CATALOG, {**cells, "creationTime": moment(pipeline.created_ms)})

    def list(self, run: Any, name: str | None) -> Answer:
        """All pipelines, or that of a name; none where there is none."""
        found = self.pipelines.list() if name is None else [self.pipelines.find(name)]
        return (self._listed(one) for one in found if one is not None)

    def exists(self, run: Any, name: str) -> Answer:
        """Whether there is a pipeline of a name."""
        found = self.pipelines.find(name)
        yield name, "n/a" if found is None else PIPELINE_TYPES[found.kind], found is not None

    def drop(self, run: Any, name: str, fails: bool) -> Answer:
        """Remove a pipeline; what it was."""
        found = self.pipelines.drop(name, fail_if_missing=fails)
        if found is not None:
            yield self._listed(found)

    # -- training and prediction

    def train(self, kind: PipelineKind, run: Any, graph: str, given: Any) -> Answer:
        """Train a pipeline; the model is in the catalog then."""
        entry, answer = self.analytics.train(kind, graph, plain(given), run.check_elsewhere)
        stats = shown(entry.model.selection)
        yield stats, answer.millis, shown(model_info(entry)), configuration(answer.options)

    def estimate_training(self, kind: PipelineKind, run: Any, graph: Any, given: Any) -> Answer:
        """What a training would take."""
        yield row(ESTIMATE, self.analytics.estimate_training(kind, plain(graph), plain(given)))

    def estimate_prediction(self, kind: PipelineKind, mode: str, run: Any, graph: Any, given: Any) -> Answer:
        """What a prediction would take."""
        yield row(ESTIMATE, self.analytics.estimate_prediction(kind, plain(graph), mode, plain(given)))

    def stream(self, kind: PipelineKind, columns: tuple[Column, ...], run: Any, graph: str, given: Any) -> Answer:
        """The predictions, a row a pair or node."""
        found = self.analytics.predict(kind, graph, "stream", plain(given), run.check_elsewhere)
        cells = [found.columns[name].tolist() for name, _ in columns]
        if kind == "nodeClassification" and not found.options["includePredictedProbabilities"]:
            cells[2] = [None] * len(cells[0])
        yield from zip(*cells, strict=True)

    def keep(
        self, kind: PipelineKind, columns: tuple[Column, ...], mode: str, run: Any, graph: str, given: Any
    ) -> Answer:
        """Add the predictions to the projected graph, or to the database."""
        found = self.analytics.predict(kind, graph, mode, plain(given), run.check_elsewhere)
        began = time.monotonic()
        done = (
            self._links(run, graph, mode, found) if kind == "linkPrediction" else self._nodes(run, graph, mode, found)
        )
        times = {"preProcessingMillis": 0, "postProcessingMillis": 0, "computeMillis": found.millis}
        cells = {**found.summary, **times, **done, f"{mode}Millis": millis_since(began)}
        yield row(columns, {**cells, "configuration": configuration(found.options)})

    def _links(self, run: Any, graph: str, mode: str, found: Analysis) -> dict[str, int]:
        ends, scores = (found.columns["node1"], found.columns["node2"]), found.columns["probability"]
        type_, key = found.options[f"{mode}RelationshipType"], found.options[f"{mode}Property"]
        if mode == "write":
            return {"relationshipsWritten": write_relationships(run, type_, key, *ends, scores)}
        projected, now = self.analytics.graphs.get(graph), self.analytics.graphs.clock()
        written = projected.add_relationships(type_, *ends, {key: scores}, both=True, now_ms=now)
        return {"relationshipsWritten": written}

    def _nodes(self, run: Any, graph: str, mode: str, found: Analysis) -> dict[str, int]:
        ids = found.columns["nodeId"]
        kept = {
            found.options[f"{mode}Property"]: found.columns.get("predictedClass", found.columns.get("predictedValue"))
        }
        if found.options.get("predictedProbabilityProperty"):
            kept[found.options["predictedProbabilityProperty"]] = found.columns["predictedProbabilities"]
        written = 0
        for key, values in kept.items():
            assert values is not None
            if mode == "write":
                written += write_node_properties(run, key, ids, values)
            else:
                projected = self.analytics.graphs.get(graph)
                places = projected.ids().searchsorted(ids)
                written += projected.add_property(key, places, values, ["*"], self.analytics.graphs.clock())
        return {"nodePropertiesWritten": written}
