"""Prediction of links by a trained pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..algorithms import distribution
from ..container import JobError
from ..projections import Floats, Ints, ProjectedGraph
from ..schemas.catalog.models import PipelineModel
from .approximate import approximate_pairs
from .candidates import Trained
from .exhaustive import Admission, Scored, best_pairs, probabilities
from .link_features import LinkFeatures
from .training import Links, links_of, surroundings, target_types

DEFAULTS: Final = {
    "topK": 10,
    "deltaThreshold": 0.001,
    "maxIterations": 100,
    "randomJoins": 10,
    "initialSampler": "UNIFORM",
}


@dataclass(frozen=True)
class Predicted:
    """Pairs of ids with probabilities, best first: int64, float64, shape (pairs,), and what was done for them."""

    node1: Ints
    node2: Ints
    probability: Floats
    statistics: dict[str, Any]

    def distribution(self) -> dict[str, float]:
        """The distribution of the probabilities."""
        return distribution(self.probability, spread=True)


def predict_links(
    graph: ProjectedGraph,
    model: PipelineModel,
    trained: Trained,
    config: Mapping[str, Any],
    report: Callable[[str, float], None],
) -> Predicted:
    """The most probable links that are not there yet. Raises JobError.

    Node property steps run on all relationships of the types, on this graph. With ``sources`` only pairs with one of
    these nodes are considered, with ``pairs`` these alone.
    """
    report("Execute node property steps", 0.0)
    links, maker = features_of_links(graph, model, config)
    view = maker.view
    sources, targets = links.sources[view.places], links.targets[view.places]
    admission = Admission(sources, targets, view.pattern)
    report("Predict links", 0.4)
    seed = config.get("randomSeed")
    if config.get("pairs") is not None:
        pairs = _named_pairs(view, config["pairs"])
        pairs = pairs[admission.pairs(pairs)]
        found = Scored(pairs, probabilities(maker, trained, pairs)).best(len(pairs))
        statistics: dict[str, Any] = {"strategy": "pairs", "linksConsidered": len(pairs)}
    elif config["sampleRate"] < 1:
        options = {**config, **{name: DEFAULTS[name] for name in DEFAULTS if config.get(name) is None}}
        searched = approximate_pairs(
            maker,
            trained,
            admission,
            options,
            np.random.default_rng(seed),
            lambda share: report("Predict links", share),
        )
        found = searched.found
        statistics = {
            "strategy": "approximate",
            "linksConsidered": searched.considered,
            "ranIterations": searched.iterations,
            "didConverge": searched.converged,
        }
    else:
        if config.get("sources") is not None:
            admission = _from_sources(admission, view, config["sources"])
        threshold = config.get("threshold") or 0.0
        found, considered = best_pairs(
            maker, trained, admission, config["topN"], threshold, lambda share: report("Predict links", share)
        )
        statistics = {"strategy": "exhaustive", "linksConsidered": considered}
    ids = view.ids[found.pairs]
    return Predicted(ids[:, 0], ids[:, 1], found.probabilities, statistics)


def features_of_links(
    graph: ProjectedGraph, model: PipelineModel, config: Mapping[str, Any]
) -> tuple[Links, LinkFeatures]:
    """The links that are there, and what makes features of others: the model's node property steps have run.

    Raises JobError.
    """
    types = list(config.get("relationshipTypes") or target_types(graph, model.config))
    labels = [config.get(name) or model.config[name] for name in ("sourceNodeLabel", "targetNodeLabel")]
    links = links_of(graph, types, [labels[0]], [labels[1]])
    around = surroundings(graph, links, types, np.arange(len(links.pairs)))
    around.run(model.steps, config["concurrency"], model.config.get("randomSeed"))
    view = around.view()
    maker = LinkFeatures(model.features, view, around.properties(view))
    if maker.widths != model.widths:
        raise JobError(
            f"Model {model.name} expects link features of {sum(model.widths)} numbers, and this graph gives "
            f"{sum(maker.widths)}: a node property has another length than it had in training"
        )
    return links, maker


def _named_pairs(view: Any, given: Any) -> Ints:
    if not isinstance(given, list) or any(not isinstance(pair, list) or len(pair) != 2 for pair in given):
        raise JobError("`pairs` is a list of pairs of node ids, such as [[1, 2], [1, 3]]")
    pairs = np.array([[view.place_of(one) for one in pair] for pair in given], dtype=np.int64).reshape(-1, 2)
    return np.sort(pairs, axis=1)


def _from_sources(admission: Admission, view: Any, given: Any) -> Admission:
    named = given if isinstance(given, list) else [given]
    chosen = np.zeros(view.size, dtype=np.bool_)
    chosen[[view.place_of(one) for one in named]] = True
    return _Chosen(admission.sources, admission.targets, admission.pattern, chosen)


@dataclass(frozen=True)
class _Chosen(Admission):
    """Pairs with an end among chosen nodes, bool, shape (n,)."""

    chosen: Any

    def block(self, start: int, stop: int) -> Any:
        found = super().block(start, stop)
        return found & (self.chosen[start:stop, None] | self.chosen[None, start:])

    def pairs(self, pairs: Ints) -> Any:
        return super().pairs(pairs) & (self.chosen[pairs[:, 0]] | self.chosen[pairs[:, 1]])
