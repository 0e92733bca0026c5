"""Sketches of neighbourhoods: how many vertices two of them share is told from a few numbers of each.

Every vertex keeps, for its neighbourhoods of one and of two edges, a MinHash signature and HyperLogLog registers. Those
of a union are the minimum and the maximum of the parts', so a vertex has its own from its neighbours' in one pass over
the edges. Size of a union times share of equal signature entries is the size of the intersection.

Source: Chamberlain et al. 2023, Graph Neural Networks for Link Prediction with Subgraph Sketching (ELPH, BUDDY),
equations 4 to 7; Broder 1997, MinHash; Flajolet et al. 2007, HyperLogLog.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .graph import Floats, Ints, PairGraph

#: registers of a HyperLogLog sketch
REGISTERS = 64
#: names of what ``sketch_block`` gives, in order
SKETCHED = (
    "near_near",
    "near_far",
    "far_near",
    "far_far",
    "near_only",
    "source_near_only",
    "far_only",
    "source_far_only",
)
#: edges whose signatures are gathered at once
AT_ONCE = 200_000


@dataclass(frozen=True)
class Sketches:
    """Those of all vertices, for neighbourhoods of at most one and at most two edges, the vertex itself included.

    Args:
        signatures: two of uint32, shape (n, k).
        powers: two of 2 to the minus register, float32, shape (n, registers): the smaller, the more vertices.
        sizes: estimated vertices of each neighbourhood, two of float32, shape (n,); the first are exact.
    """

    signatures: tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]
    powers: tuple[Floats, Floats]
    sizes: tuple[Floats, Floats]

    @classmethod
    def of(cls, graph: PairGraph, size: int) -> Sketches:
        """The sketches of a graph, with signatures of a size; the hashes are the same for every graph."""
        rng = np.random.default_rng(0)
        nodes = np.arange(graph.num_nodes, dtype=np.uint64)
        factors = rng.integers(1, 2**61 - 1, size, dtype=np.uint64) | np.uint64(1)
        shifts = rng.integers(0, 2**61 - 1, size, dtype=np.uint64)
        own = mixed(nodes[:, None] * factors[None, :] + shifts[None, :])
        hashed = mixed(nodes + np.uint64(0x9E3779B97F4A7C15)).astype(np.uint32)
        register = np.ones((graph.num_nodes, REGISTERS), dtype=np.float32)
        # the position of the first set bit of what the number of the register leaves
        rest = np.maximum(hashed >> np.uint32(6), 1)
        rank = 26 - np.floor(np.log2(rest)).astype(np.int64)
        register[np.arange(graph.num_nodes), hashed & np.uint32(REGISTERS - 1)] = 2.0 ** -rank.astype(np.float32)
        one, near = spread(graph.adjacency, own), spread(graph.adjacency, register)
        two, far = spread(graph.adjacency, one), spread(graph.adjacency, near)
        exact = graph.degree + np.float32(1)
        return cls((one, two), (near, far), (exact, np.maximum(sizes_of(far), exact)))

    def among(self, nodes: Ints) -> Sketches:
        """Those of some vertices, (m,)."""
        (one, two), (near, far), (exact, sizes) = self.signatures, self.powers, self.sizes
        return Sketches((one[nodes], two[nodes]), (near[nodes], far[nodes]), (exact[nodes], sizes[nodes]))


def mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint32]:
    """Numbers of any shape (n, …) as evenly spread hashes. Source: Steele et al. 2014, the finaliser of SplitMix64."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    hashes: npt.NDArray[np.uint32] = ((numbers ^ (numbers >> np.uint64(31))) >> np.uint64(32)).astype(np.uint32)
    return hashes


def spread(adjacency: Any, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The minimum, column by column, of each vertex's row, of any dtype (n, w), and those of its neighbours."""
    found = rows.copy()
    indptr, indices = adjacency.indptr, adjacency.indices
    start = 0
    while start < len(rows):
        stop = max(start + 1, int(np.searchsorted(indptr, indptr[start] + AT_ONCE, side="right")) - 1)
        held = np.flatnonzero(np.diff(indptr[start : stop + 1]))
        if len(held):
            heard = rows[indices[indptr[start] : indptr[stop]]]
            least = np.minimum.reduceat(heard, indptr[start + held] - indptr[start], axis=0)
            found[start + held] = np.minimum(found[start + held], least)
        start = stop
    return found


def sizes_of(powers: npt.NDArray[np.float32]) -> Floats:
    """How many vertices registers have seen, float32 (…, registers) → (…); small numbers by empty registers."""
    alpha = 0.709  # of 64 registers
    raw = alpha * REGISTERS**2 / powers.sum(axis=-1)
    empty = (powers == 1).sum(axis=-1)
    linear = REGISTERS * np.log(REGISTERS / np.maximum(empty, 1))
    result: Floats = np.where((raw <= 2.5 * REGISTERS) & (empty > 0), linear, raw).astype(np.float32)
    return result


def sketch_block(graph: PairGraph, sketches: Sketches, sources: Ints, neighbours: Floats) -> list[Floats]:
    """How the neighbourhoods of a pair overlap, in the order of ``SKETCHED``, as ln(1 + count).

    Near is one edge away, far is two: ``near_far`` counts vertices that are near to the node and far from the source;
    ``near_only`` those near to the node and neither near nor far from the source.

    Args:
        graph: the graph of the sketches, n nodes.
        sketches: of it.
        sources: node numbers, int64 (b,).
        neighbours: ``graph.columns(sources)``, shape (n, b).

    Returns:
        float32 arrays of shape (n, b).
    """
    shared = np.empty((2, 2, graph.num_nodes, len(sources)), dtype=np.float32)
    # one edge and one edge is exact: common neighbours, and both ends where they are linked
    shared[0, 0] = graph.adjacency @ neighbours + 2 * neighbours
    for column, source in enumerate(sources):
        for near, far in ((0, 1), (1, 0), (1, 1)):
            equal = (sketches.signatures[near] == sketches.signatures[far][source]).mean(axis=1, dtype=np.float32)
            union = sizes_of(np.minimum(sketches.powers[near], sketches.powers[far][source]))
            most = np.minimum(sketches.sizes[near], sketches.sizes[far][source])
            shared[near, far, :, column] = np.minimum(equal * union, most)
    shared[0, 1] = np.maximum(shared[0, 1], shared[0, 0])
    shared[1, 0] = np.maximum(shared[1, 0], shared[0, 0])
    near_far, far_near = shared[0, 1] - shared[0, 0], shared[1, 0] - shared[0, 0]
    far_far = np.maximum(shared[1, 1] - shared[0, 1] - shared[1, 0] + shared[0, 0], 0)
    one, two = sketches.sizes
    outer = two - one
    counts = (
        shared[0, 0],
        near_far,
        far_near,
        far_far,
        one[:, None] - shared[0, 1],
        one[sources][None, :] - shared[1, 0],
        outer[:, None] - far_near - far_far,
        outer[sources][None, :] - near_far - far_far,
    )
    return [np.log1p(np.maximum(count, 0)).astype(np.float32) for count in counts]
