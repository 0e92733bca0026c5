"""Knowledge-graph embeddings: one vector a vertex and a relation, trained on triples of all edge types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ...artifacts import ModelWriter
from ...devices import CPU, home_of_table, tensor_on
from ...graph import EdgeType
from ...group import ALONE, Group, RowShards
from ...judging.metrics import mean_reciprocal_rank
from ...judging.ranking import Ranking, rank_links, sample, shares
from ...links import LinkProblem, Pairs, chosen_by, draw_uniform, selections
from ...models.family import Decoder, KnowledgeFamily
from ...models.link_scorers import EmbeddingScorer
from ...models.settings import DistanceSettings, KnowledgeSettings
from ...pairs.graph import Floats, Ints
from ..context import Trial
from ..loop import fit, kept_epoch
from ..optimisers import RowAdagrad, together
from .gnn import EVALUATED

#: positives that share one set of negatives
CHUNK = 256


@dataclass
class KgeLinks:
    """See ``TrainedLinks``.

    Args:
        problems: what is predicted.
        family: whose formula.
        shards: vectors of vertices, (nodes, w), a range in each process that trains them; on the host where they are
            too many for the device.
        relations: vectors of relations by edge type, those of the problems first, (kinds, r); with reciprocal relations
            as many again, for asking the other way round.
        kinds: edge types in that order.
        gamma: margin of distances, 0 where nothing measures any.
    """

    problems: list[LinkProblem]
    family: KnowledgeFamily
    shards: RowShards
    relations: Tensor
    kinds: list[EdgeType]
    gamma: float
    serves_floors: ClassVar[bool] = False
    history: list[dict[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def scorer(self, position: int) -> EmbeddingScorer:
        """The decoder of one problem."""
        number = self.kinds.index(self.problems[position].edge_type)
        relations = self.relations.cpu().numpy()
        inverse = relations[len(self.kinds) + number] if self.family.reciprocal else None
        return EmbeddingScorer(self.table.cpu().numpy(), relations[number], self.decoder, self.gamma, inverse)

    @property
    def decoder(self) -> str:
        """The name of the formula."""
        return self.family.decoder.name

    def rows(self, numbers: Ints) -> Tensor:
        """Vectors of vertices, int64 (n,) → float32 (n, w), where relations are; the table may be elsewhere."""
        return self.shards.rows(numbers, self.relations.device)

    @property
    def table(self) -> Tensor:
        """Vectors of vertices kept here, all of them where one process trains; float32 (nodes, w)."""
        return self.shards.own

    def gather(self) -> None:
        """Bring the whole table onto the host of every process, after training."""
        if self.shards.group.size > 1:
            self.shards = RowShards.of(self.shards.whole(), ALONE)

    @torch.no_grad()
    def own_scores(self, position: int, sources: Ints, predict_heads: bool) -> Floats:
        """What ``scorer`` gives, by torch, which measures distances many times faster: (sources, candidates)."""
        number, candidates = (
            self.kinds.index(self.problems[position].edge_type),
            self.problems[position].candidates(predict_heads),
        )
        device, formula = self.relations.device, self.family.decoder
        numbers = torch.full((len(sources),), number, device=device)
        asked = queries(self, self.rows(sources), numbers, self.relations[numbers], predict_heads)
        shards = self.shards
        begin, end = max(candidates.start, shards.first), min(candidates.stop, shards.first + len(shards.own))
        others = shards.own[begin - shards.first : max(begin, end) - shards.first].to(device)
        step = max(1, 2**22 // max(1, asked.numel())) if formula.compare == "moduli" else len(others)
        parts = [
            similarity(asked.unsqueeze(0), others[start : start + step].unsqueeze(0), formula, self.gamma)[0]
            for start in range(0, len(others), max(1, step))
        ]
        scores = torch.cat(parts, dim=1) if parts else asked.new_zeros(len(sources), 0)
        if shards.group.size > 1:
            # each process scores the candidates that it keeps
            own, scores = scores, asked.new_zeros(len(sources), candidates.stop - candidates.start)
            scores[:, begin - candidates.start : begin - candidates.start + own.shape[1]] = own
            shards.group.add(scores)
        result: Floats = scores.cpu().numpy()
        return result

    def all_scores(self, position: int, sources: Ints, predict_heads: bool) -> dict[str, Floats]:
        """See ``TrainedLinks``."""
        return {self.decoder: self.own_scores(position, sources, predict_heads)}

    def choose(self, position: int, ranking: Ranking | None) -> str:
        """See ``TrainedLinks``; there is nothing to choose."""
        return self.decoder

    def knowing(self, problems: list[LinkProblem]) -> KgeLinks:
        """See ``ScoredLinks``; vectors are those of training, whatever came later."""
        return self

    def save(self, writer: ModelWriter, position: int) -> dict[str, Any]:
        """See ``TrainedLinks``."""
        scorer = self.scorer(position)
        inverse = {} if scorer.inverse is None else {"inverse": scorer.inverse}
        writer.tensors(f"links/{position}.decoder", {"relation": scorer.relation, **inverse})
        return {"kind": "embedding", "decoder": self.decoder, "gamma": self.gamma}

    def finish(self, writer: ModelWriter) -> dict[str, Any]:
        """See ``TrainedLinks``; only vertices that were trained on have vectors."""
        writer.array("embeddings", self.table.cpu().numpy())
        return {"inductive": False, "hops": 0, "fanouts": []}


@dataclass(frozen=True)
class Triples:
    """Edges whose ends have the same two types.

    Args:
        pairs: their ends.
        relation: number of the relation of each, int64 (m,).
        sources, targets: where negatives come from.
    """

    pairs: Pairs
    relation: Ints
    sources: slice
    targets: slice


def train_kge(trial: Trial[KnowledgeSettings], family: KnowledgeFamily, problems: list[LinkProblem]) -> KgeLinks:
    """Train a knowledge-graph embedding; the best epoch by validation MRR is kept.

    Source: chunk-shared negatives and row-wise Adagrad after DGL-KE (Zheng et al. 2020); losses see ``batch_loss``.
    """
    edges = {problem.edge_type: problem.train for problem in problems}
    for kind, pairs in problems[0].context.items():
        edges.setdefault(kind, pairs)
    model = fresh(family, trial.settings, problems, list(edges), problems[0].space.total, trial.device, trial.group)
    learner = KgeLearner(model, by_types(edges, problems[0]), trial.settings)
    model.history = fit(trial, learner, trial.settings.num_epochs, bars=trial.settings.prune_below)
    of = "links to choose by" if learner.chosen_by == "valid" else "links that it was trained on"
    model.notes.append(kept_epoch(model.history, learner.metric, trial.settings.num_epochs, of))
    model.gather()
    return model


def fresh(
    family: KnowledgeFamily,
    settings: KnowledgeSettings,
    problems: list[LinkProblem],
    kinds: list[EdgeType],
    total: int,
    device: torch.device = CPU,
    group: Group = ALONE,
) -> KgeLinks:
    """Untrained vectors, drawn as the family says on the processor, so that they are the same on every device.

    Where it gives no deviation, uniform in ±(gamma + 2) / size for distances and ±14 / size for products; phases in ±π.
    """
    torch.manual_seed(settings.seed)
    gamma = settings.gamma if isinstance(settings, DistanceSettings) else 0.0
    limit = ((gamma or 12.0) + 2.0) / settings.num_hidden
    width, relation_width = family.decoder.widths(settings.num_hidden)
    number = 2 * len(kinds) if family.reciprocal else len(kinds)
    if family.start:
        table, relations = torch.randn(total, width) * family.start, torch.randn(number, relation_width) * family.start
    else:
        table = (torch.rand(total, width) * 2 - 1) * limit
        relations = (torch.rand(number, relation_width) * 2 - 1) * (np.pi if family.decoder.phases else limit)
    shards = RowShards.of(table, group)
    shards.own = shards.own.to(home_of_table(shards.own.numel(), device))
    return KgeLinks(problems, family, shards, relations.to(device), kinds, gamma)


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


class KgeLearner:
    """A knowledge-graph embedding in training; see ``Learner``."""

    metric = "mrr"

    def __init__(self, model: KgeLinks, groups: list[Triples], settings: KnowledgeSettings) -> None:
        self.model, self.groups, self.settings = model, groups, settings
        self.chosen_by = chosen_by(model.problems)
        self.rng, self.group = np.random.default_rng(settings.seed), model.shards.group
        self.nodes, self.relations = (
            RowAdagrad(table, settings.lr, shared=model.family.shared_rates) for table in (model.table, model.relations)
        )

    def batches(self) -> list[tuple[Triples, Ints, bool]]:
        """See ``Learner``."""
        return list(batches(self.groups, self.settings.batch_size, self.rng))

    def step(self, batch: tuple[Triples, Ints, bool]) -> float:
        """See ``Learner``; only the rows that take part are touched."""
        group, chosen, predict_heads = batch
        model, settings = self.model, self.settings
        pairs, relation = group.pairs[chosen], group.relation[chosen]
        if predict_heads and model.family.reciprocal:
            relation = relation + len(model.kinds)
        span = group.sources if predict_heads else group.targets
        chunks = -(-len(chosen) // CHUNK)
        drawn = draw_uniform(span, (chunks, settings.num_negs), self.rng, model.problems[0].gone)
        rows, back = np.unique(np.concatenate([pairs.source, pairs.target, drawn.ravel()]), return_inverse=True)
        kinds, which = np.unique(relation, return_inverse=True)
        device = model.relations.device
        leaf = model.rows(rows).requires_grad_()
        leaf_relations = model.relations[tensor_on(kinds, device)].requires_grad_()
        place, number = tensor_on(back, device), len(chosen)
        head, tail = leaf[place[:number]], leaf[place[number : 2 * number]]
        negative = leaf[place[2 * number :]].view(chunks, settings.num_negs, -1)
        of_triples = leaf_relations[tensor_on(which, device)]
        ends = [*range(CHUNK, number, CHUNK), number]
        parts = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
        if self.group.size > 1:
            shares = [self.group.share(part.stop - part.start) for part in parts]
            parts = [
                slice(part.start + share.start, part.start + share.stop)
                for part, share in zip(parts, shares, strict=True)
            ]
            mine = tensor_on(np.concatenate([np.arange(part.start, part.stop) for part in parts]), device)
            head, tail, of_triples = head[mine], tail[mine], of_triples[mine]
            ends = np.cumsum([part.stop - part.start for part in parts]).tolist()
            parts = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
        loss = batch_loss(model, head, tail, of_triples, negative, predict_heads, parts, number)
        if settings.regularization_coef:
            if model.family.nuclear:
                cubes = (
                    sum((moduli(part).pow(3).sum() for part in (head, of_triples, tail)), leaf.new_zeros(())) / number
                )
            else:
                cubes = (leaf.abs().pow(3).sum() + leaf_relations.abs().pow(3).sum()) / self.group.size
            loss = loss + settings.regularization_coef * cubes
        loss.backward()  # type: ignore[no-untyped-call]
        value = self.group.add_gradients((leaf, leaf_relations), loss)
        if leaf.grad is not None and leaf_relations.grad is not None:
            places, numbers = model.shards.mine(rows)
            kept = leaf.grad if self.group.size == 1 else leaf.grad[tensor_on(places, device)]
            self.nodes.step(torch.from_numpy(numbers), kept)
            self.relations.step(torch.from_numpy(kinds), leaf_relations.grad)
        return value

    def validated(self) -> float:
        """MRR over a sample of the links to choose by."""
        return validation_mrr(self.model, self.settings.seed)

    def weights(self) -> dict[str, Tensor]:
        """Vectors of vertices and relations."""
        return {"table": self.model.table, "relations": self.model.relations}

    def moments(self) -> dict[str, Tensor]:
        """See ``Learner``."""
        return together(nodes=self.nodes.moments(), relations=self.relations.moments())


def batches(groups: list[Triples], size: int, rng: np.random.Generator) -> Iterator[tuple[Triples, Ints, bool]]:
    """Random batches within groups: triples, positions of some, (b,), and whether heads are asked for, in turn."""
    parts: list[tuple[Triples, Ints]] = []
    for group in groups:
        order = rng.permutation(len(group.pairs))
        parts.extend((group, order[start : start + size]) for start in range(0, len(order), size))
    for turn, number in enumerate(rng.permutation(len(parts))):
        yield (*parts[number], turn % 2 == 1)


def batch_loss(
    model: KgeLinks,
    head: Tensor,
    tail: Tensor,
    relation: Tensor,
    negative: Tensor,
    predict_heads: bool,
    parts: Sequence[slice],
    total: int,
) -> Tensor:
    """How badly true triples stand out among negatives, a float32 scalar.

    ``logistic``: log-sigmoids, harder negatives counting more (self-adversarial, Sun et al. 2019). ``softmax``: the
    true partner against all negatives of its chunk (Lacroix et al. 2018, who take every vertex).

    Args:
        model: formula and margin.
        head, tail: vectors of the ends, (b, w).
        relation: vectors of the relations, of their reciprocals where they have any and heads are asked for, (b, r).
        negative: vectors that stand in for the partner, shared by the triples of a chunk, (chunks, k, w).
        predict_heads: whether heads are asked for.
        parts: which of the triples belong to each chunk.
        total: triples of the batch, more than these where several processes share it.
    """
    formula, gamma = model.family.decoder, model.gamma
    turned = predict_heads and not model.family.reciprocal
    query = formula.query(torch, tail if predict_heads else head, relation, turned)
    true = head if predict_heads else tail
    plus = similarity(query.unsqueeze(1), true.unsqueeze(1), formula, gamma)[:, 0, 0]
    loss = plus.new_zeros(()) if model.family.loss == "softmax" else torch.nn.functional.softplus(-plus).sum() / total
    for chunk, part in enumerate(parts):
        minus = similarity(query[part].unsqueeze(0), negative[chunk].unsqueeze(0), formula, gamma)[0]
        if model.family.loss == "softmax":
            rivals = torch.logsumexp(torch.cat([plus[part].unsqueeze(1), minus], dim=1), dim=1)
            loss = loss + (rivals - plus[part]).sum() / total
        else:
            weight = torch.softmax(minus.detach(), dim=1)
            loss = loss + (weight * torch.nn.functional.softplus(minus)).sum() / total
    return loss


def moduli(vectors: Tensor) -> Tensor:
    """Moduli of complex numbers, real parts first, float32 (b, 2 d) → (b, d)."""
    real, imaginary = vectors.chunk(2, dim=-1)
    result: Tensor = (real.square() + imaginary.square() + 1e-12).sqrt()
    return result


def queries(model: KgeLinks, vectors: Tensor, numbers: Tensor, relations: Tensor, predict_heads: bool) -> Tensor:
    """What partners' vectors are compared with, (b, w) → (b, w).

    Args:
        model: formula, and reciprocal relations where it has any.
        vectors: of the vertices asked about, (b, w).
        numbers: of the relations, int64 (b,).
        relations: their vectors, (b, r).
        predict_heads: whether heads are asked for.
    """
    if predict_heads and model.family.reciprocal:
        relations, predict_heads = model.relations[len(model.kinds) + numbers], False
    found: Tensor = model.family.decoder.query(torch, vectors, relations, predict_heads)
    return found


def similarity(query: Tensor, others: Tensor, formula: Decoder, gamma: float) -> Tensor:
    """Scores of all others for each query, float32 (…, b, w) and (…, n, w) → (…, b, n)."""
    if formula.compare == "dot":
        return query @ others.transpose(-1, -2)
    if formula.compare == "l1":
        return gamma - torch.cdist(query, others, p=1.0)
    return gamma - moduli(query.unsqueeze(-2) - others.unsqueeze(-3)).sum(dim=-1)


def validation_mrr(model: KgeLinks, seed: int) -> float:
    """MRR over a sample of validation links of all problems."""
    ranks = []
    parts = selections(model.problems)
    for position, most in enumerate(shares(parts, EVALUATED)):
        problem = model.problems[position]
        links = sample(parts[position], most, seed)
        if len(links):

            def scores(sources: Ints, predict_heads: bool, position: int = position) -> dict[str, Floats]:
                return {"model": model.own_scores(position, sources, predict_heads)}

            ranks.append(rank_links(problem, scores, links, problem.before("choose")).ranks["model"])
    return mean_reciprocal_rank(np.concatenate(ranks))
