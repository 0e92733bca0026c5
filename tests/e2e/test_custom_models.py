"""Custom models: a user's own scripts become a model that is asked, and are refused where nobody allows them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workflow.client import Workflow, start_service
from workflow.client.connection import ServiceError
from workflow.client.workflow import StageFailed
from workflow.storage import S3Uri

SHELVES = ("Drama", "Essay", "Poetry")

# what a book is like, by the known shelves of what its readers read
VOTES = """
import numpy as np

def shares(graph, target, rounds):
    known = graph.labels[target]
    split = graph.splits[target]
    (edges,) = graph.edges.values()
    books, readers = graph.num_nodes["book"], graph.num_nodes["reader"]
    fixed = np.zeros((books, len(known.classes)))
    fixed[split.train, np.asarray(known.values)[split.train]] = 1
    found = fixed.copy()
    for _ in range(rounds):
        taste = np.zeros((readers, fixed.shape[1]))
        np.add.at(taste, edges.source, found[edges.target])
        taste /= np.maximum(taste.sum(axis=1, keepdims=True), 1e-9)
        found = fixed.copy()
        np.add.at(found, edges.target, taste[edges.source])
        found /= np.maximum(found.sum(axis=1, keepdims=True), 1e-9)
    return found
"""
TRAINING = """
import argparse
import numpy as np
from graph_ml import custom
from votes import shares

parser = argparse.ArgumentParser()
for name in ("rounds", "task", "model", "name", "target_ntype", "property"):
    parser.add_argument(f"--{name}")
asked = parser.parse_args()
assert (asked.task, asked.model, asked.name) == ("node_class", "custom", "node_class-custom")
assert (asked.target_ntype, asked.property) == ("book", "shelf")
work = custom.Work.here()
graph = work.graph()
(target,) = work.targets(graph)
found = shares(graph, target, int(asked.rounds))
valid = graph.splits[target].valid
right = found[valid].argmax(axis=1) == np.asarray(graph.labels[target].values)[valid]
(work.model / "rounds.txt").write_text(asked.rounds)
print(f"held-out share right: {right.mean():.4f}")
"""
TRANSFORM = """
from graph_ml import custom
from votes import shares

work = custom.Work.here()
graph = work.graph()
(target,) = work.targets(graph)
rounds = int((work.model / "rounds.txt").read_text())
assert str(rounds) == work.parameters["rounds"]
custom.save_predictions(work, graph, target, shares(graph, target, rounds))
"""
LINKS = """
import numpy as np
from graph_ml import custom

work = custom.Work.here()
graph = work.graph()
(target,) = work.targets(graph)
edges, train = graph.edges[target.edge_type], graph.splits[target].train
read = np.zeros((graph.num_nodes["reader"], graph.num_nodes["book"]))
read[edges.source[train], edges.target[train]] = 1
u, s, vt = np.linalg.svd(read, full_matrices=False)
custom.save_links(work, graph, {"reader": u[:, :3] * s[:3], "book": vt[:3].T})
"""


def _configuration(task: str, objective: str, regex: str, *parameters: dict[str, Any]) -> str:
    metric = {
        "tuning_objective": {"MetricName": objective, "Type": "Maximize"},
        "metric_definitions": [{"Name": objective, "Regex": regex}],
    }
    model = {"model": "custom", "task_type": task, "eval_metric": metric, "1-tier-param": list(parameters)}
    return json.dumps({"models": [model]})


ROUNDS = {"param": "rounds", "type": "int", "range": [1, 3], "default": 2}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service's home whose bucket lab has custom models."""
    home = tmp_path_factory.mktemp("custom")
    models = {
        "shelves": {
            "votes.py": VOTES,
            "training.py": TRAINING,
            "transform.py": TRANSFORM,
            "model-hpo-configuration.json": _configuration(
                "node_class", "SHARE", r"held-out share right: ([0-9.]+)", ROUNDS
            ),
        },
        "links": {
            "train_svd.py": "print('hits=0.5')",
            "svd.py": LINKS,
            "model-hpo-configuration.json": _configuration("link_predict", "HITS", r"hits=([0-9.]+)"),
        },
        "failing": {
            "training.py": "raise SystemExit('the moon is full')",
            "transform.py": "",
            "model-hpo-configuration.json": _configuration("node_class", "SHARE", r"x=([0-9.]+)"),
        },
        "silent": {
            "training.py": "print('share 0.5')",
            "transform.py": "",
            "model-hpo-configuration.json": _configuration("node_class", "SHARE", r"share=([0-9.]+)"),
        },
        "empty": {
            "training.py": "print('share=0.5')",
            "transform.py": "print('nothing to keep')",
            "model-hpo-configuration.json": _configuration("node_class", "SHARE", r"share=([0-9.]+)"),
        },
    }
    for name, files in models.items():
        folder = home / "s3" / "lab" / "models" / name
        folder.mkdir(parents=True)
        for file, text in files.items():
            (folder / file).write_text(text)
    return home


@pytest.fixture(scope="module")
def wf(home: Path) -> Iterator[Workflow]:
    """A service that allows them, with a loaded library and its two processed graphs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DESPINA_CUSTOM_CODE", "s3://lab/models s3://elsewhere")
        service = start_service(home)
    try:
        workflow = service.workflow("s3://lab")
        rng = np.random.default_rng(9)  # every book is read by three at least
        shelf = {f"book_{i}": SHELVES[i % 3] for i in range(60)}
        books = pd.DataFrame(
            {
                "~id": list(shelf),
                "~label": "book",
                "shelf": [s if i % 5 else None for i, s in enumerate(shelf.values())],
            }
        )
        readers = pd.DataFrame({"~id": [f"reader_{i}" for i in range(60)], "~label": "reader", "age": 30})
        ends = [(f"reader_{i}", f"book_{3 * j + i % 3}") for i in range(60) for j in rng.choice(20, 6, replace=False)]
        edges = pd.DataFrame(ends, columns=["~from", "~to"])
        edges["~id"], edges["~label"] = [f"read_{i}" for i in range(len(ends))], "read"
        workflow.wait(workflow.load(nodes=[books, readers], edges=edges))
        targets: dict[str, dict[str, Any]] = {
            "shelf": {"node": "book", "property": "shelf", "type": "classification"},
            "read": {"edge": ["reader", "read", "book"], "type": "link_prediction"},
        }
        processed = []
        for name, target in targets.items():
            exported = workflow.wait(workflow.export(targets=[{**target, "split_rate": [0.8, 0.2, 0.0]}]))
            processed.append(workflow.dataprocessing(exported, id=f"{name}-data"))
        for job in processed:
            workflow.wait(job)
        yield workflow
    finally:
        service.stop()


def _train(wf: Workflow, data: str, model: str, **names: str) -> Any:
    own = {"sourceS3DirectoryPath": f"s3://lab/models/{model}", **names}
    trials = 2 if model == "shelves" else 1
    return wf.training(data, id=model, trials=trials, parallel=1, customModelTrainingParameters=own)


CLASS = "with('Neptune#ml.classification')"


def test_a_custom_model_is_tuned_deployed_asked_and_applied_to_a_newer_graph(wf: Workflow) -> None:
    trained = wf.wait(_train(wf, "shelf-data", "shelves"))
    summary = json.loads(wf.storage.read(S3Uri.parse(f"{trained.output}/tuning_summary.json")))
    assert summary["metric"] == "SHARE"
    assert {trial["hyperparameters"]["rounds"] for trial in summary["trials"]} <= {"1", "2", "3"}
    assert max(trial["value"] for trial in summary["trials"]) == 1.0
    wf.wait(wf.endpoint(trained, id="shelves"))
    rows = wf.connection.query(
        "g.with('Neptune#ml.endpoint','shelves').V().hasLabel('book').hasNot('shelf').project('b','s').by(id)"
        f".by(properties('shelf').{CLASS}.value())"
    )
    assert {row["b"]: row["s"] for row in rows} == {f"book_{i}": SHELVES[i % 3] for i in range(0, 60, 5)}
    fresh = f"g.with('Neptune#ml.endpoint','shelves').V('book_new').properties('shelf').{CLASS}.value()"
    wf.query(
        "g.addV('book').property(id,'book_new').as('n')"
        + "".join(f".V('reader_{i}').addE('read').to('n')" for i in (1, 4, 7, 10))
        + ".iterate()"
    )
    assert wf.connection.query(fresh) == []
    with pytest.raises(ServiceError, match="cannot find the metadata file"):
        wf.connection.query(fresh.replace(".value()", ".with('Neptune#ml.inductiveInference').value()"))
    target = {"node": "book", "property": "shelf", "type": "classification", "split_rate": [0.8, 0.2, 0.0]}
    newer = wf.wait(wf.dataprocessing(wf.wait(wf.export(targets=[target])), previousDataProcessingJobId="shelf-data"))
    wf.wait(wf.endpoint(wf.wait(wf.transform(newer, trained)), id="shelves", update=True))
    assert wf.connection.query(fresh) == ["Essay"]


def test_a_custom_model_of_links_gives_what_its_vectors_say(wf: Workflow) -> None:
    names = {"trainingEntryPointScript": "train_svd.py", "transformEntryPointScript": "svd.py"}
    wf.wait(wf.endpoint(wf.wait(_train(wf, "read-data", "links", **names)), id="links"))
    hop = "with('Neptune#ml.prediction').with('Neptune#ml.filterExistingEdges')"
    ask = "g.with('Neptune#ml.endpoint','links').with('Neptune#ml.limit', 10)"
    books = wf.connection.query(f"{ask}.V('reader_4').out('read').{hop}.hasLabel('book').id()")
    assert len(books) == 10
    assert {int(book.removeprefix("book_")) % 3 for book in books} == {1}  # readers read on one shelf only
    heads = wf.connection.query(f"{ask}.V('book_5').in('read').{hop}.hasLabel('reader').id()")
    assert {int(reader.removeprefix("reader_")) % 3 for reader in heads} == {2}
    scores = wf.connection.query(f"{ask}.V('reader_4').out('read').{hop}.hasLabel('book').values('Neptune#ml.score')")
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score < 1 for score in scores)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("failing", "training.py of the custom model ended with exit code 1: the moon is full"),
        ("silent", r"training\.py printed nothing that 'share=\(\[0-9\.\]\+\)' finds"),
        ("empty", "transform.py left no model that can be served"),
    ],
)
def test_a_custom_model_that_fails_says_why(wf: Workflow, model: str, reason: str) -> None:
    with pytest.raises(StageFailed, match=reason):
        wf.wait(_train(wf, "shelf-data", model))


def test_scripts_from_elsewhere_are_refused_and_missing_ones_named(wf: Workflow) -> None:
    with pytest.raises(ServiceError, match="DESPINA_CUSTOM_CODE, below s3://lab/models, s3://elsewhere") as caught:
        wf.training("shelf-data", customModelTrainingParameters={"sourceS3DirectoryPath": "s3://lab/export"})
    assert caught.value.code == "UnsupportedOperationException"
    own = {"sourceS3DirectoryPath": "s3://lab/models/shelves", "trainingEntryPointScript": "other.py"}
    with pytest.raises(ServiceError, match=r"s3://lab/models/shelves has no other\.py"):
        wf.training("shelf-data", customModelTrainingParameters=own)
