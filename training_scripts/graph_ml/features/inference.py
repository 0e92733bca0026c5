"""The encoders of a finished job, applied to single vertices: no data frame, no fitting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..schemas import EdgeType
from .columns.column import BadValue, TextColumn
from .document import Encoders, FittedFeature, FittedType
from .encoding import Encode, FloatArray

Properties = Mapping[str, object]


class FeatureEncoder:
    """Encodes vertices and edges as the processing job did."""

    def __init__(self, encoders: Encoders, models: Path | None = None) -> None:
        self._encoders, self._models = encoders, models
        self._types: dict[str | EdgeType, FittedType] = {
            entry.edge_type or entry.node_type or "": entry for entry in encoders.types
        }

    @classmethod
    def load(cls, path: Path, models: Path | None = None) -> FeatureEncoder:
        """Read ``encoders.json``."""
        return cls(Encoders.load(path), models)

    def widths(self, kind: str | EdgeType) -> dict[str, int]:
        """The features of a node type, or of an edge type given by its triple, and how many numbers each has."""
        return {feature.name: feature.state.columns for feature in self._features(kind)}

    def encode(self, kind: str | EdgeType, properties: Sequence[Properties]) -> dict[str, FloatArray]:
        """Encode some vertices of one type.

        Args:
            kind: node type, or the triple of an edge type. An unknown one has no features.
            properties: by property name; a value may be text, number, boolean or a list of them. Missing numbers
                become what the imputer says, the middle of the range where there was no imputer.

        Returns:
            float32 (len(properties), d) by feature name.

        Raises:
            ValueError: a value cannot be encoded; the text names the property.
        """
        result: dict[str, FloatArray] = {}
        how = Encode(self._encoders.seed, self._models, strict=False)
        for feature in self._features(kind):
            separator = feature.state.separator or ";"
            column = TextColumn([as_text(each.get(feature.column), separator) for each in properties])
            try:
                result[feature.name] = feature.state.encode(column, how)
            except BadValue as error:
                raise ValueError(f"property '{feature.column}' of item {error.row}: {error}") from error
        return result

    def _features(self, kind: str | EdgeType) -> list[FittedFeature]:
        entry = self._types.get(kind)
        features = entry.features if entry is not None else []
        return [f for f in features if f.state.makes_numbers]


def as_text(value: object, separator: str = ";") -> str | None:
    """A property value as the export writes it into a cell; None for what would be an empty cell."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | set | frozenset):
        parts = [as_text(part, separator) for part in (sorted(value, key=str) if isinstance(value, set) else value)]
        return separator.join(part.replace(separator, "\\" + separator) for part in parts if part) or None
    isoformat = getattr(value, "isoformat", None)
    return str(isoformat()) if callable(isoformat) else str(value)
