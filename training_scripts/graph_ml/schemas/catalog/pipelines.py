"""Machine-learning pipelines over projected graphs: their options and their parts, as data that service and jobs share.

A pipeline is what a user builds up: node property steps, features, a split, candidates. Its texts are those of Neo4j's
Graph Data Science library, whose clients read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field

from ..base import Artefact
from .algorithms import COMMON
from .options import REQUIRED, BadOption, Option, Options, camel_keys

PipelineKind = Literal["linkPrediction", "nodeClassification", "nodeRegression"]

PIPELINE_TYPES: Final[dict[PipelineKind, str]] = {
    "linkPrediction": "Link prediction training pipeline",
    "nodeClassification": "Node classification training pipeline",
    "nodeRegression": "Node regression training pipeline",
}
MODEL_TYPES: Final[dict[PipelineKind, str]] = {
    "linkPrediction": "LinkPrediction",
    "nodeClassification": "NodeClassification",
    "nodeRegression": "NodeRegression",
}

NODE_FEATURES: Final = ("L2", "HADAMARD", "COSINE", "SAME_CATEGORY")
"""Link features that are made of properties of both ends."""
TOPOLOGICAL_FEATURES: Final = (
    *("COMMON_NEIGHBORS", "TOTAL_NEIGHBORS", "ADAMIC_ADAR", "RESOURCE_ALLOCATION", "JACCARD"),
    *("PREFERENTIAL_ATTACHMENT", "SORENSEN", "SALTON", "HUB_PROMOTED", "HUB_DEPRESSED", "LOCAL_PATH"),
)
"""Link features that are made of the neighbours of both ends; they take no node properties."""

GREATEST_DEPTH: Final = 2**31 - 1
MOST_TUNED: Final = 20
"""Options of one candidate that may be ranges."""

_DESCENT: Final[Options] = {
    "batchSize": Option("integer", 100, least=1, tunable="linear"),
    "classWeights": Option("numbers", [], least=0),
    "focusWeight": Option("number", 0.0, least=0, tunable="linear"),
    "learningRate": Option("number", 0.001, least=0, opens=True, tunable="log"),
    "maxEpochs": Option("integer", 100, least=1, tunable="linear"),
    "minEpochs": Option("integer", 1, least=0, tunable="linear"),
    "patience": Option("integer", 1, least=1, tunable="linear"),
    "penalty": Option("number", 0.0, least=0, tunable="log"),
    "tolerance": Option("number", 0.001, least=0, tunable="log"),
}
_TREES: Final[Options] = {
    "maxDepth": Option("integer", GREATEST_DEPTH, least=1, tunable="linear"),
    "maxFeaturesRatio": Option("number", None, least=0, most=1, opens=True, tunable="linear"),
    "minLeafSize": Option("integer", 1, least=1, tunable="linear"),
    "minSplitSize": Option("integer", 2, least=2, tunable="linear"),
    "numberOfDecisionTrees": Option("integer", 100, least=1, tunable="linear"),
    "numberOfSamplesRatio": Option("number", 1.0, least=0, most=1, tunable="linear"),
}
_FOREST: Final[Options] = {
    "criterion": Option("text", "GINI", choices=("GINI", "ENTROPY")),
    **_TREES,
    "voting": Option("text", "SOFT", choices=("SOFT", "HARD")),
}
_BOOSTED: Final[Options] = {
    "learningRate": Option("number", 0.1, least=0, opens=True, tunable="log"),
    "maxLeaves": Option("integer", 31, least=2, tunable="linear"),
    "minLeafSize": Option("integer", 20, least=1, tunable="linear"),
    "numberOfTrees": Option("integer", 200, least=1, tunable="linear"),
    "penalty": Option("number", 0.0, least=0, tunable="log"),
}
OURS: Final = frozenset({"LightGBM"})
"""Methods that Neo4j's library has not: shown where they are used."""

CLASSIFIERS: Final[dict[str, Options]] = {
    "LogisticRegression": _DESCENT,
    "RandomForest": _FOREST,
    "MultilayerPerceptron": {**_DESCENT, "hiddenLayerSizes": Option("integers", [100], least=1)},
    "LightGBM": _BOOSTED,
}
REGRESSORS: Final[dict[str, Options]] = {
    "LinearRegression": {name: one for name, one in _DESCENT.items() if name not in ("classWeights", "focusWeight")},
    "RandomForest": _TREES,
    "LightGBM": _BOOSTED,
}
CANDIDATES: Final[dict[PipelineKind, dict[str, Options]]] = {
    "linkPrediction": CLASSIFIERS,
    "nodeClassification": CLASSIFIERS,
    "nodeRegression": REGRESSORS,
}

LINK_SPLIT: Final[Options] = {
    "negativeSamplingRatio": Option("number", 1.0, least=0, opens=True),
    "testFraction": Option("number", 0.1, least=0, most=1, opens=True, closes=True),
    "trainFraction": Option("number", 0.1, least=0, most=1, opens=True, closes=True),
    "validationFolds": Option("integer", 3, least=2),
    "negativeRelationshipType": Option("text"),
}
NODE_SPLIT: Final[Options] = {
    "testFraction": Option("number", 0.3, least=0, most=1, opens=True, closes=True),
    "validationFolds": Option("integer", 3, least=2),
}
SPLITS: Final[dict[PipelineKind, Options]] = {
    "linkPrediction": LINK_SPLIT,
    "nodeClassification": NODE_SPLIT,
    "nodeRegression": NODE_SPLIT,
}
TUNING: Final[Options] = {"maxTrials": Option("integer", 10, least=1)}

LINK_METRICS: Final = ("AUCPR", "OUT_OF_BAG_ERROR")
CLASS_METRICS: Final = ("ACCURACY", "F1_WEIGHTED", "F1_MACRO", "OUT_OF_BAG_ERROR")
CLASS_METRICS_OF_ONE: Final = ("F1", "PRECISION", "RECALL", "ACCURACY")
"""Metrics of one class, written ``F1(class=3)``, or ``F1(class=*)`` for each."""
REGRESSION_METRICS: Final = ("MEAN_SQUARED_ERROR", "ROOT_MEAN_SQUARED_ERROR", "MEAN_ABSOLUTE_ERROR")
LOWER_IS_BETTER: Final = frozenset({"OUT_OF_BAG_ERROR", *REGRESSION_METRICS})

_CALLED: Final = {name: COMMON[name] for name in ("concurrency", "jobId", "logProgress", "sudo", "username")}
_TRAINED: Final[Options] = {
    "pipeline": Option("text", REQUIRED),
    "modelName": Option("text", REQUIRED),
    "randomSeed": Option("integer"),
    "storeModelToDisk": Option("boolean", False),
    **_CALLED,
}
TRAIN: Final[dict[PipelineKind, Options]] = {
    "linkPrediction": {
        **_TRAINED,
        "targetRelationshipType": Option("text"),
        "sourceNodeLabel": Option("text", "*"),
        "targetNodeLabel": Option("text", "*"),
        "negativeClassWeight": Option("number", 1.0, least=0, opens=True),
        "metrics": Option("names", ["AUCPR"]),
        "nodeLabels": Option("names"),
        "relationshipTypes": Option("names"),
    },
    "nodeClassification": {
        **_TRAINED,
        "targetProperty": Option("text", REQUIRED),
        "metrics": Option("names", REQUIRED),
        "targetNodeLabels": Option("names", ["*"]),
        "nodeLabels": Option("names"),
        "relationshipTypes": Option("names", ["*"]),
    },
    "nodeRegression": {
        **_TRAINED,
        "targetProperty": Option("text", REQUIRED),
        "metrics": Option("names", REQUIRED),
        "targetNodeLabels": Option("names", ["*"]),
        "nodeLabels": Option("names"),
        "relationshipTypes": Option("names", ["*"]),
    },
}
_PREDICTED: Final[Options] = {"modelName": Option("text", REQUIRED), **_CALLED}
EXHAUSTIVE: Final = ("topN", "threshold")
APPROXIMATE: Final = ("topK", "deltaThreshold", "maxIterations", "randomJoins", "initialSampler", "randomSeed")
PREDICT: Final[dict[PipelineKind, Options]] = {
    "linkPrediction": {
        **_PREDICTED,
        "sourceNodeLabel": Option("text"),
        "targetNodeLabel": Option("text"),
        "nodeLabels": Option("names"),
        "relationshipTypes": Option("names"),
        "sampleRate": Option("number", 1.0, least=0, most=1, opens=True),
        "topN": Option("integer", None, least=1),
        "threshold": Option("number", None, least=0, most=1),
        "topK": Option("integer", None, least=1),
        "deltaThreshold": Option("number", None, least=0, most=1),
        "maxIterations": Option("integer", None, least=1),
        "randomJoins": Option("integer", None, least=0),
        "initialSampler": Option("text", None, choices=("UNIFORM", "RANDOMWALK", "TWOHOP", "INDEX")),
        "randomSeed": Option("integer"),
        "sources": Option("any"),
        "pairs": Option("any"),
    },
    "nodeClassification": {
        **_PREDICTED,
        "includePredictedProbabilities": Option("boolean", False),
        "targetNodeLabels": Option("names"),
        "nodeLabels": Option("names"),
        "relationshipTypes": Option("names"),
    },
    "nodeRegression": {
        **_PREDICTED,
        "targetNodeLabels": Option("names"),
        "nodeLabels": Option("names"),
        "relationshipTypes": Option("names"),
    },
}
PREDICT_MODES: Final[dict[PipelineKind, dict[str, Options]]] = {
    "linkPrediction": {
        "stream": {},
        "mutate": {"mutateRelationshipType": Option("text", REQUIRED), "mutateProperty": Option("text", "probability")},
        "write": {
            "writeRelationshipType": Option("text", REQUIRED),
            "writeProperty": Option("text", "probability"),
            "writeConcurrency": COMMON["concurrency"],
        },
    },
    "nodeClassification": {
        "stream": {},
        "mutate": {"mutateProperty": Option("text", REQUIRED), "predictedProbabilityProperty": Option("text")},
        "write": {
            "writeProperty": Option("text", REQUIRED),
            "predictedProbabilityProperty": Option("text"),
            "writeConcurrency": COMMON["concurrency"],
        },
    },
    "nodeRegression": {
        "stream": {},
        "mutate": {"mutateProperty": Option("text", REQUIRED)},
        "write": {"writeProperty": Option("text", REQUIRED), "writeConcurrency": COMMON["concurrency"]},
    },
}

#: what an endpoint takes of the options of a prediction, and its own
_SERVED: Final[Options] = {
    "id": Option("text"),
    "trainingJobId": Option("text"),
    "trainModelS3Location": Option("text"),
}
SERVE: Final[dict[PipelineKind, Options]] = {
    "linkPrediction": {
        **_CALLED,
        **_SERVED,
        "sourceNodeLabel": Option("text"),
        "targetNodeLabel": Option("text"),
        "relationshipTypes": Option("names"),
        "relationshipType": Option("text"),
    },
    "nodeClassification": {
        **_CALLED,
        **_SERVED,
        "targetNodeLabels": Option("names"),
        "relationshipTypes": Option("names"),
    },
    "nodeRegression": {
        **_CALLED,
        **_SERVED,
        "targetNodeLabels": Option("names"),
        "relationshipTypes": Option("names"),
    },
}


class NodePropertyStep(Artefact):
    """A node property that is computed before training and again before prediction.

    Attributes:
        algorithm: its name in the table of algorithms.
        config: its options with their defaults.
        given: those that the user said.
        context_labels, context_types: further nodes and relationships that it may see.
    """

    algorithm: str
    config: dict[str, Any]
    given: dict[str, Any] = Field(default_factory=dict)
    context_labels: list[str] = Field(default_factory=list)
    context_types: list[str] = Field(default_factory=list)

    @property
    def name(self) -> str:
        """The full name of its procedure."""
        return f"gds.{self.algorithm}.mutate"


class FeatureStep(Artefact):
    """A link feature: one of ``NODE_FEATURES`` of some properties, or one of ``TOPOLOGICAL_FEATURES``."""

    name: str
    properties: list[str] = Field(default_factory=list)


class Candidate(Artefact):
    """A kind of model with its options; an option is a value, or ``{"range": [low, high]}``."""

    method: str
    options: dict[str, Any]

    @property
    def ranges(self) -> dict[str, list[float]]:
        """The options that are ranges."""
        return {name: one["range"] for name, one in self.options.items() if isinstance(one, dict)}


class PipelineDefinition(Artefact):
    """Everything that a user said of a pipeline; ``user`` is empty where it is everybody's."""

    kind: PipelineKind
    name: str
    created_ms: int
    steps: list[NodePropertyStep] = Field(default_factory=list)
    features: list[FeatureStep] = Field(default_factory=list)
    feature_properties: list[str] = Field(default_factory=list)
    split: dict[str, Any] = Field(default_factory=dict)
    candidates: list[Candidate] = Field(default_factory=list)
    max_trials: int = 10
    user: str = ""


def read_candidate(kind: PipelineKind, method: str, given: Mapping[str, Any]) -> Candidate:
    """A candidate with its defaults filled in. Raises BadOption.

    A range of values is written ``{range: [low, high]}``.
    """
    table = CANDIDATES[kind][method]
    found: dict[str, Any] = {}
    values = camel_keys(given)
    for key in values:
        if key not in table:
            raise BadOption(f"Unexpected configuration key `{key}`; {method} has {', '.join(table)}")
    for name, option in table.items():
        value = values.get(name)
        found[name] = _range(name, option, value) if isinstance(value, Mapping) else option.read(name, value)
    if len(Candidate(method=method, options=found).ranges) > MOST_TUNED:
        raise BadOption(f"At most {MOST_TUNED} options of a candidate may be ranges")
    weights = found.get("classWeights")
    if kind == "linkPrediction" and weights and len(weights) != 2:
        raise BadOption(f"`classWeights` needs two weights, of negatives and of positives, and holds {len(weights)}")
    _check_together(found)
    return Candidate(method=method, options={name: value for name, value in found.items() if value is not None})


def _range(name: str, option: Option, value: Mapping[str, Any]) -> dict[str, list[Any]]:
    ends = value.get("range")
    if not option.tunable:
        raise BadOption(f"`{name}` cannot be a range")
    if set(value) != {"range"} or not isinstance(ends, list | tuple) or len(ends) != 2:
        raise BadOption(f"A range is written {{range: [low, high]}}; `{name}` is {dict(value)!r}")
    low, high = (option.read(name, end) for end in ends)
    if low > high:
        raise BadOption(f"The range of `{name}` begins with {low}, which is greater than its end {high}")
    return {"range": [low, high]}


def _check_together(options: Mapping[str, Any]) -> None:
    if "minSplitSize" not in options:
        return
    leaf, split = _ends(options.get("minLeafSize", 1)), _ends(options["minSplitSize"])
    if leaf[1] >= split[0]:
        raise BadOption(f"`minLeafSize` ({leaf[1]}) must be smaller than `minSplitSize` ({split[0]})")


def _ends(value: Any) -> tuple[Any, Any]:
    return (value["range"][0], value["range"][1]) if isinstance(value, dict) else (value, value)
