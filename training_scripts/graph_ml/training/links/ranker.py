"""Training the pair ranker: its scorer, epoch by epoch, over lists of the pairs it learns from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ...devices import CPU, tensor_on
from ...group import ALONE
from ...judging.ranking import sample
from ...links import LinkProblem, Pairs
from ...models.ranking.scorer import CLAMP, PairRanker, PairScorer
from ...models.settings import StoppingSettings
from ...pairs import PairFeatures
from ...pairs.attributes import Features
from ...pairs.graph import Ints
from ...schemas.model import Split
from ..context import Trial
from ..loop import fit, kept_epoch
from ..optimisers import AdamW, one_cycle, together
from .pairs import (
    NOBODY_WATCHES,
    Lists,
    RankerSettings,
    Watch,
    build_features,
    folds_of,
    join_lists,
    training_lists,
)


def train_ranker(
    trial: Trial[StoppingSettings],
    problem: LinkProblem,
    attributes: Features,
    recipe: RankerSettings,
    name: str = "ranker",
) -> tuple[PairRanker, list[dict[str, float]], str]:
    """The whole recipe on the training links: lists, scorer, and features on all training links to rank with.

    Which epoch is best is told by some links to choose by, each ranked by those features against candidates that stand
    for all others; without such links, by the lists that are trained on.

    Args:
        trial: seed, stopping, progress and time; one process trains.
        problem: what is predicted.
        attributes: features of vertices.
        recipe: the recipe.
        name: of the checkpoint.

    Returns:
        The ranker, an entry for each epoch, and a sentence on the one that was kept.

    Raises:
        ValueError: fewer than two training links; there is nothing to hold out.
    """
    if len(problem.train) < 2:
        raise ValueError(f"{problem.edge_type} has {len(problem.train)} training links; the pair ranker needs two")
    seed = trial.settings.seed
    alone = replace(trial, group=ALONE)
    pieces = trial.pieces(name, trial.settings.checkpoint_seconds)
    watch = Watch(pieces, "all", trial.tell, lambda: alone.out_of_time)
    parts: list[Lists] = []
    for number, (held, past) in enumerate(folds_of(problem, recipe, seed)):
        if not parts or not alone.out_of_time:
            of_fold = replace(watch, name=f"fold-{number}")
            parts.append(lists_of_fold(held, past, attributes, recipe, seed + number, of_fold))
    features = build_features(problem, problem.train, attributes, recipe.pairs, seed, watch)
    judged = lists_to_choose_by(problem, features, recipe, seed, replace(watch, name="judged"))
    learner = ScorerLearner(join_lists(parts), judged, recipe, seed, trial.device)
    history = fit(alone, learner, learner.epochs, name)
    of = f"{min(len(problem.choose), recipe.judged)} links to choose by" if judged else "what was trained on"
    return PairRanker(features, learner.scorer()), history, kept_epoch(history, learner.metric, learner.epochs, of)


def lists_of_fold(
    held: Pairs, past: LinkProblem, attributes: Features, recipe: RankerSettings, seed: int, watch: Watch
) -> Lists:
    """The lists of held-out links, with features on the links before; whole ones that were kept need no features."""
    finished = f"{watch.name}-whole"
    kept = None if watch.pieces is None else watch.pieces.read(finished)
    if kept is not None:
        return Lists(**{name: tensor.numpy() for name, tensor in kept.tensors.items()})
    features = build_features(past, past.train, attributes, recipe.pairs, seed, watch)
    lists = training_lists(past, features, held, past.train, recipe, seed, watch)
    if watch.pieces is not None:
        watch.pieces.keep(finished, vars(lists))
        for name in (watch.name, *(f"{watch.name}-{view.name}" for view in features.views)):
            watch.pieces.forget(name)
    return lists


def lists_to_choose_by(
    problem: LinkProblem, features: PairFeatures, recipe: RankerSettings, seed: int, watch: Watch = NOBODY_WATCHES
) -> Lists | None:
    """Lists of some links to choose by among candidates that are none of the others; None where there are no links."""
    links = sample(problem.choose, recipe.judged, seed)
    known, alone = problem.before("choose"), replace(recipe, others=0.0)
    return training_lists(problem, features, links, known, alone, seed, watch) if len(links) else None


#: minus this is the score of no rival at all: a finite number, so that its gradient is zero
NOBODY = 1e6


class ScorerLearner:
    """The scorer in training; see ``Learner``.

    Softmax over weighted negatives, plus binary cross-entropy so that scores compare across lists: see
    ``ranking_loss``. AdamW, one cycle over all epochs.

    Args:
        lists: what is trained on.
        judged: what tells the best epoch; None is ``lists``.
        recipe: rates, sizes and epochs.
        seed: of untrained weights and of the order of lists.
        device: where it is computed.
    """

    metric = "log_likelihood"

    def __init__(
        self, lists: Lists, judged: Lists | None, recipe: RankerSettings, seed: int, device: torch.device = CPU
    ) -> None:
        self.recipe, self.device, self.rng = recipe, device, np.random.default_rng(seed)
        self.chosen_by: Split = "train" if judged is None else "valid"
        every = np.concatenate([lists.positives, lists.negatives[np.isfinite(lists.log_weight)]])
        self.mean = every.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.scale = every.std(axis=0, dtype=np.float64).astype(np.float32)
        self.scale[self.scale < 1e-6] = 1.0
        self.lists = self.placed(lists)
        self.judged = self.lists if judged is None else self.placed(judged)
        self.order = np.argsort(lists.owner, kind="stable")
        self.first = np.searchsorted(lists.owner[self.order], np.arange(len(lists.negatives) + 1))
        self.steps = -(-len(lists.negatives) // recipe.batch)
        self.epochs = max(recipe.epochs, -(-recipe.min_steps // self.steps))
        begun = initial_weights(lists.positives.shape[1], recipe.hidden, torch.Generator().manual_seed(seed))
        self.trained = {name: weight.to(device).requires_grad_() for name, weight in begun.items()}
        self.optimiser = AdamW(self.trained.values(), recipe.lr, recipe.weight_decay)

    def placed(self, lists: Lists) -> dict[str, Tensor]:
        """Standardised lists as tensors on the device, by the names of ``Lists``."""
        positives = np.clip((lists.positives - self.mean) / self.scale, -CLAMP, CLAMP)
        mean, scale = tensor_on(self.mean, self.device), tensor_on(self.scale, self.device)
        negatives = tensor_on(lists.negatives, self.device).sub_(mean).div_(scale).clamp_(-CLAMP, CLAMP)
        return {
            "positives": tensor_on(positives, self.device),
            "owner": tensor_on(lists.owner, self.device),
            "negatives": negatives,
            "log_weight": tensor_on(lists.log_weight, self.device),
            "uniform": tensor_on(lists.uniform, self.device),
        }

    def batches(self) -> list[Ints]:
        """Numbers of lists, (b,) each; see ``Learner``."""
        order, size = self.rng.permutation(len(self.first) - 1), self.recipe.batch
        return [order[start : start + size] for start in range(0, len(order), size)]

    def step(self, batch: Ints) -> float:
        """See ``Learner``."""
        members = np.concatenate([self.order[self.first[i] : self.first[i + 1]] for i in batch])
        owner = np.repeat(np.arange(len(batch)), self.first[batch + 1] - self.first[batch])
        rows, lists = tensor_on(batch, self.device), self.lists
        minus = score(self.trained, lists["negatives"][rows])
        plus = score(self.trained, lists["positives"][tensor_on(members, self.device)])
        log_weight, uniform = lists["log_weight"][rows], lists["uniform"][rows]
        loss = ranking_loss(plus, minus, tensor_on(owner, self.device), log_weight, uniform, self.recipe.bce)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.lr = one_cycle(int(self.optimiser.steps), self.epochs * self.steps, self.recipe.lr)
        self.optimiser.step()
        return float(loss.detach())

    @torch.no_grad()
    def validated(self) -> float:
        """Mean logarithm of the softmax of links to choose by among the candidates of their lists.

        MRR of so few links differs between epochs by chance alone: on LastFM it chose the second of eight, and lost.
        """
        lists = self.judged
        plus, minus = score(self.trained, lists["positives"]), score(self.trained, lists["negatives"])
        return -float(ranking_loss(plus, minus, lists["owner"], lists["log_weight"], lists["uniform"], 0.0))

    def weights(self) -> Mapping[str, Tensor]:
        """See ``Learner``."""
        return {name: weight.data for name, weight in self.trained.items()}

    def moments(self) -> dict[str, Tensor]:
        """See ``Learner``."""
        return together(weights=self.optimiser.moments())

    def scorer(self) -> PairScorer:
        """The scorer with the weights as they are."""
        arrays = {name: weight.detach().cpu().numpy().copy() for name, weight in self.trained.items()}
        return PairScorer(self.mean, self.scale, arrays)


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
        owner: the list of each positive, shape (p,); lists may have none.
        log_weight, uniform: see ``Lists``, shape (lists, k).
        bce: weight of the binary part.
    """
    # who is linked with everybody has no rivals; such a list costs nothing, and its gradient must be no NaN
    alone = torch.isinf(log_weight).all(dim=1, keepdim=True)
    rivals = torch.logsumexp((minus + log_weight).masked_fill(alone, -NOBODY), dim=1)
    loss = torch.nn.functional.softplus(rivals[owner] - plus).mean() if len(plus) else minus.sum() * 0
    if bce and bool(uniform.any()):
        loss = loss + bce * torch.nn.functional.softplus(minus[uniform]).mean()
        if len(plus):
            loss = loss + bce * torch.nn.functional.softplus(-plus).mean()
    return loss
