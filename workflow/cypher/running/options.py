"""What a request says about how its query runs; whoever fills it in needs no engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workflow.queries.run import Flag

Ids = Literal["text", "integer"]


@dataclass(frozen=True)
class CypherOptions:
    """What a request says about how its query runs.

    Attributes:
        limit_asked: whether the client named the time limit, and not the service.
        began_at: when the time began, in ``time.monotonic()``.
        ids: what ``id()`` gives.
        default_label: of nodes that are created without one.
        measured: whether rows and time of each step are wanted.
        blocks: whether rows may come in blocks.
        user: who asks, where they had to say so.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float | None = None
    limit_asked: bool = True
    began_at: float | None = None
    cancelled: Flag | None = None
    read_only: bool = False
    ids: Ids = "text"
    default_label: str | None = None
    measured: bool = False
    blocks: bool = False
    user: str = ""
