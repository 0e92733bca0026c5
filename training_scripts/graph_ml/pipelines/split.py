"""The three-way split of links, and the negatives beside the positives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..container import JobError
from ..distinct import among, among_sorted, distinct
from ..projections import Ints

Bools = NDArray[np.bool_]
COUNTED: Final = 1 << 22  # pairs that are written out rather than drawn and tried
TRIES: Final = 200

LEAST: Final[tuple[tuple[str, int, str], ...]] = (
    ("test set", 1, "raise `testFraction`"),
    ("complement of the test set", 3, "lower `testFraction`"),
    ("train set", 2, "raise `trainFraction`"),
    ("feature-input set", 1, "lower `trainFraction`"),
    ("validation folds", 1, "raise `trainFraction` or lower `validationFolds`"),
)


@dataclass(frozen=True)
class Split:
    """Unordered pairs of node numbers, int64, shape (pairs, 2) each."""

    feature_input: Ints
    train_positive: Ints
    test_positive: Ints
    train_negative: Ints
    test_negative: Ints

    @property
    def train(self) -> tuple[Ints, Ints]:
        """All training pairs and their labels, 1 for links, shapes (pairs, 2) and (pairs,)."""
        return _labelled(self.train_positive, self.train_negative)

    @property
    def test(self) -> tuple[Ints, Ints]:
        """All test pairs and their labels, 1 for links, shapes (pairs, 2) and (pairs,)."""
        return _labelled(self.test_positive, self.test_negative)


def _labelled(positive: Ints, negative: Ints) -> tuple[Ints, Ints]:
    labels = np.concatenate([np.ones(len(positive)), np.zeros(len(negative))]).astype(np.int64)
    return np.concatenate([positive, negative]), labels


def expected_sizes(count: int, split: Mapping[str, Any]) -> tuple[int, int, int, int, int]:
    """Test pairs, arcs of the complement, train pairs, arcs of the feature input, pairs a fold; of ``count`` links."""
    arcs, ratio = 2 * count, 1 + split["negativeSamplingRatio"]
    test = int(_least_half(int(arcs * split["testFraction"])) * ratio)
    complement = int(arcs * (1 - split["testFraction"]))
    train = int(_least_half(int(complement * split["trainFraction"])) * ratio)
    feature_input = int(complement * (1 - split["trainFraction"]))
    return test, complement, train, feature_input, train // split["validationFolds"]


def check_sizes(count: int, split: Mapping[str, Any]) -> None:
    """Raise JobError for a set that is too small, naming it, its size, the least, and the fraction to change."""
    for (name, least, advice), size in zip(LEAST, expected_sizes(count, split), strict=True):
        if size < least:
            raise JobError(
                f"The specified `testFraction` {split['testFraction']}, `trainFraction` {split['trainFraction']} and "
                f"`validationFolds` {split['validationFolds']} make the {name} of {count} relationships too small: "
                f"its size would be {size}, and the least is {least}; {advice}"
            )


def _half(count: int, fraction: float, random: np.random.Generator) -> int:
    """Half of ``2 * count * fraction`` cut to a whole number, a remaining half settled by chance; not to nothing."""
    arcs = int(2 * count * fraction + 1e-9)
    upwards = bool(arcs % 2) and random.random() < 0.5
    return max(arcs // 2 + int(upwards), _least_half(arcs))


def _least_half(arcs: int) -> int:
    """The least number of links that half of so many arcs may be settled to."""
    return arcs // 2 or min(arcs, 1)


def split_links(
    links: Ints,
    split: Mapping[str, Any],
    sources: Bools,
    targets: Bools,
    random: np.random.Generator,
    negatives: Ints | None = None,
    existing: Ints | None = None,
) -> Split:
    """Divide links into feature input, training and test, and add negatives.

    Args:
        links: distinct unordered pairs without self-loops, int64, shape (links, 2).
        split: the options of ``configureSplit``.
        sources, targets: which nodes may be the one end, and which the other, bool, shape (n,).
        negatives: pairs to be used instead of drawn ones, shape (pairs, 2).
        existing: pairs that no negative may be, shape (pairs, 2), by default ``links``.
    """
    check_sizes(len(links), split)
    drawing, choosing = random.spawn(2)
    order = drawing.permutation(len(links))
    tests = _half(len(links), split["testFraction"], drawing)
    trains = _half(len(links) - tests, split["trainFraction"], drawing)
    test, train, rest = links[order[:tests]], links[order[tests : tests + trains]], links[order[tests + trains :]]
    ratio = split["negativeSamplingRatio"]
    if negatives is None:
        wanted = int(ratio * tests), int(ratio * trains)
        drawn = draw_negatives(links if existing is None else existing, sum(wanted), sources, targets, choosing)
        return Split(rest, train, test, drawn[wanted[0] :], drawn[: wanted[0]])
    shuffled = negatives[choosing.permutation(len(negatives))]
    of_test = len(negatives) * tests // max(1, tests + trains)
    return Split(rest, train, test, shuffled[of_test:], shuffled[:of_test])


def pair_keys(pairs: Ints, size: int) -> Ints:
    """A number for every unordered pair of n = ``size`` nodes, int64, shape (pairs,)."""
    return np.asarray(pairs.min(axis=1) * size + pairs.max(axis=1))


def draw_negatives(links: Ints, count: int, sources: Bools, targets: Bools, random: np.random.Generator) -> Ints:
    """Distinct pairs of admissible nodes that are no links, each equally likely, int64, shape (count, 2).

    Raises JobError where there are not so many.
    """
    size = len(sources)
    one, other = np.flatnonzero(sources), np.flatnonzero(targets)
    taken = distinct(pair_keys(links, size))
    if len(one) * len(other) <= COUNTED:
        free = _free_pairs(one, other, taken, size)
        if len(free) < count:
            _refuse(count, len(free))
        return free[random.permutation(len(free))[:count]]
    found = np.zeros(0, dtype=np.int64)
    for _ in range(TRIES):
        missing = count - len(found)
        if not missing:
            return _pairs_of(found, size)
        pairs = np.stack([random.choice(one, 2 * missing), random.choice(other, 2 * missing)], axis=1)
        keys = pair_keys(pairs[pairs[:, 0] != pairs[:, 1]], size)
        _, first = np.unique(keys, return_index=True)
        keys = keys[np.sort(first)]
        found = np.concatenate([found, keys[~among_sorted(keys, taken) & ~among(keys, found)][:missing]])
    return _refuse(count, len(found))


def _refuse(count: int, found: int) -> Ints:
    raise JobError(
        f"The split needs {count} pairs of nodes without a relationship, and the graph has only {found}; "
        "lower `negativeSamplingRatio`, `testFraction` or `trainFraction`"
    )


def _free_pairs(one: Ints, other: Ints, taken: Ints, size: int) -> Ints:
    pairs = np.stack([np.repeat(one, len(other)), np.tile(other, len(one))], axis=1)
    keys = distinct(pair_keys(pairs[pairs[:, 0] != pairs[:, 1]], size))
    return _pairs_of(keys[~among(keys, taken)], size)


def _pairs_of(keys: Ints, size: int) -> Ints:
    return np.stack([keys // size, keys % size], axis=1)


def folds(labels: Ints, count: int, random: np.random.Generator) -> list[tuple[Ints, Ints]]:
    """Rows to train on and rows to validate on, ``count`` times; classes are dealt out in turn.

    Args:
        labels: class numbers, int64, shape (rows,); all 0 where there are no classes.
    """
    order = random.permutation(len(labels))
    dealt = order[np.argsort(labels[order], kind="stable")]
    bucket = np.empty(len(labels), dtype=np.int64)
    bucket[dealt] = np.arange(len(labels)) % count
    rows = np.arange(len(labels))
    return [(rows[bucket != one], rows[bucket == one]) for one in range(count)]
