"""String steps: concat, substring, split, trim, case, length, replace, reverse, asString.

Indexes and lengths count UTF-16 units, as Java does. With ``Scope.local`` a step works on each string of a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.running.step import Args, Builder, Child, ExecutionContext, MapStep, Step, StepBuilder
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.java_text import as_text
from workflow.gremlin.semantics.values import Char, GList, Scope
from workflow.gremlin.steps.shaping.value_step import (
    ValueStep,
    applied,
    class_of,
    is_child,
    is_iterable,
    members_of,
    split_scope,
    value_builder,
    wrong_call,
)
from workflow.values.limits import check_characters

# what Java's Character.isWhitespace accepts: Python's isspace() without the no-break spaces and NEL
WHITESPACE = "".join(c for c in map(chr, range(0x3001)) if c.isspace() and c not in "\x85\xa0\u2007\u202f")


def is_string(value: Any) -> bool:
    """Whether a value is a String; a single Char is not."""
    return isinstance(value, str) and not isinstance(value, Char)


def units(text: str) -> int:
    """The length in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def sliced(text: str, start: int, end: int | None) -> str:
    """Units ``start`` to ``end`` of a text; half of a pair becomes the replacement character."""
    if text.isascii():
        return text[start:end]
    raw = text.encode("utf-16-le", "surrogatepass")
    return raw[2 * start : None if end is None else 2 * end].decode("utf-16-le", "replace")


def substring(text: str, start: int, end: int | None = None) -> str:
    """From ``start`` to before ``end``; negative positions count from the end, those beyond the text are cut."""
    length = units(text)
    first = _position(length, start)
    if end is None:
        return sliced(text, first, None)
    last = _position(length, end)
    return sliced(text, first, last) if last > first else ""


def _position(length: int, index: int) -> int:
    if index >= 0:
        return min(index, length)
    if length == 0:
        raise QueryFailed("/ by zero")  # what Java does with a negative index into an empty string
    shifted = length + index
    return max(0, shifted % length if shifted >= 0 else -(-shifted % length))


def split(text: str, separator: str | None) -> GList:
    """The parts between separators; neighbouring ones count as one, an empty separator gives the characters."""
    if separator is None:
        return GList(text.split())
    if separator == "":
        return GList(text) if text else GList([""])
    found = GList()
    begin = 0
    while begin < len(text) or (begin == len(text) and begin > 0 and text.endswith(separator)):
        end = text.find(separator, begin)
        if end < 0:
            found.append(text[begin:])
            break
        if end > begin:
            found.append(text[begin:end])
        begin = end + len(separator)
    return found


def replace(text: str, old: str | None, new: str | None) -> str:
    """Every ``old`` replaced; null or empty arguments change nothing."""
    if not old or new is None:
        return text
    if len(new) > len(old):
        check_characters(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


_OPERATIONS: dict[str, Callable[..., Callable[[str], Any]]] = {
    "trim": lambda: lambda text: text.strip(WHITESPACE),
    "lTrim": lambda: lambda text: text.lstrip(WHITESPACE),
    "rTrim": lambda: lambda text: text.rstrip(WHITESPACE),
    "toUpper": lambda: str.upper,
    "toLower": lambda: str.lower,
    "length": lambda: units,
    "substring": lambda start, end=None: lambda text: substring(text, start, end),
    "split": lambda separator: lambda text: split(text, separator),
    "replace": lambda old, new: lambda text: replace(text, old, new),
}
_COUNTS = {"substring": (1, 2), "split": (1, 1), "replace": (2, 2)}
_FULL_STOP = {"split", "replace"}  # their error texts end in one


def of_string(name: str, operation: Callable[[str], Any]) -> Callable[[Any], Any]:
    """The global form of a step: null passes, anything but a string is refused."""
    stop = "." if name in _FULL_STOP else ""

    def apply(value: Any) -> Any:
        if value is None:
            return None
        if not is_string(value):
            raise QueryFailed(
                f"The {name}() step can only take string as argument, encountered {class_of(value)}{stop}"
            )
        return operation(value)

    return apply


def of_strings(name: str, operation: Callable[[str], Any]) -> Callable[[Any], Any]:
    """The local form: a string, or each string of a list."""
    refusal = f"The {name}(local) step can only take string or list of strings, encountered "

    def apply_one(value: Any, where: str) -> Any:
        if value is None:
            return None
        if not is_string(value):
            raise QueryFailed(f"{refusal}{class_of(value)}{where}")
        return operation(value)

    def apply(value: Any) -> Any:
        if is_iterable(value):
            return GList(apply_one(member, " in list") for member in members_of(value))
        return apply_one(value, "")

    return apply


def _build_operation(builder: Builder, name: str, args: Args) -> Step:
    scope, rest = split_scope(args)
    least, most = _COUNTS.get(name, (0, 0))
    if not least <= len(rest) <= most or not all(_fits(name, arg) for arg in rest):
        raise wrong_call(name, args)
    operation = _OPERATIONS[name](*rest)
    form = of_strings if scope is Scope.local else of_string
    return ValueStep(form(name, operation), ",".join(map(as_text, rest)))


def _fits(name: str, arg: Any) -> bool:
    if name == "substring":
        return isinstance(arg, int) and not isinstance(arg, bool)
    return arg is None or isinstance(arg, str)


def reversed_value(value: Any) -> Any:
    """A string backwards, a list of the members backwards; anything else is left alone."""
    if is_string(value):
        return value[::-1]
    return GList(reversed(list(members_of(value)))) if is_iterable(value) else value


def text_of(value: Any) -> str:
    """``asString()``. Raises QueryFailed for null."""
    if value is None:
        raise QueryFailed("Can't parse null as String.")
    return as_text(value)


def texts_of(value: Any) -> Any:
    """``asString(local)``: of each member of a list."""
    return GList(map(text_of, members_of(value))) if is_iterable(value) else text_of(value)


def _build_as_string(builder: Builder, name: str, args: Args) -> Step:
    scope, rest = split_scope(args)
    if rest:
        raise wrong_call(name, args)
    return ValueStep(texts_of if scope is Scope.local else text_of)


class ConcatStep(MapStep):
    """The incoming string with the results of children or with strings put behind it; null where all are null."""

    def __init__(self, pieces: tuple[str | Child | None, ...]) -> None:
        super().__init__()
        self.pieces = pieces

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        """The string, or null. Raises QueryFailed where something is not a string."""
        value = traverser.value
        if value is not None and not is_string(value):
            raise QueryFailed(f"String concat() can only take string as argument, encountered {class_of(value)}")
        found = [value]
        for piece in self.pieces:
            if isinstance(piece, Child):
                result = applied(ctx, piece, traverser, "ConcatStep")
                if result is not None and not is_string(result):
                    raise QueryFailed(f"{class_of(result)} cannot be cast to class java.lang.String")
                found.append(result)
            else:
                found.append(piece)
        texts = [text for text in found if text is not None]
        check_characters(sum(map(len, texts)))
        return "".join(texts) if texts else None

    def children(self) -> Iterable[Child]:
        """The traversals among the pieces."""
        return [piece for piece in self.pieces if isinstance(piece, Child)]


def _build_concat(builder: Builder, name: str, args: Args) -> Step:
    pieces: list[str | Child | None] = []
    flat = [one for arg in args for one in (arg if isinstance(arg, (list, tuple)) else (arg,))]
    for arg in flat:
        if is_child(arg):
            pieces.append(builder.local(arg))
        elif arg is None or is_string(arg):
            pieces.append(arg)
        else:
            raise wrong_call(name, args)
    return ConcatStep(tuple(pieces))


STEPS: dict[str, StepBuilder] = {
    **dict.fromkeys(_OPERATIONS, _build_operation),
    "reverse": value_builder(lambda: reversed_value),
    "asString": _build_as_string,
    "concat": _build_concat,
}
