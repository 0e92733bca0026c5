"""What the exporter writes is what data processing reads: the real writer, the real job, one graph with everything."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.record_graph import RecordGraph
from training_scripts.graph_ml.container import ProgressWriter
from training_scripts.graph_ml.graph import EdgeType, GraphData, Target, dgl_file
from training_scripts.graph_ml.processing.job import ProcessingJob, process
from workflow.datasets import DATASETS
from workflow.export import parse_request, write_export
from workflow.graphs.files.bulk import CsvLoad
from workflow.graphs.files.loading import LoadRules
from workflow.graphs.source import EdgeRecord, NodeRecord
from workflow.graphs.store.store import EmbeddedGraph


@pytest.fixture(autouse=True)
def _without_dgl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dgl_file, "available", lambda: False)


def processed(source: RecordGraph, folder: Path, ml: dict[str, Any]) -> tuple[GraphData, Path, list[str]]:
    body = {"command": "export-pg", "outputS3Path": "s3://b/x", "params": {}, "additionalParams": {"neptune_ml": ml}}
    write_export(source, parse_request(body), folder / "export")
    log: list[str] = []
    job = ProcessingJob(input=folder / "export", output=folder / "out")
    return process(job, ProgressWriter(folder / "progress.json"), log.append), folder / "out", log


def test_the_bundled_social_network_arrives_whole(tmp_path: Path) -> None:
    social = DATASETS["social"]
    with (social.folder / "nodes.csv").open() as stream:
        people = [
            NodeRecord(
                r["~id"], ("User",), {"name": [r["name:String(single)"]], "interests": [r["interests:String(single)"]]}
            )
            for r in csv.DictReader(stream)
        ]
    with (social.folder / "edges.csv").open() as stream:
        friends = [
            EdgeRecord(r["~id"], "FRIEND", r["~from"], r["~to"], ("User",), ("User",), {})
            for r in csv.DictReader(stream)
        ]
    ml = {"version": "v2.0", "targets": [social.target], "features": list(social.features)}
    graph, _, _ = processed(RecordGraph(people, friends), tmp_path, ml)
    friend = EdgeType("User", "FRIEND", "User")
    assert graph.num_nodes == {"User": 20}
    assert len(graph.edges[friend]) == 25
    # arts, comics, electronics, games, sports; Bill likes all but electronics
    assert graph.features["User"]["interests"].shape == (20, 5)
    assert graph.features["User"]["interests"][graph.node_ids["User"].index("u01")].tolist() == [1, 1, 0, 1, 1]
    split = graph.splits[Target("link_prediction", friend)]
    assert (len(split.train), len(split.valid), len(split.test)) == (20, 5, 0)


def test_everything_an_export_may_hold_is_read(tmp_path: Path) -> None:
    people = [
        NodeRecord(
            f"p;{i}",
            ("Admin", "Person"),
            {
                "age": [20 + i],
                "bio": [f'said "hello, {i}"\nand left again'],
                "tags": ["a;b", "c"] if i % 2 else ["c", "d"],
                "born": [datetime(1990 + i, 3, 1, 12, tzinfo=UTC)],
                "score": [i / 2],
                "active": [i % 2 == 0],
                "city": ["Bonn" if i < 3 else "Köln"],
                "blob": ["raw"],
                'odd, "name": one': [i],
            },
        )
        for i in range(6)
    ]
    films = [NodeRecord("f/1", ("Film (new)",), {}), NodeRecord("f/2", ("Film (new)",), {})]
    seen = [
        EdgeRecord(
            f"e{i}", "saw it", f"p;{i}", f"f/{i % 2 + 1}", ("Admin", "Person"), ("Film (new)",), {"stars": [i % 5 + 1]}
        )
        for i in range(6)
    ]
    who = ["Person", "Admin"]
    ml = {
        "targets": [{"node": who, "property": "city", "type": "classification", "split_rate": [0.5, 0.5, 0.0]}],
        "features": [
            {
                "node": who,
                "property": "bio",
                "type": "text_tfidf",
                "ngram_range": [1, 2],
                "min_df": 2,
                "max_features": 50,
            },
            {"node": who, "property": "blob", "type": "none"},
            {
                "node": who,
                "property": "age",
                "type": "bucket_numerical",
                "range": [20, 30],
                "bucket_cnt": 5,
                "imputer": "mean",
            },
        ],
    }
    graph, output, log = processed(RecordGraph(people + films, seen), tmp_path, ml)
    person, saw = "Admin;Person", EdgeType("Admin;Person", "saw it", "Film (new)")
    assert set(graph.num_nodes.items()) == {(person, 6), ("Film (new)", 2)}
    assert list(graph.node_ids[person]) == [f"p;{i}" for i in range(6)]
    assert graph.edges[saw].target.tolist() == [0, 1, 0, 1, 0, 1]
    assert graph.edge_features[saw]["stars"].ravel().tolist() == [0.0, 0.25, 0.5, 0.75, 1.0, 0.0]
    features = graph.features[person]
    assert features["age"].argmax(axis=1).tolist() == [0, 0, 1, 1, 2, 2]
    # an escaped separator belongs to the tag: "a;b", "c", "d"
    fitted = {
        f["name"]: f["state"]
        for t in json.loads((output / "encoders.json").read_text())["types"]
        if t.get("node_type") == person
        for f in t["features"]
    }
    assert fitted["tags"]["categories"] == ["a;b", "c", "d"]
    assert fitted["active"]["kind"] == "category"
    assert fitted['odd, "name": one']["kind"] == "numerical"
    assert (fitted["born"]["first_year"], fitted["born"]["last_year"]) == (1990, 1995)
    assert fitted["score"]["kind"] == "numerical"
    assert graph.raw[person]["blob"] == ["raw"] * 6
    assert graph.labels[Target("node_class", person, "city")].classes == ("Bonn", "Köln")
    assert not [line for line in log if "Traceback" in line]


ODD_VERTICES = (
    "~id, ~label, name:String, age:Int\n"
    'v1, person, "ada, countess", 36\n'
    '" v2 ", person, " lin ", 28 \n'
    "v3, person, 5\" pipe, 41\n"
    'v4, "red\\;blue", two, \n'
    "v5, red\\;blue;green, three, \n"
    "v6, person, , 12\n"
)  # fmt: skip
ODD_EDGES = (
    "~id, ~from, ~to, ~label, since:Int\n"
    'e1, v1, " v2 " , knows, 1999\n'
    "e2, v3, v1, knows, 2001 \n"
    '"e3" ,v6,v3, knows, 2002\n'
    "e4, v1, v4, likes, 1\n"
    "e5, v3, v4, likes, 2\n"
)


def test_what_was_loaded_with_blanks_and_escapes_is_exported_and_processed_as_it_was_loaded(tmp_path: Path) -> None:
    graph = EmbeddedGraph(profile="neptune")
    for name, text in (("v.csv", ODD_VERTICES), ("e.csv", ODD_EDGES)):
        assert CsvLoad(graph).load(io.BytesIO(text.encode()), name, LoadRules()).failures == 0
    ml = {
        "version": "v2.0",
        "targets": [{"edge": ["person", "knows", "person"], "type": "link_prediction"}],
        "features": [
            {"node": "person", "property": "name", "type": "category"},
            {"node": "person", "property": "age", "type": "numerical", "norm": "none"},
        ],
    }
    made, _, _ = processed(graph, tmp_path, ml)
    kinds = {kind: sorted(ids) for kind, ids in made.node_ids.items()}
    # the names of types keep the escape, which tells one label with a ; from two
    assert kinds == {"person": [" v2 ", "v1", "v3", "v6"], "red\\;blue": ["v4"], "green;red\\;blue": ["v5"]}
    assert {edge.relation: len(ends) for edge, ends in made.edges.items()} == {"knows": 3, "likes": 2}
    ages = dict(zip(made.node_ids["person"], made.features["person"]["age"].ravel().tolist(), strict=True))
    assert ages == {"v1": 36.0, " v2 ": 28.0, "v3": 41.0, "v6": 12.0}
