"""The io() step: whole graphs from and to files, in the one folder that the operator named for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Literal, Protocol

from workflow.errors import QueryFailed, ReadOnlyViolation
from workflow.gremlin.running.step import Args, Builder, ExecutionContext, Frame, Step, StepBuilder
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.steps.shaping.value_step import wrong_call

Format = Literal["graphson", "graphml"]
_BY_ENDING: dict[str, str] = {".json": "graphson", ".xml": "graphml", ".kryo": "gryo"}
_KEPT: dict[str, Format] = {"graphson": "graphson", "graphml": "graphml"}
_OPTIONS = ("~tinkerpop.io.reader", "~tinkerpop.io.writer")


class GraphFiles(Protocol):
    """Graph files below one folder. A name that leads out of it is refused with an error of ``workflow.errors``."""

    def read(self, graph: Any, name: str, kind: Format) -> None:
        """Add the graph of a file."""

    def write(self, graph: Any, name: str, kind: Format) -> None:
        """Write the graph to a file, whole or not at all."""


class IoStep(Step):
    """``io(file).read()`` and ``io(file).write()``; the ending tells the format, or ``with(IO.reader, …)``."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file
        self.format = _BY_ENDING.get(PurePosixPath(file).suffix.lower(), "")
        self.mode: str | None = None

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        """``read()``, ``write()`` and ``with()``."""
        if name in ("read", "write") and not args:
            self.mode = name
        elif name == "with" and args:
            if args[0] in _OPTIONS and len(args) > 1:
                self.format = str(args[1])
        else:
            self.refuse(name)

    def finish(self, builder: Builder) -> None:
        """Raise QueryFailed where neither read() nor write() follows."""
        if self.mode is None:
            raise QueryFailed("io() must be followed by read() or write()")

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        """Nothing comes out. Raises QueryFailed where no folder is set up for it, or for a format that is not kept."""
        for _ in source:
            if ctx.read_only:
                what = "changes the graph" if self.mode == "read" else "writes a file"
                raise ReadOnlyViolation(f"io().{self.mode}() {what}, and this query may only read")
            if self.mode == "read" and "ReadOnlyStrategy" in ctx.strategies:
                raise ReadOnlyViolation("io().read() changes the graph, which ReadOnlyStrategy forbids")
            if ctx.files is None:
                raise QueryFailed(
                    "io() is switched off: the operator named no folder for graph files in DESPINA_IO_FOLDER"
                )
            kind = self._kind()
            if self.mode == "write":
                ctx.files.write(ctx.graph, self.file, kind)
            else:
                ctx.files.read(ctx.root, self.file, kind)
        yield from ()

    def _kind(self) -> Format:
        """What the file is to be read or written as."""
        if kind := _KEPT.get(self.format):
            return kind
        if self.format:
            raise QueryFailed(f"io() reads and writes GraphSON and GraphML and not {self.format}")
        raise QueryFailed(
            f"The format of {self.file!r} is unknown: let it end in .json for GraphSON or .xml for GraphML, or say "
            "with(IO.reader, IO.graphson), with(IO.writer, IO.graphml)"
        )

    def arguments(self) -> str:
        """The file."""
        return self.file


def _build_io(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1 or not isinstance(args[0], str):
        raise wrong_call(name, args)
    return IoStep(args[0])


STEPS: dict[str, StepBuilder] = {"io": _build_io}
