"""One round of messages: the module that holds its weights and applies the formula of a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ...devices import tensor_on
from ...graph import EdgeType
from ...message_passing import Backend, Neighbours, mean_neighbours
from ...pairs.graph import Floats, Ints
from ...sampling import Block, BlockEdges, Relation
from ..family import GraphFamily, Size, Weight
from .round import Round
from .standard import Standard

#: edge type → features of its edges in the order of the message graph, float32 (edges, d)
EdgeFeatures = Mapping[EdgeType, Floats]


class RoundModule(nn.Module):
    """The weights of one round, and the formula over them.

    Args:
        family: whose formula.
        relations: the relations that are known.
        size: what the shapes of the weights depend on.
        edge_widths: columns of the features of edges, by edge type; a small layer turns them into messages.
    """

    def __init__(
        self, family: GraphFamily, relations: Sequence[Relation], size: Size, edge_widths: Mapping[EdgeType, int]
    ) -> None:
        super().__init__()
        self.family, self.size = family, size
        self.known = {relation: number for number, relation in enumerate(relations)}
        self.weights = nn.ParameterDict({name: started(weight) for name, weight in family.weights(size).items()})
        self.edge_standards, self.edge_layers = nn.ModuleDict(), nn.ModuleDict()
        inner = size.settings.edge_num_hidden
        for number, relation in enumerate(relations):
            if relation.edge_type in edge_widths:
                first = nn.Linear(edge_widths[relation.edge_type], inner)
                second = nn.Linear(inner, size.hidden, bias=False)
                self.edge_standards[str(number)] = Standard(edge_widths[relation.edge_type])
                self.edge_layers[str(number)] = nn.Sequential(first, nn.ReLU(), second)

    def fit(self, edges: EdgeFeatures, rows: Mapping[str | EdgeType, Ints]) -> None:
        """Take means and deviations from the features of edges; of types in ``rows`` from those of some, (n,)."""
        for relation, number in self.known.items():
            if str(number) in self.edge_standards:
                standard = self.edge_standards[str(number)]
                assert isinstance(standard, Standard)
                standard.fit(edges[relation.edge_type], rows.get(relation.edge_type))

    def forward(self, block: Block, x: Tensor, start: Tensor, backend: Backend, edges: EdgeFeatures) -> Tensor:
        """The vectors after a round: float32, (sources, d) → (targets, d)."""

        def edge_messages(relation: Relation, heard: BlockEdges) -> Tensor | None:
            number = str(self.known[relation])
            if number not in self.edge_layers:
                return None
            features = tensor_on(np.array(edges[relation.edge_type][heard.edges], dtype=np.float32), x.device)
            own = Neighbours(heard.neighbours.indptr, torch.arange(len(features), device=x.device), len(features))
            return mean_neighbours(own, self.edge_layers[number](self.edge_standards[number](features)), backend)

        return self.family.round(
            Round(
                block,
                x,
                start[: block.num_targets],
                dict(self.weights.items()),
                self.size.settings,
                self.size.last,
                self.training,
                backend,
                self.known,
                self.size.ends,
                edge_messages,
            )
        )


def started(weight: Weight) -> nn.Parameter:
    """A weight before training; drawn from torch's own generator."""
    if weight.start == "glorot":
        return nn.Parameter(glorot(*weight.shape))
    return nn.Parameter(torch.ones(weight.shape) if weight.start == "ones" else torch.zeros(weight.shape))


def glorot(*shape: int) -> Tensor:
    """Uniform float32 in ±√(6 / (fan-in + fan-out)), shape (…, fan-in, fan-out); drawn from torch's generator."""
    limit = (6.0 / (shape[-1] + shape[-2])) ** 0.5
    drawn: Tensor = (torch.rand(*shape) * 2 - 1) * limit
    return drawn
