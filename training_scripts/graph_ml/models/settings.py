"""Hyperparameters as families declare them: Neptune's name, default, bounds, and what a search tries in which tier.

A family's hyperparameters are the fields of a frozen dataclass, each declared by ``hyperparameter``. Names on the
outside have hyphens instead of underscores.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any, Literal, TypeVar

from ..schemas import HpoParameter, TaskType

Tier = Literal["tier1", "tier2", "tier3", "fixed"]
_DECLARED = "declared"

LABELS: frozenset[TaskType] = frozenset({"node_class", "node_regression", "edge_class", "edge_regression"})
CLASSES: frozenset[TaskType] = frozenset({"node_class", "edge_class"})
NODE_CLASSES: frozenset[TaskType] = frozenset({"node_class"})
LINKS: frozenset[TaskType] = frozenset({"link_prediction"})

#: items to train on up to which a batch holds all of them
WHOLE = 4096
#: links that a training of usual length sees, each as often as there are epochs
LINKS_SEEN = 700_000
#: triples that a training of usual length asks about from both ends
TRIPLES_SEEN = 1_000_000
SMALL_GRAPH = 100_000
TINY_GRAPH = 1_000
#: triples from which on each is learned against a sample of the vertices, whose vectors are too many for every step
MANY_TRIPLES = 1_000_000
#: labelled vertices below which thousands of weights between features and answer would know all of them by heart
FEW_LABELS = 200
FEW_RELATIONS = 3
#: edge types of links beyond which a graph is a knowledge graph, and none gets a pair ranker of its own
MOST_TYPES = 8


@dataclass(frozen=True)
class Scale:
    """What ranges and defaults depend on.

    Args:
        task: what is learned.
        items: vertices or edges to train on.
        relations: edge types of the graph.
        among: whether some edges link vertices of the labelled type with each other.
        predicted: edge types whose links are learned.
        vertices: of all types; 0 where nobody counted them.
    """

    task: TaskType
    items: int
    relations: int = 1
    among: bool = True
    predicted: int = 1
    vertices: int = 0

    @property
    def links(self) -> bool:
        """Whether links are predicted."""
        return self.task == "link_prediction"

    @property
    def knowledge(self) -> bool:
        """Whether links of so many types are predicted that they are the relations of a knowledge graph."""
        return self.predicted > MOST_TYPES

    @property
    def few_labels(self) -> bool:
        """Whether a property of vertices is learned that hardly any have."""
        return self.task.startswith("node") and self.items < FEW_LABELS

    @property
    def few_relations_between_vertices(self) -> bool:
        """Whether a property of vertices is learned in a graph with so few relations that neighbours may be alike.

        Between vertices of other types it is what they are linked with, and by which relation, that tells.
        """
        return self.task.startswith("node") and self.relations <= FEW_RELATIONS and self.among


#: members of ``HpoParameter`` beside name and type; None where a task has no such parameter
Search = Callable[[Scale], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Declared:
    """What a field says of itself: where it stands in a search, its bounds, and where it changes nothing."""

    tier: Tier | None = None
    search: Search | None = None
    at_least: float | None = None
    above: float | None = None
    below: float | None = None
    one_of: tuple[str, ...] = ()
    idle: str = ""
    tasks: frozenset[TaskType] | None = None

    def complaint(self, value: Any) -> str | None:
        """What is wrong with a value, or None."""
        if self.one_of and value not in self.one_of:
            return f"it must be one of {', '.join(self.one_of)}"
        if self.at_least is not None and value < self.at_least:
            return f"it must be at least {self.at_least:g}"
        if self.above is not None and value <= self.above:
            return f"it must be above {self.above:g}"
        if self.below is not None and value >= self.below:
            return f"it must be below {self.below:g}"
        return None


def hyperparameter(
    default: Any,
    tier: Tier | None = None,
    search: Search | None = None,
    *,
    at_least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    one_of: tuple[str, ...] = (),
    idle: str = "",
    tasks: frozenset[TaskType] | None = None,
) -> Any:
    """A field of a class of hyperparameters.

    Args:
        default: what a missing one is, unless ``search`` gives a default for graphs of this scale.
        tier: where it stands in a search; None leaves it out.
        search: what is tried at some scale; without it a ``tier`` holds the default alone.
        at_least, above, below: bounds of the value.
        one_of: the words that it may be; empty for any.
        idle: why it is accepted and changes nothing; empty for all that count.
        tasks: where it counts; None is everywhere.
    """
    return field(
        default=default, metadata={_DECLARED: Declared(tier, search, at_least, above, below, one_of, idle, tasks)}
    )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every family knows.

    ``use_floors`` lets a formula answer beside what was trained on links, or in its place, where it ranks the links to
    choose by better. ``max_seconds`` bounds training; 0 is no bound. ``device`` is ``auto``, ``cpu``, ``cuda``,
    ``cuda:N`` or ``mps``.
    """

    model: str = ""
    task: str = ""
    target_ntype: str = ""
    target_etype: str = ""
    property: str = ""
    eval_metric: str = ""
    topk: int = 5
    eval_edges: int = 1000
    use_floors: bool = True
    max_seconds: float = 0.0
    seed: int = 0
    device: str = "auto"

    def as_text(self) -> dict[str, Any]:
        """Under their outside names, for descriptions and reports."""
        return {name.replace("_", "-"): value for name, value in asdict(self).items()}


@dataclass(frozen=True, kw_only=True)
class StoppingSettings(Settings):
    """What families have that learn in epochs.

    ``checkpoint_seconds`` is the time between two checkpoints, and so about what an interrupted trial loses.
    """

    enable_early_stop: bool = hyperparameter(True, "fixed")
    checkpoint_seconds: float = hyperparameter(30.0, at_least=0)
    window_for_early_stop: int = hyperparameter(
        3, "fixed", lambda scale: {"default": stop_window(scale.items)}, at_least=1
    )


@dataclass(frozen=True, kw_only=True)
class EpochSettings(StoppingSettings):
    """What families have that learn vectors.

    ``prune_below`` is what a search demands of the best figure after shares of the epochs: ``0.111:0.2,0.333:0.25``.
    """

    num_hidden: int = hyperparameter(64, "tier1", lambda _: power2(16, 128), at_least=1)
    num_epochs: int = hyperparameter(30, "tier1", lambda scale: _epochs(scale), at_least=1)
    lr: float = hyperparameter(1e-2, "tier1", lambda scale: _rate(scale), above=0)
    batch_size: int = hyperparameter(1024, "tier3", lambda scale: _batch(scale), at_least=1)
    prune_below: str = hyperparameter("")


@dataclass(frozen=True, kw_only=True)
class GraphSettings(EpochSettings):
    """What graph networks have.

    ``fanout`` is one number a layer, nearest layer first; a list that is too short repeats its last number.
    ``concat_node_embed`` gives vertices that have features a learned vector as well: it drowns what features say of
    labels, but links tell who a vertex is (R-GCN on LastFM: MRR .12 with, .04 without). ``decoder`` of links is
    ``distmult``, ``dot`` or ``auto``: that of ComplEx where all links have a direction, else dot where one edge type is
    predicted. ``mixed_precision`` multiplies matrices in bfloat16. ``consistency`` is what it costs that two passes,
    each with its own dropout, say different classes of vertices, with a label or without: it counts where a pass goes
    over the whole graph and vertices have no time, and doubles what an epoch costs.
    """

    dropout: float = hyperparameter(0.3, "tier2", lambda scale: _dropout(scale), at_least=0, below=1)
    input_dropout: float = hyperparameter(0.0, "tier2", lambda scale: _input_dropout(scale), at_least=0, below=1)
    layer_norm: bool = hyperparameter(True, "tier2", lambda _: {"default": True})
    concat_node_embed: bool = hyperparameter(False, "tier1", lambda scale: {"default": scale.links})
    num_negs: int = hyperparameter(1024, "tier2", lambda scale: _negatives(scale), at_least=1, tasks=LINKS)
    fanout: tuple[int, ...] = hyperparameter(
        (10, 15, 15), "tier3", lambda _: {"options": [[10, 30], [15, 30], [15, 30]], "default": [10, 15, 15]}
    )
    num_layer: int = hyperparameter(2, "tier3", lambda _: linear(1, 3, default=2, step=1), at_least=1)
    l2norm: float = hyperparameter(0.0, "fixed", lambda scale: _decay(scale), at_least=0)
    consistency: float = hyperparameter(0.0, "tier2", lambda scale: _agreement(scale), at_least=0, tasks=NODE_CLASSES)
    use_self_loop: bool = hyperparameter(True, "fixed")
    low_mem: bool = hyperparameter(True, "fixed", idle="memory is low anyway")
    neg_share: bool = hyperparameter(
        True, "fixed", lambda scale: {"default": True} if scale.links else None, tasks=LINKS
    )
    in_batch_negs: bool = hyperparameter(False, tasks=LINKS)
    sparse_lr: float = hyperparameter(1e-2, above=0)
    per_feat_name_embed: bool = hyperparameter(True)
    use_edge_features: bool = hyperparameter(False)
    edge_num_hidden: int = hyperparameter(16, at_least=1)
    use_class_weight: bool = hyperparameter(False, tasks=CLASSES)
    regularization_coef: float = hyperparameter(0.0, at_least=0, tasks=LINKS)
    decoder: str = hyperparameter("auto", one_of=("auto", "dot", "distmult"), tasks=LINKS)
    mixed_precision: bool = hyperparameter(False)

    def fanouts(self, depth: int) -> tuple[int, ...]:
        """The fan-out of each of ``depth`` layers, nearest first."""
        given = self.fanout or (15,)
        return tuple(given[min(i, len(given) - 1)] for i in range(depth))


@dataclass(frozen=True, kw_only=True)
class KnowledgeSettings(EpochSettings):
    """What knowledge-graph embeddings have.

    ``num_negs`` vertices stand against the true partners of a batch, all of the right type where there are no more;
    ``mixed_precision`` multiplies them in bfloat16 where the device has instructions for it. ``regularization_coef`` is
    what a cube of the absolute value of one number of one triple costs.
    """

    num_hidden: int = hyperparameter(256, "tier1", lambda _: power2(64, 512), at_least=1)
    num_epochs: int = hyperparameter(30, "tier1", lambda scale: _epochs_of_triples(scale), at_least=1)
    lr: float = hyperparameter(0.1, "tier1", lambda _: logarithmic(0.03, 0.3, default=0.1), above=0)
    batch_size: int = hyperparameter(1024, "tier3", lambda scale: _batch_of_triples(scale), at_least=1)
    regularization_coef: float = hyperparameter(0.1, "tier2", lambda scale: _price(scale, 0.125), at_least=0)
    num_negs: int = hyperparameter(4096, "tier3", lambda scale: _rivals(scale), at_least=1)
    mixed_precision: bool = hyperparameter(True)
    rel_part: bool = hyperparameter(False, "fixed", idle="relations are always whole")
    neg_share: bool = hyperparameter(True, "fixed", idle="the links of a batch always share their negatives")


@dataclass(frozen=True, kw_only=True)
class DistanceSettings(KnowledgeSettings):
    """Those of decoders that measure a distance, with its margin."""

    regularization_coef: float = hyperparameter(
        2e-6, "tier2", lambda _: logarithmic(1e-8, 1e-3, default=2e-6), at_least=0
    )
    gamma: float = hyperparameter(12.0, "tier2", lambda _: linear(4.0, 24.0, default=12.0))


@dataclass(frozen=True, kw_only=True)
class RotationSettings(DistanceSettings):
    """Those of RotatE, whose relations are angles and pay nothing, so that vertices pay more than ComplEx's.

    With 64 complex numbers and 1,024 rivals MRR on validation triples of WN18RR is .43 after five epochs for 0.05, and
    .446 after twelve for 1.5.
    """

    regularization_coef: float = hyperparameter(1.0, "tier2", lambda scale: _price(scale, 1.0), at_least=0)


def declared(of: type[Settings] | Settings) -> dict[str, tuple[Field[Any], Declared]]:
    """The fields of a class of hyperparameters, by outside name."""
    return {entry.name.replace("_", "-"): (entry, entry.metadata.get(_DECLARED, Declared())) for entry in fields(of)}


def searched(of: type[Settings], scale: Scale) -> dict[Tier, list[HpoParameter]]:
    """What a search tries at some scale, by tier, in the order of the fields."""
    found: dict[Tier, list[HpoParameter]] = {"tier1": [], "tier2": [], "tier3": [], "fixed": []}
    for name, (entry, what) in declared(of).items():
        if what.tier is None:
            continue
        tried = {"default": entry.default} if what.search is None else what.search(scale)
        if tried is not None:
            found[what.tier].append(HpoParameter.model_validate({"param": name, "type": outside(entry), **tried}))
    return found


S = TypeVar("S", bound=Settings)


def parse(of: type[S], values: Mapping[str, str], scale: Scale | None = None) -> tuple[S, list[str]]:
    """Read hyperparameters from text.

    Args:
        of: the class of the family.
        values: by outside name.
        scale: of the graph; a missing value is what a search of it begins with.

    Returns:
        The hyperparameters, and names that the family does not have: files carry those of other models.

    Raises:
        ValueError: a value is not of its type, or out of range.
    """
    known = declared(of)
    read: dict[str, Any] = {}
    for name, (entry, what) in known.items():
        if name in values:
            read[entry.name] = _value(name, str(entry.type), values[name])
        elif scale is not None and what.search is not None:
            default = begun(what.search(scale) or {}, entry.default)
            read[entry.name] = tuple(default) if isinstance(default, list) else default
        complaint = what.complaint(read.get(entry.name, entry.default))
        if complaint is not None:
            raise ValueError(f"hyperparameter {name} is {read[entry.name]}; {complaint}")
    return of(**read), sorted(set(values) - set(known))


def begun(tried: Mapping[str, Any], otherwise: Any) -> Any:
    """What a search begins with: its default, or the middle of a range, by ratio or by steps; see ``tuning.space``."""
    if "default" in tried or "range" not in tried:
        return tried.get("default", otherwise)
    low, high = tried["range"]
    if tried["inc_strategy"] == "log":
        return math.sqrt(low * high)
    if tried["inc_strategy"] == "power2":
        return low << (high // low).bit_length() // 2
    step = tried.get("inc_val") or 1
    return low + step * (int((high - low) / step + 1) // 2)


def carried(of: type[S], given: Settings) -> S:
    """The hyperparameters of one family from another's: what both have is kept, the rest takes its defaults."""
    shared = {entry.name for entry in fields(of)} & {entry.name for entry in fields(given)}
    return of(**{name: getattr(given, name) for name in shared})


def _value(name: str, kind: str, text: str) -> Any:
    plain = text.strip()
    try:
        if kind == "int":
            number = float(plain)  # "64.0" comes from tuners that know only numbers
            if number != int(number):
                raise ValueError("not a whole number")
            return int(number)
        if kind == "float":
            return {"true": 1.0, "false": 0.0}[plain.lower()] if plain.lower() in ("true", "false") else float(plain)
        if kind == "bool":
            # hyperparameters arrive as text, so "False" is true until parsed
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[plain.lower()]
        if kind.startswith("tuple"):
            parsed = json.loads(plain) if plain.startswith("[") else [int(part) for part in plain.split(",") if part]
            return tuple(int(part) for part in (parsed if isinstance(parsed, list) else [parsed]))
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"hyperparameter {name} is {text!r}; it must be a {kind.split('[')[0]}") from error
    return plain


def outside(entry: Field[Any]) -> str:
    """The type as the configuration names it; a list of whole numbers is of type int."""
    return "int" if str(entry.type).startswith("tuple") else str(entry.type)


def linear(low: float, high: float, default: float | None = None, step: float | None = None) -> dict[str, Any]:
    """A range in equal steps."""
    return _without_nothing(range=(low, high), inc_strategy="linear", inc_val=step, default=default)


def logarithmic(low: float, high: float, default: float | None = None) -> dict[str, Any]:
    """A range in equal ratios."""
    return _without_nothing(range=(low, high), inc_strategy="log", default=default)


def power2(low: int, high: int, default: int | None = None) -> dict[str, Any]:
    """Powers of two."""
    return _without_nothing(range=(low, high), inc_strategy="power2", default=default)


def _without_nothing(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def batch_sizes(items: int, links: bool = False) -> tuple[int, int, int]:
    """(smallest, largest, default) batch, powers of two.

    A batch of labels costs a pass over the graph whatever its size, so few labels are one batch. Links pay for each
    of a batch: a twentieth to a quarter of what there is to train on.
    """

    def power(size: float) -> int:
        return 1 << max(1, min(12, int(size).bit_length() - 1 if size >= 2 else 1))

    if items >= SMALL_GRAPH:
        return 128, 4096, 1024
    if not links:
        whole = min(WHOLE, 2 * power(items))
        return max(2, whole // 8), whole, whole
    largest = min(WHOLE, power(items / 4))
    smallest = max(2, min(128, largest // 8))
    return smallest, largest, max(smallest, min(1024, largest // 2))


def epochs(items: int, links: bool) -> tuple[int, int, int | None]:
    """Fewest, most and usual passes: small graphs need more of them, and they cost little there."""
    if links:
        if items < TINY_GRAPH:
            return 20, 100, 60
        # as many links in all, and so steps, whatever an epoch has; eight passes are nearly enough where it is large
        usual = max(8, min(35, round(LINKS_SEEN / items)))
        return max(3, usual // 3), max(30, 2 * usual), usual
    if items >= SMALL_GRAPH:
        return 3, 30, None
    return (50, 300, 200) if items <= WHOLE else (20, 100, 60)


def stop_window(items: int) -> int:
    """How many evaluations early stopping looks back: Neptune's three, more where few items make noise."""
    if items >= SMALL_GRAPH:
        return 3
    return 10 if items >= TINY_GRAPH else 20


def _epochs(scale: Scale) -> dict[str, Any]:
    few, many, usual = epochs(scale.items, scale.links)
    return {**linear(few, many, usual, step=1), "node_strategy": "perM"}


def _epochs_of_triples(scale: Scale) -> dict[str, Any]:
    if scale.items < TINY_GRAPH:
        few, many, usual = 20, 100, 60
    else:
        # a step costs what its batch has and no round over the graph, and vectors of rare entities need every pass
        usual = max(5, min(40, round(TRIPLES_SEEN / scale.items)))
        few, many = max(3, usual // 3), max(30, 2 * usual)
    return {**linear(few, many, usual, step=1), "node_strategy": "perM"}


def _batch_of_triples(scale: Scale) -> dict[str, Any]:
    if scale.items >= SMALL_GRAPH:
        return power2(512, 4096, default=2048)
    smallest, largest, usual = batch_sizes(scale.items, links=True)
    return power2(smallest, largest, default=min(usual, 512))


def _price(scale: Scale, highest: float) -> dict[str, Any]:
    # a vertex pays in every triple: the more it stands in, the less each may cost. ComplEx does best with 0.1 on WN18RR
    # (2 triples a vertex), 0.05 on FB15k-237 (19) and 0.03 on UMLS and kinship (39 and 82)
    crowd = scale.items / scale.vertices if scale.vertices else 1.0
    usual = highest / max(1.0, crowd) ** (1 / 3)
    return logarithmic(highest / 100, highest * 3, default=float(f"{usual:.2g}"))


def _rivals(scale: Scale) -> dict[str, Any]:
    # some thousand entities are cheapest all together: of FB15k-237 three passes so learn more than twenty with a few
    return power2(256, 16_384, default=16_384 if scale.items < MANY_TRIPLES else 1024)


def _rate(scale: Scale) -> dict[str, Any]:
    return logarithmic(1e-3, 1e-2) if scale.items >= SMALL_GRAPH else logarithmic(1e-3, 3e-2, default=1e-2)


def _batch(scale: Scale) -> dict[str, Any]:
    return power2(*batch_sizes(scale.items, scale.links))


def _dropout(scale: Scale) -> dict[str, Any]:
    # links learn from very many negatives and need no other noise: MRR .112 without, .071 with dropout .3; and noise
    # pulls numbers towards their mean
    if scale.links or (scale.task.endswith("regression") and scale.items < SMALL_GRAPH):
        return linear(0.0, 0.5, default=0.0)
    return linear(0.0, 0.5, default=0.3) if scale.items >= TINY_GRAPH else linear(0.0, 0.8, default=0.5)


def _input_dropout(scale: Scale) -> dict[str, Any] | None:
    if scale.links or scale.items >= SMALL_GRAPH:
        return None
    return linear(0.0, 0.8, default=0.5 if scale.items < TINY_GRAPH else 0.0)


def _decay(scale: Scale) -> dict[str, Any]:
    return {"default": 0.0 if scale.links or scale.items >= TINY_GRAPH else 0.005}


def _agreement(scale: Scale) -> dict[str, Any] | None:
    # what few labels leave open vertices without one can tell: GAT on CiteSeer .707 without, .719 with 1, .727 with 2
    return linear(0.0, 4.0, default=2.0) if scale.few_labels and scale.task in NODE_CLASSES else None


def _negatives(scale: Scale) -> dict[str, Any] | None:
    return power2(64, 1024, default=1024) if scale.links else None
