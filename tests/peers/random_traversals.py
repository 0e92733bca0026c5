"""Random graphs and random Gremlin over them, as text, repeatable from a seed.

A traversal keeps track of what flows through it (vertices, edges, numbers, texts, lists, maps, paths), so that most of
what it says makes sense and some of it does not. What depends on the order in which a database happens to iterate is
said only behind an ``order()`` that leaves no ties.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

VERTEX_LABELS = ("person", "software", "place")
EDGE_LABELS = ("knows", "created", "likes")
NUMBER_KEYS = ("age", "score")
EDGE_KEYS = ("weight", "since")
NAMES = ("ann", "bob", "cy", "dee", "Eve", "o'k", "", " pad ")

Rule = Callable[["Builder", int], tuple[str, str]]


@dataclass(frozen=True)
class Question:
    """A traversal as text, and whether the order of its results is said by it."""

    text: str
    ordered: bool


def graph(seed: int) -> str:
    """One traversal that makes a small graph with ids from 1: vertices first, then edges, some of them loops."""
    rng = random.Random(seed)
    size = rng.randint(3, 9)
    parts = ["g"]
    for i in range(1, size + 1):
        parts.append(f"addV('{rng.choice(VERTEX_LABELS)}').property(T.id, {i}).property('name', {_text(rng)})")
        if rng.random() < 0.7:
            parts.append(f"property('age', {rng.randint(0, 4)})")
        if rng.random() < 0.5:
            parts.append(f"property('score', {rng.randint(0, 8) / 4}d)")
        tags = rng.choices("xyz", k=rng.choice((0, 0, 1, 2)))
        parts.extend(f"property(Cardinality.list, 'tag', '{tag}')" for tag in tags)
        if rng.random() < 0.3:
            parts.append(f"property('active', {rng.choice(('true', 'false'))})")
    for i in range(rng.randint(2, 2 * size + 4)):
        ends = f"from(__.V({rng.randint(1, size)})).to(__.V({rng.randint(1, size)}))"
        parts.append(f"addE('{rng.choice(EDGE_LABELS)}').{ends}.property(T.id, {100 + i})")
        if rng.random() < 0.8:
            parts.append(f"property('weight', {rng.randint(1, 8) / 4}d)")
        if rng.random() < 0.4:
            parts.append(f"property('since', {rng.randint(2000, 2004)}L)")
    return ".".join(parts)


# what a Gremlin Server answers by accident, or in the order it happens to iterate; such texts are not asked
UNSAYABLE = (
    r"match\(.*path\(\)",  # its path shows how it solved the match
    # a group's value that reduces and then comes to nothing leaks what it was reduced from
    r"by\(__\..*(sum|min|max|mean|count|fold|groupCount)\(\)\.(is|where|filter|not|has|select|and|or|any|all|none)\(",
    r"([mM]ap|group|groupCount)\(.*(asString|conjoin|format)\(",  # a map as a text says in which order its keys lie
    r"dedup\(.*(path|tree)\(",  # which way came first
    r"(properties|propertyMap)\(.*path\(\)\.by.*by\(T\.id\)",  # ids of properties are made by each side
    r"tree\(.*\(local",  # in which order its keys lie
    r"match\(.*(simplePath|cyclicPath)\(\)",
    # a reduction behind a local one that gets nothing answers twice
    r"local\(__\.(sum|min|max|mean|count|fold|groupCount)\(\).*(sum|min|max|mean|count|fold|groupCount)\(",
    r"optional\(__\.dedup\(",  # of those that were merged before, it passes one
    r"local\(__\.aggregate\('x'\)\).*(limit|range)\(.*cap\(",  # how far a lazy side effect got before a limit
    # in which order a set gives its members
    r"(disjunct|difference|intersect|merge)\(.*(range|limit|tail|skip|sum|mean|min|max)\(local",
)


# optimisations of the server that change answers: count() stops once is() is decided, filters that fail come first, a
# where() behind a match() and a select() is put to the match
OPTIMISATIONS = "CountStrategy, FilterRankingStrategy, EarlyLimitStrategy, MatchPredicateStrategy"
SETTINGS = f"with('evaluationTimeout', 3000).withoutStrategies({OPTIMISATIONS})"


def question(seed: int) -> Question:
    """A traversal that only reads."""
    rng = random.Random(seed)
    while True:
        found = Builder(rng).question()
        if not any(re.search(pattern, found.text) for pattern in UNSAYABLE):
            return found


def change(seed: int) -> str:
    """A traversal that writes."""
    return Builder(random.Random(seed)).change()


def _text(rng: random.Random) -> str:
    return quoted(rng.choice(NAMES))


def quoted(text: str) -> str:
    """A text as a Gremlin literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass
class Builder:
    """Builds one traversal."""

    rng: random.Random
    names: dict[str, str] = field(default_factory=dict)
    effects: dict[str, str] = field(default_factory=dict)
    from_texts: bool = False

    def pick(self, *choices: str) -> str:
        return self.rng.choice(choices)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def question(self) -> Question:
        source, kind = self._start()
        steps, kind = self.chain(kind, 0, self.rng.randint(1, 6))
        ordered = False
        ending = self.rng.random()
        if kind in ("v", "e") and ending < 0.2:
            steps += ["order().by(T.id)", *self._cut()]
            ordered = True
            if self.chance(0.5):
                steps.append(self.pick("id()", "label()", "values('name')", "values('weight')", "elementMap()"))
        elif kind in ("n", "s") and ending < 0.3:
            steps.append(f"order(){self.pick('', '.by(desc)')}")
            if kind == "s":  # 1 and 1L tie: which of them a cut leaves, no order says
                steps += self._cut()
            ordered = True
        elif self.effects and ending < 0.4:
            steps.append(f"cap('{self.rng.choice(list(self.effects))}')")
        elif ending < 0.5:
            steps.append(
                self.pick("count()", "fold()", "dedup().count()", "groupCount()", "path()", "fold().count(local)")
            )
        prefix = self._settings()
        return Question(".".join(["g", SETTINGS, *prefix, source, *steps]), ordered)

    def _settings(self) -> list[str]:
        if self.chance(0.03):
            return [f"withSideEffect('se', {self.rng.randint(0, 3)})"]
        if self.chance(0.03):
            criterion = self.pick(
                "has('age')", "hasLabel('person', 'software')", "has('age', gt(1))", "values('age').is(lt(3))"
            )
            return [f"withStrategies(new SubgraphStrategy(vertices: __.{criterion}))"]
        if self.chance(0.03):
            return [f"withStrategies(new SubgraphStrategy(edges: __.{self.pick('hasLabel', 'has')}('knows')))"]
        return ["withStrategies(ProductiveByStrategy)"] if self.chance(0.02) else []

    def _start(self) -> tuple[str, str]:
        chosen = self.rng.random()
        if chosen < 0.62:
            return "V()", "v"
        if chosen < 0.72:
            return f"V({', '.join(str(self.rng.randint(1, 10)) for _ in range(self.rng.randint(1, 3)))})", "v"
        if chosen < 0.87:
            return "E()", "e"
        values, kind = self.values()
        self.from_texts = True
        return f"inject({values})", kind

    def values(self) -> tuple[str, str]:
        """Literals for inject()."""
        kind = self.pick("n", "n", "s", "l", "m", "x")
        return ", ".join(self.literal(kind) for _ in range(self.rng.randint(1, 4))), kind

    def literal(self, kind: str) -> str:
        rng = self.rng
        if kind == "n":
            return self.pick(
                "0",
                "1",
                "2",
                "-3",
                "7",
                "1L",
                "2L",
                "1.0d",
                "2.5d",
                "-0.5d",
                "2147483647",
                "1.5f",
                "3s",
                "2b",
                "4n",
                "1.25m",
            )
        if kind == "s":
            return quoted(self.pick(*NAMES, "Hello World", "a,b,,c", "12", "1.5", "true", "2020-01-02", "x-y"))
        if kind == "l":
            inner = self.pick("n", "n", "s", "x")
            return "[" + ", ".join(self.literal(inner) for _ in range(rng.randint(0, 4))) + "]"
        if kind == "m":
            return (
                "[" + ", ".join(f"'{key}': {self.literal('n')}" for key in rng.sample("abcd", rng.randint(1, 3))) + "]"
            )
        return (
            self.literal(self.pick("n", "s", "n", "s", "l"))
            if self.chance(0.85)
            else self.pick("null", "true", "false", "NaN")
        )

    def _cut(self) -> list[str]:
        if self.chance(0.5):
            return []
        low = self.rng.randint(1, 3)
        return [self.pick(f"limit({low})", f"range({low}, {low + 2})", f"tail({low})", f"skip({low})")]

    def chain(self, kind: str, depth: int, length: int) -> tuple[list[str], str]:
        """Steps that follow one another from a kind of thing, and the kind they end in."""
        steps: list[str] = []
        for _ in range(length):
            rules = RULES[kind] + ANY
            rule = self.rng.choices([one for _, one in rules], [weight for weight, _ in rules])[0]
            text, kind = rule(self, depth)
            if text == "":
                continue
            steps.append(text)
            if self.chance(0.12) and depth == 0:
                name = self.pick("a", "b", "c")
                self.names[name] = kind
                steps.append(f"as('{name}')")
        return steps, kind

    def child(self, kind: str, depth: int, length: int | None = None) -> str:
        """An anonymous traversal."""
        return self.child_of(kind, depth, length)[0]

    def child_of(self, kind: str, depth: int, length: int | None = None) -> tuple[str, str]:
        """An anonymous traversal and what it ends in."""
        if depth >= 3:
            return ("__.identity()", kind)
        steps, ends = self.chain(kind, depth + 1, length or self.rng.choice((1, 1, 1, 2, 2, 3)))
        return ("__." + ".".join(steps) if steps else "__.identity()", ends)

    def same(self, kind: str, depth: int) -> str:
        """A child that ends in what it began with."""
        for _ in range(8):
            text, ends = self.child_of(kind, depth)
            if ends == kind:
                return text
        return "__.identity()"

    def first(self, kind: str, depth: int) -> str:
        """A child for a step that takes only the first result: ordered, so that it is the same everywhere."""
        text, ends = self.child_of(kind, depth)
        tail = {"v": "order().by(T.id)", "e": "order().by(T.id)", "n": "order()", "s": "order()"}
        return f"{text}.{tail.get(ends, 'fold().count(local)')}"

    def labels(self) -> str:
        count = self.rng.choice((0, 0, 1, 1, 2))
        return ", ".join(f"'{label}'" for label in self.rng.sample(EDGE_LABELS, count))

    def number_test(self) -> str:
        low = self.rng.randint(-1, 3)
        simple = self.pick(f"gt({low})", f"lt({low}.5d)", f"eq({low})", f"neq({low}L)", f"gte({low})", f"lte({low})")
        return self.pick(
            simple,
            f"between({low}, {low + 2})",
            f"inside({low}, {low + 3})",
            f"outside({low}, {low + 1})",
            f"within({low}, {low + 1}.0d)",
            f"without([{low}, {low + 2}])",
            f"not({simple})",
            f"{simple}.or(eq(2))",
            f"{simple}.and(lt(3))",
            f"typeOf(GType.{self.pick('INT', 'NUMBER', 'DOUBLE', 'LONG', 'STRING')})",
        )

    def text_test(self) -> str:
        return self.pick(
            f"eq({_text(self.rng)})",
            f"neq({_text(self.rng)})",
            f"within({_text(self.rng)}, 'ann')",
            f"startingWith('{self.pick('a', 'E', '')}')",
            f"containing('{self.pick('o', 'e')}')",
            f"notEndingWith('{self.pick('b', 'n')}')",
            "gt('bob')",
            "regex('^[a-c]')",
            "typeOf(GType.STRING)",
        )

    def by(self, kind: str, depth: int) -> str:
        """A by() for a kind of thing."""
        if kind == "v":
            return self.pick(
                "by('name')",
                "by('age')",
                "by(T.label)",
                "by(T.id)",
                f"by({self.first(kind, depth)})",
                "by(__.out().count())",
                "by()",
            )
        if kind == "e":
            return self.pick(
                "by('weight')",
                "by('since')",
                "by(T.label)",
                "by(T.id)",
                f"by({self.first(kind, depth)})",
                "by(__.inV().id())",
            )
        return self.pick("by()", f"by({self.first(kind, depth)})")

    def change(self) -> str:
        """A traversal that writes, with ids of its own so that both sides agree on them."""
        rng = self.rng
        some = ", ".join(str(rng.randint(1, 9)) for _ in range(2))
        key, value = self.pick("name", "age", "new"), self.literal(self.pick("n", "s"))
        cardinality = self.pick("", "Cardinality.single, ", "Cardinality.list, ", "Cardinality.set, ")
        meta = self.pick("", "", ", 'm', 1")
        ends = f"Direction.OUT: {rng.randint(1, 9)}, Direction.IN: {rng.randint(1, 9)}"
        merged = self.pick("T.label: 'knows', ", "") + ends
        options = self.pick("", ".option(Merge.onCreate, ['weight': 9.0d])", ".option(Merge.onMatch, ['weight': null])")
        options += self.pick("", ".option(Merge.onMatch, ['since': 1L])")
        computed = self.pick(
            "__.coalesce(__.values('score'), __.constant(0))",
            "__.label()",
            "__.out().count()",
            "__.out().values('age').sum()",
        )
        fresh = f"property(T.id, {self.pick('60', '1')})"
        vertex = self.pick(
            "T.id: 50",
            f"T.id: {rng.randint(1, 9)}",
            "'name': 'ann'",
            "T.label: 'place', 'age': 2",
            "'age': 77, T.id: 51",
        )
        tail = self.pick("", "", ".count()", ".fold().count()")
        return (
            "g."
            + rng.choice(
                (
                    f"V({some}).property({cardinality}'{key}', {value}{meta})",
                    f"V().{self.pick('has', 'hasNot')}('age').property({cardinality}'{key}', {value})",
                    f"V({some}).property('{key}', {computed})",
                    f"V({some}).property(['p': 1, 'q': 'two'])",
                    f"V({some}).properties('{self.pick('name', 'tag', 'age')}').drop()",
                    f"V({some}).drop()",
                    f"V({some}).{self.pick('outE', 'inE', 'bothE')}({self.labels()}).drop()",
                    f"V({some}).property('{key}', null)",
                    f"E().property('{self.pick('weight', 'since')}', {self.pick('null', '0', '1.5d')})",
                    f"V({rng.randint(1, 9)}).as('a').addE('likes').to('a').property(T.id, 200).property('weight', 1)",
                    f"V({rng.randint(1, 9)}).addE('new').to(__.V({rng.randint(1, 9)})).property(T.id, 201)",
                    f"addV('{self.pick('place', 'thing')}').{fresh}.property('{key}', {value})",
                    f"addV().{fresh}.property(Cardinality.list, 'k', 1).property(Cardinality.list, 'k', {value})",
                    f"mergeV([{vertex}]){self.vertex_options()}.label()",
                    f"mergeE([{merged}, T.id: 202]){options}",
                    f"V().{self.pick('has', 'hasNot')}('score').mergeV([T.id: 70]){self.vertex_options()}",
                    f"V({some}).properties('tag').property('meta', {value})",
                    "V().properties('tag').hasValue('x').drop()",
                    f"V().sideEffect(__.properties('{key}').drop()).{self.pick('count()', 'id()')}",
                )
            )
            + tail
        )

    def vertex_options(self) -> str:
        created = self.pick(
            "['new': 1]", "['name': 'zed', 'age': 5]", "[T.label: 'place']", "[:]", "['a': Cardinality.list(1)]"
        )
        matched = self.pick(
            "['age': 9]", "['name': Cardinality.list('b')]", "[:]", "['tag': Cardinality.set('x')]", "['age': null]"
        )
        text = f".option(Merge.onCreate, {created})" if self.chance(0.6) else ""
        return text + (f".option(Merge.onMatch, {matched})" if self.chance(0.6) else "")


def to(kind: str, *texts: str) -> Rule:
    """A rule that says one of some steps and leads to a kind."""
    return lambda b, depth: (b.pick(*texts), kind)


def _walk(b: Builder, depth: int) -> tuple[str, str]:
    return f"{b.pick('out', 'in', 'both', 'out', 'in')}({b.labels()})", "v"


def _walk_edges(b: Builder, depth: int) -> tuple[str, str]:
    return f"{b.pick('outE', 'inE', 'bothE')}({b.labels()})", "e"


def _has_vertex(b: Builder, depth: int) -> tuple[str, str]:
    label = b.pick(*VERTEX_LABELS)
    return (
        b.pick(
            f"has('age', {b.number_test()})",
            f"has('name', {b.text_test()})",
            f"has('{label}', 'name', {_text(b.rng)})",
            f"hasLabel('{label}')",
            f"hasLabel(neq('{label}'))",
            "has('age')",
            "hasNot('score')",
            f"hasId({b.rng.randint(1, 4)}, {b.rng.randint(5, 8)})",
            f"has(T.label, within('{label}', 'place'))",
            "has('active', true)",
            f"has('tag', '{b.pick('x', 'y')}')",
        ),
        "v",
    )


def _has_edge(b: Builder, depth: int) -> tuple[str, str]:
    test = b.number_test()
    return b.pick(
        f"has('weight', {test})",
        f"hasLabel('{b.pick(*EDGE_LABELS)}')",
        "has('since')",
        f"hasId({b.rng.randint(100, 110)})",
    ), "e"


def _filter(kind: str) -> Rule:
    def rule(b: Builder, depth: int) -> tuple[str, str]:
        first = b.child(kind, depth)
        form = b.rng.randint(0, 7)
        if form < 3:
            return f"{b.pick('where', 'filter', 'not')}({first})", kind
        if form < 5:
            return f"{b.pick('and', 'or')}({first}, {b.child(kind, depth)})", kind
        if form == 5:
            return f"where({first}.count().is({b.number_test()}))", kind
        return f"not({first})", kind

    return rule


def _branch(kind: str) -> Rule:
    def rule(b: Builder, depth: int) -> tuple[str, str]:
        form = b.rng.randint(0, 9)
        first, second = b.same(kind, depth), b.same(kind, depth)
        if form < 2:
            return f"union({first}, {second})", kind
        if form < 4:
            return f"coalesce({first}, {second})", kind
        if form == 4 and not re.search(
            r"(count|sum|min|max|mean|fold)\(\)", first
        ):  # these answer before they are asked
            return f"optional({first})", kind
        if form == 5:
            return f"choose({b.child(kind, depth)}, {first}, {second})", kind
        if form == 6:
            return f"local({first})", kind
        if form == 7:
            return (f"flatMap({first})", kind) if b.chance(0.7) else (f"map({b.first(kind, depth)}).barrier()", "x")
        if form == 8 and kind == "v":
            none = b.pick("", f".option(none, {second})")
            return f"choose(T.label).option('person', {first}){none}", kind
        return f"sideEffect({first})", kind

    return rule


def _repeat(b: Builder, depth: int) -> tuple[str, str]:
    if depth > 1:
        return "", "v"
    inner = b.pick(
        "__.out()",
        "__.both()",
        f"__.out({b.labels()})",
        "__.in().dedup()",
        "__.out().simplePath()",
        b.same("v", depth + 1),
    )
    times = b.rng.randint(0, 2)
    until = b.pick(f"has('age', {b.number_test()})", "hasLabel('place')", "__.not(__.out())", "__.loops().is(2)")
    return (
        b.pick(
            f"repeat({inner}).times({times})",
            f"repeat({inner}).emit().times({times})",
            f"emit().repeat({inner}).times({times})",
            f"times({times}).repeat({inner})",
            f"emit(__.has('age')).repeat({inner}).times({times})",
            f"repeat({inner}).until(__.loops().is({times + 1}))",
            f"until(__.{until.removeprefix('__.')}.or().loops().is(2)).repeat({inner})",
            f"repeat({inner}).emit(__.hasLabel('person')).times({times})",
        ),
        "v",
    )


def _group(kind: str) -> Rule:
    def rule(b: Builder, depth: int) -> tuple[str, str]:
        key = b.by(kind, depth)
        value = b.pick("by(__.count())", "by(__.fold())", b.by(kind, depth), "", f"by({b.child(kind, depth)}.fold())")
        if value == "":
            return b.pick(f"group().{key}", f"groupCount().{key}"), "m"
        return f"group().{key}.{value}", "m"

    return rule


def _project(kind: str) -> Rule:
    return lambda b, depth: (f"project('x', 'y').{b.by(kind, depth)}.{b.by(kind, depth)}", "m")


def _store(kind: str) -> Rule:
    def rule(b: Builder, depth: int) -> tuple[str, str]:
        if depth:
            return "", kind
        b.effects["x"] = kind
        return b.pick(
            "aggregate('x')",
            f"aggregate('x').{b.by(kind, depth)}",
            "local(__.aggregate('x'))",
            f"groupCount('y').{b.by(kind, depth)}",
            f"group('w').{b.by(kind, depth)}",
        ), kind

    return rule


def _select(b: Builder, depth: int) -> tuple[str, str]:
    if not b.names:
        return "", "x"
    names = list(b.names)
    if len(names) > 1 and b.chance(0.4):
        return f"select('{names[0]}', '{names[1]}')" + b.pick("", ".by()"), "m"
    name = b.rng.choice(names)
    pop = b.pick("", "", "first, ", "last, ", "all, ")
    return f"select({pop}'{name}')", "l" if pop == "all, " else b.names[name]


def _where_names(b: Builder, depth: int) -> tuple[str, str]:
    if not b.names:
        return "", "v"
    name = b.rng.choice(list(b.names))
    return b.pick(f"where(neq('{name}'))", f"where(eq('{name}'))", f"where(gt('{name}')).by('age')"), "v"


def _match(b: Builder, depth: int) -> tuple[str, str]:
    if depth:
        return "", "v"
    middle, last = b.pick("out", "in", "both"), b.pick("out", "in")
    extra = b.pick("", ", __.as('p').has('age')", ", __.not(__.as('r').out().as('p'))", ", __.where('p', neq('r'))")
    return (
        f"match(__.as('p').{middle}().as('q'), __.as('q').{last}().as('r'){extra}).select('{b.pick('p', 'q', 'r')}')",
        "v",
    )


def _select_by(b: Builder, depth: int) -> tuple[str, str]:
    names = [name for name, kind in b.names.items() if kind == "v"]
    if depth or not names:
        return "", "v"
    name = b.rng.choice(names)
    return b.pick(
        f"select('{name}').by('name')",
        f"select('{name}').by(T.label)",
        f"select('{name}').by(__.out().count())",
        f"select('{name}').by('age')",
    ), "x"


def _sack(b: Builder, depth: int) -> tuple[str, str]:
    if depth:
        return "", "v"
    operator = b.pick("sum", "mult", "max", "min", "minus", "assign")
    return (
        f"sack(assign).by(__.out().count()).out().sack({operator}).by({b.pick('T.id', '__.in().count()')}).sack()",
        "n",
    )


def _collected(b: Builder, depth: int) -> tuple[str, str]:
    if depth:
        return "", "v"
    return b.pick(
        "aggregate('s').out().where(within('s'))",
        "aggregate('s').in().where(without('s'))",
        "aggregate('s').by('name').values('name').where(within('s')).constant(1)",
        "aggregate('s').cap('s').unfold()",
        "aggregate('s').fold().select('s').unfold()",
    ), "x"


def _settings_of_steps(b: Builder, depth: int) -> tuple[str, str]:
    return b.pick(
        "valueMap().with(WithOptions.tokens)",
        "valueMap('name').with(WithOptions.tokens, WithOptions.labels)",
        "valueMap('age', 'score').by(__.unfold())",
        "group().by(T.label).by(__.values('age').sum())",
        "group().by(__.out().count()).by(__.id().order().fold())",
        "groupCount().by('name').order(local).by(values).by(keys)",
        "project('n', 'm').by(__.out('knows').count()).by(__.in().values('age').fold())",
        "group().by('age').by(__.group().by(T.label).by(__.count()))",
        "tree().by(T.id)",
        "out().tree().by('name')",
    ), "m"


def _loops(b: Builder, depth: int) -> tuple[str, str]:
    if depth > 1:
        return "", "v"
    return b.pick(
        f"repeat(__.both({b.labels()})).until(__.hasLabel('place').or().loops().is(gte(2)))",
        "repeat(__.out().simplePath()).until(__.not(__.out().simplePath())).dedup()",
        "repeat('r', __.out()).until(__.loops('r').is(2))",
        "repeat(__.both().hasNot('active')).times(2).dedup()",
        "repeat(__.out().order().by(T.id)).times(2)",
        "emit().repeat(__.union(__.out('knows'), __.in('created'))).times(2)",
        "repeat(__.repeat(__.out()).times(2)).times(1)",
        "repeat(__.choose(__.has('age'), __.out(), __.in())).times(2)",
        "repeat(__.coalesce(__.out('likes'), __.out())).times(2)",
        "repeat(__.local(__.out().dedup())).emit(__.loops().is(1)).times(2)",
    ), "v"


def _path_of(b: Builder, depth: int) -> tuple[str, str]:
    return b.pick(
        "as('f').out().as('g').in().path().from('f').to('g')",
        "as('f').out().in().simplePath().from('f').path().by(T.id)",
        "out().in().path().by('name').by(T.label)",
        "outE().inV().path().by(T.id)",
        "out().path().unfold().path()",
        "both().path().count(local).path()",
    ), "x"


def _reduced(b: Builder, depth: int) -> tuple[str, str]:
    return b.pick(
        "fold().unfold()",
        "min().union(__.identity(), __.count())",
        "sum().as('k').math('k + 1')",
        "barrier().max()",
        "local(__.union(__.identity(), __.math('_ * -1')).max())",
        "map(__.union(__.identity(), __.constant(3)).sum())",
        "flatMap(__.union(__.identity(), __.count()))",
        "where(__.is(gt(0)).or().is(lt(-1)))",
        "project('a', 'b').by().by(__.math('_ / 2')).select('b')",
    ), "n"


def _text_more(b: Builder, depth: int) -> tuple[str, str]:
    return b.pick(
        "split('').order(local).conjoin('')",
        "split(' ').unfold()",
        "concat(__.toUpper(), __.constant('!'))",
        "project('t').by(__.length()).select('t').asString()",
        "choose(__.is(startingWith('a')), __.toUpper(), __.toLower())",
        "order().fold().conjoin(';')",
        "is(within('ann', 'bob').or(startingWith('E')))",
        "is(notContaining('o').and(neq('')))",
        "group().by(__.length()).by(__.count()).unfold().select(keys).asString()",
    ), "s"


def _remembered(b: Builder, depth: int) -> tuple[str, str]:
    """Paths and sacks that a by() reads, of several hops and rounds."""
    if depth:
        return "", "v"
    by = b.pick("by('name')", "by('age')", "by(T.label)", "by(__.out().count())", "by(T.id)")
    rounds = b.rng.randint(1, 3)
    test = b.pick("neq", "eq", "lt", "gte")
    return b.pick(
        f"out().as('m').both({b.labels()}).path().{by}.by(T.id)",
        f"repeat(__.out({b.labels()}).simplePath()).times({rounds}).path().{by}",
        f"repeat(__.both().simplePath()).until(__.has('age', {b.number_test()}).or().loops().is(3)).path().{by}",
        f"outE().has('weight', {b.number_test()}).inV().path().by(T.id).by('weight').by('name')",
        f"sack(assign).by(__.out().count()).out().project('s', 'n').by(__.sack()).{by}",
        "sack(assign).by(T.id).both().order().by(T.id).by(__.sack()).project('a', 'b').by(T.id).by(__.sack())",
        f"sack(assign).by(T.id).repeat(__.outE().sack(sum).by(T.id).inV()).times({rounds}).sack()",
        "sack(assign).by(T.id).out().group().by(__.sack()).by(__.count())",
        f"as('a').out().as('b').where('a', {test}('b')).by('age').select('a', 'b').by(T.id)",
        f"as('a').out().in().where({b.pick('eq', 'neq')}('a')).dedup().by('name').count()",
    ), "x"


def _counted_children(b: Builder, depth: int) -> tuple[str, str]:
    """Degrees, emptiness and joins that are the same whatever order they are found in."""
    if depth:
        return "", "v"
    way = b.pick("out", "in", "both")
    test = b.number_test()
    return b.pick(
        f"where(__.{way}({b.labels()}).count().is({test}))",
        f"not(__.{way}E({b.labels()}).has('weight', {test}))",
        f"order().by(__.{way}().count(), desc).by(T.id).limit(3)",
        f"where(__.{way}().{way}().dedup().count().is({test}))",
        f"match(__.as('p').{way}().as('q'), __.not(__.as('q').out('knows').as('p'))).select('q')",
        "match(__.as('p').out().as('q'), __.as('q').in().count().as('n'), __.as('n').is(gt(1))).select('p')",
        f"where(__.{way}().order().by(T.id).limit(1).has('age', {test}))",
    ), "v"


def _limited_rounds(b: Builder, depth: int) -> tuple[str, str]:
    """A limit behind a repeat, told by how many come: which they are is the server's choice."""
    if depth:
        return "", "v"
    low, rounds = b.rng.randint(1, 9), b.rng.randint(1, 3)
    body = b.pick("__.out()", "__.both()", "__.both().simplePath()", f"__.in({b.labels()})")
    return b.pick(
        f"repeat({body}).times({rounds}).limit({low}).count()",
        f"repeat({body}).emit().times({rounds}).limit({low}).count()",
        f"emit().repeat({body}).times({rounds}).range({low}, {low + 4}).path().count()",
        f"repeat({body}).until(__.loops().is({rounds})).skip({low}).count()",
        f"local(__.{b.pick('out', 'both')}().limit({low})).count()",
        f"map(__.{b.pick('out', 'both')}().count()).sum()",
        f"union(__.count(), __.{b.pick('out', 'in')}().count(), __.values('age').max()).order()",
    ), "n"


def _number_step(b: Builder, depth: int) -> tuple[str, str]:
    return (
        b.pick(
            "sum()",
            "min()",
            "max()",
            "mean()",
            f"is({b.number_test()})",
            f"is({b.number_test()})",
            "math('_ + 1')",
            "math('_ * 2 - sin _')",
            "math('abs(_) ^ 2 / 3')",
            "asNumber()",
            f"asNumber(GType.{b.pick('INT', 'LONG', 'DOUBLE', 'FLOAT', 'BYTE', 'BIGDECIMAL', 'BIGINT')})",
            "dedup()",
            f"where(__.is({b.number_test()}))",
            "union(__.identity(), __.constant(5))",
            "sack(assign).sack()",
            f"coalesce(__.is({b.number_test()}), __.constant(-1))",
        ),
        "n",
    )


def _choose_number(b: Builder, depth: int) -> tuple[str, str]:
    test = b.number_test()
    return b.pick(
        f"choose(__.is({test}), __.constant('yes'), __.constant('no'))",
        "choose(__.identity()).option(1, __.constant('one'))"
        f".option({test}, __.constant('some')).option(none, __.constant('none'))",
        f"branch(__.identity()).option({test}, __.constant('fits')).option(any, __.constant('all'))",
    ), "s"


def _text_step(b: Builder, depth: int) -> tuple[str, str]:
    return (
        b.pick(
            "toUpper()",
            "toLower()",
            "trim()",
            "lTrim()",
            "rTrim()",
            "reverse()",
            "concat('-', 'z')",
            "concat(__.constant('q'))",
            f"substring({b.rng.randint(-3, 3)})",
            f"substring({b.rng.randint(-2, 2)}, {b.rng.randint(-1, 4)})",
            f"replace('{b.pick('a', 'o', '')}', '{b.pick('', 'bb')}')",
            f"is({b.text_test()})",
            "dedup()",
            "min()",
            "max()",
            "format('<%{_}>').by()",
        ),
        "s",
    )


def _read_text(b: Builder, depth: int) -> tuple[str, str]:
    """Of texts written out only: names are no numbers, and whether anybody asks one depends on the order of filters."""
    return (b.pick("asNumber()", "asBool()", "asDate()"), "x") if b.from_texts else ("", "s")


def _list_step(b: Builder, depth: int) -> tuple[str, str]:
    other = b.pick("[1, 2]", "['a', 1]", "[]", "{1, 2}", "['ann', 'x']", "null", "__.constant([1, 7])", "__.identity()")
    return f"{b.pick('combine', 'merge', 'difference', 'disjunct', 'intersect', 'product')}({other})", "l"


def _list_local(b: Builder, depth: int) -> tuple[str, str]:
    scalar = b.pick("count(local)", "sum(local)", "min(local)", "max(local)", "mean(local)")
    return b.pick(scalar, scalar, f"range(local, 0, {b.rng.randint(1, 3)}).count(local)"), "n"


def _list_same(b: Builder, depth: int) -> tuple[str, str]:
    return b.pick(
        "dedup(local)",
        "order(local)",
        "order(local).by(desc)",
        "reverse()",
        f"any({b.number_test()})",
        f"all({b.number_test()})",
        f"none({b.number_test()})",
        "order(local).limit(local, 2)",
        "order(local).tail(local, 1)",
    ), "l"


RULES: dict[str, list[tuple[int, Rule]]] = {
    "v": [
        (10, _walk),
        (5, _walk_edges),
        (8, _has_vertex),
        (4, _filter("v")),
        (4, _branch("v")),
        (3, _repeat),
        (2, _remembered),
        (2, _counted_children),
        (2, _limited_rounds),
        (3, to("n", "values('age')", "values('score')", "id()", "out().count()")),
        (3, to("s", "values('name')", "label()", "properties('name').value()", "properties().key()")),
        (1, to("x", "values()", "values('name', 'age')", "values('age', 'score')", "properties('tag', 'age').value()")),
        (
            2,
            to(
                "m",
                "valueMap()",
                "valueMap('name', 'age')",
                "elementMap()",
                "elementMap('age')",
                "propertyMap('name')",
                "valueMap(true)",
                "valueMap('age').by(__.unfold())",
            ),
        ),
        (2, _group("v")),
        (2, _project("v")),
        (2, _store("v")),
        (2, _where_names),
        (2, _select_by),
        (1, _sack),
        (2, _collected),
        (2, _settings_of_steps),
        (2, _loops),
        (1, _path_of),
        (1, _match),
        (
            2,
            to(
                "v",
                "simplePath()",
                "cyclicPath()",
                "dedup()",
                "dedup().by(T.id)",
                "barrier()",
                "order().by(T.id)",
                "as('z')",
                "properties('name').element()",
            ),
        ),
        (
            1,
            to(
                "p",
                "path()",
                "path().by('name')",
                "path().by(T.label).by(__.id())",
                "path().by('age')",
                "out().path()",
                "tree().count(local)",
            ),
        ),
        (
            1,
            to(
                "s",
                "format('%{name} is %{age}')",
                "format('%{name}-%{_}').by(__.out().count())",
                "values('name').toUpper()",
            ),
        ),
    ],
    "e": [
        (6, to("v", "inV()", "outV()", "bothV()", "otherV()")),
        (5, _has_edge),
        (3, _filter("e")),
        (2, _branch("e")),
        (3, to("n", "values('weight')", "values('since')", "id()", "values()")),
        (2, to("s", "label()", "properties().key()")),
        (2, to("m", "valueMap()", "elementMap()", "valueMap('weight')", "propertyMap()")),
        (2, _group("e")),
        (1, _project("e")),
        (1, _store("e")),
        (1, to("e", "dedup()", "order().by(T.id)", "dedup().by(T.id)")),
        (1, to("p", "path()", "path().by('weight')", "path().by(T.id)")),
    ],
    "n": [
        (8, _number_step),
        (3, _reduced),
        (2, to("l", "fold()", "order().fold()")),
        (2, _choose_number),
        (1, to("s", "asString()", "asString().length().asString()")),
        (1, _filter("n")),
        (1, _branch("n")),
        (1, to("m", "groupCount()", "group().by()", "project('a').by()")),
        (1, to("x", "asBool()", "asDate()", "constant('c')")),
        (1, _store("n")),
    ],
    "s": [
        (8, _text_step),
        (3, _text_more),
        (2, to("n", "length()", "constant(3)")),
        (2, _read_text),
        (2, to("l", "split(',')", "split('')", "split('a')", "fold()", "order().fold()")),
        (1, _filter("s")),
        (1, to("m", "groupCount()", "group().by().by(__.count())")),
        (1, _store("s")),
    ],
    "l": [
        (4, _list_step),
        (4, _list_local),
        (3, _list_same),
        (3, to("x", "unfold()", "unfold().dedup()")),
        (1, to("s", "order(local).conjoin('+')")),
        (1, to("l", "order(local).index()", "asString(local)", "toUpper(local)", "fold()")),
    ],
    "m": [
        (3, to("l", "select(keys)", "select(values)", "fold()")),
        (2, to("n", "count(local)", "select('a')", "select(values).count(local)")),
        (2, to("x", "unfold()", "unfold().select(values)", "select('x')", "select('name', 'age')", "select('x', 'y')")),
        (
            1,
            to(
                "m",
                "order(local).by(keys)",
                "order(local).by(values)",
                "unfold().select(keys)",
                "merge(['z': 1])",
                "dedup()",
            ),
        ),
    ],
    "p": [
        (2, to("n", "count(local)")),
        (2, to("x", "unfold()", "unfold().dedup()")),
        (1, to("l", "combine([1])", "reverse()", "index()")),
        (1, to("p", "dedup()", "order()")),
    ],
    "x": [
        (
            2,
            to(
                "x",
                "dedup()",
                "is(typeOf(GType.NUMBER))",
                "is(neq(null))",
                "is(gt(1))",
                "barrier()",
                "order()",
                "where(__.is(1))",
            ),
        ),
        (1, to("n", "count()", "is(typeOf(GType.NUMBER))")),
        (1, to("l", "fold()")),
        (1, to("m", "groupCount()")),
        (1, to("s", "is(typeOf(GType.STRING))", "is(typeOf(GType.NUMBER)).asString()")),
        (1, to("x", "sum()", "max()", "min()", "unfold()", "asNumber()")),
    ],
}

ANY: list[tuple[int, Rule]] = [(1, _select), (1, to("n", "count()", "constant(1)"))]
