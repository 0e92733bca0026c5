"""Link prediction as a problem: which pairs to learn from, what the model may see, and who is a candidate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .distinct import among, among_sorted, distinct, pair_numbers
from .graph import EdgeType, GraphData, Split, Target
from .graph.data import Mask, Times
from .judging.metrics import Exclusions
from .pairs import NodeSpace, PairGraph
from .pairs.graph import NOBODY, Ints, simple_matrix
from .processing.split import held_out
from .schemas.model import Split as SplitName
from .scratch import joined, parked, picked, room

#: opposite edges say something where some pairs have them and some have not
RECIPROCITY = (0.01, 0.99)
#: links that are asked which way they lead, how many must tell, and the share that must tell the same
ASKED, FEWEST_TOLD, ONE_WAY = 200, 50, 0.9
#: share of links that lead to a later vertex, or to an earlier one, below which they are kept in the order of ids
ONE_ORDER = 0.01
#: relations within one node type up to which each may be a mutual one
MOST_FRIENDSHIPS = 3
#: the message graph of the target's own links
OWN_VIEW = "target"
#: the graph of all edges, beside the target\'s own links
ALL_EDGES = "all"
#: how often vertices that were not there yet are drawn again
REDRAWN = 8
#: share of the links that another edge type repeats, from which on that type takes no part
TWIN = 0.5

LinkSplit = Literal["train", "choose", "valid", "test"]
LINK_SPLITS: tuple[LinkSplit, ...] = get_args(LinkSplit)


@dataclass(frozen=True)
class Pairs:
    """Directed pairs of node numbers, int64, shape (m,) each; ``time`` is when they came to be, where that counts.

    It is float64, (m,): the time of the edge or of its newer end, −inf where nobody knows. ``row`` is which edge of its
    type each is, int64 (m,), where some were left out; a join of several lists has none.
    """

    source: Ints
    target: Ints
    time: Times | None = None
    row: Ints | None = None

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, chosen: Any) -> Pairs:
        time, row = (None if own is None else picked(own, chosen) for own in (self.time, self.row))
        return Pairs(picked(self.source, chosen), picked(self.target, chosen), time, row)

    def turned(self) -> Pairs:
        """The opposite pairs."""
        return Pairs(self.target, self.source, self.time, self.row)

    def before(self, moment: float) -> Pairs:
        """Those that were there before a moment; all where time does not count."""
        return self if self.time is None else self[self.time < moment]

    @classmethod
    def join(cls, parts: Iterable[Pairs]) -> Pairs:
        """All pairs of several lists."""
        several = list(parts)
        time = None
        if any(part.time is not None for part in several):
            times = [np.broadcast_to(-np.inf, len(part)) if part.time is None else part.time for part in several]
            time = joined(times, np.float64)
        source, target = (joined(side, np.int64) for side in ([p.source for p in several], [p.target for p in several]))
        return cls(source, target, time)


@dataclass(frozen=True)
class LinkProblem:
    """One edge type whose links are to be predicted, in numbers of one node space.

    Edges are undirected for messages. They are undirected for answers too where both ends have one type and opposite
    edges occur always or never, as in a table of friendships; then a link of either direction makes two vertices
    known to each other. Where opposite edges occur sometimes, or never and the graph tells which way they lead
    (``directed``), each direction is a link of its own.

    ``train``, ``choose``, ``valid`` and ``test`` share no pair and no copy (see ``HeldOut``). ``context`` are the edges
    of other types that take part in training and judging, and ``hidden`` are own links that do not; ``whole_context``
    are all that take part in serving, which edges of ``left_out`` never do. ``notes`` says what was moved or left out.
    ``gone`` are the numbers of vertices that the previous graph had and this one has not: they are nobody's rivals.
    ``tested_from`` is the moment from which on links are there to test by, in a split by time; inf in any other.
    ``known_to`` is the moment that all training lies before, and ``born`` when each vertex came to be, float64
    (vertices,), None where no vertex says it: who came later is nobody's rival, and nothing is fitted to them. Links
    that are ``dated`` are asked about at dates, and who was there came before its date. ``timed`` are the edge types
    that say when edges came.
    """

    edge_type: EdgeType
    space: NodeSpace
    train: Pairs
    choose: Pairs
    valid: Pairs
    test: Pairs
    context: Mapping[EdgeType, Pairs]
    directed: bool
    whole_context: Mapping[EdgeType, Pairs] = field(default_factory=dict)
    hidden: Pairs = field(default_factory=lambda: Pairs.join([]))
    left_out: tuple[EdgeType, ...] = ()
    notes: tuple[str, ...] = ()
    gone: Ints = field(default_factory=lambda: NOBODY)
    tested_from: float = np.inf
    known_to: float = np.inf
    born: Times | None = None
    dated: bool = False
    timed: frozenset[EdgeType] = frozenset()

    @classmethod
    def from_graph(cls, graph: GraphData, target: Target) -> LinkProblem:
        """The problem of one link-prediction target of a processed graph."""
        edge_type, split = target.edge_type, graph.splits[target]
        space = NodeSpace(dict(graph.num_nodes))
        everything = numbered(graph, edge_type, space)
        # edges outside every split are known and need not be predicted
        unused = np.ones(len(everything), dtype=bool)
        for part in (split.train, split.valid, split.test):
            unused[part] = False
        rest = np.flatnonzero(unused)
        by_time = target in graph.cuts
        later = np.empty(0, dtype=np.int64)
        if by_time:
            came, horizon = graph.came(edge_type), graph.horizons.get(target)
            everything = replace(everything, time=came if horizon is None else horizon.dated(came))
            is_later = graph.times[edge_type][rest] >= graph.cuts[target][0]
            rest, later = rest[~is_later], rest[is_later]
        train = everything[joined([split.train, rest], np.int64)]
        valid, test = everything[np.asarray(split.valid)], everything[np.asarray(split.test)]
        others = [kind for kind in graph.edge_types if kind != edge_type]
        whole = {
            kind: replace(numbered(graph, kind, space), row=parked(np.arange(len(graph.edges[kind]))))
            for kind in others
        }
        if by_time:
            whole = {kind: replace(pairs, time=parked(graph.came(kind))) for kind, pairs in whole.items()}
        context = {kind: pairs.before(graph.end_of_training(target)) for kind, pairs in whole.items()}
        directed = speaks_in_triples(graph, edge_type)
        problem = cls.from_pairs(edge_type, space, train, valid, test, context, directed, graph.seed, by_time)
        problem = replace(problem, gone=numbers_gone(graph, space))
        if not by_time:
            return problem
        left = sum(len(whole[kind]) - len(context[kind]) for kind in whole) + len(later)
        return replace(
            problem,
            hidden=everything[later],
            whole_context=whole,
            tested_from=graph.cuts[target][1],
            known_to=graph.end_of_training(target),
            born=births(graph, space),
            dated=target in graph.horizons,
            timed=frozenset(kind for kind in graph.edge_types if kind in graph.times),
            notes=(
                *problem.notes,
                f"split by time; {left} later edges take no part in training and validation",
                *against_random(problem, graph.seed),
            ),
        )

    @classmethod
    def from_pairs(
        cls,
        edge_type: EdgeType,
        space: NodeSpace,
        train: Pairs,
        valid: Pairs,
        test: Pairs,
        context: Mapping[EdgeType, Pairs] | None = None,
        directed: bool = False,
        seed: int = 0,
        by_time: bool = False,
    ) -> LinkProblem:
        """Find out the direction where it is not given, take self loops away, and divide what is held out.

        Split by time, the direction is told by the links of training alone.
        """
        parts = [part[part.source != part.target] for part in (train, valid, test)]
        every, total = Pairs.join(parts), space.total
        within = edge_type.source == edge_type.target
        directed = within and (directed or is_directed(parts[0] if by_time else every, total))
        ends = np.cumsum([0, *(len(part) for part in parts)])
        split = Split(*(np.arange(start, stop) for start, stop in pairwise(ends.tolist())))
        groups = codes(every, total, ordered=not within)
        # statements such as "mother of" may have been split with opposite ones apart; that is for their author to say
        held = held_out(split, groups, seed, codes(every, total, ordered=True) if directed else groups, every.time)
        return cls(
            edge_type,
            space,
            every[held.train],
            every[held.choose],
            every[held.valid],
            every[held.test],
            dict(context or {}),
            directed,
            dict(context or {}),
            notes=held.notes,
        )

    @classmethod
    def known_links(
        cls,
        edge_type: EdgeType,
        space: NodeSpace,
        links: Pairs,
        context: Mapping[EdgeType, Pairs],
        directed: bool,
        left_out: tuple[EdgeType, ...] = (),
    ) -> LinkProblem:
        """A problem with nothing held out, for serving."""
        none = Pairs.join([])
        return cls(edge_type, space, links, none, none, none, context, directed, context, none, left_out)

    def complete(self) -> LinkProblem:
        """The same edge type with all its links known and all other edges there, as it is served."""
        return self.known_links(
            self.edge_type, self.space, self.everything, self.whole_context, self.directed, self.left_out
        )

    def earlier(self, moment: float) -> LinkProblem:
        """The problem as it was before a moment: its training links and all others that were there then."""
        context = {kind: pairs.before(moment) for kind, pairs in self.context.items()}
        return replace(self, train=self.train.before(moment), context=context, known_to=min(moment, self.known_to))

    def apart(self, links: Pairs) -> LinkProblem:
        """The problem without edges of other types that join the vertices of some links, whichever way they point.

        Split by time, edges of types that say when they came stay: all that there are came before the links.
        """
        total = self.space.total
        held = distinct(codes(links, total, ordered=False))
        context = {
            kind: pairs[~among_sorted(codes(pairs, total, ordered=False), held)]
            if between(kind, self.edge_type) and kind not in self.timed
            else pairs
            for kind, pairs in self.context.items()
        }
        return replace(self, context=context)

    def absent(self, moment: float) -> Ints:
        """The numbers of the vertices that are gone, or were not there at a moment yet, ascending, (n,)."""
        if self.born is None:
            return self.gone
        return np.union1d(self.gone, np.flatnonzero(self.unborn(self.born, moment)))

    def unborn(self, born: Times, moments: float | Times) -> Mask:
        """Whether what was ``born`` at these moments was not there at others yet; bool, of the common shape."""
        return np.asarray(born >= moments if self.dated else born > moments)

    @cached_property
    def unknown(self) -> Ints:
        """The numbers of the vertices that are gone, or came after training, ascending, (n,)."""
        if self.born is None:
            return self.gone
        return np.union1d(self.gone, np.flatnonzero(self.born >= self.known_to))

    def rivals(self, predict_heads: bool, size: int, moment: float, rng: np.random.Generator) -> Ints:
        """Uniform candidates that training knows, with replacement, int64 (size,); hardly one was not there yet."""
        candidates = self.candidates(predict_heads)
        drawn = draw_uniform(candidates, size, rng, self.unknown)
        if self.born is not None:
            for _ in range(REDRAWN):
                late = np.flatnonzero(self.unborn(self.born[drawn], moment))
                if not len(late):
                    break
                drawn[late] = draw_uniform(candidates, len(late), rng, self.unknown)
        return drawn

    def there(self, predict_heads: bool, moment: float) -> int:
        """How many candidates were there at a moment, those that are gone among them."""
        candidates = self.candidates(predict_heads)
        late = 0 if self.born is None else int(np.count_nonzero(self.unborn(self.born[candidates], moment)))
        return int(candidates.stop - candidates.start) - late

    def before(self, split: LinkSplit) -> Pairs:
        """The links that may be known when those of a split are ranked: its own and those of all parts before it."""
        parts = [self.train, self.choose, self.valid, self.test]
        return Pairs.join(parts[: LINK_SPLITS.index(split) + 1])

    @property
    def homogeneous(self) -> bool:
        """Both ends have the same type."""
        return self.edge_type.source == self.edge_type.target

    @property
    def possible(self) -> int:
        """How many pairs there are that might be linked."""
        ends = [self.space.counts[end] for end in (self.edge_type.source, self.edge_type.target)]
        if not self.homogeneous:
            return ends[0] * ends[1]
        return ends[0] * (ends[0] - 1) // (1 if self.directed else 2)

    @property
    def is_complete(self) -> bool:
        """Whether all pairs are linked."""
        every = self.everything
        if len(every) < self.possible:
            return False
        ordered = self.directed or not self.homogeneous
        return len(distinct(codes(every, self.space.total, ordered=ordered))) == self.possible

    @property
    def everything(self) -> Pairs:
        """All known links of the edge type."""
        return Pairs.join([self.before("test"), self.hidden])

    def candidates(self, predict_heads: bool) -> slice:
        """Who may be the other end: targets, or sources when ``predict_heads``."""
        return self.space.range(self.edge_type.source if predict_heads else self.edge_type.target)

    def gone_among(self, predict_heads: bool) -> Ints:
        """The candidates, counted from the first one, that are gone, ascending, (g,)."""
        candidates = self.candidates(predict_heads)
        found: Ints = self.gone[(self.gone >= candidates.start) & (self.gone < candidates.stop)] - candidates.start
        return found

    def known(self, pairs: Pairs, predict_heads: bool) -> Exclusions:
        """For each query node, the candidates (counted from the first one) that ``pairs`` already link it to."""
        lists = [pairs.turned()] if predict_heads else [pairs]
        if self.homogeneous and not self.directed:
            lists = [pairs, pairs.turned()]
        first = self.candidates(predict_heads).start
        return Exclusions.from_edges(self.space.total, [(part.source, part.target - first) for part in lists])

    def partners(self) -> tuple[Exclusions, Exclusions]:
        """For each query node, the tails and the heads that it is linked to by any known link."""
        tails = self.known(self.everything, False)
        return tails, tails if self.homogeneous and not self.directed else self.known(self.everything, True)

    def views(self, pairs: Pairs) -> list[tuple[str, PairGraph]]:
        """The message graphs over these links: the target's own, and with other edge types one of all edges."""
        own = (OWN_VIEW, PairGraph.from_edges(pairs.source, pairs.target, self.space.total))
        if not any(len(part) for part in self.context.values()):
            return [own]
        parts = [(part.source, part.target) for part in (pairs, *self.context.values())]
        return [own, (ALL_EDGES, PairGraph.from_lists(parts, self.space.total))]

    def arrows(self, pairs: Pairs) -> Any | None:
        """The links as a CSR matrix from source to target where direction matters, else None."""
        if not self.directed:
            return None
        shape = (self.space.total, self.space.total)
        ones = np.ones(len(pairs), dtype=np.float32)
        matrix = sparse.csr_matrix((ones, (pairs.source, pairs.target)), shape=shape)
        matrix.sum_duplicates()
        matrix.data[:] = 1.0
        return matrix


def as_tested(problems: Sequence[LinkProblem]) -> list[LinkProblem]:
    """Problems as they stand at the moment from which on links are there to test by, the earliest where several differ.

    What came before it is known then: links to choose and to validate by as well as those of training, those that stand
    in no part, and edges of other types. Empty where nothing is split by time, or there is nothing to test by.
    """
    moment = min((problem.tested_from for problem in problems), default=np.inf)
    if not np.isfinite(moment):
        return []
    none, found = Pairs.join([]), []
    for problem in problems:
        links = Pairs.join([problem.train, problem.choose, problem.valid, problem.hidden]).before(moment)
        others = [kind for kind in problem.whole_context if kind not in problem.left_out]
        context = {kind: problem.whole_context[kind].before(moment) for kind in others}
        known = replace(problem, train=links, choose=none, valid=none, hidden=none, known_to=moment)
        found.append(replace(known, context=context, whole_context=context))
    return apart_from_held(found)


def against_random(problem: LinkProblem, seed: int) -> Iterator[str]:
    """Why figures of a split by time are not those of a random one: who is asked about, here and there.

    Args:
        problem: split by time.
        seed: of the random split that this one is compared with, of the same links and sizes.
    """
    held = Pairs.join([problem.valid, problem.test])
    every = Pairs.join([problem.train, held])
    if not len(held) or not len(problem.train):
        return
    order = np.random.default_rng([seed, 4]).permutation(len(every))
    drawn = every[order[: len(problem.train)]], every[order[len(problem.train) :]]
    by_time, at_random = (newcomers(*parts) for parts in ((problem.train, held), drawn))
    yield (
        f"of the links that are judged {by_time:.0%} join a vertex that has no training link, in a random split of as "
        f"many it would be {at_random:.0%}: a random split hides links among those that came with them, and its "
        "figures tell how well gaps are filled; a split by time asks about newcomers, and about what has changed "
        "since, as tomorrow does"
    )


def newcomers(known: Pairs, held: Pairs) -> float:
    """The share of held links, (h,), with an end that no known link, (k,), has."""
    there = distinct(np.concatenate([known.source, known.target]))
    return float(np.mean(~(among(held.source, there) & among(held.target, there))))


def chosen_by(problems: Sequence[LinkProblem]) -> SplitName:
    """The name of what ``selections`` gives: held-out links, or training links where there are no others."""
    return "valid" if any(len(problem.choose) for problem in problems) else "train"


def selections(problems: Sequence[LinkProblem]) -> list[Pairs]:
    """The links of each problem to choose by; where no problem has any, those that are trained on."""
    chosen = [problem.choose for problem in problems]
    return chosen if any(len(part) for part in chosen) else [problem.train for problem in problems]


def without_twins(problems: Sequence[LinkProblem]) -> list[LinkProblem]:
    """The same problems, without edges of other types that would give held-out links away.

    An edge of another type between two vertices whose link is held out takes no part in training and judging, whichever
    way it points; see ``apart_from_held``. A type that is not predicted and repeats at least half of the links of one
    that is would leave nothing to learn, so it takes no part at all, not even in serving. Split by time, what training
    knows tells.
    """
    total = problems[0].space.total
    predicted = {problem.edge_type for problem in problems}
    notes: dict[EdgeType, list[str]] = {kind: [] for kind in predicted}
    left_out: set[EdgeType] = set()
    for problem in problems:
        by_time = problem.train.time is not None
        links = problem.train if by_time else problem.everything
        for kind, pairs in (problem.context if by_time else problem.whole_context).items():
            if kind in predicted or not between(kind, problem.edge_type):
                continue
            share = repeated(links, distinct(codes(pairs, total, ordered=False)), total)
            if share >= TWIN:
                left_out.add(kind)
                notes[problem.edge_type].append(
                    f"{kind} repeats {share:.0%} of the links {problem.edge_type} and would tell them: it takes no part"
                )
    return apart_from_held(
        [
            replace(
                problem,
                context={kind: pairs for kind, pairs in problem.context.items() if kind not in left_out},
                whole_context={kind: pairs for kind, pairs in problem.whole_context.items() if kind not in left_out},
                left_out=tuple(kind for kind in problem.context if kind in left_out),
                notes=(*problem.notes, *notes[problem.edge_type]),
            )
            for problem in problems
        ]
    )


def apart_from_held(problems: Sequence[LinkProblem]) -> list[LinkProblem]:
    """The same problems, without edges of other types between vertices whose link is held out.

    Edges of types that say when they came stay where the links are held out by time: they came before them.
    """
    held = HeldPairs.of(problems)
    known = {kind: pairs for problem in problems for kind, pairs in problem.context.items()}
    context = {kind: pairs[~held.by_others(kind, pairs)] for kind, pairs in known.items()}
    found = []
    for problem in problems:
        twins = held.by_others(problem.edge_type, problem.train)
        gone = sum(len(known[other]) - len(context[other]) for other in problem.context)
        told = (
            [f"{gone} edges of other types join vertices whose link is held out; they take no part until the end"]
            if gone
            else []
        )
        found.append(
            replace(
                problem,
                train=problem.train[~twins],
                hidden=Pairs.join([problem.hidden, problem.train[twins]]),
                context={other: context[other] for other in problem.context},
                notes=(*problem.notes, *told),
            )
        )
    return found


@dataclass(frozen=True)
class HeldPairs:
    """Undirected pairs that are held out: sorted codes, the edge type of each, and whether it is one of several.

    ``by_time`` says whether a pair is held out by time alone, bool (n,); edges of ``timed`` types say when they came.
    """

    total: int
    kinds: tuple[EdgeType, ...]
    pairs: Ints
    owner: Ints
    shared: npt.NDArray[np.bool_]
    by_time: npt.NDArray[np.bool_]
    timed: frozenset[EdgeType]

    @classmethod
    def of(cls, problems: Sequence[LinkProblem]) -> HeldPairs:
        """The pairs of all parts that are not trained on."""
        total = problems[0].space.total
        parts = [
            distinct(codes(Pairs.join([problem.choose, problem.valid, problem.test]), total, ordered=False))
            for problem in problems
        ]
        owners = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        every = np.concatenate(parts)
        pairs, first, count = np.unique(every, return_index=True, return_counts=True)
        drawn = np.array([problem.train.time is None for problem in problems])[owners]
        by_time = ~among(pairs, every[drawn])
        kinds = tuple(problem.edge_type for problem in problems)
        timed = frozenset[EdgeType]().union(*(problem.timed for problem in problems))
        return cls(total, kinds, pairs, owners[first], count > 1, by_time, timed)

    def by_others(self, kind: EdgeType, pairs: Pairs) -> npt.NDArray[np.bool_]:
        """Which of these edges of a type join two vertices whose link of another type is held out, shape (m,)."""
        if not len(self.pairs):
            return np.zeros(len(pairs), dtype=bool)
        own = codes(pairs, self.total, ordered=False)
        place = np.minimum(np.searchsorted(self.pairs, own), len(self.pairs) - 1)
        number = self.kinds.index(kind) if kind in self.kinds else -1
        others: npt.NDArray[np.bool_] = (self.owner[place] != number) | self.shared[place]
        if kind in self.timed:
            others &= ~self.by_time[place]
        return np.asarray((self.pairs[place] == own) & others)


@dataclass(frozen=True)
class Twins:
    """Edges of one type that join vertices which a link of another type joins, too, and might tell of it.

    Split by time, those that say when they came are none: a batch hears of them if they came before it.

    Args:
        count: all edges of the type.
        places: which of them, int64 (t,).
        pairs: their codes, whichever way they point, (t,).
    """

    count: int
    places: Ints
    pairs: Ints

    @classmethod
    def of(cls, problem: LinkProblem, others: Mapping[EdgeType, Pairs]) -> dict[EdgeType, Twins]:
        """Those of training links among edges of other types; types that have none are left out."""
        total, found = problem.space.total, {}
        own = distinct(codes(problem.train, total, ordered=False))
        for kind, pairs in others.items():
            if kind not in (problem.edge_type, *problem.timed) and between(kind, problem.edge_type):
                every = codes(pairs, total, ordered=False)
                places = np.flatnonzero(among_sorted(every, own))
                if len(places):
                    found[kind] = cls(len(pairs), places, every[places])
        return found

    def beside(self, links: Ints) -> npt.NDArray[np.bool_]:
        """Which edges of the type join the vertices of these links, codes ascending, (n,): bool (count,)."""
        found = np.zeros(self.count, dtype=bool)
        found[self.places[among_sorted(self.pairs, links)]] = True
        return found


def births(graph: GraphData, space: NodeSpace) -> Times | None:
    """When each vertex came to be, float64 (vertices,), −inf where nobody knows; None where no vertex says it."""
    kinds = [kind for kind in graph.node_types if kind in graph.times]
    if not kinds:
        return None
    found = np.full(space.total, -np.inf)
    for kind in kinds:
        found[space.range(kind)] = graph.times[kind]
    return found


def between(one: EdgeType, other: EdgeType) -> bool:
    """Whether two edge types join the same two node types, in whichever direction."""
    return {one.source, one.target} == {other.source, other.target}


def repeated(links: Pairs, others: Ints, total: int) -> float:
    """The share of distinct undirected pairs whose codes stand among ``others``, (m,), the codes of other edges."""
    own = distinct(codes(links, total, ordered=False))
    return float(among(own, others).mean()) if len(own) else 0.0


def numbered(graph: GraphData, edge_type: EdgeType, space: NodeSpace) -> Pairs:
    """The edges of one type in numbers of the node space."""
    edges, offsets = graph.edges[edge_type], space.offsets
    return Pairs(
        shifted(edges.source, offsets[edge_type.source]),
        shifted(edges.target, offsets[edge_type.target]),
    )


def shifted(numbers: Ints, by: int) -> Ints:
    """Numbers, (n,), each so much greater: the very array, which may be mapped, where that is nothing."""
    if not by:
        return np.asarray(numbers, dtype=np.int64)
    found: Ints = room(len(numbers), np.int64)
    return np.add(numbers, by, out=found)


def numbers_gone(graph: GraphData, space: NodeSpace) -> Ints:
    """The numbers of the vertices that are gone, of all types, ascending, (g,)."""
    found = [np.asarray(graph.gone[kind], dtype=np.int64) + space.offsets[kind] for kind in graph.gone]
    return np.sort(np.concatenate([NOBODY, *found]))


def draw_uniform(candidates: slice, size: int | tuple[int, ...], rng: np.random.Generator, gone: Ints = NOBODY) -> Ints:
    """Uniform candidates, with replacement, in an array of this size, but for those that are ``gone``, (g,)."""
    inside = gone[(gone >= candidates.start) & (gone < candidates.stop)]
    drawn = np.asarray(rng.integers(candidates.start, candidates.stop - len(inside), size), dtype=np.int64)
    # those that are there, counted: every one that is gone at or before a number moves it one further
    return drawn + np.searchsorted(inside - np.arange(len(inside)), drawn, side="right")


def codes(pairs: Pairs, total: int, ordered: bool) -> Ints:
    """One number for each pair, (n,); the same for both orders unless ``ordered``."""
    return pair_numbers(pairs.source, pairs.target, total, ordered)


def speaks_in_triples(graph: GraphData, edge_type: EdgeType) -> bool:
    """Whether edges are statements of subject and object: knowledge graphs, and node types with many relations.

    A single relation without opposite edges may be a friendship that is kept once; "born in" is kept once too, but
    comes among others.
    """
    own = [kind for kind in graph.edge_types if kind.source == kind.target == edge_type.source]
    return graph.model_type == "kge" or len(own) > MOST_FRIENDSHIPS


def is_directed(pairs: Pairs, total: int) -> bool:
    """Whether opposite edges occur sometimes, or never and the company that links keep tells which way they lead."""
    forth = distinct(codes(pairs, total, ordered=True))
    if not len(forth):
        return False
    share = float(among(forth, codes(pairs.turned(), total, ordered=True)).mean())
    return RECIPROCITY[0] < share < RECIPROCITY[1] or (share <= RECIPROCITY[0] and leads_one_way(pairs, total))


def leads_one_way(pairs: Pairs, total: int) -> bool:
    """Whether links that have no opposites lead where their source's other links lead, and not the other way.

    Of some links a → b the paths a → x ← y → b are counted, and the paths b → x ← y → a. A friendship that is kept once
    leads either way by chance, so neither are more; one that is kept in the order of ids says nothing of either.
    """
    upward = float((pairs.source < pairs.target).mean())
    if not ONE_ORDER < upward < 1 - ONE_ORDER:
        return False
    matrix = simple_matrix([(pairs.source, pairs.target)], total)
    turned = matrix.T.tocsr()
    out, into = np.diff(matrix.indptr), np.diff(turned.indptr)
    chosen = np.random.default_rng(0).permutation(len(pairs))[:ASKED]
    more = fewer = 0
    for source, target in zip(pairs.source[chosen].tolist(), pairs.target[chosen].tolist(), strict=True):
        # without the link itself, as its first step and as its last
        forth = float((matrix[source] @ turned).multiply(turned[target]).sum()) - (out[source] + into[target] - 1)
        back = float((matrix[target] @ turned).multiply(turned[source]).sum())
        more, fewer = more + (forth > back), fewer + (forth < back)
    return bool(more + fewer >= FEWEST_TOLD and more >= ONE_WAY * (more + fewer))
