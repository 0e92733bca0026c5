"""The data report: one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..drawing import Chart, chart, draw
from ..graph.data import GraphData, Horizon, Target
from ..schemas import InstanceRecommendation
from .times.moments import told

MB = 1 << 20
TEMPLATE = "report.html.j2"
TOP_CATEGORIES = 12
MOST_CHARTS = 12  # a knowledge graph may have hundreds of relations


@dataclass(frozen=True)
class FeatureRow:
    """What the report says of one feature."""

    owner: str
    name: str
    asked: str
    made: str
    width: int
    missing: int
    total: int
    values: tuple[tuple[str, int], ...] = ()


@dataclass
class ReportData:
    """Everything the report shows that the graph itself does not hold."""

    title: str
    features: list[FeatureRow] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    seconds: float = 0.0


def write_report(path: Path, graph: GraphData, data: ReportData, recommendation: InstanceRecommendation) -> None:
    """Write the page: counts, features, missing values, degrees, splits, labels, memory and warnings."""
    estimated, measured = recommendation.estimated or {}, recommendation.measured or {}
    targets = [_target_row(graph, target) for target in graph.targets]
    page = _template().render(
        data=data,
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        nodes=[
            (name, graph.num_nodes[name] - len(graph.gone.get(name, ())), graph.first_new.get(name, 0))
            for name in graph.node_types
        ],
        grown=any(graph.first_new.values()),
        has_classes=any(row["classes"] for row in targets),
        edges=[(str(kind), len(graph.edges[kind]), _unconnected(graph, kind)) for kind in graph.edge_types],
        targets=targets,
        horizons=[_horizon_table(graph, target, horizon) for target, horizon in graph.horizons.items()],
        charts=_charts(graph),
        most_charts=MOST_CHARTS,
        recommendation=recommendation,
        memory=(
            estimated.get("processing_memory", 0) / MB,
            measured.get("processing_memory", 0) / MB,
            estimated.get("training_memory", 0) / MB,
        ),
        seed=graph.seed,
        dataset_hash=graph.dataset_hash,
    )
    temporary = path.with_suffix(".tmp")
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(path)


@cache
def _template() -> Any:
    """The page without its figures, compiled once a process."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent, Path(__file__).parents[1]]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template(TEMPLATE)


def _unconnected(graph: GraphData, kind: Any) -> int:
    """Source nodes without an edge of this type."""
    there = graph.num_nodes[kind.source] - len(graph.gone.get(kind.source, ()))
    return there - int(np.count_nonzero(np.bincount(graph.edges[kind].source, minlength=1)))


def _target_row(graph: GraphData, target: Any) -> dict[str, Any]:
    split, labels = graph.splits[target], graph.labels.get(target)
    counts: list[tuple[str, int]] = []
    if labels is not None and labels.kind == "class":
        sizes = np.bincount(labels.values[labels.known], minlength=len(labels.classes))
        counts = sorted(zip(labels.classes, sizes.tolist(), strict=True), key=lambda item: -item[1])
    elif labels is not None and labels.kind == "classes":
        sizes = np.count_nonzero(labels.values > 0, axis=0)
        counts = sorted(zip(labels.classes, sizes.tolist(), strict=True), key=lambda item: -item[1])
    return {
        "name": str(target),
        "train": len(split.train),
        "valid": len(split.valid),
        "test": len(split.test),
        "classes": counts[:TOP_CATEGORIES],
        "more": max(0, len(counts) - TOP_CATEGORIES),
    }


def _horizon_table(graph: GraphData, target: Target, horizon: Horizon) -> dict[str, Any]:
    """What is asked, and for every date its part, how many answers it has, and what they are on average.

    Of classes that is the share of the second one, "true"; of links there is no such figure.
    """
    split, labels = graph.splits[target], graph.labels.get(target)
    times = horizon.times
    if times is None:
        times = horizon.dated(graph.came(target.edge_type))
    rows = []
    for part, items in (("train", split.train), ("validation", split.valid), ("test", split.test)):
        for date in np.unique(np.asarray(times)[items]).tolist():
            asked = items[np.asarray(times)[items] == date]
            mean = None if labels is None else float(np.asarray(labels.values)[asked].mean())
            rows.append((told(date, horizon.day), part, len(asked), mean))
    shown = "share of true" if labels is not None and labels.kind == "class" else "mean"
    return {"name": str(target), "asked": horizon.asked, "mean": "" if labels is None else shown, "rows": rows}


def _charts(graph: GraphData) -> list[tuple[str, str]]:
    """(title, SVG) of the degree distributions of the largest edge types; nothing for one without edges."""
    charts: list[tuple[str, Chart]] = []
    largest = sorted(graph.edges, key=lambda kind: -len(graph.edges[kind]))[:MOST_CHARTS]
    for kind, edges in graph.edges.items():
        if not len(edges) or kind not in largest:
            continue
        ends = [
            (kind.source, "out", np.bincount(edges.source, minlength=graph.num_nodes[kind.source])),
            (kind.target, "in", np.bincount(edges.target, minlength=graph.num_nodes[kind.target])),
        ]
        rows = [row for name, side, degree in ends for row in _histogram(f"{name} ({side})", degree)]
        charts.append((str(kind), _chart(rows)))
    return list(zip((title for title, _ in charts), draw([drawn for _, drawn in charts]), strict=True))


def _histogram(label: str, degree: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Nodes by degree in bins that double: 0, 1, 2-3, 4-7 and so on."""
    bins = np.where(degree > 0, np.floor(np.log2(np.maximum(degree, 1))).astype(np.int64) + 1, 0)
    counts = np.bincount(bins)
    names = ["0", "1", *(f"{1 << i}–{(2 << i) - 1}" for i in range(1, len(counts)))]
    return [
        {"end": label, "degree": names[i], "order": i, "nodes": int(count)} for i, count in enumerate(counts.tolist())
    ]


def _chart(rows: Sequence[dict[str, Any]]) -> Chart:
    order = list(dict.fromkeys(row["degree"] for row in sorted(rows, key=lambda row: int(row["order"]))))
    degree = {"field": "degree", "type": "nominal", "sort": order, "title": "links of a node"}
    end = {"field": "end", "type": "nominal"}
    colours = {"range": ["#1f5fa8", "#e0873a"]}
    return chart(
        rows,
        {
            "mark": "bar",
            "encoding": {
                "x": {**degree, "axis": {"labelAngle": 0}},
                "y": {"field": "nodes", "type": "quantitative", "title": "nodes", "axis": {"tickMinStep": 1}},
                "color": {**end, "title": None, "legend": {"orient": "top"}, "scale": colours},
                "xOffset": end,
            },
            "width": 560,
            "height": 180,
        },
    )
