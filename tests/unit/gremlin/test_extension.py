"""An engine with an extension: its rewrite, its steps, and queries that are suspended until they are answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import workflow.gremlin
from workflow.errors import NoSuchMethod, QueryFailed
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import parse
from workflow.gremlin.planning.compile import Compiler
from workflow.gremlin.running.step import Args, AwaitingStep, ExecutionContext, Frame, Step
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.traversal import Instruction, Traversal
from workflow.queries.suspension import AnswerNeeded


class Dictionary:
    """The answering of a query: looks words up, and knows how often it was really asked."""

    def __init__(self, *, suspends: bool = False) -> None:
        self.suspends = suspends
        self.known: dict[str, str] = {}
        self.asked: list[str] = []

    def __getitem__(self, word: str) -> str:
        if word not in self.known:
            needed = AnswerNeeded(word)
            if self.suspends:
                raise needed
            self.ask(needed)
        return self.known[word]

    def ask(self, needed: AnswerNeeded) -> Any:
        self.asked.append(needed.question)
        self.note(needed, str(needed.question).upper())

    def note(self, needed: AnswerNeeded, answer: Any) -> None:
        self.known[needed.question] = answer


class LookUp(AwaitingStep):
    def ready(self, ctx: ExecutionContext, inputs: Sequence[Traverser]) -> None:
        assert isinstance(ctx.answering, Dictionary)
        for t in inputs:
            ctx.answering[t.value]

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        assert isinstance(ctx.answering, Dictionary)
        for t in source:
            yield t.split(ctx.answering[t.value])


def _look_up(compiler: Compiler, name: str, args: Args) -> Step:
    if args != (LookUp,):  # no query text can say this
        raise NoSuchMethod(f"Could not locate method: {name}()")
    return LookUp()


class Translation:
    """``values("x").with("Toy#translated")`` looks its values up."""

    steps: Mapping[str, Any] = {"lookUp": _look_up}

    def __init__(self) -> None:
        self.made: list[Dictionary] = []

    def owns(self, option: str) -> bool:
        return option.startswith("Toy#")

    def rewrite(self, traversal: Traversal, options: Mapping[str, Any]) -> Traversal:
        if not any(step.name == "with" and step.args == ("Toy#translated",) for step in traversal.steps):
            return traversal
        changed = [
            Instruction("lookUp", (LookUp,)) if step.args == ("Toy#translated",) else step for step in traversal.steps
        ]
        return replace(traversal, steps=tuple(changed))

    def answering(self) -> Dictionary:
        self.made.append(Dictionary())
        return self.made[-1]


class Bench:
    def __init__(self) -> None:
        self.graph = EmbeddedGraph(profile="tinkerpop")
        self.extension = Translation()
        self.engine = Engine(self.graph, "tinkerpop", extension=self.extension)
        self("g.inject('a','b','a').as('w').addV().property('word', select('w'))")

    def __call__(self, text: str, options: QueryOptions | None = None) -> list[Any]:
        return [t.value for t in self.engine.run(parse(text)[0].traversal, options) for _ in range(t.bulk)]


WORDS = "g.V().values('word').with('Toy#translated')"


def test_a_rewrite_puts_steps_of_its_own_into_the_plan() -> None:
    bench = Bench()
    assert bench(WORDS) == ["A", "B", "A"]
    assert bench.extension.made[-1].asked == ["a", "b"]
    assert "LookUp" in bench.engine.explain(parse(WORDS)[0].traversal)


def test_its_steps_may_begin_a_traversal_and_no_text_can_write_them() -> None:
    bench = Bench()
    with pytest.raises(NoSuchMethod, match="lookUp"):
        bench.engine.prepare(Traversal((Instruction("lookUp", ("a",)),)), QueryOptions())
    prepared = bench.engine.prepare(Traversal((Instruction("lookUp", (LookUp,)),)), QueryOptions())
    assert [str(step) for step in prepared.plan.steps] == ["LookUp()"]


def test_an_option_of_the_extension_with_false_counts_as_absent() -> None:
    bench = Bench()
    assert bench("g.V().limit(1).values('word').with('Toy#translated', false)") == ["a"]


def test_without_the_extension_its_options_are_refused_like_any_other() -> None:
    with pytest.raises(QueryFailed, match="can not be modulated by with"):
        Engine(Bench().graph, "tinkerpop").prepare(parse(WORDS)[0].traversal, QueryOptions())


def test_a_reader_is_suspended_at_each_question_and_keeps_no_writer_waiting_meanwhile() -> None:
    bench = Bench()
    answering = Dictionary(suspends=True)
    parts = bench.engine.run_in_parts(parse(WORDS)[0].traversal, QueryOptions(answering=answering))
    needed = next(parts)
    assert isinstance(needed, AnswerNeeded)
    assert needed.question == "a"
    bench.graph.begin().rollback()  # a writer gets in at once
    answering.note(needed, "first")
    again = next(parts)
    assert isinstance(again, AnswerNeeded)
    assert again.question == "b"
    answering.note(again, "second")
    results = list(parts)
    assert [t.value for t in results if isinstance(t, Traverser)] == ["first", "second", "first"]


def test_a_writer_is_undone_while_it_waits_and_writes_once() -> None:
    bench = Bench()
    assert bench("g.V().as('v').values('word').with('Toy#translated').as('w').select('v').property('big', select('w'))")
    assert bench("g.V().values('big')") == ["A", "B", "A"]
    assert bench.extension.made[1].asked == ["a", "b"]  # run thrice, asked once each


def test_the_language_names_no_extension() -> None:
    room = Path(workflow.gremlin.__file__).parent
    assert [str(file) for file in room.rglob("*.py") if "Neptune#ml" in file.read_text()] == []
