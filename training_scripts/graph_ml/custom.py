"""For authors of custom models: what their scripts find, and how what they worked out becomes a model that is served.

    from graph_ml import custom

    work = custom.Work.here()
    graph = work.graph()                      # a GraphData: ids, edges, features, labels and splits as arrays
    (target,) = work.targets(graph)
    data = work.pyg()                         # or the graph as PyTorch Geometric has it
    …
    custom.save_predictions(work, graph, target, probabilities)     # properties: one row a vertex or an edge
    custom.save_links(work, graph, {"user": users, "movie": movies})  # links: one vector a vertex

``training.py`` may leave whatever it likes in ``work.model``; ``transform.py`` reads it there and ends with one of the
two functions.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .artifacts import ModelWriter
from .container import Container, JobError
from .graph import EdgeType, GraphData, Target
from .graph.conversions.pyg import to_pyg
from .links import LinkProblem, Pairs
from .models.families import UnknownFamily
from .models.families import decoder as decoder_of
from .models.link_scorers import Calibration, EmbeddingScorer
from .models.settings import Settings
from .pairs import NodeSpace
from .schemas import Metrics, ModelDescription
from .tasks import METRIC_DIRECTION, default_metric
from .training.context import chosen_targets
from .training.run import target_name

MOST_JUDGED = 1000


@dataclass(frozen=True)
class Work:
    """The folders and hyperparameters of a custom script. Values are text, names as the configuration has them."""

    data: Path
    model: Path
    parameters: Mapping[str, str]
    job: str = ""

    @classmethod
    def here(cls) -> Work:
        """Of the container this script runs in."""
        container = Container.from_environment()
        given = container.environ.get("SM_HPS", "")
        parameters = json.loads(given) if given else container.hyperparameters()
        return cls(container.channel("train"), container.model, parameters, container.job_name)

    def graph(self) -> GraphData:
        """The processed graph."""
        return GraphData.read(self.data)

    def pyg(self) -> Any:
        """The processed graph as a ``HeteroData`` of PyTorch Geometric; see ``graph/conversions/pyg``."""
        return to_pyg(self.graph())

    def targets(self, graph: GraphData) -> tuple[Target, ...]:
        """What is to be learned: all edge types of link prediction, otherwise one property."""
        task, name = self.parameters.get("task", ""), self.parameters.get("property", "")
        node_type = self.parameters.get("target_ntype", "")
        return chosen_targets(graph, Settings(task=task, property=name, target_ntype=node_type))


def save_predictions(work: Work, graph: GraphData, target: Target, values: npt.ArrayLike) -> None:
    """Keep what is predicted of a property, for every vertex or edge of the target's type, in index order.

    Args:
        values: probabilities (n, classes) in the order of the labels' classes, or numbers (n,).

    Raises:
        JobError: the shape is another, or a value is not finite.
    """
    labels = graph.labels[target]
    of_edges = not isinstance(target.type, str)
    count = len(graph.edges[target.edge_type]) if of_edges else graph.num_nodes[target.node_type]
    table = np.asarray(values, dtype=np.float32)
    table = table[:, None] if table.ndim == 1 else table
    expected = (count, 1 if labels.kind == "number" else len(labels.classes))
    if table.shape != expected:
        raise JobError(f"predictions of {target} have the shape {table.shape}; {expected} is expected")
    _check_finite(table, f"predictions of {target}")
    writer = ModelWriter(work.model)
    writer.array("predictions", table)
    if of_edges:
        edges = graph.edges[target.edge_type]
        writer.array("edges/ends", np.stack([edges.source, edges.target], axis=1))
        writer.texts("edges", graph.edge_ids.get(target.edge_type, []))
    _finish(work, graph, (target,), writer, {"stored": labels.kind})


def save_links(
    work: Work,
    graph: GraphData,
    embeddings: Mapping[str, npt.ArrayLike],
    relations: Mapping[EdgeType, npt.ArrayLike] | None = None,
    *,
    decoder: str = "dot",
    gamma: float = 12.0,
) -> None:
    """Keep vectors of vertices that say by a decoder which links are likely.

    Args:
        embeddings: node type → (n, d), in index order; types that are left out have vectors of zeros.
        relations: edge type → (d,), for ``rotate`` (d / 2,) phases; not needed for ``dot``.
        decoder: ``dot``, or a knowledge-graph family: ``distmult``, ``transe``, ``rotate`` …
        gamma: margin of the two distance decoders.

    Raises:
        JobError: a shape is another, a vector is missing, or a value is not finite.
    """
    space = NodeSpace(dict(graph.num_nodes))
    vectors = _table(graph, space, embeddings)
    targets = work.targets(graph)
    writer = ModelWriter(work.model)
    writer.array("embeddings", vectors)
    try:
        phases = decoder_of(decoder).phases
    except UnknownFamily as error:
        raise JobError(f"no decoder {decoder!r}: {error}") from error
    width = vectors.shape[1] // 2 if phases else vectors.shape[1]
    links = []
    for position, target in enumerate(targets):
        given = (relations or {}).get(target.edge_type)
        if given is None and decoder != "dot":
            raise JobError(f"decoder {decoder!r} needs a vector of {target.edge_type} in relations")
        relation = np.ones(width, dtype=np.float32) if given is None else np.asarray(given, dtype=np.float32)
        if relation.shape != (width,):
            raise JobError(f"the vector of {target.edge_type} has the shape {relation.shape}; ({width},) is expected")
        _check_finite(relation, f"the vector of {target.edge_type}")
        problem = LinkProblem.from_graph(graph, target)
        scorer = EmbeddingScorer(vectors, relation, decoder, gamma)
        known = problem.everything
        writer.array(f"links/{position}/source", known.source)
        writer.array(f"links/{position}/target", known.target)
        writer.tensors(f"links/{position}.decoder", {"relation": relation})
        links.append(
            {
                "edge_type": list(problem.edge_type),
                "directed": problem.directed,
                "calibration": asdict(_calibration(problem, scorer)),
                "scorer": {"kind": "embedding", "decoder": decoder, "gamma": gamma},
            }
        )
    _finish(work, graph, targets, writer, {"links": links})


def _table(graph: GraphData, space: NodeSpace, embeddings: Mapping[str, npt.ArrayLike]) -> npt.NDArray[np.float32]:
    tables = {kind: np.asarray(table, dtype=np.float32) for kind, table in embeddings.items()}
    unknown = sorted(set(tables) - set(space.counts))
    if unknown or not tables:
        raise JobError(f"embeddings name {', '.join(unknown) or 'nothing'}; there are {', '.join(space.counts)}")
    widths = {table.shape[1] if table.ndim == 2 else 0 for table in tables.values()}
    vectors = np.zeros((space.total, max(widths)), dtype=np.float32)
    for kind, table in tables.items():
        if table.shape != (graph.num_nodes[kind], vectors.shape[1]):
            expected = (graph.num_nodes[kind], vectors.shape[1])
            raise JobError(f"embeddings of {kind!r} have the shape {table.shape}; {expected} is expected")
        _check_finite(table, f"embeddings of {kind!r}")
        vectors[space.range(kind)] = table
    return vectors


def _check_finite(values: npt.NDArray[np.float32], what: str) -> None:
    if not np.isfinite(values).all():
        raise JobError(f"{what} hold values that are not finite numbers")


def _calibration(problem: LinkProblem, scorer: EmbeddingScorer) -> Calibration:
    """Probabilities from the scores of held-out links, or of known ones, beside those of drawn pairs."""
    rng = np.random.default_rng(0)
    held = Pairs.join([problem.choose, problem.valid])
    pairs = held if len(held) else problem.train
    pairs = pairs[rng.permutation(len(pairs))[:MOST_JUDGED]]
    candidates = problem.candidates(False)
    drawn = rng.integers(candidates.stop - candidates.start, size=len(pairs))
    positive, negative = [np.empty(0)], [np.empty(0)]
    for start in range(0, len(pairs), 64):
        part = slice(start, start + 64)
        scores = scorer.scores(pairs.source[part], candidates, False).astype(np.float64)
        rows = np.arange(len(scores))
        positive.append(scores[rows, pairs.target[part] - candidates.start])
        negative.append(scores[rows, drawn[part]])
    return Calibration.fit(np.concatenate(positive), np.concatenate(negative))


def _finish(
    work: Work, graph: GraphData, targets: tuple[Target, ...], writer: ModelWriter, details: dict[str, Any]
) -> None:
    encoders = work.data / "encoders.json"
    if encoders.exists():
        writer.file("encoders.json", encoders.read_text(encoding="utf-8"))
    writer.ids(graph.live_ids)
    metric = default_metric(targets[0].task, graph.labels.get(targets[0]))
    metrics = Metrics.model_validate(
        {
            "task": targets[0].task,
            "objective": f"validation_{metric}",
            "direction": METRIC_DIRECTION.get(metric, "maximize"),
        }
    )
    created_ms, snapshot = int(time.time() * 1000), graph.info.get("graph_snapshot_ms")
    description = ModelDescription(
        id=work.job or f"custom-{created_ms}",
        model="custom",
        task=targets[0].task,
        targets=[target_name(graph, target) for target in targets],
        node_types=dict(graph.num_nodes),
        edge_types=list(graph.edge_types),
        hyperparameters=dict(work.parameters),
        created_ms=created_ms,
        training_job=work.job,
        dataset_hash=graph.dataset_hash,
        graph_snapshot_ms=snapshot if isinstance(snapshot, int) else None,
        details={**details, "inductive": False},
    )
    writer.finish(description, metrics)
