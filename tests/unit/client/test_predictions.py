"""Predictions as frames and files, without a service: what is asked, what becomes of the answers, what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from training_scripts.graph_ml.schemas import EdgeType, ModelDescription
from training_scripts.graph_ml.schemas.model import Interval, TargetName
from training_scripts.graph_ml.text_files import write_texts
from workflow.client.predictions.artefacts import ModelArtefacts
from workflow.client.predictions.frames import predictions_frame
from workflow.client.predictions.questions import MOST_IDS, PredictionQuestion, asked_of, ids_of, records
from workflow.errors import BadRequest, InvalidParameter
from workflow.predictions.reasons import reasons
from workflow.storage.local import LocalStorage
from workflow.storage.uri import S3Uri

SHELF = {"task": "node_class", "targets": [{"node_type": "book", "property": "shelf", "classes": ["a", "b"]}]}
READ = {"task": "link_prediction", "targets": [{"edge_type": ["reader", "read", "book"]}]}


class Service:
    """Answers queries from a table by what they contain, and keeps them."""

    def __init__(self, *answers: tuple[str, Any]) -> None:
        self.answers, self.texts = answers, list[str]()

    def __call__(self, text: str) -> list[Any]:
        self.texts.append(text)
        for part, answer in self.answers:
            if part in text:
                if isinstance(answer, Exception):
                    raise answer
                return list(answer)
        return []


def test_a_class_has_its_score_and_an_unknown_id_its_reason() -> None:
    service = Service(("properties('shelf'", [{"id": "x", "name": "X", "answers": ["a", 0.9]}]))
    frame = predictions_frame(list(records(service, asked_of("nc", SHELF), ["x", "y"])))
    assert frame.columns.tolist() == ["id", "name", "prediction", "score", "reason"]
    assert frame.iloc[0].tolist()[:4] == ["x", "X", "a", 0.9]
    assert frame["prediction"].isna().tolist() == [False, True]
    assert frame["reason"].iloc[1] == "the graph has no vertex with this id"
    assert "with('Neptune#ml.endpoint', 'nc')" in service.texts[0]


def test_a_number_has_its_interval_where_the_model_knows_one() -> None:
    target = {"node_type": "book", "property": "price"}
    model = {"task": "node_regression", "targets": [target | {"interval": {"half_width": 1.5}}]}
    service = Service(("properties('price'", [{"id": "x", "name": "", "answers": [7.0]}]))
    frame = predictions_frame(list(records(service, asked_of("nr", model), ["x", "y"])))
    assert frame.columns.tolist() == ["id", "prediction", "low", "high", "reason"]
    assert frame.iloc[0].tolist()[:4] == ["x", 7.0, 5.5, 8.5]
    assert frame[["low", "high"]].isna().iloc[1].all()
    (plain,) = records(service, asked_of("nr", model | {"targets": [target]}), ["x"])
    assert plain == {"id": "x", "prediction": 7.0}


def test_what_has_no_answer_is_asked_about_with_its_neighbourhood() -> None:
    service = Service(
        ("inductiveInference", [{"id": "new", "name": "", "answers": ["b", 0.7]}]),
        ("properties", [{"id": "new", "name": "", "answers": []}, {"id": "old", "name": "", "answers": ["a", 0.8]}]),
    )
    found = list(records(service, asked_of("nc", SHELF), ["old", "new"]))
    assert [row["prediction"] for row in found] == ["a", "b"]
    assert "V('new')" in service.texts[1]


def test_a_model_that_knows_only_its_graph_leaves_the_reason() -> None:
    service = Service(
        ("inductiveInference", BadRequest("not inductive")), ("properties", [{"id": "new", "name": "", "answers": []}])
    )
    (row,) = records(service, asked_of("nc", SHELF), ["new"])
    assert row == {"id": "new", "reason": "the model has no answer for it: it was not in the graph that the model was "
                   "trained on"}  # fmt: skip


def test_a_query_is_asked_again_for_the_reasons_of_its_silence() -> None:
    service = Service(("cap('Despina#ml.provenance')", [{"endpoint": "e", "reasons": {"because": 1, "and so": 3}}]))
    text = " g.with('Neptune#ml.endpoint','e').V('x').properties('p').with('Neptune#ml.classification');"
    assert reasons(service, text) == ["because", "3 x and so"]
    assert service.texts == [
        "g.with('Despina#ml.provenance').with('Neptune#ml.endpoint','e').V('x').properties('p')"
        ".with('Neptune#ml.classification').fold().cap('Despina#ml.provenance')"
    ]
    assert reasons(service, "g.V('x')") == []
    assert reasons(Service(("g.", BadRequest("no"))), text) == []


def test_links_below_the_threshold_say_so() -> None:
    partners = [{"id": "b1", "name": "One", "score": 0.9}, {"id": "b2", "name": "", "score": 0.2}]
    service = Service(("out('read')", [{"id": "r", "name": "", "answers": partners}]))
    kept = list(records(service, asked_of("lp", READ, threshold=0.5), ["r"]))
    assert kept == [{"id": "r", "prediction": "b1", "prediction_name": "One", "score": 0.9}]
    none = list(records(service, asked_of("lp", READ, threshold=0.95), ["r"]))
    assert none == [{"id": "r", "reason": "nothing reaches the threshold"}]


def test_many_ids_go_in_several_queries() -> None:
    service = Service()
    assert len(list(records(service, asked_of("nc", SHELF), [str(n) for n in range(MOST_IDS + 1)]))) == MOST_IDS + 1
    assert len(service.texts) == 2


def test_the_model_says_what_is_asked_and_the_caller_which_way() -> None:
    asked = asked_of("lp", READ, way="in", limit=500)
    assert asked == PredictionQuestion("lp", "link_prediction", "read", partner="reader", way="in", limit=100)
    with pytest.raises(InvalidParameter, match="predicts reader-read-book, not 'bought'"):
        asked_of("lp", READ, relation="bought")
    with pytest.raises(InvalidParameter, match="predicts shelf of book, not 'price'"):
        asked_of("nc", SHELF, property="price")
    with pytest.raises(InvalidParameter, match="does not say what the model of endpoint 'x' predicts"):
        asked_of("x", {})


@pytest.mark.parametrize(
    "items",
    [
        ["1", "2"],
        pd.DataFrame({"id": [1, 2]}),
        pl.DataFrame({"~id": ["1", "2"]}),
        pa.table({"id": [1, 2]}),
        pd.Series([1.0, 2.0]),
        range(1, 3),
    ],
    ids=lambda items: type(items).__module__.split(".")[0] + type(items).__name__,
)
def test_ids_come_from_whatever_holds_them(items: Any) -> None:
    assert ids_of(items) == ["1", "2"]


def test_keys_of_a_table_are_prefixed_as_they_were_loaded_and_missing_ones_named() -> None:
    frame = pd.DataFrame({"customer_id": [1, 2]})
    assert ids_of(frame, key="customer_id", prefix="customer") == ["customer:1", "customer:2"]
    with pytest.raises(InvalidParameter, match="name its ids with key=COLUMN"):
        ids_of(frame)
    with pytest.raises(InvalidParameter, match="Row 1 of what is asked about has no 'id'"):
        ids_of(pd.DataFrame({"id": ["a", None]}))


@pytest.fixture
def model(tmp_path: Path) -> ModelArtefacts:
    """Two books, of which one has gone, and a reader."""
    storage, place = LocalStorage(tmp_path / "s3"), S3Uri.parse("s3://bucket/model")
    target = TargetName(node_type="book", property="shelf", classes=["a", "b"])
    description = ModelDescription(
        id="m", model="rgcn", task="node_class", targets=[target], node_types={"book": 3, "reader": 1}, created_ms=1,
        edge_types=[EdgeType("reader", "read", "book")],
    )  # fmt: skip
    storage.write(place / "model.json", description.model_dump_json(by_alias=True).encode())
    folder = tmp_path / "made"
    folder.mkdir()
    for name, rows in (("embeddings", np.arange(8.0).reshape(4, 2)), ("predictions", [[0.9, 0.1], [0.3, 0.7], [1, 0]])):
        np.save(folder / f"{name}.npy", np.array(rows, dtype=np.float32))
        storage.write(place / f"arrays/{name}.npy", (folder / f"{name}.npy").read_bytes())
    for number, ids in enumerate((["x", "y", None], ["r"])):
        write_texts(folder / "ids.arrow", "id", ids)
        storage.write(place / f"ids/{number}.arrow", (folder / "ids.arrow").read_bytes())
    return ModelArtefacts(storage, place)


def test_vectors_and_answers_of_all_vertices_are_frames(model: ModelArtefacts) -> None:
    vectors = model.embeddings()
    assert vectors[["id", "label"]].to_numpy().tolist() == [["x", "book"], ["y", "book"], ["r", "reader"]]
    assert vectors["embedding"].tolist() == [[0.0, 1.0], [2.0, 3.0], [6.0, 7.0]]
    told = model.predictions()
    assert told.columns.tolist() == ["id", "label", "prediction", "score", "p(a)", "p(b)"]
    assert told["prediction"].tolist() == ["a", "b"]
    assert told["score"].tolist() == pytest.approx([0.9, 0.7])


def test_numbers_of_all_vertices_have_their_interval(model: ModelArtefacts) -> None:
    interval = Interval(coverage=0.9, half_width=0.25, items=20, split="test")
    price = TargetName(node_type="book", property="price", interval=interval)
    model.description = model.description.model_copy(update={"task": "node_regression", "targets": [price]})
    told = model.predictions()
    assert told.columns.tolist() == ["id", "label", "prediction", "low", "high"]
    assert told.iloc[0].tolist()[2:] == pytest.approx([0.9, 0.65, 1.15])


def test_the_files_are_those_that_the_published_helper_reads(model: ModelArtefacts, tmp_path: Path) -> None:
    place = model.publish()
    entity = tmp_path / "s3/bucket/model/embeddings/entity.npy"
    assert np.load(entity, allow_pickle=False).shape == (4, 2)
    with np.load(tmp_path / "s3/bucket/model/predictions/result.npz", allow_pickle=False) as result:
        assert result["infer_scores"].argmax(axis=1).tolist() == [0, 1, 0]
    mapping = json.loads(model.storage.read(place / "mapping.json"))
    assert mapping["node2id"]["book"]["y"] == 1
    model.export(tmp_path / "files")
    assert pd.read_parquet(tmp_path / "files/predictions.parquet")["id"].tolist() == ["x", "y"]
    assert pd.read_parquet(tmp_path / "files/embeddings.parquet")["label"].tolist() == ["book", "book", "reader"]


def test_a_model_that_keeps_nothing_says_why(model: ModelArtefacts, tmp_path: Path) -> None:
    model.storage.delete(model.place / "arrays")
    with pytest.raises(InvalidParameter, match="has no embeddings: a pair ranker has no vectors"):
        model.export(tmp_path / "files")
