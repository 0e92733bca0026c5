"""The encoder: input vectors of vertices from their features and learned vectors, then a family's rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from ...graph import EdgeType
from ...message_passing import Backend
from ...pairs.graph import Floats, Ints
from ...sampling import Block, Relation
from ..family import GraphFamily, Size
from ..settings import GraphSettings
from .rounds import EdgeFeatures, RoundModule
from .sparse import LOOKED_AT, WIDE, SparseRows, is_sparse
from .standard import Standard


class InputLayer(nn.Module):
    """Turns the features of each node type, and a learned vector where there is one, into ``num_hidden`` numbers.

    Features are standardised. Several pass a layer each first where ``per-feat-name-embed`` says so. A learned vector
    is added to what features give. Wide features have dropout, for a word of many is one of several hints, while one of
    a few numbers may decide. Where most of their numbers are zero those that are not are dropped, as words that a text
    happens not to have; else a number dropped is the mean.

    Args:
        widths: node type → feature name → columns.
        settings: shape.
        embedded: node types whose vertices have learned vectors, kept outside in one table.
        unit: whether rows of sparse features have length one instead, so that long texts weigh what short ones do.
    """

    nothing: Tensor

    def __init__(
        self,
        widths: Mapping[str, Mapping[str, int]],
        settings: GraphSettings,
        embedded: Sequence[str],
        unit: bool = False,
    ) -> None:
        super().__init__()
        hidden = settings.num_hidden
        self.names = {kind: tuple(features) for kind, features in widths.items()}
        self.positions = {kind: position for position, kind in enumerate(widths)}
        self.embedded = frozenset(embedded)
        self.dropout, self.unit = settings.input_dropout, unit
        self.register_buffer("nothing", torch.zeros(hidden), persistent=False)
        #: (node type, feature) of those whose numbers are mostly zero
        self.sparse: set[tuple[str, str]] = set()
        self.standards, self.features, self.together = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        for position, features in enumerate(widths.values()):
            apart = settings.per_feat_name_embed and len(features) > 1
            for number, width in enumerate(features.values()):
                self.standards[f"{position}_{number}"] = Standard(width)
                if apart:
                    self.features[f"{position}_{number}"] = nn.Linear(width, hidden)
            if features:
                parts = len(features) * hidden if apart else sum(features.values())
                self.together[str(position)] = nn.Linear(parts, hidden, bias=True)

    def fit(self, features: Mapping[str, Mapping[str, Floats]], rows: Mapping[str | EdgeType, Ints]) -> None:
        """See ``Encoder.fit``."""
        for kind, position in self.positions.items():
            for number, name in enumerate(self.names[kind]):
                standard = self.standards[f"{position}_{number}"]
                assert isinstance(standard, Standard)
                known = rows.get(kind)
                looked_at = slice(LOOKED_AT) if known is None else known[:LOOKED_AT]
                if is_sparse(features[kind][name][looked_at]):
                    self.sparse.add((kind, name))
                if not (self.unit and (kind, name) in self.sparse):
                    standard.fit(features[kind][name], rows.get(kind))

    def of_words(self) -> list[Tensor]:
        """The weights of layers over a sparse feature whose rows have length one, float32 (num_hidden, d) each."""
        found: list[Tensor] = []
        for kind, name in sorted(self.sparse) if self.unit else ():
            if self.takes_lists(kind, name):
                key = f"{self.positions[kind]}_{self.names[kind].index(name)}"
                layer = self.features[key] if key in self.features else self.together[str(self.positions[kind])]
                assert isinstance(layer, nn.Linear)
                found.append(layer.weight)
        return found

    def takes_lists(self, kind: str, name: str) -> bool:
        """Whether ``forward`` can have a feature as lists: mostly zeros, with a layer for itself."""
        alone = len(self.names[kind]) == 1
        return (kind, name) in self.sparse and (alone or f"{self.positions[kind]}_0" in self.features)

    def forward(
        self, kind: str, count: int, features: Mapping[str, Tensor | SparseRows], learned: Tensor | None
    ) -> Tensor:
        """Input vectors of ``count`` vertices of one type, float32 (n, num_hidden); all features have n rows.

        Those of vertices with neither features nor learned vectors are zeros.
        """
        position, names = self.positions[kind], self.names[kind]
        if not names:
            return self.nothing.new_zeros(count, len(self.nothing)) if learned is None else learned
        together = self.together[str(position)]
        assert isinstance(together, nn.Linear)
        if len(names) == 1 and isinstance(only := features[names[0]], SparseRows):
            result = self._from_lists(f"{position}_0", together, only)
        else:
            parts = [self._part(f"{position}_{n}", (kind, name), features[name]) for n, name in enumerate(names)]
            result = together(torch.cat(parts, dim=1))
        return result + learned if kind in self.embedded and learned is not None else result

    def _part(self, key: str, of: tuple[str, str], x: Tensor | SparseRows) -> Tensor:
        """What one of several features gives, float32 (n, num_hidden), or standardised where it has no layer."""
        if isinstance(x, SparseRows):
            layer = self.features[key]
            assert isinstance(layer, nn.Linear)
            return torch.relu(self._from_lists(key, layer, x))
        words = of in self.sparse
        if words and self.unit:
            x = nn.functional.normalize(x, dim=1)
        part = self.standards[key](nn.functional.dropout(x, self.dropout, self.training) if words else x)
        if part.shape[1] >= WIDE and not words:
            part = nn.functional.dropout(part, self.dropout, self.training)
        return torch.relu(self.features[key](part)) if key in self.features else part

    def _from_lists(self, key: str, layer: nn.Linear, x: SparseRows) -> Tensor:
        """A layer over a feature, standardised, float32 (n, num_hidden): what zeros have, and what the others add."""
        standard = self.standards[key]
        assert isinstance(standard, Standard)
        scaled = layer.weight / standard.scale
        # lists are given with rows of length one where that is wanted, for they are made once
        return x.dropped(self.dropout, self.training).times(scaled.T) + (layer.bias - scaled @ standard.mean)


class Encoder(nn.Module):
    """Input layer and rounds of a family.

    Args:
        family: whose formula.
        settings: its hyperparameters.
        widths: node type → feature name → columns.
        relations: along which messages flow.
        embedded: node types with learned vectors.
        edge_widths: columns of the features of edges that take part.
        for_heads: whether heads and not decoders of links read the vectors.
    """

    def __init__(
        self,
        family: GraphFamily,
        settings: GraphSettings,
        widths: Mapping[str, Mapping[str, int]],
        relations: Sequence[Relation],
        embedded: Sequence[str],
        edge_widths: Mapping[EdgeType, int] | None = None,
        for_heads: bool = False,
    ) -> None:
        super().__init__()
        self.family, self.settings, self.for_heads = family, settings, for_heads
        # layers of single features end in a rectifier
        of_input = replace(settings, per_feat_name_embed=False) if family.linear else settings
        self.input = InputLayer(widths, of_input, embedded, for_heads)
        self.depth = family.rounds(settings)
        types = {kind: number for number, kind in enumerate(widths)}
        ends = tuple((types.get(r.sender, -1), types.get(r.receiver, -1)) for r in relations)
        self.layers = nn.ModuleList(
            RoundModule(
                family,
                relations,
                Size(len(relations), ends, len(types), settings.num_hidden, number, number + 1 == self.depth, settings),
                edge_widths or {},
            )
            for number in range(self.depth)
        )

    def fit(
        self,
        features: Mapping[str, Mapping[str, Floats]],
        edges: EdgeFeatures,
        rows: Mapping[str | EdgeType, Ints],
    ) -> None:
        """Fit what standardises inputs.

        Args:
            features: node type → feature name → (n, d).
            edges: edge type → (edges, d).
            rows: by type the vertices and edges to fit on; of other types all.
        """
        self.input.fit(features, rows)
        for layer in self.layers:
            assert isinstance(layer, RoundModule)
            layer.fit(edges, rows)

    def forward(
        self, blocks: Sequence[Block], x: Tensor, backend: Backend, edges: EdgeFeatures | None = None
    ) -> Tensor:
        """Vectors of the last block's targets from inputs of the first block's sources; float32 (n, num_hidden)."""
        x = self.begun(x)
        wanted = blocks[-1].num_targets if blocks else len(x)
        out, every = x, [x[:wanted]]
        for number, block in enumerate(blocks):
            out = self.round(number, block, out, x, backend, edges or {})
            every.append(out[:wanted])
        return self.finished(torch.stack(every).mean(dim=0) if self.family.mean_of_rounds else out)

    def begun(self, x: Tensor) -> Tensor:
        """What the first round sees of input vectors, float32 (n, num_hidden)."""
        if self.family.active_input:
            x = nn.functional.dropout(torch.relu(x), self.settings.dropout, self.training)
        return x.float()

    def round(
        self, number: int, block: Block, x: Tensor, start: Tensor, backend: Backend, edges: EdgeFeatures
    ) -> Tensor:
        """Vectors of a block's targets after a round, from those of its sources; float32 (n, num_hidden).

        ``start`` has what ``begun`` made of the targets in its first rows.
        """
        result: Tensor = self.layers[number](block, x, start, backend, edges).float()
        return result

    def finished(self, out: Tensor) -> Tensor:
        """What heads or decoders read of the vectors after all rounds, float32 (n, num_hidden)."""
        normed = self.for_heads and self.family.final_norm and self.settings.layer_norm
        return nn.functional.layer_norm(out, out.shape[1:]) if normed else out
