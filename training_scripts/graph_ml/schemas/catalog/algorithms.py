"""The algorithms over projected graphs: their options, and what they answer, as data that service and jobs share.

Defaults and ranges are those of Neo4j's Graph Data Science library 2.13, whose clients send them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from .options import REQUIRED, Option, Options

Answers = Literal["nodes", "pairs", "paths"]
Column = tuple[str, str]
"""A column of an answer: its name, and its kind in openCypher."""

EVERYTHING: Final = "*"

COMMON: Final[Options] = {
    "nodeLabels": Option("names", [EVERYTHING]),
    "relationshipTypes": Option("names", [EVERYTHING]),
    "concurrency": Option("integer", 4, least=1),
    "jobId": Option("any"),
    "logProgress": Option("boolean", True),
    "sudo": Option("boolean", False),
    "username": Option("text"),
}
MODES: Final[Mapping[str, Options]] = {
    "stream": {},
    "stats": {},
    "mutate": {"mutateProperty": Option("text", REQUIRED)},
    "write": {"writeProperty": Option("text", REQUIRED), "writeConcurrency": Option("integer", 4, least=1)},
}
PAIR_MODES: Final[Mapping[str, Options]] = {
    "stream": {},
    "stats": {},
    "mutate": {"mutateProperty": Option("text", REQUIRED), "mutateRelationshipType": Option("text", REQUIRED)},
    "write": {
        "writeProperty": Option("text", REQUIRED),
        "writeRelationshipType": Option("text", REQUIRED),
        "writeConcurrency": Option("integer", 4, least=1),
    },
}
WEIGHT: Final[Options] = {"relationshipWeightProperty": Option("text")}
SEED: Final[Options] = {"randomSeed": Option("integer")}
STREAMED: Final[Options] = {"minComponentSize": Option("integer", 0, least=0)}


@dataclass(frozen=True)
class AlgorithmFacts:
    """What is known of an algorithm without running it.

    Attributes:
        options: its own, beside those that all have.
        columns: of ``stream``, after ``nodeId``; of algorithms over pairs, all of them.
        summary: further columns of ``stats``, ``mutate`` and ``write``.
        answers: a value for every node, or scored pairs, or paths.
        value: the column that becomes the property; by default the first.
        undirected: whether it refuses directed relationships.
        aliases: further names.
        modes: of these four.
    """

    options: Options
    columns: tuple[Column, ...]
    summary: tuple[Column, ...] = ()
    answers: Answers = "nodes"
    value: str = ""
    undirected: bool = False
    aliases: tuple[str, ...] = ()
    modes: tuple[str, ...] = ("stream", "stats", "mutate", "write")

    @property
    def property_column(self) -> str:
        """The column that ``mutate`` and ``write`` keep."""
        return self.value or self.columns[0][0]

    @property
    def known_options(self) -> dict[str, Option]:
        """Its own options and those that all algorithms have."""
        return {**self.options, **COMMON}

    def mode_options(self, mode: str) -> dict[str, Option]:
        """The options of one mode."""
        by_mode = MODES if self.answers == "nodes" else PAIR_MODES
        return {**by_mode[mode], **self.known_options}


def _power(**more: Option) -> dict[str, Option]:
    return {
        "maxIterations": Option("integer", 20, least=1),
        "tolerance": Option("number", 1e-7, least=0),
        "scaler": Option("any", "NONE"),
        "sourceNodes": Option("any", []),
        **more,
        **WEIGHT,
    }


_CENTRALITY: Final = (("centralityDistribution", "map"),)
_POWER: Final = (("ranIterations", "integer"), ("didConverge", "boolean"), *_CENTRALITY)
_SCORE: Final = (("score", "float"),)
_EMBEDDING: Final = (("embedding", "list"),)
_COUNT: Final = (("nodeCount", "integer"),)
_COMMUNITY: Final = (("communityCount", "integer"), ("communityDistribution", "map"))
_COMPONENT: Final = (("componentCount", "integer"), ("componentDistribution", "map"))
_MODULARITY: Final = (("modularity", "float"), ("modularities", "list"), ("ranLevels", "integer"), *_COMMUNITY)
_SIMILAR: Final = (("node1", "integer"), ("node2", "integer"), ("similarity", "float"))
_SEEDED: Final[Options] = {
    "seedProperty": Option("text"),
    "consecutiveIds": Option("boolean", False),
}
_LOUVAIN: Final[Options] = {
    "tolerance": Option("number", 1e-4, least=0),
    "maxLevels": Option("integer", 10, least=1),
    "maxIterations": Option("integer", 10, least=1),
    "includeIntermediateCommunities": Option("boolean", False),
    "minCommunitySize": Option("integer", 0, least=0),
    **_SEEDED,
    **WEIGHT,
}

ALGORITHMS: Final[dict[str, AlgorithmFacts]] = {
    "fastRP": AlgorithmFacts(
        {
            "embeddingDimension": Option("integer", REQUIRED, least=1),
            "iterationWeights": Option("numbers", [0.0, 1.0, 1.0]),
            "nodeSelfInfluence": Option("number", 0.0),
            "normalizationStrength": Option("number", 0.0),
            "propertyRatio": Option("number", 0.0, least=0, most=1),
            "featureProperties": Option("names", []),
            **SEED,
            **WEIGHT,
        },
        _EMBEDDING,
        _COUNT,
    ),
    "node2vec": AlgorithmFacts(
        {
            "embeddingDimension": Option("integer", 128, least=1),
            "walkLength": Option("integer", 80, least=2),
            "walksPerNode": Option("integer", 10, least=1),
            "inOutFactor": Option("number", 1.0, least=0, opens=True),
            "returnFactor": Option("number", 1.0, least=0, opens=True),
            "windowSize": Option("integer", 10, least=2),
            "iterations": Option("integer", 1, least=1),
            "negativeSamplingRate": Option("integer", 5, least=1),
            "positiveSamplingFactor": Option("number", 0.001, least=0),
            "negativeSamplingExponent": Option("number", 0.75),
            "initialLearningRate": Option("number", 0.025, least=0, opens=True),
            "minLearningRate": Option("number", 0.0001, least=0, opens=True),
            "embeddingInitializer": Option("text", "NORMALIZED", choices=("NORMALIZED", "UNIFORM")),
            "walkBufferSize": Option("integer", 1000, least=1),
            "sourceNodes": Option("any", []),
            **SEED,
            **WEIGHT,
        },
        _EMBEDDING,
        (("nodeCount", "integer"), ("lossPerIteration", "list")),
        aliases=("beta.node2vec",),
    ),
    "hashgnn": AlgorithmFacts(
        {
            "iterations": Option("integer", REQUIRED, least=1),
            "embeddingDensity": Option("integer", REQUIRED, least=1),
            "outputDimension": Option("integer", least=1),
            "neighborInfluence": Option("number", 1.0, least=0),
            "featureProperties": Option("names", []),
            "generateFeatures": Option("map"),
            "binarizeFeatures": Option("map"),
            "heterogeneous": Option("boolean", False),
            **SEED,
        },
        _EMBEDDING,
        _COUNT,
        aliases=("beta.hashgnn",),
    ),
    "degree": AlgorithmFacts(
        {"orientation": Option("text", "NATURAL", choices=("NATURAL", "REVERSE", "UNDIRECTED")), **WEIGHT},
        _SCORE,
        _CENTRALITY,
    ),
    "pageRank": AlgorithmFacts(
        _power(dampingFactor=Option("number", 0.85, least=0, most=1, closes=True)), _SCORE, _POWER
    ),
    "articleRank": AlgorithmFacts(
        _power(dampingFactor=Option("number", 0.85, least=0, most=1, closes=True)), _SCORE, _POWER
    ),
    "eigenvector": AlgorithmFacts(_power(), _SCORE, _POWER),
    "betweenness": AlgorithmFacts(
        {"samplingSize": Option("integer", least=1), "samplingSeed": Option("integer"), **WEIGHT}, _SCORE, _CENTRALITY
    ),
    "closeness": AlgorithmFacts({"useWassermanFaust": Option("boolean", False)}, _SCORE, _CENTRALITY),
    "closeness.harmonic": AlgorithmFacts({}, _SCORE, _CENTRALITY),
    "louvain": AlgorithmFacts(
        _LOUVAIN, (("communityId", "integer"), ("intermediateCommunityIds", "list")), _MODULARITY
    ),
    "labelPropagation": AlgorithmFacts(
        {
            "maxIterations": Option("integer", 10, least=1),
            "nodeWeightProperty": Option("text"),
            "minCommunitySize": Option("integer", 0, least=0),
            **_SEEDED,
            **WEIGHT,
        },
        (("communityId", "integer"),),
        (("ranIterations", "integer"), ("didConverge", "boolean"), *_COMMUNITY),
    ),
    "wcc": AlgorithmFacts(
        {"threshold": Option("number", 0.0), **STREAMED, **_SEEDED, **WEIGHT}, (("componentId", "integer"),), _COMPONENT
    ),
    "scc": AlgorithmFacts({"consecutiveIds": Option("boolean", False)}, (("componentId", "integer"),), _COMPONENT),
    "triangleCount": AlgorithmFacts(
        {"maxDegree": Option("integer", 2**63 - 1, least=2)},
        (("triangleCount", "integer"),),
        (("globalTriangleCount", "integer"), *_COUNT),
        undirected=True,
    ),
    "localClusteringCoefficient": AlgorithmFacts(
        {"triangleCountProperty": Option("text")},
        (("localClusteringCoefficient", "float"),),
        (("averageClusteringCoefficient", "float"), *_COUNT),
    ),
    "scaleProperties": AlgorithmFacts(
        {"nodeProperties": Option("any", REQUIRED), "scaler": Option("any", REQUIRED)},
        (("scaledProperty", "list"),),
        (("scalerStatistics", "map"),),
    ),
    "knn": AlgorithmFacts(
        {
            "nodeProperties": Option("any", REQUIRED),
            "topK": Option("integer", 10, least=1),
            "similarityCutoff": Option("number", 0.0, least=0, most=1),
            "deltaThreshold": Option("number", 0.001, least=0, most=1),
            "maxIterations": Option("integer", 100, least=1),
            "sampleRate": Option("number", 0.5, least=0, most=1, opens=True),
            "perturbationRate": Option("number", 0.0, least=0, most=1),
            "randomJoins": Option("integer", 10, least=0),
            "initialSampler": Option("text", "UNIFORM", choices=("UNIFORM", "RANDOMWALK")),
            **SEED,
        },
        _SIMILAR,
        (
            *(("ranIterations", "integer"), ("didConverge", "boolean"), ("nodePairsConsidered", "integer")),
            *(("nodesCompared", "integer"), ("similarityDistribution", "map")),
        ),
        answers="pairs",
        value="similarity",
    ),
    "nodeSimilarity": AlgorithmFacts(
        {
            "topK": Option("integer", 10, least=1),
            "bottomK": Option("integer", 10, least=1),
            "topN": Option("integer", 0, least=0),
            "bottomN": Option("integer", 0, least=0),
            "similarityCutoff": Option("number", 1e-42, least=0, most=1),
            "degreeCutoff": Option("integer", 1, least=1),
            "upperDegreeCutoff": Option("integer", 2147483647, least=1),
            "similarityMetric": Option("text", "JACCARD", choices=("JACCARD", "OVERLAP", "COSINE")),
            "useComponents": Option("any", False),
            **WEIGHT,
        },
        _SIMILAR,
        (("nodesCompared", "integer"), ("similarityDistribution", "map")),
        answers="pairs",
        value="similarity",
    ),
    "shortestPath.dijkstra": AlgorithmFacts(
        {"sourceNode": Option("any", REQUIRED), "targetNode": Option("any"), "targetNodes": Option("any"), **WEIGHT},
        (
            *(("index", "integer"), ("sourceNode", "integer"), ("targetNode", "integer"), ("totalCost", "float")),
            *(("nodeIds", "list"), ("costs", "list"), ("path", "any")),
        ),
        answers="paths",
        value="totalCost",
        modes=("stream",),
    ),
    "allShortestPaths.dijkstra": AlgorithmFacts(
        {"sourceNode": Option("any", REQUIRED), **WEIGHT},
        (
            *(("index", "integer"), ("sourceNode", "integer"), ("targetNode", "integer"), ("totalCost", "float")),
            *(("nodeIds", "list"), ("costs", "list"), ("path", "any")),
        ),
        answers="paths",
        value="totalCost",
        modes=("stream",),
    ),
}
ALGORITHMS["allShortestPaths.delta"] = AlgorithmFacts(
    {**ALGORITHMS["allShortestPaths.dijkstra"].options, "delta": Option("number", 2.0, least=0, opens=True)},
    ALGORITHMS["allShortestPaths.dijkstra"].columns,
    answers="paths",
    value="totalCost",
    modes=("stream",),
)


def find_algorithm(name: str) -> str | None:
    """The table's name of an algorithm, written as in a procedure's name or in any case; None for one it has not.

    A leading ``gds.`` and a trailing ``.mutate`` may stand there.
    """
    wanted = name.strip()
    wanted = wanted[4:] if wanted.lower().startswith("gds.") else wanted
    wanted = wanted[:-7] if wanted.lower().endswith(".mutate") else wanted
    for known, facts in ALGORITHMS.items():
        if wanted.lower() in (one.lower() for one in (known, *facts.aliases)):
            return known
    return None
