"""From a property, or from the links themselves, to what is learned: labels and splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..container import JobError
from ..distinct import among, distinct
from ..features import BadValue, Column, FittedLabels
from ..features.numerical import inner_range
from ..graph.data import Horizon, Labels, Mask, Split, Target
from ..schemas import EdgeType, LabelSpec, TaskType
from ..schemas.training_data import DEFAULT_SPLIT
from .engines import Engine
from .files import ExportFile, open_export
from .frames import FrameColumn
from .reading import Edges, Export, Nodes
from .split import Rates, random_split, rare_items, same_pair_groups
from .steps import Made, kept, named
from .times.horizons import dated_links, dated_vertices, one_day
from .times.moments import Cuts, time_split, told
from .workspace import Workspace

IntArray = NDArray[np.int64]
PARTS = ("train", "valid", "test")
MANY_CLASSES_SHARE = 0.5
#: arrays of a horizon
OF_HORIZON = ("dates", "nodes", "times")


@dataclass(frozen=True)
class Learned:
    """One target with its labels (none for link prediction), its split, its cuts in time, and what to warn of.

    A ``horizon`` is what it asks of the future, where it does. ``spec`` is its entry in the configuration.
    """

    target: Target
    labels: Labels | None
    split: Split
    separator: str | None = None
    warnings: tuple[str, ...] = ()
    cuts: Cuts | None = None
    horizon: Horizon | None = None
    spec: LabelSpec | None = None


def read_targets(
    export: Export,
    folder: Path,
    room: Workspace,
    seed: int,
    engine: Engine,
    previous: Sequence[FittedLabels] = (),
    rates: Rates = DEFAULT_SPLIT,
) -> list[Learned]:
    """All targets of the configuration; without any, link prediction on every edge type.

    Targets that name no split are divided by ``rates``.

    Raises:
        JobError: a label cannot be read, or a split leaves nothing to train on.
    """
    groups: list[Nodes | Edges] = [*export.nodes.values(), *export.edges.values()]
    asked = [(group, spec) for group in groups for spec in group.labels]
    if not asked:
        if not any(len(edges.ends) for edges in export.edges.values()):
            raise JobError(
                "the configuration names no target, so links are to be predicted, but the graph has no edges; "
                "name a target, or export the edges"
            )
        shown = ", ".join(map(str, rates))
        export.warnings.append(f"no target was named: links of all edge types are predicted, split {shown}")
        spec = LabelSpec(label=("", "link_prediction"))
        asked = [(edges, spec) for edges in export.edges.values() if len(edges.ends)]
    known = {_key(labels.task, labels.node_type or labels.edge_type, labels.property): labels for labels in previous}
    reader = _Reader(export, folder, room, seed, known, rates, engine)
    return [replace(reader.kept(group, spec), spec=spec) for group, spec in asked]


def _key(task: str, kind: object, name: str) -> tuple[str, object, str]:
    return task, kind, name


@dataclass(frozen=True)
class _Reader:
    export: Export
    folder: Path
    room: Workspace
    seed: int
    known: Mapping[tuple[str, object, str], FittedLabels]
    rates: Rates
    engine: Engine

    def kept(self, group: Nodes | Edges, spec: LabelSpec) -> Learned:
        """The same as ``read``, as a step of the job."""
        made = kept(self.room, f"target-{named(_kind(group), *spec.label)}", lambda: _step(self.read(group, spec)))
        said, arrays = made.said, made.arrays
        labels = None
        if said["labels"] is not None:
            labels = Labels(said["labels"]["kind"], arrays["labels"], tuple(said["labels"]["classes"]))
        cuts = None if said["cuts"] is None else (float(said["cuts"][0]), float(said["cuts"][1]))
        task: TaskType = "link_prediction" if spec.task == "link_prediction" else _task(group, spec)
        target = Target(task, _kind(group), "" if spec.task == "link_prediction" else spec.column)
        split = Split(*(arrays[part] for part in PARTS))
        horizon = None
        if said["horizon"] is not None:
            asked, days, day = said["horizon"]
            horizon = Horizon(asked, days, day, arrays["dates"], arrays.get("nodes"), arrays.get("times"))
        return Learned(target, labels, split, said["separator"], tuple(said["warnings"]), cuts, horizon)

    def read(self, group: Nodes | Edges, spec: LabelSpec) -> Learned:
        """What is learned of one label of a type."""
        if spec.task == "link_prediction":
            return self._links(group, spec)
        target = Target(_task(group, spec), _kind(group), spec.column)
        if spec.horizon is not None:
            return self._dated(group, target, spec)
        custom = self._custom_split(group, spec)
        column: Column = group.column(spec.column)
        if custom is not None and custom.values:
            column = FrameColumn(_overlaid(column, custom.values))
        try:
            labels = self._labels(target, spec, column)
        except BadValue as error:
            raise group.complain(spec.column, error) from None
        cuts = None
        if custom is not None:
            split = custom.split
            labels = _only(labels, np.concatenate([split.train, split.valid, split.test]))
            split = Split(*(part[labels.known[part]] for part in (split.train, split.valid, split.test)))
            if not len(split.train):
                raise JobError(f"the file {(spec.custom_split_filenames or {})['train']!r} leaves nothing to train on")
        else:
            items = self.room.parked(np.flatnonzero(labels.known))
            split, cuts = self._split(group, target, items, spec, rare_items(labels))
        warnings = (*_warnings(target, labels, group.count), *_empty_parts(target, split, cuts, group.day))
        if any(feature.column == spec.column for feature in group.features):
            warnings += (f"{target}: the property is a feature too, so the model can read the answer; take it out",)
        return Learned(target, labels, split, spec.separator, warnings, cuts)

    def _dated(self, group: Nodes | Edges, target: Target, spec: LabelSpec) -> Learned:
        """What vertices are asked of the future at several dates."""
        if spec.horizon is None or isinstance(group, Edges):
            raise JobError(f"{target}: a horizon asks about vertices, or about links with 'link_prediction'")
        if not spec.column:
            raise JobError(f"a 'horizon' of {group.name} needs a name, by which queries ask for what it predicts")
        horizon, labels, split, cuts = dated_vertices(group, spec.horizon, target, self.export, spec.split_dates)
        return Learned(target, labels, split, None, _warnings(target, labels, len(labels.values)), cuts, horizon)

    def _links(self, group: Nodes | Edges, spec: LabelSpec) -> Learned:
        if isinstance(group, Nodes):
            raise JobError(f"node type {group.name} has a link_prediction label; only edges can be predicted so")
        target = Target("link_prediction", group.kind)
        if not len(group.ends):
            raise JobError(f"the graph has no edge {group.name}, so its links cannot be learned; export some")
        custom = self._custom_split(group, spec)
        if custom is not None:
            if not len(custom.split.train):
                raise JobError(f"the file {(spec.custom_split_filenames or {})['train']!r} leaves no edge to train on")
            return Learned(target, None, custom.split)
        if spec.horizon is not None:
            pairs = self._pairs(group)
            dated = dated_links(group, spec.horizon, target, pairs, self.export, spec.split_dates)
            return Learned(target, None, dated[1], cuts=dated[2], horizon=dated[0])
        items = self.room.parked(np.arange(group.count, dtype=np.int64))
        split, cuts = self._split(group, target, items, spec)
        return Learned(target, None, split, None, _empty_parts(target, split, cuts, group.day), cuts)

    def _split(
        self, group: Nodes | Edges, target: Target, items: IntArray, spec: LabelSpec, rare: Mask | None = None
    ) -> tuple[Split, Cuts | None]:
        """By time where there is one, else at random; edges between the same two vertices stay together.

        At random, every part has its share of ``rare`` items, bool (all items,).
        """
        rates = spec.split_rate or self.rates
        groups = self._pairs(group) if isinstance(group, Edges) else None
        if group.times is not None:
            alone = np.arange(group.count) if groups is None else groups
            day = one_day(self.export, target)
            return time_split(target, items, group.times, alone, rates, spec.split_dates, day, group.reading)
        if spec.split_dates is not None:
            raise JobError(f"'split_dates' of {target} need the 'time' of {group.name}, which names none")
        if groups is not None and len(items) < len(groups):
            groups = self.room.parked(groups[items])
        few = None if rare is None else rare[items]
        return random_split(target, items, rates, self.seed, groups, self.room.parked, few), None

    def _pairs(self, group: Edges) -> IntArray:
        """Equal numbers for edges between the same two vertices, shape (edges,)."""
        return self.room.parked(same_pair_groups(group.kind, group.ends, self.export.nodes[group.kind.target].count))

    def _labels(self, target: Target, spec: LabelSpec, column: Column) -> Labels:
        if spec.task == "regression":
            return Labels("number", column.numbers().astype(np.float32))
        rows, parts = column.split(spec.separator) if spec.separator is not None else (None, column)
        classes = self._classes(target, sorted(parts.counts()))
        if not classes:
            raise JobError(f"there is nothing to learn {target} from: column '{spec.column}' has no value in any row")
        codes = parts.codes({text: code for code, text in enumerate(classes)}, unknown=-1)
        if rows is None:
            return Labels("class", codes, tuple(classes))
        values = np.full((len(column), len(classes)), -1.0, dtype=np.float32)
        values[np.unique(rows)] = 0.0
        values[rows, codes] = 1.0
        return Labels("classes", values, tuple(classes))

    def _classes(self, target: Target, found: list[str]) -> list[str]:
        before = self.known.get(_key(target.task, target.type, target.property_name))
        if before is None:
            return found
        return [*before.classes, *(text for text in found if text not in set(before.classes))]

    def _custom_split(self, group: Nodes | Edges, spec: LabelSpec) -> _Custom | None:
        if spec.custom_split_filenames is None:
            return None
        parts: dict[str, IntArray] = {part: np.empty(0, dtype=np.int64) for part in PARTS}
        values: dict[int, str | None] = {}
        for part, name in spec.custom_split_filenames.items():
            file = open_export(self.folder, name, ",", self.room, self.engine)
            rows, elements = self._listed(group, file)
            parts[part] = distinct(elements)
            if spec.column and spec.column in file.names:
                texts = file.column(spec.column).texts()
                values.update((int(element), texts[row]) for row, element in zip(rows, elements, strict=True))
        taken = np.concatenate(list(parts.values()))
        if len(distinct(taken)) < len(taken):
            raise JobError(f"the custom split files of {group.name} share rows; each may stand in one part only")
        return _Custom(Split(parts["train"], parts["valid"], parts["test"]), values)

    def _listed(self, group: Nodes | Edges, file: ExportFile) -> tuple[IntArray, IntArray]:
        """(row of the split file, element of the type) for everything that a split file lists."""
        if isinstance(group, Nodes):
            ids = file.frame("~id")["~id"]
            found = group.index(ids)
            if (found < 0).any():
                row = int(np.argmax(found < 0))
                raise file.problem(row, "~id", f"names {ids[row]!r}, which is no node of type {group.name}")
            return np.arange(file.rows), found
        ends = []
        for column, kind in (("~from", group.kind.source), ("~to", group.kind.target)):
            ids = file.frame(column)[column]
            found = self.export.nodes[kind].index(ids)
            if (found < 0).any():
                row = int(np.argmax(found < 0))
                raise file.problem(row, column, f"names {ids[row]!r}, which is no node of type {kind}")
            ends.append(found)
        if not file.rows:
            return ends[0], ends[1]
        width = max(1, self.export.nodes[group.kind.target].count)
        listed, pairs = ends[0] * width + ends[1], group.ends.source * width + group.ends.target
        order = np.argsort(listed, kind="stable")
        place = np.searchsorted(listed[order], pairs)
        hit = (place < len(listed)) & (listed[order][np.minimum(place, len(listed) - 1)] == pairs)
        elements = np.flatnonzero(hit)
        absent = ~among(listed, pairs)
        if absent.any():
            row = int(np.argmax(absent))
            raise file.problem(row, "~from", f"begins a pair that is no edge {group.name} of the graph")
        return order[place[hit]], elements


@dataclass(frozen=True)
class _Custom:
    split: Split
    values: dict[int, str | None]


def _step(learned: Learned) -> Made:
    labels, split = learned.labels, learned.split
    arrays = {part: getattr(split, part) for part in PARTS}
    horizon = learned.horizon
    of_horizon = {} if horizon is None else {name: getattr(horizon, name) for name in OF_HORIZON}
    arrays |= {name: values for name, values in of_horizon.items() if values is not None}
    return Made(
        arrays if labels is None else {**arrays, "labels": labels.values},
        said={
            "labels": None if labels is None else {"kind": labels.kind, "classes": labels.classes},
            "separator": learned.separator,
            "warnings": learned.warnings,
            "cuts": learned.cuts,
            "horizon": None if horizon is None else (horizon.asked, horizon.days, horizon.day),
        },
    )


def _task(group: Nodes | Edges, spec: LabelSpec) -> TaskType:
    if isinstance(group, Nodes):
        return "node_class" if spec.task == "classification" else "node_regression"
    return "edge_class" if spec.task == "classification" else "edge_regression"


def _kind(group: Nodes | Edges) -> str | EdgeType:
    return group.kind if isinstance(group, Edges) else group.name


def _overlaid(column: Column, values: Mapping[int, str | None]) -> nw.Series[pl.Series]:
    texts = list(column.texts())
    for element, text in values.items():
        if text is not None:
            texts[element] = text
    return nw.from_native(pl.Series(texts, dtype=pl.String), series_only=True)


def _only(labels: Labels, listed: IntArray) -> Labels:
    """Rows that are listed nowhere are unlabelled."""
    values = np.full_like(labels.values, np.nan if labels.kind == "number" else -1)
    values[listed] = labels.values[listed]
    return Labels(labels.kind, values, labels.classes)


def _empty_parts(target: Target, split: Split, cuts: Cuts | None, day: float) -> tuple[str, ...]:
    """What a split by time has left empty although there is a moment from which on it begins."""
    if cuts is None or (cuts[0] == cuts[1] and len(split.test)):  # without a share for validation the cuts are one
        return ()
    parts = (("validate", split.valid, cuts[0]), ("test", split.test, cuts[1]))
    empty = [f"to {word} from {told(cut, day)} on" for word, part, cut in parts if not len(part) and cut < np.inf]
    return (f"{target}: the split by time leaves nothing {' and '.join(empty)}",) if empty else ()


def equal_numbers(texts: Sequence[str]) -> tuple[str, str] | None:
    """Two texts that are the same number, such as 1 and 1.0, the first there are."""
    seen: dict[float, str] = {}
    for text in texts:
        try:
            number = float(text)
        except ValueError:
            continue
        if seen.setdefault(number, text) != text:
            return seen[number], text
    return None


def _warnings(target: Target, labels: Labels, total: int) -> tuple[str, ...]:
    found = []
    known = int(np.count_nonzero(labels.known))
    if known < total:
        found.append(f"{target}: {total - known} of {total} have no value; they are in no split")
    if labels.kind == "number" and known:
        values = np.asarray(labels.values)[labels.known].astype(np.float64)
        inner = inner_range(values)
        if np.ptp(values) == 0:
            found.append(f"{target}: every value is {values[0]:g}; there is nothing to tell apart")
        elif inner is not None:
            found.append(
                f"{target}: a few values lie far out, {values.min():g} to {values.max():g}, where nine tenths are "
                f"within {inner[0]:g} and {inner[1]:g}; what is learned and how it is judged is mostly those few"
            )
    if labels.kind == "class":
        if len(labels.classes) == 1:
            found.append(f"{target}: there is one class only ({labels.classes[0]!r}); there is nothing to tell apart")
        elif same := equal_numbers(labels.classes):
            found.append(f"{target}: classes {same[0]!r} and {same[1]!r} are one number; write it in one way")
        elif len(labels.classes) > max(MANY_CLASSES_SHARE * known, 2):
            found.append(f"{target}: {len(labels.classes)} classes for {known} values; is it a class at all?")
    return tuple(found)
