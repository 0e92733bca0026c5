"""Random traversals over random graphs: our engine and a real Gremlin Server must say the same.

``DESPINA_TRAVERSALS`` is how many of each kind are asked (default 10,000 questions and 1,000 changes), and
``DESPINA_TRAVERSALS_FROM`` the first seed. Run as a program with a port to look at the differences one by one.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.peers.answers import Form, GremlinServer, Refused, TooSlow, in_order, of_value, untied
from tests.peers.random_traversals import change, graph, question
from workflow.errors import TimeLimitExceeded, WorkflowError
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import parse

# read now: the environment is wiped for each test
COUNT = int(os.environ.get("DESPINA_TRAVERSALS", "10000"))
FIRST = int(os.environ.get("DESPINA_TRAVERSALS_FROM", "0"))
QUESTIONS_A_GRAPH = 200
STATE = (
    # without ids, which the two generate differently
    "g.V().project('l', 'p').by(T.label).by(__.properties().fold())",
    "g.V(50, 51, 60, 61, 70).id()",
    "g.V().properties().as('p').properties().as('m').select('p', 'm')",
    "g.E().order().by(T.id).project('i', 'l', 'o', 't', 'p').by(T.id).by(T.label).by(__.outV().id()).by(__.inV().id())"
    ".by(__.valueMap())",
)


# refusals of the server that come from how Java casts or from a null that it meets, not from what Gremlin says: we may
# answer
ACCIDENTS = ("cannot be cast to class java.lang.Comparable", 'Cannot invoke "Object.getClass()"')


TOO_SLOW = "too slow"


class Ours:
    """Our engine on a graph in memory."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """An empty graph."""
        self.engine = Engine(EmbeddedGraph(name="g", profile="tinkerpop"), "tinkerpop")

    def ask(self, text: str) -> list[Form]:
        """The results in comparable form. Raises Refused."""
        found: list[Form] = []
        try:
            for traverser in self.engine.run(parse(text)[0].traversal, QueryOptions(timeout_s=20)):
                found += [of_value(traverser.value)] * traverser.bulk
        except TimeLimitExceeded as slow:
            raise TooSlow(text) from slow
        except WorkflowError as error:
            raise Refused(f"{type(error).__name__}: {error}") from error
        return found


@dataclass(frozen=True)
class Difference:
    """What the two said to one traversal."""

    seed: int
    text: str
    theirs: str
    ours: str

    def __str__(self) -> str:
        return f"[{self.seed}] {self.text}\n    server: {self.theirs}\n    ours:   {self.ours}"


def answer(side: Ours | GremlinServer, text: str, ordered: bool) -> tuple[str, str]:
    """What to compare, and what to show: an error compares as such, whatever its words."""
    try:
        found = side.ask(text)
    except Refused as refused:
        return "an error", f"refused: {refused}"[:300]
    except TooSlow:
        return TOO_SLOW, TOO_SLOW
    except Exception as crash:
        return "a crash", f"{type(crash).__name__}: {crash}"[:300]
    shown = repr(untied(found) if ordered else in_order(found))
    return shown, shown[:1500]


class Comparison:
    """Both sides with the same graph."""

    def __init__(self, port: int) -> None:
        self.server = GremlinServer(port)
        self.ours = Ours()
        self.refusals: Counter[str] = Counter()

    def fill(self, seed: int) -> None:
        """Give both the graph of a seed."""
        self.server.ask("g.V().drop()")
        self.ours.clear()
        for side in (self.server, self.ours):
            side.ask(graph(seed) + ".iterate()")

    def compare(self, seed: int, text: str, ordered: bool) -> Difference | None:
        """The difference in the answers to one traversal, if there is one."""
        theirs, their_words = answer(self.server, text, ordered)
        ours, our_words = answer(self.ours, text, ordered)
        self.refusals[theirs if theirs == "an error" else "answered"] += 1
        if TOO_SLOW in (theirs, ours):
            self.refusals[TOO_SLOW] += 1
            return None
        accident = any(words in their_words for words in ACCIDENTS)
        return None if theirs == ours or accident else Difference(seed, text, their_words, our_words)

    def question(self, seed: int) -> Difference | None:
        """Ask the question of a seed."""
        asked = question(seed)
        return self.compare(seed, asked.text, asked.ordered)

    def change(self, seed: int) -> Difference | None:
        """Fill, change, and look at the answer and at what is in the graph then."""
        self.fill(seed)
        text = change(seed)
        refused = self.refusals["an error"]
        found = self.compare(seed, text, False)
        if found is None and self.refusals["an error"] > refused:
            return None  # without transactions the server keeps what it wrote before it refused
        for look in STATE:
            found = found or self.compare(seed, look, False)
        return found and Difference(
            seed, f"{graph(seed)}\n    then {text}\n    saw {found.text}", found.theirs, found.ours
        )


def differences(comparison: Comparison, count: int, first: int) -> Iterator[Difference]:
    """Those of ``count`` questions; every 200 of them are about another graph."""
    for seed in range(first, first + count):
        if (seed - first) % QUESTIONS_A_GRAPH == 0:
            comparison.fill(seed // QUESTIONS_A_GRAPH)
        difference = comparison.question(seed)
        if difference is not None:
            yield difference


@pytest.fixture
def comparison(gremlin_port: int) -> Iterator[Comparison]:
    both = Comparison(gremlin_port)
    yield both
    both.server.close()


@pytest.mark.timeout(3600)
def test_random_questions_are_answered_as_gremlin_server_answers_them(comparison: Comparison) -> None:
    found = list(differences(comparison, COUNT, FIRST))
    assert not found, "\n".join(map(str, found[:20]))
    # a generator that mostly says nonsense would prove little
    assert comparison.refusals["answered"] > comparison.refusals["an error"]


@pytest.mark.timeout(3600)
def test_random_changes_leave_the_graph_as_gremlin_server_leaves_it(comparison: Comparison) -> None:
    found = [comparison.change(seed) for seed in range(FIRST, FIRST + COUNT // 10)]
    shown = [str(difference) for difference in found if difference is not None]
    assert not shown, "\n".join(shown[:20])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--changes", action="store_true")
    arguments = parser.parse_args()
    comparison = Comparison(arguments.port)
    if arguments.changes:
        changed = (comparison.change(seed) for seed in range(arguments.first, arguments.first + arguments.count))
        found = (difference for difference in changed if difference is not None)
    else:
        found = differences(comparison, arguments.count, arguments.first)
    count = 0
    for count, difference in enumerate(found, 1):  # noqa: B007 - the count is said at the end
        print(difference)  # noqa: T201 - a program for a terminal
    print(f"{count} differences; {dict(comparison.refusals)}")  # noqa: T201


if __name__ == "__main__":
    main()
