"""Graph networks as a link model: mini-batches of target edges that carry no messages while they are predicted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...artifacts import ModelWriter
from ...devices import tensor_on
from ...distinct import distinct
from ...graph import EdgeType, GraphData
from ...graph.data import Times
from ...group import ALONE, Group, weighted_share
from ...judging.metrics import mean_reciprocal_rank
from ...judging.ranking import Ranking, Scores, rank_links, sample, shares
from ...links import LinkProblem, Pairs, Twins, chosen_by, codes, selections
from ...message_passing import choose_backend
from ...models.families import DOT, decoder
from ...models.family import GraphFamily
from ...models.link_scorers import EmbeddingScorer
from ...models.network.network import Network, edge_matrix, save_network
from ...models.settings import GraphSettings
from ...pairs.graph import Floats, Ints
from ...sampling import Block, MessageGraph, full_block, sample_blocks, within
from ..context import Trial
from ..loop import fit, in_time, kept_epoch
from ..optimisers import AdamW, RowAdam, cooled, together

#: links ranked at each evaluation during training; the final figures use more
EVALUATED = 500
#: messages above which a whole round is never computed for one pass
FULL_ENTRIES = 8_000_000
#: vertices that a batch of links reaches at most in such a graph: it holds some hundred numbers for each
MOST_REACHED = 250_000
#: passes of an epoch where each is a round over the whole graph: more batches than that share passes
PASSES = 64
#: the score of a rival that was not there yet: no infinity, so that its gradient is zero
NOT_THERE = -1e9


@dataclass
class GnnLinks:
    """See ``TrainedLinks``."""

    problems: list[LinkProblem]
    network: Network
    relations: list[Tensor]
    decoder: str
    name: str
    serves_floors: ClassVar[bool] = False
    history: list[dict[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _embeddings: Floats | None = None

    @cached_property
    def twins(self) -> list[dict[EdgeType, Twins]]:
        """Of each problem the edges of other types beside its training links."""
        edges = edges_of(self.problems, only_training=True)
        return [Twins.of(problem, edges) for problem in self.problems]

    def scorer(self, position: int, embeddings: Floats) -> EmbeddingScorer:
        """The decoder of one problem over embeddings, (nodes, d)."""
        return EmbeddingScorer(embeddings, self.relations[position].detach().cpu().numpy(), self.decoder)

    def own_scores(self, position: int, sources: Ints, predict_heads: bool) -> Floats:
        """Scores of the network alone, from the training links: (sources, candidates)."""
        if self._embeddings is None:
            self._embeddings = self.network.embed(message_graph(self.problems, only_training=True))
        return self.scorer(position, self._embeddings).scores(
            sources, self.problems[position].candidates(predict_heads), predict_heads
        )

    def all_scores(self, position: int, sources: Ints, predict_heads: bool) -> dict[str, Floats]:
        """See ``TrainedLinks``."""
        return {self.name: self.own_scores(position, sources, predict_heads)}

    def choose(self, position: int, ranking: Ranking | None) -> str:
        """See ``TrainedLinks``; there is nothing to choose."""
        return self.name

    def knowing(self, problems: list[LinkProblem]) -> GnnLinks:
        """See ``ScoredLinks``."""
        return replace(self, problems=problems, _embeddings=None)

    def save(self, writer: ModelWriter, position: int) -> dict[str, Any]:
        """See ``TrainedLinks``."""
        writer.tensors(f"links/{position}.decoder", {"relation": self.relations[position].detach().cpu().numpy()})
        return {"kind": "embedding", "decoder": self.decoder, "gamma": 0.0}

    def finish(self, writer: ModelWriter) -> dict[str, Any]:
        """See ``TrainedLinks``; the embeddings are those over all known links."""
        graph = message_graph(self.problems, only_training=False)
        writer.array("embeddings", self.network.embed(graph))
        depth = self.network.encoder.depth
        return {
            "inductive": not self.network.edges,
            "hops": depth,
            "fanouts": [100] * depth,
            "network": save_network(writer, self.network, graph.directed),
        }


def message_graph(problems: list[LinkProblem], only_training: bool) -> MessageGraph:
    """Messages flow along the problems' training links, or all their links, and along all other edges.

    The first edges of each predicted type are its training links in their order.
    """
    directed = {problem.edge_type: problem.directed for problem in problems}
    return MessageGraph.from_edges(edges_of(problems, only_training), problems[0].space.total, directed)


def edges_of(problems: list[LinkProblem], only_training: bool) -> dict[EdgeType, Pairs]:
    """The edges that ``message_graph`` is of, in its order."""
    first = problems[0]
    edges = {problem.edge_type: problem.train if only_training else problem.everything for problem in problems}
    for kind, pairs in (first.context if only_training else first.whole_context).items():
        edges.setdefault(kind, pairs)
    return edges


def train_gnn(trial: Trial[GraphSettings], family: GraphFamily, problems: list[LinkProblem]) -> GnnLinks:
    """Train a graph network with the decoder that fits; the best epoch by validation MRR is kept.

    Source of the loss: sampled softmax with shared negatives, as in Zheng et al. 2020 (DGL-KE) and Yi et al. 2019.
    """
    settings = trial.settings
    graph = message_graph(problems, only_training=True)
    features = {kind: dict(values) for kind, values in trial.graph.features.items()}
    # an edge that is being predicted has no features yet, so those of predicted types take no part
    predicted = {problem.edge_type for problem in problems}
    network = Network.fresh(
        problems[0].space,
        features,
        list(graph.relations),
        family,
        settings,
        choose_backend(graph.num_entries, trial.device.type),
        edge_features(trial.graph, predicted) if settings.use_edge_features else None,
        device=trial.device,
        group=trial.group,
        trained_on=trial.graph.known_rows(trial.targets[0]),
    )
    chosen = decoder_of(settings, problems)
    begun = fresh_relations(chosen, len(problems), settings.num_hidden, settings.seed)
    relations = [relation.to(trial.device).requires_grad_(chosen != DOT.name) for relation in begun]
    model = GnnLinks(problems, network, relations, chosen, family.name)
    learner = GnnLearner(model, graph, settings, trial.group)
    model.history = fit(trial, learner, settings.num_epochs, bars=settings.prune_below)
    of = "links to choose by" if learner.chosen_by == "valid" else "links that it was trained on"
    model.notes.append(kept_epoch(model.history, learner.metric, settings.num_epochs, of))
    return model


def decoder_of(settings: GraphSettings, problems: Sequence[LinkProblem]) -> str:
    """The decoder that is asked for, or that fits.

    Products of two vectors say the same of a link and its opposite, complex ones do not; so these decode links that
    have a direction, where none is asked for both ways.
    """
    if settings.decoder != "auto":
        return settings.decoder
    both_ways = any(problem.homogeneous and not problem.directed for problem in problems)
    if any(problem.directed for problem in problems) and not both_ways and settings.num_hidden % 2 == 0:
        return "complex"
    return DOT.name if len(problems) == 1 else "distmult"


def fresh_relations(decoder: str, number: int, size: int, seed: int) -> list[Tensor]:
    """Vectors of relations before training, float32 (size,) each: ones for a single relation.

    Of several, every other dimension is 1 for all, so that what is alike is learned together, and the rest has random
    signs of each relation's own. From ones alone relations that exclude each other between the same vertices were not
    told apart before training stopped: MRR 0.07 where EASE has 0.09, 0.11 from here. Of complex numbers the second
    half, the imaginary parts, are random signs: with zeros a link and its opposite would begin alike.
    """
    rng = torch.Generator().manual_seed(seed)
    own = torch.arange(size) % 2 == 1
    if decoder == "complex":
        own = torch.arange(size) >= size // 2
    elif number == 1 or decoder == DOT.name:
        return [torch.ones(size) for _ in range(number)]
    return [
        torch.where(own, 2.0 * torch.randint(2, (size,), generator=rng) - 1, torch.ones(size)) for _ in range(number)
    ]


def edge_features(graph: GraphData, without: Collection[EdgeType] = ()) -> dict[EdgeType, Floats]:
    """All features of each edge type side by side, float32 (edges, d); types without any, and those named, left out."""
    matrices = {kind: edge_matrix(found) for kind, found in graph.edge_features.items() if kind not in without}
    return {kind: matrix for kind, matrix in matrices.items() if matrix is not None}


class GnnLearner:
    """A graph network of links in training; see ``Learner``. Rates fall to nothing by the last of all epochs.

    Args:
        model: network and relations; trained in place.
        graph: messages, along training links and all other edges.
        settings: hyperparameters.
        group: the processes that share every batch.
    """

    metric = "mrr"

    def __init__(self, model: GnnLinks, graph: MessageGraph, settings: GraphSettings, group: Group = ALONE) -> None:
        self.model, self.graph, self.settings = model, graph, settings
        self.chosen_by = chosen_by(model.problems)
        self.rng, self.group = np.random.default_rng(settings.seed), group
        network = model.network
        self.trained = [*network.encoder.parameters(), *(r for r in model.relations if r.requires_grad)]
        self.optimiser = AdamW(self.trained, settings.lr, settings.l2norm)
        self.table = RowAdam(network.table, settings.sparse_lr) if network.table is not None else None

    @property
    def sizes(self) -> list[int]:
        """Training links of a pass, by problem."""
        fewest = self.settings.batch_size
        whole = self.graph.num_entries <= FULL_ENTRIES
        return [max(fewest, -(-len(p.train) // PASSES)) if whole else fewest for p in self.model.problems]

    def batches(self) -> list[tuple[int, Ints]]:
        """Passes, of a batch or several; see ``Learner``."""
        return list(passes(self.model.problems, self.sizes, self.rng))

    def cool(self) -> None:
        """Set the rates of the next step."""
        each = sum(-(-len(one.train) // size) for one, size in zip(self.model.problems, self.sizes, strict=True))
        done, total = int(self.optimiser.steps), each * self.settings.num_epochs
        self.optimiser.lr = cooled(done, total, self.settings.lr)
        if self.table is not None:
            self.table.lr = cooled(done, total, self.settings.sparse_lr)

    def step(self, batch: tuple[int, Ints]) -> float:
        """See ``Learner``."""
        self.cool()
        self.model.network.encoder.train()
        loss, nodes, learned = batch_loss(self.model, self.graph, *batch, self.settings, self.rng, self.group)
        loss.backward()  # type: ignore[no-untyped-call]
        value = self.group.add_gradients(self.trained, loss)
        self.optimiser.step()
        step_table(self.table, nodes, learned, self.graph.num_nodes, self.group)
        return value

    def validated(self) -> float:
        """MRR over a sample of the links to choose by."""
        return validation_mrr(self.model, self.graph, self.settings.seed)

    def weights(self) -> dict[str, Tensor]:
        """Network and relations."""
        relations = {str(position): vector for position, vector in enumerate(self.model.relations)}
        return together(network=self.model.network.state(), relations=relations)

    def moments(self) -> dict[str, Tensor]:
        """See ``Learner``."""
        return together(weights=self.optimiser.moments(), table=None if self.table is None else self.table.moments())


def step_table(
    table: RowAdam | None, nodes: Ints | None, learned: Tensor | None, total: int, group: Group = ALONE
) -> None:
    """Move learned vectors along the gradients that all processes have of them.

    Args:
        table: the optimiser of the learned vectors, None where there are none.
        nodes: the nodes that took part here, int64 (n,); None are all.
        learned: the leaf of their vectors, float32 (n, d), after the backward pass.
        total: nodes in all.
        group: the processes.
    """
    if table is None or learned is None or learned.grad is None:
        return
    if nodes is None:
        table.step(torch.arange(total), group.add(learned.grad))
    else:
        table.step(*group.add_rows(tensor_on(nodes, learned.device), learned.grad))


def passes(problems: list[LinkProblem], sizes: Sequence[int], rng: np.random.Generator) -> Iterator[tuple[int, Ints]]:
    """Training edges of all problems in random parts of a size, each of one problem: (problem, positions, (n,)).

    Where links have a time, those of a part follow one another.
    """
    parts: list[tuple[int, Ints]] = []
    for position, (problem, size) in enumerate(zip(problems, sizes, strict=True)):
        order = in_time(rng.permutation(len(problem.train)), problem.train.time)
        parts.extend((position, order[start : start + size]) for start in range(0, len(order), size))
    for number in rng.permutation(len(parts)):
        yield parts[number]


def batch_loss(
    model: GnnLinks,
    graph: MessageGraph,
    position: int,
    chosen: Ints,
    settings: GraphSettings,
    rng: np.random.Generator,
    group: Group = ALONE,
) -> tuple[Tensor, Ints | None, Tensor | None]:
    """The loss of one pass: edges that carry no messages, nor do their copies, their opposites and their twins.

    Where edges have a time, none carries messages that came with the first link of the pass, or later. The pass is cut
    into batches with negatives of their own, which share the vectors.

    Args:
        model: network and relations.
        graph: messages; the first edges of each predicted type are its training links.
        position: of the problem.
        chosen: positions among its training links, int64 (n,).
        settings: hyperparameters.
        rng: draws negatives and neighbours.
        group: the processes of which each takes its share of every batch, and all of its negatives.

    Returns:
        The loss, a scalar; the nodes that took part, int64 (n,), None for all; the leaf of their learned vectors,
        float32 (n, d), None where there are none.
    """
    problem, network = model.problems[position], model.network
    size = settings.batch_size
    parts = [problem.train[chosen[start : start + size]] for start in range(0, len(chosen), size)]
    moment = np.inf if problem.train.time is None else float(problem.train.time[chosen].max())
    negatives = [
        [problem.rivals(predict_heads, settings.num_negs * each, moment, rng) for predict_heads in (False, True)]
        for part, each in ((part, 1 if settings.neg_share else len(part)) for part in parts)
    ]
    there = [problem.there(predict_heads, moment) for predict_heads in (False, True)]
    excluded = graph.excluding(problem.edge_type, chosen)
    if model.twins[position]:
        links = distinct(codes(problem.train[chosen], problem.space.total, ordered=False))
        excluded |= {kind: twins.beside(links) for kind, twins in model.twins[position].items()}
    if problem.train.time is not None:
        excluded |= graph.since(float(problem.train.time[chosen].min()))
    seeds = seeds_of(parts, negatives)
    fanouts = settings.fanouts(network.encoder.depth)
    weights = [len(part) / len(chosen) for part in parts]
    reach = len(seeds) * float(np.prod([1 + abs(f) for f in fanouts]))
    nodes: Ints | None = None
    blocks: list[Block] = []
    if reach >= graph.num_nodes and graph.num_entries <= FULL_ENTRIES:
        # sampling would reach everything anyway, and a whole round is cheaper than drawing
        blocks = [full_block(graph, excluded)] * len(fanouts)
    if group.size > 1:
        shares = [weighted_share(group, part) for part in parts]
        if not settings.neg_share:
            negatives = [
                [ids.reshape(len(part), -1)[span].ravel() for ids in two]
                for part, two, (span, _) in zip(parts, negatives, shares, strict=True)
            ]
        parts = [part[span] for part, (span, _) in zip(parts, shares, strict=True)]
        weights = [weight * share for weight, (_, share) in zip(weights, shares, strict=True)]
        seeds = seeds_of(parts, negatives)
    if not blocks:
        if graph.num_entries > FULL_ENTRIES:
            fanouts = within(fanouts, len(seeds), len(graph.relations), MOST_REACHED)
        nodes, blocks = sample_blocks(graph, seeds, fanouts, group.drawing(rng, seeds), excluded)
    vectors, learned = network.forward(nodes, blocks)
    formula = decoder(model.decoder)

    def loss_of(part: Pairs, drawn: list[Ints], weight: float, inputs: Sequence[Tensor]) -> Tensor:
        table, relation = inputs

        def rows(numbers: Ints) -> Tensor:
            return table[tensor_on(numbers if nodes is None else np.searchsorted(seeds, numbers), table.device)]

        source, target = rows(part.source), rows(part.target)
        loss = table.new_zeros(())
        for query, true, true_ids, predict_heads in (
            (source, target, part.target, False),
            (target, source, part.source, True),
        ):
            rivals, asked = rows(drawn[predict_heads]), formula.query(torch, query, relation, predict_heads)
            late = unborn(problem, part.time, drawn[predict_heads], true_ids, settings.neg_share)
            loss = loss + contrast(
                asked,
                true,
                tensor_on(true_ids, table.device),
                rivals,
                there[predict_heads],
                settings,
                None if late is None else (tensor_on(late[0], table.device), tensor_on(late[1], table.device)),
            )
        if settings.regularization_coef:
            loss = loss + settings.regularization_coef * (source.pow(2).mean() + target.pow(2).mean())
        return loss * weight

    losses = [partial(loss_of, *each) for each in zip(parts, negatives, weights, strict=True)]
    return one_after_the_other((vectors, model.relations[position]), losses), nodes, learned


def seeds_of(parts: Sequence[Pairs], negatives: Sequence[Sequence[Ints]]) -> Ints:
    """The vertices whose vectors a loss looks at, int64 (s,), ascending: ends of edges, and what was drawn, (k,)."""
    ends = [ids for part in parts for ids in (part.source, part.target)]
    found: Ints = distinct(np.concatenate(ends + [ids for two in negatives for ids in two]))
    return found


def one_after_the_other(inputs: Sequence[Tensor], losses: Sequence[Callable[[Sequence[Tensor]], Tensor]]) -> Tensor:
    """The sum of several losses of the same inputs, a float32 scalar, in the memory of one of them.

    Each loss is differentiated as soon as it is known and then let go; what is returned has the value of the sum, and
    its gradients with respect to the inputs.
    """
    if len(losses) == 1 or not torch.is_grad_enabled():
        return torch.stack([loss_of(inputs) for loss_of in losses]).sum()
    leaves = [tensor.detach().requires_grad_(tensor.requires_grad) for tensor in inputs]
    value = 0.0
    for loss_of in losses:
        loss = loss_of(leaves)
        loss.backward()  # type: ignore[no-untyped-call]
        value += float(loss.detach())
    linear = inputs[0].new_zeros(())
    for tensor, leaf in zip(inputs, leaves, strict=True):
        if leaf.grad is not None:
            linear = linear + (tensor * leaf.grad).sum()
    return linear - linear.detach() + value


def unborn(
    problem: LinkProblem, times: Times | None, drawn: Ints, partners: Ints, shared: bool
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]] | None:
    """Which rivals were not there yet when a link came; None where no vertex says when it came to be.

    Args:
        problem: what is predicted.
        times: of the links, float64 (b,).
        drawn: rivals of all, (k,), or of each in turn, (b · k,), unless they are ``shared``.
        partners: the other ends of the links, (b,).

    Returns:
        bool (b, k) of those drawn, and bool (b, b) of partners.
    """
    if problem.born is None or times is None:
        return None
    born = problem.born[drawn] if shared else problem.born[drawn].reshape(len(times), -1)
    return problem.unborn(born, times[:, None]), problem.unborn(problem.born[partners], times[:, None])


def contrast(
    query: Tensor,
    true: Tensor,
    true_ids: Tensor,
    negatives: Tensor,
    candidates: int,
    settings: GraphSettings,
    late: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Softmax of the true partner against uniform and in-batch negatives, plus binary cross-entropy on uniform ones.

    Args:
        query: decoder's query vectors, float32, shape (b, d).
        true: vectors of the true partners, shape (b, d).
        true_ids: their numbers, int64 (b,): a partner is no negative of another edge with the same partner.
        negatives: shared by all, shape (k, d); or k of each in turn, shape (b · k, d), without ``neg_share``.
        candidates: how many there are; a uniform negative stands for candidates / k of them.
        settings: num-negs, neg-share and the use of other edges' partners.
        late: negatives, bool (b, k), and partners, bool (b, b), that were not there yet when an edge came.
    """
    plus = (query * true).sum(dim=1)
    if settings.neg_share:
        uniform = query @ negatives.T
    else:
        uniform = torch.einsum("bd,bkd->bk", query, negatives.view(len(query), -1, query.shape[1]))
    weight = float(np.log(max(1.0, candidates / uniform.shape[1])))
    if late is not None:
        uniform = uniform.masked_fill(late[0], NOT_THERE)
    rivals = [uniform + weight]
    if settings.in_batch_negs:
        others = query @ true.T
        same = true_ids[:, None] == true_ids[None, :]
        rivals.append(others.masked_fill(same if late is None else same | late[1], -torch.inf))
    softmax = torch.nn.functional.softplus(torch.logsumexp(torch.cat(rivals, dim=1), dim=1) - plus).mean()
    binary = torch.nn.functional.softplus(-plus).mean() + torch.nn.functional.softplus(uniform).mean()
    return softmax + 0.3 * binary


def validation_mrr(model: GnnLinks, graph: MessageGraph, seed: int) -> float:
    """MRR over a sample of validation links of all problems, from vectors over the training links."""
    embeddings = model.network.embed(graph)
    ranks = []
    parts = selections(model.problems)
    for position, (part, most) in enumerate(zip(parts, shares(parts, EVALUATED), strict=True)):
        problem, links = model.problems[position], sample(part, most, seed)
        if len(links):
            scorer = model.scorer(position, embeddings)
            ranks.append(rank_links(problem, alone(scorer, problem), links, problem.before("choose")).ranks["model"])
    return mean_reciprocal_rank(np.concatenate(ranks))


def alone(scorer: EmbeddingScorer, problem: LinkProblem) -> Scores:
    """One scorer, under the name ``model``, as ``rank_links`` asks for it: int64 (b,) to float32 (b, candidates)."""
    return lambda sources, predict_heads: {
        "model": scorer.scores(sources, problem.candidates(predict_heads), predict_heads)
    }
