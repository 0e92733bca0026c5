"""A graph network with all it needs to make vectors: features, learned vectors, encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...artifacts import ModelFolder, ModelWriter
from ...devices import CPU, home_of_table, host_table, mixed_precision, tensor_on
from ...graph import EdgeType
from ...group import ALONE, Group
from ...message_passing import Backend
from ...pairs import NodeSpace
from ...pairs.graph import Floats, Ints
from ...sampling import Block, MessageGraph, Relation, blocks_on, full_block
from ..families import family_of
from ..family import GraphFamily
from ..settings import GraphSettings, Settings
from .encoder import Encoder
from .layerwise import ranges, vectors_by_ranges
from .rounds import EdgeFeatures
from .sparse import MOST_NUMBERS, SparseRows

NodeFeatures = Mapping[str, Mapping[str, Floats]]
NOTHING: Floats = np.zeros((0, 0), dtype=np.float32)

#: of the learned vectors in a training step, how many are taken for those of vertices that are not known
UNSEEN_SHARE = 0.1


@dataclass
class Network:
    """Makes vectors of nodes.

    Args:
        space: numbers of the nodes.
        features: node type → feature name → (n, d); may be memory-mapped.
        table: learned vectors, (nodes of all types, num_hidden), or None where no type has any; on the host where they
            are too many for the device.
        embedded: node types with learned vectors.
        encoder: input layer and rounds of messages.
        relations: the relations that the encoder knows.
        backend: who passes messages.
        edges: features of edges in the order of the message graph, empty where the network uses none.
        device: where weights lie and vectors are computed; features stay on the host.
        group: the processes that share making the vectors of all nodes.
    """

    space: NodeSpace
    features: NodeFeatures
    table: Tensor | None
    embedded: tuple[str, ...]
    encoder: Encoder
    relations: tuple[Relation, ...]
    backend: Backend
    edges: EdgeFeatures = field(default_factory=dict)
    device: torch.device = CPU
    group: Group = ALONE
    _sparse: dict[tuple[str, str], SparseRows] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def fresh(
        cls,
        space: NodeSpace,
        features: NodeFeatures,
        relations: Sequence[Relation],
        family: GraphFamily,
        settings: GraphSettings,
        backend: Backend,
        edges: EdgeFeatures | None = None,
        for_heads: bool = False,
        own_features: bool = False,
        trained_on: Mapping[str | EdgeType, Ints] | None = None,
        device: torch.device = CPU,
        group: Group = ALONE,
    ) -> Network:
        """An untrained network. Types without features get learned vectors, all types with ``concat_node_embed``; with
        a family that reads features alone they get none where there are any features.

        Args:
            space: numbers of the nodes.
            features: node type → feature name → (n, d).
            relations: along which messages flow.
            family: whose formula.
            settings: its hyperparameters.
            backend: who passes messages.
            edges: features of edges that take part, by edge type.
            for_heads: whether heads and not decoders of links read the vectors.
            own_features: whether heads see features of the items beside the vectors.
            trained_on: by type the vertices and edges on which inputs are standardised; of other types all.
            device: where it is trained; weights are drawn on the processor, and so are the same everywhere.
            group: the processes that train it.
        """
        torch.manual_seed(settings.seed)
        widths = {kind: feature_widths(features.get(kind, {})) for kind in space.counts}
        told = family.features_only and (own_features or any(widths.values()))
        embedded = tuple(kind for kind in space.counts if settings.concat_node_embed or not (widths[kind] or told))
        table = None
        if embedded:
            table = host_table(space.total, settings.num_hidden)
            torch.randn(*table.shape, out=table).div_(settings.num_hidden**0.5)
        edge_widths = {kind: int(values.shape[1]) for kind, values in (edges or {}).items()}
        encoder = Encoder(family, settings, widths, relations, embedded, edge_widths, for_heads)
        encoder.fit({kind: usable(values) for kind, values in features.items()}, edges or {}, trained_on or {})
        if table is not None:
            table = table.to(home_of_table(table.numel(), device))
        return cls(
            space, features, table, embedded, encoder.to(device), tuple(relations), backend, edges or {}, device, group
        )

    def inputs(self, nodes: Ints | None, learned: Tensor | None) -> Tensor:
        """Input vectors, float32 (n, num_hidden).

        Args:
            nodes: node numbers, or None for all nodes in order.
            learned: the table's rows of these nodes.
        """
        total = self.space.total if nodes is None else len(nodes)
        parts, places = [], []
        for kind in self.space.counts:
            span = self.space.range(kind)
            if nodes is None:
                place, local = np.arange(span.start, span.stop), None
            else:
                place = np.flatnonzero((nodes >= span.start) & (nodes < span.stop))
                local = nodes[place] - span.start
            if not len(place):
                continue
            features: dict[str, Tensor | SparseRows] = {}
            for name, values in usable(self.features.get(kind, {})).items():
                if local is None and values.size <= MOST_NUMBERS and self.encoder.input.takes_lists(kind, name):
                    features[name] = self._lists(kind, name, values)
                else:
                    some = np.array(values if local is None else values[local], dtype=np.float32)
                    features[name] = tensor_on(some, self.device)
            own = None
            if learned is not None and kind in self.embedded:
                own = learned[span] if nodes is None else learned[tensor_on(place, self.device)]
                own = some_unseen(own) if self.encoder.training and torch.is_grad_enabled() else own
            parts.append(self.encoder.input(kind, len(place), features, own))
            places.append(place)
        stacked = torch.cat(parts)
        if nodes is None:
            return stacked
        back = np.empty(total, dtype=np.int64)
        back[np.concatenate(places)] = np.arange(total)
        return stacked[tensor_on(back, self.device)]

    def _lists(self, kind: str, name: str, values: Floats) -> SparseRows:
        """A feature of all vertices of a type as lists, made once."""
        if (kind, name) not in self._sparse:
            rows = SparseRows.of(values)
            self._sparse[kind, name] = (rows.unit() if self.encoder.input.unit else rows).on(self.device)
        return self._sparse[kind, name]

    def forward(
        self, nodes: Ints | None, blocks: Sequence[Block], learned: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Vectors of the last block's targets, float32 (n, d), and the leaf of the learned rows used, (m, d).

        ``learned`` is the leaf of an earlier pass over the same nodes, which gathers the gradients of both.
        """
        if self.table is not None and learned is None:
            rows = self.table if nodes is None else self.table[tensor_on(nodes, self.table.device)]
            learned = rows.detach().to(self.device).requires_grad_(torch.is_grad_enabled())
        with self._precision():
            inputs = self.inputs(nodes, learned)
            vectors = self.encoder(blocks_on(blocks, self.device), inputs, self.backend, self.edges)
        return vectors.float(), learned

    @torch.no_grad()
    def embed(self, graph: MessageGraph) -> Floats:
        """Vectors of all nodes over the whole graph, without dropout; float32 (nodes, num_hidden).

        Large graphs are gone through range by range, and the ranges shared among the processes of the group.
        """
        self.encoder.eval()
        if len(ranges(graph)) > 1:
            with self._precision():
                result = vectors_by_ranges(self, graph, self.group)
        else:
            out, _ = self.forward(None, [full_block(graph)] * self.encoder.depth)
            result = out.cpu().numpy().astype(np.float32)
        self.encoder.train()
        return result

    def inputs_of(self, nodes: Ints) -> Tensor:
        """Input vectors of some nodes, int64 (n,), with what was learned of them; float32 (n, num_hidden)."""
        learned = None
        if self.table is not None:
            learned = self.table[tensor_on(nodes, self.table.device)].to(self.device)
        return self.inputs(nodes, learned)

    def _precision(self) -> AbstractContextManager[None]:
        return mixed_precision(self.encoder.settings.mixed_precision, self.device)

    def state(self) -> dict[str, Tensor]:
        """Everything trained, by name, as it is in use."""
        state = {f"encoder.{name}": value for name, value in self.encoder.state_dict().items()}
        return state if self.table is None else {**state, "table": self.table}


def some_unseen(learned: Tensor) -> Tensor:
    """Learned vectors of one type, float32 (n, d); some become the mean, which is what a later vertex has.

    Without it messages count for little beside a vector that has learned everything, and a new vertex is told by the
    mean alone.

    Source: Volkovs et al. 2017, DropoutNet, with the mean in place of nothing.
    """
    unseen = (torch.rand(len(learned), 1) < UNSEEN_SHARE).to(learned.device)
    return torch.where(unseen, learned.detach().mean(dim=0), learned)


def feature_widths(features: Mapping[str, Floats]) -> dict[str, int]:
    """Columns of each usable feature."""
    return {name: int(values.shape[1]) for name, values in usable(features).items()}


def edge_matrix(features: Mapping[str, Floats]) -> Floats | None:
    """All features of an edge type side by side, (edges, width), where it lies if it is one; None where it has none."""
    columns = [np.asarray(values, dtype=np.float32) for values in usable(features).values()]
    if len(columns) < 2:
        return columns[0] if columns else None
    return np.hstack(columns)


def usable(features: Mapping[str, Floats]) -> dict[str, Floats]:
    """Features with at least one column; one number a node is one column."""
    shaped = {name: values if values.ndim == 2 else values[:, None] for name, values in features.items()}
    return {name: values for name, values in sorted(shaped.items()) if values.shape[1]}


def save_network(writer: ModelWriter, network: Network, directed: Mapping[EdgeType, bool]) -> dict[str, Any]:
    """Keep a network; what is returned is needed to load it.

    Args:
        writer: where to.
        network: the trained network.
        directed: which edge types were taken to have a direction.
    """
    tensors = {name: value.cpu().numpy() for name, value in network.state().items() if name != "table"}
    writer.tensors("network", tensors)
    if network.table is not None:
        writer.array("table", network.table.cpu().numpy())
    return {
        "family": network.encoder.family.name,
        "settings": shape_of(network.encoder.settings),
        "for_heads": network.encoder.for_heads,
        "embedded": list(network.embedded),
        "sparse": [list(one) for one in sorted(network.encoder.input.sparse)],
        "edge_widths": [[*kind, int(values.shape[1])] for kind, values in network.edges.items()],
        "directed": [[*kind, way] for kind, way in directed.items()],
        "widths": {kind: feature_widths(network.features.get(kind, {})) for kind in network.space.counts},
        "relations": [[*r.edge_type, r.reverse] for r in network.relations],
    }


def load_network(
    folder: ModelFolder,
    details: Mapping[str, Any],
    space: NodeSpace,
    features: NodeFeatures,
    backend: Backend,
    table: Tensor | None = None,
    edges: EdgeFeatures | None = None,
    device: torch.device = CPU,
) -> Network:
    """The trained network over some nodes, on a device.

    ``space`` may have more nodes of a type than the network was trained on; later ones get the mean of their type's
    learned vectors, unless ``table``, float32 (n, d), brings all learned vectors.

    Raises:
        ValueError: features are missing or of another width than in training.
    """
    family = family_of(GraphFamily, details["family"])
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in details["settings"].items()
    }
    settings = family.settings(**known)
    relations = tuple(Relation(EdgeType(*entry[:3]), entry[3]) for entry in details["relations"])
    widths = details["widths"]
    for kind, wanted in widths.items():
        found = feature_widths(features.get(kind, {}))
        if space.counts.get(kind, 0) and found != wanted:
            raise ValueError(
                f"node type {kind!r} has features {found}; the model was trained on {wanted}: process the graph with "
                "the same configuration, from the previous processing job"
            )
    embedded = tuple(details["embedded"])
    edge_widths = {EdgeType(*entry[:3]): int(entry[3]) for entry in details["edge_widths"]}
    lacking = [str(kind) for kind, width in edge_widths.items() if (edges or {}).get(kind, NOTHING).shape[1] != width]
    if lacking:
        raise ValueError(f"edges of type {', '.join(lacking)} lack the features that the model was trained on")
    encoder = Encoder(family, settings, widths, relations, embedded, edge_widths, details["for_heads"])
    if embedded and table is None:
        old = NodeSpace(dict(folder.description.node_types))
        table = grown_table(np.array(folder.array("table")), old, space)
    state = {name: torch.from_numpy(value.copy()) for name, value in folder.tensors("network.encoder").items()}
    encoder.load_state_dict(state)
    encoder.input.sparse = {(kind, name) for kind, name in details.get("sparse", ())}
    table = None if table is None else table.to(home_of_table(table.numel(), device))
    return Network(space, features, table, embedded, encoder.to(device), relations, backend, edges or {}, device)


def shape_of(settings: GraphSettings) -> dict[str, Any]:
    """The hyperparameters that a network cannot be built again without: all but those of the trial."""
    of_trial = {entry.name for entry in fields(Settings)}
    return {name: value for name, value in asdict(settings).items() if name not in of_trial}


def grown_table(table: Floats, old: NodeSpace, new: NodeSpace) -> Tensor:
    """Learned vectors, float32 (n, d), for a space whose types have grown at their ends."""
    grown = np.zeros((new.total, table.shape[1]), dtype=np.float32)
    for kind in new.counts:
        span = new.range(kind)
        if kind not in old.counts or not old.counts[kind]:
            continue
        known = table[old.range(kind)][: new.counts[kind]]
        grown[span.start : span.start + len(known)] = known
        grown[span.start + len(known) : span.stop] = known.mean(axis=0)
    return torch.from_numpy(grown)
