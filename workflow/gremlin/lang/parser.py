"""A recursive-descent parser of Gremlin text.

The grammar is generic: chains of calls, literals, enumerations, predicates. Which steps exist and what they take is the
compiler's knowledge, so a new step needs nothing here. Text is only read, never evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflow.errors import MalformedQuery, QueryTooLarge
from workflow.gremlin.lang import literals
from workflow.gremlin.lang.tokens import tokenize
from workflow.gremlin.semantics.keys import GMap, distinct
from workflow.gremlin.semantics.predicates import negate
from workflow.gremlin.semantics.values import Cardinality, GremlinEnum, ReferenceEdge, ReferenceVertex
from workflow.gremlin.traversal import CardinalityValue, Instruction, P, Strategy, TextP, Traversal, UnboundVariable
from workflow.queries.reader import Limits, Reader, Token, refuse
from workflow.values.limits import read_error


@dataclass(frozen=True, slots=True)
class Script:
    """One statement: the traversal and the name of the source it began with."""

    traversal: Traversal
    source_name: str = "g"
    text: str = ""


SOURCE_STEPS = frozenset(
    {
        "with",
        "withBulk",
        "withComputer",
        "withPath",
        "withSack",
        "withSideEffect",
        "withStrategies",
        "withoutStrategies",
        "withRemote",
    }
)
TERMINALS = frozenset({"next", "toList", "toSet", "toBulkSet", "iterate", "hasNext", "tryNext", "explain"})
PREDICATES = frozenset(
    {"eq", "neq", "lt", "lte", "gt", "gte", "inside", "outside", "between", "within", "without", "typeOf"}
)
TEXT_PREDICATES = frozenset(
    {
        "startingWith",
        "notStartingWith",
        "endingWith",
        "notEndingWith",
        "containing",
        "notContaining",
        "regex",
        "notRegex",
    }
)
_STRATEGY_SUFFIX = "Strategy"
SPAWNED_FROM_SOURCE = (
    "The child traversal was not spawned anonymously - use the __ class rather than a TraversalSource to construct the"
    " child traversal"
)
LAMBDA_REFUSED = "Lambdas are not supported: code sent by a client is never run"


def parse(text: str, bindings: Mapping[str, Any] | None = None, *, limits: Limits | None = None) -> list[Script]:
    """The statements of a script.

    Raises:
        MalformedQuery: with line, column and what was expected.
        QueryTooLarge: the text is longer or nested deeper than the limits allow.
    """
    limits = limits or Limits()
    if len(text) > limits.max_length:
        raise QueryTooLarge(f"The query has {len(text)} characters; at most {limits.max_length} are allowed")
    return _Parser(text, bindings or {}, limits).script()


class _Parser(Reader):
    def __init__(self, text: str, bindings: Mapping[str, Any], limits: Limits) -> None:
        super().__init__(text, tokenize(text), limits)
        self.bindings = bindings

    # -- statements

    def script(self) -> list[Script]:
        out: list[Script] = []
        while True:
            while self.take(";"):
                pass
            if self.token.kind == "end":
                break
            if out and self.tokens[self.at - 1].text != ";" and not self.token.new_line:
                self.fail("'.', ';' or a new line")
            out.append(self.statement())
            if len(out) > self.limits.max_statements:
                raise QueryTooLarge(f"The script has more than {self.limits.max_statements} statements")
        if not out:
            self.fail("a traversal that starts with 'g.'")
        return out

    def statement(self) -> Script:
        begin = self.token.offset
        source_name = self.name("a traversal source such as 'g'")
        if not self.is_mark(".") and self.token.kind != "end" and not self.token.new_line and not self.is_mark(";"):
            self.fail("'.'")
        if self.ahead("(", 2) and self.is_mark(".") and self.tokens[self.at + 1].text == "tx":
            traversal = self.transaction()
        else:
            traversal = self.chain(Traversal(), anonymous=False)
        return Script(traversal, source_name, self.text[begin : self.token.offset].strip())

    def transaction(self) -> Traversal:
        self.at += 2
        self.expect("(")
        self.expect(")")
        self.expect(".")
        what = self.name("commit or rollback")
        if what not in ("commit", "rollback", "begin", "open", "close"):
            self.at -= 1
            self.fail("commit or rollback")
        self.expect("(")
        self.expect(")")
        return Traversal(source=(Instruction("tx", (what,)),))

    def chain(self, start: Traversal, *, anonymous: bool) -> Traversal:
        """``.step(…).step(…)`` behind a source or ``__``."""
        steps = list(start.steps)
        source: list[Instruction] = []
        while self.is_mark("."):
            self.at += 1
            name = _step_name(self.name("a step"))
            if self.is_mark("{"):
                raise MalformedQuery(LAMBDA_REFUSED)
            if not self.is_mark("("):
                self.fail("'('")
            if not anonymous and name in TERMINALS and (steps or source):
                return Traversal(tuple(steps), tuple(source), name, self.terminal_arguments(name))
            args = tuple(self.arguments())
            if not anonymous and not steps and name in SOURCE_STEPS:
                source.append(Instruction(name, args))
            else:
                steps.append(Instruction(name, args))
        return Traversal(tuple(steps), tuple(source))

    def terminal_arguments(self, name: str) -> tuple[Any, ...]:
        """None, but for ``next(n)``, which takes a whole number."""
        begin = self.token.offset
        args = tuple(self.arguments())
        if args and (name != "next" or len(args) > 1 or not isinstance(args[0], int) or isinstance(args[0], bool)):
            refuse(self.text, begin, "next() or next(n) with a whole number" if name == "next" else f"{name}()")
        return args

    def arguments(self) -> list[Any]:
        self.expect("(")
        return self.items(")")

    def items(self, close: str) -> list[Any]:
        """Expressions up to a closing bracket; a comma before it does no harm."""
        self.enter()
        out: list[Any] = []
        while not self.take(close):
            out.append(self.expression())
            if not self.take(","):
                self.expect(close)
                break
        self.depth -= 1
        return out

    # -- expressions

    def expression(self) -> Any:
        value = self.value()
        if self.is_mark(".."):
            self.at += 1
            return _range(value, self.value(), self)
        return value

    def value(self) -> Any:
        token = self.tokens[self.at]
        if token.kind == "string":
            self.at += 1
            return literals.string(token.text)
        if token.kind == "number":
            return self.number(negative=False)
        if token.kind == "name":
            return self.named()
        if token.text in ("-", "+"):
            return self.signed()
        if token.text == "[":
            return self.list_or_map()
        if token.text == "{":
            return self.set_of()
        if token.text == "(":
            self.at += 1
            self.enter()
            value = self.expression()
            self.depth -= 1
            self.expect(")")
            return value
        return self.fail("a value or a traversal")

    def number(self, *, negative: bool) -> Any:
        token = self.token
        try:
            value = literals.number(token.text, negative)
        except ValueError as e:
            refuse(self.text, token.offset, f"a number ({read_error(e)})")
        self.at += 1
        return value

    def signed(self) -> Any:
        negative = self.token.text == "-"
        self.at += 1
        if self.token.kind == "number":
            return self.number(negative=negative)
        if self.token.kind == "name" and self.token.text in ("Infinity", "NaN"):
            value = literals.KEYWORDS[self.name("Infinity")]
            return -value if negative else value
        return self.fail("a number")

    def list_or_map(self) -> Any:
        self.expect("[")
        if self.is_mark(":") and self.ahead("]"):
            self.at += 2
            return {}
        if self.is_mark("]"):
            self.at += 1
            return []
        self.enter()
        first = self.map_key()
        if not self.is_mark(":"):
            self.depth -= 1
            return self.rest_of_list(first)
        pairs: list[tuple[Any, Any]] = []
        while True:
            self.expect(":")
            pairs.append((first, self.expression()))
            if not self.take(",") or self.is_mark("]"):
                break
            first = self.map_key()
        self.expect("]")
        self.depth -= 1
        return _map(pairs)

    def map_key(self) -> Any:
        if self.token.kind == "name" and self.ahead(":"):
            return self.name("a key")
        return self.expression()

    def rest_of_list(self, first: Any) -> list[Any]:
        if not self.take(","):
            self.expect("]")
            return [first]
        return [first, *self.items("]")]

    def set_of(self) -> Any:
        self.expect("{")
        token = self.token
        if token.kind == "name" and (self.ahead("->") or token.text == "it"):
            raise MalformedQuery(LAMBDA_REFUSED)
        found = self.items("}")
        return distinct(found)

    def named(self) -> Any:
        token = self.tokens[self.at]
        name = token.text
        if name == "new":
            self.at += 1
            return self.construct()
        if self.ahead("("):
            if name.endswith(_STRATEGY_SUFFIX):
                return self.construct()
            return self.call()
        if name in literals.KEYWORDS and name not in self.bindings:
            self.at += 1
            return literals.KEYWORDS[name]
        if self.ahead("."):
            return self.qualified()
        self.at += 1
        if name in self.bindings:
            return self.bindings[name]
        if name == "__":
            return Traversal()
        if name in literals.SHORT_NAMES:
            return literals.SHORT_NAMES[name]
        if name.endswith(_STRATEGY_SUFFIX):
            return Strategy(name)
        return UnboundVariable(name)

    def call(self) -> Any:
        """``out(…)``, ``gt(…)``, ``datetime(…)``: a name and brackets, without anything before it."""
        token = self.token
        name = _step_name(self.name("a step"))
        if name in PREDICATES or name in TEXT_PREDICATES:
            return self.predicate(name)
        if name in ("datetime", "DateTime", "UUID", "Date"):
            return self.literal_call(name, token)
        args = self.arguments()
        cardinality = literals.enumeration("Cardinality", name)
        if isinstance(cardinality, Cardinality) and len(args) == 1:  # no step has such a name
            return CardinalityValue(cardinality, args[0])
        if name == "not" and len(args) == 1 and isinstance(args[0], P):
            return self.connected(P("not", (args[0],)))
        return self.chain(Traversal((Instruction(name, tuple(args)),)), anonymous=True)

    def literal_call(self, name: str, token: Token) -> Any:
        args = self.arguments()
        try:
            return literals.literal_call(name, args)
        except (ValueError, TypeError, OverflowError) as e:
            refuse(self.text, token.offset, f"a {name} literal ({e})")

    def predicate(self, name: str) -> P:
        args = self.arguments()
        if name in ("within", "without"):
            one = len(args) == 1 and isinstance(args[0], (list, tuple, set, frozenset))
            args = [list(args[0])] if one else [args]
        kind = TextP if name in TEXT_PREDICATES else P
        return self.connected(kind(name, tuple(args)))

    def connected(self, predicate: P) -> P:
        """``.and(…)``, ``.or(…)`` and ``.negate()`` behind a predicate."""
        while self.is_mark(".") and self.tokens[self.at + 1].text in ("and", "or", "negate", "and_", "or_"):
            self.at += 1
            name = self.name("and, or, negate").rstrip("_")
            at = self.token.offset
            args = self.arguments()
            if name == "negate" and not args:
                predicate = negate(predicate)
            elif name != "negate" and len(args) == 1 and isinstance(args[0], P):
                before = predicate.args if predicate.name == name else (predicate,)
                predicate = P(name, (*before, args[0]))
            else:
                refuse(self.text, at, "one predicate")
        return predicate

    def qualified(self) -> Any:
        """``P.gt(…)``, ``Order.desc``, ``Cardinality.set(…)``, ``__.out()``, ``g.V()`` as an argument, ``a.b.C.d``."""
        begin = self.token
        first = self.name("a name")
        if first == "__":
            return self.chain(Traversal(), anonymous=True)
        if first in self.bindings:
            self.fail("',' or ')'")
        if first in ("P", "TextP"):
            self.expect(".")
            name = _step_name(self.name("a predicate"))
            if name == "not":
                args = self.arguments()
                if len(args) != 1 or not isinstance(args[0], P):
                    refuse(self.text, begin.offset, "one predicate in P.not()")
                return self.connected(P("not", (args[0],)))
            if name not in PREDICATES and name not in TEXT_PREDICATES:
                refuse(self.text, begin.offset, "a predicate")
            return self.predicate(name)
        if first == "g" and self.tokens[self.at + 1].kind == "name":
            raise MalformedQuery(SPAWNED_FROM_SOURCE)
        return self.constant(first, begin)

    def constant(self, first: str, begin: Token) -> Any:
        parts = [first]
        while self.is_mark(".") and not self.ahead("(", 2):
            self.at += 1
            parts.append(self.name("a constant"))
        owner = parts[-1] if self.is_mark(".") else parts[-2] if len(parts) > 1 else ""
        if self.is_mark("."):  # a call behind it: Cardinality.set("x"), UUID.fromString("…"), Direction.…
            self.at += 1
            name = self.name("a name")
            if owner == "Cardinality":
                cardinality = literals.enumeration("Cardinality", name)
                args = self.arguments()
                if isinstance(cardinality, Cardinality) and len(args) == 1:
                    return CardinalityValue(cardinality, args[0])
            if owner == "UUID" and name in ("fromString", "randomUUID"):
                return self.literal_call("UUID", begin)
            refuse(self.text, begin.offset, "a constant or a function of Gremlin")
        member = literals.enumeration(owner, parts[-1])
        if member is not None:
            return member
        qualified = f"{owner}.{parts[-1]}"
        if qualified in literals.CONSTANTS:
            return literals.CONSTANTS[qualified]
        if parts[-1].endswith(_STRATEGY_SUFFIX) or parts[-1] == "class":
            return Strategy(parts[-1] if parts[-1] != "class" else parts[-2])
        return refuse(self.text, begin.offset, "a constant of Gremlin")

    def construct(self) -> Any:
        """``new SubgraphStrategy(vertices: …)``, ``new Vertex(1, "person")``."""
        begin = self.token
        name = self.name("a class")
        while self.take("."):
            name = self.name("a class")
        if name in ("Vertex", "ReferenceVertex", "DetachedVertex"):
            args = self.arguments() if self.is_mark("(") else []
            if not args:
                refuse(self.text, begin.offset, "the id of the vertex")
            return ReferenceVertex(args[0], *args[1:2])
        if name in ("Edge", "ReferenceEdge"):
            args = self.arguments()
            if len(args) < 4:
                refuse(self.text, begin.offset, "id, label, in-vertex and out-vertex of the edge")
            return ReferenceEdge(args[0], args[1], args[3], args[2])
        if name in ("Date", "UUID", "datetime"):
            return self.literal_call(name, begin)
        if not self.is_mark("("):
            return Strategy(name)
        return Strategy(name, self.configuration())

    def configuration(self) -> dict[str, Any]:
        self.expect("(")
        self.enter()
        out: dict[str, Any] = {}
        while not self.take(")"):
            key = self.name("a setting")
            self.expect(":")
            out[key] = self.expression()
            if not self.take(","):
                self.expect(")")
                break
        self.depth -= 1
        return out


def _step_name(name: str) -> str:
    """The Java name of a step: ``in_`` and ``has_label`` are how Python spells them."""
    if "_" not in name or name == "__":
        return name
    head, *rest = name.rstrip("_").split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def _map(pairs: list[tuple[Any, Any]]) -> Mapping[Any, Any]:
    if all(isinstance(key, (str, GremlinEnum)) for key, _ in pairs):
        return dict(pairs)
    return GMap(pairs)


def _range(low: Any, high: Any, parser: _Parser) -> list[Any]:
    if isinstance(low, int) and isinstance(high, int) and not isinstance(low, bool):
        if abs(high - low) > 1_000_000:
            parser.fail("a range of at most 1000000 values")
        return list(range(low, high + 1)) if low <= high else list(range(low, high - 1, -1))
    if isinstance(low, str) and isinstance(high, str) and len(low) == len(high) == 1:
        step = 1 if low <= high else -1
        return [chr(c) for c in range(ord(low), ord(high) + step, step)]
    return parser.fail("whole numbers or single characters around '..'")
