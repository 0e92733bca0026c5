"""What the pair ranker learns from: edges that were taken out of the graph its features are computed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ...graph.data import Times
from ...judging.metrics import Exclusions
from ...links import LinkProblem, Pairs, codes
from ...models.ranking.scorer import PairRanker
from ...pairs import (
    RETRIEVERS,
    SKETCH_RETRIEVERS,
    Affinity,
    Arrows,
    AttributeSpace,
    Factors,
    PairFeatures,
    PairSettings,
    View,
    fit_ials,
)
from ...pairs.attributes import Features
from ...pairs.graph import Floats, Ints, PairGraph
from ..checkpoints import Pieces


@dataclass(frozen=True)
class Watch:
    """What keeps features and lists as they come, and who is told how far they are.

    Args:
        pieces: keeps them; None keeps nothing.
        name: what they begin with there.
        tell: called with a phase, a step and how many steps it has.
        out_of_time: whether what has come so far must be enough.
    """

    pieces: Pieces | None = None
    name: str = ""
    tell: Callable[[str, int, int], None] = lambda phase, step, total: None
    out_of_time: Callable[[], bool] = lambda: False


NOBODY_WATCHES = Watch()
NO_PLACES: Ints = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class RankerSettings:
    """The recipe's numbers.

    ``held_share`` and ``most_held`` say how many edges are taken out, ``hard`` negatives come from the tops of the
    retrievers, ``uniform`` ones stand for all others. ``others`` are sources drawn from the rest, as a share of those
    that lost an edge: whoever has few links is seldom among these, and would hardly be learned from. Small graphs
    repeat with other edges taken out (``folds``), up to ``fold_edges`` edges in all, and train at least ``min_steps``
    steps. At most ``judged`` links to choose by tell which epoch is best.
    """

    held_share: float = 0.2
    most_held: int = 3000
    hard: int = 150
    uniform: int = 250
    hidden: int = 32
    lr: float = 1e-2
    weight_decay: float = 1e-5
    batch: int = 128
    epochs: int = 8
    min_steps: int = 100
    bce: float = 1.0
    others: float = 0.3
    folds: int = 5
    fold_edges: int = 1500
    judged: int = 300
    pairs: PairSettings = field(default_factory=PairSettings)


@dataclass(frozen=True)
class Lists:
    """Training lists, one a source and direction.

    Args:
        positives: features of held-out links, shape (p, f); ``owner`` (p,) is the list of each.
        negatives: features, shape (lists, k, f).
        log_weight: shape (lists, k); 0 for hard negatives, the logarithm of how many candidates each stands for for
            uniform ones, −inf for padding.
        uniform: which negatives were drawn uniformly, bool (lists, k).
    """

    positives: Floats
    owner: Ints
    negatives: Floats
    log_weight: Floats
    uniform: npt.NDArray[np.bool_]


def build_features(
    problem: LinkProblem,
    links: Pairs,
    attributes: Features,
    settings: PairSettings,
    seed: int,
    watch: Watch = NOBODY_WATCHES,
) -> PairFeatures:
    """Fit everything that pair features need on these links, and on the attributes of the vertices that were there."""
    rng = np.random.default_rng(seed)
    space = AttributeSpace.fit(known_attributes(problem, attributes))
    bag, numbers = space.rows(attributes, problem.space.offsets, problem.space.total)
    views = tuple(
        View(view, graph, None, settings.sketched(graph))
        if settings.sketches
        else View(view, graph, fitted(graph, settings, rng, watch, view))
        for view, graph in problem.views(links)
    )
    arrows, factors, affinity = problem.arrows(links), views[0].factors, None
    if factors is not None and (bag is not None or numbers is not None):
        affinity = Affinity.fit(factors, views[0].graph.degree, bag, numbers, rng, problem.unknown)
    return PairFeatures(
        views,
        bag,
        numbers,
        settings,
        None if arrows is None else Arrows.of(arrows),
        typed=not problem.homogeneous,
        attributes=space,
        affinity=affinity,
    )


def known_attributes(problem: LinkProblem, attributes: Features) -> Features:
    """The attributes of vertices that the problem knows, where some came later; else those of all."""
    if problem.born is None:
        return attributes
    known = {kind: problem.born[problem.space.range(kind)] < problem.known_to for kind in attributes}
    return {
        kind: {name: values if known[kind].all() else values[known[kind]] for name, values in found.items()}
        for kind, found in attributes.items()
    }


def fitted(graph: PairGraph, settings: PairSettings, rng: np.random.Generator, watch: Watch, view: str) -> Factors:
    """iALS factors of a view; each sweep is kept, and what an interrupted fit has left is gone on with."""
    name = f"{watch.name}-{view}"
    kept, begun = None if watch.pieces is None else watch.pieces.read(name), None
    if kept is not None:
        begun = int(kept.facts["sweeps"]), Factors(kept.tensors["left"].numpy(), kept.tensors["right"].numpy())

    def tell(sweeps: int, factors: Factors) -> None:
        watch.tell("pair features", sweeps, settings.ials_sweeps)
        if watch.pieces is not None:
            watch.pieces.keep(name, {"left": factors.left, "right": factors.right}, {"sweeps": sweeps})

    return fit_ials(graph, settings.ials_size, settings.ials_sweeps, rng, begun, tell)


def training_lists(
    problem: LinkProblem,
    features: PairFeatures,
    held: Pairs,
    rest: Pairs,
    settings: RankerSettings,
    seed: int,
    watch: Watch = NOBODY_WATCHES,
) -> Lists:
    """Positives, hard negatives and uniform negatives of every source of the held-out edges, both directions.

    Some of the other sources have lists of uniform negatives alone. Negatives are never the source itself, its
    neighbours in the rest of the graph, its held-out partners, gone, or newer than its held-out links. What an
    interrupted process has left is gone on with. Out of time, the lists that have come so far are all.
    """
    rng = np.random.default_rng(seed)
    newest = np.inf if held.time is None or not len(held) else float(held.time.max())
    asked = sources_of(problem, held, settings.others, seed, newest)
    made = ListsMade(watch, sum(len(sources) for _, sources in asked), rng)
    retrievers = [features.names.index(name) for name in (SKETCH_RETRIEVERS if settings.pairs.sketches else RETRIEVERS)]
    each = -(-settings.hard // len(retrievers))
    lists = made.lists
    for predict_heads, every in asked:
        if made.must_do():
            break
        candidates = problem.candidates(predict_heads)
        known, partners = (problem.known(pairs, predict_heads) for pairs in (rest, held))
        rivals = Rivals(problem, predict_heads, known, partners, latest(problem, held, predict_heads, newest))
        sources = made.left(every)
        if settings.pairs.near:
            for source in sources.tolist():
                links, free = rivals.of(source)
                drawn = some_of(np.flatnonzero(free), settings.uniform, rng)
                also = np.concatenate([links, drawn]) + candidates.start
                numbers, block = features.near(source, candidates, predict_heads, also)
                places = numbers - candidates.start
                hard = top_candidates(block[retrievers], free[places], each) if len(links) else NO_PLACES
                uniform = np.setdiff1d(np.searchsorted(places, drawn), hard)
                left = int(free.sum()) - len(hard)
                lists.append(one_list(block, np.searchsorted(places, links), hard, uniform, left, settings))
                made.tell(1)
                if made.must_do():
                    break
            continue
        for part, block in features.blocks(sources, candidates, predict_heads):
            for column, source in enumerate(sources[part].tolist()):
                links, free = rivals.of(source)
                own = block[:, :, column]
                hard = top_candidates(own[retrievers], free, each) if len(links) else NO_PLACES
                free[hard] = False
                uniform = some_of(np.flatnonzero(free), settings.uniform, rng)
                lists.append(one_list(own, links, hard, uniform, int(free.sum()), settings))
            made.tell(part.stop - part.start)
            if made.must_do():
                break
    return join_lists(lists)


def latest(problem: LinkProblem, held: Pairs, predict_heads: bool, newest: float) -> Times | None:
    """When the last held-out link of each source came, float64 (vertices,), of others the ``newest`` of all; None where
    no vertex says when it came to be."""
    if problem.born is None or held.time is None:
        return None
    found = np.full(problem.space.total, -np.inf)
    sides = [held.target if predict_heads else held.source]
    for side in [held.source, held.target] if problem.homogeneous and not problem.directed else sides:
        np.maximum.at(found, side, held.time)
    return np.where(np.isfinite(found), found, newest)


def sources_of(
    problem: LinkProblem, held: Pairs, others: float = 0.0, seed: int = 0, moment: float = np.inf
) -> list[tuple[bool, Ints]]:
    """Who gets a list, by direction: (whether heads are asked for, distinct sources (s,), ascending).

    A friendship is one entry in the lists of both, and a single direction has them all.

    Args:
        problem: who there is.
        held: the links to learn from.
        others: how many more sources are drawn, as a share of those that have such a link.
        seed: of the draw.
        moment: nobody is drawn who was not there then.
    """
    if problem.homogeneous and not problem.directed:
        asked = [(False, np.unique(np.concatenate([held.source, held.target])))]
    else:
        asked = [(False, np.unique(held.source)), (True, np.unique(held.target))]
    rng, found, absent = np.random.default_rng([seed, 7]), [], problem.absent(moment)
    for predict_heads, sources in asked:
        every = problem.candidates(not predict_heads)
        rest = np.setdiff1d(np.arange(every.start, every.stop), np.concatenate([sources, absent]))
        more = some_of(rest, round(others * len(sources)), rng)
        found.append((predict_heads, np.union1d(sources, more)))
    return found


class ListsMade:
    """The lists that have come so far; kept, and taken up again after an interruption.

    Args:
        watch: what keeps them, and who is told.
        total: how many there are to be.
        rng: draws for them; it draws on as it would have.
    """

    def __init__(self, watch: Watch, total: int, rng: np.random.Generator) -> None:
        self.watch, self.total, self.rng = watch, total, rng
        self.lists: list[Lists] = []
        self.done = self._passed = 0
        kept = None if watch.pieces is None else watch.pieces.read(watch.name)
        if kept is not None:
            self.lists.append(Lists(**{name: tensor.numpy() for name, tensor in kept.tensors.items()}))
            self.done = int(kept.facts["done"])
            rng.bit_generator.state = kept.facts["rng"]

    def must_do(self) -> bool:
        """Whether there are some, and no time for more."""
        return bool(self.lists) and self.watch.out_of_time()

    def left(self, sources: Ints) -> Ints:
        """The sources, (s,), that have no list yet; directions are asked for one after the other."""
        first = min(len(sources), max(0, self.done - self._passed))
        self._passed += first
        return sources[first:]

    def tell(self, more: int) -> None:
        """So many more sources have their lists."""
        self._passed += more
        self.done = self._passed
        self.watch.tell("pairs to learn from", self.done, self.total)
        pieces = self.watch.pieces
        if pieces is not None and (pieces.due or self.done == self.total):
            facts = {"done": self.done, "rng": self.rng.bit_generator.state}
            pieces.keep(self.watch.name, vars(join_lists(self.lists)), facts)


@dataclass(frozen=True)
class Rivals:
    """Who stands beside a source's held-out partners: ``known`` and ``own`` are its links in the rest and held out.

    Who came after the ``latest`` of these, float64 (vertices,), does not; None where no vertex says when it came to be.
    """

    problem: LinkProblem
    predict_heads: bool
    known: Exclusions
    own: Exclusions
    latest: Times | None = None

    def of(self, source: int) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """The held-out partners of a source, counted from the first candidate, (p,), and who is free, (candidates,)."""
        candidates, one = self.problem.candidates(self.predict_heads), np.array([source])
        links = np.unique(self.own.pairs(one)[1])
        free = np.ones(candidates.stop - candidates.start, dtype=bool)
        free[self.known.pairs(one)[1]] = False
        free[links] = False
        free[self.problem.gone_among(self.predict_heads)] = False
        if self.latest is not None and self.problem.born is not None:
            free &= ~self.problem.unborn(self.problem.born[candidates], float(self.latest[source]))
        if self.problem.homogeneous:
            free[source - candidates.start] = False
        return links, free


def some_of(numbers: Ints, most: int, rng: np.random.Generator) -> Ints:
    """At most so many of distinct numbers, (n,), drawn uniformly."""
    found: Ints = rng.choice(numbers, most, replace=False) if len(numbers) > most else numbers
    return found


def one_list(block: Floats, links: Ints, hard: Ints, uniform: Ints, left: int, settings: RankerSettings) -> Lists:
    """The list of one source.

    Args:
        block: features of candidates, float32 (f, c).
        links, hard, uniform: places in the block of the held-out partners and of negatives, int64 (k,) each.
        left: candidates that the uniform negatives stand for.
        settings: how many negatives there are at most; fewer are padded.
    """
    retrievers = len(SKETCH_RETRIEVERS if settings.pairs.sketches else RETRIEVERS)
    width = -(-settings.hard // retrievers) * retrievers + settings.uniform
    chosen = np.concatenate([hard, uniform])
    negatives = np.zeros((1, width, len(block)), dtype=np.float32)
    negatives[0, : len(chosen)] = block[:, chosen].T
    log_weight = np.full((1, width), -np.inf, dtype=np.float32)
    log_weight[0, : len(hard)] = 0.0
    log_weight[0, len(hard) : len(chosen)] = np.log(max(left, 1) / max(len(uniform), 1))
    is_uniform = np.zeros((1, width), dtype=bool)
    is_uniform[0, len(hard) : len(chosen)] = True
    owner = np.zeros(len(links), dtype=np.int64)
    return Lists(np.ascontiguousarray(block[:, links].T), owner, negatives, log_weight, is_uniform)


def top_candidates(scores: Floats, free: npt.NDArray[np.bool_], each: int) -> Ints:
    """The best free candidates of each retriever, without repetition. Shapes (retrievers, c), (c,) → (≤ r · each,)."""
    masked = np.where(free, scores, -np.inf)
    if each < masked.shape[1]:
        found = np.argpartition(-masked, each - 1, axis=1)[:, :each]
    else:
        found = np.broadcast_to(np.arange(masked.shape[1]), masked.shape)
    unique = np.unique(found)
    result: Ints = unique[free[unique]].astype(np.int64)
    return result


Fold = tuple[Pairs, LinkProblem]


def folds_of(problem: LinkProblem, settings: RankerSettings, seed: int) -> list[Fold]:
    """What is taken out of the training links, and the problem without it, once or several times.

    Edges of other types beside what is taken out go with it, as they do when links are judged.
    """
    size = int(np.clip(settings.held_share * len(problem.train), 1, settings.most_held))
    folds = int(np.clip(settings.fold_edges // size, 1, settings.folds))
    return latest_first(problem, size, folds) or shuffled(problem, size, folds, seed)


def shuffled(problem: LinkProblem, size: int, folds: int, seed: int) -> list[Fold]:
    """Some training links, and the problem without them, several times over; of ``size`` pairs each."""
    # both edges of a pair that is stored twice go together
    unique, inverse = np.unique(problem_keys(problem), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(unique))
    found = []
    for fold in range(folds):
        chosen = np.isin(inverse, np.take(order, np.arange(fold * size, (fold + 1) * size), mode="wrap"))
        held = problem.train[chosen]
        found.append((held, replace(problem, train=problem.train[~chosen]).apart(held)))
    return found


def latest_first(problem: LinkProblem, size: int, folds: int) -> list[Fold]:
    """The newest training links, and the problem as it was before them; then those before, as long as half is left.

    A pair counts when it first came. Empty where time does not count, or tells too little apart.
    """
    if problem.train.time is None:
        return []
    keys, time = problem_keys(problem), problem.train.time
    by_time = np.lexsort((keys, time))
    first = by_time[np.sort(np.unique(keys[by_time], return_index=True)[1])]
    found = []
    for fold in range(folds):
        end = len(first) - fold * size
        chosen = first[max(end - size, 0) : max(end, 0)]
        past = problem.earlier(float(time[chosen].min())) if len(chosen) else problem
        if not len(chosen) or 2 * len(past.train) < len(problem.train):
            break
        found.append((problem.train[chosen], past.apart(problem.train[chosen])))
    return found


def problem_keys(problem: LinkProblem) -> Ints:
    """One number for each training pair, (n,), the same for both orders of an undirected one."""
    return codes(problem.train, problem.space.total, ordered=problem.directed or not problem.homogeneous)


def join_lists(parts: list[Lists]) -> Lists:
    """Lists of several folds as one."""
    shift = np.cumsum([0, *(len(part.negatives) for part in parts)])
    return Lists(
        np.concatenate([part.positives for part in parts]),
        np.concatenate([part.owner + start for part, start in zip(parts, shift, strict=False)]),
        np.concatenate([part.negatives for part in parts]),
        np.concatenate([part.log_weight for part in parts]),
        np.concatenate([part.uniform for part in parts]),
    )


def refitted(ranker: PairRanker, problem: LinkProblem, links: Pairs, attributes: Features, seed: int) -> PairRanker:
    """The same scorer over features of other links, as when the graph has grown."""
    return replace(ranker, features=build_features(problem, links, attributes, ranker.features.settings, seed))
