"""What a client asks, once its bytes are read, and how reading and writing fail."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from workflow.errors import BadRequest, InternalFailure
from workflow.gremlin.traversal import Lambda


class UnreadableRequest(BadRequest):
    """Bytes that are no request in the format they claim to have."""

    code, status = "MalformedQueryException", 400


class UnwritableResult(InternalFailure):
    """A result that the asked format cannot carry."""


class Request(NamedTuple):
    """One message of the 3.x sub-protocol.

    ``args["gremlin"]`` is text for ``eval`` and a ``Traversal`` for ``bytecode``. ``lambdas`` are the pieces of code
    the client sent along; whoever executes refuses them. ``repeated`` says that these very arguments come again, and
    ``values`` are then what fills the blanks of their traversal this time.
    """

    id: UUID
    op: str = "eval"
    processor: str = ""
    args: Mapping[str, Any] = MappingProxyType({})
    lambdas: tuple[Lambda, ...] = ()
    repeated: bool = False
    values: tuple[Any, ...] = ()
