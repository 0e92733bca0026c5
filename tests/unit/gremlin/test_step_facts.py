"""The table of steps says what the classes do: each fact is compared with what a run of the step shows."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from gremlin_python.process.graph_traversal import GraphTraversal, GraphTraversalSource

from tests.unit.gremlin import probe_step
from workflow.errors import InvalidParameter
from workflow.graphs.elements import Edge, Vertex
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin import steps as step_package
from workflow.gremlin.engine import Engine
from workflow.gremlin.export_filter import checked_filter, checked_for_remote
from workflow.gremlin.lang import parse
from workflow.gremlin.planning.compile import Compiler
from workflow.gremlin.planning.strategies import apply_strategies
from workflow.gremlin.running.context import ExecutionContext, SideEffects
from workflow.gremlin.running.services import ServiceRegistry
from workflow.gremlin.running.step import ReduceStep, Step
from workflow.gremlin.steps.facts import FACTS, StepFacts, facts_of, leaves_something, named
from workflow.gremlin.steps.moving.adjacent import AdjacentStep, EndsStep, IncidentStep, OtherVertexStep
from workflow.gremlin.traversal import Instruction, Traversal, instructions_of
from workflow.server.gremlin.brief_queries import is_look

# what stands before a step, by what the step needs
PEOPLE, EDGES, NAMES, FIELDS = "g.V().hasLabel('person')", "g.E()", "g.V().values('name')", "g.V().properties('name')"
LISTS, DATES = "g.inject([1,2,3])", "g.inject(datetime('2024-02-29'))"
# every step that a family builds, in one call of it behind something that it can take
SAMPLES = {
    "V": "g.V()", "E": "g.E()", "inject": "g.inject(1,2)",
    **{name: f"{PEOPLE}.{name}()" for name in ("out", "in", "both", "outE", "inE", "bothE")},
    "to": f"{PEOPLE}.to(OUT,'knows')", "toE": f"{PEOPLE}.toE(OUT,'knows')", "toV": f"{EDGES}.toV(OUT)",
    **{name: f"{EDGES}.{name}()" for name in ("outV", "inV", "bothV")}, "otherV": f"{PEOPLE}.outE().otherV()",
    "has": f"{PEOPLE}.has('age',gt(28))", "hasNot": "g.V().hasNot('age')", "hasLabel": "g.V().hasLabel('person')",
    "hasId": f"{PEOPLE}.hasId('marko')", "hasKey": f"{FIELDS}.hasKey('name')", "hasValue": f"{FIELDS}.hasValue('lop')",
    "where": f"{PEOPLE}.where(out())", "filter": f"{PEOPLE}.filter(out())", "not": f"{PEOPLE}.not(out())",
    "and": f"{PEOPLE}.and(out(),in())", "or": f"{PEOPLE}.or(out(),in())", "is": f"{NAMES}.is('lop')",
    "limit": f"{PEOPLE}.limit(2)", "skip": f"{PEOPLE}.skip(1)", "range": f"{PEOPLE}.range(1,3)",
    "tail": f"{PEOPLE}.tail(1)", "sample": f"{PEOPLE}.sample(2)", "coin": f"{PEOPLE}.coin(1.0)",
    "order": f"{PEOPLE}.order().by('age')", "dedup": f"{PEOPLE}.out().dedup()",
    "simplePath": f"{PEOPLE}.out().simplePath()", "cyclicPath": f"{PEOPLE}.out().in().cyclicPath()",
    "identity": f"{PEOPLE}.identity()", "barrier": f"{PEOPLE}.barrier()", "timeLimit": f"{PEOPLE}.timeLimit(10000)",
    "discard": f"{PEOPLE}.discard()", "none": f"{LISTS}.none(eq(5))",
    **{name: f"{PEOPLE}.{name}()" for name in ("id", "label", "values", "properties")},
    **{name: f"{PEOPLE}.{name}()" for name in ("valueMap", "propertyMap", "elementMap")},
    "key": f"{FIELDS}.key()", "value": f"{FIELDS}.value()", "element": f"{FIELDS}.element()",
    "map": f"{PEOPLE}.map(values('name'))", "flatMap": f"{PEOPLE}.flatMap(out())",
    "project": f"{PEOPLE}.project('a').by('name')", "select": f"{PEOPLE}.as('a').select('a')",
    "unfold": f"{LISTS}.unfold()", "math": "g.inject(1).math('_+1')",
    "sack": "g.withSack(1).V().sack(sum).by(constant(1))",
    "match": f"{PEOPLE}.match(__.as('a').out().as('b'))", "path": f"{PEOPLE}.path()", "profile": f"{PEOPLE}.profile()",
    "constant": f"{PEOPLE}.constant(1)", "loops": f"{PEOPLE}.loops()",
    **{name: f"{NAMES}.{name}()" for name in ("trim", "lTrim", "rTrim", "toUpper", "toLower", "length", "reverse")},
    "substring": f"{NAMES}.substring(1)", "split": f"{NAMES}.split('o')", "replace": f"{NAMES}.replace('o','a')",
    "asString": f"{NAMES}.asString()", "concat": f"{NAMES}.concat('!')",
    **{name: f"{LISTS}.{name}([2])" for name in ("combine", "merge", "difference", "disjunct", "intersect", "product")},
    "conjoin": f"{LISTS}.conjoin(';')", "index": f"{LISTS}.index()", "any": f"{LISTS}.any(eq(1))",
    "all": f"{LISTS}.all(gt(0))", "asNumber": "g.inject('1').asNumber()", "asBool": "g.inject('true').asBool()",
    "asDate": "g.inject('2024-02-29').asDate()", "dateAdd": f"{DATES}.dateAdd(DT.day,1)",
    "dateDiff": f"{DATES}.dateDiff(datetime('2024-03-01'))", "format": f"{PEOPLE}.format('%{{name}}')",
    "count": f"{PEOPLE}.count()", "fold": f"{PEOPLE}.fold()",
    **{name: f"{PEOPLE}.values('age').{name}()" for name in ("sum", "min", "max", "mean")},
    "cap": f"{PEOPLE}.aggregate('x').cap('x')", "group": f"{PEOPLE}.group()", "groupCount": f"{PEOPLE}.groupCount()",
    "tree": f"{PEOPLE}.tree()", "aggregate": f"{PEOPLE}.aggregate('x')", "store": f"{PEOPLE}.store('x')",
    "subgraph": f"{EDGES}.subgraph('x')", "sideEffect": f"{PEOPLE}.sideEffect(out())",
    "fail": f"{PEOPLE}.limit(0).fail()",
    "union": f"{PEOPLE}.union(out(),in())", "coalesce": f"{PEOPLE}.coalesce(out(),in())",
    "optional": f"{PEOPLE}.optional(out())", "local": f"{PEOPLE}.local(out())",
    "branch": f"{PEOPLE}.branch(label()).option('person',out())", "choose": f"{PEOPLE}.choose(out(),in(),out())",
    "repeat": f"{PEOPLE}.repeat(out()).times(1)", "times": f"{PEOPLE}.times(1).repeat(out())",
    "until": f"{PEOPLE}.until(not(out())).repeat(out())", "emit": f"{PEOPLE}.emit().repeat(out()).times(1)",
    "addV": "g.addV('x')", "addE": f"{PEOPLE}.limit(1).addE('x').to(V('lop'))", "property": f"{PEOPLE}.property('x',1)",
    "mergeV": "g.mergeV([name:'new'])",
    "mergeE": "g.mergeE([(T.label):'new',(Direction.OUT):'marko',(Direction.IN):'lop'])",
    "call": "g.call('--list')", "io": "g.io('x.json').write()",
    **{name: f"{PEOPLE}.{name}()" for name in ("pageRank", "peerPressure", "connectedComponent", "shortestPath")},
    "drop": f"{PEOPLE}.drop()",  # last, since some tests run one after the other on one graph
}  # fmt: skip
KEYED = {name: f"{PEOPLE}.{name}('x')" for name in ("group", "groupCount", "tree")}
BUILT = sorted(named(lambda facts: facts.family) - {"where-start", "where-end"})  # those two stand inside match() only


class Folder:
    """The graph files of an operator who lets nothing happen to them."""

    def read(self, graph: Any, name: str, kind: str) -> None: ...

    def write(self, graph: Any, name: str, kind: str) -> None: ...


@pytest.fixture
def engine() -> Engine:
    """marko knows vadas and josh and made lop; josh made lop, too."""
    graph = EmbeddedGraph(profile="tinkerpop")
    engine = Engine(graph, "tinkerpop", files=Folder())
    for name, age in (("marko", 29), ("vadas", 27), ("josh", 32)):
        run(engine, f"g.addV('person').property(id,'{name}').property('name','{name}').property('age',{age})")
    run(engine, "g.addV('software').property(id,'lop').property('name','lop')")
    for source, label, target in (("marko", "knows", "vadas"), ("marko", "knows", "josh"), ("marko", "made", "lop"),
                                  ("josh", "made", "lop")):  # fmt: skip
        run(engine, f"g.V('{source}').addE('{label}').to(V('{target}'))")
    return engine


def run(engine: Engine, text: str) -> list[Any]:
    return [t.value for t in engine.run(parse(text)[0].traversal) for _ in range(t.bulk)]


def sample(name: str) -> tuple[Traversal, int]:
    """The traversal of a sample, and where in it the step stands."""
    traversal = parse(SAMPLES[name])[0].traversal
    family = {name} if FACTS[name].family != ".branching.repeat" else {"repeat", "times", "until", "emit"}
    first = min if len(family) > 1 else max  # repeat() and its conditions stand in any order
    return traversal, first(at for at, step in enumerate(traversal.steps) if step.name in family)


def built(name: str) -> Step:
    """The step of a sample as it is compiled: its last one."""
    return Compiler().compile(sample(name)[0]).steps[-1]


def before_and_after(engine: Engine, name: str) -> tuple[list[Any], list[Any]]:
    """What comes to the step of a sample, and what it sends on."""
    traversal, at = sample(name)
    steps = traversal.steps[:at]
    before = [t.value for t in engine.run(Traversal(steps, traversal.source)) for _ in range(t.bulk)] if steps else []
    return before, run(engine, SAMPLES[name])


def test_the_table_holds_what_the_families_build_and_nothing_else() -> None:
    built_here: dict[str, str] = {}
    for room in pkgutil.walk_packages(step_package.__path__, f"{step_package.__name__}."):
        family = room.name.removeprefix(step_package.__name__)
        for name in getattr(importlib.import_module(room.name), "STEPS", {}):
            built_here[name] = family
    predictions = {name for name in built_here if name.startswith("predict")}
    expected = {name: family for name, family in built_here.items() if name not in predictions}
    assert {name: facts.family for name, facts in FACTS.items() if facts.family} == expected


def test_the_table_knows_every_step_of_tinkerpops_driver() -> None:
    ends = {"clone", "hasNext", "iterate", "next", "nextTraverser", "program", "promise", "toList", "toSet"}
    steps = {name.rstrip("_") for name in dir(GraphTraversal) if "_" not in name.rstrip("_")} - ends
    assert steps - FACTS.keys() == set()
    source = {name for name in dir(GraphTraversalSource) if not name.startswith(("_", "get", "with", "tx"))}
    camel = {
        {"add_e": "addE", "add_v": "addV", "merge_e": "mergeE", "merge_v": "mergeV"}.get(name, name) for name in source
    }
    assert named(lambda facts: facts.starts) == camel


def test_every_step_has_a_sample() -> None:
    assert sorted(SAMPLES) == BUILT


@pytest.mark.parametrize("name", BUILT)
def test_what_the_table_says_is_what_the_class_is(name: str) -> None:
    step, facts = built(name), FACTS[name]
    assert step.mutates == facts.writes
    assert isinstance(step, ReduceStep) == (facts.reduces != "no")
    walks = {AdjacentStep: "adjacent", IncidentStep: "incident", EndsStep: "end", OtherVertexStep: "end"}
    assert walks.get(type(step), "") == facts.walks


@pytest.mark.parametrize("name", BUILT)
def test_what_the_table_says_is_what_a_run_shows(engine: Engine, name: str) -> None:
    facts = FACTS[name]
    before, after = before_and_after(engine, name)
    if facts.keeps or facts.tests:
        assert after
        assert Counter(map(repr, after)) <= Counter(map(repr, before))
    if facts.gives:
        assert after
        assert {type(value) for value in after} == {Vertex if facts.gives == "vertex" else Edge}
    if facts.repeatable:
        assert not any((facts.may_write, facts.leaves == "always", facts.by_chance))
        assert before_and_after(engine, name) == (before, after)


def test_steps_that_draw_random_numbers_or_look_at_the_clock_are_those_by_chance(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: set[str] = set()
    chance = ExecutionContext.random_numbers

    def noted(ctx: ExecutionContext, step: Any) -> Any:
        drawn.add(step.name)
        return chance(ctx, step)

    monkeypatch.setattr(ExecutionContext, "random_numbers", noted)
    for name in SAMPLES:
        before_and_after(engine, name)
    assert named(lambda facts: facts.by_chance) == drawn | {"timeLimit"}


def test_steps_that_leave_something_behind_are_known(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    left: set[str] = set()
    register = SideEffects.register
    at: list[str] = []

    def noted(effects: SideEffects, key: str, *rest: Any) -> None:
        left.add(at[-1])
        register(effects, key, *rest)

    monkeypatch.setattr(SideEffects, "register", noted)
    for name, text in {**SAMPLES, "cap": "g.inject(1)"}.items():
        at.append(name)
        run(engine, text)
        run(engine, KEYED.get(name, "g.inject(1)"))
    others = {"sack", "sideEffect", "pageRank", "peerPressure", "connectedComponent"}  # a sack, a child's, a property
    assert named(lambda facts: facts.leaves != "nothing") == left | others
    assert {name for name, text in KEYED.items() if leaves_something(parse(text)[0].traversal.steps[-1])} == set(KEYED)
    assert not any(leaves_something(sample(name)[0].steps[-1]) for name in KEYED)


def test_steps_that_reach_beyond_the_graph_are_known(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    reached: set[str] = set()
    at: list[str] = []
    monkeypatch.setattr(ServiceRegistry, "get", lambda *args, **rest: reached.add(at[-1]) or _nothing())
    monkeypatch.setattr(Folder, "write", lambda *args: reached.add(at[-1]))
    for name in SAMPLES:
        at.append(name)
        run(engine, SAMPLES[name])
    assert named(lambda facts: facts.outside and facts.family) == reached


def _nothing() -> Any:
    class Service:
        def call(self, *args: Any) -> tuple[()]:
            return ()

    return Service()


def test_bounded_steps_look_at_no_edges_and_at_no_other_vertex(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Any, *args: Any, **rest: Any) -> Any:
        raise AssertionError("a bounded step looked around")

    for name in ("neighbours", "incident", "degree", "vertices", "edges", "vertex_rows", "edge_rows", "csr"):
        monkeypatch.setattr(EmbeddedGraph, name, refused)
    for name in sorted(named(lambda facts: facts.bounded)):
        start = FIELDS if SAMPLES[name].startswith(FIELDS) else "g.V()"
        step = SAMPLES[name].removeprefix(PEOPLE).removeprefix(FIELDS).removeprefix("g.V()")
        run(engine, f"{start.replace('V()', 'V(' + repr('marko') + ')')}{step}")


PARENTS = {
    "map": "map({})", "flatMap": "flatMap({})", "project": "project('a').by({})", "local": "local({})",
    "where": "where({})", "filter": "filter({})", "not": "not({})", "and": "and({},out())", "or": "or({},out())",
    "coalesce": "coalesce({},out())", "optional": "optional({})", "choose": "choose({},out(),in())",
    "branch": "branch({}).option(any,out())", "union": "union({},out())", "group": "group().by({}).by({})",
    "groupCount": "groupCount().by({})", "order": "order().by({}.values('name'))", "dedup": "dedup().by({})",
    "aggregate": "aggregate('x').by({})", "store": "store('x').by({})", "sack": "sack(assign).by({})",
    "math": "math('_').by({}.count())", "sideEffect": "sideEffect({})",
}  # fmt: skip


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """A step that stands in no file of the product: one file and one line of the table."""
    monkeypatch.setitem(FACTS, "probe", StepFacts(family="tests.unit.gremlin.probe_step"))
    probe_step.SEEN.clear()
    yield probe_step.SEEN
    probe_step.SEEN.clear()


def test_children_of_steps_with_the_same_input_see_the_very_traversers(engine: Engine, probe: list[Any]) -> None:
    assert set(PARENTS) == named(lambda facts: facts.same_input)
    for name, parent in PARENTS.items():
        probe.clear()
        run(engine, f"g.V().hasLabel('person').{parent.replace('{}', '__.probe()')}")
        assert {value.id for value in probe} == {"marko", "vadas", "josh"}, name


def test_a_step_from_outside_the_tree_is_one_file_and_one_line(engine: Engine, probe: list[Any]) -> None:
    assert run(engine, "g.inject(1,2).probe().count()") == [2]
    assert probe == [1, 2]


WRITING = sorted(named(lambda facts: facts.writes))
EFFECTS = sorted(named(lambda facts: facts.may_write or facts.leaves == "always") & FACTS.keys() - {"read", "write"})


@pytest.mark.parametrize("name", WRITING)
def test_the_strategy_that_forbids_writing_knows_every_step_that_writes(name: str) -> None:
    text = SAMPLES[name].replace("g.", "g.withStrategies(ReadOnlyStrategy).", 1)
    with pytest.raises(Exception, match="mutating step"):
        apply_strategies(parse(text)[0].traversal)


@pytest.mark.parametrize("deep", ["{}", "where(__.{})", "and(__.out(),__.where(__.{}))", "order().by(__.{})"])
@pytest.mark.parametrize("name", EFFECTS)
def test_an_export_filter_refuses_what_does_more_than_read_however_deep(name: str, deep: str) -> None:
    call = SAMPLES[name].rpartition(f".{name}(")
    with pytest.raises(InvalidParameter, match=f"Invalid operator: '{name}'"):
        checked_filter(deep.format(f"{name}({call[2]}"), "V")


@pytest.mark.parametrize(
    "steps", ["coin(0.5)", "where(__.out().coin(0.5))", "not(__.out().sample(1))", "where(__.timeLimit(5))",
              "order().by(shuffle).limit(3)", "where(__.out().order().by(__.id(),shuffle).limit(1))"]
)  # fmt: skip
def test_a_remote_database_is_sent_nothing_that_each_page_answers_otherwise(steps: str) -> None:
    with pytest.raises(InvalidParameter, match="every page another answer"):
        checked_for_remote(steps, "V")
    checked_filter(steps, "V")


@pytest.mark.parametrize("name", BUILT)
def test_a_look_has_only_steps_that_walk_or_take_no_more_time_than_they_get(name: str) -> None:
    facts = facts_of(name)
    look = is_look(Traversal((Instruction("V", ("marko",)), Instruction(name))))
    assert look == (facts.bounded or facts.linear or bool(facts.walks))
    assert not (look and facts.may_write)


def test_every_step_of_the_samples_is_in_the_table() -> None:
    used = {step.name for name in SAMPLES for step in instructions_of(sample(name)[0].steps)}
    assert used <= FACTS.keys()
