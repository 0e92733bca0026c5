"""Columns that tell the label, alone or two questions deep: of the items, and of what each is joined with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...features.columns.column import Column, TextColumn
from ...graph import EdgeType, GraphData, Labels, Target
from .finding import FEWEST_ROWS, Finding, Floats, IntArray, Material, Owner, numbers_of, values_of
from .times import days_of

#: accuracy, or explained share of the variance, from which on a column tells the label
TELLS = 0.99
#: share of a constant answer's mistakes that may be left, so that a frequent class does not look told
LEFT = 0.1
#: the same where one half of the items is answered by what the other half says
TELLS_HALVES, LEFT_HALVES = 0.95, 0.3
#: distinct numbers up to which each is looked up on its own
FEW_VALUES = 50
#: likeness of two orders from which on one number is the other in another measure, as a logarithm is
SAME_ORDER = 0.999
#: columns of encoded features that a tree is grown on
MOST_COLUMNS = 2_000
#: columns, of the narrowest features, of which each is tried as the first of two questions
FIRST_QUESTIONS = 30

#: (training positions, asked positions) → answers to what was asked
Answer = Callable[[IntArray, IntArray], Floats]
Read = Callable[[], Column]


def telling(material: Material) -> Iterator[Finding]:
    """By training items alone; what a column says of one half must hold for the other, or it only names its rows."""
    graph = material.graph
    for target, labels in graph.labels.items():
        items = material.sample(np.asarray(graph.splits[target].train))
        if len(items) < FEWEST_ROWS:
            continue
        wanted = Wanted.of(labels, items, graph.seed)
        own = ((f"column '{name}'", items, read) for name, read in material.features.get(target.type, {}).items())
        named = False
        for name, rows, read in chain(own, joined(material, target, items), counted(graph, target, items)):
            values = values_of(read(), rows)
            told = (wanted.told(answer) for answer in answers_of(values, wanted))
            share = next((share for share in told if share is not None), None)
            if share is not None:
                named = True
                yield Finding(f"{target}: {name} alone tells {share:.1%} of it; is it known before the label?")
            elif wanted.number and same_order(numbers_of(values), wanted.values) >= SAME_ORDER:
                named = True
                yield Finding(
                    f"{target}: {name} alone tells it: both put the items in one order; is it known before the label?"
                )
        if not named:
            yield from two_deep(graph, target, items, wanted)


def joined(material: Material, target: Target, items: IntArray) -> Iterator[tuple[str, IntArray, Read]]:
    """Columns of what items, (n,), are joined with: what they are called, the row for each item, and how to read them.

    Of vertices the one neighbour that an edge type gives them, of edges the edge of another type between the same
    two vertices, where nearly every item has one.
    """
    for kind, edges in material.graph.edges.items():
        found: list[tuple[Owner, str, IntArray]] = []
        forth = (edges.source, edges.target, kind.source, kind.target)
        back = (edges.target, edges.source, kind.target, kind.source)
        for own, other, of, to in (forth, back):
            if target.type == of:
                count = material.graph.num_nodes[of]
                found.append((to, f"of {to}, joined by {kind},", only_partners(own, other, count)))
            elif kind != target.type and (of, to) == target.type[::2]:
                wanted = material.graph.edges[target.edge_type]
                rows = same_pairs((wanted.source, wanted.target), (own, other))
                found.append((kind, f"of {kind} between the same vertices", rows))
        for owner, words, rows in found:
            if float(np.mean(rows[items] >= 0)) >= TELLS:
                for name, read in material.features.get(owner, {}).items():
                    yield f"column '{name}' {words}", np.maximum(rows[items], 0), read


def counted(graph: GraphData, target: Target, items: IntArray) -> Iterator[tuple[str, IntArray, Read]]:
    """As ``joined``: how many edges of each type items, (n,), have, or edges of another type their ends, either way.

    An edge that is made once the label is known, such as a complaint, tells it by being there.
    """
    for kind, edges in graph.edges.items():
        forth = (edges.source, edges.target, kind.source, kind.target, "from")
        back = (edges.target, edges.source, kind.target, kind.source, "to")
        for own, other, of, to, way in (forth, back):
            if target.type == of:
                counts = np.bincount(own, minlength=graph.num_nodes[of])[items]
                told = f"the number of edges {kind} {way} a vertex"
            elif kind != target.type and (of, to) == target.type[::2]:
                wanted = graph.edges[target.edge_type]
                counts = (same_pairs((wanted.source, wanted.target), (own, other)) >= 0)[items].astype(np.int64)
                told = f"whether there is {kind} between the same vertices"
            else:
                continue
            if np.ptp(counts):
                read = partial(TextColumn, [str(count) for count in counts.tolist()])
                yield told, np.arange(len(items)), read


def only_partners(own: IntArray, other: IntArray, count: int) -> IntArray:
    """The other end of each of ``count`` vertices' only edge, −1 for those with none or several; ends are (m,)."""
    partner = np.full(count, -1, dtype=np.int64)
    partner[own] = other
    partner[np.bincount(own, minlength=count) != 1] = -1
    return partner


def same_pairs(wanted: tuple[IntArray, IntArray], given: tuple[IntArray, IntArray]) -> IntArray:
    """For each pair of ends, (n,) each, the row among others, (m,) each, with the same, or −1; copies in order."""
    width = 1 + max(int(part.max(initial=0)) for part in (*wanted, *given))
    codes = [np.asarray(first, dtype=np.int64) * width + second for first, second in (wanted, given)]
    several = 1 + max(len(part) for part in codes)
    orders = [np.argsort(code, kind="stable") for code in codes]
    keys = []
    for code, order in zip(codes, orders, strict=True):
        ordered = code[order]
        # the number of every copy: its place less that of the first of its kind
        keys.append((ordered, np.arange(len(ordered)) - np.searchsorted(ordered, ordered)))
    numbers = np.unique(np.concatenate([code for code, _ in keys]))
    first, second = (np.searchsorted(numbers, code) * several + copy for code, copy in keys)
    place = np.minimum(np.searchsorted(second, first), max(len(second) - 1, 0))
    row = np.full(len(first), -1, dtype=np.int64)
    if len(second):
        row[orders[0]] = np.where(second[place] == first, orders[1][place], -1)
    return row


@dataclass(frozen=True)
class Wanted:
    """Labels of some items, float64 (n,): numbers, or the numbers of classes or of sets of them; two random halves."""

    values: Floats
    number: bool
    halves: tuple[IntArray, IntArray]

    @classmethod
    def of(cls, labels: Labels, items: IntArray, seed: int) -> Wanted:
        """The labels of these items, (n,)."""
        values = np.asarray(labels.values)[items]
        if labels.kind == "classes":
            values = np.unique(values, axis=0, return_inverse=True)[1].ravel()
        order = np.random.default_rng([seed, 3]).permutation(len(items))
        return cls(values.astype(np.float64), labels.kind == "number", (order[::2], order[1::2]))

    def usual(self, known: IntArray) -> float:
        """The mean, or the most frequent class, of some of them, (m,)."""
        if self.number:
            return float(self.values[known].mean())
        classes, counts = np.unique(self.values[known], return_counts=True)
        return float(classes[np.argmax(counts)])

    def told(self, answer: Answer) -> float | None:
        """Accuracy, or explained share of the variance, where that is as good as knowing the label; else None."""
        every, across = np.arange(len(self.values)), np.empty(len(self.values))
        share = self._share(answer(every, every))
        if share < TELLS or not self._beyond_usual(share, LEFT):
            return None
        for known, asked in (self.halves, self.halves[::-1]):
            across[asked] = answer(known, asked)
        held = self._share(across)
        return share if held >= TELLS_HALVES and self._beyond_usual(held, LEFT_HALVES) else None

    def _share(self, answers: Floats) -> float:
        if not self.number:
            return float(np.mean(answers == self.values))
        variance = float(np.var(self.values))
        return 1 - float(np.mean((answers - self.values) ** 2)) / variance if variance else 0.0

    def _beyond_usual(self, share: float, left: float) -> bool:
        """Whether at most this share of the mistakes of a constant answer is left."""
        mistakes = 1 - float(np.unique(self.values, return_counts=True)[1].max()) / len(self.values)
        return self.number or (mistakes > 0 and 1 - share <= left * mistakes)


def answers_of(values: Sequence[str | None], wanted: Wanted) -> Iterator[Answer]:
    """Answers from one column: by what each value usually has, or by a line or a tree where it holds many numbers; by
    whether there is a value; and by when, where it holds dates."""
    numbers = numbers_of(values)
    if numbers is None or len(np.unique(numbers)) <= FEW_VALUES:
        yield by_value(values, wanted)
    else:
        yield by_number(numbers, wanted)
    if None in values:
        yield by_value([value is None for value in values], wanted)
    days = days_of("", list(values)) if numbers is None else None
    if days is not None:
        yield by_number(days, wanted)


def by_number(numbers: Floats, wanted: Wanted) -> Answer:
    """Answers from numbers, (n,), NaN where one is missing: by a tree, or a line where that is better."""
    filled = np.where(np.isnan(numbers), np.nanmin(numbers) - 1, numbers)[:, None]

    def answer(known: IntArray, asked: IntArray) -> Floats:
        grown = by_tree(filled, wanted)(known, asked)
        if not wanted.number or np.ptp(filled[known]) == 0:
            return grown
        slope, offset = np.polyfit(filled[known, 0], wanted.values[known], 1)
        line: Floats = slope * filled[asked, 0] + offset
        errors = [float(np.sum((one - wanted.values[asked]) ** 2)) for one in (grown, line)]
        return line if errors[1] < errors[0] else grown

    return answer


def same_order(one: Floats | None, other: Floats) -> float:
    """How far two lists of numbers, (n,), rise and fall together, from 0 to 1; 0 where there are too few to tell.

    Source: Spearman 1904, without its sign.
    """
    if one is None or np.isnan(one).any() or len(np.unique(one)) <= FEW_VALUES:
        return 0.0
    from scipy.stats import spearmanr

    return abs(float(spearmanr(one, other).statistic))


def by_value(values: Sequence[Hashable], wanted: Wanted) -> Answer:
    """The usual label of every value; of one that was not seen, that of all."""
    codes = {value: code for code, value in enumerate(dict.fromkeys(values))}
    column = np.array([codes[value] for value in values])

    def answer(known: IntArray, asked: IntArray) -> Floats:
        usual = np.full(len(codes), wanted.usual(known))
        order = known[np.argsort(column[known], kind="stable")]
        seen, starts = np.unique(column[order], return_index=True)
        for code, members in zip(seen, np.split(order, starts[1:]), strict=True):
            usual[code] = wanted.usual(members)
        found: Floats = usual[column[asked]]
        return found

    return answer


def by_tree(features: Floats, wanted: Wanted) -> Answer:
    """How well a tree of depth two tells the label from features, (n, d)."""

    def answer(known: IntArray, asked: IntArray) -> Floats:
        found: Floats = _tree(wanted, 2).fit(features[known], wanted.values[known]).predict(features[asked])
        return found

    return answer


def by_any_first(features: Floats, wanted: Wanted) -> Answer:
    """As ``by_tree``, but the first question may be about any of the columns, float32 (items, d), at their middle.

    A tree is grown greedily, and of "one but not both" neither half alone says anything.
    """

    def answer(known: IntArray, asked: IntArray) -> Floats:
        return _two_questions(features, wanted, known).told(asked)

    return answer


@dataclass(frozen=True)
class _Questions:
    """The columns of a question and of one more on either side of it, and what they answer to items, (n,)."""

    columns: frozenset[int]
    told: Callable[[IntArray], Floats]
    seconds: tuple[tuple[int, float], ...] = ()
    error: float = np.inf


def _two_questions(features: Floats, wanted: Wanted, known: IntArray) -> _Questions:
    """Those that tell most of the known items, (m,)."""
    usual = wanted.usual(known)
    best = _Questions(frozenset(), lambda asked: np.full(len(asked), usual))
    starts = []
    for column, values in enumerate(features[known].T):
        low, middle, high = (float(find(values)) for find in (np.min, np.median, np.max))
        starts.append((column, (low + high) / 2 if middle in (low, high) else middle))
    best = min((best, *(_asked_first(features, wanted, known, *start) for start in starts)), key=lambda one: one.error)
    # the middle was a guess; beside a second question that was found, the first is put where it belongs
    again = (_asked_first(features, wanted, known, *start) for start in best.seconds)
    return min((best, *again), key=lambda one: one.error)


def _asked_first(features: Floats, wanted: Wanted, known: IntArray, column: int, threshold: float) -> _Questions:
    above = features[:, column] > threshold
    sides = known[~above[known]], known[above[known]]
    if not all(map(len, sides)):
        return _Questions(frozenset(), lambda asked: np.zeros(len(asked)))
    low, high = (_tree(wanted, 1).fit(features[side], wanted.values[side]) for side in sides)

    def told(asked: IntArray) -> Floats:
        found: Floats = np.where(above[asked], high.predict(features[asked]), low.predict(features[asked]))
        return found

    missed = told(known) - wanted.values[known]
    seconds = tuple(
        (int(one.tree_.feature[0]), float(one.tree_.threshold[0])) for one in (low, high) if one.tree_.feature[0] >= 0
    )
    columns = frozenset((column, *(second for second, _ in seconds)))
    return _Questions(columns, told, seconds, float(np.mean(missed**2 if wanted.number else missed != 0)))


def two_deep(graph: GraphData, target: Target, items: IntArray, wanted: Wanted) -> Iterator[Finding]:
    """A tree of depth two over the features of the items, (n,), and, of edges, of their ends."""
    names, matrix = _features(graph, target, items)
    if not names or len(names) > MOST_COLUMNS:
        return
    share, columns = wanted.told(by_tree(matrix, wanted)), frozenset[int]()
    if share is not None:
        grown = _tree(wanted, 2).fit(matrix, wanted.values).tree_
        columns = frozenset(int(column) for column in grown.feature if column >= 0)
    else:
        widths = Counter(names)
        narrow = sorted(range(len(names)), key=lambda column: widths[names[column]])[:FIRST_QUESTIONS]
        names, matrix = [names[column] for column in narrow], matrix[:, narrow]
        share = wanted.told(by_any_first(matrix, wanted))
        if share is not None:
            columns = _two_questions(matrix, wanted, np.arange(len(items))).columns
    if share is not None:
        told = " and ".join(f"'{name}'" for name in sorted({names[column] for column in columns}))
        yield Finding(f"{target}: two questions about {told} tell {share:.1%} of it; are they known before the label?")


def _tree(wanted: Wanted, depth: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    return (DecisionTreeRegressor if wanted.number else DecisionTreeClassifier)(max_depth=depth, random_state=0)


def _features(graph: GraphData, target: Target, items: IntArray) -> tuple[list[str], Floats]:
    """Encoded features of the items and of their ends, with the name of the feature of every column."""
    parts: list[tuple[str, Floats]] = []
    if isinstance(target.type, EdgeType):
        kind, edges = target.type, graph.edges[target.type]
        parts += [(name, _rows(values, items)) for name, values in graph.edge_features.get(kind, {}).items()]
        for owner, ends in ((kind.source, edges.source[items]), (kind.target, edges.target[items])):
            parts += [
                (f"{owner}.{name}", _rows(values, ends)) for name, values in graph.features.get(owner, {}).items()
            ]
    else:
        parts += [(name, _rows(values, items)) for name, values in graph.features.get(target.type, {}).items()]
    names = [name for name, values in parts for _ in range(values.shape[1])]
    return names, np.concatenate([np.zeros((len(items), 0)), *(values for _, values in parts)], axis=1)


def _rows(values: NDArray[np.float32], rows: IntArray) -> Floats:
    return np.asarray(values[rows], dtype=np.float64)
