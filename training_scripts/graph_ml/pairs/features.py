"""All families together: the features of (source, node) pairs as dense blocks, on scales a small network can use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import sparse

from ..distinct import distinct
from .affinity import Affinity
from .attributes import AttributeSpace, Features, cosine_block, unit_dense, unit_rows
from .degree import Arrows, along_block, arrow_block, degree_block
from .ease import ease_block
from .graph import Floats, Ints, PairGraph
from .ials import Factors, fold_in
from .near import most_alike, near, popular
from .pagerank import pagerank_block
from .paths import floor_paths, path_block
from .sketches import SKETCHED, Sketches, sketch_block

WALKS = ("cn", "aa", "ra", "aa_raw", "jaccard", "l3", "paths3", "ppr", "ppr_back")
DEGREES = ("degree", "source_degree")
AFFINITIES = ("affinity", "affinity_source_side", "affinity_node_side", "expected_degree", "source_expected_degree")
ARROWS = ("reciprocal", "role_degree", "source_role_degree")
ALONG = ("l3_along", "chains_along")
#: features that pick the hard negatives
RETRIEVERS = ("aa_raw", "l3", "ppr", "ease", "ials")
#: the same where pairs are described by sketches
SKETCH_RETRIEVERS = ("near_near", "near_far", "far_near", "far_far")
#: what every model is compared with; see ``floor_block``
FLOORS = ("adamic_adar", "l3", "ease")
#: candidates with the most links, or most alike in attributes, that join those near a source
JOINING = 256

Edges = tuple[Ints, Ints]


@dataclass(frozen=True)
class View:
    """One graph that features are computed on; a typed graph has two, its target edges alone and all its edges."""

    name: str
    graph: PairGraph
    factors: Factors | None = None
    sketches: Sketches | None = None

    def among(self, nodes: Ints) -> View:
        """What is known of some nodes, (m,), and the edges between them; they get the numbers of their places."""
        factors = None if self.factors is None else self.factors.among(nodes)
        sketches = None if self.sketches is None else self.sketches.among(nodes)
        return View(self.name, self.graph.among(nodes), factors, sketches)


@dataclass(frozen=True)
class PairSettings:
    """How exact the features are: conjugate-gradient steps of EASE, hops of PageRank, iALS size and sweeps.

    With ``sketches``, entries of a signature, pairs are described by sketches of their neighbourhoods and not by walks.
    With ``near``, only so many vertices around a source are looked at, and its candidates are those among them.
    """

    ease_steps: int = 3
    hops: int = 4
    ials_size: int = 64
    ials_sweeps: int = 8
    sketches: int = 0
    near: int = 0

    def sketched(self, graph: PairGraph) -> Sketches | None:
        """The sketches of a graph; None where pairs are described by walks."""
        return Sketches.of(graph, self.sketches) if self.sketches else None


@dataclass(frozen=True)
class PairFeatures:
    """Computes the features of one or more sources against a range of candidate nodes.

    Args:
        views: graphs over the same nodes; the first one is the target's own.
        bag: unit TF-IDF rows of all nodes, CSR, or None.
        numbers: unit rows of standardised numbers, dense, or None.
        settings: exactness.
        arrows: edges from source to target, where the direction of the target's edges says something: adds whether the
            opposite edge exists, and degrees by role.
        along: adds paths that keep to these directions, too.
        typed: the two ends differ in type: adds which end is asked for.
        attributes: how ``bag`` and ``numbers`` were made, for nodes that come later.
        affinity: what attributes let expect of factors and degrees, where there are attributes and the first view has
            factors.
    """

    views: tuple[View, ...]
    bag: Any | None = None
    numbers: Floats | None = None
    settings: PairSettings = field(default_factory=PairSettings)
    arrows: Arrows | None = None
    along: bool = True
    typed: bool = False
    attributes: AttributeSpace = field(default_factory=lambda: AttributeSpace(()))
    affinity: Affinity | None = None
    _popular: dict[tuple[int, int], Ints] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names in the order of the first axis of a block; those of further views carry the view's name."""
        names: list[str] = []
        for position, view in enumerate(self.views):
            prefix = "" if position == 0 else f"{view.name}."
            own = WALKS + DEGREES + (("ials",) if view.factors is not None else ()) + ("ease",)
            own = SKETCHED + DEGREES if self.settings.sketches else own
            names.extend(prefix + name for name in own)
        for kind, rows in (("bag", self.bag), ("numbers", self.numbers)):
            if rows is not None:
                names.extend((f"{kind}_cosine", f"{kind}_source_side", f"{kind}_node_side"))
        if self.affinity is not None:
            names.extend(AFFINITIES)
        if self.arrows is not None:
            names.extend((*ARROWS, *(ALONG if self.along else ())))
        if self.typed:
            names.append("heading")
        return tuple(names)

    @property
    def num_nodes(self) -> int:
        """Nodes of the shared space."""
        return self.views[0].graph.num_nodes

    def block(self, sources: Ints, candidates: slice = slice(None), predict_heads: bool = False) -> Floats:
        """Features of all candidate nodes for each source.

        Args:
            sources: node numbers, shape (b,).
            predict_heads: False asks where links from the sources go to, True where links to them come from.
            candidates: the range of nodes to return; everything else still takes part as a go-between.

        Returns:
            float32, shape (len(names), candidates, b), C-contiguous.
        """
        chosen: list[Floats] = []
        for view in self.views:
            chosen.extend(part[candidates] for part in view_block(view, sources, self.settings))
        for rows in (self.bag, self.numbers):
            if rows is not None:
                chosen.extend(part[candidates] for part in cosine_block(self.views[0].graph, rows, sources))
        factors = self.views[0].factors
        if self.affinity is not None and factors is not None:
            expected = self.affinity.block(factors, self.bag, self.numbers, sources)
            chosen.extend(part[candidates] for part in expected)
        if self.arrows is not None:
            chosen.extend(part[candidates] for part in arrow_block(self.arrows, sources, predict_heads))
            if self.along:
                chosen.extend(part[candidates] for part in along_block(self.arrows, sources, predict_heads))
        if self.typed:
            chosen.append(np.full_like(chosen[0], float(predict_heads)))
        return np.stack(chosen, dtype=np.float32)

    def among(self, nodes: Ints) -> PairFeatures:
        """The same features of some nodes, (m,), that get the numbers of their places.

        Walks stay among them; degrees, vectors and attributes are those of all nodes.
        """
        return replace(
            self,
            views=tuple(view.among(nodes) for view in self.views),
            bag=None if self.bag is None else self.bag[nodes],
            numbers=None if self.numbers is None else self.numbers[nodes],
            arrows=None if self.arrows is None else self.arrows.among(nodes),
            affinity=None if self.affinity is None else self.affinity.among(nodes),
        )

    def near(self, source: int, candidates: slice, predict_heads: bool, also: Ints) -> tuple[Ints, Floats]:
        """Features of the candidates near a source; see ``PairSettings.near``.

        Args:
            source: node number.
            candidates: the range of nodes that may be returned.
            predict_heads: see ``block``.
            also: candidates that are to be among them, int64 (a,).

        Returns:
            The numbers of candidates, int64 (m,), ascending, and their features, float32 (len(names), m).
        """
        most = max(1, self.settings.near // len(self.views))
        parts = [near(view.graph, source, most) for view in self.views]
        if max(len(part) for part in parts) < JOINING:
            # walks tell little of who has hardly any links
            parts += [most_alike(r, source, candidates, JOINING) for r in (self.bag, self.numbers) if r is not None]
        span = (candidates.start, candidates.stop)
        if span not in self._popular:
            self._popular[span] = popular(self.views[0].graph.degree, candidates, JOINING)
        nodes = distinct(np.concatenate([*parts, self._popular[span], also]))
        first, last = np.searchsorted(nodes, span).tolist()
        place = np.searchsorted(nodes, [source])
        block = self.among(nodes).block(place, slice(first, last), predict_heads)
        return nodes[first:last], block[:, :, 0]

    def extended(
        self,
        own: Edges,
        every: Edges,
        num_nodes: int,
        values: Features,
        firsts: Mapping[str, int],
    ) -> PairFeatures:
        """The same features on a graph that has gained edges, and nodes after the last known one.

        A new node without attributes is given the mean of its neighbours': to the scorer, nothing in common with
        anybody would say something else than nothing known.

        Args:
            own: new edges of the target's type, (sources, targets).
            every: new edges of all types.
            num_nodes: nodes with the new ones.
            values: encoded features of new nodes, node type → name → (n, d); rows follow ``firsts``.
            firsts: node type → number of its first new node.
        """
        known, extra = self.num_nodes, num_nodes - self.num_nodes
        views = []
        for position, view in enumerate(self.views):
            graph = view.graph.extended(*(own if position == 0 else every), num_nodes)
            factors = None if view.factors is None else fold_in(graph, view.factors)
            views.append(View(view.name, graph, factors, self.settings.sketched(graph)))
        bag, numbers = self.bag, self.numbers
        if extra:
            below = {name: first - known for name, first in firsts.items()}
            new_bag, new_numbers = self.attributes.rows(values, below, extra)
            around = views[0].graph.adjacency[known:, :known]
            if bag is not None and new_bag is not None:
                new_bag = completed(new_bag, unit_rows(around @ bag))
                bag = sparse.vstack([bag, new_bag], format="csr", dtype=np.float32)
            if numbers is not None and new_numbers is not None:
                unknown = ~new_numbers.any(axis=1)
                new_numbers[unknown] = unit_dense(around @ numbers)[unknown]
                numbers = np.vstack([numbers, new_numbers])
        arrows = self.arrows
        if arrows is not None:
            old = arrows.matrix.tocoo()
            row, col = np.concatenate([old.row, own[0]]), np.concatenate([old.col, own[1]])
            ones = np.ones(len(row), dtype=np.float32)
            matrix = sparse.csr_matrix((ones, (row, col)), shape=(num_nodes, num_nodes))
            matrix.data[:] = 1.0
            arrows = Arrows.of(matrix)
        affinity = self.affinity if self.affinity is None else Affinity.of(self.affinity.weights, bag, numbers)
        return replace(self, views=tuple(views), bag=bag, numbers=numbers, arrows=arrows, affinity=affinity)

    def blocks(
        self, sources: Ints, candidates: slice = slice(None), predict_heads: bool = False, memory_mb: int = 256
    ) -> Iterator[tuple[slice, Floats]]:
        """``block`` for many sources, (s,), as many at a time as fit the memory: each part of them with its block."""
        per_source = max(1, self.num_nodes * (len(self.names) + 12) * 4)
        size = int(np.clip(memory_mb * 2**20 // per_source, 1, 64))
        for start in range(0, len(sources), size):
            part = slice(start, min(start + size, len(sources)))
            yield part, self.block(sources[part], candidates, predict_heads)


def completed(rows: Any, instead: Any) -> Any:
    """CSR rows, those without an entry taken from another matrix of the same shape."""
    unknown = sparse.diags((np.diff(rows.indptr) == 0).astype(np.float32), dtype=np.float32)
    return sparse.csr_matrix(rows + unknown @ instead)


def view_block(view: View, sources: Ints, settings: PairSettings) -> list[Floats]:
    """The features of one view, each of shape (nodes, sources).

    In the order of ``WALKS``, ``DEGREES``, iALS, EASE; of a view with sketches ``SKETCHED`` and ``DEGREES``.
    """
    graph = view.graph
    neighbours = graph.columns(sources)
    if view.sketches is not None:
        return [*sketch_block(graph, view.sketches, sources, neighbours), *degree_block(graph, sources)]
    paths = path_block(graph, neighbours)
    forth, back = pagerank_block(graph, sources, neighbours, settings.hops)
    ease = ease_block(graph, sources, neighbours, settings.ease_steps)
    parts = [
        np.log1p(paths["cn"]),
        np.log1p(3 * paths["aa"]),
        np.log1p(10 * paths["ra"]),
        paths["aa"],
        paths["jaccard"],
        np.log(np.float32(0.01) + paths["l3"]),
        np.log1p(paths["paths3"]),
        np.log(np.float32(1e-6) + forth),
        np.log(np.float32(1e-6) + back),
        *degree_block(graph, sources),
    ]
    if view.factors is not None:
        parts.append(view.factors.block(sources))
    parts.append(np.sign(ease) * np.log1p(50 * np.abs(ease)))
    return parts


def floor_block(graph: PairGraph, sources: Ints) -> dict[str, Floats]:
    """The floors alone, each (nodes, sources): Adamic–Adar, L3, and EASE by eight conjugate-gradient steps."""
    neighbours = graph.columns(sources)
    return {**floor_paths(graph, neighbours), "ease": ease_block(graph, sources, neighbours, 8)}
