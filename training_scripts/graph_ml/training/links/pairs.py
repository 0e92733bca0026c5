"""Training the pair ranker on edges that were taken out of the graph its features are computed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...devices import CPU, tensor_on
from ...judging.metrics import Exclusions
from ...links import LinkProblem, Pairs, codes
from ...models.ranking.scorer import CLAMP, PairRanker, PairScorer
from ...pairs import RETRIEVERS, SKETCH_RETRIEVERS, Arrows, AttributeSpace, PairFeatures, PairSettings, View, fit_ials
from ...pairs.attributes import Features
from ...pairs.graph import Floats, Ints
from ..optimisers import AdamW, one_cycle

Tick = Callable[[str, int, int], None]


@dataclass(frozen=True)
class RankerSettings:
    """The recipe's numbers.

    ``held_share`` and ``most_held`` say how many edges are taken out, ``hard`` negatives come from the tops of the
    retrievers, ``uniform`` ones stand for all others. Small graphs repeat with other edges taken out (``folds``), up
    to ``fold_edges`` edges in all, and train at least ``min_steps`` steps.
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
    bce: float = 0.3
    folds: int = 5
    fold_edges: int = 1500
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
    problem: LinkProblem, links: Pairs, attributes: Features, settings: PairSettings, seed: int
) -> PairFeatures:
    """Fit everything that pair features need on these links; the attributes belong to all nodes anyway."""
    rng = np.random.default_rng(seed)
    space = AttributeSpace.fit(attributes)
    bag, numbers = space.rows(attributes, problem.space.offsets, problem.space.total)
    views = tuple(
        View(name, graph, None, settings.sketched(graph))
        if settings.sketches
        else View(name, graph, fit_ials(graph, settings.ials_size, settings.ials_sweeps, rng))
        for name, graph in problem.views(links)
    )
    arrows = problem.arrows(links)
    return PairFeatures(
        views,
        bag,
        numbers,
        settings,
        None if arrows is None else Arrows.of(arrows),
        typed=not problem.homogeneous,
        attributes=space,
    )


def training_lists(
    problem: LinkProblem, features: PairFeatures, held: Pairs, rest: Pairs, settings: RankerSettings, seed: int
) -> Lists:
    """Positives, hard negatives and uniform negatives of every source of the held-out edges, both directions.

    Negatives are never the source itself, its neighbours in the rest of the graph, its held-out partners, or gone.
    """
    rng = np.random.default_rng(seed)
    retrievers = [features.names.index(name) for name in (SKETCH_RETRIEVERS if settings.pairs.sketches else RETRIEVERS)]
    each = -(-settings.hard // len(retrievers))
    lists: list[Lists] = []
    for heading in (False, True):
        turned = held.turned() if heading else held
        if problem.homogeneous and not problem.directed:
            if heading:
                break  # a friendship is one list entry for each of the two, and both orders are in it already
            turned = Pairs.join([held, held.turned()])
        candidates = problem.candidates(heading)
        rivals = Rivals(problem, heading, problem.known(rest, heading), problem.known(held, heading))
        sources = np.unique(turned.source)
        if settings.pairs.near:
            for source in sources.tolist():
                links, free = rivals.of(source)
                drawn = some_of(np.flatnonzero(free), settings.uniform, rng)
                also = np.concatenate([links, drawn]) + candidates.start
                numbers, block = features.near(source, candidates, heading, also)
                places = numbers - candidates.start
                hard = top_candidates(block[retrievers], free[places], each)
                uniform = np.setdiff1d(np.searchsorted(places, drawn), hard)
                left = int(free.sum()) - len(hard)
                lists.append(one_list(block, np.searchsorted(places, links), hard, uniform, left, settings))
            continue
        for part, block in features.blocks(sources, candidates, heading):
            for column, source in enumerate(sources[part].tolist()):
                links, free = rivals.of(source)
                own = block[:, :, column]
                hard = top_candidates(own[retrievers], free, each)
                free[hard] = False
                uniform = some_of(np.flatnonzero(free), settings.uniform, rng)
                lists.append(one_list(own, links, hard, uniform, int(free.sum()), settings))
    return join_lists(lists)


@dataclass(frozen=True)
class Rivals:
    """Who stands beside a source's held-out partners: ``known`` and ``own`` are its links in the rest and held out."""

    problem: LinkProblem
    heading: bool
    known: Exclusions
    own: Exclusions

    def of(self, source: int) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """The held-out partners of a source, counted from the first candidate, (p,), and who is free, (candidates,)."""
        candidates, one = self.problem.candidates(self.heading), np.array([source])
        links = np.unique(self.own.pairs(one)[1])
        free = np.ones(candidates.stop - candidates.start, dtype=bool)
        free[self.known.pairs(one)[1]] = False
        free[links] = False
        free[self.problem.gone_among(self.heading)] = False
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
        links, hard, uniform: places in the block of the held-out partners and of negatives, int64.
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


def fit_scorer(
    lists: Lists, settings: RankerSettings, seed: int, tick: Tick | None = None, device: torch.device = CPU
) -> PairScorer:
    """Train the scorer: softmax over weighted negatives, plus binary cross-entropy so that scores compare across lists.

    Loss = softplus(logsumexp over negatives of (s + log weight) − s⁺) + .3 · (BCE of positives + BCE of uniform
    negatives); AdamW, one cycle.
    """
    generator = torch.Generator().manual_seed(seed)
    real = np.isfinite(lists.log_weight)
    every = np.concatenate([lists.positives, lists.negatives[real]])
    mean = every.mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = every.std(axis=0, dtype=np.float64).astype(np.float32)
    scale[scale < 1e-6] = 1.0
    positives = tensor_on(np.clip((lists.positives - mean) / scale, -CLAMP, CLAMP), device)
    negatives = tensor_on(lists.negatives, device).sub_(tensor_on(mean, device)).div_(tensor_on(scale, device))
    negatives.clamp_(-CLAMP, CLAMP)
    log_weight, uniform = tensor_on(lists.log_weight, device), tensor_on(lists.uniform, device)
    order = np.argsort(lists.owner, kind="stable")
    first = np.searchsorted(lists.owner[order], np.arange(len(lists.negatives) + 1))

    begun = initial_weights(positives.shape[1], settings.hidden, generator)
    weights = {name: weight.to(device).requires_grad_() for name, weight in begun.items()}
    batches = -(-len(lists.negatives) // settings.batch)
    epochs = max(settings.epochs, -(-settings.min_steps // batches))
    optimiser = AdamW(weights.values(), settings.lr, settings.weight_decay)
    for epoch in range(epochs):
        shuffled = torch.randperm(len(lists.negatives), generator=generator).numpy()
        for begin in range(0, len(shuffled), settings.batch):
            chosen = shuffled[begin : begin + settings.batch]
            members = np.concatenate([order[first[i] : first[i + 1]] for i in chosen])
            owner = np.repeat(np.arange(len(chosen)), first[chosen + 1] - first[chosen])
            rows = tensor_on(chosen, device)
            minus = score(weights, negatives[rows])
            plus = score(weights, positives[tensor_on(members, device)])
            loss = ranking_loss(plus, minus, tensor_on(owner, device), log_weight[rows], uniform[rows], settings.bce)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.lr = one_cycle(int(optimiser.steps), epochs * batches, settings.lr)
            optimiser.step()
        if tick is not None:
            tick("training", epoch + 1, epochs)
    trained = {name: weight.detach().cpu().numpy().copy() for name, weight in weights.items()}
    return PairScorer(mean, scale, trained)


def initial_weights(num_features: int, hidden: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Uniform in ±1/√fan-in, the linear part and the last bias at zero."""

    def uniform(*shape: int, fan_in: int) -> Tensor:
        drawn: Tensor = (torch.rand(*shape, generator=generator) * 2 - 1) / fan_in**0.5
        return drawn

    return {
        "linear": torch.zeros(1, num_features),
        "w1": uniform(hidden, num_features, fan_in=num_features),
        "b1": uniform(hidden, fan_in=num_features),
        "w2": uniform(hidden, hidden, fan_in=hidden),
        "b2": uniform(hidden, fan_in=hidden),
        "w3": uniform(1, hidden, fan_in=hidden),
        "b3": torch.zeros(1),
    }


def score(weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """Scores of standardised features, float32 (…, f) → (…)."""
    hidden = torch.relu(x @ weights["w1"].T + weights["b1"])
    hidden = torch.relu(hidden @ weights["w2"].T + weights["b2"])
    total: Tensor = hidden @ weights["w3"].T + x @ weights["linear"].T + weights["b3"]
    flat: Tensor = total.squeeze(-1)
    return flat


def ranking_loss(plus: Tensor, minus: Tensor, owner: Tensor, log_weight: Tensor, uniform: Tensor, bce: float) -> Tensor:
    """Softmax and binary cross-entropy together.

    Args:
        plus: scores of positives, shape (p,).
        minus: scores of negatives, shape (lists, k).
        owner: the list of each positive, shape (p,).
        log_weight, uniform: see ``Lists``, shape (lists, k).
        bce: weight of the binary part.
    """
    rivals = torch.logsumexp(minus + log_weight, dim=1)
    loss = torch.nn.functional.softplus(rivals[owner] - plus).mean()
    if bce and bool(uniform.any()):
        binary = torch.nn.functional.softplus(-plus).mean() + torch.nn.functional.softplus(minus[uniform]).mean()
        loss = loss + bce * binary
    return loss


def train_ranker(
    problem: LinkProblem,
    attributes: Features,
    settings: RankerSettings,
    seed: int,
    tick: Tick | None = None,
    device: torch.device = CPU,
) -> PairRanker:
    """The whole recipe on the training links: lists, scorer, and features on all training links to rank with.

    Raises:
        ValueError: fewer than two training links; there is nothing to hold out.
    """
    if len(problem.train) < 2:
        raise ValueError(f"{problem.edge_type} has {len(problem.train)} training links; the pair ranker needs two")
    tell = tick or (lambda phase, step, total: None)
    held_number = int(np.clip(settings.held_share * len(problem.train), 1, settings.most_held))
    folds = int(np.clip(settings.fold_edges // held_number, 1, settings.folds))
    parts = []
    for fold, (held, past) in enumerate(
        latest_first(problem, held_number, folds) or shuffled(problem, held_number, folds, seed)
    ):
        tell("pair features", fold, folds + 1)
        features = build_features(past, past.train, attributes, settings.pairs, seed + fold)
        parts.append(training_lists(past, features, held, past.train, settings, seed + fold))
    tell("pair features", folds, folds + 1)
    scorer = fit_scorer(join_lists(parts), settings, seed, tick, device)
    return PairRanker(build_features(problem, problem.train, attributes, settings.pairs, seed), scorer)


Fold = tuple[Pairs, LinkProblem]


def shuffled(problem: LinkProblem, size: int, folds: int, seed: int) -> list[Fold]:
    """Some training links, and the problem without them, several times over; of ``size`` pairs each."""
    # both edges of a pair that is stored twice go together
    unique, inverse = np.unique(problem_keys(problem), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(unique))
    found = []
    for fold in range(folds):
        chosen = np.isin(inverse, np.take(order, np.arange(fold * size, (fold + 1) * size), mode="wrap"))
        found.append((problem.train[chosen], replace(problem, train=problem.train[~chosen])))
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
        found.append((problem.train[chosen], past))
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
