"""The feature types that a configuration may name: one table for the exporter, the reader and the encoders.

A new encoder is one more file in ``graph_ml/features`` and one more line here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FeatureType:
    """What may be said of a feature of one type.

    Attributes:
        module: the file in ``graph_ml/features`` that has the encoding, or the full name of a module elsewhere.
        options: the keys beside ``feature`` that change what the encoding makes.
        several: a cell may hold several values.
        listed_last: the exporter writes it after the features that follow the schema's order, with a separator where
            the property has several values.
        aliases: other names that are read.
    """

    module: str
    options: tuple[str, ...] = ()
    several: bool = False
    listed_last: bool = False
    aliases: tuple[str, ...] = ()


# in the order in which the exporter lists them when it refuses a type
FEATURE_TYPES: dict[str, FeatureType] = {
    "bucket_numerical": FeatureType("buckets", ("range", "bucket_cnt", "slide_window_size", "imputer")),
    "text_word2vec": FeatureType("text", ("language",), aliases=("word2vec",)),
    "text_fasttext": FeatureType("text", ("language", "max_length")),
    "text_sbert": FeatureType("text"),
    "text_sbert128": FeatureType("text"),
    "text_sbert512": FeatureType("text"),
    "category": FeatureType("category", ("separator",), several=True, listed_last=True),
    "numerical": FeatureType("numerical", ("separator", "norm", "imputer"), several=True, listed_last=True),
    "text_tfidf": FeatureType("tfidf", ("ngram_range", "min_df", "max_features")),
    "datetime": FeatureType("dates", ("datetime_parts", "imputer")),
    "auto": FeatureType("auto", ("separator", "norm", "imputer"), several=True, listed_last=True),
    "none": FeatureType("raw", several=True),
}


def feature_type(name: object) -> str:
    """The name in ``FEATURE_TYPES`` that a configuration means.

    Raises:
        ValueError: it means none; the text is the exporter's.
    """
    for known, facts in FEATURE_TYPES.items():
        if name == known or name in facts.aliases:
            return known
    supported = ", ".join(f"'{known}'" for known in FEATURE_TYPES)
    raise ValueError(f"Illegal feature type: '{name}'. Supported values are: {supported}.")
