"""Answers of finished models: in process, over HTTP, online and in batches."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_graphs import SCRIPTS, films_graph, friends_graph

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.models.link_scorers import RankerScorer, StackScorer
from training_scripts.graph_ml.predict import Incompatible, load_predictor
from training_scripts.graph_ml.predict.base import best
from training_scripts.graph_ml.predict.links import LinkPredictor
from training_scripts.graph_ml.schemas import EndpointRequest
from training_scripts.graph_ml.text_files import Places


def request(mode: str | None, items: list[dict[str, str]], parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": "v1", "mode": mode, "data": {"globalParameters": parameters, "edges": items, **more}}


def ask(folder: Path, body: dict[str, Any]) -> list[list[dict[str, Any]]]:
    answer = load_predictor(folder).answer(EndpointRequest.model_validate(body))
    output = answer.model_dump(by_alias=True, exclude_none=True)["output"]
    return [item["results"] for item in output.get("nodes", output.get("edges"))]


def friends_of(person: int) -> set[str]:
    data = friends_graph()
    edges = next(iter(data.edges.values()))
    there = edges.target[edges.source == person].tolist() + edges.source[edges.target == person].tolist()
    return {f"u{other:02}" for other in there}


def test_the_best_come_first_and_equal_ones_in_order() -> None:
    scores = np.array([0.5, -np.inf, 0.9, 0.5, 0.1], dtype=np.float32)
    assert best(scores, 3).tolist() == [2, 0, 3]
    assert best(scores, 10).tolist() == [2, 0, 3, 4]
    assert best(scores, 0).tolist() == []


@pytest.mark.parametrize("mode", ["predict_tail", "predict_head"])
def test_masked_answers_hold_neither_friends_nor_oneself(ranked_friends: Path, mode: str) -> None:
    end = "headNodeId" if mode == "predict_tail" else "tailNodeId"
    body = request(mode, [{end: "u03"}], {"topk": 100, "edgeType": "FRIEND", "exclude_flag": "mask"})
    (found,) = ask(ranked_friends, body)
    names = {entry["nodeId"] for entry in found}
    assert names == {f"u{i:02}" for i in range(36)} - friends_of(3) - {"u03"}
    scores = [entry["score"] for entry in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_without_the_mask_only_the_named_and_the_vertex_itself_are_left_out(ranked_friends: Path) -> None:
    body = request("predict_tail", [{"headNodeId": "u03"}], {"topk": 100}, exclude={"u03": ["u07", "u08", "unknown"]})
    (found,) = ask(ranked_friends, body)
    assert {entry["nodeId"] for entry in found} == {f"u{i:02}" for i in range(36)} - {"u03", "u07", "u08"}


def test_a_threshold_keeps_what_is_at_least_as_likely(ranked_friends: Path) -> None:
    body = request("predict_tail", [{"headNodeId": "u03"}], {"topk": 100})
    (every,) = ask(ranked_friends, body)
    limit = every[4]["score"]
    (kept,) = ask(ranked_friends, request("predict_tail", [{"headNodeId": "u03"}], {"topk": 100, "threshold": limit}))
    assert kept == [entry for entry in every if entry["score"] >= limit]


@pytest.mark.parametrize("model", ["ranked_friends", "stacked_films"])
def test_a_batch_scores_as_single_questions_do(model: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(model)
    ids = [f"u{i:02}" for i in range(36)] if model == "ranked_friends" else [f"u{i}" for i in range(30)]
    body = {
        "version": "v1",
        "mode": "predict_tail",
        "data": {"globalParameters": {"topk": 50}, "edges": [{"headNodeId": node} for node in [*ids, "nobody"]]},
    }
    together = ask(folder, body)
    assert together[-1] == []
    for node, batched in list(zip(ids, together, strict=False))[::5]:
        body["data"]["edges"] = [{"headNodeId": node}]  # type: ignore[index]
        (alone,) = ask(folder, body)
        expected = {entry["nodeId"]: entry["score"] for entry in alone}
        assert {entry["nodeId"]: entry["score"] for entry in batched} == pytest.approx(expected, abs=1e-5)


def test_films_are_found_for_people_and_people_for_films(stacked_films: Path) -> None:
    tails = ask(
        stacked_films,
        request("predict_tail", [{"headNodeId": "u4"}], {"topk": 5, "edgeType": "rated", "tailNodeType": "Movie"}),
    )
    heads = ask(
        stacked_films,
        request("predict_head", [{"tailNodeId": "m4"}], {"topk": 5, "edgeType": "rated", "headNodeType": "User"}),
    )
    assert {entry["nodeId"][0] for entry in tails[0]} == {"m"}
    assert {entry["nodeId"][0] for entry in heads[0]} == {"u"}
    with pytest.raises(Incompatible, match=r"does not predict edge type 'rated' to 'User'.*\(User\)-rated-\(Movie\)"):
        ask(
            stacked_films,
            request("predict_tail", [{"headNodeId": "u4"}], {"edgeType": "rated", "tailNodeType": "User"}),
        )


@pytest.mark.parametrize("mode", [None, "predict_relation"])
def test_which_edge_type_links_two_vertices_can_be_asked(stacked_films: Path, mode: str | None) -> None:
    (found,) = ask(stacked_films, request(mode, [{"headNodeId": "u4", "tailNodeId": "m4"}], {"topk": 3}))
    assert [entry["value"] for entry in found] == ["rated"]


def test_a_relation_is_as_likely_as_the_link(stacked_films: Path) -> None:
    tails = ask(stacked_films, request("predict_tail", [{"headNodeId": "u4"}], {"topk": 100}))
    likely = {entry["nodeId"]: entry["score"] for entry in tails[0]}
    pairs = [{"headNodeId": "u4", "tailNodeId": node} for node in ("m4", "m7", "nothing")]
    first, second, none = ask(stacked_films, request("predict_relation", pairs, {"topk": 3}))
    assert first == [{"value": "rated", "score": pytest.approx(likely["m4"], abs=1e-5)}]
    assert second == [{"value": "rated", "score": pytest.approx(likely["m7"], abs=1e-5)}]
    assert none == []


def test_a_new_vertex_has_relations_by_its_links(stacked_films: Path) -> None:
    triple = ["User", "rated", "Movie"]
    edges = [{"edgeType": triple, "headNodeId": "new", "tailNodeId": f"m{i}"} for i in range(0, 10, 2)]
    body = request("predict_relation", [{"headNodeId": "new", "tailNodeId": node} for node in ("m12", "m13")], {})
    assert ask(stacked_films, body) == [[], []]
    body["data"]["graph"] = {"nodes": [{"nodeId": "new", "nodeType": "User"}], "edges": edges}
    (alike,), (other,) = ask(stacked_films, body)
    assert alike["score"] > other["score"]  # even films are liked with even ones


@pytest.mark.parametrize("model", ["ranked_friends", "stacked_films"])
def test_a_vertex_that_arrived_later_is_placed_by_its_links(model: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(model)
    friends = model == "ranked_friends"
    triple = ["User", "FRIEND", "User"] if friends else ["User", "rated", "Movie"]
    liked = [f"u{i:02}" for i in range(5)] if friends else [f"m{i}" for i in range(0, 10, 2)]
    graph = {
        "nodes": [{"nodeId": "new", "nodeType": "User", "properties": {"name": ["New"]}}],
        "edges": [{"edgeType": triple, "headNodeId": "new", "tailNodeId": node} for node in liked],
    }
    data: dict[str, Any] = {"globalParameters": {"topk": 4, "exclude_flag": "mask"}, "edges": [{"headNodeId": "new"}]}
    body = {"version": "v1", "mode": "predict_tail", "data": data}
    assert ask(folder, body) == [[]]
    data["graph"] = graph
    (found,) = ask(folder, body)
    alike = {f"u{i:02}" for i in range(12)} if friends else {f"m{i}" for i in range(0, 20, 2)}
    assert len(found) == 4
    assert not {entry["nodeId"] for entry in found} & set(liked)
    assert len({entry["nodeId"] for entry in found} & alike) >= 3


def test_nearest_neighbours_are_those_of_a_brute_force_cosine(stacked_films: Path) -> None:
    vectors = np.array(ModelFolder(stacked_films).array("embeddings"))
    data = films_graph()
    assert data.node_types == ("Movie", "User")
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = unit[:20] @ unit[3]
    cosine[3] = -2
    body = {
        "version": "v1",
        "mode": "embed_knn",
        "data": {"globalParameters": {"topk": 3, "tailNodeType": "Movie"}, "nodes": [{"nodeId": "m3"}]},
    }
    (found,) = ask(stacked_films, body)
    assert [entry["nodeId"] for entry in found] == [f"m{i}" for i in np.argsort(-cosine)[:3]]
    assert found[0]["score"] == pytest.approx((1 + cosine.max()) / 2, abs=1e-5)


@pytest.fixture(scope="module")
def endpoint(ranked_friends: Path) -> Iterator[http.client.HTTPConnection]:
    environ = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
    command = [
        sys.executable,
        str(ranked_friends / "code" / "serve.py"),
        "--model-dir",
        str(ranked_friends),
        "--port",
        "0",
    ]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        connection = http.client.HTTPConnection("127.0.0.1", int(line.rsplit(":", 1)[1]), timeout=30)
        yield connection
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def post(connection: http.client.HTTPConnection, body: bytes) -> tuple[int, dict[str, Any]]:
    connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_the_server_answers_from_the_model_folders_own_code(endpoint: http.client.HTTPConnection) -> None:
    endpoint.request("GET", "/ping")
    answer = endpoint.getresponse()
    assert answer.status == 200
    answer.read()
    body = request("predict_tail", [{"headNodeId": "u03"}], {"topk": 2})
    status, document = post(endpoint, json.dumps(body).encode())
    assert status == 200
    assert document["output"]["task"] == "link_prediction"
    assert len(document["output"]["nodes"][0]["results"]) == 2
    assert document["model"]["id"]


def test_the_server_counts_the_calls_it_answered(endpoint: http.client.HTTPConnection) -> None:
    def answered() -> int:
        endpoint.request("GET", "/ping")
        return int(json.loads(endpoint.getresponse().read())["answered"])

    before = answered()
    post(endpoint, json.dumps(request("predict_tail", [{"headNodeId": "u03"}], {"topk": 2})).encode())
    post(endpoint, b"{nonsense")
    assert answered() == before + 1


def test_the_server_names_what_is_wrong_with_a_request(endpoint: http.client.HTTPConnection) -> None:
    status, document = post(endpoint, b"{nonsense")
    assert (status, document["kind"]) == (400, "malformed")
    body = request("predict_tail", [{"headNodeId": "u03"}], {"edgeType": "ENEMY"})
    status, document = post(endpoint, json.dumps(body).encode())
    assert (status, document["kind"]) == (400, "incompatible")
    assert "ENEMY" in document["error"]
    endpoint.request("GET", "/elsewhere")
    answer = endpoint.getresponse()
    assert answer.status == 404
    answer.read()


def test_a_ranker_is_served_without_torch(ranked_friends: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from inference import model_fn, input_fn, predict_fn, output_fn;"
        f"model = model_fn({str(ranked_friends)!r});"
        'body = \'{"mode":"predict_tail","data":{"edges":[{"headNodeId":"u03"}]}}\';'
        "print(output_fn(predict_fn(input_fn(body, 'application/json'), model), 'application/json'));"
        "print(sorted({'torch', 'dgl', 'polars', 'pandas', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    answer, imported = done.stdout.splitlines()
    assert json.loads(answer)["output"]["nodes"][0]["results"]
    assert imported == "[]"


def test_a_folder_without_a_finished_model_makes_the_server_give_up(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPTS / "serve.py"), "--model-dir", str(tmp_path), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "holds no model.json" in done.stderr


def is_mapped(values: Any) -> bool:
    """Whether an array is a view of a mapped file."""
    while isinstance(values, np.ndarray) and not isinstance(values, np.memmap):
        values = values.base
    return isinstance(values, np.memmap)


def test_an_endpoint_reads_vectors_links_ids_and_graphs_where_they_lie(stacked_films: Path) -> None:
    predictor = load_predictor(stacked_films)
    assert isinstance(predictor, LinkPredictor)
    assert is_mapped(predictor.embeddings)
    (target,) = predictor.targets
    assert all(is_mapped(lists.indices) and is_mapped(lists.indptr) for lists in target.known)
    assert is_mapped(target.problem.train.source)
    assert isinstance(target.scorer, StackScorer)
    ranker = next(part for part in target.scorer.parts if isinstance(part, RankerScorer)).ranker
    assert all(is_mapped(view.graph.adjacency.indices) for view in ranker.features.views)
    for kind, ids in predictor.ids.items():
        assert isinstance(predictor.index[kind], Places)
        assert dict(predictor.index[kind]) == {id: place for place, id in enumerate(ids)}
