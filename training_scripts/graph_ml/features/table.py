"""The table of encodings, assembled from the files that ``schemas.FEATURE_TYPES`` names."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path

from ..schemas import FEATURE_TYPES, FeatureSpec
from .columns.column import Column
from .encoding import Encode, EncoderState, Encoding, Fitted, FloatArray


@cache
def encoding_of(type_name: str) -> Encoding:
    """The encoding of a feature type.

    Raises:
        ImportError: its file is missing, or has no ``ENCODING``.
    """
    module = FEATURE_TYPES[type_name].module
    encoding = getattr(import_module(module if "." in module else f".{module}", __package__), "ENCODING", None)
    if not isinstance(encoding, Encoding):
        raise ImportError(f"the feature type {type_name!r} names {module}, which has no ENCODING")
    return encoding


def state_class(kind: str) -> type[EncoderState]:
    """The class of the states that are written under this kind.

    Raises:
        ValueError: there is none; the text lists those there are.
    """
    classes = {
        state.model_fields["kind"].default: state for name in FEATURE_TYPES for state in encoding_of(name).states
    }
    if kind not in classes:
        raise ValueError(f"{kind!r} is no kind of encoder state; known are {', '.join(sorted(classes))}")
    return classes[kind]


def fit_column(spec: FeatureSpec, column: Column, models: Path | None = None) -> Fitted:
    """Fit the encoding that ``spec`` asks for.

    Args:
        spec: one entry of the training configuration.
        column: all values of the property.
        models: folder of text models, for the text types.

    Raises:
        BadValue: a value cannot be encoded so, or is missing where the feature has no imputer.
    """
    fitted = encoding_of(spec.type).fit(spec, column, models)
    if fitted.state.makes_numbers and not fitted.warnings and len(column) and bool(column.missing().all()):
        return replace(fitted, warnings=(f"property '{spec.column}' has no value at all; its feature tells nothing",))
    return fitted


def encode_column(
    state: EncoderState, column: Column, seed: int = 0, models: Path | None = None, strict: bool = True
) -> FloatArray:
    """Apply a fitted encoding: float32, shape (n, ``state.columns``).

    Args:
        state: what ``fit_column`` gave.
        column: values, not necessarily those it was fitted to.
        seed: of the projections; the one of the fitting job.
        models: folder of text models.
        strict: refuse a missing number that the feature has no imputer for; otherwise the middle of the range.

    Raises:
        BadValue: see ``fit_column``.
        TextModelMissing: the feature was fitted with a text model that is not on this machine.
    """
    return state.encode(column, Encode(seed, models, strict))
