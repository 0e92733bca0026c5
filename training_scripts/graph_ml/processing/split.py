"""Which nodes or edges to train on, to choose by and to report on."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from ..container import JobError
from ..graph.data import EdgeList, Split, Target

IntArray = NDArray[np.int64]
Rates = tuple[float, float, float]


def random_split(target: Target, items: IntArray, rates: Rates, seed: int, groups: IntArray | None = None) -> Split:
    """Divide items at random, the same for the same seed and target whatever other targets there are.

    A share that is not zero gets at least one item as long as there are enough. Shares are rounded by largest
    remainder, earlier parts first.

    Args:
        target: names what is split.
        items: indices to divide, shape (n,).
        rates: shares of train, validation and test; they add up to 1.
        groups: items of equal group stay together, shape (n,); the sizes then hold up to the size of a group.

    Raises:
        JobError: nothing would be left to train on.
    """
    if not len(items):
        raise JobError(f"there is nothing to learn {target} from: no node or edge of that type has a value")
    sizes = part_sizes(len(items), rates)
    if sizes[0] == 0:
        raise JobError(
            f"the split {list(rates)} leaves nothing to train {target} on ({len(items)} in all); give train a share"
        )
    rng = np.random.default_rng([seed, zlib.crc32(str(target).encode())])
    if groups is None:
        order = items[rng.permutation(len(items))]
        return _cut(order, (sizes[0], sizes[0] + sizes[1]))
    names, group = np.unique(groups, return_inverse=True)
    place = rng.permutation(len(names))[group]
    by_place = np.argsort(place, kind="stable")
    # a cut moves to the nearest end of a group, but never makes a part empty that should have items
    ends = np.flatnonzero(np.diff(place[by_place], append=len(names))) + 1
    first = _nearest_end(ends, sizes[0])
    second = max(first, _nearest_end(ends, sizes[0] + sizes[1]))
    if sizes[1] and second == first and first < len(items):
        second = int(ends[np.searchsorted(ends, first, side="right")])
    return _cut(items[by_place], (first, second))


def part_sizes(total: int, rates: Rates) -> tuple[int, int, int]:
    """How many of ``total`` items each part gets."""
    exact = [total * rate for rate in rates]
    sizes = [int(np.floor(share + 1e-9)) for share in exact]
    by_remainder = sorted(range(3), key=lambda part: (-(exact[part] - sizes[part]), part))
    for part in by_remainder[: total - sum(sizes)]:
        sizes[part] += 1
    wanted = [part for part in range(3) if rates[part] > 0]
    if total >= len(wanted):
        for part in wanted:
            if sizes[part] == 0:
                sizes[part] += 1
                sizes[int(np.argmax(sizes))] -= 1
    return sizes[0], sizes[1], sizes[2]


def same_pair_groups(target: Target, edges: EdgeList, num_targets: int) -> IntArray:
    """A number for each edge, int64 (m,), equal for edges between the same two nodes.

    Within one node type the direction does not count: an edge in the validation split whose reverse is trained on
    would be known already.
    """
    source, destination = np.asarray(edges.source), np.asarray(edges.target)
    if target.edge_type.source == target.edge_type.target:
        source, destination = np.minimum(source, destination), np.maximum(source, destination)
    return np.asarray(source * max(1, num_targets) + destination, dtype=np.int64)


def _nearest_end(ends: IntArray, cut: int) -> int:
    if cut == 0:
        return 0
    after = min(int(np.searchsorted(ends, cut)), len(ends) - 1)
    before = after - 1
    if before >= 0 and cut - ends[before] < ends[after] - cut:
        return int(ends[before])
    return int(ends[after])


def _cut(order: IntArray, cuts: tuple[int, int]) -> Split:
    train, valid, test = (np.sort(part).astype(np.int64) for part in np.split(order, cuts))
    return Split(train, valid, test)
