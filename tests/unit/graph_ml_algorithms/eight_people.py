"""The eight people of the manual of link-prediction pipelines, as an algorithm sees them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from training_scripts.graph_ml.algorithms import FUNCTIONS, Outcome
from training_scripts.graph_ml.projections import GraphView
from training_scripts.graph_ml.schemas.catalog.algorithms import ALGORITHMS
from training_scripts.graph_ml.schemas.catalog.options import read_options

NAMES = ("Alice", "Michael", "Karin", "Chris", "Will", "Mark", "Greg", "Veselin")
POSTS = (38, 67, 30, 132, 6, 32, 29, 3)
KNOWS = (
    *(("Alice", "Michael"), ("Michael", "Karin"), ("Michael", "Chris"), ("Michael", "Greg"), ("Will", "Michael")),
    *(("Will", "Chris"), ("Mark", "Michael"), ("Mark", "Will"), ("Greg", "Chris"), ("Veselin", "Chris")),
    *(("Karin", "Veselin"), ("Chris", "Karin")),
)
PAIRS = [(NAMES.index(one), NAMES.index(other)) for one, other in KNOWS]


def view_of(
    size: int, pairs: Iterable[tuple[int, int]], *, undirected: bool = True, weights: Any = None, **properties: Any
) -> GraphView:
    """A view of numbered nodes; of an undirected graph each pair is given once."""
    ends = np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
    source, target = ends[:, 0], ends[:, 1]
    given = None if weights is None else np.asarray(weights, dtype=np.float64)
    if undirected:
        source, target = np.concatenate([source, target]), np.concatenate([target, source])
        given = None if given is None else np.concatenate([given, given])
    columns = {name: np.asarray(values) for name, values in properties.items()}
    places = np.arange(size)
    return GraphView(places, places, source, target, given, undirected, columns)


EIGHT = view_of(8, PAIRS, posts=POSTS)


def run(name: str, view: GraphView = EIGHT, **options: Any) -> Outcome:
    """An algorithm with its defaults where nothing else is said."""
    return FUNCTIONS[name](view, read_options(ALGORITHMS[name].known_options, options))
