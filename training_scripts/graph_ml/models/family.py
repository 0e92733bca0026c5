"""What a model family declares of itself. One file a family; its only other mention is its line in the table.

Files of families import neither torch nor numpy, for the service and data processing read them without: formulas use
the methods of the arrays that they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..schemas import TaskType
from .settings import LABELS as LABELS
from .settings import LINKS as LINKS
from .settings import GraphSettings, KnowledgeSettings, Scale, Settings

if TYPE_CHECKING:
    from torch import Tensor

    from .network.round import Round


@dataclass(frozen=True, kw_only=True)
class Family:
    """A model family.

    Args:
        name: as requests and files write it.
        title: as reports write it.
        paper: where it comes from.
        tasks: what it can learn.
        settings: its hyperparameters.
        compared: whether a search that may choose a family tries this one.
        fits: whether it can learn at a scale at all.
        first_for: whether it suits a scale, so that a search tries it before families that do not.
        baseline: whether it is there to be beaten; a search of a single trial passes over it.
        unused: outside names of those of its hyperparameters that change nothing in it.
    """

    name: str
    title: str
    paper: str
    tasks: frozenset[TaskType]
    settings: type[Settings]
    compared: bool = True
    fits: Callable[[Scale], bool] = lambda scale: True
    first_for: Callable[[Scale], bool] = lambda scale: True
    baseline: bool = False
    unused: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Size:
    """What the shapes of a round's weights depend on.

    Args:
        relations: how many, each direction for itself.
        ends: numbers of the node types that a relation's messages come from and go to, by relation.
        node_types: how many.
        hidden: numbers in a vector.
        number: of the round, from 0.
        last: whether it is the last round.
        settings: hyperparameters.
    """

    relations: int
    ends: tuple[tuple[int, int], ...]
    node_types: int
    hidden: int
    number: int
    last: bool
    settings: Any


@dataclass(frozen=True)
class Weight:
    """A trained array: its shape, and what it begins with; ``glorot`` looks at the last two axes."""

    shape: tuple[int, ...]
    start: Literal["glorot", "zeros", "ones"] = "glorot"


@dataclass(frozen=True, kw_only=True)
class GraphFamily(Family):
    """A graph network: a formula for one round of messages.

    Args:
        weights: the trained arrays of a round, by name.
        round: vectors of a round's targets from those of its sources, (sources, hidden) → (targets, hidden).
        rounds: how many, from the hyperparameters; 0 passes no messages.
        active_input: whether input vectors pass a rectifier and dropout before the first round.
        final_norm: whether finished vectors are brought to one scale, for heads; links want their lengths.
        mean_of_rounds: whether the result is the mean over input and all rounds instead of the last round.
        linear: whether neither inputs nor heads have a rectifier, so that answers are sums over features.
        features_only: whether vertices without features have no learned vector where anything else has features.
    """

    settings: type[GraphSettings]
    weights: Callable[[Size], Mapping[str, Weight]]
    round: Callable[[Round], Tensor]
    rounds: Callable[[Any], int] = lambda settings: int(settings.num_layer)
    active_input: bool = False
    final_norm: bool = True
    mean_of_rounds: bool = False
    linear: bool = False
    features_only: bool = False


@dataclass(frozen=True)
class Decoder:
    """How two vectors and a relation's become a score; torch and numpy alike.

    Args:
        name: as descriptions of models write it.
        query: (xp, vectors (b, w), relations (b, r) or (r,), predict_heads) → (b, w): what a partner's vector should
            point along, or be near to; ``xp`` is the module torch or numpy, and ``predict_heads`` asks for heads.
        compare: by what a partner's vector is compared with it: their product, or γ less their Euclidean distance.
        widths: numbers of a vertex's and of a relation's vector, from ``num-hidden``.
        paired: whether vectors are of complex numbers, real parts first.
        phases: whether relations are angles.
    """

    name: str
    query: Callable[[Any, Any, Any, bool], Any]
    compare: Literal["dot", "l2"]
    widths: Callable[[int], tuple[int, int]]
    paired: bool = False
    phases: bool = False


@dataclass(frozen=True, kw_only=True)
class KnowledgeFamily(Family):
    """A knowledge-graph embedding: a decoder over one learned vector a vertex and a relation.

    ``regularization-coef`` is the price of the cubed absolute values of all numbers of a triple that are no angles (N3,
    Lacroix et al. 2018).

    Args:
        decoder: its formula.
        reciprocal: whether every relation has a second vector, for asking the other way round.
        start: deviation of untrained vectors; 0 draws them uniformly, wider for shorter ones.
        shared_rates: whether Adagrad adapts one rate for all numbers of a vector (DGL-KE), or one for each of them.
    """

    settings: type[KnowledgeSettings]
    decoder: Decoder
    reciprocal: bool = False
    start: float = 0.0
    shared_rates: bool = True


@dataclass(frozen=True, kw_only=True)
class RankingFamily(Family):
    """A scorer over features of pairs, alone or beside a graph network.

    ``sketches`` is how many entries a signature has that describes a neighbourhood; with 0 walks describe pairs.
    """

    with_network: bool = False
    sketches: int = 0


def same_width(size: int) -> tuple[int, int]:
    """Vertices and relations have vectors of ``num-hidden`` numbers."""
    return size, size


def complex_product(xp: Any, vectors: Any, real: Any, imaginary: Any) -> Any:
    """Complex numbers, real parts first, times others, number by number: (b, 2 d) and twice (b, d) → (b, 2 d)."""
    half = vectors.shape[-1] // 2
    first, second = vectors[..., :half], vectors[..., half:]
    return xp.concatenate((first * real - second * imaginary, first * imaginary + second * real), -1)
