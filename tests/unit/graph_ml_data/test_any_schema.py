"""Whatever an export holds, it is processed with nothing lost, or refused in a sentence.

``DESPINA_FUZZ_EXAMPLES`` asks for more of them than the few of every run.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from training_scripts.graph_ml.container import JobError, ProgressWriter
from training_scripts.graph_ml.graph import EdgeType, GraphData, dgl_file
from training_scripts.graph_ml.processing import report, workspace
from training_scripts.graph_ml.processing.job import ProcessingJob, process

EXAMPLES = int(os.environ.get("DESPINA_FUZZ_EXAMPLES", "15"))
TYPES = ["auto", "numerical", "bucket_numerical", "category", "datetime", "none", "text_tfidf"]
# what a CSV file can hold: no surrogates, no zero, no line breaks of their own
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6)
DATES = ["2024-02-30", "2024-02-29", "1.3.2024", "03/01/2024", "20240301", "2024-03-01T25:00", "1970-01-01T00:00:00Z"]
WORDS = ["", " ", "0", "007", "-1", "1e999", "nan", "inf", "true", "null", "a;b;", ";", "\\;", '"', "'", ",", "\u0663"]
ODD = st.sampled_from([*DATES, *WORDS])
# cells of a column, and the encodings that read them all
CELLS = [
    (st.integers(-5, 40).map(str), TYPES),
    (st.floats(-1e6, 1e6, width=32).map(str), ["auto", "numerical", "category", "none"]),
    (st.dates().map(str), ["auto", "datetime", "category", "none"]),
    (st.datetimes().map(lambda moment: moment.isoformat()), ["auto", "datetime", "none"]),
    (st.sampled_from(["red", "green", "blue", "red;blue"]), ["auto", "category", "none", "text_tfidf"]),
    (st.lists(st.sampled_from(["some", "word", "of", "text"]), min_size=1).map(" ".join), ["auto", "text_tfidf"]),
    (NAMES, ["auto", "category", "none", "text_tfidf"]),
    (ODD, ["auto", "category", "none"]),
]


@dataclass(frozen=True)
class Columns:
    """Cells by column, and what reads each."""

    cells: dict[str, list[str]]
    readable: dict[str, list[str]]


@st.composite
def columns(draw: st.DrawFn, rows: int) -> Columns:
    """Columns of cells: of one kind, now and then with odd ones or gaps between."""
    names = draw(st.lists(NAMES.filter(lambda name: name[0] != "~" and ":" not in name), unique=True, max_size=3))
    made, readable = {}, {}
    for name in names:
        cell, readable[name] = draw(st.sampled_from(CELLS))
        if draw(st.integers(0, 3)) == 0:
            cell = st.one_of(cell, st.just(""), *([ODD] if draw(st.integers(0, 3)) == 0 else []))
        made[name] = draw(st.lists(cell, min_size=rows, max_size=rows))
    return Columns(made, readable)


@st.composite
def features(draw: st.DrawFn, table: Columns) -> list[dict[str, Any]]:
    made = []
    for name, readable in table.readable.items():
        kind = draw(st.sampled_from(TYPES if draw(st.integers(0, 19)) == 0 else readable))
        options: dict[str, Any] = {}
        if kind == "bucket_numerical":
            options = {
                "range": [draw(st.integers(-3, 0)), draw(st.integers(1, 9))],
                "bucket_cnt": draw(st.integers(1, 4)),
            }
        if kind in ("numerical", "bucket_numerical", "datetime", "auto") and draw(st.integers(0, 9)):
            options["imputer"] = draw(st.sampled_from(["mean", "median", "most-frequent"]))
        if kind in ("numerical", "category", "auto") and draw(st.integers(0, 3)) == 0:
            options["separator"] = ";"
        made.append({"feature": [name, name, kind], **options})
    return made


@st.composite
def labels(draw: st.DrawFn, table: Columns, link: bool) -> list[dict[str, Any]]:
    tasks = [("", "link_prediction")] if link else []
    tasks += [(name, "classification") for name in table.cells]
    tasks += [(name, "regression") for name, readable in table.readable.items() if "numerical" in readable]
    if not tasks or draw(st.booleans()):
        return []
    rate = draw(st.sampled_from([None, [0.8, 0.1, 0.1], [1.0, 0.0, 0.0], [0.5, 0.0, 0.5]]))
    return [{"label": list(draw(st.sampled_from(tasks))), **({} if rate is None else {"split_rate": rate})}]


@st.composite
def exports(
    draw: st.DrawFn,
) -> tuple[dict[str, str], dict[str, Any], dict[str, list[str]], dict[EdgeType, list[tuple[str, str]]]]:
    """Files by name, the configuration, ids by node type, and pairs of ids by edge type."""
    files: dict[str, str] = {}
    nodes, edges = [], []
    ids: dict[str, list[str]] = {}
    pairs: dict[EdgeType, list[tuple[str, str]]] = {}
    separator = draw(st.sampled_from([",", ",", "|", "\t"]))
    for number, kind in enumerate(draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))):
        ids[kind] = draw(st.lists(st.one_of(NAMES, st.integers(0, 99).map(str)), min_size=1, max_size=12, unique=True))
        table = draw(columns(len(ids[kind])))
        files[f"n{number}.csv"] = written({"~id": ids[kind], **table.cells}, separator)
        entry = {"file_name": f"n{number}.csv", "separator": separator, "node": ["~id", kind]}
        entry |= {"features": draw(features(table)), "labels": draw(labels(table, link=False))}
        if table.cells and draw(st.integers(0, 4)) == 0:
            entry["time"] = draw(st.sampled_from(list(table.cells)))
        nodes.append(entry)
    for number in range(draw(st.integers(1, 3))):
        source, target = draw(st.sampled_from(list(ids))), draw(st.sampled_from(list(ids)))
        kind = EdgeType(source, draw(NAMES), target)
        if kind in pairs:
            continue
        ends = st.tuples(st.sampled_from(ids[source]), st.sampled_from(ids[target]))
        pairs[kind] = draw(st.lists(ends, min_size=1, max_size=15))
        table = draw(columns(len(pairs[kind])))
        named = {"~from": [one for one, _ in pairs[kind]], "~to": [other for _, other in pairs[kind]], **table.cells}
        files[f"e{number}.csv"] = written(named, separator)
        entry = {"file_name": f"e{number}.csv", "separator": separator, "relation": ["", kind.relation]}
        entry |= {"source": ["~from", source], "dest": ["~to", target]}
        entry |= {"features": draw(features(table)), "labels": draw(labels(table, link=True))}
        if table.cells and draw(st.integers(0, 3)) == 0:
            entry["time"] = draw(st.sampled_from(list(table.cells)))
        edges.append(entry)
    return files, {"version": "v2.0", "graph": {"nodes": nodes, "edges": edges}}, ids, pairs


def written(table: dict[str, list[str]], separator: str) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=separator, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return stream.getvalue()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of five rows, every array in a file, and nothing that takes a process of its own."""
    for name, value in (("MOST_ROWS", 5), ("FEWEST_ROWS", 5), ("PARKED_BYTES", 1)):
        monkeypatch.setattr(workspace, name, value)
    monkeypatch.setattr(dgl_file, "available", lambda: False)
    monkeypatch.setattr(report, "draw", lambda charts: [""] * len(charts))


@settings(
    derandomize=True,
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(export=exports())
def test_nothing_is_lost_or_it_is_refused_in_a_sentence(export: Any) -> None:
    files, document, ids, pairs = export
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in {**files, "training-data-configuration.json": json.dumps(document)}.items():
            (folder / file).write_text(text, encoding="utf-8")
        try:
            graph = process(
                ProcessingJob(folder, folder / "out"), ProgressWriter(folder / "progress.json"), lambda _: None
            )
        except JobError as error:
            event(f"refused: {' '.join(str(error).split()[:3])}")
            assert not (folder / "out" / "manifest.json").exists()
            return
        event("processed")
        whole(graph, ids, pairs)
        whole(GraphData.read(folder / "out"), ids, pairs)


def whole(graph: GraphData, ids: dict[str, list[str]], pairs: dict[EdgeType, list[tuple[str, str]]]) -> None:
    assert {kind: list(found) for kind, found in graph.node_ids.items()} == ids
    assert graph.num_nodes == {kind: len(found) for kind, found in ids.items()}
    found = {
        kind: list(
            zip(
                [ids[kind.source][row] for row in ends.source.tolist()],
                [ids[kind.target][row] for row in ends.target.tolist()],
                strict=True,
            )
        )
        for kind, ends in graph.edges.items()
    }
    assert found == pairs
    for group in (graph.features, graph.edge_features):
        assert all(np.isfinite(values).all() for made in group.values() for values in made.values())
    for target in graph.targets:
        split = graph.splits[target]
        parts = np.concatenate([split.train, split.valid, split.test])
        assert len(split.train)
        assert len(np.unique(parts)) == len(parts)
        total = graph.num_nodes[target.type] if isinstance(target.type, str) else len(graph.edges[target.type])
        assert ((parts >= 0) & (parts < total)).all()
        if target in graph.labels:
            assert graph.labels[target].known[parts].all()
