"""What every step is, by its name: the one table behind every question that is asked before a step is built.

Which steps write, which only keep what they get, which begin a traversal: whoever has to know asks ``facts_of`` or
takes the names that ``named`` gives. A test compares the table with the classes that the families build.

To add a step: write its family's module (see ``workflow.gremlin.running.step``) and one line here, whose ``family`` may
name a module of any package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from workflow.gremlin.semantics.values import Order
from workflow.gremlin.traversal import Instruction, instructions_of

Leaves = Literal["nothing", "always", "keyed"]
Reduces = Literal["no", "always", "unkeyed"]
Walks = Literal["", "adjacent", "incident", "end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFacts:
    """What holds of a step whatever its arguments are.

    Attributes:
        family: the module that builds it, as an import from this package; empty for what only modulates.
        starts: it can begin a traversal.
        writes: it changes the graph of the query.
        outside: it reaches beyond the graph: it calls a service, or reads and writes files.
        leaves: it leaves something that later steps see, other than what it sends on: a side effect, a sack, a
            computed property; ``keyed`` only where it has arguments.
        by_chance: two runs on the same graph may differ, since it draws random numbers or looks at the clock.
        keeps: it sends on some of the elements it gets, and never anything else.
        tests: it looks at nothing but the element it gets and what that carries.
        bounded: for one element its time depends on what that element carries, and never on its edges or the graph.
        linear: its time, and what it sends on, grow with what it gets, and with what its children make of that.
        same_input: its children see the very traversers that come to it.
        repeatable: it may be run once more, ahead of its turn.
        reduces: all traversers to one result; ``unkeyed`` only where it has no arguments.
        modulates: behind another step it belongs to that step.
        details: behind a step that writes it belongs to what is written.
        walks: to the vertices beside, to the edges at a vertex, or to the ends of an edge.
        gives: what its results always are.
    """

    family: str
    starts: bool = False
    writes: bool = False
    outside: bool = False
    leaves: Leaves = "nothing"
    by_chance: bool = False
    keeps: bool = False
    tests: bool = False
    bounded: bool = False
    linear: bool = False
    same_input: bool = False
    repeatable: bool = False
    reduces: Reduces = "no"
    modulates: bool = False
    details: bool = False
    walks: Walks = ""
    gives: Literal["", "vertex", "edge"] = ""

    @property
    def may_write(self) -> bool:
        """Whether something may be different afterwards, in the graph or outside it."""
        return self.writes or self.outside


def _all(family: str, *names: str) -> dict[str, StepFacts]:
    """Steps of which nothing else holds: they map values to values."""
    return {name: StepFacts(family=family) for name in names}


FACTS: dict[str, StepFacts] = {
    # begin
    "V": StepFacts(family=".moving.sources", starts=True, gives="vertex"),
    "E": StepFacts(family=".moving.sources", starts=True, gives="edge"),
    "inject": StepFacts(family=".moving.sources", starts=True),
    # walk
    "out": StepFacts(family=".moving.adjacent", walks="adjacent", gives="vertex", repeatable=True),
    "in": StepFacts(family=".moving.adjacent", walks="adjacent", gives="vertex", repeatable=True),
    "both": StepFacts(family=".moving.adjacent", walks="adjacent", gives="vertex", repeatable=True),
    "to": StepFacts(family=".moving.adjacent", walks="adjacent", modulates=True, details=True),
    "outE": StepFacts(family=".moving.adjacent", walks="incident", gives="edge", repeatable=True),
    "inE": StepFacts(family=".moving.adjacent", walks="incident", gives="edge", repeatable=True),
    "bothE": StepFacts(family=".moving.adjacent", walks="incident", gives="edge", repeatable=True),
    "toE": StepFacts(family=".moving.adjacent", walks="incident", gives="edge"),
    "outV": StepFacts(family=".moving.adjacent", walks="end", gives="vertex", repeatable=True, linear=True),
    "inV": StepFacts(family=".moving.adjacent", walks="end", gives="vertex", repeatable=True, linear=True),
    "bothV": StepFacts(family=".moving.adjacent", walks="end", gives="vertex", repeatable=True, linear=True),
    "otherV": StepFacts(family=".moving.adjacent", walks="end", gives="vertex", repeatable=True, linear=True),
    "toV": StepFacts(family=".moving.adjacent", walks="end", gives="vertex", linear=True),
    # keep
    "has": StepFacts(family=".choosing.has", keeps=True, tests=True, repeatable=True, bounded=True),
    "hasNot": StepFacts(family=".choosing.has", keeps=True, tests=True, repeatable=True, linear=True),
    "hasLabel": StepFacts(family=".choosing.has", keeps=True, tests=True, repeatable=True, bounded=True),
    "hasId": StepFacts(family=".choosing.has", keeps=True, tests=True, repeatable=True, bounded=True),
    "hasKey": StepFacts(family=".choosing.has", keeps=True, tests=True, repeatable=True, linear=True),
    "hasValue": StepFacts(family=".choosing.has", keeps=True, tests=True, repeatable=True, linear=True),
    "where": StepFacts(family=".choosing.where", keeps=True, same_input=True, repeatable=True, linear=True),
    "filter": StepFacts(family=".choosing.filters", keeps=True, same_input=True, repeatable=True, linear=True),
    "not": StepFacts(family=".choosing.filters", keeps=True, same_input=True, repeatable=True, linear=True),
    "and": StepFacts(family=".choosing.filters", keeps=True, same_input=True, repeatable=True, linear=True),
    "or": StepFacts(family=".choosing.filters", keeps=True, same_input=True, repeatable=True, linear=True),
    "is": StepFacts(family=".choosing.filters", keeps=True, repeatable=True, linear=True),
    "limit": StepFacts(family=".choosing.ranges", keeps=True, repeatable=True, bounded=True),
    "skip": StepFacts(family=".choosing.ranges", keeps=True, linear=True),
    "range": StepFacts(family=".choosing.ranges", keeps=True, repeatable=True, linear=True),
    "tail": StepFacts(family=".choosing.ranges", keeps=True, linear=True),
    "sample": StepFacts(family=".choosing.ranges", keeps=True, by_chance=True),
    "coin": StepFacts(family=".choosing.ranges", keeps=True, by_chance=True),
    "order": StepFacts(family=".gathering.order", keeps=True, same_input=True, repeatable=True, linear=True),
    "by": StepFacts(family="", keeps=True, modulates=True, repeatable=True, linear=True),
    "dedup": StepFacts(family=".choosing.filters", keeps=True, same_input=True, repeatable=True, linear=True),
    "as": StepFacts(family="", keeps=True, repeatable=True, linear=True),
    "simplePath": StepFacts(family=".moving.path", keeps=True, repeatable=True, linear=True),
    "identity": StepFacts(family=".choosing.filters", keeps=True, repeatable=True, linear=True),
    "barrier": StepFacts(family=".gathering.side_effects", keeps=True),
    "timeLimit": StepFacts(family=".choosing.ranges", by_chance=True),
    "cyclicPath": StepFacts(family=".moving.path", linear=True),
    "discard": StepFacts(family=".choosing.filters", linear=True),
    **_all(".choosing.where", "where-start", "where-end"),
    # look at what an element carries
    "id": StepFacts(family=".shaping.elements", repeatable=True, bounded=True),
    "label": StepFacts(family=".shaping.elements", repeatable=True, bounded=True),
    "key": StepFacts(family=".shaping.elements", bounded=True),
    "value": StepFacts(family=".shaping.elements", bounded=True),
    "values": StepFacts(family=".shaping.elements", repeatable=True, bounded=True),
    "properties": StepFacts(family=".shaping.elements", repeatable=True, bounded=True),
    "valueMap": StepFacts(family=".shaping.elements", bounded=True),
    "propertyMap": StepFacts(family=".shaping.elements", bounded=True),
    "elementMap": StepFacts(family=".shaping.elements", bounded=True),
    "element": StepFacts(family=".shaping.elements"),
    # map
    "map": StepFacts(family=".shaping.maps", same_input=True, linear=True),
    "flatMap": StepFacts(family=".shaping.maps", same_input=True, linear=True),
    "project": StepFacts(family=".shaping.maps", same_input=True, linear=True),
    "select": StepFacts(family=".shaping.maps", repeatable=True, linear=True),
    "unfold": StepFacts(family=".shaping.maps", repeatable=True, linear=True),
    "sack": StepFacts(family=".shaping.maps", leaves="always", same_input=True, linear=True),
    "math": StepFacts(family=".shaping.math", same_input=True, linear=True),
    "match": StepFacts(family=".choosing.match"),
    "path": StepFacts(family=".moving.path", linear=True),
    "profile": StepFacts(family=".gathering.profile", reduces="always"),
    "constant": StepFacts(family=".shaping.maps", linear=True),
    **_all(".shaping.maps", "loops"),
    **_all(
        ".shaping.strings", "trim", "lTrim", "rTrim", "toUpper", "toLower", "length", "substring", "split", "replace"
    ),
    **_all(".shaping.strings", "reverse", "asString", "concat"),
    **_all(".shaping.lists", "combine", "merge", "difference", "disjunct", "intersect", "product", "conjoin", "index"),
    **dict.fromkeys(("any", "all", "none"), StepFacts(family=".shaping.lists", linear=True)),
    **_all(".shaping.numbers", "asNumber", "asBool"),
    **_all(".shaping.dates", "asDate", "dateAdd", "dateDiff"),
    **_all(".shaping.format", "format"),
    # gather
    "count": StepFacts(family=".gathering.reduce", reduces="always", repeatable=True, bounded=True),
    "fold": StepFacts(family=".gathering.reduce", reduces="always", repeatable=True, bounded=True),
    "sum": StepFacts(family=".gathering.reduce", reduces="always", linear=True),
    "min": StepFacts(family=".gathering.reduce", reduces="always", linear=True),
    "max": StepFacts(family=".gathering.reduce", reduces="always", linear=True),
    "mean": StepFacts(family=".gathering.reduce", reduces="always", linear=True),
    "cap": StepFacts(family=".gathering.side_effects", reduces="always", linear=True),
    "group": StepFacts(family=".gathering.group", reduces="unkeyed", leaves="keyed", same_input=True, linear=True),
    "groupCount": StepFacts(family=".gathering.group", reduces="unkeyed", leaves="keyed", same_input=True, linear=True),
    "tree": StepFacts(family=".moving.path", reduces="unkeyed", leaves="keyed"),
    "aggregate": StepFacts(family=".gathering.side_effects", leaves="always", same_input=True, linear=True),
    "store": StepFacts(family=".gathering.side_effects", leaves="always", same_input=True),
    "subgraph": StepFacts(family=".gathering.side_effects", leaves="always"),
    "sideEffect": StepFacts(family=".gathering.side_effects", leaves="always", same_input=True),
    "fail": StepFacts(family=".gathering.side_effects"),
    # branch
    "union": StepFacts(family=".branching.branch", starts=True, same_input=True),
    "coalesce": StepFacts(family=".branching.branch", same_input=True, linear=True),
    "optional": StepFacts(family=".branching.branch", same_input=True, linear=True),
    "local": StepFacts(family=".branching.branch", same_input=True, linear=True),
    "branch": StepFacts(family=".branching.branch", same_input=True),
    "choose": StepFacts(family=".branching.branch", same_input=True, linear=True),
    **_all(".branching.repeat", "repeat", "times", "emit", "until"),
    # write
    "addV": StepFacts(family=".writing.mutation", starts=True, writes=True, gives="vertex"),
    "addE": StepFacts(family=".writing.mutation", starts=True, writes=True, gives="edge"),
    "property": StepFacts(family=".writing.mutation", writes=True, details=True),
    "drop": StepFacts(family=".writing.mutation", writes=True),
    "mergeV": StepFacts(family=".writing.merge", starts=True, writes=True, gives="vertex"),
    "mergeE": StepFacts(family=".writing.merge", starts=True, writes=True, gives="edge"),
    # reach beyond the graph
    "call": StepFacts(family=".whole_graph.call", starts=True, outside=True),
    "io": StepFacts(family=".whole_graph.io", starts=True, outside=True),
    "read": StepFacts(family="", modulates=True, outside=True),
    "write": StepFacts(family="", modulates=True, outside=True),
    # take the whole graph
    "pageRank": StepFacts(family=".whole_graph.olap", leaves="always"),
    "peerPressure": StepFacts(family=".whole_graph.olap", leaves="always"),
    "connectedComponent": StepFacts(family=".whole_graph.olap", leaves="always"),
    "shortestPath": StepFacts(family=".whole_graph.olap"),
    # modulate
    "with": StepFacts(family="", modulates=True, details=True),
    "from": StepFacts(family="", modulates=True, details=True),
    "option": StepFacts(family="", modulates=True, details=True, linear=True),
}

UNKNOWN = StepFacts(family="", writes=True, outside=True, by_chance=True)
"""What is to be feared of a step that is not in the table: another database may know it."""


def facts_of(name: str) -> StepFacts:
    """What holds of a step; the worst of one that is not in the table."""
    return FACTS.get(name, UNKNOWN)


def named(holds: Callable[[StepFacts], object]) -> frozenset[str]:
    """The names of the steps of which something holds."""
    return frozenset(name for name, facts in FACTS.items() if holds(facts))


def may_write(steps: Iterable[Instruction]) -> bool:
    """Whether some step, also of a child, may change something, in the graph or outside it."""
    return any(facts_of(step.name).may_write for step in instructions_of(steps))


def leaves_something(step: Instruction) -> bool:
    """Whether a step leaves something behind for later ones, its children aside."""
    leaves = facts_of(step.name).leaves
    return leaves == "always" or (leaves == "keyed" and bool(step.args))


def is_by_chance(step: Instruction) -> bool:
    """Whether a step may answer otherwise when it is run again, its children aside; ``by(shuffle)`` may, too."""
    return facts_of(step.name).by_chance or Order.shuffle in step.args
