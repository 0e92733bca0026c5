"""``call``: services by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.running.step import MISSING, Args, Builder, Child, ExecutionContext, Frame, Step, StepBuilder
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.steps.moving.sources import SEED
from workflow.gremlin.traversal import Traversal

LIST = "--list"


class CallStep(Step):
    """Parameters come from a map, a child that gives a map, and ``with()``, later ones winning."""

    def __init__(self, service: str, parameters: Mapping[str, Any], child: Child | None) -> None:
        super().__init__()
        self.service = service
        self.parameters = dict(parameters)
        self.child = child
        self.options: dict[str, Any] = {}

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        if name != "with" or not args or not isinstance(args[0], str):
            self.refuse(name)
        value = args[1] if len(args) > 1 else True
        self.options[args[0]] = builder.local(value) if isinstance(value, Traversal) else builder.checked(value)

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        for t in source:
            start = t.value is SEED
            service = ctx.services.get(self.service, start=start)
            for value in service.call(ctx, None if start else t.value, self._parameters(ctx, t)):
                yield t.split(value)

    def _parameters(self, ctx: ExecutionContext, t: Traverser) -> dict[str, Any]:
        out = dict(self.parameters)
        if self.child is not None:
            given = self.child.first(ctx, t)
            if not isinstance(given, Mapping):
                raise QueryFailed(f"The parameters of the service {self.service} are a map, and {given!r} is none")
            out.update(given)
        for key, value in self.options.items():
            if isinstance(value, Child):
                given = value.first(ctx, t)
                if given is not MISSING:
                    out[key] = given
            else:
                out[key] = value
        return out

    def children(self) -> Iterable[Child]:
        yield from (self.child,) if self.child is not None else ()
        yield from (v for v in self.options.values() if isinstance(v, Child))

    def arguments(self) -> str:
        return f"{self.service},{self.parameters}"


def _call(builder: Builder, name: str, args: Args) -> Step:
    service = args[0] if args else LIST
    if not isinstance(service, str):
        raise QueryFailed("call() takes the name of a service first")
    parameters: Mapping[str, Any] = {}
    child: Child | None = None
    for arg in args[1:]:
        if isinstance(arg, Traversal):
            child = builder.local(arg)
        elif isinstance(arg, Mapping):
            parameters = builder.checked(arg)
        elif arg is not None:
            raise QueryFailed("call() takes a map and a traversal behind the name of the service")
    return CallStep(service, parameters, child)


STEPS: dict[str, StepBuilder] = {"call": _call}
