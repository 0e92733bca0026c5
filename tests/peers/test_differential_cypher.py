"""Random queries over random graphs: our engine and a real Neo4j must say the same.

``DESPINA_TRAVERSALS`` is how many are asked (default 5,000, a fifth of them changes), and ``DESPINA_TRAVERSALS_FROM``
the first seed. Run as a program with a port to look at the differences one by one.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import neo4j
import pytest

from tests.peers.kit_run import BoltSubject, EngineSubject, KitSubject, QueryRefused
from tests.peers.kit_values import Form, unordered
from tests.peers.random_cypher import QueryMaker, Question

# read now: the environment is wiped for each test
COUNT = int(os.environ.get("DESPINA_TRAVERSALS", "5000"))
FIRST = int(os.environ.get("DESPINA_TRAVERSALS_FROM", "0"))
QUESTIONS_A_GRAPH, CHANGES_A_GRAPH = 40, 10
STATE = ("MATCH (n) RETURN n", "MATCH (a)-[r]->(b) RETURN a, r, b")
REFUSED = "an error"
# what Neo4j's own planner cannot do with a query that means something; its types have a Number that avg() does not
# take, and what is in two lists of anything put together is a Boolean to it
ACCIDENTS = (
    "DatabaseError", "is not supported", "Transaction timed out", "or Duration but was Number",
    "or Duration but was Boolean",
)  # fmt: skip


@dataclass(frozen=True)
class Unequal:
    """What the two said to one query."""

    seed: int
    text: str
    theirs: str
    ours: str

    def __str__(self) -> str:
        return f"[{self.seed}] {self.text}\n    Neo4j: {self.theirs}\n    ours:  {self.ours}"


def rounded(form: Form) -> Form:
    """Floats to ten digits: means of the same numbers in another order."""
    if form[:1] == ("float",):
        return ("float", f"{float(form[1]):.10g}")
    return tuple(rounded(one) if isinstance(one, tuple) else one for one in form)


def said(subject: KitSubject, question: Question) -> tuple[object, str]:
    """What to compare, and what to show: an error compares as such, whatever its words."""
    try:
        columns, rows = subject.ask(question.text, {})
    except QueryRefused as refused:
        return REFUSED, f"{REFUSED}: {refused}"[:300]
    loose = (
        [tuple(rounded(unordered(one)) for one in row) for row in rows]
        if question.loose
        else [tuple(map(rounded, row)) for row in rows]
    )
    return (tuple(columns), frozenset(Counter(loose).items())), repr(sorted(loose, key=repr))[:600]


class Beside:
    """Both with the same graph."""

    def __init__(self, session: neo4j.Session) -> None:
        self.theirs = BoltSubject(session, lambda table: None)
        self.ours = EngineSubject()
        self.answers: Counter[str] = Counter()
        self.accident = False  # whether Neo4j could not do the last query at all

    def fill(self, text: str) -> None:
        for subject in (self.theirs, self.ours):
            subject.ask("MATCH (n) DETACH DELETE n", {})
            subject.ask(text, {})

    def compare(self, seed: int, question: Question) -> Unequal | None:
        theirs, their_words = said(self.theirs, question)
        ours, our_words = said(self.ours, question)
        self.answers["refused" if theirs == REFUSED else "answered"] += 1
        self.accident = any(words in their_words for words in ACCIDENTS)
        if theirs == ours or self.accident:
            return None
        return Unequal(seed, question.text, their_words, our_words)

    def differences(self, first: int, count: int) -> Iterator[Unequal]:
        """Of so many queries, graph by graph."""
        for seed in range(first, first + count // (QUESTIONS_A_GRAPH + CHANGES_A_GRAPH)):
            maker = QueryMaker(seed)
            self.fill(maker.graph())
            for _ in range(QUESTIONS_A_GRAPH):
                if (found := self.compare(seed, maker.question())) is not None:
                    yield found
            for _ in range(CHANGES_A_GRAPH):
                question = maker.change()
                found = self.compare(seed, question)
                if self.accident:
                    break  # they did not do what we did
                for state in STATE:
                    found = found or self.state(seed, question, state)
                if found is not None:
                    yield found
                    break  # from here on the two have different graphs

    def state(self, seed: int, question: Question, state: str) -> Unequal | None:
        """Whether a change left different graphs."""
        theirs, their_words = said(self.theirs, Question(state))
        ours, our_words = said(self.ours, Question(state))
        return None if theirs == ours else Unequal(seed, f"{question.text}  then  {state}", their_words, our_words)


@pytest.fixture(scope="module")
def session(neo4j_port: int) -> Iterator[neo4j.Session]:
    options = {"notifications_min_severity": "OFF"}
    with neo4j.GraphDatabase.driver(f"bolt://127.0.0.1:{neo4j_port}", **options) as driver, driver.session() as session:
        yield session


def test_random_queries_are_answered_as_neo4j_answers_them(session: neo4j.Session) -> None:
    beside = Beside(session)
    found = list(beside.differences(FIRST, COUNT))
    assert [str(one) for one in found] == []
    assert beside.answers["answered"] > 0.9 * COUNT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--most", type=int, default=20)
    arguments = parser.parse_args()
    options = {"notifications_min_severity": "OFF"}
    with (
        neo4j.GraphDatabase.driver(f"bolt://127.0.0.1:{arguments.port}", **options) as driver,
        driver.session() as session,
    ):
        beside = Beside(session)
        shown = 0
        for one in beside.differences(arguments.first, arguments.count):
            print(one, flush=True)  # noqa: T201
            shown += 1
            if shown >= arguments.most:
                break
        print(shown, "differences;", dict(beside.answers))  # noqa: T201


if __name__ == "__main__":
    main()
