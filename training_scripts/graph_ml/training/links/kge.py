"""Knowledge-graph embeddings: one vector a vertex and a relation, trained on triples of all edge types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ...artifacts import ModelWriter
from ...devices import CPU, home_of_table, multiplies_halves, tensor_on
from ...distinct import numbers_of, stable_order
from ...graph import EdgeType
from ...group import ALONE, Group, RowShards
from ...judging.links import affordable
from ...judging.metrics import mean_reciprocal_rank
from ...judging.ranking import Ranking, rank_links, sample, shares
from ...links import LinkProblem, Pairs, chosen_by, draw_uniform, selections
from ...models.family import KnowledgeFamily
from ...models.link_scorers import EmbeddingScorer
from ...models.settings import DistanceSettings, KnowledgeSettings
from ...pairs.graph import Floats, Ints
from ..context import Trial
from ..loop import fit, kept_epoch
from ..optimisers import RowAdagrad, together
from .gnn import EVALUATED
from .kge_loss import cubes, partner_loss, similarity


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
        """What ``scorer`` gives, where the table is: (sources, candidates)."""
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
        scores = similarity(asked, others, formula, self.gamma)
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

    def asked(self, chosen: Any, predict_heads: bool) -> tuple[Ints, Ints]:
        """Who is asked about and who is the answer in some triples, int64 (m,) each."""
        source, target = self.pairs.source[chosen], self.pairs.target[chosen]
        return (target, source) if predict_heads else (source, target)


def train_kge(trial: Trial[KnowledgeSettings], family: KnowledgeFamily, problems: list[LinkProblem]) -> KgeLinks:
    """Train a knowledge-graph embedding; the best epoch by validation MRR is kept.

    Source: shared negatives and Adagrad after DGL-KE (Zheng et al. 2020); for the loss see ``partner_loss``.
    """
    edges = {problem.edge_type: problem.train for problem in problems}
    for kind, pairs in problems[0].context.items():
        edges.setdefault(kind, pairs)
    model = fresh(family, trial.settings, problems, list(edges), problems[0].space.total, trial.device, trial.group)
    learner = KgeLearner(model, by_types(edges, problems[0]), trial.settings)
    model.history = fit(trial, learner, trial.settings.num_epochs, bars=trial.settings.prune_below)
    of = "links to choose by" if learner.chosen_by == "valid" else "links that it was trained on"
    every, judged = sum(map(len, selections(problems))), sum(map(len, judged_by(problems, trial.settings.seed)))
    of = of if judged == every else f"a sample of {judged:,} of {every:,} {of}"
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

    def drawn(rows: int, numbers: int) -> Tensor:
        if family.start:
            return torch.randn(rows, numbers) * family.start
        return (torch.rand(rows, numbers) * 2 - 1) * limit

    table = drawn(total, width)
    if family.decoder.phases:
        relations = (torch.rand(number, relation_width) * 2 - 1) * np.pi
    else:
        relations = drawn(number, relation_width)
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
        self.halved = settings.mixed_precision and multiplies_halves(model.relations.device)
        self.nodes, self.relations = (
            RowAdagrad(table, settings.lr, shared=model.family.shared_rates) for table in (model.table, model.relations)
        )

    def batches(self) -> list[tuple[Triples, Ints, bool]]:
        """See ``Learner``."""
        return list(batches(self.groups, self.settings.batch_size, self.rng))

    def step(self, batch: tuple[Triples, Ints, bool]) -> float:
        """See ``Learner``; only the rows that take part are touched."""
        group, chosen, predict_heads = batch
        model, settings, family, number = self.model, self.settings, self.model.family, len(chosen)
        asked, answers = group.asked(chosen, predict_heads)
        relation = group.relation[chosen] + (len(model.kinds) if predict_heads and family.reciprocal else 0)
        rivals, everyone = rivals_of(
            group.sources if predict_heads else group.targets, settings.num_negs, self.rng, model.problems[0].unknown
        )
        rows, back = np.unique(np.concatenate([asked, answers, rivals]), return_inverse=True)
        kinds, kind_of = np.unique(relation, return_inverse=True)
        own = self.group.share(number)
        # triples that ask the same are one query
        _, first, which, counts = np.unique(
            kind_of[own] * len(rows) + back[:number][own], return_index=True, return_inverse=True, return_counts=True
        )
        device = model.relations.device
        places = [back[:number][own][first], back[number : 2 * number][own], back[2 * number :], kind_of[own][first]]
        head, tail, other, kind = (tensor_on(place, device) for place in places)
        leaf, leaf_relations = model.rows(rows), model.relations[tensor_on(kinds, device)]
        asked_by, answered = leaf[head].requires_grad_(), leaf[tail].requires_grad_()
        against = (leaf if len(rivals) == len(rows) else leaf[other]).requires_grad_()
        related, formula = leaf_relations[kind].requires_grad_(), family.decoder
        query = formula.query(torch, asked_by, related, predict_heads and not family.reciprocal)
        loss = partner_loss(query, answered, tensor_on(which, device), against, formula, everyone, self.halved) / number
        if settings.regularization_coef:
            each = cubes(asked_by, formula.paired)
            each = each if formula.phases else each + cubes(related, formula.paired)
            paid = (each * tensor_on(counts, device)).sum() + cubes(answered, formula.paired).sum()
            loss = loss + settings.regularization_coef * paid / number
        loss.backward()  # type: ignore[no-untyped-call]
        parts = [(head, asked_by), (tail, answered), *([] if against is leaf else [(other, against)])]
        leaf.grad = added(leaf, parts)
        leaf_relations.grad = added(leaf_relations, [(kind, related)])
        value = self.group.add_gradients((leaf, leaf_relations), loss)
        mine, numbers = model.shards.mine(rows)
        kept = leaf.grad if self.group.size == 1 else leaf.grad[tensor_on(mine, device)]
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
    """Random batches within groups: triples, positions of some, (b,), and whether heads are asked for.

    Every triple is asked about from both ends. Triples that ask the same stand together, for then the product of their
    query and all rivals is worked out once: of FB15k-237's 544,230 questions 149,689 differ.
    """
    parts: list[tuple[Triples, Ints, bool]] = []
    for group in groups:
        for predict_heads in (False, True):
            asked, _ = group.asked(slice(None), predict_heads)
            query = numbers_of(group.relation * (asked.max() + 1) + asked)
            order = stable_order(rng.permutation(int(query.max()) + 1)[query])
            parts.extend((group, order[start : start + size], predict_heads) for start in range(0, len(order), size))
    for number in rng.permutation(len(parts)):
        yield parts[number]


def rivals_of(span: slice, wanted: int, rng: np.random.Generator, gone: Ints) -> tuple[Ints, bool]:
    """Vertices that stand against true partners, int64 (n,), and whether those are all that there are.

    Args:
        span: the vertices of the right type.
        wanted: how many are drawn where there are more.
        rng: draws them.
        gone: vertices that are nobody's rivals.
    """
    if wanted < span.stop - span.start:
        return draw_uniform(span, (wanted,), rng, gone), False
    every = np.arange(span.start, span.stop)
    return (np.setdiff1d(every, gone, assume_unique=True) if len(gone) else every), True


def added(rows: Tensor, parts: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Gradients of rows, float32 (r, w): their own, and those of copies of some, (places (c,), copies (c, w))."""
    total = torch.zeros_like(rows, requires_grad=False) if rows.grad is None else rows.grad
    for places, copies in parts:
        if copies.grad is not None:
            total.index_add_(0, places, copies.grad)
    return total


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


def judged_by(problems: list[LinkProblem], seed: int) -> list[Pairs]:
    """A sample of the links to choose by of each problem, fewer in all where there are very many candidates."""
    parts = selections(problems)
    most = shares(parts, affordable(EVALUATED, problems))
    return [sample(part, number, seed) for part, number in zip(parts, most, strict=True)]


def validation_mrr(model: KgeLinks, seed: int) -> float:
    """MRR over ``judged_by``."""
    ranks = []
    for position, links in enumerate(judged_by(model.problems, seed)):
        if len(links):

            def scores(sources: Ints, predict_heads: bool, position: int = position) -> dict[str, Floats]:
                return {"model": model.own_scores(position, sources, predict_heads)}

            problem = model.problems[position]
            ranks.append(rank_links(problem, scores, links, problem.before("choose")).ranks["model"])
    return mean_reciprocal_rank(np.concatenate(ranks))
