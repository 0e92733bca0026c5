"""The report of one model, for people: one self-contained page of tables and drawings, made from the model folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..artifacts import REPORT, ModelFolder
from ..drawing import Chart, chart, draw
from ..models.families import title
from ..predict import load_predictor
from ..schemas import EndpointRequest, Metrics, ModelDescription
from ..schemas.metrics import METRIC_MEANINGS
from ..schemas.model import SPLIT_NAMES, Split
from .warnings import FLOOR_NAMES

TEMPLATE = "report.html.j2"
EXAMPLES = 5
ANSWERS = 5
SHARED = 3
FEW_QUERIES = 100
COLUMNS = tuple(name for name in METRIC_MEANINGS if name != "mean_rank")
LOWER_IS_BETTER = ("mse", "rmse", "mae")
#: the split that says most comes first
LAST_FIRST: tuple[Split, ...] = ("test", "valid", "train")
BLUE = "#1f5fa8"
#: the model, then its floors
COLOURS = (BLUE, "#8d9aa8", "#b4bec8", "#5d6b79", "#ced6dd")


@dataclass(frozen=True)
class Answer:
    """One answer of a model.

    Attributes:
        text: a class, a number, or the id of a vertex where ``of_vertex``.
        shared: the first ids of vertices that both ends of a proposed link are linked with.
        more: how many others they share.
    """

    text: str
    score: float | None = None
    of_vertex: bool = False
    shared: tuple[str, ...] = ()
    more: int = 0


@dataclass(frozen=True)
class Example:
    """One question and what the model answers, best first: about vertices with these ids, or about an edge."""

    vertices: tuple[str, ...]
    edge: str
    answers: tuple[Answer, ...]


def write_model_report(folder: Path) -> None:
    """Write ``report.html`` into a finished model folder."""
    page = model_report(ModelFolder(folder))
    temporary = folder / f".{REPORT}"
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(folder / REPORT)


def model_report(model: ModelFolder) -> str:
    """The page. Ids of vertices are marked, for whoever shows it with their names."""
    description, metrics = model.description, model.metrics
    page: str = _template().render(
        description=description,
        metrics=metrics,
        name=title(description.model),
        target=target_text(description),
        columns=(columns := [c for c in COLUMNS if any(c in values for values in metrics.splits.values())]),
        meanings=[(column, METRIC_MEANINGS[column]) for column in columns],
        made=f"{datetime.fromtimestamp(description.created_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC",
        rows=figure_rows(metrics, columns),
        drawings=drawings(model),
        hyperparameters=sorted(description.hyperparameters.items()),
        examples=examples(model),
        queries=0 if (found := held_out_ranks(model)) is None else len(found[1]),
        few=FEW_QUERIES,
        answers=ANSWERS,
    )
    return page


@cache
def _template() -> Any:
    """The page without its figures, compiled once a process."""
    from jinja2 import Environment, FileSystemLoader

    here = Path(__file__)
    return Environment(loader=FileSystemLoader([here.parent, here.parents[1]]), autoescape=True).get_template(TEMPLATE)


def target_text(description: ModelDescription) -> str:
    """What is predicted, in words."""
    parts = []
    for target in description.targets[:6]:
        if target.edge_type is not None:
            kind = f"({target.edge_type.source})-{target.edge_type.relation}-({target.edge_type.target})"
        else:
            kind = target.node_type or ""
        parts.append(kind + (f".{target.property}" if target.property else ""))
    more = len(description.targets) - len(parts)
    return ", ".join(parts) + (f" and {more} more" if more else "")


def figure_rows(metrics: Metrics, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Model and floors by split; the best figure of each column is marked."""
    rows: list[dict[str, Any]] = []
    for split, values in metrics.splits.items():
        scorers = {"this model": values, **metrics.floors.get(split, {})}
        best = {}
        for column in columns:
            known = [v[column] for v in scorers.values() if column in v]
            if known:
                best[column] = min(known) if column in LOWER_IS_BETTER else max(known)
        for name, figures in scorers.items():
            cells = [(figures.get(c), figures.get(c) is not None and figures.get(c) == best.get(c)) for c in columns]
            rows.append({"split": SPLIT_NAMES[split], "name": scorer_name(name), "cells": cells})
    return rows


def scorer_name(name: str) -> str:
    """What a floor is called where people read."""
    return FLOOR_NAMES.get(name, name.replace("_", " "))


def drawings(model: ModelFolder) -> list[tuple[str, str]]:
    """(title, SVG) of the training curves, of the model beside the floors, and of the ranks of true links."""
    titled: list[tuple[str, Chart]] = []
    metrics = model.metrics
    if len(metrics.history) > 1:
        rows = [
            {"epoch": int(entry.get("epoch", i + 1)), "what": name, "value": value}
            for i, entry in enumerate(metrics.history)
            for name, value in entry.items()
            if name != "epoch"
        ]
        titled.append(("Training", curves(rows)))
    shown = [
        c
        for c in ("mrr", "hits@10", "AUCPR", "auc", "acc", "F1", "roc_auc")
        if c in next(iter(metrics.splits.values()), {})
    ]
    for split in LAST_FIRST:
        if split in metrics.splits and shown:
            scorers = {"this model": metrics.splits[split], **metrics.floors.get(split, {})}
            bars_of = [
                {"figure": column, "scorer": scorer_name(name), "value": values[column]}
                for column in shown
                for name, values in scorers.items()
                if column in values
            ]
            titled.append((f"Beside the floors, {SPLIT_NAMES[split]} split", bars(bars_of)))
            break
    ranked = held_out_ranks(model)
    if ranked is not None:
        words, ranks = ranked
        titled.append((f"Where the true partner stands, {len(ranks):,} queries of {words} links", histogram(ranks)))
    return list(zip((title for title, _ in titled), draw([drawn for _, drawn in titled]), strict=True))


def held_out_ranks(model: ModelFolder) -> tuple[str, np.ndarray[Any, Any]] | None:
    """(split in words, rank of the true partner for every query, (q,)) of the test links, else of those before."""
    for split in LAST_FIRST:
        if model.has(f"report/{split}_ranks"):
            return SPLIT_NAMES[split], np.array(model.array(f"report/{split}_ranks"))
    return None


def curves(rows: list[dict[str, Any]]) -> Chart:
    """Lines over epochs, one panel a quantity."""
    # the loss first, whatever the objective is called
    order = sorted({str(row["what"]) for row in rows}, key=lambda name: (name != "loss", name))
    panel = {
        "mark": {"type": "line", "color": BLUE, "point": {"size": 18, "color": BLUE}},
        "encoding": {
            "x": {"field": "epoch", "type": "quantitative", "axis": {"tickMinStep": 1}, "scale": {"zero": False}},
            "y": {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": False}},
        },
        "width": 270,
        "height": 170,
    }
    return chart(
        rows,
        {
            "facet": {"field": "what", "type": "nominal", "sort": order, "title": None},
            "columns": 2,
            "spec": panel,
            "resolve": {"scale": {"y": "independent"}},
        },
    )


def bars(rows: list[dict[str, Any]]) -> Chart:
    """Grouped bars, the model first."""
    order = list(dict.fromkeys(row["scorer"] for row in rows))
    figures = list(dict.fromkeys(row["figure"] for row in rows))
    colours = [COLOURS[place % len(COLOURS)] for place in range(len(order))]
    scorer = {"field": "scorer", "type": "nominal"}
    return chart(
        rows,
        {
            "mark": "bar",
            "encoding": {
                "x": {"field": "figure", "type": "nominal", "sort": figures, "title": None, "axis": {"labelAngle": 0}},
                "xOffset": {**scorer, "sort": order},
                "y": {"field": "value", "type": "quantitative", "title": None},
                "color": {**scorer, "scale": {"domain": order, "range": colours}, "title": None},
            },
            "width": 560,
            "height": 190,
        },
    )


def histogram(ranks: np.ndarray[Any, Any]) -> Chart:
    """Queries by rank, in bins that double."""
    bins = np.floor(np.log2(np.maximum(ranks, 1))).astype(np.int64)
    counts = np.bincount(bins)
    rows = [
        {"rank": "1" if i == 0 else f"{1 << i}–{(2 << i) - 1}", "queries": int(count)}
        for i, count in enumerate(counts.tolist())
    ]
    sort = [row["rank"] for row in rows]
    return chart(
        rows,
        {
            "mark": {"type": "bar", "color": BLUE},
            "encoding": {
                "x": {"field": "rank", "type": "nominal", "sort": sort, "axis": {"labelAngle": 0}},
                "y": {"field": "queries", "type": "quantitative", "axis": {"tickMinStep": 1}},
            },
            "width": {"step": 54},
            "height": 190,
        },
    )


def examples(model: ModelFolder) -> list[Example]:
    """What the model answers for a few items: the best connected vertices of links, the first items of properties."""
    predictor = load_predictor(model.folder)
    task, found = model.description.task, []
    for position, body in enumerate(questions(model)):
        partners = Partners(model, position) if task == "link_prediction" else None
        answer = predictor.answer(EndpointRequest.model_validate(body)).output
        for item in answer.nodes or answer.edges or []:
            ends = tuple(id for id in (item.node_id, item.head_node_id, item.tail_node_id) if id)
            answers = []
            for one in item.results:
                if partners is None:
                    answers.append(Answer(str(one.value), one.score))
                else:
                    shared, more = partners.shared(ends[0], str(one.node_id))
                    answers.append(Answer(str(one.node_id), one.score, True, shared, more))
            found.append(Example(ends, item.edge_id or "", tuple(answers)))
    return found


class Partners:
    """Who is linked with whom along one edge type, for the reason that people understand: shared partners."""

    def __init__(self, model: ModelFolder, position: int) -> None:
        source, _, target = model.description.details["links"][position]["edge_type"]
        self._ids = [id for ids in model.ids().values() for id in ids]
        offsets = dict(zip(model.ids(), np.cumsum([0, *(len(v) for v in model.ids().values())]).tolist(), strict=False))
        self._places = [
            {id: offsets[kind] + row for row, id in enumerate(model.ids()[kind])} for kind in (source, target)
        ]
        self._from = np.array(model.array(f"links/{position}/source"))
        self._to = np.array(model.array(f"links/{position}/target"))

    def shared(self, head: str, tail: str) -> tuple[tuple[str, ...], int]:
        """(The first partners both have, whichever way the links point, and how many more there are)."""
        heads, tails = self._places
        both = np.intersect1d(self._of(heads[head]), self._of(tails[tail]))
        return tuple(self._ids[number] for number in both[:SHARED]), max(0, len(both) - SHARED)

    def _of(self, number: int) -> np.ndarray[Any, Any]:
        return np.concatenate([self._to[self._from == number], self._from[self._to == number]])


def questions(model: ModelFolder) -> list[dict[str, Any]]:
    """Requests for the examples."""
    parameters: dict[str, Any] = {"topk": ANSWERS, "exclude_flag": "mask"}
    description, ids = model.description, model.ids()
    if description.task != "link_prediction":
        target = description.targets[0]
        if target.node_type is not None:
            items = [{"nodeId": node} for node in ids[target.node_type][:EXAMPLES]]
            return [{"data": {"globalParameters": parameters, "nodes": items}}]
        edges = model.texts("edges")[:EXAMPLES]
        return [{"data": {"globalParameters": parameters, "edges": [{"edgeId": edge} for edge in edges]}}]
    bodies = []
    offsets = dict(zip(ids, np.cumsum([0, *(len(v) for v in ids.values())]).tolist(), strict=False))
    for position, link in enumerate(description.details["links"][:3]):
        source, relation, target_type = link["edge_type"]
        numbers = np.array(model.array(f"links/{position}/source")) - offsets[source]
        busiest = np.argsort(-np.bincount(numbers, minlength=len(ids[source])), kind="stable")[:EXAMPLES]
        asked = {**parameters, "edgeType": relation, "tailNodeType": target_type}
        items = [{"headNodeId": ids[source][number]} for number in busiest.tolist()]
        bodies.append({"mode": "predict_tail", "data": {"globalParameters": asked, "edges": items}})
    return bodies
