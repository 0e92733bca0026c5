"""``training-data-configuration.json``: which files hold the graph, what is a feature, what is to be learned.

The form is that of v2.0; v1 differs in its default split. Written exactly as the exporter writes it; read in every form
the service's guide shows (the graph as an array, several spellings of an imputer, two names for one option).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from .base import Artefact
from .feature_types import feature_type

LabelTask = Literal["classification", "regression", "link_prediction"]
Norm = Literal["none", "min-max", "standard"]
Imputer = Literal["mean", "median", "most-frequent"]
HorizonQuestion = Literal["count", "exists", "absent", "first"]
HorizonEnd = Literal["source", "target"]
DatetimePart = Literal["hour", "weekday", "month", "year"]
NORMS: tuple[Norm, ...] = get_args(Norm)
IMPUTERS: tuple[Imputer, ...] = get_args(Imputer)
DATETIME_PARTS: tuple[DatetimePart, ...] = get_args(DatetimePart)
# option of a feature, and the other key that it is read from
OPTION_ALIASES = {"imputer": "imputation", "bucket_cnt": "num_buckets"}

#: times that are numbers and larger are milliseconds since 1970, and no seconds: those would be of the year 5138;
#: still larger ones are microseconds, and nanoseconds
MILLISECONDS = 1e11
SECONDS_A_DAY = 86_400.0

DEFAULT_SPLIT = (0.9, 0.1, 0.0)
FIRST_DEFAULT_SPLIT = (0.7, 0.1, 0.2)  # of the exporter's first version


def ticks_a_second(number: float) -> float:
    """How many of its units make a second, of a time since 1970 that is a number."""
    return next((ticks for ticks in (1e9, 1e6, 1e3) if abs(number) > MILLISECONDS * ticks / 1e3), 1.0)


def _imputer(value: object) -> object:
    return value.replace("_", "-").lower() if isinstance(value, str) else value


def _split(value: object) -> object:
    if value is None:
        return value
    numbers = list(value) if isinstance(value, list | tuple) else []
    numeric = all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers)
    # a tolerance, because 0.7 + 0.2 + 0.1 is not 1.0 in floating point and yet is what people write
    fractions = numeric and all(0 <= n <= 1 for n in numbers)  # NaN is none
    if len(numbers) != 3 or not fractions or abs(math.fsum(numbers) - 1.0) > 1e-9:
        raise ValueError(
            f"Error parsing 'split_rate' field. Expected an array with 3 double values that add up to 1.0, got {value}"
        )
    return tuple(float(n) for n in numbers)


Separator = Annotated[str, Field(min_length=1)]  # of several values in a cell
FileSeparator = Annotated[str, Field(min_length=1, max_length=1)]
SplitRate = Annotated[tuple[float, float, float], BeforeValidator(_split)]


class ConfigurationPart(Artefact):
    """A part of the document. Keys that are not fields are kept: options of other encodings, or what to warn of."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


class FeatureSpec(ConfigurationPart):
    """One entry of ``features``: column, name of the feature, its encoding, and the options of that encoding."""

    feature: tuple[str, str, str]
    separator: Separator | None = None
    range: tuple[float, float] | None = None
    bucket_cnt: int | None = Field(default=None, ge=1)
    slide_window_size: float | None = Field(default=None, ge=0)
    norm: Norm | None = None
    imputer: Annotated[Imputer | None, BeforeValidator(_imputer)] = None
    language: str | list[str] | None = None
    max_length: int | None = Field(default=None, ge=1)
    ngram_range: tuple[int, int] | None = None
    min_df: int | float | None = None
    max_features: int | None = Field(default=None, ge=1)
    datetime_parts: list[DatetimePart] | None = None

    @model_validator(mode="before")
    @classmethod
    def _second_spellings(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        fields = dict(data)
        for name, alias in OPTION_ALIASES.items():
            if alias in fields:
                fields.setdefault(name, fields.pop(alias))
        return fields

    @field_validator("feature")
    @classmethod
    def _known_type(cls, value: tuple[str, str, str]) -> tuple[str, str, str]:
        return value[0], value[1], feature_type(value[2])

    @model_validator(mode="after")
    def _complete(self) -> FeatureSpec:
        if self.type == "bucket_numerical":
            if self.range is None or self.bucket_cnt is None:
                raise ValueError(f"bucket_numerical feature '{self.name}' needs 'range' and 'bucket_cnt'")
            low, high = min(self.range), max(self.range)
            if low == high:
                raise ValueError(f"bucket_numerical feature '{self.name}': the two ends of 'range' are equal")
            self.range = (low, high)
        return self

    @property
    def column(self) -> str:
        """The CSV column."""
        return self.feature[0]

    @property
    def name(self) -> str:
        """What the encoded feature is called."""
        return self.feature[1]

    @property
    def type(self) -> str:
        """One of ``FEATURE_TYPES``."""
        return self.feature[2]


class HorizonSpec(ConfigurationPart):
    """What is asked of the future: edges that come within ``days`` of a date; ours.

    Of a vertex ``edge`` names the type of the edges and ``asks`` what is told of them: how many there are (``count``),
    whether there is one (``exists``) or none (``absent``), or the days until the ``first``. ``end`` says at which end
    of the edges the vertex stands, where both have its type. Training asks at a date every ``every`` days (as many as
    ``days`` where it does not say), at most ``dates`` of them, the newest. Of links there is ``days`` alone.
    """

    days: float = Field(gt=0)
    edge: tuple[str, str, str] | None = None
    asks: HorizonQuestion | None = None
    end: HorizonEnd | None = None
    every: float | None = Field(default=None, gt=0)
    dates: int | None = Field(default=None, ge=1)


class HistorySpec(ConfigurationPart):
    """What vertices have been through before an item's time is told beside their features; ours.

    ``windows`` are lengths in days in which their edges are counted. Where a property of edges is learned, the labels
    of earlier ones are told, as soon as ``known_after`` days have passed; not where ``labels`` is false.
    """

    windows: list[Annotated[float, Field(gt=0)]]
    labels: bool | None = None
    known_after: float | None = Field(default=None, ge=0)


class LabelSpec(ConfigurationPart):
    """One entry of ``labels``: column and task, how to split, and the separator of multi-label cells.

    ``split_dates`` are the ends of training and of validation where the type has a time; with a ``horizon`` the dates
    that validation and test ask at. A ``horizon`` has a ``history`` where nothing else is said; false is none.
    """

    label: tuple[str, LabelTask]
    split_rate: SplitRate | None = None
    split_dates: tuple[str, str] | None = None
    horizon: HorizonSpec | None = None
    history: HistorySpec | Literal[False] | None = None
    separator: Separator | None = None
    custom_split_filenames: dict[Literal["train", "valid", "test"], str] | None = None

    @field_validator("custom_split_filenames", mode="before")
    @classmethod
    def _validation_is_valid(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {("valid" if key == "validation" else key): name for key, name in value.items()}

    @model_validator(mode="after")
    def _one_way_to_split(self) -> LabelSpec:
        ways = ("split_rate", "split_dates", "custom_split_filenames")
        if len(given := [repr(name) for name in ways if getattr(self, name) is not None]) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other")
        if self.custom_split_filenames is not None and "train" not in self.custom_split_filenames:
            raise ValueError("'custom_split_filenames' names no 'train' file")
        return self

    @model_validator(mode="after")
    def _history_fits_the_task(self) -> LabelSpec:
        if self.history and self.task == "link_prediction":
            raise ValueError("'history' belongs to classification and regression; links are told by those around them")
        if self.history and self.history.labels is False and self.history.known_after is not None:
            raise ValueError("'known_after' says when labels of earlier edges are told, which 'labels' false excludes")
        if self.history and self.custom_split_filenames is not None:
            raise ValueError("'history' needs a split by time, and 'custom_split_filenames' exclude that")
        return self

    @model_validator(mode="after")
    def _horizon_fits_the_task(self) -> LabelSpec:
        if self.horizon is None:
            return self
        given = {name for name in HorizonSpec.model_fields if getattr(self.horizon, name) is not None}
        if beside := [name for name in ("split_rate", "custom_split_filenames") if getattr(self, name) is not None]:
            raise ValueError(
                f"'horizon' and '{beside[0]}' exclude each other: a horizon is split by dates, of which 'split_dates' "
                "names those of validation and test"
            )
        if self.task == "link_prediction":
            if more := sorted(given - {"days"}):
                raise ValueError(f"the 'horizon' of links is told by 'days' alone, without {', '.join(more)}")
            return self
        if missing := [name for name in ("edge", "asks") if name not in given]:
            raise ValueError(f"the 'horizon' of '{self.column}' needs '{missing[0]}'")
        wanted = "classification" if self.horizon.asks in ("exists", "absent") else "regression"
        if self.task != wanted:
            raise ValueError(f"a 'horizon' that asks '{self.horizon.asks}' is a {wanted}, not a {self.task}")
        return self

    @property
    def column(self) -> str:
        """The property that holds the label; empty for link prediction."""
        return self.label[0]

    @property
    def task(self) -> LabelTask:
        """What is to be learned."""
        return self.label[1]


class NodeFile(ConfigurationPart):
    """One entry of ``graph.nodes``: a file of nodes of one type.

    ``time`` names the column that says when a node came to be: targets of its type are then split by time.
    """

    file_name: str
    separator: FileSeparator = ","
    node: tuple[str, str]
    time: str | None = None
    features: list[FeatureSpec] = Field(default_factory=list)
    labels: list[LabelSpec] | None = None


class EdgeFile(ConfigurationPart):
    """One entry of ``graph.edges``: a file of edges of one type, or of several when the relation names a column.

    ``time`` names the column that says when an edge came to be: targets of its type are then split by time.
    """

    file_name: str
    separator: FileSeparator = ","
    source: tuple[str, str]
    relation: tuple[str, str]
    dest: tuple[str, str]
    time: str | None = None
    features: list[FeatureSpec] | None = None
    labels: list[LabelSpec] | None = None


class GraphFiles(ConfigurationPart):
    """Everything the configuration says about files."""

    nodes: list[NodeFile] = Field(default_factory=list)
    edges: list[EdgeFile] = Field(default_factory=list)
    rdfs: list[dict[str, Any]] | None = None


class TrainingDataConfiguration(ConfigurationPart):
    """The whole document."""

    version: str = "v2.0"
    query_engine: Literal["gremlin", "sparql"] = "gremlin"
    graph: GraphFiles = Field(default_factory=GraphFiles)
    warnings: list[str] = Field(default_factory=list)

    @property
    def default_split(self) -> tuple[float, float, float]:
        """The shares of train, validation and test where a label names none."""
        return FIRST_DEFAULT_SPLIT if self.version.startswith("v1") else DEFAULT_SPLIT

    @model_validator(mode="before")
    @classmethod
    def _either_shape_of_graph(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        fields = dict(data)
        graph = fields.get("graph")
        parts = [part for part in (graph if isinstance(graph, list) else [graph]) if isinstance(part, Mapping)]
        merged: dict[str, Any] = {}
        warnings = list(fields.get("warnings") or [])
        for part in parts:
            for key in ("nodes", "edges", "rdfs"):
                if part.get(key) is not None:
                    merged.setdefault(key, []).extend(part[key])
            warnings.extend(part.get("warnings") or [])
            others = {key: value for key, value in part.items() if key not in (*merged, "warnings")}
            merged.update({key: value for key, value in others.items() if value is not None})
        fields["graph"] = merged
        fields["warnings"] = [text if isinstance(text, str) else str(text) for text in warnings]
        return fields
