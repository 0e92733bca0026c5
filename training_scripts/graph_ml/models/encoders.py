"""Graph encoders: R-GCN and GraphSAGE over any number of relations, in one space of node numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..graph import EdgeType
from ..message_passing import Backend, Neighbours, mean_neighbours
from ..pairs.graph import Floats
from ..sampling import Block, Relation

#: edge type → features of its edges in the order of the message graph, (edges, d)
EdgeFeatures = Mapping[EdgeType, Floats]


@dataclass(frozen=True)
class EncoderSettings:
    """Shape of an encoder; the names are those of the hyperparameters.

    ``final_norm`` brings finished vectors to one scale, for heads; decoders of links want their lengths.
    """

    kind: str = "rgcn"
    num_hidden: int = 64
    num_layer: int = 2
    num_bases: int = 0
    dropout: float = 0.2
    layer_norm: bool = True
    use_self_loop: bool = True
    per_feat_name_embed: bool = True
    concat_node_embed: bool = True
    edge_num_hidden: int = 16
    final_norm: bool = False


class InputLayer(nn.Module):
    """Turns the features of each node type, and a learned vector where there is one, into ``num_hidden`` numbers.

    Args:
        widths: node type → feature name → columns.
        settings: shape.
        embedded: node types whose vertices have learned vectors, kept outside in one table.
    """

    def __init__(
        self, widths: Mapping[str, Mapping[str, int]], settings: EncoderSettings, embedded: Sequence[str]
    ) -> None:
        super().__init__()
        hidden = settings.num_hidden
        self.names = {kind: tuple(features) for kind, features in widths.items()}
        self.embedded = frozenset(embedded)
        self.per_name = settings.per_feat_name_embed
        self.features = nn.ModuleDict()
        self.together = nn.ModuleDict()
        for position, (kind, features) in enumerate(widths.items()):
            parts = len(features) * hidden if self.per_name else sum(features.values())
            if self.per_name:
                for number, width in enumerate(features.values()):
                    self.features[f"{position}_{number}"] = nn.Linear(width, hidden)
            parts += hidden if kind in self.embedded else 0
            if features and parts:
                self.together[str(position)] = nn.Linear(parts, hidden)
        self.positions = {kind: position for position, kind in enumerate(widths)}

    def forward(self, kind: str, features: Mapping[str, Tensor], learned: Tensor | None) -> Tensor:
        """Input vectors of some vertices of one type, (n, num_hidden); all tensors have n rows."""
        position, names = self.positions[kind], self.names[kind]
        if not names:
            if learned is None:
                raise ValueError(f"vertices of type {kind!r} have neither features nor learned vectors")
            return learned
        parts = [features[name] for name in names]
        if self.per_name:
            parts = [torch.relu(self.features[f"{position}_{number}"](part)) for number, part in enumerate(parts)]
        if kind in self.embedded and learned is not None:
            parts.append(learned)
        result: Tensor = self.together[str(position)](torch.cat(parts, dim=1))
        return result


class RelationLayer(nn.Module):
    """One round of messages: h'_v = act(Σ_r mean_{u→v in r} h_u W_r + h_v W_0 + b).

    ``rgcn`` builds W_r from ``num_bases`` shared matrices where that is above 0; ``graphsage`` scales what comes out to
    length one instead of normalising over the layer. The last layer has neither activation nor normalisation. Where
    edges have features, the mean of what a small layer makes of them joins the message.

    Source: Schlichtkrull et al. 2018 (R-GCN); Hamilton, Ying, Leskovec 2017 (GraphSAGE).
    """

    def __init__(
        self, relations: Sequence[Relation], settings: EncoderSettings, last: bool, edge_widths: Mapping[EdgeType, int]
    ) -> None:
        super().__init__()
        hidden, inner = settings.num_hidden, settings.edge_num_hidden
        self.edge_layers = nn.ModuleDict()
        for number, relation in enumerate(relations):
            if relation.edge_type in edge_widths:
                first = nn.Linear(edge_widths[relation.edge_type], inner)
                self.edge_layers[str(number)] = nn.Sequential(first, nn.ReLU(), nn.Linear(inner, hidden, bias=False))
        self.order = {relation: number for number, relation in enumerate(relations)}
        self.last, self.final_norm = last, settings.final_norm
        self.sage = settings.kind == "graphsage"
        bases = settings.num_bases if settings.kind == "rgcn" else 0
        self.bases: nn.Parameter | None = None
        if 0 < bases < len(relations):
            self.bases = nn.Parameter(glorot(bases, hidden, hidden))
            self.weights = nn.Parameter(glorot(len(relations), bases))
        else:
            self.weights = nn.Parameter(glorot(max(1, len(relations)), hidden, hidden))
        # GraphSAGE always keeps the vertex beside its neighbours
        self.loop = nn.Linear(hidden, hidden, bias=False) if settings.use_self_loop or self.sage else None
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.norm = nn.LayerNorm(hidden) if settings.layer_norm and not last and not self.sage else None
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, block: Block, x: Tensor, backend: Backend, edges: EdgeFeatures) -> Tensor:
        """(sources, d) → (targets, d)."""
        weights = self.weights if self.bases is None else torch.einsum("rb,bio->rio", self.weights, self.bases)
        out = x.new_zeros(block.num_targets, x.shape[1])
        for relation, hearing in block.relations.items():
            if relation in self.order and len(hearing.rows):
                number = self.order[relation]
                heard = mean_neighbours(hearing.neighbours, x, backend) @ weights[number]
                if str(number) in self.edge_layers:
                    features = torch.from_numpy(np.array(edges[relation.edge_type][hearing.edges], dtype=np.float32))
                    own = Neighbours(hearing.neighbours.indptr, torch.arange(len(features)), len(features))
                    heard = heard + mean_neighbours(own, self.edge_layers[str(number)](features), backend)
                out = out.index_add(0, hearing.rows, heard)
        if self.loop is not None:
            out = out + self.loop(x[: block.num_targets])
        out = out + self.bias
        if self.last:
            return nn.functional.layer_norm(out, out.shape[1:]) if self.final_norm else out
        if self.norm is not None:
            out = self.norm(out)
        out = torch.relu(out)
        if self.sage:
            out = nn.functional.normalize(out, dim=1) * out.shape[1] ** 0.5
        result: Tensor = self.dropout(out)
        return result


class Encoder(nn.Module):
    """Input layer and rounds of messages."""

    def __init__(
        self,
        widths: Mapping[str, Mapping[str, int]],
        relations: Sequence[Relation],
        settings: EncoderSettings,
        embedded: Sequence[str],
        edge_widths: Mapping[EdgeType, int] | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.input = InputLayer(widths, settings, embedded)
        self.layers = nn.ModuleList(
            RelationLayer(relations, settings, number + 1 == settings.num_layer, edge_widths or {})
            for number in range(settings.num_layer)
        )

    def forward(
        self, blocks: Sequence[Block], x: Tensor, backend: Backend, edges: EdgeFeatures | None = None
    ) -> Tensor:
        """Vectors of the last block's targets from input vectors of the first block's sources."""
        out: Tensor = x
        for layer, block in zip(self.layers, blocks, strict=True):
            out = layer(block, out, backend, edges or {})
        return out


def glorot(*shape: int) -> Tensor:
    """Uniform in ±√(6 / (fan-in + fan-out)) of the last two axes; drawn from torch's own generator."""
    limit = (6.0 / (shape[-1] + shape[-2])) ** 0.5
    drawn: Tensor = (torch.rand(*shape) * 2 - 1) * limit
    return drawn
