"""Queries that come again are read and planned twice and no more; those that are brief need no worker thread.

A look names its elements by id, and sees what they carry and what lies a few edges away: it is tried where it arrives,
and given to a worker where it comes to more elements than ``MOST_ELEMENTS``. A note adds elements, or writes properties
of those it names: it is tried there too, and only the way to the disk is waited for elsewhere. A point prediction is
run until it needs its endpoint's answer, and again when the answer is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from workflow.errors import WorkflowError
from workflow.gremlin.lang import Script, parse
from workflow.gremlin.planning.source import transaction_command
from workflow.gremlin.traversal import Traversal, blanks_of
from workflow.gremlin.wire import Codec, Request
from workflow.gremlin.wire.graphbinary.shapes import HEAD, Shape, between, may_write, read_spans, shape_of
from workflow.queries.suspension import Answering
from workflow.server.gremlin.brief_queries import is_constant, is_look, is_note, predicts

Meaning = TypeVar("Meaning")

MAX_LENGTH: Final = 1024
MOST_ELEMENTS: Final = 512
KEPT: Final = 512
SHAPES: Final = 32
"""Kept of messages that differ in their values; fewer, since a message is compared with one after the other."""
REMEMBERED: Final = 8192
VERSION: Final = b"\x81"  # of a GraphBinary message
ID: Final = slice(1, 17)  # where it has its request id
# of a GraphSON message: no text of JSON has the first quote in it, but behind a backslash
TEXT_ID: Final = re.compile(
    rb'(?<!\\)"requestId": ?(?:{"@type": ?"g:UUID", ?"@value": ?)?"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"'
)


@dataclass(slots=True)
class KnownQuery:
    """A query of one statement as it was read. Shared between threads.

    Attributes:
        scripts: the statement.
        repeated: whether this very statement comes again, so that its plan is worth keeping.
        look: whether it is tried without a worker; no longer once that came to too much.
        notes: whether it then writes.
        predicts: whether it asks an endpoint.
    """

    scripts: list[Script]
    repeated: bool
    look: bool
    notes: bool
    predicts: bool


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """A query of one request; ``answering`` where it predicts without a worker."""

    known: KnownQuery
    answering: Answering | None = None


def known_query(script: Script, *, repeated: bool) -> KnownQuery:
    """What there is to know of a statement."""
    traversal = script.traversal
    notes = is_note(traversal)
    return KnownQuery([script], repeated, notes or is_look(traversal), notes, predicts(traversal))


class Newcomers:
    """Tells what comes for the first time, so that what never comes again takes no place from what does.

    Safe to share between threads: what two bring at one moment may be told to come for the first time twice.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def comes_again(self, key: Hashable) -> bool:
        """Whether something came before; from now on it did."""
        if self.came(key):
            return True
        if len(self._seen) >= REMEMBERED:
            self._seen.clear()
        self._seen.add(hash(key))
        return False

    def came(self, key: Hashable) -> bool:
        """Whether something came before."""
        return hash(key) in self._seen


class KnownTexts:
    """Reads texts, and keeps those that come again and will mean the same.

    Safe to share between threads without a lock: every use of the dictionary is one operation of it.
    """

    def __init__(self) -> None:
        self._kept: dict[str, KnownQuery] = {}
        self._newcomers = Newcomers()

    def read(self, text: str, bindings: Mapping[str, Any]) -> KnownQuery | None:
        """A query of one statement; None for everything else, wrong texts included."""
        if len(text) > MAX_LENGTH:
            return None
        if not bindings and (kept := self._kept.get(text)) is not None:
            return kept
        try:
            scripts = parse(text, bindings)
        except WorkflowError:
            return None  # told when the query is run
        if len(scripts) != 1 or transaction_command(scripts[0].traversal) is not None:
            return None
        comes_again = not bindings and self._newcomers.comes_again(text)
        known = known_query(scripts[0], repeated=comes_again and is_constant(scripts[0].traversal))
        if known.repeated:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[text] = known
        return known

    def __len__(self) -> int:
        return len(self._kept)


class KnownRequests:
    """Reads messages, and keeps those that come again under everything but their id. Shared as ``KnownTexts`` is.

    Of writes in GraphBinary that come with values of their own their shape is kept.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[bytes, ...], Request] = {}
        self.shapes = KnownShapes()
        self._newcomers = Newcomers()
        self._meanings: dict[int, tuple[Mapping[str, Any], Any]] = {}  # by identity of the arguments

    def read(self, codec: Codec, frame: bytes, start: int) -> Request:
        """The message that begins at ``start``; raises UnreadableRequest."""
        if len(frame) > MAX_LENGTH:
            return codec.read_request(frame, start)
        id, key = _binary_id(frame, start) if codec.binary else _text_id(frame)
        kept = self._kept.get(key)
        if kept is not None and id is not None:
            return kept._replace(id=id)
        if codec.binary and id is not None and may_write(frame):
            request = self.shapes.read(frame, start, id)
        else:
            request = codec.read_request(frame, start)
        if request.repeated:
            return request
        if id == request.id and self._newcomers.comes_again(key) and is_repeatable(request):
            request = request._replace(repeated=True)
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = request
        return request

    def meaning(self, request: Request, of: Callable[[Request], Meaning]) -> Meaning:
        """``of`` a message, asked once where its very arguments come again."""
        if not request.repeated:
            return of(request)
        args, found = self._meanings.get(id(request.args), (None, None))
        if args is not request.args:
            found = of(request)
            if len(self._meanings) >= KEPT:
                self._meanings.clear()
            self._meanings[id(request.args)] = request.args, found
        return cast(Meaning, found)

    def __len__(self) -> int:
        return len(self._kept)


class KnownShapes:
    """Shapes of writes. Shared as ``KnownTexts`` is: what is known is replaced as a whole."""

    def __init__(self) -> None:
        self._newcomers, self._refused = Newcomers(), Newcomers()
        self._kept: Mapping[bytes, tuple[Shape, ...]] = {}  # by the bytes before their first blank
        self._lengths: tuple[int, ...] = ()

    def read(self, frame: bytes, start: int, id: UUID) -> Request:
        """The message that begins at ``start`` and has this id; raises UnreadableRequest."""
        begin = start + HEAD
        for length in self._lengths:
            for shape in self._kept.get(frame[begin : begin + length], ()):
                values = shape.values(frame, start)
                if values is not None:
                    return shape.request._replace(id=id, values=values)
        request, spans = read_spans(frame, start)
        rest = between(frame, start, spans) if spans else None
        if rest is not None and self._newcomers.comes_again(rest) and not self._refused.came(rest):
            shape = shape_of(frame, start)
            if is_shape_of_writes(shape):
                self._keep(shape)
            else:
                self._refused.comes_again(rest)
        return request

    def _keep(self, shape: Shape) -> None:
        kept = {} if len(self) >= SHAPES else dict(self._kept)
        request = shape.request._replace(repeated=True)
        kept[shape.begin] = (*kept.get(shape.begin, ()), replace(shape, request=request))
        self._kept, self._lengths = kept, tuple(sorted({len(begin) for begin in kept}))

    def __len__(self) -> int:
        return sum(map(len, self._kept.values()))


def _binary_id(frame: bytes, start: int) -> tuple[UUID | None, tuple[bytes, ...]]:
    """The id of a message of GraphBinary, and everything else of it."""
    id = frame[start + ID.start : start + ID.stop]
    if len(id) < 16 or frame[start : start + ID.start] != VERSION:
        return None, ()
    return UUID(bytes=id), (frame[start + ID.stop :],)


def _text_id(frame: bytes) -> tuple[UUID | None, tuple[bytes, ...]]:
    """The id of a message of GraphSON, and what stands before and after it; none where it is written in another way."""
    found = TEXT_ID.search(frame)
    if found is None or frame.find(b'"requestId"', found.end()) >= 0:
        return None, ()
    begin, end = found.span(1)
    return UUID(frame[begin:end].decode("ascii")), (frame[:begin], frame[end:])


class KnownTraversals:
    """What there is to know of traversals that came as bytecode, by identity. Shared as ``KnownTexts`` is."""

    def __init__(self) -> None:
        self._kept: dict[int, KnownQuery] = {}

    def read(self, traversal: Traversal, *, repeated: bool) -> KnownQuery:
        """``repeated`` where this very object comes again."""
        kept = self._kept.get(id(traversal)) if repeated else None
        if kept is not None and kept.scripts[0].traversal is traversal:
            return kept
        known = known_query(Script(traversal, "g"), repeated=repeated)
        if repeated:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[id(traversal)] = known
        return known


def is_repeatable(request: Request) -> bool:
    """Whether a message means the same each time, and nobody can have changed its arguments."""
    gremlin = request.args.get("gremlin")
    if request.lambdas or request.processor == "session":
        return False
    if request.op == "eval":
        return isinstance(gremlin, str) and "bindings" not in request.args
    return isinstance(gremlin, Traversal) and is_constant(gremlin)


def is_shape_of_writes(shape: Shape) -> bool:
    """Whether messages of a shape are brief writes, whatever their values are.

    Of looks none is kept: one that comes to too much is left to workers from then on, and that holds of its ids alone.
    """
    if not is_repeatable(shape.request):
        return False
    traversal = shape.request.args["gremlin"]
    blanks = sum(1 for _ in blanks_of(traversal))
    return blanks == len(shape.parts) and is_note(traversal) and not predicts(traversal)
