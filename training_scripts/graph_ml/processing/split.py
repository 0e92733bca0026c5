"""Which nodes or edges to train on, to choose by and to report on."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..container import JobError
from ..distinct import among, among_sorted, distinct, numbers_of, pair_numbers
from ..graph import EdgeList, EdgeType, GraphData, Labels, Split, Target
from ..graph.data import Mask
from ..schemas.model import Split as PartName
from ..scratch import blocks

IntArray = NDArray[np.int64]
Rates = tuple[float, float, float]

#: share of the items below which a class is rare
RARE = 0.05
#: training groups below which a tenth of them could not both choose and be judged
FEWEST_GROUPS = 20


@dataclass(frozen=True)
class HeldOut:
    """What a model learns from, is chosen by, and is judged on: no two of them share an item or a group.

    ``choose`` picks epochs, weights and calibration; ``valid`` compares models and is reported; ``test`` is reported
    and looked at last. All are sorted indices, int64. Without ``choose`` the training items choose, and without
    ``valid`` the figures are those of the training items. ``notes`` says what was moved or left out.
    """

    train: IntArray
    choose: IntArray
    valid: IntArray
    test: IntArray
    notes: tuple[str, ...] = field(default=())

    @property
    def selection(self) -> IntArray:
        """The items that epochs, weights and calibration are chosen by, (n,)."""
        return self.choose if len(self.choose) else self.train

    @property
    def judged(self) -> dict[PartName, IntArray]:
        """Items, (n,), by the split that reports them: ``valid``, or ``train`` without any; ``test``."""
        first: dict[PartName, IntArray] = {"valid": self.valid} if len(self.valid) else {"train": self.train}
        return {**first, "test": self.test} if len(self.test) else first


def held_out(
    split: Split,
    groups: IntArray,
    seed: int,
    copies: IntArray | None = None,
    times: NDArray[np.float64] | None = None,
    rare: Mask | None = None,
) -> HeldOut:
    """Divide a split into parts that share nothing.

    An item of a later part takes its copies out of the earlier ones. Half of the validation items, by group, are there
    to choose by and the other half to be judged. Where there are none, a tenth of the training groups stands in; fewer
    than 20 training groups are too few for that. With ``times`` it is the newest tenth.

    Args:
        split: as data processing wrote it.
        groups: items of equal group stay together, shape (n,) over all items.
        seed: of the draws.
        copies: items of equal number may not stand in two parts, shape (n,); ``groups`` where not given.
        times: of all items, float64 (n,), in a split by time.
        rare: items of which both halves are to have their share, bool (n,).
    """
    copies = groups if copies is None else copies
    notes = []
    test = np.asarray(split.test, dtype=np.int64)
    valid = _apart(split.valid, copies, test)
    train = _apart(split.train, copies, np.concatenate([valid, test]))
    if lost := len(split.valid) + len(split.train) - len(valid) - len(train):
        notes.append(f"{lost} items are copies or opposites of held-out ones and take no part")
    rng = np.random.default_rng([seed, 1])
    held, known = distinct(groups[valid]), distinct(groups[train])
    if len(held) < 2 and len(known) >= FEWEST_GROUPS:
        order = rng.permutation(known) if times is None else _newest_first(groups[train], times[train])
        taken = among(groups[train], order[: len(known) // 10])
        train, tenth = train[~taken], train[taken]
        notes.append(f"the split leaves nothing to choose by, so a tenth was taken out of training: {len(tenth)} items")
        if len(held):
            return HeldOut(train, tenth, valid, test, tuple(notes))
        valid, held = tenth, distinct(groups[tenth])
    special = held[:0] if rare is None else distinct(groups[valid][rare[valid]])
    ordinary = held[~among(held, special)]
    few = rng.permutation(special)[: len(special) // 2]
    many = rng.permutation(ordinary)[: len(held) // 2 - len(few)]
    chosen = among(groups[valid], np.concatenate([few, many]))
    choose, valid = valid[chosen], valid[~chosen]
    if not len(valid):
        notes.append("there are too few items to hold any out: the figures called 'training' are of training items")
    elif not len(choose):
        notes.append("there are too few items to choose by: epochs and weights are chosen by training items")
    else:
        notes.append(
            f"epochs, weights and calibration are chosen by {len(choose)} validation items; {len(valid)} others are "
            "judged"
        )
    return HeldOut(train, choose, valid, test, tuple(notes))


def _newest_first(groups: IntArray, times: NDArray[np.float64]) -> IntArray:
    """The distinct groups, those first whose earliest item is the newest, (g,); of items (n,)."""
    order = np.lexsort((groups, times))
    first: IntArray = groups[order[np.sort(np.unique(groups[order], return_index=True)[1])]]
    return first[::-1]


def _apart(items: IntArray, copies: IntArray, later: IntArray) -> IntArray:
    """The items that have no copy among later ones."""
    items = np.asarray(items, dtype=np.int64)
    if not len(later):
        return items
    known = distinct(copies[later])
    kept = np.empty(len(items), dtype=bool)
    for part in blocks(len(items)):
        kept[part] = ~among_sorted(copies[items[part]], known)
    return items[kept]


def random_split(
    target: Target,
    items: IntArray,
    rates: Rates,
    seed: int,
    groups: IntArray | None = None,
    parked: Callable[[IntArray], IntArray] = lambda array: array,
    rare: Mask | None = None,
) -> Split:
    """Divide items at random, the same for the same seed and target whatever other targets there are.

    A share that is not zero gets at least one item as long as there are enough. Shares are rounded by largest
    remainder, earlier parts first.

    Args:
        target: names what is split.
        items: indices to divide, shape (n,).
        rates: shares of train, validation and test; they add up to 1.
        groups: items of equal group stay together, shape (n,); the sizes then hold up to the size of a group.
        parked: puts an array where it takes no memory.
        rare: items, (n,), that are divided apart from the others, so that every part has its share of them.

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
    if rare is not None:
        apart = rare if groups is None else among(groups, groups[rare])
        if apart.any() and not apart.all():
            few, many = (
                random_split(target, items[of], rates, seed, None if groups is None else groups[of], parked)
                for of in (apart, ~apart)
            )
            parts = ((few.train, many.train), (few.valid, many.valid), (few.test, many.test))
            return Split(*(parked(np.sort(np.concatenate(both))) for both in parts))
    rng = np.random.default_rng([seed, zlib.crc32(str(target).encode())])
    if groups is None:
        order = parked(items[rng.permutation(len(items))])
        return _cut(order, (sizes[0], sizes[0] + sizes[1]), parked)
    group = parked(numbers_of(groups, parked))
    drawn = parked(rng.permutation(int(group.max()) + 1))
    place = parked(drawn[group])
    del drawn, group
    # a cut moves to the nearest end of a group, but never makes a part empty that should have items
    ends = np.bincount(place)
    ends = parked(np.cumsum(ends, out=ends))
    first = _nearest_end(ends, sizes[0])
    second = max(first, _nearest_end(ends, sizes[0] + sizes[1]))
    if sizes[1] and second == first and first < len(items):
        second = int(ends[np.searchsorted(ends, first, side="right")])
    # so a group lies in a part as a whole, and nothing need be put into its order
    cuts = np.searchsorted(ends, [first, second], side="right")
    part_of = np.empty(len(items), dtype=np.int8)
    for part in blocks(len(items)):
        part_of[part] = np.searchsorted(cuts, place[part], side="right")
    del place
    return Split(*(parked(_ascending(items[part_of == number])) for number in range(3)))


def rare_items(labels: Labels) -> Mask | None:
    """Items of classes that few have, bool (n,), of all items; None where there are none, or most classes are such.

    A random part of a hundred items has none of a class of one in a hundred as often as not, and then nothing can be
    said of it.
    """
    if labels.kind != "class" or not len(labels.classes):
        return None
    values = np.asarray(labels.values)
    counts = np.bincount(values[values >= 0], minlength=len(labels.classes))
    few = (counts > 0) & (counts < RARE * counts.sum())
    if not few.any() or 2 * counts[few].sum() > counts.sum():
        return None
    return np.asarray((values >= 0) & few[values])


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
    elif rates[0] > 0 and total and sizes[0] == 0:
        # too few for every part: training comes first
        sizes[max((1, 2), key=lambda part: (sizes[part], part))] -= 1
        sizes[0] = 1
    return sizes[0], sizes[1], sizes[2]


def same_pair_groups(edge_type: EdgeType, edges: EdgeList, num_targets: int) -> IntArray:
    """A number for each edge, int64 (m,), equal for edges between the same two nodes.

    Within one node type the direction does not count: an edge in the validation split whose reverse is trained on
    would be known already.
    """
    ordered = edge_type.source != edge_type.target
    return pair_numbers(edges.source, edges.target, max(1, num_targets), ordered)


def groups_of(graph: GraphData, target: Target) -> IntArray:
    """A number for each item of a target, equal for those that may not be parted, shape (items,)."""
    if isinstance(target.type, str):
        return np.arange(len(graph.asked(target)))
    return same_pair_groups(target.type, graph.edges[target.type], graph.num_nodes[target.type.target])


def _nearest_end(ends: IntArray, cut: int) -> int:
    if cut == 0:
        return 0
    after = min(int(np.searchsorted(ends, cut)), len(ends) - 1)
    before = after - 1
    if before >= 0 and cut - ends[before] < ends[after] - cut:
        return int(ends[before])
    return int(ends[after])


def _ascending(items: IntArray) -> IntArray:
    """The items, (n,), in ascending order, which most have already."""
    in_order = bool((items[1:] >= items[:-1]).all())
    return np.asarray(items if in_order else np.sort(items), dtype=np.int64)


def _cut(order: IntArray, cuts: tuple[int, int], parked: Callable[[IntArray], IntArray]) -> Split:
    train, valid, test = (parked(np.sort(part).astype(np.int64, copy=False)) for part in np.split(order, cuts))
    return Split(train, valid, test)
