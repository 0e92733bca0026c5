"""Whether the parts of a split are alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from .finding import FEWEST_ROWS, Finding, Floats, Material, numbers_of, values_of

#: largest gap between two distributions (Kolmogorov–Smirnov, or half the sum of differences) that is no drift
GAP = 0.2
#: how unlikely a gap must be by chance
CHANCE = 1e-4


def drift(material: Material) -> Iterator[Finding]:
    """Labels and feature columns of the items that are held out, beside those that are trained on."""
    graph = material.graph
    for target in graph.targets:
        split = graph.splits[target]
        train = material.sample(np.asarray(split.train))
        held = material.sample(np.concatenate([np.asarray(split.valid), np.asarray(split.test)]))
        if min(len(train), len(held)) < FEWEST_ROWS:
            continue
        labels = graph.labels.get(target)
        if labels is not None and labels.kind != "classes":
            values = np.asarray(labels.values)
            number = labels.kind == "number"
            gap = (
                of_numbers(values[train], values[held])
                if number
                else of_values(list(values[train]), list(values[held]))
            )
            if gap:
                yield Finding(f"{target}: held-out labels differ from those trained on (distance {gap:.2f}): drift")
        for name, read in material.features.get(target.type, {}).items():
            column = read()
            one, other = values_of(column, train), values_of(column, held)
            numbers = numbers_of([*one, *other])
            if numbers is not None:
                gap = of_numbers(numbers[: len(one)], numbers[len(one) :])
            else:
                gap = of_values(one, other)
            if gap:
                yield Finding(
                    f"{target}: column '{name}' of the held-out items differs from those trained on (distance "
                    f"{gap:.2f}): drift"
                )


def of_numbers(one: Floats, other: Floats) -> float:
    """The Kolmogorov–Smirnov distance of two samples, (n,) and (m,), where it is large and no chance, else 0."""
    from scipy.stats import ks_2samp

    one, other = one[~np.isnan(one)], other[~np.isnan(other)]
    if min(len(one), len(other)) < FEWEST_ROWS:
        return 0.0
    found = ks_2samp(one, other)
    return float(found.statistic) if found.statistic > GAP and found.pvalue < CHANCE else 0.0


def of_values(one: Sequence[object], other: Sequence[object]) -> float:
    """The total variation distance of two samples where it is large and no chance, else 0; rare values count as one."""
    from scipy.stats import chi2_contingency

    first, second = Counter(one), Counter(other)
    frequent = [value for value in first | second if first[value] + second[value] >= FEWEST_ROWS]
    counts = np.array([[first[value], second[value]] for value in frequent], dtype=np.float64).reshape(-1, 2)
    rest = np.array([len(one), len(other)]) - counts.sum(axis=0)
    table = np.concatenate([counts, rest[None, :]])
    table = table[table.sum(axis=1) > 0]
    if len(table) < 2:
        return 0.0
    shares = table / table.sum(axis=0)
    gap = float(np.abs(shares[:, 0] - shares[:, 1]).sum() / 2)
    return gap if gap > GAP and chi2_contingency(table).pvalue < CHANCE else 0.0
