"""From a model folder to a predictor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..artifacts import ModelFolder
from ..features import FeatureEncoder
from ..graph import EdgeType
from ..links import LinkProblem, Pairs
from ..models.link_scorers import Calibration, EmbeddingScorer, LinkScorer, RankerScorer, StackScorer
from ..models.network.heads import Head
from ..models.ranking.store import load_floor, load_partners, load_ranker
from ..pairs import NodeSpace, PairGraph
from ..pairs.graph import Floats
from .base import Predictor
from .baseline import BaselineEdgePredictor, BaselinePredictor
from .inductive import Encode, NetworkEmbedder
from .links import LinkPredictor, LinkTarget
from .past import Pasts
from .properties import EdgePredictor, PropertyPredictor
from .stored import StoredPredictor


def load_predictor(folder: Path, device: str = "auto") -> Predictor:
    """Open a model folder. Imports torch only where a request cannot be answered without it.

    Args:
        folder: of the model.
        device: where a network runs that answers about new vertices; ``auto`` is the processor, for the few vertices
            of a request are computed sooner than brought to a GPU.

    Raises:
        FileNotFoundError: no finished model lies there.
        ValueError: the description cannot be understood, or there is no such device.
    """
    device = "cpu" if device == "auto" else device
    if device != "cpu":
        from ..devices import device_of

        device = str(device_of(device))
    model = ModelFolder(folder)
    if model.description.task == "link_prediction":
        return _links(model, device)
    if "stored" in model.description.details:
        return StoredPredictor(model)
    return _properties(model, device)


def _properties(model: ModelFolder, device: str) -> PropertyPredictor:
    details = model.description.details
    of_edges = model.description.task.startswith("edge")
    predictor: PropertyPredictor
    if "baseline" in details:
        predictor = (BaselineEdgePredictor if of_edges else BaselinePredictor)(model, encoding(model))
    else:
        head = Head(weights=model.tensors("head"), **details["head"])
        embed = NetworkEmbedder(model, details["network"], device)
        embeddings = model.array("embeddings")
        kind = EdgePredictor if of_edges else PropertyPredictor
        predictor = kind(model.description, head, embeddings, model.ids(), encoding(model), embed)
    path = model.folder / "encoders.json"
    encoder = FeatureEncoder.load(path) if path.exists() else None
    if isinstance(predictor, EdgePredictor):
        predictor.ends, predictor.extra = model.array("edges/ends"), model.array("edges/extra")
        predictor.edge_ids, predictor.features = model.texts("edges"), details["edge_features"]
        predictor.encoder = encoder
    if "history" in details:
        predictor.pasts = Pasts(model, encoder)
    return predictor


def _links(model: ModelFolder, device: str) -> LinkPredictor:
    details = model.description.details
    space = NodeSpace(dict(model.description.node_types))
    embeddings = model.array("embeddings") if model.has("embeddings") else None
    targets = []
    graphs: dict[str, PairGraph] = {}
    for position, entry in enumerate(details["links"]):
        place = f"links/{position}"
        links = Pairs(model.array(f"{place}/source"), model.array(f"{place}/target"))
        left_out = tuple(EdgeType(*kind) for kind in entry.get("left_out", ()))
        problem = LinkProblem.known_links(EdgeType(*entry["edge_type"]), space, links, {}, entry["directed"], left_out)
        scorer = _scorer(model, place, entry["scorer"], embeddings, graphs)
        calibration = Calibration(**entry["calibration"])
        targets.append(LinkTarget(problem, scorer, calibration, load_partners(model, place) or problem.partners()))
    embed = NetworkEmbedder(model, details["network"], device) if "network" in details else None
    if embeddings is None:
        embeddings = factors(targets[0].scorer)
    return LinkPredictor(model.description, targets, model.ids(), embeddings, encoding(model), embed)


def factors(scorer: LinkScorer) -> Floats | None:
    """The pair ranker's own vectors, (n, d), those of its factorisation, for nearest neighbours."""
    if isinstance(scorer, RankerScorer):
        found = scorer.ranker.features.views[-1].factors
        return None if found is None else found.left
    return None


def encoding(model: ModelFolder) -> Encode:
    """Encodes the vertices of subgraphs as the processing job did; without its encoders nothing has features."""
    path = model.folder / "encoders.json"
    if not path.exists():
        return lambda subgraph: subgraph
    encoder = FeatureEncoder.load(path)
    return lambda subgraph: subgraph.encoded(encoder)


def _scorer(
    model: ModelFolder, place: str, entry: dict[str, Any], embeddings: Any, graphs: dict[str, PairGraph]
) -> LinkScorer:
    kind = entry["kind"]
    if kind == "floor":
        floor = RankerScorer(load_floor(model, entry["floor"], graphs))
        if entry["weight"] is None:
            return floor
        return StackScorer((_scorer(model, place, entry["trained"], embeddings, graphs), floor), (1.0, entry["weight"]))
    if kind == "ranker":
        return RankerScorer(load_ranker(model, place, entry["ranker"]))
    if kind == "stack":
        parts = tuple(_scorer(model, place, part, embeddings, graphs) for part in entry["parts"])
        return StackScorer(parts, tuple(entry["weights"]))
    if kind == "embedding":
        vectors = model.tensors(f"{place}.decoder")
        relation, inverse = vectors["relation"], vectors.get("inverse")
        return EmbeddingScorer(embeddings, relation, entry["decoder"], entry["gamma"], inverse)
    if kind == "pipeline":
        from ..pipelines.scorer import load_pipeline_scorer  # with all algorithms, which other models need not

        return load_pipeline_scorer(model, entry)
    raise ValueError(f"unknown scorer {kind!r}")
