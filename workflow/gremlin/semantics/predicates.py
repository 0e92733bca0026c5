"""Predicates (``P``, ``TextP``) compiled to plain functions of a value.

A comparison across types, or with NaN, is false, also below ``not`` and inside ``and`` and ``or`` (as of 3.8).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from workflow.errors import QueryFailed
from workflow.gremlin.semantics import comparison as semantics
from workflow.gremlin.semantics.types import JAVA_CLASSES
from workflow.gremlin.semantics.values import GType
from workflow.gremlin.traversal import P
from workflow.values.limits import MATCH_TIMEOUT_S, MOST_PATTERN, MOST_REPEATS

Test = Callable[[Any], bool]

# what a pattern is made of, as far as it matters to how often its parts repeat: {3}, {3,} and {3,5} have numbers
_PART: Final = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\{\s*([0-9]*)\s*,?\s*([0-9]*)\s*\}|.", re.DOTALL)

NEGATED: dict[str, str] = {
    "eq": "neq",
    "neq": "eq",
    "lt": "gte",
    "gte": "lt",
    "gt": "lte",
    "lte": "gt",
    "within": "without",
    "without": "within",
    "inside": "outside",
    "startingWith": "notStartingWith",
    "notStartingWith": "startingWith",
    "endingWith": "notEndingWith",
    "notEndingWith": "endingWith",
    "containing": "notContaining",
    "notContaining": "containing",
    "regex": "notRegex",
    "notRegex": "regex",
}


# how many arguments a predicate has, where that is fixed
_ARGUMENTS: dict[str, int] = {
    **dict.fromkeys(("eq", "neq", "lt", "lte", "gt", "gte", "not", "typeOf"), 1),
    **dict.fromkeys(("inside", "outside", "between"), 2),
    **dict.fromkeys(("startingWith", "endingWith", "containing", "regex"), 1),
    **dict.fromkeys(("notStartingWith", "notEndingWith", "notContaining", "notRegex"), 1),
}


def check_shape(predicate: P) -> None:
    """Raise QueryFailed for a predicate that has too many or too few arguments, or connects what are no predicates."""
    name, args = predicate.name, predicate.args
    if len(args) != _ARGUMENTS.get(name, len(args)):
        raise QueryFailed(f"{name}() takes {_ARGUMENTS[name]} arguments and not {len(args)}")
    if name in ("and", "or", "not"):
        for arg in args:
            if not isinstance(arg, P):
                raise QueryFailed(f"{name}() connects predicates, and {arg!r} is none")
            check_shape(arg)


def compile_predicate(predicate: P) -> Test:
    """The function of a predicate. Raises QueryFailed for arguments it cannot have."""
    if not isinstance(predicate, P):
        raise QueryFailed(f"A predicate is expected and not {predicate!r}")
    try:
        builder = _BUILDERS[predicate.name]
    except KeyError:
        raise QueryFailed(f"Unknown predicate: {predicate.name}") from None
    check_shape(predicate)
    return builder(predicate)


def compile_value(value: Any) -> Test:
    """The function of ``P`` or, for any other value, of equality with it."""
    return compile_predicate(value if isinstance(value, P) else P("eq", (value,)))


def members(predicate: P) -> list[Any]:
    """The values of within and without, however they were written."""
    args = predicate.args
    if len(args) == 1 and isinstance(args[0], (list, tuple, set, frozenset)):
        return list(args[0])
    return list(args)


def negate(predicate: P) -> P:
    """The predicate that holds exactly where this one does not."""
    if predicate.name == "and":
        return P("or", tuple(negate(p) for p in predicate.args))
    if predicate.name == "or":
        return P("and", tuple(negate(p) for p in predicate.args))
    if predicate.name == "not":
        inner: P = predicate.args[0]
        return inner
    if predicate.name in NEGATED and predicate.name != "inside":
        return type(predicate)(NEGATED[predicate.name], predicate.args)
    return P("not", (predicate,))


def _eq(p: P) -> Test:
    wanted = p.args[0]
    equals = semantics.equals
    if type(wanted) is str:
        return lambda value: type(value) is str and value == wanted
    return lambda value: equals(value, wanted)


def _neq(p: P) -> Test:
    wanted = p.args[0]
    equals = semantics.equals
    return lambda value: not equals(value, wanted)


def _ordered(holds: Callable[[int], bool]) -> Callable[[P], Test]:
    def build(p: P) -> Test:
        wanted = p.args[0]
        compare = semantics.compare

        def test(value: Any) -> bool:
            try:
                return holds(compare(value, wanted))
            except semantics.Incomparable:
                return False

        return test

    return build


def _within(p: P) -> Test:
    wanted = members(p)
    if all(type(w) is str for w in wanted):
        strings = frozenset(wanted)
        return lambda value: type(value) is str and value in strings
    equals = semantics.equals
    return lambda value: any(equals(value, w) for w in wanted)


def _without(p: P) -> Test:
    inner = _within(p)
    return lambda value: not inner(value)


def _pair(first: str, second: str, both: bool) -> Callable[[P], Test]:
    def build(p: P) -> Test:
        if len(p.args) != 2:
            raise QueryFailed(f"{p.name}() takes two arguments")
        left = compile_predicate(P(first, (p.args[0],)))
        right = compile_predicate(P(second, (p.args[1],)))
        if both:
            return lambda value: left(value) and right(value)
        return lambda value: left(value) or right(value)

    return build


def _and(p: P) -> Test:
    tests = [compile_predicate(a) for a in p.args]
    return lambda value: all(t(value) for t in tests)


def _or(p: P) -> Test:
    tests = [compile_predicate(a) for a in p.args]
    return lambda value: any(t(value) for t in tests)


def _not(p: P) -> Test:
    inner = compile_predicate(p.args[0])
    return lambda value: not inner(value)


def _text(holds: Callable[[str, str], bool]) -> Callable[[P], Test]:
    def build(p: P) -> Test:
        wanted = p.args[0]
        if wanted is None:
            return lambda value: False
        if not isinstance(wanted, str):
            raise QueryFailed(f"{p.name}() takes a string")
        return lambda value: _is_text(value) and holds(value, wanted)

    return build


def _is_text(value: Any) -> bool:
    """Whether a text predicate can be put to a value: not to null. Raises QueryFailed for what is no string."""
    if isinstance(value, str) or value is None:
        return value is not None
    raise QueryFailed(f"{semantics.java_class(value)} cannot be cast to class java.lang.String")


def _not_text(holds: Callable[[str, str], bool]) -> Callable[[P], Test]:
    def build(p: P) -> Test:
        inner = _text(holds)(p)
        return lambda value: not inner(value)  # null is no text, so it does not start with one

    return build


def _searching(p: P) -> Test:
    """Whether a pattern is found in a text. Raises QueryFailed for what is no pattern.

    A pattern such as ``(a+)+$`` can take longer on thirty letters than anybody lives. The standard library's search
    cannot be ended, and nothing else runs meanwhile; this one has a time, and lets the service go on. It writes out
    what is repeated a number of times, ``(a{1000}){1000}``, so that number is limited.
    """
    import regex  # a service whose clients search no texts does without

    wanted = p.args[0]
    if not isinstance(wanted, str):
        raise QueryFailed(f"{p.name}() takes a string")
    if len(wanted) > MOST_PATTERN or repeats(wanted) > MOST_REPEATS:
        raise QueryFailed(
            f"The regular expression is longer than {MOST_PATTERN} characters or repeats a part more than"
            f" {MOST_REPEATS} times; write a simpler one"
        )
    try:
        search = regex.compile(wanted).search
    except (regex.error, RecursionError, OverflowError) as e:
        raise QueryFailed(f"Not a regular expression: {wanted!r}: {e}") from e

    loops = unbounded(wanted)

    def test(value: Any) -> bool:
        try:
            if len(value) ** loops <= MOST_STEPS:  # soon done: a clock would cost more than the search
                return search(value) is not None
            return search(value, timeout=MATCH_TIMEOUT_S, concurrent=True) is not None
        except TimeoutError as e:
            text = f"a text of {len(value)} characters takes longer than {MATCH_TIMEOUT_S:g} s"
            raise QueryFailed(f"Searching {wanted!r} in {text}; write a simpler expression") from e

    return test


MOST_STEPS: Final = 100_000
MANY_LOOPS: Final = 99


def unbounded(pattern: str) -> int:
    """The power of a text's length that a search takes steps: ``^a.*b`` begins anywhere and runs on, which is 2.

    Many where groups repeat, look around or are referred to, since there the steps may double with every letter.
    """
    loops = 1
    before = ""
    for part in _PART.finditer(pattern):
        text = part[0]
        quantifier = text in ("*", "+", "?") or (text.startswith("{") and (part[1] or part[2]))
        if (quantifier and before == ")") or (text == "?" and before in ("(", ")")) or text[:1] + text[1:2] in _REFERS:
            return MANY_LOOPS
        loops += bool(quantifier)
        before = text
    return loops


_REFERS: Final = frozenset("\\" + digit for digit in "123456789gk")


def repeats(pattern: str) -> int:
    """How often the most repeated part of a pattern is written out: ``(a{10}b{3}){20}`` has an a 200 times."""
    levels = [1]
    times = 1  # of the part before
    for part in _PART.finditer(pattern):
        if part[1] is not None and (part[1] or part[2]):
            times *= max(1, *(int(number[:9]) for number in part.group(1, 2) if number))
        elif part[0] == "(":
            levels.append(1)
            times = 1
        elif part[0] == ")" and len(levels) > 1:
            times = levels.pop()
        else:
            times = 1
        levels[-1] = max(levels[-1], times)
    return max(levels)


def _regex(p: P) -> Test:
    found = _searching(p)
    return lambda value: _is_text(value) and found(value)


def _not_regex(p: P) -> Test:
    found = _searching(p)
    return lambda value: not (_is_text(value) and found(value))


def _type_of(p: P) -> Test:
    wanted = p.args[0]
    if isinstance(wanted, str):
        wanted = _named_type(wanted)
    if not isinstance(wanted, GType):
        raise QueryFailed("typeOf() takes a GType or the name of a registered type")
    is_of_type = semantics.is_of_type
    return lambda value: is_of_type(value, wanted)


def _named_type(name: str) -> GType:
    by_class = {full.rsplit(".", 1)[-1]: kind for kind, full in JAVA_CLASSES.items()}
    try:
        return GType[name.upper()] if name.upper() in GType.__members__ else by_class[name]
    except KeyError:
        raise QueryFailed(f"{name} is not a registered type") from None


def starting_with(value: str, wanted: str) -> bool:
    return value.startswith(wanted)


def ending_with(value: str, wanted: str) -> bool:
    return value.endswith(wanted)


def containing(value: str, wanted: str) -> bool:
    return wanted in value


_BUILDERS: dict[str, Callable[[P], Test]] = {
    "eq": _eq,
    "neq": _neq,
    "lt": _ordered(lambda c: c < 0),
    "lte": _ordered(lambda c: c <= 0),
    "gt": _ordered(lambda c: c > 0),
    "gte": _ordered(lambda c: c >= 0),
    "within": _within,
    "without": _without,
    "inside": _pair("gt", "lt", both=True),
    "between": _pair("gte", "lt", both=True),
    "outside": _pair("lt", "gt", both=False),
    "and": _and,
    "or": _or,
    "not": _not,
    "startingWith": _text(starting_with),
    "notStartingWith": _not_text(starting_with),
    "endingWith": _text(ending_with),
    "notEndingWith": _not_text(ending_with),
    "containing": _text(containing),
    "notContaining": _not_text(containing),
    "regex": _regex,
    "notRegex": _not_regex,
    "typeOf": _type_of,
}
