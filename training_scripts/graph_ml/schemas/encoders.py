"""``encoders.json``: everything that was fitted, so that later values are encoded as the first ones were."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Artefact
from .tasks import TaskType
from .training_data import DatetimePart


class NumericalState(Artefact):
    """(v - low) / (high - low), v / total or v, after missing values became ``fill``.

    With a separator a cell holds several numbers and the feature has ``width`` positions.
    """

    kind: Literal["numerical"] = "numerical"
    norm: Literal["none", "min-max", "standard"]
    low: float
    high: float
    total: float
    fill: float | None = None
    separator: str | None = None
    width: int = 1


class CategoryState(Artefact):
    """A position for each category in the order of the list, one more for all others where ``other`` is set."""

    kind: Literal["category"] = "category"
    categories: list[str]
    other: bool
    separator: str | None = None


class BucketState(Artefact):
    """Equal buckets over [low, high]."""

    kind: Literal["bucket_numerical"] = "bucket_numerical"
    low: float
    high: float
    count: int
    window: float = 0.0
    fill: float | None = None


class DatetimeState(Artefact):
    """Parts of a date in the order of the list; ``fill`` is what a missing date counts as."""

    kind: Literal["datetime"] = "datetime"
    parts: list[DatetimePart]
    first_year: int
    last_year: int
    fill: str | None = None


class TfidfState(Artefact):
    """Term counts divided by the number of documents with the term, projected where there are more than ``dims``."""

    kind: Literal["text_tfidf"] = "text_tfidf"
    ngram_range: tuple[int, int]
    documents_with: dict[str, int]
    dims: int


class HashedTextState(Artefact):
    """The stand-in for a text model: hashed character n-grams, weighted by rarity, projected to ``dims``."""

    kind: Literal["hashed_text"] = "hashed_text"
    requested: str
    reason: str
    buckets: int
    documents: int
    documents_with: dict[int, int]
    dims: int
    max_tokens: int | None = None


class TextModelState(Artefact):
    """Vectors of a text model that was installed when the feature was fitted."""

    kind: Literal["text_model"] = "text_model"
    requested: str
    library: Literal["fasttext", "sentence-transformers", "spacy"]
    model: str
    dims: int
    max_tokens: int | None = None


class RawState(Artefact):
    """Values are kept as they are."""

    kind: Literal["none"] = "none"


class DroppedState(Artefact):
    """Nothing is made of the property, for this reason."""

    kind: Literal["dropped"] = "dropped"
    reason: str


EncoderState = Annotated[
    NumericalState
    | CategoryState
    | BucketState
    | DatetimeState
    | TfidfState
    | HashedTextState
    | TextModelState
    | RawState
    | DroppedState,
    Field(discriminator="kind"),
]


class FittedFeature(Artefact):
    """One feature of a type: where its values come from, what was asked for and what was fitted."""

    column: str
    name: str
    requested: str
    state: EncoderState


class FittedType(Artefact):
    """All features of one node type, or of one edge type named by its triple."""

    node_type: str | None = None
    edge_type: tuple[str, str, str] | None = None
    features: list[FittedFeature] = Field(default_factory=list)


class FittedLabels(Artefact):
    """The classes of one target, in the order of their indices."""

    task: TaskType
    node_type: str | None = None
    edge_type: tuple[str, str, str] | None = None
    property: str
    separator: str | None = None
    classes: list[str]


class Encoders(Artefact):
    """The whole document. ``seed`` makes the projections."""

    format: Literal["despina-encoders-1"] = "despina-encoders-1"
    seed: int
    types: list[FittedType] = Field(default_factory=list)
    labels: list[FittedLabels] = Field(default_factory=list)
