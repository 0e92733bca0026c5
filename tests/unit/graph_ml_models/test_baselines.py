"""Where a floor is better than the trained network, the floor answers, and everything says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_graphs import FRIEND, RATED, SCRIPTS, films_graph, friends_graph, labelled_graph, split_of, train

from training_scripts.graph_ml.artifacts import ModelFolder, ModelWriter
from training_scripts.graph_ml.container import Container
from training_scripts.graph_ml.graph import EdgeList, GraphData, Labels, Target
from training_scripts.graph_ml.judging import lifts
from training_scripts.graph_ml.judging.floors.structure import view_of
from training_scripts.graph_ml.judging.ranking import Ranking
from training_scripts.graph_ml.judging.report import model_report
from training_scripts.graph_ml.links import OWN_VIEW, LinkProblem
from training_scripts.graph_ml.models.baselines import Baseline
from training_scripts.graph_ml.models.link_scorers import EmbeddingScorer
from training_scripts.graph_ml.models.ranking.store import load_ranker, save_ranker
from training_scripts.graph_ml.pairs import floor_block
from training_scripts.graph_ml.predict import load_predictor
from training_scripts.graph_ml.predict.base import best
from training_scripts.graph_ml.predict.baseline import BaselinePredictor
from training_scripts.graph_ml.schemas import EndpointRequest
from training_scripts.graph_ml.training.refresh import transform

#: a network that learns nothing, so that some floor is better
IDLE = ("--model", "mlp", "--num-epochs", "1", "--lr", "1e-9")
PEOPLE = 200


def clubs(seed: int = 0) -> GraphData:
    """Two hundred people in four clubs who mostly know their own; features are noise."""
    rng = np.random.default_rng(seed)
    club = np.arange(PEOPLE) % 4
    a, b = np.triu_indices(PEOPLE, 1)
    tied = rng.random(len(a)) < np.where(club[a] == club[b], 0.15, 0.002)
    target = Target("node_class", "User", "club")
    return GraphData(
        node_ids={"User": [f"u{i}" for i in range(PEOPLE)]},
        num_nodes={"User": PEOPLE},
        edges={FRIEND: EdgeList(a[tied].astype(np.int64), b[tied].astype(np.int64))},
        features={"User": {"noise": rng.normal(size=(PEOPLE, 3)).astype(np.float32)}},
        labels={target: Labels("class", club.astype(np.int64), ("a", "b", "c", "d"))},
        splits={target: split_of(PEOPLE)},
    )


def signs() -> GraphData:
    """The same people; a class that two features decide together and no line can tell."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(PEOPLE, 2)).astype(np.float32)
    target = Target("node_class", "User", "agree")
    values = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    return replace(
        clubs(),
        features={"User": {"two": x}},
        labels={target: Labels("class", values, ("no", "yes"))},
        splits={target: split_of(PEOPLE)},
    )


def ratings() -> GraphData:
    """Forty users rate thirty films: how kind the user is and how good the film, and nothing else."""
    rng = np.random.default_rng(2)
    source, target = (part.astype(np.int64) for part in np.nonzero(rng.random((40, 30)) < 0.5))
    kind, good = rng.normal(size=40), rng.normal(size=30)
    what = Target("edge_regression", RATED, "stars")
    return GraphData(
        node_ids={"Movie": [f"m{i}" for i in range(30)], "User": [f"u{i}" for i in range(40)]},
        num_nodes={"Movie": 30, "User": 40},
        edges={RATED: EdgeList(source, target)},
        edge_ids={RATED: [f"r{i}" for i in range(len(source))]},
        labels={what: Labels("number", (3 + kind[source] + good[target]).astype(np.float32))},
        splits={what: split_of(len(source))},
    )


def ask(folder: Path, data: dict[str, Any]) -> list[list[dict[str, Any]]]:
    request = EndpointRequest.model_validate({"version": "v1", "data": data})
    output = load_predictor(folder).answer(request).model_dump(by_alias=True, exclude_none=True)["output"]
    return [item["results"] for item in output.get("nodes", output.get("edges"))]


def transformed(folder: Path, graph: GraphData, base: Path) -> Path:
    graph.write(base / "input")
    (base / "processing").mkdir(parents=True)
    for name, place in (("model", folder), ("input", base / "input")):
        (base / "processing" / name).symlink_to(place)
    container = Container(base, {})
    transform(container, SCRIPTS)
    return container.processing("output")


@pytest.mark.parametrize(
    ("graph", "floor", "name"),
    [
        (clubs(), "label_propagation", "label propagation"),
        (signs(), "features_alone", "features alone"),
        (ratings(), "bias", "source and target bias"),
    ],
)
def test_the_better_answers_and_the_report_begins_with_it(
    graph: GraphData, floor: str, name: str, tmp_path: Path
) -> None:
    folder = train(graph, tmp_path, *IDLE)
    metrics = ModelFolder(folder).metrics
    assert metrics.warnings[0].startswith(f"{name} answers, and not the trained network: on the ")
    assert metrics.splits["valid"] == metrics.floors["valid"][floor]
    assert metrics.splits["test"] == metrics.floors["test"][floor]
    page = model_report(ModelFolder(folder))
    assert page.index(f"{name} answers") < page.index("How good it is")


def test_a_network_that_is_better_answers_itself(tmp_path: Path) -> None:
    folder = train(clubs(), tmp_path, "--model", "rgcn")
    assert "baseline" not in ModelFolder(folder).description.details
    assert not any("answers, and not" in text for text in ModelFolder(folder).metrics.warnings)


def test_the_test_items_have_no_say_in_what_answers(tmp_path: Path) -> None:
    graph = clubs()
    (target,) = graph.targets
    values = graph.labels[target].values.copy()
    test = graph.splits[target].test
    values[test] = (values[test] + 1) % 4
    wrong = replace(graph, labels={target: replace(graph.labels[target], values=values)})
    one, other = train(graph, tmp_path / "right", *IDLE), train(wrong, tmp_path / "wrong", *IDLE)
    said = [ModelFolder(folder).metrics.warnings[0] for folder in (one, other)]
    assert said[0] == said[1]
    assert ModelFolder(other).metrics.splits["test"]["acc"] < 0.2


def test_a_vertex_that_came_later_is_of_its_neighbours_club_before_and_after_a_transform(tmp_path: Path) -> None:
    graph = clubs()
    folder = train(graph, tmp_path / "model", *IDLE)
    of_b = [f"u{i}" for i in range(1, 29, 4)]
    edges = [{"edgeType": [*FRIEND], "headNodeId": "new", "tailNodeId": friend} for friend in of_b]
    asked = {"globalParameters": {"topk": 1}, "nodes": [{"nodeId": "new"}, {"nodeId": "u5"}, {"nodeId": "nobody"}]}
    live = {"nodes": [{"nodeId": "new", "nodeType": "User"}], "edges": edges}
    new, known, nobody = ask(folder, {**asked, "graph": live})
    assert new[0]["value"] == "b"
    assert nobody == []
    assert known == ask(folder, asked)[1]

    (target,) = graph.targets
    ties, labels = graph.edges[FRIEND], graph.labels[target]
    later = replace(
        graph,
        node_ids={"User": [*graph.node_ids["User"], "new"]},
        num_nodes={"User": PEOPLE + 1},
        edges={
            FRIEND: EdgeList(
                np.concatenate([ties.source, np.full(len(of_b), PEOPLE)]),
                np.concatenate([ties.target, np.arange(1, 29, 4)]),
            )
        },
        features={"User": {"noise": np.zeros((PEOPLE + 1, 3), dtype=np.float32)}},
        labels={target: replace(labels, values=np.append(labels.values, 0))},
    )
    fresh = transformed(folder, later, tmp_path / "later")
    assert ask(fresh, asked)[0][0]["value"] == "b"
    assert ask(fresh, asked)[1] == known
    again = transformed(fresh, later, tmp_path / "again")
    assert ask(again, asked) == ask(fresh, asked)


def test_live_features_give_the_stored_answer_and_others_another(tmp_path: Path) -> None:
    graph = signs()
    folder = train(graph, tmp_path, *IDLE)
    x = graph.features["User"]["two"]
    sure = int(np.argmax(np.abs(x).min(axis=1)))
    live = {"u0": x[0], f"u{sure}": x[sure] * np.array([1, -1]), "new": np.array([1.5, 1.5])}

    def answer(**data: Any) -> list[dict[str, Any]]:
        request = EndpointRequest.model_validate({"version": "v1", "data": {"globalParameters": {"topk": 2}, **data}})
        predictor = BaselinePredictor(
            ModelFolder(folder),
            lambda found: replace(
                found, features={"User": {"two": np.array([live[node] for node in found.members["User"]])}}
            ),
        )
        output = predictor.answer(request).model_dump(by_alias=True, exclude_none=True)["output"]["nodes"]
        return [{entry["value"]: entry["score"] for entry in item["results"]} for item in output]

    nodes = [{"nodeId": name} for name in live]
    stored = answer(nodes=nodes)
    found = answer(nodes=nodes, graph={"nodes": [{"nodeId": name, "nodeType": "User"} for name in live]})
    assert found[0]["yes"] == pytest.approx(stored[0]["yes"], abs=1e-6)
    assert (found[1]["yes"] > 0.5) != (stored[1]["yes"] > 0.5)  # one sign of two has turned
    assert found[2]["yes"] > 0.9


def test_a_pair_without_a_rating_is_told_by_who_and_what(tmp_path: Path) -> None:
    graph = ratings()
    folder = train(graph, tmp_path / "model", *IDLE)
    ends, arrays = graph.edges[RATED], ModelFolder(folder).tensors("baseline")
    rated = set(zip(ends.source.tolist(), ends.target.tolist(), strict=True))
    user, film = next((u, m) for u in range(40) for m in range(30) if (u, m) not in rated)
    # films come first among the numbers
    wanted = arrays["mean"][0] + arrays["given"][30 + user] + arrays["got"][film]
    asked = {"edges": [{"headNodeId": f"u{user}", "tailNodeId": f"m{film}"}, {"edgeId": "r7"}]}
    (unrated,), (seventh,) = ask(folder, asked)
    assert unrated["value"] == pytest.approx(wanted, abs=1e-5)
    assert seventh["value"] == pytest.approx(float(ModelFolder(folder).array("baseline/answers")[7, 0]))
    fresh = transformed(folder, graph, tmp_path / "later")
    assert ask(fresh, asked) == [[unrated], [seventh]]


def test_edges_of_known_ends_are_told_by_the_edges_that_share_them(tmp_path: Path) -> None:
    # ties of two clubs are eastern, and without features only the ties beside them tell
    graph = replace(clubs(), features={})
    ties = graph.edges[FRIEND]
    values = (ties.source % 4 < 2).astype(np.int64)
    target = Target("edge_class", FRIEND, "east")
    graph = replace(
        graph,
        edge_ids={FRIEND: [f"f{i}" for i in range(len(ties))]},
        labels={target: Labels("class", values, ("west", "east"))},
        splits={target: split_of(len(ties))},
    )
    folder = train(graph, tmp_path / "model", *IDLE)
    assert ModelFolder(folder).description.details["baseline"]["kind"] == "propagated"
    asked = {
        "globalParameters": {"topk": 1},
        "edges": [{"edgeId": "f0"}, {"headNodeId": "u0", "tailNodeId": "u1"}, {"headNodeId": "u2", "tailNodeId": "u3"}],
    }
    found = ask(folder, asked)
    assert [entry[0]["value"] for entry in found[1:]] == ["east", "west"]
    assert ask(transformed(folder, graph, tmp_path / "later"), asked) == found


def links(folder: Path, who: str, edge_type: str, graph: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The five likeliest partners of somebody."""
    data: dict[str, Any] = {
        "globalParameters": {"topk": 5, "edgeType": edge_type, "exclude_flag": "mask"},
        "edges": [{"headNodeId": who}],
    }
    if graph is not None:
        data["graph"] = graph
    request = EndpointRequest.model_validate({"version": "v1", "mode": "predict_tail", "data": data})
    output = load_predictor(folder).answer(request).model_dump(by_alias=True, exclude_none=True)["output"]
    return list(output["nodes"][0]["results"])


#: learns nothing of links
IDLE_LINKS = ("--num-epochs", "1", "--lr", "1e-9", "--sparse-lr", "1e-9", "--num-negs", "4")


@pytest.mark.parametrize(
    ("graph", "label", "who", "model"),
    [
        (friends_graph(), "FRIEND", "u03", "rgcn"),
        (films_graph(), "rated", "u3", "rgcn"),
        (friends_graph(), "FRIEND", "u03", "distmult"),
    ],
)
def test_a_floor_that_ranks_links_better_answers_and_is_carried_over(
    graph: GraphData, label: str, who: str, model: str, tmp_path: Path
) -> None:
    folder = ModelFolder(train(graph, tmp_path / "model", "--model", model, *IDLE_LINKS))
    (entry,) = folder.description.details["links"]
    name = entry["scorer"]["floor"]["name"]
    floor = name.rpartition(".")[2]
    assert "answers, and not what was trained: on the links to choose by it has MRR" in folder.metrics.warnings[0]
    for split, figures in folder.metrics.splits.items():
        assert figures == folder.metrics.floors[split][floor]

    problem = LinkProblem.from_graph(graph, graph.targets[0]).complete()
    views = dict(problem.views(problem.train))
    number = problem.space.offsets["User"] + 3
    scores = floor_block(views[view_of(name)], np.array([number]))[floor][problem.candidates(False), 0]
    scores[problem.known(problem.train, False).pairs(np.array([number]))[1]] = -np.inf
    if problem.homogeneous:
        scores[3] = -np.inf
    ids = graph.node_ids[problem.edge_type.target]
    found = links(folder.folder, who, label)
    assert [entry["nodeId"] for entry in found] == [ids[place] for place in best(scores, 5)]
    if model == "rgcn":
        assert links(transformed(folder.folder, graph, tmp_path / "later"), who, label) == found
        arrived = {
            "nodes": [{"nodeId": "new", "nodeType": "User"}],
            "edges": [
                {"edgeType": [*problem.edge_type], "headNodeId": "new", "tailNodeId": ids[place]} for place in (0, 2)
            ],
        }
        assert links(folder.folder, "new", label, arrived)


def test_a_floor_that_helps_counts_beside_what_was_trained_wherever_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifts, "FEWEST_QUESTIONS", 1)
    graph, quick = friends_graph(), ("--model", "rgcn", "--num-epochs", "3")
    folder = ModelFolder(train(graph, tmp_path / "model", *quick))
    (entry,) = folder.description.details["links"]
    scorer = entry["scorer"]
    assert (scorer["kind"], scorer["floor"]["name"], scorer["trained"]["kind"]) == ("floor", "adamic_adar", "embedding")
    assert "counts 3 beside what was trained: on the links to choose by they have MRR" in folder.metrics.notes[-1]

    problem = LinkProblem.from_graph(graph, graph.targets[0]).complete()
    own = EmbeddingScorer(folder.array("embeddings"), folder.tensors("links/0.decoder")["relation"], "dot")
    around = floor_block(dict(problem.views(problem.train))[OWN_VIEW], np.array([3]))["adamic_adar"][:, 0]
    scores = own.scores(np.array([3]), problem.candidates(False), False)[0] + scorer["weight"] * around
    scores[problem.known(problem.train, False).pairs(np.array([3]))[1]] = -np.inf
    scores[3] = -np.inf
    ids = graph.node_ids["User"]
    found = links(folder.folder, "u03", "FRIEND")
    assert [one["nodeId"] for one in found] == [ids[place] for place in best(scores, 5)]
    carried = links(transformed(folder.folder, graph, tmp_path / "later"), "u03", "FRIEND")
    assert [one["nodeId"] for one in carried] == [one["nodeId"] for one in found]
    assert [one["score"] for one in carried] == pytest.approx([one["score"] for one in found], abs=1e-6)
    arrived = {
        "nodes": [{"nodeId": "new", "nodeType": "User"}],
        "edges": [{"edgeType": [*FRIEND], "headNodeId": "new", "tailNodeId": ids[place]} for place in (0, 2)],
    }
    assert links(folder.folder, "new", "FRIEND", arrived)
    alone = ModelFolder(train(graph, tmp_path / "alone", *quick, "--use-floors", "false"))
    assert alone.description.details["links"][0]["scorer"]["kind"] == "embedding"


def test_a_floor_counts_only_where_many_links_are_ranked_clearly_better() -> None:
    def ranking(ranks: float, number: int) -> Ranking:
        every, scores = np.full(number, ranks), np.linspace(0.0, 2.0, number // 2)
        return Ranking(
            {"own": np.full(number, 2.0), "ease": every, "1 of ease beside": every},
            {"own": 4 * scores, "ease": scores},
            {"own": np.zeros(number // 2), "ease": np.zeros(number // 2)},
            np.arange(number),
        )

    (one, *_, three) = tried = lifts.lifts({0: ranking(1.0, 200)}, ["own"])
    assert [lift.share for lift in tried] == [0.1, 0.3, 1.0, 3.0]
    assert (one.weight, three.weight) == (pytest.approx(0.4), pytest.approx(12.0))  # own spreads four times as far
    assert lifts.lifts({0: ranking(1.0, 198)}, ["own"]) == []
    kept, own = tried[2:3], np.full(200, 2.0)
    assert lifts.best_lift(kept, {0: ranking(1.0, 200)}, [own]) == kept[0]
    assert lifts.best_lift(kept, {0: ranking(2.0, 200)}, [own]) is None
    assert lifts.best_lift(kept, {0: ranking(1.0, 200)}, [own, np.ones(200)]) is None


def test_a_floor_that_answers_never_names_a_vertex_that_is_gone(tmp_path: Path) -> None:
    graph = friends_graph()
    folder = train(graph, tmp_path / "model", "--model", "rgcn", *IDLE_LINKS)
    assert "floor" in ModelFolder(folder).description.details["links"][0]["scorer"]
    ties = graph.edges[FRIEND]
    row = int(np.argmax(np.bincount(np.concatenate([ties.source, ties.target]))))
    gone, users = graph.node_ids["User"][row], graph.node_ids["User"]
    assert any(gone in {entry["nodeId"] for entry in links(folder, who, "FRIEND")} for who in users if who != gone)
    kept = (ties.source != row) & (ties.target != row)
    later = replace(
        graph,
        edges={FRIEND: EdgeList(ties.source[kept], ties.target[kept])},
        edge_ids={},
        splits={},
        gone={"User": np.array([row])},
    )
    fresh = transformed(folder, later, tmp_path / "later")
    assert links(fresh, gone, "FRIEND") == []
    for who in users:
        assert gone not in {entry["nodeId"] for entry in links(fresh, who, "FRIEND")}


def test_a_floor_that_answers_has_no_class_for_a_vertex_that_is_gone(tmp_path: Path) -> None:
    graph = clubs()
    folder = train(graph, tmp_path / "model", *IDLE)
    ties = graph.edges[FRIEND]
    kept = (ties.source != 1) & (ties.target != 1)
    later = replace(graph, edges={FRIEND: EdgeList(ties.source[kept], ties.target[kept])}, gone={"User": np.array([1])})
    asked = {"globalParameters": {"topk": 1}, "nodes": [{"nodeId": "u1"}, {"nodeId": "u5"}]}
    assert [bool(found) for found in ask(folder, asked)] == [True, True]
    assert [bool(found) for found in ask(transformed(folder, later, tmp_path / "later"), asked)] == [False, True]


def test_ease_beside_the_ranker_is_what_was_judged_and_what_is_served(tmp_path: Path) -> None:
    folder = ModelFolder(train(films_graph(), tmp_path, "--model", "pair-ranker"))
    entry = folder.description.details["links"][0]["scorer"]
    ranker = load_ranker(folder, "links/0", entry["ranker"])
    lifted = replace(ranker, lift=3.0)
    sources, films = np.array([25, 30]), slice(0, 20)
    own, ease = ranker.parts(sources, films, False)
    assert lifted.scores(sources, films, False) == pytest.approx(own + 3 * ease, abs=1e-5)
    assert replace(ranker, lift=0.0).scores(sources, films, False) == pytest.approx(own)
    writer = ModelWriter(tmp_path / "kept")
    said = save_ranker(writer, "links/0", lifted)
    writer.finish(folder.description, folder.metrics)
    again = load_ranker(ModelFolder(tmp_path / "kept"), "links/0", said)
    assert again.lift == 3.0
    assert again.scores(sources, films, False) == pytest.approx(lifted.scores(sources, films, False))


def test_no_probability_is_nearer_to_one_than_its_items_tell() -> None:
    # after eight of eight the rule of succession says nine tenths
    kept = {"mean": np.array([0.5, 0.3, 0.2]), "seen": np.array([8])}
    one = Baseline("constant", "class", kept)
    answers = np.array([[1.0, 0.0, 0.0], [0.96, 0.03, 0.01], [0.5, 0.3, 0.2]])
    wanted = [[0.9, 0.05, 0.05], [0.9, 0.075, 0.025], [0.5, 0.3, 0.2]]
    assert one.unsure(answers) == pytest.approx(np.array(wanted))
    assert one.unsure(one.unsure(answers)) == pytest.approx(np.array(wanted))
    several = Baseline("constant", "classes", kept)
    assert several.unsure(np.array([[1.0, 0.0, 0.4]])) == pytest.approx(np.array([[0.9, 0.1, 0.4]]))
    assert Baseline("constant", "number", kept).unsure(np.array([[7.0]])).tolist() == [[7.0]]


def test_vertices_without_a_single_edge_are_learned_by_their_features(tmp_path: Path) -> None:
    graph = labelled_graph("node_class")
    alone = replace(graph, edges={}, edge_features={})
    metrics = ModelFolder(train(alone, tmp_path, "--model", "mlp", "--num-epochs", "2")).metrics
    assert set(metrics.floors["test"]) == {"constant", "features_alone"}
