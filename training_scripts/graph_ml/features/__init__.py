"""From property values to numbers: fitted once, then applied to whole columns and to single vertices alike."""

from __future__ import annotations

from .columns import BadValue, Column, TextColumn
from .encoders import encode_column, fit_column, width_of
from .inference import FeatureEncoder

__all__ = ["BadValue", "Column", "FeatureEncoder", "TextColumn", "encode_column", "fit_column", "width_of"]
