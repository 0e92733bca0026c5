"""Whether a graph has what a request wants to predict, checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable

from workflow.errors import InvalidParameter
from workflow.export.labels import EdgeTriple, NodeType
from workflow.export.specification import TrainingJob

_SHOWN = 20


def check_targets(jobs: Iterable[TrainingJob], nodes: Iterable[NodeType], edges: Iterable[EdgeTriple]) -> None:
    """Raises InvalidParameter where a target matches nothing that is exported; the message names what exists."""
    node_types, edge_types = set(nodes), set(edges)
    for job in jobs:
        for target in job.targets:
            if isinstance(target.on, NodeType):
                if target.on not in node_types:
                    raise InvalidParameter(
                        f"the target of {job.name!r} names nodes labelled {target.on.text!r}, and the export has none; "
                        f"a target matches the exact label set, and these exist: {_listed(n.text for n in node_types)}"
                    )
            elif target.on not in edge_types:
                raise InvalidParameter(
                    f"the target of {job.name!r} names edges {target.on.bracketed}, and the export has none; "
                    f"these exist: {_listed(e.bracketed for e in edge_types)}"
                )


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    return (", ".join(ordered[:_SHOWN]) or "none at all") + more
