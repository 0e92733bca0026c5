"""A trained link-prediction pipeline as the scorer of an endpoint: what its steps made is kept, pairs are scored then.

In the folder of the model: ``pipeline/properties/<k>``, a row a node; ``pipeline/pattern``, who is linked with whom;
``pipeline/sources`` and ``pipeline/targets``, who may be the one end and the other; ``pipeline/candidate/<name>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..artifacts import ModelFolder, ModelWriter
from ..projections import GraphView, Ints
from ..projections.graph import Bools
from ..schemas.catalog.pipelines import FeatureStep
from .bilinear import Bilinear
from .candidates import Trained, restored
from .exhaustive import probabilities
from .link_features import LinkFeatures

SURE: Final = 1e-12
"""Probabilities nearer to 0 or 1 than this are taken as so near: their log-odds are finite."""


@dataclass(frozen=True)
class PipelineScorer:
    """Log-odds of links between nodes of a node space; see ``LinkScorer``.

    Attributes:
        sources, targets: who may be the one end and the other, bool, shape (n,).
        form: scores all pairs at once, where the model has such a form.
    """

    maker: LinkFeatures
    model: Trained
    sources: Bools
    targets: Bools
    form: Bilinear | None

    def scores(self, sources: Ints, candidates: slice, predict_heads: bool) -> npt.NDArray[np.float32]:
        """See ``LinkScorer``; minus infinity for pairs that the pipeline does not speak of."""
        asked, answers = (self.targets, self.sources) if predict_heads else (self.sources, self.targets)
        if self.form is not None:
            odds = self.form.between(sources, candidates)
        else:
            others = np.arange(candidates.start, candidates.stop)
            pairs = np.stack([np.repeat(sources, len(others)), np.tile(others, len(sources))], axis=1)
            likely = np.clip(probabilities(self.maker, self.model, pairs), SURE, 1 - SURE)
            odds = np.log(likely / (1 - likely)).reshape(len(sources), len(others)).astype(np.float32)
        odds[~asked[sources]] = -np.inf
        odds[:, ~answers[candidates]] = -np.inf
        return odds


def keep_scorer(
    writer: ModelWriter, maker: LinkFeatures, model: Trained, order: Ints, sources: Bools, targets: Bools
) -> dict[str, Any]:
    """Keep what a scorer needs; how ``load_pipeline_scorer`` finds it again.

    Args:
        maker: over the nodes of a projection.
        order: their places there in the order of the node space, int64, shape (n,); nodes may be missing.
        sources, targets: in the order of the node space, bool, shape (n,).
    """
    named = list(dict.fromkeys(name for step in maker.steps for name in step.properties))
    for place, name in enumerate(named):
        writer.array(f"pipeline/properties/{place}", np.asarray(maker.properties[name])[order])
    writer.matrix("pipeline/pattern", maker.view.pattern[order][:, order])
    writer.array("pipeline/sources", sources)
    writer.array("pipeline/targets", targets)
    arrays = model.predictor.arrays()
    for name, values in arrays.items():
        writer.array(f"pipeline/candidate/{name}", values)
    return {
        "kind": "pipeline",
        "method": model.method,
        "candidate": list(arrays),
        "features": [step.model_dump(mode="json") for step in maker.steps],
        "properties": named,
    }


def load_pipeline_scorer(model: ModelFolder, kept: Mapping[str, Any]) -> PipelineScorer:
    """The scorer that was kept in the folder of a model."""
    pattern = model.matrix("pipeline/pattern").tocoo()
    size = pattern.shape[0]
    numbers = np.arange(size)
    view = GraphView(numbers, numbers, pattern.row.astype(np.int64), pattern.col.astype(np.int64))
    properties = {
        name: np.array(model.array(f"pipeline/properties/{place}")) for place, name in enumerate(kept["properties"])
    }
    maker = LinkFeatures([FeatureStep.model_validate(step) for step in kept["features"]], view, properties)
    arrays = {name: np.array(model.array(f"pipeline/candidate/{name}")) for name in kept["candidate"]}
    trained = restored(kept["method"], arrays)
    sources, targets = (np.array(model.array(f"pipeline/{name}")) for name in ("sources", "targets"))
    return PipelineScorer(maker, trained, sources, targets, Bilinear.of(maker, trained))
