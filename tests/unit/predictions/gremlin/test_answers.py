"""What becomes of an endpoint's answers on a live graph."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import fake_endpoint as fake
from training_scripts.graph_ml.schemas.times import UNKNOWN
from workflow.errors import ConstraintViolation, InternalFailure, TimeLimitExceeded, WorkflowError
from workflow.graphs.elements import VertexProperty
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import parse
from workflow.gremlin.traversal import Instruction, Traversal
from workflow.predictions.endpoint import EndpointRecord
from workflow.predictions.gremlin import PredictionExtension
from workflow.predictions.gremlin.folding import fold_predictions
from workflow.predictions.neighbourhood import Before, neighbourhood, node_type
from workflow.predictions.question import EdgeType
from workflow.predictions.service import EndpointService

P = 'with("Neptune#ml.prediction")'
C = 'with("Neptune#ml.classification")'
E = "g.with('Neptune#ml.endpoint','ep')"


class Bench:
    """One endpoint and a small graph."""

    def __init__(self, graph: EmbeddedGraph, endpoint: Any, description: dict[str, Any]) -> None:
        self.endpoint = endpoint
        self._record = EndpointRecord("ep", "ep", endpoint.url, description)
        self.service = EndpointService(self)
        self.engine = Engine(graph, graph.profile, extension=PredictionExtension(self.service))

    def find(self, name: str) -> EndpointRecord | None:
        return self._record if name == "ep" else None

    def __call__(self, text: str, options: QueryOptions | None = None) -> list[Any]:
        return [t.value for t in self.engine.run(parse(text)[0].traversal, options) for _ in range(t.bulk)]


Make = Callable[..., Bench]


@pytest.fixture
def bench() -> Iterator[Make]:
    opened: list[Any] = []

    def make(answer: Any, description: dict[str, Any] | None = None, graph: EmbeddedGraph | None = None) -> Bench:
        endpoint = fake.FakeEndpoint(answer)
        made = Bench(graph or people(), endpoint, description or {})
        opened.extend((made.service, endpoint))
        return made

    yield make
    for one in opened:
        one.close()


def people(profile: Any = "neptune", ids: tuple[Any, ...] = ("a", "b", "c", "d")) -> EmbeddedGraph:
    """Four people, of whom the last two are also staff; the first knows the second."""
    graph = EmbeddedGraph("g", profile)
    tx = graph.begin()
    rows = [tx.add_vertex(id, "person" if n < 2 else "person::staff") for n, id in enumerate(ids)]
    tx.add_edge(None, "knows", rows[0], rows[1])
    tx.commit()
    return graph


def _knows(target: str = "person") -> dict[str, Any]:
    edge = {"source": "person", "relation": "knows", "target": target}
    return {"id": "m", "task": "link_prediction", "targets": [{"edge_type": edge}]}


RANKING = [("a", 0.95), ("b", 0.9), ("c", 0.6), ("d", 0.3)]


def test_a_threshold_drops_weak_links(bench: Make) -> None:
    ask = bench(fake.links({"a": RANKING}), {})
    query = f"{E}.with('Neptune#ml.limit',9).with('Neptune#ml.threshold',0.5D).V('a').out('knows').{P}"
    assert ask(f"{query}.hasLabel('person').id()") == ["b", "c"]
    assert len(ask.endpoint.calls) == 1


def test_a_vertex_that_was_deleted_after_training_is_never_named(bench: Make) -> None:
    ask = bench(fake.links({"a": RANKING}))
    query = f"{E}.with('Neptune#ml.limit',9).V('a').out('knows').{P}.hasLabel('person').id()"
    assert ask(query) == ["b", "c", "d"]
    ask("g.V('c').drop()")
    assert ask(query) == ["b", "d"]
    ask("g.V('b','d').drop()")
    assert ask(query) == []


def test_a_model_without_description_is_asked_all_the_same(bench: Make) -> None:
    assert bench(fake.links({"a": RANKING}))(f"{E}.V('a').out('knows').{P}.hasLabel('person').id()") == ["b"]


def test_one_label_of_several_names_the_node_type(bench: Make) -> None:
    ask = bench(fake.links({"a": RANKING}), _knows("person;staff"))
    assert ask(f"{E}.with('Neptune#ml.limit',9).V('a').out('knows').{P}.hasLabel('staff').id()") == ["c", "d"]
    assert ask.endpoint.calls[0]["data"]["globalParameters"]["tailNodeType"] == "person;staff"


def test_a_relation_the_model_does_not_know_is_refused_with_those_it_knows(bench: Make) -> None:
    ask = bench(fake.links({}), _knows())
    with pytest.raises(WorkflowError, match=r"'likes' edges to 'person'; it predicts \(person\)-knows-\(person\)"):
        ask(f"{E}.V('a').out('likes').{P}.hasLabel('person')")


def test_numbers_as_ids_are_found_by_the_models_texts(bench: Make) -> None:
    ask = bench(fake.links({"1": [("2", 0.9)]}), _knows(), people("tinkerpop", (1, 2, 3, 4)))
    assert ask(f"{E}.V(1).out('knows').{P}.hasLabel('person').id()") == [2]


def test_inputs_of_another_type_are_not_even_asked_about(bench: Make) -> None:
    known = {"a": [("x", 0.9)], "c": [("y", 0.9)]}
    description = {"task": "node_class", "targets": [{"node_type": "person", "property": "kind"}]}
    ask = bench(fake.classes(known, "node_class"), description)
    assert ask(f"{E}.V().properties('kind').{C}.value()") == ["x"]
    assert ask.endpoint.calls[0]["data"]["nodes"] == [{"nodeId": "a"}, {"nodeId": "b"}]
    assert ask(f"{E}.E().properties('kind').{C}.value()") == []
    assert len(ask.endpoint.calls) == 1


def test_a_vertex_that_comes_twice_is_predicted_twice_and_asked_once(bench: Make) -> None:
    ask = bench(fake.classes({"a": [("x", 0.9)]}, "node_class"))
    assert ask(f"{E}.V('a').union(identity(), identity()).properties('kind').{C}.value()") == ["x", "x"]
    assert ask.endpoint.calls[0]["data"]["nodes"] == [{"nodeId": "a"}]


def test_ids_of_predicted_properties_are_stable_and_fit_a_double(bench: Make) -> None:
    ask = bench(fake.classes({"a": [("x", 0.9)], "b": [("x", 0.9)]}, "node_class"))
    first, second = (ask(f"{E}.V('a','b').properties('kind').{C}") for _ in range(2))
    assert [one.id for one in first] == [one.id for one in second]
    assert first[0].id != first[1].id
    assert all(isinstance(one, VertexProperty) and 0 <= one.id < 2**53 for one in first)


def test_an_inductive_query_to_a_model_without_metadata_is_refused(bench: Make) -> None:
    ask = bench(fake.links({}), _knows())
    with pytest.raises(InternalFailure, match="cannot find the metadata file"):
        ask(f"{E}.V('a').out('knows').{P}.with('Neptune#ml.inductiveInference').hasLabel('person')")


def test_a_neighbourhood_that_is_too_large_is_sent_in_parts(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    description = {**_knows(), "details": {"inductive": True, "hops": 1, "fanouts": [5]}}
    ask = bench(fake.links({"a": RANKING, "b": RANKING}), description)
    query = f"{E}.V('a','b').out('knows').{P}.with('Neptune#ml.inductiveInference').hasLabel('person').id()"
    monkeypatch.setattr("workflow.predictions.requests.MAX_SUBGRAPH_BYTES", 450)
    assert ask(query) == ["b", "a"]
    assert [len(call["data"]["edges"]) for call in ask.endpoint.calls] == [1, 1]
    monkeypatch.setattr("workflow.predictions.requests.MAX_SUBGRAPH_BYTES", 100)
    with pytest.raises(ConstraintViolation, match="ask for fewer vertices"):
        ask(query)


def test_the_time_of_a_query_ends_the_wait_for_its_endpoint(bench: Make) -> None:
    def slow(body: dict[str, Any]) -> dict[str, Any]:
        time.sleep(1)
        return {}

    ask = bench(slow)
    with pytest.raises(TimeLimitExceeded):
        ask(f"{E}.V('a').out('knows').{P}.hasLabel('person')", QueryOptions(timeout_s=0.05))


def test_node_types_are_named_as_an_export_names_them() -> None:
    assert node_type("person") == "person"
    assert node_type("b::a") == "a;b"
    assert node_type("x;y") == r"x\;y"


def test_a_neighbourhood_takes_so_many_edges_of_a_kind_and_no_more() -> None:
    graph = EmbeddedGraph("g", "neptune")
    tx = graph.begin()
    hub = tx.add_vertex("hub", "n")
    for n in range(20):
        tx.add_edge(f"{n:02}", "x", hub, tx.add_vertex(f"v{n:02}", "n"))
        tx.add_edge(f"y{n:02}", "y", hub, tx.add_vertex(f"w{n:02}", "n"))
    tx.commit()
    found = neighbourhood(graph, [hub], 1, [3], None)
    assert [edge.id for edge in found.edges] == ["00", "01", "02", "y00", "y01", "y02"]
    assert len(found.nodes) == 7
    drawn = [{e.id for e in neighbourhood(graph, [hub], 1, [3], random.Random(seed)).edges} for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(neighbourhood(graph, [hub], 1, [-1], None).edges) == 40


def _random_chain(rng: random.Random, depth: int) -> tuple[Instruction, ...]:
    flags = ["classification", "regression", "prediction", "inductiveInference", "limit"]
    made = []
    for _ in range(rng.randrange(1, 6)):
        match rng.randrange(7):
            case 0:
                made.append(
                    Instruction(rng.choice(["out", "in", "both"]), tuple(rng.sample(["a", "b"], rng.randrange(3))))
                )
            case 1:
                keys = ["p", "q", "Neptune#ml.score"]
                made.append(
                    Instruction(rng.choice(["properties", "values"]), tuple(rng.sample(keys, rng.randrange(3))))
                )
            case 2:
                made.append(
                    Instruction("with", (f"Neptune#ml.{rng.choice(flags)}", rng.choice([True, True, False, 3])))
                )
            case 3:
                made.append(Instruction("hasLabel", (rng.choice(["A", "B"]),)))
            case 4:
                made.append(Instruction(rng.choice(["as", "fold", "value"]), ("x",) if rng.random() < 0.5 else ()))
            case 5:
                made += [Instruction("properties", ("p",)), Instruction("with", ("Neptune#ml.classification",))]
            case _ if depth:
                child = Traversal(_random_chain(rng, depth - 1))
                made.append(Instruction(rng.choice(["by", "map", "union", "repeat", "where", "project"]), (child,)))
    return tuple(made)


def _predictions(chain: tuple[Instruction, ...]) -> int:
    inner = (arg for one in chain for arg in one.args if isinstance(arg, Traversal))
    return sum(one.name == "predict" for one in chain) + sum(_predictions(child.steps) for child in inner)


def test_any_query_is_folded_to_one_prediction_or_refused_or_left_alone() -> None:
    rng = random.Random(7)
    folded = refused = kept = 0
    for _ in range(6000):
        traversal = Traversal((Instruction("V"), *_random_chain(rng, 2)))
        try:
            result = fold_predictions(traversal, {"Neptune#ml.endpoint": "ep"})
        except WorkflowError as error:
            refused += error.status == 400
            continue
        if result is not traversal:
            assert _predictions(result.steps) == 1
            folded += 1
        else:
            kept += 1
    assert folded > 50
    assert refused + folded + kept == 6000


def timed() -> dict[str, Any]:
    return {**_knows(), "details": {"timed": True}}


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        ("datetime('1970-01-02T00:00:00Z')", 86_400.0),
        ("'1970-01-02T01:00:00+01:00'", 86_400.0),
        ("5", 5.0),
        ("86400000000000L", 86_400_000_000.0),
    ],
)
def test_a_moment_is_asked_of_as_data_processing_has_times(moment: str, seconds: float, bench: Make) -> None:
    ask = bench(fake.links({"a": RANKING}), timed())
    query = f"{E}.with('Despina#ml.asOf',{moment}).with('Neptune#ml.limit',9).V('a').out('knows').{P}"
    assert ask(f"{query}.hasLabel('person').id()") == ["b", "c", "d"]
    (call,) = ask.endpoint.calls
    parameters = call["data"]["globalParameters"]
    assert (parameters["asOf"], parameters["exclude_flag"]) == (seconds, "none")


def test_who_was_linked_at_the_moment_is_left_out_by_the_endpoint(bench: Make) -> None:
    ask = bench(fake.links({"a": RANKING}), timed())
    source = f"{E}.with('Despina#ml.asOf',5).with('Neptune#ml.limit',9)"
    query = f"{source}.V('a').out('knows').{P}.with('Neptune#ml.filterExistingEdges').hasLabel('person').id()"
    # a knows b now; whether it did then is for the endpoint to say, which here does not
    assert ask(query) == ["b", "c", "d"]
    (call,) = ask.endpoint.calls
    assert call["data"]["globalParameters"]["exclude_flag"] == "mask"
    assert "exclude" not in call["data"]


def test_properties_are_asked_as_of_a_moment_too(bench: Make) -> None:
    description = {"id": "m", "task": "node_class", "targets": [], "details": {"timed": True}}
    ask = bench(fake.classes({"a": [("x", 0.9)]}, "node_class"), description)
    assert ask(f"{E}.V('a').properties('kind').{C}.with('Despina#ml.asOf',7).value()") == ["x"]
    (call,) = ask.endpoint.calls
    assert call["data"]["globalParameters"]["asOf"] == 7.0


@pytest.mark.parametrize(
    ("given", "description", "sentence"),
    [
        ("5", _knows(), "needs a model of a graph with times, and that of the endpoint has none"),
        ("'yesterday'", timed(), "takes a date such as"),
        ("true", timed(), "takes a date such as"),
    ],
)
def test_a_moment_that_cannot_be_answered_is_refused(
    given: str, description: dict[str, Any], sentence: str, bench: Make
) -> None:
    ask = bench(fake.links({"a": RANKING}), description)
    with pytest.raises(WorkflowError, match=sentence):
        ask(f"{E}.with('Despina#ml.asOf',{given}).V('a').out('knows').{P}.hasLabel('person')")
    assert ask.endpoint.calls == []


KNOWS = ["person", "knows", "person"]
DATED = {"timed": True, "inductive": True, "hops": 2, "fanouts": [3]}
INDUCTIVE = "with('Neptune#ml.inductiveInference')"


def test_an_inductive_question_as_of_a_moment_needs_to_know_what_says_when(bench: Make) -> None:
    ask = bench(fake.links({"a": RANKING}), {**_knows(), "details": DATED})
    with pytest.raises(WorkflowError, match="does not know which properties say when"):
        ask(f"{E}.with('Despina#ml.asOf',5).V('a').out('knows').{P}.{INDUCTIVE}.hasLabel('person')")


def dated_people(later: int) -> EmbeddedGraph:
    """Ten people who came to know each other at times 0 to 39; ``later`` mixes who did from 20 on."""
    graph, rng = EmbeddedGraph("g", "tinkerpop"), random.Random(3)
    engine = Engine(graph, graph.profile)

    def run(text: str) -> None:
        list(engine.run(parse(text)[0].traversal))

    for i in range(10):
        run(f"g.addV('person').property(id,'{i}').property('since',{30 if i == 9 else 0})")
    for at in range(40):
        if at == 20:
            rng = random.Random(later)
        a, b = rng.sample(range(10), 2)
        run(f"g.addE('knows').from(V('{a}')).to(V('{b}')).property(id,'e{at}').property('at',{at})")
    return graph


def test_what_came_later_has_no_part_in_the_drawing_of_a_neighbourhood(bench: Make) -> None:
    times = [{"type": KNOWS, "property": "at"}, {"type": "person", "property": "since"}]
    drawn_alike = f"{INDUCTIVE}.with('Neptune#ml.deterministic')"

    def sent(later: int, moment: int) -> Any:
        ask = bench(fake.links({}), {**_knows(), "details": {**DATED, "times": times}}, dated_people(later))
        query = f"{E}.with('Despina#ml.asOf',{moment}).V('1','2').out('knows').{P}.{drawn_alike}.hasLabel('person')"
        ask(query)
        (call,) = ask.endpoint.calls
        return call["data"]

    then = sent(1, 20)
    assert then == sent(2, 20)
    drawn = {edge["properties"]["at"][0] for edge in then["graph"]["edges"]}
    assert len(drawn) > 5
    assert max(drawn) < 20
    # the tenth came at 30, so what others had with them before was not there
    assert "9" not in {node["nodeId"] for node in then["graph"]["nodes"]}
    assert then["globalParameters"]["asOf"] == 20.0
    assert sent(1, 40) != sent(2, 40)

    def at_random(later: int, moment: float | None) -> Any:
        times = {EdgeType(*KNOWS): ("at", UNKNOWN), "person": ("since", UNKNOWN)}
        before = None if moment is None else Before(moment, times)
        return neighbourhood(dated_people(later), [1, 2], 2, [3], random.Random(7), before)

    assert at_random(1, 20) == at_random(2, 20)
    assert at_random(1, None) != at_random(2, None)
