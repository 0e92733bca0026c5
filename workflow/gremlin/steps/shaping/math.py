"""The math() step: an expression of doubles with variables, read by a recursive descent parser.

A function without brackets takes all that follows up to the end or a closing bracket: ``sin _ + 1`` is ``sin(_ + 1)``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.running.by_cycle import ByCycleModulated
from workflow.gremlin.running.step import (
    MISSING,
    Args,
    Builder,
    ExecutionContext,
    MapStep,
    Step,
    StepBuilder,
)
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.comparison import is_number, java_name
from workflow.gremlin.semantics.java_text import as_text
from workflow.gremlin.steps.shaping.value_step import named_value, wrong_call
from workflow.values.numerals import to_double

Formula = Callable[[Mapping[str, float]], float]
CURRENT = "_"
MAX_NESTING = 100


def _guarded(function: Callable[[float], float]) -> Callable[[float], float]:
    """Java's answer outside of a function's domain: NaN, or infinity on overflow."""

    def call(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return math.nan
        except OverflowError:
            return math.inf

    return call


def _logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: -math.inf if x == 0 else _guarded(function)(x)


def _rounded(function: Callable[[float], int]) -> Callable[[float], float]:
    return lambda x: float(function(x)) if math.isfinite(x) else x


def _signum(x: float) -> float:
    return x if x == 0 or x != x else math.copysign(1.0, x)


FUNCTIONS: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "acos": _guarded(math.acos),
    "asin": _guarded(math.asin),
    "atan": math.atan,
    "cbrt": _guarded(math.cbrt),
    "ceil": _rounded(math.ceil),
    "cos": _guarded(math.cos),
    "cosh": _guarded(math.cosh),
    "exp": _guarded(math.exp),
    "floor": _rounded(math.floor),
    "log": _logarithm(math.log),
    "log10": _logarithm(math.log10),
    "log2": _logarithm(math.log2),
    "signum": _signum,
    "sin": _guarded(math.sin),
    "sinh": lambda x: math.copysign(_guarded(math.sinh)(abs(x)), x),
    "sqrt": _guarded(math.sqrt),
    "tan": _guarded(math.tan),
    "tanh": math.tanh,
}


def _power(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except ValueError:
        return math.inf if a == 0 else math.nan
    except OverflowError:
        return -math.inf if a < 0 and b % 2 == 1 else math.inf


def _quotient(a: float, b: float) -> float:
    if b == 0:
        raise QueryFailed("Division by zero!")
    return a / b


def _remainder(a: float, b: float) -> float:
    if b == 0:
        raise QueryFailed("Division by zero!")
    return math.fmod(a, b) if math.isfinite(a) else math.nan


OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _quotient,
    "%": _remainder,
    "^": _power,
}

_TOKEN = re.compile(r"\s*(?:((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|([A-Za-z_][A-Za-z0-9_]*)|([-+*/%^()\[\]{}]))")
_OPENING = {"(": ")", "[": "]", "{": "}"}


class MathExpression:
    """A parsed expression: its variables in the order they first occur, and its value for values of these."""

    def __init__(self, text: str) -> None:
        if not text.strip():
            raise QueryFailed("Expression can not be empty")
        self.text = text
        self.variables: list[str] = []
        self._tokens: Iterator[tuple[str, str]] = _tokens(text)
        self._next = next(self._tokens)
        self._depth = 0
        self.formula = self._sum()
        if self._next[0] != "end":
            raise self._unexpected()

    def _advance(self) -> tuple[str, str]:
        token, self._next = self._next, next(self._tokens)
        return token

    def _unexpected(self) -> QueryFailed:
        what = "its end" if self._next[0] == "end" else repr(self._next[1])
        return QueryFailed(f"Unable to parse the expression [{self.text}] of math(): unexpected {what}")

    def _is(self, operators: str) -> bool:
        return self._next[0] == "operator" and self._next[1] in operators

    def _sum(self) -> Formula:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise QueryFailed(f"The expression of math() is nested more than {MAX_NESTING} deep")
        left = self._product()
        while self._is("+-"):
            left = _binary(self._advance()[1], left, self._product())
        self._depth -= 1
        return left

    def _product(self) -> Formula:
        left = self._signed()
        while self._is("*/%"):
            left = _binary(self._advance()[1], left, self._signed())
        return left

    def _signed(self) -> Formula:
        negative = False
        while self._is("+-"):
            negative ^= self._advance()[1] == "-"
        inner = self._raised()
        return (lambda values: -inner(values)) if negative else inner

    def _raised(self) -> Formula:
        base = self._atom()
        if not self._is("^"):
            return base
        self._advance()
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise QueryFailed(f"The expression of math() is nested more than {MAX_NESTING} deep")
        exponent = self._signed()
        self._depth -= 1
        return _binary("^", base, exponent)

    def _atom(self) -> Formula:
        kind, text = self._next
        if kind == "number":
            number = float(self._advance()[1])
            return lambda values: number
        if kind == "name":
            self._advance()
            return self._function(text) if text in FUNCTIONS else self._variable(text)
        if kind == "operator" and text in _OPENING:
            return self._bracketed()
        raise self._unexpected()

    def _bracketed(self) -> Formula:
        closing = _OPENING[self._advance()[1]]
        inner = self._sum()
        if not self._is(closing):
            raise self._unexpected()
        self._advance()
        return inner

    def _function(self, name: str) -> Formula:
        function = FUNCTIONS[name]
        argument = self._bracketed() if self._next[1] in _OPENING and self._next[1] else self._sum()
        return lambda values: function(argument(values))

    def _variable(self, name: str) -> Formula:
        if name not in self.variables:
            self.variables.append(name)
        return lambda values: values[name]


def _binary(operator: str, left: Formula, right: Formula) -> Formula:
    operation = OPERATORS[operator]
    return lambda values: operation(left(values), right(values))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise QueryFailed(
                f"Unable to parse char {text[position:].lstrip()[0]!r} in the expression [{text}] of math()"
            )
        number, name, operator = match.groups()
        yield ("number", number) if number else ("name", name) if name else ("operator", operator)
        position = match.end()
    while True:
        yield "end", ""


class MathStep(ByCycleModulated, MapStep):
    """Evaluates the expression; ``_`` is the current value, other names are map entries, side effects or labels.

    ``by()``: one for each variable, used in turn.
    """

    def __init__(self, expression: MathExpression) -> None:
        super().__init__()
        self.expression = expression
        if any(name != CURRENT for name in expression.variables):
            self.requires = frozenset({"labels"})

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        """A Double, or MISSING where a by() gives nothing."""
        values: dict[str, float] = {}
        for position, name in enumerate(self.expression.variables):
            by = self.bys.at(position)
            if name == CURRENT:
                value = by.of(ctx, traverser)
            else:
                value = by.of_value(ctx, named_value(ctx, traverser, name))
            if value is MISSING:
                return MISSING
            if not is_number(value):
                raise QueryFailed(
                    f"The variable {name} for math() step must resolve to a Number - it is instead of type"
                    f" {java_name(value)} with value {as_text(value)}"
                )
            values[name] = to_double(value)
        return self.expression.formula(values)

    def arguments(self) -> str:
        """The expression."""
        return self.expression.text


def _build_math(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1 or not isinstance(args[0], str):
        raise wrong_call(name, args)
    return MathStep(MathExpression(args[0]))


STEPS: dict[str, StepBuilder] = {"math": _build_math}
