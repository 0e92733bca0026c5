"""Knowledge-graph embeddings: one vector a vertex and a relation, trained on triples of all edge types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ...artifacts import ModelWriter
from ...graph import EdgeType
from ...judging.metrics import mean_reciprocal_rank
from ...judging.ranking import Ranking, rank_links, sample, shares
from ...links import LinkProblem, Pairs, selections
from ...models.link_scorers import Decoder, EmbeddingScorer
from ...pairs.graph import Floats, Ints
from ..hyperparameters import Hyperparameters
from ..optimisers import RowAdagrad
from ..stopping import EarlyStop
from ..trial import Trial
from .gnn import EVALUATED, alone

#: positives that share one set of negatives
CHUNK = 256


@dataclass
class KgeLinks:
    """See ``TrainedLinks``. ``relations`` are rows by edge type, those of the problems first."""

    problems: list[LinkProblem]
    table: Tensor
    relations: Tensor
    kinds: list[EdgeType]
    decoder: Decoder
    gamma: float
    history: list[dict[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def scorer(self, position: int) -> EmbeddingScorer:
        """The decoder of one problem."""
        relation = self.relations[self.kinds.index(self.problems[position].edge_type)]
        return EmbeddingScorer(self.table.numpy(), relation.numpy(), self.decoder, self.gamma)

    def all_scores(self, position: int, sources: Ints, heading: bool) -> dict[str, Floats]:
        """See ``TrainedLinks``."""
        candidates = self.problems[position].candidates(heading)
        return {self.decoder: self.scorer(position).scores(sources, candidates, heading)}

    def choose(self, position: int, ranking: Ranking | None) -> str:
        """See ``TrainedLinks``; there is nothing to choose."""
        return self.decoder

    def save(self, writer: ModelWriter, position: int) -> dict[str, Any]:
        """See ``TrainedLinks``."""
        writer.tensors(f"links/{position}.decoder", {"relation": self.scorer(position).relation})
        return {"kind": "embedding", "decoder": self.decoder, "gamma": self.gamma}

    def finish(self, writer: ModelWriter) -> dict[str, Any]:
        """See ``TrainedLinks``; only vertices that were trained on have vectors."""
        writer.array("embeddings", self.table.numpy())
        return {"inductive": False, "hops": 0, "fanouts": []}


@dataclass(frozen=True)
class Triples:
    """Edges whose ends have the same two types: pairs, the relation of each, and where negatives come from."""

    pairs: Pairs
    relation: Ints
    sources: slice
    targets: slice


def train_kge(trial: Trial, problems: list[LinkProblem]) -> KgeLinks:
    """Train TransE, DistMult or RotatE; the best epoch by validation MRR is kept.

    Source: Bordes et al. 2013; Yang et al. 2015; Sun et al. 2019; chunk-shared negatives and row-wise Adagrad after
    DGL-KE (Zheng et al. 2020).
    """
    settings, space = trial.settings, problems[0].space
    edges = {problem.edge_type: problem.train for problem in problems}
    for kind, pairs in problems[0].context.items():
        edges.setdefault(kind, pairs)
    model = fresh(settings, problems, list(edges), space.total)
    groups = by_types(edges, problems[0])
    rng = np.random.default_rng(settings.seed)
    nodes, relations = RowAdagrad(model.table, settings.lr), RowAdagrad(model.relations, settings.lr)
    stop = EarlyStop(settings.window_for_early_stop if settings.enable_early_stop else 0)
    best = (model.table.clone(), model.relations.clone())
    for epoch in range(settings.num_epochs):
        losses = [
            step(model, group, chosen, settings, rng, nodes, relations, tails)
            for group, chosen, tails in batches(groups, settings.batch_size, rng)
        ]
        mrr = validation_mrr(model, settings.seed)
        model.history.append({"epoch": epoch + 1, "loss": float(np.mean(losses)), "mrr": mrr})
        trial.measured({"mrr": mrr}, epoch + 1, settings.num_epochs)
        worse = stop.worse(mrr)
        if stop.improved:
            best = (model.table.clone(), model.relations.clone())
        if worse or trial.out_of_time:
            trial.container.log(f"stopped early after epoch {epoch + 1}; best validation mrr {stop.best:.4f}")
            break
    model.table, model.relations = best
    return model


def fresh(settings: Hyperparameters, problems: list[LinkProblem], kinds: list[EdgeType], num_nodes: int) -> KgeLinks:
    """Untrained vectors, uniform in ±(gamma + 2) / size; RotatE's are pairs of real and imaginary halves."""
    torch.manual_seed(settings.seed)
    decoder, size = cast(Decoder, settings.model), settings.num_hidden
    width = 2 * size if decoder == "rotate" else size
    limit = (settings.gamma + 2.0) / size
    table = (torch.rand(num_nodes, width) * 2 - 1) * limit
    relations = (torch.rand(len(kinds), size) * 2 - 1) * (np.pi if decoder == "rotate" else limit)
    return KgeLinks(problems, table, relations, kinds, decoder, 0.0 if decoder == "distmult" else settings.gamma)


def by_types(edges: dict[EdgeType, Pairs], problem: LinkProblem) -> list[Triples]:
    """Triples grouped by the types of their ends, so that negatives are of the right type."""
    groups = []
    kinds = list(edges)
    for ends in dict.fromkeys((kind.source, kind.target) for kind in kinds):
        members = [i for i, kind in enumerate(kinds) if (kind.source, kind.target) == ends]
        pairs = Pairs.join(edges[kinds[i]] for i in members)
        if not len(pairs):
            continue
        relation = np.concatenate([np.full(len(edges[kinds[i]]), i, dtype=np.int64) for i in members])
        groups.append(Triples(pairs, relation, problem.space.range(ends[0]), problem.space.range(ends[1])))
    return groups


def batches(groups: list[Triples], size: int, rng: np.random.Generator) -> Iterator[tuple[Triples, Ints, bool]]:
    """Random batches within groups; tails and heads are replaced in turn."""
    parts: list[tuple[Triples, Ints]] = []
    for group in groups:
        order = rng.permutation(len(group.pairs))
        parts.extend((group, order[start : start + size]) for start in range(0, len(order), size))
    for turn, number in enumerate(rng.permutation(len(parts))):
        yield (*parts[number], turn % 2 == 0)


def step(
    model: KgeLinks,
    group: Triples,
    chosen: Ints,
    settings: Hyperparameters,
    rng: np.random.Generator,
    nodes: RowAdagrad,
    relations: RowAdagrad,
    tails: bool,
) -> float:
    """One batch: log-sigmoid loss of true triples and of chunk-shared negatives; the loss."""
    pairs, relation = group.pairs[chosen], group.relation[chosen]
    span = group.targets if tails else group.sources
    chunks = -(-len(chosen) // CHUNK)
    drawn = rng.integers(span.start, span.stop, (chunks, settings.num_negs))
    rows, back = np.unique(np.concatenate([pairs.source, pairs.target, drawn.ravel()]), return_inverse=True)
    kinds, which = np.unique(relation, return_inverse=True)
    leaf = model.table[torch.from_numpy(rows)].requires_grad_()
    leaf_relations = model.relations[torch.from_numpy(kinds)].requires_grad_()
    place = torch.from_numpy(back)
    number = len(chosen)
    head, tail = leaf[place[:number]], leaf[place[number : 2 * number]]
    negative = leaf[place[2 * number :]].view(chunks, settings.num_negs, -1)
    r = leaf_relations[torch.from_numpy(which)]
    query = moved(head if tails else tail, r, model.decoder, heading=not tails)
    true = tail if tails else head
    plus = similarity(query.unsqueeze(1), true.unsqueeze(1), model.decoder, model.gamma)[:, 0, 0]
    loss = torch.nn.functional.softplus(-plus).mean()
    for chunk in range(chunks):
        part = query[chunk * CHUNK : (chunk + 1) * CHUNK]
        minus = similarity(part.unsqueeze(0), negative[chunk].unsqueeze(0), model.decoder, model.gamma)[0]
        # harder negatives count more (self-adversarial, Sun et al. 2019)
        weight = torch.softmax(minus.detach(), dim=1)
        loss = loss + (weight * torch.nn.functional.softplus(minus)).sum(dim=1).sum() / number
    if settings.regularization_coef:
        loss = loss + settings.regularization_coef * (leaf.abs().pow(3).sum() + leaf_relations.abs().pow(3).sum())
    loss.backward()  # type: ignore[no-untyped-call]
    if leaf.grad is not None and leaf_relations.grad is not None:
        nodes.step(torch.from_numpy(rows), leaf.grad)
        relations.step(torch.from_numpy(kinds), leaf_relations.grad)
    return float(loss.detach())


def moved(query: Tensor, relation: Tensor, decoder: Decoder, heading: bool) -> Tensor:
    """What the partner's vector should be near to, or point along; (b, d), (b, r) → (b, d)."""
    if decoder == "distmult":
        return query * relation
    if decoder == "transe":
        return query - relation if heading else query + relation
    cosine, sine = torch.cos(relation), torch.sin(-relation if heading else relation)
    real, imaginary = query.chunk(2, dim=-1)
    return torch.cat([real * cosine - imaginary * sine, real * sine + imaginary * cosine], dim=-1)


def similarity(query: Tensor, others: Tensor, decoder: Decoder, gamma: float) -> Tensor:
    """Scores of all others for each query, (…, b, d) and (…, n, d) → (…, b, n)."""
    if decoder == "distmult":
        return query @ others.transpose(-1, -2)
    if decoder == "transe":
        return gamma - torch.cdist(query, others, p=1.0)
    gap = query.unsqueeze(-2) - others.unsqueeze(-3)
    real, imaginary = gap.chunk(2, dim=-1)
    total: Tensor = (real.square() + imaginary.square() + 1e-12).sqrt().sum(dim=-1)
    return gamma - total


def validation_mrr(model: KgeLinks, seed: int) -> float:
    """MRR over a sample of validation links of all problems."""
    ranks = []
    parts = selections(model.problems)
    for position, most in enumerate(shares(parts, EVALUATED)):
        problem = model.problems[position]
        links = sample(parts[position], most, seed)
        if len(links):
            scores = alone(model.scorer(position), problem)
            ranks.append(rank_links(problem, scores, links, problem.before("choose")).ranks["model"])
    return mean_reciprocal_rank(np.concatenate(ranks))
