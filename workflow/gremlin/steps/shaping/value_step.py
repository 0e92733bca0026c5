"""What the families of value steps share: a step that is a function of the value, scopes, and children as arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from workflow.errors import NoSuchMethod, QueryFailed
from workflow.graphs.elements import Path
from workflow.gremlin.running.scope import scope_value
from workflow.gremlin.running.step import MISSING, Args, Builder, Child, ExecutionContext, MapStep, StepBuilder
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.comparison import is_collection, java_class, simple_class
from workflow.gremlin.semantics.java_text import as_text
from workflow.gremlin.semantics.values import MapEntry, Pop, Scope
from workflow.gremlin.traversal import Traversal


class ValueStep(MapStep):
    """A map step that is a function of the value alone."""

    def __init__(self, function: Callable[[Any], Any], text: str = "") -> None:
        super().__init__()
        self.function = function
        self.text = text

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        """The function's result; ``MISSING`` drops the traverser."""
        return self.function(traverser.value)

    def arguments(self) -> str:
        """The arguments as they were written."""
        return self.text


def wrong_call(name: str, args: Args) -> QueryFailed:
    """The error for arguments no overload of a step takes."""
    return NoSuchMethod(f"Could not locate method: {name}({', '.join(map(as_text, args))})")


def split_scope(args: Args) -> tuple[Scope, Args]:
    """The leading scope of the arguments, global where there is none, and the rest."""
    if args and isinstance(args[0], Scope):
        return args[0], args[1:]
    return Scope.global_, args


def value_builder(make: Callable[..., Callable[[Any], Any]], least: int = 0, most: int = 0) -> StepBuilder:
    """A builder for ``name(args)`` whose function is ``make(*args)``, between ``least`` and ``most`` arguments."""

    def build(builder: Builder, name: str, args: Args) -> MapStep:
        if not least <= len(args) <= most:
            raise wrong_call(name, args)
        return ValueStep(make(*args), ",".join(map(as_text, args)))

    return build


def is_iterable(value: Any) -> bool:
    """Whether Java would iterate over a value: a list, a set or a path; neither a map nor a string."""
    return is_collection(value) or isinstance(value, Path)


def members_of(value: Any) -> Iterator[Any]:
    """The members of what ``is_iterable``."""
    return iter(value.objects if isinstance(value, Path) else value)


def iterated(value: Any) -> Iterable[Any]:
    """The members of a value as Java's ``asIterator`` gives them: of a map its entries, of a scalar itself."""
    if is_iterable(value):
        return members_of(value)
    if isinstance(value, Mapping):
        return (MapEntry(key, item) for key, item in value.items())
    return (value,)


def applied(ctx: ExecutionContext, child: Child, traverser: Traverser, parent: str) -> Any:
    """The first result of a child that must have one.

    Raises:
        QueryFailed: the child gives nothing.
    """
    found = child.first(ctx, traverser)
    if found is MISSING:
        value = traverser.value
        raise QueryFailed(
            f"The provided traverser does not map to a value: {as_text(value)}[{simple_class(value)}]->{child}"
            f"[DefaultGraphTraversal] parent[{parent}]"
        )
    return found


def class_of(value: Any) -> str:
    """What Java puts for ``value.getClass()`` in an error text; ``null`` for null."""
    return "null" if value is None else java_class(value)


def is_child(arg: Any) -> bool:
    """Whether an argument is an anonymous traversal."""
    return isinstance(arg, Traversal)


def named_value(ctx: ExecutionContext, traverser: Traverser, name: str) -> Any:
    """The value of a name: an entry of the current map, a side effect, the last stop with that label, or null."""
    found = scope_value(ctx, Pop.last, name, traverser)
    return None if found is MISSING else found


def is_integer(value: Any) -> bool:
    """Whether a value is of an integer type; a boolean is not."""
    return isinstance(value, int) and not isinstance(value, bool)
