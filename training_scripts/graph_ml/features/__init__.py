"""From property values to numbers: fitted once, then applied to whole columns and to single vertices alike.

One encoding is one file with its ``ENCODING`` and one line in ``schemas.FEATURE_TYPES``.
"""

from __future__ import annotations

from .columns.column import BadValue, Column, TextColumn
from .document import Encoders, FittedFeature, FittedLabels, FittedType
from .encoding import Encode, EncoderState, Encoding, Fitted
from .inference import FeatureEncoder
from .table import encode_column, encoding_of, fit_column

__all__ = [
    "BadValue",
    "Column",
    "Encode",
    "EncoderState",
    "Encoders",
    "Encoding",
    "FeatureEncoder",
    "Fitted",
    "FittedFeature",
    "FittedLabels",
    "FittedType",
    "TextColumn",
    "encode_column",
    "encoding_of",
    "fit_column",
]
