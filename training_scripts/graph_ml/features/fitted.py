"""What fitting a feature gives."""

from __future__ import annotations

from dataclasses import dataclass

from ..schemas.encoders import EncoderState


@dataclass(frozen=True)
class Fitted:
    """What became of a feature, and what the user should hear about it."""

    state: EncoderState
    warnings: tuple[str, ...] = ()
