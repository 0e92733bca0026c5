"""All columns of an export through their encodings, one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..container import JobError, ProgressWriter
from ..features import (
    BadValue,
    Encoders,
    EncoderState,
    FittedFeature,
    FittedType,
    encode_column,
    fit_column,
)
from ..features.raw import RawState
from ..features.text_vectors.models import TextModelMissing
from ..schemas import EdgeType, FeatureSpec
from .frames import FrameColumn
from .reading import Edges, Export, Nodes
from .report import FeatureRow
from .steps import Made, kept, named
from .streaming import Answer, StreamedColumn, StreamedTexts
from .workspace import Workspace

FloatArray = NDArray[np.float32]

TOP_VALUES = 6


class EncodedFeatures:
    """Fits and applies all encodings, a column at a time, and keeps what the report will say of them.

    ``of_nodes`` and ``of_edges`` are float32 (n, d) by type and feature, ``raw_of_nodes`` and ``raw_of_edges`` texts of
    features of type ``none``; ``encodings`` says which encoding made a feature, ``fitted`` what was fitted.

    Encodings are fitted to what came before ``until``, where rows have a time: training knows no more.
    """

    def __init__(
        self,
        export: Export,
        seed: int,
        models: Path | None,
        previous: Encoders | None,
        room: Workspace,
        until: float = np.inf,
    ) -> None:
        self._until = until
        self._export, self._seed, self._models, self._room = export, seed, models, room
        self._previous = None if previous is None else {e.edge_type or e.node_type or "": e for e in previous.types}
        self.of_nodes: dict[str, dict[str, FloatArray]] = {}
        self.of_edges: dict[EdgeType, dict[str, FloatArray]] = {}
        self.raw_of_nodes: dict[str, dict[str, Sequence[str | None]]] = {}
        self.raw_of_edges: dict[EdgeType, dict[str, Sequence[str | None]]] = {}
        self.encodings: dict[tuple[str | EdgeType, str], str] = {}
        self.fitted: list[FittedType] = []
        self.rows: list[FeatureRow] = []
        self.warnings: list[str] = []

    def run(self, progress: ProgressWriter) -> None:
        """Fit and encode every feature. Raises JobError where a value cannot be what its feature says."""
        groups: list[Nodes | Edges] = [*self._export.nodes.values(), *self._export.edges.values()]
        total, done = sum(len(group.features) for group in groups), 0
        for group in groups:
            entry = _fitted_type(group)
            kind = group.kind if isinstance(group, Edges) else group.name
            if not group.rows:  # nothing is left of the type but what was fitted
                entry.features += (self._previous or {}).get(kind, entry).features
            known = self._known(group, kind)
            arrays: dict[str, FloatArray] = {}
            raw: dict[str, Sequence[str | None]] = {}
            for feature in entry.features:
                if isinstance(feature.state, RawState):
                    raw[feature.name] = [None] * group.count
                elif feature.state.columns:
                    arrays[feature.name] = np.zeros((group.count, feature.state.columns), dtype=np.float32)
            for spec in group.features:
                progress("features", done, total)
                done += 1
                made = kept(self._room, f"feature-{named(kind, spec.name)}", partial(self._made, group, spec, known))
                feature = FittedFeature.model_validate(made.said["fitted"])
                entry.features.append(feature)
                self.warnings.extend(made.said["warnings"])
                frequent = tuple((text, count) for text, count in made.said["frequent"])
                self.rows.append(FeatureRow(**made.said["row"], values=frequent))
                if isinstance(feature.state, RawState):
                    raw[spec.name] = StreamedTexts(group.column(spec.column))
                if "values" in made.arrays:
                    arrays[spec.name] = made.arrays["values"]
            self.encodings.update({(kind, f.name): f.state.kind for f in entry.features if f.name in arrays})
            self.fitted.append(entry)
            if isinstance(group, Edges):
                self.of_edges[group.kind], self.raw_of_edges[group.kind] = arrays, raw
            else:
                self.of_nodes[group.name], self.raw_of_nodes[group.name] = arrays, raw
        progress("features", total, total)

    def _made(self, group: Nodes | Edges, spec: FeatureSpec, known: Mapping[str, FittedFeature] | None) -> Made:
        """A feature as a step: its numbers, what was fitted, and what the report will say."""
        column = group.column(spec.column)
        present = column.filter(group.present) if len(group.gone) else column
        feature, warnings = self._fit(group, spec, column, known)
        arrays = {}
        if feature.state.makes_numbers:
            values = self._encode(group, spec, present, feature.state)
            if values.shape[1]:
                arrays["values"] = self._room.parked(values)
        frequent = sorted(feature.state.frequent(present).items(), key=lambda item: (-item[1], item[0]))[:TOP_VALUES]
        row = {
            "owner": group.name,
            "name": feature.name,
            "asked": feature.requested,
            "made": feature.state.summary + (f", since {feature.why}" if feature.why else ""),
            "width": arrays["values"].shape[1] if arrays else 0,
            "missing": int(np.count_nonzero(present.missing())),
            "total": len(present),
        }
        fitted = feature.model_dump(mode="json", by_alias=True)
        return Made(arrays, said={"fitted": fitted, "warnings": warnings, "row": row, "frequent": frequent})

    def _known(self, group: Nodes | Edges, kind: str | EdgeType) -> Mapping[str, FittedFeature] | None:
        """What an earlier job fitted for this type, where it had it; it must have been asked for the same features."""
        before = None if self._previous is None or not group.rows else self._previous.get(kind)
        if before is None:
            return None
        known = {feature.name: feature for feature in before.features}
        asked = {spec.name: spec.type for spec in group.features}
        if {name: feature.requested for name, feature in known.items()} != asked:
            raise JobError(
                f"the features of {group.name} are {_names(asked)}, in the previous data-processing job they were "
                f"{_names({name: feature.requested for name, feature in known.items()})}; incremental processing needs "
                "the same configuration, so run a full job without previousDataProcessingJobId"
            )
        return known

    def _fit(
        self,
        group: Nodes | Edges,
        spec: FeatureSpec,
        column: FrameColumn | StreamedColumn,
        known: Mapping[str, FittedFeature] | None,
    ) -> tuple[FittedFeature, list[str]]:
        """What was fitted to the rows that training may know, and what to warn of."""
        if known is not None:
            return known[spec.name], []
        rows = group.present
        if group.times is not None and (early := rows & (group.times < self._until)).any():
            rows = early
        try:
            fitted = fit_column(spec, column if rows.all() else column.filter(rows), self._models)
        except BadValue as error:
            row = int(np.flatnonzero(rows)[error.row])
            raise group.complain(spec.column, BadValue(row, error.text, error.problem)) from None
        feature = FittedFeature(
            column=spec.column, name=spec.name, requested=spec.type, state=fitted.state, why=fitted.why or None
        )
        return feature, [f"{group.name}: {text}" for text in fitted.warnings]

    def _encode(
        self, group: Nodes | Edges, spec: FeatureSpec, column: FrameColumn | StreamedColumn, state: EncoderState
    ) -> FloatArray:
        try:
            values = self._encoded(state, column)
        except BadValue as error:
            row = int(np.flatnonzero(group.present)[error.row])
            raise group.complain(spec.column, BadValue(row, error.text, error.problem)) from None
        except TextModelMissing as error:
            raise JobError(
                f"feature '{spec.name}' of {group.name} was made by a text model before, but {error}"
            ) from None
        if not len(group.gone):
            return values
        every = np.zeros((group.count, values.shape[1]), dtype=np.float32)
        every[group.present] = values
        return every

    def _encoded(self, state: EncoderState, column: FrameColumn | StreamedColumn) -> FloatArray:
        """The numbers of a column, float32 (n, d), a batch at a time where it is long."""
        if isinstance(column, FrameColumn):
            return encode_column(state, column, self._seed, self._models)
        values = self._room.array((len(column), state.columns), np.float32)
        for begin, (part,) in column.answers(_Encoded(state, self._seed, self._models)):
            values[begin : begin + len(part)] = part
        return values


@dataclass(frozen=True)
class _Encoded:
    """Answers with the numbers of some values, float32 (n, d)."""

    state: EncoderState
    seed: int
    models: Path | None

    def __call__(self, piece: FrameColumn) -> Answer:
        return (encode_column(self.state, piece, self.seed, self.models),)


def _fitted_type(group: Nodes | Edges) -> FittedType:
    if isinstance(group, Edges):
        return FittedType(edge_type=group.kind)
    return FittedType(node_type=group.name)


def _names(features: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in features.items()) or "none"
