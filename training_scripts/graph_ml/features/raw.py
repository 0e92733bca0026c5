"""Properties of which no numbers are made: kept as text, or left out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ..schemas import FeatureSpec
from .columns.column import Column
from .encoding import Encoding, Fitted, NoNumbers


class RawState(NoNumbers):
    """Values are kept as they are, for custom models."""

    kind: Literal["none"] = "none"

    @property
    def summary(self) -> str:
        return "kept raw"


def _fit(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    return Fitted(RawState())


ENCODING = Encoding(_fit, (RawState,), lambda spec, cells: 1)
