"""Node property steps: run in order, each seeing what those before it made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..algorithms import run_on_view
from ..container import JobError
from ..projections import Floats, GraphView, Ints, ProjectedGraph
from ..projections.graph import Bools
from ..schemas.catalog.algorithms import ALGORITHMS
from ..schemas.catalog.pipelines import NodePropertyStep


@dataclass
class Surroundings:
    """Where node property steps run.

    Attributes:
        graph: the projection.
        mask: the nodes that features are made for, bool, shape (nodes of the projection,).
        source, target: arcs between positions of the projection that steps see, int64, shape (m,).
        places: of each of these arcs, its place among the arcs of ``types``, for their weights.
        types: the relationship types those arcs are of.
        made: properties that steps have made, each with a row a node of the projection.
    """

    graph: ProjectedGraph
    mask: Bools
    source: Ints
    target: Ints
    places: Ints
    types: Sequence[str]
    made: dict[str, Any] = field(default_factory=dict)

    def run(self, steps: Sequence[NodePropertyStep], concurrency: int, seed: int | None) -> None:
        """Run the steps; what they make stays here, never in the graph. Raises JobError."""
        for step in steps:
            name = step.config["mutateProperty"]
            if name in self.graph.description.node_properties:
                raise JobError(
                    f"Node property `{name}` already exists in the graph; the step {step.name} would make it again. "
                    "Give the step another `mutateProperty`, or drop the property"
                )
            view = self._view(step)
            options = {**step.config, "concurrency": step.config.get("concurrency", concurrency)}
            if "randomSeed" in options and options["randomSeed"] is None:
                options["randomSeed"] = seed
            outcome = run_on_view(view, step.algorithm, options)
            self.made[name] = self._spread(view, outcome.columns[ALGORITHMS[step.algorithm].property_column])

    def properties(self, view: GraphView) -> dict[str, Any]:
        """The properties of a view's nodes, those of the graph and those that were made."""
        return {**view.properties, **{name: values[view.places] for name, values in self.made.items()}}

    def view(self) -> GraphView:
        """The nodes that features are made for, with the arcs that steps see."""
        return self.graph.view_of(self.mask, self.source, self.target)

    def _view(self, step: NodePropertyStep) -> GraphView:
        description = self.graph.description
        for label in step.context_labels:
            if label not in description.labels:
                raise JobError(f"Could not find the `contextNodeLabels` {label!r} of {step.name} in the graph")
        mask = self.mask | self.graph.mask(step.context_labels) if step.context_labels else self.mask
        weight = step.config.get("relationshipWeightProperty")
        parts: list[tuple[Ints, Ints, Floats | None]] = [(self.source, self.target, self._weights(weight))]
        parts += [self.graph.arcs([name], self._known_weight(name, weight)) for name in self._context_types(step)]
        source = np.concatenate([part[0] for part in parts])
        target = np.concatenate([part[1] for part in parts])
        weights = None
        if weight is not None:
            weights = np.concatenate([np.ones(len(part[0])) if part[2] is None else part[2] for part in parts])
        undirected = self.graph.is_undirected(self._context_types(step))
        view = self.graph.view_of(mask, source, target, weights, undirected=undirected)
        return replace(view, properties=self.properties(view))

    def _context_types(self, step: NodePropertyStep) -> list[str]:
        known = self.graph.description.relationships
        if "*" in step.context_types:
            return [name for name in known if name not in self.types]
        for name in step.context_types:
            if name not in known:
                raise JobError(f"Could not find the `contextRelationshipTypes` {name!r} of {step.name} in the graph")
        return step.context_types

    def _known_weight(self, name: str, weight: str | None) -> str | None:
        return weight if weight in self.graph.description.relationships[name].properties else None

    def _weights(self, weight: str | None) -> Floats | None:
        if weight is None or any(self._known_weight(name, weight) is None for name in self.types):
            return None
        _, _, weights = self.graph.arcs(self.types, weight)
        return None if weights is None else weights[self.places]

    def _spread(self, view: GraphView, values: Any) -> Any:
        """Values of a view's nodes as rows of all nodes, NaN for the others."""
        count = len(self.mask)
        if view.size == count:
            return values
        found = np.full((count, *values.shape[1:]), np.nan)
        found[view.places] = values
        return found
